//! A loop of several steps → each step for a few turns before the next one.
//!
//! What a step leaves to a later one lies in an array of scalars or in memory of the turn; see [`Together`].

use std::rc::Rc;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value, types};
use rustc_hash::FxHashMap;

use super::arithmetic::lane_type;
use super::strip::reads;
use super::translate::Translator;
use super::wide::SOON;
use crate::bind::Binding;
use crate::ir::AxisId;
use crate::kernel::{
    Access, BufferId, Coordinate, Effect, Loop, Plan, Statement, Strip, TOGETHER, TensorRef, Together, steps,
};

/// Bytes of all tensors that turns which go together may take: what is read and written is then spread over the time.
const NEAR: usize = 12 << 10;

/// Bytes that two turns may take: what a step has read is then in the second cache for the next one.
const NEAR_ENOUGH: usize = 48 << 10;

/// How many turns of a loop go together, of a loss whose reals have so many bytes.
pub(super) fn turns(plan: &Plan, together: &Together, real: usize, binding: &Binding<'_>) -> usize {
    let bytes = together.tensors.iter().fold(0_usize, |sum, (tensor, axes)| {
        let element = plan.element_bytes(*tensor, real);
        sum.saturating_add(axes.iter().fold(element, |bytes, &axis| bytes.saturating_mul(binding.extent(axis))))
    });
    // Two, so that one can begin while the other one ends. Where no function is computed the turns wait for memory, which
    // is the better for it the more evenly it is read.
    let least = if bytes > NEAR_ENOUGH / 2 { 1 } else { 2 };
    let most = if together.has_functions { NEAR / bytes.max(1) } else { least };
    most.clamp(least, TOGETHER)
}

/// Bytes of the rows of a tensor until the one that is asked for ahead, at most: it is to be in the second cache still
/// when it is read.
const FAR: i64 = 512 << 10;

/// The running turn of a loop whose turns go together.
#[derive(Clone)]
pub(super) struct Turn {
    /// Of which loop.
    axis: AxisId,
    /// How many turns go together.
    turns: Value,
    /// Whether a function is computed in it.
    has_functions: bool,
    /// What it has for itself.
    buffers: Vec<BufferId>,
    /// How far that lies after what the first one has.
    offset: Value,
    /// What several strips read in a turn, and how much the one of them that computes most has to compute.
    readers: Rc<FxHashMap<Access, usize>>,
    /// Of what it has for itself, the results that take its place in a later step.
    replacements: Rc<FxHashMap<BufferId, Access>>,
}

impl Turn {
    /// How far memory lies after what it is for the first turn.
    pub fn offset(&self, buffer: BufferId) -> Option<Value> {
        self.buffers.contains(&buffer).then_some(self.offset)
    }

    /// Whether it computes rather than waits for memory.
    pub fn is_computing(&self) -> bool {
        self.has_functions
    }

    /// Whether a strip asks for what it reads of a later turn: one that computes most, as memory has the most time then.
    pub fn asks(&self, access: &Access, strip: &Strip) -> bool {
        self.readers.get(access).is_some_and(|&most| most == arithmetic(strip))
    }

    /// The result that takes the place of what a strip stores, lane by lane.
    pub fn replacement(&self, stored: &Access) -> Option<&Access> {
        match stored.tensor {
            TensorRef::Buffer(buffer) => self.replacements.get(&buffer),
            TensorRef::Input(_) | TensorRef::Output(_) => None,
        }
    }
}

/// What a loop's turns have for themselves → the result that the strip which reads it writes, lane by lane; each result
/// takes the place of one.
fn replacements(inner: &Loop, buffers: &[BufferId]) -> FxHashMap<BufferId, Access> {
    let mut strips = Vec::new();
    collect(&inner.body, &mut strips);
    let mut replacements: FxHashMap<BufferId, Access> = FxHashMap::default();
    for strip in strips {
        let is_of_lanes = |access: &Access| {
            let is_axis = |at: &Coordinate| matches!(at, Coordinate::Axis(_));
            access.coordinates.iter().all(is_axis)
                && access.coordinates.last().copied() == strip.vector.map(Coordinate::Axis)
        };
        let own =
            reads(strip).into_iter().filter(|access| is_of_lanes(access)).filter_map(|access| match access.tensor {
                TensorRef::Buffer(buffer) if buffers.contains(&buffer) => Some(buffer),
                _ => None,
            });
        let results = strip.effects.iter().filter_map(|effect| match effect {
            Effect::Store(access, _) if matches!(access.tensor, TensorRef::Output(_)) && is_of_lanes(access) => {
                Some(access)
            }
            _ => None,
        });
        for (buffer, result) in own.zip(results) {
            replacements.entry(buffer).or_insert_with(|| result.clone());
        }
    }
    replacements
}

