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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::DiagnosticView;

    #[test]
    fn no_span_breaks_the_rendering() {
        let mut sources = SourceMap::new();
        let long = "é".repeat(100_000);
        let ids = ["", "\n", "α\r\nβ", "a\u{202E}b\u{1}", long.as_str()].map(|text| sources.add("x.loss", text));
        for id in ids.into_iter().chain([SourceId(99)]) {
            for (start, end) in [(0, 0), (1, 2), (1, 1), (3, 2), (0, 7), (5, 900_000), (99_999, 100_001)] {
                let span = Span { source: id, start, end };
                let diagnostic = Diagnostic::error("E0000", "title").at(span, "here").and_at(span, "").note("a\nb");
                assert!(render(&diagnostic, &sources).len() < 5000);
                assert!(render_colored(&diagnostic, &sources).contains("title"));
                let view = DiagnosticView::new(&diagnostic, &sources);
                assert!(view.labels.is_empty() || view.line >= 1 && view.column >= 1);
            }
        }
    }

    #[test]
    fn places_count_characters_from_1() {
        let mut sources = SourceMap::new();
        let id = sources.add("x.loss", "a\nαβ + c\n");
        let diagnostic = Diagnostic::error("E0000", "t").at(Span::new(id, 9, 10), "").help("h");
        let view = DiagnosticView::new(&diagnostic, &sources);
        assert_eq!((view.line, view.column, view.end_line, view.end_column), (2, 6, 2, 7));
        assert!(render(&diagnostic, &sources).contains("x.loss:2:6"));
    }
}
