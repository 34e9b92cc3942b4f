//! What can be written on the command line.

use std::path::PathBuf;

use clap::builder::TypedValueParser as _;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

/// A language and compiler for loss functions.
#[derive(Debug, Parser)]
#[command(
    name = "lossc",
    version,
    about,
    max_term_width = 100,
    after_help = "Examples:\n  lossc check combo.loss\n  lossc eval combo.loss --data scores.safetensors --grad all\n  lossc eval -e \"dice + 2 * wce(w = 3)\" --data case.json\n  lossc grad huber\n  lossc list"
)]
pub struct Arguments {
    /// What to do; nothing on a terminal is `repl`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check files and explain what is wrong in them.
    Check(CheckArguments),
    /// Compute value, terms and gradients of a loss on data.
    Eval(EvalArguments),
    /// Print a stage of the compiler.
    Show(ShowArguments),
    /// Print the derivative of a loss as a formula.
    Grad(GradArguments),
    /// Run case files on the interpreter and the compiler.
    Test(TestArguments),
    /// List the losses of the standard library.
    List(ListArguments),
    /// Print the documentation of a loss.
    Doc(DocArguments),
    /// Measure value and gradient of a loss, on data or on random numbers.
    Bench(BenchArguments),
    /// Draw loss and gradient against one input, in the terminal or as a file.
    Plot(PlotArguments),
    /// Define losses and tensors line by line, and look at what they give (also `lossc` alone on a terminal).
    Repl,
}

/// Which loss.
#[derive(Args, Clone, Debug)]
pub struct LossArguments {
    /// A loss of the standard library (`huber`), a file (`combo.loss`: its only or last loss), or one of its losses (`combo.loss::dice_2d`).
    #[arg(value_name = "LOSS", required_unless_present = "expression")]
    pub loss: Option<String>,
    /// An expression instead of a loss; with a file as LOSS, one that may use what the file defines.
    #[arg(short = 'e', long = "expression", value_name = "EXPRESSION")]
    pub expression: Option<String>,
    /// Set a hyperparameter; may be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_setting)]
    pub settings: Vec<(String, f64)>,
    /// Another reduction than the loss's own.
    #[arg(long, value_enum, value_name = "REDUCTION")]
    pub reduction: Option<ReductionArgument>,
}

/// `check`
#[derive(Args, Debug)]
pub struct CheckArguments {
    /// The files.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Print the diagnostics as JSON, one object a line.
    #[arg(long)]
    pub json: bool,
}

