//! The frame: one array of 64-bit cells through which a call hands its data to the kernels.
//!
//! In this order: the extent of every axis; for every input, output and buffer its address (for a local
//! buffer its offset in the memory of the running range) and its strides in elements; the parameters; the
//! scalars that outlive a stage; for every loop whose turns go together, how many do and how many bytes each of them has
//! for itself; which results are written past the caches.

use crate::kernel::{BufferId, Plan, RegisterId, TensorRef, Together, for_each_loop};

/// Where everything is.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    inputs: Vec<u32>,
    outputs: Vec<u32>,
    buffers: Vec<u32>,
    has_turns: bool,
    of_turns: Vec<bool>,
    parameters: u32,
    registers: u32,
    together: u32,
    cells: u32,
}

impl Layout {
    pub fn new(plan: &Plan) -> Layout {
        let mut next = plan.axes.len() as u32;
        let mut place = |rank: usize| {
            let start = next;
            next += 1 + rank as u32;
            start
        };
        let inputs = plan.inputs.iter().map(|input| place(input.axes.len())).collect();
        let outputs = plan.outputs.iter().map(|output| place(output.axes.len())).collect();
        let buffers = plan.buffers.iter().map(|buffer| place(buffer.axes.len())).collect();
        let parameters = next;
        let registers = parameters + plan.parameters.len() as u32;
        let together = registers + plan.registers.len() as u32;
        let (mut cells, mut has_turns) = (together + 1, false);
        let mut of_turns = vec![false; plan.buffers.len()];
        for_each_loop(&plan.statements, &mut |inner| {
            let Some(together) = &inner.together else { return };
            cells += 2;
            has_turns = true;
            together.buffers.iter().for_each(|buffer| of_turns[buffer.0 as usize] = true);
        });
        Layout { inputs, outputs, buffers, has_turns, of_turns, parameters, registers, together, cells }
    }

    /// How many cells there are.
    pub fn cells(&self) -> usize {
        self.cells as usize
    }

    /// The cell of an axis's extent.
    pub fn extent(&self, axis: crate::ir::AxisId) -> usize {
        axis.0 as usize
    }

    /// The cell of a tensor's address; its strides follow.
    pub fn tensor(&self, tensor: TensorRef) -> usize {
        let start = match tensor {
            TensorRef::Input(input) => self.inputs[input as usize],
            TensorRef::Output(output) => self.outputs[output as usize],
            TensorRef::Buffer(BufferId(buffer)) => self.buffers[buffer as usize],
        };
        start as usize
    }

    /// The cell that says which results are written past the caches.
    pub fn past_caches(&self) -> usize {
        self.cells() - 1
    }

    /// Whether there are turns that go together.
    pub fn has_turns(&self) -> bool {
        self.has_turns
    }

    /// Whether turns that go together have a buffer each for themselves.
    pub fn is_of_turns(&self, buffer: BufferId) -> bool {
        self.of_turns[buffer.0 as usize]
    }

    /// The cell that says how many turns go together; the bytes that each has for itself follow.
    pub fn turns(&self, together: &Together) -> usize {
        (self.together + 2 * together.number) as usize
    }

    pub fn parameter(&self, parameter: u32) -> usize {
        (self.parameters + parameter) as usize
    }

    pub fn register(&self, register: RegisterId) -> usize {
        (self.registers + register.0) as usize
    }
}
