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

/// What differs from turn to turn is not looked at; what does not is.
#[test]
fn loops_are_looked_at_from_outside() {
    let text = "loss l(x: real[N]; d = 1) =\n    repeat 3 with e = -1 {\n        e = huber(x, e + 0 * x, delta = e) + 0 * huber(x, e + 0 * x, delta = d)\n    }\n    e\n";
    for loss in engines(text, &[]) {
        let mut workspace = Workspace::new();
        assert!(call(&loss, &ramp(&[2]), &Params::new(), &mut workspace).is_ok());
        assert!(call(&loss, &ramp(&[2]), &Params::new().set("d", -1.0), &mut workspace).is_err());
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
        &none.set("delta", 0.0),
    );
    insta::assert_snapshot!(said);
}
