//! Sums over positions that only a label tells apart → what is at the label, and the same at all others.
//!
//! A sum over an axis of something that depends on the position only by whether it is that of a label needs no loop: the
//! weights of a smoothed target over the classes, say.

use rustc_hash::FxHashMap;

use super::value::{ValueId, ValueOp, Values};
use crate::ir::{AxisId, Constant};
use crate::op::{Binary, Compare, Element, Logic};

/// The most values that are computed twice instead of in a loop.
const MOST: usize = 32;

/// The sum of a real over an axis without a loop, if it is of that kind.
pub(super) fn sum(values: &mut Values, axis: AxisId, of: ValueId) -> Option<ValueId> {
    if values.get(of).element != Element::Real {
        return None;
    }
    let (cone, test, label) = cone(values, axis, of)?;
    let at_label = substituted(values, &cone, test, true, of);
    let elsewhere = substituted(values, &cone, test, false, of);
    let size = values.leaf(ValueOp::Size(axis), &[], Element::Int);
    let lowest = values.constant(Constant::Int(0));
    let above = values.compare(Compare::Le, lowest, label);
    let below = values.compare(Compare::Lt, label, size);
    let inside = values.elementwise(ValueOp::Logic(Logic::And), Element::Bool, &[above, below]);
    if values.constant_of(elsewhere) == Some(Constant::Real(0.0)) {
        return Some(values.select(inside, at_label, elsewhere));
    }
    let count = values.elementwise(ValueOp::Cast(Element::Real), Element::Real, &[size]);
    let one = values.real(1.0);
    let others = values.binary(Binary::Sub, count, one);
    let rest = values.binary(Binary::Mul, others, elsewhere);
    let with_label = values.binary(Binary::Add, rest, at_label);
    let without = values.binary(Binary::Mul, count, elsewhere);
    Some(values.select(inside, with_label, without))
}

/// The values that depend on the position, in order; the comparison by which they do, and with what.
fn cone(values: &Values, axis: AxisId, of: ValueId) -> Option<(Vec<ValueId>, ValueId, ValueId)> {
    let (mut cone, mut todo) = (Vec::new(), vec![of]);
    let mut test: Option<(ValueId, ValueId)> = None;
    while let Some(id) = todo.pop() {
        let value = values.get(id);
        if !value.axes.contains(&axis) || cone.contains(&id) {
            continue;
        }
        if cone.len() == MOST {
            return None;
        }
        cone.push(id);
        match value.op {
            ValueOp::Compare(Compare::Eq) if compared(values, axis, id).is_some() => {
                let label = compared(values, axis, id)?;
                if test.is_some_and(|(known, _)| known != id) {
                    return None;
                }
                test = Some((id, label));
            }
            ValueOp::Unary(_)
            | ValueOp::Binary(_)
            | ValueOp::Compare(_)
            | ValueOp::Logic(_)
            | ValueOp::Select
            | ValueOp::Cast(_) => todo.extend(value.operands.iter().copied()),
            _ => return None,
        }
    }
    cone.sort();
    let (test, label) = test?;
    Some((cone, test, label))
}

/// With what the position along an axis is compared.
fn compared(values: &Values, axis: AxisId, id: ValueId) -> Option<ValueId> {
    let [a, b] = values.get(id).operands[..] else { return None };
    let is_position = |id: ValueId| values.get(id).op == ValueOp::Index(axis);
    let free = |id: ValueId| !values.axes(id).contains(&axis);
    match (is_position(a), is_position(b)) {
        (true, false) if free(b) => Some(b),
        (false, true) if free(a) => Some(a),
        _ => None,
    }
}

/// A value where the comparison is known.
fn substituted(values: &mut Values, cone: &[ValueId], test: ValueId, holds: bool, of: ValueId) -> ValueId {
    let mut known: FxHashMap<ValueId, ValueId> = FxHashMap::default();
    known.insert(test, values.constant(Constant::Bool(holds)));
    for &id in cone {
        if id == test {
            continue;
        }
        let value = values.get(id).clone();
        let operands: Vec<ValueId> =
            value.operands.iter().map(|operand| known.get(operand).copied().unwrap_or(*operand)).collect();
        let new = values.elementwise(value.op, value.element, &operands);
        known.insert(id, new);
    }
    known[&of]
}
