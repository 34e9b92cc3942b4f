//! Products that are added to something → one operation, rounded once.
//!
//! This is decided for a value, not for a place where it is computed, so that it has the same bits in every loop: a maximum is
//! found again. A difference of two products stays as it is: `a·b − c·d` is then 0 where both are the same.

use super::region::{Level, Step};
use super::value::{Source, ValueId, ValueOp, Values};
use crate::op::{Binary, Element};

/// Contracts what the levels compute.
pub(super) fn contract(values: &mut Values, levels: &[Level]) {
    let uses = uses(values, levels);
    for position in 0..values.len() {
        let id = ValueId(position as u32);
        let value = values.get(id);
        let subtract = match value.op {
            ValueOp::Binary(Binary::Add) => false,
            ValueOp::Binary(Binary::Sub) => true,
            _ => continue,
        };
        if value.element != Element::Real || uses[position] == 0 {
            continue;
        }
        let [first, second] = [value.operands[0], value.operands[1]];
        let product = |of: ValueId| {
            let factor = values.get(of);
            let alone = factor.op == ValueOp::Binary(Binary::Mul) && uses[of.0 as usize] == 1;
            alone && factor.axes == value.axes
        };
        let is_mul = |of: ValueId| values.get(of).op == ValueOp::Binary(Binary::Mul);
        let (product, addend, negate_product, negate_addend) = match (product(first), product(second)) {
            (true, false) if !subtract || !is_mul(second) => (first, second, false, subtract),
            (false, true) if !subtract || !is_mul(first) => (second, first, subtract, false),
            (true, true) if !subtract => (first, second, false, false),
            _ => continue,
        };
        let factors = [values.get(product).operands[0], values.get(product).operands[1]];
        let op = ValueOp::MulAdd { negate_product, negate_addend };
        values.replace(id, op, &[factors[0], factors[1], addend]);
    }
}

/// How often each value is used, by others and as a whole.
fn uses(values: &Values, levels: &[Level]) -> Vec<u32> {
    let mut uses = vec![0; values.len()];
    let mut todo: Vec<&Level> = levels.iter().collect();
    while let Some(level) = todo.pop() {
        level.pieces.iter().for_each(|piece| uses[piece.value.0 as usize] += 1);
        for step in &level.steps {
            if let Step::Repeat(turns) = step {
                todo.extend(&turns.body);
            }
        }
    }
    // Users come after what they use.
    for position in (0..values.len()).rev() {
        if uses[position] == 0 {
            continue;
        }
        let value = values.get(ValueId(position as u32));
        value.operands.iter().for_each(|operand| uses[operand.0 as usize] += 1);
        if let ValueOp::Load(Source::Value(stored), _) = value.op {
            uses[stored.0 as usize] += 2;
        }
    }
    uses
}
