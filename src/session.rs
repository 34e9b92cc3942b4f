//! The public face: text in, a callable loss out.
//!
//! [`Compiler`] checks a text, [`Program`] finds its losses, [`LossBuilder`] fixes what is fixed when
//! compiling, [`Loss`] is called at every step. A loss is `Send + Sync` and cheap to clone.

mod build;
mod call;
mod error;
mod params;
mod program;

pub use build::{Engine, LossBuilder, Stage};
pub use call::{Evaluation, Gradient, Loss, Term, Value};
pub use error::Error;
pub use params::{Params, State};
pub use program::{CarriedInfo, Compiler, HyperparameterInfo, InputInfo, LossInfo, Program};
