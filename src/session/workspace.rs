//! The memory of calls, kept by the caller: what a call works in, and its result.

use std::sync::Arc;

use smallvec::SmallVec;

use super::call::{Inner, Variant};
use super::conditions::Met;
use super::error::Error;
use super::result::{Evaluation, Gradient, Term, Value};
use super::shape::Key;
use crate::bind::{Binding, Shapes};
use crate::eval::Dense;
use crate::ir::{Output, OutputRole, Program};
use crate::jit::{Compiled, Outputs};
use crate::tensor::{Buffer, DType, SliceMut, Tensor, TensorViewMut};

/// What a call works in and leaves behind, reused from call to call. Any loss can use it, but it is worth most where one
/// loss does again and again. Threads that call at once have one each.
#[derive(Debug, Default)]
pub struct Workspace {
    pub(super) parameters: Vec<f64>,
    /// Those of the last call's inputs.
    pub(super) shapes: Shapes,
    /// What has met the conditions of the loss.
    pub(super) met: Met,
    /// The kernels that the result is made by, with their loss and what of the data they are made for.
    variant: Option<(Arc<Variant>, Arc<Inner>, Key)>,
    pub(super) results: Results,
}

/// What the kernels leave behind.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub outputs: Outputs,
    evaluation: Evaluation,
}

