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
    /// Bitwise.
    fn and(self, other: Self) -> Self;
    /// Bitwise.
    fn xor(self, other: Self) -> Self;
    /// By a number of bits.
    fn left(self, by: u32) -> Self;
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

    /// A literal in the place of this number.
    fn number(self, value: Self::Number) -> Self;
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
    /// 2^n · self, rounded once, for a number between ½ and 2 and an integral n of at most 250, of doubles 2000;
    /// of an infinite n and NaN it is not said what it is.
    fn scaled(self, n: Self) -> Self;
    /// 2^n · self = 1 + f with 1 + f in [¾, 3/2), for a positive finite number: f and the integral n. Of 0, f is 0 and
    /// n is ∞; of ∞, f is 0 and n is −∞; of NaN and what is below 0, n is NaN.
    fn split(self) -> (Self, Self);
    /// This result as it is where another number is at an edge.
    fn mended(self, at: Self, edges: Edges) -> Self;
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

/// The machine's numbers as lanes: a type, that of its bits, its exponent of 1 and the place of the exponent, and what
/// leaves the nearest integer in the lowest bits when it is added.
macro_rules! lane {
    ($real:ident, $bits:ident, $one:literal at $place:literal, $rounder:literal) => {
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
            fn and(self, other: $bits) -> $bits {
                self & other
            }
            #[inline(always)]
            fn xor(self, other: $bits) -> $bits {
                self ^ other
            }
            #[inline(always)]
            fn left(self, by: u32) -> $bits {
                self << by
            }
        }

        impl Real for $real {
            type Number = $real;
            type Mask = bool;
            type Bits = $bits;
            type Double = f64;

            #[inline(always)]
            fn number(self, value: $real) -> $real {
                value
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
            fn scaled(self, n: $real) -> $real {
                // In two steps, of which only the second can overflow or lose bits. The sums have the exponents of the
                // two powers in their lowest bits.
                const ROUNDER: $real = $rounder + $one;
                let half = $real::mul_add(n, 0.5, ROUNDER);
                let rest = n - (half - ROUNDER) + ROUNDER;
                self * $real::from_bits(half.to_bits() << $place) * $real::from_bits(rest.to_bits() << $place)
            }
            #[inline(always)]
            fn split(self) -> ($real, $real) {
                // Its last bit is worth 1: an int of few bits becomes a number by its place in these bits. Before
                // AVX-512 there is no conversion of 64-bit lanes.
                const WHOLE: $real = (1_u64 << $place) as $real;
                const MOST: $bits = $real::INFINITY.to_bits();
                let tiny = self < $real::MIN_POSITIVE;
                let normal = if tiny { self * WHOLE } else { self };
                let bits = normal.to_bits();
                // With an offset, so that it is not below 0: nor is there a shift of them that keeps the sign.
                let exponent = bits.wrapping_add(MOST).wrapping_sub($real::to_bits(0.75)) >> $place;
                let f = $real::from_bits(bits.wrapping_sub(exponent.wrapping_sub(MOST >> $place) << $place)) - 1.0;
                const NONE: $real = WHOLE + (MOST >> $place) as $real;
                let none = if tiny { NONE + $place as $real } else { NONE };
                let n = none - $real::from_bits(exponent | WHOLE.to_bits());
                let n = if self < $real::INFINITY { n } else { -self };
                let n = if self == 0.0 { $real::INFINITY } else { n };
                (f, if self < 0.0 { $real::NAN } else { n })
            }
            #[inline(always)]
            fn mended(self, at: $real, edges: Edges) -> $real {
                let result = match edges.nan.value() {
                    Some(value) if at.is_nan() => value as $real,
                    _ => self,
                };
                let result = match edges.zero.value() {
                    Some(value) if at == 0.0 => value as $real,
                    _ => result,
                };
                let result = match edges.infinite.value() {
                    Some(value) if at == $real::INFINITY => value as $real,
                    _ => result,
                };
                match edges.negative.value() {
                    Some(value) if at < 0.0 => value as $real,
                    _ => result,
                }
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

lane!(f32, u32, 127.0 at 23, 12_582_912.0);
lane!(f64, u64, 1023.0 at 52, 6_755_399_441_055_744.0);
