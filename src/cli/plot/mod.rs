//! `lossc plot`: loss and gradient against one element of one input.
//!
//! [`sample`] computes the curves; [`terminal`] draws them with Braille dots, [`file`] writes SVG, PNG and CSV.

mod canvas;
mod file;
mod sample;
mod terminal;

use clap::Parser;

use super::arguments::{LossArguments, PlotArguments};
use super::failure::{Failure, colored};
use super::output::put;
use super::target::builder;
use crate::session::LossBuilder;
use crate::tensor::Tensor;

/// Curves over the same places.
pub struct Picture {
    /// What is drawn.
    pub title: String,
    /// What varies.
    pub variable: String,
    /// What is held, in words; empty if there is nothing else.
    pub held: String,
    /// The places.
    pub places: Vec<f64>,
    /// One curve for each setting.
    pub curves: Vec<Curve>,
}

/// One loss with one setting of its hyperparameters.
pub struct Curve {
    /// The setting, such as `delta = 2`; empty if there is only one.
    pub label: String,
    /// The values of the loss.
    pub values: Vec<f64>,
    /// The derivatives by what varies.
    pub slopes: Vec<f64>,
}

/// The columns of a picture where nobody sees it.
const WIDTH: usize = 80;

/// Draws on the terminal, or writes a file.
pub fn run(arguments: &PlotArguments) -> Result<(), Failure> {
    let loss = LossArguments {
        loss: arguments.loss.clone(),
        expression: arguments.expression.clone(),
        settings: Vec::new(),
        reduction: None,
    };
    let color = colored(&std::io::stdout());
    put(format_args!("{}", picture(builder(&loss)?, arguments, &[], width(), color)?));
    Ok(())
}

/// The columns of the terminal.
pub fn width() -> usize {
    terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0))
}

/// The picture as text, or the name of the file that it was written to. Inputs that are `given` are held at that.
pub fn picture(
    builder: LossBuilder,
    arguments: &PlotArguments,
    given: &[(String, Tensor)],
    width: usize,
    color: bool,
) -> Result<String, Failure> {
    let picture = sample::sample(builder, arguments, given)?;
    match &arguments.out {
        Some(path) => file::write(&picture, path),
        None => Ok(terminal::draw(&picture, arguments.width.unwrap_or(width), color)),
    }
}

/// A line of options, as `:plot` takes it.
#[derive(Debug, Parser)]
#[command(name = ":plot", no_binary_name = true, disable_help_flag = true)]
struct Line {
    #[command(flatten)]
    arguments: PlotArguments,
}

/// The options of a line. What stands before the first option is the loss, also if it has blanks.
pub fn parse_line(line: &str) -> Result<PlotArguments, Failure> {
    let options = line.find(" --").unwrap_or(line.len());
    let (expression, options) = line.split_at(options);
    let expression = expression.trim().trim_matches('"').to_string();
    if expression.is_empty() {
        return Err(Failure::Message("name a loss, as in `:plot huber --set delta=0.5,1,2`".to_string()));
    }
    let words = std::iter::once(expression).chain(options.split_whitespace().map(str::to_string));
    match Line::try_parse_from(words) {
        Ok(line) => Ok(line.arguments),
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            Err(Failure::Message(first.trim_start_matches("error: ").to_string()))
        }
    }
}
