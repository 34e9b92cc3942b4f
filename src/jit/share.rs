//! Numbered pieces of work → threads.
//!
//! The threads are those of rayon's pool: the one that the program's other libraries use too, so that together they do
//! not start more threads than there are cores, and a caller chooses another one with `ThreadPool::install`. What the
//! pieces are never depends on the number of threads where that would make a difference to the results.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many threads a call may use, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads {
    /// At most so many; none: as many as rayon's pool has.
    pub limit: Option<usize>,
    /// How much work is worth more than one thread, in tenths of a nanosecond as a rough model of costs has it.
    pub worth: u64,
}

impl Default for Threads {
    fn default() -> Self {
        // To wake another thread and to wait for it takes some µs: measured, it pays from 100 µs on.
        Threads { limit: None, worth: 1_000_000 }
    }
}

impl Threads {
    /// How many threads are used for much work.
    pub fn most(self) -> usize {
        self.limit.unwrap_or_else(rayon::current_num_threads)
    }

    /// How many threads are used for some work in `pieces`.
    pub(super) fn used(self, work: u64, pieces: usize) -> usize {
        if work < self.worth || pieces < 2 || self.limit == Some(1) {
            return 1;
        }
        self.most().clamp(1, pieces)
    }
}

/// Runs `run(worker, piece)` for every piece, on as many threads as are given; a worker runs one piece at a time.
pub(super) fn pieces(threads: usize, count: usize, run: &(impl Fn(usize, usize) + Sync)) {
    if threads <= 1 {
        return (0..count).for_each(|piece| run(0, piece));
    }
    let next = AtomicUsize::new(0);
    fork(0, threads, &|worker| {
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= count {
                return;
            }
            run(worker, piece);
        }
    });
}

/// Runs something on a thread of the pool, and waits for it.
pub(super) fn enter(run: impl FnOnce() + Send) {
    rayon::scope(move |_| run());
}

/// Runs the workers from `first` to before `end`.
fn fork(first: usize, end: usize, work: &(dyn Fn(usize) + Sync)) {
    if end - first == 1 {
        return work(first);
    }
    let middle = first + (end - first) / 2;
    rayon::join(|| fork(first, middle, work), || fork(middle, end, work));
}
