//! An imbalanced task, one positive in ten: is a digit an eight? The same network is trained in candle with
//! `bce_logits`, `focal_logits` and a compound of dice and balanced cross entropy, and the three are compared.
//!
//!     cargo run --release --features training --example train_imbalanced

use std::error::Error;

use candle_core::{DType, Tensor};
use candle_nn::{AdamW, Module, Optimizer, ParamsAdamW};
use lossc::interop::candle::CandleLoss;
use lossc::session::{Compiler, Params};

#[path = "support/mod.rs"]
mod support;
use support::{Random, Samples, dense, digits, example};

/// The losses of `imbalanced.loss`.
pub const LOSSES: [&str; 3] = ["plain", "focused", "combo_logits"];

const DIGIT: u8 = 8;
const BATCH: usize = 32;

/// What came of one loss.
pub struct Outcome {
    /// The mean loss of the first and of the last epoch.
    pub losses: (f64, f64),
    /// Of the unseen samples that are called positive, the share that is.
    pub precision: f64,
    /// Of the unseen positive samples, the share that is called so.
    pub recall: f64,
    /// The mean precision over all thresholds, at each positive sample.
    pub average_precision: f64,
}

impl Outcome {
    /// The harmonic mean of precision and recall.
    pub fn f1(&self) -> f64 {
        2.0 * self.precision * self.recall / (self.precision + self.recall).max(1e-9)
    }
}

/// Trains one network with one loss, from the same random start for each.
pub fn train(loss: &str, epochs: usize) -> Result<Outcome, Box<dyn Error>> {
    let (learned, judged) = digits()?;
    let program = Compiler::new().compile(&std::fs::read_to_string(example("imbalanced.loss"))?)?;
    let loss = CandleLoss::new(program.loss(loss)?.build()?);

    let mut random = Random(3);
    let mut variables = Vec::new();
    let hidden = dense(&mut random, 64, 16, &mut variables)?;
    let last = dense(&mut random, 16, 1, &mut variables)?;
    let network = |pixels: &Tensor| last.forward(&hidden.forward(pixels)?.relu()?)?.squeeze(1);
    let mut optimizer = AdamW::new(variables, ParamsAdamW { lr: 0.01, ..ParamsAdamW::default() })?;

    let mut losses = Vec::new();
    for _ in 0..epochs {
        let order = random.order(learned.count());
        let mut total = 0.0;
        for positions in order.chunks(BATCH) {
            let batch = learned.select(positions)?;
            let (logits, target) = (network(&batch.pixels)?, positives(&batch)?);
            let value = loss.forward(&[("logits", &logits), ("target", &target)], &Params::new())?;
            optimizer.backward_step(&value)?;
            total += f64::from(value.to_scalar::<f32>()?) * positions.len() as f64 / order.len() as f64;
        }
        losses.push(total);
    }
    let scores: Vec<f32> = network(&judged.pixels)?.to_vec1()?;
    let target: Vec<f32> = positives(&judged)?.to_vec1()?;
    let first_and_last = (losses.first().copied().unwrap_or(0.0), losses.last().copied().unwrap_or(0.0));
    Ok(judge(first_and_last, &scores, &target))
}

/// 1 where the digit is the one.
fn positives(samples: &Samples) -> candle_core::Result<Tensor> {
    samples.label.eq(DIGIT)?.to_dtype(DType::F32)
}

fn judge(losses: (f64, f64), scores: &[f32], target: &[f32]) -> Outcome {
    let mut ranked: Vec<(f32, bool)> = scores.iter().copied().zip(target.iter().map(|&target| target == 1.0)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positive = ranked.iter().filter(|(_, is)| *is).count() as f64;
    let called = ranked.iter().filter(|(score, _)| *score > 0.0).count() as f64;
    let right = ranked.iter().filter(|(score, is)| *score > 0.0 && *is).count() as f64;
    let (mut found, mut sum) = (0.0, 0.0);
    for (place, (_, is)) in ranked.iter().enumerate() {
        if *is {
            found += 1.0;
            sum += found / (place as f64 + 1.0);
        }
    }
    Outcome { losses, precision: right / called.max(1.0), recall: right / positive, average_precision: sum / positive }
}

#[allow(dead_code, reason = "the test of the examples calls `train`")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("loss          first   last    precision  recall  F1     average precision");
    for loss in LOSSES {
        let outcome = train(loss, 20)?;
        let (first, last) = outcome.losses;
        let Outcome { precision, recall, average_precision, .. } = outcome;
        let f1 = outcome.f1();
        println!("{loss:12}  {first:.4}  {last:.4}  {precision:<9.3}  {recall:<6.3}  {f1:.3}  {average_precision:.3}");
    }
    Ok(())
}
