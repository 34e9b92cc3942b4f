//! Everything that can go wrong, with the text that a person reads.

use crate::bind::DataError;
use crate::diagnostic::{Diagnostic, render};
use crate::jit::{CallError, JitError};
use crate::span::SourceMap;
use crate::tensor::{DType, ViewError};

/// Why something could not be compiled or called.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program is wrong.
    #[error("{}", rendered(diagnostics, sources))]
    Source {
        /// What is wrong.
        diagnostics: Vec<Diagnostic>,
        /// The texts that they point into.
        sources: SourceMap,
    },
    /// There is no such loss.
    #[error("there is no loss `{name}`{}", suggested(suggestion))]
    UnknownLoss {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// A loss that takes a loss, which only a call can give.
    #[error("`{name}` takes a loss, `{parameter}`: call it, as in `{name}(huber{rest})`")]
    NeedsLoss {
        /// The loss.
        name: String,
        /// Its parameter.
        parameter: String,
        /// Its further inputs as a call would give them.
        rest: String,
    },
    /// The text defines no loss.
    #[error("`{name}` defines no loss")]
    NoLoss {
        /// The text.
        name: String,
    },
    /// A hyperparameter that the loss does not have.
    #[error("`{loss}` has no hyperparameter `{name}`; it has {}{}", listed(known), suggested(suggestion))]
    UnknownParameter {
        /// The loss.
        loss: String,
        /// What was given.
        name: String,
        /// What it has.
        known: Vec<String>,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// An int hyperparameter with another value.
    #[error("hyperparameter `{name}` of `{loss}` is an int, fixed when compiled; {value} is not one")]
    NotAnInt {
        /// The loss.
        loss: String,
        /// The hyperparameter.
        name: String,
        /// What was given.
        value: f64,
    },
    /// An int hyperparameter set at a call.
    #[error("hyperparameter `{name}` of `{loss}` is an int: fix it when building, `.set(\"{name}\", {value})`")]
    IntAtCall {
        /// The loss.
        loss: String,
        /// The hyperparameter.
        name: String,
        /// What was given.
        value: f64,
    },
    /// A hyperparameter outside its domain.
    #[error("{}", rendered(std::slice::from_ref(&.0.diagnostic), &.0.sources))]
    Condition(Box<UnmetCondition>),
    /// A precision in which nothing is computed.
    #[error("`{loss}` is computed in f32 or f64, not in {}; inputs may have other types", dtype.name())]
    Precision {
        /// The loss.
        loss: String,
        /// What was asked for.
        dtype: DType,
    },
    /// A gradient with respect to something that is no float input.
    #[error("no gradient with respect to `{name}` of `{loss}`: {reason}")]
    NoGradient {
        /// The loss.
        loss: String,
        /// What was asked for.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Memory for a gradient has another shape.
    #[error("the memory for the gradient of `{loss}` by `{name}` has shape {given:?} instead of [{axes}]")]
    GradientShape {
        /// The loss.
        loss: String,
        /// The input or learnable.
        name: String,
        /// The shape of the memory.
        given: Vec<usize>,
        /// The shape of the gradient.
        wanted: Vec<usize>,
        /// Its axes with their extents, as in `N = 6, C = 3`.
        axes: Box<str>,
    },
    /// The data do not fit.
    #[error("{0}")]
    Data(#[from] DataError),
    /// A view that names elements outside its memory.
    #[error("{0}")]
    View(Box<ViewError>),
    /// The compiler failed: its own fault.
    #[error("{0}")]
    Jit(#[from] JitError),
    /// The kernel could not be called.
    #[error("{0}")]
    Call(#[from] CallError),
}

/// A condition on a hyperparameter that a call does not meet.
#[derive(Debug)]
pub struct UnmetCondition {
    /// The loss that states it.
    pub loss: String,
    /// The hyperparameter.
    pub name: String,
    /// The condition as written.
    pub condition: String,
    /// The value of the hyperparameter.
    pub value: f64,
    /// The extents that it depends on, by axis.
    pub extents: Vec<(String, usize)>,
    /// The turn of each `repeat` at whose turns it is looked at, from 1 on, the outermost first.
    pub turns: Vec<u64>,
    /// What is shown.
    pub diagnostic: Diagnostic,
    /// The texts that it points into.
    pub sources: SourceMap,
}

impl From<ViewError> for Error {
    fn from(error: ViewError) -> Self {
        Error::View(Box::new(error))
    }
}

impl Error {
    /// The diagnostics of a wrong program or hyperparameter; empty for other errors.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        self.drawable().map_or(&[], |(diagnostics, _)| diagnostics)
    }

    /// Diagnostics with the texts that they point into, if there are any.
    pub fn drawable(&self) -> Option<(&[Diagnostic], &SourceMap)> {
        match self {
            Error::Source { diagnostics, sources } => Some((diagnostics, sources)),
            Error::Condition(unmet) => Some((std::slice::from_ref(&unmet.diagnostic), &unmet.sources)),
            _ => None,
        }
    }
}

fn rendered(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    let all: Vec<String> = diagnostics.iter().map(|diagnostic| render(diagnostic, sources)).collect();
    all.join("\n")
}

fn suggested(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

fn listed(words: &[String]) -> String {
    if words.is_empty() { "none".into() } else { words.join(", ") }
}
