//! Calls: views in, value, terms and gradients out.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::build::LossBuilder;
use super::error::Error;
use super::params::{Params, State};
use super::program::LossInfo;
use crate::bind::{Binding, InputBinding};
use crate::eval::{self, Dense};
use crate::hir::{AxisIndex, AxisKind, Function};
use crate::ir::{AxisId, InputData, OutputRole, Program};
use crate::jit::{Compiled, Outputs};
use crate::lower::Conditions;
use crate::op::Element;
use crate::syntax::ast::Role;
use crate::tensor::{DType, Tensor, TensorView};

/// A compiled loss: `Send + Sync`, cheap to clone.
#[derive(Clone, Debug)]
pub struct Loss {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) builder: LossBuilder,
    pub(super) variants: Mutex<HashMap<Shape, Arc<Variant>>>,
}

/// What of the data the kernels are made for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    /// The optional inputs that are given.
    pub given: BTreeSet<String>,
    /// The packs that stand for no axis.
    pub empty_packs: BTreeSet<String>,
}

/// The kernels for one [`Shape`].
#[derive(Debug)]
pub(super) struct Variant {
    program: Program,
    conditions: Conditions,
    compiled: Option<Compiled>,
}

impl Variant {
    pub(super) fn new(program: Program, conditions: Conditions, compiled: Option<Compiled>) -> Self {
        Variant { program, conditions, compiled }
    }
}

/// A value of a loss.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One number.
    Scalar(f64),
    /// One number a sample, with reduction `none`.
    Tensor(Tensor),
}

/// A term of a compound loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Its name.
    pub name: String,
    /// Its value, before the weight.
    pub value: f64,
    /// The factor in front of it.
    pub weight: f64,
}

/// A gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// The input or learnable that it is with respect to.
    pub input: String,
    /// The gradient, in the shape of the input, row-major.
    pub tensor: Tensor,
}

/// What a call gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    value: Value,
    terms: Vec<Term>,
    gradients: Vec<Gradient>,
    state: State,
}

impl Evaluation {
    /// The value; NaN where it is not one number (see [`Evaluation::values`]).
    pub fn value(&self) -> f64 {
        match &self.value {
            Value::Scalar(value) => *value,
            Value::Tensor(_) => f64::NAN,
        }
    }

    /// The value, one number or a tensor.
    pub fn values(&self) -> &Value {
        &self.value
    }

    /// All terms of a compound loss, in order.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The value of a term, before its weight.
    pub fn term(&self, name: &str) -> Option<f64> {
        self.terms.iter().find(|term| term.name == name).map(|term| term.value)
    }

    /// All gradients, in the order in which they were asked for.
    pub fn gradients(&self) -> &[Gradient] {
        &self.gradients
    }

    /// The states after the call: give them to the next one with [`Params::with_state`].
    pub fn state(&self) -> &State {
        &self.state
    }

    /// All gradients, to keep their memory.
    pub fn into_gradients(self) -> Vec<Gradient> {
        self.gradients
    }

    /// The gradient with respect to an input or a learnable.
    pub fn grad(&self, input: &str) -> Option<&Tensor> {
        self.gradients.iter().find(|gradient| gradient.input == input).map(|gradient| &gradient.tensor)
    }
}

impl Loss {
    pub(super) fn new(inner: Inner) -> Self {
        Loss { inner: Arc::new(inner) }
    }

    /// What the loss is from outside.
    pub fn info(&self) -> LossInfo {
        self.inner.builder.info()
    }

    /// What it was built with, to build it once more in another precision or with other gradients.
    pub fn builder(&self) -> &LossBuilder {
        &self.inner.builder
    }

    /// The states of the loss with the values with which a training begins. The caller keeps them: a call takes them
    /// from its [`Params`] and gives the new ones, [`Evaluation::state`].
    ///
    /// # Errors
    /// As [`LossBuilder::build`].
    pub fn states(&self) -> Result<State, Error> {
        self.starts(Role::State)
    }

