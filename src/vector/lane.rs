//! What a formula is made of: the operations on one lane.
//!
//! A formula is a function that is generic over [`Real`]. For `f32` and `f64` every operation is the machine's, and a
//! loop over the formula becomes vector code. A code generator has lanes of its own, whose operations write down what
//! is done, so that a kernel computes the same formula, to the same bits, between other operations.

use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

/// A condition of a lane.
pub trait Mask: Copy + BitAnd<Output = Self> + BitOr<Output = Self> + Not<Output = Self> {}

/// The bits of a lane, as wide as it is: an int with two's complement.
pub trait Bits: Copy {
    /// An int in the place of this one.
    fn int(self, value: i64) -> Self;
    /// Wraps.
    fn plus(self, other: Self) -> Self;
    /// Wraps.
    fn minus(self, other: Self) -> Self;
    /// Bitwise.
    fn and(self, other: Self) -> Self;
    /// Bitwise.
    fn or(self, other: Self) -> Self;
    /// Bitwise.
    fn xor(self, other: Self) -> Self;
    /// By a number of bits.
    fn left(self, by: u32) -> Self;
    /// By a number of bits, with zeros from above.
    fn right(self, by: u32) -> Self;
}

/// What takes the place of a result where another number is of a kind: a row for each kind.
#[derive(Clone, Copy, Debug)]
pub struct Edges {
    /// NaN.
    pub nan: Edge,
    /// 0 and −0.
    pub zero: Edge,
    /// ∞.
    pub infinite: Edge,
    /// Below 0.
    pub negative: Edge,
}

/// What takes the place of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Nothing.
    Result,
    /// 1.
    One,
    /// ∞.
    Infinity,
    /// −∞.
    MinusInfinity,
}

/// A real lane. Arithmetic is IEEE's, rounded to nearest; comparisons with NaN are false.
pub trait Real:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// A literal: `f32` or `f64`.
    type Number: Copy;
    /// Conditions of such lanes.
    type Mask: Mask;
    /// Their bits.
    type Bits: Bits;
    /// A lane in double precision.
    type Double: Real<Number = f64>;

    /// The place of the exponent among the bits.
    const PLACE: u32;
    /// The exponent of 1, as it stands there.
    const BIAS: i64;

    /// A literal in the place of this number.
    fn number(self, value: Self::Number) -> Self;
    /// A literal that this precision holds exactly.
    fn exactly(self, value: f64) -> Self;
    /// `self · a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// |x|.
    fn abs(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The size of this, and the sign bit of another one.
    fn copysign(self, sign: Self) -> Self;
    /// `self < other`.
    fn below(self, other: Self) -> Self::Mask;
    /// `self ≤ other`.
    fn at_most(self, other: Self) -> Self::Mask;
    /// Whether the sign bit is set, as that of −0 is: x and −x always differ.
    fn is_negative(self) -> Self::Mask;
    /// `self = other`.
    fn equals(self, other: Self) -> Self::Mask;
    /// One of two.
    fn select(condition: Self::Mask, yes: Self, no: Self) -> Self;
    /// `self` if it is below a bound, else the bound; NaN if it is NaN.
    #[inline(always)]
    fn capped(self, bound: Self) -> Self {
        Self::select(bound.below(self), bound, self)
    }
    /// An exponent, [capped](Real::capped) by a bound above which its power is ∞. Machines whose [`scaled`](Real::scaled)
    /// takes any n can do without: 2^∞ is ∞ there whatever it is multiplied by, NaN too, and a polynomial of an even
    /// degree is above 0 however far from 0 it is taken.
    #[inline(always)]
    fn capped_exponent(self, bound: Self) -> Self {
        self.capped(bound)
    }
    /// `self` if it is above a bound, else the bound; NaN if it is NaN.
    #[inline(always)]
    fn floored(self, bound: Self) -> Self {
        Self::select(self.below(bound), bound, self)
    }
    /// The bits.
    fn bits(self) -> Self::Bits;
    /// The number with these bits.
    fn of_bits(bits: Self::Bits) -> Self;
    /// 2^n · self, rounded once, for a number between ½ and 2 and an integral |n| of at most 250, of doubles 2000;
    /// of an infinite n and NaN it is not said what it is.
    #[inline(always)]
    fn scaled(self, n: Self) -> Self {
        scaled(self, n)
    }
    /// 2^n · self = 1 + f with 1 + f in [¾, 3/2), for a positive finite number: f and the integral n. Of 0, f is 0 and
    /// n is ∞; of ∞, f is 0 and n is −∞; of NaN and what is below 0, n is NaN.
    #[inline(always)]
    fn split(self) -> (Self, Self) {
        split(self)
    }
    /// This result as it is where another number is at an edge.
    #[inline(always)]
    fn mended(self, at: Self, edges: Edges) -> Self {
        mended(self, at, edges)
    }
    /// In double precision.
    fn to_double(self) -> Self::Double;
    /// Rounded to this precision.
    fn of_double(double: Self::Double) -> Self;
}

