//! `lossc test`: case files, on the interpreter and on the compiler, in every precision they are meant for.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::arguments::{TestArguments, VectorsArgument};
use super::data::{Case, Expectation, read_cases};
use super::eval::call;
use super::failure::Failure;
use super::output::put;
use super::target::{file_of, program_in, with_vectors};
use crate::lower::Reduction;
use crate::session::{Compiler, Engine, Error, Evaluation, Program, Value};
use crate::tensor::{DType, Tensor};

/// The largest errors of one run.
#[derive(Clone, Copy, Debug, Default)]
struct Errors {
    value: f64,
    gradient: f64,
}

/// How a case is run.
#[derive(Clone, Copy)]
struct How {
    dtype: DType,
    engine: Engine,
    vectors: Option<VectorsArgument>,
}

/// Runs every case of every file.
pub fn run(arguments: &TestArguments) -> Result<(), Failure> {
    let library = Compiler::new().standard()?;
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for path in &arguments.files {
        let file = read_cases(path)?;
        // A loss of a file is named as seen from the cases.
        let folder = path.parent().unwrap_or(Path::new(""));
        let (program, name) = match file_of(&file.loss) {
            Some(_) => program_in(folder, &file.loss)?,
            None => (library.clone(), file.loss.clone()),
        };
        for case in &file.cases {
            let Some(expect) = &case.expect else {
                eprintln!("{}: case `{}` expects nothing: left out", path.display(), case.name);
                continue;
            };
            for (dtype, tolerance) in runs(expect) {
                for (engine, engine_name) in [(Engine::Interpreter, "interp"), (Engine::Jit, "jit")] {
                    let how = How { dtype, engine, vectors: arguments.vectors };
                    let result = one(&program, &name, case, expect, how, tolerance);
                    let ok = result.is_ok();
                    if ok {
                        passed += 1
                    } else {
                        failed += 1
                    }
                    report(arguments.json, path, &file.loss, case, (dtype.name(), engine_name), &result);
                }
            }
        }
    }
    eprintln!("{passed} passed, {failed} failed");
    if failed == 0 { Ok(()) } else { Err(Failure::Said) }
}

fn runs(expect: &Expectation) -> Vec<(DType, (f64, f64))> {
    let mut runs = vec![(DType::F64, expect.tolerance)];
    runs.extend(expect.tolerance_f32.map(|tolerance| (DType::F32, tolerance)));
    runs
}

fn report(
    as_json: bool,
    path: &Path,
    loss: &str,
    case: &Case,
    (dtype, engine): (&str, &str),
    result: &Result<Errors, (Errors, String)>,
) {
    let (ok, errors, message) = match result {
        Ok(errors) => (true, errors, String::new()),
        Err((errors, message)) => (false, errors, message.clone()),
    };
    if as_json {
        let number = super::json::number;
        let object: Json = json!({
            "file": path.display().to_string(), "case": case.name, "loss": loss, "dtype": dtype, "engine": engine,
            "ok": ok, "value_error": number(errors.value), "grad_error": number(errors.gradient), "message": message,
        });
        put(format_args!("{object}\n"));
    } else if !ok {
        put(format_args!("FAILED {loss} / {} ({dtype}, {engine}): {message}\n", case.name));
    }
}

fn one(
    program: &Program,
    loss: &str,
    case: &Case,
    expect: &Expectation,
    how: How,
    tolerance: (f64, f64),
) -> Result<Errors, (Errors, String)> {
    let evaluation = evaluate(program, loss, case, expect, how)
        .map_err(|message| (Errors { value: f64::NAN, gradient: f64::NAN }, message))?;
    let mut errors = Errors::default();
    let mut message = String::new();
    let value = match evaluation.values() {
        Value::Scalar(value) => Tensor::f64(vec![*value], &[]),
        Value::Tensor(value) => value.clone(),
    };
    errors.value = compare("value", &value, &expect.value, tolerance, &mut message);
    for (name, wanted) in &expect.grads {
        match evaluation.grad(name) {
            Some(found) => {
                let error = compare(&format!("gradient by {name}"), found, wanted, tolerance, &mut message);
                errors.gradient = errors.gradient.max(error);
            }
            None => message = format!("no gradient by {name}"),
        }
    }
    for (name, &wanted) in &expect.state {
        match evaluation.state().get(name) {
            Some(found) => {
                let (found, wanted) = (Tensor::f64(vec![found], &[]), Tensor::f64(vec![wanted], &[]));
                let error = compare(&format!("state {name}"), &found, &wanted, tolerance, &mut message);
                errors.value = errors.value.max(error);
            }
            None => message = format!("no state {name}"),
        }
    }
    if message.is_empty() { Ok(errors) } else { Err((errors, message)) }
}

fn evaluate(program: &Program, loss: &str, case: &Case, expect: &Expectation, how: How) -> Result<Evaluation, String> {
    let text = |error: Error| error.to_string();
    let mut builder = program.loss(loss).map_err(text)?;
    builder = with_vectors(builder.dtype(how.dtype).engine(how.engine), how.vectors)
        .wrt(expect.grads.iter().map(|(name, _)| name.clone()));
    if let Some(name) = &case.reduction {
        let reduction = Reduction::from_name(name).ok_or_else(|| format!("unknown reduction `{name}`"))?;
        builder = builder.reduction(reduction);
    }
    for (name, &value) in case.params.iter().chain(&case.state) {
        builder = builder.set(name, value).map_err(text)?;
    }
    let built = builder.build().map_err(text)?;
    call(&built, &case.inputs).map_err(|failure| match failure {
        Failure::Library(error) => error.to_string(),
        Failure::Message(text) | Failure::Usage(text) => text,
        Failure::Said => String::new(),
    })
}

/// The largest absolute error; `message` says where it first is beyond the tolerance.
fn compare(what: &str, found: &Tensor, wanted: &Tensor, tolerance: (f64, f64), message: &mut String) -> f64 {
    if found.shape != wanted.shape {
        *message = format!("{what}: shape {:?} instead of {:?}", found.shape, wanted.shape);
        return f64::NAN;
    }
    let mut largest = 0.0_f64;
    for (position, (found, wanted)) in found.to_f64().into_iter().zip(wanted.to_f64()).enumerate() {
        let same = found == wanted || (found.is_nan() && wanted.is_nan());
        let error = if same { 0.0 } else { (found - wanted).abs() };
        let good = error <= tolerance.0 * wanted.abs() + tolerance.1;
        if !good && message.is_empty() {
            *message = format!("{what}[{position}] = {found:e} instead of {wanted:e}");
        }
        largest = if error.is_nan() { f64::NAN } else { largest.max(error) };
    }
    largest
}
