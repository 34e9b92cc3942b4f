//! A number of elements → fresh memory of zeros for a result.
//!
//! The system hands out memory page by page as it is first written, which costs more than computing a large gradient. So
//! large memory asks for large pages where the system has them.

use std::alloc::{Layout, alloc_zeroed};

/// Memory from which on large pages are asked for: some of them fit in.
#[cfg(target_os = "linux")]
const LARGE: usize = 4 << 20;

/// A float.
///
/// # Safety
/// All of its bits may be 0.
pub(super) unsafe trait Zeroed: Copy {}

// SAFETY: these bits are the number 0.
unsafe impl Zeroed for f32 {}
// SAFETY: as above.
unsafe impl Zeroed for f64 {}

/// So many zeros; nothing if memory runs out.
pub(super) fn zeros<T: Zeroed>(count: usize) -> Option<Vec<T>> {
    let layout = Layout::array::<T>(count).ok()?;
    if layout.size() == 0 {
        return Some(Vec::new());
    }
    // SAFETY: the layout has a size.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        return None;
    }
    ask_for_large_pages(memory, layout.size());
    // SAFETY: it was allocated by the global allocator with the layout of so many elements, which are all 0.
    Some(unsafe { Vec::from_raw_parts(memory.cast::<T>(), count, count) })
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
    let skipped = memory.align_offset(page);
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
    fn memory_is_of_zeros_or_refused() {
        for count in [0, 1, 1000, 3 << 20] {
            let memory = zeros::<f32>(count).expect("there is so much");
            assert!(memory.len() == count && memory.iter().all(|&number| number == 0.0), "{count}");
        }
        assert!(zeros::<f64>(usize::MAX / 16).is_none());
        assert!(zeros::<f64>(usize::MAX).is_none());
    }
}
