//! The derivative of a loop: a second loop, which runs backward.
//!
//! It carries the adjoints of the variables and adds up those of what the body uses from outside. The values
//! that the variables had at the start of each turn are read from the traces of the first loop, so memory grows
//! with the turns, the program does not. The result is a loop as any other: it can be differentiated again.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use super::mask::Term;
use super::reverse::sweep;
use crate::ir::{
    Axes, AxisId, Body, Carried, Extent, Graph, LoopId, NodeId, Op, Repeat, Type, body_of, copy_body, open_loops,
};
use crate::op::{Binary, Element};

/// What the adjoints of the nodes of a loop give to what is outside of its body. `id` is any `Repeat` node of the
/// loop, `depends` says of each node before it whether it has a gradient.
pub(super) fn contributions(
    graph: &RefCell<Graph>,
    id: NodeId,
    incoming: Vec<(NodeId, Term)>,
    depends: &[bool],
) -> Vec<(NodeId, Term)> {
    let forward = Forward::new(&graph.borrow(), id, incoming, depends);
    let mut backward = Backward::new(&mut graph.borrow_mut(), &forward);
    let mut finals = backward.turn(graph, &forward);
    if !backward.partial && backward.read.iter().any(|read| is_partial(finals.get(&read.value))) {
        // From the second turn on the adjoints that come in have zeros where nothing was taken.
        backward.partial = true;
        finals = backward.turn(graph, &forward);
    }
    backward.finish(&mut graph.borrow_mut(), &forward, &finals)
}

fn is_partial(term: Option<&Term>) -> bool {
    term.is_some_and(|term| term.partial || !term.mask.is_empty())
}

/// The loop that is differentiated.
struct Forward<'d> {
    repeat: Repeat,
    operands: Vec<NodeId>,
    body: Body,
    /// The nodes of the loop with their adjoints.
    incoming: Vec<(Repeat, Term)>,
    /// The carried values that the body reads.
    carried: Vec<(NodeId, Carried)>,
    /// What the body uses from outside that has a gradient.
    captured: Vec<NodeId>,
    /// The variables that have an adjoint, with their types.
    active: Vec<(u32, Type)>,
    depends: &'d [bool],
}

impl<'d> Forward<'d> {
    fn new(graph: &Graph, id: NodeId, incoming: Vec<(NodeId, Term)>, depends: &'d [bool]) -> Self {
        let node = graph.node(id);
        let Op::Repeat(repeat) = &node.op else { unreachable!("asked for the nodes of a loop") };
        let body = body_of(graph, &open_loops(graph), id);
        let of_loop = |id: &NodeId| match &graph.node(*id).op {
            Op::Repeat(repeat) => Some(repeat.clone()),
            _ => None,
        };
        let incoming = incoming.into_iter().filter_map(|(id, term)| Some((of_loop(&id)?, term))).collect();
        let carried = body.nodes.iter().filter_map(|&id| match &graph.node(id).op {
            Op::Carried(carried) if carried.of == repeat.of => Some((id, carried.clone())),
            _ => None,
        });
        let carried = carried.collect();
        let captured = body.captured.iter().copied().filter(|id| depends[id.0 as usize]).collect();
        let operands = node.operands.to_vec();
        let repeat = repeat.clone();
        let mut forward = Forward { repeat, operands, body, incoming, carried, captured, active: Vec::new(), depends };
        forward.active = forward.active_variables(graph);
        forward
    }

    fn start(&self, variable: u32) -> NodeId {
        self.operands[variable as usize]
    }

    fn result(&self, variable: u32) -> NodeId {
        self.operands[(self.repeat.variables + variable) as usize]
    }

