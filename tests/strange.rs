//! Strange but legal programs: every engine gives what hand calculation gives.

use lossc::session::{Compiler, Engine, Evaluation, Loss, LossBuilder, Params, Value};
use lossc::tensor::{DType, Tensor};

fn engines(text: &str) -> [Loss; 2] {
    let program = Compiler::new().compile(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    [Engine::Interpreter, Engine::Jit].map(|engine| {
        let builder = program.main().expect("a loss").wrt_all().dtype(DType::F64).engine(engine);
        builder.build().unwrap_or_else(|error| panic!("{text}\n{error}"))
    })
}

fn call(loss: &Loss, inputs: &[(&str, Tensor)]) -> Evaluation {
    let views: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor.view().expect("a view"))).collect();
    loss.value_and_grad(&views, &Params::new()).unwrap_or_else(|error| panic!("{error}"))
}

fn same(got: f64, want: f64) -> bool {
    got == want || (got.is_nan() && want.is_nan()) || (got - want).abs() <= 1e-12 * want.abs().max(1.0)
}

/// Both engines give this value, and these gradients, input by input, row-major.
fn gives(text: &str, inputs: &[(&str, Tensor)], value: f64, gradients: &[(&str, &[f64])]) {
    for loss in engines(text) {
        let result = call(&loss, inputs);
        assert!(same(result.value(), value), "{text}\n{} instead of {value}", result.value());
        for (name, want) in gradients {
            let got = result.grad(name).unwrap_or_else(|| panic!("{text}\nno gradient of {name}")).to_f64();
            let fits = got.len() == want.len() && got.iter().zip(*want).all(|(&got, &want)| same(got, want));
            assert!(fits, "{text}\ngradient of {name}: {got:?} instead of {want:?}");
        }
    }
}

fn f(values: &[f64], shape: &[usize]) -> Tensor {
    Tensor::f64(values.to_vec(), shape)
}

#[test]
fn a_loss_without_inputs_is_a_constant() {
    gives("loss c = 1", &[], 1.0, &[]);
    gives("const half = 1 / 2\nloss c(; k = 3) = half * k ^ 2", &[], 4.5, &[]);
}

#[test]
fn what_is_not_used_has_gradient_zero() {
    let text =
        "fn first(a: real, b: real) = a\nloss l(x: real[N], y: real[N]) =\n    let z = log(y)\n    sum(first(x, y))";
    gives(
        text,
        &[("x", f(&[1.0, 2.0], &[2])), ("y", f(&[0.0, -3.0], &[2]))],
        3.0,
        &[("x", &[1.0, 1.0]), ("y", &[0.0, 0.0])],
    );
}

#[test]
fn lets_shadow() {
    let text = "loss l(x: real[N]) =\n    let y = x + 1\n    let y = y * y\n    let x = y - 1\n    sum(x)";
    gives(text, &[("x", f(&[2.0], &[1]))], 8.0, &[("x", &[6.0])]);
}

#[test]
fn a_renamed_axis_serves_twice() {
    // Σ_ij (x_i − x_j)² = 2 n Σ x² − 2 (Σ x)²
    let pairs = "loss l(x: real[N]) = sum((x - x[N -> M])^2)";
    gives(pairs, &[("x", f(&[1.0, 2.0, 4.0], &[3]))], 28.0, &[("x", &[-16.0, -4.0, 20.0])]);
    let twice = "loss l(x: real[N]) =\n    let a = sum[M](x * x[N -> M])\n    let b = sum[M](x[N -> M])\n    sum(a) + sum(b + x)";
    // (Σx)² + n Σx + Σx
    gives(twice, &[("x", f(&[1.0, 2.0], &[2]))], 18.0, &[("x", &[9.0, 9.0])]);
}

#[test]
fn an_elementwise_parameter_may_have_more_axes_than_the_others() {
    let text = "fn scaled(a: real, b: real, c: real) = a * b + c\nloss l(w: real[C], x: real[N, C], s: real) = sum(scaled(w, x, s))";
    let inputs = [("w", f(&[1.0, 2.0], &[2])), ("x", f(&[1.0, 2.0, 3.0, 4.0], &[2, 2])), ("s", f(&[0.5], &[]))];
    gives(
        text,
        &inputs,
        1.0 + 4.0 + 3.0 + 8.0 + 2.0,
        &[("w", &[4.0, 6.0]), ("x", &[1.0, 2.0, 1.0, 2.0]), ("s", &[4.0])],
    );
}

