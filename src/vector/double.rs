//! The formulas in double precision: x → f(x), without branches, at most 2 units in the last place off.
//!
//! As in [`single`](super::single), with longer polynomials. Sines and cosines take an argument apart into a multiple
//! of ½π, whose digits suffice up to [`FAR`]; what is further is for the scalar functions.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, FRAC_PI_4, LN_2, LOG2_E, PI};

/// ln 2 less its nearest double.
const LN_2_LOW: f64 = 2.319_046_813_846_299_6e-17;
/// Added to a small number, it leaves the nearest integer in the lowest bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// The bits of √½.
const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
/// The bits of 1.
const ONE: u64 = 0x3ff0_0000_0000_0000;
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

/// A polynomial, the constant term first.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
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
fn reduce(x: f64) -> (i64, f64) {
    let rounded = x.mul_add(LOG2_E, ROUNDER);
    let n = rounded - ROUNDER;
    let rest = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2, x));
    (rounded.to_bits().wrapping_sub(ROUNDER.to_bits()) as i64, rest)
}

/// 2^n for −1022 ≤ n ≤ 1023.
#[inline(always)]
fn power_of_two(n: i64) -> f64 {
    f64::from_bits((n.wrapping_add(1023) << 52) as u64)
}

/// 2^n p for −2000 < n < 2000, in two steps, of which only the second can overflow or lose bits.
#[inline(always)]
fn scale(p: f64, n: i64) -> f64 {
    // There is no arithmetic shift of 64-bit lanes before AVX-512.
    let half = ((n.wrapping_add(4096) as u64) >> 1) as i64 - 2048;
    p * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// e^x 2^shift.
#[inline(always)]
fn exp_shifted(x: f64, shift: i64) -> f64 {
    let x = if x > 720.0 { 720.0 } else { x };
    let x = if x < -760.0 { -760.0 } else { x };
    let (n, r) = reduce(x);
    let power = (r * r).mul_add(polynomial(&EXPONENTIAL, r), r) + 1.0;
    scale(power, n.wrapping_add(shift))
}

/// e^x.
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    exp_shifted(x, 0)
}

/// ln(1 + f) + k ln 2 for f in [√½ − 1, √2 − 1].
#[inline(always)]
fn logarithm(f: f64, k: f64) -> f64 {
    let s = f / (2.0 + f);
    let square = s * s;
    let half = 0.5 * f * f;
    let rest = s.mul_add(square.mul_add(polynomial(&LOGARITHM, square), half), k * LN_2_LOW);
    // f − (½ f² − s (½ f² + R)), the large parts last.
    k.mul_add(LN_2, f - (half - rest))
}

/// k and 2^−k x for a positive normal x, 2^−k x in [√½, √2). The integer becomes a double by its place in the bits of
/// one, which every machine can do with vectors.
#[inline(always)]
fn split(bits: u64) -> (u64, f64) {
    let biased = bits.wrapping_add(0x7ff << 52).wrapping_sub(ROOT_HALF) >> 52;
    (biased, f64::from_bits(0x4330_0000_0000_0000 | biased) - (4_503_599_627_370_496.0 + 2047.0))
}

/// The natural logarithm.
#[inline(always)]
pub(super) fn log(x: f64) -> f64 {
    let tiny = x < f64::MIN_POSITIVE;
    let (normal, shift) = if tiny { (x * 4_503_599_627_370_496.0, 52.0) } else { (x, 0.0) };
    let bits = normal.to_bits();
    let (biased, k) = split(bits);
    let f = f64::from_bits(bits.wrapping_sub(biased.wrapping_sub(2047) << 52)) - 1.0;
    let result = logarithm(f, k - shift);
    let result = if x < f64::INFINITY { result } else { x };
    let below = if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    if x > 0.0 { result } else { below }
}

/// ln(1 + x).
#[inline(always)]
pub(super) fn log1p(x: f64) -> f64 {
    let (biased, k) = split((1.0 + x).to_bits());
    // 2^−k (1 + x) = 1 + f, with the bits of x that the sum has lost. For a huge x, 2^−k is no normal number.
    let huge = x > 1e300;
    let (small, j) = if huge {
        (x * 1.084_202_172_485_504_4e-19, biased.wrapping_sub(2047 + 63))
    } else {
        (x, biased.wrapping_sub(2047))
    };
    let scale = f64::from_bits(ONE.wrapping_sub(j << 52));
    let f = scale.mul_add(small, scale - 1.0);
    let result = logarithm(f, k).copysign(x);
    let result = if x < f64::INFINITY { result } else { x };
    let below = if x == -1.0 { f64::NEG_INFINITY } else { f64::NAN };
    if x > -1.0 { result } else { below }
}

