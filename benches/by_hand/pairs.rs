//! Distances of embeddings: a row of each input is in cache while its gradients are written.

use super::lanes::{Kernel, Lanes, Level};
use crate::cases::data::Data;

/// Σ (a − b)²
#[inline(always)]
fn distance<L: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (L::blocks(a), L::blocks(b));
    let ((a, a_ones), (b, b_ones)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let rest = L::load_part(a_rest, 0.0) - L::load_part(b_rest, 0.0);
    let mut sums = [rest * rest, L::splat(0.0), L::splat(0.0), L::splat(0.0)];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..4 {
            let d = L::load(&a[lane]) - L::load(&b[lane]);
            sums[lane] = d.fma(d, sums[lane]);
        }
    }
    for (a, b) in a_ones.iter().zip(b_ones) {
        let d = L::load(a) - L::load(b);
        sums[1] = d.fma(d, sums[1]);
    }
    ((sums[0] + sums[1]) + (sums[2] + sums[3])).sum()
}

/// Writes factor·(a − b).
#[inline(always)]
fn difference<L: Lanes>(factor: f32, a: &[f32], b: &[f32], out: &mut [f32]) {
    let ((a, a_rest), (b, b_rest), (out, out_rest)) = (L::blocks(a), L::blocks(b), L::blocks_mut(out));
    for ((a, b), out) in a.iter().zip(b).zip(out) {
        ((L::load(a) - L::load(b)) * L::splat(factor)).store(out);
    }
    if !a_rest.is_empty() {
        ((L::load_part(a_rest, 0.0) - L::load_part(b_rest, 0.0)) * L::splat(factor)).store_part(out_rest);
    }
}

struct Triplet<'a> {
    inputs: [&'a [f32]; 3],
    width: usize,
    margin: f32,
    gradients: &'a mut [Vec<f32>],
}

impl Kernel for Triplet<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let [by_anchor, by_positive, by_negative] = self.gradients else { unreachable!("three gradients") };
        let mut total = 0.0;
        for start in (0..self.inputs[0].len()).step_by(self.width) {
            let row = start..start + self.width;
            let [anchor, positive, negative] = self.inputs.map(|input| &input[row.clone()]);
            let near = distance::<L>(anchor, positive);
            let cost = near - distance::<L>(anchor, negative) + self.margin;
            let outs = (&mut by_anchor[row.clone()], &mut by_positive[row.clone()], &mut by_negative[row]);
            if cost <= 0.0 {
                outs.0.fill(0.0);
                outs.1.fill(0.0);
                outs.2.fill(0.0);
                continue;
            }
            total += f64::from(cost);
            difference::<L>(2.0, negative, positive, outs.0);
            difference::<L>(2.0, positive, anchor, outs.1);
            difference::<L>(2.0, anchor, negative, outs.2);
        }
        total
    }
}

pub fn triplet(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    let inputs = ["anchor", "positive", "negative"].map(|name| data.floats(name));
    level.run(Triplet { inputs, width: data.shape("anchor")[1], margin: 0.2, gradients })
}

struct Contrastive<'a> {
    inputs: [&'a [f32]; 2],
    target: &'a [f32],
    margin: f32,
    gradients: &'a mut [Vec<f32>],
}

impl Kernel for Contrastive<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let [by_first, by_second] = self.gradients else { unreachable!("two gradients") };
        let width = self.inputs[0].len() / self.target.len();
        let mut total = 0.0;
        for (at, &y) in self.target.iter().enumerate() {
            let row = at * width..(at + 1) * width;
            let [first, second] = self.inputs.map(|input| &input[row.clone()]);
            let square = distance::<L>(first, second);
            let r = square.sqrt();
            let gap = (self.margin - r).max(0.0);
            total += f64::from(0.5 * (y * square + (1.0 - y) * gap * gap));
            let push = if r > 0.0 { (1.0 - y) * gap / r } else { 0.0 };
            difference::<L>(y - push, first, second, &mut by_first[row.clone()]);
            difference::<L>(push - y, first, second, &mut by_second[row]);
        }
        total
    }
}

pub fn contrastive(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    let inputs = ["x1", "x2"].map(|name| data.floats(name));
    level.run(Contrastive { inputs, target: data.floats("target"), margin: 1.0, gradients })
}
