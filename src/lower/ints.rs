//! Ints that are known when compiling → their values, or the operation that leaves the 64 bits of an int.
//!
//! Ints of the data wrap around. What is known now is wrong with certainty, and is said.

use super::LowerError;
use super::instance::{Hyper, Instance, Lowering};
use crate::hir::{Expr, ExprKind};
use crate::ir::{Constant, NodeId};
use crate::numeric;
use crate::op::{Binary, Unary};
use crate::span::Span;
use crate::stack::with_room;

impl Lowering<'_> {
    /// An int operation on numbers, as a number; none for any other.
    pub(super) fn folded_int(
        &mut self,
        instance: &Instance<'_>,
        expr: &Expr,
        operands: &[NodeId],
    ) -> Result<Option<NodeId>, LowerError> {
        if matches!(expr.kind, ExprKind::ToInt(_)) {
            return match self.constant_int(instance, expr) {
                Ok(value) => Ok(Some(self.program.graph.int(value))),
                Err(LowerError::NotCompileTime { .. }) => Ok(None),
                Err(error) => Err(error),
            };
        }
        let int = |node: &NodeId| match self.program.graph.constant_of(*node) {
            Some(Constant::Int(value)) => Some(value),
            _ => None,
        };
        let Some(values) = operands.iter().map(int).collect::<Option<Vec<i64>>>() else { return Ok(None) };
        let value = match (&expr.kind, &values[..]) {
            (ExprKind::Unary(op, _), &[x]) => unary(*op, x, expr.span)?,
            (ExprKind::Binary(op, _), &[a, b]) => binary(*op, a, b, expr.span)?,
            _ => return Ok(None),
        };
        Ok(Some(self.program.graph.int(value)))
    }

    /// The value of an int expression of numbers and int hyperparameters.
    pub(super) fn constant_int(&mut self, instance: &Instance<'_>, expr: &Expr) -> Result<i64, LowerError> {
        with_room(|| self.int_of(instance, expr))
    }

    fn int_of(&mut self, instance: &Instance<'_>, expr: &Expr) -> Result<i64, LowerError> {
        let unknown = LowerError::NotCompileTime { span: expr.span };
        match &expr.kind {
            ExprKind::Int(value) => Ok(*value),
            ExprKind::Hyperparameter(position) => match instance.hyperparameters.get(*position as usize) {
                Some(Hyper::Int(value)) => Ok(*value),
                Some(Hyper::Real(_) | Hyper::Extent) | None => Err(unknown),
            },
            ExprKind::Unary(op @ (Unary::Neg | Unary::Abs), x) => {
                unary(*op, self.constant_int(instance, x)?, expr.span)
            }
            ExprKind::Binary(op @ (Binary::Add | Binary::Sub | Binary::Mul | Binary::Min | Binary::Max), both) => {
                binary(*op, self.constant_int(instance, &both[0])?, self.constant_int(instance, &both[1])?, expr.span)
            }
            ExprKind::ToInt(x) => {
                let value = self.constant_real(instance, x)?;
                // The bounds are exact in double precision.
                let fits = (-(2.0_f64.powi(63))..2.0_f64.powi(63)).contains(&value);
                let overflow = LowerError::IntOverflow { operation: value.to_string(), span: expr.span };
                if fits { Ok(value as i64) } else { Err(overflow) }
            }
            ExprKind::As(x) => self.constant_int(instance, x),
            // Of a constant or a function.
            _ => {
                let node = self.expr(instance, expr)?.node;
                match self.program.graph.constant_of(node) {
                    Some(Constant::Int(value)) => Ok(value),
                    _ => Err(unknown),
                }
            }
        }
    }

    /// The value of a real expression of numbers and int hyperparameters.
    pub(super) fn constant_real(&mut self, instance: &Instance<'_>, expr: &Expr) -> Result<f64, LowerError> {
        with_room(|| self.real_of(instance, expr))
    }

    fn real_of(&mut self, instance: &Instance<'_>, expr: &Expr) -> Result<f64, LowerError> {
        match &expr.kind {
            ExprKind::Real(value) => Ok(*value),
            ExprKind::ToReal(x) => Ok(self.constant_int(instance, x)? as f64),
            ExprKind::As(x) => self.constant_real(instance, x),
            ExprKind::Unary(op, x) if x.ty.kind.is_real() => {
                Ok(numeric::unary_f64(*op, self.constant_real(instance, x)?))
            }
            ExprKind::Binary(Binary::Powi, both) => {
                let exponent = self.constant_int(instance, &both[1])?;
                Ok(numeric::powi(self.constant_real(instance, &both[0])?, exponent))
            }
            ExprKind::Binary(op, both) if both[0].ty.kind.is_real() => {
                let (a, b) = (self.constant_real(instance, &both[0])?, self.constant_real(instance, &both[1])?);
                Ok(numeric::binary_f64(*op, a, b))
            }
            _ => Err(LowerError::NotCompileTime { span: expr.span }),
        }
    }
}

fn unary(op: Unary, x: i64, span: Span) -> Result<i64, LowerError> {
    let sign = if op == Unary::Abs { "abs" } else { "-" };
    let operation = || format!("{sign}({x})");
    numeric::checked_unary_i64(op, x).ok_or_else(|| LowerError::IntOverflow { operation: operation(), span })
}

fn binary(op: Binary, a: i64, b: i64, span: Span) -> Result<i64, LowerError> {
    let sign = match op {
        Binary::Add => "+",
        Binary::Sub => "-",
        _ => "*",
    };
    let second = if b < 0 { format!("({b})") } else { b.to_string() };
    let operation = || format!("{a} {sign} {second}");
    numeric::checked_binary_i64(op, a, b).ok_or_else(|| LowerError::IntOverflow { operation: operation(), span })
}
