//! Calls of losses, functions and constants: arguments, inputs by name, axes, hyperparameters.

use std::sync::Arc;

use super::axes::{Binding, BracketMisfit, Misfit, bind_argument, bind_brackets, changed_places};
use super::builtins::builtin;
use super::error::TypeError;
use super::kinds::{kind_name, literal};
use super::scope::{Scope, Word};
use crate::hir::{
    Argument, Axis, AxisIndex, AxisKind, Call, Expr, ExprKind, Function, FunctionId, Kind, Sort, Ty, call_axes,
};
use crate::span::Span;
use crate::suggestion::did_you_mean;
use crate::syntax::ast::{self, Role};

/// What the arguments of a call were matched to, before their axes are looked at.
pub(super) struct Matched {
    pub(super) inputs: Vec<Option<Argument>>,
    pub(super) hyperparameters: Vec<Option<Expr>>,
}

impl Scope<'_, '_> {
    /// `path(arguments)` or `path[axes](arguments)`.
    pub fn call_expr(
        &mut self,
        path: &[ast::Name],
        brackets: Option<&[ast::Entry]>,
        arguments: &[ast::Argument],
        span: Span,
    ) -> Option<Expr> {
        if let [name] = path
            && let Some(row) = builtin(&name.text)
        {
            return self.builtin_call(row, brackets, arguments, span);
        }
        let world = self.checker.world;
        if let Some(function) = world.function(self.module, path) {
            return self.call_function(function, brackets, arguments, path, span);
        }
        if let [name] = path
            && brackets.is_none()
            && self.find_labelled(name)
        {
            return self.build(path, arguments, span);
        }
        self.unknown_function(path, span);
        None
    }

    fn find_labelled(&mut self, name: &ast::Name) -> bool {
        let axis = self.find_axis(&name.text, false, name.span);
        axis.is_some_and(|axis| matches!(self.axes[axis.0 as usize].kind, AxisKind::Labelled(_)))
    }

    fn unknown_function(&mut self, path: &[ast::Name], span: Span) {
        let name = path.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join("::");
        let span = path.last().map_or(span, |name| path[0].span.to(name.span));
        let world = self.checker.world;
        if world.is_lost(self.module, &name) {
            self.failed = true;
            return;
        }
        let is_value = matches!(path, [name] if self.words.contains_key(&name.text))
            || world.constant(self.module, path).is_some();
        let all = world.function_names(self.module).chain(super::BUILTINS.iter().map(|row| row.name));
        let suggestion = did_you_mean(&name, all).map(str::to_string);
        self.report(TypeError::UnknownFunction { name, is_value, suggestion, span });
    }

    /// A call of a loss, function or constant of the program.
    pub fn call_function(
        &mut self,
        id: FunctionId,
        brackets: Option<&[ast::Entry]>,
        arguments: &[ast::Argument],
        path: &[ast::Name],
        span: Span,
    ) -> Option<Expr> {
        let name_span = path.last().map_or(span, |name| name.span);
        let Some(callee) = self.checker.function(id, name_span) else {
            self.failed = true;
            arguments.iter().for_each(|argument| {
                self.expr(&argument.value);
            });
            return None;
        };
        let matched = self.match_arguments(&callee, arguments, name_span)?;
        let (axes, axes_good) = self.bind_axes(&callee, brackets, &matched, name_span);
        let axes = axes.filter(|_| axes_good)?;
        let good = self.check_ignored(&callee, &matched, name_span);
        self.warn_of_logits(&callee, &matched);
        let inputs = callee
            .inputs
            .iter()
            .zip(&matched.inputs)
            .map(|(input, argument)| match argument {
                Some(argument) => argument.axes.clone(),
                None => input.ty.axes.iter().flat_map(|axis| axes[axis.0 as usize].clone()).collect(),
            })
            .collect();
        let result_axes = self.result_axes(&callee, axes.clone(), inputs);
        let kind = match callee.result.ty.kind {
            Kind::Index { axis, .. } => match axes.get(axis.0 as usize).map(Vec::as_slice) {
                Some([axis]) => Kind::Index { axis: *axis, ignored: None },
                _ => Kind::Int,
            },
            kind => kind,
        };
        self.calls += 1;
        let call = Call {
            number: self.calls,
            function: id,
            is_loss: callee.sort == Sort::Loss,
            name: path.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join("::"),
            inputs: matched.inputs,
            hyperparameters: matched.hyperparameters,
            hyperparameter_names: callee.hyperparameters.iter().map(|one| one.name.clone()).collect(),
            axes,
            axis_names: callee.axes[..callee.signature_axes].iter().map(Axis::written).collect(),
            bracketed: brackets.is_some(),
        };
        let ty = Ty { kind, axes: result_axes };
        good.then_some(Expr { kind: ExprKind::Call(Box::new(call)), ty, span })
    }

