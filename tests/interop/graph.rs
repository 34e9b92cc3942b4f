//! A loss in candle's graph: many inputs, upstream gradients, element types, networks, and what is refused.

use candle_core::{D, DType, Device, Result, Tensor, Var};
use lossc::interop::candle::{CandleError, CandleLoss};
use lossc::lower::Reduction;
use lossc::session::{Compiler, Params};

use crate::data::{close, numbers};

fn standard(name: &str) -> CandleLoss {
    let loss = Compiler::new().standard().and_then(|all| all.loss(name)?.build());
    CandleLoss::new(loss.expect("a loss of the library"))
}

fn written(text: &str) -> CandleLoss {
    let loss = Compiler::new().compile(text).and_then(|program| program.main()?.build());
    CandleLoss::new(loss.unwrap_or_else(|error| panic!("{error}")))
}

fn vector(numbers: &[f64], dtype: DType) -> Tensor {
    Tensor::new(numbers, &Device::Cpu).and_then(|tensor| tensor.to_dtype(dtype)).expect("a tensor")
}

fn variable(numbers: &[f64], dtype: DType) -> Var {
    Var::from_tensor(&vector(numbers, dtype)).expect("a variable")
}

#[test]
fn backward_reaches_more_inputs_than_an_operation_of_candle_takes() {
    let loss =
        written("loss five(a: real[N], b: real[N], c: real[N], d: real[N], e: real[N]) = mean(a * b + c * d * e)");
    let values = [[1.0, -2.0], [3.0, 0.5], [-1.5, 4.0], [2.0, 2.5], [0.25, -3.0]];
    let variables: Vec<Var> = values.iter().map(|numbers| variable(numbers, DType::F32)).collect();
    let names = ["a", "b", "c", "d", "e"];
    let inputs: Vec<(&str, &Tensor)> = names.into_iter().zip(variables.iter().map(Var::as_tensor)).collect();
    let store = loss.forward(&inputs, &Params::new()).expect("a value").backward().expect("gradients");
    let [a, b, c, d, e] = values;
    let product = |one: [f64; 2], other: [f64; 2]| [one[0] * other[0], one[1] * other[1]];
    let expected = [b, a, product(d, e), product(c, e), product(c, d)];
    for ((name, variable), expected) in names.iter().zip(&variables).zip(expected) {
        let expected = expected.map(|number| number / 2.0);
        let gradient = numbers(store.get(variable).expect(name));
        assert!(close(&gradient, &expected, 1e-6), "{name}: {gradient:?}, not {expected:?}");
    }
}

#[test]
fn the_upstream_gradient_scales_and_backward_may_run_twice() {
    let loss = standard("focal_logits");
    let (logits, target) = (variable(&[2.0, -1.0, 0.3], DType::F32), vector(&[1.0, 1.0, 0.0], DType::F32));
    let inputs = [("logits", logits.as_tensor()), ("target", &target)];
    let total = loss.forward(&inputs, &Params::new()).expect("a value");
    let gradient = |total: &Tensor| numbers(total.backward().expect("gradients").get(&logits).expect("of the logits"));
    let (once, twice) = (gradient(&total), gradient(&total));
    assert_eq!(once, twice);
    assert!(once.iter().all(|&number| number != 0.0));

    let scaled = total.affine(-2.5, 7.0).expect("an operation of candle");
    let expected: Vec<f64> = once.iter().map(|number| -2.5 * number).collect();
    assert!(close(&gradient(&scaled), &expected, 1e-6));
    // Two uses of one value, and a second loss on the same variable, add up.
    let other = (logits.as_tensor().sqr().and_then(|square| square.sum_all())).expect("operations of candle");
    let sum = ((&total + &total).expect("a sum") + other).expect("a sum");
    let expected: Vec<f64> = once.iter().zip(numbers(&logits)).map(|(number, x)| 2.0 * number + 2.0 * x).collect();
    assert!(close(&gradient(&sum), &expected, 1e-6));
}

