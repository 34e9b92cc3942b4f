//! The one set of scalar functions: interpreter and constant folding compute with these, and kernels where the vector
//! math library has no formula.
//!
//! One function per row of the operation tables, in double precision, with the edge values that the
//! row's sentence promises; [`unary_f32`] and its like compute in double precision and round once, so
//! they are correct to about half a unit in the last place. Relies on `std` and `libm` for the
//! elementary functions. Nothing else in the crate calls those (see `clippy.toml`).

#![allow(clippy::disallowed_methods)]

mod polygamma;
mod real;

pub use polygamma::polygamma_f64;
pub use real::{ascending, atan2, log_cosh, log_sigmoid, maximum, minimum, pow, powi, sigmoid, sign, softplus};

use crate::op::{Binary, Compare, Logic, Unary};

/// A real as an int: truncated, the nearest one beyond the range. NaN is the smallest, so that an index which is no number
/// lies outside of every axis.
pub fn to_int(x: f64) -> i64 {
    if x.is_nan() { i64::MIN } else { x as i64 }
}

/// The function of a unary row, on doubles.
pub fn unary_function_f64(op: Unary) -> fn(f64) -> f64 {
    match op {
        Unary::Neg => |x| -x,
        Unary::Abs => f64::abs,
        Unary::Exp => f64::exp,
        Unary::Log => f64::ln,
        Unary::Sqrt => f64::sqrt,
        Unary::Sign => sign,
        Unary::Sin => f64::sin,
        Unary::Cos => f64::cos,
        Unary::Tan => f64::tan,
        Unary::Asin => f64::asin,
        Unary::Acos => f64::acos,
        Unary::Atan => f64::atan,
        Unary::Sinh => f64::sinh,
        Unary::Cosh => f64::cosh,
        Unary::Tanh => f64::tanh,
        Unary::Sigmoid => sigmoid,
        Unary::LogSigmoid => log_sigmoid,
        Unary::Softplus => softplus,
        Unary::LogCosh => log_cosh,
        Unary::Erf => libm::erf,
        Unary::Lgamma => real::lgamma,
        Unary::Expm1 => f64::exp_m1,
        Unary::Log1p => f64::ln_1p,
        Unary::Floor => f64::floor,
        Unary::Ceil => f64::ceil,
        Unary::Round => f64::round_ties_even,
    }
}

/// The function of a binary row, on doubles. The exponent of `powi` is an integral double.
pub fn binary_function_f64(op: Binary) -> fn(f64, f64) -> f64 {
    match op {
        Binary::Add => |a, b| a + b,
        Binary::Sub => |a, b| a - b,
        Binary::Mul => |a, b| a * b,
        Binary::Div => |a, b| a / b,
        Binary::Min => minimum,
        Binary::Max => maximum,
        Binary::Pow => pow,
        Binary::Powi => |a, n| powi(a, n as i64),
        Binary::Atan2 => atan2,
    }
}

/// A unary row on a double.
pub fn unary_f64(op: Unary, x: f64) -> f64 {
    unary_function_f64(op)(x)
}

/// A unary row on a single, rounded once.
pub fn unary_f32(op: Unary, x: f32) -> f32 {
    unary_f64(op, f64::from(x)) as f32
}

/// A binary row on doubles; for `powi` use [`powi`].
pub fn binary_f64(op: Binary, a: f64, b: f64) -> f64 {
    binary_function_f64(op)(a, b)
}

/// A binary row on singles, rounded once.
pub fn binary_f32(op: Binary, a: f32, b: f32) -> f32 {
    binary_f64(op, f64::from(a), f64::from(b)) as f32
}

/// The n-th derivative of digamma on a single, rounded once.
pub fn polygamma_f32(n: u32, x: f32) -> f32 {
    polygamma_f64(n, f64::from(x)) as f32
}

/// The integer power on a single, rounded once.
pub fn powi_f32(a: f32, n: i64) -> f32 {
    powi(f64::from(a), n) as f32
}

/// A unary row on an int; none if the result is not an int.
pub fn checked_unary_i64(op: Unary, x: i64) -> Option<i64> {
    match op {
        Unary::Neg => x.checked_neg(),
        Unary::Abs => x.checked_abs(),
        _ => None,
    }
}

/// A binary row on ints; none if the result is not an int.
pub fn checked_binary_i64(op: Binary, a: i64, b: i64) -> Option<i64> {
    match op {
        Binary::Add => a.checked_add(b),
        Binary::Sub => a.checked_sub(b),
        Binary::Mul => a.checked_mul(b),
        Binary::Min => Some(a.min(b)),
        Binary::Max => Some(a.max(b)),
        Binary::Div | Binary::Pow | Binary::Powi | Binary::Atan2 => None,
    }
}

/// A unary row on an int, wrapping.
///
/// # Panics
/// If the row takes reals only: a bug of the compiler.
pub fn unary_i64(op: Unary, x: i64) -> i64 {
    match op {
        Unary::Neg => x.wrapping_neg(),
        Unary::Abs => x.wrapping_abs(),
        real => unreachable!("`{}` takes reals", real.name()),
    }
}

/// A binary row on ints, wrapping.
///
/// # Panics
/// If the row takes reals only: a bug of the compiler.
pub fn binary_i64(op: Binary, a: i64, b: i64) -> i64 {
    match op {
        Binary::Add => a.wrapping_add(b),
        Binary::Sub => a.wrapping_sub(b),
        Binary::Mul => a.wrapping_mul(b),
        Binary::Min => a.min(b),
        Binary::Max => a.max(b),
        Binary::Div | Binary::Pow | Binary::Powi | Binary::Atan2 => unreachable!("`{}` takes reals", op.name()),
    }
}

/// A comparison; false where either is NaN, but for `ne`.
pub fn compare<T: PartialOrd>(op: Compare, a: T, b: T) -> bool {
    match op {
        Compare::Eq => a == b,
        Compare::Ne => a != b,
        Compare::Lt => a < b,
        Compare::Le => a <= b,
    }
}

/// An operation on truth values; `b` is ignored by `not`.
pub fn logic(op: Logic, a: bool, b: bool) -> bool {
    match op {
        Logic::And => a && b,
        Logic::Or => a || b,
        Logic::Not => !a,
    }
}
