//! The formulas that a textbook writes and that overflow or cancel when computed as written: typed in by a user,
//! they are exact for logits of ±1e4 in single precision, in value and gradient, wherever they stand.
#![allow(clippy::disallowed_methods, reason = "expected numbers are made without the crate")]

mod running;

use lossc::session::Compiler;
use lossc::tensor::{DType, Tensor};

use running::{call, numbers};

/// A formula in z, its value and its derivative at one z.
struct Formula {
    text: &'static str,
    value: fn(f64) -> f64,
    derivative: fn(f64) -> f64,
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

fn log_cosh(x: f64) -> f64 {
    // cosh x − 1 = 2 sinh²(x/2): no cancellation near 0.
    if x.abs() < 1.0 {
        (2.0 * (x / 2.0).sinh().powi(2)).ln_1p()
    } else {
        x.abs() - std::f64::consts::LN_2 + (-2.0 * x.abs()).exp().ln_1p()
    }
}

const FORMULAS: &[Formula] = &[
    Formula { text: "log(sigmoid(z))", value: |x| -softplus(-x), derivative: |x| sigmoid(-x) },
    Formula { text: "-log(sigmoid(-z))", value: softplus, derivative: sigmoid },
    Formula { text: "log(1 - sigmoid(z))", value: |x| -softplus(x), derivative: |x| -sigmoid(x) },
    Formula { text: "log(1 + exp(z))", value: softplus, derivative: sigmoid },
    Formula { text: "log(exp(-z) + 1)", value: |x| softplus(-x), derivative: |x| -sigmoid(-x) },
    Formula { text: "log(1 / (1 + exp(-z)))", value: |x| -softplus(-x), derivative: |x| sigmoid(-x) },
    Formula { text: "log(cosh(z))", value: log_cosh, derivative: f64::tanh },
];

/// Where a formula may stand: a whole program with @ for the formula. `keep` says which elements count.
const PLACES: &[(&str, bool)] = &[
    ("loss naive(z: real[N], keep: binary[N]) = mean(@)", false),
    ("loss naive(z: real[N], keep: binary[N]) = mean(@ where keep == 1)", true),
    ("loss naive(z: real[N], keep: binary[N]) = mean(keep * @ per keep)", true),
    ("loss naive(z: real[N], keep: binary[N]) = sum(if keep == 1 then @ else 0) / max(count(keep == 1), 1)", true),
    ("loss naive(z: real[N], keep: binary[N]) =\n    let e = @\n    mean(e where keep == 1)", true),
    ("fn f(z: real) = @\nloss naive(z: real[N], keep: binary[N]) = mean(f(z) where keep == 1)", true),
    ("fn f(z: real[..A]) = mean(@)\nloss naive(z: real[N], keep: binary[N]) = f(z)", false),
];

/// The points: extreme, large, where f32 overflows, and where sums cancel.
const POINTS: [f32; 12] = [1e4, -1e4, 88.8, -88.8, 104.0, -104.0, 20.0, -20.0, 1.5, -0.25, 0.0, 3e-3];

fn close(got: f64, want: f64, scale: f64) -> bool {
    (got - want).abs() <= 1e-6 * scale.max(want.abs()) + f64::from(f32::MIN_POSITIVE)
}

#[test]
fn elementwise_formulas() {
    for formula in FORMULAS {
        for &(place, masked) in PLACES {
            let text = place.replace('@', formula.text);
            let compiled = Compiler::new().compile(&text).unwrap_or_else(|error| panic!("{error}"));
            let loss = compiled.main().and_then(|loss| loss.dtype(DType::F32).wrt(["z"]).build());
            let loss = loss.unwrap_or_else(|error| panic!("{error}\n{text}"));
            for &point in &POINTS {
                // Beside the point one that counts and one that does not where there is a mask.
                let z = [point, 0.5, 1e4];
                let keep = [1.0, 1.0, 0.0];
                let tensors = [
                    ("z".to_owned(), Tensor::f32(z.to_vec(), &[3])),
                    ("keep".to_owned(), Tensor::f32(keep.to_vec(), &[3])),
                ];
                let got = numbers(&call(&loss, &tensors).unwrap_or_else(|error| panic!("{error}\n{text}")));
                let counted: Vec<usize> = (0..3).filter(|&at| !masked || keep[at] == 1.0).collect();
                let n = counted.len() as f64;
                let want = counted.iter().map(|&at| (formula.value)(f64::from(z[at]))).sum::<f64>() / n;
                assert!(close(got.value(), want, 0.0), "{text} at {point}: {} instead of {want}", got.value());
                for (at, (&z, &got)) in z.iter().zip(got.gradient("z")).enumerate() {
                    let slope = (formula.derivative)(f64::from(z)) / n;
                    let want = if counted.contains(&at) { slope } else { 0.0 };
                    assert!(close(got, want, 0.0), "{text} by z = {z}: {got} instead of {want}");
                }
            }
        }
    }
}

/// Programs over rows of classes that give Σ_n −log softmax at the label, each written in another naive way.
const ROWS: &[&str] = &[
    "loss rows(z: real[N, C], label: index(C)[N]) = sum(-log(softmax[C](z))[C = label])",
    "loss rows(z: real[N, C], label: index(C)[N]) = sum(-log(softmax[C](z)[C = label]))",
    "loss rows(z: real[N, C], label: index(C)[N]) = sum(-(label == index[C]) * log(softmax[C](z)))",
    "loss rows(z: real[N, C], label: index(C)[N]) = sum(log(sum[C](exp(z))) - z[C = label])",
    "loss rows(z: real[N, C], label: index(C)[N]) =\n    let p = softmax[C](z)\n    let l = log(p)\n    -sum(l[C = label])",
    "fn lp(z: real[N, C]) = log(softmax[C](z))\n\
     loss rows(z: real[N, C], label: index(C)[N]) = -size[N] * mean(lp(z)[C = label] where label >= 0)",
    "loss rows(z: real[N, C], label: index(C)[N]) = sum(-log(exp(z) / sum[C](exp(z)))[C = label])",
];

#[test]
fn formulas_over_classes() {
    let rows: [[f32; 3]; 6] = [
        [1e4, 0.0, -1e4],
        [-1e4, -1e4, -1e4],
        [1e4, 1e4, 3.0],
        [30.0, 0.0, -5.0],
        [0.1, 0.2, -0.4],
        [-1e4, 90.0, 89.0],
    ];
    for text in ROWS {
        let compiled = Compiler::new().compile(text).unwrap_or_else(|error| panic!("{error}"));
        let loss = compiled.main().and_then(|loss| loss.dtype(DType::F32).wrt(["z"]).build());
        let loss = loss.unwrap_or_else(|error| panic!("{error}\n{text}"));
        for row in rows {
            for label in 0..3 {
                let tensors = [
                    ("z".to_owned(), Tensor::f32(row.to_vec(), &[1, 3])),
                    ("label".to_owned(), Tensor::i64(vec![label as i64], &[1])),
                ];
                let got = numbers(&call(&loss, &tensors).expect("it runs"));
                let (value, gradient) = exact(row.map(f64::from), label);
                let context = || format!("{text}\nat {row:?}, label {label}: {got:?} instead of {value}, {gradient:?}");
                assert!(got.finite(), "{}", context());
                // Where the value is a difference of two large numbers as written, it is as good as these.
                let cancels = text.contains("- z[C = label]");
                let scale =
                    if cancels { row.iter().fold(0.0_f64, |most, &z| most.max(f64::from(z.abs()))) } else { 0.0 };
                assert!(close(got.value(), value, scale), "{}", context());
                let largest = if cancels { 1.0 } else { gradient.iter().fold(0.0_f64, |most, g| most.max(g.abs())) };
                let found = got.gradient("z").iter().zip(gradient);
                assert!(found.clone().all(|(&got, want)| close(got, want, largest)), "{}", context());
            }
        }
    }
}

/// −log softmax at the label and its gradient, without cancellation.
fn exact(row: [f64; 3], label: usize) -> (f64, [f64; 3]) {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let e = row.map(|z| (z - top).exp());
    let others: f64 = (0..3).filter(|&at| at != label).map(|at| (row[at] - row[label]).exp()).sum();
    let value = if others.is_finite() { others.ln_1p() } else { top - row[label] + e.iter().sum::<f64>().ln() };
    let sum: f64 = e.iter().sum();
    let mut gradient = e.map(|e| e / sum);
    let rest: f64 = (0..3).filter(|&at| at != label).map(|at| e[at]).sum();
    gradient[label] = -rest / sum;
    (value, gradient)
}