    /// The variables that depend on what has a gradient and on which something depends.
    fn active_variables(&self, graph: &Graph) -> Vec<(u32, Type)> {
        let mut types: FxHashMap<u32, Type> = FxHashMap::default();
        let carried = self.carried.iter().map(|(_, carried)| (carried.variable, &carried.ty));
        let asked = self.incoming.iter().map(|(repeat, _)| (repeat.variable, &repeat.ty));
        for (variable, ty) in carried.chain(asked).filter(|(_, ty)| ty.element == Element::Real) {
            types.insert(variable, ty.clone());
        }
        let depends = self.dependent_variables(graph);
        let mut active: Vec<_> = types.into_iter().filter(|(variable, _)| depends[*variable as usize]).collect();
        active.sort_by_key(|(variable, _)| *variable);
        active
    }

    /// By variable: whether it depends on what has a gradient, after any number of turns.
    fn dependent_variables(&self, graph: &Graph) -> Vec<bool> {
        let mut found: Vec<bool> =
            (0..self.repeat.variables).map(|variable| self.depends[self.start(variable).0 as usize]).collect();
        loop {
            let mut marked: FxHashMap<NodeId, bool> = self.captured.iter().map(|&id| (id, true)).collect();
            for &id in &self.body.nodes {
                let node = graph.node(id);
                let real = node.ty.element == Element::Real && !matches!(node.op, Op::Stop | Op::Cast(_));
                let depends = match &node.op {
                    Op::Carried(carried) if carried.of == self.repeat.of => found[carried.variable as usize],
                    // An inner loop's variable: if the loop depends on nothing, its gradient is found to be 0.
                    Op::Carried(_) => true,
                    _ => node.operands.iter().any(|operand| marked.get(operand) == Some(&true)),
                };
                marked.insert(id, real && depends);
            }
            let next: Vec<bool> = (0..self.repeat.variables)
                .map(|variable| found[variable as usize] || marked.get(&self.result(variable)) == Some(&true))
                .collect();
            if next == found {
                return found;
            }
            found = next;
        }
    }
}

/// A value that the forward body read at the start of a turn, in the backward body.
struct Read {
    variable: u32,
    value: NodeId,
}

/// The loop that runs backward, under construction.
struct Backward {
    of: LoopId,
    /// The turn of the forward loop that is undone.
    step: NodeId,
    /// The carried adjoint of each active variable.
    adjoints: Vec<NodeId>,
    /// What each active variable became in that turn.
    results: Vec<NodeId>,
    read: Vec<Read>,
    partial: bool,
}

impl Backward {
    fn new(graph: &mut Graph, forward: &Forward) -> Backward {
        let of = graph.new_loop();
        let carry = |graph: &mut Graph, variable: usize, ty: &Type| {
            graph.add(Op::Carried(Carried { of, variable: variable as u32, ty: ty.clone() }), &[])
        };
        let step = carry(graph, 0, &Type { element: Element::Int, axes: Axes::new() });
        let active = forward.active.iter().enumerate();
        let adjoints = active.map(|(position, (_, ty))| carry(graph, 1 + position, ty)).collect();
        let along = trace_axis(graph, &forward.repeat);
        let mut read = Vec::new();
        let mut known: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        for (id, carried) in &forward.carried {
            let trace = Repeat {
                variable: carried.variable,
                ty: carried.ty.clone(),
                trace: Some(along),
                ..forward.repeat.clone()
            };
            let trace = graph.add(Op::Repeat(trace), &forward.operands);
            let value = graph.gather(along, trace, step);
            known.insert(*id, value);
            read.push(Read { variable: carried.variable, value });
        }
        copy_body(graph, &forward.body.nodes, &mut known);
        let result = |variable: u32| known.get(&forward.result(variable)).copied();
        let results =
            forward.active.iter().map(|&(variable, _)| result(variable).unwrap_or(forward.result(variable))).collect();
        // A variable that nothing reads after the loop has the adjoint 0 there because nothing was taken.
        let is_read = |variable: u32| {
            forward.incoming.iter().any(|(repeat, _)| repeat.variable == variable && repeat.trace.is_none())
        };
        let partial = forward.incoming.iter().any(|(_, term)| is_partial(Some(term)))
            || !forward.active.iter().all(|(variable, _)| is_read(*variable));
        Backward { of, step, adjoints, results, read, partial }
    }

