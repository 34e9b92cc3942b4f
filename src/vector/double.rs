//! The formulas in double precision: x → f(x), without branches, at most 2 units in the last place off.
//!
//! As in [`single`](super::single), with longer polynomials. Sines and cosines take an argument apart into a multiple
//! of ½π, whose digits suffice up to [`FAR`]; what is further is for the scalar functions.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, FRAC_PI_4, LN_2, LOG2_E, PI};

use super::lane::{Bits, Real, polynomial};

/// ln 2 less its nearest double.
const LN_2_LOW: f64 = 2.319_046_813_846_299_6e-17;
/// Added to a small number, it leaves the nearest integer in the lowest bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// Added to a small n, it leaves n + 1023 in the lowest bits: the exponent of 2^n.
const BIASED_ROUNDER: f64 = ROUNDER + 1023.0;
/// The bits of √½.
const ROOT_HALF: i64 = 0x3fe6_a09e_667f_3bcd;
/// The bits of 1.
const ONE: i64 = 0x3ff0_0000_0000_0000;
/// ½π is its nearest double and these.
const HALF_PI_LOW: [f64; 2] = [6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33];
/// Sine, cosine and tangent hold up to here.
pub(super) const FAR: f64 = 1e8;

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

/// (ln((1 + s) / (1 − s)) − 2 s) / s³ in s², on the s of [√½, √2).
const LOGARITHM: [f64; 8] = [
    0.666_666_666_666_666_6,
    0.400_000_000_000_008_85,
    0.285_714_285_707_982_46,
    0.222_222_223_928_175_78,
    0.181_817_955_320_920_35,
    0.153_862_451_309_175_64,
    0.132_686_379_317_332_43,
    0.130_879_490_300_344_99,
];

/// The same two with fewer terms.
const SHORT_EXPONENTIAL: [f64; 6] = [
    0.500_000_001_347_345_2,
    0.166_666_667_563_393_2,
    0.041_666_464_887_738_716,
    0.008_333_286_060_761_945,
    0.001_393_365_300_757_212,
    0.000_199_075_483_906_491_7,
];

/// As [`LOGARITHM`].
const SHORT_LOGARITHM: [f64; 5] = [
    0.666_666_666_673_846_8,
    0.399_999_987_867_837_5,
    0.285_717_563_480_702_6,
    0.221_913_013_246_462_26,
    0.193_643_604_766_613_6,
];

/// (sin r − r) / r³ in r², on [−¼π, ¼π].
const SINE: [f64; 6] = [
    -0.166_666_666_666_666_66,
    0.008_333_333_333_330_948,
    -0.000_198_412_698_367_574_1,
    2.755_731_610_178_865e-6,
    -2.505_113_166_029_235e-8,
    1.591_811_451_157_245_3e-10,
];

/// (cos r − 1 + ½ r²) / r⁴ in r², on [−¼π, ¼π].
const COSINE: [f64; 6] = [
    0.041_666_666_666_666_664,
    -0.001_388_888_888_888_739_8,
    2.480_158_729_876_479e-5,
    -2.755_731_727_117_499_7e-7,
    2.087_614_613_858_499_4e-9,
    -1.138_262_225_238_420_3e-11,
];

/// (atan x − x) / x³ in x², on |x| ≤ √2 − 1.
const ARC_TANGENT: [f64; 12] = [
    -0.333_333_333_333_333_3,
    0.199_999_999_999_998_15,
    -0.142_857_142_856_624_9,
    0.111_111_111_053_967_95,
    -0.090_909_087_647_290_85,
    0.076_922_966_798_471_69,
    -0.066_664_300_454_966_64,
    0.058_789_850_983_583_18,
    -0.052_308_461_523_919_915,
    0.045_532_931_802_631_15,
    -0.034_612_239_117_790_83,
    0.016_329_883_655_857_056,
];

