//! One function under check: its axes, inputs, hyperparameters and `let`s, and what words mean in it.

use std::collections::HashMap;

use super::error::TypeError;
use super::{Checker, infer_inputs};
use crate::diagnostic::Diagnostic;
use crate::hir::{
    Axis, AxisIndex, AxisKind, Expr, Function, Hyperparameter, Input, Kind, Let, LetIndex, Repeat, Sort, Ty, Update,
};
use crate::resolve::ModuleId;
use crate::span::Span;
use crate::syntax::ast::{self, Role, StatementKind};

/// What a word stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// An input.
    Input(u32),
    /// A hyperparameter.
    Hyperparameter(u32),
    /// A `let`.
    Let(LetIndex),
    /// The extent of an axis.
    Extent(AxisIndex),
    /// Something whose definition has an error, which is reported.
    Broken,
}

/// A parameter that stands later in the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upcoming {
    /// An input.
    Input,
    /// A hyperparameter.
    Hyperparameter,
}

/// A place of a signature in which inputs may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constant {
    /// A default.
    Default,
    /// What must hold of a hyperparameter.
    Condition,
}

impl Constant {
    /// What messages call it.
    pub fn named(self) -> &'static str {
        match self {
            Constant::Default => "a default",
            Constant::Condition => "a condition on hyperparameters",
        }
    }
}

/// One function under check.
pub struct Scope<'c, 'w> {
    /// The checker that holds the other functions.
    pub checker: &'c mut Checker<'w>,
    /// Where the function stands.
    pub module: ModuleId,
    /// What sort it is.
    pub sort: Sort,
    /// Its name.
    pub name: String,
    /// Its axes so far.
    pub axes: Vec<Axis>,
    /// How many of them belong to the signature.
    pub signature_axes: usize,
    /// Its inputs.
    pub inputs: Vec<Input>,
    /// Its hyperparameters.
    pub hyperparameters: Vec<Hyperparameter>,
    /// Its `let`s so far.
    pub lets: Vec<Let>,
    /// Its loops so far.
    pub repeats: Vec<Repeat>,
    /// The variables of the loop in which this place stands.
    pub variables: Vec<String>,
    /// While the types of a loop's variables are looked for: whether an axis was taken to come with them.
    pub assumed_axes: Option<bool>,
    /// The states that got a new value so far.
    pub updates: Vec<Update>,
    /// How many calls it has so far.
    pub calls: u32,
    /// What words mean at this place.
    pub words: HashMap<String, Word>,
    /// All parameters of the signature: defaults cannot speak of those that are not declared yet.
    pub upcoming: HashMap<String, Upcoming>,
    /// Whether something is wrong.
    pub failed: bool,
    /// The place in which inputs may not be used, if this is one.
    pub constant: Option<Constant>,
    /// Whether the inputs are inferred.
    pub inferred: bool,
}

impl<'c, 'w> Scope<'c, 'w> {
    /// Checks a whole definition.
    pub fn check(
        checker: &'c mut Checker<'w>,
        module: ModuleId,
        sort: Sort,
        docs: &str,
        function: &ast::Function,
        definition: Span,
    ) -> Option<Function> {
        let mut scope = Scope::new(checker, module, sort, &function.name.text);
        scope.signature(function);
        if sort == Sort::Loss && function.inputs.is_empty() {
            // What is wrong in the body of a loss whose inputs are not known would only repeat it.
            if !infer_inputs::infer(&mut scope, function) {
                return None;
            }
        }
        scope.conditions(function);
        scope.finish(docs, function, definition)
    }

    /// A scope in which nothing is declared yet.
    pub fn new(checker: &'c mut Checker<'w>, module: ModuleId, sort: Sort, name: &str) -> Self {
        Scope {
            checker,
            module,
            sort,
            name: name.to_string(),
            axes: Vec::new(),
            signature_axes: 0,
            inputs: Vec::new(),
            hyperparameters: Vec::new(),
            lets: Vec::new(),
            repeats: Vec::new(),
            variables: Vec::new(),
            assumed_axes: None,
            updates: Vec::new(),
            calls: 0,
            words: HashMap::new(),
            upcoming: HashMap::new(),
            failed: false,
            constant: None,
            inferred: false,
        }
    }

