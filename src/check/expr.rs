//! Expressions: what each is, and of which type.

use super::builtins::builtin;
use super::error::TypeError;
use super::operators::{axes_of, real};
use super::scope::{Scope, Upcoming};
use crate::hir::{AxisIndex, AxisKind, Expr, ExprKind, Kind, Ty};
use crate::span::Span;
use crate::stack::with_room;
use crate::suggestion::did_you_mean;
use crate::syntax::ast::{self, EntryKind};

impl Scope<'_, '_> {
    /// The typed form of an expression; none if it has an error, which is reported.
    pub fn expr(&mut self, expr: &ast::Expr) -> Option<Expr> {
        with_room(|| self.expr_step(expr))
    }

    fn expr_step(&mut self, expr: &ast::Expr) -> Option<Expr> {
        let span = expr.span;
        match &expr.kind {
            ast::ExprKind::Number { value, integer } => Some(number(*value, *integer, span)),
            ast::ExprKind::Path(path) => self.path(path, span),
            ast::ExprKind::Unary { op, operand } => {
                let operand = self.expr(operand)?;
                self.unary_operator(*op, operand, span)
            }
            ast::ExprKind::Binary { .. } => self.binary_chain(expr),
            ast::ExprKind::Compare { operands, ops } => {
                let operands: Vec<Option<Expr>> = operands.iter().map(|operand| self.expr(operand)).collect();
                let operands = operands.into_iter().collect::<Option<Vec<Expr>>>()?;
                self.compare_chain(operands, ops, span)
            }
            ast::ExprKind::If { condition, yes, no } => {
                let (condition, yes, no) = (self.expr(condition), self.expr(yes), self.expr(no));
                self.choice(condition?, yes?, no?, span)
            }
            ast::ExprKind::Brackets { base, entries } => self.brackets(base, entries, span),
            ast::ExprKind::Call { path, brackets, arguments } => {
                self.call_expr(path, brackets.as_deref(), arguments, span)
            }
            ast::ExprKind::Field { base, name } => {
                let base = self.expr(base)?;
                self.field(base, name, span)
            }
            ast::ExprKind::As { value, kind } => {
                let value = self.expr(value)?;
                self.assertion(value, kind, span)
            }
        }
    }

    /// A chain of infix operators, which leans left: walked with a loop, so that a long sum needs no deep stack.
    fn binary_chain(&mut self, expr: &ast::Expr) -> Option<Expr> {
        let mut pending = Vec::new();
        let mut leftmost = expr;
        while let ast::ExprKind::Binary { op, left, right } = &leftmost.kind {
            pending.push((*op, right, leftmost.span));
            leftmost = left;
        }
        let mut value = self.expr(leftmost);
        for (op, right, span) in pending.into_iter().rev() {
            let right = self.expr(right);
            value = match (value, right) {
                (Some(left), Some(right)) => self.binary_operator(op, left, right, span),
                _ => None,
            };
        }
        value
    }

    /// A bare name: a local, a constant, else a loss with everything implied.
    fn path(&mut self, path: &[ast::Name], span: Span) -> Option<Expr> {
        if let [name] = path {
            if let Some(&word) = self.words.get(&name.text) {
                return self.word(word, span);
            }
            if name.text == "pi" {
                return Some(real(std::f64::consts::PI, span));
            }
        }
        let world = self.checker.world;
        if let Some(constant) = world.constant(self.module, path) {
            return self.call_function(constant, None, &[], path, span);
        }
        if let Some(function) = world.function(self.module, path) {
            return self.call_function(function, None, &[], path, span);
        }
        self.unknown_value(path, span);
        None
    }

    fn unknown_value(&mut self, path: &[ast::Name], span: Span) {
        let name = path.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join("::");
        let world = self.checker.world;
        if world.is_lost(self.module, &name) {
            self.failed = true;
            return;
        }
        if let (Some(place), Some(&upcoming)) = (self.constant, self.upcoming.get(&name)) {
            self.report(match upcoming {
                Upcoming::Input => TypeError::NotConstant { place, name, span },
                Upcoming::Hyperparameter => TypeError::StandsAfter { name, span },
            });
            return;
        }
        let own = self.words.keys().map(String::as_str);
        let all = own.chain(world.constant_names(self.module)).chain(world.function_names(self.module)).chain(["pi"]);
        let all = all.filter(|other| *other != self.name);
        let suggestion = did_you_mean(&name, all).map(str::to_string);
        let builtin = builtin(&name).map(|row| row.usage);
        let inputs_missing = self.sort == crate::hir::Sort::Loss && self.inferred;
        self.report(TypeError::UnknownValue { name, suggestion, builtin, inputs_missing, span });
    }

