//! (to be written)

pub mod loader;

/// The entry point of the command.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