    /// Checks the body of a definition whose signature is declared.
    pub fn finish(mut self, docs: &str, function: &ast::Function, definition: Span) -> Option<Function> {
        self.signature_axes = self.axes.len();
        let result = self.body(&function.body);
        let result = result.and_then(|result| self.finish_result(result));
        let result = result.filter(|_| !self.failed)?;
        let module = self.checker.world.module(self.module);
        Some(Function {
            name: self.name,
            module: module.name.clone(),
            sort: self.sort,
            docs: docs.to_string(),
            axes: self.axes,
            signature_axes: self.signature_axes,
            inputs: self.inputs,
            inferred: self.inferred,
            hyperparameters: self.hyperparameters,
            lets: self.lets,
            repeats: self.repeats,
            updates: self.updates,
            result,
            span: function.name.span,
            definition,
        })
    }

    fn body(&mut self, body: &ast::Body) -> Option<Expr> {
        self.statements(&body.statements);
        self.expr(&body.result)
    }

    /// Checks statements in order.
    pub fn statements(&mut self, statements: &[ast::Statement]) {
        for statement in statements {
            match &statement.kind {
                StatementKind::Let { name, value } => {
                    let value = self.expr(value);
                    self.bind(name, value);
                }
                StatementKind::Next { name, value } => self.next_statement(name, value, statement.span),
                StatementKind::Axis { name, extent } => self.axis_statement(name, extent),
                StatementKind::Repeat { count, starts, body } => self.repeat(count, starts, body, statement.span),
                // The parser refuses it outside `repeat`.
                StatementKind::Assign { name, value } => self.assign(name, value),
            }
        }
    }

    /// Gives a name to a value from here on.
    pub fn bind(&mut self, name: &ast::Name, value: Option<Expr>) {
        let word = match value {
            None => Word::Broken,
            Some(value) => {
                let index = LetIndex(self.lets.len() as u32);
                self.lets.push(Let { name: name.text.clone(), value });
                Word::Let(index)
            }
        };
        self.words.insert(name.text.clone(), word);
    }

    fn finish_result(&mut self, result: Expr) -> Option<Expr> {
        let (axes, span) = (self.written_axes(&result.ty.axes), result.span);
        if self.sort == Sort::Expression {
            return Some(super::operators::to_real(result));
        }
        if self.sort == Sort::Loss {
            if !result.ty.axes.is_empty() {
                let text = self.text(span);
                self.report(TypeError::LossHasAxes { axes, text, span });
                return None;
            }
            if result.ty.kind == Kind::Bool {
                self.report(TypeError::LossIsBool { span });
                return None;
            }
            return Some(super::operators::to_real(result));
        }
        if self.sort == Sort::Const && !result.ty.axes.is_empty() {
            self.report(TypeError::NotScalar { what: "a constant".into(), axes, span });
            return None;
        }
        let local = result.ty.axes.iter().find(|axis| axis.0 as usize >= self.signature_axes);
        if let Some(axis) = local
            && !matches!(self.axes[axis.0 as usize].kind, AxisKind::Labelled(_))
        {
            let axis = self.axes[axis.0 as usize].name.clone();
            self.report(TypeError::LocalAxisLeaves { axis, span });
            return None;
        }
        Some(result)
    }

    /// The function as far as it is known, with a result: what the axis law asks about.
    pub fn as_function(&self, result: Expr) -> Function {
        Function {
            name: self.name.clone(),
            module: String::new(),
            sort: self.sort,
            docs: String::new(),
            axes: self.axes.clone(),
            signature_axes: self.signature_axes,
            inputs: self.inputs.clone(),
            inferred: self.inferred,
            hyperparameters: self.hyperparameters.clone(),
            lets: self.lets.clone(),
            repeats: self.repeats.clone(),
            updates: self.updates.clone(),
            span: result.span,
            definition: result.span,
            result,
        }
    }