#[test]
fn axes_are_kept_through_two_levels_of_calls() {
    let text = "fn inner(x: real[..A]) = sum(x ^ 2)\nfn outer(x: real[H, W]) = sum[H](inner[W](x))\nloss l(x: real[N, C, H, W]) = max(outer[H, W](x))";
    let values: Vec<f64> = (0..16).map(f64::from).collect();
    // The last block holds 12, 13, 14, 15.
    let gradient: Vec<f64> = values.iter().map(|&x| if x < 12.0 { 0.0 } else { 2.0 * x }).collect();
    gives(text, &[("x", f(&values, &[2, 2, 2, 2]))], 734.0, &[("x", &gradient)]);
    let dice = "fn per_class(pred: prob[H, W], target: binary[H, W]) = dice(pred, target, eps = 1)\nloss l(pred: prob[N, C, H, W], target: binary[N, C, H, W]) = mean(per_class[H, W](pred, target))";
    // One block is met exactly, 1 − (2·1 + 1)/(2 + 1) = 0; the other not at all, 1 − 1/(0 + 1 + 1) = 1/2.
    let pred = f(&[1.0, 0.0, 0.0, 0.0], &[1, 2, 1, 2]);
    let target = f(&[1.0, 0.0, 0.0, 1.0], &[1, 2, 1, 2]);
    gives(dice, &[("pred", pred), ("target", target)], 0.25, &[]);
}

#[test]
fn labelled_axes_stand_beside_packs() {
    let text = "axis side = { low, high }\nloss l(x: real[..B, side]) =\n    let swapped = side(low = x.high, high = x.low)\n    sum(swapped.low - 2 * swapped.high)";
    for shape in [&[2][..], &[3, 2], &[2, 2, 2]] {
        let count: usize = shape.iter().product();
        let values: Vec<f64> = (0..count).map(|at| at as f64).collect();
        let want: f64 = values.chunks(2).map(|pair| pair[1] - 2.0 * pair[0]).sum();
        let gradient = [-2.0, 1.0].repeat(count / 2);
        gives(text, &[("x", f(&values, shape))], want, &[("x", &gradient)]);
    }
}

#[test]
fn optional_inputs_may_be_given() {
    let text = "loss l(x: real[N], mask: binary[N] = 1) = mean(x where mask == 1)";
    let x = ("x", f(&[1.0, 2.0, 6.0], &[3]));
    gives(text, std::slice::from_ref(&x), 3.0, &[("x", &[1.0 / 3.0; 3])]);
    gives(text, &[x.clone(), ("mask", f(&[1.0, 0.0, 1.0], &[3]))], 3.5, &[("x", &[0.5, 0.0, 0.5])]);
    gives(text, &[x, ("mask", f(&[0.0; 3], &[3]))], 0.0, &[("x", &[0.0; 3])]);
}

#[test]
fn extents_zero_and_one() {
    for (text, empty, one) in [
        ("loss l(x: real[N]) = mean(x)", 0.0, 5.0),
        ("loss l(x: real[N]) = sum(x ^ 2)", 0.0, 25.0),
        ("loss l(x: real[N]) = prod(x)", 1.0, 5.0),
        ("loss l(x: real[N]) = norm(x)", 0.0, 5.0),
        ("loss l(x: real[N]) = var(x)", 0.0, 0.0),
        ("loss l(x: real[N]) = std(x)", 0.0, 0.0),
        ("loss l(x: real[N]) = max(x)", f64::NEG_INFINITY, 5.0),
        ("loss l(x: real[N]) = min(x)", f64::INFINITY, 5.0),
        ("loss l(x: real[N]) = logsumexp(x)", f64::NEG_INFINITY, 5.0),
        ("loss l(x: real[N]) = size[N] + 0 * sum(x)", 0.0, 1.0),
        ("loss l(x: real[N]) = if any(x > 0) then 1 else 2", 2.0, 1.0),
        ("loss l(x: real[N]) = if all(x > 9) then 1 else 2", 1.0, 2.0),
    ] {
        gives(text, &[("x", f(&[], &[0]))], empty, &[("x", &[])]);
        gives(text, &[("x", f(&[5.0], &[1]))], one, &[]);
    }
    gives("loss l(x: real[N]) = sum(softmax[N](x))", &[("x", f(&[5.0], &[1]))], 1.0, &[("x", &[0.0])]);
    gives("loss l(x: real[N, C]) = sum(mean[C](x) + 1)", &[("x", f(&[], &[3, 0]))], 3.0, &[("x", &[])]);
    gives("loss l(x: real[N, C]) = mean(max[C](x))", &[("x", f(&[], &[0, 4]))], 0.0, &[("x", &[])]);
}

