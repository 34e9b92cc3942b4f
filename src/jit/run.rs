//! A prepared call → its stages run, on one thread or several.
//!
//! A stage is cut into ranges. Every range reduces into cells, and copies of the buffers, of its own; they are combined
//! in the order of the ranges, so the bits do not depend on who ran which.

use smallvec::SmallVec;

use super::call::{Call, WorkingMemory};
use super::convert::{Converted, convert};
use super::frame::Layout;
use super::module::{Precision, Stage};
use super::outputs::Results;
use super::pages::filled;
use super::prepare::{StageWork, buffer_bytes};
use super::ranges::{self, Cut};
use super::rows;
use super::share;
use super::whole::{self, Dimension, Strided, Turn, Way};
use crate::bind::Binding;
use crate::ir::AxisId;
use crate::kernel::{Accumulator, Loop, LoopVariable, Place, Plan, Statement, TensorRef, WholeCall};
use crate::op::{Element, ReduceOp};
use crate::tensor::{Extents, SliceMut};

/// Elements that a thread converts at a time where an input is converted for the whole call.
const PIECE: usize = 1 << 16;

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

/// One stage in progress, as all of its threads see it.
struct Running<'a, 'b> {
    function: StageFunction,
    stage: &'a Loop,
    work: &'a StageWork,
    extent: usize,
    plan: &'a Plan,
    layout: &'a Layout,
    precision: Precision,
    binding: &'a Binding<'b>,
    frame: *mut u64,
    partials: *mut u64,
    memory: &'a WorkingMemory,
}

// SAFETY: the threads only read the frame. Every range is run once, and has cells of the partial results and copies of
// the buffers of its own; every thread has local memory of its own; what else a stage writes is at positions of its
// axis (the plan's verifier has checked it), which the ranges share out.
unsafe impl Sync for Running<'_, '_> {}

impl Running<'_, '_> {
    fn range(&self, worker: usize, range: usize) {
        let begin = range * self.work.cut.length;
        let end = (begin + self.work.cut.length).min(self.extent);
        let first = self.partials.wrapping_add(range * self.stage.accumulators.len());
        for (cell, accumulator) in self.stage.accumulators.iter().enumerate() {
            if let Place::Buffer(buffer) = accumulator.place {
                let bytes = ranges::reduced(self.plan.buffer(buffer), self.binding);
                // SAFETY: the cell holds the address of a copy that `prepare` has made, in cells of 8 bytes.
                unsafe { cells_at(*first.add(cell), bytes) }.fill(neutral(accumulator));
            }
        }
        let local = self.memory.local.wrapping_add(worker * self.memory.local_bytes);
        let is_shared = self.work.of_range.is_empty() && self.work.turned.is_empty();
        let frame = if is_shared { self.frame } else { self.own_frame(local, begin, end) };
        (self.function.0)(frame, begin as i64, end as i64, first, local);
        if !self.work.turned.is_empty() {
            self.turn_back(frame, begin, end);
        }
        finish_stores();
    }

    /// A frame for one range, with the inputs that it reads converted, and tensors with short rows laid out anew: their
    /// addresses are such that the range finds its own positions where they are.
    fn own_frame(&self, local: *mut u8, begin: usize, end: usize) -> *mut u64 {
        let (cells, own) = (self.layout.cells(), local.wrapping_add(self.memory.frame).cast::<u64>());
        // SAFETY: `prepare` has laid out so many cells in the local memory of this thread.
        unsafe { std::ptr::copy_nonoverlapping(self.frame, own, cells) };
        // SAFETY: they are those that have just been written.
        let frame = unsafe { cells_at(own as u64, 8 * cells) };
        for &(input, offset) in &self.work.of_range {
            let element = self.plan.inputs[input].element;
            let cell = self.layout.tensor(TensorRef::Input(input as u32));
            let (row, address) = (frame[cell + 1] as usize, local as u64 + offset as u64);
            let count = (end - begin) * row;
            // SAFETY: `prepare` has laid out as many elements as the longest range has, at a boundary of a line.
            let memory = unsafe { converted_at(address, count, element, self.precision) };
            convert(&self.binding.view(input), begin * row, memory);
            let bytes = if element == Element::Real { self.precision.bytes() } else { 8 };
            frame[cell] = address.wrapping_sub((begin * row * bytes) as u64);
        }
        for &(tensor, offset) in &self.work.turned {
            self.turn(tensor, local as u64 + offset as u64, frame, begin, end);
        }
        own
    }

