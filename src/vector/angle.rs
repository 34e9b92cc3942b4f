//! Angles in double precision: sine, cosine and tangent, and the functions back.
//!
//! Sines and cosines take an argument apart into a multiple of ½π, whose digits suffice up to [`FAR`]; what is further
//! is for the scalar functions.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2, FRAC_PI_4, PI};

use super::lane::{Bits, Real, polynomial};

/// Added to a small number, it leaves the nearest integer in the lowest bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// ½π is its nearest double and these.
const HALF_PI_LOW: [f64; 2] = [6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33];
/// Sine, cosine and tangent hold up to here.
pub(super) const FAR: f64 = 1e8;

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

/// The quadrant of an angle, in the two lowest bits, and the rest in two parts.
#[inline(always)]
fn quadrant<R: Real<Number = f64>>(x: R) -> (R::Bits, R, R) {
    let rounded = x.mul_add(x.number(FRAC_2_PI), x.number(ROUNDER));
    let n = rounded - x.number(ROUNDER);
    let most = n.mul_add(x.number(-FRAC_PI_2), x);
    let rest = n.mul_add(x.number(-HALF_PI_LOW[0]), most);
    let lost = n.mul_add(x.number(-HALF_PI_LOW[0]), most - rest);
    (rounded.bits(), rest, n.mul_add(x.number(-HALF_PI_LOW[1]), lost))
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

/// The sine of a small angle r and a tiny one: r and the rest.
#[inline(always)]
fn small_sine<R: Real<Number = f64>>(r: R, tiny: R) -> (R, R) {
    let square = r * r;
    (r, (r * square).mul_add(polynomial(&SINE, square), tiny))
}

/// Its cosine: 1 − ½ r² and the rest.
#[inline(always)]
fn small_cosine<R: Real<Number = f64>>(r: R, tiny: R) -> (R, R) {
    let (square, one) = (r * r, r.number(1.0));
    let half = r.number(0.5) * square;
    let most = one - half;
    let rest = (-r).mul_add(tiny, one - most - half);
    (most, (square * square).mul_add(polynomial(&COSINE, square), rest))
}

/// Sine and cosine of the rest of an angle, and its quadrant.
#[inline(always)]
fn circle<R: Real<Number = f64>>(x: R) -> (R::Bits, R, R) {
    let (quadrant, rest, tiny) = quadrant(x);
    let (sine, cosine) = (small_sine(rest, tiny), small_cosine(rest, tiny));
    (quadrant, sine.0 + sine.1, cosine.0 + cosine.1)
}

/// The sine of an angle up to [`FAR`].
#[inline(always)]
pub(super) fn sin<R: Real<Number = f64>>(x: R) -> R {
    let (quadrant, sine, cosine) = circle(x);
    let result = with_sign_of(quadrant, R::select(is_odd::<R>(quadrant), cosine, sine));
    R::select(x.equals(x.number(0.0)), x, result)
}

/// The cosine of an angle up to [`FAR`].
#[inline(always)]
pub(super) fn cos<R: Real<Number = f64>>(x: R) -> R {
    let (quadrant, sine, cosine) = circle(x);
    with_sign_of(quadrant.plus(quadrant.int(1)), R::select(is_odd::<R>(quadrant), sine, cosine))
}

/// The tangent of an angle up to [`FAR`].
#[inline(always)]
pub(super) fn tan<R: Real<Number = f64>>(x: R) -> R {
    let (quadrant, rest, tiny) = quadrant(x);
    let (sine, cosine) = (small_sine(rest, tiny), small_cosine(rest, tiny));
    let whole = |(most, rest): (R, R)| (most + rest, most - (most + rest) + rest);
    let (sine, cosine) = (whole(sine), whole(cosine));
    let odd = is_odd::<R>(quadrant);
    let (top, above) = (R::select(odd, -cosine.0, sine.0), R::select(odd, -cosine.1, sine.1));
    let (bottom, below) = (R::select(odd, sine.0, cosine.0), R::select(odd, sine.1, cosine.1));
    R::select(x.equals(x.number(0.0)), x, quotient(top, above, bottom, below))
}

/// (top + above) / (bottom + below), where what is added is tiny.
#[inline(always)]
fn quotient<R: Real<Number = f64>>(top: R, above: R, bottom: R, below: R) -> R {
    let inverse = top.number(1.0) / bottom;
    let q = top * inverse;
    let rest = (-q).mul_add(bottom, top) + (-q).mul_add(below, above);
    rest.mul_add(inverse, q)
}

/// atan(top / bottom) for 0 ≤ top ≤ bottom. Where the quotient is large, it is ¼π and the one of their difference by
/// their sum, with what these two lose.
#[inline(always)]
fn arc<R: Real<Number = f64>>(top: R, bottom: R) -> R {
    let zero = top.number(0.0);
    let large = (bottom * bottom.number(0.414_213_562_373_095_03)).below(top);
    let (difference, sum) = (top - bottom, top + bottom);
    let (above, below) = (top - (difference + bottom), top - (sum - bottom));
    let start = R::select(large, top.number(FRAC_PI_4), zero);
    let (high, above) = (R::select(large, difference, top), R::select(large, above, zero));
    let (low, below) = (R::select(large, sum, bottom), R::select(large, below, zero));
    let q = quotient(high, above, low, below);
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
    // Beyond this all is ½π.
    let (a, one) = (x.abs().capped(x.number(1e300)), x.number(1.0));
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
    // A quotient by ∞ is 0 as well.
    let endless = high.equals(a.number(f64::INFINITY));
    let (low, high) = (R::select(endless, zero, low), R::select(endless, one, high));
    // Sums must not overflow, and inverses neither.
    let scale = R::select(a.number(1e300).below(high), a.number(0.25), one);
    let scale = R::select(high.below(a.number(1e-300)), a.number(1e30), scale);
    let angle = arc(low * scale, high * scale);
    let angle = R::select(steep, complement(angle), angle);
    let angle = R::select(one.copysign(b).below(zero), supplement(angle), angle).copysign(a);
    let angle = R::select(a.equals(zero) & b.equals(zero), zero, angle);
    R::select(a.equals(a) & b.equals(b), angle, a.number(f64::NAN))
}

/// Whether |x| < ½, and asin |x| then, else asin √(½ − ½ |x|), half of what is left of it to ½π: the root and what the
/// angle is larger.
#[inline(always)]
fn near_or_half<R: Real<Number = f64>>(x: R) -> (R::Mask, R, R) {
    let (a, half) = (x.abs(), x.number(0.5));
    let near = a.below(half);
    let rest = half - half * a;
    let (root, square) = (R::select(near, a, rest.sqrt()), R::select(near, a * a, rest));
    (near, root, root * square * polynomial(&ARC_SINE, square))
}

/// The arc sine.
#[inline(always)]
pub(super) fn asin<R: Real<Number = f64>>(x: R) -> R {
    let (near, root, more) = near_or_half(x);
    let (right, twice) = (x.number(FRAC_PI_2), x.number(2.0) * root);
    let most = right - twice;
    let rest = (right - most) - twice - (x.number(2.0) * more - x.number(HALF_PI_LOW[0]));
    R::select(near, root + more, most + rest).copysign(x)
}

/// The arc cosine.
#[inline(always)]
pub(super) fn acos<R: Real<Number = f64>>(x: R) -> R {
    let (near, root, more) = near_or_half(x);
    let angle = root + more;
    let double = x.number(2.0) * angle;
    let side = R::select(x.below(x.number(0.0)), supplement(double), double);
    R::select(near, complement(angle.copysign(x)), side)
}
