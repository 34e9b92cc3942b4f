//! Strips → CLIF.
//!
//! Lines that do not vary are written once, before the loop over the lanes, in double precision. Inside of loops
//! they are numbers of tensors with axes, which another strip may compute over lanes: there every one has
//! the precision of the loss, so that both have the same bits and a maximum is found again where it was. Sums over the
//! lanes start anew in every block.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, Type, Value, types};

use cranelift_frontend::Variable;
use rustc_hash::FxHashSet;

use super::arithmetic;
use super::arithmetic::{combine, lane_type, neutral, resize, zero};
use super::translate::Translator;
use super::wide_strip::{Purpose, Sources};
use crate::ir::AxisId;
use crate::kernel::{Access, Coordinate, Effect, Function, Instruction, Operand, Strip, Target, TensorRef};
use crate::op::{Binary, Element, ReduceOp};

/// An access whose parts that do not vary are computed.
pub(super) struct Address {
    pub ty: Type,
    pub base: Value,
    /// Bytes from lane to lane; none if the access does not vary that way.
    pub step: Option<Value>,
    /// Whether the computed positions that do not vary are inside.
    pub inside: Option<Value>,
    /// The computed positions that vary: line, extent, bytes from element to element.
    pub varying: Vec<(Operand, Value, Value)>,
}

impl Address {
    fn varies(&self) -> bool {
        self.step.is_some() || !self.varying.is_empty()
    }
}

/// What a strip leaves behind, where in memory, and the variable of what a block reduces to one element.
pub(super) type Prepared<'s> = (&'s Effect, Option<Address>, Option<Variable>);

/// The values of the lines of a strip, at one lane.
pub(super) struct Lines {
    pub values: Vec<Option<Value>>,
    real: Type,
}

impl Lines {
    pub fn get(&self, operand: Operand) -> Value {
        self.values[operand.0 as usize]
            .unwrap_or_else(|| unreachable!("operands come first: the verifier has checked it"))
    }
}

impl Translator<'_, '_> {
    /// Code of one strip.
    pub fn strip(&mut self, strip: &Strip) {
        self.strip_or(strip, None);
    }

    /// Code of one strip, as a fast function of vectors or, where it may not be called, a jump to a block that
    /// does without it.
    pub fn strip_or(&mut self, strip: &Strip, otherwise: Option<(Block, Purpose)>) {
        let real = if self.indices.is_empty() { types::F64 } else { self.precision };
        let mut once = Lines { values: vec![None; strip.lines.len()], real };
        for (position, line) in strip.lines.iter().enumerate().filter(|(_, line)| !line.varies) {
            let address = self.line_address(strip, &line.instruction, &once);
            let value = self.line(&line.instruction, line.element, &once, address.as_ref(), None);
            once.values[position] = Some(resize(&mut self.builder, value, real));
        }
        match strip.vector {
            None => self.effects_once(strip, &once),
            Some(_) => self.lanes(strip, once, otherwise),
        }
    }

    fn effects_once(&mut self, strip: &Strip, lines: &Lines) {
        for effect in &strip.effects {
            match effect {
                Effect::Store(access, value) => {
                    let address = self.address(strip, access, lines);
                    self.store(&address, lines.get(*value), lines, None);
                }
                Effect::Set(register, value) => self.set(*register, lines.get(*value)),
                Effect::Accumulate(op, Target::Register(register), value) => {
                    self.accumulate(*op, *register, lines.get(*value));
                }
                Effect::Accumulate(op, Target::Memory(access), value) => {
                    let address = self.address(strip, access, lines);
                    self.accumulate_in_memory(*op, &address, lines.get(*value), lines, None);
                }
            }
        }
    }

