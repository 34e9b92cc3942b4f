//! The formulas in single precision: x → f(x), without branches, at most 2 units in the last place off.
//!
//! A logarithm or an exponential takes its argument apart into a power of two and a rest near 1 or 0, and the rest goes
//! through a minimax polynomial. Every step is an arithmetic operation, a fused multiply-add, a selection by a
//! comparison or an operation on the bits: those of a [lane](super::lane), so that a loop over a formula becomes vector
//! code, a code generator can write it out, and a lane has the same bits on every machine. What this precision does not
//! reach is computed with the formulas of [`double`](super::double) and rounded once.

use std::f32::consts::{LN_2, LOG2_E};

pub(super) use super::arc::{acos, asin, atan, atan2};
use super::double;
pub(super) use super::error::erf_single as erf;
use super::lane::{Bits, Edge, Edges, Real, polynomial};
pub(super) use super::power::pow_single as pow;

/// What ln 2 is larger than its nearest single (which is larger than ln 2).
const LN_2_LOW: f32 = -1.904_654_2e-9;
/// Added to a small n, it leaves n + 127 in the lowest bits: the exponent of 2^n.
const ROUNDER: f32 = 12_582_912.0 + 127.0;

/// (e^r − 1 − r) / r² on [−½ ln 2, ½ ln 2].
const EXPONENTIAL: [f32; 5] = [0.5, 0.166_665_76, 0.041_666_374, 0.008_363_182, 0.001_394_112_2];

/// (ln(1 + f) − f + ½ f²) / f³ on [−¼, ½].
const LOGARITHM: [f32; 8] = [
    0.333_334_5,
    -0.250_000_95,
    0.199_908_61,
    -0.166_473_12,
    0.144_783_94,
    -0.131_611_96,
    0.104_630_254,
    -0.045_074_824,
];

/// A logarithm of 0 and of ∞.
pub(super) const LOGARITHM_EDGES: Edges =
    Edges { nan: Edge::Result, zero: Edge::MinusInfinity, infinite: Edge::Infinity, negative: Edge::Result };

/// (ln(1 + e) − e) / e² on [0, 1].
const LOGARITHM_NEAR: [f32; 10] = [
    -0.499_999_88,
    0.333_326_9,
    -0.249_885_78,
    0.198_979_29,
    -0.161_293_24,
    0.124_670_96,
    -0.083_073_7,
    0.041_981_05,
    -0.013_631_333,
    0.002_072_918_2,
];

/// (tanh x − x) / x³ in x², on |x| ≤ 0.6.
const TANGENT: [f32; 6] = [-0.333_333_34, 0.133_333_13, -0.053_961_754, 0.021_789_888, -0.008_415_027_5, 0.002_376_263];

/// (sinh x − x) / x³ in x², on |x| ≤ 1.
const HYPERBOLIC_SINE: [f32; 4] = [0.166_666_67, 0.008_333_310_5, 0.000_198_428_96, 2.782_211_8e-6];

/// (ln cosh x − ½ x²) / x⁴ in x², on |x| ≤ 1.
const LOG_COSH: [f32; 7] =
    [-0.083_333_3, 0.022_221_522, -0.006_740_148, 0.002_162_282_6, -0.000_680_857_2, 0.000_177_247_74, -2.591_622_3e-5];

/// x = n ln 2 + r with an integer n and |r| ≤ ½ ln 2: n + [`ROUNDER`], n and r.
#[inline(always)]
fn reduce<R: Real<Number = f32>>(x: R) -> (R, R, R) {
    let rounded = x.mul_add(x.number(LOG2_E), x.number(ROUNDER));
    let n = rounded - x.number(ROUNDER);
    let rest = n.mul_add(x.number(-LN_2_LOW), n.mul_add(x.number(-LN_2), x));
    (rounded, n, rest)
}

/// 2^n for −126 ≤ n ≤ 127, given n + [`ROUNDER`].
#[inline(always)]
fn power_of_two<R: Real<Number = f32>>(rounded: R) -> R {
    R::of_bits(rounded.bits().left(23))
}

