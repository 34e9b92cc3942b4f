//! A loss and what varies in it to curves.
//!
//! Every axis is short, one element of one input runs over the places, everything else is held at a value that suits its
//! kind.

use super::{Curve, Picture};
use crate::cli::arguments::PlotArguments;
use crate::cli::eval::{call, rounded};
use crate::cli::failure::Failure;
use crate::session::{InputInfo, LossBuilder, LossInfo, Value};
use crate::suggestion::did_you_mean;
use crate::tensor::{DType, Tensor};

/// A picture shows no more curves.
const MAX_CURVES: usize = 8;
/// No tensor of a picture is larger.
const MAX_ELEMENTS: usize = 1 << 20;

/// How a kind is drawn: from, to, and the value at which it is held. Slopes at the very ends of probabilities would
/// flatten everything else.
const KINDS: &[(&str, f64, f64, f64)] = &[
    ("prob", 0.01, 0.99, 0.5),
    ("binary", 0.01, 0.99, 1.0),
    ("sign", -1.0, 1.0, 1.0),
    ("count", 0.05, 5.0, 1.0),
    ("logit", -6.0, 6.0, 0.0),
    ("real", -3.0, 3.0, 0.0),
    ("int", 0.0, 5.0, 1.0),
    ("bool", 0.0, 1.0, 1.0),
    ("index", 0.0, 1.0, 0.0),
];

/// What runs over the last axis of these names and labels is held at a square of side 1, not at a point: a box without an
/// area overlaps nothing.
const BOXES: &[(&str, &[f64])] = &[("box", &[0.0, 0.0, 1.0, 1.0]), ("rbox", &[0.0, 0.0, 1.0, 1.0, 0.0])];

fn of_kind(kind: &str) -> (f64, f64, f64) {
    let row = KINDS.iter().find(|(word, ..)| kind.starts_with(word));
    row.map_or((-3.0, 3.0, 0.0), |&(_, from, to, held)| (from, to, held))
}

/// Computes all curves. Inputs that are `given` are held at that.
pub fn sample(builder: LossBuilder, arguments: &PlotArguments, given: &[(String, Tensor)]) -> Result<Picture, Failure> {
    let info = builder.info();
    let varied = varied(&info, arguments)?;
    for (name, _) in &arguments.at {
        known_input(&info, name)?;
    }
    let places = places(varied, arguments)?;
    let element = arguments.element;
    let mut inputs = Vec::new();
    for input in info.inputs.iter().filter(|input| is_given(input, varied, arguments)) {
        let known = given.iter().find(|(name, _)| *name == input.name).map(|(_, tensor)| tensor.clone());
        let tensor = known.map_or_else(|| held(&builder, &info, input, varied, arguments), Ok)?;
        if input.name == varied.name && element >= tensor.shape.iter().product() {
            let shape = &tensor.shape;
            return Err(Failure::Message(format!("`{}` has the shape {shape:?}: no element {element}", input.name)));
        }
        inputs.push((input.name.clone(), tensor));
    }
    let curves = settings(arguments)?.into_iter().map(|setting| {
        let label: Vec<String> = setting.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let mut builder = builder.clone().dtype(DType::F64).wrt([varied.name.clone()]);
        for (name, value) in setting {
            builder = builder.set(&name, value)?;
        }
        let loss = builder.build()?;
        let mut curve = Curve { label: label.join(", "), values: Vec::new(), slopes: Vec::new() };
        for &place in &places {
            move_to(&mut inputs, &varied.name, element, place)?;
            let evaluation = call(&loss, &inputs)?;
            let slopes = evaluation.grad(&varied.name).map(Tensor::to_f64).unwrap_or_default();
            let Value::Scalar(value) = evaluation.values() else {
                return Err(Failure::Message(format!("`{}` is not one number: no curve shows it", info.name)));
            };
            curve.values.push(*value);
            curve.slopes.push(slopes.get(element).copied().unwrap_or(f64::NAN));
        }
        Ok(curve)
    });
    let curves: Vec<Curve> = curves.collect::<Result<_, Failure>>()?;
    let shape = inputs.iter().find(|(name, _)| *name == varied.name).map(|(_, tensor)| tensor.shape.clone());
    let many = shape.is_some_and(|shape| shape.iter().product::<usize>() > 1);
    let variable = if many { format!("{}[{element}]", varied.name) } else { varied.name.clone() };
    let title = info.name.clone();
    Ok(Picture { title, held: words(&inputs, &varied.name), variable, places, curves })
}

/// The input that varies: the one that was named, or the first of floats.
fn varied<'i>(info: &'i LossInfo, arguments: &PlotArguments) -> Result<&'i InputInfo, Failure> {
    if let Some(name) = &arguments.input {
        let input = known_input(info, name)?;
        return match input.float {
            true => Ok(input),
            false => Err(Failure::Message(format!("`{name}` is {}: no curve runs over it", input.kind))),
        };
    }
    let first = info.inputs.iter().find(|input| input.float && !input.optional);
    first.ok_or_else(|| Failure::Message(format!("`{}` has no input of floats to draw it over", info.name)))
}

