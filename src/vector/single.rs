//! The formulas in single precision: x → f(x), without branches, at most 2 units in the last place off.
//!
//! A logarithm or an exponential takes its argument apart into a power of two and a rest near 1 or 0, and the rest
//! goes through a minimax polynomial. Every step is an arithmetic operation, a fused multiply-add, a selection by
//! a comparison or an operation on the bits, so that a loop over a formula becomes vector code, and a lane has the
//! same bits on every machine. What this precision does not reach is computed with the formulas of
//! [`double`](super::double) and rounded once.

use std::f32::consts::{LN_2, LOG2_E};

use super::double;

/// What ln 2 is larger than its nearest single (which is larger than ln 2).
const LN_2_LOW: f32 = -1.904_654_2e-9;
/// Added to a small number, it leaves the nearest integer in the lowest bits.
const ROUNDER: f32 = 12_582_912.0;
/// The bits of √½: logarithms are taken of numbers in [√½, √2).
const ROOT_HALF: u32 = 0x3f35_04f3;
/// The bits of 1.
const ONE: u32 = 0x3f80_0000;

/// (e^r − 1 − r) / r² on [−½ ln 2, ½ ln 2].
const EXPONENTIAL: [f32; 5] = [0.5, 0.166_665_76, 0.041_666_374, 0.008_363_182, 0.001_394_112_2];

/// (ln(1 + f) − f + ½ f²) / f³ on [√½ − 1, √2 − 1].
const LOGARITHM: [f32; 9] = [
    0.333_333_22,
    -0.249_999_87,
    0.200_015_54,
    -0.166_689_41,
    0.142_304_32,
    -0.123_949_53,
    0.118_035_92,
    -0.117_088_71,
    0.069_675_47,
];

/// (tanh x − x) / x³ in x², on |x| ≤ 0.6.
const TANGENT: [f32; 6] = [-0.333_333_34, 0.133_333_13, -0.053_961_754, 0.021_789_888, -0.008_415_027_5, 0.002_376_263];

/// (ln cosh x − ½ x²) / x⁴ in x², on |x| ≤ 1.
const LOG_COSH: [f32; 7] =
    [-0.083_333_3, 0.022_221_522, -0.006_740_148, 0.002_162_282_6, -0.000_680_857_2, 0.000_177_247_74, -2.591_622_3e-5];

/// A polynomial, the constant term first.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f32; N], x: f32) -> f32 {
    let mut result = coefficients[N - 1];
    let mut next = N - 1;
    while next > 0 {
        next -= 1;
        result = result.mul_add(x, coefficients[next]);
    }
    result
}

/// x = n ln 2 + r with an integer n and |r| ≤ ½ ln 2.
#[inline(always)]
fn reduce(x: f32) -> (i32, f32) {
    let rounded = x.mul_add(LOG2_E, ROUNDER);
    let n = rounded - ROUNDER;
    let rest = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2, x));
    (rounded.to_bits().wrapping_sub(ROUNDER.to_bits()) as i32, rest)
}

/// 2^n for −126 ≤ n ≤ 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) << 23) as u32)
}

/// e^x.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Beyond these all is 0 or ∞; the comparisons leave NaN as it is.
    let x = if x > 90.0 { 90.0 } else { x };
    let x = if x < -106.0 { -106.0 } else { x };
    let (n, r) = reduce(x);
    let power = (r * r).mul_add(polynomial(&EXPONENTIAL, r), r) + 1.0;
    // In two steps, of which only the second can overflow or lose bits.
    let half = n >> 1;
    power * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// ln(1 + f) + k ln 2 for f in [√½ − 1, √2 − 1].
#[inline(always)]
fn logarithm(f: f32, k: f32) -> f32 {
    let rest = (f * f).mul_add(f.mul_add(polynomial(&LOGARITHM, f), -0.5), k * LN_2_LOW);
    k.mul_add(LN_2, f + rest)
}

/// The natural logarithm.
#[inline(always)]
pub(super) fn log(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let (normal, shift) = if tiny { (x * 8_388_608.0, 23) } else { (x, 0) };
    let bits = normal.to_bits();
    let k = (bits.wrapping_sub(ROOT_HALF) as i32) >> 23;
    let f = f32::from_bits(bits.wrapping_sub((k << 23) as u32)) - 1.0;
    let result = logarithm(f, (k - shift) as f32);
    let result = if x < f32::INFINITY { result } else { x };
    let below = if x == 0.0 { f32::NEG_INFINITY } else { f32::NAN };
    if x > 0.0 { result } else { below }
}

