//! Expressions: every name resolved, every type known.

use super::{AxisIndex, FunctionId, IntRef, LetIndex, Ty};
use crate::op::{Binary, Compare, Logic, Unary};
use crate::span::Span;

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
    Sort,
    CumSum,
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
    /// A variable of one of [`Function::repeats`] at the start of a turn.
    Carried(u32, u32),
    /// A variable of one of [`Function::repeats`] after its last turn.
    Repeated(u32, u32),
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
    /// The largest elements over axes on a new one, which has as many positions as are looked for.
    Largest {
        /// Over which axes.
        axes: Vec<AxisIndex>,
        /// The new axis.
        to: AxisIndex,
        /// Of what.
        value: Box<Expr>,
        /// Which elements.
        filter: Option<Box<Expr>>,
    },
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
            | ExprKind::Carried(..)
            | ExprKind::Repeated(..)
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
            ExprKind::Largest { value, filter, .. } => {
                let mut all = vec![&**value];
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