    /// `base[entries]` without a call.
    fn brackets(&mut self, base: &ast::Expr, entries: &[ast::Entry], span: Span) -> Option<Expr> {
        if let ast::ExprKind::Path(path) = &base.kind {
            let local = matches!(&path[..], [name] if self.words.contains_key(&name.text));
            if !local {
                if let [name] = &path[..] {
                    match name.text.as_str() {
                        "index" => return self.index(entries, span),
                        "size" => return self.size(entries, span),
                        _ => {}
                    }
                }
                let world = self.checker.world;
                if world.constant(self.module, path).is_none() {
                    let Some(function) = world.function(self.module, path) else {
                        self.unknown_value(path, base.span);
                        return None;
                    };
                    return self.call_function(function, Some(entries), &[], path, span);
                }
            }
        }
        let mut value = self.expr(base)?;
        for entry in entries {
            value = self.entry(value, entry, span)?;
        }
        Some(value)
    }

    fn index(&mut self, entries: &[ast::Entry], span: Span) -> Option<Expr> {
        let axes = self.axis_entries(entries)?;
        let [axis] = axes[..] else {
            self.report(TypeError::NeedsOneAxis { what: "`index`".into(), span });
            return None;
        };
        if self.axes[axis.0 as usize].kind == AxisKind::Pack {
            self.report(TypeError::PackNotAllowed { what: "`index`".into(), span });
            return None;
        }
        Some(Expr { kind: ExprKind::Index(axis), ty: Ty { kind: Kind::Int, axes }, span })
    }

    fn size(&mut self, entries: &[ast::Entry], span: Span) -> Option<Expr> {
        let axes = self.axis_entries(entries)?;
        Some(Expr { kind: ExprKind::Size(axes), ty: Ty { kind: Kind::Int, axes: Vec::new() }, span })
    }

    /// Entries that are all plain axes.
    pub fn axis_entries(&mut self, entries: &[ast::Entry]) -> Option<Vec<AxisIndex>> {
        let mut axes = Vec::new();
        for entry in entries {
            let EntryKind::Axis(reference) = &entry.kind else {
                self.report(TypeError::EntryIsNoAxis { span: entry.span });
                return None;
            };
            let axis = self.axis(reference)?;
            if axes.contains(&axis) {
                self.report(TypeError::DuplicateAxis { name: reference.name.text.clone(), span: entry.span });
                return None;
            }
            axes.push(axis);
        }
        Some(axes)
    }

    fn entry(&mut self, value: Expr, entry: &ast::Entry, span: Span) -> Option<Expr> {
        match &entry.kind {
            EntryKind::Axis(reference) => {
                let (text, axis) = (self.text(value.span), reference.name.text.clone());
                self.report(TypeError::AxisIntoValue { text, axis, span: entry.span });
                None
            }
            EntryKind::Rename { from, to } => self.rename(value, from, to, span),
            EntryKind::Pick { axis, index } => {
                let index = self.expr(index);
                self.pick(value, axis, index?, span)
            }
        }
    }

    /// The axis of a name that a value must have.
    fn axis_of_value(&mut self, value: &Expr, name: &ast::Name) -> Option<AxisIndex> {
        let axis = self.axis(&ast::AxisRef { name: name.clone(), pack: false })?;
        self.require_axis(value, axis, name.span).then_some(axis)
    }

    /// Reports an axis that a value lacks.
    pub fn require_axis(&mut self, value: &Expr, axis: AxisIndex, span: Span) -> bool {
        if value.ty.axes.contains(&axis) {
            return true;
        }
        if let Some(assumed) = &mut self.assumed_axes {
            *assumed = true;
            return true;
        }
        let text = self.text(value.span);
        let has = self.written_axes(&value.ty.axes);
        let axis = self.axes[axis.0 as usize].written();
        self.report(TypeError::MissingAxis { text, axis, has, span });
        false
    }

    fn rename(&mut self, value: Expr, from: &ast::Name, to: &ast::Name, span: Span) -> Option<Expr> {
        let from = self.axis_of_value(&value, from)?;
        let to = match self.find_axis(&to.text, false, to.span) {
            None => self.add_axis(&to.text, AxisKind::Copy(from), to.span),
            Some(axis) if self.axes[axis.0 as usize].kind == AxisKind::Copy(from) => axis,
            // Back again: `x[N -> M][M -> N]`.
            Some(axis) if self.axes[from.0 as usize].kind == AxisKind::Copy(axis) => axis,
            Some(axis) => {
                let first = self.axes[axis.0 as usize].span;
                self.report(TypeError::RenameTaken { name: to.text.clone(), first, span: to.span });
                return None;
            }
        };
        if value.ty.axes.contains(&to) {
            let (text, axis) = (self.text(value.span), self.axes[to.0 as usize].name.clone());
            self.report(TypeError::RenameTwice { text, axis, span });
            return None;
        }
        let axes = value.ty.axes.iter().map(|&axis| if axis == from { to } else { axis }).collect();
        let ty = Ty { kind: value.ty.kind, axes };
        Some(Expr { kind: ExprKind::Rename { value: Box::new(value), from, to }, ty, span })
    }

