//! The rows: operation → formulas.
//!
//! A formula has the same name in [`single`] and in [`double`].

use std::ops::Mul;

use super::compile::{Binary, Machine, Unary, compiled, map, map_two, mend, parts};
use super::lane::Real;
use super::{angle, double, single};
use crate::numeric;
use crate::op;

/// Where sine, cosine and tangent are the formula's.
#[inline(always)]
fn near_single(x: f32) -> bool {
    x.abs() <= angle::FAR as f32
}

/// The same for doubles.
#[inline(always)]
fn near_double(x: f64) -> bool {
    x.abs() <= angle::FAR
}

/// Declares the tables of functions of one operand for a lane type. Those of `near` have a formula for near
/// arguments, and the scalar function for the others.
macro_rules! unary_table {
    ($(#[$doc:meta])* $name:ident $formula_name:ident $lane:ty, $formulas:ident, $near:ident, $scalar:path;
     $($variant:ident $formula:ident)*; near $($angle:ident $circle:ident)*) => {
        /// The formula of an operation at a lane, if there is one that holds everywhere.
        pub fn $formula_name<R: Real<Number = $lane>>(op: op::Unary, x: R) -> Option<R> {
            match op {
                $(op::Unary::$variant => Some($formulas::$formula(x)),)*
                _ => None,
            }
        }

        $(#[$doc])*
        pub fn $name(op: op::Unary, machine: Machine) -> Option<Unary<$lane>> {
            let forms = match op {
                $(op::Unary::$variant => compiled!(machine, Unary,
                    one(x: f64) -> f64 = f64::from($formulas::$formula(x as $lane));
                    block(from: *const $lane, to: *mut $lane, len: usize) = {
                        // SAFETY: promised by the caller.
                        let (from, to) = unsafe { parts(from, to, len) };
                        map!($lane, $formulas::$formula, from, to)
                    };
                ),)*
                $(op::Unary::$angle => compiled!(machine, Unary,
                    one(x: f64) -> f64 = {
                        let x = x as $lane;
                        f64::from(if $near(x) { $formulas::$circle(x) } else { $scalar(op::Unary::$angle, x) })
                    };
                    block(from: *const $lane, to: *mut $lane, len: usize) = {
                        // SAFETY: promised by the caller.
                        let (from, to) = unsafe { parts(from, to, len) };
                        map!($lane, $formulas::$circle, from, to);
                        mend(from, to, $near, |x| $scalar(op::Unary::$angle, x));
                    };
                ),)*
                _ => return None,
            };
            Some(forms)
        }
    };
}

/// Both tables have the same rows.
macro_rules! unary_tables {
    ($($rows:tt)*) => {
        unary_table! {
            /// The function of an operation on singles, if it has a row.
            unary_f32 formula_unary_f32 f32, single, near_single, numeric::unary_f32; $($rows)*
        }
        unary_table! {
            /// The function of an operation on doubles, if it has a row.
            unary_f64 formula_unary_f64 f64, double, near_double, numeric::unary_f64; $($rows)*
        }
    };
}

unary_tables! {
    Exp exp
    Log log
    Expm1 expm1
    Log1p log1p
    Sigmoid sigmoid
    LogSigmoid log_sigmoid
    Softplus softplus
    Tanh tanh
    LogCosh log_cosh
    Erf erf
    Sinh sinh
    Cosh cosh
    Asin asin
    Acos acos
    Atan atan;
    near
    Sin sin
    Cos cos
    Tan tan
}

/// Powers with one exponent for all that a product gives as exactly; whether it was one.
#[inline(always)]
fn uniform_power<T: Copy + PartialOrd + From<u8> + Mul<Output = T>>(a: &[T], b: &[T], to: &mut [T]) -> bool {
    let (zero, one, two) = (T::from(0), T::from(1), T::from(2));
    let exponent = b.first().copied().unwrap_or(two);
    let simple = exponent == one || exponent == two;
    if !simple || !b.iter().fold(true, |all, &other| all & (other == exponent)) {
        return false;
    }
    for (a, to) in a.iter().zip(to) {
        let base = if *a <= zero { zero } else { *a };
        *to = if exponent == one { base } else { base * base };
    }
    true
}

/// All blocks need the formula.
#[inline(always)]
fn never<T>(_: &[T], _: &[T], _: &mut [T]) -> bool {
    false
}

/// Declares a table of functions of two operands; the shortcut of a row computes the blocks that it says it has.
macro_rules! binary_table {
    ($(#[$doc:meta])* $name:ident $formula_name:ident $lane:ty, $formulas:ident;
     $($variant:ident $formula:ident $shortcut:ident)*) => {
        /// The formula of an operation at a lane, if there is one.
        pub fn $formula_name<R: Real<Number = $lane>>(op: op::Binary, a: R, b: R) -> Option<R> {
            match op {
                $(op::Binary::$variant => Some($formulas::$formula(a, b)),)*
                _ => None,
            }
        }

        $(#[$doc])*
        pub fn $name(op: op::Binary, machine: Machine) -> Option<Binary<$lane>> {
            let forms = match op {
                $(op::Binary::$variant => compiled!(machine, Binary,
                    one(a: f64, b: f64) -> f64 = f64::from($formulas::$formula(a as $lane, b as $lane));
                    block(a: *const $lane, b: *const $lane, to: *mut $lane, len: usize) = {
                        // SAFETY: promised by the caller.
                        let (a, to) = unsafe { parts(a, to, len) };
                        // SAFETY: promised by the caller.
                        let b = unsafe { std::slice::from_raw_parts(b, len) };
                        if !$shortcut(a, b, to) {
                            map_two!($lane, $formulas::$formula, a, b, to)
                        }
                    };
                ),)*
                _ => return None,
            };
            Some(forms)
        }
    };
}

/// Both tables have the same rows.
macro_rules! binary_tables {
    ($($rows:tt)*) => {
        binary_table! {
            /// The function of an operation on singles, if it has a row.
            binary_f32 formula_binary_f32 f32, single; $($rows)*
        }
        binary_table! {
            /// The function of an operation on doubles, if it has a row.
            binary_f64 formula_binary_f64 f64, double; $($rows)*
        }
    };
}

binary_tables! {
    Pow pow uniform_power
    Atan2 atan2 never
}
