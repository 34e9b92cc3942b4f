//! The formulas in double precision: x → f(x), without branches, at most 2 units in the last place off.
//!
//! As in [`single`](super::single), with longer polynomials.

use std::f64::consts::{LN_2, LOG2_E};

pub(super) use super::angle::{acos, asin, atan, atan2, cos, sin, tan};
pub(super) use super::error::erf_double as erf;
use super::lane::{Bits, Real, long_polynomial, polynomial};
pub(super) use super::power::pow_double as pow;
use super::single::LOGARITHM_EDGES;

/// ln 2 less its nearest double.
const LN_2_LOW: f64 = 2.319_046_813_846_299_6e-17;
/// Added to a small n, it leaves n + 1023 in the lowest bits: the exponent of 2^n.
const ROUNDER: f64 = 6_755_399_441_055_744.0 + 1023.0;

/// (e^r − 1 − r) / r² on [−½ ln 2, ½ ln 2].
const EXPONENTIAL: [f64; 10] = [
    0.500_000_000_000_000_1,
    0.166_666_666_666_666_74,
    0.041_666_666_666_624_12,
    0.008_333_333_333_322_207,
    0.001_388_888_891_721_745_7,
    0.000_198_412_698_865_91,
    2.480_152_129_097_334_5e-5,
    2.755_724_233_668_035_7e-6,
    2.762_009_051_849_942_7e-7,
    2.511_004_989_585_871_6e-8,
];

/// (ln(1 + f) − f + ½ f²) / f³ on [−¼, ½]. A shorter one in f / (2 + f) would cost a division, which takes as long as
/// 32 steps of a polynomial where nothing else is done meanwhile.
const LOGARITHM: [f64; 19] = [
    0.333_333_333_333_337_5,
    -0.250_000_000_000_105_8,
    0.199_999_999_998_501_74,
    -0.166_666_666_637_992_7,
    0.142_857_142_999_359_4,
    -0.125_000_002_906_885_18,
    0.111_111_107_727_426_06,
    -0.099_999_855_415_299_85,
    0.090_908_930_157_905_44,
    -0.083_337_044_014_950_57,
    0.076_933_873_199_366_33,
    -0.071_385_821_768_448_02,
    0.066_433_602_738_686_94,
    -0.062_498_500_999_732_004,
    0.060_830_452_389_726_31,
    -0.059_680_970_043_077_12,
    0.050_695_579_456_093_83,
    -0.029_388_768_291_023_055,
    0.008_090_874_100_713_028,
];

/// (ln((1 + s) / (1 − s)) − 2 s) / s³ in s², on the s of [√½, √2): beside an exponential, a division costs less than
/// the steps of [`LOGARITHM`].
const LOGARITHM_NEAR: [f64; 8] = [
    0.666_666_666_666_666_6,
    0.400_000_000_000_008_85,
    0.285_714_285_707_982_46,
    0.222_222_223_928_175_78,
    0.181_817_955_320_920_35,
    0.153_862_451_309_175_64,
    0.132_686_379_317_332_43,
    0.130_879_490_300_344_99,
];

/// (tanh x − x) / x³ in x², on |x| ≤ 0.6.
const TANGENT: [f64; 11] = [
    -0.333_333_333_333_331_26,
    0.133_333_333_332_997_63,
    -0.053_968_253_949_332_42,
    0.021_869_488_003_276_48,
    -0.008_863_226_785_765_2,
    0.003_592_037_440_868_62,
    -0.001_455_215_660_333_246_8,
    0.000_587_189_337_743_291_2,
    -0.000_230_398_640_275_233_23,
    7.931_599_234_583_949e-5,
    -1.717_971_452_377_061_8e-5,
];

/// (sinh x − x) / x³ in x², on |x| ≤ 1.
const HYPERBOLIC_SINE: [f64; 7] = [
    0.166_666_666_666_666_69,
    0.008_333_333_333_332_912,
    0.000_198_412_698_415_934_08,
    2.755_731_910_675_827_3e-6,
    2.505_213_099_855_596_5e-8,
    1.605_665_913_968_632_6e-10,
    7.776_603_887_144_441e-13,
];

