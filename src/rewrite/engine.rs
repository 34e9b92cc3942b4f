//! Builds a simplified graph: a node is added only after folding, the structural rules and the pattern
//! rules had their say, so everything in the new graph is simplified already and the right side of a rule
//! is simplified while it is built. Relies on rules that go one way; fuel bounds the work if two do not.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::fold::fold;
use super::pattern::{Bindings, Head, Pattern};
use super::rules::{Grade, rules};
use super::structural;
use crate::ir::{Axes, Constant, Graph, InputData, NodeId, Op, without};
use crate::op::Element;

/// What the rules did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// How often each rule was applied, by name.
    pub firings: BTreeMap<&'static str, u64>,
    /// Whether the fuel ran out: two rules undo each other, a mistake in the tables.
    pub exhausted: bool,
}

/// The state of one pass.
pub(super) struct Engine<'a> {
    pub graph: Graph,
    /// What the caller guarantees of labels.
    pub inputs: &'a [InputData],
    pub statistics: Statistics,
    pub strict: bool,
    done: FxHashMap<NodeId, NodeId>,
    fuel: u64,
}

impl<'a> Engine<'a> {
    pub fn new(graph: Graph, inputs: &'a [InputData], strict: bool, fuel: u64) -> Self {
        Engine { graph, inputs, statistics: Statistics::default(), strict, done: FxHashMap::default(), fuel }
    }

    /// The simplified node of an operation on simplified operands. Its axes are those of the operation.
    pub fn make(&mut self, op: Op, operands: &[NodeId]) -> NodeId {
        let mut operands: SmallVec<[NodeId; 3]> = operands.iter().copied().collect();
        let head = Head::of(&op);
        if head.is_some_and(Head::is_commutative) {
            // Literals last, and otherwise one order, so that equal sums are one node.
            operands.sort_by_key(|&id| (self.graph.constant_of(id).is_some(), id));
        }
        if let Some(folded) = self.folded(&op, &operands) {
            return folded;
        }
        let raw = self.graph.add(op.clone(), &operands);
        if let Some(&known) = self.done.get(&raw) {
            return known;
        }
        let mut result = raw;
        if let Some(replacement) = self.rewritten(&op, &operands, raw) {
            result = self.with_axes_of(replacement, raw);
        }
        self.done.insert(raw, result);
        self.done.insert(result, result);
        result
    }

    fn folded(&mut self, op: &Op, operands: &[NodeId]) -> Option<NodeId> {
        let constants: Option<SmallVec<[Constant; 3]>> =
            operands.iter().map(|&operand| self.graph.constant_of(operand)).collect();
        let value = fold(op, &constants.filter(|constants| !constants.is_empty())?)?;
        Some(self.graph.add(Op::Constant(value), &[]))
    }

    fn rewritten(&mut self, op: &Op, operands: &[NodeId], raw: NodeId) -> Option<NodeId> {
        if self.fuel == 0 {
            self.statistics.exhausted = true;
            return None;
        }
        for rule in structural::RULES {
            if self.strict && rule.grade != Grade::Exact {
                continue;
            }
            if let Some(result) = (rule.apply)(self, op, operands)
                && result != raw
            {
                self.count(rule.name);
                return Some(result);
            }
        }
        for rule in rules().at(Head::of(op)?) {
            let mut found = Bindings::default();
            if (self.strict && rule.row.grade != Grade::Exact)
                || !rule.left.matches(&self.graph, raw, &mut found)
                || !rule.row.condition.is_none_or(|condition| (condition.holds)(&self.graph, &found))
            {
                continue;
            }
            let element = self.graph.ty(raw).element;
            let result = self.build(&rule.right, &found, element);
            if result != raw && self.graph.ty(result).element == element {
                self.count(rule.row.name);
                return Some(result);
            }
        }
        None
    }

    fn count(&mut self, name: &'static str) {
        *self.statistics.firings.entry(name).or_default() += 1;
        self.fuel -= 1.min(self.fuel);
    }

    /// The right side of a rule. `element` is that of a literal at its root.
    fn build(&mut self, pattern: &Pattern, found: &Bindings, element: Element) -> NodeId {
        match pattern {
            Pattern::Variable(name) => found.node(*name),
            Pattern::Truth(value) => self.graph.bool(*value),
            Pattern::Number(value) if element == Element::Int => self.graph.int(*value as i64),
            Pattern::Number(value) => self.graph.real(*value),
            Pattern::Apply(head, axes, operands) => {
                // A literal has the element type of the operand beside it.
                let mut built: SmallVec<[Option<NodeId>; 3]> = operands
                    .iter()
                    .map(|operand| {
                        (!matches!(operand, Pattern::Number(_))).then(|| self.build(operand, found, Element::Real))
                    })
                    .collect();
                let beside = built.iter().flatten().last().map_or(element, |&id| self.graph.ty(id).element);
                for (slot, operand) in built.iter_mut().zip(operands) {
                    if slot.is_none() {
                        *slot = Some(self.build(operand, found, beside));
                    }
                }
                let operands: SmallVec<[NodeId; 3]> = built.into_iter().flatten().collect();
                self.make(head.with_axes(axes.map(|axes| found.axes(axes))), &operands)
            }
        }
    }

    /// The node repeated along the axes of `raw` that it lost.
    fn with_axes_of(&mut self, id: NodeId, raw: NodeId) -> NodeId {
        let axes = self.graph.axes_of(raw).clone();
        self.broadcast(id, &axes)
    }

    /// The simplified node repeated along those of `axes` that it lacks.
    pub fn broadcast(&mut self, id: NodeId, axes: &[crate::ir::AxisId]) -> NodeId {
        let mut missing: Axes = without(axes, self.graph.axes_of(id));
        missing.sort();
        if missing.is_empty() { id } else { self.make(Op::Broadcast(missing), &[id]) }
    }

    /// A simplified reduction; the operand itself over no axes.
    pub fn reduce(&mut self, op: crate::op::ReduceOp, axes: &[crate::ir::AxisId], x: NodeId) -> NodeId {
        let mut axes: Axes = axes.iter().copied().collect();
        axes.sort();
        if axes.is_empty() { x } else { self.make(Op::Reduce(op, axes), &[x]) }
    }
}
