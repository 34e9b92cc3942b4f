//! Case files: the JSON format in which numeric cases are kept and data are given.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{DataFileError, read_bytes};
use crate::tensor::{Buffer, Tensor};

/// A whole file.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// The loss that the cases are of.
    pub loss: String,
    /// The cases in order.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name, unique within the file.
    pub name: String,
    /// Hyperparameters; what is not listed has its default.
    pub params: BTreeMap<String, f64>,
    /// The reduction; absent: the loss's own.
    pub reduction: Option<String>,
    /// Tensors by name.
    pub inputs: Vec<(String, Tensor)>,
    /// States before the call.
    pub state: BTreeMap<String, f64>,
    /// What must come out; absent in files of data.
    pub expect: Option<Expectation>,
}

/// What must come out of a case.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The value: one number, without axes, or a tensor.
    pub value: Tensor,
    /// Gradients by input.
    pub grads: Vec<(String, Tensor)>,
    /// States after the call.
    pub state: BTreeMap<String, f64>,
    /// Relative and absolute tolerance in f64.
    pub tolerance: (f64, f64),
    /// The same in f32, where the case is meant for f32.
    pub tolerance_f32: Option<(f64, f64)>,
}

/// Reads a case file.
///
/// # Errors
/// If it cannot be read or is not of the format; the message names the place in it.
pub fn read_cases(path: &Path) -> Result<CaseFile, DataFileError> {
    let bytes = read_bytes(path)?;
    // Some editors begin a file with a mark of its encoding.
    let json: Value = serde_json::from_slice(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes))
        .map_err(|error| DataFileError::format(path, format!("not valid JSON: {error}")))?;
    parse_file(&json).map_err(|reason| DataFileError::format(path, reason))
}

fn parse_file(json: &Value) -> Result<CaseFile, String> {
    let file = json.as_object().ok_or("a case file is an object {\"loss\": …, \"cases\": […]}")?;
    let loss = file.get("loss").and_then(Value::as_str).unwrap_or_default().to_string();
    let cases = file.get("cases").and_then(Value::as_array).ok_or("no list `cases`")?;
    let cases = cases
        .iter()
        .enumerate()
        .map(|(position, case)| {
            let name =
                case.get("name").and_then(Value::as_str).map_or_else(|| format!("case-{position}"), str::to_string);
            parse_case(case, &name).map_err(|reason| format!("case `{name}`: {reason}"))
        })
        .collect::<Result<Vec<Case>, String>>()?;
    Ok(CaseFile { loss, cases })
}

fn parse_case(json: &Value, name: &str) -> Result<Case, String> {
    let case = json.as_object().ok_or("not an object")?;
    let inputs = case.get("inputs").and_then(Value::as_object).ok_or("no object `inputs`")?;
    let inputs = tensors(inputs, "input")?;
    let expect = match case.get("expect") {
        None => None,
        Some(expect) => Some(expectation(case, expect)?),
    };
    Ok(Case {
        name: name.to_string(),
        params: numbers(case.get("params"), "params")?,
        reduction: case.get("reduction").and_then(Value::as_str).map(str::to_string),
        inputs,
        state: numbers(case.get("state"), "state")?,
        expect,
    })
}

fn expectation(case: &Map<String, Value>, json: &Value) -> Result<Expectation, String> {
    let value = json.get("value").ok_or("`expect` without `value`")?;
    let value = if value.is_object() {
        tensor(value).map_err(|reason| format!("`expect.value`: {reason}"))?
    } else {
        Tensor::f64(vec![number(value).ok_or("`expect.value` is not a number")?], &[])
    };
    let grads = match json.get("grads").and_then(Value::as_object) {
        Some(grads) => tensors(grads, "gradient")?,
        None => Vec::new(),
    };
    let tolerance = |relative: &str, absolute: &str| {
        Some((case.get(relative).and_then(number)?, case.get(absolute).and_then(number)?))
    };
    Ok(Expectation {
        value,
        grads,
        state: numbers(json.get("state"), "expect.state")?,
        tolerance: tolerance("rtol", "atol").unwrap_or((1e-9, 1e-11)),
        tolerance_f32: tolerance("rtol_f32", "atol_f32"),
    })
}

/// A number, or one of the strings that stand for what JSON cannot hold.
fn number(json: &Value) -> Option<f64> {
    match json {
        Value::Number(number) => number.as_f64(),
        Value::String(word) => match word.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

fn numbers(json: Option<&Value>, what: &str) -> Result<BTreeMap<String, f64>, String> {
    let Some(json) = json else { return Ok(BTreeMap::new()) };
    let object = json.as_object().ok_or_else(|| format!("`{what}` is not an object"))?;
    let entry = |(name, value): (&String, &Value)| {
        let value = number(value).ok_or_else(|| format!("`{what}.{name}` is not a number"))?;
        Ok((name.clone(), value))
    };
    object.iter().map(entry).collect()
}

fn tensors(object: &Map<String, Value>, what: &str) -> Result<Vec<(String, Tensor)>, String> {
    let entry = |(name, json): (&String, &Value)| {
        let tensor = tensor(json).map_err(|reason| format!("{what} `{name}`: {reason}"))?;
        Ok((name.clone(), tensor))
    };
    object.iter().map(entry).collect()
}

/// `{"dtype": …, "shape": …, "data": …}`; without a dtype, f64.
fn tensor(json: &Value) -> Result<Tensor, String> {
    let shape = json.get("shape").and_then(Value::as_array).ok_or("no list `shape`")?;
    let extent = |value: &Value| value.as_u64().and_then(|extent| usize::try_from(extent).ok());
    let shape =
        shape.iter().map(extent).collect::<Option<Vec<usize>>>().ok_or("`shape` holds something else than extents")?;
    let data = json.get("data").and_then(Value::as_array).ok_or("no list `data`")?;
    let count = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
    if count != Some(data.len()) {
        return Err(format!("the shape {shape:?} does not hold {} numbers", data.len()));
    }
    let dtype = json.get("dtype").and_then(Value::as_str).unwrap_or("f64");
    let data = match dtype {
        "f64" => Buffer::F64(Arc::new(each(data, number)?)),
        "f32" => Buffer::F32(Arc::new(each(data, |value| number(value).map(|value| value as f32))?)),
        "i64" => Buffer::I64(Arc::new(each(data, Value::as_i64)?)),
        "i32" => Buffer::I32(Arc::new(each(data, |value| value.as_i64()?.try_into().ok())?)),
        "u32" => Buffer::U32(Arc::new(each(data, |value| value.as_u64()?.try_into().ok())?)),
        "u8" => Buffer::U8(Arc::new(each(data, |value| value.as_u64()?.try_into().ok())?)),
        other => return Err(format!("unknown dtype `{other}`; known are f64, f32, i64, i32, u32, u8")),
    };
    Ok(Tensor { data, shape })
}

fn each<T>(data: &[Value], read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, String> {
    let mut all = Vec::with_capacity(data.len());
    for (position, value) in data.iter().enumerate() {
        let value = read(value).ok_or_else(|| format!("data[{position}] = {value} does not fit the dtype"))?;
        all.push(value);
    }
    Ok(all)
}
