//! The border: a binding and memory for the results → calls of the machine code.
//!
//! What the code relies on, and what this file and `prepare` therefore ensure: every address in the frame points to
//! memory that lives for the whole call and holds all elements that the extents and strides name (`Prepared::fits`
//! checks the inputs, outputs are checked or sized here, buffers sized in `prepare`); nothing that
//! is written is shared; labels may have any value (the code checks every computed position). What then happens stage
//! by stage is in `run`.

use super::caches::past_caches;
use super::frame::Layout;
use super::module::{Compiled, Precision};
use super::outputs::{Outputs, Results, Working};
use super::pages::{comes_as_pages, room};
use super::prepare::{Prepared, StageWork, first_line};
use super::run;
use super::share::Threads;
use super::whole::Scratch;
use crate::bind::{Binding, InputBinding};
use crate::kernel::{Plan, TensorRef};
use crate::tensor::{Slice, SliceMut};

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
        let inner = &*self.inner;
        let plan = &inner.plan;
        if parameters.len() != plan.parameters.len() {
            return Err(CallError::Parameters { given: parameters.len(), wanted: plan.parameters.len() });
        }
        let Outputs { threads, results, working } = outputs;
        let Working { prepared, memory, partials, scratch } = working;
        if !prepared.is_for(self, binding, *threads) {
            prepared.prepare(self, binding, *threads, memory)?;
        }
        if !prepared.fits(binding) {
            return Err(CallError::Foreign);
        }
        let mut border = Border { plan, layout: &inner.layout, precision: inner.precision, binding, prepared };
        border.parameters(parameters);
        border.outputs(results, targets)?;
        let base = first_line(memory).as_mut_ptr().cast::<u8>();
        border.inputs(base);
        let is_shared = prepared.shared(*threads) > 1;
        let Prepared { frame, stages, places, elements, of_call, .. } = prepared;
        let memory = WorkingMemory {
            copies: base.wrapping_add(places.copies),
            local: base.wrapping_add(places.local),
            local_bytes: places.local_bytes,
            frame: places.frame,
        };
        let mut call = Call {
            plan,
            layout: &inner.layout,
            precision: inner.precision,
            binding,
            threads: *threads,
            frame,
            work: stages,
            partials,
            scratch,
        };
        run::within(is_shared, &mut || {
            of_call.iter().for_each(|(input, _)| call.convert(*input));
            call.stages(&inner.stages, &plan.statements, &memory);
        });
        call.fill(results, elements, targets);
        Ok(())
    }
}

/// One call, as its stages see it.
pub(super) struct Call<'a, 'b> {
    pub plan: &'a Plan,
    pub layout: &'a Layout,
    pub precision: Precision,
    pub binding: &'a Binding<'b>,
    pub threads: Threads,
    pub frame: &'a mut [u64],
    /// Of the stages, by number.
    pub work: &'a [StageWork],
    /// For every range of the running stage a cell an accumulator.
    pub partials: &'a mut Vec<u64>,
    /// For whole operations.
    pub scratch: &'a mut Scratch,
}

/// The memory in which the stages of a call work, beside the buffers of the whole call.
pub(super) struct WorkingMemory {
    /// Further copies of the buffers that a stage reduces to, for its ranges.
    pub copies: *mut u8,
    /// The local memory of the first thread.
    pub local: *mut u8,
    /// How far after it that of the next one begins.
    pub local_bytes: usize,
    /// Where in it a range that converts inputs has a frame of its own.
    pub frame: usize,
}

/// What is put into a prepared frame at every call.
struct Border<'a, 'b> {
    plan: &'a Plan,
    layout: &'a Layout,
    precision: Precision,
    binding: &'a Binding<'b>,
    prepared: &'a mut Prepared,
}

impl Border<'_, '_> {
    fn parameters(&mut self, parameters: &[f64]) {
        for (position, value) in parameters.iter().enumerate() {
            self.prepared.frame[self.layout.parameter(position as u32)] = value.to_bits();
        }
    }

    /// Addresses of the results, and which of them are written past the caches.
    fn outputs(&mut self, results: &mut Results, targets: &mut [(usize, SliceMut<'_>)]) -> Result<(), CallError> {
        // Whether memory for a result may come from the system as new pages.
        let mut is_fresh = false;
        let plan = self.plan;
        results.reset(plan.outputs.iter().map(|output| output.axes.is_empty()));
        for (position, output) in plan.outputs.iter().enumerate() {
            let elements = self.prepared.elements[position];
            let given = targets.iter_mut().find(|(output, _)| *output == position);
            let address = if output.axes.is_empty() {
                results.scalars[position..].as_mut_ptr() as u64
            } else if let Some((_, target)) = given {
                self.target(position, target, elements)?
            } else if self.precision == Precision::F32 {
                is_fresh |= comes_as_pages(&results.singles[position], elements);
                room(&mut results.singles[position], elements)? as u64
            } else {
                is_fresh |= comes_as_pages(&results.doubles[position], elements);
                room(&mut results.doubles[position], elements)? as u64
            };
            self.prepared.frame[self.layout.tensor(TensorRef::Output(position as u32))] = address;
        }
        self.prepared.frame[self.layout.past_caches()] = past_caches(self.prepared.bytes, is_fresh) as u64;
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

    /// Addresses of the inputs, or of where they will be converted to; what ranges convert has none yet.
    fn inputs(&mut self, base: *const u8) {
        let mut of_call = self.prepared.of_call.iter().peekable();
        for (position, input) in self.binding.inputs().iter().enumerate() {
            let address = match of_call.next_if(|(input, _)| *input == position) {
                None => address(input),
                Some(&(_, offset)) => base as u64 + offset as u64,
            };
            self.prepared.frame[self.layout.tensor(TensorRef::Input(position as u32))] = address;
        }
    }
}

/// Of the first element of an input that is read where it lies.
fn address(input: &InputBinding<'_>) -> u64 {
    let offset = input.offset;
    match input.data {
        Slice::F32(data) => data.as_ptr().wrapping_add(offset) as u64,
        Slice::F64(data) => data.as_ptr().wrapping_add(offset) as u64,
        Slice::I64(data) => data.as_ptr().wrapping_add(offset) as u64,
        // What is converted is not read here.
        _ => 0,
    }
}
