//! A stage and the extents of a call → the ranges that it is cut into, and what it costs.
//!
//! Both depend on the plan, the precision and the extents only: what is reduced in a range is combined in the order of the ranges, so
//! the bits of a result depend on where they begin.

use super::together;
use crate::bind::Binding;
use crate::kernel::{BLOCK, Buffer, Loop, Place, Plan, Statement};

/// How many ranges a stage is cut into at most.
const RANGES: usize = 64;

/// The shortest range of a blocked stage.
const SHORTEST: usize = 16 * BLOCK;

/// Bytes that the further copies of the buffers which a stage reduces to take at most.
const COPIES: usize = 16 << 20;

/// How much work of a range is worth a cell of such a copy, which is filled and added up.
const CELL: u64 = 100;

/// What a turn costs, as [`work`] measures it, that is worth a range of its own.
const LONG_TURN: u64 = 200_000;

/// The ranges of a stage: `count` of `length` positions, the last one perhaps shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub count: usize,
    pub length: usize,
}

/// Bytes of what a range lays out anew, at most, where its lanes are positions of the stage.
const NEAR: usize = 64 << 10;

/// Cuts a stage of a program whose reals have so many bytes; of a blocked one, so many bytes a position are laid out anew.
pub(super) fn cut(plan: &Plan, stage: &Loop, real: usize, turned: usize, binding: &Binding<'_>) -> Cut {
    let extent = binding.extent(stage.axis);
    let is_short = || work(stage, binding) / (extent as u64).max(1) <= LONG_TURN;
    // Turns that go together are in one range, unless one is worth a thread.
    let turns = match &stage.together {
        Some(together) if is_short() => together::turns(plan, together, real, binding),
        Some(_) | None => 1,
    };
    let whole = if stage.blocked { BLOCK } else { turns };
    let rounded = |length: usize| length.max(1).next_multiple_of(whole);
    let share = extent.div_ceil(RANGES);
    let mut length = rounded(if stage.blocked { share.max(SHORTEST) } else { share });
    if let Some(positions) = NEAR.checked_div(turned) {
        length = length.min(positions.next_multiple_of(BLOCK).clamp(BLOCK, SHORTEST));
    }
    let bytes = reduced_bytes(plan, stage, binding);
    if bytes > 0 {
        let paid = work(stage, binding) / CELL.saturating_mul(bytes as u64 / 8);
        let most = usize::try_from(paid).unwrap_or(RANGES).min(1 + COPIES / bytes).max(1);
        length = length.max(rounded(extent.div_ceil(most)));
    }
    Cut { count: extent.div_ceil(length), length }
}

/// Bytes of the buffers that a stage reduces to.
fn reduced_bytes(plan: &Plan, stage: &Loop, binding: &Binding<'_>) -> usize {
    let buffers = stage.accumulators.iter().filter_map(|accumulator| match accumulator.place {
        Place::Buffer(buffer) => Some(plan.buffer(buffer)),
        Place::Register(_) => None,
    });
    buffers.fold(0, |sum, buffer| sum.saturating_add(reduced(buffer, binding)))
}

/// Bytes of a buffer that is reduced to: cells of eight.
pub(super) fn reduced(buffer: &Buffer, binding: &Binding<'_>) -> usize {
    let lanes = if buffer.block { BLOCK } else { 1 };
    buffer.axes.iter().fold(8 * lanes, |bytes, &axis| bytes.saturating_mul(binding.extent(axis)))
}

/// What a stage costs, very roughly, in tenths of a nanosecond on one thread.
pub(super) fn work(stage: &Loop, binding: &Binding<'_>) -> u64 {
    Cost::of_loop(stage, binding).once / 100
}

/// What statements cost: for every lane of the block that they stand in, and once.
#[derive(Clone, Copy, Default)]
struct Cost {
    lane: u64,
    once: u64,
}

impl Cost {
    /// In picoseconds: a line over lanes, a function there, a call of one for a block, and a line that runs once.
    const LINE: u64 = 25;
    const FUNCTION: u64 = 150;
    const CALL: u64 = 600;
    const SCALAR_LINE: u64 = 400;

    fn of_loop(inner: &Loop, binding: &Binding<'_>) -> Cost {
        let extent = binding.extent(inner.axis) as u64;
        let body = inner.body.iter().fold(Cost::default(), |sum, statement| sum + Cost::of(statement, binding));
        if inner.blocked {
            let blocks = extent.div_ceil(BLOCK as u64);
            let lanes = extent.saturating_mul(body.lane);
            return Cost { lane: 0, once: lanes.saturating_add(blocks.saturating_mul(body.once)) };
        }
        Cost { lane: extent.saturating_mul(body.lane), once: extent.saturating_mul(body.once) }
    }

    fn of(statement: &Statement, binding: &Binding<'_>) -> Cost {
        match statement {
            Statement::Strip(strip) => {
                let lines = (strip.lines.len() + strip.effects.len()) as u64;
                let functions = strip.lines.iter().filter(|line| line.varies && line.instruction.is_function()).count();
                match strip.vector {
                    Some(_) => Cost { lane: lines * Cost::LINE + functions as u64 * Cost::FUNCTION, once: 0 },
                    None => Cost { lane: 0, once: lines * Cost::SCALAR_LINE },
                }
            }
            Statement::Call(_) => Cost { lane: Cost::CALL, once: 0 },
            Statement::Loop(inner) => Cost::of_loop(inner, binding),
            // They stand in no loop.
            Statement::Whole(_) | Statement::Repeat(_) => Cost::default(),
        }
    }
}

impl std::ops::Add for Cost {
    type Output = Cost;
    fn add(self, other: Cost) -> Cost {
        Cost { lane: self.lane.saturating_add(other.lane), once: self.once.saturating_add(other.once) }
    }
}
