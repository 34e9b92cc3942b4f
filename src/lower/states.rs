//! States and learnables: parameters of the graph under the caller's names, and the new values of states.

use super::LowerError;
use super::instance::{Hyper, Instance, Lowering};
use crate::hir::Carried;
use crate::syntax::ast::Role;

impl Lowering<'_> {
    /// The caller's name of a state or learnable, by its position, of the loss in which lowering stands, or of the one
    /// that it is about to call.
    pub fn carried_name(&self, call: Option<u32>, position: usize) -> Option<String> {
        let here = |one: &&Carried| one.path.iter().eq(self.path.iter().chain(&call));
        self.carried.iter().filter(here).find(|one| one.position as usize == position).map(|one| one.name.clone())
    }

    /// Remembers the new values of the states of an instance whose `let`s are lowered. A state that the call gave is
    /// a value of the caller, and one without `next` stays as it is.
    ///
    /// # Errors
    /// If one would be set at every turn of a loop, or for every position of an axis.
    pub fn note_states(&mut self, instance: &Instance<'_>) -> Result<(), LowerError> {
        for (position, one) in instance.function.hyperparameters.iter().enumerate() {
            let Some(name) = self.carried_name(None, position).filter(|_| one.role == Role::State) else { continue };
            let update = instance.function.updates.iter().find(|update| update.state as usize == position);
            if let Some(update) = update.filter(|_| !self.open_loops.is_empty()) {
                let (loss, state) = (instance.function.name.clone(), one.name.clone());
                return Err(LowerError::StateInLoop { loss, state, span: update.span });
            }
            let node = match (update, &instance.hyperparameters[position]) {
                (Some(update), _) => instance.lets[update.value.0 as usize].node,
                (None, Hyper::Real(value)) => value.node,
                (None, Hyper::Int(_) | Hyper::Extent) => continue,
            };
            if let (Some(update), Some(&axis)) = (update, self.program.graph.axes_of(node).first()) {
                let (loss, state) = (instance.function.name.clone(), one.name.clone());
                let axis = self.program.graph.axis(axis).name.clone();
                return Err(LowerError::StateOfMany { loss, state, axis, span: update.span });
            }
            if !self.states.iter().any(|(other, _)| *other == name) {
                self.states.push((name, node));
            }
        }
        Ok(())
    }
}