#[test]
fn terms_states_and_learnables_come_with_the_total() {
    let loss = standard("combo");
    let (pred, target) = (variable(&[0.9, 0.2, 0.6], DType::F32), vector(&[1.0, 0.0, 1.0], DType::F32));
    let inputs = [("pred", pred.as_tensor()), ("target", &target)];
    let out = loss.evaluate(&inputs, &Params::new().set("alpha", 0.25)).expect("a value");
    let (dice, entropy) = (out.term("dice").expect("a term"), out.term("balanced_bce").expect("a term"));
    let total = f64::from(out.total().to_scalar::<f32>().expect("a number"));
    assert!(close(&[total], &[0.75 * dice + 0.25 * entropy], 1e-6));
    assert_eq!(out.terms().len(), 2);

    let text = "loss two(a: real[N]; learn s = 0.5) =\n    exp(-s) * mean(a^2) + s\n";
    let (a, s) = (variable(&[1.0, 2.0], DType::F32), variable(&[0.25], DType::F32));
    let loss = written(text);
    let total = loss.forward(&[("a", &a), ("s", &s)], &Params::new()).expect("a value");
    let gradient = numbers(total.backward().expect("gradients").get(&s).expect("of the learnable"));
    assert!(close(&gradient, &[1.0 - (-0.25_f64).exp() * 2.5], 1e-6), "{gradient:?}");

    let text = "loss moving(a: real[N]; state m = 1) =\n    next m = 0.5 * m + 0.5 * mean(a)\n    mean((a - m)^2)\n";
    let out = written(text).evaluate(&[("a", &a)], &Params::new()).expect("a value");
    assert_eq!(out.state().get("m"), Some(1.25));
}

#[test]
fn every_float_type_and_label_type_is_taken() {
    let loss = standard("cross_entropy");
    let numbers_in = [[1.0, -0.5, 0.25], [0.0, 2.0, -1.0]];
    let logits = Tensor::new(&numbers_in, &Device::Cpu).expect("a tensor");
    let exact = {
        let logits = Var::from_tensor(&logits).expect("a variable");
        let label = Tensor::new(&[2_u32, 1], &Device::Cpu).expect("a tensor");
        let total = loss.forward(&[("logits", &logits), ("label", &label)], &Params::new()).expect("a value");
        assert_eq!(total.dtype(), DType::F64);
        numbers(total.backward().expect("gradients").get(&logits).expect("of the logits"))
    };
    let soft = |x: f64, row: [f64; 3]| x.exp() / row.iter().map(|x| x.exp()).sum::<f64>();
    assert!(close(&exact[..1], &[soft(1.0, numbers_in[0]) / 2.0], 1e-14), "{exact:?}");

    let types = [(DType::F16, 1e-3, DType::F32), (DType::BF16, 8e-3, DType::F32), (DType::F32, 1e-6, DType::F32)];
    for (dtype, error, of_total) in types {
        for labels in [DType::U8, DType::U32, DType::I64, DType::I32] {
            let logits = Var::from_tensor(&logits.to_dtype(dtype).expect("a tensor")).expect("a variable");
            let label =
                Tensor::new(&[2_u32, 1], &Device::Cpu).and_then(|label| label.to_dtype(labels)).expect("labels");
            let total = loss.forward(&[("logits", &logits), ("label", &label)], &Params::new()).expect("a value");
            assert_eq!(total.dtype(), of_total);
            let store = total.backward().expect("gradients");
            let gradient = store.get(&logits).expect("of the logits");
            assert_eq!(gradient.dtype(), dtype);
            assert!(close(&numbers(gradient), &exact, error), "{dtype:?} {labels:?}: {gradient}");
        }
    }
}

#[test]
fn a_half_gradient_is_rounded_after_it_was_scaled() {
    // 2⁻²⁶ is 0 in f16; scaled by 2¹⁶, as trainings in f16 do, it is not.
    let loss = written("loss tiny(x: real[N]) = mean(x) / 2^26");
    let x = variable(&[1.0], DType::F16);
    let total = loss.forward(&[("x", &x)], &Params::new()).expect("a value").affine(65536.0, 0.0).expect("scaled");
    let gradient = numbers(total.backward().expect("gradients").get(&x).expect("of x"));
    assert_eq!(gradient, [2.0_f64.powi(-10)]);
}