#[test]
fn nan_and_infinity_pass_through() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    gives("loss l(x: real[N]) = sum(x)", &[("x", f(&[1.0, nan], &[2]))], nan, &[("x", &[1.0, 1.0])]);
    gives("loss l(x: real[N]) = sum(x)", &[("x", f(&[inf, -inf], &[2]))], nan, &[("x", &[1.0, 1.0])]);
    gives("loss l(x: real[N]) = sum(tanh(x))", &[("x", f(&[inf, -inf, 0.0], &[3]))], 0.0, &[("x", &[0.0, 0.0, 1.0])]);
    // What is filtered out is not looked at.
    let masked = "loss l(x: real[N], m: binary[N]) = mean(log(x) where m == 1)";
    let inputs = [("x", f(&[nan, 1.0, -1.0, 0.0], &[4])), ("m", f(&[0.0, 1.0, 0.0, 0.0], &[4]))];
    gives(masked, &inputs, 0.0, &[("x", &[0.0, 1.0, 0.0, 0.0])]);
    let chosen = "loss l(x: real[N]) = sum(if x > 0 then sqrt(x) else 0)";
    gives(chosen, &[("x", f(&[4.0, -1.0, 0.0], &[3]))], 2.0, &[("x", &[0.25, 0.0, 0.0])]);
}

#[test]
fn words_of_the_language_are_names() {
    let text = "loss sum(real: real[mean], max: real) = sum(real * max)";
    gives(
        text,
        &[("real", f(&[1.0, 2.0], &[2])), ("max", f(&[3.0], &[]))],
        9.0,
        &[("real", &[3.0, 3.0]), ("max", &[3.0])],
    );
}

#[test]
fn a_scalar_input_is_reduced_over_nothing() {
    gives("loss l(x: real[..B]) = mean(x ^ 2)", &[("x", f(&[3.0], &[]))], 9.0, &[("x", &[6.0])]);
}

#[test]
fn reduction_none_of_an_empty_batch_is_empty() {
    let program = Compiler::new().compile("loss l(x: real[N]) = mean(x ^ 2)").expect("it is right");
    for engine in [Engine::Interpreter, Engine::Jit] {
        let builder = program.main().expect("a loss").reduction(lossc::lower::Reduction::None).engine(engine);
        let result = call(&builder.build().expect("it builds"), &[("x", Tensor::f32(Vec::new(), &[0]))]);
        assert!(matches!(result.values(), Value::Tensor(tensor) if tensor.shape == [0]), "{:?}", result.values());
    }
}

#[test]
fn a_condition_on_an_extent_is_no_panic() {
    use lossc::session::{Compiler, Params};
    use lossc::tensor::{Slice, TensorView};
    let text = "loss a(pred: real[N], target: real[N]) = huber(delta = size[N])";
    let loss = Compiler::new().compile(text).and_then(|program| program.main()?.build()).expect("it compiles");
    let (pred, target) = ([3.0_f64, 0.0], [0.0_f64, 0.0]);
    let view = |data| TensorView::contiguous(Slice::F64(data), &[2]).expect("it fits");
    let out = loss.value_and_grad(&[("pred", view(&pred)), ("target", view(&target))], &Params::new());
    // δ = 2 and |d| = 3: δ(|d| − δ/2) = 4, and the mean over two is 2.
    assert_eq!(out.expect("it runs").value(), 2.0);
}

