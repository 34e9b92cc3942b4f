//! `topk[N, M -> T](x where c, k)`: its axes, one of them new.

use super::builtins::BuiltinRow;
use super::error::TypeError;
use super::operators::{axes_of, to_real};
use super::scope::Scope;
use crate::hir::{AxisIndex, AxisKind, Expr, ExprKind, Kind, Ty};
use crate::span::Span;
use crate::syntax::ast::{self, AxisRef, Entry, EntryKind};

impl Scope<'_, '_> {
    /// The largest elements on a new axis.
    pub(super) fn largest(
        &mut self,
        row: &BuiltinRow,
        brackets: Option<&[Entry]>,
        (values, filter): (Vec<Expr>, Option<Expr>),
        span: Span,
    ) -> Option<Expr> {
        let [value, count] = <[Expr; 2]>::try_from(values).ok()?;
        let value = to_real(value);
        let Some((over, to)) = new_axis(brackets) else {
            let has = self.written_axes(&value.ty.axes);
            let span = brackets.and_then(|entries| entries.last()).map_or(span, |entry| entry.span);
            self.report(TypeError::NeedsNewAxis { name: row.name, usage: row.usage, has, span });
            return None;
        };
        let mut operands = vec![&value];
        operands.extend(filter.as_ref());
        let axes = self.reduced_axes(Some(&over), &operands)?;
        let mut kept = axes_of(&operands);
        let count = self.extent(count)?;
        let to = self.axis_of_extent(to, count)?;
        if kept.contains(&to) {
            let (text, axis) = (self.text(value.span), self.axes[to.0 as usize].name.clone());
            self.report(TypeError::RenameTwice { text, axis, span });
            return None;
        }
        kept.retain(|axis| !axes.contains(axis));
        kept.push(to);
        let kind = ExprKind::Largest { axes, to, value: Box::new(value), filter: filter.map(Box::new) };
        Some(Expr { kind, ty: Ty { kind: Kind::Real, axes: kept }, span })
    }

    /// A new local axis; or the one of that name, if it has the same extent.
    fn axis_of_extent(&mut self, name: &ast::Name, extent: Expr) -> Option<AxisIndex> {
        let known = self.axes.iter().position(|axis| match &axis.kind {
            AxisKind::Computed(own) => axis.name == name.text && is_same(own, &extent),
            _ => false,
        });
        if let Some(known) = known {
            return Some(AxisIndex(known as u32));
        }
        if self.axis_name_is_taken(name) {
            return None;
        }
        Some(self.add_axis(&name.text, AxisKind::Computed(Box::new(extent)), name.span))
    }
}

/// The entries of `[N, M -> T]` as axes to look at, and the new one.
fn new_axis(brackets: Option<&[Entry]>) -> Option<(Vec<Entry>, &ast::Name)> {
    let (last, before) = brackets?.split_last()?;
    let EntryKind::Rename { from, to } = &last.kind else { return None };
    let mut over = before.to_vec();
    let reference = AxisRef { name: from.clone(), pack: false };
    over.push(Entry { kind: EntryKind::Axis(reference), span: from.span });
    Some((over, to))
}

/// Whether two extents are written in the same way, wherever they stand.
fn is_same(a: &Expr, b: &Expr) -> bool {
    match (&a.kind, &b.kind) {
        (ExprKind::Unary(op, x), ExprKind::Unary(other, y)) => op == other && is_same(x, y),
        (ExprKind::Binary(op, x), ExprKind::Binary(other, y)) => {
            op == other && is_same(&x[0], &y[0]) && is_same(&x[1], &y[1])
        }
        (
            ExprKind::Int(_) | ExprKind::Hyperparameter(_) | ExprKind::Let(_) | ExprKind::Size(_) | ExprKind::Input(_),
            _,
        ) => a.kind == b.kind,
        _ => false,
    }
}