#[test]
fn one_storage_may_serve_several_inputs() {
    let loss = standard("mse");
    let both = Var::new(&[[1.0_f32, 2.0, 3.0], [2.0, 4.0, 6.0]], &Device::Cpu).expect("a variable");
    let (pred, target) = (both.narrow(0, 0, 1).expect("a row"), both.narrow(0, 1, 1).expect("a row"));
    let total = loss.forward(&[("pred", &pred), ("target", &target)], &Params::new()).expect("a value");
    let gradient = numbers(total.backward().expect("gradients").get(&both).expect("of both"));
    let third = 2.0 / 3.0;
    assert!(close(&gradient, &[-third, -2.0 * third, -2.0, third, 2.0 * third, 2.0], 1e-6), "{gradient:?}");
}

#[test]
fn detached_tensors_give_the_value_alone() {
    let loss = CandleLoss::new(
        Compiler::new()
            .standard()
            .and_then(|all| all.loss("huber")?.reduction(Reduction::None).build())
            .expect("huber"),
    );
    let (pred, target) = (variable(&[1.0, 5.0], DType::F32), vector(&[1.5, 2.0], DType::F32));
    let total = loss.forward(&[("pred", &pred.detach()), ("target", &target)], &Params::new()).expect("values");
    assert_eq!(numbers(&total), [0.125, 2.5]);
    assert!(!total.track_op());
    let error = loss.forward(&[("pred", &pred), ("target", &target)], &Params::new()).expect_err("it is tracked");
    assert!(matches!(error, CandleError::Unreduced { .. }));
    assert!(error.to_string().contains("one value for each of [2]"), "{error}");
}

#[test]
fn mistakes_are_errors_that_name_the_input() {
    let loss = standard("cross_entropy");
    let logits = Var::zeros((4, 3), DType::F32, &Device::Cpu).expect("a variable");
    let label = |numbers: &[i64]| Tensor::new(numbers, &Device::Cpu).expect("a tensor");
    let message = |logits: &Tensor, label: &Tensor| {
        let refused = loss.forward(&[("logits", logits), ("label", label)], &Params::new());
        let error = refused.expect_err("it does not fit").to_string();
        let wrapped = loss.forward(&[("logits", logits), ("label", label)], &Params::new());
        let wrapped = candle_core::Error::from(wrapped.expect_err("it does not fit")).to_string();
        assert!(wrapped.contains(&error), "{wrapped}");
        error
    };
    let shape = message(&logits, &label(&[0, 1, 2]));
    assert!(shape.contains("axis N has extent 4 in `logits`, but 3 in `label`"), "{shape}");
    let range = message(&logits, &label(&[0, 1, 2, 3]));
    assert!(range.contains("`label`[3] is 3") && range.contains("axis C"), "{range}");
    let short = label(&[0, 1, 2, 0]).to_dtype(DType::I16).expect("i16");
    assert!(message(&logits, &short).contains("`label.to_dtype(DType::I64)?`"));

    let name = loss.forward(&[("logit", &logits), ("label", &label(&[0; 4]))], &Params::new());
    assert!(name.expect_err("no such input").to_string().contains("did you mean `logits`?"));
    let params = Params::new().set("smoothin", 0.1);
    let parameter = loss.forward(&[("logits", &logits), ("label", &label(&[0; 4]))], &params);
    assert!(parameter.expect_err("no such parameter").to_string().contains("smoothin"));

    let learned = written("loss two(a: real[N]; learn s = 0) = exp(-s) * mean(a) + s");
    let (a, s) = (variable(&[1.0], DType::F32), variable(&[1.0, 2.0], DType::F32));
    let error = learned.forward(&[("a", &a), ("s", &s)], &Params::new()).expect_err("two numbers");
    assert!(error.to_string().contains("one number, but its tensor has the shape [2]"), "{error}");
}

