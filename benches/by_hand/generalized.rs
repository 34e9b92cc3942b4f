//! Generalized Dice of [N, C, H, W]: sums by class, then the gradient; from probabilities and through a softmax.

use super::lanes::{Kernel, Lanes, Level};
use super::math::exp;
use super::stream::{Pass, stream};
use crate::cases::data::Data;

/// The number of classes that are in registers at once.
const CLASSES: usize = 8;

/// Σpy, Σp, Σy of a plane of one class; the gradient is left alone.
struct Sums;

impl Pass<3> for Sums {
    const WRITES: bool = false;

    #[inline(always)]
    fn at<L: Lanes>(&self, p: L, y: L, kept: L, sums: &mut [L; 3]) -> L {
        sums[0] = p.fma(y, sums[0]);
        sums[1] = sums[1] + p;
        sums[2] = sums[2] + y;
        kept
    }
}

/// The same of a p that stands in the memory of the gradient.
struct SumsOfKept;

impl Pass<3> for SumsOfKept {
    const WRITES: bool = false;

    #[inline(always)]
    fn at<L: Lanes>(&self, _: L, y: L, p: L, sums: &mut [L; 3]) -> L {
        Sums.at(p, y, p, sums)
    }
}

/// by_y·y + constant
#[derive(Clone, Copy)]
struct Slope {
    by_y: f32,
    constant: f32,
}

impl Pass<0> for Slope {
    #[inline(always)]
    fn at<L: Lanes>(&self, _: L, y: L, _: L, _: &mut [L; 0]) -> L {
        y.fma(L::splat(self.by_y), L::splat(self.constant))
    }
}

/// The value, and by class the derivative by p as `by_y`·y + `constant`.
fn combined(sums: &[[f64; 3]]) -> (f64, Vec<Slope>) {
    let weight = |volume: f64| 1.0 / (volume * volume);
    let filled = sums.iter().map(|sums| sums[2]).filter(|volume| *volume > 0.0);
    let rarest = filled.map(weight).fold(f64::NEG_INFINITY, f64::max);
    let rarest = if rarest.is_finite() { rarest } else { 1.0 };
    let weights: Vec<f64> = sums.iter().map(|sums| if sums[2] > 0.0 { weight(sums[2]) } else { rarest }).collect();
    let common: f64 = sums.iter().zip(&weights).map(|(sums, w)| w * sums[0]).sum();
    let all: f64 = sums.iter().zip(&weights).map(|(sums, w)| w * (sums[1] + sums[2])).sum();
    let (top, bottom) = (2.0 * common + 1e-5, all + 1e-5);
    let slope = |w: &f64| Slope { by_y: (-2.0 * w / bottom) as f32, constant: (w * top / (bottom * bottom)) as f32 };
    (1.0 - top / bottom, weights.iter().map(slope).collect())
}

pub fn from_probabilities(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    let (p, y) = (data.floats("pred"), data.floats("target"));
    let [_, classes, height, width] = data.shape("pred") else { unreachable!("four axes") };
    let plane = height * width;
    let mut sums = vec![[0.0; 3]; *classes];
    let planes = p.chunks_exact(plane).zip(y.chunks_exact(plane)).zip(gradients[0].chunks_exact_mut(plane));
    for (at, ((p, y), gradient)) in planes.enumerate() {
        let own = stream::<_, 3, 2>(level, Sums, p, y, gradient);
        sums[at % classes].iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
    let (value, slopes) = combined(&sums);
    for (at, (y, gradient)) in y.chunks_exact(plane).zip(gradients[0].chunks_exact_mut(plane)).enumerate() {
        stream::<_, 0, 4>(level, slopes[at % classes], y, y, gradient);
    }
    value
}

/// Softmax over the classes of one sample, into the memory of the gradient.
struct Softmax<'a> {
    logits: &'a [f32],
    out: &'a mut [f32],
}

