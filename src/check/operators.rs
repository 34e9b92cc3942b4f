//! Operators and conversions: what kind comes out, and which casts go in.

use super::error::TypeError;
use super::kinds::{accepts, accepts_literal, join, kind_name, literal, literal_kind, not_negative};
use super::scope::Scope;
use crate::hir::{AxisIndex, Expr, ExprKind, Kind, Ty};
use crate::op::{Binary, Compare, Element, Logic, Unary};
use crate::span::Span;
use crate::syntax::ast::{self, BinaryOp, CompareOp, UnaryOp};

/// How many operations an operand in the middle of a chain of comparisons may hold.
const MAX_SHARED_NODES: usize = 1000;

/// The axes of the first operand, then the new ones of the next.
pub fn merge_axes(all: &mut Vec<AxisIndex>, more: &[AxisIndex]) {
    for &axis in more {
        if !all.contains(&axis) {
            all.push(axis);
        }
    }
}

/// The axes of several operands together.
pub fn axes_of(operands: &[&Expr]) -> Vec<AxisIndex> {
    let mut all = Vec::new();
    operands.iter().for_each(|operand| merge_axes(&mut all, &operand.ty.axes));
    all
}

/// The element type in which a kind is held.
pub fn element(kind: Kind) -> Element {
    if kind.is_real() {
        Element::Real
    } else if kind.is_int() {
        Element::Int
    } else {
        Element::Bool
    }
}

/// A number as an expression.
pub fn real(value: f64, span: Span) -> Expr {
    Expr { kind: ExprKind::Real(value), ty: Ty { kind: literal_kind(value), axes: Vec::new() }, span }
}

/// An expression as a real one: an int or a bool is converted.
pub fn to_real(expr: Expr) -> Expr {
    if let ExprKind::Int(value) = expr.kind {
        return real(value as f64, expr.span);
    }
    let kind = match element(expr.ty.kind) {
        Element::Real => return expr,
        Element::Int => Kind::Real,
        Element::Bool => Kind::Binary,
    };
    let (span, axes) = (expr.span, expr.ty.axes.clone());
    Expr { kind: ExprKind::ToReal(Box::new(expr)), ty: Ty { kind, axes }, span }
}

/// Two operands as one element type: ints stay ints if both are, everything else becomes real.
pub fn to_common(a: Expr, b: Expr) -> (Expr, Expr) {
    if a.ty.kind.is_int() && b.ty.kind.is_int() { (a, b) } else { (to_real(a), to_real(b)) }
}

/// An elementwise operation on two operands that have one element type.
pub fn binary(op: Binary, a: Expr, b: Expr, kind: Kind, span: Span) -> Expr {
    let axes = axes_of(&[&a, &b]);
    Expr { kind: ExprKind::Binary(op, Box::new([a, b])), ty: Ty { kind, axes }, span }
}

/// An elementwise operation on a real operand.
pub fn unary(op: Unary, x: Expr, kind: Kind, span: Span) -> Expr {
    let axes = x.ty.axes.clone();
    Expr { kind: ExprKind::Unary(op, Box::new(x)), ty: Ty { kind, axes }, span }
}

fn within_unit(kind: Kind) -> bool {
    matches!(kind, Kind::Prob | Kind::Binary)
}

fn is_twice_binary(expr: &Expr) -> bool {
    let ExprKind::Binary(Binary::Mul, both) = &expr.kind else { return false };
    let pair = |a: &Expr, b: &Expr| literal(a) == Some(2.0) && b.ty.kind == Kind::Binary;
    pair(&both[0], &both[1]) || pair(&both[1], &both[0])
}

/// What kind an arithmetic operation on reals keeps.
fn arithmetic_kind(op: Binary, a: &Expr, b: &Expr) -> Kind {
    let (left, right) = (a.ty.kind, b.ty.kind);
    let both_not_negative = not_negative(left) && not_negative(right);
    match op {
        Binary::Mul if left == Kind::Binary && right == Kind::Binary => Kind::Binary,
        Binary::Mul if within_unit(left) && within_unit(right) => Kind::Prob,
        Binary::Mul if left == Kind::Sign && right == Kind::Sign => Kind::Sign,
        Binary::Sub if literal(a) == Some(1.0) && within_unit(right) => right,
        Binary::Sub if literal(b) == Some(1.0) && is_twice_binary(a) => Kind::Sign,
        Binary::Div if within_unit(left) && literal(b).is_some_and(|divisor| divisor >= 1.0) => Kind::Prob,
        Binary::Pow if within_unit(left) && not_negative(right) => Kind::Prob,
        Binary::Add | Binary::Mul | Binary::Div if both_not_negative => Kind::Count,
        Binary::Min | Binary::Max => join(left, right).unwrap_or(Kind::Real),
        _ => Kind::Real,
    }
}

