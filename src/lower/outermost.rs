//! What a value ends in: the one mean or sum that a caller's reduction may take the place of.

use super::LowerError;
use super::instance::{Lowering, Value};
use crate::hir::Function;
use crate::ir::{AxisId, NodeId};
use crate::op::{Binary, Compare, Element, ReduceOp, Unary};
use crate::span::Span;

/// A reduction over samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// The values themselves.
    None,
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
}

impl Reduction {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Reduction::None => "none",
            Reduction::Sum => "sum",
            Reduction::Mean => "mean",
        }
    }

    /// The reduction of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Reduction::None, Reduction::Sum, Reduction::Mean].into_iter().find(|one| one.name() == name)
    }
}

/// The outermost operation of a value, looked at through calls, `let`s and constant factors.
#[derive(Clone, Debug)]
pub enum Outermost {
    /// One mean or sum.
    Reduced(Box<Reduced>),
    /// Something else, in words, and where it stands.
    Other(&'static str, Span),
}

/// A mean or sum.
#[derive(Clone, Debug)]
pub struct Reduced {
    /// Which.
    pub reduction: Reduction,
    /// What is reduced, constant factors included.
    pub each: NodeId,
    /// Its axes in the order of the language.
    pub each_axes: Vec<AxisId>,
    /// Over which axes.
    pub axes: Vec<AxisId>,
    /// The divisor of a mean.
    pub per: Option<NodeId>,
    /// Which elements.
    pub filter: Option<NodeId>,
}

impl Outermost {
    /// Something that is no reduction.
    pub fn other(what: &'static str, span: Span) -> Self {
        Outermost::Other(what, span)
    }

    /// The reduction that `each` and `reduce` ask for.
    pub fn reduced(&self) -> Result<&Reduced, LowerError> {
        match self {
            Outermost::Reduced(reduced) => Ok(reduced),
            Outermost::Other(found, span) => Err(LowerError::NoElements { found, span: *span }),
        }
    }

    /// The reduction, if it is one.
    pub fn reduction(&self) -> Option<Reduction> {
        match self {
            Outermost::Reduced(reduced) => Some(reduced.reduction),
            Outermost::Other(..) => None,
        }
    }
}

impl Lowering<'_> {
    /// A constant factor belongs to the elements.
    pub fn scale_outer(&mut self, outer: &Outermost, scale: impl Fn(&mut Self, NodeId) -> NodeId) -> Option<Outermost> {
        let Outermost::Reduced(reduced) = outer else { return None };
        let mut reduced = reduced.clone();
        reduced.each = scale(self, reduced.each);
        Some(Outermost::Reduced(reduced))
    }

    /// The value of the entry under another reduction than its own, and its axes.
    pub fn override_reduction(
        &mut self,
        entry: &Function,
        value: &Value,
        asked: Reduction,
    ) -> Result<(NodeId, Vec<AxisId>), LowerError> {
        let reduced = match &value.outer {
            Outermost::Reduced(reduced) => reduced.clone(),
            Outermost::Other(found, span) => {
                let (loss, found) = (entry.name.clone(), format!("it ends in {found}"));
                return Err(LowerError::NoReduction { loss, asked: asked.name(), found, span: *span });
            }
        };
        let graph = &mut self.program.graph;
        let each = graph.broadcast(reduced.each, &reduced.each_axes);
        let each = match reduced.filter {
            Some(filter) => {
                let zero = graph.real(0.0);
                graph.select(filter, each, zero)
            }
            None => each,
        };
        match asked {
            Reduction::None => Ok((each, reduced.each_axes)),
            Reduction::Sum => Ok((graph.reduce(ReduceOp::Sum, &reduced.axes, each), Vec::new())),
            Reduction::Mean => {
                let sum = graph.reduce(ReduceOp::Sum, &reduced.axes, each);
                let node = self.divide_mean(sum, &reduced.axes, reduced.per, reduced.filter);
                Ok((node, Vec::new()))
            }
        }
    }

    /// A sum over axes divided as a mean is: by Σ per over the elements with the filter; 0 where that is 0.
    pub fn divide_mean(&mut self, sum: NodeId, axes: &[AxisId], per: Option<NodeId>, filter: Option<NodeId>) -> NodeId {
        let graph = &mut self.program.graph;
        let Some(per) = per else {
            let count = match filter {
                None => self.size(axes),
                Some(filter) => {
                    let count = graph.cast(Element::Int, filter);
                    let count = graph.broadcast(count, axes);
                    graph.reduce(ReduceOp::Sum, axes, count)
                }
            };
            let graph = &mut self.program.graph;
            let one = graph.int(1);
            let divisor = graph.binary(Binary::Max, count, one);
            let divisor = graph.cast(Element::Real, divisor);
            return graph.binary(Binary::Div, sum, divisor);
        };
        let zero = graph.real(0.0);
        let counted = match filter {
            Some(filter) => graph.select(filter, per, zero),
            None => per,
        };
        let counted = graph.broadcast(counted, axes);
        let divisor = graph.reduce(ReduceOp::Sum, axes, counted);
        let none = graph.compare(Compare::Eq, divisor, zero);
        let quotient = graph.binary(Binary::Div, sum, divisor);
        graph.select(none, zero, quotient)
    }

    /// The number of positions along axes together, an int.
    pub fn size(&mut self, axes: &[AxisId]) -> NodeId {
        let graph = &mut self.program.graph;
        let mut product = None;
        for &axis in axes {
            let size = graph.size(axis);
            product = Some(match product {
                None => size,
                Some(product) => graph.binary(Binary::Mul, product, size),
            });
        }
        product.unwrap_or_else(|| graph.int(1))
    }

    /// −x
    pub fn negated(&mut self, x: NodeId) -> NodeId {
        self.program.graph.unary(Unary::Neg, x)
    }
}
