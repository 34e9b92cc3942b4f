//! A contraction → matrix products.
//!
//! The axes fall into four groups: those of the result that both operands have (batches), that only the
//! first has (rows), that only the second has (columns), and the contracted ones. Of rows, columns and
//! contracted axes the longest is a dimension of the matrices, after neighbours in memory have been merged; over the
//! others, and over the batches, runs a loop. Batches and parts of long matrices, which depend on the extents only, are
//! shared among threads.

use gemm::Parallelism;

use super::walk::{Span, Spans, count, for_each, for_some};
use super::{Dimension, Strided, Threads};
use crate::ir::AxisId;
use crate::jit::share;
use crate::op::Element;

/// An element of a matrix.
pub(super) trait Entry: Copy + 'static {
    const ZERO: Self;
    const ONE: Self;
    fn to_f64(self) -> f64;
    fn from_f64(value: f64) -> Self;
    fn is_finite(self) -> bool;
}

impl Entry for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;

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
    const ONE: f64 = 1.0;

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

/// Whether every element of a tensor is a finite number.
fn is_finite<T: Entry>(tensor: &Strided) -> bool {
    let spans = tensor.dimensions.iter().map(|own| Span { extent: own.extent, strides: [own.stride, 0, 0] });
    let mut spans = merged(spans.collect());
    let innermost = spans.pop().unwrap_or(Span { extent: 1, strides: [1, 0, 0] });
    let mut finite = true;
    for_each(&spans, &mut |at| {
        let start = tensor.address.cast::<T>().wrapping_offset(at.0[0]);
        // SAFETY: all positions lie in the tensor (see `Strided`).
        finite = finite && unsafe { are_finite(start, innermost) };
    });
    finite
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

/// One matrix product, set or added, in which a product with a factor 0 is 0.
///
/// # Safety
/// As [`product`].
unsafe fn masked_product<T: Entry>(rows: Span, columns: Span, depth: Span, [a, b, result]: [*mut T; 3], set: bool) {
    for_each(&[rows, columns], &mut |at| {
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
) {
    debug_assert!([a, b, result].iter().all(|tensor| tensor.element == Element::Real), "matrices of reals");
    let products = Products::new(over, a, b, result);
    products.run::<T>(threads, product::<T>);
    // An infinity or NaN in an operand leaves none of the elements finite that it is multiplied for, so that looking at
    // the result, which is smaller, does as a rule.
    if masked && !is_finite::<T>(result) && !(is_finite::<T>(a) && is_finite::<T>(b)) {
        products.run::<T>(threads, masked_product::<T>);
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

    /// Computes all of them by `product`.
    fn run<T: Entry>(&self, threads: Threads, product: unsafe fn(Span, Span, Span, [*mut T; 3], bool)) {
        let (batches, inner) = (&self.batches, &self.inner);
        let spans = [&[self.rows, self.columns, self.depth][..], batches, inner];
        let work = spans.iter().fold(1_u64, |work, spans| work.saturating_mul(count(spans) as u64));
        let parts = Parts::new(self.rows, self.columns, work / count(batches).max(1) as u64);
        let pieces = count(batches) * parts.count;
        share::pieces(threads.used(work / PRODUCTS, pieces), pieces, &|_, piece| {
            let (rows, columns, start) = parts.part(self.rows, self.columns, piece % parts.count);
            let batch = piece / parts.count;
            for_some(batches, batch..batch + 1, &mut |outer| {
                let mut first = true;
                for_each(inner, &mut |further| {
                    let at = |tensor: usize| {
                        let offset = outer.0[tensor] + further.0[tensor] + start[tensor];
                        self.tensors[tensor].address.cast::<T>().wrapping_offset(offset)
                    };
                    // SAFETY: all positions lie in the tensors (see `Strided`); the part of the result is only this
                    // piece's.
                    unsafe { product(rows, columns, self.depth, [at(0), at(1), at(2)], first) };
                    first = false;
                });
            });
        });
    }
}

/// How many products a tenth of a nanosecond takes, very roughly.
const PRODUCTS: u64 = 3;

/// How a matrix of the result is cut: along its longer side, into `count` parts.
struct Parts {
    of_rows: bool,
    length: usize,
    count: usize,
}

impl Parts {
    /// Into how many parts at most, and how long they are at least: every part packs the other matrix anew.
    const MOST: usize = 16;
    const SHORTEST: usize = 256;
    /// A product with fewer products of numbers is not cut.
    const SMALL: u64 = 1 << 22;

    fn new(rows: Span, columns: Span, work: u64) -> Parts {
        let of_rows = rows.extent >= columns.extent;
        let extent = if of_rows { rows.extent } else { columns.extent };
        let shortest = if work < Self::SMALL { extent } else { Self::SHORTEST };
        let length = extent.div_ceil(Self::MOST).max(shortest).max(1).next_multiple_of(16);
        Parts { of_rows, length, count: extent.div_ceil(length) }
    }

    /// Rows and columns of a part, and where it begins in each tensor.
    fn part(&self, mut rows: Span, mut columns: Span, part: usize) -> (Span, Span, [isize; 3]) {
        let begin = part * self.length;
        let cut = if self.of_rows { &mut rows } else { &mut columns };
        cut.extent = self.length.min(cut.extent - begin);
        let start = cut.strides.map(|stride| stride * begin as isize);
        (rows, columns, start)
    }
}

/// One matrix product, set or added.
///
/// # Safety
/// The pointers with the spans' strides and extents stay in their tensors, and the last is written by nobody else.
unsafe fn product<T: Entry>(rows: Span, columns: Span, depth: Span, [a, b, result]: [*mut T; 3], set: bool) {
    // SAFETY: as the caller ensures.
    unsafe {
        gemm::gemm(
            rows.extent,
            columns.extent,
            depth.extent,
            result,
            columns.strides[2],
            rows.strides[2],
            !set,
            a.cast_const(),
            depth.strides[0],
            rows.strides[0],
            b.cast_const(),
            columns.strides[1],
            depth.strides[1],
            if set { T::ZERO } else { T::ONE },
            T::ONE,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

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
