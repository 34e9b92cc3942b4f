//! The public face: text in, a callable loss out.
//!
//! [`Compiler`] checks a text, [`Program`] finds its losses, [`LossBuilder`] fixes what is fixed when
//! compiling, [`Loss`] is called at every step. A loss is `Send + Sync` and cheap to clone.

mod build;
mod call;
mod error;
mod params;
mod program;
mod result;
mod workspace;

pub use build::{Engine, LossBuilder, Stage};
pub use call::Loss;
pub use error::Error;
pub use params::{Params, State};
pub use program::{CarriedInfo, Compiler, HyperparameterInfo, InputInfo, LossInfo, Program};
pub use result::{Evaluation, Gradient, Term, Value};
pub use workspace::Workspace;
