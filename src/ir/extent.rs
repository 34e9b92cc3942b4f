//! How long an axis is: given by the data, fixed, that of another axis, or a small formula over others.

use std::sync::Arc;

use super::graph::{AxisId, Graph};
use crate::op::{Binary, Unary};

/// How long an axis is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// Known when the data come: the extent of the input axis (for a pack, the product of its axes).
    Input,
    /// The labels of a labelled axis, or a number.
    Fixed(u64),
    /// A renamed copy of another axis.
    SameAs(AxisId),
    /// Computed from the extents of earlier axes when the data come; negative, the data do not fit.
    Computed(Arc<ExtentFormula>),
}

/// An int computed from the extents of axes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExtentFormula {
    /// A number.
    Int(i64),
    /// The extent of an axis.
    Size(AxisId),
    /// `neg` or `abs`.
    Unary(Unary, Box<ExtentFormula>),
    /// `add`, `sub`, `mul`, `min` or `max`.
    Binary(Binary, Box<[ExtentFormula; 2]>),
}

impl ExtentFormula {
    /// Its value where the extents are known; none if it is beyond all ints.
    pub fn value(&self, size: &impl Fn(AxisId) -> u64) -> Option<i64> {
        match self {
            ExtentFormula::Int(value) => Some(*value),
            ExtentFormula::Size(axis) => i64::try_from(size(*axis)).ok(),
            ExtentFormula::Unary(Unary::Abs, x) => x.value(size)?.checked_abs(),
            ExtentFormula::Unary(_, x) => x.value(size)?.checked_neg(),
            ExtentFormula::Binary(op, both) => {
                let (a, b) = (both[0].value(size)?, both[1].value(size)?);
                match op {
                    Binary::Add => a.checked_add(b),
                    Binary::Sub => a.checked_sub(b),
                    Binary::Mul => a.checked_mul(b),
                    Binary::Min => Some(a.min(b)),
                    _ => Some(a.max(b)),
                }
            }
        }
    }

    /// Its value if it depends on no extent.
    pub fn constant(&self) -> Option<i64> {
        if self.axes().is_empty() { self.value(&|_| 0) } else { None }
    }

    /// The axes whose extents it depends on, each once, in the order of the formula.
    pub fn axes(&self) -> Vec<AxisId> {
        let mut axes = Vec::new();
        self.visit(&mut |part| {
            if let ExtentFormula::Size(axis) = part
                && !axes.contains(axis)
            {
                axes.push(*axis);
            }
        });
        axes
    }

    fn visit(&self, visit: &mut impl FnMut(&ExtentFormula)) {
        visit(self);
        match self {
            ExtentFormula::Int(_) | ExtentFormula::Size(_) => {}
            ExtentFormula::Unary(_, x) => x.visit(visit),
            ExtentFormula::Binary(_, both) => both.iter().for_each(|one| one.visit(visit)),
        }
    }

    /// As it would be written in the language.
    pub fn written(&self, graph: &Graph) -> String {
        self.written_at(graph, 0)
    }

    fn written_at(&self, graph: &Graph, level: u8) -> String {
        let (text, own) = match self {
            ExtentFormula::Int(value) => (value.to_string(), if *value < 0 { 1 } else { 3 }),
            ExtentFormula::Size(axis) => {
                let data = graph.axis(*axis);
                (format!("size[{}{}]", if data.pack { ".." } else { "" }, data.name), 3)
            }
            ExtentFormula::Unary(Unary::Abs, x) => (format!("abs({})", x.written_at(graph, 0)), 3),
            ExtentFormula::Unary(_, x) => (format!("-{}", x.written_at(graph, 3)), 1),
            ExtentFormula::Binary(op, both) => {
                let infix = |sign: &str, own: u8| {
                    (format!("{} {sign} {}", both[0].written_at(graph, own), both[1].written_at(graph, own + 1)), own)
                };
                match op {
                    Binary::Add => infix("+", 1),
                    Binary::Sub => infix("-", 1),
                    Binary::Mul => infix("*", 2),
                    _ => {
                        let (a, b) = (both[0].written_at(graph, 0), both[1].written_at(graph, 0));
                        (format!("{}({a}, {b})", op.name()), 3)
                    }
                }
            }
        };
        if own < level { format!("({text})") } else { text }
    }
}
