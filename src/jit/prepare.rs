//! The shapes of a call → all of its frame that does not depend on where its tensors lie, the memory that it works in, and
//! how its stages are cut; kept for calls with the same shapes.

use smallvec::SmallVec;

use super::call::CallError;
use super::convert;
use super::frame::Layout;
use super::module::{Compiled, Precision};
use super::pages::zeros;
use super::ranges::{self, Cut};
use super::rows;
use super::share::Threads;
use super::together;
use crate::bind::{Binding, InputBinding, Stamp};
use crate::ir::AxisId;
use crate::kernel::{self, BLOCK, Buffer, BufferId, BufferKind, Loop, Place, Plan, Statement, TensorRef, Together};
use crate::op::Element;
use crate::tensor::DType;

/// What calls with the same shapes have in common. Addresses in the memory of a call are in it, but no others.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// By which code and for which shapes; none where there is nothing yet.
    of: Option<(Compiled, Stamp)>,
    /// For how many threads there is local memory.
    threads: usize,
    /// By input.
    reaches: SmallVec<[Reach; 6]>,
    /// Without the parameters, the addresses of inputs and outputs, and what is written past the caches.
    pub frame: Vec<u64>,
    /// By number.
    pub stages: Vec<StageWork>,
    /// The elements of the outputs.
    pub elements: Vec<usize>,
    /// The inputs that the code cannot read where they lie.
    converted: SmallVec<[usize; 6]>,
    /// Those of them that are converted for the whole call, and where in the memory.
    pub of_call: SmallVec<[(usize, usize); 6]>,
    /// Bytes of all inputs and outputs.
    pub bytes: usize,
    pub places: Places,
}

/// Addresses in a frame are those of the memory that it was made with, which has been cloned, too.
impl Clone for Prepared {
    fn clone(&self) -> Self {
        Prepared::default()
    }
}

/// How a stage is cut, and what it costs.
#[derive(Clone, Debug)]
pub(super) struct StageWork {
    pub cut: Cut,
    pub work: u64,
    /// The inputs that every range converts for itself, and where in the local memory.
    pub of_range: SmallVec<[(usize, usize); 4]>,
    /// The tensors that every range lays out anew (see [`rows`]), and where in the local memory.
    pub turned: SmallVec<[(TensorRef, usize); 4]>,
}

/// Where in the memory of a call lies what the stages work in, beside the buffers of the whole call; in bytes after the
/// first line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    /// Further copies of the buffers that a stage reduces to, for its ranges.
    pub copies: usize,
    /// The local memory of the first thread.
    pub local: usize,
    /// How far after it that of the next one begins.
    pub local_bytes: usize,
    /// Where in the local memory a range that converts inputs has a frame of its own.
    pub frame: usize,
}

impl Prepared {
    /// Whether calls of this code by this binding on so many threads can go on from here.
    pub fn is_for(&self, compiled: &Compiled, binding: &Binding<'_>, threads: Threads) -> bool {
        let is_it = |(own, stamp): &(Compiled, Stamp)| compiled.is(own) && *stamp == binding.stamp();
        self.of.as_ref().is_some_and(is_it) && self.most_threads(threads) <= self.threads
    }

    /// The most threads that one of the stages uses.
    fn most_threads(&self, threads: Threads) -> usize {
        self.stages.iter().map(|stage| threads.used(stage.work, stage.cut.count)).max().unwrap_or(1)
    }

    /// Whether every element that the code will read by a binding that this is for lies in the memory of its input. A
    /// binding of the same program always fits; that of another one may not, and must not reach the code.
    pub fn fits(&self, binding: &Binding<'_>) -> bool {
        self.reaches.iter().zip(binding.inputs()).all(|(reach, input)| reach.is_inside(input))
    }

    /// How many of the stages use several threads.
    pub fn shared(&self, threads: Threads) -> usize {
        self.stages.iter().filter(|stage| threads.used(stage.work, stage.cut.count) > 1).count()
    }