    /// Reports what is wrong; the function will not be used.
    pub fn report(&mut self, error: TypeError) {
        self.failed = true;
        self.checker.report(error);
    }

    /// Reports what is suspicious.
    pub fn warn(&mut self, diagnostic: Diagnostic) {
        self.checker.say(diagnostic);
    }

    /// The source text under a span, on one line and not too long.
    pub fn text(&self, span: Span) -> String {
        let text = self.checker.world.sources.text(span).split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().count() > 40 { format!("{}…", text.chars().take(39).collect::<String>()) } else { text }
    }

    /// The axis of a name, if the function has it (a labelled axis of the program is added when first named).
    pub fn find_axis(&mut self, name: &str, pack: bool, span: Span) -> Option<AxisIndex> {
        let found = self.axes.iter().position(|axis| axis.name == name && (axis.kind == AxisKind::Pack) == pack);
        if let Some(position) = found {
            return Some(AxisIndex(position as u32));
        }
        if pack {
            return None;
        }
        let labelled = self.checker.world.labelled_axis(self.module, name)?.clone();
        Some(self.add_axis(name, AxisKind::Labelled(labelled), span))
    }

    /// Adds an axis.
    pub fn add_axis(&mut self, name: &str, kind: AxisKind, span: Span) -> AxisIndex {
        self.axes.push(Axis { name: name.to_string(), kind, span });
        AxisIndex((self.axes.len() - 1) as u32)
    }

    /// The axis that a reference names, or a report that there is none.
    pub fn axis(&mut self, reference: &ast::AxisRef) -> Option<AxisIndex> {
        let name = &reference.name;
        if let Some(axis) = self.find_axis(&name.text, reference.pack, name.span) {
            return Some(axis);
        }
        let known: Vec<String> = self.axes.iter().map(Axis::written).collect();
        let written = if reference.pack { format!("..{}", name.text) } else { name.text.clone() };
        let other = if reference.pack { name.text.clone() } else { format!("..{}", name.text) };
        let nearest = crate::suggestion::did_you_mean(&written, known.iter().map(String::as_str)).map(str::to_string);
        let suggestion = if known.contains(&other) { Some(other) } else { nearest };
        let in_default = self.constant == Some(Constant::Default);
        self.report(TypeError::UnknownAxis { name: written, known, suggestion, in_default, span: name.span });
        None
    }

    /// Axes as they are written: `[N, ..S]`.
    pub fn written_axes(&self, axes: &[AxisIndex]) -> String {
        let names: Vec<String> = axes.iter().map(|axis| self.axes[axis.0 as usize].written()).collect();
        format!("[{}]", names.join(", "))
    }

    /// An expression that stands for a word.
    pub fn word(&mut self, word: Word, span: Span) -> Option<Expr> {
        use crate::hir::ExprKind;
        match word {
            Word::Broken => {
                self.failed = true;
                None
            }
            Word::Let(index) => {
                let ty = self.lets[index.0 as usize].value.ty.clone();
                Some(Expr { kind: ExprKind::Let(index), ty, span })
            }
            Word::Extent(axis) => Some(super::local_axes::size_of(axis, span)),
            Word::Input(position) => {
                let input = &self.inputs[position as usize];
                let (name, mut ty) = (input.name.clone(), input.ty.clone());
                if ty.kind == Kind::Loss {
                    ty = Ty { kind: Kind::Real, axes: Vec::new() };
                }
                if let Some(place) = self.constant {
                    self.report(TypeError::NotConstant { place, name, span });
                    return None;
                }
                Some(Expr { kind: ExprKind::Input(position), ty, span })
            }
            Word::Hyperparameter(position) => {
                let kind = match self.hyperparameters[position as usize].role {
                    Role::Int => Kind::Int,
                    Role::Real | Role::Learn | Role::State => Kind::Real,
                };
                Some(Expr { kind: ExprKind::Hyperparameter(position), ty: Ty { kind, axes: Vec::new() }, span })
            }
        }
    }
}
