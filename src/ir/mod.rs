//! The graph: hash-consed, typed tensor nodes over named axes.
//!
//! Data and its text form only. `lower` builds it, `ad` and `rewrite` map graphs to graphs, `eval`
//! runs it slowly, `fuse` turns it into loops.

mod graph;
mod program;

pub use graph::{Axes, AxisData, AxisId, Constant, Extent, Graph, InputId, Node, NodeId, Op, ParameterId, Type};
pub use program::{InputData, LabelRange, NonEmpty, Output, OutputRole, ParameterData, Program};