#[test]
fn a_default_may_speak_of_other_hyperparameters() {
    let text = "loss l(x: real[N]; a = 2, b = 2 * a where b > 0, int n = 3, c = n / 2) = mean(b * c * x)";
    for loss in engines(text) {
        let x = f(&[1.0, 2.0], &[2]);
        let run = |params: &Params| loss.value_and_grad(&[("x", x.view().expect("dense"))], params);
        for (params, want) in [
            (Params::new(), 9.0),
            (Params::new().set("a", 3.0), 13.5),
            (Params::new().set("b", 1.0), 2.25),
            (Params::new().set("a", 3.0).set("c", 1.0), 9.0),
        ] {
            assert_eq!(run(&params).expect("it runs").value(), want, "{params:?}");
        }
        let error = run(&Params::new().set("a", -1.0)).expect_err("b is negative").to_string();
        let wanted = "hyperparameter `b` of `l` must satisfy `b > 0`, but it is -2";
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn what_a_condition_leaves_out_of_a_matrix_product_has_no_influence() {
    let text = "loss l(x: real[N, D], w: real[K, D], q: binary[N, D]) = mean(sum[D](x * w where q == 1)^2)";
    for wrong in [f64::NAN, f64::INFINITY] {
        gives(
            text,
            &[
                ("x", f(&[1.0, 2.0, 3.0, 4.0], &[2, 2])),
                ("w", f(&[1.0, wrong, 2.0, 3.0], &[2, 2])),
                ("q", f(&[1.0, 0.0, 1.0, 0.0], &[2, 2])),
            ],
            12.5,
            &[("x", &[2.5, 0.0, 7.5, 0.0]), ("w", &[5.0, 0.0, 10.0, 0.0])],
        );
    }
}

#[test]
fn a_branch_that_no_turn_takes_has_no_influence() {
    let body = |turns: &str| format!("loss l(x: real[N], c: real) =\n{turns}\n    mean(s)");
    let turn = "s = s + (if x > 0 then u else 0)";
    let loop_text =
        body(&format!("    repeat 2 with u = x, s = 0 {{\n        {turn}\n        u = sqrt(u) * c\n    }}"));
    let x = f(&[4.0, -1.0, 0.0], &[3]);
    let c = f(&[1.0], &[]);
    gives(&loop_text, &[("x", x), ("c", c)], 2.0, &[("x", &[1.25 / 3.0, 0.0, 0.0]), ("c", &[2.0 / 3.0])]);
}

#[test]
fn an_index_that_is_no_number_is_out_of_range() {
    let text = "loss l(x: real[N], y: real[M]) = sum(x[N = floor(y)])";
    let y = f(&[f64::NAN, 1.0, f64::INFINITY, -1.0], &[4]);
    gives(text, &[("x", f(&[7.0, 2.0], &[2])), ("y", y)], 2.0, &[("x", &[0.0, 1.0])]);
}

#[test]
fn what_does_not_fit_into_memory_is_refused_by_the_interpreter() {
    let text = "loss f(x: real[N]; axis K = rows, axis M = columns) = mean(x) + mean(index[K] * index[M])";
    let program = Compiler::new().compile(text).unwrap_or_else(|error| panic!("{error}"));
    let size = f64::from(u32::MAX);
    let sized = |builder: LossBuilder, rows: f64| builder.set("rows", rows)?.set("columns", rows)?.build();
    let build = |rows| sized(program.main().expect("a loss").engine(Engine::Interpreter), rows).expect("it builds");
    let x = f(&[1.0, 2.0], &[2]);
    let inputs = [("x", x.view().expect("a view"))];
    assert_eq!(build(3.0).value_and_grad(&inputs, &Params::new()).expect("it fits").value(), 2.5);
    let refused = build(size).value_and_grad(&inputs, &Params::new()).expect_err("2^64 elements");
    assert!(refused.to_string().contains("too large for this machine's memory"), "{refused}");
}