/// `min(a, b)` or `max(a, b)`, elementwise.
pub fn extremum(op: Binary, a: Expr, b: Expr, span: Span) -> Expr {
    let (a, b) = to_common(a, b);
    let kind = if a.ty.kind.is_int() { Kind::Int } else { arithmetic_kind(op, &a, &b) };
    binary(op, a, b, kind, span)
}

fn power(a: Expr, b: Expr, span: Span) -> Expr {
    let a = to_real(a);
    if !b.ty.kind.is_int() {
        let b = to_real(b);
        let kind = arithmetic_kind(Binary::Pow, &a, &b);
        return binary(Binary::Pow, a, b, kind, span);
    }
    let exponent = literal(&b);
    let kind = match (a.ty.kind, exponent) {
        (kind, Some(exponent)) if within_unit(kind) && exponent >= 1.0 => kind,
        (Kind::Count, _) => Kind::Count,
        _ => Kind::Real,
    };
    binary(Binary::Powi, a, b, kind, span)
}

impl Scope<'_, '_> {
    /// An infix operator.
    pub fn binary_operator(&mut self, op: BinaryOp, a: Expr, b: Expr, span: Span) -> Option<Expr> {
        let op = match op {
            BinaryOp::Power => return Some(power(a, b, span)),
            BinaryOp::And => return self.logic(Logic::And, vec![a, b], span),
            BinaryOp::Or => return self.logic(Logic::Or, vec![a, b], span),
            BinaryOp::Divide => {
                let (a, b) = (to_real(a), to_real(b));
                let kind = arithmetic_kind(Binary::Div, &a, &b);
                return Some(binary(Binary::Div, a, b, kind, span));
            }
            BinaryOp::Add => Binary::Add,
            BinaryOp::Subtract => Binary::Sub,
            BinaryOp::Multiply => Binary::Mul,
        };
        let (a, b) = to_common(a, b);
        let kind = if a.ty.kind.is_int() { Kind::Int } else { arithmetic_kind(op, &a, &b) };
        Some(binary(op, a, b, kind, span))
    }

    /// A prefix operator.
    pub fn unary_operator(&mut self, op: UnaryOp, x: Expr, span: Span) -> Option<Expr> {
        if op == UnaryOp::Not {
            return self.logic(Logic::Not, vec![x], span);
        }
        match x.kind {
            ExprKind::Real(value) => return Some(real(-value, span)),
            ExprKind::Int(value) => {
                let kind = ExprKind::Int(value.wrapping_neg());
                return Some(Expr { kind, ty: Ty { kind: Kind::Int, axes: Vec::new() }, span });
            }
            _ => {}
        }
        let x = if x.ty.kind.is_int() { x } else { to_real(x) };
        let kind = match x.ty.kind {
            Kind::Sign => Kind::Sign,
            kind if kind.is_int() => Kind::Int,
            _ => Kind::Real,
        };
        Some(unary(Unary::Neg, x, kind, span))
    }

    /// `and`, `or`, `not`
    pub fn logic(&mut self, op: Logic, operands: Vec<Expr>, span: Span) -> Option<Expr> {
        let mut good = true;
        for operand in &operands {
            good &= self.require_bool(operand, &format!("`{}`", op.name()));
        }
        let axes = axes_of(&operands.iter().collect::<Vec<_>>());
        let kind = ExprKind::Logic(op, operands);
        good.then_some(Expr { kind, ty: Ty { kind: Kind::Bool, axes }, span })
    }

