//! The rules that look at axes, which patterns cannot say.
//!
//! Broadcasts go up, towards the users: an elementwise operation is computed over the fewest axes and
//! repeated afterwards, until a reduction, another operand or an output absorbs the axis. Renaming and
//! picking go down, towards the inputs, through everything elementwise, so that nothing is stored only
//! to be read again in another order.

use super::engine::Engine;
use super::rules::Grade;
use crate::ir::{AxisId, Constant, Extent, Graph, NodeId, Op, without};
use crate::op::{Binary, Compare, Element, Logic, ReduceOp, SoftmaxOp, Unary};

/// A rule written in Rust.
pub struct Structural {
    /// Its name, unique among all rules.
    pub name: &'static str,
    /// How far the result may differ.
    pub grade: Grade,
    /// As it is read.
    pub about: &'static str,
    pub(super) apply: fn(&mut Engine, &Op, &[NodeId]) -> Option<NodeId>,
}

/// All of them, in the order in which they are tried.
#[rustfmt::skip]
pub const RULES: &[Structural] = &[
    Structural { name: "size-root",        grade: Grade::Exact,    apply: size,
        about: "the size of a labelled axis is a literal, that of a copy is the original's" },
    Structural { name: "cast-cast",        grade: Grade::Exact,    apply: cast,
        about: "a cast to the same type is nothing, a cast of a cast of a truth value is one" },
    Structural { name: "broadcast-up",     grade: Grade::Exact,    apply: broadcast_up,
        about: "an operation on repeated operands is repeated instead" },
    Structural { name: "sum-repeated",     grade: Grade::Rounding, apply: sum_repeated,
        about: "the sum over a repeated axis is a multiple" },
    Structural { name: "extremum-repeated", grade: Grade::Exact,   apply: extremum_repeated,
        about: "the extremum over a repeated axis is the operand, if the axis is not empty" },
    Structural { name: "reduce-reduce",    grade: Grade::Rounding, apply: reduce_reduce,
        about: "a reduction of the same reduction is one over both sets of axes" },
    Structural { name: "sum-one-hot",      grade: Grade::Exact,    apply: sum_one_hot,
        about: "the sum over A of what is selected where index[A] = i is a pick" },
    Structural { name: "sum-factor",       grade: Grade::Rounding, apply: sum_factor,
        about: "factors and conditions that lack the axes of a sum leave it" },
    Structural { name: "rename-down",      grade: Grade::Exact,    apply: rename_down,
        about: "renaming goes towards the inputs" },
    Structural { name: "gather-down",      grade: Grade::Exact,    apply: gather_down,
        about: "picking goes towards the inputs; out of range the result stays 0" },
    Structural { name: "scatter-shift",    grade: Grade::Exact,    apply: super::whole::shifted,
        about: "scattering along an axis by its own index, shifted by a constant, is a pick" },
];

/// Whether an operation works element by element, aligned by axis.
pub(super) fn is_elementwise(op: &Op) -> bool {
    matches!(
        op,
        Op::Unary(_)
            | Op::Binary(_)
            | Op::Compare(_)
            | Op::Logic(_)
            | Op::Polygamma(_)
            | Op::Select
            | Op::Cast(_)
            | Op::Stop
    )
}

fn size(engine: &mut Engine, op: &Op, _: &[NodeId]) -> Option<NodeId> {
    let Op::Size(axis) = op else { return None };
    let root = engine.graph.extent_root(*axis);
    if let Extent::Fixed(extent) = engine.graph.axis(root).extent {
        return Some(engine.graph.int(extent as i64));
    }
    (root != *axis).then(|| engine.make(Op::Size(root), &[]))
}

fn cast(engine: &mut Engine, op: &Op, operands: &[NodeId]) -> Option<NodeId> {
    let Op::Cast(element) = op else { return None };
    let node = engine.graph.node(operands[0]).clone();
    if node.ty.element == *element {
        return Some(operands[0]);
    }
    match node.op {
        Op::Cast(_) if engine.graph.ty(node.operands[0]).element == Element::Bool => {
            Some(engine.make(Op::Cast(*element), &node.operands))
        }
        _ => None,
    }
}

/// The operand of a broadcast and its new axes.
pub(super) fn repeated(engine: &Engine, id: NodeId) -> Option<(NodeId, Vec<AxisId>)> {
    let node = engine.graph.node(id);
    match &node.op {
        Op::Broadcast(axes) => Some((node.operands[0], axes.to_vec())),
        _ => None,
    }
}

