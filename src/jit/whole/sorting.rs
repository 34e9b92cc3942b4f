//! Orders: the indices that sort lines of a tensor, and those of the largest elements.
//!
//! A number is sorted by its rank, an int that grows with it, together with its place: so a fast sort that
//! keeps no order among equals gives the same as a stable one.

use smallvec::SmallVec;

use super::walk::{Span, Spans, count, for_each};
use super::{Key, Lines, Real, Strided, Threads};
use crate::ir::AxisId;

/// What it costs to sort an element, in tenths of a nanosecond.
const ELEMENT: u64 = 200;

/// An int that is larger for a larger number, equal for 0 and −0, and largest for NaN.
fn rank(x: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    if x.is_nan() {
        return u64::MAX;
    }
    // −0 + 0 is 0.
    let bits = (x + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The indices along an axis in ascending order of the elements.
pub(super) fn order<T: Real>(axis: AxisId, threads: Threads, x: &Strided, result: &Strided, keys: &mut Vec<Key>) {
    let (along, spans) = result.split(&[x, result], axis);
    let lines = Lines { spans: &spans, threads, cost: ELEMENT * along.extent as u64 };
    lines.for_each(keys, along.extent, &|keys, line| {
        for (place, key) in keys.iter_mut().enumerate() {
            let at = line.0[0] + place as isize * along.strides[0];
            // SAFETY: the place lies in the line (see `Strided`).
            *key = (rank(unsafe { x.read::<T>(at) }.into()), place);
        }
        keys.sort_unstable();
        for (place, (_, index)) in keys.iter().enumerate() {
            let at = line.0[1] + place as isize * along.strides[1];
            // SAFETY: as above; a line of the result is only this call's.
            unsafe { result.write(at, *index as i64) };
        }
    });
}

/// The indices along `along` of the largest elements over `over`, in descending order on the axis `to`; −1 beyond.
pub(super) fn top_index<T: Real>(
    (over, to, along): (&[AxisId], AxisId, AxisId),
    threads: Threads,
    x: &Strided,
    result: &Strided,
    keys: &mut Vec<Key>,
) {
    let (places, line_spans) = result.split(&[x, result], to);
    let over: SmallVec<[(AxisId, Span); 6]> = over.iter().map(|&axis| (axis, x.span(&[x], axis))).collect();
    let spans: Spans = over.iter().map(|(_, span)| *span).collect();
    let count = count(&spans);
    // A place in row-major order has the index `place / step % extent`.
    let position = over.iter().position(|(axis, _)| *axis == along).unwrap_or(0);
    let step: usize = spans[position + 1..].iter().map(|span| span.extent).product();
    let extent = spans[position].extent;
    let wanted = places.extent.min(count);
    let lines = Lines { spans: &line_spans, threads, cost: ELEMENT * count as u64 };
    lines.for_each(keys, count, &|keys, line| {
        let mut place = 0;
        for_each(&spans, &mut |element| {
            // SAFETY: the element lies in the tensor (see `Strided`).
            let value = unsafe { x.read::<T>(line.0[0] + element.0[0]) };
            keys[place] = (!rank(value.into()), place);
            place += 1;
        });
        if wanted < count {
            keys.select_nth_unstable(wanted);
        }
        keys[..wanted].sort_unstable();
        for place in 0..places.extent {
            let found = keys[..wanted].get(place);
            let index = found.map_or(-1, |(_, at)| (at / step % extent) as i64);
            // SAFETY: the place lies in a line of the result, which is only this call's.
            unsafe { result.write(line.0[1] + place as isize * places.strides[1], index) };
        }
    });
}
