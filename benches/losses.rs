//! Losses, value and gradient in single precision, against loops that an expert writes by hand for the same.
//!
//! `cargo bench --bench losses`, or with the name of a case behind `--`. The values and gradients of both are compared
//! before anything is timed. `ratios.rs` puts the two side by side.

mod by_hand;
mod cases;
mod compare;

use by_hand::Level;
use cases::Case;
use cases::data::Data;
use divan::Bencher;
use divan::counter::BytesCount;

fn main() {
    divan::main();
}

impl std::fmt::Display for Case {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.title())
    }
}

/// The cases that have a loop by hand.
fn with_loops() -> Vec<Case> {
    cases::all().into_iter().filter(|case| by_hand::find(&case.name).is_some()).collect()
}

/// The compiled loss, with as many threads.
#[divan::bench(args = cases::all(), consts = [1, 2])]
fn lossc<const THREADS: usize>(bencher: Bencher, case: &Case) {
    let (data, loss) = (Data::of(case), case.compile(THREADS));
    if let Some(by_hand) = by_hand::find(&case.name) {
        compare::compare(case, &data, &loss, Level::best(), by_hand);
    }
    let mut memory = data.memory(case);
    data.reusing(case, &loss, &mut memory, |call| {
        bencher.counter(BytesCount::new(data.bytes(case))).bench_local(call);
    });
}

/// The loop by hand, with one thread.
#[divan::bench(args = with_loops())]
fn by_hand_best(bencher: Bencher, case: &Case) {
    let (data, run) = (Data::of(case), by_hand::find(&case.name).expect("only those are here"));
    let mut memory = data.memory(case);
    bencher.counter(BytesCount::new(data.bytes(case))).bench_local(|| run(Level::best(), &data, &mut memory));
}
