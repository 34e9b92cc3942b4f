//! A step of the first vector → the same step of another one that is computed beside it, in its own registers.

use super::body::{Action, Arg, Step};
use super::graph::{Join, Lane, One};

/// By how far the registers of a vector lie behind those of the first one, which are so many; others are shared.
#[derive(Clone, Copy)]
pub(super) struct Shift {
    /// Registers of a vector.
    pub vectors: u8,
    pub masks: u8,
    /// Whether masks are in registers of their own.
    pub has_masks: bool,
    /// Which vector.
    pub number: u8,
}

impl Shift {
    fn vector(self, register: u8) -> u8 {
        register + if register < self.vectors { self.number * self.vectors } else { 0 }
    }

    /// The first mask is none, if they have registers of their own.
    fn mask(self, register: u8) -> u8 {
        match (self.has_masks, register) {
            (false, _) => self.vector(register),
            (true, 0) => 0,
            (true, _) => register + self.number * self.masks,
        }
    }

    pub fn step(self, step: &Step) -> Step {
        let vector = |register| self.vector(register);
        let action = match step.action {
            Action::Join(join, work) => Action::Join(join, vector(work)),
            Action::Gather(one, other) => Action::Gather(vector(one), vector(other)),
            Action::Scatter { stream, part, work } => Action::Scatter { stream, part, work: work.map(vector) },
            other => other,
        };
        // Masks of comparisons have the lane of what is compared.
        let makes_mask = match step.action {
            Action::Compare(..) | Action::Accumulate { .. } => true,
            Action::One(One::Not | One::LowMask | One::HighMask) | Action::Join(Join::Masks, _) => true,
            _ => step.lane == Lane::Mask,
        };
        let reads_masks = step.lane == Lane::Mask || matches!(step.action, Action::Join(Join::Masks, _));
        let arg = |arg: Arg| match arg {
            Arg::Register(register) if reads_masks => Arg::Register(self.mask(register)),
            Arg::Register(register) => Arg::Register(vector(register)),
            other => other,
        };
        let to = if makes_mask { self.mask(step.to) } else { vector(step.to) };
        let args = step.args.map(|own| own.map(arg));
        Step { action, lane: step.lane, to, args, mask: step.mask.map(|mask| self.mask(mask)) }
    }
}
