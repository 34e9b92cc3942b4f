//! What a loss ends in: the one mean or sum that `each` and `reduce` speak of, and its axes.
//!
//! Looked for through calls, `let`s, minus signs and constant factors. `lower` finds the same reduction with
//! its nodes; here only its axes are needed, for types.

use super::flow::{called, expr_axes, merge};
use super::{Axis, Expr, ExprKind, Function, Instance, Kind, Program, Reduction};
use crate::op::{Binary, Unary};
use crate::span::Span;
use crate::stack::with_room;

/// Something that is not one mean or sum: what it is, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoReduction {
    /// In words.
    pub found: &'static str,
    /// Where.
    pub span: Span,
}

/// The axes of what the outermost reduction of a loss reduces.
///
/// # Errors
/// If its outermost operation is not one mean or sum.
pub fn outer_axes<A: Copy + PartialEq>(
    program: &Program,
    instance: &Instance<'_, A>,
    expr: &Expr,
    make: &mut dyn FnMut(&Axis, Option<A>) -> Option<A>,
) -> Result<Vec<A>, NoReduction> {
    let function = instance.function;
    match &expr.kind {
        ExprKind::Reduce { reduction: Reduction::Mean | Reduction::Sum, value, per, filter, .. }
        | ExprKind::ReduceLike { value, per, filter, .. }
            if expr.ty.kind.is_real() =>
        {
            let mut all = expr_axes(program, instance, value, make);
            for other in [per, filter].into_iter().flatten() {
                merge(&mut all, &expr_axes(program, instance, other, make));
            }
            if let ExprKind::ReduceLike { loss, .. } = &expr.kind {
                merge(&mut all, &outer_axes(program, instance, loss, make)?);
            }
            Ok(all)
        }
        ExprKind::Unary(Unary::Neg, x) | ExprKind::As(x) | ExprKind::ToReal(x) => {
            outer_axes(program, instance, x, make)
        }
        ExprKind::Binary(Binary::Mul, both) if is_constant(function, &both[0]) => {
            outer_axes(program, instance, &both[1], make)
        }
        ExprKind::Binary(Binary::Mul | Binary::Div, both) if is_constant(function, &both[1]) => {
            outer_axes(program, instance, &both[0], make)
        }
        ExprKind::Let(index) => outer_axes(program, instance, &function.lets[index.0 as usize].value, make),
        ExprKind::Input(position) if function.inputs[*position as usize].ty.kind == Kind::Loss => {
            Ok(instance.inputs[*position as usize].clone())
        }
        ExprKind::Call(call) => match called(program, instance, call, make) {
            Some(callee) => with_room(|| outer_axes(program, &callee, &callee.function.result, make)),
            None => Err(NoReduction { found: "a call", span: expr.span }),
        },
        _ => Err(NoReduction { found: described(expr), span: expr.span }),
    }
}

/// Whether an expression is one number that no input takes part in.
fn is_constant(function: &Function, expr: &Expr) -> bool {
    // Each `let` is looked at once, in order: one speaks only of those before it.
    let mut lets = Vec::with_capacity(function.lets.len());
    for binding in &function.lets {
        let constant = is_constant_given(&lets, &binding.value);
        lets.push(constant);
    }
    is_constant_given(&lets, expr)
}

fn is_constant_given(lets: &[bool], expr: &Expr) -> bool {
    let mut constant = expr.ty.axes.is_empty();
    expr.visit(&mut |part| match &part.kind {
        ExprKind::Input(_) => constant = false,
        ExprKind::Let(index) => constant &= lets[index.0 as usize],
        _ => {}
    });
    constant
}

/// What an operation is called where a reduction was looked for.
pub fn described(expr: &Expr) -> &'static str {
    match &expr.kind {
        ExprKind::Binary(Binary::Add, _) => "a sum of two values",
        ExprKind::Binary(Binary::Sub, _) => "a difference",
        ExprKind::Binary(Binary::Mul, _) => "a product",
        ExprKind::Binary(Binary::Div, _) => "a quotient",
        ExprKind::Binary(Binary::Pow | Binary::Powi, _) => "a power",
        ExprKind::Unary(Unary::Sqrt, _) => "a square root",
        ExprKind::Unary(Unary::Log, _) => "a logarithm",
        ExprKind::Unary(..) => "a function of one value",
        ExprKind::Reduce { .. } => "a reduction other than mean and sum",
        ExprKind::Select(_) => "a choice",
        ExprKind::Real(_) | ExprKind::Int(_) => "a number",
        _ => "no reduction",
    }
}