    fn result_axes(
        &mut self,
        callee: &Arc<Function>,
        axes: Vec<Vec<AxisIndex>>,
        inputs: Vec<Vec<AxisIndex>>,
    ) -> Vec<AxisIndex> {
        let program = std::mem::take(&mut self.checker.program);
        let mut fresh = u32::MAX;
        let result = call_axes(&program, callee, axes, inputs, &mut |axis, _| match axis.kind {
            AxisKind::Labelled(_) => self.find_axis(&axis.name, false, axis.span),
            // A copy or a local axis inside the callee does not leave it; any unused index does.
            _ => {
                fresh -= 1;
                Some(AxisIndex(fresh))
            }
        });
        self.checker.program = program;
        result
    }

    /// Matches arguments to parameters, and fills in by name what a loss is not given.
    fn match_arguments(&mut self, callee: &Function, arguments: &[ast::Argument], span: Span) -> Option<Matched> {
        let mut matched = Matched {
            inputs: vec![None; callee.inputs.len()],
            hyperparameters: vec![None; callee.hyperparameters.len()],
        };
        let mut given = vec![false; callee.inputs.len()];
        let mut good = true;
        let mut named = false;
        let mut position = 0;
        for argument in arguments {
            if argument.per.is_some() || argument.condition.is_some() {
                let word = if argument.per.is_some() { "per" } else { "where" };
                let function = callee.name.clone();
                self.report(TypeError::MisplacedModifier { word, function, span: argument.span });
                good = false;
            }
            match &argument.name {
                None if named => {
                    self.report(TypeError::PositionalAfterNamed { span: argument.span });
                    good = false;
                }
                None => {
                    if position >= callee.inputs.len() {
                        self.report_too_many(callee, position, argument.span);
                        self.expr(&argument.value);
                        return None;
                    }
                    given[position] = true;
                    good &= self.give_input(callee, position, argument, &mut matched);
                    position += 1;
                }
                Some(name) => {
                    named = true;
                    good &= self.give_named(callee, name, argument, &mut given, &mut matched);
                }
            }
        }
        for (position, (input, given)) in callee.inputs.iter().zip(given).enumerate() {
            if !given && input.default.is_none() {
                good &= self.imply_input(callee, position, span, &mut matched);
            }
        }
        good.then_some(matched)
    }

    fn report_too_many(&mut self, callee: &Function, position: usize, span: Span) {
        let hyperparameters = callee.hyperparameters.iter().map(|one| one.name.clone()).collect();
        let (callee, inputs) = (callee.name.clone(), callee.inputs.iter().map(|one| one.name.clone()).collect());
        self.report(TypeError::TooManyArguments { callee, inputs, hyperparameters, position, span });
    }

    fn give_named(
        &mut self,
        callee: &Function,
        name: &ast::Name,
        argument: &ast::Argument,
        given: &mut [bool],
        matched: &mut Matched,
    ) -> bool {
        if let Some(position) = callee.inputs.iter().position(|input| input.name == name.text) {
            if given[position] {
                self.report(TypeError::DuplicateArgument { name: name.text.clone(), span: argument.span });
                return false;
            }
            given[position] = true;
            return self.give_input(callee, position, argument, matched);
        }
        if let Some(position) = callee.hyperparameters.iter().position(|one| one.name == name.text) {
            if matched.hyperparameters[position].is_some() {
                self.report(TypeError::DuplicateArgument { name: name.text.clone(), span: argument.span });
                return false;
            }
            let role = callee.hyperparameters[position].role;
            let value = self.expr(&argument.value);
            if callee.hyperparameters[position].extent_of.is_some() {
                matched.hyperparameters[position] = value.and_then(|value| self.extent(value));
                return matched.hyperparameters[position].is_some();
            }
            let what = format!("the hyperparameter `{}`", name.text);
            let Some(value) = value.and_then(|value| self.scalar(value, role, &what)) else { return false };
            if role == Role::Int && !self.is_compile_time(&value) {
                let text = self.text(value.span);
                self.report(TypeError::NotCompileTime { name: name.text.clone(), text, span: value.span });
                return false;
            }
            matched.hyperparameters[position] = Some(value);
            return true;
        }
        self.expr(&argument.value);
        let known: Vec<String> = callee
            .inputs
            .iter()
            .map(|input| input.name.clone())
            .chain(callee.hyperparameters.iter().map(|one| one.name.clone()))
            .collect();
        let suggestion = did_you_mean(&name.text, known.iter().map(String::as_str)).map(str::to_string);
        let (callee, unknown) = (callee.name.clone(), name.text.clone());
        self.report(TypeError::UnknownArgument { callee, name: unknown, known, suggestion, span: name.span });
        false
    }