    /// Reports an operand that is not a bool.
    pub fn require_bool(&mut self, expr: &Expr, of: &str) -> bool {
        if expr.ty.kind == Kind::Bool {
            return true;
        }
        let found = kind_name(expr.ty.kind, &self.axes, &self.hyperparameters);
        let text = self.text(expr.span);
        self.report(TypeError::NotABool { of: of.to_string(), found, text, span: expr.span });
        false
    }

    /// A chain of comparisons: all of them hold.
    pub fn compare_chain(&mut self, operands: Vec<Expr>, ops: &[CompareOp], span: Span) -> Option<Expr> {
        let mut parts = Vec::new();
        for operand in operands.get(1..ops.len()).unwrap_or_default() {
            // It is compared twice, so a nest of chains would double with every level.
            let mut nodes = 0_usize;
            operand.visit(&mut |_| nodes += 1);
            if nodes > MAX_SHARED_NODES {
                self.report(TypeError::LargeOperand { span: operand.span });
                return None;
            }
        }
        for (position, &op) in ops.iter().enumerate() {
            let (a, b) = (operands.get(position)?.clone(), operands.get(position + 1)?.clone());
            let span = a.span.to(b.span);
            let (a, b) = to_common(a, b);
            let (compare, swapped) = match op {
                CompareOp::Equal => (Compare::Eq, false),
                CompareOp::NotEqual => (Compare::Ne, false),
                CompareOp::Less => (Compare::Lt, false),
                CompareOp::LessEqual => (Compare::Le, false),
                CompareOp::Greater => (Compare::Lt, true),
                CompareOp::GreaterEqual => (Compare::Le, true),
            };
            let axes = axes_of(&[&a, &b]);
            let kind = ExprKind::Compare(compare, swapped, Box::new([a, b]));
            parts.push(Expr { kind, ty: Ty { kind: Kind::Bool, axes }, span });
        }
        let mut parts = parts.into_iter();
        let first = parts.next()?;
        parts.try_fold(first, |all, part| self.logic(Logic::And, vec![all, part], span))
    }

    /// `if condition then yes else no`
    pub fn choice(&mut self, condition: Expr, yes: Expr, no: Expr, span: Span) -> Option<Expr> {
        if !self.require_bool(&condition, "the condition of `if`") {
            return None;
        }
        let kind = join(yes.ty.kind, no.ty.kind).unwrap_or(Kind::Real);
        let (yes, no) = match element(kind) {
            Element::Real => (to_real(yes), to_real(no)),
            Element::Int | Element::Bool => (yes, no),
        };
        let kind = if element(kind) == Element::Real { join(yes.ty.kind, no.ty.kind).unwrap_or(kind) } else { kind };
        let axes = axes_of(&[&condition, &yes, &no]);
        Some(Expr { kind: ExprKind::Select(Box::new([condition, yes, no])), ty: Ty { kind, axes }, span })
    }

    /// `value as kind`
    pub fn assertion(&mut self, value: Expr, name: &ast::Name, span: Span) -> Option<Expr> {
        let kind = self.plain_kind(name)?;
        let possible = kind.is_real() || (kind == Kind::Int && value.ty.kind.is_int());
        if !possible {
            let found = kind_name(value.ty.kind, &self.axes, &self.hyperparameters);
            self.report(TypeError::CannotAssert { kind: name.text.clone(), found, span });
            return None;
        }
        let value = if kind.is_real() { to_real(value) } else { value };
        if let Some(number) = literal(&value)
            && !accepts_literal(kind, number)
        {
            self.report(TypeError::LiteralOutside { kind: name.text.clone(), value: number, span });
            return None;
        }
        let axes = value.ty.axes.clone();
        Some(Expr { kind: ExprKind::As(Box::new(value)), ty: Ty { kind, axes }, span })
    }

    /// Whether an expression may stand where a kind is declared; it is converted to the kind's element type.
    pub fn coerce(&mut self, wanted: Kind, value: Expr) -> Result<Expr, Expr> {
        if let Some(number) = literal(&value)
            && value.ty.axes.is_empty()
        {
            if !accepts_literal(wanted, number) {
                return Err(value);
            }
            return Ok(if wanted.is_real() { to_real(value) } else { value });
        }
        if !accepts(wanted, value.ty.kind) {
            return Err(value);
        }
        Ok(if wanted.is_real() { to_real(value) } else { value })
    }
}
