//! The public face: text in, a callable loss out.
//!
//! [`Compiler`] checks a text, [`Program`] finds its losses, [`LossBuilder`] fixes what is fixed when
//! compiling, [`Loss`] is called at every step. A loss is `Send + Sync` and cheap to clone.

mod build;
mod call;
mod conditions;
mod error;
mod idle;
mod interpret;
mod notebook;
mod params;
mod program;
mod result;
mod shape;
mod workspace;

pub use crate::check::{BUILTINS, TensorType, float_kinds};
pub use crate::jit::Vectors;
pub use crate::syntax::{is_definition, wants_more};
pub use build::{Engine, LossBuilder, Stage};
pub use call::Loss;
pub use error::{Error, UnmetCondition};
pub use notebook::{Checked, Definition, Notebook, UsedTensor};
pub use params::{Params, State};
pub use program::{CarriedInfo, Compiler, HyperparameterInfo, InputInfo, LossInfo, Program};
pub use result::{Evaluation, Gradient, Term, Value};
pub use workspace::Workspace;
