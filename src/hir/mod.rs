//! The typed program: every name resolved, every axis and kind known, everything implicit written out.
//!
//! Data and printing only; `check` makes it from the syntax tree and `lower` turns it into a graph.
//! A function is checked once, in terms of its own axes; a call says which of the caller's axes stand
//! for them. So nothing here is expanded: the body of a callee is instantiated by `lower`.

mod carried;
mod flow;
mod outer;
mod print;

use std::sync::Arc;

use crate::op::{Binary, Compare, Logic, Unary};
use crate::span::Span;
use crate::syntax::ast::Role;

pub use carried::{Carried, carried};
pub use flow::{Instance, MakeAxis, call_axes, expr_axes};
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
    /// The states that get a new value.
    pub updates: Vec<Update>,
    /// The value.
    pub result: Expr,
    /// Where it is defined (its name).
    pub span: Span,
    /// The whole definition.
    pub definition: Span,
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

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Which.
    pub kind: ExprKind,
    /// Its type.
    pub ty: Ty,
    /// Where it is written.
    pub span: Span,
}

/// A reduction of the language; `lower` composes it from the primitive ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the language")]
pub enum Reduction {
    Sum,
    Mean,
    Prod,
    Min,
    Max,
    Count,
    Any,
    All,
    LogSumExp,
    Norm,
    Var,
    Std,
    ArgMax,
    ArgMin,
}

/// An operation along axes that keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the language")]
pub enum Along {
    Softmax,
    LogSoftmax,
    Normalize,
}

/// Which expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A real number.
    Real(f64),
    /// An integer.
    Int(i64),
    /// The value of a `let`.
    Let(LetIndex),
    /// An input, by its position.
    Input(u32),
    /// A hyperparameter, by its position.
    Hyperparameter(u32),
    /// The number of positions along these axes together.
    Size(Vec<AxisIndex>),
    /// 0, 1, 2, … along an axis.
    Index(AxisIndex),
    /// An elementwise operation.
    Unary(Unary, Box<Expr>),
    /// The derivative of `lgamma`.
    Digamma(Box<Expr>),
    /// `max(x, 0)`
    Relu(Box<Expr>),
    /// `clamp(x, low, high)`
    Clamp(Box<[Expr; 3]>),
    /// An elementwise operation on two operands of one element type (for `powi`: real and int).
    Binary(Binary, Box<[Expr; 2]>),
    /// A comparison of two operands of one element type. `swapped` where it was written with `>` or `>=`.
    Compare(Compare, bool, Box<[Expr; 2]>),
    /// `and`, `or`, `not`
    Logic(Logic, Vec<Expr>),
    /// `if condition then yes else no`
    Select(Box<[Expr; 3]>),
    /// As a real: of an int or a bool.
    ToReal(Box<Expr>),
    /// As an int: of a rounded real, or a bool.
    ToInt(Box<Expr>),
    /// `value as kind`: the same value, with the kind of the type.
    As(Box<Expr>),
    /// `stop(value)`
    Stop(Box<Expr>),
    /// A reduction over axes.
    Reduce {
        /// Which.
        reduction: Reduction,
        /// Over which axes.
        axes: Vec<AxisIndex>,
        /// Of what.
        value: Box<Expr>,
        /// The divisor of a mean.
        per: Option<Box<Expr>>,
        /// Which elements.
        filter: Option<Box<Expr>>,
    },
    /// An operation along axes that keeps them.
    Along(Along, Vec<AxisIndex>, Box<Expr>),
    /// `value[axis = index]`; where the index equals `ignored`, 0.
    Pick {
        /// From what.
        value: Box<Expr>,
        /// Along which axis.
        axis: AxisIndex,
        /// Which elements.
        index: Box<Expr>,
        /// The index value that gives 0 without reading.
        ignored: Option<IntRef>,
    },
    /// `value[from -> to]`
    Rename {
        /// Of what.
        value: Box<Expr>,
        /// An axis of the value.
        from: AxisIndex,
        /// Its copy.
        to: AxisIndex,
    },
    /// `each(loss)`: what the outermost reduction of the loss reduces.
    Each(Box<Expr>),
    /// `reduce(loss, value per … where …)`: the value reduced as the loss reduces its elements.
    ReduceLike {
        /// The loss.
        loss: Box<Expr>,
        /// What is reduced.
        value: Box<Expr>,
        /// A further factor of the divisor of a mean.
        per: Option<Box<Expr>>,
        /// A further condition on the elements.
        filter: Option<Box<Expr>>,
    },
    /// `box(x1 = …, …)`: one part a label, in the order of the labels.
    Build(AxisIndex, Vec<Expr>),
    /// A call.
    Call(Box<Call>),
}

