//! `repeat`: the types of its variables, and its place among the `let`s.
//!
//! What a turn makes of a variable may have more axes than its start, or a wider kind; the body is checked with the
//! types found so far until nothing is added. An axis that a value lacks may be among what is added: until then it is
//! taken to be there, and the body is checked once more without. What an earlier attempt reported is taken back.

use std::collections::HashMap;

use super::error::TypeError;
use super::kinds::{join, kind_name};
use super::operators::{merge_axes, to_real};
use super::scope::{Scope, Word};
use crate::hir::{Expr, ExprKind, Kind, Let, LetIndex, Repeat, Sort, Ty};
use crate::span::Span;
use crate::syntax::ast::{self, Role, Statement, StatementKind};

/// The results of a body that is not through.
const NOT_YET: LetIndex = LetIndex(u32::MAX);

/// What an attempt at a body may have added to, as it was before.
struct Before {
    lets: usize,
    repeats: usize,
    words: HashMap<String, Word>,
    failed: bool,
}

impl Scope<'_, '_> {
    /// Checks a `repeat` and binds its variables to what they are afterwards.
    pub(super) fn repeat(
        &mut self,
        count: &ast::Expr,
        starts: &[(ast::Name, ast::Expr)],
        body: &[Statement],
        span: Span,
    ) {
        let names: Vec<&ast::Name> = starts.iter().map(|(name, _)| name).collect();
        let good = self.variables_are_good(&names, body);
        let count = self.turns(count);
        let values: Vec<Option<Expr>> = starts.iter().map(|(_, start)| self.expr(start)).collect();
        let values: Option<Vec<Expr>> = values.into_iter().collect();
        let (true, Some(count), Some(values)) = (good, count, values) else {
            self.failed = true;
            names.iter().for_each(|name| {
                self.words.insert(name.text.clone(), Word::Broken);
            });
            return;
        };
        let enclosing = std::mem::replace(&mut self.variables, names.iter().map(|name| name.text.clone()).collect());
        let before = self.before();
        let mut types: Vec<Ty> = values.iter().map(|value| value.ty.clone()).collect();
        let mut settle = |this: &mut Self| {
            while this.attempt(&names, &values, &count, &mut types, body) {
                this.take_back(&before, span);
            }
        };
        let outermost = self.assumed_axes.is_none();
        self.assumed_axes.get_or_insert(false);
        settle(self);
        // A loop in the body of another one leaves it to that one.
        if outermost && self.assumed_axes.take() == Some(true) {
            self.take_back(&before, span);
            settle(self);
        }
        self.variables = enclosing;
        let index = before.repeats as u32;
        self.words = before.words;
        let checked = self.repeats[index as usize].results != NOT_YET;
        for (position, (name, ty)) in names.iter().zip(types).enumerate() {
            let kind = ExprKind::Repeated(index, position as u32);
            self.bind(name, checked.then_some(Expr { kind, ty, span: name.span }));
        }
    }

    fn before(&self) -> Before {
        Before { lets: self.lets.len(), repeats: self.repeats.len(), words: self.words.clone(), failed: self.failed }
    }

    fn take_back(&mut self, before: &Before, span: Span) {
        self.lets.truncate(before.lets);
        self.repeats.truncate(before.repeats);
        self.words.clone_from(&before.words);
        self.failed = before.failed;
        // What was found in other functions on the way stays said.
        let within = |at: Span| at.source == span.source && span.start <= at.start && at.end <= span.end;
        self.checker.forget(|diagnostic| diagnostic.labels.first().is_some_and(|label| within(label.span)));
    }

    /// The body with the variables of these types. Whether these have grown, so that it must be checked again.
    fn attempt(
        &mut self,
        names: &[&ast::Name],
        values: &[Expr],
        count: &Expr,
        types: &mut [Ty],
        body: &[Statement],
    ) -> bool {
        let index = self.repeats.len();
        let mut starts = Vec::new();
        for ((name, value), ty) in names.iter().zip(values).zip(types.iter()) {
            starts.push(LetIndex(self.lets.len() as u32));
            self.lets.push(Let { name: name.text.clone(), value: as_element(value.clone(), ty.kind) });
        }
        let carried = LetIndex(self.lets.len() as u32);
        self.repeats.push(Repeat { count: count.clone(), starts, carried, results: NOT_YET });
        for (position, (name, ty)) in names.iter().zip(types.iter()).enumerate() {
            let kind = ExprKind::Carried(index as u32, position as u32);
            self.bind(name, Some(Expr { kind, ty: ty.clone(), span: name.span }));
        }
        self.statements(body);
        let words: Vec<Option<Word>> = names.iter().map(|name| self.words.get(&name.text).copied()).collect();
        let results: Vec<Option<Expr>> = words
            .into_iter()
            .zip(names)
            .map(|(word, name)| word.filter(|word| *word != Word::Broken).and_then(|word| self.word(word, name.span)))
            .collect();
        let mut grown = false;
        for ((ty, result), name) in types.iter_mut().zip(&results).zip(names) {
            if let Some(result) = result {
                grown |= self.widen(ty, &result.ty, name);
            }
        }
        if grown {
            return true;
        }
        let Some(results) = results.into_iter().collect::<Option<Vec<Expr>>>() else {
            self.failed = true;
            return false;
        };
        let first = LetIndex(self.lets.len() as u32);
        for ((name, result), ty) in names.iter().zip(results).zip(types.iter()) {
            self.lets.push(Let { name: name.text.clone(), value: as_element(result, ty.kind) });
        }
        self.repeats[index].results = first;
        false
    }

