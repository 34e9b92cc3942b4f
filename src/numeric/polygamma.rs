//! Digamma and its derivatives: the reflection formula below 0, the recurrence upwards, and the
//! asymptotic series from there. NaN at 0 and at the negative integers, where the sides differ.

use std::f64::consts::PI;

/// The Bernoulli numbers B₂, B₄, …
const BERNOULLI: [f64; 10] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
    43867.0 / 798.0,
    -174611.0 / 330.0,
];

/// The n-th derivative of digamma at x; n = 0 is digamma itself.
pub fn polygamma_f64(n: u32, x: f64) -> f64 {
    if x.is_nan() || x == f64::NEG_INFINITY || (x <= 0.0 && x == x.floor()) {
        return f64::NAN;
    }
    if x < 0.0 {
        let mirrored = positive(n, 1.0 - x);
        return if n.is_multiple_of(2) { mirrored } else { -mirrored } - PI * cotangent_derivative(n, x);
    }
    positive(n, x)
}

/// For x > 0.
fn positive(n: u32, x: f64) -> f64 {
    let order = f64::from(n);
    let sign = if n.is_multiple_of(2) { -1.0 } else { 1.0 };
    let factorial: f64 = (1..=n).map(f64::from).product();
    // ψ⁽ⁿ⁾(x) = ψ⁽ⁿ⁾(x + 1) + (−1)ⁿ⁺¹ n! / xⁿ⁺¹, up to where the series has converged.
    let mut steps = 0.0;
    let mut x = x;
    while x < 12.0 + order {
        steps += sign * factorial / x.powf(order + 1.0);
        x += 1.0;
    }
    if x == f64::INFINITY {
        return if n == 0 { x } else { 0.0 };
    }
    let leading = if n == 0 {
        x.ln() - 0.5 / x
    } else {
        sign * (factorial / order / x.powf(order) + factorial / (2.0 * x.powf(order + 1.0)))
    };
    // The k-th term is B₂ₖ (2k + n − 1)! / ((2k)! x^(2k + n)).
    let mut tail = 0.0;
    let mut term = factorial / x.powf(order);
    for (index, bernoulli) in BERNOULLI.iter().enumerate() {
        let k = 2.0 * (index as f64 + 1.0);
        // From (k + n − 3)!/(k − 2)! to (k + n − 1)!/k!; for k = 2 the start is n!/(1·…) by hand.
        term *= if index == 0 { (order + 1.0) / 2.0 } else { (k + order - 1.0) * (k + order - 2.0) / (k * (k - 1.0)) };
        term /= x * x;
        tail += bernoulli * term;
    }
    steps + leading + sign * tail
}

/// The n-th derivative of cot(πx) by x, as a polynomial in the cotangent: cot′ = −π(1 + cot²).
fn cotangent_derivative(n: u32, x: f64) -> f64 {
    let fraction = x - x.round();
    let cotangent = 1.0 / (PI * fraction).tan();
    let mut coefficients = vec![0.0, 1.0];
    for _ in 0..n {
        let mut next = vec![0.0; coefficients.len() + 1];
        for (power, coefficient) in coefficients.iter().enumerate().skip(1) {
            let slope = -PI * power as f64 * coefficient;
            next[power - 1] += slope;
            next[power + 1] += slope;
        }
        coefficients = next;
    }
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * cotangent + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (n, x, want) in [
            (0, 1.0, -0.577_215_664_901_532_9),
            (0, 0.25, -4.227_453_533_376_266),
            (0, 50.0, 3.901_989_673_427_892),
            (0, -1.5, 0.703_156_640_645_243_2),
            (1, 1.0, 1.644_934_066_848_226_4),
            (1, -0.5, 8.934_802_200_544_679),
            (1, 1e-3, 1_000_001.642_533_195),
            (2, 1.0, -2.404_113_806_319_188_6),
            (3, 0.5, 97.409_091_034_002_44),
        ] {
            let got = polygamma_f64(n, x);
            assert!((got - want).abs() <= 1e-13 * want.abs(), "ψ({n}, {x}) = {got}, not {want}");
        }
    }

    #[test]
    fn poles_and_infinities() {
        assert!(polygamma_f64(0, 0.0).is_nan() && polygamma_f64(1, -3.0).is_nan());
        assert_eq!(polygamma_f64(0, f64::INFINITY), f64::INFINITY);
        assert_eq!(polygamma_f64(2, f64::INFINITY), 0.0);
    }

    #[test]
    fn is_the_derivative_of_the_order_below() {
        for n in 0..4 {
            for x in [-2.3, -0.7, 0.4, 1.7, 9.0, 30.0] {
                let h = 1e-5;
                let slope = (polygamma_f64(n, x + h) - polygamma_f64(n, x - h)) / (2.0 * h);
                let got = polygamma_f64(n + 1, x);
                assert!((got - slope).abs() <= 1e-6 * got.abs().max(1e-3), "ψ({}, {x}) = {got}, not {slope}", n + 1);
            }
        }
    }
}
