//! Losses over losses: value, terms and gradients against numbers made by hand and against the interpreter.
#![allow(clippy::disallowed_methods, reason = "expected numbers are made without the crate")]

mod running;

use lossc::eval::Precision;
use lossc::session::{Compiler, LossBuilder};
use lossc::tensor::{DType, Tensor};

use running::{Numbers, Tensors, call, difference, interpret, numbers, reference};

fn compile(text: &str) -> LossBuilder {
    let program = Compiler::new().compile(text).unwrap_or_else(|error| panic!("{error}"));
    program.main().expect("a loss")
}

/// Machine code in f64, after it was compared with the interpreter on the graph as lowered.
fn judged(builder: &LossBuilder, tensors: &Tensors, wrt: &[&str]) -> Numbers {
    let wrt: Vec<String> = wrt.iter().map(|name| (*name).to_owned()).collect();
    let want = interpret(&reference(builder, &wrt), tensors, Precision::Double).expect("the data fit");
    let loss = builder.clone().dtype(DType::F64).wrt(wrt).build().expect("it builds");
    let got = numbers(&call(&loss, tensors).expect("it runs"));
    assert_eq!(difference(&got, &want, 1e-12, |_| 0.0), None);
    got
}

fn near(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-12 * want.abs().max(1.0), "{got} instead of {want}");
}

fn reals(name: &str, data: &[f64], shape: &[usize]) -> (String, Tensor) {
    (name.to_owned(), Tensor::f64(data.to_vec(), shape))
}

#[test]
fn class_balanced_focal() {
    let logits = [1.2, -0.3, 0.4, -0.8, 0.1, 2.0];
    let (labels, samples, beta, gamma) = ([2_usize, 0], [10.0, 100.0, 3.0], 0.99_f64, 1.5_f64);
    let tensors = vec![
        reals("logits", &logits, &[2, 3]),
        ("label".to_owned(), Tensor::i64(labels.iter().map(|&label| label as i64).collect(), &[2])),
        reals("samples", &samples, &[3]),
    ];
    let got =
        judged(&compile("loss l = class_balanced(focal_softmax(gamma = 1.5), beta = 0.99)"), &tensors, &["logits"]);
    let (mut value, mut slopes) = (0.0, Vec::new());
    for (row, &label) in logits.chunks(3).zip(&labels) {
        let whole: f64 = row.iter().map(|x| x.exp()).sum();
        let p: Vec<f64> = row.iter().map(|x| x.exp() / whole).collect();
        let weight = (1.0 - beta) / (1.0 - beta.powf(samples[label])) / 2.0;
        let own = p[label];
        value += weight * -(1.0 - own).powf(gamma) * own.ln();
        // d/dp of −(1 − p)^γ ln p, and dp/dx_j = p(δ − p_j).
        let by_own = gamma * (1.0 - own).powf(gamma - 1.0) * own.ln() - (1.0 - own).powf(gamma) / own;
        slopes.extend((0..3).map(|class| weight * by_own * own * (f64::from(u8::from(class == label)) - p[class])));
    }
    near(got.value(), value);
    got.gradient("logits").iter().zip(slopes).for_each(|(&got, want)| near(got, want));
}

#[test]
fn inner_giou() {
    let boxes = vec![reals("pred", &[0.0, 0.0, 4.0, 4.0], &[1, 4]), reals("target", &[1.0, 1.0, 5.0, 3.0], &[1, 4])];
    let got = judged(&compile("loss l = inner(giou, ratio = 0.5)"), &boxes, &["pred"]);
    let overlap = |common: f64, union: f64| common / (union + 1e-7);
    let (iou, enclosing) = (overlap(6.0, 18.0), 20.0);
    let giou = 1.0 - iou + (enclosing - 18.0) / (enclosing + 1e-7);
    // Both boxes halved about their centres: [1, 3]² and [2, 4] × [1.5, 2.5].
    let inner = overlap(1.0, 4.0 + 2.0 - 1.0);
    near(got.value(), giou + iou - inner);
}

#[test]
fn uncertainty_between_two_losses() {
    let (pred, target) = ([0.5, -1.0, 2.0], [0.0, 1.0, 1.5]);
    let tensors = vec![reals("pred", &pred, &[3]), reals("target", &target, &[3])];
    let builder = compile("loss l = uncertainty(mse, mae)");
    let got = judged(&builder, &tensors, &["pred", "s1", "s2"]);
    let d: Vec<f64> = pred.iter().zip(&target).map(|(p, t)| p - t).collect();
    let (mse, mae) = (d.iter().map(|d| d * d).sum::<f64>() / 3.0, d.iter().map(|d| d.abs()).sum::<f64>() / 3.0);
    near(got.value(), mse + mae);
    near(got.gradient("s1")[0], 1.0 - mse);
    near(got.gradient("s2")[0], 1.0 - mae);
    for (at, d) in d.iter().enumerate() {
        near(got.gradient("pred")[at], (2.0 * d + d.signum()) / 3.0);
    }
    let loss = builder.dtype(DType::F64).build().expect("it builds");
    let evaluation = call(&loss, &tensors).expect("it runs");
    near(evaluation.term("mse").expect("a term"), mse);
    near(evaluation.term("mae").expect("a term"), mae);
}

#[test]
fn masked_weighted_huber() {
    let nan = f64::NAN;
    let tensors = vec![
        reals("pred", &[0.5, 3.0, nan, -2.0], &[4]),
        reals("target", &[0.0, 0.5, 1.0, -1.5], &[4]),
        reals("w", &[2.0, 1.0, 5.0, 3.0], &[4]),
        reals("m", &[1.0, 1.0, 0.0, 1.0], &[4]),
    ];
    let text =
        "loss l(pred: real[..B], target: real[..B], w: real[..B], m: binary[..B]) = masked(weighted(huber, w), m)";
    let got = judged(&compile(text), &tensors, &["pred", "w"]);
    let (each, slope, w) = ([0.125, 2.0, 0.125], [0.5, 1.0, -0.5], [2.0, 1.0, 3.0]);
    let total: f64 = w.iter().sum();
    let value = (0..3).map(|at| w[at] * each[at]).sum::<f64>() / total;
    near(got.value(), value);
    for (at, place) in [0, 1, 3].into_iter().enumerate() {
        near(got.gradient("pred")[place], w[at] * slope[at] / total);
        near(got.gradient("w")[place], (each[at] - value) / total);
    }
    assert_eq!((got.gradient("pred")[2], got.gradient("w")[2]), (0.0, 0.0), "what is left out has no influence");
}
