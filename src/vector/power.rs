//! Powers: max(a, 0)^b with 0^0 = 1, NaN if either is.
//!
//! e^(b ln a) is as good as the product is: an error of it is one of the result, as large as the exponent makes it. So
//! the logarithm is a sum of two numbers, of which the first has all its bits and the second what these leave. A step
//! of a polynomial whose rounding would be seen does the same.

use super::lane::{Edge, Edges, Real, polynomial};
use super::{double, single};

/// (ln(1 + f) − f + ½ f²) / f³ on [−¼, ½]: the logarithm is off by 2⁻³² of itself at most.
const LOGARITHM_SINGLE: [f32; 10] = [
    0.333_333_34,
    -0.250_000_15,
    0.200_001_21,
    -0.166_656_4,
    0.142_746_14,
    -0.125_046_88,
    0.113_528_3,
    -0.104_753_72,
    0.079_959_586,
    -0.031_953_055,
];

/// (ln((1 + s) / (1 − s)) / s³ − 2 / s² − ⅔) / s² in s², on the s of [¾, 3/2): the logarithm is off by 2⁻⁶⁹ of itself.
const LOGARITHM_DOUBLE: [f64; 8] = [
    0.399_999_999_999_997_25,
    0.285_714_285_715_773_5,
    0.222_222_221_912_366_35,
    0.181_818_215_275_395_63,
    0.153_844_065_475_903_93,
    0.133_411_481_322_636,
    0.115_922_927_321_278_87,
    0.125_718_983_709_020_93,
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

/// ln a where it is infinite: of NaN it stays NaN.
const LOGARITHM_EDGES: Edges =
    Edges { nan: Edge::Result, zero: Edge::MinusInfinity, infinite: Edge::Infinity, negative: Edge::MinusInfinity };

/// 0 times ∞.
const ONE_FOR_NAN: Edges = Edges { nan: Edge::One, zero: Edge::Result, infinite: Edge::Result, negative: Edge::Result };

/// Beyond it, what a product lacks is that of an exponent for which the power is 0 or ∞.
const MOST_LOST: f64 = 1e-3;

/// ln a for a positive finite a.
#[inline(always)]
fn logarithm_single<R: Real<Number = f32>>(a: R) -> Two<R> {
    let (f, n) = a.split();
    let [first, second, third] = [0, 1, 2].map(|place| f.number(LOGARITHM_SINGLE[place]));
    let rest = LOGARITHM_SINGLE.last_chunk::<7>();
    let rest = rest.map_or(f.number(0.0), |rest| polynomial(rest, f));
    let series = step(f, step(f, first_step(f, rest, third), second), first);
    let square = f * f;
    let term = product((square, f.mul_add(f, -square)), step(f, series, f.number(-0.5)));
    let small = n.mul_add(f.number(-LN_2_SINGLE.1), term.1);
    sum(n * f.number(-LN_2_SINGLE.0), f, term.0, small)
}

/// ln a for a positive finite a.
#[inline(always)]
fn logarithm_double<R: Real<Number = f64>>(a: R) -> Two<R> {
    let (f, n) = a.split();
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
    let small = n.mul_add(f.number(-LN_2_DOUBLE.1), two.mul_add(s.1, term.1));
    sum(n * f.number(-LN_2_DOUBLE.0), two * s.0, term.0, small)
}

/// Declares the power for a precision.
macro_rules! power {
    ($name:ident $number:ty, $formulas:ident $logarithm:ident) => {
        /// max(a, 0)^b with 0^0 = 1; NaN if either is.
        #[inline(always)]
        pub(super) fn $name<R: Real<Number = $number>>(a: R, b: R) -> R {
            let (zero, one, two) = (a.number(0.0), a.number(1.0), a.number(2.0));
            let (most, least) = $logarithm(a);
            let most = most.mended(a, LOGARITHM_EDGES);
            let exponent = b * most;
            // NaN where the exponent is infinite.
            let lost = b.mul_add(least, b.mul_add(most, -exponent));
            let bound = a.number(MOST_LOST as $number);
            let lost = R::select(lost.below(bound), lost, bound);
            let lost = R::select((-bound).below(lost), lost, -bound);
            let (n, r) = $formulas::reduce_exponent(exponent);
            let power = $formulas::exp_of_reduced(n, r + lost).mended(exponent, ONE_FOR_NAN);
            // Exact, as a product is.
            let base = R::select(zero.below(a), a, zero);
            let power = R::select(b.equals(one), base, power);
            let power = R::select(b.equals(two), base * base, power);
            R::select(a.equals(a) & b.equals(b), power, a.number(<$number>::NAN))
        }
    };
}

power!(pow_single f32, single logarithm_single);
power!(pow_double f64, double logarithm_double);
