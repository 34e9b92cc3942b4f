//! The command line: arguments to calls of the library, results to text or JSON, errors to exit codes.
//!
//! Exit code 0: fine; 1: the program or the data are wrong (a diagnostic on stderr); 2: wrong usage.

pub mod data;
pub mod repl;

mod arguments;
mod bench;
mod check;
mod doc;
mod eval;
mod failure;
mod grad;
mod inputs;
mod json;
mod list;
mod loader;
mod output;
mod plot;
mod show;
mod target;
mod test;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};
pub use failure::Failure;
pub use loader::FolderLoader;

/// The entry point of the command.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(command) = arguments.command else { return without_command() };
    let result = match command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Grad(arguments) => grad::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Doc(arguments) => doc::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Plot(arguments) => plot::run(&arguments),
        Command::Repl => repl::run(),
    };
    ended(result)
}

/// `lossc` alone: a session for a person, an error in a script.
fn without_command() -> ExitCode {
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return ended(repl::run());
    }
    let message = "a command is needed; `lossc repl` reads from standard input";
    Arguments::command().error(ErrorKind::MissingSubcommand, message).exit()
}

fn ended(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}
