//! The rules of the operations that need an operand whole: less of it, or none at all.

use super::engine::Engine;
use super::structural::repeated;
use crate::ir::{AxisId, Constant, NodeId, Op, without};
use crate::op::Binary;

/// An operation on an operand repeated along axes that it does not look along is repeated instead.
pub(super) fn of_repeated(engine: &mut Engine, op: &Op, operands: &[NodeId]) -> Option<NodeId> {
    match op {
        Op::Order(axis) => {
            let (inner, new) = repeated(engine, operands[0])?;
            if new.contains(axis) {
                // Equal elements keep their order.
                return Some(engine.make(Op::Index(*axis), &[]));
            }
            Some(engine.make(op.clone(), &[inner]))
        }
        Op::CumSum { axis, .. } => keeping(engine, op, operands, 0, &[*axis]),
        Op::TopIndex { over, .. } => keeping(engine, op, operands, 0, over),
        Op::Scatter { over, .. } => {
            // An axis that one of the two has need not be the other's.
            let needed = |other: NodeId| without(over, engine.graph.axes_of(other));
            let (of_values, of_index) = (needed(operands[1]), needed(operands[0]));
            keeping(engine, op, operands, 0, &of_values).or_else(|| keeping(engine, op, operands, 1, &of_index))
        }
        _ => None,
    }
}

/// The operation with one operand repeated along no more than these axes, if that is less.
fn keeping(engine: &mut Engine, op: &Op, operands: &[NodeId], position: usize, axes: &[AxisId]) -> Option<NodeId> {
    let (inner, new) = repeated(engine, operands[position])?;
    let kept: Vec<AxisId> = new.iter().copied().filter(|axis| axes.contains(axis)).collect();
    if kept.len() == new.len() {
        return None;
    }
    let mut operands = operands.to_vec();
    operands[position] = engine.broadcast(inner, &kept);
    Some(engine.make(op.clone(), &operands))
}

/// The scatter along A of values over U at `index[U] + c` takes, at each place of A, the value at `index[A] − c`.
pub(super) fn shifted(engine: &mut Engine, op: &Op, operands: &[NodeId]) -> Option<NodeId> {
    let Op::Scatter { axis, over } = op else { return None };
    let &[from] = &over[..] else { return None };
    let shift = shift_of(engine, operands[1], from)?;
    let index = engine.make(Op::Index(*axis), &[]);
    let shift = engine.graph.int(shift.checked_neg()?);
    let index = engine.make(Op::Binary(Binary::Add), &[index, shift]);
    let values = engine.broadcast(operands[0], &[from]);
    Some(engine.make(Op::Gather(from), &[values, index]))
}

/// c of `index[axis] + c`.
fn shift_of(engine: &Engine, index: NodeId, axis: AxisId) -> Option<i64> {
    let node = engine.graph.node(index);
    let constant = |id| match engine.graph.constant_of(id) {
        Some(Constant::Int(value)) => Some(value),
        _ => None,
    };
    match (&node.op, &node.operands[..]) {
        (Op::Index(own), _) if *own == axis => Some(0),
        (Op::Binary(Binary::Add), &[a, b]) => {
            let (place, shift) = constant(b).map_or((b, constant(a)), |shift| (a, Some(shift)));
            shift_of(engine, place, axis)?.checked_add(shift?)
        }
        (Op::Binary(Binary::Sub), &[a, b]) => shift_of(engine, a, axis)?.checked_sub(constant(b)?),
        _ => None,
    }
}
