//! Complete IoU of boxes: sixteen boxes at a time, their corners transposed into vectors.

use std::f32::consts::PI;

use super::lanes::{Kernel, Lanes, Level};
use super::math::arc_tangent_of_ratio;
use crate::cases::data::Data;

struct CompleteIou<'a> {
    pred: &'a [f32],
    target: &'a [f32],
    gradient: &'a mut [f32],
    scale: f32,
}

impl Kernel for CompleteIou<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let (whole, scale) = (self.pred.len() / (4 * L::WIDTH) * (4 * L::WIDTH), L::splat(self.scale));
        let mut total = 0.0;
        // 4096 boxes at a time: their sum is kept in singles.
        let parts = self.pred[..whole].chunks(4 * 4096).zip(self.target[..whole].chunks(4 * 4096));
        for ((pred, target), gradient) in parts.zip(self.gradient[..whole].chunks_mut(4 * 4096)) {
            let ((pred, _), (target, _)) = (L::blocks(pred), L::blocks(target));
            let (gradient, _) = L::blocks_mut(gradient);
            let (pred, target, gradient) =
                (pred.as_chunks::<4>().0, target.as_chunks::<4>().0, gradient.as_chunks_mut::<4>().0);
            let mut sum = L::splat(0.0);
            for ((pred, target), gradient) in pred.iter().zip(target).zip(gradient) {
                let (value, slopes) = element(corners::<L>(pred), corners::<L>(target), scale);
                sum = sum + value;
                let slopes = L::transpose(slopes);
                for corner in 0..4 {
                    slopes[corner].store(&mut gradient[corner]);
                }
            }
            total += f64::from(sum.sum());
        }
        let (pred, target) = (self.pred[whole..].as_chunks::<4>().0, self.target[whole..].as_chunks::<4>().0);
        for ((pred, target), gradient) in pred.iter().zip(target).zip(self.gradient[whole..].as_chunks_mut::<4>().0) {
            let (value, slopes) = element(*pred, *target, self.scale);
            total += f64::from(value);
            *gradient = slopes;
        }
        total
    }
}

/// Whole boxes → each corner of all.
#[inline(always)]
fn corners<L: Lanes>(four: &[L::Memory; 4]) -> [L; 4] {
    L::transpose([L::load(&four[0]), L::load(&four[1]), L::load(&four[2]), L::load(&four[3])])
}

/// What one direction gives: of the overlap and of the box around both, the extent and its slopes by the two edges.
struct Side<L> {
    inner: L,
    inner_by: [L; 2],
    outer: L,
    outer_by: [L; 2],
}

/// How much of the slope of max(a, b) is that of a: all, none, or half where they are equal.
#[inline(always)]
fn share<L: Lanes>(a: L, b: L) -> L {
    let equal = L::select(a.equal(b), L::splat(0.5), L::splat(0.0));
    L::select(b.less(a), L::splat(1.0), equal)
}

#[inline(always)]
fn side<L: Lanes>(pred: [L; 2], target: [L; 2]) -> Side<L> {
    let (zero, one) = (L::splat(0.0), L::splat(1.0));
    let inner = pred[1].min(target[1]) - pred[0].max(target[0]);
    let overlaps = share(inner, zero);
    let (low, high) = (share(pred[0], target[0]), share(target[1], pred[1]));
    Side {
        inner: inner.max(zero),
        inner_by: [(low * overlaps).negate(), high * overlaps],
        outer: pred[1].max(target[1]) - pred[0].min(target[0]),
        outer_by: [low - one, one - high],
    }
}

/// What the slopes of both directions share: IoU by the overlap and by the area, the distance by the diagonal.
struct Slopes<L> {
    by_shared: L,
    by_area: L,
    by_diagonal: L,
    apart: L,
    scale: L,
}

impl<L: Lanes> Slopes<L> {
    /// By the two edges of a direction: through the overlap, the area, the distance and the angle.
    #[inline(always)]
    fn of(&self, side: &Side<L>, other: L, extent: L, center: L, turn: L) -> [L; 2] {
        let by_extent = extent.fma(self.by_area, turn);
        let shrink = self.apart * side.outer * L::splat(2.0);
        let low = self.edge(side.inner_by[0] * other, shrink.fnma(side.outer_by[0], center));
        let high = self.edge(side.inner_by[1] * other, shrink.fnma(side.outer_by[1], center));
        [(low - by_extent) * self.scale, (high + by_extent) * self.scale]
    }

    // No closure: it would be compiled without the features of the loop.
    #[inline(always)]
    fn edge(&self, shared: L, distance: L) -> L {
        shared.fnma(self.by_shared, distance * self.by_diagonal)
    }
}

/// The loss of a box, and its slopes by the four corners.
#[inline(always)]
fn element<L: Lanes>(pred: [L; 4], target: [L; 4], scale: L) -> (L, [L; 4]) {
    let (one, half, eps) = (L::splat(1.0), L::splat(0.5), L::splat(1e-7));
    let across = side([pred[0], pred[2]], [target[0], target[2]]);
    let down = side([pred[1], pred[3]], [target[1], target[3]]);
    let (width, height) = (pred[2] - pred[0], pred[3] - pred[1]);
    let (target_width, target_height) = (target[2] - target[0], target[3] - target[1]);
    let common = across.inner * down.inner;
    let covered = common.fnma(one, width.fma(height, target_width * target_height)) + eps;
    let by_covered = covered.reciprocal();
    let iou = common * by_covered;
    let (dx, dy) =
        ((pred[0] + pred[2] - target[0] - target[2]) * half, (pred[1] + pred[3] - target[1] - target[3]) * half);
    let by_diagonal = across.outer.fma(across.outer, down.outer.fma(down.outer, eps)).reciprocal();
    let apart = dx.fma(dx, dy * dy) * by_diagonal;
    let angle = arc_tangent_of_ratio(target_width, target_height) - arc_tangent_of_ratio(width, height);
    let v = angle * angle * L::splat(4.0 / (PI * PI));
    let alpha = v * (one - iou + v + eps).reciprocal();
    let value = alpha.fma(v, one - iou + apart);

    // α has no slope.
    let by_angle = alpha * angle * L::splat(-8.0 / (PI * PI)) * width.fma(width, height * height).reciprocal();
    let shared = Slopes { by_shared: (one + iou) * by_covered, by_area: iou * by_covered, by_diagonal, apart, scale };
    let [x1, x2] = shared.of(&across, down.inner, height, dx, height * by_angle);
    let [y1, y2] = shared.of(&down, across.inner, width, dy, (width * by_angle).negate());
    (value, [x1, y1, x2, y2])
}

pub fn ciou(level: Level, data: &Data, gradients: &mut [Vec<f32>]) -> f64 {
    let (pred, target) = (data.floats("pred"), data.floats("target"));
    let count = data.shape("pred")[0];
    let scale = 1.0 / count as f32;
    level.run(CompleteIou { pred, target, gradient: &mut gradients[0], scale }) / count as f64
}
