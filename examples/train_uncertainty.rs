//! Logistic regression without a framework: ndarray, gradient descent, and two losses whose weights are learned.
//!
//!     cargo run --release --features training --example train_uncertainty
//!
//! The loss is `two_losses.loss`: focal loss and Dice, each divided by an uncertainty that is learned with the
//! weights. `gamma` of the focal loss falls from 2 to 0.5 during the training: a hyperparameter is set at every call.

use std::error::Error;
use std::path::Path;

use lossc::interop::ndarray::ArrayInput;
use lossc::session::{Compiler, Loss, Params};
use ndarray::{Array1, Array2, ArrayView1, Axis, Ix1, s};

/// How many patients are kept for the judgement.
const JUDGED: usize = 171;

/// What came of it.
pub struct Outcome {
    /// Focal loss and Dice on the patients learned from, before and after, both at `gamma = 2`.
    pub before: (f64, f64),
    #[allow(missing_docs, reason = "see `before`")]
    pub after: (f64, f64),
    /// The learned weights exp(−s) of the two.
    pub weights: (f64, f64),
    /// The share of unseen patients that are told right.
    pub accuracy: f64,
}

/// Features, each with mean 0 and deviation 1, and the diagnoses, in an order that mixes them.
fn patients() -> Result<(Array2<f32>, Array1<f32>), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/breast_cancer.csv");
    let text = std::fs::read_to_string(path)?;
    let numbers: Vec<f32> =
        text.lines().skip(1).flat_map(|line| line.split(',')).map(str::parse).collect::<Result<_, _>>()?;
    let table = Array2::from_shape_vec((numbers.len() / 31, 31), numbers)?;
    // 569 patients; 250 has no divisor in common with it, so this meets each once.
    let order: Vec<usize> = (0..table.nrows()).map(|patient| patient * 250 % table.nrows()).collect();
    let table = table.select(Axis(0), &order);
    let mut features = table.slice(s![.., ..30]).to_owned();
    for mut feature in features.columns_mut() {
        let (mean, deviation) = (feature.sum() / feature.len() as f32, feature.std(0.0));
        feature.mapv_inplace(|value| (value - mean) / deviation);
    }
    Ok((features, table.column(30).to_owned()))
}

/// The values of the two terms for these weights.
fn terms(loss: &Loss, logits: &Array1<f32>, target: ArrayView1<'_, f32>) -> Result<(f64, f64), Box<dyn Error>> {
    let inputs = [("logits", ArrayInput::from(logits)), ("target", target.into())];
    let out = loss.value_and_grad_arrays(&inputs, &Params::new())?;
    let of = |name: &str| out.term(name).unwrap_or(f64::NAN);
    Ok((of("focal_logits"), of("dice")))
}

/// Trains from weights of 0.
pub fn train(steps: usize) -> Result<Outcome, Box<dyn Error>> {
    let (features, target) = patients()?;
    let (judged, learned) = features.view().split_at(Axis(0), JUDGED);
    let (judged_target, learned_target) = target.view().split_at(Axis(0), JUDGED);
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/two_losses.loss"))?;
    let program = Compiler::new().compile(&text)?;
    let loss = program.loss("two_losses")?.wrt(["logits", "s1", "s2"]).build()?;

    let (mut weights, mut bias) = (Array1::<f32>::zeros(30), 0.0_f32);
    let mut learnables = loss.learnables()?;
    let logits = |weights: &Array1<f32>, bias: f32| learned.dot(weights) + bias;
    let before = terms(&loss, &logits(&weights, bias), learned_target)?;
    for step in 0..steps {
        let gamma = 2.0 - 1.5 * step as f64 / steps as f64;
        let logits = logits(&weights, bias);
        let inputs = [("logits", ArrayInput::from(&logits)), ("target", learned_target.into())];
        let out = loss.value_and_grad_arrays(&inputs, &Params::new().with_state(&learnables).set("gamma", gamma))?;

        let gradient = out.grad_array::<f32>("logits").ok_or("no gradient")?.into_dimensionality::<Ix1>()?;
        weights.scaled_add(-0.1, &learned.t().dot(&gradient));
        bias -= 0.1 * gradient.sum();
        for name in ["s1", "s2"] {
            let gradient = out.grad(name).ok_or("no gradient")?.to_f64()[0];
            learnables.set(name, learnables.get(name).unwrap_or(0.0) - 0.02 * gradient);
        }
        if (step + 1) % (steps / 5).max(1) == 0 {
            let (focal, dice) = (out.term("focal_logits").unwrap_or(f64::NAN), out.term("dice").unwrap_or(f64::NAN));
            println!(
                "step {:4}  gamma {gamma:.2}  loss {:.4}  focal {focal:.4}  dice {dice:.4}",
                step + 1,
                out.value()
            );
        }
    }
    let after = terms(&loss, &logits(&weights, bias), learned_target)?;
    let told = judged.dot(&weights) + bias;
    let right = told.iter().zip(judged_target).filter(|(logit, target)| (**logit > 0.0) == (**target == 1.0)).count();
    #[expect(clippy::disallowed_methods, reason = "the kernels of the compiler have another exp; this prints a number")]
    let weight = |name: &str| (-learnables.get(name).unwrap_or(f64::NAN)).exp();
    let weights = (weight("s1"), weight("s2"));
    Ok(Outcome { before, after, weights, accuracy: right as f64 / JUDGED as f64 })
}

#[allow(dead_code, reason = "the test of the examples calls `train`")]
fn main() -> Result<(), Box<dyn Error>> {
    let outcome = train(300)?;
    let (focal, dice) = outcome.weights;
    println!("learned weights: focal {focal:.3}, dice {dice:.3}");
    println!("{:.1} % of the unseen patients are told right", 100.0 * outcome.accuracy);
    Ok(())
}
