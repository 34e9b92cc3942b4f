//! Faults that users report of other frameworks, and that must not be here: infinite or NaN gradients where the loss
//! is finite, and shapes that are stretched without a word.
#![allow(clippy::disallowed_methods, reason = "expected numbers are made without the crate")]

use lossc::session::{Compiler, Error, Evaluation, LossBuilder, Params};
use lossc::tensor::{DType, Slice, TensorView};

/// A loss of the library by its name, or one that a text defines.
fn loss(text: &str) -> LossBuilder {
    let found = if text.contains('=') {
        Compiler::new().compile(text).and_then(|program| program.main())
    } else {
        Compiler::new().standard().and_then(|all| all.loss(text))
    };
    found.unwrap_or_else(|error| panic!("{error}"))
}

/// Values of an input and its shape.
type Input<'a> = (&'a str, &'a [f64], &'a [usize]);

fn call(text: &str, wrt: &[&str], dtype: DType, inputs: &[Input<'_>]) -> Result<Evaluation, Error> {
    let narrow: Vec<Vec<f32>> = inputs.iter().map(|one| one.1.iter().map(|&number| number as f32).collect()).collect();
    let views: Vec<(&str, TensorView<'_>)> = inputs
        .iter()
        .zip(&narrow)
        .map(|((name, wide, shape), narrow)| {
            let slice = if dtype == DType::F64 { Slice::F64(wide) } else { Slice::F32(narrow) };
            (*name, TensorView::contiguous(slice, shape).expect("a view"))
        })
        .collect();
    loss(text).wrt(wrt.iter().copied()).dtype(dtype).build()?.value_and_grad(&views, &Params::new())
}

/// Value and gradient in both precisions, to the accuracy of each.
fn expect(text: &str, wrt: &str, inputs: &[Input<'_>], value: f64, gradient: &[f64]) {
    for (dtype, error) in [(DType::F32, 2e-6), (DType::F64, 1e-13)] {
        let out = call(text, &[wrt], dtype, inputs).unwrap_or_else(|error| panic!("{text}: {error}"));
        let close = |left: f64, right: f64| (left - right).abs() <= error * right.abs().max(1e-30);
        assert!(close(out.value(), value), "{text} in {dtype:?}: {}, not {value}", out.value());
        let own = out.grad(wrt).expect("asked for").to_f64();
        let all = own.len() == gradient.len() && own.iter().zip(gradient).all(|(own, right)| close(*own, *right));
        assert!(all, "{text} in {dtype:?}: {own:?}, not {gradient:?}");
    }
}

/// candle 0.11: infinite for a logit of 17 and target 0, NaN for target 1, and NaN gradients in both.
#[test]
fn binary_cross_entropy_is_exact_for_every_logit() {
    for logit in [17.0_f64, 20.0, 40.0, 88.0] {
        let small = (-logit).exp();
        for (sign, target) in [(1.0, 1.0), (-1.0, 0.0)] {
            // Right and sure: ln(1 + e⁻ˡ), whose slope is σ(−l).
            let inputs: [Input<'_>; 2] = [("logits", &[sign * logit], &[1]), ("target", &[target], &[1])];
            expect("bce_logits", "logits", &inputs, small.ln_1p(), &[-sign * small / (1.0 + small)]);
            // Wrong and sure.
            let inputs: [Input<'_>; 2] = [("logits", &[-sign * logit], &[1]), ("target", &[target], &[1])];
            expect("bce_logits", "logits", &inputs, logit + small.ln_1p(), &[-sign / (1.0 + small)]);
        }
    }
    for logit in [1e4, 1e30] {
        let inputs: [Input<'_>; 2] = [("logits", &[logit, -logit], &[2]), ("target", &[1.0, 1.0], &[2])];
        expect("bce_logits", "logits", &inputs, logit / 2.0, &[0.0, -0.5]);
    }
    // The same as it is written in a first lesson.
    let naive = "loss naive(logits: logit[N], target: binary[N]) =\n    let p = sigmoid(logits)\n    mean(-target * log(p) - (1 - target) * log(1 - p))\n";
    let small = (-17.0_f64).exp();
    let inputs: [Input<'_>; 2] = [("logits", &[17.0, 17.0], &[2]), ("target", &[0.0, 1.0], &[2])];
    let gradient = [0.5 / (1.0 + small), -0.5 * small / (1.0 + small)];
    expect(naive, "logits", &inputs, 8.5 + small.ln_1p(), &gradient);
}

/// candle 0.11 and burn 0.22: NaN, for the square root that was not taken.
#[test]
fn a_branch_that_is_not_taken_leaves_no_trace() {
    let root = "loss root(x: real[N]) = sum(if x > 0 then sqrt(x) else 0)";
    expect(root, "x", &[("x", &[0.0, 4.0, -1.0], &[3])], 2.0, &[0.0, 0.25, 0.0]);
    let filtered = "loss filtered(x: real[N]) = sum(sqrt(x) where x > 0)";
    expect(filtered, "x", &[("x", &[0.0, 4.0, -1.0], &[3])], 2.0, &[0.0, 0.25, 0.0]);
    let masked = "loss masked_log(x: real[N], m: binary[N]) = mean(log(x) where m == 1)";
    let inputs: [Input<'_>; 2] = [("x", &[0.0, 1.0, -3.0], &[3]), ("m", &[0.0, 1.0, 0.0], &[3])];
    expect(masked, "x", &inputs, 0.0, &[0.0, 1.0, 0.0]);
}

/// burn 0.22: the value is finite and the gradient NaN, for the distances are 0.
#[test]
fn a_triplet_whose_anchor_is_its_positive_has_a_gradient() {
    let inputs: [Input<'_>; 3] =
        [("anchor", &[1.0, 2.0], &[1, 2]), ("positive", &[1.0, 2.0], &[1, 2]), ("negative", &[1.0, 2.0], &[1, 2])];
    expect("triplet", "anchor", &inputs, 0.2, &[0.0, 0.0]);
    // With distances that are not squared, whose slope at 0 is a subgradient.
    let text =
        "loss t(a: real[N, D], p: real[N, D], n: real[N, D]) = mean(max(0, norm[D](a - p) - norm[D](a - n) + 5))";
    let inputs: [Input<'_>; 3] =
        [("a", &[1.0, 2.0], &[1, 2]), ("p", &[1.0, 2.0], &[1, 2]), ("n", &[4.0, 6.0], &[1, 2])];
    expect(text, "p", &inputs, 0.0, &[0.0, 0.0]);
    let inputs: [Input<'_>; 3] =
        [("a", &[1.0, 2.0], &[1, 2]), ("p", &[1.0, 2.0], &[1, 2]), ("n", &[1.0, 3.0], &[1, 2])];
    expect(text, "a", &inputs, 4.0, &[0.0, 1.0]);
}

/// burn 0.22: NaN gradients where a vector is 0.
#[test]
fn the_cosine_of_a_zero_vector_has_a_gradient() {
    for target in [1.0, -1.0] {
        let inputs: [Input<'_>; 3] =
            [("x1", &[0.0, 0.0], &[1, 2]), ("x2", &[3.0, 4.0], &[1, 2]), ("target", &[target], &[1])];
        for wrt in ["x1", "x2"] {
            let value = if target == 1.0 { 1.0 } else { 0.0 };
            expect("cosine_embedding", wrt, &inputs, value, &[0.0, 0.0]);
        }
    }
}

/// burn: the mean over sixteen differences.
#[test]
fn a_column_against_a_row_is_an_error_that_names_axis_and_extents() {
    let four = [1.0, 2.0, 3.0, 4.0];
    let typed = "loss squared(pred: real[N, D], target: real[N, D]) = mean((pred - target)^2)";
    for (text, axis) in [("mse", "..B"), (typed, "N")] {
        let inputs: [Input<'_>; 2] = [("pred", &four, &[4, 1]), ("target", &four, &[1, 4])];
        let error = call(text, &["pred"], DType::F32, &inputs).expect_err("it does not fit").to_string();
        for part in [axis, "`pred`", "`target`", "4", "1"] {
            assert!(error.contains(part), "{text}: `{part}` is not in `{error}`");
        }
        assert!(matches!(call(text, &["pred"], DType::F32, &inputs), Err(Error::Data(_))));
    }
}

#[test]
fn a_focal_power_of_a_vanishing_sigmoid_has_a_finite_slope() {
    for gamma in ["0", "0.004", "0.5", "2"] {
        let text = format!("loss l = focal_logits(gamma = {gamma})");
        let logits = [-100.0, 100.0, -1e4, 1e4];
        let inputs: [Input<'_>; 2] = [("logits", &logits, &[4]), ("target", &[0.0, 1.0, 0.0, 1.0], &[4])];
        let result = call(&text, &["logits"], DType::F32, &inputs).expect("it runs");
        let gradient = result.grad("logits").expect("a gradient").to_f64();
        assert!(result.value() < 1e-30 && gradient.iter().all(|slope| slope.abs() < 1e-30), "{gamma}: {gradient:?}");
    }
}
