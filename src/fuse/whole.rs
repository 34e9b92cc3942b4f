//! Operations on whole tensors: which there are, and in which level of the program they run.
//!
//! A whole operation reads its operands from memory and fills a buffer, so the plan is cut there: level
//! 0 is everything that needs no such result, level n + 1 what needs one of level n. Within a level all loops are
//! fused; then its whole operations follow. A loop is such an operation too: its body is a program of its own, with
//! levels, that reads what is given to it from memory.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ir::{AxisId, Body, Graph, LoopId, Loops, Node, NodeId, Op, Program, Repeat, Type, body_of};
use crate::kernel::{Buffer, BufferId, BufferKind, Plan, TensorRef, WholeOp};
use crate::op::Element;

/// The whole operation that a node is, if it is one.
pub(super) fn whole_op(node: &Node) -> Option<WholeOp> {
    match &node.op {
        Op::Contract { over, masked } => Some(WholeOp::Contract { over: over.to_vec(), masked: *masked }),
        Op::Order(axis) => Some(WholeOp::Order(*axis)),
        Op::TopIndex { over, to, along } => Some(WholeOp::TopIndex { over: over.to_vec(), to: *to, along: *along }),
        Op::CumSum { axis, reverse } => Some(WholeOp::CumSum { axis: *axis, reverse: *reverse }),
        Op::Scatter { axis, over } => Some(WholeOp::Scatter { axis: *axis, over: over.to_vec() }),
        _ => None,
    }
}

/// Nodes that are found in memory: the tensor, and what the program calls its axes, in memory order.
pub(super) type Stored = FxHashMap<NodeId, (TensorRef, Vec<AxisId>)>;

/// A loop, with its buffers.
pub(super) struct Turning {
    /// One of its nodes.
    pub node: NodeId,
    pub body: Body,
    /// Each variable that something asks for.
    pub variables: Vec<Variable>,
    /// The loop's variables of which all values are kept, with the buffer.
    pub traces: Vec<(u32, BufferId)>,
}

/// A variable of a loop in memory.
pub(super) struct Variable {
    pub variable: u32,
    pub axes: Vec<AxisId>,
    /// What a turn reads.
    pub current: BufferId,
    /// What it writes; before the loop the start, after it the last value.
    pub next: BufferId,
}

/// The levels of a program, or of the body of a loop.
pub(super) struct Levels {
    /// By `NodeId`, for its nodes: in which level it can be computed.
    levels: Vec<usize>,
    /// What is computed here, operands before users.
    pub nodes: Vec<NodeId>,
    /// Nodes that are whole operations, operands before users, with the buffers that they fill.
    pub whole: Vec<(NodeId, BufferId)>,
    /// The loops here, each after those that it needs.
    pub loops: Vec<Turning>,
    /// What is in memory once its level is through.
    pub results: Stored,
}

impl Levels {
    /// Finds what some nodes need, beside what is given, and gives each whole operation and loop its buffers.
    pub fn new(program: &Program, open: &[Loops], roots: &[NodeId], given: Stored, plan: &mut Plan) -> Levels {
        let graph = &program.graph;
        let (nodes, bodies) = needed(graph, open, roots, &given);
        let mut levels =
            Levels { levels: vec![0; graph.len()], nodes, whole: Vec::new(), loops: Vec::new(), results: given };
        for id in levels.results.keys() {
            levels.levels[id.0 as usize] = GIVEN;
        }
        for position in 0..levels.nodes.len() {
            let id = levels.nodes[position];
            let node = graph.node(id);
            let level = match &node.op {
                Op::Repeat(repeat) => {
                    before_loop(repeat, &node.operands, &bodies[&repeat.of]).map(|needed| levels.after(needed)).max()
                }
                _ => node.operands.iter().map(|&operand| levels.after(operand)).max(),
            };
            levels.levels[id.0 as usize] = level.unwrap_or(0);
            if whole_op(node).is_some() {
                let axes = in_memory_order(program, &node.ty.axes);
                let buffer = kept(plan, graph, id, &axes);
                levels.whole.push((id, buffer));
                levels.results.insert(id, (TensorRef::Buffer(buffer), axes));
            }
            if let Op::Repeat(repeat) = &node.op {
                levels.repeated(program, id, repeat, &bodies[&repeat.of], plan);
            }
        }
        levels
    }

    /// Gives a node of a loop its buffers, with those of the loop if it is the first one.
    fn repeated(&mut self, program: &Program, id: NodeId, repeat: &Repeat, body: &Body, plan: &mut Plan) {
        let graph = &program.graph;
        let of_loop =
            |turning: &Turning| matches!(&graph.node(turning.node).op, Op::Repeat(own) if own.of == repeat.of);
        let position = self.loops.iter().position(of_loop).unwrap_or_else(|| {
            self.loops.push(Turning { node: id, body: body.clone(), variables: Vec::new(), traces: Vec::new() });
            let turning = self.loops.len() - 1;
            for &inner in &body.nodes {
                if let Op::Carried(carried) = &graph.node(inner).op
                    && carried.of == repeat.of
                {
                    self.loops[turning].variable(program, carried.variable, &carried.ty, plan);
                }
            }
            turning
        });
        let turning = &mut self.loops[position];
        let variable = turning.variable(program, repeat.variable, &repeat.ty, plan);
        let (mut buffer, mut axes) = (variable.next, variable.axes.clone());
        if let Some(along) = repeat.trace {
            let kind = plan.buffer(variable.current).kind;
            axes.insert(0, along);
            buffer = buffer_of(plan, repeat.ty.element, kind, &axes);
            turning.traces.push((repeat.variable, buffer));
        }
        self.results.insert(id, (TensorRef::Buffer(buffer), axes));
    }

