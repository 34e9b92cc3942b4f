//! Powers: max(a, 0)^b with 0^0 = 1, NaN if either is.
//!
//! e^(b ln a) is as good as the product is: an error of it is one of the result, as large as the exponent makes it. So
//! the logarithm is a sum of two numbers, of which the first has all its bits and the second what these leave. A step
//! of a polynomial whose rounding would be seen does the same.

use super::lane::{Real, polynomial};
use super::{double, single};

/// (ln(1 + f) − f + ½ f²) / f³ on [√½ − 1, √2 − 1]: the logarithm is off by 2⁻³² of itself at most.
const LOGARITHM_SINGLE: [f32; 11] = [
    0.333_333_34,
    -0.249_999_99,
    0.199_998_62,
    -0.166_666_08,
    0.142_918_59,
    -0.125_081_66,
    0.109_972_03,
    -0.097_726_95,
    0.099_488_296,
    -0.106_559_67,
    0.064_100_206,
];

/// (ln((1 + s) / (1 − s)) / s³ − 2 / s² − ⅔) / s² in s², on the s of [√½, √2): the logarithm is off by 2⁻⁶⁶ of itself.
const LOGARITHM_DOUBLE: [f64; 7] = [
    0.400_000_000_000_022_5,
    0.285_714_285_701_019_4,
    0.222_222_225_195_384_81,
    0.181_817_843_983_790_42,
    0.153_867_559_736_419_58,
    0.132_568_478_672_026_48,
    0.131_960_602_639_660_03,
];

/// ⅔ is its nearest double and this.
const TWO_THIRDS_LOW: f64 = 3.700_743_415_417_188e-17;
/// The first 16 bits of ln 2, and the rest.
const LN_2_SINGLE: (f32, f32) = (0.693_145_75, 1.428_606_8e-6);
/// The first 40 bits of ln 2, and the rest.
const LN_2_DOUBLE: (f64, f64) = (0.693_147_180_560_117_7, -1.723_944_452_561_483_5e-13);

/// A number and what it lacks.
type Two<R> = (R, R);

/// x p + c, where c is at least twice as large as what is added to it.
#[inline(always)]
fn first_step<R: Real>(x: R, p: R, c: R) -> Two<R> {
    let sum = x.mul_add(p, c);
    (sum, x.mul_add(p, c - sum))
}

/// The same for a p of two parts.
#[inline(always)]
fn step<R: Real>(x: R, p: Two<R>, c: R) -> Two<R> {
    let (sum, lost) = first_step(x, p.0, c);
    (sum, x.mul_add(p.1, lost))
}

/// The product of two.
#[inline(always)]
fn product<R: Real>(a: Two<R>, b: Two<R>) -> Two<R> {
    let most = a.0 * b.0;
    (most, a.0.mul_add(b.1, a.1.mul_add(b.0, a.0.mul_add(b.0, -most))))
}

/// The sum of falling numbers (but for zeros), and a small one.
#[inline(always)]
fn sum<R: Real>(a: R, b: R, c: R, small: R) -> Two<R> {
    let first = a + b;
    let all = first + c;
    (all, (a - first + b) + (first - all + c) + small)
}

/// ln a for a positive finite a.
#[inline(always)]
fn logarithm_single<R: Real<Number = f32>>(a: R) -> Two<R> {
    let (f, k) = single::split(a);
    let (first, rest) = (f.number(LOGARITHM_SINGLE[0]), LOGARITHM_SINGLE.last_chunk::<9>());
    let rest = rest.map_or(f.number(0.0), |rest| polynomial(rest, f));
    let series = step(f, first_step(f, rest, f.number(LOGARITHM_SINGLE[1])), first);
    let square = f * f;
    let term = product((square, f.mul_add(f, -square)), step(f, series, f.number(-0.5)));
    let small = k.mul_add(f.number(LN_2_SINGLE.1), term.1);
    sum(k * f.number(LN_2_SINGLE.0), f, term.0, small)
}

/// ln a for a positive finite a.
#[inline(always)]
fn logarithm_double<R: Real<Number = f64>>(a: R) -> Two<R> {
    let (f, k) = double::split(a);
    let two = f.number(2.0);
    // s = f / (2 + f).
    let below = two + f;
    let inverse = f.number(1.0) / below;
    let s = f * inverse;
    let lost = (-s).mul_add(below, f) - s * (f - (below - two));
    let s = (s, lost * inverse);
    let square = product(s, s);
    let third = f.number(2.0 / 3.0);
    let series = first_step(square.0, polynomial(&LOGARITHM_DOUBLE, square.0), third);
    let series = (series.0, series.1 + f.number(TWO_THIRDS_LOW));
    let term = product(s, product(square, series));
    let small = k.mul_add(f.number(LN_2_DOUBLE.1), two.mul_add(s.1, term.1));
    sum(k * f.number(LN_2_DOUBLE.0), two * s.0, term.0, small)
}

/// Declares the power for a precision: the largest size of an exponent for which it is neither 0 nor ∞, with some to
/// spare.
macro_rules! power {
    ($name:ident $number:ty, $formulas:ident $logarithm:ident $large:literal) => {
        /// max(a, 0)^b with 0^0 = 1; NaN if either is.
        #[inline(always)]
        pub(super) fn $name<R: Real<Number = $number>>(a: R, b: R) -> R {
            let (zero, one, two) = (a.number(0.0), a.number(1.0), a.number(2.0));
            let infinite = a.number(<$number>::INFINITY);
            let positive = zero.below(a);
            let base = R::select(positive, a, one);
            let (most, least) = $logarithm(base);
            let most = R::select(base.below(infinite), most, infinite);
            let most = R::select(positive, most, -infinite);
            let exponent = b * most;
            let lost = b.mul_add(least, b.mul_add(most, -exponent));
            let lost = R::select(exponent.abs().below(a.number($large)), lost, zero);
            let (n, r) = $formulas::reduce_exponent(exponent);
            let power = $formulas::exp_of_reduced(n, r + lost);
            // 0 times ∞.
            let power = R::select(exponent.equals(exponent), power, one);
            // Exact, as a product is.
            let base = R::select(positive, a, zero);
            let power = R::select(b.equals(one), base, power);
            let power = R::select(b.equals(two), base * base, power);
            R::select(a.equals(a) & b.equals(b), power, a.number(<$number>::NAN))
        }
    };
}

power!(pow_single f32, single logarithm_single 110.0);
power!(pow_double f64, double logarithm_double 800.0);
