//! `where` conditions of hyperparameters at a call: on other hyperparameters, on extents, on data.

use lossc::session::{Compiler, Engine, Error, Loss, Params, Workspace};
use lossc::tensor::Tensor;

/// The last loss of a text on each engine.
fn engines(text: &str, ints: &[(&str, f64)]) -> [Loss; 2] {
    let program = Compiler::new().compile(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    [Engine::Jit, Engine::Interpreter].map(|engine| {
        let builder = program.main().expect("a loss").wrt(["x"]).engine(engine);
        let set = ints.iter().try_fold(builder, |builder, (name, value)| builder.set(name, *value));
        set.and_then(|builder| builder.build()).unwrap_or_else(|error| panic!("{text}\n{error}"))
    })
}

fn call(loss: &Loss, x: &Tensor, params: &Params, workspace: &mut Workspace) -> Result<f64, Error> {
    loss.value_and_grad_into(&[("x", x.view().expect("dense"))], params, &mut [], workspace).map(|out| out.value())
}

/// A ramp of this shape.
fn ramp(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    Tensor::f64((0..count).map(|at| at as f64).collect(), shape)
}

/// What is said, the same by every engine.
fn refused(text: &str, ints: &[(&str, f64)], shape: &[usize], params: &Params) -> String {
    let [jit, interpreter] = engines(text, ints).map(|loss| {
        let error = call(&loss, &ramp(shape), params, &mut Workspace::new()).expect_err(text);
        assert!(matches!(error, Error::Condition(_)), "{error}");
        assert_eq!(error.diagnostics().len(), 1);
        error.to_string()
    });
    assert_eq!(jit, interpreter);
    format!("{}\n-----\n{jit}\n", text.trim_end())
}

const OWN: &str = "loss hardest(x: real[N, P]; int k = 2 where 1 <= k <= size[P], scale = 1 where 0 < scale < size[N]) =\n    mean(scale * topk[P -> T](x, k))\n";

#[test]
fn a_condition_may_speak_of_extents() {
    for loss in engines(OWN, &[]) {
        let (mut workspace, params) = (Workspace::new(), Params::new());
        let mut call = |shape: &[usize], params: &Params| call(&loss, &ramp(shape), params, &mut workspace);
        for _ in 0..2 {
            assert_eq!(call(&[2, 3], &params).expect("2 of 3"), 3.0);
            assert!(call(&[2, 1], &params).is_err(), "2 of 1");
            assert!(call(&[1, 3], &params).is_err(), "1 is not below 1");
            assert!(call(&[2, 3], &Params::new().set("scale", 2.0)).is_err(), "nor 2 below 2");
            assert_eq!(call(&[3, 2], &Params::new().set("scale", 2.0)).expect("2 of 2"), 5.0);
        }
    }
}

/// Also where the inputs are those of the terms, and the condition speaks of what comes after it.
#[test]
fn a_condition_may_speak_of_all_of_the_signature() {
    let text = "loss l(low = 0 where low < high, high = 1 where high <= size[..B]) = high * mse + low\n";
    let program = Compiler::new().compile(text).unwrap_or_else(|error| panic!("{error}"));
    let loss = program.main().expect("a loss").build().expect("it builds");
    let (pred, target) = (ramp(&[2]), Tensor::f64(vec![0.0; 2], &[2]));
    let inputs = [("pred", pred.view().expect("dense")), ("target", target.view().expect("dense"))];
    let call = |params: &Params| loss.value_and_grad(&inputs, params);
    assert_eq!(call(&Params::new()).expect("0 < 1 <= 2").value(), 0.5);
    assert!(call(&Params::new().set("low", 1.0)).is_err());
    let error = call(&Params::new().set("high", 3.0)).expect_err("3 > 2");
    let Error::Condition(unmet) = error else { panic!("{error}") };
    assert_eq!((&*unmet.loss, &*unmet.name, &*unmet.condition, unmet.value), ("l", "high", "high <= size[..B]", 3.0));
    assert_eq!(unmet.extents, [("..B".to_string(), 2)]);
}

#[test]
fn what_is_given_may_come_from_data() {
    let text = "loss l(x: real[N]; shift = 0) = huber(x, 0 * x, delta = mean(x) + shift)\n";
    for loss in engines(text, &[]) {
        let mut workspace = Workspace::new();
        let mut call = |values: &[f64], shift: f64| {
            let x = Tensor::f64(values.to_vec(), &[values.len()]);
            call(&loss, &x, &Params::new().set("shift", shift), &mut workspace)
        };
        for _ in 0..2 {
            assert_eq!(call(&[1.0, 3.0], 1.0).expect("delta is 3"), 2.5);
            assert!(call(&[1.0, -3.0], 1.0).is_err(), "delta is 0");
            assert!(call(&[1.0, 3.0], -2.0).is_err(), "delta is 0");
            assert!(call(&[1.0, f64::NAN], 1.0).is_err(), "delta is NaN");
        }
    }
}

#[test]
fn a_number_in_a_call_is_looked_at_too() {
    for (delta, fits) in [("2", true), ("0", false), ("size[N] - 2", false)] {
        for loss in engines(&format!("loss l(x: real[N]) = huber(x, 0 * x, delta = {delta})\n"), &[]) {
            let mut workspace = Workspace::new();
            for _ in 0..2 {
                assert_eq!(call(&loss, &ramp(&[2]), &Params::new(), &mut workspace).is_ok(), fits, "delta = {delta}");
            }
        }
    }
}

const TURNS: &str = "loss l(x: real[N]; d = 1, step = 0.5, int n = 3) =\n    repeat n with e = d {\n        let far = huber(x, 0 * x, delta = e)\n        e = e - step + 0 * far\n    }\n    e\n";

/// At every turn, from what the turns before have made.
#[test]
fn what_varies_in_a_loop_is_looked_at() {
    let fits = |turns: f64, d: f64, step: f64| d - (turns - 1.0) * step > 0.0;
    for turns in [0.0, 1.0, 2.0, 3.0] {
        for loss in engines(TURNS, &[("n", turns)]) {
            let mut workspace = Workspace::new();
            for (d, step) in [(1.0, 0.5), (1.0, 0.4), (0.3, 0.3), (0.0, 0.0), (1.0, -2.0), (0.5, 0.5)] {
                let params = Params::new().set("d", d).set("step", step);
                let called = call(&loss, &ramp(&[2]), &params, &mut workspace);
                let context = format!("{turns} turns from {d} by {step}");
                assert_eq!(called.is_ok(), turns == 0.0 || fits(turns, d, step), "{context}: {called:?}");
                let Err(Error::Condition(unmet)) = called else { continue };
                let first = (1..).find(|turn| !fits(f64::from(*turn), d, step)).expect("it falls");
                let expected = d - (f64::from(first) - 1.0) * step;
                assert!((unmet.value - expected).abs() < 1e-12, "{context}: {}", unmet.value);
                let shown = if turns == 1.0 { vec![] } else { vec![first as u64] };
                assert_eq!(unmet.turns, shown, "{context}");
            }
        }
    }
}

/// From data, and what does not vary; both where the variables have axes.
#[test]
fn loops_over_data_are_looked_at() {
    let text = "loss l(x: real[N]; d = 1) =\n    repeat 3 with e = x, spare = 2 * x {\n        let width = mean(e)\n        e = e - huber(x, e, delta = width) * 0 - 1 + 0 * huber(x, e, delta = d)\n        spare = spare * 2\n    }\n    mean(e + spare)\n";
    for loss in engines(text, &[]) {
        let mut workspace = Workspace::new();
        let mut call = |values: &[f64], d: f64| {
            let x = Tensor::f64(values.to_vec(), &[values.len()]);
            call(&loss, &x, &Params::new().set("d", d), &mut workspace)
        };
        for _ in 0..2 {
            assert!(call(&[2.0, 3.0], 1.0).is_ok(), "2.5, 1.5, 0.5");
            assert!(call(&[2.0, 3.0], -1.0).is_err(), "d is −1");
            let Err(Error::Condition(unmet)) = call(&[2.0, 2.0], 1.0) else { panic!("2, 1, 0") };
            assert_eq!((unmet.value, &*unmet.turns), (0.0, &[3_u64][..]));
            let Err(Error::Condition(unmet)) = call(&[f64::NAN, 2.0], 1.0) else { panic!("NaN") };
            assert!(unmet.value.is_nan());
            assert_eq!(unmet.turns, [1]);
        }
    }
}

const NESTED: &str = "loss l(x: real[N]) =\n    repeat 3 with a = 0 {\n        a = a + 1 + 0 * inner(x, a = a)\n    }\n    a + mean(x)\nloss inner(x: real[N]; a = 0) =\n    repeat 4 with b = 8 {\n        b = b - a * 2 + 0 * huber(x, b + 0 * x, delta = b)\n    }\n    mean(x) + b\nloss last(x: real[N]) = l\n";

/// A loss with a loop that is called in a loop: 8, 8, 8, 8, then 8, 6, 4, 2, then 8, 4, 0.
#[test]
fn loops_in_loops_are_looked_at() {
    for loss in engines(NESTED, &[]) {
        let called = call(&loss, &ramp(&[2]), &Params::new(), &mut Workspace::new());
        let Err(Error::Condition(unmet)) = called else { panic!("{called:?}") };
        assert_eq!((unmet.value, &*unmet.turns), (0.0, &[3_u64, 3][..]));
    }
    for loss in engines(&NESTED.replace("a * 2", "a"), &[]) {
        assert!(call(&loss, &ramp(&[2]), &Params::new(), &mut Workspace::new()).is_ok());
    }
}

#[test]
fn the_message_shows_the_condition_and_the_extents() {
    let none = Params::new();
    let mut said = refused(OWN, &[("k", 4.0)], &[2, 3], &none);
    said += &refused(OWN, &[], &[2, 3], &none.clone().set("scale", 5.0));
    said += &refused("loss l(x: real[N]) = huber(x, 0 * x, delta = size[N] - 3)\n", &[], &[3], &none);
    said += &refused(
        "loss l(x: real[N]) = 2 * inner\nloss inner(x: real[N]) = huber(x, 0 * x, delta = mean(x))\nloss m(x: real[N]) = l\n",
        &[],
        &[1],
        &none,
    );
    said += &refused(
        "loss l(x: real[N]; delta = 1) = huber(x, 0 * x, delta = delta)\n",
        &[],
        &[3],
        &none.clone().set("delta", 0.0),
    );
    said += &refused(TURNS, &[], &[3], &none);
    said += &refused(NESTED, &[], &[3], &none);
    insta::assert_snapshot!(said);
}
