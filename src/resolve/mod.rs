//! Modules and names: which definition a word means.
//!
//! Source texts in, [`World`] out: every module that is reachable by `use` lines, parsed once, with its
//! functions, constants and labelled axes listed. The standard library is in every scope, and parsed item by item as
//! it is needed. Types are `check`'s work; files are the loader's.

mod error;
mod library;
pub mod loader;
mod world;

pub use error::NameError;
pub use library::Library;
pub use loader::SourceLoader;
pub use world::{FunctionItem, Module, ModuleId, World};
