//! Axes of a computed extent, and axes whose extent is a hyperparameter: numbers made by hand, the interpreter and
//! machine code, and what is wrong with data.
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

fn one(name: &str, data: &[f64]) -> Tensors {
    vec![(name.to_owned(), Tensor::f64(data.to_vec(), &[data.len()]))]
}

/// Machine code in f64 and the interpreter, after both were compared with the graph as lowered.
fn judged(builder: &LossBuilder, tensors: &Tensors, wrt: &[&str]) -> Numbers {
    let wrt: Vec<String> = wrt.iter().map(|name| (*name).to_owned()).collect();
    let want = interpret(&reference(builder, &wrt), tensors, Precision::Double).expect("the data fit");
    for (engine, dtype, tolerance) in
        [(Engine::Interpreter, DType::F64, 1e-12), (Engine::Jit, DType::F64, 1e-12), (Engine::Jit, DType::F32, 1e-5)]
    {
        let loss = builder.clone().engine(engine).dtype(dtype).wrt(wrt.clone()).build().expect("it builds");
        let got = numbers(&call(&loss, tensors).expect("it runs"));
        if let Some(message) = difference(&got, &want, tolerance, |_| 0.0) {
            panic!("{engine:?} in {dtype:?}: {message}");
        }
    }
    want
}

fn near(got: &[f64], want: &[f64]) {
    let close = |(got, want): (&f64, &f64)| (got - want).abs() <= 1e-12 * want.abs().max(1.0);
    assert!(got.len() == want.len() && got.iter().zip(want).all(close), "{got:?} instead of {want:?}");
}

const STEPS: &str = "
fn steps(x: real[T]) =
    axis U = size[T] - 1
    sum[U]((x[T = index[U] + 1] - x[T = index[U]])^2)
loss f(x: real[T]) = steps(x) + steps(2 * x)";

#[test]
fn differences_of_neighbours() {
    let got = judged(&compile(STEPS), &one("x", &[1.0, 3.0, 2.0, 2.5]), &["x"]);
    // 4 + 1 + 0.25, and four times that.
    near(&[got.value()], &[5.0 * 5.25]);
    near(got.gradient("x"), &[-20.0, 30.0, -15.0, 5.0]);
}

#[test]
fn an_empty_local_axis_and_one_of_less_than_no_positions() {
    let builder = compile(STEPS);
    let got = judged(&builder, &one("x", &[1.0]), &["x"]);
    near(&[got.value(), got.gradient("x")[0]], &[0.0, 0.0]);
    for engine in [Engine::Interpreter, Engine::Jit] {
        let loss = builder.clone().engine(engine).build().expect("it builds");
        let error = call(&loss, &one("x", &[])).expect_err("an axis of −1 positions").to_string();
        assert_eq!(
            error,
            "axis U would have the extent size[T] - 1, where T = 0: -1 is negative; \
             give it more data along what it depends on"
        );
    }
}

#[test]
fn nothing_is_read_beyond_an_axis() {
    let text = "
loss f(x: real[T]) =
    axis U = size[T] + 3
    sum[U](exp(x[T = index[U] - 2]) - 1) + sum[U](x[T = 1 - index[U]])";
    let got = judged(&compile(text), &one("x", &[0.5, 0.25]), &["x"]);
    // Outside a pick is 0: three of the five positions of the first sum, and of the second.
    near(&[got.value()], &[0.5_f64.exp() + 0.25_f64.exp() - 2.0 + 0.75]);
    near(got.gradient("x"), &[0.5_f64.exp() + 1.0, 0.25_f64.exp() + 1.0]);
}

#[test]
fn extents_of_sizes_of_local_axes_lets_constants_and_hyperparameters() {
    let text = "
const least = 2
fn double(n: int) = 2 * n
loss f(x: real[T]; int bins = 3) =
    let more = size[T] + bins
    axis U = max(double(more) - 4, least)
    axis V = min(abs(1 - size[U]), size[T])
    let grid = index[U] * index[V]
    sum(grid) + sum[U, W](grid[V -> W]) + 1000 * size[U] + 100 * size[V] + mean(x)";
    let builder = compile(text);
    // T = 2: U = 6, V = min(5, 2) = 2; T = 1 with 1 bin: U = 2, V = 1.
    near(&[judged(&builder, &one("x", &[1.0, 3.0]), &["x"]).value()], &[30.0 + 6200.0 + 2.0]);
    let fewer = builder.set("bins", 1.0).expect("an int");
    near(&[judged(&fewer, &one("x", &[7.0]), &["x"]).value()], &[2100.0 + 7.0]);
}