/// (asin x − x) / x³ in x², on |x| ≤ ½.
const ARC_SINE: [f64; 13] = [
    0.166_666_666_666_666_69,
    0.074_999_999_999_982_4,
    0.044_642_857_146_724_32,
    0.030_381_944_110_891_825,
    0.022_372_174_011_493_995,
    0.017_352_368_321_617_38,
    0.013_971_565_761_857_608,
    0.011_475_820_628_767_279,
    0.010_344_115_421_714_702,
    0.005_368_246_830_928_035,
    0.017_638_033_752_205_66,
    -0.015_213_796_209_826_966,
    0.028_999_449_469_589_086,
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

/// x = n ln 2 + r with an integer n and |r| ≤ ½ ln 2: n + [`BIASED_ROUNDER`], n and r.
#[inline(always)]
fn reduce<R: Real<Number = f64>>(x: R) -> (R, R, R) {
    let rounded = x.mul_add(x.number(LOG2_E), x.number(BIASED_ROUNDER));
    let n = rounded - x.number(BIASED_ROUNDER);
    let rest = n.mul_add(x.number(-LN_2_LOW), n.mul_add(x.number(-LN_2), x));
    (rounded, n, rest)
}

/// 2^n for −1022 ≤ n ≤ 1023, given n + [`BIASED_ROUNDER`].
#[inline(always)]
fn power_of_two<R: Real<Number = f64>>(rounded: R) -> R {
    R::of_bits(rounded.bits().left(52))
}

/// e^x 2^shift.
#[inline(always)]
fn exp_shifted<R: Real<Number = f64>>(x: R, shift: f64) -> R {
    let (_, n, r) = reduce(x.capped(x.number(720.0)).floored(x.number(-760.0)));
    let power = (r * r).mul_add(polynomial(&EXPONENTIAL, r), r) + x.number(1.0);
    power.scaled(if shift == 0.0 { n } else { n + x.number(shift) })
}

/// e^x.
#[inline(always)]
pub(super) fn exp<R: Real<Number = f64>>(x: R) -> R {
    exp_shifted(x, 0.0)
}

/// ln(1 + f) + k ln 2 for f in [√½ − 1, √2 − 1].
#[inline(always)]
fn logarithm<R: Real<Number = f64>>(f: R, k: R) -> R {
    let s = f / (f.number(2.0) + f);
    let square = s * s;
    let half = f.number(0.5) * f * f;
    let rest = s.mul_add(square.mul_add(polynomial(&LOGARITHM, square), half), k * f.number(LN_2_LOW));
    // f − (½ f² − s (½ f² + R)), the large parts last.
    k.mul_add(f.number(LN_2), f - (half - rest))
}

/// k in bits and as a number for a positive normal x with 2^−k x in [√½, √2). An int becomes a double by its place in
/// the bits of one, which every machine can do with vectors.
#[inline(always)]
fn split<R: Real<Number = f64>>(x: R) -> (R::Bits, R) {
    let bits = x.bits();
    let biased = bits.plus(bits.int(0x7ff << 52)).minus(bits.int(ROOT_HALF)).right(52);
    let number = R::of_bits(biased.or(bits.int(0x4330_0000_0000_0000))) - x.number(4_503_599_627_370_496.0 + 2047.0);
    (biased.minus(bits.int(2047)), number)
}

/// A logarithm as it is at ∞ and below its domain, which begins at a number.
#[inline(always)]
fn with_edges<R: Real<Number = f64>>(result: R, x: R, start: f64) -> R {
    let result = R::select(x.below(x.number(f64::INFINITY)), result, x);
    let below = R::select(x.equals(x.number(start)), x.number(f64::NEG_INFINITY), x.number(f64::NAN));
    R::select(x.number(start).below(x), result, below)
}

/// The natural logarithm.
#[inline(always)]
pub(super) fn log<R: Real<Number = f64>>(x: R) -> R {
    let tiny = x.below(x.number(f64::MIN_POSITIVE));
    let normal = R::select(tiny, x * x.number(4_503_599_627_370_496.0), x);
    let shift = R::select(tiny, x.number(52.0), x.number(0.0));
    let (int, k) = split(normal);
    let f = R::of_bits(normal.bits().minus(int.left(52))) - x.number(1.0);
    with_edges(logarithm(f, k - shift), x, 0.0)
}

/// ln(1 + x).
#[inline(always)]
pub(super) fn log1p<R: Real<Number = f64>>(x: R) -> R {
    let (int, k) = split(x.number(1.0) + x);
    // 2^−k (1 + x) = 1 + f, with the bits of x that the sum has lost. For a huge x, 2^−k is no normal number.
    let huge = x.number(1e300).below(x);
    let small = R::select(huge, x * x.number(1.084_202_172_485_504_4e-19), x);
    let j = R::select_bits(huge, int.minus(int.int(63)), int);
    let scale = R::of_bits(int.int(ONE).minus(j.left(52)));
    let f = scale.mul_add(small, scale - x.number(1.0));
    with_edges(logarithm(f, k).copysign(x), x, -1.0)
}

/// e^x − 1.
#[inline(always)]
pub(super) fn expm1<R: Real<Number = f64>>(x: R) -> R {
    let x = x.capped(x.number(720.0));
    let (rounded, n, r) = reduce(x.floored(x.number(-50.0)));
    let rest = (r * r).mul_add(polynomial(&EXPONENTIAL, r), r);
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
    logarithm(f, R::select(large, e.number(1.0), e.number(0.0)))
}

/// top / (1 + e) for e in [0, 1].
#[inline(always)]
pub(super) fn share_of<R: Real<Number = f64>>(top: R, e: R) -> R {
    let one = e.number(1.0);
    let sum = one + e;
    // What the sum has lost of e.
    let lost = e - (sum - one);
    let inverse = one / sum;
    let quotient = top * inverse;
    let rest = quotient.mul_add(-sum, top) - quotient * lost;
    rest.mul_add(inverse, quotient)
}

/// 1 / (1 + e^−x).
#[inline(always)]
pub(super) fn sigmoid<R: Real<Number = f64>>(x: R) -> R {
    let e = decay(x);
    share_of(R::select(x.number(0.0).at_most(x), x.number(1.0), e), e)
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
    let a = x.abs().capped(x.number(22.0));
    let power = expm1(x.number(2.0) * a);
    (power / (power + x.number(2.0))).copysign(x)
}

/// The hyperbolic sine.
#[inline(always)]
pub(super) fn sinh<R: Real<Number = f64>>(x: R) -> R {
    let a = x.abs();
    let most = x.number(30.0);
    let power = expm1(a.capped(most));
    let near = x.number(0.5) * (power + power / (power + x.number(1.0)));
    let far = exp_shifted(a, -1.0);
    R::select(a.below(most), near, far).copysign(x)
}

/// The hyperbolic cosine.
#[inline(always)]
pub(super) fn cosh<R: Real<Number = f64>>(x: R) -> R {
    let half = exp_shifted(x.abs(), -1.0);
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

/// The quadrant of an angle, in the two lowest bits, and the rest.
#[inline(always)]
fn quadrant<R: Real<Number = f64>>(x: R) -> (R::Bits, R) {
    let rounded = x.mul_add(x.number(FRAC_2_PI), x.number(ROUNDER));
    let n = rounded - x.number(ROUNDER);
    let rest = n.mul_add(x.number(-HALF_PI_LOW[0]), n.mul_add(x.number(-FRAC_PI_2), x));
    (rounded.bits(), n.mul_add(x.number(-HALF_PI_LOW[1]), rest))
}

/// Whether a quadrant is the second or the fourth.
#[inline(always)]
fn is_odd<R: Real<Number = f64>>(quadrant: R::Bits) -> R::Mask {
    // The lowest bit alone as the bits of a number: 0 or 2.
    let parity = R::of_bits(quadrant.and(quadrant.int(1)).left(62));
    parity.number(0.0).below(parity)
}

/// A number with the other sign in the third and fourth quadrant.
#[inline(always)]
fn with_sign_of<R: Real<Number = f64>>(quadrant: R::Bits, size: R) -> R {
    R::of_bits(size.bits().xor(quadrant.and(quadrant.int(2)).left(62)))
}

/// Sine and cosine of a small angle.
#[inline(always)]
fn circle<R: Real<Number = f64>>(r: R) -> (R, R) {
    let square = r * r;
    let sine = (r * square).mul_add(polynomial(&SINE, square), r);
    let half = r.number(0.5) * square;
    let one = r.number(1.0);
    let most = one - half;
    let cosine = most + (square * square).mul_add(polynomial(&COSINE, square), one - most - half);
    (sine, cosine)
}

/// The sine of an angle up to [`FAR`].
#[inline(always)]
pub(super) fn sin<R: Real<Number = f64>>(x: R) -> R {
    let (quadrant, rest) = quadrant(x);
    let (sine, cosine) = circle(rest);
    let result = with_sign_of(quadrant, R::select(is_odd::<R>(quadrant), cosine, sine));
    R::select(x.equals(x.number(0.0)), x, result)
}

/// The cosine of an angle up to [`FAR`].
#[inline(always)]
pub(super) fn cos<R: Real<Number = f64>>(x: R) -> R {
    let (quadrant, rest) = quadrant(x);
    let (sine, cosine) = circle(rest);
    with_sign_of(quadrant.plus(quadrant.int(1)), R::select(is_odd::<R>(quadrant), sine, cosine))
}

/// The tangent of an angle up to [`FAR`].
#[inline(always)]
pub(super) fn tan<R: Real<Number = f64>>(x: R) -> R {
    let (quadrant, rest) = quadrant(x);
    let (sine, cosine) = circle(rest);
    let odd = is_odd::<R>(quadrant);
    let (top, bottom) = (R::select(odd, -cosine, sine), R::select(odd, sine, cosine));
    R::select(x.equals(x.number(0.0)), x, top / bottom)
}

/// atan(top / bottom) + start, of numbers ≥ 0, at most 1 apart from another quarter: (1 − q) / (1 + q) is where the
/// quotient q is large.
#[inline(always)]
fn arc<R: Real<Number = f64>>(top: R, bottom: R) -> R {
    let large = (bottom * bottom.number(0.414_213_562_373_095_03)).below(top);
    let (high, low) = (R::select(large, top - bottom, top), R::select(large, top + bottom, bottom));
    let start = R::select(large, top.number(FRAC_PI_4), top.number(0.0));
    let q = high / low;
    let square = q * q;
    start + (q * square).mul_add(polynomial(&ARC_TANGENT, square), q)
}

/// The angle that is left to ½π.
#[inline(always)]
fn complement<R: Real<Number = f64>>(angle: R) -> R {
    angle.number(FRAC_PI_2) - (angle - angle.number(HALF_PI_LOW[0]))
}

/// The angle that is left to π.
#[inline(always)]
fn supplement<R: Real<Number = f64>>(angle: R) -> R {
    angle.number(PI) - (angle - angle.number(2.0 * HALF_PI_LOW[0]))
}

/// The arc tangent.
#[inline(always)]
pub(super) fn atan<R: Real<Number = f64>>(x: R) -> R {
    let (a, one) = (x.abs(), x.number(1.0));
    let beyond = one.below(a);
    let angle = arc(R::select(beyond, one, a), R::select(beyond, a, one));
    R::select(beyond, complement(angle), angle).copysign(x)
}

/// The angle of the point (b, a); 0 at the origin.
#[inline(always)]
pub(super) fn atan2<R: Real<Number = f64>>(a: R, b: R) -> R {
    let (one, zero) = (a.number(1.0), a.number(0.0));
    let (height, width) = (a.abs(), b.abs());
    let steep = width.below(height);
    let (low, high) = (R::select(steep, width, height), R::select(steep, height, width));
    // Two infinities are as equal numbers, and so are two zeros, in front of the selection below.
    let equal = low.equals(high);
    let (low, high) = (R::select(equal, one, low), R::select(equal, one, high));
    // Sums must not overflow.
    let shrink = R::select(a.number(1e300).below(high), a.number(0.25), one);
    let angle = arc(low * shrink, high * shrink);
    let angle = R::select(steep, complement(angle), angle);
    let angle = R::select(one.copysign(b).below(zero), supplement(angle), angle).copysign(a);
    let angle = R::select(a.equals(zero) & b.equals(zero), zero, angle);
    R::select(a.equals(a) & b.equals(b), angle, a.number(f64::NAN))
}

/// asin of √square, for square ≤ ¼.
#[inline(always)]
fn arc_sine<R: Real<Number = f64>>(root: R, square: R) -> R {
    (root * square).mul_add(polynomial(&ARC_SINE, square), root)
}

/// Whether |x| < ½, and asin |x| then, else asin √(½ − ½ |x|), half of what is left of it to ½π.
#[inline(always)]
fn near_or_half<R: Real<Number = f64>>(x: R) -> (R::Mask, R) {
    let (a, half) = (x.abs(), x.number(0.5));
    let near = a.below(half);
    let rest = half - half * a;
    (near, arc_sine(R::select(near, a, rest.sqrt()), R::select(near, a * a, rest)))
}

/// The arc sine.
#[inline(always)]
pub(super) fn asin<R: Real<Number = f64>>(x: R) -> R {
    let (near, angle) = near_or_half(x);
    R::select(near, angle, complement(x.number(2.0) * angle)).copysign(x)
}

/// The arc cosine.
#[inline(always)]
pub(super) fn acos<R: Real<Number = f64>>(x: R) -> R {
    let (near, angle) = near_or_half(x);
    let double = x.number(2.0) * angle;
    let side = R::select(x.below(x.number(0.0)), supplement(double), double);
    R::select(near, complement(angle.copysign(x)), side)
}

/// max(a, 0)^b with 0^0 = 1, NaN if either is, for operands that are singles: to 2^−32, so that it rounds to single
/// precision as the exact power does, but for ties.
#[inline(always)]
pub(super) fn pow_to_single<R: Real<Number = f64>>(a: R, b: R) -> R {
    let (zero, one, two) = (a.number(0.0), a.number(1.0), a.number(2.0));
    // Singles are normal doubles.
    let positive = zero.below(a);
    let base = R::select(positive, a, one);
    let (int, k) = split(base);
    let f = R::of_bits(base.bits().minus(int.left(52))) - one;
    let s = f / (two + f);
    let square = s * s;
    let logarithm = k.mul_add(a.number(LN_2), (s * square).mul_add(polynomial(&SHORT_LOGARITHM, square), two * s));
    let logarithm = R::select(base.below(a.number(f64::INFINITY)), logarithm, base);
    let product = b * R::select(positive, logarithm, a.number(f64::NEG_INFINITY));
    let (rounded, _, r) = reduce(product.capped(a.number(200.0)).floored(a.number(-200.0)));
    let power = ((r * r).mul_add(polynomial(&SHORT_EXPONENTIAL, r), r) + one) * power_of_two(rounded);
    let power = R::select(b.equals(zero) | a.equals(one), one, power);
    let power = R::select(b.equals(two) & positive, a * a, power);
    R::select(a.equals(a) & b.equals(b), power, a.number(f64::NAN))
}
