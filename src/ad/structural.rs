//! The derivatives of the operations that move, select or combine elements: one function each.

use std::cell::RefCell;

use super::mask::{Mask, Term, guard, sum_over};
use crate::ir::{AxisId, Formula, Graph, Node, NodeId, Op, union, without};
use crate::op::{Compare, Element, ReduceOp, SoftmaxOp};

/// What the adjoint of a structural node gives to one of its operands.
pub(super) fn contribution(
    graph: &RefCell<Graph>,
    id: NodeId,
    node: &Node,
    position: usize,
    term: &Term,
) -> Option<Term> {
    let x = node.operands[0];
    match &node.op {
        Op::Select => select(graph, node, position, term),
        Op::Broadcast(_) => Some(term.clone().sum_to(&mut graph.borrow_mut(), &node.ty.axes, x)),
        Op::Rename { from, to } => Some(renamed(&mut graph.borrow_mut(), term, *to, *from)),
        Op::Reduce(ReduceOp::Sum, _) => Some(term.clone()),
        Op::Reduce(ReduceOp::Prod, axes) => Some(product(graph, x, axes, term)),
        Op::Reduce(ReduceOp::Min | ReduceOp::Max, axes) => extremum(graph, x, id, axes, term),
        Op::Softmax(op, axes) => Some(softmax(graph, *op, x, axes, term)),
        Op::Gather(axis) => gather(graph, node, *axis, position, term),
        Op::CumSum { axis, reverse } => Some(cumsum(&mut graph.borrow_mut(), *axis, *reverse, term)),
        Op::Scatter { axis, .. } => scatter(&mut graph.borrow_mut(), node, *axis, position, term),
        Op::Contract { .. } => Some(contraction(graph, node, position, term)),
        // Not differentiable, or without operands.
        Op::Compare(_) | Op::Logic(_) | Op::Cast(_) | Op::Stop | Op::Order(_) | Op::TopIndex { .. } => None,
        Op::Constant(_) | Op::Input(_) | Op::Parameter(_) | Op::Size(_) | Op::Index(_) | Op::Carried(_) => None,
        Op::Repeat(_) => unreachable!("all nodes of a loop are differentiated together"),
        Op::Unary(_) | Op::Binary(_) | Op::Polygamma(_) => unreachable!("has a row in `rules`"),
    }
}

fn select(graph: &RefCell<Graph>, node: &Node, position: usize, term: &Term) -> Option<Term> {
    if position == 0 {
        return None;
    }
    let graph = &mut graph.borrow_mut();
    let term = term.clone().only_where(graph, node.operands[0], position == 1)?;
    Some(term.sum_to(graph, &node.ty.axes, node.operands[position]))
}

/// The term with an axis renamed in its value and in its conditions.
fn renamed(graph: &mut Graph, term: &Term, from: AxisId, to: AxisId) -> Term {
    let mut mask: Mask =
        term.mask.iter().map(|&(condition, holds)| (graph.rename(condition, from, to), holds)).collect();
    mask.sort();
    Term { mask, value: graph.rename(term.value, from, to), partial: term.partial }
}

/// A minimum or maximum shares the gradient evenly among the tied elements.
fn extremum(graph: &RefCell<Graph>, x: NodeId, y: NodeId, axes: &[AxisId], term: &Term) -> Option<Term> {
    let formula = |id| Formula::new(graph, id);
    let tied = formula(x).equals(formula(y));
    let count = tied.cast(Element::Real).reduce(ReduceOp::Sum, axes);
    let value = (formula(term.value) / count).id;
    Term { value, ..term.clone() }.only_where(&graph.borrow(), tied.id, true)
}

/// Π of the other elements: y / x where no element is 0, and the product of the others for a single 0.
/// (The derivative of that by the other elements is right unless two are 0.)
fn product(graph: &RefCell<Graph>, x: NodeId, axes: &[AxisId], term: &Term) -> Term {
    let (x, g) = (Formula::new(graph, x), Formula::new(graph, term.value));
    let (zero, one) = (x.literal(0.0), x.literal(1.0));
    let is_zero = x.equals(zero);
    let zeros = is_zero.cast(Element::Real).reduce(ReduceOp::Sum, axes);
    let filled = is_zero.select(one, x);
    let others = filled.reduce(ReduceOp::Prod, axes);
    let at_zero = zeros.equals(one).select(others, zero);
    let elsewhere = zeros.equals(zero).select(others / filled, zero);
    let value = g * is_zero.select(at_zero, elsewhere);
    guarded(graph, term, g, value)
}

