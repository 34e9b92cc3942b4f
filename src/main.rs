//! The `lossc` command: arguments in, exit code out.

fn main() -> std::process::ExitCode {
    lossc::cli::main()
}
