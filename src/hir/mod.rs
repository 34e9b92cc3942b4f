//! The typed program: every name resolved, every axis and kind known, everything implicit written out.
//!
//! Data and printing only; `check` makes it from the syntax tree and `lower` turns it into a graph.
//! A function is checked once, in terms of its own axes; a call says which of the caller's axes stand
//! for them. So nothing here is expanded: the body of a callee is instantiated by `lower`.

mod carried;
mod expr;
mod flow;
mod outer;
mod print;

use std::sync::{Arc, OnceLock};

use crate::span::Span;
use crate::syntax::ast::Role;

pub use carried::{Carried, carried};
pub use expr::{Along, Argument, Call, Expr, ExprKind, Reduction};
pub use flow::{Instance, MakeAxis, call_axes, expr_axes, repeat_axes};
pub use outer::{NoReduction, described, is_constant, outer_axes};
pub use print::print_function;

/// A loss, function or constant of the whole program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

/// An axis of one [`Function`]: an index into [`Function::axes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AxisIndex(pub u32);

/// A `let` of one [`Function`]: an index into [`Function::lets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LetIndex(pub u32);

/// A labelled axis, global to the program.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct LabelledAxis {
    /// Its name.
    pub name: String,
    /// Its labels in order.
    pub labels: Vec<String>,
}

/// What an axis of a function is.
#[derive(Clone, Debug, PartialEq)]
pub enum AxisKind {
    /// A placeholder for one axis.
    Single,
    /// A placeholder for any number of axes.
    Pack,
    /// A labelled axis, which stands for itself.
    Labelled(Arc<LabelledAxis>),
    /// A renamed copy of another axis of the function.
    Copy(AxisIndex),
    /// A local axis of this extent, an int; new at every call.
    Computed(Box<Expr>),
}

/// An axis of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its name, without dots.
    pub name: String,
    /// What it is.
    pub kind: AxisKind,
    /// Where it is first named.
    pub span: Span,
}

impl Axis {
    /// As it is written: `N`, `..S`.
    pub fn written(&self) -> String {
        if self.kind == AxisKind::Pack { format!("..{}", self.name) } else { self.name.clone() }
    }
}

/// A compile-time integer: the value that marks a label as ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntRef {
    /// The `int` hyperparameter of this index.
    Hyperparameter(u32),
    /// A number.
    Value(i64),
}

/// What the elements of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any float.
    Real,
    /// A float that is not a probability.
    Logit,
    /// In [0, 1].
    Prob,
    /// 0 or 1.
    Binary,
    /// −1 or 1.
    Sign,
    /// Not negative.
    Count,
    /// A class below the extent of an axis, or the ignored value.
    Index {
        /// The axis that it indexes.
        axis: AxisIndex,
        /// The value of labels to leave out.
        ignored: Option<IntRef>,
    },
    /// Any integer.
    Int,
    /// A truth value.
    Bool,
    /// A loss as a parameter. Its axes are those over which its outermost reduction runs; as a value it is its number.
    Loss,
}

impl Kind {
    /// Whether the elements are floats.
    pub fn is_real(self) -> bool {
        matches!(self, Kind::Real | Kind::Logit | Kind::Prob | Kind::Binary | Kind::Sign | Kind::Count)
    }

    /// Whether the elements are integers.
    pub fn is_int(self) -> bool {
        matches!(self, Kind::Int | Kind::Index { .. })
    }
}

/// The type of an expression, in terms of the axes of its function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ty {
    /// What each element is.
    pub kind: Kind,
    /// The axes in the order of the language: those of the first operand, then the new ones of the next.
    pub axes: Vec<AxisIndex>,
}

/// What sort of function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
    /// `loss`
    Loss,
    /// `fn`
    Fn,
    /// `const`
    Const,
    /// An expression by itself, whose value may have axes.
    Expression,
}

