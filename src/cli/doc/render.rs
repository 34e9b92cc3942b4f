//! A page → text for a terminal, or Markdown.

use super::page::{Page, carried, domain, hyperparameter, input_type};

/// Tags with a place of their own on the page, or of use to the search only.
const ELSEWHERE: &[&str] = &["example", "keywords", "logits", "probabilities"];

/// For a terminal.
pub fn text(page: &Page) -> String {
    let info = &page.info;
    let mut lines = vec![info.name.clone(), "=".repeat(info.name.chars().count()), String::new()];
    lines.extend(page.documentation.text.lines().map(str::to_string));
    lines.push(String::new());
    let tags = || page.documentation.tags.iter().filter(|(name, _)| name != "example");
    let width = tags().map(|(name, _)| name.len()).max().unwrap_or(0);
    lines.extend(tags().map(|(name, value)| format!("{name:width$}  {value}")));
    for (title, body) in sections(page) {
        lines.push(String::new());
        lines.push(title.to_string());
        lines.extend(body.iter().map(|line| format!("  {line}").trim_end().to_string()));
    }
    lines.join("\n") + "\n"
}

fn sections(page: &Page) -> Vec<(&'static str, Vec<String>)> {
    let info = &page.info;
    let mut sections = Vec::new();
    let inputs: Vec<(String, String)> = info
        .inputs
        .iter()
        .map(|input| {
            let optional = if input.optional { ", optional" } else { "" };
            (format!("{}: {}", input.name, input_type(input)), format!("{}{optional}", domain(&input.kind)))
        })
        .collect();
    let width = inputs.iter().map(|(written, _)| written.chars().count()).max().unwrap_or(0);
    let aligned = |(written, words): &(String, String)| {
        format!("{written}{}  {words}", " ".repeat(width - written.chars().count()))
    };
    sections.push(("Inputs", inputs.iter().map(aligned).collect()));
    if !info.hyperparameters.is_empty() {
        sections.push(("Hyperparameters", info.hyperparameters.iter().map(hyperparameter).collect()));
    }
    for (title, all) in [("Learnables", &info.learnables), ("States", &info.states)] {
        if !all.is_empty() {
            sections.push((title, carried(info, all)));
        }
    }
    sections.push(("Reduction", vec![page.reduction.replace('`', "")]));
    if !page.gradient.is_empty() {
        sections.push(("Gradient", page.gradient.lines().map(str::to_string).collect()));
    }
    if let Some(example) = page.documentation.tag("example") {
        sections.push(("Example", vec![example.to_string()]));
    }
    sections.push(("Definition", info.definition.lines().map(str::to_string).collect()));
    sections
}

/// As Markdown.
pub fn markdown(page: &Page) -> String {
    let info = &page.info;
    let mut blocks = vec![format!("# {}", info.name), escaped(&page.documentation.text)];
    let tags = page.documentation.tags.iter().filter(|(name, _)| !ELSEWHERE.contains(&name.as_str()));
    let row = |(name, value): &(String, String)| {
        let value = if name == "formula" { code(value) } else { escaped(value) };
        format!("| {name} | {value} |")
    };
    blocks.push(table("| | |", 2, tags.map(row)));
    blocks.push("## Inputs".into());
    let input = |input: &crate::session::InputInfo| {
        let optional = if input.optional { "; optional" } else { "" };
        format!("| `{}` | {} | {}{optional} |", input.name, code(&input_type(input)), escaped(&domain(&input.kind)))
    };
    blocks.push(table("| input | type | values |", 3, info.inputs.iter().map(input)));
    if !info.hyperparameters.is_empty() {
        blocks.push("## Hyperparameters".into());
        blocks.push(fenced("", info.hyperparameters.iter().map(hyperparameter)));
    }
    for (title, all) in [("Learnables", &info.learnables), ("States", &info.states)] {
        if !all.is_empty() {
            blocks.push(format!("## {title}"));
            blocks.push(fenced("", carried(info, all)));
        }
    }
    blocks.push("## Reduction".into());
    blocks.push(page.reduction.clone());
    if !page.gradient.is_empty() {
        blocks.push("## Gradient".into());
        blocks.push(fenced("", page.gradient.lines().map(str::to_string)));
    }
    if let Some(example) = page.documentation.tag("example") {
        blocks.push("## Example".into());
        blocks.push(fenced("", [example.to_string()]));
    }
    blocks.push("## Definition".into());
    blocks.push(fenced("", info.definition.lines().map(str::to_string)));
    blocks.join("\n\n") + "\n"
}

fn table(head: &str, columns: usize, rows: impl Iterator<Item = String>) -> String {
    let line = format!("|{}", "---|".repeat(columns));
    [head.to_string(), line].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

fn fenced(language: &str, lines: impl IntoIterator<Item = String>) -> String {
    let lines: Vec<String> = lines.into_iter().collect();
    format!("```{language}\n{}\n```", lines.join("\n"))
}

/// Text in a code span of a table, where a bar would end the cell.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// Plain text in which a bar would end a cell and brackets would make a link.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('[', "\\[").replace('<', "&lt;")
}
