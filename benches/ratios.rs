//! lossc against hand-written loops, as ratios: `cargo bench --bench ratios -- focal_logits 2^20`.
//!
//! Words choose the cases whose `name/size` has all of them. Of each, the compiled loss with one thread and with two,
//! the loop by hand and a plain copy take turns, so that what else the machine does falls on all of them; the shortest
//! time of each counts. Options: `--rounds N` (15), `--level avx2` (or `plain`) for the loops by hand, `--json`.

mod by_hand;
mod cases;
mod compare;

use std::time::Instant;

use by_hand::Level;
use cases::Case;
use cases::data::Data;

/// What was asked for.
struct Options {
    words: Vec<String>,
    rounds: usize,
    level: Level,
    json: bool,
}

fn options() -> Result<Options, String> {
    let mut options = Options { words: Vec::new(), rounds: 15, level: Level::best(), json: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            // What cargo adds.
            "--bench" => {}
            "--json" => options.json = true,
            "--rounds" => options.rounds = value()?.parse().map_err(|error| format!("--rounds: {error}"))?,
            "--level" => {
                options.level = match value()?.as_str() {
                    "avx512" if Level::best() == Level::Avx512 => Level::Avx512,
                    "avx2" if Level::best() != Level::Plain => Level::Avx2,
                    "plain" => Level::Plain,
                    other => return Err(format!("--level: this machine has no {other}")),
                };
            }
            other if other.starts_with('-') => return Err(format!("unknown option {other}")),
            word => options.words.push(word.to_string()),
        }
    }
    Ok(options)
}

fn main() -> Result<(), String> {
    let options = options()?;
    let has = |case: &Case| options.words.iter().all(|word| case.title().contains(word.as_str()));
    let chosen: Vec<Case> = cases::all().into_iter().filter(has).collect();
    if chosen.is_empty() {
        return Err(format!("no case has all of {:?}", options.words));
    }
    if !options.json {
        println!("by hand: {:?}; µs, the shortest of {} rounds", options.level, options.rounds);
        println!(
            "{:34} {:>10} {:>10} {:>10}  {:>8} {:>8} {:>8}",
            "case", "lossc", "by hand", "2 threads", "of hand", "speed-up", "of copy"
        );
    }
    for case in chosen {
        let measured = measure(&case, &options);
        if options.json { measured.json(&case) } else { measured.text(&case) }
    }
    Ok(())
}

/// Shortest times of one call in µs.
struct Measured {
    one: f64,
    two: f64,
    hand: Option<f64>,
    /// Bytes a µs of the loss with one thread, as a share of those of a copy of the same size.
    of_copy: f64,
}

fn measure(case: &Case, options: &Options) -> Measured {
    let data = Data::of(case);
    let (one, two) = (case.compile(1), case.compile(2));
    let by_hand = by_hand::find(&case.name);
    if let Some(by_hand) = by_hand {
        compare::compare(case, &data, &one, options.level, by_hand);
    }
    let (mut memory, mut second, mut third) = (data.memory(case), data.memory(case), data.memory(case));
    let source = vec![1.0_f32; data.bytes(case) / 8];
    let mut target = vec![0.0_f32; source.len()];
    let (level, mut times) = (options.level, [f64::INFINITY; 4]);
    data.reusing(case, &one, &mut memory, |one| {
        data.reusing(case, &two, &mut second, |two| {
            for _ in 0..options.rounds {
                times[0] = times[0].min(time(one));
                times[1] = times[1]
                    .min(by_hand.map_or(f64::INFINITY, |by_hand| time(&mut || by_hand(level, &data, &mut third))));
                times[2] = times[2].min(time(two));
                times[3] = times[3].min(time(&mut || by_hand::copy(level, &source, &mut target)));
            }
        });
    });
    let [one, hand, two, copy] = times;
    Measured { one, two, hand: hand.is_finite().then_some(hand), of_copy: copy / one }
}

/// The shortest of a few calls; of short ones, of many.
fn time<T>(call: &mut dyn FnMut() -> T) -> f64 {
    let begin = Instant::now();
    let mut shortest = f64::INFINITY;
    for turn in 0.. {
        let start = Instant::now();
        std::hint::black_box(call());
        shortest = shortest.min(start.elapsed().as_secs_f64() * 1e6);
        if turn >= 1 && begin.elapsed().as_millis() >= 3 {
            break;
        }
    }
    shortest
}

impl Measured {
    fn text(&self, case: &Case) {
        let hand = self.hand.map_or("-".to_string(), |hand| format!("{hand:.1}"));
        let ratio = self.hand.map_or("-".to_string(), |hand| format!("{:.3}", hand / self.one));
        println!(
            "{:34} {:>10.1} {hand:>10} {:>10.1}  {ratio:>8} {:>8.2} {:>8.3}",
            case.title(),
            self.one,
            self.two,
            self.one / self.two,
            self.of_copy
        );
    }

    fn json(&self, case: &Case) {
        let line = serde_json::json!({
            "case": case.name, "size": case.size, "lossc_us": self.one, "lossc_2_threads_us": self.two,
            "by_hand_us": self.hand, "of_hand": self.hand.map(|hand| hand / self.one),
            "speed_up": self.one / self.two, "of_copy": self.of_copy,
        });
        println!("{line}");
    }
}
