//! The syntax tree: what was written, with spans, before any name has a meaning.

#![expect(missing_docs, reason = "a field is named for what it holds; its variant or struct is documented")]

use crate::span::Span;

/// A word with its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The word.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// One file: `use` lines, then items.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module {
    /// The `//!` lines, joined by line breaks.
    pub docs: String,
    /// The `use` lines in order.
    pub uses: Vec<Use>,
    /// The items in order.
    pub items: Vec<Item>,
}

/// `use path`, `use path::*`, `use path::{a, b}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// The words of the path.
    pub path: Vec<Name>,
    /// What it brings into scope.
    pub names: UseNames,
    /// The whole line.
    pub span: Span,
}

/// What a `use` line brings into scope.
#[derive(Clone, Debug, PartialEq)]
pub enum UseNames {
    /// `use path`: a module, reached as `last::name`, or one item of a module.
    Path,
    /// `use path::*`: every item.
    All,
    /// `use path::{a, b}`: these items.
    Some(Vec<Name>),
}

/// A definition with its documentation.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The `///` lines above it, joined by line breaks, with the leading blank of each removed.
    pub docs: String,
    /// What it defines.
    pub kind: ItemKind,
    /// From its first word to its last.
    pub span: Span,
}

/// What an item defines.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemKind {
    /// `loss name(…) = …`
    Loss(Function),
    /// `fn name(…) = …`
    Fn(Function),
    /// `const name = …`
    Const { name: Name, value: Expr },
    /// `axis name = { a, b }`: a labelled axis.
    Axis { name: Name, labels: Vec<Name> },
}

impl ItemKind {
    /// The name that it defines.
    pub fn name(&self) -> &Name {
        match self {
            ItemKind::Loss(function) | ItemKind::Fn(function) => &function.name,
            ItemKind::Const { name, .. } | ItemKind::Axis { name, .. } => name,
        }
    }

    /// The word that it begins with.
    pub fn word(&self) -> ItemWord {
        match self {
            ItemKind::Loss(_) => ItemWord::Loss,
            ItemKind::Fn(_) => ItemWord::Fn,
            ItemKind::Const { .. } => ItemWord::Const,
            ItemKind::Axis { .. } => ItemWord::Axis,
        }
    }
}

/// The word that an item begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemWord {
    /// `loss`
    Loss,
    /// `fn`
    Fn,
    /// `const`
    Const,
    /// `axis`
    Axis,
}

impl ItemWord {
    /// The one of a text.
    pub fn of(text: &str) -> Option<ItemWord> {
        [ItemWord::Loss, ItemWord::Fn, ItemWord::Const, ItemWord::Axis].into_iter().find(|word| word.text() == text)
    }

    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            ItemWord::Loss => "loss",
            ItemWord::Fn => "fn",
            ItemWord::Const => "const",
            ItemWord::Axis => "axis",
        }
    }
}

/// A loss or a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: Name,
    /// The inputs: parameters with a declared kind (`pred: real[N]`). Empty for a loss whose inputs are inferred.
    pub inputs: Vec<Input>,
    /// The hyperparameters, after `;` or alone.
    pub hyperparameters: Vec<Hyperparameter>,
    /// What follows `=`.
    pub body: Body,
}

/// `name: kind[axes] = default`
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: Name,
    /// Its declared type.
    pub kind: KindExpr,
    /// Present for an optional input.
    pub default: Option<Expr>,
    /// The whole declaration.
    pub span: Span,
}

/// A declared type: `real`, `real[N, C]`, `index(C or ignore_index)[N, ..S]`, `loss[..B]`.
#[derive(Clone, Debug, PartialEq)]
pub struct KindExpr {
    /// `real`, `prob`, `index`, `loss`, …
    pub name: Name,
    /// The axis of `index(C)` and, if it says `or`, the hyperparameter that names the ignored label.
    pub of: Option<(Name, Option<Name>)>,
    /// The axes in brackets; empty where there are none.
    pub axes: Vec<AxisRef>,
    /// The whole type.
    pub span: Span,
}

