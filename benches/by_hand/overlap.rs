//! Dice, Dice with cross entropy, and unified focal, of sigmoid(logits): a pass for the sums, a pass for the gradient.

use super::lanes::{Lanes, Level};
use super::math::{exp, logistic, sigmoid};
use super::stream::{Pass, stream};
use crate::cases::data::Data;

/// 1 − (2Σpy + ε)/(Σp + Σy + ε): its value, and its derivative by p as `by_y`·y + `constant`.
pub struct Dice {
    pub value: f64,
    pub by_y: f64,
    pub constant: f64,
}

impl Dice {
    pub fn of(common: f64, predicted: f64, target: f64) -> Dice {
        let (top, bottom) = (2.0 * common + 1e-5, predicted + target + 1e-5);
        Dice { value: 1.0 - top / bottom, by_y: -2.0 / bottom, constant: top / (bottom * bottom) }
    }
}

/// Σpy, Σp, Σy; p stays in the memory of the gradient.
struct Sums;

impl Pass<3> for Sums {
    #[inline(always)]
    fn at<L: Lanes>(&self, x: L, y: L, _: L, sums: &mut [L; 3]) -> L {
        let p = sigmoid(x);
        sums[0] = p.fma(y, sums[0]);
        sums[1] = sums[1] + p;
        sums[2] = sums[2] + y;
        p
    }
}

/// (by_y·y + constant)·p(1 − p) + entropy·(p − y), from the p that was kept.
struct Slope {
    by_y: f32,
    constant: f32,
    entropy: f32,
}

impl Pass<0> for Slope {
    #[inline(always)]
    fn at<L: Lanes>(&self, x: L, y: L, p: L, _: &mut [L; 0]) -> L {
        let region = y.fma(L::splat(self.by_y), L::splat(self.constant)) * p.fnma(p, p);
        if self.entropy == 0.0 {
            return region;
        }
        // Beyond ±100 the logarithm is clamped and the entropy has no slope.
        let inside = x.abs().less(L::splat(100.0));
        let scale = L::select(inside, L::splat(self.entropy), L::splat(0.0));
        (p - y).fma(scale, region)
    }
}

pub fn dice(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    let (x, y) = (data.floats("logits"), data.floats("target"));
    let [common, predicted, target] = stream::<_, 3, 2>(level, Sums, x, y, &mut gradients[0]);
    let dice = Dice::of(common, predicted, target);
    let slope = Slope { by_y: dice.by_y as f32, constant: dice.constant as f32, entropy: 0.0 };
    stream::<_, 0, 2>(level, slope, x, y, &mut gradients[0]);
    dice.value
}

/// The same, and the cross entropy, whose logarithms are at least −100.
struct SumsWithEntropy;

impl Pass<4> for SumsWithEntropy {
    #[inline(always)]
    fn at<L: Lanes>(&self, x: L, y: L, _: L, sums: &mut [L; 4]) -> L {
        let parts = logistic(x);
        let x = x.max(L::splat(-100.0)).min(L::splat(100.0));
        sums[0] = parts.hit.fma(y, sums[0]);
        sums[1] = sums[1] + parts.hit;
        sums[2] = sums[2] + y;
        sums[3] = sums[3] + (x.fnma(y, x.max(L::splat(0.0))) + parts.rest);
        parts.hit
    }
}

pub fn dice_wce(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    let (x, y) = (data.floats("logits"), data.floats("target"));
    let count = x.len() as f64;
    let [common, predicted, target, entropy] = stream::<_, 4, 2>(level, SumsWithEntropy, x, y, &mut gradients[0]);
    let dice = Dice::of(common, predicted, target);
    let slope =
        Slope { by_y: 0.5 * dice.by_y as f32, constant: 0.5 * dice.constant as f32, entropy: (0.5 / count) as f32 };
    stream::<_, 0, 2>(level, slope, x, y, &mut gradients[0]);
    0.5 * dice.value + 0.5 * entropy / count
}

/// The constants of the unified focal loss.
#[derive(Clone, Copy)]
struct Unified {
    lambda: f32,
    delta: f32,
    gamma: f32,
    eps: f32,
}