/// A polynomial, the constant term first.
#[inline(always)]
pub(super) fn polynomial<R: Real, const N: usize>(coefficients: &[R::Number; N], x: R) -> R {
    let mut result = x.number(coefficients[N - 1]);
    let mut next = N - 1;
    while next > 0 {
        next -= 1;
        result = result.mul_add(x, x.number(coefficients[next]));
    }
    result
}

/// A long polynomial as two in x², which a machine can compute at the same time; there are as many steps.
#[inline(always)]
pub(super) fn long_polynomial<R: Real, const N: usize>(coefficients: &[R::Number; N], x: R, square: R) -> R {
    let mut parts = [x.number(coefficients[N - 1]), x.number(coefficients[N - 2])];
    let mut next = N - 2;
    while next > 0 {
        next -= 1;
        let part = &mut parts[(N - 1 - next) % 2];
        *part = part.mul_add(square, x.number(coefficients[next]));
    }
    let [one, other] = parts;
    if N % 2 == 1 { other.mul_add(x, one) } else { one.mul_add(x, other) }
}

/// 2^n.
const fn power_of_two(n: i64) -> f64 {
    f64::from_bits(((n + f64::BIAS) as u64) << f64::PLACE)
}

/// A number where a condition holds, else 0: of bits that is one operation, where a choice of two numbers is three.
#[inline(always)]
fn kept<R: Real>(condition: R::Mask, x: R) -> R {
    R::select(condition, x, x.exactly(0.0))
}

/// [`Real::scaled`] for machines that have no instruction for it: in two steps, of which only the second can overflow or
/// lose bits.
#[inline(always)]
pub fn scaled<R: Real>(x: R, n: R) -> R {
    // Added to a number, it leaves the sum of the exponents of both powers in the lowest bits.
    let rounder = x.exactly(1.5 * power_of_two(i64::from(R::PLACE)) + 2.0 * R::BIAS as f64);
    let both = (n + rounder).bits();
    let half = both.right(1);
    let power = |exponent: R::Bits| R::of_bits(exponent.left(R::PLACE));
    x * power(half) * power(both.minus(half))
}

/// [`Real::split`] for machines that have no instructions for it.
#[inline(always)]
pub fn split<R: Real>(x: R) -> (R, R) {
    // Its last bit is worth 1: an int of few bits becomes a number by its place in these bits. Before AVX-512 there is
    // no conversion of 64-bit lanes.
    let whole = power_of_two(i64::from(R::PLACE));
    let one = x.exactly(1.0);
    let tiny = x.below(x.exactly(power_of_two(1 - R::BIAS)));
    let bits = (x * (kept(tiny, x.exactly(whole - 1.0)) + one)).bits();
    // With an offset, so that it is not below 0: nor is there a shift of them that keeps the sign.
    let most = 2 * R::BIAS + 1;
    let three_quarters = ((R::BIAS - 1) << R::PLACE) | (1 << (R::PLACE - 1));
    let sum = bits.plus(bits.int((most << R::PLACE) - three_quarters));
    let f = R::of_bits(sum.and(bits.int((1 << R::PLACE) - 1)).plus(bits.int(three_quarters))) - one;
    let exponent = R::of_bits(sum.right(R::PLACE).or(x.exactly(whole).bits()));
    let n = kept(tiny, x.exactly(f64::from(R::PLACE))) + x.exactly(whole + most as f64) - exponent;
    // What is no positive finite number has some finite n so far.
    let (zero, infinity) = (x.exactly(0.0), x.exactly(f64::INFINITY));
    let low = kept(x.equals(zero), infinity) + kept(x.below(zero), x.exactly(f64::NAN));
    let high = kept(!x.below(infinity), x);
    (f, n + (low - high))
}

