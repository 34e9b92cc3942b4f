//! The sweep: from the differentiated node down to the operands, accumulating adjoints.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use super::mask::{Term, combine, guard};
use super::{repeat, rules, structural};
use crate::ir::{Formula, Graph, LoopId, Node, NodeId, Op, first_repeats};
use crate::op::{Binary, Element, Unary};

/// The gradients of Σ seed · `of` by each of `wrt`, with exactly the axes of each (in any order); 0 where `of` does not
/// depend on it. `seed` has some or all of `of`'s axes and is repeated along the others.
pub fn gradient(graph: &mut Graph, of: NodeId, seed: NodeId, wrt: &[NodeId]) -> Vec<NodeId> {
    let cell = RefCell::new(std::mem::take(graph));
    let seed = Term { mask: Default::default(), value: seed, partial: false };
    let finals = sweep(&cell, vec![(of, seed)], wrt, false);
    *graph = cell.into_inner();
    wrt.iter()
        .map(|target| {
            let value = match finals.get(target) {
                Some(term) => term.materialize(graph),
                None => graph.real(0.0),
            };
            let axes = graph.axes_of(*target).clone();
            graph.broadcast(value, &axes)
        })
        .collect()
}

/// The adjoints of `wrt` from those of some nodes. If `wrt` are `leaves`, nothing is known of what is below them.
pub(super) fn sweep(
    graph: &RefCell<Graph>,
    seeds: Vec<(NodeId, Term)>,
    wrt: &[NodeId],
    leaves: bool,
) -> FxHashMap<NodeId, Term> {
    let mut finals = FxHashMap::default();
    let Some(last) = seeds.iter().map(|(id, _)| *id).max() else { return finals };
    let depends = dependents(&graph.borrow(), wrt, last);
    let first = first_repeats(&graph.borrow());
    let mut adjoints: FxHashMap<NodeId, Vec<Term>> = FxHashMap::default();
    // Of loops that have several nodes: these are one, and differentiated when all of them are known.
    let mut waiting: FxHashMap<LoopId, Vec<(NodeId, Term)>> = FxHashMap::default();
    for (id, term) in seeds {
        if depends[id.0 as usize] {
            adjoints.entry(id).or_default().push(term);
        }
    }
    for id in (0..=last.0).rev().map(NodeId) {
        let node = graph.borrow().node(id).clone();
        let term = adjoints.remove(&id).and_then(|terms| combine(&mut graph.borrow_mut(), terms));
        if let Some(term) = &term
            && wrt.contains(&id)
        {
            finals.insert(id, term.clone());
        }
        let term = term.filter(|_| !(leaves && wrt.contains(&id)));
        if let Op::Repeat(repeat) = &node.op {
            waiting.entry(repeat.of).or_default().extend(term.map(|term| (id, term)));
            if first.get(&repeat.of) == Some(&id)
                && let Some(incoming) = waiting.remove(&repeat.of).filter(|incoming| !incoming.is_empty())
            {
                for (operand, term) in repeat::contributions(graph, id, incoming, &depends) {
                    adjoints.entry(operand).or_default().push(term);
                }
            }
            continue;
        }
        let Some(term) = term else { continue };
        for (position, &operand) in node.operands.iter().enumerate() {
            if depends[operand.0 as usize]
                && let Some(contribution) = contribution(graph, id, &node, position, &term)
            {
                adjoints.entry(operand).or_default().push(contribution);
            }
        }
    }
    finals
}

/// By `NodeId` up to `of`: whether it is real and has a gradient by one of `wrt`.
fn dependents(graph: &Graph, wrt: &[NodeId], of: NodeId) -> Vec<bool> {
    let mut depends = vec![false; of.0 as usize + 1];
    for id in (0..=of.0).map(NodeId) {
        let node = graph.node(id);
        let passes = node.ty.element == Element::Real && !matches!(node.op, Op::Stop | Op::Cast(_));
        depends[id.0 as usize] =
            wrt.contains(&id) || (passes && node.operands.iter().any(|operand| depends[operand.0 as usize]));
    }
    depends
}

/// What the adjoint of a node gives to one of its operands.
fn contribution(graph: &RefCell<Graph>, id: NodeId, node: &Node, position: usize, term: &Term) -> Option<Term> {
    let formula = |id| Formula::new(graph, id);
    let operand = node.operands[position];
    let g = formula(term.value);
    let (condition, value) = match node.op {
        Op::Unary(op) => (None, rules::unary(op, formula(operand), formula(id), g)?),
        Op::Binary(op) => {
            let (a, b) = (formula(node.operands[0]), formula(node.operands[1]));
            let masked = rules::binary(op, position, a, b, formula(id), g)?;
            (masked.condition, masked.value)
        }
        Op::Polygamma(n) => (None, g * formula(operand).polygamma(n + 1)),
        _ => return structural::contribution(graph, id, node, position, term),
    };
    let graph = &mut graph.borrow_mut();
    let mut result = term.clone();
    result.value = value.id;
    if term.partial && !is_linear(graph, node, position) {
        result.value = guard(graph, term.value, value.id);
    }
    if let Some(condition) = condition {
        result = result.only_where(graph, condition.id, true)?;
    }
    Some(result.sum_to(graph, &node.ty.axes, operand))
}

/// Whether the derivative by an operand is a finite constant or a size.
fn is_linear(graph: &Graph, node: &Node, position: usize) -> bool {
    let known = |id: NodeId| match graph.node(id).op {
        Op::Constant(_) => true,
        Op::Cast(_) => matches!(graph.node(graph.node(id).operands[0]).op, Op::Size(_)),
        _ => false,
    };
    match node.op {
        Op::Unary(Unary::Neg) | Op::Binary(Binary::Add | Binary::Sub) => true,
        Op::Binary(Binary::Mul) => known(node.operands[1 - position]),
        Op::Binary(Binary::Div) => position == 0 && known(node.operands[1]),
        _ => false,
    }
}
