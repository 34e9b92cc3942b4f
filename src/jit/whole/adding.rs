//! Sums whose places are elements: running sums and scattering, added up in doubles in a fixed order.

use super::walk::{Span, Spans, for_each};
use super::{Lines, Real, Strided, Threads};
use crate::ir::AxisId;

/// Running sums along an axis, in reverse from its end.
pub(super) fn cumsum<T: Real>(axis: AxisId, reverse: bool, threads: Threads, x: &Strided, result: &Strided) {
    let (along, spans) = result.split(&[x, result], axis);
    let lines = Lines { spans: &spans, threads, cost: 20 * along.extent as u64 };
    lines.for_each(&|(): &mut (), line| {
        let mut sum = 0.0;
        for step in 0..along.extent {
            let place = if reverse { along.extent - 1 - step } else { step } as isize;
            let at = |tensor: usize| line.0[tensor] + place * along.strides[tensor];
            // SAFETY: the place lies in both tensors (see `Strided`), and a line of the result is only this call's.
            unsafe {
                sum += x.read::<T>(at(0)).into();
                result.write(at(1), T::rounded(sum));
            }
        }
    });
}

/// The sum over `over` of the values, each added along `axis` where its index says, unless that is out of range.
pub(super) fn scatter<T: Real>(axis: AxisId, over: &[AxisId], values: &Strided, index: &Strided, result: &Strided) {
    // The sums have the result's order of axes in memory of their own.
    let mut sums = vec![0.0; result.dimensions.iter().map(|dimension| dimension.extent).product()];
    let dense = result.dense();
    let (along, kept) = dense.split(&[values, index, &dense], axis);
    let (indexed, mut plain): (Spans, Spans) = kept.into_iter().partition(|span| span.strides[1] != 0);
    let innermost = plain.pop().unwrap_or(Span { extent: 1, strides: [0; 3] });
    let summed: Spans = over
        .iter()
        .map(|&axis| {
            let owner = if values.stride(axis).is_some() { values } else { index };
            owner.span(&[values, index], axis)
        })
        .collect();
    for_each(&indexed, &mut |line| {
        for_each(&summed, &mut |element| {
            // SAFETY: the element lies in the index (see `Strided`).
            let pick = unsafe { index.read::<i64>(line.0[1] + element.0[1]) };
            let Some(pick) = usize::try_from(pick).ok().filter(|pick| *pick < along.extent) else { return };
            let to = line.0[2] + pick as isize * along.strides[2];
            for_each(&plain, &mut |further| {
                let (mut from, mut to) = (line.0[0] + element.0[0] + further.0[0], to + further.0[2]);
                for _ in 0..innermost.extent {
                    // SAFETY: the element lies in the values.
                    sums[to as usize] += unsafe { values.read::<T>(from) }.into();
                    from += innermost.strides[0];
                    to += innermost.strides[2];
                }
            });
        });
    });
    let all: Spans = result.dimensions.iter().map(|dimension| result.span(&[result, &dense], dimension.axis)).collect();
    for_each(&all, &mut |at| {
        // SAFETY: the element lies in the result, which is nobody else's.
        unsafe { result.write(at.0[0], T::rounded(sums[at.0[1] as usize])) };
    });
}
