//! Reductions and operations along axes, composed from the primitive ones.

use super::instance::Lowering;
use crate::hir::{Along, Reduction};
use crate::ir::{Axes, AxisId, NodeId, NonEmpty, Op};
use crate::op::{Binary, Compare, Element, Logic, ReduceOp, SoftmaxOp, Unary};

impl Lowering<'_> {
    /// A reduction of the language over axes, of the elements where the filter holds.
    pub fn reduction(
        &mut self,
        reduction: Reduction,
        axes: &[AxisId],
        value: NodeId,
        per: Option<NodeId>,
        filter: Option<NodeId>,
    ) -> NodeId {
        match reduction {
            Reduction::Sum => self.filtered(ReduceOp::Sum, axes, value, filter, 0.0),
            Reduction::Prod => self.filtered(ReduceOp::Prod, axes, value, filter, 1.0),
            Reduction::Min => self.filtered(ReduceOp::Min, axes, value, filter, f64::INFINITY),
            Reduction::Max => self.filtered(ReduceOp::Max, axes, value, filter, f64::NEG_INFINITY),
            Reduction::Mean => {
                let sum = self.filtered(ReduceOp::Sum, axes, value, filter, 0.0);
                self.divide_mean(sum, axes, per, filter)
            }
            Reduction::Count => self.count(axes, value, filter),
            Reduction::Any => {
                let count = self.count(axes, value, filter);
                let graph = &mut self.program.graph;
                let zero = graph.int(0);
                graph.compare(Compare::Lt, zero, count)
            }
            Reduction::All => {
                let not = self.program.graph.logic(Logic::Not, &[value]);
                let count = self.count(axes, not, filter);
                let graph = &mut self.program.graph;
                let zero = graph.int(0);
                graph.compare(Compare::Eq, count, zero)
            }
            Reduction::LogSumExp => {
                let value = self.kept(axes, value, filter, f64::NEG_INFINITY);
                self.program.graph.softmax(SoftmaxOp::LogSumExp, axes, value)
            }
            Reduction::Norm => self.norm(axes, value, filter),
            Reduction::Var => self.variance(axes, value, filter),
            Reduction::Std => {
                let variance = self.variance(axes, value, filter);
                self.program.graph.unary(Unary::Sqrt, variance)
            }
            Reduction::ArgMax => self.position(ReduceOp::Max, "argmax", axes, value, filter, f64::NEG_INFINITY),
            Reduction::ArgMin => self.position(ReduceOp::Min, "argmin", axes, value, filter, f64::INFINITY),
        }
    }

    /// The value along all of these axes, with the elements that the filter leaves out replaced.
    fn kept(&mut self, axes: &[AxisId], value: NodeId, filter: Option<NodeId>, otherwise: f64) -> NodeId {
        let graph = &mut self.program.graph;
        let value = match filter {
            None => value,
            Some(filter) => {
                let otherwise = match graph.ty(value).element {
                    Element::Int if otherwise == f64::INFINITY => graph.int(i64::MAX),
                    Element::Int if otherwise == f64::NEG_INFINITY => graph.int(i64::MIN),
                    Element::Int => graph.int(otherwise as i64),
                    Element::Real | Element::Bool => graph.real(otherwise),
                };
                graph.select(filter, value, otherwise)
            }
        };
        graph.broadcast(value, axes)
    }

    fn filtered(
        &mut self,
        op: ReduceOp,
        axes: &[AxisId],
        value: NodeId,
        filter: Option<NodeId>,
        identity: f64,
    ) -> NodeId {
        let value = self.kept(axes, value, filter, identity);
        self.program.graph.reduce(op, axes, value)
    }

    fn count(&mut self, axes: &[AxisId], value: NodeId, filter: Option<NodeId>) -> NodeId {
        let graph = &mut self.program.graph;
        let value = match filter {
            Some(filter) => graph.logic(Logic::And, &[value, filter]),
            None => value,
        };
        let value = graph.cast(Element::Int, value);
        let value = graph.broadcast(value, axes);
        graph.reduce(ReduceOp::Sum, axes, value)
    }

    fn norm(&mut self, axes: &[AxisId], value: NodeId, filter: Option<NodeId>) -> NodeId {
        let value = self.kept(axes, value, filter, 0.0);
        let graph = &mut self.program.graph;
        let square = graph.binary(Binary::Mul, value, value);
        let sum = graph.reduce(ReduceOp::Sum, axes, square);
        graph.unary(Unary::Sqrt, sum)
    }

    /// Σ(x − mean)² / max(n − 1, 1)
    fn variance(&mut self, axes: &[AxisId], value: NodeId, filter: Option<NodeId>) -> NodeId {
        let mean = self.reduction(Reduction::Mean, axes, value, None, filter);
        let graph = &mut self.program.graph;
        let apart = graph.binary(Binary::Sub, value, mean);
        let square = graph.binary(Binary::Mul, apart, apart);
        let sum = self.filtered(ReduceOp::Sum, axes, square, filter, 0.0);
        let count = match filter {
            Some(filter) => self.count(axes, filter, None),
            None => self.size(axes),
        };
        let graph = &mut self.program.graph;
        let one = graph.int(1);
        let free = graph.binary(Binary::Sub, count, one);
        let free = graph.binary(Binary::Max, free, one);
        let free = graph.cast(Element::Real, free);
        graph.binary(Binary::Div, sum, free)
    }

    /// The first position of the extremum; of the first NaN if there is one.
    fn position(
        &mut self,
        op: ReduceOp,
        name: &str,
        axes: &[AxisId],
        value: NodeId,
        filter: Option<NodeId>,
        worst: f64,
    ) -> NodeId {
        let value = self.kept(axes, value, filter, worst);
        let &[axis] = axes else { return value };
        let graph = &mut self.program.graph;
        let extremum = graph.reduce(op, axes, value);
        let same = graph.compare(Compare::Eq, value, extremum);
        let nan = graph.compare(Compare::Ne, value, value);
        let here = graph.logic(Logic::Or, &[same, nan]);
        let index = graph.index(axis);
        let never = graph.int(i64::MAX);
        let position = graph.select(here, index, never);
        let reason = format!("{name}[{}]", graph.axis(axis).name);
        let position = graph.reduce(ReduceOp::Min, axes, position);
        self.program.non_empty.push(NonEmpty { axes: axes.to_vec(), reason });
        position
    }

    /// The largest elements over axes on a new one, in descending order; −∞ where there are not so many.
    pub fn largest(&mut self, axes: &[AxisId], to: AxisId, value: NodeId, filter: Option<NodeId>) -> NodeId {
        let value = self.kept(axes, value, filter, f64::NEG_INFINITY);
        let graph = &mut self.program.graph;
        let over: Axes = axes.iter().copied().collect();
        let (mut picked, zero) = (value, graph.int(0));
        let mut found = graph.bool(true);
        for &along in axes {
            let index = graph.add(Op::TopIndex { over: over.clone(), to, along }, &[value]);
            picked = graph.gather(along, picked, index);
            found = graph.compare(Compare::Le, zero, index);
        }
        let none = graph.real(f64::NEG_INFINITY);
        graph.select(found, picked, none)
    }

    /// An operation along axes that keeps them.
    pub fn along(&mut self, along: Along, axes: &[AxisId], value: NodeId) -> NodeId {
        let value = self.program.graph.broadcast(value, axes);
        match along {
            Along::Softmax => self.program.graph.softmax(SoftmaxOp::Softmax, axes, value),
            Along::LogSoftmax => self.program.graph.softmax(SoftmaxOp::LogSoftmax, axes, value),
            Along::Sort => {
                let &[axis] = axes else { return value };
                let order = self.program.graph.order(axis, value);
                self.program.graph.gather(axis, value, order)
            }
            Along::CumSum => {
                let &[axis] = axes else { return value };
                self.program.graph.cumsum(axis, false, value)
            }
            Along::Normalize => {
                let norm = self.norm(axes, value, None);
                let graph = &mut self.program.graph;
                let zero = graph.real(0.0);
                let positive = graph.compare(Compare::Lt, zero, norm);
                let quotient = graph.binary(Binary::Div, value, norm);
                graph.select(positive, quotient, zero)
            }
        }
    }
}
