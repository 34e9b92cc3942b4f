//! Signatures: declared kinds and axes, defaults, conditions.

use super::error::TypeError;
use super::kinds::kind_name;
use super::operators::to_real;
use super::scope::{Constant, Scope, Upcoming, Word};
use crate::hir::{AxisIndex, AxisKind, Expr, Hyperparameter, Input, IntRef, Kind, Sort, Ty};
use crate::span::Span;
use crate::suggestion::did_you_mean;
use crate::syntax::ast::{self, Role};

/// The kinds that can be declared, but for `index(C)`.
const PLAIN_KINDS: &[(&str, Kind)] = &[
    ("real", Kind::Real),
    ("logit", Kind::Logit),
    ("prob", Kind::Prob),
    ("binary", Kind::Binary),
    ("sign", Kind::Sign),
    ("count", Kind::Count),
    ("int", Kind::Int),
    ("bool", Kind::Bool),
    ("loss", Kind::Loss),
];

/// The words of the kinds that hold floats.
pub fn float_kinds() -> impl Iterator<Item = &'static str> {
    PLAIN_KINDS.iter().filter(|(_, kind)| kind.is_real()).map(|(word, _)| *word)
}

/// The kind of a word of [`float_kinds`].
pub fn float_kind(word: &str) -> Option<Kind> {
    PLAIN_KINDS.iter().find(|(other, kind)| *other == word && kind.is_real()).map(|(_, kind)| *kind)
}

impl Scope<'_, '_> {
    /// Declares the inputs and the hyperparameters of a signature.
    pub fn signature(&mut self, function: &ast::Function) {
        self.upcoming = function.inputs.iter().map(|input| (input.name.text.clone(), Upcoming::Input)).collect();
        for hyperparameter in &function.hyperparameters {
            let (name, what) = match hyperparameter {
                ast::Hyperparameter::Value { name, .. } => (name, Upcoming::Hyperparameter),
                // It may come with the inputs.
                ast::Hyperparameter::Axis { parameter, .. } => (parameter, Upcoming::Input),
            };
            self.upcoming.insert(name.text.clone(), what);
        }
        // Hyperparameters first: `index(C or ignore_index)` names one of them.
        for hyperparameter in &function.hyperparameters {
            self.hyperparameter(hyperparameter);
        }
        for input in &function.inputs {
            self.input(input);
        }
        for hyperparameter in &function.hyperparameters {
            if let ast::Hyperparameter::Axis { axis, parameter, span } = hyperparameter {
                self.axis_parameter(axis, parameter, *span);
            }
        }
    }

    /// The conditions on hyperparameters, which may speak of all of them, and of the extents of the inputs' axes.
    pub fn conditions(&mut self, function: &ast::Function) {
        self.constant = Some(Constant::Condition);
        for hyperparameter in &function.hyperparameters {
            let ast::Hyperparameter::Value { condition: Some(condition), span, .. } = hyperparameter else { continue };
            let Some(position) = self.hyperparameters.iter().position(|one| one.span == *span) else { continue };
            self.hyperparameters[position].condition = self.condition(condition);
        }
        self.constant = None;
    }

    fn condition(&mut self, condition: &ast::Expr) -> Option<Expr> {
        const WHAT: &str = "the condition after `where`";
        let condition = self.expr(condition)?;
        if !self.require_bool(&condition, WHAT) {
            return None;
        }
        if !condition.ty.axes.is_empty() {
            let axes = self.written_axes(&condition.ty.axes);
            self.report(TypeError::ConditionHasAxes { axes, span: condition.span });
            return None;
        }
        Some(condition)
    }

    /// Gives a name of the signature its meaning.
    pub(super) fn declare(&mut self, name: &ast::Name, word: Word) {
        if self.words.contains_key(&name.text) {
            let inputs = self.inputs.iter().map(|input| (&input.name, input.span));
            let hyperparameters = self.hyperparameters.iter().map(|one| (&one.name, one.span));
            let other = inputs.chain(hyperparameters).find(|(other, _)| **other == name.text);
            // Hyperparameters are declared first and stand last.
            let other = other.map_or(name.span, |(_, span)| span);
            let (first, span) = if other.start <= name.span.start { (other, name.span) } else { (name.span, other) };
            self.report(TypeError::DuplicateParameter { name: name.text.clone(), first, span });
        }
        self.words.insert(name.text.clone(), word);
    }

    fn hyperparameter(&mut self, hyperparameter: &ast::Hyperparameter) {
        let (role, name, default, span) = match hyperparameter {
            ast::Hyperparameter::Axis { parameter, span, .. } => {
                self.reserve_axis_parameter(parameter, *span);
                return;
            }
            ast::Hyperparameter::Value { role, name, default, span, .. } => (*role, name, default, *span),
        };
        if self.sort == Sort::Fn {
            // The parser refuses it.
            self.failed = true;
            self.words.insert(name.text.clone(), Word::Broken);
            return;
        }
        let Some(default) = default else {
            // The parser refuses it.
            self.failed = true;
            self.words.insert(name.text.clone(), Word::Broken);
            return;
        };
        self.constant = Some(Constant::Default);
        let default = self.expr(default).and_then(|value| self.scalar(value, role, "the default"));
        self.constant = None;
        let position = self.hyperparameters.len() as u32;
        let Some(default) = default else {
            self.words.insert(name.text.clone(), Word::Broken);
            return;
        };
        self.declare(name, Word::Hyperparameter(position));
        self.hyperparameters.push(Hyperparameter {
            name: name.text.clone(),
            role,
            default,
            condition: None,
            extent_of: None,
            span,
        });
    }

