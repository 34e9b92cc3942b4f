//! Source text to syntax tree: the grammar's only user.
//!
//! `limits` bounds the text, `grammar` parses it, `build` makes the tree; `mistakes` explains what
//! went wrong as facts (`error`), and `report` turns these into diagnostics. `index` finds the items of a text
//! without parsing them.

pub mod ast;
mod build;
mod error;
mod grammar;
mod index;
mod limits;
mod mistakes;
mod outline;
mod parse;
mod report;
mod token;

pub use error::SyntaxError;
pub use index::{Head, index, parse_item};
pub use limits::{MAX_EXPRESSION_DEPTH, MAX_NESTING, MAX_SOURCE_BYTES};
pub use outline::{outline, outline_expression};
pub use parse::{is_definition, parse, parse_expression, wants_more};
