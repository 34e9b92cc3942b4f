//! Levels → the reductions of a level that later levels need too: they are kept in memory.
//!
//! Between two levels lie operations on whole tensors, so no loop has both. A reduction is smaller than what it is made of;
//! to keep it costs less than to read that again.

use rustc_hash::FxHashSet;

use super::analysis::{Context, Demand, Goal};
use super::region::Level;
use super::value::{ValueId, ValueOp};

impl Context<'_> {
    /// What a level with some demands is to provide for later ones beside them.
    pub fn across(&self, demands: &[Demand], later: &[Level]) -> Vec<Demand> {
        let mut own = FxHashSet::default();
        for demand in demands {
            self.walk(demand.value, |id| {
                own.insert(id);
                true
            });
        }
        let mut wanted = Vec::new();
        for piece in later.iter().flat_map(|level| &level.pieces) {
            self.walk(piece.value, |id| {
                let keeps = own.contains(&id) && self.is_smaller(id);
                if keeps {
                    wanted.push(id);
                }
                !keeps
            });
        }
        wanted.sort();
        wanted.dedup();
        let provide = |value| Demand { value, goal: Goal::Provide, domain: self.domain(value) };
        wanted.into_iter().map(provide).collect()
    }

    /// Whether a value is a reduction with axes of a tensor that it reads, but not with all of them.
    fn is_smaller(&self, id: ValueId) -> bool {
        let value = self.values.get(id);
        if !matches!(value.op, ValueOp::Reduce(..)) || value.axes.is_empty() {
            return false;
        }
        let mut is_smaller = false;
        self.walk(id, |part| {
            let part = self.values.get(part);
            let has_more = part.axes.len() > value.axes.len() && value.axes.iter().all(|axis| part.axes.contains(axis));
            is_smaller |= matches!(part.op, ValueOp::Load(..)) && has_more;
            !is_smaller
        });
        is_smaller
    }
}
