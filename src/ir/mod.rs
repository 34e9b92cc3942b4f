//! The graph: hash-consed, typed tensor nodes over named axes.
//!
//! Data, its text form, its checks and walks over it. `lower` builds it, `ad` and `rewrite` map graphs
//! to graphs, `eval` runs it slowly, `fuse` turns it into loops.

mod extent;
mod formula;
mod graph;
mod infer;
mod parse;
mod print;
mod program;
mod repeat;
mod verify;
mod walk;

pub use extent::{Extent, ExtentFormula};
pub use formula::Formula;
pub use graph::{
    Axes, AxisData, AxisId, Constant, Graph, InputId, Node, NodeId, Op, ParameterId, Type, union, without,
};
pub use parse::{ParseError, parse};
pub use print::{describe, print};
pub use program::{GivenExtent, InputData, LabelRange, NonEmpty, Output, OutputRole, ParameterData, Program};
pub use repeat::{
    Body, Carried, LoopId, Loops, Repeat, body_of, copy_body, first_repeats, open_loops, open_loops_from,
};
pub use verify::verify;
pub use walk::{border, live_nodes, map_program, renumber, use_counts, with_axes_of, with_fixed_parameters};
