//! Softmax cross entropies of rows: three passes over a row that stays in cache.

use super::lanes::{Kernel, Lanes, Level};
use super::math::exp;
use crate::cases::data::Data;

/// Elements whose sum is kept in singles.
const BLOCK: usize = 4096;

/// The greatest number of a row.
#[inline(always)]
fn greatest<L: Lanes>(row: &[f32]) -> f32 {
    let (vectors, rest) = L::blocks(row);
    let (fours, ones) = vectors.as_chunks::<4>();
    let mut tops = [L::load_part(rest, f32::NEG_INFINITY); 4];
    for four in fours {
        for (top, vector) in tops.iter_mut().zip(four) {
            *top = top.max(L::load(vector));
        }
    }
    for one in ones {
        tops[0] = tops[0].max(L::load(one));
    }
    tops[0].max(tops[1]).max(tops[2].max(tops[3])).greatest()
}

/// Writes e^(scale·x − shift); the sum.
#[inline(always)]
fn exponentials<L: Lanes>(row: &[f32], out: &mut [f32], scale: f32, shift: f32) -> f64 {
    let (factor, shift) = (L::splat(scale), L::splat(-shift));
    let mut total = 0.0;
    for (row, out) in row.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
        let ((vectors, rest), (outs, out_rest)) = (L::blocks(row), L::blocks_mut(out));
        let ((twos, ones), (out_twos, out_ones)) = (vectors.as_chunks::<2>(), outs.as_chunks_mut::<2>());
        let mut sums = [L::splat(0.0); 2];
        for (two, out) in twos.iter().zip(out_twos) {
            for lane in 0..2 {
                let e = exp(L::load(&two[lane]).fma(factor, shift));
                sums[lane] = sums[lane] + e;
                e.store(&mut out[lane]);
            }
        }
        for (one, out) in ones.iter().zip(out_ones) {
            let e = exp(L::load(one).fma(factor, shift));
            sums[0] = sums[0] + e;
            e.store(out);
        }
        if !rest.is_empty() {
            let e = exp(L::load_part(rest, -1e4).fma(factor, shift));
            sums[1] = sums[1] + e;
            e.store_part(out_rest);
        }
        total += f64::from((sums[0] + sums[1]).sum());
    }
    total
}

/// Sum of a row.
#[inline(always)]
fn sum<L: Lanes>(row: &[f32]) -> f64 {
    let mut total = 0.0;
    for row in row.chunks(BLOCK) {
        let (vectors, rest) = L::blocks(row);
        let (fours, ones) = vectors.as_chunks::<4>();
        let mut sums = [L::load_part(rest, 0.0), L::splat(0.0), L::splat(0.0), L::splat(0.0)];
        for four in fours {
            for (sum, vector) in sums.iter_mut().zip(four) {
                *sum = *sum + L::load(vector);
            }
        }
        for one in ones {
            sums[1] = sums[1] + L::load(one);
        }
        total += f64::from(((sums[0] + sums[1]) + (sums[2] + sums[3])).sum());
    }
    total
}

/// factor·g − even, in place.
#[inline(always)]
fn rescale<L: Lanes>(gradient: &mut [f32], factor: f32, even: f32) {
    let (factor, even) = (L::splat(factor), L::splat(-even));
    let (vectors, rest) = L::blocks_mut(gradient);
    for vector in vectors {
        L::load(vector).fma(factor, even).store(vector);
    }
    if !rest.is_empty() {
        L::load_part(rest, 0.0).fma(factor, even).store_part(rest);
    }
}

struct CrossEntropy<'a> {
    logits: &'a [f32],
    labels: &'a [i64],
    smoothing: f32,
    gradient: &'a mut [f32],
}

impl Kernel for CrossEntropy<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let (rows, s) = (self.labels.len(), self.smoothing);
        let classes = self.logits.len() / rows;
        let scale = 1.0 / rows as f32;
        let mut total = 0.0;
        let pairs = self.logits.chunks_exact(classes).zip(self.gradient.chunks_exact_mut(classes));
        for ((row, gradient), &label) in pairs.zip(self.labels) {
            let label = usize::try_from(label).expect("a label");
            let top = greatest::<L>(row);
            let all = exponentials::<L>(row, gradient, 1.0, top);
            let normalizer = f64::from(top) + all.ln();
            total += normalizer - f64::from((1.0 - s) * row[label]);
            if s != 0.0 {
                total -= f64::from(s) * sum::<L>(row) / classes as f64;
            }
            rescale::<L>(gradient, (f64::from(scale) / all) as f32, s * scale / classes as f32);
            gradient[label] -= (1.0 - s) * scale;
        }
        total / rows as f64
    }
}

fn cross_entropy_with(smoothing: f32, level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    let (logits, labels) = (data.floats("logits"), data.labels("label"));
    level.run(CrossEntropy { logits, labels, smoothing, gradient: &mut gradients[0] })
}

pub fn cross_entropy(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    cross_entropy_with(0.0, level, data, gradients)
}

pub fn label_smoothing(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    cross_entropy_with(0.1, level, data, gradients)
}

struct ArcFace<'a> {
    cosine: &'a [f32],
    labels: &'a [i64],
    s: f32,
    m: f32,
    gradient: &'a mut [f32],
}

impl Kernel for ArcFace<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let rows = self.labels.len();
        let classes = self.cosine.len() / rows;
        let (scale, (sin_m, cos_m)) = (1.0 / rows as f32, self.m.sin_cos());
        let mut total = 0.0;
        let pairs = self.cosine.chunks_exact(classes).zip(self.gradient.chunks_exact_mut(classes));
        for ((row, gradient), &label) in pairs.zip(self.labels) {
            let label = usize::try_from(label).expect("a label");
            let sine = (1.0 - row[label] * row[label]).max(0.0).sqrt();
            let own = self.s * (row[label] * cos_m - sine * sin_m);
            let top = (self.s * greatest::<L>(row)).max(own);
            // The vector with the label apart, so that nothing large is added and taken off again.
            let (from, to) = (label / L::WIDTH * L::WIDTH, (label / L::WIDTH * L::WIDTH + L::WIDTH).min(classes));
            let mut few = [0.0; 16];
            few[..to - from].copy_from_slice(&row[from..to]);
            few[label - from] = own / self.s;
            let all = exponentials::<L>(&row[..from], &mut gradient[..from], self.s, top)
                + exponentials::<L>(&few[..to - from], &mut gradient[from..to], self.s, top)
                + exponentials::<L>(&row[to..], &mut gradient[to..], self.s, top);
            total += f64::from(top) + all.ln() - f64::from(own);
            rescale::<L>(gradient, (f64::from(self.s * scale) / all) as f32, 0.0);
            let turn = if sine > 0.0 { cos_m + row[label] / sine * sin_m } else { cos_m };
            gradient[label] = (gradient[label] - self.s * scale) * turn;
        }
        total / rows as f64
    }
}

pub fn arcface_cos(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    let (cosine, labels) = (data.floats("cosine"), data.labels("label"));
    level.run(ArcFace { cosine, labels, s: 64.0, m: 0.5, gradient: &mut gradients[0] })
}
