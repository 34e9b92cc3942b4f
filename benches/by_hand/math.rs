//! exp, ln and their kin as polynomials, good to about 3e-7.
#![allow(clippy::excessive_precision, reason = "the nearest singles to the minimax coefficients")]

use super::lanes::Lanes;

/// c₀ + c₁x + … by Horner's rule.
#[inline(always)]
fn polynomial<L: Lanes, const COUNT: usize>(x: L, coefficients: [f32; COUNT]) -> L {
    let mut sum = L::splat(coefficients[COUNT - 1]);
    for &coefficient in coefficients.iter().rev().skip(1) {
        sum = sum.fma(x, L::splat(coefficient));
    }
    sum
}

/// e^x for x below 88; 0 far below.
#[inline(always)]
pub fn exp<L: Lanes>(x: L) -> L {
    // Adding 1½·2²³ rounds to the nearest integer.
    let magic = L::splat(12_582_912.0);
    let n = x.fma(L::splat(std::f32::consts::LOG2_E), magic) - magic;
    // One step: the error of the single nearest to ln 2 is 2e-9 n.
    let rest = n.fnma(L::splat(std::f32::consts::LN_2), x);
    polynomial(rest, [1.0, 0.999_999_7, 0.499_991_48, 0.166_676_37, 0.041_898_172, 0.008_290_303]).scale(n)
}

/// ln(1 + x) for x in [0, 1].
#[inline(always)]
pub fn log1p_of_unit<L: Lanes>(x: L) -> L {
    let coefficients = [
        0.999_999_8,
        -0.499_974_04,
        0.332_754_8,
        -0.244_954_63,
        0.177_452_4,
        -0.107_681_67,
        0.044_089_593,
        -0.008_539_195,
    ];
    x * polynomial(x, coefficients)
}

/// ln x of a positive number; far below −100 for 0.
#[inline(always)]
pub fn log<L: Lanes>(x: L) -> L {
    let (m, n) = x.split();
    let f = m - L::splat(1.0);
    let coefficients = [
        1.000_000_1,
        -0.500_002_15,
        0.333_297_64,
        -0.249_767_88,
        0.201_080_35,
        -0.173_722_42,
        0.141_318_89,
        -0.066_460_587,
    ];
    n.fma(L::splat(std::f32::consts::LN_2), f * polynomial(f, coefficients))
}

/// σ(x), by one exponential and one reciprocal.
#[inline(always)]
pub fn sigmoid<L: Lanes>(x: L) -> L {
    let e = exp(x.max(L::splat(-80.0)).negate());
    (L::splat(1.0) + e).reciprocal()
}

/// What the losses of logits are made of.
pub struct Logistic<L> {
    /// σ(x)
    pub hit: L,
    /// σ(−x)
    pub miss: L,
    /// ln(1 + e^−|x|): softplus(x) without max(x, 0).
    pub rest: L,
}

/// All of it from one exponential.
#[inline(always)]
pub fn logistic<L: Lanes>(x: L) -> Logistic<L> {
    let e = exp(x.abs().negate());
    let large = (L::splat(1.0) + e).reciprocal();
    let small = e * large;
    let negative = x.less(L::splat(0.0));
    Logistic { hit: L::select(negative, small, large), miss: L::select(negative, large, small), rest: log1p_of_unit(e) }
}

/// The angle whose tangent is y/x, of two numbers that are not negative and not both 0.
#[inline(always)]
pub fn arc_tangent_of_ratio<L: Lanes>(y: L, x: L) -> L {
    let ratio = y.min(x) * y.max(x).reciprocal();
    let coefficients = [
        0.999_999_9,
        -0.333_319_9,
        0.199_697_24,
        -0.140_194_79,
        0.099_142_864,
        -0.059_486_303,
        0.024_252_338,
        -0.004_693_257_6,
    ];
    let angle = ratio * polynomial(ratio * ratio, coefficients);
    L::select(x.less(y), L::splat(std::f32::consts::FRAC_PI_2) - angle, angle)
}
