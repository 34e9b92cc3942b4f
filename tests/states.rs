//! States and learnables: what a training keeps from call to call, by name, on both engines.
#![allow(clippy::disallowed_methods, reason = "expected numbers are made without the crate")]

mod running;

use lossc::session::{Compiler, Engine, Evaluation, Loss, LossBuilder, Params};
use lossc::tensor::{DType, Tensor};

use running::{Tensors, views};

fn compile(text: &str) -> LossBuilder {
    let program = Compiler::new().compile(text).unwrap_or_else(|error| panic!("{error}"));
    program.main().expect("a loss")
}

fn x(data: &[f64]) -> Tensors {
    vec![("x".to_owned(), Tensor::f64(data.to_vec(), &[data.len()]))]
}

/// The loss on both engines and in both precisions, each with the tolerance of its numbers.
fn losses(builder: &LossBuilder) -> Vec<(Loss, f64)> {
    let all =
        [(Engine::Interpreter, DType::F64, 1e-14), (Engine::Jit, DType::F64, 1e-14), (Engine::Jit, DType::F32, 1e-6)];
    all.into_iter()
        .map(|(engine, dtype, tolerance)| {
            (builder.clone().engine(engine).dtype(dtype).wrt_all().build().expect("it builds"), tolerance)
        })
        .collect()
}

fn call(loss: &Loss, tensors: &Tensors, params: &Params) -> Evaluation {
    loss.value_and_grad(&views(tensors), params).expect("it runs")
}

fn near(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance * want.abs().max(1.0), "{got} instead of {want}");
}

