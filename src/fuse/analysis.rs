//! What opening a loop over an axis would mean for a set of demands.
//!
//! A demand asks for a value over a domain of axes: stored, kept, or reduced. Under a chosen axis every
//! demand is either inside of the loop (its domain has the axis) or outside; what it needs that cannot be
//! computed where it is needed becomes a further demand beside it. The level of a demand is the number of
//! loops over the axis that must have run before it.

use rustc_hash::{FxHashMap, FxHashSet};

use super::value::{Position, Source, ValueId, ValueOp, Values};
use crate::ir::{Axes, AxisId};
use crate::kernel::{Place, RegisterId, TensorRef};
use crate::op::ReduceOp;

/// What becomes of a value.
#[derive(Clone, Debug)]
pub(super) enum Goal {
    /// Written to an output.
    Output(TensorRef, Vec<Position>),
    /// Kept in memory, at the positions of the open loops.
    Keep(TensorRef),
    /// Set as a scalar.
    Set(RegisterId),
    /// Reduced into a place that a loop further out has set to the neutral element.
    Reduce(ReduceOp, Place),
    /// Made available where it is demanded; the place is chosen when its loop is made.
    Provide,
}

/// A value over a domain.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    /// For `Provide` of a reduction the reduction itself, for `Reduce` its operand.
    pub value: ValueId,
    pub goal: Goal,
    /// All axes that its loops must open, or have opened.
    pub domain: Axes,
}

/// A demand under a chosen axis.
#[derive(Clone)]
pub(super) struct Item {
    pub demand: Demand,
    pub inside: bool,
    pub level: usize,
    requires: Vec<usize>,
}

/// Where a value is found after it was computed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Home {
    /// In a scalar.
    Register(RegisterId),
    /// In memory, at the positions of the open loops.
    Memory(TensorRef),
}

impl From<Place> for Home {
    fn from(place: Place) -> Home {
        match place {
            Place::Register(register) => Home::Register(register),
            Place::Buffer(buffer) => Home::Memory(TensorRef::Buffer(buffer)),
        }
    }
}

/// Where each value is found at this point of the program.
pub(super) type Available = FxHashMap<ValueId, Home>;

/// The surroundings of an analysis.
pub(super) struct Context<'a> {
    pub values: &'a Values,
    pub available: &'a Available,
    pub open: &'a [AxisId],
    /// Whether functions are computed where they stand, which makes some cheaper to compute again than to keep.
    pub inlined: bool,
}

/// The axes along which a stored value is loaded elsewhere than at the loop's own position do not count
/// as open for it; these are the ones that do.
fn own_axes(positions: &[(AxisId, Position)]) -> impl Iterator<Item = AxisId> + '_ {
    positions.iter().filter(|&&(axis, position)| position == Position::Axis(axis)).map(|&(axis, _)| axis)
}

/// Whether an operation is evaluated by a function rather than by a few instructions.
pub(super) fn is_transcendental(op: &ValueOp) -> bool {
    match op {
        ValueOp::Unary(op) => op.is_function(),
        ValueOp::Binary(op) => op.is_function(),
        ValueOp::Polygamma(_) => true,
        _ => false,
    }
}

