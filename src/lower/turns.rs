//! Conditions on what varies in a loop → conditions on a loop of their own, which keeps the first turn that does not
//! meet them.
//!
//! Outside of the loop nothing has the values of its turns. So what the conditions depend on takes its turns once more,
//! with further variables: whether a condition has held so far, and the values to show. The loss's own loop stays as it
//! is, for a loss is computed without its conditions.

use rustc_hash::FxHashMap;

use super::conditions::Noted;
use super::instance::Lowering;
use super::repeat::OpenLoop;
use crate::ir::{Axes, Carried, Graph, LoopId, NodeId, Op, Repeat, Type, copy_body, open_loops_from};
use crate::op::{Binary, Compare, Element};
use crate::span::Span;

/// A loop whose body is lowered.
pub(super) struct ClosedLoop<'a> {
    /// None where there is at most one turn, whose body is put in its place.
    pub of: Option<LoopId>,
    pub turns: u64,
    /// The starts of all variables, then their results.
    pub operands: &'a [NodeId],
    /// Where the number of turns stands.
    pub span: Span,
}

impl Lowering<'_> {
    /// Makes the conditions that were noted in a loop hold of all of its turns.
    pub(super) fn close_conditions(&mut self, open: &OpenLoop, closed: &ClosedLoop<'_>) {
        if closed.turns == 0 {
            self.conditions.truncate(open.conditions);
        }
        let Some(of) = closed.of.filter(|_| self.conditions.len() > open.conditions) else { return };
        let graph = &mut self.program.graph;
        let body = InLoop::new(graph, of, open.first);
        let noted = self.conditions[open.conditions..].iter_mut();
        let mut varying: Vec<&mut Noted> = noted.filter(|one| body.varies(one)).collect();
        if varying.is_empty() {
            return;
        }
        let (nodes, read) = body.needed(graph, varying.iter().flat_map(|one| roots(one)).collect(), closed.operands);
        let mut turning = Turning { of: graph.new_loop(), starts: Vec::new(), results: Vec::new(), types: Vec::new() };
        let mut known = FxHashMap::default();
        for (id, carried) in &read {
            let start = closed.operands[carried.variable as usize];
            known.insert(*id, turning.variable(graph, start, carried.ty.clone()));
        }
        copy_body(graph, &nodes, &mut known);
        let copied = |id: NodeId| known.get(&id).copied().unwrap_or(id);
        turning.results = read.iter().map(|(_, carried)| copied(body.result(carried, closed.operands))).collect();
        let firsts: Vec<usize> = varying.iter().map(|one| turning.watch(graph, one, copied)).collect();
        for (one, first) in varying.iter_mut().zip(firsts) {
            turning.finish(graph, one, first, closed);
        }
    }
}

/// What is looked at of a condition.
fn roots(one: &Noted) -> impl Iterator<Item = NodeId> {
    std::iter::once(one.holds).chain(one.shown.iter().copied())
}

/// The nodes that vary in a loop.
struct InLoop {
    of: LoopId,
    first: NodeId,
    /// By the nodes from the first on.
    varies: Vec<bool>,
}

impl InLoop {
    fn new(graph: &Graph, of: LoopId, first: NodeId) -> Self {
        // Loops within it were opened later.
        let varies = open_loops_from(graph, first).iter().map(|open| open.iter().any(|other| *other >= of)).collect();
        InLoop { of, first, varies }
    }

    fn contains(&self, id: NodeId) -> bool {
        id >= self.first && self.varies[(id.0 - self.first.0) as usize]
    }

    fn varies(&self, one: &Noted) -> bool {
        roots(one).any(|id| self.contains(id))
    }

    fn result(&self, carried: &Carried, operands: &[NodeId]) -> NodeId {
        operands[operands.len() / 2 + carried.variable as usize]
    }

    /// What is computed in every turn for some nodes and for the variables that they read in later turns, operands
    /// before users; and these variables.
    fn needed(&self, graph: &Graph, roots: Vec<NodeId>, operands: &[NodeId]) -> (Vec<NodeId>, Vec<(NodeId, Carried)>) {
        let (mut nodes, mut read) = (Vec::new(), Vec::new());
        let mut seen = rustc_hash::FxHashSet::default();
        let mut todo = roots;
        while let Some(id) = todo.pop() {
            if !self.contains(id) || !seen.insert(id) {
                continue;
            }
            nodes.push(id);
            let node = graph.node(id);
            todo.extend(node.operands.iter().copied());
            if let Op::Carried(carried) = &node.op
                && carried.of == self.of
            {
                todo.push(self.result(carried, operands));
                read.push((id, carried.clone()));
            }
        }
        nodes.sort();
        read.sort_by_key(|(_, carried)| carried.variable);
        (nodes, read)
    }
}

/// The loop of the conditions, under construction.
struct Turning {
    of: LoopId,
    starts: Vec<NodeId>,
    /// Fewer than starts, until the body is there.
    results: Vec<NodeId>,
    types: Vec<Type>,
}

impl Turning {
    /// A further variable; its value at the start of a turn.
    fn variable(&mut self, graph: &mut Graph, start: NodeId, ty: Type) -> NodeId {
        let variable = self.starts.len() as u32;
        self.starts.push(start);
        self.types.push(ty.clone());
        graph.add(Op::Carried(Carried { of: self.of, variable, ty }), &[])
    }

    fn number(&mut self, graph: &mut Graph, start: f64) -> NodeId {
        let start = graph.real(start);
        self.variable(graph, start, Type { element: Element::Real, axes: Axes::new() })
    }

    /// Adds the variables of a condition: whether it has held so far, then what is shown of it, which is kept from the
    /// first turn that does not meet it, and the number of that turn. Gives the first variable.
    fn watch(&mut self, graph: &mut Graph, one: &Noted, copied: impl Fn(NodeId) -> NodeId) -> usize {
        let first = self.starts.len();
        let held = self.number(graph, 1.0);
        let holds = graph.cast(Element::Real, copied(one.holds));
        self.results.push(graph.binary(Binary::Min, held, holds));
        let one_more = graph.real(1.0);
        let undecided = graph.compare(Compare::Eq, held, one_more);
        for shown in &one.shown {
            let before = self.number(graph, 0.0);
            let now = graph.cast(Element::Real, copied(*shown));
            self.results.push(graph.select(undecided, now, before));
        }
        let turn = self.number(graph, 0.0);
        let next = graph.binary(Binary::Add, turn, one_more);
        self.results.push(graph.select(undecided, next, turn));
        first
    }

    /// Puts what its variables have become in the place of a condition.
    fn finish(&self, graph: &mut Graph, one: &mut Noted, first: usize, closed: &ClosedLoop<'_>) {
        let held = self.last(graph, first, closed.turns);
        let number_one = graph.real(1.0);
        one.holds = graph.compare(Compare::Eq, held, number_one);
        let count = one.shown.len();
        let mut shown: Vec<NodeId> =
            (1..count + 2).map(|further| self.last(graph, first + further, closed.turns)).collect();
        // The turn of this loop goes before those of the loops within it.
        shown[1..].rotate_right(1);
        one.shown = shown;
        one.about.loops.insert(0, closed.span);
    }

    fn last(&self, graph: &mut Graph, variable: usize, turns: u64) -> NodeId {
        let (variables, ty) = (self.starts.len() as u32, self.types[variable].clone());
        let operands: Vec<NodeId> = self.starts.iter().chain(&self.results).copied().collect();
        let repeat = Repeat { of: self.of, turns, variables, variable: variable as u32, ty, trace: None };
        graph.add(Op::Repeat(repeat), &operands)
    }
}