/// e^x − 1.
#[inline(always)]
pub(super) fn expm1(x: f64) -> f64 {
    let x = if x > 720.0 { 720.0 } else { x };
    let small = if x < -50.0 { -50.0 } else { x };
    let (n, r) = reduce(small);
    let rest = (r * r).mul_add(polynomial(&EXPONENTIAL, r), r);
    // 2^1024 is no number.
    let (n, last) = if n > 1000 { (n - 60, 1_152_921_504_606_846_976.0) } else { (n, 1.0) };
    let power = power_of_two(n);
    let result = power.mul_add(rest, power - 1.0 / last) * last;
    result.copysign(x)
}

/// e^−|x|.
#[inline(always)]
pub(super) fn decay(x: f64) -> f64 {
    exp(-x.abs())
}

/// ln(1 + e) for e in [0, 1].
#[inline(always)]
pub(super) fn log1p_of_decay(e: f64) -> f64 {
    let (f, k) = if e > 0.414 { (e.mul_add(0.5, -0.5), 1.0) } else { (e, 0.0) };
    logarithm(f, k)
}

/// top / (1 + e) for e in [0, 1].
#[inline(always)]
pub(super) fn share_of(top: f64, e: f64) -> f64 {
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
pub(super) fn sigmoid(x: f64) -> f64 {
    let e = decay(x);
    share_of(if x >= 0.0 { 1.0 } else { e }, e)
}

/// ln(1 + e^x), given ln(1 + e^−|x|).
#[inline(always)]
pub(super) fn softplus_of(x: f64, rest: f64) -> f64 {
    let above = if x < 0.0 { 0.0 } else { x };
    above + rest
}

/// ln(1 + e^x).
#[inline(always)]
pub(super) fn softplus(x: f64) -> f64 {
    softplus_of(x, log1p_of_decay(decay(x)))
}

/// ln σ(x).
#[inline(always)]
pub(super) fn log_sigmoid(x: f64) -> f64 {
    -softplus(-x)
}

/// The hyperbolic tangent.
#[inline(always)]
pub(super) fn tanh(x: f64) -> f64 {
    let a = x.abs();
    let a = if a > 22.0 { 22.0 } else { a };
    let power = expm1(2.0 * a);
    (power / (power + 2.0)).copysign(x)
}

/// The hyperbolic sine.
#[inline(always)]
pub(super) fn sinh(x: f64) -> f64 {
    let a = x.abs();
    let power = expm1(if a > 30.0 { 30.0 } else { a });
    let near = 0.5 * (power + power / (power + 1.0));
    let far = exp_shifted(a, -1);
    (if a < 30.0 { near } else { far }).copysign(x)
}

/// The hyperbolic cosine.
#[inline(always)]
pub(super) fn cosh(x: f64) -> f64 {
    let half = exp_shifted(x.abs(), -1);
    half + 0.25 / half
}

/// ln cosh x.
#[inline(always)]
pub(super) fn log_cosh(x: f64) -> f64 {
    let a = x.abs();
    let square = if a < 1.0 { x * x } else { 1.0 };
    let near = (0.5 * x).mul_add(x, square * square * polynomial(&LOG_COSH, square));
    let far = a - LN_2 + (log1p_of_decay(exp(-2.0 * a)) - LN_2_LOW);
    if a < 1.0 { near } else { far }
}

/// The quadrant of an angle, and the rest.
#[inline(always)]
fn quadrant(x: f64) -> (u64, f64) {
    let rounded = x.mul_add(FRAC_2_PI, ROUNDER);
    let n = rounded - ROUNDER;
    let rest = n.mul_add(-HALF_PI_LOW[0], n.mul_add(-FRAC_PI_2, x));
    (rounded.to_bits() & 3, n.mul_add(-HALF_PI_LOW[1], rest))
}

/// Sine and cosine of a small angle.
#[inline(always)]
fn circle(r: f64) -> (f64, f64) {
    let square = r * r;
    let sine = (r * square).mul_add(polynomial(&SINE, square), r);
    let half = 0.5 * square;
    let most = 1.0 - half;
    let cosine = most + (square * square).mul_add(polynomial(&COSINE, square), 1.0 - most - half);
    (sine, cosine)
}

/// The sine of an angle up to [`FAR`].
#[inline(always)]
pub(super) fn sin(x: f64) -> f64 {
    let (quadrant, rest) = quadrant(x);
    let (sine, cosine) = circle(rest);
    let result = if quadrant & 1 == 0 { sine } else { cosine };
    let result = f64::from_bits(result.to_bits() ^ ((quadrant & 2) << 62));
    if x == 0.0 { x } else { result }
}

/// The cosine of an angle up to [`FAR`].
#[inline(always)]
pub(super) fn cos(x: f64) -> f64 {
    let (quadrant, rest) = quadrant(x);
    let (sine, cosine) = circle(rest);
    let result = if quadrant & 1 == 0 { cosine } else { sine };
    f64::from_bits(result.to_bits() ^ (((quadrant + 1) & 2) << 62))
}

/// The tangent of an angle up to [`FAR`].
#[inline(always)]
pub(super) fn tan(x: f64) -> f64 {
    let (quadrant, rest) = quadrant(x);
    let (sine, cosine) = circle(rest);
    let odd = quadrant & 1 == 1;
    let (top, bottom) = if odd { (-cosine, sine) } else { (sine, cosine) };
    if x == 0.0 { x } else { top / bottom }
}

/// atan(top / bottom) + start, of numbers ≥ 0, at most 1 apart from another quarter: (1 − q) / (1 + q) is where the
/// quotient q is large.
#[inline(always)]
fn arc(top: f64, bottom: f64) -> f64 {
    let large = top > bottom * 0.414_213_562_373_095_03;
    let (top, bottom, start) = if large { (top - bottom, top + bottom, FRAC_PI_4) } else { (top, bottom, 0.0) };
    let q = top / bottom;
    let square = q * q;
    start + (q * square).mul_add(polynomial(&ARC_TANGENT, square), q)
}

/// The arc tangent.
#[inline(always)]
pub(super) fn atan(x: f64) -> f64 {
    let a = x.abs();
    let beyond = a > 1.0;
    let (top, bottom) = if beyond { (1.0, a) } else { (a, 1.0) };
    let angle = arc(top, bottom);
    let angle = if beyond { FRAC_PI_2 - (angle - HALF_PI_LOW[0]) } else { angle };
    angle.copysign(x)
}

/// The angle of the point (b, a); 0 at the origin.
#[inline(always)]
pub(super) fn atan2(a: f64, b: f64) -> f64 {
    let (height, width) = (a.abs(), b.abs());
    let steep = height > width;
    let (low, high) = if steep { (width, height) } else { (height, width) };
    // Two infinities are as equal numbers, and so are two zeros, in front of the selection below.
    let equal = low == high;
    let (low, high) = if equal { (1.0, 1.0) } else { (low, high) };
    // Sums must not overflow.
    let shrink = if high > 1e300 { 0.25 } else { 1.0 };
    let angle = arc(low * shrink, high * shrink);
    let angle = if steep { FRAC_PI_2 - (angle - HALF_PI_LOW[0]) } else { angle };
    let angle = if b.is_sign_negative() { PI - (angle - 2.0 * HALF_PI_LOW[0]) } else { angle };
    let angle = angle.copysign(a);
    let angle = if a == 0.0 && b == 0.0 { 0.0 } else { angle };
    if a.is_nan() || b.is_nan() { f64::NAN } else { angle }
}

/// asin of √square, for square ≤ ¼.
#[inline(always)]
fn arc_sine(root: f64, square: f64) -> f64 {
    (root * square).mul_add(polynomial(&ARC_SINE, square), root)
}

/// The arc sine.
#[inline(always)]
pub(super) fn asin(x: f64) -> f64 {
    let a = x.abs();
    let near = a < 0.5;
    let rest = 0.5 - 0.5 * a;
    let (root, square) = if near { (a, a * a) } else { (rest.sqrt(), rest) };
    let angle = arc_sine(root, square);
    let angle = if near { angle } else { FRAC_PI_2 - (2.0 * angle - HALF_PI_LOW[0]) };
    angle.copysign(x)
}

/// The arc cosine.
#[inline(always)]
pub(super) fn acos(x: f64) -> f64 {
    let a = x.abs();
    let near = a < 0.5;
    let rest = 0.5 - 0.5 * a;
    let (root, square) = if near { (a, a * a) } else { (rest.sqrt(), rest) };
    let angle = arc_sine(root, square);
    let middle = FRAC_PI_2 - (angle.copysign(x) - HALF_PI_LOW[0]);
    let side = if x < 0.0 { PI - (2.0 * angle - 2.0 * HALF_PI_LOW[0]) } else { 2.0 * angle };
    if near { middle } else { side }
}

/// max(a, 0)^b with 0^0 = 1, NaN if either is, for operands that are singles: to 2^−32, so that it rounds to single
/// precision as the exact power does, but for ties.
#[inline(always)]
pub(super) fn pow_to_single(a: f64, b: f64) -> f64 {
    // Singles are normal doubles.
    let base = if a > 0.0 { a } else { 1.0 };
    let bits = base.to_bits();
    let (biased, k) = split(bits);
    let f = f64::from_bits(bits.wrapping_sub(biased.wrapping_sub(2047) << 52)) - 1.0;
    let s = f / (2.0 + f);
    let square = s * s;
    let logarithm = k.mul_add(LN_2, (s * square).mul_add(polynomial(&SHORT_LOGARITHM, square), 2.0 * s));
    let logarithm = if base < f64::INFINITY { logarithm } else { base };
    let product = b * if a > 0.0 { logarithm } else { f64::NEG_INFINITY };
    let product = if product > 200.0 { 200.0 } else { product };
    let product = if product < -200.0 { -200.0 } else { product };
    let (n, r) = reduce(product);
    let power = ((r * r).mul_add(polynomial(&SHORT_EXPONENTIAL, r), r) + 1.0) * power_of_two(n);
    let power = if b == 0.0 || a == 1.0 { 1.0 } else { power };
    let power = if b == 2.0 && a > 0.0 { a * a } else { power };
    if a.is_nan() || b.is_nan() { f64::NAN } else { power }
}