fn broadcast_up(engine: &mut Engine, op: &Op, operands: &[NodeId]) -> Option<NodeId> {
    match op {
        Op::Broadcast(axes) => {
            let (inner, own) = repeated(engine, operands[0])?;
            let all: Vec<AxisId> = own.into_iter().chain(axes.iter().copied()).collect();
            Some(engine.broadcast(inner, &all))
        }
        Op::Softmax(SoftmaxOp::LogSumExp, over) | Op::Softmax(_, over) => {
            let (inner, new) = repeated(engine, operands[0])?;
            let kept: Vec<AxisId> = new.iter().copied().filter(|axis| over.contains(axis)).collect();
            if kept.len() == new.len() {
                return None;
            }
            let inner = engine.broadcast(inner, &kept);
            Some(engine.make(op.clone(), &[inner]))
        }
        Op::Reduce(reduce, over) => {
            let (inner, new) = repeated(engine, operands[0])?;
            let kept: Vec<AxisId> = new.iter().copied().filter(|axis| over.contains(axis)).collect();
            if kept.len() == new.len() {
                return None;
            }
            let inner = engine.broadcast(inner, &kept);
            Some(engine.reduce(*reduce, over, inner))
        }
        Op::Rename { from, to } => {
            let (inner, new) = repeated(engine, operands[0])?;
            if !new.contains(from) {
                return Some(engine.make(op.clone(), &[inner]));
            }
            let axes: Vec<AxisId> = new.iter().map(|axis| if axis == from { *to } else { *axis }).collect();
            Some(engine.broadcast(inner, &axes))
        }
        Op::Gather(axis) => gather_repeated(engine, *axis, operands),
        Op::Order(_) | Op::TopIndex { .. } | Op::CumSum { .. } | Op::Scatter { .. } => {
            super::whole::of_repeated(engine, op, operands)
        }
        _ if is_elementwise(op) => {
            let stripped: Vec<NodeId> =
                operands.iter().map(|&operand| repeated(engine, operand).map_or(operand, |(inner, _)| inner)).collect();
            (stripped != operands).then(|| engine.make(op.clone(), &stripped))
        }
        _ => None,
    }
}

fn gather_repeated(engine: &mut Engine, axis: AxisId, operands: &[NodeId]) -> Option<NodeId> {
    let (tensor, index) = (operands[0], operands[1]);
    if let Some((inner, _)) = repeated(engine, index) {
        return Some(engine.make(Op::Gather(axis), &[tensor, inner]));
    }
    let (inner, new) = repeated(engine, tensor)?;
    if new.contains(&axis) {
        return Some(where_in_range(engine, axis, index, inner));
    }
    Some(engine.make(Op::Gather(axis), &[inner, index]))
}

fn sum_repeated(engine: &mut Engine, op: &Op, operands: &[NodeId]) -> Option<NodeId> {
    let Op::Reduce(reduce @ (ReduceOp::Sum | ReduceOp::Prod), over) = op else { return None };
    let (inner, new) = repeated(engine, operands[0])?;
    let outer = without(over, &new);
    let mut result = engine.reduce(*reduce, &outer, inner);
    let element = engine.graph.ty(result).element;
    for axis in new {
        let mut size = engine.make(Op::Size(axis), &[]);
        let binary = match reduce {
            ReduceOp::Prod => Binary::Powi,
            _ => Binary::Mul,
        };
        if element == Element::Real && binary == Binary::Mul {
            size = engine.make(Op::Cast(Element::Real), &[size]);
        }
        result = engine.make(Op::Binary(binary), &[result, size]);
    }
    Some(result)
}

/// What is constant along an axis is compared with itself, and not with a copy that a kernel has rounded.
fn extremum_repeated(engine: &mut Engine, op: &Op, operands: &[NodeId]) -> Option<NodeId> {
    let Op::Reduce(reduce @ (ReduceOp::Min | ReduceOp::Max), over) = op else { return None };
    let (inner, new) = repeated(engine, operands[0])?;
    if !new.iter().all(|axis| over.contains(axis)) {
        return None;
    }
    let mut result = engine.reduce(*reduce, &without(over, &new), inner);
    let largest = *reduce == ReduceOp::Min;
    let neutral = match engine.graph.ty(result).element {
        Element::Int => engine.graph.int(if largest { i64::MAX } else { i64::MIN }),
        _ => engine.graph.real(if largest { f64::INFINITY } else { f64::NEG_INFINITY }),
    };
    for axis in new {
        let size = engine.make(Op::Size(axis), &[]);
        let zero = engine.graph.int(0);
        let some = engine.make(Op::Compare(Compare::Lt), &[zero, size]);
        result = engine.make(Op::Select, &[some, result, neutral]);
    }
    Some(result)
}