/// [`reduce`] of an exponent: n and r. Beyond some, all is 0 or ∞.
#[inline(always)]
pub(super) fn reduce_exponent<R: Real<Number = f32>>(x: R) -> (R, R) {
    let (_, n, r) = reduce(x.capped(x.number(90.0)).floored(x.number(-106.0)));
    (n, r)
}

/// 2^n e^r for |r| ≤ ½ ln 2.
#[inline(always)]
pub(super) fn exp_of_reduced<R: Real<Number = f32>>(n: R, r: R) -> R {
    let power = polynomial(&EXPONENTIAL, r).mul_add(r, r.number(1.0)).mul_add(r, r.number(1.0));
    power.scaled(n)
}

/// e^x.
#[inline(always)]
pub(super) fn exp<R: Real<Number = f32>>(x: R) -> R {
    let (_, n, r) = reduce(x.capped_exponent(x.number(90.0)).floored(x.number(-106.0)));
    exp_of_reduced(n, r)
}

/// ln(1 + f) − n ln 2 for f in [−¼, ½]. ln 2 needs no second part: what the first one lacks is 1/20 of a unit in the
/// last place.
#[inline(always)]
fn logarithm<R: Real<Number = f32>>(f: R, n: R) -> R {
    let near = (f * f).mul_add(f.mul_add(polynomial(&LOGARITHM, f), f.number(-0.5)), f);
    (-n).mul_add(f.number(LN_2), near)
}

/// The natural logarithm. Its edges are those of the number's [split](Real::split).
#[inline(always)]
pub(super) fn log<R: Real<Number = f32>>(x: R) -> R {
    let (f, n) = x.split();
    logarithm(f, n)
}

/// ln(1 + x).
#[inline(always)]
pub(super) fn log1p<R: Real<Number = f32>>(x: R) -> R {
    let one = x.number(1.0);
    let sum = one + x;
    let (_, n) = sum.split();
    // 2^n (1 + x) = 1 + f, with the bits of x that the sum has lost, and −0 if x is.
    let scale = one.scaled(n);
    let f = scale.mul_add(x, -(one - scale));
    logarithm(f, n).mended(sum, LOGARITHM_EDGES)
}

/// e^x − 1.
#[inline(always)]
pub(super) fn expm1<R: Real<Number = f32>>(x: R) -> R {
    let x = x.capped(x.number(90.0));
    let (rounded, n, r) = reduce(x.floored(x.number(-20.0)));
    let rest = (r * r).mul_add(polynomial(&EXPONENTIAL, r), r);
    // 2^128 is no number.
    let large = x.number(127.0).below(n);
    let rounded = R::select(large, rounded - x.number(3.0), rounded);
    let last = R::select(large, x.number(8.0), x.number(1.0));
    let one = R::select(large, x.number(0.125), x.number(1.0));
    let power = power_of_two(rounded);
    (power.mul_add(rest, power - one) * last).copysign(x)
}

/// e^x for x ≤ 0.
#[inline(always)]
fn exp_below<R: Real<Number = f32>>(x: R) -> R {
    let (_, n, r) = reduce(x.floored(x.number(-106.0)));
    exp_of_reduced(n, r)
}

/// e^−|x|.
#[inline(always)]
pub(super) fn decay<R: Real<Number = f32>>(x: R) -> R {
    exp_below(-x.abs())
}

/// e^−2a for a ≥ 0: what tanh and ln cosh share.
#[inline(always)]
fn decay_twice<R: Real<Number = f32>>(a: R) -> R {
    exp_below(a.number(-2.0) * a)
}

/// ln(1 + e) for e in [0, 1].
#[inline(always)]
pub(super) fn log1p_of_decay<R: Real<Number = f32>>(e: R) -> R {
    (e * e).mul_add(polynomial(&LOGARITHM_NEAR, e), e)
}