    /// A value for a hyperparameter: one number, for an int one an int.
    pub fn scalar(&mut self, value: Expr, role: Role, what: &str) -> Option<Expr> {
        if !value.ty.axes.is_empty() {
            let axes = self.written_axes(&value.ty.axes);
            self.report(TypeError::NotScalar { what: what.to_string(), axes, span: value.span });
            return None;
        }
        if role != Role::Int {
            return Some(to_real(value));
        }
        if !value.ty.kind.is_int() {
            let text = self.text(value.span);
            let found = if value.ty.kind.is_real() {
                "real".into()
            } else {
                kind_name(value.ty.kind, &self.axes, &self.hyperparameters)
            };
            self.report(TypeError::NotAnInt { text, found, span: value.span });
            return None;
        }
        Some(value)
    }

    fn input(&mut self, input: &ast::Input) {
        let Some(ty) = self.declared_type(&input.kind) else {
            self.words.insert(input.name.text.clone(), Word::Broken);
            return;
        };
        let default = input.default.as_ref().and_then(|default| {
            self.constant = Some(Constant::Default);
            let value = self.expr(default);
            self.constant = None;
            self.input_default(value?, &ty)
        });
        if input.default.is_some() && default.is_none() {
            self.failed = true;
        }
        let position = self.inputs.len() as u32;
        self.declare(&input.name, Word::Input(position));
        self.inputs.push(Input { name: input.name.text.clone(), ty, default, span: input.span });
    }

    fn input_default(&mut self, value: Expr, ty: &Ty) -> Option<Expr> {
        let span = value.span;
        if !value.ty.axes.is_empty() {
            let axes = self.written_axes(&value.ty.axes);
            self.report(TypeError::NotScalar { what: "the default of an input".into(), axes, span });
            return None;
        }
        match self.coerce(ty.kind, value) {
            Ok(value) => Some(value),
            Err(value) => {
                let wanted = kind_name(ty.kind, &self.axes, &self.hyperparameters);
                let found = kind_name(value.ty.kind, &self.axes, &self.hyperparameters);
                self.report(TypeError::DefaultKind { wanted, found, span });
                None
            }
        }
    }

    /// A kind without an axis in parentheses, or a report that there is none of that name.
    pub fn plain_kind(&mut self, name: &ast::Name) -> Option<Kind> {
        if let Some((_, kind)) = PLAIN_KINDS.iter().find(|(word, _)| *word == name.text) {
            return Some(*kind);
        }
        let words = PLAIN_KINDS.iter().map(|(word, _)| *word).chain(["index"]);
        let suggestion = super::foreign::kind(&name.text).or_else(|| did_you_mean(&name.text, words));
        let suggestion = suggestion.map(str::to_string);
        self.report(TypeError::UnknownKind { name: name.text.clone(), suggestion, span: name.span });
        None
    }

    fn declared_type(&mut self, kind: &ast::KindExpr) -> Option<Ty> {
        let axes = self.declared_axes(&kind.axes, kind.span);
        let kind = match (&kind.of, kind.name.text.as_str()) {
            (Some((axis, ignored)), "index") => {
                let axis = self.declared_axis(&ast::AxisRef { name: axis.clone(), pack: false })?;
                let ignored = match ignored {
                    Some(name) => Some(self.ignored(name)?),
                    None => None,
                };
                Kind::Index { axis, ignored }
            }
            (None, "index") => {
                self.report(TypeError::IndexWithoutAxis { span: kind.span });
                return None;
            }
            (Some(_), name) => {
                self.report(TypeError::KindWithAxis { name: name.to_string(), span: kind.span });
                return None;
            }
            (None, _) => self.plain_kind(&kind.name)?,
        };
        Some(Ty { kind, axes: axes? })
    }

    fn ignored(&mut self, name: &ast::Name) -> Option<IntRef> {
        match self.words.get(&name.text) {
            Some(Word::Hyperparameter(position)) => {
                let role = self.hyperparameters[*position as usize].role;
                if role == Role::Int {
                    return Some(IntRef::Hyperparameter(*position));
                }
            }
            Some(Word::Broken) => return None,
            _ => {}
        }
        self.report(TypeError::IgnoredIsNoInt { name: name.text.clone(), span: name.span });
        None
    }

    /// The axis of a signature that a reference names; a new one where it is the first to do so.
    pub(super) fn declared_axis(&mut self, reference: &ast::AxisRef) -> Option<AxisIndex> {
        let (name, span) = (&reference.name.text, reference.name.span);
        if let Some(axis) = self.find_axis(name, reference.pack, span) {
            return Some(axis);
        }
        if self.axes.iter().any(|axis| axis.name == *name) {
            self.report(TypeError::AxisAndPack { name: name.clone(), span });
            return None;
        }
        let kind = if reference.pack { AxisKind::Pack } else { AxisKind::Single };
        Some(self.add_axis(name, kind, span))
    }

    fn declared_axes(&mut self, axes: &[ast::AxisRef], span: Span) -> Option<Vec<AxisIndex>> {
        let mut declared = Vec::new();
        for reference in axes {
            let axis = self.declared_axis(reference)?;
            if declared.contains(&axis) {
                self.report(TypeError::DuplicateAxis { name: reference.name.text.clone(), span: reference.name.span });
                return None;
            }
            declared.push(axis);
        }
        if declared.iter().filter(|axis| self.axes[axis.0 as usize].kind == AxisKind::Pack).count() > 1 {
            self.report(TypeError::TwoPacks { span });
            return None;
        }
        Some(declared)
    }
}
