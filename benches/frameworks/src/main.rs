//! burn on the CPU against lossc, value and gradients: `cargo run --release --manifest-path benches/frameworks/Cargo.toml`.
//!
//! Words behind `--` choose cases. Both use as many threads as they like; the tools take turns, the shortest time counts.

mod in_burn;

#[path = "../../cases/mod.rs"]
mod cases;

use std::hint::black_box;
use std::time::Instant;

use cases::data::Data;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    println!("{:34} {:>12} {:>12} {:>8}", "case, µs", "burn", "lossc", "ratio");
    for case in cases::all() {
        if !words.iter().all(|word| case.title().contains(word.as_str())) {
            continue;
        }
        let Some(chain) = in_burn::find(&case.name) else { continue };
        let data = Data::of(&case);
        let mut step = chain(&in_burn::Inputs::new(&case, &data));
        let theirs = step();
        let loss = case.compile(std::thread::available_parallelism().map_or(1, usize::from));
        let mut memory = data.memory(&case);
        let (mut burn, mut own) = (f64::INFINITY, f64::INFINITY);
        data.reusing(&case, &loss, &mut memory, |call| {
            let value = call();
            assert!((value - theirs).abs() <= 1e-3 * value.abs(), "{}: {value}, burn {theirs}", case.title());
            for _ in 0..7 {
                burn = burn.min(time(&mut step));
                own = own.min(time(call));
            }
        });
        println!("{:34} {burn:>12.1} {own:>12.1} {:>8.2}", case.title(), burn / own);
    }
}

/// The shortest of a few calls, in µs.
fn time(call: &mut dyn FnMut() -> f64) -> f64 {
    let begin = Instant::now();
    let mut shortest = f64::INFINITY;
    for turn in 0.. {
        let start = Instant::now();
        black_box(call());
        shortest = shortest.min(start.elapsed().as_secs_f64() * 1e6);
        if turn >= 1 && begin.elapsed().as_millis() >= 5 {
            break;
        }
    }
    shortest
}
