//! The functions back to an angle, in single precision.
//!
//! An angle is a multiple of ½π and an odd polynomial of a small number, which is a quotient or a root: their sum is
//! rounded once.

use std::f32::consts::{FRAC_PI_2, PI};

use super::lane::{Real, polynomial};

/// (atan x − x) / x³ in x², on |x| ≤ 1: off by 2⁻²⁸ of the angle.
const ARC_TANGENT: [f32; 9] = [
    -0.333_333,
    0.199_985_3,
    -0.142_640_14,
    0.109_508_61,
    -0.083_992_08,
    0.057_878_87,
    -0.031_093_534,
    0.010_866_272,
    -0.001_782_145_1,
];

/// (asin x − x) / x³ in x², on |x| ≤ ½: off by 2⁻²⁷ of the angle.
const ARC_SINE: [f32; 5] = [0.166_667_52, 0.074_953_094, 0.045_469_15, 0.024_184_782, 0.042_158_29];

/// ½π less its nearest single.
const HALF_PI_LOW: f32 = -4.371_139e-8;

/// A multiple of ½π: its nearest single, and the rest.
type Start<R> = (R, R);

/// The multiple 0, 1 or 2 of ½π.
#[inline(always)]
fn start<R: Real<Number = f32>>(x: R, multiple: u8) -> Start<R> {
    match multiple {
        0 => (x.number(0.0), x.number(0.0)),
        1 => (x.number(FRAC_PI_2), x.number(HALF_PI_LOW)),
        _ => (x.number(PI), x.number(2.0 * HALF_PI_LOW)),
    }
}

/// One of two.
#[inline(always)]
fn either<R: Real>(condition: R::Mask, yes: Start<R>, no: Start<R>) -> Start<R> {
    (R::select(condition, yes.0, no.0), R::select(condition, yes.1, no.1))
}

/// start + q + more, for a q that is no larger than the start, unless this is 0.
#[inline(always)]
fn sum<R: Real>(start: Start<R>, q: R, more: R) -> R {
    let most = start.0 + q;
    most + ((start.0 - most) + q + (more + start.1))
}

/// start + atan q, for |q| ≤ 1.
#[inline(always)]
fn turned<R: Real<Number = f32>>(start: Start<R>, q: R) -> R {
    let square = q * q;
    sum(start, q, q * square * polynomial(&ARC_TANGENT, square))
}

/// The arc tangent.
#[inline(always)]
pub(super) fn atan<R: Real<Number = f32>>(x: R) -> R {
    let (a, one) = (x.abs(), x.number(1.0));
    let beyond = one.below(a);
    let q = R::select(beyond, -one, a) / R::select(beyond, a, one);
    turned(either(beyond, start(x, 1), start(x, 0)), q).copysign(x)
}

/// The angle of the point (b, a); 0 at the origin.
#[inline(always)]
pub(super) fn atan2<R: Real<Number = f32>>(a: R, b: R) -> R {
    let (one, zero) = (a.number(1.0), a.number(0.0));
    let (height, width) = (a.abs(), b.abs());
    let steep = width.below(height);
    let (low, high) = (R::select(steep, width, height), R::select(steep, height, width));
    // Two infinities are as equal numbers, and so are two zeros, in front of the selection below.
    let equal = low.equals(high);
    let q = R::select(equal, one, low) / R::select(equal, one, high);
    let left = one.copysign(b).below(zero);
    let q = R::select(steep, -q, q);
    let q = R::select(left, -q, q);
    let start = either(steep, start(a, 1), either(left, start(a, 2), start(a, 0)));
    let angle = turned(start, q).copysign(a);
    let angle = R::select(a.equals(zero) & b.equals(zero), zero, angle);
    R::select(a.equals(a) & b.equals(b), angle, a.number(f32::NAN))
}

/// Whether |x| < ½, and x then, else √(½ − ½ |x|), the sine of half of what asin |x| lacks to ½π; and its square.
#[inline(always)]
fn near_or_root<R: Real<Number = f32>>(x: R) -> (R::Mask, R, R) {
    let (a, half) = (x.abs(), x.number(0.5));
    let near = a.below(half);
    let rest = half - half * a;
    (near, R::select(near, x, rest.sqrt()), R::select(near, a * a, rest))
}

/// start + q (asin r) / r, given r².
#[inline(always)]
fn raised<R: Real<Number = f32>>(start: Start<R>, q: R, square: R) -> R {
    sum(start, q, q * square * polynomial(&ARC_SINE, square))
}

/// The arc sine.
#[inline(always)]
pub(super) fn asin<R: Real<Number = f32>>(x: R) -> R {
    let (near, r, square) = near_or_root(x);
    let q = R::select(near, r.abs(), x.number(-2.0) * r);
    raised(either(near, start(x, 0), start(x, 1)), q, square).copysign(x)
}

/// The arc cosine.
#[inline(always)]
pub(super) fn acos<R: Real<Number = f32>>(x: R) -> R {
    let (near, r, square) = near_or_root(x);
    let twice = x.number(2.0) * r;
    let negative = x.below(x.number(0.0));
    let q = R::select(near, -r, R::select(negative, -twice, twice));
    let start = either(near, start(x, 1), either(negative, start(x, 2), start(x, 0)));
    raised(start, q, square)
}
