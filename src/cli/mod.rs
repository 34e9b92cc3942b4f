//! The command line: arguments to calls of the library, results to text or JSON, errors to exit codes.
//!
//! Exit code 0: fine; 1: the program or the data are wrong (a diagnostic on stderr); 2: wrong usage.

pub mod data;

mod arguments;
mod bench;
mod check;
mod doc;
mod eval;
mod failure;
mod grad;
mod json;
mod list;
mod loader;
mod output;
mod show;
mod target;
mod test;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
pub use failure::Failure;
pub use loader::FolderLoader;

/// The entry point of the command.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Grad(arguments) => grad::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Doc(arguments) => doc::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}
