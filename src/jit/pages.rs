//! A number of elements → memory for a result, which a kernel then fills, or for what it works in.
//!
//! Zeros that a kernel overwrites would cost as much as a cheap gradient, so there are none. The system hands out memory page
//! by page as it is first written, which costs more than computing a large gradient: large memory asks for large pages
//! where the system has them.

use std::alloc::{Layout, alloc_zeroed};

use super::call::CallError;

/// Memory from which on large pages are asked for: some of them fit in.
#[cfg(target_os = "linux")]
const LARGE: usize = 8 << 20;

/// A float.
pub(super) trait Number: Copy {
    const NAN: Self;
}

impl Number for f32 {
    const NAN: f32 = f32::NAN;
}

impl Number for f64 {
    const NAN: f64 = f64::NAN;
}

/// Whether room for so many elements will be memory that the system makes page by page. Allocators give back what was
/// freed before as far as it is smaller: glibc's does up to 32 MiB.
pub(super) fn comes_as_pages<T>(memory: &Vec<T>, elements: usize) -> bool {
    memory.capacity() < elements && elements.saturating_mul(size_of::<T>()) >= 32 << 20
}

/// Makes room for so many elements, and returns its address; the vector is empty until [`filled`].
///
/// # Errors
/// If memory runs out.
pub(super) fn room<T: Number>(memory: &mut Vec<T>, elements: usize) -> Result<*mut T, CallError> {
    memory.clear();
    if memory.capacity() < elements {
        // What is there need not be copied.
        *memory = Vec::new();
        memory.try_reserve_exact(elements).map_err(|_| CallError::TooLarge)?;
        ask_for_large_pages(memory.as_mut_ptr().cast(), memory.capacity() * size_of::<T>());
    }
    if cfg!(debug_assertions) {
        // What a kernel should forget would be found.
        memory.resize(elements, T::NAN);
        memory.clear();
    }
    Ok(memory.as_mut_ptr())
}

/// Says that a kernel has filled the room.
///
/// # Safety
/// There is room for so many elements, and all of them have been written.
pub(super) unsafe fn filled<T: Number>(memory: &mut Vec<T>, elements: usize) {
    debug_assert!(memory.capacity() >= elements, "there is room");
    // SAFETY: as the caller ensures.
    unsafe { memory.set_len(elements) };
}

/// So many cells of zeros, which the system makes when they are first touched; nothing if memory runs out.
pub(super) fn zeros(cells: usize) -> Option<Vec<u64>> {
    let layout = Layout::array::<u64>(cells).ok()?;
    if layout.size() == 0 {
        return Some(Vec::new());
    }
    // SAFETY: the layout has a size.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        return None;
    }
    ask_for_large_pages(memory, layout.size());
    // SAFETY: the global allocator has given it with the layout of so many cells, and zeros are ints.
    Some(unsafe { Vec::from_raw_parts(memory.cast::<u64>(), cells, cells) })
}

/// A hint: whether it is followed makes no difference but in time.
#[cfg(target_os = "linux")]
fn ask_for_large_pages(memory: *mut u8, bytes: usize) {
    if bytes < LARGE {
        return;
    }
    // SAFETY: asks for nothing but a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let Ok(page) = usize::try_from(page) else { return };
    let skipped = memory.align_offset(page.max(1));
    if page == 0 || skipped >= bytes {
        return;
    }
    // SAFETY: the pages begin and end in memory that is ours, and the advice leaves what is in them.
    unsafe { libc::madvise(memory.add(skipped).cast(), (bytes - skipped) / page * page, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_large_pages(_: *mut u8, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_or_it_is_refused() {
        let mut memory: Vec<f32> = Vec::new();
        for count in [0, 1, 1000, 3 << 20, 5] {
            let address = room(&mut memory, count).expect("there is so much");
            for place in 0..count {
                // SAFETY: there is room for `count` elements.
                unsafe { address.add(place).write(1.0) };
            }
            // SAFETY: they have just been written.
            unsafe { filled(&mut memory, count) };
            assert!(memory.len() == count && memory.iter().all(|&number| number == 1.0), "{count}");
        }
        assert_eq!(room(&mut Vec::<f64>::new(), usize::MAX / 16), Err(CallError::TooLarge));
        assert_eq!(room(&mut Vec::<f64>::new(), usize::MAX), Err(CallError::TooLarge));
        for cells in [0, 1, 3 << 20] {
            let zeros = zeros(cells).expect("there is so much");
            assert!(zeros.len() == cells && zeros.iter().all(|&cell| cell == 0), "{cells}");
        }
        assert!(zeros(usize::MAX / 16).is_none() && zeros(usize::MAX).is_none());
    }
}
