//! A diagnostic to plain data for machines: places as file, line and column.

use super::excerpt::{clamp, line_around};
use super::{Diagnostic, Severity};
use crate::span::{SourceMap, Span};

/// A diagnostic with its places resolved. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiagnosticView {
    /// The stable code.
    pub code: String,
    /// `error` or `warning`.
    pub severity: &'static str,
    /// What is wrong.
    pub title: String,
    /// The source of the primary place; empty without one.
    pub file: String,
    /// Its first line; 0 without one.
    pub line: usize,
    /// Its first column; 0 without one.
    pub column: usize,
    /// The line of its end.
    pub end_line: usize,
    /// The column behind its end.
    pub end_column: usize,
    /// Every place, the primary one first.
    pub labels: Vec<LabelView>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// Ways to mend it.
    pub help: Vec<String>,
}

/// A place with a few words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelView {
    /// The source.
    pub file: String,
    /// Its first line.
    pub line: usize,
    /// Its first column.
    pub column: usize,
    /// The line of its end.
    pub end_line: usize,
    /// The column behind its end.
    pub end_column: usize,
    /// What is said there.
    pub text: String,
    /// Whether the diagnostic is about it.
    pub primary: bool,
}

impl Severity {
    /// `error` or `warning`
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

impl DiagnosticView {
    /// The diagnostic with its places found in the sources.
    pub fn new(diagnostic: &Diagnostic, sources: &SourceMap) -> Self {
        let labels: Vec<LabelView> = diagnostic
            .labels
            .iter()
            .filter_map(|label| {
                let place = place(label.span, sources)?;
                Some(LabelView { text: label.text.clone(), primary: label.primary, ..place })
            })
            .collect();
        let first = labels.iter().find(|label| label.primary).or(labels.first()).cloned().unwrap_or_default();
        DiagnosticView {
            code: diagnostic.code.to_owned(),
            severity: diagnostic.severity.word(),
            title: diagnostic.title.clone(),
            file: first.file,
            line: first.line,
            column: first.column,
            end_line: first.end_line,
            end_column: first.end_column,
            labels,
            notes: diagnostic.notes.clone(),
            help: diagnostic.help.clone(),
        }
    }
}

/// A span as file, lines and columns.
fn place(span: Span, sources: &SourceMap) -> Option<LabelView> {
    let source = sources.get(span.source)?;
    let bytes = clamp(&source.text, span);
    let (line, column) = position(&source.text, bytes.start);
    let (end_line, end_column) = position(&source.text, bytes.end);
    Some(LabelView { file: source.name.clone(), line, column, end_line, end_column, ..LabelView::default() })
}

/// The line and the column of a byte, both from 1.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let line = line_around(text, byte);
    let number = text[..line.start].bytes().filter(|byte| *byte == b'\n').count() + 1;
    (number, text[line.start..byte].chars().count() + 1)
}
