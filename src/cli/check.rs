//! `lossc check`: types files and explains what is wrong.

use super::arguments::CheckArguments;
use super::failure::{Failure, print_diagnostics};
use super::json;
use super::output::put;
use super::target::compile_file;
use crate::diagnostic::{Diagnostic, DiagnosticView};
use crate::session::Error;
use crate::span::SourceMap;

/// Checks every file, also after one is wrong.
pub fn run(arguments: &CheckArguments) -> Result<(), Failure> {
    let mut failed = false;
    for file in &arguments.files {
        match compile_file(file) {
            Ok(program) => {
                say(program.warnings(), program.sources(), arguments.json);
                if !arguments.json {
                    let losses = program.losses();
                    let plural = if losses.len() == 1 { "" } else { "es" };
                    put(format_args!(
                        "{}: fine, {} loss{plural}: {}\n",
                        file.display(),
                        losses.len(),
                        losses.join(", ")
                    ));
                }
            }
            Err(Failure::Library(Error::Source { diagnostics, sources })) => {
                say(&diagnostics, &sources, arguments.json);
                failed = true;
            }
            Err(other) => {
                other.print();
                failed = true;
            }
        }
    }
    if failed { Err(Failure::Said) } else { Ok(()) }
}

fn say(diagnostics: &[Diagnostic], sources: &SourceMap, as_json: bool) {
    if as_json {
        diagnostics.iter().for_each(|diagnostic| {
            put(format_args!("{}\n", json::diagnostic(&DiagnosticView::new(diagnostic, sources))))
        });
    } else {
        print_diagnostics(diagnostics, sources);
    }
}