    /// The loop over the lanes of the running block.
    fn lanes(&mut self, strip: &Strip, once: Lines, otherwise: Option<(Block, Purpose)>) {
        let Some(length) = self.length else {
            unreachable!("strips over lanes are in blocks: the verifier has checked it")
        };
        let mut lanes = Lines { values: vec![None; strip.lines.len()], real: self.precision };
        for (position, value) in once.values.iter().enumerate() {
            if let Some(value) = value {
                let ty = lane_type(strip.lines[position].element, self.precision);
                lanes.values[position] = Some(resize(&mut self.builder, *value, ty));
            }
        }
        let line_addresses: Vec<Option<Address>> = strip
            .lines
            .iter()
            .map(|line| if line.varies { self.line_address(strip, &line.instruction, &once) } else { None })
            .collect();
        let mut effects = Vec::new();
        for effect in &strip.effects {
            let address = match effect {
                Effect::Store(access, _) | Effect::Accumulate(_, Target::Memory(access), _) => {
                    Some(self.address(strip, access, &once))
                }
                Effect::Set(..) | Effect::Accumulate(..) => None,
            };
            let partial = self.partial(strip, effect, address.as_ref());
            effects.push((effect, address, partial));
        }
        let sources = Sources { strip, once: &once, addresses: &line_addresses, effects: &effects, length };
        if let Some(otherwise) = otherwise {
            self.wide_or(&sources, otherwise);
        } else if !self.wide(&sources) {
            let begin = self.vectors(strip, &lanes, &line_addresses, &effects, length);
            self.counted_tightly(begin, length, 1, |this, lane| {
                for (position, line) in strip.lines.iter().enumerate().filter(|(_, line)| line.varies) {
                    let address = line_addresses[position].as_ref();
                    let value = this.line(&line.instruction, line.element, &lanes, address, Some(lane));
                    lanes.values[position] = Some(value);
                }
                for (effect, address, partial) in &effects {
                    this.lane_effect(effect, address.as_ref(), *partial, &lanes, lane);
                }
            });
        }
        if otherwise.is_none() {
            for access in reads(strip) {
                self.reads.entry(access.clone()).and_modify(|count| *count = count.saturating_sub(1));
            }
        }
        for (effect, address, partial) in &effects {
            let (Some(partial), Effect::Accumulate(op, target, _)) = (partial, effect) else { continue };
            let value = self.builder.use_var(*partial);
            match (target, address) {
                (Target::Register(register), _) => self.accumulate(*op, *register, value),
                (Target::Memory(_), Some(address)) => self.accumulate_in_memory(*op, address, value, &once, None),
                (Target::Memory(_), None) => unreachable!("memory has an address"),
            }
        }
    }

    /// A variable for what a block reduces to one element.
    fn partial(&mut self, strip: &Strip, effect: &Effect, address: Option<&Address>) -> Option<Variable> {
        let Effect::Accumulate(op, _, value) = effect else { return None };
        if address.is_some_and(Address::varies) {
            return None;
        }
        let ty = lane_type(strip.lines[value.0 as usize].element, types::F64);
        let variable = self.builder.declare_var(ty);
        let start = neutral(&mut self.builder, *op, ty);
        self.builder.def_var(variable, start);
        Some(variable)
    }

    fn lane_effect(
        &mut self,
        effect: &Effect,
        address: Option<&Address>,
        partial: Option<Variable>,
        lanes: &Lines,
        lane: Value,
    ) {
        match (effect, address, partial) {
            (Effect::Store(_, value), Some(address), _) => self.store(address, lanes.get(*value), lanes, Some(lane)),
            (Effect::Accumulate(op, _, value), _, Some(partial)) => {
                let so_far = self.builder.use_var(partial);
                let ty = self.builder.func.dfg.value_type(so_far);
                let value = resize(&mut self.builder, lanes.get(*value), ty);
                let whole = combine(&mut self.builder, *op, so_far, value);
                self.builder.def_var(partial, whole);
            }
            (Effect::Accumulate(op, ..), Some(address), None) => {
                let Effect::Accumulate(_, _, value) = effect else { return };
                self.accumulate_in_memory(*op, address, lanes.get(*value), lanes, Some(lane));
            }
            (Effect::Set(register, value), _, _) => self.set(*register, lanes.get(*value)),
            (Effect::Store(..) | Effect::Accumulate(..), None, None) | (Effect::Store(..), None, Some(_)) => {
                unreachable!("memory has an address")
            }
        }
    }

    fn line_address(&mut self, strip: &Strip, instruction: &Instruction, once: &Lines) -> Option<Address> {
        match instruction {
            Instruction::Load(access) => Some(self.address(strip, access, once)),
            _ => None,
        }
    }

