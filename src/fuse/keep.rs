//! What the loops of a level compute → what of it is kept for the loops of later levels.
//!
//! What is computed again instead, and at which point of an expression it is cut, is decided here: a kept number costs a
//! write and a read of memory.

use rustc_hash::{FxHashMap, FxHashSet};

use super::analysis::{Context, Goal, Item, is_transcendental};
use super::value::{Source, ValueId, ValueOp};
use crate::ir::AxisId;
use crate::op::{Binary, Element, Unary};

/// With how many functions, divisions and roots in all a pass waits for memory rather than for arithmetic: computing one
/// again is then cheaper than a number that is written and read.
const FEW: usize = 4;

impl Context<'_> {
    /// How many functions some demands have in all, with divisions and roots, which the processor does not do at once.
    fn functions(&self, items: &[Item]) -> usize {
        let mut functions = FxHashSet::default();
        for item in items {
            self.walk(self.body(&item.demand), |id| {
                let value = self.values.get(id);
                let slow = match value.op {
                    ValueOp::Binary(Binary::Div) => !self.values.axes(value.operands[1]).is_empty(),
                    ValueOp::Unary(Unary::Sqrt) => !value.axes.is_empty(),
                    _ => false,
                };
                if slow || is_transcendental(&value.op) {
                    functions.insert(id);
                }
                true
            });
        }
        functions.len()
    }

    /// Whether a value is rather computed again than kept in memory: it has one function at most, and that a cheap one.
    fn is_again(&self, value: ValueId, provided: &FxHashSet<ValueId>) -> bool {
        let (mut functions, mut cheap) = (0, true);
        self.walk(value, |id| {
            if provided.contains(&id) {
                return false;
            }
            match &self.values.get(id).op {
                ValueOp::Reduce(..) | ValueOp::Binary(Binary::Pow | Binary::Powi | Binary::Atan2) => cheap = false,
                ValueOp::Polygamma(_) | ValueOp::Unary(Unary::Lgamma | Unary::Sin | Unary::Cos | Unary::Tan) => {
                    cheap = false;
                }
                op => functions += usize::from(is_transcendental(op)),
            }
            cheap && functions <= 1
        });
        cheap && functions <= 1
    }

    /// What the loops of later levels need that an earlier level computes too and that is worth keeping,
    /// each with the earliest such level.
    pub fn kept(&self, items: &[Item], axis: AxisId) -> Vec<(ValueId, usize)> {
        // What is kept inside of an outer loop stays in a cache.
        let again = self.inlined && self.open.is_empty() && self.functions(items) <= FEW;
        self.shared(items, axis, again)
    }

    /// The same; without what is computed again, if that is allowed.
    pub fn shared(&self, items: &[Item], axis: AxisId, again: bool) -> Vec<(ValueId, usize)> {
        let mut computed: FxHashMap<ValueId, usize> = FxHashMap::default();
        let mut kept: FxHashMap<ValueId, usize> = FxHashMap::default();
        let last = items.iter().map(|item| item.level).max().unwrap_or(0);
        let provided: FxHashSet<ValueId> = items
            .iter()
            .filter(|item| matches!(item.demand.goal, Goal::Provide))
            .map(|item| item.demand.value)
            .collect();
        for level in 0..=last {
            let mut here = Vec::new();
            for item in items.iter().filter(|item| item.inside && item.level == level) {
                self.walk(self.body(&item.demand), |id| {
                    let elsewhere = provided.contains(&id) && id != item.demand.value;
                    if elsewhere || !self.values.axes(id).contains(&axis) {
                        return !elsewhere;
                    }
                    match computed.get(&id) {
                        Some(&earlier)
                            if self.is_heavy_beside(id, &provided) && !(again && self.is_again(id, &provided)) =>
                        {
                            kept.entry(self.worth_keeping(id, axis, &provided)).or_insert(earlier);
                            false
                        }
                        _ => {
                            here.push(id);
                            true
                        }
                    }
                });
            }
            for id in here {
                computed.entry(id).or_insert(level);
            }
        }
        let uses = Uses::new(self, items, &provided);
        let last = |(id, first)| (uses.last_from(id, first, axis, &computed), first);
        let mut kept: Vec<_> = kept.into_iter().map(last).collect();
        kept.sort();
        kept.dedup_by_key(|(id, _)| *id);
        kept
    }

    /// Below cheap operations on one heavy operand, that operand: they are cheaper than a second buffer.
    fn worth_keeping(&self, mut id: ValueId, axis: AxisId, provided: &FxHashSet<ValueId>) -> ValueId {
        loop {
            let value = self.values.get(id);
            if is_transcendental(&value.op) || matches!(value.op, ValueOp::Reduce(..) | ValueOp::Load(..)) {
                return id;
            }
            let is_heavy = |id: &ValueId| self.is_heavy_beside(*id, provided);
            let mut heavy: Vec<ValueId> = value.operands.iter().copied().filter(is_heavy).collect();
            heavy.sort();
            heavy.dedup();
            match heavy[..] {
                [only] if self.values.axes(only).contains(&axis) => id = only,
                _ => return id,
            }
        }
    }
}

