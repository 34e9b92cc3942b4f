//! The border: a binding and memory for the results → calls of the machine code.
//!
//! What the code relies on, and what this file therefore ensures: every address in the frame points to
//! memory that lives for the whole call and holds all elements that the extents and strides name (`fits`
//! checks the inputs against their views; outputs and buffers are sized here); nothing that
//! is written is shared; labels may have any value (the code checks every computed position). What then happens stage
//! by stage is in `run`.

use smallvec::SmallVec;

use super::caches::past_caches;
use super::frame::Layout;
use super::module::{Compiled, Precision};
use super::outputs::Outputs;
use super::pages::{comes_as_pages, room, zeros};
use super::ranges;
use super::run;
use super::share::Threads;
use super::together;
use super::whole::Scratch;
use crate::bind::{Binding, InputBinding};
use crate::ir::AxisId;
use crate::kernel::{
    BLOCK, Buffer, BufferId, BufferKind, Loop, Place, Plan, Statement, TensorRef, Together, for_each_loop,
};
use crate::op::Element;
use crate::tensor::{DType, Slice, SliceMut};

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
    /// The results, or intermediate ones, do not fit into the memory.
    #[error("the results, or intermediate ones, are too large for this machine's memory")]
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
        let mut call = Call {
            plan,
            layout: &self.inner.layout,
            precision: self.inner.precision,
            binding,
            threads: outputs.threads,
            frame,
            partials: std::mem::take(&mut outputs.partials),
            scratch: std::mem::take(&mut outputs.scratch),
        };
        call.fill_scalars(parameters);
        let is_fresh = call.place_outputs(outputs, targets)?;
        call.choose_caches(is_fresh)?;
        let memory = call.place_memory(outputs)?;
        run::within(memory.shared > 1, &mut || call.stages(&self.inner.stages, &plan.statements, &memory));
        call.fill(outputs, targets)?;
        outputs.partials = call.partials;
        outputs.scratch = call.scratch;
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
pub(super) struct Call<'a, 'b> {
    pub plan: &'a Plan,
    pub layout: &'a Layout,
    pub precision: Precision,
    pub binding: &'a Binding<'b>,
    pub threads: Threads,
    pub frame: Vec<u64>,
    /// For every range of the running stage a cell an accumulator.
    pub partials: Vec<u64>,
    /// For whole operations.
    pub scratch: Scratch,
}

/// The memory in which the stages of a call work, beside the buffers of the whole call.
pub(super) struct WorkingMemory {
    /// Further copies of the buffers that a stage reduces to, for its ranges.
    pub copies: *mut u8,
    /// The local memory of the first thread.
    pub local: *mut u8,
    /// How far after it that of the next one begins.
    pub local_bytes: usize,
    /// How often pieces are shared among threads.
    pub shared: usize,
}

impl Call<'_, '_> {
    fn fill_scalars(&mut self, parameters: &[f64]) {
        for axis in 0..self.plan.axes.len() {
            let axis = AxisId(axis as u32);
            self.frame[self.layout.extent(axis)] = self.binding.extent(axis) as u64;
        }
        for (position, value) in parameters.iter().enumerate() {
            self.frame[self.layout.parameter(position as u32)] = value.to_bits();
        }
    }

    /// Says which results are written past the caches.
    fn choose_caches(&mut self, is_fresh: bool) -> Result<(), CallError> {
        let all = self.plan.inputs.iter().map(|input| &input.axes);
        let mut bytes = 0_usize;
        for axes in all.chain(self.plan.outputs.iter().map(|output| &output.axes)) {
            bytes = bytes.saturating_add(self.count(axes)?.saturating_mul(self.precision.bytes()));
        }
        self.frame[self.layout.past_caches()] = past_caches(bytes, is_fresh) as u64;
        Ok(())
    }