/// `N` or `..S`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxisRef {
    /// The name, without the dots.
    pub name: Name,
    /// Whether it stands for any number of axes.
    pub pack: bool,
}

/// What comes after `;` in a signature.
#[derive(Clone, Debug, PartialEq)]
pub enum Hyperparameter {
    /// `axis K = classes`
    Axis { axis: Name, parameter: Name, span: Span },
    /// `role name = default where condition`
    Value { role: Role, name: Name, default: Option<Expr>, condition: Option<Expr>, span: Span },
}

/// What kind of hyperparameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A real, set at every call.
    Real,
    /// An integer, fixed when compiled.
    Int,
    /// A real with a gradient.
    Learn,
    /// A value carried from call to call.
    State,
}

impl Role {
    /// Whether a loss has it together with those of the losses that it calls.
    pub fn is_carried(self) -> bool {
        matches!(self, Role::Learn | Role::State)
    }
}

/// Statements, one a line, and the result.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// The statements in order.
    pub statements: Vec<Statement>,
    /// The value.
    pub result: Expr,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Which.
    pub kind: StatementKind,
    /// The whole statement.
    pub span: Span,
}

/// Which statement.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `let name = value`
    Let { name: Name, value: Expr },
    /// `next name = value`
    Next { name: Name, value: Expr },
    /// `axis name = extent`
    Axis { name: Name, extent: Expr },
    /// `name = value`, inside `repeat` only.
    Assign { name: Name, value: Expr },
    /// `repeat count with name = start, … { statements }`
    Repeat { count: Expr, starts: Vec<(Name, Expr)>, body: Vec<Statement> },
}

/// An expression with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Which.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// Which expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A literal; `integer` where it was written without point and exponent.
    Number { value: f64, integer: bool },
    /// `name` or `module::name`
    Path(Vec<Name>),
    /// `-x`, `not x`
    Unary { op: UnaryOp, operand: Box<Expr> },
    /// `a + b` and the like; comparisons are [`ExprKind::Compare`].
    Binary { op: BinaryOp, left: Box<Expr>, right: Box<Expr> },
    /// `a <= x <= b`: one operator fewer than operands.
    Compare { operands: Vec<Expr>, ops: Vec<CompareOp> },
    /// `if condition then yes else no`, elementwise.
    If { condition: Box<Expr>, yes: Box<Expr>, no: Box<Expr> },
    /// `base[entries]` that no `(` follows: picks, renames, or the axes of a loss named without arguments.
    Brackets { base: Box<Expr>, entries: Vec<Entry> },
    /// `path(arguments)` or `path[axes](arguments)`.
    Call { path: Vec<Name>, brackets: Option<Vec<Entry>>, arguments: Vec<Argument> },
    /// `base.name`
    Field { base: Box<Expr>, name: Name },
    /// `value as kind`
    As { value: Box<Expr>, kind: Name },
}

/// A prefix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-`
    Negate,
    /// `not`
    Not,
}

/// An infix operator that is not a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*` or `·`
    Multiply,
    /// `/`
    Divide,
    /// `^`
    Power,
    /// `and`
    And,
    /// `or`
    Or,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

/// One entry between square brackets.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Which.
    pub kind: EntryKind,
    /// Where.
    pub span: Span,
}

/// Which entry.
#[derive(Clone, Debug, PartialEq)]
pub enum EntryKind {
    /// `N` or `..S`
    Axis(AxisRef),
    /// `N -> M`: a renaming, or a new axis of `topk` (whose `N, M -> T` is `Axis(N)`, `Rename(M, T)`).
    Rename { from: Name, to: Name },
    /// `C = label`: a pick.
    Pick { axis: Name, index: Expr },
}

/// One argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// Present in `name = value`.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
    /// `per` of a mean.
    pub per: Option<Expr>,
    /// `where` of a reduction.
    pub condition: Option<Expr>,
    /// The whole argument.
    pub span: Span,
}