    /// Makes it that of this code and this binding.
    ///
    /// # Errors
    /// If the binding is of another program, or memory runs out.
    pub fn prepare(
        &mut self,
        compiled: &Compiled,
        binding: &Binding<'_>,
        threads: Threads,
        memory: &mut Vec<u64>,
    ) -> Result<(), CallError> {
        self.of = None;
        let inner = &*compiled.inner;
        if binding.inputs().len() != inner.plan.inputs.len() || binding.axes() != inner.plan.axes.len() {
            return Err(CallError::Foreign);
        }
        let reach = |(position, input): (usize, &kernel::Input)| Reach::of(binding, position, &input.axes);
        let reaches = inner.plan.inputs.iter().enumerate().map(reach).collect::<Option<_>>();
        self.reaches = reaches.ok_or(CallError::Foreign)?;
        self.frame.clear();
        self.frame.resize(inner.layout.cells(), 0);
        let mut preparation = Preparation {
            plan: &inner.plan,
            layout: &inner.layout,
            precision: inner.precision,
            binding,
            prepared: self,
        };
        preparation.extents();
        preparation.outputs()?;
        preparation.inputs();
        preparation.memory(threads, memory)?;
        self.of = Some((compiled.clone(), binding.stamp()));
        Ok(())
    }
}

/// How far from its first element an input reaches, in elements.
#[derive(Clone, Copy, Debug)]
struct Reach {
    lowest: i128,
    highest: i128,
}

impl Reach {
    /// Of an input with some elements by strides; none if they are not those of its axes.
    fn of(binding: &Binding<'_>, input: usize, axes: &[AxisId]) -> Option<Reach> {
        let mut extents = axes.iter().map(|&axis| binding.extent(axis));
        let mut reach = Reach { lowest: 0, highest: 0 };
        if extents.clone().try_fold(1_usize, usize::checked_mul) != Some(binding.elements(input)) {
            return None;
        }
        match binding.strides(input) {
            // There is none that would be read, or it is converted, by its own shape.
            _ if binding.elements(input) == 0 => return Some(Reach { lowest: 0, highest: -1 }),
            None => return Some(reach),
            Some(strides) => {
                for &stride in strides {
                    let end = (extents.next()? as i128 - 1) * stride as i128;
                    reach.lowest += end.min(0);
                    reach.highest += end.max(0);
                }
            }
        }
        extents.next().is_none().then_some(reach)
    }

    fn is_inside(self, input: &InputBinding<'_>) -> bool {
        let offset = input.offset as i128;
        offset + self.lowest >= 0 && offset + self.highest < input.data.len() as i128
    }
}

/// Bytes of a buffer, in code of some precision.
pub(super) fn buffer_bytes(buffer: &Buffer, precision: Precision, binding: &Binding<'_>) -> Result<usize, CallError> {
    let lanes = if buffer.block { BLOCK } else { 1 };
    let element = match (buffer.element, buffer.kind) {
        (Element::Real, BufferKind::Accumulator) | (Element::Int, _) => 8,
        (Element::Real, BufferKind::Kept | BufferKind::Scratch) => precision.bytes(),
        (Element::Bool, _) => 1,
    };
    count(&buffer.axes, binding)?.checked_mul(lanes * element).ok_or(CallError::TooLarge)
}

fn count(axes: &[AxisId], binding: &Binding<'_>) -> Result<usize, CallError> {
    let mut extents = axes.iter().map(|&axis| binding.extent(axis));
    extents.try_fold(1_usize, usize::checked_mul).ok_or(CallError::TooLarge)
}

struct Preparation<'a, 'b> {
    plan: &'a Plan,
    layout: &'a Layout,
    precision: Precision,
    binding: &'a Binding<'b>,
    prepared: &'a mut Prepared,
}

impl Preparation<'_, '_> {
    fn extents(&mut self) {
        for axis in 0..self.plan.axes.len() {
            let axis = AxisId(axis as u32);
            self.prepared.frame[self.layout.extent(axis)] = self.binding.extent(axis) as u64;
        }
    }

    /// Address or offset and row-major strides of a tensor.
    fn place(&mut self, tensor: TensorRef, address: usize, axes: &[AxisId], last: usize) {
        let cell = self.layout.tensor(tensor);
        self.prepared.frame[cell] = address as u64;
        let mut stride = last;
        for (position, &axis) in axes.iter().enumerate().rev() {
            self.prepared.frame[cell + 1 + position] = stride as u64;
            stride = stride.saturating_mul(self.binding.extent(axis));
        }
    }

    fn outputs(&mut self) -> Result<(), CallError> {
        let plan = self.plan;
        self.prepared.elements.clear();
        for (position, output) in plan.outputs.iter().enumerate() {
            self.prepared.elements.push(count(&output.axes, self.binding)?);
            self.place(TensorRef::Output(position as u32), 0, &output.axes, 1);
        }
        let all = plan.inputs.iter().map(|input| &input.axes);
        self.prepared.bytes = 0;
        for axes in all.chain(plan.outputs.iter().map(|output| &output.axes)) {
            let bytes = count(axes, self.binding)?.saturating_mul(self.precision.bytes());
            self.prepared.bytes = self.prepared.bytes.saturating_add(bytes);
        }
        Ok(())
    }

