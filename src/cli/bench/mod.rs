//! `lossc bench`: how long value and gradients of a loss take, on the caller's data or on random numbers.

mod random;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};

use super::arguments::BenchArguments;
use super::eval::rounded;
use super::failure::Failure;
use super::inputs::{chosen, gathered, with_case};
use super::json;
use super::output::put;
use super::target::{builder, with_gradients, with_vectors};
use crate::session::{Evaluation, Loss, LossInfo, Params, Value, Workspace};
use crate::tensor::{DType, Slice, SliceMut, Tensor, TensorView, TensorViewMut};
pub(super) use random::Shapes;

/// Measures and prints.
pub fn run(arguments: &BenchArguments) -> Result<(), Failure> {
    let data = gathered(arguments.data.as_deref(), arguments.case.as_deref(), &[])?;
    let begin = Instant::now();
    let dtype = DType::from(arguments.dtype);
    let mut builder = with_case(builder(&arguments.loss)?.dtype(dtype), &arguments.loss, &data)?;
    if let Some(threads) = arguments.threads {
        builder = builder.threads(usize::from(threads));
    }
    builder = with_vectors(builder, arguments.vectors);
    let info = builder.info();
    let wanted = gradients(&info, &arguments.grad)?;
    let before = Instant::now();
    let inputs = match arguments.data {
        Some(_) => chosen(&info, data.inputs, &[])?,
        None => Shapes::new(&info, &arguments.shape)?.data(&info, arguments.data_dtype.map_or(dtype, DType::from))?,
    };
    // That is not compiling.
    let made = before.elapsed();
    let shapes = inputs.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone()));
    let loss = with_gradients(builder, &wanted).for_shapes(shapes).build()?;
    let compiled = begin.elapsed() - made;
    let report = measure(&loss, &inputs, dtype, Duration::from_secs_f64(arguments.seconds))?;
    let shown = Shown { loss: &info.name, dtype: dtype.name(), threads: loss.threads(), inputs: &inputs, compiled };
    put(format_args!("{}", if arguments.json { shown.json(&report) } else { shown.text(&report) }));
    Ok(())
}

/// By default with respect to the first float input.
fn gradients(info: &LossInfo, asked: &[String]) -> Result<Vec<String>, Failure> {
    if !asked.is_empty() {
        return Ok(asked.to_vec());
    }
    let first = info.inputs.iter().find(|input| input.float && !input.optional);
    let first = first.ok_or_else(|| Failure::Message(format!("`{}` has no input with a gradient", info.name)))?;
    Ok(vec![first.name.clone()])
}

/// How long calls took.
struct Times {
    calls: usize,
    min: f64,
    median: f64,
}

impl Times {
    /// At least so many calls are measured, however long they take.
    const FEWEST: usize = 5;

    /// In µs, over as many calls as fit into the time.
    fn of(time: Duration, mut call: impl FnMut() -> Result<(), Failure>) -> Result<Times, Failure> {
        call()?;
        let mut times = Vec::new();
        let begin = Instant::now();
        while times.len() < Self::FEWEST || begin.elapsed() < time {
            let start = Instant::now();
            call()?;
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        times.sort_by(f64::total_cmp);
        Ok(Times { calls: times.len(), min: times[0], median: times[times.len() / 2] })
    }

    fn json(&self) -> serde_json::Value {
        json!({ "min_us": self.min, "median_us": self.median, "calls": self.calls })
    }
}

struct Report {
    /// The caller's memory for gradients and the workspace are used again.
    reused: Times,
    /// Every call allocates its results.
    fresh: Times,
    /// Of inputs and gradients.
    bytes: usize,
    /// What the loss gives on these data, so that another program can be held against it.
    first: Evaluation,
}

impl Report {
    fn gigabytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.reused.min / 1e3
    }
}

