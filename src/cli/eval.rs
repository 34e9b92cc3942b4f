//! `lossc eval`: the main job, a loss on data.

use std::fmt::Write as _;
use std::path::Path;

use super::arguments::{EngineArgument, EvalArguments};
use super::data::{Data, write_npy_folder, write_safetensors};
use super::failure::Failure;
use super::inputs::{chosen, gathered, with_case};
use super::json;
use super::output::put;
use super::target::{builder, with_gradients, with_vectors};
use crate::session::{Engine, Evaluation, Loss, LossBuilder, Params, Value};
use crate::tensor::{DType, Tensor, TensorView};

/// Evaluates and prints.
pub fn run(arguments: &EvalArguments) -> Result<(), Failure> {
    let data = gathered(arguments.data.as_deref(), arguments.case.as_deref(), &arguments.inputs)?;
    let builder = configured(builder(&arguments.loss)?, arguments, &data)?;
    let info = builder.info();
    let inputs = chosen(&info, data.inputs, &arguments.inputs)?;
    let shapes = inputs.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone()));
    let loss = builder.for_shapes(shapes).build()?;
    let evaluation = call(&loss, &inputs)?;
    if let Some(path) = &arguments.out {
        write_out(path, &evaluation)?;
    }
    let dtype = DType::from(arguments.dtype).name();
    if arguments.json {
        put(format_args!("{}\n", json::evaluation(&info.name, dtype, &evaluation)));
    } else {
        put(format_args!("{}", report(&info.name, dtype, &evaluation)));
    }
    Ok(())
}

fn configured(builder: LossBuilder, arguments: &EvalArguments, data: &Data) -> Result<LossBuilder, Failure> {
    let engine = match arguments.engine {
        EngineArgument::Jit => Engine::Jit,
        EngineArgument::Interp => Engine::Interpreter,
    };
    let mut builder = with_gradients(builder, &arguments.grad)
        .dtype(arguments.dtype.into())
        .engine(engine)
        .check_data(arguments.check_data);
    if let Some(threads) = arguments.threads {
        builder = builder.threads(usize::from(threads));
    }
    with_case(with_vectors(builder, arguments.vectors), &arguments.loss, data)
}

/// One call with the hyperparameters that were set when building.
pub fn call(loss: &Loss, inputs: &[(String, Tensor)]) -> Result<Evaluation, Failure> {
    let mut views: Vec<(&str, TensorView<'_>)> = Vec::new();
    for (name, tensor) in inputs {
        let view = tensor.view().map_err(|error| Failure::Message(format!("input `{name}`: {error}")))?;
        views.push((name.as_str(), view));
    }
    Ok(loss.value_and_grad(&views, &Params::new())?)
}

fn write_out(path: &Path, evaluation: &Evaluation) -> Result<(), Failure> {
    let mut tensors: Vec<(String, Tensor)> =
        evaluation.gradients().iter().map(|gradient| (gradient.input.clone(), gradient.tensor.clone())).collect();
    if let Value::Tensor(value) = evaluation.values() {
        tensors.push(("value".into(), value.clone()));
    }
    if tensors.is_empty() {
        return Err(Failure::Message("nothing to write: ask for gradients with --grad, or for reduction none".into()));
    }
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("safetensors") => write_safetensors(path, &tensors)?,
        None => write_npy_folder(path, &tensors)?,
        Some(other) => {
            return Err(Failure::Usage(format!("--out writes .safetensors or a folder of .npy, not .{other}")));
        }
    }
    Ok(())
}

/// The result for people.
fn report(loss: &str, dtype: &str, evaluation: &Evaluation) -> String {
    let mut text = String::new();
    match evaluation.values() {
        Value::Scalar(value) => {
            let _ = writeln!(text, "{loss} = {} ({dtype})", rounded(*value));
        }
        Value::Tensor(value) => {
            let _ = writeln!(text, "{loss}: {} ({dtype})", summary(value));
        }
    }
    if !evaluation.terms().is_empty() {
        let width = evaluation.terms().iter().map(|term| term.name.chars().count()).max().unwrap_or(0);
        let _ = writeln!(text, "terms");
        for term in evaluation.terms() {
            let (value, weight) = (rounded(term.value), rounded(term.weight));
            let _ = writeln!(text, "  {:width$}  {value}  × {weight}", term.name);
        }
    }
    for gradient in evaluation.gradients() {
        let _ = match gradient.tensor.shape[..] {
            [] => writeln!(text, "gradient by {}: {}", gradient.input, rounded(first(&gradient.tensor))),
            _ => writeln!(text, "gradient by {}: {}", gradient.input, summary(&gradient.tensor)),
        };
    }
    if !evaluation.state().is_empty() {
        let width = evaluation.state().iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let _ = writeln!(text, "state");
        for (name, value) in evaluation.state().iter() {
            let _ = writeln!(text, "  {name:width$}  {}", rounded(value));
        }
    }
    text
}

fn first(tensor: &Tensor) -> f64 {
    tensor.to_f64().first().copied().unwrap_or(f64::NAN)
}

/// A number with six digits.
pub(super) fn rounded(value: f64) -> String {
    let text = format!("{value:.6}");
    let small = value != 0.0 && (value.abs() < 1e-3 || value.abs() >= 1e7);
    if small { format!("{value:.5e}") } else { text }
}

/// Shape, norm, first and last values.
fn summary(tensor: &Tensor) -> String {
    let values = tensor.to_f64();
    let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let shown = |values: &[f64]| values.iter().map(|&value| rounded(value)).collect::<Vec<_>>().join(", ");
    let ends = if values.len() > 6 {
        format!("{}, … , {}", shown(&values[..3]), shown(&values[values.len() - 3..]))
    } else {
        shown(&values)
    };
    format!("shape {:?}, norm {}, [{ends}]", tensor.shape, rounded(norm))
}
