//! Runs a graph node by node, and the loops in it turn by turn.

use std::rc::Rc;

use super::dense::{Dense, Values};
use super::{Environment, Precision, arrange, node, round_to_single};
use crate::ir::{Axes, Graph, LoopId, Loops, NodeId, Op, Repeat, body_of, open_loops};
use crate::op::Element;

/// The state of the interpreter.
pub(super) struct Runner<'a> {
    graph: &'a Graph,
    environment: Environment<'a>,
    extents: &'a [u64],
    open: Vec<Loops>,
    /// What has to be computed, operands before users.
    live: Vec<NodeId>,
    /// By `NodeId`.
    known: Vec<Option<Rc<Dense>>>,
    /// How many operands of nodes that are still to be computed it is.
    uses: Vec<usize>,
}

impl<'a> Runner<'a> {
    pub fn new(graph: &'a Graph, environment: Environment<'a>, extents: &'a [u64], live: Vec<NodeId>) -> Self {
        let mut uses = vec![0_usize; graph.len()];
        for &id in &live {
            graph.node(id).operands.iter().for_each(|operand| uses[operand.0 as usize] += 1);
        }
        let known = vec![None; graph.len()];
        Runner { graph, environment, extents, open: open_loops(graph), live, known, uses }
    }

    /// Computes everything that is live, keeping what is wanted.
    pub fn run(mut self, wanted: &[NodeId]) -> Vec<Rc<Dense>> {
        wanted.iter().for_each(|id| self.uses[id.0 as usize] += 1);
        for position in 0..self.live.len() {
            let id = self.live[position];
            if !self.open[id.0 as usize].is_empty() {
                continue;
            }
            self.compute(id);
            // What a loop uses is kept: its nodes are not counted down.
            for operand in &self.graph.node(id).operands {
                self.uses[operand.0 as usize] -= 1;
                if self.uses[operand.0 as usize] == 0 {
                    self.known[operand.0 as usize] = None;
                }
            }
        }
        wanted.iter().map(|id| self.value(*id)).collect()
    }

    fn value(&self, id: NodeId) -> Rc<Dense> {
        self.known[id.0 as usize].clone().expect("operands come before their users")
    }

    fn compute(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        if let Op::Repeat(repeat) = &node.op {
            // One loop gives all that came of its variables.
            if self.known[id.0 as usize].is_none() {
                self.repeat(id, repeat);
            }
            return;
        }
        let operands: Vec<Rc<Dense>> = node.operands.iter().map(|&operand| self.value(operand)).collect();
        let dense = node::evaluate(node, &operands, &self.environment, self.extents);
        let dense = if matches!(node.op, Op::Stop) { dense } else { self.rounded(dense) };
        self.known[id.0 as usize] = Some(Rc::new(dense));
    }

    fn rounded(&self, mut dense: Dense) -> Dense {
        if self.environment.precision == Precision::Single && !dense.axes.is_empty() {
            round_to_single(&mut dense);
        }
        dense
    }

    /// The values of some nodes as those of the variables, along all of their axes.
    fn variables(&self, nodes: &[NodeId], axes: &[Axes]) -> Vec<Rc<Dense>> {
        let along = |(&id, axes): (&NodeId, &Axes)| Rc::new(self.rounded(arrange(&self.value(id), axes, self.extents)));
        nodes.iter().zip(axes).map(along).collect()
    }

    fn repeat(&mut self, id: NodeId, repeat: &Repeat) {
        let graph = self.graph;
        let operands = &graph.node(id).operands;
        let (starts, results) = operands.split_at(repeat.variables as usize);
        let nodes = body_of(graph, &self.open, id).nodes;
        // Those that vary with an inner loop only are computed with that one.
        let around = self.open[id.0 as usize].clone();
        let own = |id: &&NodeId| self.open[id.0 as usize].iter().all(|of| *of == repeat.of || around.contains(of));
        let turn: Vec<NodeId> = nodes.iter().filter(own).copied().collect();
        let axes = self.axes_of_variables(repeat.of, results);
        let mut current = self.variables(starts, &axes);
        let mut before = vec![Vec::new(); current.len()];
        for _ in 0..repeat.turns {
            before.iter_mut().zip(&current).for_each(|(trace, value)| trace.push(value.clone()));
            nodes.iter().for_each(|node| self.known[node.0 as usize] = None);
            for &node in &turn {
                match &graph.node(node).op {
                    Op::Carried(carried) if carried.of == repeat.of => {
                        self.known[node.0 as usize] = Some(current[carried.variable as usize].clone());
                    }
                    _ => self.compute(node),
                }
            }
            current = self.variables(results, &axes);
        }
        self.finish(repeat, &current, &before);
    }

    /// The axes of each variable: what the nodes of the loop say, or those of its result where nothing asks for it.
    fn axes_of_variables(&self, of: LoopId, results: &[NodeId]) -> Vec<Axes> {
        let mut axes: Vec<Axes> = results.iter().map(|&result| self.graph.axes_of(result).clone()).collect();
        for &id in &self.live {
            match &self.graph.node(id).op {
                Op::Carried(carried) if carried.of == of => axes[carried.variable as usize] = carried.ty.axes.clone(),
                Op::Repeat(repeat) if repeat.of == of => axes[repeat.variable as usize] = repeat.ty.axes.clone(),
                _ => {}
            }
        }
        axes
    }

    fn finish(&mut self, repeat: &Repeat, last: &[Rc<Dense>], before: &[Vec<Rc<Dense>>]) {
        for position in 0..self.live.len() {
            let id = self.live[position];
            let Op::Repeat(other) = &self.graph.node(id).op else { continue };
            if other.of != repeat.of {
                continue;
            }
            let variable = other.variable as usize;
            let value = match other.trace {
                None => last[variable].clone(),
                Some(_) => Rc::new(stacked(&self.graph.node(id).ty.axes, &last[variable], &before[variable])),
            };
            self.known[id.0 as usize] = Some(value);
        }
    }
}

/// Tensors of one shape one after the other along a first axis.
fn stacked(axes: &Axes, like: &Dense, parts: &[Rc<Dense>]) -> Dense {
    let mut shape = vec![parts.len()];
    shape.extend(&like.shape);
    let values = match like.element() {
        Element::Real => Values::Real(parts.iter().flat_map(|part| part.reals().iter().copied()).collect()),
        Element::Int => Values::Int(parts.iter().flat_map(|part| part.ints().iter().copied()).collect()),
        Element::Bool => Values::Bool(parts.iter().flat_map(|part| part.bools().iter().copied()).collect()),
    };
    Dense { axes: axes.clone(), shape, values }
}
