//! What can be wrong with names, axes, kinds and calls: facts, with places. `report` says them.

use super::scope::Constant;
use crate::span::Span;

/// A fact about a program that does not type.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what its fields are")]
pub enum TypeError {
    // Names.
    #[error("there is no value `{name}`")]
    UnknownValue {
        name: String,
        suggestion: Option<String>,
        builtin: Option<&'static str>,
        inputs_missing: bool,
        span: Span,
    },
    #[error("there is no function or loss `{name}`")]
    UnknownFunction { name: String, is_value: bool, suggestion: Option<String>, span: Span },
    #[error("there is no axis `{name}` here")]
    UnknownAxis { name: String, known: Vec<String>, suggestion: Option<String>, in_default: bool, span: Span },
    #[error("there is no kind `{name}`")]
    UnknownKind { name: String, suggestion: Option<String>, span: Span },
    #[error("`{text}` has no label `{label}`")]
    UnknownLabel {
        text: String,
        label: String,
        labels: Vec<String>,
        has: String,
        suggestion: Option<String>,
        span: Span,
    },
    #[error("definitions refer to each other in a circle")]
    Recursion { path: Vec<String>, span: Span },
    #[error("more than {limit} definitions call one another in a chain")]
    TooDeep { limit: usize, span: Span },
    #[error("two parameters are called `{name}`")]
    DuplicateParameter { name: String, first: Span, span: Span },

    // Axes.
    #[error("`{text}` has no axis `{axis}`")]
    MissingAxis { text: String, axis: String, has: String, span: Span },
    #[error("the axes of `{text}` do not fit `{parameter}` of `{callee}`")]
    ArgumentAxes {
        callee: String,
        parameter: String,
        declared: String,
        wanted: String,
        found: String,
        text: String,
        reason: String,
        too_many: bool,
        implied: bool,
        span: Span,
    },
    #[error("axis `{name}` would stand for `{placeholder}` of `{callee}`, which has a `{name}` of its own")]
    ChangedPlaces { callee: String, name: String, placeholder: String, span: Span },
    #[error("the brackets do not fit the axes of `{callee}`")]
    BracketCount { callee: String, placeholders: Vec<String>, found: usize, two_packs: bool, span: Span },
    #[error("axis `{name}` is named twice")]
    DuplicateAxis { name: String, span: Span },
    #[error("`{name}` is both one axis and a pack `..{name}`")]
    AxisAndPack { name: String, span: Span },
    #[error("a tensor with two packs")]
    TwoPacks { span: Span },
    #[error("axis `{name}` exists already")]
    RenameTaken { name: String, first: Span, span: Span },
    #[error("`{text}` has an axis `{axis}` already")]
    RenameTwice { text: String, axis: String, span: Span },
    #[error("a loss is one number, but `{text}` has the axes {axes}")]
    LossHasAxes { axes: String, text: String, span: Span },
    #[error("{what} is one number, but this has the axes {axes}")]
    NotScalar { what: String, axes: String, span: Span },
    #[error("the result has the axis `{axis}`, which exists inside this function only")]
    LocalAxisLeaves { axis: String, span: Span },
    #[error("there is an axis `{name}` already")]
    AxisTaken { name: String, first: Option<Span>, span: Span },
    #[error("the extent of an axis cannot be made of `{text}`")]
    NotAnExtent { text: String, span: Span },
    #[error("nothing gives axis `{axis}` of `{callee}` its extent")]
    NoExtent { callee: String, axis: String, parameter: String, span: Span },
    #[error("{what} takes exactly one axis")]
    NeedsOneAxis { what: String, span: Span },
    #[error("{what} takes a single axis, not a pack")]
    PackNotAllowed { what: String, span: Span },
    #[error("this is not an axis")]
    EntryIsNoAxis { span: Span },
    #[error("`{text}` is a value: brackets after it pick or rename")]
    AxisIntoValue { text: String, axis: String, span: Span },
    #[error("`{name}` is needed with different axes")]
    DemandedAxes { name: String, first: String, second: String, first_span: Span, span: Span },

