//! A diagnostic to text for people: source lines, carets, notes.

use super::excerpt::{Excerpt, Excerpts};
use super::{Diagnostic, Severity};
use crate::span::{SourceId, SourceMap, Span};
use codespan_reporting::diagnostic as codespan;
use codespan_reporting::term::termcolor::Buffer;
use codespan_reporting::term::{Chars, Config, Styles, StylesWriter, emit_into_string, emit_to_write_style};

/// Draws one diagnostic with its source lines, without colour.
pub fn render(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let (files, drawn) = drawing(diagnostic, sources);
    let text = emit_into_string(&config(), &files, &drawn);
    text.map_or_else(|_| headline(diagnostic), |text| tidy(&text))
}

/// Draws one diagnostic with its source lines, coloured for a terminal.
pub fn render_colored(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let (files, drawn) = drawing(diagnostic, sources);
    let mut buffer = Buffer::ansi();
    let styles = Styles::default();
    match emit_to_write_style(&mut StylesWriter::new(&mut buffer, &styles), &config(), &files, &drawn) {
        Ok(()) => tidy(&String::from_utf8_lossy(buffer.as_slice())),
        Err(_) => headline(diagnostic),
    }
}

/// What is left where the source lines cannot be drawn.
fn headline(diagnostic: &Diagnostic) -> String {
    format!("{}[{}]: {}\n", diagnostic.severity.word(), diagnostic.code, diagnostic.title)
}

/// Without blanks at line ends, and with one line break at the end.
fn tidy(text: &str) -> String {
    let mut tidy: String = text.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    tidy.truncate(tidy.trim_end().len());
    tidy.push('\n');
    tidy
}

fn config() -> Config {
    Config { chars: Chars::ascii(), ..Config::default() }
}

/// The diagnostic and the excerpts it points into, as codespan wants them.
fn drawing(diagnostic: &Diagnostic, sources: &SourceMap) -> (Excerpts, codespan::Diagnostic<usize>) {
    let mut ids: Vec<SourceId> = Vec::new();
    for label in &diagnostic.labels {
        if sources.get(label.span.source).is_some() && !ids.contains(&label.span.source) {
            ids.push(label.span.source);
        }
    }
    let excerpt = |id: &SourceId| {
        let spans: Vec<Span> = diagnostic.labels.iter().map(|label| label.span).filter(|s| s.source == *id).collect();
        sources.get(*id).map(|source| Excerpt::of(&source.name, &source.text, &spans))
    };
    let files: Vec<Excerpt> = ids.iter().filter_map(excerpt).collect();
    let labels = diagnostic.labels.iter().filter_map(|label| {
        let file = ids.iter().position(|id| *id == label.span.source)?;
        let place = files[file].place(&sources.get(label.span.source)?.text, label.span);
        let style = if label.primary { codespan::LabelStyle::Primary } else { codespan::LabelStyle::Secondary };
        Some(codespan::Label::new(style, file, place).with_message(&label.text))
    });
    let severity = match diagnostic.severity {
        Severity::Error => codespan::Severity::Error,
        Severity::Warning => codespan::Severity::Warning,
    };
    let notes = diagnostic.notes.iter().map(|note| remark("note", note));
    let help = diagnostic.help.iter().map(|help| remark("help", help));
    let drawn = codespan::Diagnostic::new(severity)
        .with_code(diagnostic.code)
        .with_message(&diagnostic.title)
        .with_labels(labels.collect())
        .with_notes(notes.chain(help).collect());
    (Excerpts(files), drawn)
}

/// A note with its further lines indented below its first.
fn remark(word: &str, text: &str) -> String {
    format!("{word}: {}", text.replace('\n', "\n      "))
}
