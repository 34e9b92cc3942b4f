//! Loops over the axes of several tensors at once.

use smallvec::SmallVec;

/// Some axes, held without an allocation.
pub(super) type Spans = SmallVec<[Span; 6]>;

/// An axis with its strides in up to three tensors, such as two operands and the result; 0 where it is absent.
#[derive(Clone, Copy)]
pub(super) struct Span {
    /// How long it is.
    pub extent: usize,
    /// The distance of neighbours in each tensor, in elements.
    pub strides: [isize; 3],
}

/// The position that the loops have reached, in each tensor.
#[derive(Clone, Copy, Default)]
pub(super) struct Offsets(pub [isize; 3]);

/// How many positions there are.
pub(super) fn count(spans: &[Span]) -> usize {
    spans.iter().map(|span| span.extent).product()
}

/// Calls `visit` at every position of some axes, the last one running fastest.
pub(super) fn for_each(spans: &[Span], visit: &mut impl FnMut(Offsets)) {
    for_some(spans, 0..count(spans), visit);
}

/// Calls `visit` at some of the positions, counted in that order.
pub(super) fn for_some(spans: &[Span], places: std::ops::Range<usize>, visit: &mut impl FnMut(Offsets)) {
    if places.is_empty() {
        return;
    }
    if spans.is_empty() {
        return visit(Offsets::default());
    }
    let mut position: SmallVec<[usize; 8]> = SmallVec::from_elem(0, spans.len());
    let mut offsets = Offsets::default();
    let mut rest = places.start;
    for (axis, span) in spans.iter().enumerate().rev() {
        position[axis] = rest % span.extent;
        rest /= span.extent;
        offsets = moved(offsets, *span, position[axis] as isize);
    }
    for _ in places {
        visit(offsets);
        for axis in (0..spans.len()).rev() {
            position[axis] += 1;
            offsets = moved(offsets, spans[axis], 1);
            if position[axis] < spans[axis].extent {
                break;
            }
            offsets = moved(offsets, spans[axis], -(position[axis] as isize));
            position[axis] = 0;
        }
    }
}

fn moved(offsets: Offsets, span: Span, steps: isize) -> Offsets {
    let mut moved = offsets;
    moved.0.iter_mut().zip(span.strides).for_each(|(offset, stride)| *offset += steps * stride);
    moved
}
