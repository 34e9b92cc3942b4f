//! Which loss the command line means.

use std::path::Path;

use super::arguments::{DTypeArgument, ElementArgument, LossArguments, ReductionArgument, VectorsArgument};
use super::failure::{Failure, print_diagnostics};
use super::loader::FolderLoader;
use crate::lower::Reduction;
use crate::session::{Compiler, Error, LossBuilder, Notebook, Program, Vectors};
use crate::tensor::DType;

impl From<ElementArgument> for DType {
    fn from(argument: ElementArgument) -> DType {
        match argument {
            ElementArgument::F16 => DType::F16,
            ElementArgument::Bf16 => DType::BF16,
            ElementArgument::F32 => DType::F32,
            ElementArgument::F64 => DType::F64,
        }
    }
}

impl From<DTypeArgument> for DType {
    fn from(argument: DTypeArgument) -> DType {
        match argument {
            DTypeArgument::F32 => DType::F32,
            DTypeArgument::F64 => DType::F64,
        }
    }
}

impl From<ReductionArgument> for Reduction {
    fn from(argument: ReductionArgument) -> Reduction {
        match argument {
            ReductionArgument::None => Reduction::None,
            ReductionArgument::Sum => Reduction::Sum,
            ReductionArgument::Mean => Reduction::Mean,
        }
    }
}

impl From<VectorsArgument> for Vectors {
    fn from(argument: VectorsArgument) -> Vectors {
        match argument {
            VectorsArgument::Avx512 => Vectors::Avx512,
            VectorsArgument::Avx2 => Vectors::Avx2,
            VectorsArgument::Blocks => Vectors::Blocks,
        }
    }
}

/// With the vector code that was asked for.
pub fn with_vectors(builder: LossBuilder, vectors: Option<VectorsArgument>) -> LossBuilder {
    match vectors {
        Some(vectors) => builder.vectors(vectors.into()),
        None => builder,
    }
}

/// The text of a file.
fn read(path: &Path) -> Result<String, Failure> {
    let bytes =
        std::fs::read(path).map_err(|error| Failure::Message(format!("cannot read {}: {error}", path.display())))?;
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Failure::Message(format!("{}: not UTF-8 text (byte {place})", path.display()))
    })
}

/// Reads and checks a file; its warnings are printed.
pub fn compile_file(path: &Path) -> Result<Program, Failure> {
    let loader = FolderLoader::beside(path);
    Ok(Compiler::new().compile_named(&path.display().to_string(), &read(path)?, &loader)?)
}

/// The program and the name of a loss by what was written: `huber`, `combo.loss`, `combo.loss::dice_2d`.
pub fn program_of(written: &str) -> Result<(Program, String), Failure> {
    program_in(Path::new(""), written)
}

/// As [`program_of`], where files are named as seen from a folder.
pub fn program_in(folder: &Path, written: &str) -> Result<(Program, String), Failure> {
    let Some((file, loss)) = file_of(written) else { return standard(written) };
    let program = compile_file(&folder.join(file))?;
    print_diagnostics(program.warnings(), program.sources());
    let name = match loss.map(str::to_string).or_else(|| program.losses().pop()) {
        Some(name) => name,
        None => return Err(Error::NoLoss { name: file.to_string() }.into()),
    };
    Ok((program, name))
}

/// The file that was written, and the name of one of its losses.
pub fn file_of(written: &str) -> Option<(&str, Option<&str>)> {
    match written.split_once(".loss::") {
        Some((file, loss)) => Some((&written[..file.len() + ".loss".len()], Some(loss))),
        None => written.ends_with(".loss").then_some((written, None)),
    }
}

/// An expression that may use what a file defines.
fn expression_in(file: &str, expression: &str) -> Result<LossBuilder, Failure> {
    let Some((file, None)) = file_of(file) else {
        let message = format!("with -e, a file says what the expression may use, as in `combo.loss`; `{file}` is none");
        return Err(Failure::Usage(message));
    };
    let path = Path::new(file);
    let loader = FolderLoader::beside(path);
    let (notebook, program) = Notebook::new().with(file, &read(path)?, &loader)?;
    print_diagnostics(program.warnings(), program.sources());
    Ok(notebook.inferred("expression", expression, &loader)?)
}

fn standard(name: &str) -> Result<(Program, String), Failure> {
    let library = Compiler::new().standard()?;
    if library.info(name).is_err() {
        if Path::new(&format!("{name}.loss")).is_file() {
            return Err(Failure::Message(format!("there is no loss `{name}`; for the file write `{name}.loss`")));
        }
        if name.contains(['+', '*', '(', ' ']) {
            return Err(Failure::Message(format!("there is no loss `{name}`; for an expression write -e \"{name}\"")));
        }
    }
    Ok((library, name.to_string()))
}

/// A loss by what was written.
fn find(written: &str) -> Result<LossBuilder, Failure> {
    let (program, name) = program_of(written)?;
    Ok(program.loss(&name)?)
}

/// The loss of a command line, with hyperparameters and reduction set.
pub fn builder(arguments: &LossArguments) -> Result<LossBuilder, Failure> {
    let builder = match (&arguments.expression, &arguments.loss) {
        (Some(expression), Some(file)) => expression_in(file, expression)?,
        (Some(expression), None) => {
            let program = Compiler::new().expression(expression)?;
            print_diagnostics(program.warnings(), program.sources());
            program.main()?
        }
        (None, Some(loss)) => find(loss)?,
        (None, None) => return Err(Failure::Usage("name a loss, or give an expression with -e".into())),
    };
    settle(builder, arguments)
}

fn settle(mut builder: LossBuilder, arguments: &LossArguments) -> Result<LossBuilder, Failure> {
    if let Some(reduction) = arguments.reduction {
        builder = builder.reduction(reduction.into());
    }
    for (name, value) in &arguments.settings {
        builder = builder.set(name, *value)?;
    }
    Ok(builder)
}

/// With the gradients that were asked for: names, `all`, or none.
pub fn with_gradients(builder: LossBuilder, grad: &[String]) -> LossBuilder {
    if grad.iter().any(|name| name == "all") { builder.wrt_all() } else { builder.wrt(grad.to_vec()) }
}