    fn pick(&mut self, value: Expr, axis: &ast::Name, index: Expr, span: Span) -> Option<Expr> {
        let axis = self.axis_of_value(&value, axis)?;
        let axis_name = self.axes[axis.0 as usize].name.clone();
        if !index.ty.kind.is_int() {
            let found = super::kinds::kind_name(index.ty.kind, &self.axes, &self.hyperparameters);
            self.report(TypeError::PickByReal { axis: axis_name, found, span: index.span });
            return None;
        }
        let mut ignored = None;
        if let Kind::Index { axis: of, ignored: value } = index.ty.kind {
            ignored = value;
            if self.root(of) != self.root(axis) {
                let of = self.axes[of.0 as usize].name.clone();
                self.report(TypeError::LabelsOfOtherAxis { axis: axis_name, of, span: index.span });
                return None;
            }
        }
        let mut axes = Vec::new();
        for &own in &value.ty.axes {
            let place = [own];
            let new: &[AxisIndex] = if own == axis { &index.ty.axes } else { &place };
            for &new in new {
                let elsewhere = own == axis && new != axis && value.ty.axes.contains(&new);
                if !elsewhere && !axes.contains(&new) {
                    axes.push(new);
                }
            }
        }
        let ty = Ty { kind: value.ty.kind, axes };
        let kind = ExprKind::Pick { value: Box::new(value), axis, index: Box::new(index), ignored };
        Some(Expr { kind, ty, span })
    }

    /// The axis that this one is a renamed copy of, or itself.
    pub fn root(&self, axis: AxisIndex) -> AxisIndex {
        match self.axes[axis.0 as usize].kind {
            AxisKind::Copy(of) => self.root(of),
            _ => axis,
        }
    }

    /// `base.label`
    fn field(&mut self, base: Expr, name: &ast::Name, span: Span) -> Option<Expr> {
        let mut labelled = Vec::new();
        for &axis in &base.ty.axes {
            if let AxisKind::Labelled(data) = &self.axes[axis.0 as usize].kind {
                labelled.push((axis, data.clone()));
            }
        }
        for (axis, data) in &labelled {
            let Some(position) = data.labels.iter().position(|label| *label == name.text) else { continue };
            let kind = ExprKind::Int(position as i64);
            let index = Expr { kind, ty: Ty { kind: Kind::Int, axes: Vec::new() }, span: name.span };
            let axes = base.ty.axes.iter().copied().filter(|other| other != axis).collect();
            let ty = Ty { kind: base.ty.kind, axes };
            let kind = ExprKind::Pick { value: Box::new(base), axis: *axis, index: Box::new(index), ignored: None };
            return Some(Expr { kind, ty, span });
        }
        let text = self.text(base.span);
        let labels: Vec<String> = labelled.iter().flat_map(|(_, data)| data.labels.clone()).collect();
        let suggestion = did_you_mean(&name.text, labels.iter().map(String::as_str)).map(str::to_string);
        let has = self.written_axes(&base.ty.axes);
        let label = name.text.clone();
        self.report(TypeError::UnknownLabel { text, label, labels, has, suggestion, span: name.span });
        None
    }

    /// `box(x1 = …, …)`: builds along a labelled axis.
    pub fn build(&mut self, path: &[ast::Name], arguments: &[ast::Argument], span: Span) -> Option<Expr> {
        let [name] = path else { return None };
        let axis = self.find_axis(&name.text, false, name.span)?;
        let AxisKind::Labelled(data) = self.axes[axis.0 as usize].kind.clone() else { return None };
        let mut parts: Vec<Option<Expr>> = vec![None; data.labels.len()];
        let mut good = true;
        for argument in arguments {
            let value = self.expr(&argument.value);
            let label = argument.name.as_ref().map(|name| name.text.clone());
            let position = label.as_ref().and_then(|label| data.labels.iter().position(|other| other == label));
            match (position, value) {
                (Some(position), Some(value)) if parts[position].is_none() => {
                    parts[position] = Some(super::operators::to_real(value));
                }
                (Some(_), None) => good = false,
                _ => {
                    let labels = data.labels.clone();
                    // One message says it of all parts without a label.
                    let unlabelled = label.is_none();
                    self.report(TypeError::BuildLabel { axis: data.name.clone(), label, labels, span: argument.span });
                    if unlabelled {
                        return None;
                    }
                    good = false;
                }
            }
        }
        let missing: Vec<String> =
            data.labels.iter().zip(&parts).filter(|(_, part)| part.is_none()).map(|(label, _)| label.clone()).collect();
        if good && !missing.is_empty() {
            self.report(TypeError::BuildMissing { axis: data.name.clone(), missing, span });
            return None;
        }
        let parts = parts.into_iter().collect::<Option<Vec<Expr>>>().filter(|_| good)?;
        let mut axes = axes_of(&parts.iter().collect::<Vec<_>>());
        if axes.contains(&axis) {
            self.report(TypeError::BuildHasAxis { axis: data.name.clone(), span });
            return None;
        }
        axes.push(axis);
        let ty = Ty { kind: Kind::Real, axes };
        Some(Expr { kind: ExprKind::Build(axis, parts), ty, span })
    }
}

fn number(value: f64, integer: bool, span: Span) -> Expr {
    if integer {
        let kind = ExprKind::Int(value as i64);
        return Expr { kind, ty: Ty { kind: Kind::Int, axes: Vec::new() }, span };
    }
    real(value, span)
}
