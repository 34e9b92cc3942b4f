//! Losses put together from losses: value, terms, weights and gradients against numbers made by hand and against
//! the interpreter.
#![allow(clippy::disallowed_methods, reason = "expected numbers are made without the crate")]

mod running;

use lossc::eval::Precision;
use lossc::session::{Compiler, Engine, LossBuilder};
use lossc::tensor::{DType, Tensor};

use running::{Numbers, Tensors, call, difference, interpret, numbers, reference};

fn compile(text: &str) -> LossBuilder {
    let program = Compiler::new().compile(text).unwrap_or_else(|error| panic!("{error}"));
    program.main().expect("a loss")
}

fn standard(name: &str) -> LossBuilder {
    Compiler::new().standard().expect("sound").loss(name).expect("it exists")
}

fn tensors(list: &[(&str, &[f64], &[usize])]) -> Tensors {
    list.iter().map(|(name, data, shape)| ((*name).to_owned(), Tensor::f64(data.to_vec(), shape))).collect()
}

/// Machine code in f64, after it was compared with the interpreter on the graph as lowered.
fn judged(builder: &LossBuilder, tensors: &Tensors, wrt: &[&str]) -> Numbers {
    let wrt: Vec<String> = wrt.iter().map(|name| (*name).to_owned()).collect();
    let want = interpret(&reference(builder, &wrt), tensors, Precision::Double).expect("the data fit");
    for engine in [Engine::Interpreter, Engine::Jit] {
        let loss = builder.clone().engine(engine).dtype(DType::F64).wrt(wrt.clone()).build().expect("it builds");
        let got = numbers(&call(&loss, tensors).expect("it runs"));
        if let Some(message) = difference(&got, &want, 1e-12, |_| 0.0) {
            panic!("{engine:?}: {message}");
        }
        if engine == Engine::Jit {
            return got;
        }
    }
    want
}

fn near(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-12 * want.abs().max(1.0), "{got} instead of {want}");
}

/// Names, weights and values of all terms.
fn terms(builder: &LossBuilder, tensors: &Tensors) -> Vec<(String, f64, f64)> {
    let loss = builder.clone().dtype(DType::F64).build().expect("it builds");
    let evaluation = call(&loss, tensors).expect("it runs");
    let list: Vec<_> = evaluation.terms().iter().map(|term| (term.name.clone(), term.weight, term.value)).collect();
    near(list.iter().map(|(_, weight, value)| weight * value).sum(), evaluation.value());
    list
}

const PRED: [f64; 6] = [0.9, 0.2, 0.6, 0.35, 0.75, 0.1];
const TARGET: [f64; 6] = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0];

fn pair() -> Tensors {
    tensors(&[("pred", &PRED, &[2, 3]), ("target", &TARGET, &[2, 3])])
}

/// The value and the gradient by `pred` of a loss of the library on [`pair`].
fn alone(name: &str) -> (f64, Vec<f64>) {
    let got = judged(&standard(name), &pair(), &["pred"]);
    (got.value(), got.gradient("pred").to_vec())
}

#[test]
fn the_losses_that_are_put_together_are_right_by_hand() {
    let dice = |p: &[f64], y: &[f64]| {
        let common: f64 = p.iter().zip(y).map(|(p, y)| p * y).sum();
        1.0 - (2.0 * common + 1e-5) / (p.iter().sum::<f64>() + y.iter().sum::<f64>() + 1e-5)
    };
    near(alone("dice").0, dice(&PRED, &TARGET));
    let entropy = |(p, y): (&f64, &f64)| -(y * p.ln() + (1.0 - y) * (1.0 - p).ln());
    near(alone("bce").0, PRED.iter().zip(&TARGET).map(entropy).sum::<f64>() / 6.0);
    near(alone("mse").0, PRED.iter().zip(&TARGET).map(|(p, y)| (p - y).powi(2)).sum::<f64>() / 6.0);
}

#[test]
fn six_losses_on_shared_inputs() {
    let names = ["dice", "bce", "mse", "jaccard", "tversky", "mae"];
    let weights = [1.0, -2.0, 0.5, 3.0, 1.0, 0.25];
    let builder = compile("loss six(w = 3) = dice - 2 * bce + mse / 2 + w * jaccard + tversky + 0.25 * mae");
    let got = judged(&builder, &pair(), &["pred"]);
    let parts: Vec<(f64, Vec<f64>)> = names.iter().map(|name| alone(name)).collect();
    near(got.value(), parts.iter().zip(weights).map(|((value, _), weight)| weight * value).sum());
    for at in 0..6 {
        near(got.gradient("pred")[at], parts.iter().zip(weights).map(|((_, slope), weight)| weight * slope[at]).sum());
    }
    let list = terms(&builder, &pair());
    for (((name, weight, value), wanted), (part, wanted_weight)) in
        list.iter().zip(names).zip(parts.iter().zip(weights))
    {
        assert_eq!(name, wanted);
        near(*weight, wanted_weight);
        near(*value, part.0);
    }
    assert_eq!(list.len(), 6);
}

