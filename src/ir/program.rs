//! A graph with its border: what goes in, what comes out, what must hold of the data.

use super::extent::ExtentFormula;
use super::graph::{AxisId, Graph, NodeId};
use crate::op::Element;

/// A tensor that the caller gives.
#[derive(Clone, Debug, PartialEq)]
pub struct InputData {
    /// Its name.
    pub name: String,
    /// Its node.
    pub node: NodeId,
    /// Its element type: real or int.
    pub element: Element,
    /// Its axes in memory order; at most one of them is a pack.
    pub axes: Vec<AxisId>,
    /// For labels: what their values may be.
    pub labels: Option<LabelRange>,
    /// The declared kind in words, such as `prob` or `index(C)`, for messages and data checks.
    pub kind: String,
}

/// The values that labels may have: from 0 below the extent of an axis, or the ignored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelRange {
    /// The axis that they index.
    pub axis: AxisId,
    /// The value that marks an element to leave out.
    pub ignored: Option<i64>,
}

/// A real hyperparameter, learnable or state.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterData {
    /// Its name.
    pub name: String,
    /// Its value where the caller gives none.
    pub default: f64,
}

/// What an output is to the caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OutputRole {
    /// The loss.
    Value,
    /// The value of a named term of a compound loss.
    Term(String),
    /// The factor in front of that term.
    Weight(String),
    /// The gradient with respect to an input, with that input's axes in memory order, or to a parameter.
    Gradient(String),
    /// The new value of the state that the parameter of this name is.
    State(String),
}

/// A node that the caller gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// What it is.
    pub role: OutputRole,
    /// Its node.
    pub node: NodeId,
    /// Its axes in memory order: the node's, perhaps in another order, perhaps with further axes along which
    /// the node is constant (it is repeated along them).
    pub axes: Vec<AxisId>,
}

/// An axis over which something is undefined if it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonEmpty {
    /// The axes whose extents must not be 0.
    pub axes: Vec<AxisId>,
    /// What needs them, such as `argmax[C]`.
    pub reason: String,
}

/// The extent of an axis that a hyperparameter gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenExtent {
    /// The axis. Where inputs have it, their extent must be this one.
    pub axis: AxisId,
    /// Its extent.
    pub extent: ExtentFormula,
    /// The hyperparameter.
    pub parameter: String,
}

/// A whole program over one graph.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// All nodes, also unused ones.
    pub graph: Graph,
    /// By `InputId`.
    pub inputs: Vec<InputData>,
    /// By `ParameterId`.
    pub parameters: Vec<ParameterData>,
    /// What the caller gets.
    pub outputs: Vec<Output>,
    /// What must hold of the extents.
    pub non_empty: Vec<NonEmpty>,
    /// Extents that hyperparameters give.
    pub given: Vec<GivenExtent>,
}
