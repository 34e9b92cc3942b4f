//! A formula → its loops, compiled for each kind of machine.
//!
//! The only unsafe part: code for a machine's vectors may run on such a machine only, and blocks are addresses.

/// Lanes that are computed together: a block's rest is filled up to as many.
pub(super) const GROUP: usize = 16;

/// What the machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// x86 with AVX-512 (F, DQ, VL) and FMA.
    Avx512,
    /// x86 with AVX2 and FMA.
    Avx2,
    /// What every machine of the target has.
    Baseline,
}

/// The kind of machine that this is.
pub fn machine() -> Machine {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        let fma = has!("avx2") && has!("fma");
        if fma && has!("avx512f") && has!("avx512dq") && has!("avx512vl") {
            return Machine::Avx512;
        }
        if fma {
            return Machine::Avx2;
        }
    }
    Machine::Baseline
}

impl Machine {
    /// The kinds that can run here, the best one first.
    pub fn usable() -> &'static [Machine] {
        let all = &[Machine::Avx512, Machine::Avx2, Machine::Baseline];
        match machine() {
            Machine::Avx512 => all,
            Machine::Avx2 => &all[1..],
            Machine::Baseline => &all[2..],
        }
    }
}

/// The forms of a function of one operand.
#[derive(Clone, Copy, Debug)]
pub struct Unary<T> {
    /// For a number of this type, handed over and returned as a double.
    ///
    /// # Safety
    /// The machine must be what the form was chosen for.
    pub one: unsafe extern "C" fn(f64) -> f64,
    /// For a block: operand, result, length.
    ///
    /// # Safety
    /// As above, and both must point to so many elements and not overlap.
    pub block: unsafe extern "C" fn(*const T, *mut T, usize),
}

/// The forms of a function of two operands.
#[derive(Clone, Copy, Debug)]
pub struct Binary<T> {
    /// As of [`Unary`].
    pub one: unsafe extern "C" fn(f64, f64) -> f64,
    /// As of [`Unary`]: operands, result, length. An operand may be given twice.
    pub block: unsafe extern "C" fn(*const T, *const T, *mut T, usize),
}

/// The parts of a block.
///
/// # Safety
/// `from` and `to` point to `len` elements each and do not overlap.
#[inline(always)]
pub(super) unsafe fn parts<'a, T>(from: *const T, to: *mut T, len: usize) -> (&'a [T], &'a mut [T]) {
    // SAFETY: promised by the caller.
    unsafe { (std::slice::from_raw_parts(from, len), std::slice::from_raw_parts_mut(to, len)) }
}

/// Maps a block of lanes by a formula: whole groups, then the rest, filled up to a group. A macro, because a formula
/// must be inlined into the code for the machine, and a function that is handed over need not be.
macro_rules! map {
    ($lane:ty, $formula:path, $from:expr, $to:expr) => {{
        const GROUP: usize = $crate::vector::compile::GROUP;
        let (from, to): (&[$lane], &mut [$lane]) = ($from, $to);
        let whole = from.len() - from.len() % GROUP;
        for (x, y) in from[..whole].iter().zip(&mut to[..whole]) {
            *y = $formula(*x);
        }
        let count = from.len() - whole;
        if count > 0 {
            let (mut rest, mut results) = ([0.0; GROUP], [0.0; GROUP]);
            rest[..count].copy_from_slice(&from[whole..]);
            for (x, y) in rest.iter().zip(&mut results) {
                *y = $formula(*x);
            }
            to[whole..].copy_from_slice(&results[..count]);
        }
    }};
}

/// Maps two blocks to one.
macro_rules! map_two {
    ($lane:ty, $formula:path, $first:expr, $second:expr, $to:expr) => {{
        const GROUP: usize = $crate::vector::compile::GROUP;
        let (first, second, to): (&[$lane], &[$lane], &mut [$lane]) = ($first, $second, $to);
        let whole = first.len() - first.len() % GROUP;
        for ((a, b), y) in first[..whole].iter().zip(&second[..whole]).zip(&mut to[..whole]) {
            *y = $formula(*a, *b);
        }
        let count = first.len() - whole;
        if count > 0 {
            let (mut one, mut other, mut results) = ([0.0; GROUP], [0.0; GROUP], [0.0; GROUP]);
            one[..count].copy_from_slice(&first[whole..]);
            other[..count].copy_from_slice(&second[whole..]);
            for ((a, b), y) in one.iter().zip(&other).zip(&mut results) {
                *y = $formula(*a, *b);
            }
            to[whole..].copy_from_slice(&results[..count]);
        }
    }};
}

/// Computes again, by a scalar function, the lanes for which a formula does not hold.
#[inline(always)]
pub(super) fn mend<T: Copy>(from: &[T], to: &mut [T], near: impl Fn(T) -> bool, elsewhere: impl Fn(T) -> T) {
    if from.iter().fold(true, |all, &x| all & near(x)) {
        return;
    }
    for (x, y) in from.iter().zip(to) {
        if !near(*x) {
            *y = elsewhere(*x);
        }
    }
}

/// Compiles functions for every kind of machine, and picks those for one: `fields` of a structure of function
/// pointers, each with its parameters, result and body.
macro_rules! compiled {
    ($machine:expr, $forms:ident, $($field:ident($($x:ident: $ty:ty),*) $(-> $result:ty)? = $body:expr;)*) => {
        match $machine {
            #[cfg(target_arch = "x86_64")]
            $crate::vector::Machine::Avx512 => {
                $(#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
                unsafe extern "C" fn $field($($x: $ty),*) $(-> $result)? { $body })*
                $forms { $($field),* }
            }
            #[cfg(target_arch = "x86_64")]
            $crate::vector::Machine::Avx2 => {
                $(#[target_feature(enable = "avx2,fma")]
                unsafe extern "C" fn $field($($x: $ty),*) $(-> $result)? { $body })*
                $forms { $($field),* }
            }
            _ => {
                $(unsafe extern "C" fn $field($($x: $ty),*) $(-> $result)? { $body })*
                $forms { $($field),* }
            }
        }
    };
}

pub(super) use {compiled, map, map_two};
