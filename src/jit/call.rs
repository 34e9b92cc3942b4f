//! The border: a binding and memory for the results → calls of the machine code.
//!
//! What the code relies on, and what this file therefore ensures: every address in the frame points to
//! memory that lives for the whole call and holds all elements that the extents and strides name (`fits`
//! checks the inputs against their views; outputs and buffers are sized here); nothing that
//! is written is shared; labels may have any value (the code checks every computed position).

use super::frame::Layout;
use super::module::{Compiled, Precision, Stage};
use super::outputs::{Outputs, SliceMut};
use super::whole::{self, Dimension, Strided};
use crate::bind::{Binding, InputBinding};
use crate::ir::AxisId;
use crate::kernel::{
    Accumulator, BLOCK, Buffer, BufferId, BufferKind, Loop, LoopVariable, Place, Plan, Statement, TensorRef, WholeCall,
};
use crate::op::{Element, ReduceOp};
use crate::tensor::{DType, Slice};

/// A translated stage: frame, begin, end, partial results, memory of the range.
#[derive(Clone, Copy, Debug)]
pub(super) struct StageFunction(extern "C" fn(*mut u64, i64, i64, *mut u64, *mut u8));

impl StageFunction {
    /// The function at an address that `Translator` made with its `signature`.
    pub fn new(address: *const u8) -> Self {
        // SAFETY: the address is that of a finished function with this signature and calling convention.
        StageFunction(unsafe {
            std::mem::transmute::<*const u8, extern "C" fn(*mut u64, i64, i64, *mut u64, *mut u8)>(address)
        })
    }
}

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Not as many parameters as the program has.
    #[error("{given} parameters instead of {wanted}")]
    Parameters {
        /// Given.
        given: usize,
        /// Of the program.
        wanted: usize,
    },
    /// The caller's memory for an output has another size or type.
    #[error("the memory for output {output} has {given} elements of {given_type} instead of {wanted} of {wanted_type}")]
    Target {
        /// Which output.
        output: usize,
        /// Elements given.
        given: usize,
        /// Their type.
        given_type: &'static str,
        /// Elements of the output.
        wanted: usize,
        /// Their type.
        wanted_type: &'static str,
    },
    /// The binding was made for another program.
    #[error("the inputs were bound for another program")]
    Foreign,
    /// The intermediate results do not fit into the address space.
    #[error("the intermediate results are too large for this machine's memory")]
    TooLarge,
}

impl Compiled {
    /// Runs the program. Parameters by `ParameterId`.
    ///
    /// # Errors
    /// If the parameters are not as many as the program's, or memory runs out.
    pub fn call(&self, binding: &Binding<'_>, parameters: &[f64], outputs: &mut Outputs) -> Result<(), CallError> {
        self.call_into(binding, parameters, outputs, &mut [])
    }

