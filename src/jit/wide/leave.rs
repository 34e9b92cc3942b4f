//! What is left behind → steps with registers: stores, what is combined with memory, and accumulators.

use super::allocate::Allocator;
use super::body::{Accumulator, Action, Arg, parts_of};
use super::codes::combining;
use super::graph::{Lane, Relation};
use super::lines::Left;
use crate::op::ReduceOp;

impl Allocator<'_> {
    pub(super) fn leave(&mut self, position: usize, part: usize) -> Option<()> {
        let lines = self.lines;
        let left = &lines.left[position];
        let id = parts_of(left)[part];
        match left {
            Left::Store { stream, .. } => {
                let register = self.register(id)?;
                self.store(*stream, part as u8, self.lane(id), register)?;
            }
            Left::Combine { stream, op, lane, .. } => {
                let register = self.register(id)?;
                let old = self.load(*stream, part as u8, *lane)?;
                let two = combining(*op);
                let args = [Some(Arg::Register(register)), Some(Arg::Register(old))];
                let to = self.take(*lane)?;
                self.push(Action::Two(two), *lane, to, args, None);
                if matches!(op, ReduceOp::Min | ReduceOp::Max) && *lane != Lane::I64 {
                    // NaN stays.
                    let mask = self.take(Lane::Mask)?;
                    let own = Some(Arg::Register(register));
                    self.push(Action::Compare(Relation::Unordered, false), *lane, mask, [own, own], None);
                    self.push(Action::Blend, *lane, to, [Some(Arg::Register(to)), own], Some(mask));
                    self.free(Lane::Mask, &[mask]);
                }
                self.store(*stream, part as u8, *lane, to)?;
                self.free(*lane, &[old, to]);
            }
            Left::Reduce { op, lane, under, .. } => {
                let accumulator = self.accumulator(position, part);
                let action = Action::Accumulate { accumulator, op: *op, part: part as u8 };
                if let Some(nan) = self.nan_register(position, part) {
                    let arg = Arg::Register(self.register(id)?);
                    self.push(action, *lane, nan, [Some(arg), None], Some(nan));
                } else if matches!(op, ReduceOp::Min | ReduceOp::Max) {
                    let nan = self.take(Lane::Mask)?;
                    let arg = Arg::Register(self.register(id)?);
                    self.push(action, *lane, nan, [Some(arg), None], Some(nan));
                    self.free(Lane::Mask, &[nan]);
                } else {
                    let mask = match under {
                        Some(mask) => Some(self.register(*mask)?),
                        None => None,
                    };
                    let arg = match op {
                        ReduceOp::Sum => self.operand(id)?,
                        _ => Arg::Register(self.register(id)?),
                    };
                    self.push(action, *lane, 0, [Some(arg), None], mask);
                }
                under.iter().for_each(|&mask| self.release(&[mask]));
            }
        }
        self.release(&[id]);
        Some(())
    }

    /// The register that says where an extreme has seen NaN, if there is one for it.
    fn nan_register(&self, position: usize, part: usize) -> Option<u8> {
        let machine = self.lines.graph.machine;
        let tracks = |position: usize| match &self.lines.left[position] {
            Left::Reduce { effect, op, lane, parts, .. } => {
                let accumulator = Accumulator { effect: *effect, op: *op, lane: *lane };
                if accumulator.tracks_nan(machine) { parts.len() } else { 0 }
            }
            Left::Store { .. } | Left::Combine { .. } => 0,
        };
        let before: usize = (0..position).map(tracks).sum();
        (tracks(position) > 0).then(|| machine.top() - (before + part) as u8)
    }

    /// The number of the accumulator of a part of something left.
    fn accumulator(&self, position: usize, part: usize) -> u32 {
        let before = self.lines.left[..position].iter().map(|left| match left {
            Left::Reduce { parts, .. } => parts.len(),
            _ => 0,
        });
        (before.sum::<usize>() + part) as u32
    }

    fn store(&mut self, stream: u32, part: u8, lane: Lane, register: u8) -> Option<()> {
        let from = Some(Arg::Register(register));
        if self.lines.streams[stream as usize].contiguous {
            self.push(Action::Store { stream, part }, lane, 0, [from, None], None);
        } else {
            // Without masks, lanes are stored one by one.
            let has_masks = self.lines.graph.machine.has_masks();
            let work = if has_masks { [self.take(Lane::F64)?, self.take(Lane::F64)?] } else { [0; 2] };
            self.push(Action::Scatter { stream, part, work }, lane, 0, [from, None], None);
            if has_masks {
                self.free(Lane::F64, &work);
            }
        }
        Some(())
    }
}