/// `eval`
#[derive(Args, Debug)]
pub struct EvalArguments {
    #[command(flatten)]
    pub loss: LossArguments,
    /// Tensors by name: a case file (.json), .safetensors, .npz, .npy, or a folder of .npy.
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Which case of a case file.
    #[arg(long, value_name = "NAME", requires = "data")]
    pub case: Option<String>,
    /// One more tensor from an .npy file; may be given several times.
    #[arg(long = "input", value_name = "NAME=FILE.npy", value_parser = parse_input)]
    pub inputs: Vec<(String, PathBuf)>,
    /// Gradients with respect to these inputs, or `all`.
    #[arg(long, value_name = "INPUTS", value_delimiter = ',')]
    pub grad: Vec<String>,
    /// The precision in which to compute.
    #[arg(long, value_enum, default_value = "f32")]
    pub dtype: DTypeArgument,
    /// What runs the loss.
    #[arg(long, value_enum, default_value = "jit")]
    pub engine: EngineArgument,
    /// How many threads may be used (all cores without it); the result has the same bits for any number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Which vector code is made (the best one without it); what this machine has not got becomes the next one.
    #[arg(long, value_enum, value_name = "VECTORS")]
    pub vectors: Option<VectorsArgument>,
    /// Check the values against the declared kinds (labels are always checked).
    #[arg(long)]
    pub check_data: bool,
    /// Write the gradients, and the value if it is a tensor, to this file (.safetensors) or folder (of .npy).
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Print everything as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `show`
#[derive(Args, Debug)]
pub struct ShowArguments {
    #[command(flatten)]
    pub loss: LossArguments,
    /// Which stage.
    #[arg(long, value_enum, default_value = "typed")]
    pub stage: StageArgument,
    /// With the gradient with respect to these inputs, or `all`.
    #[arg(long, value_name = "INPUTS", value_delimiter = ',', default_value = "all")]
    pub grad: Vec<String>,
    /// The precision in which to compute.
    #[arg(long, value_enum, default_value = "f32")]
    pub dtype: DTypeArgument,
    /// Which vector code is made (the best one without it); what this machine has not got becomes the next one.
    #[arg(long, value_enum, value_name = "VECTORS")]
    pub vectors: Option<VectorsArgument>,
    /// Kernels for data like this, by the extent of every axis, such as N=4,C=8,S=256x256: images and short rows have kernels
    /// of their own.
    #[arg(long, value_name = "AXIS=EXTENT", value_delimiter = ',', value_parser = parse_extents)]
    pub shape: Vec<(String, Vec<usize>)>,
}

/// `grad`
#[derive(Args, Debug)]
pub struct GradArguments {
    #[command(flatten)]
    pub loss: LossArguments,
    /// With respect to these inputs, or `all`.
    #[arg(long, value_name = "INPUTS", value_delimiter = ',', default_value = "all")]
    pub grad: Vec<String>,
}

/// `test`
#[derive(Args, Debug)]
pub struct TestArguments {
    /// Case files.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Which vector code is made (the best one without it); what this machine has not got becomes the next one.
    #[arg(long, value_enum, value_name = "VECTORS")]
    pub vectors: Option<VectorsArgument>,
    /// Print one JSON object a case.
    #[arg(long)]
    pub json: bool,
}

/// `list`
#[derive(Args, Debug)]
pub struct ListArguments {
    /// Only losses whose name, group, keywords or description have these words, the best match first.
    #[arg(long, value_name = "WORDS")]
    pub like: Option<String>,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `doc`
#[derive(Args, Debug)]
pub struct DocArguments {
    /// A loss of the standard library, or a file or one of its losses; without it, all losses in one line each.
    pub loss: Option<String>,
    /// Print as Markdown.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// Write the pages of the whole standard library, as Markdown, into this folder.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["loss", "json", "markdown"])]
    pub out: Option<PathBuf>,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `bench`
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("numbers").required(true).args(["shape", "data"])))]
pub struct BenchArguments {
    #[command(flatten)]
    pub loss: LossArguments,
    /// Random data, by the extent of every axis, such as N=4096,C=1000; of a pack S=256x256. A loss whose only axes are a pack takes any names.
    #[arg(long, value_name = "AXIS=EXTENT", value_delimiter = ',', value_parser = parse_extents)]
    pub shape: Vec<(String, Vec<usize>)>,
    /// Measure on these tensors instead of random ones: a case file (.json), .safetensors, .npz, or a folder of .npy.
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Which case of a case file.
    #[arg(long, value_name = "NAME", requires = "data", conflicts_with = "shape")]
    pub case: Option<String>,
    /// Gradients with respect to these inputs, or `all`; without it, the first float input.
    #[arg(long, value_name = "INPUTS", value_delimiter = ',')]
    pub grad: Vec<String>,
    /// The precision in which it computes.
    #[arg(long, value_enum, default_value = "f32")]
    pub dtype: DTypeArgument,
    /// The element type of random floats (that of --dtype without it); halves are widened by the call.
    #[arg(long, value_enum, value_name = "DTYPE", conflicts_with = "data")]
    pub data_dtype: Option<ElementArgument>,
    /// How many threads may be used (all cores without it).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Which vector code is made (the best one without it); what this machine has not got becomes the next one.
    #[arg(long, value_enum, value_name = "VECTORS")]
    pub vectors: Option<VectorsArgument>,
    /// How long to measure, once with reused and once with fresh memory.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5, value_parser = parse_seconds)]
    pub seconds: f64,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `plot`
#[derive(Args, Clone, Debug)]
pub struct PlotArguments {
    /// A loss, as for `eval`.
    #[arg(value_name = "LOSS", required_unless_present = "expression")]
    pub loss: Option<String>,
    /// An expression instead of a loss; with a file as LOSS, one that may use what the file defines.
    #[arg(short = 'e', long = "expression", value_name = "EXPRESSION")]
    pub expression: Option<String>,
    /// Set a hyperparameter; several values give several curves.
    #[arg(long = "set", value_name = "NAME=VALUE,…", value_parser = parse_values)]
    pub settings: Vec<(String, Vec<f64>)>,
    /// The input that varies; without it the first one of floats.
    #[arg(long, value_name = "NAME")]
    pub input: Option<String>,
    /// Which of its elements varies.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    pub element: usize,
    /// Where the curve begins; without it what suits the kind of the input.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub from: Option<f64>,
    /// Where the curve ends.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub to: Option<f64>,
    /// Hold an input at this value, or at these, repeated over its elements.
    #[arg(long, value_name = "NAME=VALUE,…", value_parser = parse_values)]
    pub at: Vec<(String, Vec<f64>)>,
    /// How long an axis is.
    #[arg(long, value_name = "AXIS=EXTENT", value_parser = parse_size)]
    pub size: Vec<(String, usize)>,
    /// How many places are computed.
    #[arg(long, value_name = "N", default_value_t = 241, value_parser = clap::value_parser!(u16).range(2..).map(usize::from))]
    pub points: usize,
    /// How many columns the picture has in the terminal.
    #[arg(long, value_name = "COLUMNS")]
    pub width: Option<usize>,
    /// Write a file instead: .svg, .png, or .csv with the numbers.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// A reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReductionArgument {
    None,
    Sum,
    Mean,
}

/// A precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DTypeArgument {
    F32,
    F64,
}

