//! `let NAME[AXES]: KIND = VALUE` taken apart: what is declared, and where the value begins.

use crate::diagnostic::Diagnostic;
use crate::session::float_kinds;
use crate::span::{SourceId, Span};
use crate::suggestion::did_you_mean;

/// A `let` of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The name.
    pub name: String,
    /// The axes in brackets.
    pub axes: Option<Vec<String>>,
    /// The kind behind the colon.
    pub kind: Option<String>,
    /// The byte at which the value begins.
    pub value: usize,
    /// Where the name and its type stand.
    pub span: Span,
}

/// Whether a text is a `let`.
pub fn is_assignment(text: &str) -> bool {
    text.trim_start().strip_prefix("let").is_some_and(|rest| rest.starts_with(char::is_whitespace))
}

/// The parts of a `let`.
pub fn parse(text: &str, source: SourceId) -> Result<Assignment, Diagnostic> {
    let usage = "write `let p = [0.9, 0.2]`, `let p[N, C] = [[1, 2], [3, 4]]`, or `let p: prob[N] = …`";
    let lead = text.len() - text.trim_start().len() + "let".len();
    let whole = Span::new(source, 0, text.trim_end().len());
    let Some(equals) = text.find('=') else {
        return Err(Diagnostic::error("E0902", "this `let` has no `=`").at(whole, "").help(usage));
    };
    let mut rest = Rest { text: &text[..equals], at: lead };
    let name = rest.word();
    let start = equals - text[lead..equals].trim_start().len();
    let span = Span::new(source, start, text[..equals].trim_end().len().max(start));
    if name.is_empty() {
        return Err(Diagnostic::error("E0902", "`let` gives a name to a tensor").at(span, "no name").help(usage));
    }
    let mut axes = rest.axes();
    let mut kind = None;
    if rest.take(':') {
        let word = rest.word();
        if !float_kinds().any(|known| known == word) {
            let known: Vec<&str> = float_kinds().collect();
            let help = did_you_mean(&word, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let title = format!("a tensor of a session cannot be declared `{word}`");
            let help = help.unwrap_or_else(|| format!("the kinds are {}; labels need none", known.join(", ")));
            return Err(Diagnostic::error("E0903", title).at(span, "").help(help));
        }
        kind = Some(word);
        axes = rest.axes().or(axes);
    }
    let left = rest.text[rest.at..].trim();
    if !left.is_empty() {
        let at = equals - rest.text[rest.at..].trim_start().len();
        let span = Span::new(source, at, at + left.len());
        return Err(Diagnostic::error("E0902", format!("`{left}` is not understood here")).at(span, "").help(usage));
    }
    if let Some(axes) = &axes
        && let Some(twice) = axes.iter().enumerate().find(|(at, axis)| axes[..*at].contains(axis))
    {
        return Err(Diagnostic::error("E0902", format!("the axis {} is named twice", twice.1)).at(span, ""));
    }
    let value = equals + 1 + (text[equals + 1..].len() - text[equals + 1..].trim_start().len());
    Ok(Assignment { name, axes, kind, value, span })
}

struct Rest<'t> {
    text: &'t str,
    at: usize,
}

impl Rest<'_> {
    fn take(&mut self, sign: char) -> bool {
        let rest = self.text[self.at..].trim_start();
        let found = rest.starts_with(sign);
        if found {
            self.at = self.text.len() - rest.len() + sign.len_utf8();
        }
        found
    }

    /// A name, or nothing.
    fn word(&mut self) -> String {
        let rest = self.text[self.at..].trim_start();
        let end = rest.find(|sign: char| !is_name(sign)).unwrap_or(rest.len());
        let word = &rest[..end];
        let word = if word.starts_with(|first: char| first.is_ascii_digit()) { "" } else { word };
        self.at = self.text.len() - rest.len() + word.len();
        word.to_string()
    }

    /// Names in square brackets, if they stand here.
    fn axes(&mut self) -> Option<Vec<String>> {
        let start = self.at;
        if !self.take('[') {
            return None;
        }
        let mut axes = Vec::new();
        loop {
            let word = self.word();
            if word.is_empty() {
                break;
            }
            axes.push(word);
            if !self.take(',') {
                break;
            }
        }
        if !self.take(']') {
            self.at = start;
            return None;
        }
        Some(axes)
    }
}

/// Whether a sign may stand in a name.
pub fn is_name(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '_' | '′' | '₀'..='₉')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_axes_and_kinds_are_taken_apart() {
        let parsed = |text: &str| parse(text, SourceId::default()).map(|it| (it.name, it.axes, it.kind, it.value));
        let axes = |names: &[&str]| Some(names.iter().map(|name| (*name).to_string()).collect::<Vec<_>>());
        assert_eq!(parsed("let p = [1]"), Ok(("p".into(), None, None, 8)));
        assert_eq!(parsed("let p[N, C]=x"), Ok(("p".into(), axes(&["N", "C"]), None, 12)));
        assert_eq!(parsed("let α₁: prob[N] = x"), Ok(("α₁".into(), axes(&["N"]), Some("prob".into()), 21)));
        assert!(parsed("let = 3").is_err() && parsed("let p q = 3").is_err() && parsed("let p[N,").is_err());
        assert!(parsed("let p: proba = 3").is_err() && parsed("let p[N, N] = 3").is_err());
        assert!(is_assignment("let p = 3") && !is_assignment("letter"));
    }
}