    /// The adjoints of what a turn read, from those of what came out of it.
    fn turn(&self, graph: &RefCell<Graph>, forward: &Forward) -> FxHashMap<NodeId, Term> {
        let mut seeds = Vec::new();
        for ((&value, &result), (_, ty)) in self.adjoints.iter().zip(&self.results).zip(&forward.active) {
            let term = Term { mask: Default::default(), value, partial: self.partial };
            seeds.push((result, term.sum_to(&mut graph.borrow_mut(), &ty.axes, result)));
        }
        let is_active = |read: &&Read| forward.active.iter().any(|(variable, _)| *variable == read.variable);
        let mut wrt: Vec<NodeId> = self.read.iter().filter(is_active).map(|read| read.value).collect();
        wrt.extend(&forward.captured);
        sweep(graph, seeds, &wrt, true)
    }

    fn finish(&self, graph: &mut Graph, forward: &Forward, finals: &FxHashMap<NodeId, Term>) -> Vec<(NodeId, Term)> {
        let zero = graph.real(0.0);
        let one = graph.int(1);
        let mut starts = vec![graph.int(forward.repeat.turns as i64 - 1)];
        let mut results = vec![graph.binary(Binary::Sub, self.step, one)];
        for (variable, _) in &forward.active {
            let read = self.read.iter().find(|read| read.variable == *variable);
            let own = read.and_then(|read| finals.get(&read.value)).map(|term| term.materialize(graph));
            let (mut start, mut result) = (zero, own.unwrap_or(zero));
            for (repeat, term) in forward.incoming.iter().filter(|(repeat, _)| repeat.variable == *variable) {
                let adjoint = term.materialize(graph);
                match repeat.trace {
                    None => start = adjoint,
                    Some(along) => {
                        let adjoint = graph.broadcast(adjoint, &[along]);
                        let here = graph.gather(along, adjoint, self.step);
                        result = graph.binary(Binary::Add, result, here);
                    }
                }
            }
            starts.push(start);
            results.push(result);
        }
        let used: Vec<NodeId> = forward.captured.iter().copied().filter(|id| finals.contains_key(id)).collect();
        for id in &used {
            let ty = graph.ty(*id).clone();
            let variable = starts.len() as u32;
            let so_far = graph.add(Op::Carried(Carried { of: self.of, variable, ty }), &[]);
            let more = finals[id].materialize(graph);
            starts.push(zero);
            results.push(graph.binary(Binary::Add, so_far, more));
        }
        let partial = self.partial || finals.values().any(|term| is_partial(Some(term)));
        let variables = starts.len() as u32;
        starts.extend(results);
        let last = |graph: &mut Graph, variable: usize, ty: &Type| {
            let repeat = Repeat {
                of: self.of,
                turns: forward.repeat.turns,
                variables,
                variable: variable as u32,
                ty: ty.clone(),
                trace: None,
            };
            let value = graph.add(Op::Repeat(repeat), &starts);
            Term { mask: Default::default(), value, partial }
        };
        let mut found = Vec::new();
        for (position, (variable, ty)) in forward.active.iter().enumerate() {
            let start = forward.start(*variable);
            if forward.depends[start.0 as usize] {
                let term = last(graph, 1 + position, ty);
                found.push((start, term.sum_to(graph, &ty.axes, start)));
            }
        }
        for (position, id) in used.iter().enumerate() {
            let ty = graph.ty(*id).clone();
            found.push((*id, last(graph, 1 + forward.active.len() + position, &ty)));
        }
        found
    }
}

/// The axis of the turns: that of a trace that is there, or a new one.
fn trace_axis(graph: &mut Graph, repeat: &Repeat) -> AxisId {
    let known = graph.ids().find_map(|id| match &graph.node(id).op {
        Op::Repeat(other) if other.of == repeat.of => other.trace,
        _ => None,
    });
    known.unwrap_or_else(|| graph.add_axis("turn", Extent::Fixed(repeat.turns), false))
}