fn measure(loss: &Loss, inputs: &[(String, Tensor)], dtype: DType, time: Duration) -> Result<Report, Failure> {
    let mut views: Vec<(&str, TensorView<'_>)> = Vec::new();
    for (name, tensor) in inputs {
        let view = tensor.view().map_err(|error| Failure::Message(format!("input `{name}`: {error}")))?;
        views.push((name.as_str(), view));
    }
    let params = Params::new();
    let first = loss.value_and_grad(&views, &params)?;
    let mut memory: Vec<(String, Vec<usize>, Memory)> = Vec::new();
    for gradient in first.gradients() {
        let count = gradient.tensor.slice().len();
        let room = if dtype == DType::F64 { Memory::F64(vec![0.0; count]) } else { Memory::F32(vec![0.0; count]) };
        memory.push((gradient.input.clone(), gradient.tensor.shape.clone(), room));
    }
    let tensors = inputs.iter().map(|(_, tensor)| tensor).chain(first.gradients().iter().map(|one| &one.tensor));
    let bytes = tensors.map(size).sum();
    let mut workspace = Workspace::new();
    let reused = Times::of(time, || {
        let mut targets: Vec<(&str, TensorViewMut<'_>)> = Vec::with_capacity(memory.len());
        for (name, shape, room) in &mut memory {
            let slice = match room {
                Memory::F32(room) => SliceMut::F32(room),
                Memory::F64(room) => SliceMut::F64(room),
            };
            let target = TensorViewMut::contiguous(slice, shape);
            targets.push((name, target.map_err(|error| Failure::Message(error.to_string()))?));
        }
        loss.value_and_grad_into(&views, &params, &mut targets, &mut workspace)?;
        Ok(())
    })?;
    let fresh = Times::of(time, || Ok(loss.value_and_grad(&views, &params).map(drop)?))?;
    Ok(Report { reused, fresh, bytes, first })
}

/// Memory for a gradient.
enum Memory {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Bytes of a tensor.
fn size(tensor: &Tensor) -> usize {
    match tensor.slice() {
        Slice::F16(data) => size_of_val(data),
        Slice::BF16(data) => size_of_val(data),
        Slice::F32(data) => size_of_val(data),
        Slice::F64(data) => size_of_val(data),
        Slice::U8(data) => size_of_val(data),
        Slice::U32(data) => size_of_val(data),
        Slice::I32(data) => size_of_val(data),
        Slice::I64(data) => size_of_val(data),
    }
}

/// The value; of a tensor (reduction `none`) the Euclidean norm stands for it, as for gradients.
fn value(evaluation: &Evaluation) -> f64 {
    match evaluation.values() {
        Value::Scalar(value) => *value,
        Value::Tensor(value) => norm(value),
    }
}

fn norm(tensor: &Tensor) -> f64 {
    tensor.to_f64().iter().map(|number| number * number).sum::<f64>().sqrt()
}

/// What was measured.
struct Shown<'a> {
    loss: &'a str,
    dtype: &'a str,
    threads: usize,
    inputs: &'a [(String, Tensor)],
    compiled: Duration,
}

impl Shown<'_> {
    fn json(&self, report: &Report) -> String {
        let shapes = self.inputs.iter().map(|(name, tensor)| (name.clone(), json!(tensor.shape)));
        let shapes: Map<String, Json> = shapes.collect();
        let norms = report.first.gradients().iter().map(|one| (one.input.clone(), json::number(norm(&one.tensor))));
        let norms: Map<String, Json> = norms.collect();
        let object = json!({
            "loss": self.loss, "dtype": self.dtype, "threads": self.threads, "shapes": shapes,
            "value": json::number(value(&report.first)), "gradient_norms": norms,
            "compile_ms": self.compiled.as_secs_f64() * 1e3,
            "reused": report.reused.json(), "fresh": report.fresh.json(),
            "bytes": report.bytes, "gb_per_s": report.gigabytes_per_second(),
        });
        format!("{object}\n")
    }

    fn text(&self, report: &Report) -> String {
        let shapes: Vec<String> =
            self.inputs.iter().map(|(name, tensor)| format!("{name} {:?}", tensor.shape)).collect();
        let mut text =
            format!("{} ({}, at most {} threads): {}\n", self.loss, self.dtype, self.threads, shapes.join(", "));
        let _ = writeln!(text, "  value           {:>10}", rounded(value(&report.first)));
        let _ = writeln!(text, "  compiled in     {:>10.2} ms", self.compiled.as_secs_f64() * 1e3);
        for (name, times) in [("reused memory", &report.reused), ("fresh memory", &report.fresh)] {
            let (min, median, calls) = (times.min, times.median, times.calls);
            let _ = writeln!(text, "  {name:14}  {min:>10.2} µs min  {median:>10.2} µs median  {calls} calls");
        }
        let _ =
            writeln!(text, "  inputs and gradients: {} bytes, {:.2} GB/s", report.bytes, report.gigabytes_per_second());
        text
    }
}
