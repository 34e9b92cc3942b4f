//! A diagnostic as a value, and its rendering as text and for machines.
//!
//! Stages turn their error facts into [`Diagnostic`]s; this is the only place that draws source
//! lines and carets. It does not know which errors exist.

mod excerpt;
mod render;
mod view;

pub use render::{render, render_colored};
pub use view::{DiagnosticView, LabelView};

use crate::span::Span;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The program is refused.
    Error,
    /// The program is accepted, but probably not what was meant.
    Warning,
}

/// A place with a few words under its caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What to say there; may be empty.
    pub text: String,
    /// The place the diagnostic is about, as opposed to one that explains it.
    pub primary: bool,
}

/// One message to the user: what is wrong, where, why, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code, such as `E0203`; warnings start with `W`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One line: what is wrong.
    pub title: String,
    /// Places, the primary one first.
    pub labels: Vec<Label>,
    /// Why: facts that explain it, such as both sides of a mismatch aligned.
    pub notes: Vec<String>,
    /// How to mend it.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error with a code and a title.
    pub fn error(code: &'static str, title: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: Severity::Error,
            title: title.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning with a code and a title.
    pub fn warning(code: &'static str, title: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Self::error(code, title) }
    }

    /// Adds the place that the diagnostic is about.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: true });
        self
    }

    /// Adds a place that explains it.
    #[must_use]
    pub fn and_at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: false });
        self
    }

    /// Puts another place before those that it has.
    #[must_use]
    pub fn first_at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.iter_mut().for_each(|label| label.primary = false);
        self.labels.insert(0, Label { span, text: text.into(), primary: true });
        self
    }

    /// Adds a fact that explains it.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a way to mend it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}