/// What several strips of a loop read, each at the positions of the turn.
fn readers(inner: &Loop) -> FxHashMap<Access, usize> {
    let mut strips = Vec::new();
    collect(&inner.body, &mut strips);
    let is_of_turn = |access: &&Access| access.coordinates.contains(&Coordinate::Axis(inner.axis));
    let mut readers: FxHashMap<Access, Vec<usize>> = FxHashMap::default();
    for strip in strips {
        for access in reads(strip).into_iter().filter(is_of_turn) {
            readers.entry(access.clone()).or_default().push(arithmetic(strip));
        }
    }
    let several = readers.into_iter().filter(|(_, readers)| readers.len() > 1);
    several.filter_map(|(access, readers)| Some((access, readers.into_iter().max()?))).collect()
}

/// The strips over lanes.
fn collect<'s>(statements: &'s [Statement], strips: &mut Vec<&'s Strip>) {
    for statement in statements {
        match statement {
            Statement::Strip(strip) if strip.vector.is_some() => strips.push(strip),
            Statement::Loop(inner) => collect(&inner.body, strips),
            Statement::Strip(_) | Statement::Call(_) | Statement::Whole(_) | Statement::Repeat(_) => {}
        }
    }
}

/// About how many instructions a lane takes.
fn arithmetic(strip: &Strip) -> usize {
    let lines = strip.lines.iter().filter(|line| line.varies);
    lines.map(|line| if line.instruction.is_function() { FUNCTION } else { 1 }).sum()
}

impl Translator<'_, '_> {
    /// Runs a loop from `begin` to `end`.
    pub(super) fn in_turns_together(&mut self, inner: &Loop, together: &Together, begin: Value, end: Value) {
        let cell = self.layout.turns(together);
        let (turns, bytes) = (self.cell(cell, types::I64), self.cell(cell + 1, types::I64));
        let size = (together.registers.len() * TOGETHER * SCALAR).max(SCALAR) as u32;
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, size, 3);
        let slot = self.builder.create_sized_stack_slot(slot);
        let readers = Rc::new(readers(inner));
        let replacements = Rc::new(replacements(inner, &together.buffers));
        self.counted_by(begin, end, turns, |this, start| {
            let behind = this.builder.ins().iadd(start, turns);
            let short = this.builder.ins().icmp(IntCC::SignedLessThan, end, behind);
            let stop = this.builder.ins().select(short, end, behind);
            for (step, used) in steps(&inner.body).zip(&together.steps) {
                this.counted(start, stop, 1, |this, position| {
                    let number = this.builder.ins().isub(position, start);
                    let offset = this.builder.ins().imul(number, bytes);
                    let (axis, buffers) = (inner.axis, together.buffers.clone());
                    let (readers, replacements) = (Rc::clone(&readers), Rc::clone(&replacements));
                    let has_functions = together.has_functions;
                    this.turn = Some(Turn { axis, turns, has_functions, buffers, offset, readers, replacements });
                    let scalars = this.builder.ins().stack_addr(types::I64, slot, 0);
                    let offset = this.builder.ins().imul_imm_s(number, SCALAR as i64);
                    let scalars = this.builder.ins().iadd(scalars, offset);
                    this.load_scalars(together, &used.reads, scalars);
                    this.at_position(inner.axis, position, |this| this.statements(step));
                    this.store_scalars(together, &used.writes, scalars);
                    this.turn = None;
                });
            }
        });
    }

    /// Where the lanes of a later turn begin, as far after those of this one as the turns that go together reach, if that
    /// is not too far.
    pub(super) fn later_row(&mut self, access: &Access, own: Value, bytes: u32) -> Option<Value> {
        let Turn { axis, turns, .. } = *self.turn.as_ref()?;
        let place = access.coordinates.iter().position(|at| *at == Coordinate::Axis(axis))?;
        let stride = self.cell(self.layout.tensor(access.tensor) + 1 + place, types::I64);
        let rows = self.builder.ins().imul(stride, turns);
        let distance = self.builder.ins().imul_imm_s(rows, i64::from(bytes));
        let is_near = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThan, distance, FAR);
        let soon = self.builder.ins().iconst(types::I64, SOON);
        let distance = self.builder.ins().select(is_near, distance, soon);
        Some(self.builder.ins().iadd(own, distance))
    }

    fn load_scalars(&mut self, together: &Together, wanted: &[usize], scalars: Value) {
        for &number in wanted {
            let register = together.registers[number];
            let ty = lane_type(self.plan.register(register).element, types::F64);
            let value = self.builder.ins().load(ty, MemFlagsData::trusted(), scalars, place(number));
            self.set(register, value);
        }
    }

    fn store_scalars(&mut self, together: &Together, wanted: &[usize], scalars: Value) {
        for &number in wanted {
            let value = self.read(together.registers[number]);
            self.builder.ins().store(MemFlagsData::trusted(), value, scalars, place(number));
        }
    }
}

/// About how many instructions a function takes.
const FUNCTION: usize = 15;

/// Bytes of a scalar.
const SCALAR: usize = 8;

/// Where a scalar of the first turn lies.
fn place(number: usize) -> i32 {
    (number * TOGETHER * SCALAR) as i32
}