/// A call with everything filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Its number among the calls of its function. Copies of an expression have the same.
    pub number: u32,
    /// What is called.
    pub function: FunctionId,
    /// Its name, for printing.
    pub name: String,
    /// Whether it is a loss.
    pub is_loss: bool,
    /// One an input of the callee; none for an optional one that is not given.
    pub inputs: Vec<Option<Argument>>,
    /// One a hyperparameter of the callee; none where its default holds.
    pub hyperparameters: Vec<Option<Expr>>,
    /// The names of the callee's hyperparameters, for printing.
    pub hyperparameter_names: Vec<String>,
    /// For each signature axis of the callee, the caller's axes that stand for it.
    pub axes: Vec<Vec<AxisIndex>>,
    /// The names of the callee's signature axes as written, for printing.
    pub axis_names: Vec<String>,
    /// Whether the axes were given in brackets.
    pub bracketed: bool,
}

/// One argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// The callee's name for it.
    pub name: String,
    /// Its value.
    pub value: Expr,
    /// The axes with which it binds placeholders: those of the value, for a loss those of its outermost reduction.
    pub axes: Vec<AxisIndex>,
    /// Whether it was not written, but found by name.
    pub implied: bool,
}

/// A checked program: functions by [`FunctionId`]; what was not needed, or has errors, is absent.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// By [`FunctionId`].
    pub functions: Vec<Option<Arc<Function>>>,
}

impl Program {
    /// The checked function of an id.
    pub fn function(&self, id: FunctionId) -> Option<&Arc<Function>> {
        self.functions.get(id.0 as usize).and_then(Option::as_ref)
    }
}

impl Expr {
    /// Calls `visit` with this expression and everything below it, without going through `let`s and calls.
    pub fn visit<'a>(&'a self, visit: &mut impl FnMut(&'a Expr)) {
        visit(self);
        self.children().into_iter().for_each(|child| child.visit(visit));
    }

    /// How many `let`s of its function it needs: all up to the last of which it speaks.
    pub fn lets_needed(&self) -> usize {
        let mut needed = 0;
        self.visit(&mut |part| {
            if let ExprKind::Let(index) = part.kind {
                needed = needed.max(index.0 as usize + 1);
            }
        });
        needed
    }

    /// The expressions directly below.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Real(_)
            | ExprKind::Int(_)
            | ExprKind::Let(_)
            | ExprKind::Input(_)
            | ExprKind::Hyperparameter(_)
            | ExprKind::Size(_)
            | ExprKind::Index(_) => Vec::new(),
            ExprKind::Unary(_, x)
            | ExprKind::Digamma(x)
            | ExprKind::Relu(x)
            | ExprKind::ToReal(x)
            | ExprKind::ToInt(x)
            | ExprKind::As(x)
            | ExprKind::Stop(x)
            | ExprKind::Each(x)
            | ExprKind::Along(_, _, x)
            | ExprKind::Rename { value: x, .. } => vec![x],
            ExprKind::Clamp(all) | ExprKind::Select(all) => all.iter().collect(),
            ExprKind::Binary(_, both) | ExprKind::Compare(_, _, both) => both.iter().collect(),
            ExprKind::Logic(_, all) | ExprKind::Build(_, all) => all.iter().collect(),
            ExprKind::Reduce { value, per, filter, .. } => {
                let mut all = vec![&**value];
                all.extend(per.as_deref());
                all.extend(filter.as_deref());
                all
            }
            ExprKind::ReduceLike { loss, value, per, filter } => {
                let mut all = vec![&**loss, &**value];
                all.extend(per.as_deref());
                all.extend(filter.as_deref());
                all
            }
            ExprKind::Pick { value, index, .. } => vec![value, index],
            ExprKind::Call(call) => {
                let inputs = call.inputs.iter().flatten().map(|argument| &argument.value);
                inputs.chain(call.hyperparameters.iter().flatten()).collect()
            }
        }
    }
}