/// ln(1 + x).
#[inline(always)]
pub(super) fn log1p(x: f32) -> f32 {
    let sum = 1.0 + x;
    let k = (sum.to_bits().wrapping_sub(ROOT_HALF) as i32) >> 23;
    // 2^−k (1 + x) = 1 + f, with the bits of x that the sum has lost. For a huge x, 2^−k is no normal number.
    let huge = x > 1e30;
    let (small, j) = if huge { (x * 1.084_202_2e-19, k - 63) } else { (x, k) };
    let scale = f32::from_bits(ONE.wrapping_sub((j << 23) as u32));
    let f = scale.mul_add(small, scale - 1.0);
    let result = logarithm(f, k as f32).copysign(x);
    let result = if x < f32::INFINITY { result } else { x };
    let below = if x == -1.0 { f32::NEG_INFINITY } else { f32::NAN };
    if x > -1.0 { result } else { below }
}

/// e^x − 1.
#[inline(always)]
pub(super) fn expm1(x: f32) -> f32 {
    let x = if x > 90.0 { 90.0 } else { x };
    let small = if x < -20.0 { -20.0 } else { x };
    let (n, r) = reduce(small);
    let rest = (r * r).mul_add(polynomial(&EXPONENTIAL, r), r);
    // 2^128 is no number.
    let (n, last) = if n > 127 { (n - 3, 8.0) } else { (n, 1.0) };
    let power = power_of_two(n);
    let result = power.mul_add(rest, power - 1.0 / last) * last;
    result.copysign(x)
}

/// e^−|x|.
#[inline(always)]
pub(super) fn decay(x: f32) -> f32 {
    exp(-x.abs())
}

/// ln(1 + e) for e in [0, 1].
#[inline(always)]
pub(super) fn log1p_of_decay(e: f32) -> f32 {
    let (f, k) = if e > 0.414 { (e.mul_add(0.5, -0.5), 1.0) } else { (e, 0.0) };
    logarithm(f, k)
}

/// top / (1 + e) for e in [0, 1].
#[inline(always)]
pub(super) fn share_of(top: f32, e: f32) -> f32 {
    let sum = 1.0 + e;
    // What the sum has lost of e.
    let lost = e - (sum - 1.0);
    let inverse = 1.0 / sum;
    let quotient = top * inverse;
    let rest = quotient.mul_add(-sum, top) - quotient * lost;
    rest.mul_add(inverse, quotient)
}

/// 1 / (1 + e^−x).
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    let e = decay(x);
    share_of(if x >= 0.0 { 1.0 } else { e }, e)
}

/// ln(1 + e^x), given ln(1 + e^−|x|).
#[inline(always)]
pub(super) fn softplus_of(x: f32, rest: f32) -> f32 {
    let above = if x < 0.0 { 0.0 } else { x };
    above + rest
}

/// ln(1 + e^x).
#[inline(always)]
pub(super) fn softplus(x: f32) -> f32 {
    softplus_of(x, log1p_of_decay(decay(x)))
}

/// ln σ(x).
#[inline(always)]
pub(super) fn log_sigmoid(x: f32) -> f32 {
    -softplus(-x)
}

/// The hyperbolic tangent.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let square = x * x;
    let near = (a * square).mul_add(polynomial(&TANGENT, square), a);
    let far = 1.0 - 2.0 / (exp(2.0 * a) + 1.0);
    (if a < 0.6 { near } else { far }).copysign(x)
}

/// ln cosh x.
#[inline(always)]
pub(super) fn log_cosh(x: f32) -> f32 {
    let a = x.abs();
    let square = if a < 1.0 { x * x } else { 1.0 };
    let near = (0.5 * x).mul_add(x, square * square * polynomial(&LOG_COSH, square));
    let far = a - LN_2 + (log1p_of_decay(exp(-2.0 * a)) - LN_2_LOW);
    if a < 1.0 { near } else { far }
}

/// max(a, 0)^b with 0^0 = 1; NaN if either is.
#[inline(always)]
pub(super) fn pow(a: f32, b: f32) -> f32 {
    double::pow_to_single(f64::from(a), f64::from(b)) as f32
}

/// Formulas of doubles, rounded once.
macro_rules! rounded {
    ($($name:ident $doc:literal)*) => { $(
        #[doc = $doc]
        #[inline(always)]
        pub(super) fn $name(x: f32) -> f32 {
            double::$name(f64::from(x)) as f32
        }
    )* };
}

rounded! {
    sinh "The hyperbolic sine."
    cosh "The hyperbolic cosine."
    sin "The sine of an angle up to [`double::FAR`]."
    cos "The cosine of an angle up to [`double::FAR`]."
    tan "The tangent of an angle up to [`double::FAR`]."
    asin "The arc sine."
    acos "The arc cosine."
    atan "The arc tangent."
}

/// The angle of the point (b, a); 0 at the origin.
#[inline(always)]
pub(super) fn atan2(a: f32, b: f32) -> f32 {
    double::atan2(f64::from(a), f64::from(b)) as f32
}
