//! Bound tensors → the outputs of a program, by the interpreter.

use crate::bind::Binding;
use crate::eval::{self, Dense};
use crate::ir::{AxisId, InputData, Program, border, live_nodes};
use crate::jit::CallError;
use crate::op::Element;

/// All outputs, in double precision.
pub(super) fn interpret(program: &Program, binding: &Binding<'_>, parameters: &[f64]) -> Result<Vec<Dense>, CallError> {
    has_room(program, binding)?;
    let axes = (0..program.graph.all_axes().len()).map(|axis| AxisId(axis as u32));
    let extents: Vec<u64> = axes.map(|axis| binding.extent(axis) as u64).collect();
    let dense = |(position, input): (usize, &InputData)| {
        let shape: Vec<usize> = input.axes.iter().map(|&axis| binding.extent(axis)).collect();
        let view = binding.view(position);
        let (data, positions) = (view.data(), view.positions());
        match input.element {
            Element::Real => Dense::real(&input.axes, &shape, positions.map(|at| data.real(at)).collect()),
            Element::Int | Element::Bool => Dense::int(&input.axes, &shape, positions.map(|at| data.int(at)).collect()),
        }
    };
    let inputs: Vec<Dense> = program.inputs.iter().enumerate().map(dense).collect();
    Ok(eval::evaluate(program, &extents, &inputs, parameters))
}

/// The interpreter stores what every node computes. The largest of them can be had; beyond that the machine decides.
fn has_room(program: &Program, binding: &Binding<'_>) -> Result<(), CallError> {
    let count = |axes: &[AxisId]| axes.iter().try_fold(1_usize, |count, &axis| count.checked_mul(binding.extent(axis)));
    let live = live_nodes(&program.graph, &border(program));
    let counts = live.into_iter().map(|id| count(program.graph.axes_of(id)));
    let largest = counts.collect::<Option<Vec<usize>>>().ok_or(CallError::TooLarge)?.into_iter().max();
    Vec::<f64>::new().try_reserve_exact(largest.unwrap_or(0)).map_err(|_| CallError::TooLarge)
}
