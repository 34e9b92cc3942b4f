//! Graph → levels: what is computed between operations on whole tensors, for the program and for the body of every loop.
//!
//! A body is resolved by itself ([`super::prepare`] does one such region): it reads its variables, and what is computed
//! once before the loop, from memory.

use rustc_hash::FxHashMap;

use super::prepare::{Piece, Resolver};
use super::value::Values;
use super::whole::{Levels, Stored, Turning, Variable, whole_op};
use crate::ir::{AxisId, Loops, NodeId, Op, Output, Program, open_loops};
use crate::kernel::{LoopVariable, Plan, TensorRef, WholeCall, WholeOperand};
use crate::op::Element;

/// What is computed between two rounds of whole operations, and the whole operations after it.
#[derive(Default)]
pub(super) struct Level {
    pub pieces: Vec<Piece>,
    pub steps: Vec<Step>,
}

/// What is not fused with anything.
pub(super) enum Step {
    Whole(WholeCall),
    Repeat(Turns),
}

/// A loop of the program.
pub(super) struct Turns {
    /// As in [`crate::kernel::Repeat`].
    pub turns: u64,
    pub variables: Vec<LoopVariable>,
    pub body: Vec<Level>,
}

/// A node that is wanted as a whole, and where.
struct Target {
    tensor: TensorRef,
    node: NodeId,
    axes: Vec<AxisId>,
    element: Option<Element>,
}

/// Resolves all outputs and all operands of whole operations.
pub(super) fn prepare(program: &Program, plan: &mut Plan, values: &mut Values) -> Vec<Level> {
    let open = open_loops(&program.graph);
    let target = |(position, output): (usize, &Output)| Target {
        tensor: TensorRef::Output(position as u32),
        node: output.node,
        axes: output.axes.clone(),
        element: Some(Element::Real),
    };
    let targets: Vec<Target> = program.outputs.iter().enumerate().map(target).collect();
    Regions { program, open: &open, plan, values }.levels(&targets, Stored::default())
}

/// The program and the bodies of its loops, each of which is resolved by itself.
struct Regions<'a> {
    program: &'a Program,
    open: &'a [Loops],
    plan: &'a mut Plan,
    values: &'a mut Values,
}

impl Regions<'_> {
    /// What fills some targets, where some nodes are in memory already.
    fn levels(&mut self, targets: &[Target], given: Stored) -> Vec<Level> {
        let graph = &self.program.graph;
        let roots: Vec<NodeId> = targets.iter().map(|target| target.node).collect();
        let levels = Levels::new(self.program, self.open, &roots, given, self.plan);
        let mut resolver = Resolver::new(graph, self.values, &levels);
        resolver.resolve_in_order();
        let last = roots.iter().map(|&root| levels.after(root)).max().unwrap_or(0);
        let mut work: Vec<Level> = (0..=last).map(|_| Level::default()).collect();
        for target in targets {
            let level = &mut work[levels.after(target.node)];
            resolver.pieces(target.tensor, target.node, &target.axes, target.element, &mut level.pieces);
        }
        let mut stored = FxHashMap::default();
        for &(id, result) in &levels.whole {
            let node = graph.node(id);
            let Some(op) = whole_op(node) else { continue };
            let mut operands = Vec::new();
            for &operand in &node.operands {
                // Filled as early as it can be: another operation of an earlier level may read it too.
                let level = &mut work[levels.after(operand)];
                operands.push(resolver.whole_operand(operand, self.plan, &mut stored, &mut level.pieces));
            }
            work[levels.of(id)].steps.push(Step::Whole(WholeCall { op, operands, result }));
        }
        let mut bodies = Vec::new();
        for turning in &levels.loops {
            bodies.push(resolver.body(turning, self.plan, &mut stored, &mut work));
        }
        for (turning, (targets, given)) in levels.loops.iter().zip(bodies) {
            let Op::Repeat(repeat) = &graph.node(turning.node).op else { continue };
            let body = self.levels(&targets, given);
            let variable = |own: &Variable| LoopVariable {
                current: own.current,
                next: own.next,
                traces: turning.traces.iter().filter(|trace| trace.0 == own.variable).map(|trace| trace.1).collect(),
            };
            let variables = turning.variables.iter().map(variable).collect();
            let turns = Turns { turns: repeat.turns, variables, body };
            work[levels.of(turning.node)].steps.push(Step::Repeat(turns));
        }
        work
    }
}

impl Resolver<'_> {
    /// Fills what a loop begins with. Returns what its body has to fill, and what that finds in memory: what is in
    /// memory here, the variables, and what is worth computing once rather than in every turn.
    fn body(
        &mut self,
        turning: &Turning,
        plan: &mut Plan,
        stored: &mut FxHashMap<NodeId, WholeOperand>,
        work: &mut [Level],
    ) -> (Vec<Target>, Stored) {
        let mut given = self.levels.results.clone();
        let operands = &self.graph.node(turning.node).operands;
        let results = operands.len() / 2;
        let mut targets = Vec::new();
        for own in &turning.variables {
            let (tensor, axes) = (TensorRef::Buffer(own.next), own.axes.clone());
            let start = operands[own.variable as usize];
            self.pieces(tensor, start, &axes, None, &mut work[self.levels.after(start)].pieces);
            let node = operands[results + own.variable as usize];
            targets.push(Target { tensor, node, axes, element: None });
        }
        for &id in &turning.body.nodes {
            let Op::Carried(carried) = &self.graph.node(id).op else { continue };
            let of_loop = matches!(&self.graph.node(turning.node).op, Op::Repeat(own) if own.of == carried.of);
            let variable = turning.variables.iter().find(|own| own.variable == carried.variable);
            if let Some(own) = variable.filter(|_| of_loop) {
                given.insert(id, (TensorRef::Buffer(own.current), own.axes.clone()));
            }
        }
        for &id in &turning.body.captured {
            if !self.is_cheap(id) {
                let level = &mut work[self.levels.after(id)];
                let operand = self.whole_operand(id, plan, stored, &mut level.pieces);
                given.insert(id, (operand.tensor, operand.axes));
            }
        }
        (targets, given)
    }
}