/// What uses each value, level by level.
struct Uses<'a> {
    context: &'a Context<'a>,
    /// Every use with the level of its loop.
    users: FxHashMap<ValueId, Vec<(usize, ValueId)>>,
}

impl<'a> Uses<'a> {
    fn new(context: &'a Context<'a>, items: &[Item], provided: &FxHashSet<ValueId>) -> Self {
        let mut users: FxHashMap<ValueId, Vec<(usize, ValueId)>> = FxHashMap::default();
        for item in items.iter().filter(|item| item.inside) {
            let body = context.body(&item.demand);
            // What a demand is about is not kept in its stead.
            users.entry(body).or_default().push((item.level, body));
            context.walk(body, |user| {
                let elsewhere = provided.contains(&user) && user != item.demand.value;
                let value = context.values.get(user);
                let stored = match value.op {
                    ValueOp::Load(Source::Value(stored), _) => Some(stored),
                    _ => None,
                };
                let operands = value.operands.iter().copied().chain(stored).filter(|_| !elsewhere);
                operands.for_each(|operand| users.entry(operand).or_default().push((item.level, user)));
                !elsewhere
            });
        }
        Uses { context, users }
    }

    /// The one value that levels after one make of a value, if there is one.
    fn only_after(&self, id: ValueId, level: usize) -> Option<ValueId> {
        let mut after = self.users.get(&id)?.iter().filter(|(own, _)| *own > level).map(|(_, user)| *user);
        let first = after.next()?;
        (first != id && after.all(|user| user == first)).then_some(first)
    }

    /// From a value that is kept upward, the last one that its own level can compute too and all later ones go through:
    /// what else it is made of, they need not load again.
    fn last_from(&self, mut id: ValueId, level: usize, axis: AxisId, computed: &FxHashMap<ValueId, usize>) -> ValueId {
        let values = self.context.values;
        let is_literal = |operand: &ValueId| values.constant_of(*operand).is_some();
        while let Some(user) = self.only_after(id, level) {
            let value = values.get(user);
            let is_arithmetic = value.element == Element::Real
                && value.axes.contains(&axis)
                && !is_transcendental(&value.op)
                && !matches!(value.op, ValueOp::Reduce(..) | ValueOp::Load(..));
            let mut others = value.operands.iter().filter(|&&operand| operand != id);
            let is_there = |operand: &ValueId| is_literal(operand) || computed.get(operand) == Some(&level);
            let saves = others.clone().any(|operand| !is_literal(operand));
            if !is_arithmetic || self.is_demanded_after(user, level) || !saves || !others.all(is_there) {
                break;
            }
            id = user;
        }
        id
    }

    /// Whether a demand of a level after one is about a value.
    fn is_demanded_after(&self, id: ValueId, level: usize) -> bool {
        self.users.get(&id).is_some_and(|users| users.iter().any(|&(own, user)| own > level && user == id))
    }
}
