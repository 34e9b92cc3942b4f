//! What a call allocates: the contraction losses hold the pairs, never the product of three axes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use lossc::session::{Compiler, Params};
use lossc::tensor::{DType, Tensor};

/// The system's allocator, which remembers how much is allocated, and the most that was.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn info_nce_stays_below_three_matrices_of_pairs() {
    let (samples, width) = (4096, 256);
    let number = |at: usize| ((at.wrapping_mul(2_654_435_761) >> 7) % 1000) as f32 / 500.0 - 1.0;
    let features =
        |shift: usize| Tensor::f32((0..samples * width).map(|at| number(at + shift)).collect(), &[samples, width]);
    let (query, key) = (features(0), features(77));
    let program = Compiler::new().standard().expect("the library checks");
    let loss = program.loss("info_nce").expect("it is there").wrt_all().dtype(DType::F32).build().expect("it compiles");
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let inputs = [("query", query.view().expect("dense")), ("key", key.view().expect("dense"))];
    let result = loss.value_and_grad(&inputs, &Params::new()).expect("it runs");
    assert!(result.value().is_finite());
    let peak = MOST.load(Ordering::Relaxed) - before;
    let pairs = samples * samples * size_of::<f32>();
    assert!(peak < 3 * pairs, "{peak} bytes, {} matrices of pairs", peak as f64 / pairs as f64);
    assert!(peak > pairs, "{peak} bytes cannot be all");
}
