//! Every loss of the standard library, with what must hold of all of them: gradients are what differences say,
//! single precision follows double, empty tensors, one sample and one class are no trouble, and extreme logits are exact.
#![allow(clippy::disallowed_methods, reason = "expected numbers are made without the crate")]

mod running;

use lossc::eval::Precision;
use lossc::session::{Compiler, Engine, InputInfo, LossBuilder, Program, Vectors};
use lossc::tensor::{DType, Tensor};

use running::data::Random;
use running::freeze::frozen;
use running::learned;
use running::losses::{data, floats, losses, required};
use running::{
    Numbers, Tensors, call, central_difference, difference, interpret, numbers, reference, rewritten, single,
};

/// With the best vector code that this machine has.
fn run(builder: &LossBuilder, engine: Engine, dtype: DType, tensors: &Tensors) -> Result<Numbers, String> {
    let floats = floats(builder);
    let loss = builder.clone().engine(engine).dtype(dtype).wrt(floats).build().map_err(|error| error.to_string())?;
    let tensors = if dtype == DType::F32 { single(tensors) } else { tensors.clone() };
    call(&loss, &tensors).map(|evaluation| numbers(&evaluation)).map_err(|error| error.to_string())
}

/// Collects what fails of all losses, so that one run shows everything.
fn all_losses(check: impl Fn(&str, &LossBuilder) -> Result<(), String>) {
    let failed: Vec<String> = losses()
        .iter()
        .filter_map(|(name, builder)| check(name, builder).err().map(|message| format!("{name}: {message}")))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn gradients_are_what_differences_say() {
    all_losses(|name, builder| {
        let required: Vec<InputInfo> = required(builder).collect();
        let learnables = learned::learnables(builder);
        let floats = required.iter().filter(|input| input.float).map(|input| input.name.clone());
        let names: Vec<String> = floats.chain(learnables.clone()).collect();
        let plain = learned::as_inputs(&reference(builder, &[]), &learnables);
        let mut trusted = 0;
        for seed in 0..2 {
            let tensors = data(name, builder, &[], 10 + seed);
            let mut given: Tensors =
                tensors.iter().filter(|(name, _)| required.iter().any(|input| input.name == *name)).cloned().collect();
            let values = learned::values(builder, 20 + seed);
            let builder = learned::with_values(builder, &values).dtype(DType::F64).wrt(names.clone());
            let loss = builder.build().map_err(|error| error.to_string())?;
            let got = numbers(&call(&loss, &given).map_err(|error| error.to_string())?);
            given.extend(values);
            let (still, held) = frozen(&plain, &given).expect("no stop in a loop");
            for input in &names {
                let gradient = got.gradient(input);
                for (place, &got) in gradient.iter().enumerate() {
                    let (slope, doubt) = central_difference(&still, &held, input, place);
                    if doubt > 1e-8 * (1.0 + slope.abs()) {
                        continue;
                    }
                    trusted += 1;
                    if (slope - got).abs() > 1e-7 * (1.0 + slope.abs()) {
                        return Err(format!("by {input}[{place}] is {got}, but differences say {slope}"));
                    }
                }
            }
        }
        if trusted < 8 { Err(format!("only {trusted} differences could be trusted")) } else { Ok(()) }
    });
}

#[test]
fn single_precision_follows_double() {
    all_losses(|name, builder| {
        let tensors = data(name, builder, &[], 30);
        let want = run(builder, Engine::Interpreter, DType::F64, &tensors)?;
        for vectors in Vectors::ALL {
            for (dtype, tolerance) in [(DType::F64, 1e-11), (DType::F32, 3e-6)] {
                let got = run(&builder.clone().vectors(vectors), Engine::Jit, dtype, &tensors)?;
                let message = difference(&got, &want, tolerance, |_| 0.0);
                message.map_or(Ok(()), |message| Err(format!("{dtype:?}, {vectors:?}: {message}")))?;
            }
        }
        Ok(())
    });
}

#[test]
fn one_sample_and_one_class() {
    let shapes: [&[(&str, &[usize])]; 4] = [
        &[("N", &[1]), ("..B", &[]), ("..S", &[]), ("..A", &[])],
        &[("C", &[1])],
        &[("N", &[1]), ("C", &[1]), ("..S", &[1, 1]), ("..B", &[1]), ("..A", &[1])],
        &[("N", &[1]), ("C", &[3]), ("..S", &[1, 2]), ("..B", &[1, 1, 3])],
    ];
    all_losses(|name, builder| {
        for (at, shape) in shapes.iter().enumerate() {
            let tensors = data(name, builder, shape, 50 + at as u64);
            let want = run(builder, Engine::Interpreter, DType::F64, &tensors)?;
            let got = run(builder, Engine::Jit, DType::F64, &tensors)?;
            let message = difference(&got, &want, 1e-11, |_| 0.0);
            message.map_or(Ok(()), |message| Err(format!("{shape:?}: {message}")))?;
            if !got.finite() {
                return Err(format!("{shape:?}: not finite: {got:?}"));
            }
        }
        Ok(())
    });
}

#[test]
fn empty_tensors_give_a_finite_value_or_a_clear_error() {
    let shapes: [&[(&str, &[usize])]; 3] = [
        &[("N", &[0]), ("..B", &[0]), ("..A", &[0])],
        &[("..S", &[0, 2]), ("..B", &[3, 0])],
        &[("N", &[0]), ("C", &[0])],
    ];
    all_losses(|name, builder| {
        for shape in shapes {
            let tensors = data(name, builder, shape, 70);
            for dtype in [DType::F32, DType::F64] {
                match run(builder, Engine::Jit, dtype, &tensors) {
                    Ok(numbers) if numbers.finite() => {
                        let want = run(builder, Engine::Interpreter, DType::F64, &tensors)?;
                        let message = difference(&numbers, &want, 1e-5, |_| 0.0);
                        message.map_or(Ok(()), |message| Err(format!("{shape:?}: {message}")))?;
                    }
                    Ok(numbers) => return Err(format!("{shape:?}: not finite: {numbers:?}")),
                    Err(message) if message.contains("empty") => {}
                    Err(message) => return Err(format!("{shape:?}: unclear: {message}")),
                }
            }
        }
        Ok(())
    });
}

/// The logits that are hardest.
const EXTREMES: [f64; 10] = [1e4, -1e4, 30.0, -30.0, 0.0, 5.0, -5.0, 88.8, -104.0, 1e-6];

#[test]
fn extreme_logits_are_exact_in_single_precision() {
    let mut checked = 0;
    for (name, builder) in losses() {
        let logits: Vec<InputInfo> = builder.info().inputs.into_iter().filter(|input| input.kind == "logit").collect();
        if logits.is_empty() {
            continue;
        }
        checked += 1;
        for seed in 0..40 {
            let mut tensors = data(&name, &builder, &[("..S", &[]), ("..B", &[8]), ("..A", &[8])], 90 + seed);
            let mut draws = Random::new(900 + seed);
            let is_logit = |name: &str| logits.iter().any(|input| input.name == name);
            for (_, tensor) in tensors.iter_mut().filter(|(name, _)| is_logit(name)) {
                let values = (0..tensor.slice().len()).map(|_| EXTREMES[draws.below(EXTREMES.len())]);
                let values = values.map(|value| f64::from(value as f32)).collect();
                *tensor = Tensor::f64(values, &tensor.shape);
            }
            tensors.retain(|(input, _)| required(&builder).any(|required| required.name == *input));
            let names: Vec<String> = required(&builder).filter(|input| input.float).map(|input| input.name).collect();
            // The graph as lowered takes p − 1 in f64, which is good to 1e-16 of 1; the rewritten one does not.
            let plain = interpret(&reference(&builder, &names), &tensors, Precision::Double).expect("it runs");
            let want = interpret(&rewritten(&builder, &names), &tensors, Precision::Double).expect("it runs");
            if let Some(message) = difference(&want, &plain, 1e-13, |_| 0.0) {
                panic!("{name}: {message}");
            }
            let loss = builder.clone().wrt(names).build().expect("it builds");
            let got = numbers(&call(&loss, &single(&tensors)).expect("it runs"));
            assert!(got.finite() && want.finite(), "{name} on {tensors:?}: {got:?}, {want:?}");
            assert_close(&name, "value", &[got.value()], &[want.value()], 1, 0.0);
            for input in &logits {
                let row = if input.axes.iter().any(|axis| axis == "C") { 4 } else { 1 };
                let floor = DIFFERENCES.iter().find(|(loss, _)| *loss == name).map_or(0.0, |(_, floor)| *floor);
                assert_close(&name, &input.name, got.gradient(&input.name), want.gradient(&input.name), row, floor);
            }
        }
    }
    assert!(checked >= 6, "only {checked} losses on logits");
}

/// Losses whose gradient is a difference of two distributions of the same axis, with the factor before them: it is
/// as good as single precision holds the two.
const DIFFERENCES: &[(&str, f64)] = &[("distillation", 0.5 * 4.0 / 5.0)];

/// Relative to the largest number of each row; numbers below the smallest normal one may be 0.
fn assert_close(loss: &str, what: &str, got: &[f64], want: &[f64], row: usize, floor: f64) {
    for (at, (got, want)) in got.chunks(row).zip(want.chunks(row)).enumerate() {
        let scale = want.iter().fold(0.0_f64, |scale, number| scale.max(number.abs()));
        let close = |(got, want): (&f64, &f64)| {
            (got - want).abs() <= 1e-5 * scale + 3e-7 * floor + f64::from(f32::MIN_POSITIVE)
        };
        assert!(got.iter().zip(want).all(close), "{loss}, {what}, row {at}: {got:?} instead of {want:?}");
    }
}

#[test]
fn a_sure_and_right_softmax_keeps_its_tiny_loss() {
    let label = ("label".to_owned(), Tensor::i64(vec![0], &[1]));
    for name in ["cross_entropy", "focal_softmax"] {
        let builder = Compiler::new().standard().expect("sound").loss(name).expect("it exists");
        let logits = ("logits".to_owned(), Tensor::f32(vec![30.0, 0.0, -5.0], &[1, 3]));
        let mut loss = builder.dtype(DType::F32).wrt(["logits"]);
        if name == "focal_softmax" {
            loss = loss.set("gamma", 0.0).expect("it has gamma");
        }
        let got = numbers(&call(&loss.build().expect("it builds"), &[logits, label.clone()]).expect("it runs"));
        // ln(1 + e^−30 + e^−35) and 1 − p_0.
        let tiny = (-30.0_f64).exp() + (-35.0_f64).exp();
        assert!((tiny - 9.42e-14).abs() < 1e-16);
        assert!((got.value() / tiny - 1.0).abs() < 1e-5, "{name}: {}", got.value());
        let gradient = got.gradient("logits");
        assert!((gradient[0] / -tiny - 1.0).abs() < 1e-5, "{name}: {gradient:?}");
        assert!((gradient[1] / (-30.0_f64).exp() - 1.0).abs() < 1e-5, "{name}: {gradient:?}");
        assert!((gradient[2] / (-35.0_f64).exp() - 1.0).abs() < 1e-5, "{name}: {gradient:?}");
    }
}

#[test]
fn the_interpreter_of_the_session_is_the_interpreter_of_the_graph() {
    all_losses(|name, builder| {
        let tensors = data(name, builder, &[], 110);
        let needed = |name: &str| required(builder).any(|input| input.name == name);
        let required: Tensors = tensors.into_iter().filter(|(name, _)| needed(name)).collect();
        let names: Vec<String> =
            floats(builder).into_iter().filter(|name| required.iter().any(|(given, _)| given == name)).collect();
        let plain = interpret(&reference(builder, &names), &required, Precision::Double).map_err(|e| e.to_string())?;
        let loss = builder.clone().engine(Engine::Interpreter).dtype(DType::F64).wrt(names);
        let loss = loss.build().map_err(|error| error.to_string())?;
        let got = numbers(&call(&loss, &required).map_err(|error| error.to_string())?);
        difference(&got, &plain, 1e-11, |_| 0.0).map_or(Ok(()), Err)
    });
}

/// A program around an example: its inputs are those of the loss and of the losses that it names.
fn program_of(library: &Program, name: &str, example: &str) -> String {
    let words: Vec<&str> = example.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
    let named = words.iter().filter(|word| library.info(word).is_ok());
    let mut inputs: Vec<String> = Vec::new();
    for input in named.chain([&name]).flat_map(|name| library.info(name).expect("it is there").inputs) {
        let axes = if input.axes.is_empty() { String::new() } else { format!("[{}]", input.axes.join(", ")) };
        // A pack stands for the axes that the example's brackets name, and some that are kept.
        let axes = if example.contains("[H, W]") { axes.replace("..B", "N, C, H, W") } else { axes };
        let known = inputs.iter().any(|line| line.starts_with(&format!("{}:", input.name)));
        if input.kind != "loss" && !known {
            // Without the ignored label, which is a hyperparameter of the loss.
            let kind = input.kind.split_once(" or ").map_or(input.kind.clone(), |(kind, _)| format!("{kind})"));
            inputs.push(format!("{}: {kind}{axes}", input.name));
        }
    }
    format!("loss example({}) = {example}", inputs.join(", "))
}

#[test]
fn every_documented_example_runs() {
    let library = Compiler::new().standard().expect("the library is sound");
    for name in library.standard_losses() {
        let docs = library.info(&name).expect("it is there").docs;
        let example = docs.lines().find_map(|line| line.trim().strip_prefix("@example "));
        let example = example.unwrap_or_else(|| panic!("{name} has no example"));
        assert!(example.contains(&name), "{name}: the example {example} does not use it");
        let text = program_of(&library, &name, example);
        let program = Compiler::new().compile(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let builder = program.main().unwrap_or_else(|error| panic!("{text}: {error}"));
        let tensors = data(&name, &builder, &[], 3);
        let [want, got] = [Engine::Interpreter, Engine::Jit].map(|engine| {
            run(&builder, engine, DType::F64, &tensors).unwrap_or_else(|error| panic!("{text}: {error}"))
        });
        assert!(want.value().is_finite(), "{text} gives {}", want.value());
        assert_eq!(difference(&got, &want, 1e-9, |_| 0.0), None, "{text}");
    }
}
