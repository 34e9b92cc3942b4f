//! Graphs built by hand through scheduling and code generation, against a slow evaluator.

mod bits;
mod build;
mod contract;
mod judge;
mod losses;
mod order;
mod random;
mod shapes;
mod together;
mod turns;