    pub fn count(&self, axes: &[AxisId]) -> Result<usize, CallError> {
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

    /// Whether memory for a result may come from the system as new pages.
    fn place_outputs(
        &mut self,
        outputs: &mut Outputs,
        targets: &mut [(usize, SliceMut<'_>)],
    ) -> Result<bool, CallError> {
        let mut is_fresh = false;
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
                is_fresh |= comes_as_pages(&outputs.singles[position], elements);
                room(&mut outputs.singles[position], elements)? as u64
            } else {
                is_fresh |= comes_as_pages(&outputs.doubles[position], elements);
                room(&mut outputs.doubles[position], elements)? as u64
            };
            self.place(tensor, address, &output.axes, 1);
        }
        Ok(is_fresh)
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

    pub fn buffer_bytes(&self, buffer: &Buffer) -> Result<usize, CallError> {
        let lanes = if buffer.block { BLOCK } else { 1 };
        let element = match (buffer.element, buffer.kind) {
            (Element::Real, BufferKind::Accumulator) | (Element::Int, _) => 8,
            (Element::Real, BufferKind::Kept | BufferKind::Scratch) => self.precision.bytes(),
            (Element::Bool, _) => 1,
        };
        self.count(&buffer.axes)?.checked_mul(lanes * element).ok_or(CallError::TooLarge)
    }

    /// Lays out buffers, converted inputs, and what the stages work in.
    fn place_memory(&mut self, outputs: &mut Outputs) -> Result<WorkingMemory, CallError> {
        let plan = self.plan;
        let (mut shared, mut local) = (Room::default(), Room::default());
        if self.layout.has_turns() {
            self.place_turns(&plan.statements, &mut local)?;
        }
        for (position, buffer) in plan.buffers.iter().enumerate() {
            if self.layout.is_of_turns(BufferId(position as u32)) {
                continue;
            }
            let room = if buffer.local { &mut local } else { &mut shared };
            let offset = room.take(self.buffer_bytes(buffer)?)?;
            let lanes = if buffer.block { BLOCK } else { 1 };
            // The offset is made an address as soon as there is one.
            self.place(TensorRef::Buffer(BufferId(position as u32)), offset as u64, &buffer.axes, lanes);
        }
        let mut converted: SmallVec<[(usize, usize); 6]> = SmallVec::new();
        for (position, input) in self.binding.inputs().iter().enumerate() {
            let element = plan.inputs[position].element;
            if self.is_direct(element, input) {
                continue;
            }
            let bytes = if element == Element::Real { self.precision.bytes() } else { 8 };
            let bytes = input.view.count().checked_mul(bytes).ok_or(CallError::TooLarge)?;
            converted.push((position, shared.take(bytes)?));
        }
        let mut needs = Needs { copies: 0, threads: 1, shared: 0 };
        self.needs(&plan.statements, &mut needs)?;
        let copies = shared.take(needs.copies)?;
        let start = shared.take(0)?;
        let locals = local.bytes.checked_mul(needs.threads).ok_or(CallError::TooLarge)?;
        // Every offset is a multiple of a line, and so is every address where the first one is.
        let cells = start.checked_add(locals).ok_or(CallError::TooLarge)?.div_ceil(8) + LINE / 8;
        if outputs.memory.len() < cells {
            // What is there need not be copied.
            outputs.memory = Vec::new();
            outputs.memory = zeros(cells).ok_or(CallError::TooLarge)?;
        }
        let skipped = outputs.memory.as_ptr().cast::<u8>().align_offset(LINE) / 8;
        let memory = &mut outputs.memory[skipped..];
        for &(position, offset) in &converted {
            let input = &self.binding.inputs()[position];
            self.convert(plan.inputs[position].element, input, &mut memory[offset / 8..]);
        }
        let base = memory.as_mut_ptr().cast::<u8>();
        for (position, _) in plan.buffers.iter().enumerate().filter(|(_, buffer)| !buffer.local) {
            self.frame[self.layout.tensor(TensorRef::Buffer(BufferId(position as u32)))] += base as u64;
        }
        for (position, input) in self.binding.inputs().iter().enumerate() {
            let tensor = TensorRef::Input(position as u32);
            match converted.iter().find(|(input, _)| *input == position) {
                Some(&(_, offset)) => self.place(tensor, base as u64 + offset as u64, &plan.inputs[position].axes, 1),
                None => self.place_direct(tensor, input),
            }
        }
        let (copies, local_bytes) = (base.wrapping_add(copies), local.bytes);
        Ok(WorkingMemory { copies, local: base.wrapping_add(start), local_bytes, shared: needs.shared })
    }

    /// Lays out the local buffers of turns that go together, and says how many do.
    fn place_turns(&mut self, statements: &[Statement], local: &mut Room) -> Result<(), CallError> {
        let mut placed = Ok(());
        for_each_loop(statements, &mut |inner| {
            if let (Some(together), Ok(())) = (&inner.together, &placed) {
                placed = self.place_turn(together, local);
            }
        });
        placed
    }

    fn place_turn(&mut self, together: &Together, local: &mut Room) -> Result<(), CallError> {
        let (plan, start) = (self.plan, local.bytes);
        let mut turn = Room::default();
        for &id in &together.buffers {
            let buffer = plan.buffer(id);
            let offset = start.checked_add(turn.take(self.buffer_bytes(buffer)?)?).ok_or(CallError::TooLarge)?;
            self.place(TensorRef::Buffer(id), offset as u64, &buffer.axes, 1);
        }
        let turns = together::turns(plan, together, self.precision.bytes(), self.binding);
        local.take(turn.bytes.checked_mul(turns).ok_or(CallError::TooLarge)?)?;
        let cell = self.layout.turns(together);
        self.frame[cell] = turns as u64;
        self.frame[cell + 1] = turn.bytes as u64;
        Ok(())
    }

    /// What the stages need beside their buffers.
    fn needs(&self, statements: &[Statement], needs: &mut Needs) -> Result<(), CallError> {
        for statement in statements {
            match statement {
                Statement::Loop(stage) => {
                    let cut = ranges::cut(self.plan, stage, self.precision.bytes(), self.binding);
                    needs.copies = needs.copies.max(self.copies(stage, cut.count)?);
                    let work = ranges::work(stage, self.binding);
                    let threads = self.threads.used(work, cut.count);
                    needs.threads = needs.threads.max(threads);
                    needs.shared += usize::from(threads > 1);
                }
                Statement::Repeat(repeat) => self.needs(&repeat.body, needs)?,
                Statement::Whole(_) | Statement::Strip(_) | Statement::Call(_) => {}
            }
        }
        Ok(())
    }

    /// Bytes of the buffers that a stage reduces to, for all of its ranges but the first.
    fn copies(&self, stage: &Loop, ranges: usize) -> Result<usize, CallError> {
        let mut bytes = 0_usize;
        for accumulator in &stage.accumulators {
            if let Place::Buffer(buffer) = accumulator.place {
                bytes = bytes.saturating_add(ranges::reduced(self.plan.buffer(buffer), self.binding));
            }
        }
        bytes.checked_mul(ranges.saturating_sub(1)).ok_or(CallError::TooLarge)
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
}

/// What the stages of a call need.
struct Needs {
    /// Bytes.
    copies: usize,
    /// The most threads that one of them uses.
    threads: usize,
    /// How many of them use several.
    shared: usize,
}

/// Bytes of a line of the caches, to which memory is laid out: a vector of the widest kind fills one.
const LINE: usize = 64;

/// Memory that is handed out piece by piece.
#[derive(Default)]
struct Room {
    bytes: usize,
}

impl Room {
    fn take(&mut self, bytes: usize) -> Result<usize, CallError> {
        let start = self.bytes;
        let rounded = bytes.checked_next_multiple_of(LINE).ok_or(CallError::TooLarge)?;
        self.bytes = start.checked_add(rounded).ok_or(CallError::TooLarge)?;
        Ok(start)
    }
}