    pub(super) fn address(&mut self, strip: &Strip, access: &Access, once: &Lines) -> Address {
        let ty = self.memory_type(access.tensor);
        let bytes = i64::from(ty.bytes());
        let cell = self.layout.tensor(access.tensor);
        let base = self.base(access.tensor);
        let mut address = Address { ty, base, step: None, inside: None, varying: Vec::new() };
        for (place, coordinate) in access.coordinates.iter().enumerate() {
            let stride = self.cell(cell + 1 + place, types::I64);
            let stride = self.builder.ins().imul_imm_s(stride, bytes);
            match coordinate {
                Coordinate::Axis(axis) => {
                    if strip.vector == Some(*axis) {
                        // Of a diagonal the strides of both axes.
                        address.step = Some(match address.step {
                            Some(other) => self.builder.ins().iadd(other, stride),
                            None => stride,
                        });
                    }
                    let position = self.position(*axis);
                    self.advance(&mut address, position, stride);
                }
                Coordinate::Ahead(axis, distance) => {
                    let position = self.position(*axis);
                    let position = self.builder.ins().iadd_imm_s(position, *distance as i64);
                    self.advance(&mut address, position, stride);
                }
                Coordinate::Fixed(position) => {
                    let position = self.builder.ins().iconst(types::I64, *position as i64);
                    self.advance(&mut address, position, stride);
                }
                Coordinate::Computed(line, axis) => {
                    let extent = self.extent(*axis);
                    if strip.lines[line.0 as usize].varies {
                        address.varying.push((*line, extent, stride));
                        continue;
                    }
                    let position = once.get(*line);
                    let inside = self.builder.ins().icmp(IntCC::UnsignedLessThan, position, extent);
                    address.inside = Some(match address.inside {
                        Some(so_far) => self.builder.ins().band(so_far, inside),
                        None => inside,
                    });
                    self.advance(&mut address, position, stride);
                }
            }
        }
        if let TensorRef::Buffer(buffer) = access.tensor
            && self.plan.buffer(buffer).block
        {
            address.step = Some(self.builder.ins().iconst(types::I64, bytes));
        }
        address
    }

    fn advance(&mut self, address: &mut Address, position: Value, stride: Value) {
        let offset = self.builder.ins().imul(position, stride);
        address.base = self.builder.ins().iadd(address.base, offset);
    }

    pub fn position(&self, axis: AxisId) -> Value {
        self.indices
            .get(&axis)
            .copied()
            .unwrap_or_else(|| unreachable!("axes of accesses are open: the verifier has checked it"))
    }

    /// The address at a lane, and whether it is inside. Outside, the address is one that can be read.
    fn locate(&mut self, address: &Address, lines: &Lines, lane: Option<Value>) -> (Value, Option<Value>) {
        let mut at = address.base;
        if let (Some(step), Some(lane)) = (address.step, lane) {
            let offset = self.builder.ins().imul(lane, step);
            at = self.builder.ins().iadd(at, offset);
        }
        let mut inside = address.inside;
        for &(line, extent, stride) in &address.varying {
            let position = lines.get(line);
            let here = self.builder.ins().icmp(IntCC::UnsignedLessThan, position, extent);
            inside = Some(match inside {
                Some(so_far) => self.builder.ins().band(so_far, here),
                None => here,
            });
            let offset = self.builder.ins().imul(position, stride);
            at = self.builder.ins().iadd(at, offset);
        }
        if let Some(inside) = inside {
            at = self.builder.ins().select(inside, at, self.frame);
        }
        (at, inside)
    }

    fn store(&mut self, address: &Address, value: Value, lines: &Lines, lane: Option<Value>) {
        let (at, _) = self.locate(address, lines, lane);
        let value = resize(&mut self.builder, value, address.ty);
        self.builder.ins().store(MemFlagsData::trusted(), value, at, 0);
    }

