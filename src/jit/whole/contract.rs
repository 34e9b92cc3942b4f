//! A contraction → matrix products.
//!
//! The axes fall into four groups: those of the result that both operands have (batches), that only the
//! first has (rows), that only the second has (columns), and the contracted ones. Of rows, columns and
//! contracted axes the longest is a dimension of the matrices, after neighbours in memory have been merged; over the
//! others, and over the batches, runs a loop. Many batches are shared among threads, or else the parts of each product.

use std::sync::atomic::{AtomicBool, Ordering};

use super::blocked::{Cut, Panels, Product};
use super::micro::{self, Micro};
use super::walk::{Span, Spans, count, for_each, for_some};
use super::{Dimension, Strided, Threads};
use crate::ir::AxisId;
use crate::jit::share;
use crate::op::Element;

/// An element of a matrix.
pub(super) trait Entry: Copy + From<f32> + 'static {
    const ZERO: Self;
    fn micro() -> &'static Micro<Self>;
    fn to_f64(self) -> f64;
    fn from_f64(value: f64) -> Self;
    fn is_finite(self) -> bool;
}

impl Entry for f32 {
    const ZERO: f32 = 0.0;

    fn micro() -> &'static Micro<f32> {
        micro::singles()
    }

    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    fn from_f64(value: f64) -> Self {
        value as f32
    }

    fn is_finite(self) -> bool {
        f32::is_finite(self)
    }
}

impl Entry for f64 {
    const ZERO: f64 = 0.0;

    fn micro() -> &'static Micro<f64> {
        micro::doubles()
    }

    fn to_f64(self) -> f64 {
        self
    }

    fn from_f64(value: f64) -> Self {
        value
    }

    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
}

/// Elements that a thread looks at, at a time.
const LOOK: usize = 1 << 16;

/// Whether every element of a tensor is a finite number.
fn is_finite<T: Entry>(tensor: &Strided, threads: Threads) -> bool {
    let spans = tensor.dimensions.iter().map(|own| Span { extent: own.extent, strides: [own.stride, 0, 0] });
    let mut spans = merged(spans.collect());
    let innermost = spans.pop().unwrap_or(Span { extent: 1, strides: [1, 0, 0] });
    let pieces = innermost.extent.div_ceil(LOOK);
    let finite = AtomicBool::new(true);
    // An element costs about a tenth of a nanosecond.
    let threads = threads.used((innermost.extent * count(&spans)) as u64, pieces);
    share::pieces(threads, pieces, &|_, piece| {
        let begin = piece * LOOK;
        let line = Span { extent: LOOK.min(innermost.extent - begin), ..innermost };
        for_each(&spans, &mut |at| {
            let offset = at.0[0] + begin as isize * innermost.strides[0];
            let start = tensor.address.cast::<T>().wrapping_offset(offset);
            // SAFETY: all positions lie in the tensor (see `Strided`).
            if finite.load(Ordering::Relaxed) && !unsafe { are_finite(start, line) } {
                finite.store(false, Ordering::Relaxed);
            }
        });
    });
    finite.into_inner()
}

/// Whether the elements of a line are finite numbers.
///
/// # Safety
/// The positions of the span, from the start on, lie in a tensor.
unsafe fn are_finite<T: Entry>(start: *mut T, line: Span) -> bool {
    if line.strides[0] != 1 {
        // SAFETY: as the caller ensures.
        return (0..line.extent as isize).all(|place| unsafe { *start.offset(place * line.strides[0]) }.is_finite());
    }
    // SAFETY: as the caller ensures.
    let elements = unsafe { std::slice::from_raw_parts(start, line.extent) };
    // Without a way out within a piece, several are looked at by one instruction.
    elements.chunks(1024).all(|piece| piece.iter().fold(true, |finite, element| finite & element.is_finite()))
}

/// One row of a matrix product, set or added, in which a product with a factor 0 is 0.
///
/// # Safety
/// The pointers with the spans' strides and extents stay in their tensors, and the row of the last is written by nobody
/// else.
unsafe fn masked_row<T: Entry>(columns: Span, depth: Span, [a, b, result]: [*mut T; 3], set: bool) {
    for_each(&[columns], &mut |at| {
        let mut sum = 0.0;
        for_each(&[depth], &mut |step| {
            // SAFETY: as the caller ensures.
            let factor = |from: *mut T, side: usize| unsafe { from.offset(at.0[side] + step.0[side]).read() }.to_f64();
            let (x, y) = (factor(a, 0), factor(b, 1));
            sum += if x == 0.0 || y == 0.0 { 0.0 } else { x * y };
        });
        // SAFETY: as the caller ensures.
        unsafe {
            let place = result.offset(at.0[2]);
            let before = if set { 0.0 } else { place.read().to_f64() };
            place.write(T::from_f64(before + sum));
        }
    });
}

/// Σ a·b over `over`. Where it is masked and an operand is not finite everywhere, one product after the other, without
/// those that a condition has left out.
pub(super) fn run<T: Entry>(
    (over, masked): (&[AxisId], bool),
    threads: Threads,
    a: &Strided,
    b: &Strided,
    result: &Strided,
    panels: &mut Panels,
) {
    debug_assert!([a, b, result].iter().all(|tensor| tensor.element == Element::Real), "matrices of reals");
    let products = Products::new(over, a, b, result);
    products.run::<T>(threads, panels);
    // An infinity or NaN in an operand leaves none of the elements finite that it is multiplied for, so that looking at
    // the result, which is smaller, does as a rule.
    if masked && !is_finite::<T>(result, threads) && !(is_finite::<T>(a, threads) && is_finite::<T>(b, threads)) {
        products.run_masked::<T>(threads);
    }
}

