//! Calls whose arguments fit in kind and number: whether their labels mean the same, and what is better done on logits.

use super::axes::Binding;
use super::call::{Matched, tag};
use super::error::TypeError;
use super::scope::Scope;
use crate::diagnostic::Diagnostic;
use crate::hir::{Along, Expr, ExprKind, Function, IntRef, Kind};
use crate::op::Unary;
use crate::span::Span;

impl Scope<'_, '_> {
    /// Labels must index the axis that stands for the one that the callee's labels index.
    pub(super) fn label_axes(&mut self, callee: &Function, matched: &Matched, binding: &Binding) -> bool {
        let mut good = true;
        for (input, argument) in callee.inputs.iter().zip(&matched.inputs) {
            let (Kind::Index { axis, .. }, Some(argument)) = (input.ty.kind, argument) else { continue };
            let Kind::Index { axis: given, .. } = argument.value.ty.kind else { continue };
            let Some(Some(bound)) = binding.get(axis.0 as usize) else { continue };
            if let [bound] = bound[..]
                && self.root(bound) != self.root(given)
            {
                let (axis, of) = (self.axes[bound.0 as usize].name.clone(), self.axes[given.0 as usize].name.clone());
                self.report(TypeError::LabelsOfOtherAxis { axis, of, span: argument.value.span });
                good = false;
            }
        }
        good
    }

    /// A label that may be ignored goes only where the same value is ignored.
    pub(super) fn check_ignored(&mut self, callee: &Function, matched: &Matched, span: Span) -> bool {
        let mut good = true;
        for (input, argument) in callee.inputs.iter().zip(&matched.inputs) {
            let (Kind::Index { ignored: inside, .. }, Some(argument)) = (input.ty.kind, argument) else { continue };
            let Kind::Index { ignored: Some(given), .. } = argument.value.ty.kind else { continue };
            let inside = inside.map(|inside| ignored_value(callee, &matched.hyperparameters, inside));
            if inside == Some(Some(given)) {
                continue;
            }
            let parameter = match (input.ty.kind, inside) {
                (Kind::Index { ignored: Some(IntRef::Hyperparameter(position)), .. }, Some(_)) => {
                    Some(callee.hyperparameters[position as usize].name.clone())
                }
                _ => None,
            };
            let own = match given {
                IntRef::Hyperparameter(position) => self.hyperparameters[position as usize].name.clone(),
                IntRef::Value(value) => value.to_string(),
            };
            let callee = callee.name.clone();
            let name = input.name.clone();
            self.report(TypeError::IgnoredLabels { callee, name, parameter, own, span });
            good = false;
        }
        good
    }

    /// A probability made by a sigmoid or softmax on the spot, where a loss on logits exists.
    pub(super) fn warn_of_logits(&mut self, callee: &Function, matched: &Matched) {
        let Some(better) = tag(&callee.docs, "logits") else { return };
        for (input, argument) in callee.inputs.iter().zip(&matched.inputs) {
            let Some(argument) = argument else { continue };
            if input.ty.kind != Kind::Prob {
                continue;
            }
            let Some(map) = self.squashed(&argument.value) else { continue };
            let (name, span) = (&callee.name, argument.value.span);
            self.warn(
                Diagnostic::warning("W0001", format!("`{name}` of a `{map}` clamps the logarithm at −100"))
                    .at(span, format!("a probability made by `{map}`"))
                    .note("beyond it the value is cut off and the gradient is 0")
                    .help(format!("`{better}` takes the logits themselves and is exact for all of them")),
            );
        }
    }

    fn squashed(&self, value: &Expr) -> Option<&'static str> {
        match &value.kind {
            ExprKind::Unary(Unary::Sigmoid, _) => Some("sigmoid"),
            ExprKind::Along(Along::Softmax, _, _) => Some("softmax"),
            ExprKind::Let(index) => self.squashed(&self.lets[index.0 as usize].value),
            ExprKind::Rename { value, .. } | ExprKind::As(value) => self.squashed(value),
            _ => None,
        }
    }
}

/// The value that a callee ignores, in terms of the caller: none if it is not a plain number or hyperparameter.
pub fn ignored_value(callee: &Function, given: &[Option<Expr>], inside: IntRef) -> Option<IntRef> {
    let position = match inside {
        IntRef::Value(_) => return Some(inside),
        IntRef::Hyperparameter(position) => position as usize,
    };
    match given.get(position).and_then(Option::as_ref) {
        Some(value) => match value.kind {
            ExprKind::Int(value) => Some(IntRef::Value(value)),
            ExprKind::Hyperparameter(position) => Some(IntRef::Hyperparameter(position)),
            _ => None,
        },
        None => match callee.hyperparameters[position].default.kind {
            ExprKind::Int(value) => Some(IntRef::Value(value)),
            _ => None,
        },
    }
}
