//! The `lossc` command: arguments in, exit code out.

use std::alloc::{GlobalAlloc, Layout, System};

fn main() -> std::process::ExitCode {
    lossc::cli::main()
}

/// The system's memory, of which large pieces begin at a line of the caches, as tensors of other tools do: a vector that
/// reaches from one line into the next takes a processor twice as long.
struct Lines;

#[global_allocator]
static MEMORY: Lines = Lines;

impl Lines {
    /// Bytes of a line.
    const LINE: usize = 64;

    /// Bytes of what is large: a page.
    const LARGE: usize = 4096;

    fn aligned(layout: Layout) -> Layout {
        if layout.size() < Lines::LARGE { layout } else { layout.align_to(Lines::LINE).unwrap_or(layout) }
    }
}

// SAFETY: all is left to the system; a layout is aligned in the same way when its memory is given back, and what grows or
// shrinks is copied, as the trait does by itself.
unsafe impl GlobalAlloc for Lines {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller ensures; the size is the same.
        unsafe { System.alloc(Lines::aligned(layout)) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller ensures; the size is the same.
        unsafe { System.alloc_zeroed(Lines::aligned(layout)) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the memory was made with the same layout, aligned in the same way.
        unsafe { System.dealloc(memory, Lines::aligned(layout)) }
    }
}
