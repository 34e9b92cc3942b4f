//! A loop over strips of a block → the loop with several turns at a time.
//!
//! The turns of such a loop read and write what lies far apart, and what they have in common with the turns before: what
//! they reduce to, lane by lane, and what does not vary along the axis of the loop. A strip that does the work of several
//! turns has that in registers.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::translate::Translator;
use super::wide_strip::Purpose;
use crate::ir::{AxisId, Constant};
use crate::kernel::{
    Access, BufferKind, Coordinate, Effect, Instruction, Line, Loop, Operand, Plan, Statement, Strip, Target, TensorRef,
};
use crate::op::{Binary, Element};

/// How many turns at a time: what they have in common is loaded and stored once for so many, and the addresses of what
/// they have not just fit in registers.
const TURNS: i64 = 4;

/// The lines of a strip that are worth it: of longer ones the arithmetic takes the time, and compiling it too.
const LONGEST: usize = 40;

impl Translator<'_, '_> {
    /// The only strip of a loop within a block, and one that does several turns.
    pub(super) fn several_turns<'l>(&self, inner: &'l Loop) -> Option<(&'l Strip, Strip)> {
        let [Statement::Strip(strip)] = inner.body.as_slice() else { return None };
        let is_over_lanes = !inner.blocked && self.vector.is_some() && strip.vector == self.vector;
        if self.machine.is_none() || !is_over_lanes || strip.lines.len() > LONGEST {
            return None;
        }
        let several = Maker::new(self.plan, strip, inner.axis, self.precision == types::F64).several(TURNS as u64)?;
        Some((strip, several))
    }

    /// Runs the loop: several turns at once where there are so many and their function may be called.
    pub(super) fn in_several_turns(&mut self, axis: AxisId, strip: &Strip, several: &Strip, begin: Value, end: Value) {
        self.counted(begin, end, TURNS, |this, at| {
            let behind = this.builder.ins().iadd_imm_s(at, TURNS);
            let enough = this.builder.ins().icmp(IntCC::SignedLessThanOrEqual, behind, end);
            let [many, one, after] = [(); 3].map(|()| this.builder.create_block());
            this.builder.ins().brif(enough, many, &[], one, &[]);
            this.builder.switch_to_block(many);
            this.builder.seal_block(many);
            this.at_position(axis, at, |this| this.strip_or(several, Some((one, Purpose::Turns))));
            this.builder.ins().jump(after, &[]);
            this.builder.switch_to_block(one);
            this.builder.seal_block(one);
            let stop = this.builder.ins().select(enough, behind, end);
            this.counted(at, stop, 1, |this, turn| this.at_position(axis, turn, |this| this.strip(strip)));
            this.builder.ins().jump(after, &[]);
            this.builder.switch_to_block(after);
            this.builder.seal_block(after);
        });
    }
}

/// What the first of several turns accesses there.
pub(super) fn first(access: &Access) -> Access {
    let coordinate = |at: &Coordinate| match at {
        Coordinate::Ahead(axis, _) => Coordinate::Axis(*axis),
        other => *other,
    };
    Access { tensor: access.tensor, coordinates: access.coordinates.iter().map(coordinate).collect() }
}

/// Writes the turns of a strip one after the other.
struct Maker<'a> {
    plan: &'a Plan,
    strip: &'a Strip,
    axis: AxisId,
    double: bool,
    made: Strip,
    /// Where the lines of the strip are in what is made, in this turn.
    lines: Vec<Operand>,
    /// For effects on what all turns have in common: what they come to so far.
    so_far: Vec<Option<Operand>>,
}

