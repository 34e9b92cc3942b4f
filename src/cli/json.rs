//! Results as JSON: what JSON cannot hold is written as the strings NaN, Infinity, -Infinity.

use serde_json::{Map, Value, json};

use crate::diagnostic::DiagnosticView;
use crate::session;
use crate::tensor::{Buffer, Tensor};

/// A number.
pub fn number(value: f64) -> Value {
    if value.is_nan() {
        return Value::from("NaN");
    }
    match serde_json::Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value > 0.0 => Value::from("Infinity"),
        None => Value::from("-Infinity"),
    }
}

/// A single-precision number with the digits that single precision has.
fn single(value: f32) -> Value {
    if !value.is_finite() {
        return number(f64::from(value));
    }
    value.to_string().parse::<f64>().map_or(Value::Null, number)
}

/// `{"shape": …, "data": […]}`
pub fn tensor(tensor: &Tensor) -> Value {
    let data: Vec<Value> = match &tensor.data {
        Buffer::F32(data) => data.iter().map(|&value| single(value)).collect(),
        _ => tensor.to_f64().into_iter().map(number).collect(),
    };
    json!({ "shape": tensor.shape, "data": data })
}

/// The object that `eval --json` prints.
pub fn evaluation(loss: &str, dtype: &str, evaluation: &session::Evaluation) -> Value {
    let value = match evaluation.values() {
        session::Value::Scalar(value) => number(*value),
        session::Value::Tensor(value) => tensor(value),
    };
    let terms: Map<String, Value> = evaluation
        .terms()
        .iter()
        .map(|term| (term.name.clone(), json!({ "value": number(term.value), "weight": number(term.weight) })))
        .collect();
    let grads: Map<String, Value> =
        evaluation.gradients().iter().map(|gradient| (gradient.input.clone(), tensor(&gradient.tensor))).collect();
    let state: Map<String, Value> =
        evaluation.state().iter().map(|(name, value)| (name.to_string(), number(value))).collect();
    json!({ "loss": loss, "dtype": dtype, "value": value, "terms": terms, "grads": grads, "state": state })
}

/// A diagnostic for editors.
pub fn diagnostic(view: &DiagnosticView) -> Value {
    let labels: Vec<Value> = view
        .labels
        .iter()
        .map(|label| {
            json!({
                "file": label.file, "text": label.text, "primary": label.primary,
                "line": label.line, "column": label.column, "end_line": label.end_line, "end_column": label.end_column,
            })
        })
        .collect();
    json!({
        "code": view.code, "severity": view.severity, "title": view.title,
        "file": view.file, "line": view.line, "column": view.column,
        "end_line": view.end_line, "end_column": view.end_column,
        "labels": labels, "notes": view.notes, "help": view.help,
    })
}
