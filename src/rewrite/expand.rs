//! The softmax family in terms of maxima, sums and exponentials, as the operation table defines it.
//!
//! Run after simplification and differentiation, when nothing looks for the family any more; then picks can
//! go down to the inputs. `stop` has done its work by then and goes too.

use std::cell::RefCell;

use crate::ir::{AxisId, Formula, Graph, NodeId, Op, Program, map_program};
use crate::op::{Binary, Element, ReduceOp, SoftmaxOp};

/// The program without operations of the softmax family and without `stop`.
pub fn expand_softmax(program: &Program) -> Program {
    map_program(program, |graph, node, operands| match &node.op {
        Op::Softmax(op, axes) => expand(graph, *op, axes, operands[0]),
        Op::Stop => operands[0],
        op => graph.add(op.clone(), operands),
    })
}

fn expand(graph: &mut Graph, op: SoftmaxOp, axes: &[AxisId], x: NodeId) -> NodeId {
    let cell = RefCell::new(std::mem::take(graph));
    let result = formula(op, axes, Formula::new(&cell, x)).id;
    *graph = cell.into_inner();
    result
}

fn formula<'g>(op: SoftmaxOp, axes: &[AxisId], x: Formula<'g>) -> Formula<'g> {
    let (zero, one) = (x.literal(0.0), x.literal(1.0));
    let m = x.reduce(ReduceOp::Max, axes);
    let tied = x.equals(m);
    let difference = x - m;
    let exponential = difference.exp();
    let count = tied.cast(Element::Real).reduce(ReduceOp::Sum, axes);
    // Over no elements r is 0 rather than −1: a division by 1 + r that leaves a sum must not be one by 0.
    let r = tied.select(zero, exponential).reduce(ReduceOp::Sum, axes) + (count - 1.0).binary(Binary::Max, zero);
    let e = tied.select(one, exponential);
    match op {
        SoftmaxOp::LogSumExp => m + r.log1p(),
        SoftmaxOp::Softmax => e / (1.0 + r),
        SoftmaxOp::Complement => {
            // Up to rounding both conditions give the same: more than a half is at the maximum only, and a half or less
            // can be taken from 1. Rows are in the caches; what lies further apart need not be read again.
            let share = e / (1.0 + r);
            let is_maximum = if x.is_last(axes) { tied } else { x.literal(0.5).below(share) };
            is_maximum.select(r / (1.0 + r), 1.0 - share)
        }
        SoftmaxOp::LogSoftmax => tied.select(zero, difference) - r.log1p(),
    }
}