fn reduce_reduce(engine: &mut Engine, op: &Op, operands: &[NodeId]) -> Option<NodeId> {
    let Op::Reduce(outer, over) = op else { return None };
    let node = engine.graph.node(operands[0]).clone();
    match node.op {
        Op::Reduce(inner, axes) if inner == *outer => {
            let all: Vec<AxisId> = axes.iter().chain(over).copied().collect();
            Some(engine.reduce(inner, &all, node.operands[0]))
        }
        _ => None,
    }
}

/// Σ over A of `select(index[A] == i and rest, v, 0)`, or of the flag itself.
fn sum_one_hot(engine: &mut Engine, op: &Op, operands: &[NodeId]) -> Option<NodeId> {
    let Op::Reduce(ReduceOp::Sum, over) = op else { return None };
    let node = engine.graph.node(operands[0]).clone();
    let (condition, value) = match node.op {
        Op::Select if is_zero(engine, node.operands[2]) => (node.operands[0], node.operands[1]),
        Op::Cast(element) if engine.graph.ty(node.operands[0]).element == Element::Bool => {
            let one = if element == Element::Int { engine.graph.int(1) } else { engine.graph.real(1.0) };
            (node.operands[0], one)
        }
        _ => return None,
    };
    let mut parts = Vec::new();
    conjuncts(engine, condition, &mut parts);
    let (position, axis, index) = parts.iter().enumerate().find_map(|(position, &part)| {
        let (axis, index) = one_hot(engine, part, over)?;
        Some((position, axis, index))
    })?;
    parts.remove(position);
    let mut value = value;
    let zero = if node.ty.element == Element::Int { engine.graph.int(0) } else { engine.graph.real(0.0) };
    for part in parts {
        value = engine.make(Op::Select, &[part, value, zero]);
    }
    let all = engine.graph.axes_of(operands[0]).clone();
    let along = engine.broadcast(value, &[axis]);
    let picked = engine.make(Op::Gather(axis), &[along, index]);
    let picked = engine.broadcast(picked, &without(&all, &[axis]));
    Some(engine.reduce(ReduceOp::Sum, &without(over, &[axis]), picked))
}

fn conjuncts(engine: &Engine, condition: NodeId, parts: &mut Vec<NodeId>) {
    let node = engine.graph.node(condition);
    match node.op {
        Op::Logic(Logic::And) => node.operands.iter().for_each(|&operand| conjuncts(engine, operand, parts)),
        _ => parts.push(condition),
    }
}

/// For `index[A] == i` with A among the axes and i without A: A and i.
fn one_hot(engine: &Engine, condition: NodeId, over: &[AxisId]) -> Option<(AxisId, NodeId)> {
    let node = engine.graph.node(condition);
    if node.op != Op::Compare(Compare::Eq) {
        return None;
    }
    [(0, 1), (1, 0)].into_iter().find_map(|(along, index)| {
        let (along, index) = (node.operands[along], node.operands[index]);
        match engine.graph.node(along).op {
            Op::Index(axis) if over.contains(&axis) && !engine.graph.axes_of(index).contains(&axis) => {
                Some((axis, index))
            }
            _ => None,
        }
    })
}

fn is_zero(engine: &Engine, id: NodeId) -> bool {
    match engine.graph.constant_of(id) {
        Some(Constant::Real(value)) => value == 0.0,
        Some(Constant::Int(value)) => value == 0,
        _ => false,
    }
}

fn sum_factor(engine: &mut Engine, op: &Op, operands: &[NodeId]) -> Option<NodeId> {
    let Op::Reduce(ReduceOp::Sum, over) = op else { return None };
    let node = engine.graph.node(operands[0]).clone();
    let lacks = |engine: &Engine, id: NodeId| engine.graph.axes_of(id).iter().all(|axis| !over.contains(axis));
    match node.op {
        Op::Binary(Binary::Mul) => {
            let leaves = |position: &usize| {
                lacks(engine, node.operands[*position]) && is_finite(&engine.graph, node.operands[*position])
            };
            let factor = (0..2).find(leaves)?;
            let rest = summed(engine, over, node.operands[1 - factor])?;
            Some(engine.make(Op::Binary(Binary::Mul), &[rest, node.operands[factor]]))
        }
        Op::Binary(Binary::Div) if lacks(engine, node.operands[1]) && is_not_small(&engine.graph, node.operands[1]) => {
            let rest = summed(engine, over, node.operands[0])?;
            Some(engine.make(Op::Binary(Binary::Div), &[rest, node.operands[1]]))
        }
        Op::Select if lacks(engine, node.operands[0]) && is_zero(engine, node.operands[2]) => {
            let rest = summed(engine, over, node.operands[1])?;
            Some(engine.make(Op::Select, &[node.operands[0], rest, node.operands[2]]))
        }
        _ => None,
    }
}