impl<'a> Maker<'a> {
    fn new(plan: &'a Plan, strip: &'a Strip, axis: AxisId, double: bool) -> Maker<'a> {
        let made = Strip { vector: strip.vector, ..Strip::default() };
        Maker { plan, strip, axis, double, made, lines: Vec::new(), so_far: vec![None; strip.effects.len()] }
    }

    /// Nothing if turns may read what others write, or if what they leave behind is not of the kinds below.
    fn several(mut self, turns: u64) -> Option<Strip> {
        if !self.strip.effects.iter().all(|effect| self.is_own(effect)) {
            return None;
        }
        let turning = self.turning();
        for turn in 0..turns {
            for (position, line) in self.strip.lines.iter().enumerate() {
                if turn == 0 {
                    let made = self.line(line, turn);
                    self.lines.push(made);
                } else if turning[position] {
                    self.lines[position] = self.line(line, turn);
                }
            }
            for (position, effect) in self.strip.effects.iter().enumerate() {
                self.effect(position, effect, turn)?;
            }
        }
        for (effect, so_far) in self.strip.effects.iter().zip(std::mem::take(&mut self.so_far)) {
            if let (Effect::Accumulate(_, Target::Memory(access), _), Some(whole)) = (effect, so_far) {
                self.made.effects.push(Effect::Store(access.clone(), whole));
            }
        }
        Some(self.made)
    }

    /// Whether what is written is either that of the turn, and read there only, or not read by the strip.
    fn is_own(&self, effect: &Effect) -> bool {
        let (Effect::Store(written, _) | Effect::Accumulate(_, Target::Memory(written), _)) = effect else {
            return matches!(effect, Effect::Accumulate(..));
        };
        let is_stored = matches!(effect, Effect::Store(..));
        let turns = self.turns(written);
        (turns || !is_stored)
            && self.strip.lines.iter().all(|line| match &line.instruction {
                Instruction::Load(read) => read.tensor != written.tensor || (is_stored && read == written),
                _ => true,
            })
    }

    /// Whether an access goes on with the turns.
    fn turns(&self, access: &Access) -> bool {
        access.coordinates.contains(&Coordinate::Axis(self.axis))
    }

    /// Which lines differ from turn to turn.
    fn turning(&self) -> Vec<bool> {
        let mut turning: Vec<bool> = Vec::new();
        for line in &self.strip.lines {
            let own = match &line.instruction {
                Instruction::Index(axis) => *axis == self.axis,
                Instruction::Load(access) => {
                    self.turns(access)
                        || access
                            .coordinates
                            .iter()
                            .any(|at| matches!(at, Coordinate::Computed(operand, _) if turning[operand.0 as usize]))
                }
                instruction => instruction.operands().iter().any(|operand| turning[operand.0 as usize]),
            };
            turning.push(own);
        }
        turning
    }

    fn push(&mut self, instruction: Instruction, element: Element, varies: bool) -> Operand {
        self.made.lines.push(Line { instruction, element, varies });
        Operand(self.made.lines.len() as u32 - 1)
    }

    /// A line of the strip in a turn.
    fn line(&mut self, line: &Line, turn: u64) -> Operand {
        let instruction = match &line.instruction {
            Instruction::Index(axis) if *axis == self.axis && turn > 0 => {
                let first = self.push(line.instruction.clone(), Element::Int, line.varies);
                let distance = self.push(Instruction::Constant(Constant::Int(turn as i64)), Element::Int, false);
                Instruction::Binary(Binary::Add, first, distance)
            }
            Instruction::Load(access) => Instruction::Load(self.access(access, turn)),
            instruction => instruction.with_operands(|operand| self.lines[operand.0 as usize]),
        };
        self.push(instruction, line.element, line.varies)
    }

    fn access(&self, access: &Access, turn: u64) -> Access {
        let coordinate = |at: &Coordinate| match at {
            Coordinate::Axis(axis) if *axis == self.axis && turn > 0 => Coordinate::Ahead(*axis, turn),
            Coordinate::Computed(operand, axis) => Coordinate::Computed(self.lines[operand.0 as usize], *axis),
            other => *other,
        };
        Access { tensor: access.tensor, coordinates: access.coordinates.iter().map(coordinate).collect() }
    }

    /// What a turn leaves behind; nothing if the turns have it in common in a way that cannot be had in registers.
    fn effect(&mut self, position: usize, effect: &Effect, turn: u64) -> Option<()> {
        let made = match effect {
            Effect::Store(access, value) => Effect::Store(self.access(access, turn), self.lines[value.0 as usize]),
            Effect::Accumulate(op, Target::Memory(access), value) => {
                let value = self.lines[value.0 as usize];
                if !self.turns(access) && self.is_of_lanes(access) {
                    if !self.is_in_precision(access) {
                        return None;
                    }
                    let so_far = self.so_far[position]
                        .unwrap_or_else(|| self.push(Instruction::Load(access.clone()), Element::Real, true));
                    let whole = self.push(Instruction::Binary(op.combining(), so_far, value), Element::Real, true);
                    self.so_far[position] = Some(whole);
                    return Some(());
                }
                Effect::Accumulate(*op, Target::Memory(self.access(access, turn)), value)
            }
            Effect::Accumulate(op, target @ Target::Register(_), value) => {
                Effect::Accumulate(*op, target.clone(), self.lines[value.0 as usize])
            }
            Effect::Set(..) => return None,
        };
        self.made.effects.push(made);
        Some(())
    }

    /// Whether an access goes on from lane to lane.
    fn is_of_lanes(&self, access: &Access) -> bool {
        let is_block = matches!(access.tensor, TensorRef::Buffer(buffer) if self.plan.buffer(buffer).block);
        is_block || self.strip.vector.is_some_and(|axis| access.coordinates.contains(&Coordinate::Axis(axis)))
    }

    /// Whether memory has what a register has: reals in the precision of the loss.
    fn is_in_precision(&self, access: &Access) -> bool {
        match access.tensor {
            TensorRef::Buffer(buffer) => {
                let data = self.plan.buffer(buffer);
                data.element == Element::Real && (self.double || data.kind != BufferKind::Accumulator)
            }
            TensorRef::Input(_) | TensorRef::Output(_) => false,
        }
    }
}
