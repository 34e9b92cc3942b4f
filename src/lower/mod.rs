//! Typed program to graph: calls put in place, the language's constructs composed from primitive operations.
//!
//! One loss is the entry; what it calls is instantiated with its axes and arguments. Along with the node of
//! a value goes what its outermost reduction is (`outermost`), so that a caller's reduction can be put in
//! its place, and the sum that the entry is gives the named terms (`terms`). Nothing is simplified here.

mod conditions;
mod expr;
mod extents;
mod instance;
mod ints;
mod outermost;
mod reduce;
mod repeat;
mod states;
mod terms;
mod turns;

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::hir;
use crate::ir::{Output, OutputRole, Program};
use crate::span::Span;

pub use conditions::{AllConditions, Condition, Conditions};
pub use outermost::Reduction;

use instance::{Lowering, entry_inputs};

/// What the caller fixes when compiling.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Another reduction than the loss's own.
    pub reduction: Option<Reduction>,
    /// Values of `int` hyperparameters; the others have their defaults.
    pub ints: BTreeMap<String, i64>,
    /// The optional inputs that will be given.
    pub given: BTreeSet<String>,
    /// The packs of the signature that stand for no axis. They do not occur in the graph at all, so that the
    /// innermost loop runs over an axis that is there.
    pub empty_packs: BTreeSet<String>,
    /// Whether axes may be left without an extent, for a graph that is shown and not run.
    pub open_extents: bool,
}

/// A loss as a graph.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// With the outputs value, terms and weights.
    pub program: Program,
    /// What must hold of the hyperparameters.
    pub conditions: AllConditions,
    /// The reduction that the loss itself ends in, if it is one mean or sum.
    pub own_reduction: Option<Reduction>,
}

/// Why a loss cannot be lowered as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LowerError {
    /// The loss does not end in one mean or sum.
    #[error("`{loss}` has no reduction `{asked}`")]
    NoReduction {
        /// The loss.
        loss: String,
        /// What was asked for.
        asked: &'static str,
        /// What its outermost operation is.
        found: String,
        /// Where that stands.
        span: Span,
    },
    /// An int hyperparameter that the loss does not have.
    #[error("`{loss}` has no int hyperparameter `{name}`")]
    UnknownInt {
        /// The loss.
        loss: String,
        /// The name that was given.
        name: String,
    },
    /// More calls than can be put in.
    #[error("`{loss}` is put in too often, or too deep")]
    TooManyCalls {
        /// The function in which the limit was met.
        loss: String,
        /// The limit of all calls together.
        calls: usize,
        /// The limit of calls in calls.
        depth: usize,
        /// Where that stands.
        span: Span,
    },
    /// A loop with a number of turns that no loop can have.
    #[error("this `repeat` would take {turns} turns")]
    Turns {
        /// The number.
        turns: i64,
        /// The largest possible one.
        limit: i64,
        /// Where the number stands.
        span: Span,
    },
    /// A state that a loss sets, which is called at every turn of a loop.
    #[error("`{loss}` would set its state `{state}` at every turn of a `repeat`")]
    StateInLoop {
        /// The loss.
        loss: String,
        /// The state.
        state: String,
        /// Where it is set.
        span: Span,
    },
    /// A state that a loss sets, which is called for every position of an axis.
    #[error("`{loss}` would set its state `{state}` for every position of `{axis}`")]
    StateOfMany {
        /// The loss.
        loss: String,
        /// The state.
        state: String,
        /// The axis that the call keeps.
        axis: String,
        /// Where it is set.
        span: Span,
    },
    /// The extent of an axis that depends on data, or is computed from too much.
    #[error("the extent of axis `{axis}` cannot be computed from {found}")]
    NotAnExtent {
        /// The axis.
        axis: String,
        /// From what.
        found: &'static str,
        /// Where it stands.
        span: Span,
    },
    /// A number of positions that no axis has.
    #[error("axis `{axis}` would have {value} positions")]
    Extent {
        /// The axis.
        axis: String,
        /// How many.
        value: i64,
        /// Where the number stands.
        span: Span,
    },
    /// An axis that neither an input nor a hyperparameter gives an extent.
    #[error("nothing gives axis `{axis}` of `{loss}` its extent")]
    NoExtent {
        /// The loss.
        loss: String,
        /// The axis.
        axis: String,
        /// The hyperparameter that could.
        parameter: Option<String>,
        /// Where the axis is declared.
        span: Span,
    },
    /// What is wrong in a callee, with the call in the loss that was asked for.
    #[error("{error}")]
    Called {
        /// What is wrong.
        error: Box<LowerError>,
        /// What is called.
        name: String,
        /// Where.
        span: Span,
    },
    /// An int that is known when compiling and has more than 64 bits.
    #[error("{operation} does not fit into an int")]
    IntOverflow {
        /// With the values.
        operation: String,
        /// Where it stands.
        span: Span,
    },
    /// An int that cannot be computed when compiling.
    #[error("this int is not known when the program is compiled")]
    NotCompileTime {
        /// Where it stands.
        span: Span,
    },
}

impl LowerError {
    /// Where it is; none if that is no place in a text, or said by itself.
    fn place(&self) -> Option<Span> {
        match self {
            LowerError::NoReduction { span, .. }
            | LowerError::Turns { span, .. }
            | LowerError::StateInLoop { span, .. }
            | LowerError::StateOfMany { span, .. }
            | LowerError::NotAnExtent { span, .. }
            | LowerError::Extent { span, .. }
            | LowerError::NoExtent { span, .. }
            | LowerError::IntOverflow { span, .. }
            | LowerError::NotCompileTime { span } => Some(*span),
            LowerError::UnknownInt { .. } | LowerError::TooManyCalls { .. } | LowerError::Called { .. } => None,
        }
    }

