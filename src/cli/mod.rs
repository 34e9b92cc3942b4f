//! The command line: arguments to calls of the library, results to text or JSON, errors to exit codes.

pub mod data;

pub mod loader;

/// The entry point of the command.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