/// An element type of floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ElementArgument {
    F16,
    Bf16,
    F32,
    F64,
}

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineArgument {
    Jit,
    Interp,
}

/// Vector code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VectorsArgument {
    /// 512 bits, functions included.
    Avx512,
    /// 256 bits, functions included.
    Avx2,
    /// 128 bits, and functions of blocks: on every machine.
    Blocks,
}

/// A stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StageArgument {
    Ast,
    Typed,
    Ir,
    Grad,
    Simplified,
    Kernel,
    Clif,
    Asm,
}

fn parse_setting(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, such as gamma=2")?;
    let value = value.trim().parse().map_err(|_| format!("`{value}` is not a number"))?;
    Ok((name.trim().to_string(), value))
}

fn parse_values(text: &str) -> Result<(String, Vec<f64>), String> {
    let (name, values) = text.split_once('=').ok_or("write NAME=VALUE, such as delta=0.5,1,2")?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| format!("`{}` is not a number", text.trim()));
    Ok((name.trim().to_string(), values.split(',').map(number).collect::<Result<_, _>>()?))
}

fn parse_size(text: &str) -> Result<(String, usize), String> {
    let (name, extent) = text.split_once('=').ok_or("write AXIS=EXTENT, such as C=3")?;
    let extent = extent.trim().parse().map_err(|_| format!("`{extent}` is not an extent"))?;
    Ok((name.trim().to_string(), extent))
}

fn parse_input(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("write NAME=FILE.npy, such as pred=scores.npy")?;
    Ok((name.trim().to_string(), PathBuf::from(file)))
}

fn parse_extents(text: &str) -> Result<(String, Vec<usize>), String> {
    let (name, extents) = text.split_once('=').ok_or("write AXIS=EXTENT, such as N=4096, or S=256x256 for a pack")?;
    let extent = |part: &str| part.trim().parse().map_err(|_| format!("`{part}` is not an extent"));
    Ok((name.trim().to_string(), extents.split('x').map(extent).collect::<Result<_, _>>()?))
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if (0.0..=3600.0).contains(&seconds) { Ok(seconds) } else { Err("give 0 to 3600 seconds".to_string()) }
}