#[test]
fn a_fixed_local_axis_of_no_positions() {
    let text = "
fn grid(x: real, bins: int) =
    axis J = bins
    sum[J](x * index[J]) + count[J](x > index[J]) + prod[J](x + index[J]) + x
loss f(x: real[T]; int bins = 0) = mean(grid(x, bins))";
    near(&[judged(&compile(text), &one("x", &[1.0, 3.0]), &["x"]).value()], &[3.0]);
}

fn labelled(features: &[f64], label: &[i64]) -> Tensors {
    let shape = [label.len(), features.len() / label.len()];
    vec![
        ("features".to_owned(), Tensor::f64(features.to_vec(), &shape)),
        ("label".to_owned(), Tensor::i64(label.to_vec(), &[label.len()])),
    ]
}

const SHARE: &str = "
/// The share of each class, squared.
loss share(label: index(K)[N]; axis K = classes) = sum[K]((count[N](label == index[K]) / size[N])^2) + 10 * classes
";

#[test]
fn an_extent_that_a_hyperparameter_gives() {
    let tensors: Tensors = labelled(&[0.0; 4], &[0, 2, 2, 2])[1..].to_vec();
    let builder = compile(SHARE);
    let missing = builder.clone().build().expect_err("no extent").to_string();
    assert!(missing.contains("nothing gives axis `K` of `share` its extent"), "{missing}");
    let got = judged(&builder.clone().set("classes", 4.0).expect("an int"), &tensors, &[]);
    near(&[got.value()], &[0.625 + 40.0]);
    let two = builder.clone().set("classes", 2.0).expect("an int").build().expect("it builds");
    let error = call(&two, &tensors).expect_err("a label beyond").to_string();
    assert!(error.contains("`label`[1] is 2") && error.contains("below 2, the extent of axis K"), "{error}");
    let negative = builder.set("classes", -1.0).expect("an int").build().expect_err("no axis").to_string();
    assert!(negative.contains("axis `K` would have -1 positions"), "{negative}");
}

#[test]
fn an_extent_that_an_input_gives_and_a_hyperparameter_may_confirm() {
    let text = format!("{SHARE}\nloss f(weight: real[C], label: index(C)[N]) = share + mean(weight)");
    let tensors: Tensors = [one("weight", &[1.0, 1.0, 4.0]), labelled(&[0.0; 4], &[0, 2, 2, 2])[1..].to_vec()].concat();
    near(&[judged(&compile(&text), &tensors, &["weight"]).value()], &[0.625 + 30.0 + 2.0]);
    let confirmed = compile(&text.replace("= share +", "= share(classes = 3) +"));
    near(&[judged(&confirmed, &tensors, &["weight"]).value()], &[0.625 + 30.0 + 2.0]);
    let sized = compile(&text.replace("= share +", "= share(classes = size[C]) +"));
    near(&[judged(&sized, &tensors, &["weight"]).value()], &[0.625 + 30.0 + 2.0]);
    let other = compile(&text.replace("= share +", "= share(classes = 5) +"));
    let error = call(&other.build().expect("it builds"), &tensors).expect_err("3 is not 5").to_string();
    assert_eq!(error, "`classes` is 5, but axis C has extent 3 in `weight`; leave `classes` out, or give 3");
}

#[test]
fn an_extent_that_only_a_call_gives() {
    let tensors: Tensors = labelled(&[0.0; 4], &[0, 2, 2, 2])[1..].to_vec();
    // The inputs are inferred, and nothing else speaks of the classes.
    near(&[judged(&compile(&format!("{SHARE}\nloss f = 2 * share(classes = 3)")), &tensors, &[]).value()], &[61.25]);
    let grid = "
loss grid(x: real[N]; axis J = bins) = mean(mean[J](abs(x - index[J] / bins)))
loss f(x: real[N]; int fine = 4) = grid(x, bins = fine) + grid(x, bins = size[N])";
    near(&[judged(&compile(grid), &one("x", &[0.0, 1.0]), &["x"]).value()], &[0.5 + 0.5]);
}