    // Kinds.
    #[error("`{parameter}` of `{callee}` is {wanted}, but `{text}` is {found}")]
    KindMismatch {
        callee: String,
        parameter: String,
        wanted: String,
        found: String,
        text: String,
        implied: bool,
        hyperparameter: Option<String>,
        counterpart: Option<String>,
        span: Span,
        declared: Span,
    },
    #[error("`{name}` is needed as different kinds")]
    DemandedKinds { name: String, first: String, second: String, first_span: Span, span: Span },
    #[error("{of} takes true or false, but `{text}` is {found}")]
    NotABool { of: String, found: String, text: String, span: Span },
    #[error("the middle of a chain of comparisons is too large")]
    LargeOperand { span: Span },
    #[error("a loss is a number, but this is true or false")]
    LossIsBool { span: Span },
    #[error("{found} cannot be asserted to be {kind}")]
    CannotAssert { kind: String, found: String, span: Span },
    #[error("{value} is not {kind}")]
    LiteralOutside { kind: String, value: f64, span: Span },
    #[error("picking along `{axis}` takes ints, but this is {found}")]
    PickByReal { axis: String, found: String, span: Span },
    #[error("labels of `{of}` pick along `{axis}`")]
    LabelsOfOtherAxis { axis: String, of: String, span: Span },
    #[error("`{name}` may hold ignored labels, which `{callee}` would read")]
    IgnoredLabels { callee: String, name: String, parameter: Option<String>, own: String, span: Span },
    #[error("`index` without an axis")]
    IndexWithoutAxis { span: Span },
    #[error("the kind `{name}` takes no axis in parentheses")]
    KindWithAxis { name: String, span: Span },
    #[error("`{name}` of `{text}`, which is {found} already")]
    SoftmaxOfProb { name: &'static str, found: String, text: String, span: Span },
    #[error("{of} takes a loss that ends in one mean or sum, but `{text}` does not")]
    NoOuterReduction { of: String, text: String, found: &'static str, inside: Span, span: Span },
    #[error("the default is {found}, but {wanted} is declared")]
    DefaultKind { wanted: String, found: String, span: Span },

    // Calls.
    #[error("`{callee}` needs `{name}`")]
    MissingInput { callee: String, name: String, wanted: String, is_loss: bool, suggestion: Option<String>, span: Span },
    #[error("`{callee}` takes {} positional argument{}", inputs.len(), if inputs.len() == 1 { "" } else { "s" })]
    TooManyArguments { callee: String, inputs: Vec<String>, hyperparameters: Vec<String>, position: usize, span: Span },
    #[error("a positional argument after a named one")]
    PositionalAfterNamed { span: Span },
    #[error("`{callee}` has no parameter `{name}`")]
    UnknownArgument { callee: String, name: String, known: Vec<String>, suggestion: Option<String>, span: Span },
    #[error("`{name}` is given twice")]
    DuplicateArgument { name: String, span: Span },
    #[error("`{word}` has no meaning in a call of `{function}`")]
    MisplacedModifier { word: &'static str, function: String, span: Span },
    #[error("`{name}` takes {wanted} argument{}, not {found}", if *wanted == 1 { "" } else { "s" })]
    BuiltinArity { name: &'static str, usage: &'static str, wanted: usize, found: usize, span: Span },
    #[error("`{name}` is elementwise and takes no axes")]
    BuiltinBrackets { name: &'static str, usage: &'static str, span: Span },
    #[error("`{function}` has no parameter `{name}`")]
    BuiltinNamed { function: &'static str, usage: &'static str, name: String, span: Span },
    #[error("`{name}` needs its axes in brackets")]
    AlongNeedsAxes { name: &'static str, has: String, span: Span },
    #[error("`{name}` puts its result on a new axis, which has no name here")]
    NeedsNewAxis { name: &'static str, usage: &'static str, has: String, span: Span },
    #[error("axis `{axis}` is not built from this")]
    BuildLabel { axis: String, label: Option<String>, labels: Vec<String>, span: Span },
    #[error("`{axis}(…)` lacks {}", missing.join(", "))]
    BuildMissing { axis: String, missing: Vec<String>, span: Span },
    #[error("a part of `{axis}(…)` has the axis `{axis}` already")]
    BuildHasAxis { axis: String, span: Span },

    // Hyperparameters.
    #[error("`{name}` stands after this place")]
    StandsAfter { name: String, span: Span },
    #[error("`{name}` is an input, which {} cannot use", place.named())]
    NotConstant { place: Constant, name: String, span: Span },
    #[error("a condition on a hyperparameter is one truth value, but this has axes {axes}")]
    ConditionHasAxes { axes: String, span: Span },
    #[error("an int is needed, but `{text}` is {found}")]
    NotAnInt { text: String, found: String, span: Span },
    #[error("`{name}` is fixed when the program is compiled, but `{text}` is not known then")]
    NotCompileTime { name: String, text: String, span: Span },
    #[error("`{name}` is not an `int` hyperparameter")]
    IgnoredIsNoInt { name: String, span: Span },

    // Loops.
    #[error("`{text}` is not known when the program is compiled")]
    TurnsNotKnown { text: String, span: Span },
    #[error("`{name}` is not a variable of this `repeat`")]
    NotAVariable { name: String, known: Vec<String>, span: Span },
    #[error("`{name}` is a variable of this `repeat` already")]
    VariableTwice { name: String, span: Span },
    #[error("the body of `repeat` never assigns to `{name}`")]
    VariableNotAssigned { name: String, span: Span },
    #[error("a `let` in the body hides the variable `{name}`")]
    VariableHidden { name: String, span: Span },
    #[error("`{name}` starts as {first} and becomes {second}")]
    VariableKind { name: String, first: String, second: String, span: Span },
    #[error("`{name}` is not a state of this {}", if *in_function { "function" } else { "loss" })]
    NextOfNoState {
        name: String,
        known: Vec<String>,
        meant: Option<String>,
        declared: Option<Span>,
        in_function: bool,
        span: Span,
    },
    #[error("`{name}` would get its next value at every turn")]
    NextInLoop { name: String, span: Span },
    #[error("`{name}` gets its next value twice")]
    NextTwice { name: String, first: Span, span: Span },
}