fn known_input<'i>(info: &'i LossInfo, name: &str) -> Result<&'i InputInfo, Failure> {
    info.inputs.iter().find(|input| input.name == name).ok_or_else(|| {
        let names: Vec<&str> = info.inputs.iter().map(|input| input.name.as_str()).collect();
        let meant = did_you_mean(name, names.iter().copied()).map(|word| format!("; did you mean `{word}`?"));
        let meant = meant.unwrap_or_default();
        Failure::Message(format!("`{}` has no input `{name}`; it has {}{meant}", info.name, names.join(", ")))
    })
}

fn is_given(input: &InputInfo, varied: &InputInfo, arguments: &PlotArguments) -> bool {
    !input.optional || input.name == varied.name || arguments.at.iter().any(|(name, _)| *name == input.name)
}

fn places(varied: &InputInfo, arguments: &PlotArguments) -> Result<Vec<f64>, Failure> {
    let (from, to, _) = of_kind(&varied.kind);
    let (from, to) = (arguments.from.unwrap_or(from), arguments.to.unwrap_or(to));
    // Not `from >= to`: it is also wrong where one of them is no number.
    if !(from < to && from.is_finite() && to.is_finite()) {
        return Err(Failure::Message(format!("nothing lies between --from {from} and --to {to}")));
    }
    let count = arguments.points;
    Ok((0..count).map(|at| from + (to - from) * at as f64 / (count - 1) as f64).collect())
}

/// The tensor at which an input is held.
fn held(
    builder: &LossBuilder,
    info: &LossInfo,
    input: &InputInfo,
    varied: &InputInfo,
    arguments: &PlotArguments,
) -> Result<Tensor, Failure> {
    let axes = input.axes.iter().filter(|axis| !axis.starts_with(".."));
    let shape: Vec<usize> = axes.map(|axis| extent(builder, info, axis, varied, arguments)).collect();
    let count = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
    let Some(count) = count.filter(|&count| count <= MAX_ELEMENTS) else {
        return Err(Failure::Message(format!("`{}` would have the shape {shape:?}: too large to draw", input.name)));
    };
    let given = arguments.at.iter().find(|(name, _)| *name == input.name).map(|(_, values)| values.clone());
    let of_box = |axis: &String| {
        let is_it = |name: &str, values: &[f64]| name == axis && builder.labels(axis) == Some(values.len());
        BOXES.iter().find(|(name, values)| is_it(name, values)).map(|(_, values)| values.to_vec())
    };
    let usual = || input.axes.last().and_then(of_box).unwrap_or_else(|| vec![of_kind(&input.kind).2]);
    let values = given.unwrap_or_else(usual);
    let values: Vec<f64> = values.iter().copied().cycle().take(count).collect();
    if input.float {
        return Ok(Tensor::f64(values, &shape));
    }
    Ok(Tensor::i64(values.iter().map(|&value| value as i64).collect(), &shape))
}

/// How long an axis is: as asked, by its labels, 1 if it is the first of what varies, else 2.
fn extent(builder: &LossBuilder, info: &LossInfo, axis: &str, varied: &InputInfo, arguments: &PlotArguments) -> usize {
    if let Some((_, extent)) = arguments.size.iter().find(|(name, _)| name == axis) {
        return *extent;
    }
    let indexed = info.inputs.iter().any(|input| input.kind.starts_with(&format!("index({axis}")));
    let first = varied.axes.first().is_some_and(|first| first == axis) && !indexed;
    builder.labels(axis).unwrap_or(if first { 1 } else { 2 })
}

fn move_to(inputs: &mut [(String, Tensor)], name: &str, element: usize, place: f64) -> Result<(), Failure> {
    let Some((_, tensor)) = inputs.iter_mut().find(|(other, _)| other == name) else { return Ok(()) };
    let mut values = tensor.to_f64();
    if let Some(value) = values.get_mut(element) {
        *value = place;
    }
    *tensor = Tensor::f64(values, &tensor.shape);
    Ok(())
}

/// Every combination of the values that `--set` gives.
fn settings(arguments: &PlotArguments) -> Result<Vec<Vec<(String, f64)>>, Failure> {
    let mut all = vec![Vec::new()];
    for (name, values) in &arguments.settings {
        let with = |one: &Vec<(String, f64)>| {
            let with = |value: &f64| one.iter().cloned().chain([(name.clone(), *value)]).collect::<Vec<_>>();
            values.iter().map(with).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
        if all.len() > MAX_CURVES {
            return Err(Failure::Message(format!("these settings are more than {MAX_CURVES} curves")));
        }
    }
    Ok(all)
}

/// What is held, in words: `target = 0`.
fn words(inputs: &[(String, Tensor)], varied: &str) -> String {
    let value = |tensor: &Tensor| {
        let values = tensor.to_f64();
        let plain = |value: &f64| rounded(*value).trim_end_matches('0').trim_end_matches('.').to_string();
        match values.iter().all(|value| Some(value) == values.first()) {
            true => values.first().map_or("nothing".to_string(), plain),
            false => format!("[{}]", values.iter().take(6).map(plain).collect::<Vec<_>>().join(", ")),
        }
    };
    let others = inputs.iter().filter(|(name, _)| name != varied);
    others.map(|(name, tensor)| format!("{name} = {}", value(tensor))).collect::<Vec<_>>().join(", ")
}
