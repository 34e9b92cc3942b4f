//! A training step in candle, forward and backward, with the fused loss and with the same loss in candle's operations:
//! time and peak memory of both, in one run.
//!
//!     cargo run --release --features training --example candle_step
//!
//! The two take turns. The time is the least and the median of the turns; the memory is the most that was taken from the
//! heap at once during a step, beyond what was held before it: the logits and targets are not in it, the value and the
//! gradient are. What both give is compared before anything is measured.

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use candle_core::{D, Device, Tensor, Var};
use lossc::interop::candle::CandleLoss;
use lossc::session::{Compiler, Params};

#[path = "support/mod.rs"]
mod support;
use support::Random;

/// The system's allocator, which knows how much is held and what the most was.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed on to the system's allocator. What it gives to grow a block is counted as one more block
// would be: the default of `realloc` takes a new one and gives the old one back.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(HELD.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(HELD.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A loss in candle's operations: of the prediction and the target.
type Written = fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>;

/// A loss with its data.
struct Task {
    name: &'static str,
    inputs: [&'static str; 2],
    pred: Var,
    target: Tensor,
    written: Written,
}

fn cross_entropy(logits: &Tensor, label: &Tensor) -> candle_core::Result<Tensor> {
    candle_nn::loss::cross_entropy(logits, label)
}

/// With α = β = 0.5 and eps = 1e-5, the defaults of `combo`.
fn combo(pred: &Tensor, target: &Tensor) -> candle_core::Result<Tensor> {
    let overlap = ((pred * target)?.sum_all()? * 2.0)?;
    let sizes = (pred.sum_all()? + target.sum_all()?)?;
    let dice = (1.0 - ((overlap + 1e-5)? / (sizes + 1e-5)?)?)?;
    let positive = (target * pred.log()?)?;
    let negative = ((1.0 - target)? * (1.0 - pred)?.log()?)?;
    let entropy = ((positive + negative)?.mean_all()? * -0.5)?;
    (entropy * 0.5)? + (dice * 0.5)?
}

/// With α = 0.25 and γ = 2, the defaults of `focal_logits`. candle has no softplus: log(1 + exp(−|x|)) + max(x, 0).
fn focal_logits(logits: &Tensor, target: &Tensor) -> candle_core::Result<Tensor> {
    let softplus = |x: &Tensor| (x.abs()?.neg()?.exp()? + 1.0)?.log()? + x.relu()?;
    let sign = ((target * 2.0)? - 1.0)?;
    let right = (logits * sign)?;
    let weight = ((target * -0.5)? + 0.75)?;
    let focus = (softplus(&right)? * -2.0)?.exp()?;
    ((weight * focus)? * softplus(&right.neg()?)?)?.mean_all()
}

fn tasks() -> candle_core::Result<Vec<Task>> {
    let (rows, classes, many) = (4096, 1000, 1 << 20);
    let mut random = Random(5);
    let logits = random.tensor(&[rows, classes], 4.0)?;
    let label: Vec<u32> = random.order(rows).into_iter().map(|number| number % classes as u32).collect();
    let target = random.tensor(&[many], 1.0)?.gt(0.5)?.to_dtype(candle_core::DType::F32)?;
    let pred = random.tensor(&[many], 0.49)?.affine(1.0, 0.5)?;
    let scores = random.tensor(&[many], 6.0)?;
    let task = |name, inputs, pred: &Tensor, target: &Tensor, written| -> candle_core::Result<Task> {
        Ok(Task { name, inputs, pred: Var::from_tensor(pred)?, target: target.clone(), written })
    };
    Ok(vec![
        task(
            "cross_entropy [4096, 1000]",
            ["logits", "label"],
            &logits,
            &Tensor::new(label, &Device::Cpu)?,
            cross_entropy as Written,
        )?,
        task("combo [1048576]", ["pred", "target"], &pred, &target, combo)?,
        task("focal_logits [1048576]", ["logits", "target"], &scores, &target, focal_logits)?,
    ])
}

/// What was measured of one way.
#[derive(Default)]
struct Measured {
    times: Vec<Duration>,
    memory: usize,
}

impl Measured {
    /// Runs one step.
    fn step(
        &mut self,
        pred: &Var,
        value: impl Fn() -> Result<Tensor, Box<dyn Error>>,
    ) -> Result<(f32, Tensor), Box<dyn Error>> {
        let before = HELD.load(Relaxed);
        MOST.store(before, Relaxed);
        let start = Instant::now();
        let value = value()?;
        let gradients = value.backward()?;
        self.times.push(start.elapsed());
        self.memory = self.memory.max(MOST.load(Relaxed) - before);
        let gradient = gradients.get(pred).ok_or("no gradient")?.clone();
        Ok((value.to_scalar()?, gradient))
    }

    /// The least and the median time, in milliseconds.
    fn times(&mut self) -> (f64, f64) {
        self.times.sort();
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        (milliseconds(self.times[0]), milliseconds(self.times[self.times.len() / 2]))
    }
}

/// Measures one loss in both ways, which take turns.
fn measure(task: &Task, turns: usize) -> Result<[Measured; 2], Box<dyn Error>> {
    let name = task.name.split(' ').next().unwrap_or_default();
    let loss = CandleLoss::new(Compiler::new().standard()?.loss(name)?.build()?);
    let inputs = [(task.inputs[0], task.pred.as_tensor()), (task.inputs[1], &task.target)];
    let fused = || Ok(loss.forward(&inputs, &Params::new())?);
    let written = || Ok((task.written)(&task.pred, &task.target)?);
    let mut all = [Measured::default(), Measured::default()];
    for turn in 0..=turns {
        let (value, gradient) = all[0].step(&task.pred, fused)?;
        let (other, expected) = all[1].step(&task.pred, written)?;
        if turn == 0 {
            // The first turn compiles the kernels and warms the memory up: it is compared, and not counted.
            let largest = |tensor: &Tensor| tensor.abs()?.flatten_all()?.max(D::Minus1)?.to_scalar::<f32>();
            let (error, size) = (largest(&(gradient - &expected)?)?, largest(&expected)?);
            if (value - other).abs() > 1e-4 * other.abs() || error > 1e-4 * size {
                return Err(format!("{name}: {value} and {other}, gradients {error} apart of {size}").into());
            }
            all = [Measured::default(), Measured::default()];
        }
    }
    Ok(all)
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("| loss | way | ms, least | ms, median | peak MiB |");
    println!("|---|---|---|---|---|");
    for task in tasks()? {
        let ways = measure(&task, 30)?;
        let mut least = Vec::new();
        for (way, mut measured) in ["fused", "candle's operations"].into_iter().zip(ways) {
            let (best, median) = measured.times();
            let memory = measured.memory as f64 / f64::from(1 << 20);
            println!("| `{}` | {way} | {best:.2} | {median:.2} | {memory:.1} |", task.name);
            least.push((best, memory));
        }
        let (time, memory) = (least[1].0 / least[0].0, least[1].1 / least[0].1);
        println!("| | fused is | {time:.1} times as fast | | {memory:.1} times less |");
    }
    Ok(())
}