    /// The level in which a node's operands are there.
    pub fn of(&self, id: NodeId) -> usize {
        match self.levels[id.0 as usize] {
            GIVEN => 0,
            level => level,
        }
    }

    /// The first level in which a node's value can be used.
    pub fn after(&self, id: NodeId) -> usize {
        match self.levels[id.0 as usize] {
            GIVEN => 0,
            level => level + usize::from(self.results.contains_key(&id)),
        }
    }

    /// Where a node is found that is in memory.
    pub fn result(&self, id: NodeId) -> Option<(TensorRef, &[AxisId])> {
        self.results.get(&id).map(|(tensor, axes)| (*tensor, axes.as_slice()))
    }
}

/// The level of what is there before the first one.
const GIVEN: usize = usize::MAX;

impl Turning {
    /// The variable of a number, with buffers.
    fn variable(&mut self, program: &Program, variable: u32, ty: &Type, plan: &mut Plan) -> &Variable {
        let known = self.variables.iter().position(|own| own.variable == variable);
        let position = known.unwrap_or_else(|| {
            let axes = in_memory_order(program, &ty.axes);
            // One number is not rounded between turns.
            let kind = if axes.is_empty() { BufferKind::Accumulator } else { BufferKind::Kept };
            let current = buffer_of(plan, ty.element, kind, &axes);
            let next = buffer_of(plan, ty.element, kind, &axes);
            self.variables.push(Variable { variable, axes, current, next });
            self.variables.len() - 1
        });
        &self.variables[position]
    }
}

/// What must be there before a loop begins.
fn before_loop<'a>(repeat: &Repeat, operands: &'a [NodeId], body: &'a Body) -> impl Iterator<Item = NodeId> + 'a {
    operands[..repeat.variables as usize].iter().chain(&body.captured).copied()
}

/// The nodes below some roots, down to what is given, without the bodies of loops; and these bodies.
fn needed(graph: &Graph, open: &[Loops], roots: &[NodeId], given: &Stored) -> (Vec<NodeId>, FxHashMap<LoopId, Body>) {
    let mut bodies: FxHashMap<LoopId, Body> = FxHashMap::default();
    let mut seen = FxHashSet::default();
    let mut todo = roots.to_vec();
    let mut nodes = Vec::new();
    while let Some(id) = todo.pop() {
        if given.contains_key(&id) || !seen.insert(id) {
            continue;
        }
        nodes.push(id);
        let node = graph.node(id);
        match &node.op {
            Op::Repeat(repeat) => {
                let body = bodies.entry(repeat.of).or_insert_with(|| body_of(graph, open, id));
                todo.extend(before_loop(repeat, &node.operands, body));
            }
            _ => todo.extend(node.operands.iter().copied()),
        }
    }
    nodes.sort();
    (nodes, bodies)
}

/// The axes in the order of an output that has them all, else of such an input: what is computed further from the
/// buffer then runs along memory. Where none has them, an axis that is as long as another one stands for it: another
/// name of its positions.
fn in_memory_order(program: &Program, axes: &[AxisId]) -> Vec<AxisId> {
    let outputs = program.outputs.iter().map(|output| &output.axes);
    let inputs = program.inputs.iter().map(|input| &input.axes);
    let same = |axis: AxisId| axis;
    let as_long = |axis: AxisId| program.graph.extent_root(axis);
    let orders = || outputs.clone().chain(inputs.clone());
    let found = orders().find_map(|order| ordered(axes, order, same));
    found.or_else(|| orders().find_map(|order| ordered(axes, order, as_long))).unwrap_or_else(|| axes.to_vec())
}

/// The axes in an order, if it has all of them, each as something different.
fn ordered(axes: &[AxisId], order: &[AxisId], what: impl Fn(AxisId) -> AxisId) -> Option<Vec<AxisId>> {
    let of = |own: &AxisId| {
        let mut alike = axes.iter().copied().filter(|&axis| what(axis) == what(*own));
        alike.next().filter(|_| alike.next().is_none())
    };
    let mut found: Vec<AxisId> = order.iter().filter_map(of).collect();
    found.dedup();
    (found.len() == axes.len() && axes.iter().all(|axis| found.contains(axis))).then_some(found)
}

/// A new buffer for a whole tensor.
pub(super) fn kept(plan: &mut Plan, graph: &Graph, id: NodeId, axes: &[AxisId]) -> BufferId {
    buffer_of(plan, graph.ty(id).element, BufferKind::Kept, axes)
}

fn buffer_of(plan: &mut Plan, element: Element, kind: BufferKind, axes: &[AxisId]) -> BufferId {
    plan.buffers.push(Buffer { element, kind, axes: axes.to_vec(), block: false, local: false });
    BufferId(plan.buffers.len() as u32 - 1)
}