    /// Whether an int is known when the program is compiled.
    fn is_compile_time(&self, value: &Expr) -> bool {
        let mut good = true;
        value.visit(&mut |expr| match &expr.kind {
            ExprKind::Input(_) | ExprKind::Let(_) | ExprKind::Size(_) | ExprKind::Reduce { .. } => good = false,
            ExprKind::Hyperparameter(position) => {
                good &= self.hyperparameters[*position as usize].role == Role::Int;
            }
            _ => {}
        });
        good
    }

    fn give_input(
        &mut self,
        callee: &Function,
        position: usize,
        argument: &ast::Argument,
        matched: &mut Matched,
    ) -> bool {
        let Some(value) = self.expr(&argument.value) else { return false };
        self.accept_input(callee, position, value, false, matched)
    }

    fn imply_input(&mut self, callee: &Function, position: usize, span: Span, matched: &mut Matched) -> bool {
        let input = &callee.inputs[position];
        let word = if callee.sort == Sort::Loss { self.words.get(&input.name).copied() } else { None };
        if let Some(word) = word {
            let Some(value) = self.word(word, span) else { return false };
            return self.accept_input(callee, position, value, true, matched);
        }
        let locals: Vec<String> =
            self.words.iter().filter(|(_, word)| **word != Word::Broken).map(|(name, _)| name.clone()).collect();
        let suggestion = did_you_mean(&input.name, locals.iter().map(String::as_str)).map(str::to_string);
        let wanted = declared(&input.ty, callee);
        let (name, callee_name, is_loss) = (input.name.clone(), callee.name.clone(), callee.sort == Sort::Loss);
        self.report(TypeError::MissingInput { callee: callee_name, name, wanted, is_loss, suggestion, span });
        false
    }

    /// Takes a value for an input if its kind is accepted there.
    fn accept_input(
        &mut self,
        callee: &Function,
        position: usize,
        value: Expr,
        implied: bool,
        matched: &mut Matched,
    ) -> bool {
        let input = &callee.inputs[position];
        let axes = if input.ty.kind == Kind::Loss {
            let of = format!("`{}` of `{}`", input.name, callee.name);
            match self.outer_axes_of(&value, &of) {
                Some(axes) => axes,
                None => return false,
            }
        } else {
            value.ty.axes.clone()
        };
        let value = match (input.ty.kind, value.ty.kind) {
            (Kind::Loss, _) => Ok(value),
            // That the labels index the right axis is looked at when the axes are bound.
            (Kind::Index { .. }, Kind::Index { .. }) => Ok(value),
            (wanted, _) => self.coerce(wanted, value),
        };
        match value {
            Ok(value) => {
                matched.inputs[position] = Some(Argument { name: input.name.clone(), value, axes, implied });
                true
            }
            Err(value) => {
                self.report(TypeError::KindMismatch {
                    callee: callee.name.clone(),
                    parameter: input.name.clone(),
                    wanted: kind_name(input.ty.kind, &callee.axes, &callee.hyperparameters),
                    found: kind_name(value.ty.kind, &self.axes, &self.hyperparameters),
                    text: if implied { input.name.clone() } else { self.text(value.span) },
                    implied,
                    hyperparameter: positional_number(callee, &value),
                    counterpart: tag(&callee.docs, "logits").or_else(|| tag(&callee.docs, "probabilities")),
                    span: value.span,
                    declared: input.span,
                });
                false
            }
        }
    }

