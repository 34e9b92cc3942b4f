//! A loss → everything that its page says.

use super::Documentation;
use crate::cli::failure::Failure;
use crate::formula::print_gradients;
use crate::ir::OutputRole;
use crate::lower::Reduction;
use crate::session::{CarriedInfo, HyperparameterInfo, InputInfo, LossBuilder, LossInfo, Program};

/// What is known of a loss.
pub struct Page {
    /// Its signature and definition.
    pub info: LossInfo,
    /// Its doc comment.
    pub documentation: Documentation,
    /// Over which axes its outermost reduction runs, or that it has none, in a sentence.
    pub reduction: String,
    /// The derivative by every float input, as formulas; empty for a loss over losses.
    pub gradient: String,
}

impl Page {
    /// Of a loss of a program or of the standard library.
    ///
    /// # Errors
    /// If there is no such loss.
    pub fn of(program: &Program, name: &str) -> Result<Page, Failure> {
        let info = program.info(name)?;
        let documentation = Documentation::of(&info);
        let (reduction, gradient) = match program.loss(name) {
            Ok(builder) => {
                let builder = with_extents(builder, &info)?;
                (reduction(&builder), print_gradients(&builder.wrt_all().gradient_program()?))
            }
            Err(_) => ("That of the loss that it is given.".to_string(), String::new()),
        };
        Ok(Page { info, documentation, reduction, gradient })
    }
}

/// The extent that an axis has on a page if no input gives it one.
const EXTENT: f64 = 10.0;

/// With an extent for every axis that only a hyperparameter gives one.
fn with_extents(mut builder: LossBuilder, info: &LossInfo) -> Result<LossBuilder, Failure> {
    for one in &info.hyperparameters {
        let given = |axis: &String| info.inputs.iter().any(|input| input.axes.contains(axis));
        if one.axis.as_ref().is_some_and(|axis| !given(axis)) {
            builder = builder.set(&one.name, EXTENT)?;
        }
    }
    Ok(builder)
}

/// What the reduction `none` gives, asked of the compiler.
fn reduction(builder: &LossBuilder) -> String {
    let elements = builder.clone().reduction(Reduction::None).gradient_program();
    let value = elements.ok().and_then(|program| {
        let value = program.outputs.iter().find(|output| output.role == OutputRole::Value)?;
        let written = |axis: &crate::ir::AxisId| {
            let data = program.graph.axis(*axis);
            if data.pack { format!("..{}", data.name) } else { data.name.clone() }
        };
        Some(value.axes.iter().map(written).collect::<Vec<_>>().join(", "))
    });
    match value {
        Some(axes) => format!("One mean or sum: `none`, `sum` and `mean` can be asked for; `none` gives [{axes}]."),
        None => "Its outermost operation is not one mean or sum: it takes no other reduction.".to_string(),
    }
}

/// The values that a kind allows, in words.
pub fn domain(kind: &str) -> String {
    if let Some(of) = kind.strip_prefix("index(") {
        let (axis, ignored) = match of.trim_end_matches(')').split_once(" or ") {
            Some((axis, ignored)) => (axis, format!(", or {ignored}")),
            None => (of.trim_end_matches(')'), String::new()),
        };
        return format!("integers 0 ≤ i < |{axis}|{ignored}");
    }
    DOMAINS.iter().find(|(name, _)| *name == kind).map_or(kind, |(_, domain)| domain).to_string()
}

/// Kinds in words, but for `index(C)`.
const DOMAINS: &[(&str, &str)] = &[
    ("real", "any float"),
    ("logit", "any float that is not a probability"),
    ("prob", "in [0, 1]"),
    ("binary", "0 or 1"),
    ("sign", "−1 or 1"),
    ("count", "≥ 0"),
    ("int", "any integer"),
    ("bool", "true or false"),
    ("loss", "any loss that ends in one mean or sum"),
];

/// The type of an input as it is written.
pub fn input_type(input: &InputInfo) -> String {
    let axes = if input.axes.is_empty() { String::new() } else { format!("[{}]", input.axes.join(", ")) };
    format!("{}{axes}", input.kind)
}

/// The states or learnables of a loss, each with its first value, and whose it is where it is not the loss's own.
pub fn carried(info: &LossInfo, all: &[CarriedInfo]) -> Vec<String> {
    let whose = |one: &CarriedInfo| if one.loss == info.name { String::new() } else { format!(", of {}", one.loss) };
    all.iter().map(|one| format!("{} = {}{}{}", one.name, one.start, clause(&one.condition), whose(one))).collect()
}

/// A hyperparameter as it is written.
pub fn hyperparameter(one: &HyperparameterInfo) -> String {
    let int = if one.int { "int " } else { "" };
    format!("{int}{} = {}{}", one.name, one.default, clause(&one.condition))
}

fn clause(condition: &Option<String>) -> String {
    condition.as_ref().map(|text| format!(" where {text}")).unwrap_or_default()
}