/// 1 / (1 + e) and e / (1 + e) for e in [0, 1].
#[inline(always)]
pub(super) fn shares<R: Real<Number = f32>>(e: R) -> (R, R) {
    let one = e.number(1.0);
    let first = one / (one + e);
    // 1 − q (1 + e), of which 1 − q is exact.
    let rest = first.mul_add(-e, one - first);
    let large = rest.mul_add(first, first);
    (large, e * large)
}

/// 1 / (1 + e^−x).
#[inline(always)]
pub(super) fn sigmoid<R: Real<Number = f32>>(x: R) -> R {
    let (large, small) = shares(decay(x));
    R::select(x.is_negative(), small, large)
}

/// ln(1 + e^x), given ln(1 + e^−|x|).
#[inline(always)]
pub(super) fn softplus_of<R: Real<Number = f32>>(x: R, rest: R) -> R {
    x.floored(x.number(0.0)) + rest
}

/// ln(1 + e^x).
#[inline(always)]
pub(super) fn softplus<R: Real<Number = f32>>(x: R) -> R {
    softplus_of(x, log1p_of_decay(decay(x)))
}

/// ln σ(x).
#[inline(always)]
pub(super) fn log_sigmoid<R: Real<Number = f32>>(x: R) -> R {
    -softplus(-x)
}

/// The hyperbolic tangent.
#[inline(always)]
pub(super) fn tanh<R: Real<Number = f32>>(x: R) -> R {
    let a = x.abs();
    let (one, two) = (x.number(1.0), x.number(2.0));
    let square = x * x;
    let near = (a * square).mul_add(polynomial(&TANGENT, square), a);
    let e = decay_twice(a);
    let far = one - two * e / (e + one);
    R::select(a.below(x.number(0.6)), near, far).copysign(x)
}

/// ln cosh x.
#[inline(always)]
pub(super) fn log_cosh<R: Real<Number = f32>>(x: R) -> R {
    let a = x.abs();
    let square = x * x;
    let near = (x.number(0.5) * x).mul_add(x, square * square * polynomial(&LOG_COSH, square));
    let far = a + (log1p_of_decay(decay_twice(a)) - x.number(LN_2));
    R::select(a.below(x.number(1.0)), near, far)
}

/// ¼ e^a in two parts, and the quarter of e^−a, for a ≥ 0. Beyond some, the first is so large that its double is ∞.
#[inline(always)]
fn quarters<R: Real<Number = f32>>(a: R) -> (R, R, R) {
    let (rounded, _, r) = reduce(a.capped(a.number(89.5)));
    let rest = (r * r).mul_add(polynomial(&EXPONENTIAL, r), r);
    let most = power_of_two(rounded - a.number(2.0));
    let less = most * rest;
    (most, less, a.number(0.0625) / (most + less))
}

/// The hyperbolic sine.
#[inline(always)]
pub(super) fn sinh<R: Real<Number = f32>>(x: R) -> R {
    let a = x.abs();
    let square = x * x;
    let near = (a * square).mul_add(polynomial(&HYPERBOLIC_SINE, square), a);
    let (most, less, decay) = quarters(a);
    let far = x.number(2.0) * (most + (less - decay));
    R::select(a.below(x.number(1.0)), near, far).copysign(x)
}

/// The hyperbolic cosine.
#[inline(always)]
pub(super) fn cosh<R: Real<Number = f32>>(x: R) -> R {
    let (most, less, decay) = quarters(x.abs());
    x.number(2.0) * (most + (less + decay))
}

/// Formulas of doubles, rounded once.
macro_rules! rounded {
    ($($name:ident $doc:literal)*) => { $(
        #[doc = $doc]
        #[inline(always)]
        pub(super) fn $name<R: Real<Number = f32>>(x: R) -> R {
            R::of_double(double::$name(x.to_double()))
        }
    )* };
}

rounded! {
    sin "The sine of an angle up to [`FAR`](super::angle::FAR)."
    cos "The cosine of an angle up to [`FAR`](super::angle::FAR)."
    tan "The tangent of an angle up to [`FAR`](super::angle::FAR)."
}
