//! A small network learns handwritten digits in candle, with `cross_entropy + lambda * center` of `digits.loss`.
//!
//!     cargo run --release --features training --example train_digits
//!
//! Each term is logged after every epoch. 64 pixels → 64 → 16 features → 10 logits, Adam, 30 epochs of 1297 images;
//! it tells 98.0 % of the 500 images that it has not seen.

use std::error::Error;

use candle_core::{D, DType, Device, Tensor, Var};
use candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW};
use indicatif::{ProgressBar, ProgressStyle};
use lossc::interop::candle::CandleLoss;
use lossc::session::{Compiler, Params};

#[path = "support/mod.rs"]
mod support;
use support::{Random, Samples, dense, digits, example};

const BATCH: usize = 32;

/// Two layers to the features, one to the logits.
struct Network {
    hidden: Linear,
    features: Linear,
    logits: Linear,
}

impl Network {
    /// Features and logits.
    fn forward(&self, pixels: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        let features = self.features.forward(&self.hidden.forward(pixels)?.relu()?)?;
        let logits = self.logits.forward(&features.relu()?)?;
        Ok((features, logits))
    }

    fn accuracy(&self, samples: &Samples) -> candle_core::Result<f64> {
        let (_, logits) = self.forward(&samples.pixels)?;
        let right = logits.argmax(D::Minus1)?.eq(&samples.label.to_dtype(DType::U32)?)?;
        right.to_dtype(DType::F64)?.mean_all()?.to_scalar()
    }
}

/// What came of it.
pub struct Outcome {
    /// The mean loss of each epoch.
    pub losses: Vec<f64>,
    /// The share of unseen images that are told right.
    pub accuracy: f64,
}

/// Trains from the same random start in every run.
pub fn train(epochs: usize) -> Result<Outcome, Box<dyn Error>> {
    let (learned, judged) = digits()?;
    let program = Compiler::new().compile(&std::fs::read_to_string(example("digits.loss"))?)?;
    let loss = CandleLoss::new(program.loss("digits")?.build()?);

    let mut random = Random(2);
    let mut variables = Vec::new();
    let network = Network {
        hidden: dense(&mut random, 64, 64, &mut variables)?,
        features: dense(&mut random, 64, 16, &mut variables)?,
        logits: dense(&mut random, 16, 10, &mut variables)?,
    };
    let centers = Var::zeros((10, 16), DType::F32, &Device::Cpu)?;
    variables.push(centers.clone());
    let mut optimizer = AdamW::new(variables, ParamsAdamW { lr: 0.006, ..ParamsAdamW::default() })?;

    let bar = ProgressBar::new((epochs * learned.count().div_ceil(BATCH)) as u64);
    bar.set_style(ProgressStyle::with_template("{wide_bar} {pos}/{len} steps {msg}")?);
    let mut losses = Vec::new();
    for epoch in 1..=epochs {
        let (mut total, mut entropy, mut center) = (0.0, 0.0, 0.0);
        let order = random.order(learned.count());
        for positions in order.chunks(BATCH) {
            let batch = learned.select(positions)?;
            let (features, logits) = network.forward(&batch.pixels)?;
            let inputs = [
                ("logits", &logits),
                ("features", &features),
                ("centers", centers.as_tensor()),
                ("label", &batch.label),
            ];
            let step = loss.evaluate(&inputs, &Params::new().set("lambda", 0.003))?;
            optimizer.backward_step(step.total())?;

            let share = positions.len() as f64 / order.len() as f64;
            total += share * f64::from(step.total().to_scalar::<f32>()?);
            entropy += share * step.term("cross_entropy").unwrap_or(f64::NAN);
            center += share * step.term("center").unwrap_or(f64::NAN);
            bar.inc(1);
        }
        losses.push(total);
        let accuracy = 100.0 * network.accuracy(&judged)?;
        bar.set_message(format!("{accuracy:.1} %"));
        bar.suspend(|| {
            println!("epoch {epoch:2}  loss {total:.4}  cross_entropy {entropy:.4}  center {center:8.4}  unseen {accuracy:.1} %");
        });
    }
    bar.finish_and_clear();
    Ok(Outcome { losses, accuracy: network.accuracy(&judged)? })
}

#[allow(dead_code, reason = "the test of the examples calls `train`")]
fn main() -> Result<(), Box<dyn Error>> {
    let outcome = train(30)?;
    println!("{:.1} % of the unseen digits are told right", 100.0 * outcome.accuracy);
    Ok(())
}
