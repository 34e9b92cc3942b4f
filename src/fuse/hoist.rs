//! What does not vary in a loop → code before it.

use rustc_hash::FxHashSet;

use super::analysis::{Context, Demand, Goal, Home};
use super::schedule::Scheduler;
use super::value::{Source, ValueId, ValueOp};
use crate::ir::Axes;
use crate::kernel::{BufferKind, Statement, TensorRef};
use crate::op::{Binary, Element, Unary};

/// Code over lanes of so many operations is rather read, from memory in the first-level cache, than computed again.
const WORTH: usize = 3;

impl Scheduler<'_> {
    /// Computes before a loop what does not vary in it. Sums of lanes in double precision, which take half a dozen
    /// instructions to read, are copied in the precision of the loss.
    pub(super) fn before_loop(&mut self, demands: &[Demand]) -> Vec<Statement> {
        let hoisted = self.invariant(demands, false);
        let doubles = self.doubles(demands, &hoisted);
        let mut before = self.provided(&hoisted);
        let mut copies = Vec::new();
        for value in doubles {
            let copy = TensorRef::Buffer(self.new_buffer(Element::Real, BufferKind::Kept, Vec::new(), true));
            before.push(Demand { value, goal: Goal::Keep(copy), domain: self.values.axes(value).clone() });
            copies.push((value, Home::Memory(copy)));
        }
        let statements = self.leaf(before);
        self.available.extend(copies);
        statements
    }

    /// Computes once what does not vary along the vector axis.
    pub(super) fn hoist_scalars(&mut self, demands: &[Demand]) -> Vec<Statement> {
        let invariant = self.invariant(demands, true);
        let demands = self.provided(&invariant);
        self.leaf(demands)
    }

    fn provided(&self, values: &[ValueId]) -> Vec<Demand> {
        let provide = |&value: &ValueId| {
            let domain: Axes = self.values.axes(value).clone();
            Demand { value, goal: Goal::Provide, domain }
        };
        values.iter().map(provide).collect()
    }

    /// The largest parts of some demands that vary along open axes only; `once` leaves those out that vary along the
    /// vector axis.
    fn invariant(&self, demands: &[Demand], once: bool) -> Vec<ValueId> {
        let mut found = Vec::new();
        let context = self.context();
        for demand in demands {
            context.walk(context.body(demand), |id| {
                let value = self.values.get(id);
                let varies = self.vector.is_some_and(|vector| value.axes.contains(&vector));
                let ready = value.axes.iter().all(|axis| self.open.contains(axis)) && self.is_computable(id);
                // Cheap code that varies is left in its strip, but may contain what does not vary.
                if !ready || (varies && (once || work(&context, id) < WORTH)) {
                    return true;
                }
                let trivial = matches!(
                    value.op,
                    ValueOp::Constant(_) | ValueOp::Parameter(_) | ValueOp::Size(_) | ValueOp::Index(_)
                );
                if !trivial {
                    found.push(id);
                }
                false
            });
        }
        found.sort();
        found.dedup();
        found
    }

    /// The sums of lanes that some demands read, but for what is computed from them before.
    fn doubles(&self, demands: &[Demand], hoisted: &[ValueId]) -> Vec<ValueId> {
        let mut found = FxHashSet::default();
        let context = self.context();
        for demand in demands {
            context.walk(context.body(demand), |id| {
                if hoisted.contains(&id) {
                    return false;
                }
                let operands = self.values.get(id).operands.iter().copied();
                found.extend(operands.filter(|&operand| self.is_double_block(operand)));
                true
            });
        }
        let mut found: Vec<ValueId> = found.into_iter().collect();
        found.sort();
        found
    }

    fn is_double_block(&self, value: ValueId) -> bool {
        let Some(&Home::Memory(TensorRef::Buffer(buffer))) = self.available.get(&value) else { return false };
        let buffer = self.plan.buffer(buffer);
        buffer.is_one_block() && buffer.kind == BufferKind::Accumulator && buffer.element == Element::Real
    }

    /// Whether everything below a value can be computed without a loop.
    fn is_computable(&self, value: ValueId) -> bool {
        let mut computable = true;
        self.context().walk(value, |id| {
            match &self.values.get(id).op {
                ValueOp::Reduce(..) => computable = false,
                ValueOp::Load(Source::Value(stored), _) => computable &= self.available.contains_key(stored),
                _ => {}
            }
            computable
        });
        computable
    }
}

/// About how many instructions a value takes beside what it reads.
fn work(context: &Context<'_>, value: ValueId) -> usize {
    if context.is_heavy(value) {
        return WORTH;
    }
    let mut work = 0;
    context.walk(value, |id| {
        work += match context.values.get(id).op {
            ValueOp::Constant(_) | ValueOp::Parameter(_) | ValueOp::Size(_) | ValueOp::Index(_) | ValueOp::Load(..) => {
                0
            }
            ValueOp::Binary(Binary::Div) | ValueOp::Unary(Unary::Sqrt) => WORTH,
            _ => 1,
        };
        true
    });
    work
}