    /// Lays a tensor out anew, if it is read, and says in the frame where it is.
    fn turn(&self, tensor: TensorRef, address: u64, frame: &mut [u64], begin: usize, end: usize) {
        let (cell, extents) = (self.layout.tensor(tensor), self.extents(tensor, begin, end));
        let (strides, _) = rows::strides(&extents);
        if let TensorRef::Input(_) = tensor {
            let from = &frame[cell..];
            let turn = turn(&extents, |axis| [from[1 + axis] as isize, strides[axis] as isize]);
            // SAFETY: what is read is in the input, as `Prepared::fits` has seen; `prepare` has laid out room for the rest.
            unsafe { self.copy(&turn, self.first(from, begin), address) };
        } else {
            // It is written to memory that is read at once.
            frame[self.layout.past_caches()] = 0;
        }
        frame[cell] = address.wrapping_sub((begin * strides[0] * self.precision.bytes()) as u64);
        frame[cell + 1..].iter_mut().zip(strides).for_each(|(cell, stride)| *cell = stride as u64);
    }

    /// Brings results that were laid out anew to where they belong.
    fn turn_back(&self, frame: *mut u64, begin: usize, end: usize) {
        for &(tensor, _) in self.work.turned.iter().filter(|(tensor, _)| matches!(tensor, TensorRef::Output(_))) {
            let (cell, extents) = (self.layout.tensor(tensor), self.extents(tensor, begin, end));
            let cells = 1 + extents.len();
            // SAFETY: both frames have these cells, and nobody writes them any more.
            let (own, whole) = unsafe {
                (
                    std::slice::from_raw_parts(frame.add(cell), cells),
                    std::slice::from_raw_parts(self.frame.add(cell), cells),
                )
            };
            let turn = turn(&extents, |axis| [own[1 + axis] as isize, whole[1 + axis] as isize]);
            // SAFETY: the code has written the first, in room that `prepare` has laid out; the second is this range's part of a
            // result, for all of which there is memory.
            unsafe { self.copy(&turn, self.first(own, begin), self.first(whole, begin)) };
        }
    }

    /// The extents of a tensor in a range.
    fn extents(&self, tensor: TensorRef, begin: usize, end: usize) -> Extents {
        rows::extents(self.plan.axes_of(tensor), end - begin, self.binding)
    }

    /// The address of a position of the first axis of a tensor, given its cells.
    fn first(&self, cells: &[u64], position: usize) -> u64 {
        let distance = (cells[1] as i64).wrapping_mul(position as i64).wrapping_mul(self.precision.bytes() as i64);
        cells[0].wrapping_add_signed(distance)
    }

    /// # Safety
    /// As for [`Turn::copy`], of addresses of numbers of the code's precision.
    unsafe fn copy(&self, turn: &Turn, from: u64, to: u64) {
        // SAFETY: as the caller ensures.
        unsafe {
            match self.precision {
                Precision::F32 => turn.copy(from as *const f32, to as *mut f32),
                Precision::F64 => turn.copy(from as *const f64, to as *mut f64),
            }
        }
    }
}

/// The copy of a tensor whose last two axes are its lanes and their rows, by its strides in both places.
fn turn(extents: &[usize], strides: impl Fn(usize) -> [isize; 2]) -> Turn {
    let way = |axis: usize| {
        let [from, to] = strides(axis);
        Way { extent: extents[axis], from, to }
    };
    let last = extents.len() - 1;
    Turn { lanes: way(last - 1), row: way(last), around: (0..last - 1).map(way).collect() }
}