/// All numbers of a map, in the order of the names.
fn pairs<'a>(all: impl Iterator<Item = (&'a str, f64)>) -> Vec<(String, f64)> {
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

fn learnables(builder: &LossBuilder) -> Vec<String> {
    builder.info().learnables.into_iter().map(|one| one.name).collect()
}

fn states(builder: &LossBuilder) -> Vec<String> {
    builder.info().states.into_iter().map(|one| one.name).collect()
}

/// The square from a running mean that is renewed before it is used.
const RUNNING: &str = "
loss running(x: real[N]; momentum = 0.5 where 0 <= momentum <= 1, state average = 2, state calls = 0, state still = 7) =
    let before = average
    next average = momentum * average + (1 - momentum) * mean(x)
    next calls = calls + 1
    mean((x - average)^2 + 0 * before + 0 * still)
";

#[test]
fn a_state_goes_from_call_to_call_and_carries_no_gradient() {
    for (loss, tolerance) in losses(&compile(RUNNING)) {
        let start = loss.states().expect("states");
        assert_eq!(pairs(start.iter()), [("average".into(), 2.0), ("calls".into(), 0.0), ("still".into(), 7.0)]);
        let first = call(&loss, &x(&[1.0, 5.0]), &Params::new().with_state(&start));
        // average = 1 + 1.5 = 2.5
        near(first.value(), (1.5 * 1.5 + 2.5 * 2.5) / 2.0, tolerance);
        let gradient = first.grad("x").expect("asked for").to_f64();
        near(gradient[0], -1.5, tolerance);
        near(gradient[1], 2.5, tolerance);
        let second = call(&loss, &x(&[1.0, 5.0]), &Params::new().set("momentum", 1.0).with_state(first.state()));
        near(second.value(), first.value(), tolerance);
        let third = call(&loss, &x(&[0.5]), &Params::new().with_state(second.state()));
        near(third.value(), 1.0, tolerance);
        assert_eq!(
            pairs(third.state().iter()),
            [("average".into(), 1.5), ("calls".into(), 3.0), ("still".into(), 7.0)]
        );
        // Without values given, a call begins anew.
        near(call(&loss, &x(&[1.0, 5.0]), &Params::new()).value(), first.value(), tolerance);
    }
}

#[test]
fn a_start_can_be_set_when_building() {
    let builder = compile(RUNNING).set("average", 4.0).expect("a state");
    let loss = builder.build().expect("it builds");
    assert_eq!(loss.states().expect("states").get("average"), Some(4.0));
    near(call(&loss, &x(&[4.0]), &Params::new()).value(), 0.0, 1e-14);
    let unknown = loss.value_and_grad(&views(&x(&[1.0])), &Params::new().set("averge", 1.0)).expect_err("no such name");
    assert_eq!(
        unknown.to_string(),
        "`running` has no hyperparameter `averge`; it has momentum, average, calls, still; did you mean `average`?"
    );
    let gradient = compile(RUNNING).wrt(["average"]).build().expect_err("a state").to_string();
    assert_eq!(gradient, "no gradient with respect to `average` of `running`: it is a state, through which none goes");
}

#[test]
fn names_are_bare_where_one_has_them_and_those_of_the_callee_elsewhere() {
    let names = |body: &str| states(&compile(&format!("{RUNNING}\n{body}")));
    assert_eq!(names("loss f(x: real[N]) = 2 * running"), ["average", "calls", "still"]);
    assert_eq!(
        names("loss f(x: real[N]) = running + running(2 * x, still = 1)"),
        ["running.average", "running.calls", "still", "running_2.average", "running_2.calls"]
    );
    assert_eq!(
        names("loss f(x: real[N]; state calls = 3, still = 1) = running"),
        ["calls", "average", "running.calls", "running.still"]
    );
    assert_eq!(names("loss f(x: real[N], average: real) = running + average"), ["running.average", "calls", "still"]);
    // Through functions, `let`s, losses over losses and their arguments, and losses between.
    assert_eq!(
        names(
            "fn half(x: real[N]) = running(x) / 2
loss inner(x: real[N]) = half(x)
loss f(x: real[N], mask: binary[N]) =
    let one = inner
    one + masked(running(still = 0, calls = 0), mask)"
        ),
        ["running.average", "calls", "still", "running_2.average"]
    );
}

#[test]
fn states_of_callees_are_renewed_each_by_itself() {
    let text = format!("{RUNNING}\nloss f(x: real[N]) = running + running(3 * x) + running(x, average = 0)");
    for (loss, tolerance) in losses(&compile(&text)) {
        let start = Params::new().set("running_2.average", 10.0);
        let got = call(&loss, &x(&[1.0, 3.0]), &start);
        let value = |average: f64, scale: f64| ((scale - average).powi(2) + (3.0 * scale - average).powi(2)) / 2.0;
        // 2 → 2, 10 → 8, and the constant 0 → 1 in every call.
        near(got.value(), value(2.0, 1.0) + value(8.0, 3.0) + value(1.0, 1.0), tolerance);
        assert_eq!(got.state().get("running.average"), Some(2.0));
        assert_eq!(got.state().get("running_2.average"), Some(8.0));
        assert_eq!(got.state().get("running_3.average"), None);
        assert_eq!(got.state().get("running_3.calls"), Some(1.0));
    }
}

#[test]
fn a_state_is_renewed_whatever_the_reduction() {
    let text = "loss f(x: real[N]; state t = 0) =
    next t = t + sum(x)
    mean(t * x)";
    let builder = compile(text).reduction(lossc::lower::Reduction::None);
    for (loss, tolerance) in losses(&builder) {
        let got = call(&loss, &x(&[1.0, 3.0]), &Params::new());
        near(got.state().get("t").expect("a state"), 4.0, tolerance);
        near(got.grad("x").expect("asked for").to_f64()[0], 4.0, tolerance);
    }
}

/// One learnable of its own, one of a callee that is called twice, one that is shared, one that is given.
const LEARNED: &str = "
loss scaled(x: real[N]; learn scale = 2 where scale > 0, learn shift = 0.5) = mean(scale * x^2) + shift^2
loss f(x: real[N]; learn own = 3) =
    scaled(shift = 1) + own * scaled(2 * x) + scaled(scale = own, shift = own)";

#[test]
fn gradients_by_learnables_of_callees() {
    let builder = compile(LEARNED);
    assert_eq!(learnables(&builder), ["own", "scaled.scale", "scaled_2.scale", "shift"]);
    for (loss, tolerance) in losses(&builder) {
        let start = loss.learnables().expect("learnables");
        assert_eq!(start.get("scaled_2.scale"), Some(2.0));
        let got = call(&loss, &x(&[1.0, 2.0]), &Params::new().with_state(&start).set("shift", 2.0));
        let grad = |name: &str| got.grad(name).unwrap_or_else(|| panic!("no gradient by {name}")).to_f64()[0];
        // mean x² = 2.5; own = 3.
        near(got.value(), (5.0 + 1.0) + 3.0 * (20.0 + 4.0) + (7.5 + 9.0), tolerance);
        near(grad("own"), 24.0 + 2.5 + 6.0, tolerance);
        near(grad("scaled.scale"), 2.5, tolerance);
        near(grad("scaled_2.scale"), 30.0, tolerance);
        near(grad("shift"), 12.0, tolerance);
        near(got.grad("x").expect("asked for").to_f64()[1], 2.0 * 2.0 + 3.0 * 2.0 * 8.0 + 3.0 * 2.0, tolerance);
        let negative = Params::new().set("scaled_2.scale", -1.0);
        let error = loss.value_and_grad(&views(&x(&[1.0])), &negative).expect_err("not in its domain").to_string();
        assert!(error.contains("`scale` of `scaled` must satisfy `scale > 0`"), "{error}");
    }
    let some = builder.dtype(DType::F64).wrt(["shift", "x"]).build().expect("it builds");
    let got = call(&some, &x(&[1.0]), &Params::new());
    let names: Vec<&str> = got.gradients().iter().map(|gradient| gradient.input.as_str()).collect();
    assert_eq!(names, ["shift", "x"]);
}

#[test]
fn learnables_within_each_and_masked() {
    let text = "
loss scaled(x: real[..B]; learn scale = 2) = mean(scale * x^2)
loss f(x: real[N], mask: binary[N]) = masked(scaled, mask) + mean(each(scaled) * x)";
    let builder = compile(text);
    assert_eq!(learnables(&builder), ["scaled.scale", "scaled_2.scale"]);
    let data = [x(&[1.0, 2.0]), vec![("mask".to_owned(), Tensor::f64(vec![0.0, 1.0], &[2]))]].concat();
    for (loss, tolerance) in losses(&builder) {
        let got = call(&loss, &data, &Params::new());
        near(got.value(), 8.0 + 9.0, tolerance);
        near(got.grad("scaled.scale").expect("asked for").to_f64()[0], 4.0, tolerance);
        near(got.grad("scaled_2.scale").expect("asked for").to_f64()[0], 4.5, tolerance);
    }
}

#[test]
fn terms_of_losses_with_learned_weights() {
    let text = "
loss square(x: real[N]) = mean(x^2)
loss level(x: real[N]) = mean(x)
loss f(x: real[N]) = 2 * uncertainty(square, 3 * level) + level
loss g(x: real[N]) =
    let spread = square / 2
    uncertainty(spread, level)";
    let terms = |name: &str| -> Vec<(String, f64, f64)> {
        let builder = Compiler::new().compile(text).expect("sound").loss(name).expect("a loss");
        let loss = builder.dtype(DType::F64).build().expect("it builds");
        let got = call(&loss, &x(&[1.0, 3.0]), &Params::new().set("s1", 2.0_f64.ln()));
        let terms: Vec<_> = got.terms().iter().map(|term| (term.name.clone(), term.weight, term.value)).collect();
        near(terms.iter().map(|(_, weight, value)| weight * value).sum(), got.value(), 1e-14);
        terms
    };
    let f = terms("f");
    assert_eq!(f.iter().map(|term| term.0.as_str()).collect::<Vec<_>>(), ["square", "level", "rest"]);
    near(f[0].1, 1.0, 1e-14);
    near(f[0].2, 5.0, 1e-14);
    let g = terms("g");
    assert_eq!(g.iter().map(|term| term.0.as_str()).collect::<Vec<_>>(), ["spread", "level", "rest"]);
    near(g[0].1, 0.5, 1e-14);
    near(g[0].2, 2.5, 1e-14);
}