/// The vectors of the classes of one sample: the same places of every plane.
#[inline(always)]
fn planes<L: Lanes>(sample: &[f32]) -> [&[L::Memory]; CLASSES] {
    let plane = sample.len() / CLASSES;
    std::array::from_fn(|class| {
        let (vectors, rest) = L::blocks(&sample[class * plane..(class + 1) * plane]);
        assert!(rest.is_empty(), "planes of whole vectors");
        vectors
    })
}

/// Likewise, to be written.
#[inline(always)]
fn planes_mut<L: Lanes>(sample: &mut [f32]) -> [&mut [L::Memory]; CLASSES] {
    let plane = sample.len() / CLASSES;
    let mut rest = sample;
    std::array::from_fn(|_| {
        let (own, others) = std::mem::take(&mut rest).split_at_mut(plane);
        rest = others;
        L::blocks_mut(own).0
    })
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (logits, out) = (planes::<L>(self.logits), planes_mut::<L>(self.out));
        for at in 0..logits[0].len() {
            let mut e = [L::splat(0.0); CLASSES];
            for class in 0..CLASSES {
                e[class] = L::load(&logits[class][at]);
            }
            let pairs = [e[0].max(e[1]), e[2].max(e[3]), e[4].max(e[5]), e[6].max(e[7])];
            let top = pairs[0].max(pairs[1]).max(pairs[2].max(pairs[3]));
            for e in &mut e {
                *e = exp(*e - top);
            }
            let total = ((e[0] + e[1]) + (e[2] + e[3])) + ((e[4] + e[5]) + (e[6] + e[7]));
            let share = total.reciprocal();
            for class in 0..CLASSES {
                (e[class] * share).store(&mut out[class][at]);
            }
        }
    }
}

/// p_c (t_c − Σ_k p_k t_k) with t = by_y·y + constant, from the p that was kept.
struct ThroughSoftmax<'a> {
    target: &'a [f32],
    slopes: &'a [Slope],
    kept: &'a mut [f32],
}

impl Kernel for ThroughSoftmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (target, kept) = (planes::<L>(self.target), planes_mut::<L>(self.kept));
        for at in 0..target[0].len() {
            let (mut p, mut t) = ([L::splat(0.0); CLASSES], [L::splat(0.0); CLASSES]);
            for class in 0..CLASSES {
                let Slope { by_y, constant } = self.slopes[class];
                p[class] = L::load(&kept[class][at]);
                t[class] = L::load(&target[class][at]).fma(L::splat(by_y), L::splat(constant));
            }
            let mut halves = [p[0] * t[0], p[1] * t[1]];
            for class in 2..CLASSES {
                halves[class % 2] = p[class].fma(t[class], halves[class % 2]);
            }
            let mean = halves[0] + halves[1];
            for class in 0..CLASSES {
                (p[class] * (t[class] - mean)).store(&mut kept[class][at]);
            }
        }
    }
}

pub fn through_softmax(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    let (logits, target) = (data.floats("logits"), data.floats("target"));
    let [samples, classes, ..] = data.shape("logits") else { unreachable!("four axes") };
    assert_eq!(*classes, CLASSES, "the loops are written for so many classes");
    let sample = logits.len() / samples;
    let mut sums = [[0.0; 3]; CLASSES];
    let parts = logits.chunks_exact(sample).zip(target.chunks_exact(sample)).zip(gradients[0].chunks_exact_mut(sample));
    for ((logits, target), kept) in parts {
        level.run(Softmax { logits, out: kept });
        let plane = sample / CLASSES;
        for (class, sums) in sums.iter_mut().enumerate() {
            let range = class * plane..(class + 1) * plane;
            let y = &target[range.clone()];
            let own = stream::<_, 3, 2>(level, SumsOfKept, y, y, &mut kept[range]);
            sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        }
    }
    let (value, slopes) = combined(&sums);
    for (target, kept) in target.chunks_exact(sample).zip(gradients[0].chunks_exact_mut(sample)) {
        level.run(ThroughSoftmax { target, slopes: &slopes, kept });
    }
    value
}
