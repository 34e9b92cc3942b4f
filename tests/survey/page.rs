//! The tables, from text to rows, and from rows to `docs/survey.md`.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::library::{Entry, numbers};

/// What the survey has, and where it is here.
pub struct Row {
    /// `2`, `16–18`, or `–` for a loss that the survey names without an equation.
    pub equations: &'static str,
    /// Of the survey.
    pub section: &'static str,
    pub subject: &'static str,
    /// The losses and functions, each between backticks, in a few words.
    place: &'static str,
    /// Numbers of the survey's references.
    pub cites: Vec<u32>,
    differences: &'static str,
}

impl Row {
    pub fn numbers(&self) -> Vec<u32> {
        numbers(self.equations)
    }

    /// The names between backticks; not what is code but no name.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let quoted = self.place.split('`').skip(1).step_by(2);
        quoted.filter(|text| text.chars().all(|sign| sign.is_alphanumeric() || sign == '_'))
    }

    /// Whether a name is that of a value inside a loss: `` `distance` of `siou` ``.
    pub fn is_part(&self, name: &str) -> bool {
        self.place.contains(&format!("`{name}` of `"))
    }
}

fn fields<const COUNT: usize>(line: &'static str) -> [&'static str; COUNT] {
    let fields: Vec<&str> = line.split('|').map(str::trim).collect();
    fields.try_into().unwrap_or_else(|fields| panic!("{COUNT} fields: {fields:?}"))
}

fn cited(text: &str) -> Vec<u32> {
    text.split(',').flat_map(numbers).collect()
}

/// The equations 2 to 95, and the losses of sections 3 to 5 that have none.
pub fn equations() -> Vec<Row> {
    let rows = include_str!("equations.txt").lines().map(|line| {
        let [equations, section, subject, place, cites, differences] = fields(line);
        Row { equations, section, subject, place, cites: cited(cites), differences }
    });
    rows.collect()
}

/// What the survey's conclusion names, section 6.
pub fn conclusion() -> Vec<Row> {
    let rows = include_str!("conclusion.txt").lines().map(|line| {
        let [subject, place, cites, differences] = fields(line);
        Row { equations: "–", section: "6", subject, place, cites: cited(cites), differences }
    });
    rows.collect()
}

/// The survey's references that the tables cite.
pub fn references() -> BTreeMap<u32, &'static str> {
    let rows = include_str!("references.txt").lines().map(|line| {
        let [number, text] = fields(line);
        (number.parse().unwrap_or_else(|_| panic!("a number: {line}")), text)
    });
    rows.collect()
}

fn link(name: &str) -> String {
    format!("[`{name}`](reference/{name}.md)")
}

/// A place with its losses linked.
fn linked(row: &Row, losses: &[&Entry]) -> String {
    let mut text = String::new();
    for (index, part) in row.place.split('`').enumerate() {
        let is_loss = losses.iter().any(|loss| loss.name == part) && !row.is_part(part);
        match index % 2 {
            0 => text += part,
            _ if is_loss => text += &link(part),
            _ => write!(text, "`{part}`").expect("a string"),
        }
    }
    text
}

fn brackets(cites: &[u32]) -> String {
    cites.iter().map(|number| format!("[{number}]")).collect::<Vec<_>>().join(" ")
}

const HEAD: &str = "\
# The survey and the library

The survey is Li, Liu and Liu (2025), A Survey of Loss Functions in Deep Learning, Mathematics 13, 2417. This page says
where each of its equations is in the standard library. It is written by `cargo test --test survey` from tables that
the test holds against the library; `UPDATE=1` writes it anew. The page of a loss gives its formula, the paper it is
from, and every difference from the survey and from common libraries.
";

/// The whole page.
pub fn written(entries: &[Entry]) -> String {
    let losses: Vec<&Entry> = entries.iter().filter(|entry| entry.is_loss).collect();
    let mut text = HEAD.to_string();
    text += "\n## Equations\n\nNumbers in brackets are the survey's references, listed at the end; they need not be the \
             origin of the loss.\nEquation 1 is the mean over samples, `mean(…)`.\n\n";
    text += "| eq. | section | in the survey | here | cites | differences and remarks |\n|---|---|---|---|---|---|\n";
    for row in equations() {
        let (place, cites) = (linked(&row, &losses), brackets(&row.cites));
        let Row { equations, section, subject, differences, .. } = row;
        writeln!(text, "| {equations} | {section} | {subject} | {place} | {cites} | {differences} |")
            .expect("a string");
    }
    text += "\n## Losses that the conclusion names\n\nSection 6, which has no equations.\n\n";
    text += "| in the survey | here | cites | differences and remarks |\n|---|---|---|---|\n";
    for row in conclusion() {
        let (place, cites) = (linked(&row, &losses), brackets(&row.cites));
        writeln!(text, "| {} | {place} | {cites} | {} |", row.subject, row.differences).expect("a string");
    }
    text += "\n## Beyond the survey\n\n| loss | part | what it is | source |\n|---|---|---|---|\n";
    for loss in losses {
        let Some(part) = loss.tag("group").and_then(|group| group.strip_prefix("Beyond the survey / ")) else {
            continue;
        };
        let source = loss.tag("paper").or(loss.tag("source")).unwrap_or_default();
        writeln!(text, "| {} | {part} | {} | {source} |", link(&loss.name), loss.summary()).expect("a string");
    }
    text += "\n## The survey's references\n\nThose that the tables cite, by the survey's numbers.\n\n";
    for (number, reference) in references() {
        writeln!(text, "- [{number}] {reference}").expect("a string");
    }
    text
}
