//! Losses on random data: tensors by declared kind, calls through the session, and the judge, which is the
//! interpreter on the graph as it was lowered, before any rewriting.
#![allow(dead_code)]

pub mod data;
pub mod freeze;
pub mod learned;
pub mod losses;
pub mod ranges;

use lossc::bind::{Binding, DataError};
use lossc::eval::{Dense, Environment, Precision, evaluate_in};
use lossc::ir::{AxisId, OutputRole, Program, parse};
use lossc::op::Element;
use lossc::pipeline;
use lossc::session::{Error, Evaluation, Loss, LossBuilder, Params, Stage, Value};
use lossc::tensor::{Tensor, TensorView};

/// Tensors by input name.
pub type Tensors = Vec<(String, Tensor)>;

/// The views of whole tensors.
pub fn views(tensors: &[(String, Tensor)]) -> Vec<(&str, TensorView<'_>)> {
    tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.view().expect("the shape fits"))).collect()
}

/// One call with the defaults of all hyperparameters.
pub fn call(loss: &Loss, tensors: &[(String, Tensor)]) -> Result<Evaluation, Error> {
    loss.value_and_grad(&views(tensors), &Params::new())
}

/// How long axes are whose extent is a hyperparameter.
pub const GIVEN_EXTENT: usize = 4;

/// The builder with every extent given that a hyperparameter may give.
pub fn with_extents(builder: LossBuilder) -> LossBuilder {
    let extents = builder.info().hyperparameters.into_iter().filter(|one| one.axis.is_some());
    extents.fold(builder, |builder, one| builder.set(&one.name, GIVEN_EXTENT as f64).expect("an int"))
}

/// The same tensors, floats in single precision.
pub fn single(tensors: &[(String, Tensor)]) -> Tensors {
    let convert = |tensor: &Tensor| match tensor.dtype().is_float() {
        true => Tensor::f32(tensor.to_f64().into_iter().map(|value| value as f32).collect(), &tensor.shape),
        false => tensor.clone(),
    };
    tensors.iter().map(|(name, tensor)| (name.clone(), convert(tensor))).collect()
}

/// Numbers of one call, by what they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    pub outputs: Vec<(OutputRole, Vec<f64>)>,
}

impl Numbers {
    /// The value where it is one number.
    pub fn value(&self) -> f64 {
        self.of(&OutputRole::Value)[0]
    }

    /// All numbers of an output.
    pub fn of(&self, role: &OutputRole) -> &[f64] {
        let found = self.outputs.iter().find(|(other, _)| other == role);
        &found.unwrap_or_else(|| panic!("no output {role:?}")).1
    }

    /// The gradient with respect to an input.
    pub fn gradient(&self, input: &str) -> &[f64] {
        self.of(&OutputRole::Gradient(input.to_owned()))
    }

    /// The largest number of the value.
    pub fn value_scale(&self) -> f64 {
        self.of(&OutputRole::Value).iter().fold(0.0, |scale, number| number.abs().max(scale))
    }

    /// Whether no number is infinite or NaN.
    pub fn finite(&self) -> bool {
        self.outputs.iter().all(|(_, numbers)| numbers.iter().all(|number| number.is_finite()))
    }
}

/// The numbers of a call through the session.
pub fn numbers(evaluation: &Evaluation) -> Numbers {
    let value = match evaluation.values() {
        Value::Scalar(value) => vec![*value],
        Value::Tensor(tensor) => tensor.to_f64(),
    };
    let mut outputs = vec![(OutputRole::Value, value)];
    for term in evaluation.terms() {
        outputs.push((OutputRole::Term(term.name.clone()), vec![term.value]));
        outputs.push((OutputRole::Weight(term.name.clone()), vec![term.weight]));
    }
    for gradient in evaluation.gradients() {
        outputs.push((OutputRole::Gradient(gradient.input.clone()), gradient.tensor.to_f64()));
    }
    for (name, value) in evaluation.state().iter() {
        outputs.push((OutputRole::State(name.to_owned()), vec![value]));
    }
    Numbers { outputs }
}

