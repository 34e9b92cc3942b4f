//! What ends a command early, and with which exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use super::data::DataFileError;
use crate::diagnostic::{Diagnostic, render, render_colored};
use crate::session::Error;
use crate::span::SourceMap;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// A message for people.
    Message(String),
    /// An error of the library.
    Library(Error),
    /// Everything has been said already.
    Said,
    /// The command was used wrongly.
    Usage(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Library(error)
    }
}

impl From<DataFileError> for Failure {
    fn from(error: DataFileError) -> Self {
        Failure::Message(error.to_string())
    }
}

impl Failure {
    /// Prints it on stderr.
    pub fn print(&self) {
        eprint!("{}", self.text(colored(&std::io::stderr())));
    }

    /// What people read.
    pub fn text(&self, color: bool) -> String {
        match self {
            Failure::Said => String::new(),
            Failure::Message(text) | Failure::Usage(text) => format!("error: {text}\n"),
            Failure::Library(error) => match error.drawable() {
                Some((diagnostics, sources)) => drawn(diagnostics, sources, color),
                None => format!("error: {error}\n"),
            },
        }
    }

    /// The same failure, whose excerpts show `text` in the place of a source that was made of it.
    pub fn shown_as(mut self, made: &str, text: &str) -> Self {
        match &mut self {
            Failure::Library(Error::Source { sources, .. }) => sources.show_as(made, text),
            Failure::Library(Error::Condition(unmet)) => unmet.sources.show_as(made, text),
            _ => {}
        }
        self
    }

    /// 2 for wrong usage, else 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Usage(_) => ExitCode::from(2),
            Failure::Said | Failure::Message(_) | Failure::Library(_) => ExitCode::FAILURE,
        }
    }
}

/// Whether a stream is a terminal that shows colours.
pub fn colored(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Draws diagnostics on stderr, in colour on a terminal.
pub fn print_diagnostics(diagnostics: &[Diagnostic], sources: &SourceMap) {
    eprint!("{}", drawn(diagnostics, sources, colored(&std::io::stderr())));
}

/// Diagnostics as text, an empty line after each.
pub fn drawn(diagnostics: &[Diagnostic], sources: &SourceMap, color: bool) -> String {
    let draw = if color { render_colored } else { render };
    diagnostics.iter().map(|diagnostic| format!("{}\n\n", draw(diagnostic, sources).trim_end())).collect()
}