    fn accumulate_in_memory(
        &mut self,
        op: ReduceOp,
        address: &Address,
        value: Value,
        lines: &Lines,
        lane: Option<Value>,
    ) {
        let (at, _) = self.locate(address, lines, lane);
        let so_far = self.builder.ins().load(address.ty, MemFlagsData::trusted(), at, 0);
        let value = resize(&mut self.builder, value, address.ty);
        let whole = combine(&mut self.builder, op, so_far, value);
        self.builder.ins().store(MemFlagsData::trusted(), whole, at, 0);
    }

    fn load(&mut self, address: &Address, lines: &Lines, lane: Option<Value>) -> Value {
        let (at, inside) = self.locate(address, lines, lane);
        let loaded = self.builder.ins().load(address.ty, MemFlagsData::trusted(), at, 0);
        let loaded = match inside {
            Some(inside) => {
                let outside = zero(&mut self.builder, address.ty);
                self.builder.ins().select(inside, loaded, outside)
            }
            None => loaded,
        };
        resize(&mut self.builder, loaded, lines.real)
    }

    /// One line, at a lane if it varies.
    fn line(
        &mut self,
        instruction: &Instruction,
        element: Element,
        lines: &Lines,
        address: Option<&Address>,
        lane: Option<Value>,
    ) -> Value {
        let real = lines.real;
        match (instruction, address) {
            (Instruction::Load(_), Some(address)) => self.load(address, lines, lane),
            (Instruction::Load(_), None) => unreachable!("a load has an address"),
            (Instruction::Constant(constant), _) => arithmetic::constant(&mut self.builder, real, *constant),
            (Instruction::Parameter(parameter), _) => self.cell(self.layout.parameter(*parameter), types::F64),
            (Instruction::Size(axis), _) => self.extent(*axis),
            (Instruction::Index(axis), _) => {
                let start = self.position(*axis);
                match lane {
                    Some(lane) => self.builder.ins().iadd(start, lane),
                    None => start,
                }
            }
            (Instruction::Register(register), _) => self.read(*register),
            (Instruction::Unary(op, a), _) => {
                let a = lines.get(*a);
                arithmetic::unary(&mut self.builder, *op, a)
                    .unwrap_or_else(|| self.function(Function::Unary(*op), &[a], real))
            }
            (Instruction::Binary(op, a, b), _) => {
                let (a, b) = (lines.get(*a), lines.get(*b));
                let quick = if *op == Binary::Powi { None } else { arithmetic::binary(&mut self.builder, *op, a, b) };
                quick.unwrap_or_else(|| self.function(Function::Binary(*op), &[a, b], real))
            }
            (Instruction::Compare(op, a, b), _) => {
                arithmetic::compare(&mut self.builder, *op, lines.get(*a), lines.get(*b))
            }
            (Instruction::Logic(op, a, b), _) => {
                arithmetic::logic(&mut self.builder, *op, lines.get(*a), lines.get(*b))
            }
            (Instruction::Polygamma(order, a), _) => self.function(Function::Polygamma(*order), &[lines.get(*a)], real),
            (Instruction::Select(condition, yes, no), _) => {
                arithmetic::choose(&mut self.builder, lines.get(*condition), lines.get(*yes), lines.get(*no))
            }
            (Instruction::MulAdd(signs, a, b, c), _) => {
                let operands = [*a, *b, *c].map(|operand| lines.get(operand));
                arithmetic::mul_add(&mut self.builder, *signs, operands)
            }
            (Instruction::Cast(_, a), _) => arithmetic::cast(&mut self.builder, element, real, lines.get(*a)),
        }
    }

    /// A function of single elements, in double precision.
    fn function(&mut self, function: Function, arguments: &[Value], real: Type) -> Value {
        let arguments: Vec<Value> =
            arguments.iter().map(|&value| resize(&mut self.builder, value, types::F64)).collect();
        let result = self.scalar_call(function, &arguments);
        resize(&mut self.builder, result, real)
    }
}

/// What a strip reads, but for what it looks up.
pub(super) fn reads(strip: &Strip) -> FxHashSet<&Access> {
    let is_looked_up = |access: &Access| access.coordinates.iter().any(|at| matches!(at, Coordinate::Computed(..)));
    let loads = strip.lines.iter().filter_map(|line| match &line.instruction {
        Instruction::Load(access) => Some(access),
        _ => None,
    });
    loads.filter(|access| !is_looked_up(access)).collect()
}