/// Where the outputs of a call are.
enum Source<'a> {
    Kernels(&'a mut Outputs),
    Interpreter(&'a [Dense]),
}

/// Positions of outputs that are in the caller's memory.
type Written = SmallVec<[usize; 8]>;

impl Workspace {
    /// Without any memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The result of the last call.
    pub fn evaluation(&self) -> &Evaluation {
        &self.results.evaluation
    }

    /// Gives the result of the last call, with its memory, away.
    pub(super) fn take_evaluation(&mut self) -> Evaluation {
        let next =
            self.variant.as_ref().map_or_else(Evaluation::default, |(variant, ..)| nothing_yet(&variant.program));
        std::mem::replace(&mut self.results.evaluation, next)
    }

    /// Whether it holds memory of results.
    pub(super) fn has_results(&self) -> bool {
        let evaluation = &self.results.evaluation;
        !evaluation.gradients.is_empty() || matches!(evaluation.value, Value::Tensor(_))
    }

    /// Takes the memory of a result of the loss, where nobody else holds it, for the next one.
    pub(super) fn take_back(&mut self, evaluation: &mut Evaluation) {
        let Some((variant, ..)) = &self.variant else { return };
        // The result may have been made by kernels for other data, with other gradients.
        let roles = || variant.program.outputs.iter().map(|output| &output.role);
        let is_output = |input: &str| roles().any(|role| matches!(role, OutputRole::Gradient(own) if own == input));
        let gradients = std::mem::take(&mut evaluation.gradients).into_iter();
        let usable = |one: &mut Gradient| is_output(&one.input) && is_alone(&mut one.tensor);
        let own = &mut self.results.evaluation;
        own.gradients.extend(gradients.filter_map(|mut one| usable(&mut one).then_some(one)));
        if let Value::Tensor(tensor) = &mut evaluation.value
            && roles().any(|role| *role == OutputRole::Value)
            && is_alone(tensor)
        {
            std::mem::swap(&mut own.value, &mut evaluation.value);
        }
    }

    /// The kernels of the last call, if they are those of this loss for such data.
    pub(super) fn known(&self, loss: &Arc<Inner>, key: &Key) -> Option<&Arc<Variant>> {
        let known = self.variant.as_ref().filter(|(_, own, own_key)| Arc::ptr_eq(own, loss) && own_key == key);
        known.map(|(variant, ..)| variant)
    }

    /// Forgets what was made by other kernels than these.
    pub(super) fn meet(&mut self, variant: &Arc<Variant>, loss: &Arc<Inner>, key: Key) {
        *self = Workspace {
            variant: Some((variant.clone(), loss.clone(), key)),
            results: Results { evaluation: nothing_yet(&variant.program), ..Results::default() },
            ..Workspace::default()
        };
    }
}

impl Results {
    /// Runs the kernels.
    pub fn call(
        &mut self,
        program: &Program,
        compiled: &Compiled,
        binding: &Binding<'_>,
        parameters: &[f64],
        gradients: &mut [(&str, TensorViewMut<'_>)],
        precision: DType,
    ) -> Result<(), Error> {
        self.lend(program);
        let mut direct: SmallVec<[(usize, SliceMut<'_>); 8]> = SmallVec::new();
        for (position, memory) in targets(program, gradients) {
            let usable = memory.dtype() == precision && !program.outputs[position].axes.is_empty();
            if let Some(memory) = if usable { memory.dense() } else { None } {
                direct.push((position, memory));
            }
        }
        compiled.call_into(binding, parameters, &mut self.outputs, &mut direct)?;
        let mut written: Written = direct.into_iter().map(|(position, _)| position).collect();
        for (position, memory) in targets(program, gradients) {
            if written.contains(&position) {
                continue;
            }
            written.push(position);
            if program.outputs[position].axes.is_empty() {
                memory.fill(std::iter::once(self.outputs.scalar(position)));
            } else if precision == DType::F64 {
                memory.fill(self.outputs.f64(position).iter().copied());
            } else {
                memory.fill(self.outputs.f32(position).iter().map(|&value| f64::from(value)));
            }
        }
        collect(&mut self.evaluation, program, binding, &written, precision, Source::Kernels(&mut self.outputs));
        Ok(())
    }

    /// Takes the results of the interpreter.
    pub fn interpreted(
        &mut self,
        program: &Program,
        binding: &Binding<'_>,
        outputs: &[Dense],
        gradients: &mut [(&str, TensorViewMut<'_>)],
        precision: DType,
    ) {
        let mut written = Written::new();
        for (position, memory) in targets(program, gradients) {
            let single = precision != DType::F64 && !program.outputs[position].axes.is_empty();
            let rounded = |&value: &f64| if single { f64::from(value as f32) } else { value };
            memory.fill(outputs[position].reals().iter().map(rounded));
            written.push(position);
        }
        collect(&mut self.evaluation, program, binding, &written, precision, Source::Interpreter(outputs));
    }

    /// Gives the memory of the last result, where nobody else holds it, to the kernels.
    fn lend(&mut self, program: &Program) {
        for (position, output) in program.outputs.iter().enumerate().filter(|(_, output)| !output.axes.is_empty()) {
            let Some(tensor) = existing(&mut self.evaluation, &output.role) else { continue };
            match &mut tensor.data {
                Buffer::F32(data) => {
                    let own = Arc::get_mut(data).map(std::mem::take);
                    own.into_iter().for_each(|data| self.outputs.give_f32(position, data));
                }
                Buffer::F64(data) => {
                    let own = Arc::get_mut(data).map(std::mem::take);
                    own.into_iter().for_each(|data| self.outputs.give_f64(position, data));
                }
                _ => {}
            }
        }
    }
}

/// Whether nobody else holds the memory of a tensor of floats, in which a kernel may write then.
fn is_alone(tensor: &mut Tensor) -> bool {
    match &mut tensor.data {
        Buffer::F32(data) => Arc::get_mut(data).is_some(),
        Buffer::F64(data) => Arc::get_mut(data).is_some(),
        _ => false,
    }
}

/// The result of a program before it has run: its terms have their names.
fn nothing_yet(program: &Program) -> Evaluation {
    let roles = program.outputs.iter().map(|output| &output.role);
    let terms = roles.filter_map(|role| match role {
        OutputRole::Term(name) => Some(Term { name: name.clone(), value: f64::NAN, weight: 1.0 }),
        _ => None,
    });
    let mut evaluation = Evaluation::default();
    evaluation.terms = terms.collect();
    evaluation
}

/// The caller's memory with the outputs that go there: all of them are there, `check_targets` has seen to it.
fn targets<'g, 'm>(
    program: &Program,
    gradients: &'g mut [(&str, TensorViewMut<'m>)],
) -> impl Iterator<Item = (usize, &'g mut TensorViewMut<'m>)> {
    gradients.iter_mut().filter_map(|(name, memory)| {
        let is_it = |output: &Output| matches!(&output.role, OutputRole::Gradient(input) if input == name);
        program.outputs.iter().position(is_it).map(|position| (position, memory))
    })
}

/// The tensor of the last result that an output becomes.
fn existing<'e>(evaluation: &'e mut Evaluation, role: &OutputRole) -> Option<&'e mut Tensor> {
    match (role, &mut evaluation.value) {
        (OutputRole::Value, Value::Tensor(tensor)) => Some(tensor),
        (OutputRole::Gradient(input), _) => {
            let own = evaluation.gradients.iter_mut().find(|gradient| gradient.input == *input);
            own.map(|gradient| &mut gradient.tensor)
        }
        _ => None,
    }
}

/// Sorts outputs into value, terms, gradients and states. Nothing is allocated where the last result had the same.
fn collect(
    evaluation: &mut Evaluation,
    program: &Program,
    binding: &Binding<'_>,
    written: &[usize],
    precision: DType,
    mut source: Source<'_>,
) {
    for (position, output) in program.outputs.iter().enumerate() {
        match &output.role {
            OutputRole::Value if output.axes.is_empty() => evaluation.value = Value::Scalar(source.scalar(position)),
            OutputRole::Term(name) => {
                let term = evaluation.terms.iter_mut().find(|term| term.name == *name);
                term.into_iter().for_each(|term| term.value = source.scalar(position));
            }
            OutputRole::Weight(name) => {
                let term = evaluation.terms.iter_mut().find(|term| term.name == *name);
                term.into_iter().for_each(|term| term.weight = source.scalar(position));
            }
            OutputRole::State(name) => evaluation.state.put(name, source.scalar(position)),
            OutputRole::Gradient(input) if written.contains(&position) => {
                evaluation.gradients.retain(|gradient| gradient.input != *input);
            }
            OutputRole::Value | OutputRole::Gradient(_) => {
                let shape = binding.shape(program, &output.axes);
                if let Some(tensor) = existing(evaluation, &output.role) {
                    source.refill(position, output, precision, tensor);
                    tensor.shape.clear();
                    tensor.shape.extend_from_slice(&shape);
                    continue;
                }
                let mut tensor = Tensor::f64(Vec::new(), &shape);
                source.refill(position, output, precision, &mut tensor);
                match &output.role {
                    OutputRole::Gradient(input) => evaluation.gradients.push(Gradient { input: input.clone(), tensor }),
                    _ => evaluation.value = Value::Tensor(tensor),
                }
            }
        }
    }
    // One for which memory was given before may have come anew.
    let place = |gradient: &Gradient| {
        let is_it = |output: &Output| matches!(&output.role, OutputRole::Gradient(input) if *input == gradient.input);
        program.outputs.iter().position(is_it)
    };
    if !evaluation.gradients.is_sorted_by_key(place) {
        evaluation.gradients.sort_by_key(place);
    }
}

impl Source<'_> {
    fn scalar(&self, position: usize) -> f64 {
        match self {
            Source::Kernels(outputs) => outputs.scalar(position),
            Source::Interpreter(outputs) => outputs[position].reals().first().copied().unwrap_or(f64::NAN),
        }
    }

    /// Puts the elements of an output into a tensor.
    fn refill(&mut self, position: usize, output: &Output, precision: DType, tensor: &mut Tensor) {
        let scalar = output.axes.is_empty();
        if scalar || precision == DType::F64 {
            let values = match self {
                Source::Kernels(outputs) if !scalar => outputs.take_f64(position),
                Source::Interpreter(outputs) if !scalar => outputs[position].reals().to_vec(),
                _ => {
                    // A number needs no memory of its own each time.
                    if let Buffer::F64(data) = &mut tensor.data
                        && let Some([place]) = Arc::get_mut(data).map(Vec::as_mut_slice)
                    {
                        *place = self.scalar(position);
                        return;
                    }
                    vec![self.scalar(position)]
                }
            };
            if let Buffer::F64(data) = &mut tensor.data
                && let Some(data) = Arc::get_mut(data)
            {
                *data = values;
            } else {
                tensor.data = Buffer::F64(Arc::new(values));
            }
            return;
        }
        let values = match self {
            Source::Kernels(outputs) => outputs.take_f32(position),
            Source::Interpreter(outputs) => outputs[position].reals().iter().map(|&value| value as f32).collect(),
        };
        if let Buffer::F32(data) = &mut tensor.data
            && let Some(data) = Arc::get_mut(data)
        {
            *data = values;
        } else {
            tensor.data = Buffer::F32(Arc::new(values));
        }
    }
}
