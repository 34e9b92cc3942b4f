//! `lossc show`: the text form of a stage.

use super::arguments::{ShowArguments, StageArgument};
use super::bench::Shapes;
use super::failure::Failure;
use super::output::put;
use super::target::{builder, with_gradients, with_vectors};
use crate::session::Stage;

impl From<StageArgument> for Stage {
    fn from(argument: StageArgument) -> Stage {
        match argument {
            StageArgument::Ast => Stage::Ast,
            StageArgument::Typed => Stage::Typed,
            StageArgument::Ir => Stage::Ir,
            StageArgument::Grad => Stage::Grad,
            StageArgument::Simplified => Stage::Simplified,
            StageArgument::Kernel => Stage::Kernel,
            StageArgument::Clif => Stage::Clif,
            StageArgument::Asm => Stage::Asm,
        }
    }
}

/// Prints the stage.
pub fn run(arguments: &ShowArguments) -> Result<(), Failure> {
    let builder = with_gradients(builder(&arguments.loss)?, &arguments.grad).dtype(arguments.dtype.into());
    let builder = with_vectors(builder, arguments.vectors);
    let builder = match &arguments.shape[..] {
        [] => builder,
        given => {
            let info = builder.info();
            let shapes = Shapes::new(&info, given)?.by_input(&info);
            builder.for_shapes(shapes)
        }
    };
    put(format_args!("{}", builder.show(arguments.stage.into())?));
    Ok(())
}
