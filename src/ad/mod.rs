//! Reverse-mode differentiation, graph to graph.
//!
//! [`rules`] is the table of derivative formulas of elementwise operations, [`structural`] has one
//! function for each of the others, [`repeat`] the loop that undoes a loop, [`mask`] says where an adjoint counts, and [`reverse`] is the sweep: the
//! only code that accumulates, and that sums over the axes that an operand lacks. The gradient is made
//! of ordinary nodes, so it can be differentiated again. It is clumsy: cleaning up is `rewrite`'s work.

mod mask;
mod repeat;
mod reverse;
mod rules;
mod structural;

pub use mask::without_guards;
pub use reverse::gradient;
pub use rules::{binary_formula, unary_formula};
