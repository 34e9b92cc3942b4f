//! States: `next name = value`, once for each, below which the name is the new value.

use super::error::TypeError;
use super::operators::to_real;
use super::scope::{Scope, Word};
use crate::hir::{Expr, ExprKind, Let, LetIndex, Update};
use crate::span::Span;
use crate::suggestion::did_you_mean;
use crate::syntax::ast::{self, Role};

impl Scope<'_, '_> {
    /// `next name = value` in a body.
    pub(super) fn next_statement(&mut self, name: &ast::Name, value: &ast::Expr, span: Span) {
        let value = self.expr(value).and_then(|value| self.one_number(value, &name.text));
        let state = self.state_of(name);
        let (Some(value), Some(state)) = (value, state) else {
            self.words.insert(name.text.clone(), Word::Broken);
            return;
        };
        if !self.variables.is_empty() {
            self.report(TypeError::NextInLoop { name: name.text.clone(), span });
            return;
        }
        if let Some(earlier) = self.updates.iter().find(|update| update.state == state) {
            let first = earlier.span;
            self.report(TypeError::NextTwice { name: name.text.clone(), first, span });
            return;
        }
        // No gradient goes through a state.
        let (ty, place) = (value.ty.clone(), value.span);
        let value = Expr { kind: ExprKind::Stop(Box::new(value)), ty, span: place };
        let index = LetIndex(self.lets.len() as u32);
        self.lets.push(Let { name: name.text.clone(), value });
        self.updates.push(Update { state, value: index, span });
        self.words.insert(name.text.clone(), Word::Let(index));
    }

    fn one_number(&mut self, value: Expr, name: &str) -> Option<Expr> {
        if value.ty.axes.is_empty() {
            return Some(to_real(value));
        }
        let axes = self.written_axes(&value.ty.axes);
        self.report(TypeError::NotScalar { what: format!("the state `{name}`"), axes, span: value.span });
        None
    }

    /// The position of a state among the hyperparameters.
    fn state_of(&mut self, name: &ast::Name) -> Option<u32> {
        let states = self.hyperparameters.iter().filter(|one| one.role == Role::State);
        let found = self.hyperparameters.iter().position(|one| one.name == name.text && one.role == Role::State);
        if let Some(position) = found {
            return Some(position as u32);
        }
        let known: Vec<String> = states.map(|one| one.name.clone()).collect();
        let meant = did_you_mean(&name.text, known.iter().map(String::as_str)).map(str::to_string);
        let declared = self.hyperparameters.iter().find(|one| one.name == name.text).map(|one| one.span);
        let in_function = self.sort == crate::hir::Sort::Fn;
        let (name, span) = (name.text.clone(), name.span);
        self.report(TypeError::NextOfNoState { name, known, meant, declared, in_function, span });
        None
    }
}