/// A checked function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The module it stands in; empty for the user's own text.
    pub module: String,
    /// What sort.
    pub sort: Sort,
    /// Its doc comment.
    pub docs: String,
    /// Its axes: of the signature in the order of first appearance, then those that the body adds.
    pub axes: Vec<Axis>,
    /// How many of [`Function::axes`] belong to the signature.
    pub signature_axes: usize,
    /// Inputs in order, the inferred ones too.
    pub inputs: Vec<Input>,
    /// Whether the inputs were inferred from the callees.
    pub inferred: bool,
    /// Hyperparameters in order.
    pub hyperparameters: Vec<Hyperparameter>,
    /// Statements in order.
    pub lets: Vec<Let>,
    /// The loops among them, an outer one before those in it.
    pub repeats: Vec<Repeat>,
    /// The states that get a new value.
    pub updates: Vec<Update>,
    /// The value.
    pub result: Expr,
    /// Where it is defined (its name).
    pub span: Span,
    /// The whole definition.
    pub definition: Span,
}

impl Function {
    /// Whether a place lies in its definition.
    pub fn contains(&self, place: Span) -> bool {
        let own = self.definition;
        place.source == own.source && place.start >= own.start && place.end <= own.end
    }
}

/// A tensor parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its declared type. In an `fn`, a type without axes is elementwise: the argument may have any axes.
    pub ty: Ty,
    /// Present for an optional one.
    pub default: Option<Expr>,
    /// Where it is declared, or demanded if inferred.
    pub span: Span,
}

/// A hyperparameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Hyperparameter {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its default.
    pub default: Expr,
    /// What must hold of it.
    pub condition: Option<Expr>,
    /// The axis whose extent it is: `axis K = classes`. Then its default is the size of that axis.
    pub extent_of: Option<AxisIndex>,
    /// Where it is declared.
    pub span: Span,
}

/// `next state = value`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    /// The state, by its position among the hyperparameters.
    pub state: u32,
    /// The `let` that holds the new value, without a gradient.
    pub value: LetIndex,
    /// The statement.
    pub span: Span,
}

/// `let name = value`
#[derive(Clone, Debug, PartialEq)]
pub struct Let {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Expr,
}

/// `repeat count with name = start, … { … }`. It stands among [`Function::lets`]: the starts, then for each variable
/// its value at the start of a turn ([`ExprKind::Carried`]), then the body, then what each variable becomes, then what
/// each is afterwards ([`ExprKind::Repeated`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Repeat {
    /// How many turns: an int that is known when the program is compiled.
    pub count: Expr,
    /// The starts of the variables, in order.
    pub starts: Vec<LetIndex>,
    /// The first carried value; the others follow.
    pub carried: LetIndex,
    /// The first result; the others follow, and then the values afterwards.
    pub results: LetIndex,
}

impl Repeat {
    /// How many variables it has.
    pub fn variables(&self) -> usize {
        self.starts.len()
    }

    /// The `let` after the last result.
    pub fn end(&self) -> usize {
        self.results.0 as usize + self.variables()
    }
}

/// A checked program: functions by [`FunctionId`]; what was not needed, or has errors, is absent.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// By [`FunctionId`].
    pub functions: Vec<Option<Arc<Function>>>,
    /// Functions of the standard library, shared with every other program.
    pub standard: Arc<Kept>,
}

/// Checked functions that are kept for the whole process, by [`FunctionId`]. What one is depends on nothing but the
/// text of the standard library, so it does not matter who was the first to need it.
#[derive(Debug, Default)]
pub struct Kept(Vec<OnceLock<Arc<Function>>>);

impl Program {
    /// The checked function of an id.
    pub fn function(&self, id: FunctionId) -> Option<&Arc<Function>> {
        self.functions.get(id.0 as usize).and_then(Option::as_ref).or_else(|| self.standard.get(id))
    }
}

impl Kept {
    /// With room for so many functions.
    pub fn new(count: usize) -> Self {
        Kept(std::iter::repeat_with(OnceLock::new).take(count).collect())
    }

    /// The function of an id, if it is kept.
    pub fn get(&self, id: FunctionId) -> Option<&Arc<Function>> {
        self.0.get(id.0 as usize).and_then(OnceLock::get)
    }

    /// Whether the function of an id may be kept.
    pub fn holds(&self, id: FunctionId) -> bool {
        (id.0 as usize) < self.0.len()
    }

    /// Keeps a function. Whoever else checked it meanwhile has found the same.
    pub fn keep(&self, id: FunctionId, function: Arc<Function>) {
        if let Some(place) = self.0.get(id.0 as usize) {
            place.get_or_init(|| function);
        }
    }

    /// How many functions are kept.
    pub fn count(&self) -> usize {
        self.0.iter().filter(|place| place.get().is_some()).count()
    }
}
