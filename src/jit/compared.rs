//! A plan → the tensors whose numbers take part in a comparison, or in a search for an extreme, after they were kept.
//!
//! What is compared must be computed in the same way wherever it is: a maximum is found again by its bits. In one strip
//! `wide` sees to it; of what a strip keeps for another one this says it.

use rustc_hash::FxHashSet;

use super::wide::free;
use crate::kernel::{Instruction, Plan, Statement, Strip, TensorRef};

/// The tensors, by what any of the strips does with what it loads, or keeps for a strip that does so.
pub(super) fn compared(plan: &Plan) -> FxHashSet<TensorRef> {
    let mut strips = Vec::new();
    all(&plan.statements, &mut strips);
    let mut found = FxHashSet::default();
    loop {
        let before = found.len();
        for strip in &strips {
            let free = free(strip, &found);
            let bound = strip.lines.iter().zip(free).filter(|(_, free)| !free);
            found.extend(bound.filter_map(|(line, _)| match &line.instruction {
                Instruction::Load(access) if !matches!(access.tensor, TensorRef::Input(_)) => Some(access.tensor),
                _ => None,
            }));
        }
        if found.len() == before {
            return found;
        }
    }
}

fn all<'p>(statements: &'p [Statement], strips: &mut Vec<&'p Strip>) {
    for statement in statements {
        match statement {
            Statement::Strip(strip) => strips.push(strip),
            Statement::Loop(inner) => all(&inner.body, strips),
            Statement::Repeat(repeat) => all(&repeat.body, strips),
            Statement::Call(_) | Statement::Whole(_) => {}
        }
    }
}
