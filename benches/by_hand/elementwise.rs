//! Means of a function of two numbers: value and gradient in one pass.

use super::lanes::{Lanes, Level};
use super::math::{exp, log, log1p_of_unit, logistic};
use super::stream::{Pass, stream};
use crate::cases::data::Data;

/// Runs a pass with one sum; the mean.
fn mean<P: Pass<1>, const FLIGHT: usize>(
    level: Level,
    data: &Data,
    first: &str,
    pass: impl Fn(f32) -> P,
    gradients: &mut [Vec<f32>],
) -> f64 {
    let (x, y) = (data.floats(first), data.floats("target"));
    let scale = 1.0 / x.len() as f32;
    let [sum] = stream::<P, 1, FLIGHT>(level, pass(scale), x, y, &mut gradients[0]);
    sum / x.len() as f64
}

/// (x − y)²
struct Square {
    scale: f32,
}

impl Pass<1> for Square {
    #[inline(always)]
    fn at<L: Lanes>(&self, x: L, y: L, _: L, sums: &mut [L; 1]) -> L {
        let d = x - y;
        sums[0] = d.fma(d, sums[0]);
        d * L::splat(2.0 * self.scale)
    }
}

pub fn mse(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    mean::<_, 4>(level, data, "pred", |scale| Square { scale }, gradients)
}

/// d²/2 within δ, δ(|d| − δ/2) beyond. With c = d clamped to ±δ that is c(d − c/2), and the slope is c.
struct Huber {
    delta: f32,
    scale: f32,
}

impl Pass<1> for Huber {
    #[inline(always)]
    fn at<L: Lanes>(&self, x: L, y: L, _: L, sums: &mut [L; 1]) -> L {
        let d = x - y;
        let clamped = d.max(L::splat(-self.delta)).min(L::splat(self.delta));
        sums[0] = clamped.fma(clamped.fnma(L::splat(0.5), d), sums[0]);
        clamped * L::splat(self.scale)
    }
}

pub fn huber(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    mean::<_, 4>(level, data, "pred", |scale| Huber { delta: 1.0, scale }, gradients)
}

/// ln cosh d = |d| + ln(1 + e^−2|d|) − ln 2, with slope tanh d.
struct LogCosh {
    scale: f32,
}

impl Pass<1> for LogCosh {
    #[inline(always)]
    fn at<L: Lanes>(&self, x: L, y: L, _: L, sums: &mut [L; 1]) -> L {
        let d = x - y;
        let size = d.abs();
        let e = exp(size * L::splat(-2.0));
        sums[0] = sums[0] + (size + log1p_of_unit(e) - L::splat(std::f32::consts::LN_2));
        let slope = (L::splat(1.0) - e) * (L::splat(1.0) + e).reciprocal() * L::splat(self.scale);
        L::select(d.less(L::splat(0.0)), slope.negate(), slope)
    }
}

pub fn log_cosh(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    mean::<_, 2>(level, data, "pred", |scale| LogCosh { scale }, gradients)
}

/// −y ln p − (1 − y) ln(1 − p), each logarithm at least −100.
struct Entropy {
    scale: f32,
}

impl Pass<1> for Entropy {
    #[inline(always)]
    fn at<L: Lanes>(&self, p: L, y: L, _: L, sums: &mut [L; 1]) -> L {
        let (q, floor) = (L::splat(1.0) - p, L::splat(-100.0));
        let (log_p, log_q) = (log(p).max(floor), log(q).max(floor));
        // y ln p + (1 − y) ln q
        sums[0] = sums[0] - y.fma(log_p - log_q, log_q);
        // (p − y)/(pq); where one of the two is 0, its clamped logarithm is constant and q − y remains.
        let product = p * q;
        let slope = (p - y) * product.reciprocal();
        L::select(product.less(L::splat(f32::MIN_POSITIVE)), q - y, slope) * L::splat(self.scale)
    }
}

pub fn bce(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    mean::<_, 2>(level, data, "pred", |scale| Entropy { scale }, gradients)
}

/// max(x, 0) − xy + ln(1 + e^−|x|), with slope σ(x) − y.
struct EntropyOfLogits {
    scale: f32,
}

impl Pass<1> for EntropyOfLogits {
    #[inline(always)]
    fn at<L: Lanes>(&self, x: L, y: L, _: L, sums: &mut [L; 1]) -> L {
        let parts = logistic(x);
        sums[0] = sums[0] + (x.fnma(y, x.max(L::splat(0.0))) + parts.rest);
        (parts.hit - y) * L::splat(self.scale)
    }
}

pub fn bce_logits(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    mean::<_, 2>(level, data, "logits", |scale| EntropyOfLogits { scale }, gradients)
}

/// α_t σ(−x_t)² softplus(−x_t): γ = 2, with one exponential and one logarithm.
struct Focal {
    alpha: f32,
    scale: f32,
}

impl Pass<1> for Focal {
    #[inline(always)]
    fn at<L: Lanes>(&self, x: L, y: L, _: L, sums: &mut [L; 1]) -> L {
        let positive = y.equal(L::splat(1.0));
        let turned = L::select(positive, x, x.negate());
        let alpha = L::select(positive, L::splat(self.alpha), L::splat(1.0 - self.alpha));
        let parts = logistic(turned);
        let entropy = parts.rest - turned.min(L::splat(0.0));
        let weight = alpha * (parts.miss * parts.miss);
        sums[0] = weight.fma(entropy, sums[0]);
        // −α m² (2 (1 − m) s + m) for x_t; its sign turns back with that of x_t.
        let slope = weight * (parts.hit + parts.hit).fma(entropy, parts.miss) * L::splat(self.scale);
        L::select(positive, slope.negate(), slope)
    }
}

pub fn focal_logits(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    mean::<_, 2>(level, data, "logits", |scale| Focal { alpha: 0.25, scale }, gradients)
}

/// y (ln y − ln p), each logarithm at least −100; by p, −y/p where that one is not clamped.
struct Divergence {
    scale: f32,
}

impl Pass<1> for Divergence {
    #[inline(always)]
    fn at<L: Lanes>(&self, p: L, y: L, _: L, sums: &mut [L; 1]) -> L {
        let floor = L::splat(-100.0);
        let log_p = log(p);
        sums[0] = y.fma(log(y).max(floor) - log_p.max(floor), sums[0]);
        let slope = y * p.reciprocal() * L::splat(-self.scale);
        L::select(log_p.less(floor), L::splat(0.0), slope)
    }
}

pub fn kl(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    let rows = data.shape("pred")[0] as f64;
    let pass = Divergence { scale: (1.0 / rows) as f32 };
    let [sum] = stream::<_, 1, 2>(level, pass, data.floats("pred"), data.floats("target"), &mut gradients[0]);
    sum / rows
}
