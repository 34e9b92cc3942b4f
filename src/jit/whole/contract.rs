//! A contraction → matrix products.
//!
//! The axes fall into four groups: those of the result that both operands have (batches), that only the
//! first has (rows), that only the second has (columns), and the contracted ones. Of rows, columns and
//! contracted axes the longest is a dimension of the matrices, after neighbours in memory have been merged; over the
//! others, and over the batches, runs a loop.

use gemm::Parallelism;

use super::walk::{Span, for_each};
use super::{Dimension, Strided};
use crate::ir::AxisId;
use crate::op::Element;

/// An element of a matrix.
pub(super) trait Entry: Copy + 'static {
    const ZERO: Self;
    const ONE: Self;
}

impl Entry for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
}

impl Entry for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
}

/// Σ a·b over `over`.
pub(super) fn run<T: Entry>(over: &[AxisId], a: &Strided, b: &Strided, result: &Strided) {
    debug_assert!([a, b, result].iter().all(|tensor| tensor.element == Element::Real), "matrices of reals");
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
    let tensors = [a.address.cast::<T>(), b.address.cast::<T>(), result.address.cast::<T>()];
    for_each(&batches, &mut |outer| {
        let mut first = true;
        for_each(&inner, &mut |further| {
            let at = |tensor: usize| tensors[tensor].wrapping_offset(outer.0[tensor] + further.0[tensor]);
            // SAFETY: all positions lie in the tensors (see `Strided`), the result is nobody else's.
            unsafe { product(rows, columns, depth, [at(0), at(1), at(2)], first) };
            first = false;
        });
    });
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
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| std::cmp::Reverse(span.strides.map(isize::unsigned_abs)));
    let mut merged: Vec<Span> = Vec::new();
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

fn longest(mut spans: Vec<Span>) -> (Span, Vec<Span>) {
    let longest = take_longest(&mut spans);
    (longest, spans)
}

fn take_longest(spans: &mut Vec<Span>) -> Span {
    let longest = (0..spans.len()).max_by_key(|&position| spans[position].extent);
    longest.map_or(Span { extent: 1, strides: [0; 3] }, |position| spans.remove(position))
}