    fn bind_axes(
        &mut self,
        callee: &Arc<Function>,
        brackets: Option<&[ast::Entry]>,
        matched: &Matched,
        span: Span,
    ) -> (Option<Vec<Vec<AxisIndex>>>, bool) {
        let mut binding: Binding = vec![None; callee.signature_axes];
        if let Some(entries) = brackets {
            let Some(given) = self.axis_entries(entries) else { return (None, false) };
            if let Err(misfit) = bind_brackets(&callee.axes, &given, &mut binding) {
                let placeholders: Vec<String> = callee.axes[..callee.signature_axes]
                    .iter()
                    .filter(|axis| !matches!(axis.kind, AxisKind::Labelled(_)))
                    .map(Axis::written)
                    .collect();
                let span = entries.first().map_or(span, |first| first.span.to(entries[entries.len() - 1].span));
                let found = given.len();
                let two_packs = misfit == BracketMisfit::TwoPacks;
                let callee = callee.name.clone();
                self.report(TypeError::BracketCount { callee, placeholders, found, two_packs, span });
                return (None, false);
            }
        }
        let mut misfits = Vec::new();
        for (input, argument) in callee.inputs.iter().zip(&matched.inputs) {
            let Some(argument) = argument else { continue };
            if callee.sort == Sort::Fn && input.ty.axes.is_empty() {
                continue;
            }
            let keep = brackets.is_some();
            let given = &argument.axes;
            let result = bind_argument(&callee.axes, &self.axes, &input.ty.axes, given, &mut binding, keep);
            if let Err(misfit) = result {
                misfits.push((input, argument, misfit));
            }
        }
        // Axes in another order than the callee's explain every other misfit.
        if brackets.is_none()
            && let Some((name, placeholder)) = changed_places(&callee.axes, &self.axes, &binding)
        {
            let callee = callee.name.clone();
            self.report(TypeError::ChangedPlaces { callee, name, placeholder, span });
            return (None, false);
        }
        for (input, argument, misfit) in &misfits {
            self.report_misfit(callee, input, argument, &binding, misfit);
        }
        let mut good = misfits.is_empty() && self.label_axes(callee, matched, &binding);
        good = good && self.bind_by_extent(callee, matched, &mut binding, span);
        (Some(binding.into_iter().map(Option::unwrap_or_default).collect()), good)
    }

    fn report_misfit(
        &mut self,
        callee: &Function,
        input: &crate::hir::Input,
        argument: &Argument,
        binding: &Binding,
        misfit: &Misfit,
    ) {
        let name = |axis: &AxisIndex| self.axes[axis.0 as usize].written();
        let reason = match misfit {
            Misfit::Lacks(axis) => format!("the argument lacks `{}`, which is bound already", name(axis)),
            Misfit::NothingFor(axis) => {
                format!("no axis is left for `{}`", callee.axes[axis.0 as usize].written())
            }
            Misfit::LacksLabelled(axis) => {
                format!("the argument lacks the labelled axis `{}`", callee.axes[axis.0 as usize].name)
            }
            Misfit::TooMany(axes) => {
                let names: Vec<String> = axes.iter().map(|axis| format!("`{}`", name(axis))).collect();
                format!("nothing takes {}", names.join(", "))
            }
        };
        let mut bound = Vec::new();
        for axis in &input.ty.axes {
            let placeholder = &callee.axes[axis.0 as usize];
            match binding.get(axis.0 as usize).and_then(Option::as_ref) {
                Some(axes) => bound.extend(axes.iter().map(name)),
                None => bound.push(placeholder.written()),
            }
        }
        self.report(TypeError::ArgumentAxes {
            callee: callee.name.clone(),
            parameter: input.name.clone(),
            declared: declared(&input.ty, callee),
            wanted: format!("[{}]", bound.join(", ")),
            found: self.written_axes(&argument.axes),
            text: if argument.implied { input.name.clone() } else { self.text(argument.value.span) },
            reason,
            too_many: matches!(misfit, Misfit::TooMany(_)),
            implied: argument.implied,
            span: argument.value.span,
        });
    }
}

/// The first hyperparameter of a callee that got a number for an input: what was probably meant, as in `focal(2)`.
fn positional_number(callee: &Function, value: &Expr) -> Option<String> {
    literal(value)?;
    callee.hyperparameters.first().map(|one| one.name.clone())
}

/// A declared type as it is written.
pub fn declared(ty: &Ty, function: &Function) -> String {
    let names: Vec<String> = ty.axes.iter().map(|axis| function.axes[axis.0 as usize].written()).collect();
    let kind = kind_name(ty.kind, &function.axes, &function.hyperparameters);
    if names.is_empty() { kind } else { format!("{kind}[{}]", names.join(", ")) }
}

/// The value of a tag such as `@logits bce_logits` in a doc comment.
pub fn tag(docs: &str, name: &str) -> Option<String> {
    docs.lines().find_map(|line| {
        let rest = line.trim().strip_prefix('@')?.strip_prefix(name)?;
        rest.starts_with(' ').then(|| rest.trim().to_string())
    })
}