    /// The strides of what is read where it lies, and of what will be converted.
    fn inputs(&mut self) {
        self.prepared.converted.clear();
        for (position, input) in self.plan.inputs.iter().enumerate() {
            let strides = self.binding.strides(position).filter(|_| self.reads(input.element, position));
            let cell = self.layout.tensor(TensorRef::Input(position as u32));
            match strides {
                None => {
                    self.prepared.converted.push(position);
                    self.place(TensorRef::Input(position as u32), 0, &input.axes, 1);
                }
                Some(strides) => {
                    for (cell, &stride) in self.prepared.frame[cell + 1..].iter_mut().zip(strides) {
                        *cell = stride as i64 as u64;
                    }
                }
            }
        }
    }

    /// Whether the code can read elements of the type that the caller has.
    fn reads(&self, element: Element, input: usize) -> bool {
        let dtype = match (element, self.precision) {
            (Element::Real, Precision::F32) => DType::F32,
            (Element::Real, Precision::F64) => DType::F64,
            (Element::Int | Element::Bool, _) => DType::I64,
        };
        self.binding.dtype(input) == dtype
    }

    /// Lays out buffers, converted inputs, and what the stages work in.
    fn memory(&mut self, threads: Threads, memory: &mut Vec<u64>) -> Result<(), CallError> {
        let plan = self.plan;
        let (mut shared, mut local) = (Room::default(), Room::default());
        if self.layout.has_turns() {
            self.turns(&plan.statements, &mut local)?;
        }
        for (position, buffer) in plan.buffers.iter().enumerate() {
            if self.layout.is_of_turns(BufferId(position as u32)) {
                continue;
            }
            let room = if buffer.local { &mut local } else { &mut shared };
            let offset = room.take(buffer_bytes(buffer, self.precision, self.binding)?)?;
            let lanes = if buffer.block { BLOCK } else { 1 };
            // The offset is made an address as soon as there is one.
            self.place(TensorRef::Buffer(BufferId(position as u32)), offset, &buffer.axes, lanes);
        }
        self.prepared.of_call.clear();
        for position in self.prepared.converted.clone() {
            if convert::is_read_as_whole(plan, &plan.statements, position) {
                let bytes = self.converted_bytes(position, self.binding.elements(position))?;
                self.prepared.of_call.push((position, shared.take(bytes)?));
            }
        }
        self.prepared.places.frame = local.take(8 * self.layout.cells())?;
        self.prepared.stages.clear();
        let mut needs = Needs { copies: 0, own: local.bytes, local };
        self.stages(&plan.statements, &mut needs)?;
        let Needs { copies, local, .. } = needs;
        let copies = shared.take(copies)?;
        let start = shared.take(0)?;
        self.prepared.places = Places { copies, local: start, local_bytes: local.bytes, ..self.prepared.places };
        self.prepared.threads = self.prepared.most_threads(threads);
        let locals = local.bytes.checked_mul(self.prepared.threads).ok_or(CallError::TooLarge)?;
        // Every offset is a multiple of a line, and so is every address where the first one is.
        let cells = start.checked_add(locals).ok_or(CallError::TooLarge)?.div_ceil(8) + LINE / 8;
        if memory.len() < cells {
            // What is there need not be copied.
            *memory = Vec::new();
            *memory = zeros(cells).ok_or(CallError::TooLarge)?;
        }
        let base = first_line(memory).as_ptr() as u64;
        for (position, _) in plan.buffers.iter().enumerate().filter(|(_, buffer)| !buffer.local) {
            self.prepared.frame[self.layout.tensor(TensorRef::Buffer(BufferId(position as u32)))] += base;
        }
        Ok(())
    }

    /// Lays out the local buffers of turns that go together, and says how many do.
    fn turns(&mut self, statements: &[Statement], local: &mut Room) -> Result<(), CallError> {
        let mut placed = Ok(());
        kernel::for_each_loop(statements, &mut |inner| {
            if let (Some(together), Ok(())) = (&inner.together, &placed) {
                placed = self.turn(together, local);
            }
        });
        placed
    }

