//! The functions that `std` lacks, or whose edge values differ from `std`'s.

/// −1, 0 or 1; NaN stays NaN.
pub fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

/// 1 / (1 + e^−x). Each side uses the exponential that cannot overflow.
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// ln sigmoid(x).
pub fn log_sigmoid(x: f64) -> f64 {
    if x >= 0.0 { -(-x).exp().ln_1p() } else { x - x.exp().ln_1p() }
}

/// ln(1 + e^x).
pub fn softplus(x: f64) -> f64 {
    -log_sigmoid(-x)
}

/// ln cosh x. Where e^(−2|x|) matters it is ½ ln(1 + sinh² x), which is exact down to the smallest x.
pub fn log_cosh(x: f64) -> f64 {
    let a = x.abs();
    if a < 20.0 {
        let s = a.sinh();
        0.5 * (s * s).ln_1p()
    } else {
        a - std::f64::consts::LN_2
    }
}

/// ln |Γ(x)|.
pub fn lgamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// The smaller; NaN if either is.
pub fn minimum(a: f64, b: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}

/// The larger; NaN if either is.
pub fn maximum(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

/// max(a, 0)^b with 0^0 = 1; NaN if either is.
pub fn pow(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(0.0).powf(b) }
}

/// a^n, the repeated product; 1 for n = 0.
pub fn powi(a: f64, n: i64) -> f64 {
    match n {
        0 => 1.0,
        1 => a,
        2 => a * a,
        // An exponent beyond 2^53 is even as a double, but may be odd as an int.
        _ if n.unsigned_abs() > 1 << 53 => {
            let power = a.abs().powf(n as f64);
            if n % 2 != 0 && a < 0.0 { -power } else { power }
        }
        _ => a.powf(n as f64),
    }
}

/// The angle of the point (b, a); 0 at the origin, whatever the signs of the zeros.
pub fn atan2(a: f64, b: f64) -> f64 {
    if a == 0.0 && b == 0.0 { 0.0 } else { a.atan2(b) }
}

/// How two numbers follow one another in ascending order: NaN after all others and equal to itself, −0 equal to 0.
pub fn ascending(a: f64, b: f64) -> std::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 4.0 * f64::EPSILON * want.abs(), "{got:e} instead of {want:e}");
    }

    #[test]
    fn saturating_functions_are_exact_on_both_sides() {
        close(sigmoid(-745.0), 4.94e-324);
        close(sigmoid(-30.0), 9.357622968839299e-14);
        close(log_sigmoid(40.0), -4.248354255291589e-18);
        close(log_sigmoid(-1e4), -1e4);
        close(softplus(-40.0), 4.248354255291589e-18);
        close(softplus(1e300), 1e300);
        assert_eq!(sigmoid(f64::NEG_INFINITY), 0.0);
        assert_eq!(softplus(f64::NEG_INFINITY), 0.0);
        assert_eq!(softplus(f64::INFINITY), f64::INFINITY);
        assert!(sigmoid(f64::NAN).is_nan() && softplus(f64::NAN).is_nan() && log_cosh(f64::NAN).is_nan());
    }

    #[test]
    fn log_cosh_is_exact_everywhere() {
        close(log_cosh(1e-10), 5e-21);
        close(log_cosh(1.0), 0.4337808304830271);
        close(log_cosh(19.999999), 19.306851819440055);
        close(log_cosh(-1e4), 1e4 - std::f64::consts::LN_2);
        assert_eq!(log_cosh(f64::NEG_INFINITY), f64::INFINITY);
    }

    #[test]
    fn powers_follow_the_table() {
        assert_eq!(pow(0.0, 0.0), 1.0);
        assert_eq!(pow(-3.0, 2.0), 0.0);
        assert_eq!(pow(-3.0, 0.0), 1.0);
        assert!(pow(f64::NAN, 0.0).is_nan() && pow(1.0, f64::NAN).is_nan());
        assert_eq!(powi(-2.0, 3), -8.0);
        assert_eq!(powi(-2.0, -1), -0.5);
        assert_eq!(powi(-1.0, i64::MAX), -1.0);
        assert_eq!(powi(f64::NAN, 0), 1.0);
    }

    #[test]
    fn edges_of_sign_min_max_and_atan2() {
        assert!(sign(f64::NAN).is_nan() && minimum(1.0, f64::NAN).is_nan() && maximum(f64::NAN, 1.0).is_nan());
        assert_eq!((sign(-0.0), sign(-2.0), sign(f64::INFINITY)), (0.0, -1.0, 1.0));
        assert_eq!(atan2(0.0, -0.0), 0.0);
        assert_eq!(atan2(0.0, -1.0), std::f64::consts::PI);
    }
}
