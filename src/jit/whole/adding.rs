//! Sums whose places are elements: running sums and scattering, added up in doubles in a fixed order.

use super::share;
use super::walk::{Offsets, Span, Spans, count, for_each};
use super::{Lines, Real, Strided, Threads};
use crate::ir::AxisId;

/// Running sums along an axis, in reverse from its end.
pub(super) fn cumsum<T: Real>(axis: AxisId, reverse: bool, threads: Threads, x: &Strided, result: &Strided) {
    let (along, spans) = result.split(&[x, result], axis);
    let lines = Lines { spans: &spans, threads, cost: 20 * along.extent as u64 };
    lines.for_each(&mut Vec::new(), 0, &|_, line| {
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
///
/// The elements are listed by the place that they go to, in their own order; then every place of the result is added up
/// and written once.
pub(super) fn scatter<T: Real>(
    (axis, over): (AxisId, &[AxisId]),
    threads: Threads,
    values: &Strided,
    index: &Strided,
    result: &Strided,
    list: &mut List,
) {
    let (along, kept) = result.split(&[values, index, result], axis);
    let (indexed, mut plain): (Spans, Spans) = kept.into_iter().partition(|span| span.strides[1] != 0);
    let innermost = plain.pop().unwrap_or(Span { extent: 1, strides: [0; 3] });
    if count(&indexed).saturating_mul(count(&plain)).saturating_mul(innermost.extent) == 0 {
        // The index may be empty along an axis on which its place does not depend.
        return;
    }
    let summed: Spans = over
        .iter()
        .map(|&axis| {
            let owner = if values.stride(axis).is_some() { values } else { index };
            owner.span(&[values, index], axis)
        })
        .collect();
    let lines = count(&summed).saturating_add(along.extent).saturating_mul(count(&plain));
    let work = (lines as u64).saturating_mul(innermost.extent as u64).saturating_mul(ADDED);
    let length = along.extent.div_ceil(Lines::PIECES).max(1);
    for_each(&indexed, &mut |line| {
        list.fill(along.extent, &summed, |element| {
            // SAFETY: the element lies in the index (see `Strided`).
            unsafe { index.read::<i64>(line.0[1] + element.0[1]) }
        });
        let (list, pieces) = (&*list, along.extent.div_ceil(length));
        share::pieces(threads.used(work, pieces), pieces, &|_, piece| {
            for place in piece * length..(piece * length + length).min(along.extent) {
                for_each(&plain, &mut |further| {
                    let from = line.0[0] + further.0[0];
                    let to = line.0[2] + further.0[2] + place as isize * along.strides[2];
                    add_up::<T>(list.of(place), innermost, (values, from), (result, to));
                });
            }
        });
    });
}

/// What it costs to add an element, in tenths of a nanosecond.
const ADDED: u64 = 5;

/// The elements that go to each place.
#[derive(Clone, Debug, Default)]
pub(in crate::jit) struct List {
    /// Where the elements of each place end among all of them.
    ends: Vec<usize>,
    /// Where the elements are in the values.
    offsets: Vec<isize>,
}

impl List {
    /// Lists the elements at all positions of some spans; `place_of` may be out of range.
    fn fill(&mut self, places: usize, spans: &[Span], place_of: impl Fn(Offsets) -> i64) {
        let place_of = |element| usize::try_from(place_of(element)).ok().filter(|place| *place < places);
        let List { ends, offsets } = self;
        ends.clear();
        ends.resize(places + 1, 0);
        for_each(spans, &mut |element| place_of(element).into_iter().for_each(|place| ends[place + 1] += 1));
        for place in 0..places {
            ends[place + 1] += ends[place];
        }
        // They are the beginnings so far, and move on to the ends while the elements come in.
        offsets.clear();
        offsets.resize(ends[places], 0);
        for_each(spans, &mut |element| {
            let Some(place) = place_of(element) else { return };
            offsets[ends[place]] = element.0[0];
            ends[place] += 1;
        });
    }

    /// The elements of a place.
    fn of(&self, place: usize) -> &[isize] {
        let begin = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.offsets[begin..self.ends[place]]
    }
}

/// Writes a line of the result: the sum of lines of the values.
fn add_up<T: Real>(elements: &[isize], line: Span, (values, from): (&Strided, isize), (result, to): (&Strided, isize)) {
    const LANES: usize = 64;
    if elements.is_empty() && line.strides[2] == 1 {
        // As most places of a large axis are.
        let start = result.address.cast::<T>().wrapping_offset(to);
        // SAFETY: the line lies in the result, and is only this call's; of floats all bits 0 are 0.
        return unsafe { start.write_bytes(0, line.extent) };
    }
    let mut sums = [0.0; LANES];
    for start in (0..line.extent).step_by(LANES) {
        let sums = &mut sums[..LANES.min(line.extent - start)];
        sums.fill(0.0);
        for element in elements {
            let first = from + element + start as isize * line.strides[0];
            for (lane, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the place lies in the values (see `Strided`).
                *sum += unsafe { values.read::<T>(first + lane as isize * line.strides[0]) }.into();
            }
        }
        for (lane, &sum) in sums.iter().enumerate() {
            let place = to + (start + lane) as isize * line.strides[2];
            // SAFETY: the place lies in the result, and is only this call's.
            unsafe { result.write(place, T::rounded(sum)) };
        }
    }
}