    fn turn(&mut self, together: &Together, local: &mut Room) -> Result<(), CallError> {
        let (plan, start) = (self.plan, local.bytes);
        let mut turn = Room::default();
        for &id in &together.buffers {
            let buffer = plan.buffer(id);
            let bytes = buffer_bytes(buffer, self.precision, self.binding)?;
            let offset = start.checked_add(turn.take(bytes)?).ok_or(CallError::TooLarge)?;
            self.place(TensorRef::Buffer(id), offset, &buffer.axes, 1);
        }
        let turns = together::turns(plan, together, self.precision.bytes(), self.binding);
        local.take(turn.bytes.checked_mul(turns).ok_or(CallError::TooLarge)?)?;
        let cell = self.layout.turns(together);
        self.prepared.frame[cell] = turns as u64;
        self.prepared.frame[cell + 1] = turn.bytes as u64;
        Ok(())
    }

    /// Cuts the stages, and says what the one that needs most needs.
    fn stages(&mut self, statements: &[Statement], needs: &mut Needs) -> Result<(), CallError> {
        for statement in statements {
            match statement {
                Statement::Loop(stage) => {
                    let turned = kernel::with_short_rows(self.plan, stage);
                    let bytes = self.turned_bytes(stage, &turned);
                    let cut = ranges::cut(self.plan, stage, self.precision.bytes(), bytes, self.binding);
                    needs.copies = needs.copies.max(self.copies(stage, cut.count)?);
                    let mut local = Room { bytes: needs.own };
                    let of_range = self.of_range(stage, cut, &mut local)?;
                    let place = |tensor| Ok((tensor, local.take(self.room(tensor, cut.length)?)?));
                    let turned = turned.into_iter().map(place).collect::<Result<_, CallError>>()?;
                    needs.local.bytes = needs.local.bytes.max(local.bytes);
                    let work = ranges::work(stage, self.binding);
                    self.prepared.stages.push(StageWork { cut, work, of_range, turned });
                }
                Statement::Repeat(repeat) => self.stages(&repeat.body, needs)?,
                Statement::Whole(_) | Statement::Strip(_) | Statement::Call(_) => {}
            }
        }
        Ok(())
    }

    /// What the ranges of a stage convert, and where.
    fn of_range(&self, stage: &Loop, cut: Cut, local: &mut Room) -> Result<SmallVec<[(usize, usize); 4]>, CallError> {
        let is_of_call = |input: &usize| self.prepared.of_call.iter().any(|(own, _)| own == input);
        let inputs = self.prepared.converted.iter().copied().filter(|input| !is_of_call(input));
        let place = |input: usize| {
            let rest = &self.plan.inputs[input].axes[1..];
            let elements = count(rest, self.binding)?.checked_mul(cut.length).ok_or(CallError::TooLarge)?;
            Ok((input, local.take(self.converted_bytes(input, elements)?)?))
        };
        convert::ranged(self.plan, stage, inputs).into_iter().map(place).collect()
    }

    /// Bytes of a position of a stage in the tensors that it lays out anew, if its positions are their lanes.
    fn turned_bytes(&self, stage: &Loop, turned: &[TensorRef]) -> usize {
        let mut bytes = 0_usize;
        for &tensor in turned {
            if let [axis, row] = self.plan.axes_of(tensor)
                && *axis == stage.axis
            {
                bytes = bytes.saturating_add(self.binding.extent(*row).saturating_mul(self.precision.bytes()));
            }
        }
        bytes
    }

    /// Bytes of a tensor that is laid out anew, for so many positions of its first axis.
    fn room(&self, tensor: TensorRef, positions: usize) -> Result<usize, CallError> {
        let extents = rows::extents(self.plan.axes_of(tensor), positions, self.binding);
        let elements = rows::strides(&extents).1;
        elements.and_then(|elements| elements.checked_mul(self.precision.bytes())).ok_or(CallError::TooLarge)
    }

    /// Bytes of so many converted elements of an input.
    fn converted_bytes(&self, input: usize, elements: usize) -> Result<usize, CallError> {
        let bytes = if self.plan.inputs[input].element == Element::Real { self.precision.bytes() } else { 8 };
        elements.checked_mul(bytes).ok_or(CallError::TooLarge)
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
}

/// What the stages of a call need.
struct Needs {
    /// Bytes of copies, of the stage that needs most.
    copies: usize,
    /// Bytes of the local memory that all stages need.
    own: usize,
    /// With what the stage needs that needs most.
    local: Room,
}

/// Bytes of a line of the caches, to which memory is laid out: a vector of the widest kind fills one.
const LINE: usize = 64;

/// The memory of a call from its first whole line on.
pub(super) fn first_line(memory: &mut [u64]) -> &mut [u64] {
    let skipped = memory.as_ptr().cast::<u8>().align_offset(LINE) / 8;
    &mut memory[skipped..]
}

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