/// Whether a factor is finite whatever the data are (a hyperparameter is taken to be): only such a one may leave a
/// sum, which is 0 over nothing, while 0 times an infinity is not.
fn is_finite(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let all = |ids: &[NodeId]| ids.iter().all(|&id| is_finite(graph, id));
    match &node.op {
        Op::Constant(Constant::Real(value)) => value.is_finite(),
        Op::Constant(_) | Op::Parameter(_) | Op::Size(_) | Op::Index(_) => true,
        Op::Select => all(&node.operands[1..]),
        Op::Cast(_) | Op::Stop => all(&node.operands),
        Op::Unary(Unary::Neg | Unary::Abs) => all(&node.operands),
        Op::Binary(Binary::Add | Binary::Sub | Binary::Mul | Binary::Min | Binary::Max) => all(&node.operands),
        Op::Binary(Binary::Div) => is_finite(graph, node.operands[0]) && is_not_small(graph, node.operands[1]),
        _ => graph.ty(id).element != Element::Real,
    }
}

/// Whether a divisor is at least 1 in size whatever the data are, or a constant or hyperparameter other than 0.
fn is_not_small(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    match &node.op {
        Op::Constant(Constant::Real(value)) => *value != 0.0,
        Op::Constant(Constant::Int(value)) => *value >= 1,
        Op::Parameter(_) => true,
        Op::Cast(_) | Op::Stop | Op::Unary(Unary::Neg | Unary::Abs) => is_not_small(graph, node.operands[0]),
        Op::Binary(Binary::Max) => node.operands.iter().any(|&id| is_not_small(graph, id)),
        _ => false,
    }
}

/// The sum over axes that the term must all have.
fn summed(engine: &mut Engine, over: &[AxisId], term: NodeId) -> Option<NodeId> {
    let has_all = over.iter().all(|axis| engine.graph.axes_of(term).contains(axis));
    has_all.then(|| engine.reduce(ReduceOp::Sum, over, term))
}

fn rename_down(engine: &mut Engine, op: &Op, operands: &[NodeId]) -> Option<NodeId> {
    let Op::Rename { from, to } = op else { return None };
    let node = engine.graph.node(operands[0]).clone();
    match &node.op {
        Op::Index(axis) if axis == from => Some(engine.make(Op::Index(*to), &[])),
        Op::Rename { from: first, to: middle } if middle == from => {
            Some(renamed(engine, node.operands[0], *first, *to))
        }
        Op::Gather(axis) => {
            let clash = node.operands.iter().any(|&operand| engine.graph.axes_of(operand).contains(to));
            // Where the index lacks the axis, picking goes below the renaming (`gather_down`).
            if clash || !engine.graph.axes_of(node.operands[1]).contains(from) {
                return None;
            }
            let tensor = if axis == from { node.operands[0] } else { renamed(engine, node.operands[0], *from, *to) };
            let index = renamed(engine, node.operands[1], *from, *to);
            Some(engine.make(Op::Gather(*axis), &[tensor, index]))
        }
        op if is_elementwise(op) => {
            let operands: Vec<NodeId> =
                node.operands.iter().map(|&operand| renamed(engine, operand, *from, *to)).collect();
            Some(engine.make(op.clone(), &operands))
        }
        _ => None,
    }
}

fn renamed(engine: &mut Engine, id: NodeId, from: AxisId, to: AxisId) -> NodeId {
    if from == to || !engine.graph.axes_of(id).contains(&from) {
        return id;
    }
    engine.make(Op::Rename { from, to }, &[id])
}

