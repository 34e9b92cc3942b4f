//! Formulas over a graph, written as Rust expressions: `g * x.exp()` adds nodes.
//!
//! A [`Formula`] is a node with the graph that it belongs to, so that derivative rules and expansions
//! read like the formulas they are. Operands are aligned by axis, as everywhere; nothing is simplified.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Not, Sub};

use super::graph::{AxisId, Graph, NodeId, Op};
use crate::op::{Binary, Compare, Element, Logic, ReduceOp, SoftmaxOp, Unary};

/// A node under construction.
#[derive(Clone, Copy)]
pub struct Formula<'g> {
    graph: &'g RefCell<Graph>,
    /// The node.
    pub id: NodeId,
}

impl<'g> Formula<'g> {
    /// A node of a graph as a formula.
    pub fn new(graph: &'g RefCell<Graph>, id: NodeId) -> Self {
        Formula { graph, id }
    }

    /// The graph it belongs to.
    pub fn graph(self) -> &'g RefCell<Graph> {
        self.graph
    }

    fn build(self, build: impl FnOnce(&mut Graph) -> NodeId) -> Self {
        let id = build(&mut self.graph.borrow_mut());
        Formula { graph: self.graph, id }
    }

    /// Another node of the same graph.
    pub fn with(self, id: NodeId) -> Self {
        Formula { graph: self.graph, id }
    }

    /// A real literal in the same graph.
    pub fn literal(self, value: f64) -> Self {
        self.build(|graph| graph.real(value))
    }

    /// An int literal in the same graph.
    pub fn integer(self, value: i64) -> Self {
        self.build(|graph| graph.int(value))
    }

    /// Any unary operation.
    pub fn unary(self, op: Unary) -> Self {
        self.build(|graph| graph.unary(op, self.id))
    }

    /// Any binary operation.
    pub fn binary(self, op: Binary, other: Self) -> Self {
        self.build(|graph| graph.binary(op, self.id, other.id))
    }

    fn compare(self, op: Compare, other: Self) -> Self {
        self.build(|graph| graph.compare(op, self.id, other.id))
    }

    /// self = other
    pub fn equals(self, other: Self) -> Self {
        self.compare(Compare::Eq, other)
    }

    /// self < other
    pub fn below(self, other: Self) -> Self {
        self.compare(Compare::Lt, other)
    }

    /// self ≤ other
    pub fn at_most(self, other: Self) -> Self {
        self.compare(Compare::Le, other)
    }

    /// Whether it is NaN.
    pub fn is_nan(self) -> Self {
        self.compare(Compare::Ne, self)
    }

    /// self and other
    pub fn and(self, other: Self) -> Self {
        self.build(|graph| graph.logic(Logic::And, &[self.id, other.id]))
    }

    /// self or other
    pub fn or(self, other: Self) -> Self {
        self.build(|graph| graph.logic(Logic::Or, &[self.id, other.id]))
    }

    /// `if self then yes else no`
    pub fn select(self, yes: Self, no: Self) -> Self {
        self.build(|graph| graph.select(self.id, yes.id, no.id))
    }

    /// As another element type.
    pub fn cast(self, element: Element) -> Self {
        self.build(|graph| graph.cast(element, self.id))
    }

    /// A reduction.
    pub fn reduce(self, op: ReduceOp, axes: &[AxisId]) -> Self {
        self.build(|graph| graph.reduce(op, axes, self.id))
    }

    /// An operation of the softmax family.
    pub fn softmax(self, op: SoftmaxOp, axes: &[AxisId]) -> Self {
        self.build(|graph| graph.softmax(op, axes, self.id))
    }

    /// The n-th derivative of digamma.
    pub fn polygamma(self, n: u32) -> Self {
        self.build(|graph| graph.add(Op::Polygamma(n), &[self.id]))
    }

    /// With axis `from` called `to`, where it has it.
    pub fn rename(self, from: AxisId, to: AxisId) -> Self {
        self.build(|graph| graph.rename(self.id, from, to))
    }

    /// Whether its last axis is one of these.
    pub fn is_last(self, axes: &[AxisId]) -> bool {
        self.graph.borrow().node(self.id).ty.axes.last().is_some_and(|last| axes.contains(last))
    }

    /// Whether it has an axis.
    pub fn has(self, axis: AxisId) -> bool {
        self.graph.borrow().axes_of(self.id).contains(&axis)
    }
}

/// Methods for elementwise operations, named as in the operation table.
macro_rules! methods {
    ($($method:ident $op:ident,)*) => {
        impl Formula<'_> {
            $(#[doc = concat!("`", stringify!($method), "` of the formula.")]
            pub fn $method(self) -> Self {
                self.unary(Unary::$op)
            })*
        }
    };
}

methods! {
    abs Abs, exp Exp, log Log, log1p Log1p, sqrt Sqrt, sign Sign, sin Sin, cos Cos, sinh Sinh, cosh Cosh, tanh Tanh,
    sigmoid Sigmoid,
}

/// Operators between formulas, and between a formula and a real literal on either side.
macro_rules! operators {
    ($($trait:ident $method:ident $op:ident,)*) => {$(
        impl $trait for Formula<'_> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                self.binary(Binary::$op, other)
            }
        }
        impl $trait<f64> for Formula<'_> {
            type Output = Self;
            fn $method(self, other: f64) -> Self {
                self.binary(Binary::$op, self.literal(other))
            }
        }
        impl<'g> $trait<Formula<'g>> for f64 {
            type Output = Formula<'g>;
            fn $method(self, other: Formula<'g>) -> Formula<'g> {
                other.literal(self).binary(Binary::$op, other)
            }
        }
    )*};
}

operators! { Add add Add, Sub sub Sub, Mul mul Mul, Div div Div, }

impl Neg for Formula<'_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.unary(Unary::Neg)
    }
}

impl Not for Formula<'_> {
    type Output = Self;
    fn not(self) -> Self {
        self.build(|graph| graph.logic(Logic::Not, &[self.id]))
    }
}
