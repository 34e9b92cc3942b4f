//! The functions that kernels call: for one number, and for a block of lanes.
//!
//! One table, keyed by operation: the vector math library where it has a row, else loops over the scalar
//! functions of [`crate::numeric`]. All forms of a function for one precision have the same bits, so that a number
//! may be computed by any of them. A kernel refers to them by symbol, so that its code does not depend on where
//! they are.

use crate::kernel::Function;
use crate::numeric;
use crate::op::{Binary, Unary};
use crate::vector;

/// Over which elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// One double, given and returned in registers.
    One,
    /// The same for a double that is a single: what the function on blocks of singles gives.
    OneF32,
    /// A block of singles in memory.
    BlockF32,
    /// A block of doubles in memory.
    BlockF64,
}

/// The symbol of a function.
pub(super) fn symbol(function: Function, form: Form) -> String {
    let name = function.name();
    let form = match form {
        Form::One => "one",
        Form::OneF32 => "one_f32",
        Form::BlockF32 => "block_f32",
        Form::BlockF64 => "block_f64",
    };
    format!("lossc_{name}_{form}")
}

/// The function of a symbol.
pub(super) fn lookup(symbol: &str) -> Option<*const u8> {
    let name = symbol.strip_prefix("lossc_")?;
    let (name, form) = if let Some(name) = name.strip_suffix("_one") {
        (name, Form::One)
    } else if let Some(name) = name.strip_suffix("_one_f32") {
        (name, Form::OneF32)
    } else if let Some(name) = name.strip_suffix("_block_f32") {
        (name, Form::BlockF32)
    } else {
        (name.strip_suffix("_block_f64")?, Form::BlockF64)
    };
    if name == "logistic" {
        return match form {
            Form::BlockF32 => Some(vector::logistic_f32(vector::machine()).block as *const u8),
            Form::BlockF64 => Some(vector::logistic_f64(vector::machine()).block as *const u8),
            Form::One | Form::OneF32 => None,
        };
    }
    if name == "polygamma" {
        return Some(pick(
            form,
            polygamma_one as *const u8,
            polygamma_block::<f32> as *const u8,
            polygamma_block::<f64> as *const u8,
        ));
    }
    if name == Binary::Powi.name() {
        return Some(pick(form, powi_one as *const u8, powi_block::<f32> as *const u8, powi_block::<f64> as *const u8));
    }
    if let Some(op) = Unary::from_name(name) {
        return Some(vector_unary(op, form).unwrap_or_else(|| unary(op, form)));
    }
    Binary::from_name(name).map(|op| vector_binary(op, form).unwrap_or_else(|| binary(op, form)))
}

/// The function of the vector math library for this machine, if it has one.
fn vector_unary(op: Unary, form: Form) -> Option<*const u8> {
    let machine = vector::machine();
    Some(match form {
        Form::One => vector::unary_f64(op, machine)?.one as *const u8,
        Form::OneF32 => vector::unary_f32(op, machine)?.one as *const u8,
        Form::BlockF32 => vector::unary_f32(op, machine)?.block as *const u8,
        Form::BlockF64 => vector::unary_f64(op, machine)?.block as *const u8,
    })
}

/// The same for two operands.
fn vector_binary(op: Binary, form: Form) -> Option<*const u8> {
    let machine = vector::machine();
    Some(match form {
        Form::One => vector::binary_f64(op, machine)?.one as *const u8,
        Form::OneF32 => vector::binary_f32(op, machine)?.one as *const u8,
        Form::BlockF32 => vector::binary_f32(op, machine)?.block as *const u8,
        Form::BlockF64 => vector::binary_f64(op, machine)?.block as *const u8,
    })
}

fn pick(form: Form, one: *const u8, block_f32: *const u8, block_f64: *const u8) -> *const u8 {
    match form {
        // Rounded by the kernel, as a block is.
        Form::One | Form::OneF32 => one,
        Form::BlockF32 => block_f32,
        Form::BlockF64 => block_f64,
    }
}

/// A lane's type.
trait Lane: Copy {
    fn to_f64(self) -> f64;
    fn from_f64(value: f64) -> Self;
}

impl Lane for f32 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn from_f64(value: f64) -> Self {
        value as f32
    }
}

impl Lane for f64 {
    fn to_f64(self) -> f64 {
        self
    }
    fn from_f64(value: f64) -> Self {
        value
    }
}