impl Call<'_, '_> {
    pub fn stages(&mut self, stages: &[Stage], statements: &[Statement], memory: &WorkingMemory) {
        for stage in stages {
            match stage {
                Stage::Straight(function) => {
                    (function.0)(self.frame.as_mut_ptr(), 0, 0, std::ptr::null_mut(), memory.local);
                    finish_stores();
                }
                Stage::Ranges { function, statement, number } => {
                    if let Statement::Loop(inner) = &statements[*statement] {
                        self.run(*function, inner, &self.work[*number], memory);
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
                            self.stages(body, &repeat.body, memory);
                        }
                    }
                }
            }
        }
    }

    /// Converts an input for the whole call.
    pub fn convert(&self, input: usize) {
        let (element, elements) = (self.plan.inputs[input].element, self.binding.elements(input));
        let address = self.frame[self.layout.tensor(TensorRef::Input(input as u32))];
        let view = self.binding.view(input);
        let pieces = elements.div_ceil(PIECE);
        // An element takes about a nanosecond where it has to be looked for.
        let threads = self.threads.used(elements as u64 * 10, pieces);
        share::pieces(threads, pieces, &|_, piece| {
            let first = piece * PIECE;
            let bytes = if element == Element::Real { self.precision.bytes() } else { 8 };
            let (address, count) = (address + (first * bytes) as u64, PIECE.min(elements - first));
            // SAFETY: `prepare` has laid out memory for all elements, at a boundary of a line; these are this piece's.
            convert(&view, first, unsafe { converted_at(address, count, element, self.precision) });
        });
    }

    /// Says that the stages have filled the memory of the results, but for those that are the caller's.
    pub fn fill(&self, results: &mut Results, elements: &[usize], targets: &[(usize, SliceMut<'_>)]) {
        for (position, output) in self.plan.outputs.iter().enumerate() {
            if output.axes.is_empty() || targets.iter().any(|(target, _)| *target == position) {
                continue;
            }
            // SAFETY: `Border::outputs` has made room for so many elements, and a plan stores every element of an output.
            unsafe {
                match self.precision {
                    Precision::F32 => filled(&mut results.singles[position], elements[position]),
                    Precision::F64 => filled(&mut results.doubles[position], elements[position]),
                }
            }
        }
    }

    /// Makes what a turn has written what the next one reads, and keeps it where it is asked for.
    fn turn(&mut self, variable: &LoopVariable, turn: u64) {
        let cell = |buffer| self.layout.tensor(TensorRef::Buffer(buffer));
        self.frame.swap(cell(variable.current), cell(variable.next));
        let bytes = buffer_bytes(self.plan.buffer(variable.current), self.precision, self.binding);
        let bytes = bytes.unwrap_or_else(|_| unreachable!("it was placed"));
        let from = self.frame[cell(variable.current)] as *const u8;
        for &trace in &variable.traces {
            let to = (self.frame[cell(trace)] as *mut u8).wrapping_add(turn as usize * bytes);
            // SAFETY: `prepare` has placed both; the trace has the variable's elements once for every turn.
            unsafe { std::ptr::copy_nonoverlapping(from, to, bytes) };
        }
    }

    /// Runs a stage over its ranges and combines what they reduce.
    fn run(&mut self, function: StageFunction, stage: &Loop, work: &StageWork, memory: &WorkingMemory) {
        let cut = work.cut;
        self.start(stage, cut, memory);
        let running = Running {
            function,
            stage,
            work,
            extent: self.binding.extent(stage.axis),
            plan: self.plan,
            layout: self.layout,
            precision: self.precision,
            binding: self.binding,
            frame: self.frame.as_mut_ptr(),
            partials: self.partials.as_mut_ptr(),
            memory,
        };
        let threads = self.threads.used(work.work, cut.count);
        share::pieces(threads, cut.count, &|worker, range| running.range(worker, range));
        self.combine(stage, cut);
    }

    /// Sets what a stage reduces to the neutral elements, and gives every range its cells.
    fn start(&mut self, stage: &Loop, cut: Cut, memory: &WorkingMemory) {
        let cells = stage.accumulators.len();
        self.partials.clear();
        self.partials.resize(cut.count * cells, 0);
        let mut next = memory.copies;
        for (cell, accumulator) in stage.accumulators.iter().enumerate() {
            match accumulator.place {
                Place::Register(register) => self.frame[self.layout.register(register)] = neutral(accumulator),
                Place::Buffer(buffer) => {
                    let own = self.frame[self.layout.tensor(TensorRef::Buffer(buffer))];
                    let bytes = ranges::reduced(self.plan.buffer(buffer), self.binding);
                    if cut.count == 0 {
                        // SAFETY: `prepare` has placed the buffer, of 8-byte elements, at an 8-byte boundary.
                        unsafe { cells_at(own, bytes) }.fill(neutral(accumulator));
                        continue;
                    }
                    // The first range reduces into the buffer itself.
                    self.partials[cell] = own;
                    for range in 1..cut.count {
                        self.partials[range * cells + cell] = next as u64;
                        next = next.wrapping_add(bytes);
                    }
                }
            }
        }
    }

    /// Combines what the ranges have reduced, in their order.
    fn combine(&mut self, stage: &Loop, cut: Cut) {
        let cells = stage.accumulators.len();
        for (cell, accumulator) in stage.accumulators.iter().enumerate() {
            match accumulator.place {
                Place::Register(register) => {
                    let whole = &mut self.frame[self.layout.register(register)];
                    for range in 0..cut.count {
                        *whole = combine(accumulator, *whole, self.partials[range * cells + cell]);
                    }
                }
                Place::Buffer(buffer) => {
                    let own = self.frame[self.layout.tensor(TensorRef::Buffer(buffer))];
                    let bytes = ranges::reduced(self.plan.buffer(buffer), self.binding);
                    for range in 1..cut.count {
                        let further = self.partials[range * cells + cell];
                        // SAFETY: `prepare` has placed the buffer and its copies, which are apart.
                        let (whole, part) = unsafe { (cells_at(own, bytes), cells_at(further, bytes)) };
                        for (whole, part) in whole.iter_mut().zip(part) {
                            *whole = combine(accumulator, *whole, *part);
                        }
                    }
                }
            }
        }
    }

    /// Runs a whole operation on the tensors of the frame.
    fn whole(&mut self, call: &WholeCall) {
        let operands: SmallVec<[Strided; 2]> =
            call.operands.iter().map(|operand| self.strided(operand.tensor, &operand.axes, operand.element)).collect();
        let result = self.plan.buffer(call.result);
        let result = self.strided(TensorRef::Buffer(call.result), &result.axes, result.element);
        whole::run(&call.op, self.precision, self.threads, &operands, &result, self.scratch);
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
}

/// What has been written past the caches is there for other threads to see.
fn finish_stores() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every machine of this kind has the instruction.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// The cells of a buffer that is reduced to.
///
/// # Safety
/// At the address are so many bytes, at an 8-byte boundary, which live as long as the call and are read and written by
/// nobody else meanwhile.
unsafe fn cells_at<'a>(address: u64, bytes: usize) -> &'a mut [u64] {
    // SAFETY: as the caller ensures.
    unsafe { std::slice::from_raw_parts_mut(address as *mut u64, bytes / 8) }
}

/// Memory for converted elements.
///
/// # Safety
/// As for [`cells_at`], for so many elements of the type that the code reads.
unsafe fn converted_at<'a>(address: u64, count: usize, element: Element, precision: Precision) -> Converted<'a> {
    // SAFETY: as the caller ensures; the boundary is one of 8 bytes, and any bits are a number.
    unsafe {
        match (element, precision) {
            (Element::Real, Precision::F32) => {
                Converted::Single(std::slice::from_raw_parts_mut(address as *mut f32, count))
            }
            (Element::Real, Precision::F64) => {
                Converted::Double(std::slice::from_raw_parts_mut(address as *mut f64, count))
            }
            _ => Converted::Int(std::slice::from_raw_parts_mut(address as *mut i64, count)),
        }
    }
}

fn neutral(accumulator: &Accumulator) -> u64 {
    let (real, int) = accumulator.op.neutral();
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

/// Work that a thread of the pool may take over.
struct Handed<'a>(&'a mut dyn FnMut());

// SAFETY: the thread that hands it over waits until it is done, so that there is one at a time that uses it.
unsafe impl Send for Handed<'_> {}

/// Runs what shares pieces several times on a thread of the pool: from another one every time is one of waking threads
/// and of waiting.
pub(super) fn within(wanted: bool, run: &mut dyn FnMut()) {
    if !wanted {
        return run();
    }
    let handed = Handed(run);
    share::enter(move || {
        let Handed(run) = { handed };
        run();
    });
}
