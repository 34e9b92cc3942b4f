//! What a later pass needs of an earlier one → the memory of the result that it writes.
//!
//! What is kept from pass to pass anyway, such as the probabilities of a softmax, needs no memory of its own where a result
//! of its shape replaces it and nothing reads it later. Besides, something may be kept that would be computed again:
//! the gradient of a loss of sums, such as Dice of a sigmoid, takes two passes over its inputs: one for the sums, and one
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

/// The loans that pay: of what is kept anyway, each with its level, or else of what would be computed again.
pub(super) fn loans(
    context: &Context<'_>,
    outputs: &[Output],
    items: &[Item],
    kept: &[(ValueId, usize)],
    axis: AxisId,
) -> Vec<Loan> {
    if !context.open.is_empty() {
        return Vec::new();
    }
    let search = Search { context, outputs, items, axis };
    let mut loans = Vec::new();
    for position in 0..items.len() {
        let Some(output) = search.lender(position) else { continue };
        let is_free = |value: ValueId| loans.iter().all(|loan: &Loan| loan.value != value);
        let of_kept = kept.iter().find(|&&(value, _)| is_free(value) && search.fits(value, position, output));
        loans.extend(match of_kept {
            Some(&(value, level)) => Some(Loan { value, level, output }),
            None if kept.is_empty() && context.inlined => search.slope(position, output),
            None => None,
        });
    }
    loans
}

struct Search<'a> {
    context: &'a Context<'a>,
    outputs: &'a [Output],
    items: &'a [Item],
    axis: AxisId,
}

impl Search<'_> {
    /// The output that an item writes as a whole, in a later pass than the first, and no other item does.
    fn lender(&self, position: usize) -> Option<u32> {
        let item = &self.items[position];
        let Goal::Output(TensorRef::Output(output), positions) = &item.demand.goal else { return None };
        let own = &self.outputs[*output as usize].axes;
        let is_whole = own.iter().map(|&axis| Position::Axis(axis)).eq(positions.iter().copied());
        let is_late = own.contains(&self.axis) && item.inside && item.level > 0;
        (is_whole && is_late && self.writers(*output) == 1).then_some(*output)
    }

    /// Whether a value that is kept may lie in an output's memory: it has its shape, is read at its own positions only,
    /// and by nothing that may come after the output is written.
    fn fits(&self, value: ValueId, position: usize, output: u32) -> bool {
        let data = self.context.values.get(value);
        let own = &self.outputs[output as usize].axes;
        let same = data.axes.len() == own.len() && own.iter().all(|axis| data.axes.contains(axis));
        let reads = |reader: usize| {
            let mut reads = false;
            self.context.walk(self.context.body(&self.items[reader].demand), |id| {
                reads |= id == value;
                // What is computed elsewhere is read where it lies; what the reader itself provides is computed here.
                let provides = |item: &Item| matches!(item.demand.goal, Goal::Provide) && item.demand.value == id;
                !self.items.iter().enumerate().any(|(other, item)| other != reader && provides(item))
            });
            reads
        };
        let level = self.items[position].level;
        let mut beside = (0..self.items.len()).filter(|&other| other != position);
        let read_later = |other: usize| self.items[other].level >= level && reads(other);
        same && data.element == Element::Real
            && !self.is_demanded(value)
            && !self.is_read_elsewhere(value)
            && !beside.any(read_later)
    }

    /// Whether a value is wanted as a whole: it has memory of its own, which stays.
    fn is_demanded(&self, value: ValueId) -> bool {
        self.items.iter().any(|item| item.demand.value == value)
    }

    /// Whether a value is read at other positions than its own.
    fn is_read_elsewhere(&self, value: ValueId) -> bool {
        let mut elsewhere = false;
        for item in self.items {
            self.context.walk(self.context.body(&item.demand), |id| {
                let op = &self.context.values.get(id).op;
                elsewhere |= matches!(op, ValueOp::Load(Source::Value(stored), _) if *stored == value);
                true
            });
        }
        elsewhere
    }

    /// What the passes before leave of an item in its output's memory, if they keep nothing else.
    fn slope(&self, position: usize, output: u32) -> Option<Loan> {
        let item = &self.items[position];
        let own = &self.outputs[output as usize].axes;
        let value = self.only_part_with_functions(self.context.body(&item.demand), own)?;
        if self.is_demanded(value) {
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
        (!beside.any(|other| self.needs(other, &functions))).then_some(Loan { value, level, output })
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
