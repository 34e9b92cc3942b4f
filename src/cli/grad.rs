//! `lossc grad`: the derivative as a formula.

use super::arguments::GradArguments;
use super::failure::Failure;
use super::output::put;
use super::target::{builder, with_gradients};

/// Prints one formula an input.
pub fn run(arguments: &GradArguments) -> Result<(), Failure> {
    let builder = with_gradients(builder(&arguments.loss)?, &arguments.grad);
    let program = builder.gradient_program()?;
    put(format_args!("{}", crate::formula::print_gradients(&program)));
    Ok(())
}