fn gather_down(engine: &mut Engine, op: &Op, operands: &[NodeId]) -> Option<NodeId> {
    let Op::Gather(axis) = *op else { return None };
    let (tensor, index) = (operands[0], operands[1]);
    let node = engine.graph.node(tensor).clone();
    let index_axes = engine.graph.axes_of(index).clone();
    match &node.op {
        Op::Index(_) => Some(where_in_range(engine, axis, index, index)),
        Op::Rename { from, to } if *to == axis => {
            (!index_axes.contains(to)).then(|| engine.make(Op::Gather(*from), &[node.operands[0], index]))
        }
        Op::Rename { from, to } if !index_axes.contains(to) && !index_axes.contains(from) => {
            let picked = engine.make(Op::Gather(axis), &[node.operands[0], index]);
            Some(renamed(engine, picked, *from, *to))
        }
        Op::Reduce(reduce, over) if over.iter().all(|axis| !index_axes.contains(axis)) => {
            let picked = engine.make(Op::Gather(axis), &[node.operands[0], index]);
            let value = engine.reduce(*reduce, over, picked);
            // A sum of the zeros out of range is 0 by itself.
            Some(if *reduce == ReduceOp::Sum { value } else { where_in_range(engine, axis, index, value) })
        }
        Op::Gather(inner) => {
            let (source, picks) = (node.operands[0], node.operands[1]);
            let from_picks = engine.graph.axes_of(picks).contains(&axis);
            let in_source = engine.graph.axes_of(source).contains(&axis);
            if !from_picks || in_source {
                return None;
            }
            let picks = engine.make(Op::Gather(axis), &[picks, index]);
            let value = engine.make(Op::Gather(*inner), &[source, picks]);
            Some(where_in_range(engine, axis, index, value))
        }
        op if is_elementwise(op) => {
            let picked: Vec<NodeId> = node
                .operands
                .iter()
                .map(|&operand| {
                    let has = engine.graph.axes_of(operand).contains(&axis);
                    if has { engine.make(Op::Gather(axis), &[operand, index]) } else { operand }
                })
                .collect();
            let value = engine.make(op.clone(), &picked);
            Some(where_in_range(engine, axis, index, value))
        }
        _ => None,
    }
}

/// What is known of an index.
enum Range {
    /// It is in range.
    Always,
    /// It is in range unless it has this value.
    Unless(i64),
    /// Nothing.
    Unknown,
}

fn range_of(engine: &Engine, axis: AxisId, index: NodeId) -> Range {
    let root = engine.graph.extent_root(axis);
    let node = engine.graph.node(index);
    match node.op {
        Op::Constant(Constant::Int(value)) => match &engine.graph.axis(root).extent {
            Extent::Fixed(extent) if 0 <= value && (value as u64) < *extent => Range::Always,
            _ => Range::Unknown,
        },
        Op::Index(along) if engine.graph.extent_root(along) == root => Range::Always,
        Op::Order(along) if engine.graph.extent_root(along) == root => Range::Always,
        Op::TopIndex { along, .. } if engine.graph.extent_root(along) == root => Range::Unless(-1),
        Op::Rename { .. } => range_of(engine, axis, node.operands[0]),
        // The caller has checked the labels.
        Op::Input(id) => match engine.inputs[id.0 as usize].labels {
            Some(labels) if engine.graph.extent_root(labels.axis) == root => match labels.ignored {
                None => Range::Always,
                Some(value) if value < 0 => Range::Unless(value),
                Some(_) => Range::Unknown,
            },
            _ => Range::Unknown,
        },
        _ => Range::Unknown,
    }
}

/// The value where the index is in range, 0 (false) elsewhere.
fn where_in_range(engine: &mut Engine, axis: AxisId, index: NodeId, value: NodeId) -> NodeId {
    let zero = match engine.graph.ty(value).element {
        Element::Real => engine.graph.real(0.0),
        Element::Int => engine.graph.int(0),
        Element::Bool => engine.graph.bool(false),
    };
    match range_of(engine, axis, index) {
        Range::Always => engine.broadcast_to_index(value, index),
        Range::Unless(ignored) => {
            let ignored = engine.graph.int(ignored);
            let skipped = engine.make(Op::Compare(Compare::Eq), &[index, ignored]);
            engine.make(Op::Select, &[skipped, zero, value])
        }
        Range::Unknown => {
            let first = engine.graph.int(0);
            let size = engine.make(Op::Size(axis), &[]);
            let low = engine.make(Op::Compare(Compare::Le), &[first, index]);
            let high = engine.make(Op::Compare(Compare::Lt), &[index, size]);
            let inside = engine.make(Op::Logic(Logic::And), &[low, high]);
            engine.make(Op::Select, &[inside, value, zero])
        }
    }
}

impl Engine<'_> {
    /// The value repeated along the axes of an index that it does not depend on.
    fn broadcast_to_index(&mut self, value: NodeId, index: NodeId) -> NodeId {
        let axes = self.graph.axes_of(index).clone();
        self.broadcast(value, &axes)
    }
}