/// The graph of a loss as lowered, with the gradients by these inputs; nothing is rewritten.
pub fn reference(builder: &LossBuilder, wrt: &[String]) -> Program {
    pipeline::differentiated(lowered(builder), wrt)
}

/// The graph of a loss as lowered, by way of its text form.
pub fn lowered(builder: &LossBuilder) -> Program {
    let text = builder.show(Stage::Ir).unwrap_or_else(|error| panic!("{error}"));
    parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A graph with all passes behind it.
pub fn rewritten(builder: &LossBuilder, wrt: &[String]) -> Program {
    pipeline::run(lowered(builder), wrt).simplified
}

/// Runs a graph on the interpreter.
pub fn interpret(program: &Program, tensors: &[(String, Tensor)], precision: Precision) -> Result<Numbers, DataError> {
    let used = tensors.iter().filter(|(name, _)| program.inputs.iter().any(|input| input.name == *name));
    let used: Tensors = used.cloned().collect();
    let binding = Binding::new(program, &views(&used))?;
    let axes = (0..program.graph.all_axes().len()).map(|axis| AxisId(axis as u32));
    let extents: Vec<u64> = axes.map(|axis| binding.extent(axis) as u64).collect();
    let inputs: Vec<Dense> = program
        .inputs
        .iter()
        .enumerate()
        .map(|(position, input)| {
            let view = binding.view(position);
            let shape: Vec<usize> = input.axes.iter().map(|&axis| binding.extent(axis)).collect();
            let (data, positions) = (view.data(), view.positions());
            match input.element {
                Element::Real => Dense::real(&input.axes, &shape, positions.map(|at| data.real(at)).collect()),
                _ => Dense::int(&input.axes, &shape, positions.map(|at| data.int(at)).collect()),
            }
        })
        .collect();
    let parameters: Vec<f64> = program.parameters.iter().map(|parameter| parameter.default).collect();
    let environment = Environment { extents: &extents, inputs: &inputs, parameters: &parameters, precision };
    let results = evaluate_in(program, environment);
    let outputs = program.outputs.iter().zip(results);
    Ok(Numbers { outputs: outputs.map(|(output, dense)| (output.role.clone(), dense.reals().to_vec())).collect() })
}

/// Where two results differ by more than `tolerance` relative to the largest number of the output, or than `absolute`
/// of the output of that role.
pub fn difference(got: &Numbers, want: &Numbers, tolerance: f64, absolute: impl Fn(usize) -> f64) -> Option<String> {
    for (at, (role, want)) in want.outputs.iter().enumerate() {
        let got = got.of(role);
        assert_eq!(got.len(), want.len(), "{role:?}");
        let scale = want.iter().fold(1.0_f64, |scale, number| scale.max(number.abs()));
        for (place, (&got, &want)) in got.iter().zip(want).enumerate() {
            let same = got == want || (got.is_nan() && want.is_nan());
            if !same
                && (got - want).abs().partial_cmp(&(tolerance * scale + absolute(at))) != Some(std::cmp::Ordering::Less)
            {
                return Some(format!("{role:?}[{place}] = {got:e} instead of {want:e}"));
            }
        }
    }
    None
}

/// The derivative of the sum of a program's value by one element of an input, and how much two step widths disagree
/// about it: at a kink, or where the function is too curved, they do.
pub fn central_difference(program: &Program, tensors: &[(String, Tensor)], input: &str, element: usize) -> (f64, f64) {
    let start = tensors.iter().find(|(name, _)| name == input).map(|(_, tensor)| tensor.clone()).expect("an input");
    let at = |shift: f64| {
        let mut values = start.to_f64();
        values[element] += shift;
        let moved = Tensor::f64(values, &start.shape);
        let replaced = |(name, tensor): &(String, Tensor)| {
            (name.clone(), if name == input { moved.clone() } else { tensor.clone() })
        };
        let tensors: Tensors = tensors.iter().map(replaced).collect();
        let numbers = interpret(program, &tensors, Precision::Double).expect("the data fitted before");
        numbers.of(&OutputRole::Value).iter().sum::<f64>()
    };
    let slope = |h: f64| (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
    let (wide, narrow) = (slope(2e-4), slope(1.3e-4));
    (narrow, (wide - narrow).abs())
}
