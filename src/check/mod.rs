//! Names, axes and kinds: syntax trees of a [`World`] in, checked functions out.
//!
//! A function is checked once, in terms of its own axes, when it is first needed. A mistake is a fact
//! ([`TypeError`]) and does not stop the check: what depends on it is left out silently, everything else
//! goes on, so that one run reports several errors.

mod axes;
mod builtins;
mod call;
mod error;
mod expr;
mod foreign;
mod infer_inputs;
mod kinds;
mod labels;
mod largest;
mod local_axes;
mod operators;
mod reduce;
mod repeat;
mod report;
mod scope;
mod signature;
mod states;

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::hir::{Function, FunctionId, Program, Sort};
use crate::resolve::{ModuleId, World};
use crate::span::Span;
use crate::stack::with_much_room;
use crate::syntax::ast::{self, ItemKind};

pub use builtins::{BUILTINS, Builtin, BuiltinRow};
pub use error::TypeError;
pub use infer_inputs::TensorType;
pub use kinds::kind_name;
pub use signature::float_kinds;

use scope::Scope;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Untouched,
    Open,
    Done,
    Failed,
}

/// How many definitions may be under check at once, each because the one before it calls it.
const MAX_CALL_DEPTH: usize = 500;

/// Checks functions of a world as they are needed.
pub struct Checker<'w> {
    world: &'w World,
    program: Program,
    states: Vec<State>,
    open: Vec<FunctionId>,
    /// Whether it checks nothing but functions of the standard library, to keep them.
    keeps: bool,
    /// Whether a chain of calls was too deep, which is said once.
    too_deep: bool,
    diagnostics: Vec<Diagnostic>,
}

impl<'w> Checker<'w> {
    /// A checker that has not checked anything yet.
    pub fn new(world: &'w World) -> Self {
        Checker {
            world,
            program: Program { functions: vec![None; world.functions.len()], standard: world.kept().clone() },
            states: vec![State::Untouched; world.functions.len()],
            open: Vec::new(),
            keeps: false,
            too_deep: false,
            diagnostics: Vec::new(),
        }
    }

    /// Checks everything that a module defines itself.
    pub fn module(&mut self, id: ModuleId) {
        for function in self.world.own_functions(id) {
            let span = self.world.item(function).map(|item| item.span).unwrap_or_default();
            self.function(function, span);
        }
    }

    /// Checks an expression as the body of a loss without inputs, such as `dice + 2 * wce(w = 3)`.
    pub fn expression(&mut self, module: ModuleId, name: &str, expr: &ast::Expr) -> Option<Arc<Function>> {
        let function = ast::Function {
            name: ast::Name { text: name.to_string(), span: expr.span },
            inputs: Vec::new(),
            hyperparameters: Vec::new(),
            body: ast::Body { statements: Vec::new(), result: expr.clone() },
        };
        let checked = Scope::check(self, module, Sort::Loss, "", &function, expr.span).map(Arc::new)?;
        self.program.functions.push(Some(checked.clone()));
        self.states.push(State::Done);
        Some(checked)
    }

    /// The checked form of a function, checked now if it was not; none if it has errors, which are reported.
    pub fn function(&mut self, id: FunctionId, used_at: Span) -> Option<Arc<Function>> {
        match self.states[id.0 as usize] {
            State::Done => return self.program.function(id).cloned(),
            State::Failed => return None,
            State::Open => {
                self.report_circle(id, used_at);
                return None;
            }
            State::Untouched => {}
        }
        if let Some(function) = self.standard(id) {
            self.states[id.0 as usize] = State::Done;
            return Some(function);
        }
        if self.open.len() >= MAX_CALL_DEPTH {
            if !std::mem::replace(&mut self.too_deep, true) {
                self.report(TypeError::TooDeep { limit: MAX_CALL_DEPTH, span: used_at });
            }
            return None;
        }
        self.states[id.0 as usize] = State::Open;
        self.open.push(id);
        let checked = with_much_room(|| self.check_item(id));
        self.open.pop();
        self.states[id.0 as usize] = if checked.is_some() { State::Done } else { State::Failed };
        let checked = checked.map(Arc::new);
        self.program.functions[id.0 as usize].clone_from(&checked);
        checked
    }

    /// The function if it is of the standard library, checked once a process. It knows nothing of what uses it, so it is
    /// checked apart, and is the same whoever needs it first. (A library with mistakes is not kept: they are found, and
    /// said, each time.)
    fn standard(&self, id: FunctionId) -> Option<Arc<Function>> {
        let kept = self.world.kept();
        if !kept.holds(id) {
            return None;
        }
        if kept.get(id).is_none() && !self.keeps {
            let mut apart = Checker { keeps: true, ..Checker::new(self.world) };
            apart.function(id, Span::default());
            if apart.diagnostics.is_empty() {
                for (position, function) in apart.program.functions.iter().enumerate() {
                    function.iter().for_each(|function| kept.keep(FunctionId(position as u32), function.clone()));
                }
            }
        }
        kept.get(id).cloned()
    }

    fn check_item(&mut self, id: FunctionId) -> Option<Function> {
        let world = self.world;
        let module = world.functions[id.0 as usize].module;
        let item = match world.item(id) {
            Ok(item) => item,
            Err(mistakes) => {
                mistakes.iter().cloned().for_each(|mistake| self.say(mistake));
                return None;
            }
        };
        match &item.kind {
            ItemKind::Loss(function) => Scope::check(self, module, Sort::Loss, &item.docs, function, item.span),
            ItemKind::Fn(function) => {
                self.warn_of_hidden(&function.name);
                Scope::check(self, module, Sort::Fn, &item.docs, function, item.span)
            }
            ItemKind::Const { name, value } => {
                let function = ast::Function {
                    name: name.clone(),
                    inputs: Vec::new(),
                    hyperparameters: Vec::new(),
                    body: ast::Body { statements: Vec::new(), result: value.clone() },
                };
                Scope::check(self, module, Sort::Const, &item.docs, &function, item.span)
            }
            ItemKind::Axis { .. } => None,
        }
    }

    /// Says that a function has the name of a built-in one, which nothing hides.
    fn warn_of_hidden(&mut self, name: &ast::Name) {
        let word = &name.text;
        if builtins::builtin(word).is_some() {
            self.say(
                Diagnostic::warning("W0002", format!("`{word}(…)` is built in, and does not mean this function"))
                    .at(name.span, "only another module can call it, by its path")
                    .help(format!("give it another name, such as `own_{word}`")),
            );
        }
    }

    fn report_circle(&mut self, id: FunctionId, span: Span) {
        let start = self.open.iter().position(|open| *open == id).unwrap_or(0);
        let mut path: Vec<String> = self.open[start..].iter().map(|open| self.item_name(*open)).collect();
        path.push(self.item_name(id));
        self.report(TypeError::Recursion { path, span });
    }

    fn item_name(&self, id: FunctionId) -> String {
        self.world.name(id).text.clone()
    }

    fn report(&mut self, error: TypeError) {
        self.say(report::diagnostic(&error));
    }

    /// Says something once.
    fn say(&mut self, diagnostic: Diagnostic) {
        if !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Takes back what was reported of a place that is checked again.
    fn forget(&mut self, is_of_place: impl Fn(&Diagnostic) -> bool) {
        self.diagnostics.retain(|diagnostic| !is_of_place(diagnostic));
    }

    /// The checked functions and everything that was found wrong, in the order of the text.
    pub fn finish(mut self) -> (Program, Vec<Diagnostic>) {
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
        (self.program, self.diagnostics)
    }
}
