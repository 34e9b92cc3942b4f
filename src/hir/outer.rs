//! What a loss ends in: the one mean or sum that `each` and `reduce` speak of, and its axes.
//!
//! Looked for through calls, `let`s, minus signs and constant factors. `lower` finds the same reduction with
//! its nodes; here only its axes are needed, for types.

use super::flow::{Flow, merge};
use super::{Expr, ExprKind, Function, Instance, Kind, MakeAxis, Program, Reduction};
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
    make: MakeAxis<'_, A>,
) -> Result<Vec<A>, NoReduction> {
    Flow::new(program, make).outer(instance, expr)
}

impl<A: Copy + PartialEq> Flow<'_, A> {
    /// As [`outer_axes`], as part of a larger question.
    pub(super) fn outer(&mut self, instance: &Instance<'_, A>, expr: &Expr) -> Result<Vec<A>, NoReduction> {
        with_room(|| self.outer_step(instance, expr))
    }

    fn outer_step(&mut self, instance: &Instance<'_, A>, expr: &Expr) -> Result<Vec<A>, NoReduction> {
        let function = instance.function;
        match &expr.kind {
            ExprKind::Reduce { reduction: Reduction::Mean | Reduction::Sum, value, per, filter, .. }
            | ExprKind::ReduceLike { value, per, filter, .. }
                if expr.ty.kind.is_real() =>
            {
                let mut all = self.expr(instance, value);
                for other in [per, filter].into_iter().flatten() {
                    merge(&mut all, &self.expr(instance, other));
                }
                if let ExprKind::ReduceLike { loss, .. } = &expr.kind {
                    merge(&mut all, &self.outer(instance, loss)?);
                }
                Ok(all)
            }
            ExprKind::Unary(Unary::Neg, x) | ExprKind::As(x) | ExprKind::ToReal(x) => self.outer(instance, x),
            ExprKind::Binary(Binary::Mul, both) if is_constant(function, &both[0]) => self.outer(instance, &both[1]),
            ExprKind::Binary(Binary::Mul | Binary::Div, both) if is_constant(function, &both[1]) => {
                self.outer(instance, &both[0])
            }
            ExprKind::Let(index) => self.outer(instance, &function.lets[index.0 as usize].value),
            ExprKind::Input(position) if function.inputs[*position as usize].ty.kind == Kind::Loss => {
                Ok(instance.inputs[*position as usize].clone())
            }
            ExprKind::Call(call) => match self.called(instance, call) {
                Some(callee) => self.outer(&callee, &callee.function.result),
                None => Err(NoReduction { found: "a call", span: expr.span }),
            },
            _ => Err(NoReduction { found: described(expr), span: expr.span }),
        }
    }
}

/// Whether an expression is one number that no input takes part in: a factor that belongs to the elements.
pub fn is_constant(function: &Function, expr: &Expr) -> bool {
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
        // Whether a variable is constant is not known before all turns: it counts as not.
        ExprKind::Input(_) | ExprKind::Carried(..) | ExprKind::Repeated(..) => constant = false,
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
        ExprKind::Carried(..) | ExprKind::Repeated(..) => "a variable of a `repeat`",
        ExprKind::Real(_) | ExprKind::Int(_) => "a number",
        _ => "no reduction",
    }
}
