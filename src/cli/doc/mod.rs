//! `lossc doc`: what a loss is, for people.
//!
//! [`page`] collects what is known of a loss, [`render`] writes it for a terminal or as Markdown, [`reference`]
//! writes a folder of pages.

mod page;
mod reference;
mod render;

use serde_json::{Map, Value, json};

use super::arguments::{DocArguments, ListArguments};
use super::failure::Failure;
use super::output::put;
use super::target::program_of;
use crate::session::{CarriedInfo, LossInfo, Program};
use page::Page;

/// A doc comment, taken apart.
pub struct Documentation {
    /// Its first sentence.
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
        Documentation { summary: first_sentence(&text), text, tags }
    }

    /// The value of the first tag of a name.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(tag, _)| tag == name).map(|(_, value)| value.as_str())
    }
}

/// The beginnings of groups in the survey's order, then what is beyond it.
const ORDER: &[&str] = &[
    "Regression / quantity",
    "Regression",
    "Classification",
    "Metric",
    "Compound",
    "Generative / adversarial",
    "Generative / reconstruction",
    "Generative",
    "Language models",
    "Beyond the survey",
];

/// Where a group stands in a list of all.
pub fn place(group: &str) -> usize {
    ORDER.iter().position(|beginning| group.starts_with(beginning)).unwrap_or(ORDER.len())
}

/// The text up to the first full stop that ends a sentence, or to the first empty line.
fn first_sentence(text: &str) -> String {
    let paragraph: Vec<&str> = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let paragraph = paragraph.join(" ");
    match paragraph.find(". ") {
        Some(end) => paragraph[..=end].to_string(),
        None => paragraph,
    }
}

/// Prints the documentation of one loss, writes that of all, or points to the list.
pub fn run(arguments: &DocArguments) -> Result<(), Failure> {
    if let Some(folder) = &arguments.out {
        return reference::write(folder);
    }
    let Some(loss) = &arguments.loss else {
        return super::list::run(&ListArguments { json: arguments.json, like: None });
    };
    let (program, name) = program_of(loss)?;
    let page = Page::of(&program, &name)?;
    if arguments.json {
        put(format_args!("{}\n", as_json(&page)));
    } else if arguments.markdown {
        put(format_args!("{}", render::markdown(&page)));
    } else {
        put(format_args!("{}", render::text(&page)));
    }
    Ok(())
}

/// The documentation of a loss for a terminal.
pub fn text_of(program: &Program, name: &str) -> Result<String, Failure> {
    Ok(render::text(&Page::of(program, name)?))
}

fn as_json(page: &Page) -> Value {
    let (info, documentation) = (&page.info, &page.documentation);
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
        all.iter()
            .map(|one| json!({ "name": one.name, "start": one.start, "where": one.condition, "loss": one.loss }))
            .collect()
    };
    json!({
        "learnables": carried(&info.learnables), "states": carried(&info.states),
        "name": info.name, "module": info.module, "summary": documentation.summary, "text": documentation.text,
        "tags": tags, "inputs": inputs, "hyperparameters": hyperparameters, "reduction": page.reduction,
        "gradient": page.gradient, "definition": info.definition,
    })
}
