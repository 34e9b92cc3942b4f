//! Local axes and axes whose extent is a hyperparameter: their names, and what their extents may be made of.

use std::collections::BTreeSet;

use super::axes::Binding;
use super::call::Matched;
use super::error::TypeError;
use super::kinds::kind_name;
use super::scope::{Scope, Word};
use crate::hir::{AxisIndex, AxisKind, Expr, ExprKind, Function, Hyperparameter, Kind, Sort, Ty};
use crate::op::{EXTENT_BINARY, EXTENT_UNARY};
use crate::span::Span;
use crate::syntax::ast::{self, Role};

impl Scope<'_, '_> {
    /// `axis name = extent` in a body.
    pub(super) fn axis_statement(&mut self, name: &ast::Name, extent: &ast::Expr) {
        let extent = self.expr(extent).and_then(|extent| self.extent(extent));
        let again = self.axes.iter_mut().find(|axis| axis.span == name.span && axis.name == name.text);
        if let (Some(again), Some(extent)) = (again, &extent) {
            // The body of a `repeat` is checked until its types are found.
            again.kind = AxisKind::Computed(Box::new(extent.clone()));
            return;
        }
        if self.axis_name_is_taken(name) {
            return;
        }
        // With an extent that is wrong the axis is there too: what names it is not wrong.
        let extent = extent.unwrap_or_else(|| int(0, name.span));
        self.add_axis(&name.text, AxisKind::Computed(Box::new(extent)), name.span);
    }

    pub(super) fn axis_name_is_taken(&mut self, name: &ast::Name) -> bool {
        let own = self.axes.iter().find(|axis| axis.name == name.text).map(|axis| axis.span);
        let labelled = self.checker.world.labelled_axis(self.module, &name.text).is_some();
        if own.is_none() && !labelled {
            return false;
        }
        self.report(TypeError::AxisTaken { name: name.text.clone(), first: own, span: name.span });
        true
    }

    /// The place of `axis K = classes` among the hyperparameters. Its axis is looked at after the inputs, so that
    /// the axes are in their order.
    pub(super) fn reserve_axis_parameter(&mut self, parameter: &ast::Name, span: Span) {
        let name = parameter.text.clone();
        let default = int(0, span);
        let role = Role::Int;
        self.hyperparameters.push(Hyperparameter { name, role, default, condition: None, extent_of: None, span });
    }

    /// `axis K = classes` among the hyperparameters, at its place.
    pub(super) fn axis_parameter(&mut self, axis: &ast::Name, parameter: &ast::Name, span: Span) {
        let reference = ast::AxisRef { name: axis.clone(), pack: false };
        let Some(index) = self.declared_axis(&reference) else {
            self.words.insert(parameter.text.clone(), Word::Broken);
            return;
        };
        let earlier = self.hyperparameters.iter().find(|one| one.extent_of == Some(index)).map(|one| one.span);
        if earlier.is_some() || self.axes[index.0 as usize].kind != AxisKind::Single {
            self.report(TypeError::AxisTaken { name: axis.text.clone(), first: earlier, span: axis.span });
        }
        self.declare(parameter, Word::Extent(index));
        if let Some(own) = self.hyperparameters.iter_mut().find(|one| one.span == span) {
            own.extent_of = Some(index);
            own.default = size_of(index, axis.span);
        }
    }

    /// Takes an expression as the extent of an axis: an int of int hyperparameters, numbers and sizes.
    pub(super) fn extent(&mut self, value: Expr) -> Option<Expr> {
        if !value.ty.axes.is_empty() {
            let axes = self.written_axes(&value.ty.axes);
            self.report(TypeError::NotScalar { what: "the extent of an axis".into(), axes, span: value.span });
            return None;
        }
        if !value.ty.kind.is_int() {
            let found = if value.ty.kind.is_real() {
                "real".into()
            } else {
                kind_name(value.ty.kind, &self.axes, &self.hyperparameters)
            };
            let text = self.text(value.span);
            self.report(TypeError::NotAnInt { text, found, span: value.span });
            return None;
        }
        if let Some(span) = self.no_extent(&value) {
            let text = self.text(span);
            self.report(TypeError::NotAnExtent { text, span });
            return None;
        }
        Some(value)
    }

    /// Binds the placeholders of a callee that no argument's axes bind: those that labels index to the axis of the
    /// labels given, others to a local axis of the extent given.
    pub(super) fn bind_by_extent(
        &mut self,
        callee: &Function,
        matched: &Matched,
        binding: &mut Binding,
        span: Span,
    ) -> bool {
        for (input, argument) in callee.inputs.iter().zip(&matched.inputs) {
            if let (Kind::Index { axis, .. }, Some(argument)) = (input.ty.kind, argument)
                && let Kind::Index { axis: given, .. } = argument.value.ty.kind
                && let Some(free @ None) = binding.get_mut(axis.0 as usize)
            {
                *free = Some(vec![given]);
            }
        }
        for (position, hyperparameter) in callee.hyperparameters.iter().enumerate() {
            let Some(axis) = hyperparameter.extent_of else { continue };
            let Some(None) = binding.get(axis.0 as usize) else { continue };
            let name = &callee.axes[axis.0 as usize].name;
            let Some(extent) = matched.hyperparameters[position].clone() else {
                let (callee, axis) = (callee.name.clone(), name.clone());
                self.report(TypeError::NoExtent { callee, axis, parameter: hyperparameter.name.clone(), span });
                return false;
            };
            // No text can name it: it belongs to this call.
            let name = format!("{}.{name}", callee.name);
            let local = self.add_axis(&name, AxisKind::Computed(Box::new(extent)), span);
            binding[axis.0 as usize] = Some(vec![local]);
        }
        true
    }

    /// The first part of an expression that an extent cannot be made of.
    fn no_extent(&self, value: &Expr) -> Option<Span> {
        let mut seen = BTreeSet::new();
        let mut pending = vec![value];
        while let Some(expr) = pending.pop() {
            let good = match &expr.kind {
                ExprKind::Int(_) | ExprKind::Size(_) => true,
                ExprKind::Hyperparameter(position) => self.hyperparameters[*position as usize].role == Role::Int,
                // What a function is given is looked at where its call is put in.
                ExprKind::Input(_) => self.sort == Sort::Fn,
                ExprKind::Unary(op, _) => EXTENT_UNARY.contains(op),
                ExprKind::Binary(op, _) => EXTENT_BINARY.contains(op),
                ExprKind::Call(call) => !call.is_loss,
                ExprKind::Let(index) => {
                    if seen.insert(*index) {
                        pending.push(&self.lets[index.0 as usize].value);
                    }
                    true
                }
                _ => false,
            };
            if !good {
                return Some(expr.span);
            }
            if matches!(expr.kind, ExprKind::Unary(..) | ExprKind::Binary(..)) {
                pending.extend(expr.children());
            }
        }
        None
    }
}

fn int(value: i64, span: Span) -> Expr {
    Expr { kind: ExprKind::Int(value), ty: Ty { kind: Kind::Int, axes: Vec::new() }, span }
}

/// The extent of an axis as an expression.
pub(super) fn size_of(axis: AxisIndex, span: Span) -> Expr {
    Expr { kind: ExprKind::Size(vec![axis]), ty: Ty { kind: Kind::Int, axes: Vec::new() }, span }
}