/// A contraction as products of matrices.
struct Products<'a> {
    /// The operands and the result.
    tensors: [&'a Strided; 3],
    rows: Span,
    columns: Span,
    depth: Span,
    /// Axes of the result beside rows and columns.
    batches: Spans,
    /// Contracted axes beside the depth.
    inner: Spans,
}

impl<'a> Products<'a> {
    fn new(over: &[AxisId], a: &'a Strided, b: &'a Strided, result: &'a Strided) -> Products<'a> {
        let span = |dimension: &Dimension| Span {
            extent: dimension.extent,
            strides: [a, b, result].map(|tensor| tensor.stride(dimension.axis).unwrap_or(0)),
        };
        let has = |tensor: &Strided, dimension: &Dimension| tensor.stride(dimension.axis).is_some();
        let group = |in_a: bool, in_b: bool| {
            let dimensions = result.dimensions.iter();
            merged(dimensions.filter(|own| has(a, own) == in_a && has(b, own) == in_b).map(span).collect())
        };
        let inner = a.dimensions.iter().filter(|own| over.contains(&own.axis)).map(span).collect();
        let (mut batches, mut inner) = (group(true, true), merged(inner));
        let (rows, further_rows) = longest(group(true, false));
        let (columns, further_columns) = longest(group(false, true));
        // The kernels are fast where rows of the result are neighbours in memory: the transposed product is the same.
        if columns.strides[2] == 1 && rows.strides[2] != 1 {
            return Products::new(over, b, a, result);
        }
        batches.extend(group(false, false));
        batches.extend(further_rows);
        batches.extend(further_columns);
        let empty = inner.iter().any(|span| span.extent == 0);
        let depth = if empty { Span { extent: 0, strides: [0; 3] } } else { take_longest(&mut inner) };
        if empty {
            inner.clear();
        }
        Products { tensors: [a, b, result], rows, columns, depth, batches, inner }
    }

    /// How many products of numbers there are.
    fn work(&self) -> u64 {
        let spans = [&[self.rows, self.columns, self.depth][..], &self.batches, &self.inner];
        spans.iter().fold(1_u64, |work, spans| work.saturating_mul(count(spans) as u64))
    }

    /// Computes all of them.
    fn run<T: Entry>(&self, threads: Threads, panels: &mut Panels) {
        let (micro, batches, work) = (T::micro(), count(&self.batches), self.work() / PRODUCTS);
        let spans = [self.rows, self.columns, self.depth];
        let cut = Cut::new(micro, spans.map(|span| span.extent));
        let many = batches >= threads.most();
        let workers = threads.used(work, if many { batches } else { cut.parts() });
        let (at_once, each) = if many { (workers, 1) } else { (1, workers) };
        let room = panels.room::<T>(&cut, at_once, workers);
        share::pieces(at_once, batches, &|worker, batch| {
            self.for_each_of_batch(batch, &mut |matrices, set| {
                // SAFETY: all positions lie in the tensors (see `Strided`); the result is only this batch's.
                let product = unsafe { Product::new(spans, matrices, set) };
                product.run(each, micro, cut, room.from(worker));
            });
        });
    }

    /// As [`Products::run`], without the products that have a factor 0.
    fn run_masked<T: Entry>(&self, threads: Threads) {
        let rows = self.rows.extent;
        let pieces = rows * count(&self.batches);
        share::pieces(threads.used(self.work(), pieces), pieces, &|_, piece| {
            self.for_each_of_batch(piece / rows, &mut |matrices: [*mut T; 3], set| {
                let row = [0, 1, 2].map(|tensor| {
                    matrices[tensor].wrapping_offset(self.rows.strides[tensor] * (piece % rows) as isize)
                });
                // SAFETY: all positions lie in the tensors (see `Strided`); the row is only this piece's.
                unsafe { masked_row::<T>(self.columns, self.depth, row, set) };
            });
        });
    }

    /// Where the matrices of a batch begin, for each place along the further contracted axes; whether it is the first.
    fn for_each_of_batch<T>(&self, batch: usize, visit: &mut dyn FnMut([*mut T; 3], bool)) {
        for_some(&self.batches, batch..batch + 1, &mut |outer| {
            let mut first = true;
            for_each(&self.inner, &mut |further| {
                let start = |of: usize| self.tensors[of].address.cast::<T>();
                visit([0, 1, 2].map(|of| start(of).wrapping_offset(outer.0[of] + further.0[of])), first);
                first = false;
            });
        });
    }
}

/// How many products a tenth of a nanosecond takes, very roughly.
const PRODUCTS: u64 = 3;

/// Spans that lie next to each other in every tensor as one.
fn merged(mut spans: Spans) -> Spans {
    spans.sort_by_key(|span| std::cmp::Reverse(span.strides.map(isize::unsigned_abs)));
    let mut merged = Spans::new();
    for span in spans {
        let follows = |outer: &Span| {
            (0..3).all(|tensor| outer.strides[tensor] == span.strides[tensor].wrapping_mul(span.extent as isize))
        };
        match merged.last_mut().filter(|outer| follows(outer)) {
            Some(outer) => *outer = Span { extent: outer.extent * span.extent, strides: span.strides },
            None => merged.push(span),
        }
    }
    merged
}

fn longest(mut spans: Spans) -> (Span, Spans) {
    let longest = take_longest(&mut spans);
    (longest, spans)
}

fn take_longest(spans: &mut Spans) -> Span {
    let longest = (0..spans.len()).max_by_key(|&position| spans[position].extent);
    longest.map_or(Span { extent: 1, strides: [0; 3] }, |position| spans.remove(position))
}
