//! Losses, value and gradient in single precision, against a loop that a Rust programmer writes by hand for the same.
//!
//! `cargo bench --bench losses`. The values of both are compared before anything is timed.

mod by_hand;

use divan::Bencher;
use divan::counter::ItemsCount;
use lossc::session::{Compiler, Loss, Params};
use lossc::tensor::{DType, Tensor};

fn main() {
    for name in NAMES {
        for size in SIZES {
            Task::new(name, *size).compare();
        }
    }
    divan::main();
}

const NAMES: &[&str] = &["mse", "bce_logits", "focal_logits", "dice", "combo", "cross_entropy"];
const SIZES: &[usize] = &[1 << 12, 1 << 20];

/// Classes of the cross entropy.
const CLASSES: usize = 16;

/// One loss on data of one size.
struct Task {
    name: &'static str,
    loss: Loss,
    inputs: [(&'static str, Tensor); 2],
    gradient: Vec<f32>,
}

/// A fixed sequence in [0, 1).
fn sequence(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 24) as f32
    }
}

impl Task {
    fn new(name: &'static str, size: usize) -> Task {
        let mut draw = sequence(size as u64);
        let mut floats = |low: f32, high: f32| -> Vec<f32> { (0..size).map(|_| low + (high - low) * draw()).collect() };
        let (first, data) = match name {
            "mse" => ("pred", floats(-2.0, 2.0)),
            "dice" | "combo" => ("pred", floats(0.01, 0.99)),
            _ => ("logits", floats(-6.0, 6.0)),
        };
        let inputs = if name == "cross_entropy" {
            let rows = size / CLASSES;
            let labels = floats(0.0, CLASSES as f32).into_iter().take(rows).map(|label| label as i64).collect();
            [(first, Tensor::f32(data, &[rows, CLASSES])), ("label", Tensor::i64(labels, &[rows]))]
        } else {
            let target: Vec<f32> = match name {
                "mse" => floats(-2.0, 2.0),
                _ => floats(0.0, 1.0).into_iter().map(|x| if x < 0.4 { 1.0 } else { 0.0 }).collect(),
            };
            [(first, Tensor::f32(data, &[size])), ("target", Tensor::f32(target, &[size]))]
        };
        let library = Compiler::new().standard().expect("sound");
        let loss = library.loss(name).and_then(|loss| loss.wrt([first]).dtype(DType::F32).build());
        Task { name, loss: loss.unwrap_or_else(|error| panic!("{error}")), inputs, gradient: vec![0.0; size] }
    }

    fn compiled(&self) -> lossc::session::Evaluation {
        let views: Vec<_> = self.inputs.iter().map(|(name, tensor)| (*name, tensor.view().expect("it fits"))).collect();
        self.loss.value_and_grad(&views, &Params::new()).expect("it runs")
    }

    fn by_hand(&mut self) -> f32 {
        let [(_, first), (_, second)] = &self.inputs;
        by_hand::value_and_gradient(self.name, first, second, &mut self.gradient)
    }

    fn compare(&mut self) {
        let by_hand = f64::from(self.by_hand());
        let evaluation = self.compiled();
        let close = |got: f64, want: f64, scale: f64| (got - want).abs() <= 1e-4 * want.abs().max(scale);
        assert!(close(evaluation.value(), by_hand, 0.0), "{}: {} and {by_hand}", self.name, evaluation.value());
        let gradient = evaluation.gradients()[0].tensor.to_f64();
        let scale = gradient.iter().fold(0.0_f64, |scale, number| scale.max(number.abs()));
        for (at, (&got, &want)) in gradient.iter().zip(&self.gradient).enumerate() {
            assert!(close(got, f64::from(want), scale), "{}, gradient {at}: {got} and {want}", self.name);
        }
    }
}

#[divan::bench(args = NAMES, consts = [4096, 1_048_576])]
fn lossc<const SIZE: usize>(bencher: Bencher, name: &&'static str) {
    let task = Task::new(name, SIZE);
    task.compiled();
    bencher.counter(ItemsCount::new(SIZE)).bench_local(|| task.compiled());
}

#[divan::bench(args = NAMES, consts = [4096, 1_048_576])]
fn plain_rust<const SIZE: usize>(bencher: Bencher, name: &&'static str) {
    let mut task = Task::new(name, SIZE);
    bencher.counter(ItemsCount::new(SIZE)).bench_local(|| task.by_hand());
}
