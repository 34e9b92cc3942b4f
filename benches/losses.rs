//! Losses, value and gradient in single precision, against loops that an expert writes by hand for the same.
//!
//! `cargo bench --bench losses`, or with the name of a case behind `--`. The values and gradients of both are compared
//! before anything is timed. `ratios.rs` puts the two side by side.

mod by_hand;
mod cases;
mod compare;
#[cfg(feature = "training")]
mod in_candle;

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

/// A plain copy of 2^24 numbers: how fast memory is.
#[divan::bench]
fn copy(bencher: Bencher) {
    let (from, mut to) = (vec![1.0_f32; 1 << 24], vec![0.0_f32; 1 << 24]);
    bencher
        .counter(BytesCount::new(2 * size_of_val(&*from)))
        .bench_local(|| by_hand::copy(Level::best(), divan::black_box(&from), &mut to));
}

/// The cases that candle can express.
#[cfg(feature = "training")]
fn in_candle() -> Vec<Case> {
    cases::all().into_iter().filter(|case| in_candle::find(&case.name).is_some()).collect()
}

/// The loss in operations of candle, which takes as many threads as it likes.
#[cfg(feature = "training")]
#[divan::bench(args = in_candle(), max_time = 1)]
fn candle(bencher: Bencher, case: &Case) {
    let data = Data::of(case);
    let chain = in_candle::find(&case.name).expect("only those are here");
    let graph = in_candle::Graph::new(case, &data, chain).expect("tensors");
    let (value, _) = graph.step().expect("a step");
    let mut memory = data.memory(case);
    data.reusing(case, &case.compile(1), &mut memory, |call| {
        let own = call();
        assert!((own - value).abs() <= 1e-3 * own.abs(), "{}: {own}, candle {value}", case.title());
    });
    bencher.counter(BytesCount::new(data.bytes(case))).bench_local(|| graph.step().expect("a step"));
}