/// [`Real::mended`] for machines that have no instruction for it.
#[inline(always)]
pub fn mended<R: Real>(result: R, at: R, edges: Edges) -> R {
    let (zero, infinity) = (at.exactly(0.0), at.exactly(f64::INFINITY));
    let result = edges.nan.value().map_or(result, |value| R::select(at.equals(at), result, at.exactly(value)));
    let mend = |result: R, edge: Edge, is: R::Mask| match edge.value() {
        Some(value) => R::select(is, at.exactly(value), result),
        None => result,
    };
    let result = mend(result, edges.zero, at.equals(zero));
    let result = mend(result, edges.infinite, at.equals(infinity));
    mend(result, edges.negative, at.below(zero))
}

impl Edge {
    /// Nothing if the result stays.
    #[inline(always)]
    fn value(self) -> Option<f64> {
        match self {
            Edge::Result => None,
            Edge::One => Some(1.0),
            Edge::Infinity => Some(f64::INFINITY),
            Edge::MinusInfinity => Some(f64::NEG_INFINITY),
        }
    }
}

impl Mask for bool {}

/// The machine's numbers as lanes: a type, that of its bits, its exponent of 1 and the place of the exponent.
macro_rules! lane {
    ($real:ident, $bits:ident, $bias:literal at $place:literal) => {
        impl Bits for $bits {
            #[inline(always)]
            fn int(self, value: i64) -> $bits {
                value as $bits
            }
            #[inline(always)]
            fn plus(self, other: $bits) -> $bits {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn minus(self, other: $bits) -> $bits {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn and(self, other: $bits) -> $bits {
                self & other
            }
            #[inline(always)]
            fn or(self, other: $bits) -> $bits {
                self | other
            }
            #[inline(always)]
            fn xor(self, other: $bits) -> $bits {
                self ^ other
            }
            #[inline(always)]
            fn left(self, by: u32) -> $bits {
                self << by
            }
            #[inline(always)]
            fn right(self, by: u32) -> $bits {
                self >> by
            }
        }

        impl Real for $real {
            type Number = $real;
            type Mask = bool;
            type Bits = $bits;
            type Double = f64;

            const PLACE: u32 = $place;
            const BIAS: i64 = $bias;

            #[inline(always)]
            fn number(self, value: $real) -> $real {
                value
            }
            #[inline(always)]
            fn exactly(self, value: f64) -> $real {
                value as $real
            }
            #[inline(always)]
            fn mul_add(self, a: $real, b: $real) -> $real {
                $real::mul_add(self, a, b)
            }
            #[inline(always)]
            fn abs(self) -> $real {
                $real::abs(self)
            }
            #[inline(always)]
            fn sqrt(self) -> $real {
                $real::sqrt(self)
            }
            #[inline(always)]
            fn copysign(self, sign: $real) -> $real {
                $real::copysign(self, sign)
            }
            #[inline(always)]
            fn below(self, other: $real) -> bool {
                self < other
            }
            #[inline(always)]
            fn at_most(self, other: $real) -> bool {
                self <= other
            }
            #[inline(always)]
            fn is_negative(self) -> bool {
                self.is_sign_negative()
            }
            #[inline(always)]
            fn equals(self, other: $real) -> bool {
                self == other
            }
            #[inline(always)]
            fn select(condition: bool, yes: $real, no: $real) -> $real {
                if condition { yes } else { no }
            }
            #[inline(always)]
            fn bits(self) -> $bits {
                self.to_bits()
            }
            #[inline(always)]
            fn of_bits(bits: $bits) -> $real {
                $real::from_bits(bits)
            }
            #[inline(always)]
            fn to_double(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn of_double(double: f64) -> $real {
                double as $real
            }
        }
    };
}

lane!(f32, u32, 127 at 23);
lane!(f64, u64, 1023 at 52);