/// With p the softmax and q its complement, so that no p − 1 is ever computed.
fn softmax(graph: &RefCell<Graph>, op: SoftmaxOp, x: NodeId, axes: &[AxisId], term: &Term) -> Term {
    // Every element of a row depends on every other, so a condition within the row is applied first.
    let term = term.clone().apply_conditions_over(&mut graph.borrow_mut(), axes);
    let (x, g) = (Formula::new(graph, x), Formula::new(graph, term.value));
    let p = x.softmax(SoftmaxOp::Softmax, axes);
    let q = x.softmax(SoftmaxOp::Complement, axes);
    let sum = |value: Formula| x.with(sum_over(&mut graph.borrow_mut(), value.id, axes));
    let by_softmax = || p * (g * q - (sum(g * p) - g * p));
    let value = match op {
        SoftmaxOp::LogSumExp => g * p,
        SoftmaxOp::LogSoftmax => g * q - p * (sum(g) - g),
        SoftmaxOp::Softmax => by_softmax(),
        SoftmaxOp::Complement => -by_softmax(),
    };
    guarded(graph, &term, g, value)
}

fn guarded(graph: &RefCell<Graph>, term: &Term, g: Formula, value: Formula) -> Term {
    let value = if term.partial { guard(&mut graph.borrow_mut(), g.id, value.id) } else { value.id };
    Term { value, ..term.clone() }
}

/// The adjoint times the other operand, summed over what only that one has.
fn contraction(graph: &RefCell<Graph>, node: &Node, position: usize, term: &Term) -> Term {
    let term = term.clone().apply_conditions_over(&mut graph.borrow_mut(), &node.ty.axes);
    let value = Formula::new(graph, term.value) * Formula::new(graph, node.operands[1 - position]);
    let all = union(&node.ty.axes, graph.borrow().axes_of(node.operands[1 - position]));
    let term = Term { value: value.id, ..term };
    term.sum_to(&mut graph.borrow_mut(), &all, node.operands[position])
}

/// The adjoint of a picked element goes where the index says; out of range nothing matches.
fn gather(graph: &RefCell<Graph>, node: &Node, axis: AxisId, position: usize, term: &Term) -> Option<Term> {
    if position == 1 {
        return None;
    }
    let graph = &mut graph.borrow_mut();
    let (tensor, index) = (node.operands[0], node.operands[1]);
    let others = without(graph.axes_of(tensor), &[axis]);
    let picks = without(graph.axes_of(index), &others);
    if !picks.is_empty() {
        let mut term = term.clone().apply_conditions_over(graph, &picks);
        term.value = graph.scatter(axis, &picks, term.value, index);
        // What no index names is 0 because nothing was taken there.
        term.partial = true;
        return Some(term);
    }
    // Each line gives one element: a selection, which is not stored.
    let along = graph.index(axis);
    let picked = graph.compare(Compare::Eq, along, index);
    let term = term.clone().only_where(graph, picked, true)?;
    let axes = union(&node.ty.axes, &[axis]);
    Some(term.sum_to(graph, &axes, tensor))
}

/// An element is in every sum from its place on.
fn cumsum(graph: &mut Graph, axis: AxisId, reverse: bool, term: &Term) -> Term {
    let conditions = term.mask.len();
    let mut term = term.clone().apply_conditions_over(graph, &[axis]);
    term.partial |= term.mask.len() < conditions;
    let along = graph.broadcast(term.value, &[axis]);
    term.value = graph.cumsum(axis, !reverse, along);
    term
}

/// A scattered value has the adjoint of the place it went to; out of range it went nowhere.
fn scatter(graph: &mut Graph, node: &Node, axis: AxisId, position: usize, term: &Term) -> Option<Term> {
    if position == 1 {
        return None;
    }
    let (values, index) = (node.operands[0], node.operands[1]);
    let mut term = term.clone().apply_conditions_over(graph, &[axis]);
    let along = graph.broadcast(term.value, &[axis]);
    term.value = graph.gather(axis, along, index);
    term.partial = true;
    let axes = union(graph.axes_of(values), graph.axes_of(index));
    Some(term.sum_to(graph, &axes, values))
}