/// Maps a block.
///
/// # Safety
/// `from` and `to` point to `len` readable, respectively writable elements; they may be equal.
unsafe fn map<T: Lane>(from: *const T, to: *mut T, len: usize, function: impl Fn(f64) -> f64) {
    for lane in 0..len {
        // SAFETY: `lane` is below `len`.
        unsafe { to.add(lane).write(T::from_f64(function(from.add(lane).read().to_f64()))) };
    }
}

/// Maps two blocks to one.
///
/// # Safety
/// `a` and `b` point to `len` readable, `to` to `len` writable elements; they may be equal.
unsafe fn map_two<T: Lane, U: Copy>(
    a: *const T,
    b: *const U,
    to: *mut T,
    len: usize,
    function: impl Fn(f64, U) -> f64,
) {
    for lane in 0..len {
        // SAFETY: `lane` is below `len`.
        unsafe { to.add(lane).write(T::from_f64(function(a.add(lane).read().to_f64(), b.add(lane).read()))) };
    }
}

/// The three forms of every row of a table of unary or of binary operations.
macro_rules! forms {
    (unary $op:expr, $form:expr, $($variant:ident)*) => {
        match $op { $(Unary::$variant => {
            extern "C" fn one(x: f64) -> f64 { numeric::unary_f64(Unary::$variant, x) }
            unsafe extern "C" fn block<T: Lane>(from: *const T, to: *mut T, len: usize) {
                // SAFETY: kernels pass blocks of scratch memory.
                unsafe { map(from, to, len, |x| numeric::unary_f64(Unary::$variant, x)) }
            }
            pick($form, one as *const u8, block::<f32> as *const u8, block::<f64> as *const u8)
        })* }
    };
    (binary $op:expr, $form:expr, $($variant:ident)*) => {
        match $op { $(Binary::$variant => {
            extern "C" fn one(a: f64, b: f64) -> f64 { numeric::binary_f64(Binary::$variant, a, b) }
            unsafe extern "C" fn block<T: Lane>(a: *const T, b: *const T, to: *mut T, len: usize) {
                // SAFETY: kernels pass blocks of scratch memory.
                unsafe { map_two(a, b, to, len, |a, b: T| numeric::binary_f64(Binary::$variant, a, b.to_f64())) }
            }
            pick($form, one as *const u8, block::<f32> as *const u8, block::<f64> as *const u8)
        })* }
    };
}

fn unary(op: Unary, form: Form) -> *const u8 {
    forms!(unary op, form,
        Neg Abs Exp Log Sqrt Sign Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Sigmoid LogSigmoid Softplus LogCosh
        Erf Lgamma Expm1 Log1p Floor Ceil Round)
}

fn binary(op: Binary, form: Form) -> *const u8 {
    forms!(binary op, form, Add Sub Mul Div Min Max Pow Powi Atan2)
}

extern "C" fn powi_one(a: f64, exponent: i64) -> f64 {
    numeric::powi(a, exponent)
}

unsafe extern "C" fn powi_block<T: Lane>(a: *const T, exponent: *const i64, to: *mut T, len: usize) {
    // SAFETY: kernels pass blocks of scratch memory.
    unsafe { map_two(a, exponent, to, len, numeric::powi) }
}

extern "C" fn polygamma_one(x: f64, order: i64) -> f64 {
    numeric::polygamma_f64(order as u32, x)
}

unsafe extern "C" fn polygamma_block<T: Lane>(from: *const T, to: *mut T, len: usize, order: i64) {
    // SAFETY: kernels pass blocks of scratch memory.
    unsafe { map(from, to, len, |x| numeric::polygamma_f64(order as u32, x)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_with_several_results_have_blocks() {
        for form in [Form::BlockF32, Form::BlockF64] {
            assert!(lookup(&symbol(Function::Logistic, form)).is_some(), "{form:?}");
        }
    }

    #[test]
    fn every_row_has_all_forms() {
        let unary = Unary::ALL.iter().map(|&op| Function::Unary(op));
        let binary = Binary::ALL.iter().map(|&op| Function::Binary(op));
        for function in unary.chain(binary).chain([Function::Polygamma(1)]) {
            for form in [Form::One, Form::OneF32, Form::BlockF32, Form::BlockF64] {
                assert!(lookup(&symbol(function, form)).is_some(), "{function:?} {form:?}");
            }
        }
    }
}