#[test]
fn the_product_of_two_losses() {
    let got = judged(&compile("loss product = dice * bce"), &pair(), &["pred"]);
    let ((dice, by_dice), (bce, by_bce)) = (alone("dice"), alone("bce"));
    near(got.value(), dice * bce);
    for at in 0..6 {
        near(got.gradient("pred")[at], by_dice[at] * bce + dice * by_bce[at]);
    }
}

#[test]
fn a_loss_of_a_stop() {
    let builder =
        compile("loss held(pred: prob[..B], target: binary[..B]) = mse(stop(pred), target) + stop(dice) * bce\n");
    let got = judged(&builder, &pair(), &["pred", "target"]);
    let ((dice, _), (bce, by_bce), (mse, _)) = (alone("dice"), alone("bce"), alone("mse"));
    near(got.value(), mse + dice * bce);
    for at in 0..6 {
        near(got.gradient("pred")[at], dice * by_bce[at]);
        let (p, y) = (PRED[at], TARGET[at]);
        near(got.gradient("target")[at], 2.0 * (y - p) / 6.0 + dice * (-p.ln() + (1.0 - p).ln()) / 6.0);
    }
}

#[test]
fn a_function_of_a_sum_of_losses() {
    let got = judged(&compile("loss bent = log(cosh(dice + bce))"), &pair(), &["pred"]);
    let ((dice, by_dice), (bce, by_bce)) = (alone("dice"), alone("bce"));
    let sum = dice + bce;
    near(got.value(), sum.cosh().ln());
    for at in 0..6 {
        near(got.gradient("pred")[at], sum.tanh() * (by_dice[at] + by_bce[at]));
    }
}

#[test]
fn a_mean_of_kept_axes() {
    let (n, c, h, w) = (2, 3, 2, 2);
    let size = n * c * h * w;
    let pred: Vec<f64> = (0..size).map(|at| 0.05 + 0.9 * ((at * 7 % 24) as f64 / 24.0)).collect();
    let target: Vec<f64> = (0..size).map(|at| f64::from(u8::from(at * 5 % 7 < 3))).collect();
    let data = tensors(&[("pred", &pred, &[n, c, h, w]), ("target", &target, &[n, c, h, w])]);
    let builder = compile("loss kept(pred: prob[N, C, H, W], target: binary[N, C, H, W]) = mean(dice[H, W])");
    let got = judged(&builder, &data, &["pred"]);
    let mut mean = 0.0;
    for group in 0..n * c {
        let range = group * h * w..(group + 1) * h * w;
        let (p, y) = (&pred[range.clone()], &target[range.clone()]);
        let common: f64 = p.iter().zip(y).map(|(p, y)| p * y).sum();
        let total = p.iter().sum::<f64>() + y.iter().sum::<f64>() + 1e-5;
        mean += (1.0 - (2.0 * common + 1e-5) / total) / 6.0;
        for (place, y) in range.zip(y) {
            let slope = -(2.0 * y * total - (2.0 * common + 1e-5)) / (total * total) / 6.0;
            near(got.gradient("pred")[place], slope);
        }
    }
    near(got.value(), mean);
}

#[test]
fn terms_of_nested_compounds() {
    let text = "\
loss inner(pred: prob[..B], target: binary[..B]; u = 0.25) = u * dice + (1 - u) * bce
loss outer(pred: prob[..B], target: binary[..B]; v = 2) =
    let smooth = mse + 1
    v * inner + 3 * (dice - smooth) + mean(pred) / 4 + 0.5
";
    let builder = compile(text);
    let list = terms(&builder, &pair());
    let names: Vec<&str> = list.iter().map(|(name, ..)| name.as_str()).collect();
    println!("{list:?}");
    assert_eq!(names, ["inner", "dice", "smooth", "rest"]);
    let (dice, bce, mse) = (alone("dice").0, alone("bce").0, alone("mse").0);
    let pred_mean = PRED.iter().sum::<f64>() / 6.0;
    let wanted = [(2.0, 0.25 * dice + 0.75 * bce), (3.0, dice), (-3.0, mse + 1.0), (1.0, pred_mean / 4.0 + 0.5)];
    for ((_, weight, value), (wanted_weight, wanted_value)) in list.iter().zip(wanted) {
        near(weight * value, wanted_weight * wanted_value);
        near(*weight, wanted_weight);
    }
    judged(&builder, &pair(), &["pred", "target"]);
}

#[test]
fn terms_of_equal_names() {
    let builder = compile("loss twice(a = 0.5) = dice + a * dice(eps = 1) + bce + 2 * bce + dice[..B](pred, target)\n");
    let names: Vec<String> = terms(&builder, &pair()).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["dice", "dice_2", "bce", "bce_2", "dice_3"]);
}
