//! The law of a call: which of the caller's axes stand for which placeholder of the callee.
//!
//! Placeholders are bound once a call, from the first argument to the last. Axes that are bound already
//! are found by name, wherever they stand; the others bind the free placeholders in order, a pack taking
//! what is left. Then every argument has exactly the axes that its type says; only where brackets bound
//! the placeholders may it have more, which are kept.

use crate::hir::{Axis, AxisIndex, AxisKind};

/// What stands for each signature axis of the callee, as far as bound.
pub type Binding = Vec<Option<Vec<AxisIndex>>>;

/// Why an argument does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The argument lacks this axis of the caller, to which a placeholder is bound.
    Lacks(AxisIndex),
    /// The argument has no axis left for this placeholder of the callee.
    NothingFor(AxisIndex),
    /// The argument lacks this labelled axis of the callee.
    LacksLabelled(AxisIndex),
    /// The argument has axes of the caller that the parameter does not take.
    TooMany(Vec<AxisIndex>),
}

/// The axis of the caller that is the same labelled axis.
fn labelled_in(callee: &Axis, caller: &[Axis], given: &[AxisIndex]) -> Option<AxisIndex> {
    given.iter().copied().find(|axis| caller[axis.0 as usize].kind == callee.kind)
}

/// Binds the placeholders of one parameter to the axes of its argument. `keep` allows further axes.
pub fn bind_argument(
    callee: &[Axis],
    caller: &[Axis],
    pattern: &[AxisIndex],
    given: &[AxisIndex],
    binding: &mut Binding,
    keep: bool,
) -> Result<(), Misfit> {
    let mut left: Vec<AxisIndex> = given.to_vec();
    let mut free = Vec::new();
    for &placeholder in pattern {
        let position = placeholder.0 as usize;
        if matches!(callee[position].kind, AxisKind::Labelled(_)) {
            let found = labelled_in(&callee[position], caller, given).ok_or(Misfit::LacksLabelled(placeholder))?;
            left.retain(|axis| *axis != found);
            binding[position] = Some(vec![found]);
            continue;
        }
        match &binding[position] {
            None => free.push(placeholder),
            Some(bound) => {
                for axis in bound {
                    if !given.contains(axis) {
                        return Err(Misfit::Lacks(*axis));
                    }
                    left.retain(|other| other != axis);
                }
            }
        }
    }
    if keep {
        return Ok(());
    }
    // A labelled axis binds by name only: it cannot stand for a placeholder, but a pack may take it.
    let pack = free.iter().position(|placeholder| callee[placeholder.0 as usize].kind == AxisKind::Pack);
    let (before, after) = match pack {
        None => (&free[..], &free[..0]),
        Some(position) => (&free[..position], &free[position + 1..]),
    };
    if left.len() < before.len() + after.len() {
        let missing = before.iter().chain(after).nth(left.len()).copied().unwrap_or(pattern[0]);
        return Err(Misfit::NothingFor(missing));
    }
    let middle = left.split_off(before.len());
    let (middle, end) = middle.split_at(middle.len() - after.len());
    let (middle, end) = if pack.is_some() { (middle.to_vec(), end.to_vec()) } else { (Vec::new(), middle.to_vec()) };
    if pack.is_none() && !end.is_empty() {
        return Err(Misfit::TooMany(end));
    }
    for (placeholder, axis) in before.iter().zip(left).chain(after.iter().zip(end)) {
        binding[placeholder.0 as usize] = Some(vec![axis]);
    }
    if let Some(position) = pack {
        binding[free[position].0 as usize] = Some(middle);
    }
    Ok(())
}

/// How the axes in brackets do not fit the placeholders of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BracketMisfit {
    /// Fewer axes than single placeholders, or more without a pack.
    Count {
        /// How many axes the signature takes at least.
        wanted: usize,
        /// Whether it takes more.
        pack: bool,
    },
    /// The signature has two packs, so that it is not clear which takes what.
    TwoPacks,
}

/// Binds placeholders to axes in brackets, in the order of the signature, a pack taking what is left in the middle.
pub fn bind_brackets(callee: &[Axis], given: &[AxisIndex], binding: &mut Binding) -> Result<(), BracketMisfit> {
    let free: Vec<usize> =
        (0..binding.len()).filter(|position| !matches!(callee[*position].kind, AxisKind::Labelled(_))).collect();
    let packs: Vec<usize> = (0..free.len()).filter(|position| callee[free[*position]].kind == AxisKind::Pack).collect();
    if packs.len() > 1 {
        return Err(BracketMisfit::TwoPacks);
    }
    let singles = free.len() - packs.len();
    if given.len() < singles || (packs.is_empty() && given.len() > singles) {
        return Err(BracketMisfit::Count { wanted: singles, pack: !packs.is_empty() });
    }
    let taken = given.len() - singles;
    let mut rest = given.iter().copied();
    for (order, position) in free.iter().enumerate() {
        let many = if packs.contains(&order) { taken } else { 1 };
        binding[*position] = Some(rest.by_ref().take(many).collect());
    }
    Ok(())
}

/// Two placeholders of the callee whose names the caller's axes have the other way round: (name of the caller's
/// axis, placeholder it was bound to).
pub fn changed_places(callee: &[Axis], caller: &[Axis], binding: &Binding) -> Option<(String, String)> {
    for (position, bound) in binding.iter().enumerate() {
        if matches!(callee[position].kind, AxisKind::Labelled(_)) {
            continue;
        }
        for axis in bound.iter().flatten() {
            let name = &caller[axis.0 as usize].name;
            let pack = caller[axis.0 as usize].kind == AxisKind::Pack;
            let other = callee[..binding.len()]
                .iter()
                .position(|placeholder| placeholder.name == *name && (placeholder.kind == AxisKind::Pack) == pack);
            if let Some(other) = other
                && other != position
            {
                return Some((name.clone(), callee[position].written()));
            }
        }
    }
    None
}