#[test]
fn eight_threads_that_share_a_loss_get_the_same() {
    let loss = standard("center_joint");
    let step = |loss: &CandleLoss| -> Result<(f32, Vec<f64>)> {
        let logits = Var::new(&[[1.0_f32, 2.0], [0.5, -1.0]], &Device::Cpu)?;
        let features = Var::new(&[[0.1_f32], [0.7]], &Device::Cpu)?;
        let centers = Var::new(&[[0.0_f32], [1.0]], &Device::Cpu)?;
        let label = Tensor::new(&[1_i64, 0], &Device::Cpu)?;
        let inputs = [("logits", &*logits), ("features", &*features), ("centers", &*centers), ("label", &label)];
        let total = loss.forward(&inputs, &Params::new())?;
        let store = total.backward()?;
        let all = [&logits, &features, &centers].into_iter().flat_map(|one| numbers(store.get(one).expect("one")));
        Ok((total.to_scalar()?, all.collect()))
    };
    let expected = step(&loss).expect("a step");
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (0..50).all(|_| step(&loss).expect("a step") == expected))).collect();
        assert!(workers.into_iter().all(|worker| worker.join().expect("no panic")));
    });
}

fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

fn sigmoid(logits: &Tensor) -> Result<Tensor> {
    (logits.neg()?.exp()? + 1.0)?.recip()
}

/// Losses in candle's own operations, of the output [6, 4] of a network and a target.
type Chain = fn(&Tensor, &Tensor) -> Result<Tensor>;

const CHAINS: &[(&str, &str, Chain)] = &[
    ("mse", "real", |out, target| (out - target)?.sqr()?.mean_all()),
    ("mae", "real", |out, target| (out - target)?.abs()?.mean_all()),
    ("bce_logits", "binary", |out, target| {
        let p = sigmoid(out)?;
        let (right, wrong) = (target.mul(&p.log()?)?, target.affine(-1.0, 1.0)?.mul(&p.affine(-1.0, 1.0)?.log()?)?);
        (right + wrong)?.neg()?.mean_all()
    }),
    ("focal_logits", "binary", |out, target| {
        let (p, rest) = (sigmoid(out)?, target.affine(-1.0, 1.0)?);
        let right = target.mul(&p.affine(-1.0, 1.0)?.sqr()?)?.mul(&p.log()?)?.affine(-0.25, 0.0)?;
        let wrong = rest.mul(&p.sqr()?)?.mul(&p.affine(-1.0, 1.0)?.log()?)?.affine(-0.75, 0.0)?;
        (right + wrong)?.mean_all()
    }),
    ("cross_entropy", "label", |out, label| log_softmax(out)?.gather(&label.unsqueeze(1)?, 1)?.neg()?.mean_all()),
];

#[test]
fn gradients_through_a_network_are_those_of_candles_own_operations() {
    let waves = |shape: &[usize], speed: f64| {
        let numbers: Vec<f64> = (0..shape.iter().product()).map(|at| (speed * (at as f64 + 1.0)).sin()).collect();
        Tensor::from_vec(numbers, shape, &Device::Cpu).expect("a tensor")
    };
    for (name, target, chain) in CHAINS {
        let x = waves(&[6, 3], 0.7);
        let first = Var::from_tensor(&waves(&[3, 8], 1.3)).expect("a variable");
        let second = Var::from_tensor(&waves(&[8, 4], 2.1)).expect("a variable");
        let output = x.matmul(&first).and_then(|hidden| hidden.tanh()?.matmul(&second)).expect("a network");
        let (input, wanted, target) = match *target {
            "label" => ("logits", "label", Tensor::new(&[0_u32, 3, 1, 2, 2, 0], &Device::Cpu).expect("labels")),
            "binary" => (
                "logits",
                "target",
                waves(&[6, 4], 0.9).gt(0.0).and_then(|t| t.to_dtype(DType::F64)).expect("a tensor"),
            ),
            _ => ("pred", "target", waves(&[6, 4], 0.9)),
        };
        let fused = standard(name).forward(&[(input, &output), (wanted, &target)], &Params::new()).expect(name);
        let chained = chain(&output, &target).expect(name);
        assert!(close(&numbers(&fused), &numbers(&chained), 1e-12), "{name}: {fused} and {chained}");
        let (fused, chained) = (fused.backward().expect(name), chained.backward().expect(name));
        for weights in [&first, &second] {
            let (own, other) = (numbers(fused.get(weights).expect(name)), numbers(chained.get(weights).expect(name)));
            assert!(close(&own, &other, 1e-12), "{name}: {own:?}\n{other:?}");
            assert!(own.iter().any(|&number| number != 0.0), "{name}");
        }
    }
}
