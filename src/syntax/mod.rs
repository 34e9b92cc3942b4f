//! Source text to syntax tree: the grammar's only user.

pub mod ast;
