//! Lines of a matrix → panels: of a few neighbouring lines the elements at one depth, then those at the next.
//!
//! The kernel of a product reads both operands as panels from the first element to the last.

/// From the first element of the first line: its lines' distance, that of elements along the depth; how many lines, how
/// deep; and where the panels go. Lines that are missing in the last panel are 0.
pub(super) type Pack<T> = unsafe fn(*const T, [isize; 2], [usize; 2], *mut T);

/// Along the depth, so many elements of a line are packed before the next line's: the panel's part stays in the cache.
const DEEP: usize = 16;
/// The lines of a square that is turned in registers.
const SQUARE: usize = 4;
/// So many panels are packed at once where lines are neighbours in memory.
const BESIDE: usize = 8;

/// Panels of `WIDE` lines of floats.
///
/// # Safety
/// The lines with these strides and extents lie in memory, and there is room for them, filled up to panels.
pub(super) unsafe fn pack<T: Copy, const WIDE: usize>(
    from: *const T,
    strides: [isize; 2],
    [lines, depth]: [usize; 2],
    to: *mut T,
) {
    let whole = lines / WIDE;
    let panel = |of: usize| to.wrapping_add(of * WIDE * depth);
    let start = |of: usize| from.wrapping_offset((of * WIDE) as isize * strides[0]);
    // SAFETY: as the caller ensures.
    unsafe {
        if strides[0] == 1 {
            (0..whole).step_by(BESIDE).for_each(|first| {
                let some = BESIDE.min(whole - first);
                beside::<T, WIDE>(start(first), strides[1], [some, depth], panel(first));
            });
        } else {
            (0..whole).for_each(|of| along::<T, WIDE>(start(of), strides, depth, panel(of)));
        }
        if lines % WIDE != 0 {
            // Of floats all bits 0 are 0.
            panel(whole).write_bytes(0, WIDE * depth);
            rectangle::<T, WIDE>(start(whole), strides, [lines % WIDE, depth], panel(whole));
        }
    }
}

/// Whole panels of lines that are neighbours in memory.
///
/// # Safety
/// As [`pack`].
unsafe fn beside<T: Copy, const WIDE: usize>(from: *const T, down: isize, [panels, depth]: [usize; 2], to: *mut T) {
    for deep in 0..depth {
        for panel in 0..panels {
            let from = from.wrapping_offset(deep as isize * down).wrapping_add(panel * WIDE);
            let to = to.wrapping_add((panel * depth + deep) * WIDE);
            // SAFETY: as the caller ensures.
            unsafe { to.cast::<[T; WIDE]>().write_unaligned(from.cast::<[T; WIDE]>().read_unaligned()) };
        }
    }
}

/// A whole panel.
///
/// # Safety
/// As [`pack`].
unsafe fn along<T: Copy, const WIDE: usize>(from: *const T, strides: [isize; 2], depth: usize, to: *mut T) {
    for begin in (0..depth).step_by(DEEP) {
        let deep = DEEP.min(depth - begin);
        for line in (0..WIDE).step_by(SQUARE) {
            let from = from.wrapping_offset(line as isize * strides[0] + begin as isize * strides[1]);
            let to = to.wrapping_add(begin * WIDE + line);
            let lines = SQUARE.min(WIDE - line);
            // SAFETY: as the caller ensures.
            unsafe {
                if strides[1] == 1 && deep == DEEP && lines == SQUARE {
                    (0..DEEP / SQUARE).for_each(|part| {
                        let from = from.wrapping_add(part * SQUARE);
                        square::<T, WIDE>(from, strides[0], to.wrapping_add(part * SQUARE * WIDE));
                    });
                } else {
                    rectangle::<T, WIDE>(from, strides, [lines, deep], to);
                }
            }
        }
    }
}

/// A square whose lines are contiguous, transposed in registers.
///
/// # Safety
/// As [`pack`].
unsafe fn square<T: Copy, const WIDE: usize>(from: *const T, down: isize, to: *mut T) {
    // SAFETY: as the caller ensures.
    let line = |of: isize| unsafe { from.wrapping_offset(of * down).cast::<[T; SQUARE]>().read_unaligned() };
    let [a, b, c, d] = [line(0), line(1), line(2), line(3)];
    for deep in 0..SQUARE {
        let column = [a[deep], b[deep], c[deep], d[deep]];
        // SAFETY: as the caller ensures.
        unsafe { to.wrapping_add(deep * WIDE).cast::<[T; SQUARE]>().write_unaligned(column) };
    }
}

/// Some lines of a panel, element by element.
///
/// # Safety
/// As [`pack`].
unsafe fn rectangle<T: Copy, const WIDE: usize>(
    from: *const T,
    strides: [isize; 2],
    [lines, depth]: [usize; 2],
    to: *mut T,
) {
    for line in 0..lines {
        for deep in 0..depth {
            let element = from.wrapping_offset(line as isize * strides[0] + deep as isize * strides[1]);
            // SAFETY: as the caller ensures.
            unsafe { to.add(deep * WIDE + line).write(element.read()) };
        }
    }
}