    /// With the call that leads to it, if it stands outside of a function that makes that call.
    fn called(self, caller: &hir::Function, call: &(String, Span)) -> LowerError {
        if self.place().is_none_or(|place| caller.contains(place)) {
            return self;
        }
        LowerError::Called { error: Box::new(self), name: call.0.clone(), span: call.1 }
    }

    /// The diagnostic of the fact.
    pub fn diagnostic(&self) -> Diagnostic {
        let title = self.to_string();
        match self {
            LowerError::NoReduction { found, span, asked, .. } => Diagnostic::error("E0701", title)
                .at(*span, found.clone())
                .note("a reduction can be exchanged where a loss ends in one `mean` or `sum`, perhaps with a constant factor")
                .help(if *asked == "none" {
                    "for values per sample, bind the axes in brackets and keep the others, as in `mean(dice[H, W])`"
                } else {
                    "leave the reduction out: this loss is one number already"
                }),
            LowerError::TooManyCalls { calls, depth, span, .. } => Diagnostic::error("E0704", title)
                .at(*span, "a call in here")
                .note(format!("a loss may come to {calls} calls, {depth} of them in one another; each is put in where it stands"))
                .help("give what is used more than once a name with `let`"),
            LowerError::UnknownInt { .. } => Diagnostic::error("E0702", title),
            LowerError::Turns { limit, span, .. } => Diagnostic::error("E0708", title)
                .at(*span, "the number of turns")
                .help(format!("a number from 0 to {limit}")),
            LowerError::StateInLoop { loss, state, span } => Diagnostic::error("E0709", title)
                .at(*span, "set here")
                .note("a state is set once a call")
                .help(format!("call `{loss}` before or after the loop, or give it the state: `{loss}({state} = …)`")),
            LowerError::StateOfMany { loss, state, axis, span } => Diagnostic::error("E0710", title)
                .at(*span, "set here")
                .note(format!("a state is one number, and the call keeps axis `{axis}`"))
                .help(format!("call `{loss}` so that no axis is kept, or give it the state: `{loss}({state} = …)`")),
            LowerError::NotAnExtent { span, .. } => Diagnostic::error("E0705", title)
                .at(*span, "not known before the data are looked at")
                .note("an extent is an int of numbers, `int` hyperparameters and `size[…]`, with + - * min max abs"),
            LowerError::Extent { span, .. } => Diagnostic::error("E0706", title)
                .at(*span, "")
                .help(format!("an axis has between 0 and {} positions", u32::MAX)),
            LowerError::NoExtent { loss, axis, parameter, span } => {
                let diagnostic = Diagnostic::error("E0707", title).at(*span, "no input has this axis");
                match parameter {
                    Some(name) => diagnostic
                        .help(format!("set `{name}`, as in `{loss}({name} = 10)`, `--set {name}=10` or `.set(\"{name}\", 10.0)`")),
                    None => diagnostic
                        .help(format!("add a hyperparameter that does, `axis {axis} = classes`, or an input with this axis")),
                }
            }
            LowerError::Called { error, name, span } => {
                error.diagnostic().first_at(*span, format!("`{name}` is called here"))
            }
            LowerError::IntOverflow { span, .. } => Diagnostic::error("E0712", title)
                .at(*span, "")
                .note(format!("ints lie between {} and {}", i64::MIN, i64::MAX))
                .help("use smaller ints, or reals, written with a point: `1.0 * …`"),
            LowerError::NotCompileTime { span } => Diagnostic::error("E0703", title)
                .at(*span, "")
                .help("give the function a number, or an `int` hyperparameter"),
        }
    }
}

/// Lowers a loss and everything that it calls.
///
/// # Errors
/// If the reduction that was asked for is impossible, or an int is not known.
pub fn lower(hir: &hir::Program, entry: &hir::Function, options: &Options) -> Result<Lowered, LowerError> {
    for name in options.ints.keys() {
        if !entry.hyperparameters.iter().any(|one| one.name == *name) {
            return Err(LowerError::UnknownInt { loss: entry.name.clone(), name: name.clone() });
        }
    }
    let mut lowering = Lowering::new(hir);
    lowering.carried = hir::carried(hir, entry);
    let mut instance = lowering.entry(entry, options)?;
    entry_inputs(&mut lowering, &mut instance, options)?;
    lowering.entry_extents(&instance, options)?;
    lowering.lets(&mut instance)?;
    lowering.note_states(&instance)?;
    let value = lowering.expr(&instance, &entry.result)?;
    let own_reduction = value.outer.reduction();
    let mut outputs = Vec::new();
    match options.reduction {
        Some(asked) if own_reduction != Some(asked) => {
            let (node, axes) = lowering.override_reduction(entry, &value, asked)?;
            outputs.push(Output { role: OutputRole::Value, node, axes });
        }
        // Only an expression by itself has axes.
        _ if !value.axes.is_empty() => {
            let node = lowering.program.graph.broadcast(value.node, &value.axes);
            outputs.push(Output { role: OutputRole::Value, node, axes: value.axes });
        }
        _ => {
            outputs.push(Output { role: OutputRole::Value, node: value.node, axes: Vec::new() });
            outputs.extend(lowering.terms(&instance, &entry.result)?);
        }
    }
    for (name, node) in std::mem::take(&mut lowering.states) {
        outputs.push(Output { role: OutputRole::State(name), node, axes: Vec::new() });
    }
    if !options.open_extents {
        lowering.require_extents(entry)?;
    }
    lowering.program.outputs = outputs;
    let conditions = lowering.finish_conditions(entry);
    Ok(Lowered { program: lowering.program, conditions, own_reduction })
}
