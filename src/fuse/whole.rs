//! Operations on whole tensors: which there are, and in which level of the program they run.
//!
//! A whole operation reads its operands from memory and fills a buffer, so the plan is cut there: level
//! 0 is everything that needs no such result, level n + 1 what needs one of level n. Within a level all loops are
//! fused; then its whole operations follow.

use rustc_hash::FxHashMap;

use crate::ir::{AxisId, Graph, Node, NodeId, Op, Program, live_nodes};
use crate::kernel::{Buffer, BufferId, BufferKind, Plan, WholeOp};

/// The whole operation that a node is, if it is one.
pub(super) fn whole_op(node: &Node) -> Option<WholeOp> {
    match &node.op {
        Op::Contract(axes) => Some(WholeOp::Contract(axes.to_vec())),
        _ => None,
    }
}

/// The levels of a program.
pub(super) struct Levels {
    /// By `NodeId`, for live nodes: in which level it can be computed.
    levels: Vec<usize>,
    /// Live nodes that are whole operations, operands before users, with the buffers that they fill.
    pub whole: Vec<(NodeId, BufferId)>,
    results: FxHashMap<NodeId, (BufferId, Vec<AxisId>)>,
}

impl Levels {
    /// Finds the whole operations and gives each its buffer.
    pub fn new(program: &Program, plan: &mut Plan) -> Levels {
        let graph = &program.graph;
        let roots: Vec<NodeId> = program.outputs.iter().map(|output| output.node).collect();
        let mut levels = Levels { levels: vec![0; graph.len()], whole: Vec::new(), results: FxHashMap::default() };
        for id in live_nodes(graph, &roots) {
            let node = graph.node(id);
            let level = node.operands.iter().map(|&operand| levels.after(operand)).max().unwrap_or(0);
            levels.levels[id.0 as usize] = level;
            if whole_op(node).is_some() {
                let axes = in_memory_order(program, &node.ty.axes);
                let buffer = kept(plan, graph, id, &axes);
                levels.whole.push((id, buffer));
                levels.results.insert(id, (buffer, axes));
            }
        }
        levels
    }

    /// The level in which a node's operands are there.
    pub fn of(&self, id: NodeId) -> usize {
        self.levels[id.0 as usize]
    }

    /// The first level in which a node's value can be used.
    pub fn after(&self, id: NodeId) -> usize {
        self.of(id) + usize::from(self.results.contains_key(&id))
    }

    /// The buffer that a whole operation fills, and its axes in memory order.
    pub fn result(&self, id: NodeId) -> Option<(BufferId, &[AxisId])> {
        self.results.get(&id).map(|(buffer, axes)| (*buffer, axes.as_slice()))
    }
}

/// The axes in the order of an output that has them all, else of such an input: what is computed further from the
/// buffer then runs along memory.
fn in_memory_order(program: &Program, axes: &[AxisId]) -> Vec<AxisId> {
    let outputs = program.outputs.iter().map(|output| &output.axes);
    let inputs = program.inputs.iter().map(|input| &input.axes);
    let mut orders = outputs.chain(inputs);
    let has_all = |order: &&Vec<AxisId>| axes.iter().all(|axis| order.contains(axis));
    match orders.find(has_all) {
        Some(order) => order.iter().copied().filter(|axis| axes.contains(axis)).collect(),
        None => axes.to_vec(),
    }
}

/// A new buffer for a whole tensor.
pub(super) fn kept(plan: &mut Plan, graph: &Graph, id: NodeId, axes: &[AxisId]) -> BufferId {
    let element = graph.ty(id).element;
    plan.buffers.push(Buffer { element, kind: BufferKind::Kept, axes: axes.to_vec(), block: false, local: false });
    BufferId(plan.buffers.len() as u32 - 1)
}
