//! `lossc doc`: what a loss is, for people.

use serde_json::{Map, Value, json};

use super::arguments::DocArguments;
use super::failure::Failure;
use super::output::put;
use super::target::find;
use crate::session::{CarriedInfo, LossInfo};

/// A doc comment, taken apart.
pub struct Documentation {
    /// Its first line.
    pub summary: String,
    /// The text without tagged lines.
    pub text: String,
    /// Tagged lines: `@paper …`, `@equation …`.
    pub tags: Vec<(String, String)>,
}

impl Documentation {
    /// Of a loss.
    pub fn of(info: &LossInfo) -> Self {
        let mut text = Vec::new();
        let mut tags = Vec::new();
        for line in info.docs.lines() {
            match line.trim().strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
                Some((name, value)) => tags.push((name.to_string(), value.trim().to_string())),
                None => text.push(line),
            }
        }
        let text = text.join("\n").trim().to_string();
        let summary = text.lines().next().unwrap_or_default().to_string();
        Documentation { summary, text, tags }
    }

    /// The value of the first tag of a name.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(tag, _)| tag == name).map(|(_, value)| value.as_str())
    }
}

/// Prints the documentation of one loss, or points to the list.
pub fn run(arguments: &DocArguments) -> Result<(), Failure> {
    let Some(loss) = &arguments.loss else {
        return super::list::run(&super::arguments::ListArguments { json: arguments.json });
    };
    let info = find(loss)?.info();
    let documentation = Documentation::of(&info);
    if arguments.json {
        put(format_args!("{}\n", as_json(&info, &documentation)));
    } else {
        put(format_args!("{}", page(&info, &documentation)));
    }
    Ok(())
}

fn written(input: &crate::session::InputInfo) -> String {
    let axes = if input.axes.is_empty() { String::new() } else { format!("[{}]", input.axes.join(", ")) };
    format!("{}{axes}{}", input.kind, if input.optional { ", optional" } else { "" })
}

/// Whose it is, where it is not the loss's own.
fn declared_by(info: &LossInfo, one: &CarriedInfo) -> String {
    if one.loss == info.name { String::new() } else { format!(", of {}", one.loss) }
}

fn page(info: &LossInfo, documentation: &Documentation) -> String {
    let mut lines = vec![info.name.clone(), "=".repeat(info.name.chars().count()), String::new()];
    lines.extend(documentation.text.lines().map(str::to_string));
    lines.push(String::new());
    let width = documentation.tags.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    lines.extend(documentation.tags.iter().map(|(name, value)| format!("{name:width$}  {value}")));
    lines.push(String::new());
    lines.push("Inputs".into());
    lines.extend(info.inputs.iter().map(|input| format!("  {}: {}", input.name, written(input))));
    if !info.hyperparameters.is_empty() {
        lines.push("Hyperparameters".into());
        for one in &info.hyperparameters {
            let int = if one.int { "int " } else { "" };
            let condition = one.condition.as_ref().map(|text| format!(" where {text}")).unwrap_or_default();
            lines.push(format!("  {int}{} = {}{condition}", one.name, one.default));
        }
    }
    for (title, all) in [("Learnables", &info.learnables), ("States", &info.states)] {
        if !all.is_empty() {
            lines.push(title.into());
            lines.extend(all.iter().map(|one| format!("  {} = {}{}", one.name, one.start, declared_by(info, one))));
        }
    }
    lines.push("Definition".into());
    lines.extend(info.definition.lines().map(|line| format!("  {line}")));
    lines.join("\n") + "\n"
}

fn as_json(info: &LossInfo, documentation: &Documentation) -> Value {
    let tags: Map<String, Value> =
        documentation.tags.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let inputs: Vec<Value> = info
        .inputs
        .iter()
        .map(|input| json!({ "name": input.name, "kind": input.kind, "axes": input.axes, "optional": input.optional }))
        .collect();
    let hyperparameters: Vec<Value> = info
        .hyperparameters
        .iter()
        .map(|one| json!({ "name": one.name, "int": one.int, "default": one.default, "where": one.condition }))
        .collect();
    let carried = |all: &[CarriedInfo]| -> Vec<Value> {
        all.iter().map(|one| json!({ "name": one.name, "start": one.start, "loss": one.loss })).collect()
    };
    json!({
        "learnables": carried(&info.learnables), "states": carried(&info.states),
        "name": info.name, "module": info.module, "summary": documentation.summary, "text": documentation.text,
        "tags": tags, "inputs": inputs, "hyperparameters": hyperparameters, "definition": info.definition,
    })
}