    /// Widens the type of a variable by what a turn made of it; whether it was too narrow.
    fn widen(&mut self, ty: &mut Ty, result: &Ty, name: &ast::Name) -> bool {
        if (ty.kind == Kind::Bool) != (result.kind == Kind::Bool) {
            let (first, second) = (
                kind_name(ty.kind, &self.axes, &self.hyperparameters),
                kind_name(result.kind, &self.axes, &self.hyperparameters),
            );
            self.report(TypeError::VariableKind { name: name.text.clone(), first, second, span: name.span });
            return false;
        }
        let before = ty.clone();
        merge_axes(&mut ty.axes, &result.axes);
        ty.kind = join(ty.kind, result.kind).unwrap_or(Kind::Real);
        *ty != before
    }

    /// The number of turns.
    fn turns(&mut self, count: &ast::Expr) -> Option<Expr> {
        let count = self.expr(count)?;
        let text = self.text(count.span);
        if !count.ty.kind.is_int() {
            let found = kind_name(count.ty.kind, &self.axes, &self.hyperparameters);
            self.report(TypeError::NotAnInt { text, found, span: count.span });
            return None;
        }
        if !self.is_known_int(&count) {
            self.report(TypeError::TurnsNotKnown { text, span: count.span });
            return None;
        }
        Some(count)
    }

    /// Whether an int is known when the program is compiled. The int parameters of an `fn` may be; where it is put in
    /// they are looked at again.
    fn is_known_int(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Int(_) => true,
            ExprKind::Hyperparameter(position) => self.hyperparameters[*position as usize].role == Role::Int,
            ExprKind::Input(_) => self.sort == Sort::Fn && expr.ty.axes.is_empty(),
            ExprKind::Let(index) => self.is_known_int(&self.lets[index.0 as usize].value),
            ExprKind::Unary(_, x) | ExprKind::As(x) => self.is_known_int(x),
            ExprKind::Binary(_, both) => both.iter().all(|x| self.is_known_int(x)),
            ExprKind::Call(call) => !call.is_loss && call.inputs.is_empty(),
            _ => false,
        }
    }

    /// Reports variables with one name, of an outer `repeat`, or that the body never assigns to or hides.
    fn variables_are_good(&mut self, names: &[&ast::Name], body: &[Statement]) -> bool {
        let mut good = true;
        for (position, name) in names.iter().enumerate() {
            let text = name.text.clone();
            let twice = names[..position].iter().any(|other| other.text == text) || self.variables.contains(&text);
            let assigned = body
                .iter()
                .any(|statement| matches!(&statement.kind, StatementKind::Assign { name, .. } if name.text == text));
            if twice {
                self.report(TypeError::VariableTwice { name: text.clone(), span: name.span });
            } else if !assigned {
                self.report(TypeError::VariableNotAssigned { name: text.clone(), span: name.span });
            }
            good &= assigned && !twice;
            for statement in body {
                if let StatementKind::Let { name, .. } = &statement.kind
                    && name.text == text
                {
                    self.report(TypeError::VariableHidden { name: text.clone(), span: name.span });
                    good = false;
                }
            }
        }
        good
    }

    /// `name = value` in a `repeat`.
    pub(super) fn assign(&mut self, name: &ast::Name, value: &ast::Expr) {
        if !self.variables.contains(&name.text) {
            let known = self.variables.clone();
            self.report(TypeError::NotAVariable { name: name.text.clone(), known, span: name.span });
            return;
        }
        let value = self.expr(value);
        self.bind(name, value);
    }
}

/// A value as an element of a variable of this kind.
fn as_element(value: Expr, kind: Kind) -> Expr {
    if kind.is_real() { to_real(value) } else { value }
}