    /// The learnables of the loss with their first values. The caller keeps them and learns them by their gradients.
    ///
    /// # Errors
    /// As [`LossBuilder::build`].
    pub fn learnables(&self) -> Result<State, Error> {
        self.starts(Role::Learn)
    }

    fn starts(&self, role: Role) -> Result<State, Error> {
        let builder = &self.inner.builder;
        let variant = self.variant(&builder.likely_shape())?;
        let values = self.parameters(&variant.program, &Params::new())?;
        let names = variant.program.parameters.iter().map(|data| data.name.as_str());
        let of_role = names.zip(values).filter(|(name, _)| builder.role_of(name) == Some(role));
        Ok(of_role.map(|(name, value)| (name.to_string(), value)).collect())
    }

    pub(super) fn variant(&self, shape: &Shape) -> Result<Arc<Variant>, Error> {
        // A thread that panicked while it held the lock left a map that is still good.
        let mut variants = self.inner.variants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(variant) = variants.get(shape) {
            return Ok(variant.clone());
        }
        let variant = Arc::new(self.inner.builder.compile(shape)?);
        variants.insert(shape.clone(), variant.clone());
        Ok(variant)
    }

    /// Value, terms and gradients.
    ///
    /// # Errors
    /// If the data do not fit the loss (the message names the input, the axis and both extents), or a
    /// hyperparameter is unknown or outside its domain.
    pub fn value_and_grad(&self, inputs: &[(&str, TensorView<'_>)], params: &Params) -> Result<Evaluation, Error> {
        let builder = &self.inner.builder;
        let variant = self.variant(&shape_of(builder.function(), inputs))?;
        let parameters = self.parameters(&variant.program, params)?;
        self.check_conditions(&variant, &parameters)?;
        let binding = Binding::new(&variant.program, inputs)?;
        if builder.checks_data() {
            binding.check_data(&variant.program)?;
        }
        let dense = match &variant.compiled {
            Some(compiled) => {
                let mut outputs = Outputs::new();
                compiled.call(&binding, &parameters, &mut outputs)?;
                // The memory of an output becomes the result: nothing of its size is copied.
                return Ok(collect(&variant.program, |position, axes| {
                    let shape = binding.shape(&variant.program, axes);
                    if axes.is_empty() {
                        Tensor::f64(vec![outputs.scalar(position)], &shape)
                    } else if builder.precision() == DType::F64 {
                        Tensor::f64(outputs.take_f64(position), &shape)
                    } else {
                        Tensor::f32(outputs.take_f32(position), &shape)
                    }
                }));
            }
            None => interpret(&variant.program, &binding, &parameters),
        };
        Ok(collect(&variant.program, |position, axes| {
            let (values, shape) = (dense[position].reals(), binding.shape(&variant.program, axes));
            if axes.is_empty() || builder.precision() == DType::F64 {
                Tensor::f64(values.to_vec(), &shape)
            } else {
                Tensor::f32(values.iter().map(|&value| value as f32).collect(), &shape)
            }
        }))
    }

    fn parameters(&self, program: &Program, params: &Params) -> Result<Vec<f64>, Error> {
        let builder = &self.inner.builder;
        for (name, value) in params.iter() {
            match builder.role_of(name) {
                None => return Err(builder.unknown_parameter(name)),
                Some(Role::Int) => {
                    let (loss, name) = (builder.function().name.clone(), name.to_string());
                    return Err(Error::IntAtCall { loss, name, value });
                }
                Some(_) => {}
            }
        }
        let defaults = builder.set_defaults();
        let value = |name: &str, default: f64| {
            let given = params.iter().find(|(other, _)| *other == name).map(|(_, value)| value);
            given.or_else(|| defaults.get(name).copied()).unwrap_or(default)
        };
        Ok(program.parameters.iter().map(|one| value(&one.name, one.default)).collect())
    }

    fn check_conditions(&self, variant: &Variant, parameters: &[f64]) -> Result<(), Error> {
        let conditions = &variant.conditions;
        if conditions.conditions.is_empty() {
            return Ok(());
        }
        let results = eval::evaluate(&conditions.program, &[], &[], parameters);
        for (condition, result) in conditions.conditions.iter().zip(results) {
            if result.bools().first() == Some(&true) {
                continue;
            }
            let names = &conditions.program.parameters;
            let own = condition.loss == self.inner.builder.function().name;
            let position = names.iter().position(|one| own && one.name == condition.parameter);
            let value = position.and_then(|position| parameters.get(position)).copied();
            let sources = self.inner.builder.program().sources();
            return Err(Error::Condition {
                loss: condition.loss.clone(),
                name: condition.parameter.clone(),
                condition: sources.text(condition.span).to_string(),
                value,
            });
        }
        Ok(())
    }
}

/// Which optional inputs are given, and which packs stand for no axis in all of the inputs that have them.
fn shape_of(function: &Function, inputs: &[(&str, TensorView<'_>)]) -> Shape {
    let mut shape = Shape::default();
    let mut bound: HashMap<AxisIndex, bool> = HashMap::new();
    for input in &function.inputs {
        let Some((_, view)) = inputs.iter().find(|(name, _)| *name == input.name) else { continue };
        if input.default.is_some() {
            shape.given.insert(input.name.clone());
        }
        let pack = input.ty.axes.iter().find(|axis| function.axes[axis.0 as usize].kind == AxisKind::Pack);
        if let Some(&pack) = pack {
            *bound.entry(pack).or_default() |= view.shape().len() + 1 != input.ty.axes.len();
        }
    }
    let empty = bound.into_iter().filter(|(_, bound)| !bound);
    shape.empty_packs = empty.map(|(pack, _)| function.axes[pack.0 as usize].name.clone()).collect();
    shape
}

fn interpret(program: &Program, binding: &Binding<'_>, parameters: &[f64]) -> Vec<Dense> {
    let axes = (0..program.graph.all_axes().len()).map(|axis| AxisId(axis as u32));
    let extents: Vec<u64> = axes.map(|axis| binding.extent(axis) as u64).collect();
    let dense = |(input, bound): (&InputData, &InputBinding<'_>)| {
        let shape: Vec<usize> = input.axes.iter().map(|&axis| binding.extent(axis)).collect();
        let (data, positions) = (bound.view.data(), bound.view.positions());
        match input.element {
            Element::Real => Dense::real(&input.axes, &shape, positions.map(|at| data.real(at)).collect()),
            Element::Int | Element::Bool => Dense::int(&input.axes, &shape, positions.map(|at| data.int(at)).collect()),
        }
    };
    let inputs: Vec<Dense> = program.inputs.iter().zip(binding.inputs()).map(dense).collect();
    eval::evaluate(program, &extents, &inputs, parameters)
}

/// Sorts outputs into value, terms and gradients. `output` gives one output, whose axes it is told.
fn collect(program: &Program, mut output: impl FnMut(usize, &[AxisId]) -> Tensor) -> Evaluation {
    let mut evaluation = Evaluation {
        value: Value::Scalar(f64::NAN),
        terms: Vec::new(),
        gradients: Vec::new(),
        state: State::default(),
    };
    for (position, declared) in program.outputs.iter().enumerate() {
        let result = output(position, &declared.axes);
        let scalar = || result.to_f64().first().copied().unwrap_or(f64::NAN);
        match &declared.role {
            OutputRole::Value if declared.axes.is_empty() => evaluation.value = Value::Scalar(scalar()),
            OutputRole::Value => evaluation.value = Value::Tensor(result),
            OutputRole::Term(name) => {
                evaluation.terms.push(Term { name: name.clone(), value: scalar(), weight: 1.0 });
            }
            OutputRole::Weight(name) => {
                if let Some(term) = evaluation.terms.iter_mut().find(|term| term.name == *name) {
                    term.weight = scalar();
                }
            }
            OutputRole::State(name) => evaluation.state.set(name.clone(), scalar()),
            OutputRole::Gradient(input) => {
                evaluation.gradients.push(Gradient { input: input.clone(), tensor: result });
            }
        }
    }
    evaluation
}
