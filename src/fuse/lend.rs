//! What a later pass needs of the inputs → the memory of the result that it writes.
//!
//! The gradient of a loss of sums, such as Dice of a sigmoid, takes two passes over its inputs: one for the sums, and one
//! that multiplies a slope, which has functions in it, by what the sums give. The first pass can leave the slope where the
//! second one writes the gradient: no other memory is touched, and no function is computed twice.

use rustc_hash::FxHashSet;

use super::analysis::{Context, Goal, Item, is_transcendental};
use super::value::{Position, Source, ValueId, ValueOp};
use crate::ir::AxisId;
use crate::kernel::{Output, TensorRef};
use crate::op::Element;

/// A value that an earlier pass leaves in an output's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loan {
    pub value: ValueId,
    /// By whose loop it is written.
    pub level: usize,
    /// By position among the outputs.
    pub output: u32,
}

/// The loans that pay, where passes over the whole data keep nothing else.
pub(super) fn loans(context: &Context<'_>, outputs: &[Output], items: &[Item], axis: AxisId) -> Vec<Loan> {
    if !context.inlined || !context.open.is_empty() {
        return Vec::new();
    }
    let search = Search { context, outputs, items, axis };
    (0..items.len()).filter_map(|position| search.loan(position)).collect()
}

struct Search<'a> {
    context: &'a Context<'a>,
    outputs: &'a [Output],
    items: &'a [Item],
    axis: AxisId,
}

impl Search<'_> {
    /// What an item's output lends its memory for.
    fn loan(&self, position: usize) -> Option<Loan> {
        let item = &self.items[position];
        let Goal::Output(TensorRef::Output(output), positions) = &item.demand.goal else { return None };
        let own = &self.outputs[*output as usize].axes;
        let is_whole = own.iter().map(|&axis| Position::Axis(axis)).eq(positions.iter().copied());
        let is_late = own.contains(&self.axis) && item.inside && item.level > 0;
        if !is_whole || !is_late || self.writers(*output) != 1 {
            return None;
        }
        let value = self.only_part_with_functions(self.context.body(&item.demand), own)?;
        // What is wanted as a whole has memory of its own, which stays.
        if self.items.iter().any(|other| other.demand.value == value) {
            return None;
        }
        let functions = self.functions(value);
        // One cheap function is computed as fast as it is read.
        if functions.len() < 2 || functions.iter().any(|&id| !self.context.values.axes(id).contains(&self.axis)) {
            return None;
        }
        let level = self.items.iter().filter(|other| other.inside && other.level < item.level);
        let level = level.filter(|other| self.needs(other, &functions)).map(|other| other.level).min()?;
        // Whoever computes them anyway gains nothing.
        let beside = self.items.iter().enumerate().filter(|&(other, _)| other != position);
        let mut beside = beside.map(|(_, other)| other).filter(|other| other.inside && other.level >= item.level);
        (!beside.any(|other| self.needs(other, &functions))).then_some(Loan { value, level, output: *output })
    }

    /// How many demands write to an output.
    fn writers(&self, output: u32) -> usize {
        let writes =
            |item: &&Item| matches!(item.demand.goal, Goal::Output(TensorRef::Output(own), _) if own == output);
        self.items.iter().filter(writes).count()
    }

    /// The one part of a value that holds all its functions, depends on nothing but inputs, and varies along just these
    /// axes.
    fn only_part_with_functions(&self, from: ValueId, axes: &[AxisId]) -> Option<ValueId> {
        let mut found = FxHashSet::default();
        let mut open = vec![from];
        let mut seen = FxHashSet::default();
        while let Some(id) = open.pop() {
            if !seen.insert(id) || self.functions(id).is_empty() {
                continue;
            }
            let value = self.context.values.get(id);
            let same = value.axes.len() == axes.len() && axes.iter().all(|axis| value.axes.contains(axis));
            if same && value.element == Element::Real && self.is_of_inputs(id) {
                found.insert(id);
            } else if is_transcendental(&value.op) {
                return None;
            } else if !matches!(value.op, ValueOp::Reduce(..)) {
                open.extend(value.operands.iter().copied());
            }
        }
        let mut found = found.into_iter();
        found.next().filter(|_| found.next().is_none())
    }

    /// The functions below a value, without those of sums.
    fn functions(&self, from: ValueId) -> FxHashSet<ValueId> {
        let mut functions = FxHashSet::default();
        self.context.walk(from, |id| {
            let op = &self.context.values.get(id).op;
            if is_transcendental(op) {
                functions.insert(id);
            }
            !matches!(op, ValueOp::Reduce(..))
        });
        functions
    }

    fn is_of_inputs(&self, from: ValueId) -> bool {
        let mut alone = true;
        self.context.walk(from, |id| {
            alone &=
                !matches!(self.context.values.get(id).op, ValueOp::Reduce(..) | ValueOp::Load(Source::Value(_), _));
            alone
        });
        alone
    }

    /// Whether the loop of an item computes some of these functions.
    fn needs(&self, item: &Item, functions: &FxHashSet<ValueId>) -> bool {
        let mut needs = false;
        self.context.walk(self.context.body(&item.demand), |id| {
            needs |= functions.contains(&id);
            !matches!(self.context.values.get(id).op, ValueOp::Reduce(..))
        });
        needs
    }
}
