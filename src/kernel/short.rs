//! A stage → the tensors with short rows that its ranges lay out anew, so that lanes follow each other.
//!
//! Rows of ten classes fill no vectors. A plan that knows them to be short ([`Plan::short`]) has its lanes along the axis
//! before them, where neighbours lie a row apart. A range can copy what it reads of such a tensor into memory of its
//! thread, with that axis innermost, and what it writes back from there.

use super::instruction::Instruction;
use super::plan::{Access, Coordinate, Effect, Loop, Plan, Statement, Target, TensorRef};
use crate::ir::AxisId;
use crate::op::Element;

/// The tensors that each range of a stage lays out anew: their last two axes change places.
pub fn with_short_rows(plan: &Plan, stage: &Loop) -> Vec<TensorRef> {
    if plan.short.is_empty() {
        return Vec::new();
    }
    let mut found = Uses::default();
    found.statements(&stage.body);
    let mut tensors: Vec<TensorRef> = found.accesses.iter().map(|(access, _)| access.tensor).collect();
    tensors.sort_unstable();
    tensors.dedup();
    tensors.retain(|&tensor| is_turned(plan, stage, &found, tensor));
    tensors
}

fn is_turned(plan: &Plan, stage: &Loop, found: &Uses<'_>, tensor: TensorRef) -> bool {
    let is_candidate = match tensor {
        TensorRef::Input(input) => plan.inputs[input as usize].element == Element::Real,
        TensorRef::Output(_) => is_of_stage(plan, stage, tensor),
        TensorRef::Buffer(_) => false,
    };
    let axes = plan.axes_of(tensor);
    let [.., lanes, row] = axes else { return false };
    if !is_candidate || axes[0] != stage.axis || !plan.short.contains(row) {
        return false;
    }
    let own = || found.accesses.iter().filter(|(access, _)| access.tensor == tensor);
    let is_of_range = |access: &Access| access.coordinates.first() == Some(&Coordinate::Axis(stage.axis));
    let along = |axis: &AxisId| own().any(|(_, vector)| *vector == Some(*axis));
    own().all(|(access, _)| is_of_range(access)) && along(lanes) && !along(row)
}

/// Whether no other stage reads or writes a tensor.
fn is_of_stage(plan: &Plan, stage: &Loop, tensor: TensorRef) -> bool {
    fn elsewhere(statements: &[Statement], stage: &Loop, tensor: TensorRef) -> bool {
        statements.iter().any(|statement| match statement {
            Statement::Loop(inner) if std::ptr::eq(inner, stage) => false,
            Statement::Repeat(repeat) => elsewhere(&repeat.body, stage, tensor),
            Statement::Whole(whole) => whole.operands.iter().any(|operand| operand.tensor == tensor),
            other => {
                let mut found = Uses::default();
                found.statements(std::slice::from_ref(other));
                found.accesses.iter().any(|(access, _)| access.tensor == tensor)
            }
        })
    }
    !elsewhere(&plan.statements, stage, tensor)
}

/// What statements read and write, with the axis of the lanes.
#[derive(Default)]
struct Uses<'p> {
    accesses: Vec<(&'p Access, Option<AxisId>)>,
}

impl<'p> Uses<'p> {
    fn statements(&mut self, statements: &'p [Statement]) {
        for statement in statements {
            match statement {
                Statement::Strip(strip) => {
                    let loads = strip.lines.iter().filter_map(|line| match &line.instruction {
                        Instruction::Load(access) => Some(access),
                        _ => None,
                    });
                    let left = strip.effects.iter().filter_map(|effect| match effect {
                        Effect::Store(access, _) | Effect::Accumulate(_, Target::Memory(access), _) => Some(access),
                        Effect::Set(..) | Effect::Accumulate(..) => None,
                    });
                    self.accesses.extend(loads.chain(left).map(|access| (access, strip.vector)));
                }
                Statement::Loop(inner) => self.statements(&inner.body),
                Statement::Repeat(repeat) => self.statements(&repeat.body),
                Statement::Call(_) | Statement::Whole(_) => {}
            }
        }
    }
}