/// (ln cosh x − ½ x²) / x⁴ in x², on |x| ≤ 1.
const LOG_COSH: [f64; 15] = [
    -0.083_333_333_333_333_33,
    0.022_222_222_222_221_474,
    -0.006_746_031_745_974_616,
    0.002_186_948_851_890_121_6,
    -0.000_738_602_933_488_57,
    0.000_256_580_312_506_713_8,
    -9.098_800_954_172_496e-5,
    3.277_221_250_343_582e-5,
    -1.193_460_840_210_302_8e-5,
    4.356_276_923_700_476e-6,
    -1.555_848_805_508_445_4e-6,
    5.138_228_079_144_587e-7,
    -1.415_747_647_539_445_2e-7,
    2.756_250_170_147_119e-8,
    -2.724_017_269_333_779e-9,
];

/// x = n ln 2 + r with an integer n and |r| ≤ ½ ln 2: n + [`ROUNDER`], n and r.
#[inline(always)]
fn reduce<R: Real<Number = f64>>(x: R) -> (R, R, R) {
    let rounded = x.mul_add(x.number(LOG2_E), x.number(ROUNDER));
    let n = rounded - x.number(ROUNDER);
    let rest = n.mul_add(x.number(-LN_2_LOW), n.mul_add(x.number(-LN_2), x));
    (rounded, n, rest)
}

/// 2^n for −1022 ≤ n ≤ 1023, given n + [`ROUNDER`].
#[inline(always)]
fn power_of_two<R: Real<Number = f64>>(rounded: R) -> R {
    R::of_bits(rounded.bits().left(52))
}

/// [`reduce`] of an exponent: n and r. Beyond some, all is 0 or ∞.
#[inline(always)]
pub(super) fn reduce_exponent<R: Real<Number = f64>>(x: R) -> (R, R) {
    let (_, n, r) = reduce(x.capped(x.number(720.0)).floored(x.number(-760.0)));
    (n, r)
}

/// 2^n e^r for |r| ≤ ½ ln 2.
#[inline(always)]
pub(super) fn exp_of_reduced<R: Real<Number = f64>>(n: R, r: R) -> R {
    let power = (r * r).mul_add(polynomial(&EXPONENTIAL, r), r) + r.number(1.0);
    power.scaled(n)
}

/// e^x.
#[inline(always)]
pub(super) fn exp<R: Real<Number = f64>>(x: R) -> R {
    let (n, r) = reduce_exponent(x);
    exp_of_reduced(n, r)
}

/// ½ e^x.
#[inline(always)]
fn half_exp<R: Real<Number = f64>>(x: R) -> R {
    let (n, r) = reduce_exponent(x);
    exp_of_reduced(n - x.number(1.0), r)
}

/// ln(1 + f) − n ln 2 for f in [−¼, ½].
#[inline(always)]
fn logarithm<R: Real<Number = f64>>(f: R, n: R) -> R {
    let square = f * f;
    let series = f.mul_add(long_polynomial(&LOGARITHM, f, square), f.number(-0.5));
    let rest = square.mul_add(series, n * f.number(-LN_2_LOW));
    (-n).mul_add(f.number(LN_2), f + rest)
}

/// The natural logarithm. Its edges are those of the number's [split](Real::split).
#[inline(always)]
pub(super) fn log<R: Real<Number = f64>>(x: R) -> R {
    let (f, n) = x.split();
    logarithm(f, n)
}

