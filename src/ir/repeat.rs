//! Loops in the graph, without a graph of their own.
//!
//! A loop is a number of turns and some variables. [`Op::Carried`] is the value of a variable at the start of a
//! turn, a leaf; [`Op::Repeat`] has the start of every variable and what every variable becomes as its
//! operands, and is the value of one variable after the last turn, or all its values at the starts of the
//! turns along a further axis (its trace). All `Repeat` nodes of one [`LoopId`] have the same operands and are one
//! loop. The body of a loop is what depends on its carried values: so what does not vary is outside of it by
//! itself, and everything that maps graphs maps bodies too.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::graph::{AxisId, Graph, NodeId, Op, Type};

/// A loop of one [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LoopId(pub u32);

/// The value of a variable at the start of a turn. Outside of the loop it means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Carried {
    /// Of which loop.
    pub of: LoopId,
    /// Which variable.
    pub variable: u32,
    /// Its type; start and result may lack axes of it and are repeated along them.
    pub ty: Type,
}

/// What came of a variable. The operands are the starts of all variables, then their results.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repeat {
    /// Which loop.
    pub of: LoopId,
    /// How many turns it takes.
    pub turns: u64,
    /// How many variables it has.
    pub variables: u32,
    /// Which of them this is.
    pub variable: u32,
    /// Its type.
    pub ty: Type,
    /// Not its last value, but its values at the starts of the turns, along this axis.
    pub trace: Option<AxisId>,
}

/// Loops in the order of their numbers.
pub type Loops = SmallVec<[LoopId; 2]>;

/// By `NodeId`: the loops on whose turn a node depends.
pub fn open_loops(graph: &Graph) -> Vec<Loops> {
    open_loops_from(graph, NodeId(0))
}

/// The same of the nodes from `first` on, as far as they depend on carried values from `first` on.
pub fn open_loops_from(graph: &Graph, first: NodeId) -> Vec<Loops> {
    let mut open: Vec<Loops> = Vec::with_capacity(graph.len() - first.0 as usize);
    for id in graph.ids().skip(first.0 as usize) {
        let node = graph.node(id);
        let mut own = Loops::new();
        for operand in node.operands.iter().filter(|operand| **operand >= first) {
            own.extend(open[(operand.0 - first.0) as usize].iter().copied());
        }
        match &node.op {
            Op::Carried(carried) => own.push(carried.of),
            Op::Repeat(repeat) => own.retain(|other| *other != repeat.of),
            _ => {}
        }
        own.sort();
        own.dedup();
        open.push(own);
    }
    open
}

/// What is computed in every turn of the loop of a `Repeat` node, operands before users, with what it needs from
/// outside. Inner loops that vary are in it, with their bodies.
#[derive(Clone, Debug)]
pub struct Body {
    /// The nodes of the body, the carried values too.
    pub nodes: Vec<NodeId>,
    /// The nodes outside of it that are operands of those.
    pub captured: Vec<NodeId>,
}

/// The body of the loop of a `Repeat` node. `open` is that of [`open_loops`].
pub fn body_of(graph: &Graph, open: &[Loops], repeat: NodeId) -> Body {
    let around = &open[repeat.0 as usize];
    let is_inside = |id: &NodeId| open[id.0 as usize].iter().any(|own| !around.contains(own));
    let operands = &graph.node(repeat).operands;
    let results = &operands[operands.len() / 2..];
    let (mut nodes, mut captured) = (Vec::new(), Vec::new());
    let mut seen = rustc_hash::FxHashSet::default();
    let mut todo: Vec<NodeId> = results.to_vec();
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        if is_inside(&id) {
            nodes.push(id);
            todo.extend(graph.node(id).operands.iter().copied());
        } else {
            captured.push(id);
        }
    }
    nodes.sort();
    captured.sort();
    Body { nodes, captured }
}

/// The first `Repeat` node of every loop: all of its operands are before it, all of its users after it.
pub fn first_repeats(graph: &Graph) -> FxHashMap<LoopId, NodeId> {
    let mut first = FxHashMap::default();
    for id in graph.ids() {
        if let Op::Repeat(repeat) = &graph.node(id).op {
            first.entry(repeat.of).or_insert(id);
        }
    }
    first
}

/// The nodes of a body once more, with what is known in the place of the carried values; inner loops get new numbers.
pub fn copy_body(graph: &mut Graph, nodes: &[NodeId], known: &mut FxHashMap<NodeId, NodeId>) {
    let mut loops: FxHashMap<LoopId, LoopId> = FxHashMap::default();
    for &id in nodes {
        if known.contains_key(&id) {
            continue;
        }
        let node = graph.node(id).clone();
        let mut inner = |of: LoopId| *loops.entry(of).or_insert_with(|| graph.new_loop());
        let op = match node.op {
            Op::Carried(carried) => Op::Carried(Carried { of: inner(carried.of), ..carried }),
            Op::Repeat(repeat) => Op::Repeat(Repeat { of: inner(repeat.of), ..repeat }),
            op => op,
        };
        let operands: Vec<NodeId> =
            node.operands.iter().map(|operand| known.get(operand).copied().unwrap_or(*operand)).collect();
        let copy = graph.add(op, &operands);
        known.insert(id, copy);
    }
}
