//! Loops over the axes of several tensors at once.

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

/// Calls `visit` at every position of some axes, the last one running fastest.
pub(super) fn for_each(spans: &[Span], visit: &mut impl FnMut(Offsets)) {
    if spans.iter().any(|span| span.extent == 0) {
        return;
    }
    let mut position = vec![0; spans.len()];
    let mut offsets = Offsets::default();
    loop {
        visit(offsets);
        let stepped = (0..spans.len()).rev().any(|axis| {
            position[axis] += 1;
            offsets = moved(offsets, spans[axis], 1);
            if position[axis] < spans[axis].extent {
                return true;
            }
            offsets = moved(offsets, spans[axis], -(position[axis] as isize));
            position[axis] = 0;
            false
        });
        if !stepped {
            return;
        }
    }
}

fn moved(offsets: Offsets, span: Span, steps: isize) -> Offsets {
    let mut moved = offsets;
    moved.0.iter_mut().zip(span.strides).for_each(|(offset, stride)| *offset += steps * stride);
    moved
}
