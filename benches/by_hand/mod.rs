//! Value and gradient as plain loops: one or two passes, no allocation, sums in f64.
#![allow(clippy::disallowed_methods, reason = "what a Rust programmer writes without the crate")]

use lossc::tensor::{Slice, Tensor};

fn singles(tensor: &Tensor) -> &[f32] {
    match tensor.slice() {
        Slice::F32(data) => data,
        other => unreachable!("singles, not {:?}", other.dtype()),
    }
}

/// The value; the gradient by the first input is written.
pub fn value_and_gradient(loss: &str, first: &Tensor, second: &Tensor, gradient: &mut [f32]) -> f32 {
    match loss {
        "mse" => mean(first, second, gradient, |x, y| ((x - y) * (x - y), 2.0 * (x - y))),
        "bce_logits" => mean(first, second, gradient, |x, y| {
            let e = (-x.abs()).exp();
            let value = x.max(0.0) - x * y + e.ln_1p();
            (value, if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) } - y)
        }),
        "focal_logits" => mean(first, second, gradient, focal_logits),
        "dice" => dice(singles(first), singles(second), gradient, 1.0),
        "combo" => {
            let dice = dice(singles(first), singles(second), gradient, 0.5);
            0.5 * dice + add_entropy(singles(first), singles(second), gradient)
        }
        "cross_entropy" => cross_entropy(first, second, gradient),
        other => unreachable!("no loop for {other}"),
    }
}

fn mean(first: &Tensor, second: &Tensor, gradient: &mut [f32], f: impl Fn(f32, f32) -> (f32, f32)) -> f32 {
    let (x, y) = (singles(first), singles(second));
    let scale = 1.0 / x.len() as f32;
    let mut sum = 0.0_f64;
    for ((x, y), gradient) in x.iter().zip(y).zip(gradient) {
        let (value, slope) = f(*x, *y);
        sum += f64::from(value);
        *gradient = slope * scale;
    }
    (sum * f64::from(scale)) as f32
}

/// α_t · σ(−x_t)² · softplus(−x_t) with γ = 2 and α = ¼.
fn focal_logits(x: f32, y: f32) -> (f32, f32) {
    let (sign, alpha) = if y == 1.0 { (1.0, 0.25) } else { (-1.0, 0.75) };
    let x = sign * x;
    let e = (-x.abs()).exp();
    let miss = if x >= 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) };
    let entropy = (-x).max(0.0) + e.ln_1p();
    let slope = -2.0 * miss * miss * (1.0 - miss) * entropy - miss * miss * miss;
    (alpha * miss * miss * entropy, sign * alpha * slope)
}

fn dice(p: &[f32], y: &[f32], gradient: &mut [f32], weight: f32) -> f32 {
    let (mut common, mut total) = (0.0_f64, 0.0_f64);
    for (p, y) in p.iter().zip(y) {
        common += f64::from(p * y);
        total += f64::from(p + y);
    }
    let (top, bottom) = (2.0 * common + 1e-5, total + 1e-5);
    let (by_y, constant) = ((-2.0 / bottom) as f32 * weight, (top / (bottom * bottom)) as f32 * weight);
    for (gradient, y) in gradient.iter_mut().zip(y) {
        *gradient = by_y * y + constant;
    }
    (1.0 - top / bottom) as f32
}

/// Half of the balanced cross entropy with weight ½: its value, and its gradient on top of what is there.
fn add_entropy(p: &[f32], y: &[f32], gradient: &mut [f32]) -> f32 {
    let scale = 0.25 / p.len() as f32;
    let mut sum = 0.0_f64;
    for ((p, y), gradient) in p.iter().zip(y).zip(gradient) {
        sum -= f64::from(y * p.ln().max(-100.0) + (1.0 - y) * (1.0 - p).ln().max(-100.0));
        *gradient += ((1.0 - y) / (1.0 - p) - y / p) * scale;
    }
    (sum * f64::from(scale)) as f32
}

fn cross_entropy(logits: &Tensor, label: &Tensor, gradient: &mut [f32]) -> f32 {
    let classes = logits.shape[1];
    let rows = logits.shape[0];
    let scale = 1.0 / rows as f32;
    let mut sum = 0.0_f64;
    let pairs = singles(logits).chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
    for (row, (logits, gradient)) in pairs.enumerate() {
        let label = label.slice().int(row) as usize;
        let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut total = 0.0;
        for (gradient, x) in gradient.iter_mut().zip(logits) {
            *gradient = (x - top).exp();
            total += *gradient;
        }
        sum += f64::from(total.ln() + top - logits[label]);
        gradient.iter_mut().for_each(|gradient| *gradient *= scale / total);
        gradient[label] -= scale;
    }
    (sum * f64::from(scale)) as f32
}
