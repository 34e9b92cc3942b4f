//! `repeat` to a loop of the graph.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::LowerError;
use super::instance::{Instance, Lowering, Value};
use super::outermost::Outermost;
use super::turns::ClosedLoop;
use crate::hir::{self, AxisKind, repeat_axes};
use crate::ir::{AxisId, Carried, Constant, LoopId, NodeId, Op, Repeat, Type};
use crate::span::Span;

/// The most turns of a loop: the values of all of them are kept for the derivative.
const MAX_TURNS: i64 = 100_000;

/// A loop whose body is being lowered.
pub(super) struct OpenLoop {
    /// The first node that may be of its body.
    pub first: NodeId,
    /// How many conditions were noted before it.
    pub conditions: usize,
}

/// The loops of an instance, as far as lowered.
#[derive(Default)]
pub(super) struct Turning {
    /// By their position among the function's.
    loops: HashMap<u32, Turns>,
}

struct Turns {
    /// The loop; none where there is at most one turn, whose body is put in its place.
    of: Option<LoopId>,
    turns: u64,
    /// Of each variable, in the order of the language.
    axes: Vec<Vec<AxisId>>,
}

impl Lowering<'_> {
    /// A variable at the start of a turn. The first one opens the loop.
    pub(super) fn carried(
        &mut self,
        instance: &Instance<'_>,
        turning: &mut Turning,
        repeat: u32,
        variable: u32,
        span: Span,
    ) -> Result<Value, LowerError> {
        let opened = match turning.loops.entry(repeat) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let opened = self.open(instance, repeat)?;
                let first = NodeId(self.program.graph.len() as u32);
                self.open_loops.push(OpenLoop { first, conditions: self.conditions.len() });
                free.insert(opened)
            }
        };
        let start = &instance.lets[instance.function.repeats[repeat as usize].starts[variable as usize].0 as usize];
        let axes = opened.axes[variable as usize].clone();
        let graph = &mut self.program.graph;
        let node = match opened.of {
            Some(of) => {
                let ty = Type { element: graph.ty(start.node).element, axes: axes.iter().copied().collect() };
                graph.add(Op::Carried(Carried { of, variable, ty }), &[])
            }
            None => graph.broadcast(start.node, &axes),
        };
        Ok(Value { node, axes, outer: Outermost::other("a variable of a `repeat`", span), data: true })
    }

    fn open(&mut self, instance: &Instance<'_>, repeat: u32) -> Result<Turns, LowerError> {
        let count = &instance.function.repeats[repeat as usize].count;
        let node = self.expr(instance, count)?.node;
        let Some(Constant::Int(turns)) = self.program.graph.constant_of(node) else {
            return Err(LowerError::NotCompileTime { span: count.span });
        };
        if !(0..=MAX_TURNS).contains(&turns) {
            return Err(LowerError::Turns { turns, limit: MAX_TURNS, span: count.span });
        }
        let of = (turns > 1).then(|| self.program.graph.new_loop());
        let axes = self.axes_of_variables(instance, repeat);
        Ok(Turns { of, turns: turns as u64, axes })
    }

    fn axes_of_variables(&mut self, instance: &Instance<'_>, repeat: u32) -> Vec<Vec<AxisId>> {
        let axes_of = |value: &Value, kind: hir::Kind| match kind {
            hir::Kind::Loss => value.outer.reduced().map(|reduced| reduced.each_axes.clone()).unwrap_or_default(),
            _ => value.axes.clone(),
        };
        let inputs = instance.function.inputs.iter().zip(&instance.inputs);
        let known = hir::Instance {
            function: instance.function,
            axes: instance.axes.clone(),
            inputs: inputs.map(|(input, value)| axes_of(value, input.ty.kind)).collect(),
            lets: instance.lets.iter().map(|value| value.axes.clone()).collect(),
        };
        let hir = self.hir;
        // The axes that a callee makes do not leave it: any other ones will do.
        let mut fresh = u32::MAX;
        repeat_axes(hir, known, repeat, &mut |axis, _| match &axis.kind {
            AxisKind::Labelled(data) => Some(self.labelled_axis(data)),
            _ => {
                fresh -= 1;
                Some(AxisId(fresh))
            }
        })
    }

    /// A variable after the last turn.
    pub(super) fn repeated(
        &mut self,
        instance: &Instance<'_>,
        turning: &Turning,
        repeat: u32,
        variable: u32,
        span: Span,
    ) -> Value {
        let opened = &turning.loops[&repeat];
        let repeat = &instance.function.repeats[repeat as usize];
        let starts = repeat.starts.iter().map(|start| &instance.lets[start.0 as usize]);
        let results = &instance.lets[repeat.results.0 as usize..repeat.end()];
        let axes = opened.axes[variable as usize].clone();
        let all: Vec<&Value> = starts.chain(results).collect();
        if variable == 0
            && let Some(open) = self.open_loops.pop()
        {
            let operands: Vec<NodeId> = all.iter().map(|value| value.node).collect();
            let closed =
                ClosedLoop { of: opened.of, turns: opened.turns, operands: &operands, span: repeat.count.span };
            self.close_conditions(&open, &closed);
        }
        let graph = &mut self.program.graph;
        let node = match opened.of {
            Some(of) => {
                let operands: Vec<NodeId> = all.iter().map(|value| value.node).collect();
                let element = graph.ty(operands[variable as usize]).element;
                let ty = Type { element, axes: axes.iter().copied().collect() };
                let variables = repeat.variables() as u32;
                let op = Repeat { of, turns: opened.turns, variables, variable, ty, trace: None };
                graph.add(Op::Repeat(op), &operands)
            }
            None => {
                let last = if opened.turns == 0 { variable as usize } else { repeat.variables() + variable as usize };
                graph.broadcast(all[last].node, &axes)
            }
        };
        let data = all.iter().any(|value| value.data);
        Value { node, axes, outer: Outermost::other("a variable of a `repeat`", span), data }
    }
}