/// Σpy, Σp, Σy and the focal entropy, whose gradient is written.
struct UnifiedSums {
    of: Unified,
    scale: f32,
}

impl Pass<4> for UnifiedSums {
    #[inline(always)]
    fn at<L: Lanes>(&self, x: L, y: L, _: L, sums: &mut [L; 4]) -> L {
        let parts = logistic(x);
        sums[0] = parts.hit.fma(y, sums[0]);
        sums[1] = sums[1] + parts.hit;
        sums[2] = sums[2] + y;
        // ln p and ln q; the clamps of p and q are clamps of their logarithms.
        let floor = L::splat(-16.118_095);
        let log_p = (x.min(L::splat(0.0)) - parts.rest).max(floor);
        let log_q = (x.max(L::splat(0.0)).negate() - parts.rest).max(floor);
        let front = y * L::splat(self.of.delta);
        let back = (L::splat(1.0) - y) * L::splat(1.0 - self.of.delta) * exp(log_p * L::splat(self.of.gamma));
        sums[3] = sums[3] - back.fma(log_q, front * log_p);
        // −δ y q − (1 − δ)(1 − y) p^γ (γ q ln q − p), 0 where the clamps hold.
        let inner = (log_q * L::splat(self.of.gamma)).fma(parts.miss, parts.hit.negate());
        let slope = back.fma(inner, front * parts.miss) * L::splat(-self.scale * self.of.lambda);
        L::select(x.abs().less(L::splat(16.118_095)), slope, L::splat(0.0))
    }
}

/// Adds (by_y·y + constant)·p(1 − p) to the gradient that is there.
struct UnifiedSlope {
    by_y: f32,
    constant: f32,
}

impl Pass<0> for UnifiedSlope {
    #[inline(always)]
    fn at<L: Lanes>(&self, x: L, y: L, kept: L, _: &mut [L; 0]) -> L {
        let p = sigmoid(x);
        y.fma(L::splat(self.by_y), L::splat(self.constant)).fma(p.fnma(p, p), kept)
    }
}

/// A Tversky loss 1 − (h + ε)/(h + (1 − δ)f + δm + ε) by hits, false alarms and misses, and its three slopes.
fn tversky(hits: f64, alarms: f64, misses: f64, delta: f64, eps: f64) -> (f64, [f64; 3]) {
    let (top, bottom) = (hits + eps, hits + (1.0 - delta) * alarms + delta * misses + eps);
    let ratio = top / bottom;
    (1.0 - ratio, [(ratio - 1.0) / bottom, ratio * (1.0 - delta) / bottom, ratio * delta / bottom])
}

pub fn unified_focal(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    let (x, y) = (data.floats("logits"), data.floats("target"));
    let count = x.len() as f64;
    let of = Unified { lambda: 0.5, delta: 0.6, gamma: 0.5, eps: 1e-7 };
    let pass = UnifiedSums { of, scale: (1.0 / count) as f32 };
    let [common, predicted, target, entropy] = stream::<_, 4, 2>(level, pass, x, y, &mut gradients[0]);
    let (lambda, delta, gamma) = (f64::from(of.lambda), f64::from(of.delta), f64::from(of.gamma));
    let (alarms, misses) = (predicted - common, target - common);
    let (front, front_by) = tversky(common, alarms, misses, delta, f64::from(of.eps));
    let (back, back_by) = tversky(count - predicted - misses, misses, alarms, delta, f64::from(of.eps));
    // Of y = 1, p raises the hits of the front; of y = 0 its alarms. Of the back it is the other way round.
    let outer = (1.0 - gamma) * front.powf(-gamma);
    let weight = (1.0 - lambda) / 2.0;
    let one = weight * (outer * (front_by[0] - front_by[2]) - back_by[1]);
    let zero = weight * (outer * front_by[1] + back_by[2] - back_by[0]);
    let slope = UnifiedSlope { by_y: (one - zero) as f32, constant: zero as f32 };
    stream::<_, 0, 2>(level, slope, x, y, &mut gradients[0]);
    lambda * entropy / count + weight * (back + front.powf(1.0 - gamma))
}