impl Context<'_> {
    /// The domain of a value that is to be provided.
    pub fn domain(&self, value: ValueId) -> Axes {
        let mut domain = self.values.axes(value).clone();
        if let ValueOp::Reduce(_, over) = &self.values.get(value).op {
            domain.extend(over.iter().copied());
            domain.sort();
        }
        domain
    }

    /// What must be evaluated for a demand.
    pub fn body(&self, demand: &Demand) -> ValueId {
        match (&self.values.get(demand.value).op, &demand.goal) {
            (ValueOp::Reduce(..), Goal::Provide) => self.values.get(demand.value).operands[0],
            _ => demand.value,
        }
    }

    /// Visits what a value is computed from, from the value down. The visitor says whether to go on
    /// below; stored values count as operands of the loads of them.
    pub fn walk(&self, from: ValueId, mut visit: impl FnMut(ValueId) -> bool) {
        let mut seen = FxHashSet::default();
        let mut open = vec![from];
        while let Some(id) = open.pop() {
            if !seen.insert(id) || self.available.contains_key(&id) || !visit(id) {
                continue;
            }
            let value = self.values.get(id);
            open.extend(value.operands.iter().copied());
            if let ValueOp::Load(Source::Value(stored), _) = &value.op {
                open.push(*stored);
            }
        }
    }

    /// Whether a function or a reduction must be evaluated for a value.
    pub fn is_heavy(&self, value: ValueId) -> bool {
        self.is_heavy_beside(value, &FxHashSet::default())
    }

    /// The same, where some values will have been provided.
    pub fn is_heavy_beside(&self, value: ValueId, provided: &FxHashSet<ValueId>) -> bool {
        let mut heavy = false;
        self.walk(value, |id| {
            if provided.contains(&id) {
                return false;
            }
            let op = &self.values.get(id).op;
            heavy |= is_transcendental(op) || matches!(op, ValueOp::Reduce(..));
            !heavy
        });
        heavy
    }

    /// The axes that must still be opened for some demands, with those of everything that they need.
    pub fn remaining(&self, demands: &[Demand]) -> Axes {
        let mut remaining = Axes::new();
        let mut add = |axes: &[AxisId]| {
            for axis in axes {
                if !self.open.contains(axis) && !remaining.contains(axis) {
                    remaining.push(*axis);
                }
            }
        };
        for demand in demands {
            add(&demand.domain);
            self.walk(self.body(demand), |id| {
                add(&self.domain(id));
                true
            });
        }
        remaining.sort();
        remaining
    }

    /// All demands under an axis, with what they need, by level.
    pub fn analyse(&self, demands: &[Demand], axis: AxisId) -> Vec<Item> {
        let mut items = Vec::new();
        let mut providers = FxHashMap::default();
        for demand in demands {
            if matches!(demand.goal, Goal::Provide) {
                providers.insert(demand.value, items.len());
            }
            items.push(Item::new(demand.clone(), axis));
        }
        let mut next = 0;
        while next < items.len() {
            for value in self.requirements(&items[next], axis) {
                let provider = *providers.entry(value).or_insert_with(|| {
                    let demand = Demand { value, goal: Goal::Provide, domain: self.domain(value) };
                    items.push(Item::new(demand, axis));
                    items.len() - 1
                });
                if provider != next {
                    items[next].requires.push(provider);
                }
            }
            next += 1;
        }
        for item in topological(&items) {
            items[item].level = earliest(&items, item);
        }
        items
    }

    /// The same items, with every reduction as late as what needs it allows, if less must then be kept from one loop
    /// to the next: a reduction that only the value of the loss needs, say, beside the gradient, which has to wait for
    /// the divisor of a mean.
    pub fn postponed(&self, items: Vec<Item>, axis: AxisId) -> Vec<Item> {
        let loops = |items: &[Item]| items.iter().filter(|item| item.inside).map(|item| item.level).max();
        let Some(last) = loops(&items) else { return items };
        let order = topological(&items);
        let mut latest: Vec<usize> = items
            .iter()
            .map(|item| match (&item.demand.goal, item.inside) {
                (Goal::Provide, true) => last,
                (_, true) => item.level,
                (_, false) => last + 1,
            })
            .collect();
        for &item in order.iter().rev() {
            for &required in &items[item].requires {
                let before = latest[item].saturating_sub(usize::from(items[required].inside));
                latest[required] = latest[required].min(before);
            }
        }
        let mut later = items.clone();
        for &item in &order {
            let provided = matches!(items[item].demand.goal, Goal::Provide);
            later[item].level = earliest(&later, item);
            if later[item].inside && provided {
                later[item].level = later[item].level.max(latest[item]);
            }
        }
        let moved = later.iter().zip(&items).any(|(later, item)| later.inside && later.level != item.level);
        // What would be computed again instead counts as well.
        let fewer = moved && self.shared(&later, axis, false).len() < self.shared(&items, axis, false).len();
        if fewer && loops(&later) == Some(last) { later } else { items }
    }

    /// The values that must be provided beside a demand before its loop.
    fn requirements(&self, item: &Item, axis: AxisId) -> Vec<ValueId> {
        let mut required = Vec::new();
        self.walk(self.body(&item.demand), |id| {
            let value = self.values.get(id);
            match &value.op {
                ValueOp::Reduce(..) => {
                    let outside =
                        if item.inside { !value.axes.contains(&axis) } else { self.domain(id).contains(&axis) };
                    if outside {
                        required.push(id);
                    }
                    !outside
                }
                ValueOp::Load(Source::Value(stored), positions) => {
                    let stored_axes = self.values.axes(*stored);
                    let outside = if item.inside {
                        !own_axes(positions).any(|own| own == axis)
                    } else {
                        stored_axes.contains(&axis)
                    };
                    if outside && !self.available.contains_key(stored) {
                        required.push(*stored);
                    }
                    // The computed positions are looked at on their own.
                    if outside {
                        for &operand in &value.operands {
                            required.extend(self.requirements_below(operand, item, axis));
                        }
                    }
                    !outside
                }
                _ => {
                    let elsewhere = item.inside
                        && !value.axes.contains(&axis)
                        && value.axes.iter().any(|axis| !self.open.contains(axis))
                        && self.is_heavy(id);
                    if elsewhere {
                        required.push(id);
                    }
                    !elsewhere
                }
            }
        });
        required.sort();
        required.dedup();
        required
    }

    fn requirements_below(&self, value: ValueId, item: &Item, axis: AxisId) -> Vec<ValueId> {
        let demand = Demand { value, goal: Goal::Set(RegisterId(0)), domain: item.demand.domain.clone() };
        self.requirements(&Item { demand, inside: item.inside, level: 0, requires: Vec::new() }, axis)
    }
}

/// The items, each after what it requires. That has a smaller value id, but demands come in any order.
fn topological(items: &[Item]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|&item| (!matches!(items[item].demand.goal, Goal::Provide), items[item].demand.value));
    order
}

/// The level in which all that an item requires is there.
fn earliest(items: &[Item], item: usize) -> usize {
    let after = |&required: &usize| items[required].level + usize::from(items[required].inside);
    items[item].requires.iter().map(after).max().unwrap_or(0)
}

impl Item {
    fn new(demand: Demand, axis: AxisId) -> Item {
        let inside = demand.domain.contains(&axis);
        Item { demand, inside, level: 0, requires: Vec::new() }
    }
}