    /// Runs the program, writing some of the outputs with axes into memory of the caller.
    ///
    /// # Errors
    /// As [`Compiled::call`], and if the memory does not fit the output.
    pub fn call_into(
        &self,
        binding: &Binding<'_>,
        parameters: &[f64],
        outputs: &mut Outputs,
        targets: &mut [(usize, SliceMut<'_>)],
    ) -> Result<(), CallError> {
        let plan = &self.inner.plan;
        if parameters.len() != plan.parameters.len() {
            return Err(CallError::Parameters { given: parameters.len(), wanted: plan.parameters.len() });
        }
        if !self.fits(binding) {
            return Err(CallError::Foreign);
        }
        let mut frame = std::mem::take(&mut outputs.frame);
        frame.clear();
        frame.resize(self.inner.layout.cells(), 0);
        let mut call = Call { plan, layout: &self.inner.layout, precision: self.inner.precision, binding, frame };
        call.fill_scalars(parameters);
        call.place_outputs(outputs, targets)?;
        let local = call.place_memory(outputs)?;
        let mut partials = std::mem::take(&mut outputs.partials);
        call.stages(&self.inner.stages, &plan.statements, &mut partials, local);
        outputs.partials = partials;
        outputs.frame = call.frame;
        Ok(())
    }
}

impl Compiled {
    /// Whether every element that the code will read by this binding lies in the memory of its view. A binding
    /// of the same program always fits; that of another one may not, and must not reach the code.
    fn fits(&self, binding: &Binding<'_>) -> bool {
        let plan = &self.inner.plan;
        if binding.inputs().len() != plan.inputs.len() || binding.axes() != plan.axes.len() {
            return false;
        }
        plan.inputs.iter().zip(binding.inputs()).all(|(declared, bound)| {
            let mut extents = declared.axes.iter().map(|&axis| binding.extent(axis));
            if extents.clone().try_fold(1_usize, usize::checked_mul) != Some(bound.view.count()) {
                return false;
            }
            let Some(strides) = &bound.strides else { return true };
            if bound.view.count() == 0 {
                return true;
            }
            let offset = bound.view.offset() as i128;
            let (mut lowest, mut highest) = (offset, offset);
            for &stride in strides {
                let Some(extent) = extents.next() else { return false };
                let reach = (extent as i128 - 1) * stride as i128;
                lowest += reach.min(0);
                highest += reach.max(0);
            }
            extents.next().is_none() && lowest >= 0 && highest < bound.view.data().len() as i128
        })
    }
}

/// One call under preparation.
struct Call<'a> {
    plan: &'a Plan,
    layout: &'a Layout,
    precision: Precision,
    binding: &'a Binding<'a>,
    frame: Vec<u64>,
}

/// How many ranges a stage is cut into at most.
const RANGES: usize = 64;

/// The shortest range of a blocked stage.
const SHORTEST: usize = 16 * BLOCK;

impl Call<'_> {
    fn fill_scalars(&mut self, parameters: &[f64]) {
        for axis in 0..self.plan.axes.len() {
            let axis = AxisId(axis as u32);
            self.frame[self.layout.extent(axis)] = self.binding.extent(axis) as u64;
        }
        for (position, value) in parameters.iter().enumerate() {
            self.frame[self.layout.parameter(position as u32)] = value.to_bits();
        }
    }

    fn count(&self, axes: &[AxisId]) -> Result<usize, CallError> {
        let mut extents = axes.iter().map(|&axis| self.binding.extent(axis));
        extents.try_fold(1_usize, usize::checked_mul).ok_or(CallError::TooLarge)
    }

    /// Address and row-major strides of a tensor.
    fn place(&mut self, tensor: TensorRef, address: u64, axes: &[AxisId], last: usize) {
        let cell = self.layout.tensor(tensor);
        self.frame[cell] = address;
        let mut stride = last;
        for (position, &axis) in axes.iter().enumerate().rev() {
            self.frame[cell + 1 + position] = stride as u64;
            stride = stride.saturating_mul(self.binding.extent(axis));
        }
    }

