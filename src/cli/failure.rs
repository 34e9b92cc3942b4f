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
        match self {
            Failure::Said => {}
            Failure::Message(text) | Failure::Usage(text) => eprintln!("error: {text}"),
            Failure::Library(Error::Source { diagnostics, sources }) => print_diagnostics(diagnostics, sources),
            Failure::Library(error) => eprintln!("error: {error}"),
        }
    }

    /// 2 for wrong usage, else 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Usage(_) => ExitCode::from(2),
            Failure::Said | Failure::Message(_) | Failure::Library(_) => ExitCode::FAILURE,
        }
    }
}

/// Draws diagnostics on stderr, in colour on a terminal.
pub fn print_diagnostics(diagnostics: &[Diagnostic], sources: &SourceMap) {
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for diagnostic in diagnostics {
        let text = if color { render_colored(diagnostic, sources) } else { render(diagnostic, sources) };
        eprintln!("{}", text.trim_end());
        eprintln!();
    }
}
