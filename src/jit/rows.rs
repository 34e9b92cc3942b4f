//! A tensor with short rows in a range of a stage → how it is laid out anew, with its lanes innermost.
//!
//! Which tensors these are says [`with_short_rows`](crate::kernel::with_short_rows). The code finds them by a frame of the
//! range's own.

use crate::bind::Binding;
use crate::ir::AxisId;
use crate::tensor::Extents;

/// How long the axes of a tensor are in a range of so many positions of the first one.
pub(super) fn extents(axes: &[AxisId], positions: usize, binding: &Binding<'_>) -> Extents {
    let rest = axes.iter().skip(1).map(|&axis| binding.extent(axis));
    std::iter::once(positions).chain(rest).collect()
}

/// How a tensor with these extents is laid out anew: strides in elements, and how many elements there is room for; none if
/// they cannot be counted. Lanes are innermost, and lines of the caches are not shared by two rows of them.
pub(super) fn strides(extents: &[usize]) -> (Extents, Option<usize>) {
    let mut strides = Extents::from_elem(1, extents.len());
    let [.., lanes, row] = extents else { return (strides, None) };
    let last = extents.len() - 1;
    // An odd number of lines, so that rows of lanes do not fall on each other in a cache.
    strides[last] = (lanes.div_ceil(LINE) | 1).saturating_mul(LINE);
    let mut size = strides[last].checked_mul(*row);
    for axis in (0..last - 1).rev() {
        strides[axis] = size.unwrap_or(usize::MAX);
        size = size.and_then(|size| size.checked_mul(extents[axis]));
    }
    (strides, size)
}

/// Elements to a multiple of which lanes are filled up: a line of the caches has as many singles.
const LINE: usize = 16;