    fn place_outputs(&mut self, outputs: &mut Outputs, targets: &mut [(usize, SliceMut<'_>)]) -> Result<(), CallError> {
        let plan = self.plan;
        let count = plan.outputs.len();
        outputs.scalars.clear();
        outputs.scalars.resize(count, 0.0);
        outputs.is_scalar.clear();
        outputs.is_scalar.extend(plan.outputs.iter().map(|output| output.axes.is_empty()));
        outputs.singles.resize_with(count, Vec::new);
        outputs.doubles.resize_with(count, Vec::new);
        for (position, output) in plan.outputs.iter().enumerate() {
            let tensor = TensorRef::Output(position as u32);
            let elements = self.count(&output.axes)?;
            let given = targets.iter_mut().find(|(output, _)| *output == position);
            let address = if output.axes.is_empty() {
                outputs.scalars[position..].as_mut_ptr() as u64
            } else if let Some((_, target)) = given {
                self.target(position, target, elements)?
            } else if self.precision == Precision::F32 {
                outputs.singles[position].resize(elements, 0.0);
                outputs.singles[position].as_mut_ptr() as u64
            } else {
                outputs.doubles[position].resize(elements, 0.0);
                outputs.doubles[position].as_mut_ptr() as u64
            };
            self.place(tensor, address, &output.axes, 1);
        }
        Ok(())
    }

    fn target(&self, output: usize, target: &mut SliceMut<'_>, wanted: usize) -> Result<u64, CallError> {
        let wanted_type = if self.precision == Precision::F32 { "f32" } else { "f64" };
        let (given, given_type, address) = match target {
            SliceMut::F32(memory) => (memory.len(), "f32", memory.as_mut_ptr() as u64),
            SliceMut::F64(memory) => (memory.len(), "f64", memory.as_mut_ptr() as u64),
        };
        if given != wanted || given_type != wanted_type {
            return Err(CallError::Target { output, given, given_type, wanted, wanted_type });
        }
        Ok(address)
    }

    fn buffer_bytes(&self, buffer: &Buffer) -> Result<usize, CallError> {
        let lanes = if buffer.block { BLOCK } else { 1 };
        let element = match (buffer.element, buffer.kind) {
            (Element::Real, BufferKind::Accumulator) | (Element::Int, _) => 8,
            (Element::Real, BufferKind::Kept | BufferKind::Scratch) => self.precision.bytes(),
            (Element::Bool, _) => 1,
        };
        self.count(&buffer.axes)?.checked_mul(lanes * element).ok_or(CallError::TooLarge)
    }

    /// Lays out buffers, converted inputs and the memory of a range, and returns where the last begins.
    fn place_memory(&mut self, outputs: &mut Outputs) -> Result<*mut u8, CallError> {
        let plan = self.plan;
        let mut shared = Room::default();
        let mut local = Room::default();
        let mut offsets = Vec::with_capacity(plan.buffers.len());
        for buffer in &plan.buffers {
            let room = if buffer.local { &mut local } else { &mut shared };
            offsets.push(room.take(self.buffer_bytes(buffer)?)?);
        }
        let mut copies = Vec::new();
        for (position, input) in self.binding.inputs().iter().enumerate() {
            let element = plan.inputs[position].element;
            if self.is_direct(element, input) {
                continue;
            }
            let bytes = if element == Element::Real { self.precision.bytes() } else { 8 };
            let bytes = input.view.count().checked_mul(bytes).ok_or(CallError::TooLarge)?;
            copies.push((position, shared.take(bytes)?));
        }
        let start = shared.take(0)?;
        let cells = start.checked_add(local.bytes).ok_or(CallError::TooLarge)?.div_ceil(8);
        if outputs.memory.len() < cells {
            let more = cells - outputs.memory.len();
            outputs.memory.try_reserve_exact(more).map_err(|_| CallError::TooLarge)?;
            outputs.memory.resize(cells, 0);
        }
        let base = outputs.memory.as_mut_ptr().cast::<u8>();
        for (position, buffer) in plan.buffers.iter().enumerate() {
            let address = if buffer.local { offsets[position] as u64 } else { base as u64 + offsets[position] as u64 };
            let lanes = if buffer.block { BLOCK } else { 1 };
            self.place(TensorRef::Buffer(BufferId(position as u32)), address, &buffer.axes, lanes);
        }
        for (position, input) in self.binding.inputs().iter().enumerate() {
            let tensor = TensorRef::Input(position as u32);
            match copies.iter().find(|(input, _)| *input == position) {
                Some(&(_, offset)) => {
                    self.convert(plan.inputs[position].element, input, &mut outputs.memory[offset / 8..]);
                    self.place(tensor, base as u64 + offset as u64, &plan.inputs[position].axes, 1);
                }
                None => self.place_direct(tensor, input),
            }
        }
        // SAFETY: `start` is within the memory, or one past its end if there are no local buffers.
        Ok(unsafe { base.add(start) })
    }

    /// Whether the kernel can read the caller's memory.
    fn is_direct(&self, element: Element, input: &InputBinding<'_>) -> bool {
        let dtype = match (element, self.precision) {
            (Element::Real, Precision::F32) => DType::F32,
            (Element::Real, Precision::F64) => DType::F64,
            (Element::Int | Element::Bool, _) => DType::I64,
        };
        input.strides.is_some() && input.view.dtype() == dtype
    }

    fn place_direct(&mut self, tensor: TensorRef, input: &InputBinding<'_>) {
        let offset = input.view.offset();
        let address = match input.view.data() {
            Slice::F32(data) => data.as_ptr().wrapping_add(offset) as u64,
            Slice::F64(data) => data.as_ptr().wrapping_add(offset) as u64,
            Slice::I64(data) => data.as_ptr().wrapping_add(offset) as u64,
            _ => unreachable!("other types are converted"),
        };
        let cell = self.layout.tensor(tensor);
        self.frame[cell] = address;
        for (position, &stride) in input.strides.iter().flatten().enumerate() {
            self.frame[cell + 1 + position] = stride as i64 as u64;
        }
    }

    /// Copies an input into row-major order and the kernel's type.
    fn convert(&self, element: Element, input: &InputBinding<'_>, memory: &mut [u64]) {
        let data = input.view.data();
        let wide = element != Element::Real || self.precision == Precision::F64;
        for (place, position) in input.view.positions().enumerate() {
            if wide {
                memory[place] =
                    if element == Element::Real { data.real(position).to_bits() } else { data.int(position) as u64 };
                continue;
            }
            let bits = u64::from((data.real(position) as f32).to_bits());
            let (cell, half) = (place / 2, (place % 2) * 32);
            // Singles lie two to a cell, in the order of the machine's bytes.
            let half = if cfg!(target_endian = "big") { 32 - half } else { half };
            memory[cell] = (memory[cell] & !(0xffff_ffff << half)) | (bits << half);
        }
    }

    fn stages(&mut self, stages: &[Stage], statements: &[Statement], partials: &mut Vec<u64>, local: *mut u8) {
        for stage in stages {
            match stage {
                Stage::Straight(function) => {
                    (function.0)(self.frame.as_mut_ptr(), 0, 0, std::ptr::null_mut(), local);
                }
                Stage::Ranges(function, statement) => {
                    if let Statement::Loop(inner) = &statements[*statement] {
                        self.run(*function, inner, partials, local);
                    }
                }
                Stage::Whole(statement) => {
                    if let Statement::Whole(whole) = &statements[*statement] {
                        self.whole(whole);
                    }
                }
                Stage::Repeat(statement, body) => {
                    if let Statement::Repeat(repeat) = &statements[*statement] {
                        for turn in 0..repeat.turns {
                            repeat.variables.iter().for_each(|variable| self.turn(variable, turn));
                            self.stages(body, &repeat.body, partials, local);
                        }
                    }
                }
            }
        }
    }

    /// Makes what a turn has written what the next one reads, and keeps it where it is asked for.
    fn turn(&mut self, variable: &LoopVariable, turn: u64) {
        let cell = |buffer| self.layout.tensor(TensorRef::Buffer(buffer));
        self.frame.swap(cell(variable.current), cell(variable.next));
        let bytes = self.buffer_bytes(self.plan.buffer(variable.current));
        let bytes = bytes.unwrap_or_else(|_| unreachable!("it was placed"));
        let from = self.frame[cell(variable.current)] as *const u8;
        for &trace in &variable.traces {
            let to = (self.frame[cell(trace)] as *mut u8).wrapping_add(turn as usize * bytes);
            // SAFETY: `place_memory` has placed both; the trace has the variable's elements once for every turn.
            unsafe { std::ptr::copy_nonoverlapping(from, to, bytes) };
        }
    }

    /// Runs a stage over its ranges, whose number depends on nothing but the extent, and combines what
    /// they reduce in their order.
    fn run(&mut self, function: StageFunction, stage: &Loop, partials: &mut Vec<u64>, local: *mut u8) {
        let extent = self.binding.extent(stage.axis);
        let share = extent.div_ceil(RANGES);
        let length = if stage.blocked { share.max(SHORTEST).next_multiple_of(BLOCK) } else { share.max(1) };
        partials.clear();
        partials.resize(stage.accumulators.len(), 0);
        for (cell, accumulator) in stage.accumulators.iter().enumerate() {
            match accumulator.place {
                Place::Register(register) => {
                    self.frame[self.layout.register(register)] = neutral(accumulator);
                }
                Place::Buffer(buffer) => partials[cell] = self.fill(buffer, accumulator),
            }
        }
        let mut begin = 0;
        while begin < extent {
            let end = (begin + length).min(extent);
            (function.0)(self.frame.as_mut_ptr(), begin as i64, end as i64, partials.as_mut_ptr(), local);
            for (cell, accumulator) in stage.accumulators.iter().enumerate() {
                if let Place::Register(register) = accumulator.place {
                    let so_far = self.frame[self.layout.register(register)];
                    self.frame[self.layout.register(register)] = combine(accumulator, so_far, partials[cell]);
                }
            }
            begin = end;
        }
    }

    /// Runs a whole operation on the tensors of the frame.
    fn whole(&self, call: &WholeCall) {
        let operands: Vec<Strided> =
            call.operands.iter().map(|operand| self.strided(operand.tensor, &operand.axes, operand.element)).collect();
        let result = self.plan.buffer(call.result);
        let result = self.strided(TensorRef::Buffer(call.result), &result.axes, result.element);
        whole::run(&call.op, self.precision, &operands, &result);
    }

    /// A tensor of the frame. Its extents are those of its own axes, whatever they are called.
    fn strided(&self, tensor: TensorRef, names: &[AxisId], element: Element) -> Strided {
        let cell = self.layout.tensor(tensor);
        let dimension = |(position, (&axis, &own)): (usize, (&AxisId, &AxisId))| Dimension {
            axis,
            extent: self.binding.extent(own),
            stride: self.frame[cell + 1 + position] as i64 as isize,
        };
        let dimensions = names.iter().zip(self.plan.axes_of(tensor)).enumerate().map(dimension).collect();
        Strided { address: self.frame[cell] as *mut u8, element, dimensions }
    }

    /// Sets a buffer to the neutral element and returns its address.
    fn fill(&self, buffer: BufferId, accumulator: &Accumulator) -> u64 {
        let address = self.frame[self.layout.tensor(TensorRef::Buffer(buffer))];
        let bytes = self.buffer_bytes(self.plan.buffer(buffer)).unwrap_or_else(|_| unreachable!("it was placed"));
        // SAFETY: `place_memory` has placed the buffer, of 8-byte elements, at an 8-byte boundary.
        let cells = unsafe { std::slice::from_raw_parts_mut(address as *mut u64, bytes / 8) };
        cells.fill(neutral(accumulator));
        address
    }
}

/// Memory that is handed out piece by piece.
#[derive(Default)]
struct Room {
    bytes: usize,
}

impl Room {
    fn take(&mut self, bytes: usize) -> Result<usize, CallError> {
        let start = self.bytes;
        let rounded = bytes.checked_next_multiple_of(64).ok_or(CallError::TooLarge)?;
        self.bytes = start.checked_add(rounded).ok_or(CallError::TooLarge)?;
        Ok(start)
    }
}

fn neutral(accumulator: &Accumulator) -> u64 {
    let (real, int) = match accumulator.op {
        ReduceOp::Sum => (0.0, 0),
        ReduceOp::Prod => (1.0, 1),
        ReduceOp::Min => (f64::INFINITY, i64::MAX),
        ReduceOp::Max => (f64::NEG_INFINITY, i64::MIN),
    };
    if accumulator.element == Element::Real { real.to_bits() } else { int as u64 }
}

fn combine(accumulator: &Accumulator, a: u64, b: u64) -> u64 {
    if accumulator.element != Element::Real {
        let (a, b) = (a as i64, b as i64);
        let whole = match accumulator.op {
            ReduceOp::Sum => a.wrapping_add(b),
            ReduceOp::Prod => a.wrapping_mul(b),
            ReduceOp::Min => a.min(b),
            ReduceOp::Max => a.max(b),
        };
        return whole as u64;
    }
    let (a, b) = (f64::from_bits(a), f64::from_bits(b));
    let whole = match accumulator.op {
        ReduceOp::Sum => a + b,
        ReduceOp::Prod => a * b,
        ReduceOp::Min => crate::numeric::minimum(a, b),
        ReduceOp::Max => crate::numeric::maximum(a, b),
    };
    whole.to_bits()
}