/// ln(1 + x).
#[inline(always)]
pub(super) fn log1p<R: Real<Number = f64>>(x: R) -> R {
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
pub(super) fn expm1<R: Real<Number = f64>>(x: R) -> R {
    let x = x.capped(x.number(720.0));
    let x_near = x.floored(x.number(-50.0));
    let (rounded, n, r) = reduce(x_near);
    let lost = n.mul_add(x.number(-LN_2_LOW), n.mul_add(x.number(-LN_2), x_near) - r);
    let rest = (r * r).mul_add(polynomial(&EXPONENTIAL, r), lost) + r;
    // 2^1024 is no number.
    let last = 1_152_921_504_606_846_976.0;
    let large = x.number(1000.0).below(n);
    let rounded = R::select(large, rounded - x.number(60.0), rounded);
    let one = R::select(large, x.number(1.0 / last), x.number(1.0));
    let last = R::select(large, x.number(last), x.number(1.0));
    let power = power_of_two(rounded);
    (power.mul_add(rest, power - one) * last).copysign(x)
}

/// e^−|x|.
#[inline(always)]
pub(super) fn decay<R: Real<Number = f64>>(x: R) -> R {
    exp(-x.abs())
}

/// ln(1 + e) for e in [0, 1].
#[inline(always)]
pub(super) fn log1p_of_decay<R: Real<Number = f64>>(e: R) -> R {
    let large = e.number(0.414).below(e);
    let f = R::select(large, e.mul_add(e.number(0.5), e.number(-0.5)), e);
    let k = R::select(large, e.number(1.0), e.number(0.0));
    let s = f / (f.number(2.0) + f);
    let square = s * s;
    let half = f.number(0.5) * f * f;
    let rest = s.mul_add(square.mul_add(polynomial(&LOGARITHM_NEAR, square), half), k * f.number(LN_2_LOW));
    // f − (½ f² − s (½ f² + R)), the large parts last.
    k.mul_add(f.number(LN_2), f - (half - rest))
}

/// 1 / (1 + e) and e / (1 + e) for e in [0, 1].
#[inline(always)]
pub(super) fn shares<R: Real<Number = f64>>(e: R) -> (R, R) {
    let one = e.number(1.0);
    let large = one / (one + e);
    let quotient = e * large;
    // e − q (1 + e), of which e − q is exact.
    let rest = quotient.mul_add(-e, e - quotient);
    (large, rest.mul_add(large, quotient))
}

/// 1 / (1 + e^−x).
#[inline(always)]
pub(super) fn sigmoid<R: Real<Number = f64>>(x: R) -> R {
    let (large, small) = shares(decay(x));
    R::select(x.is_negative(), small, large)
}

/// ln(1 + e^x), given ln(1 + e^−|x|).
#[inline(always)]
pub(super) fn softplus_of<R: Real<Number = f64>>(x: R, rest: R) -> R {
    x.floored(x.number(0.0)) + rest
}

/// ln(1 + e^x).
#[inline(always)]
pub(super) fn softplus<R: Real<Number = f64>>(x: R) -> R {
    softplus_of(x, log1p_of_decay(decay(x)))
}

/// ln σ(x).
#[inline(always)]
pub(super) fn log_sigmoid<R: Real<Number = f64>>(x: R) -> R {
    -softplus(-x)
}

/// The hyperbolic tangent.
#[inline(always)]
pub(super) fn tanh<R: Real<Number = f64>>(x: R) -> R {
    let a = x.abs();
    let (one, two) = (x.number(1.0), x.number(2.0));
    let square = x * x;
    let near = (a * square).mul_add(polynomial(&TANGENT, square), a);
    let far = one - two / (exp(two * a) + one);
    R::select(a.below(x.number(0.6)), near, far).copysign(x)
}

/// The hyperbolic sine.
#[inline(always)]
pub(super) fn sinh<R: Real<Number = f64>>(x: R) -> R {
    let a = x.abs();
    let square = x * x;
    let near = (a * square).mul_add(polynomial(&HYPERBOLIC_SINE, square), a);
    let half = half_exp(a);
    let far = half - x.number(0.25) / half;
    R::select(a.below(x.number(1.0)), near, far).copysign(x)
}

/// The hyperbolic cosine.
#[inline(always)]
pub(super) fn cosh<R: Real<Number = f64>>(x: R) -> R {
    let half = half_exp(x.abs());
    half + x.number(0.25) / half
}

/// ln cosh x.
#[inline(always)]
pub(super) fn log_cosh<R: Real<Number = f64>>(x: R) -> R {
    let a = x.abs();
    let small = a.below(x.number(1.0));
    let square = R::select(small, x * x, x.number(1.0));
    let near = (x.number(0.5) * x).mul_add(x, square * square * polynomial(&LOG_COSH, square));
    let rest = log1p_of_decay(exp(x.number(-2.0) * a)) - x.number(LN_2_LOW);
    let far = a - x.number(LN_2) + rest;
    R::select(small, near, far)
}
