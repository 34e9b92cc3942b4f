//! Where an adjoint counts.
//!
//! A [`Term`] is a value under a mask, a conjunction of conditions: outside the mask the adjoint is 0, and
//! what the value is there (perhaps NaN) never matters. Rules are applied to the value alone, so a mask
//! stays outermost and the derivative of a branch that was not taken is never multiplied by 0. A term
//! is *partial* where masked values were summed up: it may then be 0 at an element because nothing
//! was taken there, and a rule's result must be guarded ([`guard`]).
//!
//! Values and conditions may lack axes of the node they belong to; they are repeated along those.

use smallvec::SmallVec;

use crate::ir::{AxisId, Constant, Graph, NodeId, Op, Program, map_program, without};
use crate::op::{Compare, Element, Logic, ReduceOp};

/// A condition and whether it must hold or fail.
pub(super) type Literal = (NodeId, bool);

/// Conditions that hold together, in the order of their ids.
pub(super) type Mask = SmallVec<[Literal; 2]>;

/// A part of an adjoint.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub mask: Mask,
    pub value: NodeId,
    pub partial: bool,
}

impl Term {
    /// The term under one more condition; nothing if they contradict each other.
    pub fn only_where(mut self, graph: &Graph, condition: NodeId, holds: bool) -> Option<Term> {
        restrict(graph, &mut self.mask, condition, holds).then_some(self)
    }

    /// The adjoint that it stands for.
    pub fn materialize(&self, graph: &mut Graph) -> NodeId {
        masked(graph, &self.mask, self.value)
    }

    /// Takes the conditions that have one of these axes out of the mask, into the value.
    pub fn apply_conditions_over(mut self, graph: &mut Graph, axes: &[AxisId]) -> Term {
        let over = |literal: &Literal| graph.axes_of(literal.0).iter().any(|axis| axes.contains(axis));
        let (inner, outer): (Mask, Mask) = self.mask.iter().copied().partition(over);
        self.value = masked(graph, &inner, self.value);
        self.mask = outer;
        self
    }

    /// The sum over those of `axes` that an operand lacks.
    pub fn sum_to(self, graph: &mut Graph, axes: &[AxisId], operand: NodeId) -> Term {
        let removed = without(axes, graph.axes_of(operand));
        if removed.is_empty() {
            return self;
        }
        let conditions = self.mask.len();
        let mut term = self.apply_conditions_over(graph, &removed);
        term.partial |= term.mask.len() < conditions;
        term.value = sum_over(graph, term.value, &removed);
        term
    }
}

/// Σ over axes, also over those along which the value is merely repeated.
pub(super) fn sum_over(graph: &mut Graph, value: NodeId, axes: &[AxisId]) -> NodeId {
    let own: Vec<AxisId> = axes.iter().copied().filter(|axis| graph.axes_of(value).contains(axis)).collect();
    let mut sum = graph.reduce(ReduceOp::Sum, &own, value);
    for axis in without(axes, &own) {
        let size = graph.size(axis);
        let size = graph.cast(Element::Real, size);
        sum = graph.binary(crate::op::Binary::Mul, sum, size);
    }
    sum
}

/// 0 where the adjoint `g` is 0 and the rule's result nevertheless NaN (0 · ∞ of an element that was not taken).
/// Where the rule is finite its result stays as it is, so that the second derivative is right.
pub(super) fn guard(graph: &mut Graph, g: NodeId, result: NodeId) -> NodeId {
    let zero = graph.real(0.0);
    let idle = graph.compare(Compare::Eq, g, zero);
    let nan = graph.compare(Compare::Ne, result, result);
    let both = graph.logic(Logic::And, &[idle, nan]);
    graph.select(both, zero, result)
}

/// The program with every [`guard`] taken out, for people to read: what it guards against is said once in words.
pub fn without_guards(program: &Program) -> Program {
    map_program(program, |graph, node, operands| match (&node.op, operands) {
        (Op::Select, &[condition, zero, result]) if is_guard(graph, condition, zero, result) => result,
        _ => graph.add(node.op.clone(), operands),
    })
}

fn is_guard(graph: &Graph, condition: NodeId, zero: NodeId, result: NodeId) -> bool {
    let both = graph.node(condition);
    let is_nan = |id: NodeId| {
        let node = graph.node(id);
        node.op == Op::Compare(Compare::Ne) && node.operands[..] == [result, result]
    };
    graph.constant_of(zero) == Some(Constant::Real(0.0))
        && both.op == Op::Logic(Logic::And)
        && both.operands.iter().any(|&part| is_nan(part))
}

