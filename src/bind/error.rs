//! What can be wrong with a caller's data.

/// A tensor does not fit the program.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DataError {
    /// An input was not given.
    #[error("the input `{input}: {signature}` is missing")]
    Missing {
        /// Its name.
        input: String,
        /// Its declared type.
        signature: String,
    },
    /// A tensor that the loss does not take.
    #[error("the loss has no input `{input}`{}", hint(close, known))]
    Surplus {
        /// The name that was given.
        input: String,
        /// What may have been meant.
        close: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// The same input twice.
    #[error("the input `{input}` is given twice")]
    Twice {
        /// Its name.
        input: String,
    },
    /// Too few or too many dimensions.
    #[error("`{input}` is declared as {signature}, but its shape {shape:?} has {} ax{}s", shape.len(), if shape.len() == 1 { "i" } else { "e" })]
    Rank {
        /// Its name.
        input: String,
        /// Its declared type.
        signature: String,
        /// The shape that was given.
        shape: Vec<usize>,
    },
    /// Two inputs disagree on an axis.
    #[error("axis {axis} has extent {first_extent} in `{first}`, but {second_extent} in `{second}`{}", stretched(*first_extent, *second_extent))]
    Extent {
        /// The axis; one of a pack as `..S #2`.
        axis: String,
        /// The input that bound it.
        first: String,
        /// Its extent there.
        first_extent: usize,
        /// The input that disagrees.
        second: String,
        /// Its extent there.
        second_extent: usize,
    },
    /// Two inputs disagree on how many axes a pack has.
    #[error(
        "{axis} stands for axes of the extents {first_extents:?} in `{first}`, but {second_extents:?} in `{second}`; give both the same shape, none is stretched"
    )]
    PackRank {
        /// The pack.
        axis: String,
        /// The input that bound it.
        first: String,
        /// Its axes there.
        first_extents: Vec<usize>,
        /// The input that disagrees.
        second: String,
        /// Its axes there.
        second_extents: Vec<usize>,
    },
    /// An axis of fixed extent has another one.
    #[error("axis {axis} has {labels} positions, but `{input}` has {extent} along it")]
    Labels {
        /// The input.
        input: String,
        /// The axis.
        axis: String,
        /// How many it has.
        labels: u64,
        /// How many the input has.
        extent: usize,
    },
    /// More elements than can be addressed.
    #[error("`{input}` of shape {shape:?} has more elements than this machine can address")]
    TooLarge {
        /// The input.
        input: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Floats where ints are wanted, or the other way round.
    #[error("`{input}` is declared as {kind} and wants {wanted}, but its elements are {given}; {hint}")]
    Type {
        /// The input.
        input: String,
        /// Its declared kind.
        kind: String,
        /// What it wants, in words.
        wanted: &'static str,
        /// The element type that was given.
        given: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A label that is no position of its axis.
    #[error("`{input}`{position} is {value}, but a label is at least 0 and below {extent}, the extent of axis {axis}{}", ignored_text(*ignored))]
    Label {
        /// The input.
        input: String,
        /// Where, as `[1, 2]`.
        position: String,
        /// The label.
        value: i64,
        /// The axis that it indexes.
        axis: String,
        /// Its extent.
        extent: usize,
        /// The value that would mark an element to leave out.
        ignored: Option<i64>,
    },
    /// A value that is not of the declared kind.
    #[error("`{input}`{position} is {value}, which is not a {kind}: {range}")]
    Kind {
        /// The input.
        input: String,
        /// Where, as `[1, 2]`.
        position: String,
        /// The value.
        value: f64,
        /// The declared kind.
        kind: String,
        /// What values the kind has.
        range: &'static str,
    },
    /// The extent of a local axis is negative, or too large.
    #[error("axis {axis} would have the extent {formula}{}: {}", sizes_text(sizes), computed_text(*value))]
    Computed {
        /// The axis.
        axis: String,
        /// Its extent as a formula.
        formula: String,
        /// What the formula depends on, as `T = 0`.
        sizes: Vec<String>,
        /// Its value, if it is an int at all.
        value: Option<i64>,
    },
    /// A hyperparameter gives an axis another extent than an input.
    #[error(
        "`{parameter}` is {value}, but axis {axis} has extent {extent}{}; leave `{parameter}` out, or give {extent}",
        input.as_ref().map(|input| format!(" in `{input}`")).unwrap_or_default()
    )]
    Given {
        /// The axis.
        axis: String,
        /// The input that bound it.
        input: Option<String>,
        /// Its extent there.
        extent: usize,
        /// The hyperparameter.
        parameter: String,
        /// Its value.
        value: i64,
    },
    /// An axis that must not be empty is.
    #[error("axis {axis} is empty, and {reason} is not defined over nothing")]
    Empty {
        /// The axis.
        axis: String,
        /// What needs it.
        reason: String,
    },
}

fn stretched(first: usize, second: usize) -> &'static str {
    if first == 1 || second == 1 { "; an axis of extent 1 is not stretched" } else { "; both must be the same" }
}

fn hint(close: &Option<String>, known: &[String]) -> String {
    match close {
        Some(name) => format!(": did you mean `{name}`?"),
        None if known.is_empty() => "; it takes none".to_owned(),
        None => format!("; its inputs are {}", known.join(", ")),
    }
}

fn sizes_text(sizes: &[String]) -> String {
    if sizes.is_empty() { String::new() } else { format!(", where {}", sizes.join(", ")) }
}

fn computed_text(value: Option<i64>) -> String {
    match value {
        Some(value) if value < 0 => format!("{value} is negative; give it more data along what it depends on"),
        Some(value) => format!("{value} is more than an axis can have"),
        None => "more than an axis can have".to_owned(),
    }
}

fn ignored_text(ignored: Option<i64>) -> String {
    ignored.map_or_else(String::new, |value| format!(", or {value} to leave the element out"))
}
