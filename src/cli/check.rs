//! `lossc check`: types files and explains what is wrong.

use super::arguments::CheckArguments;
use super::failure::{Failure, print_diagnostics};
use super::json;
use super::output::put;
use super::target::compile_file;
use crate::diagnostic::{Diagnostic, DiagnosticView};
use crate::session::{Error, Program, Stage};
use crate::span::SourceMap;

/// Checks every file, also after one is wrong.
pub fn run(arguments: &CheckArguments) -> Result<(), Failure> {
    let mut failed = false;
    for file in &arguments.files {
        match compile_file(file) {
            Ok(program) => {
                say(program.warnings(), program.sources(), arguments.json);
                let unusable = unusable(&program);
                say(&unusable, program.sources(), arguments.json);
                failed |= !unusable.is_empty();
                if unusable.is_empty() && !arguments.json {
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

/// What is found only when a loss is put together from its calls, of every loss of a file.
fn unusable(program: &Program) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    for name in program.losses() {
        // One that takes a loss, or needs a hyperparameter set, is nothing alone.
        let shown = program.loss(&name).and_then(|builder| builder.show(Stage::Ir));
        if let Err(Error::Source { diagnostics, .. }) = shown {
            let new = diagnostics.into_iter().filter(|one| one.code != NO_EXTENT && !found.contains(one));
            let new: Vec<Diagnostic> = new.collect();
            found.extend(new);
        }
    }
    found
}

/// Of an axis whose extent only a hyperparameter gives, which the caller sets.
const NO_EXTENT: &str = "E0707";

fn say(diagnostics: &[Diagnostic], sources: &SourceMap, as_json: bool) {
    if as_json {
        diagnostics.iter().for_each(|diagnostic| {
            put(format_args!("{}\n", json::diagnostic(&DiagnosticView::new(diagnostic, sources))))
        });
    } else {
        print_diagnostics(diagnostics, sources);
    }
}