/// Adds a condition to a mask; false if the mask can then never hold.
fn restrict(graph: &Graph, mask: &mut Mask, condition: NodeId, holds: bool) -> bool {
    let node = graph.node(condition);
    match node.op {
        Op::Constant(Constant::Bool(value)) => return value == holds,
        Op::Logic(Logic::Not) => return restrict(graph, mask, node.operands[0], !holds),
        Op::Logic(Logic::And) if holds => return node.operands.iter().all(|&part| restrict(graph, mask, part, true)),
        Op::Logic(Logic::Or) if !holds => return node.operands.iter().all(|&part| restrict(graph, mask, part, false)),
        Op::Compare(Compare::Eq) => {
            let constants = (graph.constant_of(node.operands[0]), graph.constant_of(node.operands[1]));
            if let (Some(Constant::Int(a)), Some(Constant::Int(b))) = constants {
                return (a == b) == holds;
            }
        }
        _ => {}
    }
    if mask.contains(&(condition, !holds)) {
        return false;
    }
    if !mask.contains(&(condition, holds)) {
        mask.push((condition, holds));
        mask.sort();
    }
    true
}

/// The conjunction of a mask that is not empty.
fn condition(graph: &mut Graph, mask: &[Literal]) -> NodeId {
    let mut all: Option<NodeId> = None;
    for &(node, holds) in mask {
        let literal = if holds { node } else { graph.logic(Logic::Not, &[node]) };
        all = Some(match all {
            Some(before) => graph.logic(Logic::And, &[before, literal]),
            None => literal,
        });
    }
    all.unwrap_or_else(|| graph.bool(true))
}

fn masked(graph: &mut Graph, mask: &[Literal], value: NodeId) -> NodeId {
    if mask.is_empty() {
        return value;
    }
    let condition = condition(graph, mask);
    let zero = graph.real(0.0);
    graph.select(condition, value, zero)
}

/// The sum of terms as one term.
pub(super) fn combine(graph: &mut Graph, mut terms: Vec<Term>) -> Option<Term> {
    while merge_a_pair(graph, &mut terms) {}
    if terms.len() <= 1 {
        return terms.pop();
    }
    // Masks that overlap in no simple way: the sum counts where any of them holds.
    let mut any: Option<NodeId> = None;
    let mut sum: Option<NodeId> = None;
    for term in &terms {
        let holds = condition(graph, &term.mask);
        any = Some(any.map_or(holds, |before| graph.logic(Logic::Or, &[before, holds])));
        let value = term.materialize(graph);
        sum = Some(sum.map_or(value, |before| graph.binary(crate::op::Binary::Add, before, value)));
    }
    let partial = terms.iter().any(|term| term.partial);
    Some(Term { mask: [(any?, true)].into_iter().collect(), value: sum?, partial })
}

fn merge_a_pair(graph: &mut Graph, terms: &mut Vec<Term>) -> bool {
    for first in 0..terms.len() {
        for second in first + 1..terms.len() {
            if let Some(merged) = merge(graph, &terms[first], &terms[second]) {
                terms.remove(second);
                terms[first] = merged;
                return true;
            }
        }
    }
    false
}

/// Two terms as one, where one mask implies the other or both differ in one opposite condition.
fn merge(graph: &mut Graph, a: &Term, b: &Term) -> Option<Term> {
    let not_in = |x: &Term, y: &Term| x.mask.iter().copied().filter(|l| !y.mask.contains(l)).collect::<Mask>();
    let (only_a, only_b) = (not_in(a, b), not_in(b, a));
    let (wide, narrow, extra) = match (&only_a[..], &only_b[..]) {
        (&[], _) => (a, b, only_b),
        (_, &[]) => (b, a, only_a),
        (&[(x, x_holds)], &[(y, y_holds)]) if x == y && x_holds != y_holds => {
            let (yes, no) = if x_holds { (a, b) } else { (b, a) };
            let value = graph.select(x, yes.value, no.value);
            let mask = a.mask.iter().copied().filter(|literal| literal.0 != x).collect();
            return Some(Term { mask, value, partial: a.partial || b.partial });
        }
        _ => return None,
    };
    // An element that the wider mask takes is taken, whatever the narrower one says.
    let partial = wide.partial && (narrow.partial || !extra.is_empty());
    let addend = masked(graph, &extra, narrow.value);
    let value = graph.binary(crate::op::Binary::Add, wide.value, addend);
    Some(Term { mask: wide.mask.clone(), value, partial })
}
