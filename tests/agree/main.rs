//! Random programs in the language on random data: the interpreter on the graph as lowered, the rewritten graph and
//! machine code give the same, in both precisions, for views of any strides and at every call; and gradients are
//! what differences say.
//!
//! `AGREE_CASES=5000 cargo test --test agree` runs more cases than usual. A failing list of choices is kept in
//! `tests/agree/regressions.txt`.

mod generate;
#[path = "../running/mod.rs"]
mod running;

use lossc::bind::Binding;
use lossc::eval::Precision;
use lossc::ir::AxisId;
use lossc::ir::OutputRole;
use lossc::jit;
use lossc::lower::Reduction;
use lossc::session::{Compiler, Error, LossBuilder, Program, Vectors};
use lossc::tensor::{DType, Tensor, TensorView};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};

use generate::{Choices, program};
use running::data::{Extents, Random, random};
use running::freeze::frozen;
use running::learned;
use running::{
    Numbers, Tensors, call, central_difference, difference, interpret, numbers, reference, rewritten, single, views,
};

mod memory;

fn config() -> ProptestConfig {
    let cases = std::env::var("AGREE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(48);
    let seed = std::env::var("AGREE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_250_831);
    ProptestConfig {
        cases,
        max_shrink_iters: 400,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/agree/regressions.txt"))),
        rng_seed: RngSeed::Fixed(seed),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn engines_agree(list in prop::collection::vec(0_u16..9240, 8..90), shape in prop::collection::vec(0_u16..9240, 0..8)) {
        let text = program(&list);
        if let Err(message) = check(&text, &extents(&shape), u64::from(list[0])) {
            panic!("{message}\n\n{text}\n{:?}", extents(&shape));
        }
    }
}

/// A text, extents, and the seed of the data.
type OnceWrong = (&'static str, &'static [(&'static str, &'static [usize])], u64);

/// Programs that were wrong once.
const ONCE_WRONG: &[OnceWrong] = &[
    // A maximum over rows whose numbers one kernel computes over lanes in f32 and another row by row.
    (
        "loss rows(target: binary[N, C, ..S]) =\n    \
         let pairs = sum[M](target * target[N -> M] where index[N] != index[M])\n    \
         sum(max[C](prod[N, ..S](0.9 + 0.3 * tanh(pairs))))\n",
        &[("N", &[7]), ("C", &[2]), ("..S", &[3])],
        1163,
    ),
    // The shares lay in the result that replaced them, and were read once more for what a later pass needs.
    (
        "loss lent(x: real[N, C], v: real[N], w: real[C]) =\n    \
         let far = abs((sort[N](v) + w) - (sort[N](v) + w)[C -> K])\n    \
         mean(softmax[C](mean[K](far)) * mean[N](x))\n",
        &[("N", &[3]), ("C", &[2])],
        4,
    ),
    // The labels of no elements were looked for.
    (
        "loss generated(x: real[N, C, ..S], pred: prob[N, C, ..S], \
         target: binary[N, C, ..S], v: real[N], w: real[C], label: index(C)[N, ..S]; a = 0.7 where a > 0, b = -1.3, int k = 3, learn s = 0.6, state t = 0.4) =\n    \
         let u0 = log(softmax[C](0.1 - (sort[N](cumsum[N](tanh((0.5 + v)) / (1 + size[N]))) + w)))\n    \
         log(cosh(mean(((tanh(((min(a, u0))[C = label]))^3) \
         - tanh(min[N]((mse[C](((a * s) + (v * w)), 0.3 * (((a * s) + (v * w))))) where a > 0.5)))) + dice))\n",
        &[("..S", &[3, 2]), ("C", &[5]), ("N", &[0])],
        3627,
    ),
    // What was kept for a maximum was a product with a reciprocal, and what it was compared with a quotient.
    (
        "loss rows(logits: logit[N, C, ..S], v: real[N], label: index(C)[N, ..S]) =\n    \
         cross_entropy[N, C, ..S](mean[N](logits) + v, label)\n",
        &[("N", &[3]), ("C", &[3]), ("..S", &[])],
        7,
    ),
    // The divisor of a softmax over no elements leaves a sum.
    ("loss none(x: real[N, C]) = mean(softmax[C](tanh(mean[N](x))))\n", &[("N", &[3]), ("C", &[0])], 8),
];

#[test]
fn what_was_wrong_once_is_right() {
    for (text, extents, seed) in ONCE_WRONG {
        let extents = extents.iter().map(|(name, extents)| ((*name).to_owned(), extents.to_vec())).collect();
        if let Err(message) = check(text, &extents, *seed) {
            panic!("{message}\n{text}");
        }
    }
}

/// Extents: mostly a few, sometimes one, none or more than a block.
fn extents(list: &[u16]) -> Extents {
    let mut choices = Choices::new(list);
    let mut extent = |table: &[usize]| table[choices.below(table.len())];
    let n = extent(&[3, 2, 1, 0, 5, 7, 4, 3, 2, 6]);
    let c = extent(&[3, 2, 4, 5, 1, 3, 0, 2]);
    let rank = extent(&[0, 1, 2, 1]);
    let space = (0..rank).map(|_| extent(&[2, 3, 1, 4, 0, 2, 3, 19])).collect();
    let fixed = [("N", vec![n]), ("C", vec![c]), ("..S", space), ("pt", vec![2])];
    fixed.into_iter().map(|(name, extents)| (name.to_owned(), extents)).collect()
}

/// Everything that is compared of one program, at its own reduction and at `none` where that is possible.
fn check(text: &str, extents: &Extents, seed: u64) -> Result<(), String> {
    let program = Compiler::new().compile(text).map_err(|error| format!("not well typed: {error}"))?;
    // All kinds of vector code in turn.
    let vectors = Vectors::ALL[(seed % 3) as usize];
    let builder = program.main().map_err(|error| error.to_string())?.vectors(vectors);
    let tensors = random(&builder.info().inputs, extents, seed);
    // Data of `target` lie where conditions of programs jump: they are moved only if there is no such condition.
    let fixed: &[&str] = if text.contains("target ==") || text.contains("target !=") { &["target"] } else { &[] };
    compare(&builder, &tensors, fixed, true)?;
    if seed.is_multiple_of(4) {
        let each = main_loss(&program).vectors(vectors).reduction(Reduction::None);
        if each.clone().build().is_ok() {
            compare(&each, &tensors, fixed, false).map_err(|message| format!("reduction none: {message}"))?;
        }
    }
    Ok(())
}

fn main_loss(program: &Program) -> LossBuilder {
    program.main().expect("it has a loss")
}

fn compare(builder: &LossBuilder, tensors: &Tensors, fixed: &[&str], with_views: bool) -> Result<(), String> {
    let floats: Vec<String> =
        builder.info().inputs.iter().filter(|input| input.float).map(|input| input.name.clone()).collect();
    let learnables = learned::learnables(builder);
    let floats: Vec<String> = floats.into_iter().chain(learnables.clone()).collect();
    let builder = builder.clone().wrt(floats.clone());
    // Learnables are inputs of the judge, with the value that they have by default.
    let plain = learned::as_inputs(&reference(&builder, &floats), &learnables);
    let values = builder.clone().build().and_then(|loss| loss.learnables()).map_err(|error| error.to_string())?;
    let number = |name: &String| Tensor::f64(vec![values.get(name).expect("a learnable")], &[]);
    let data = tensors;
    let tensors: &Tensors =
        &data.iter().cloned().chain(learnables.iter().map(|name| (name.clone(), number(name)))).collect();
    let double = builder.clone().dtype(DType::F64).build().map_err(|error| error.to_string())?;
    let want = match interpret(&plain, tensors, Precision::Double) {
        Ok(want) => want,
        Err(refused) => {
            return match call(&double, data) {
                Err(Error::Data(error)) if error == refused => Ok(()),
                other => Err(format!("the interpreter refuses ({refused}), but machine code gives {other:?}")),
            };
        }
    };
    if !want.finite() {
        return Err(format!("not finite: {want:?}"));
    }
    let at = |what: &str, message: Option<String>| message.map_or(Ok(()), |message| Err(format!("{what}: {message}")));
    let simple = interpret(&rewritten(&builder, &floats), tensors, Precision::Double).map_err(|e| e.to_string())?;
    let doubt = conditioning(&plain, tensors, fixed, &want, 1e-10);
    at("simplified", difference(&simple, &want, 1e-9, |at| doubt[at]))?;
    let got = call(&double, data).map_err(|error| error.to_string())?;
    at("machine code in f64", difference(&numbers(&got), &want, 1e-9, |at| doubt[at]))?;
    at("rows laid out anew", difference(&with_short_rows(&builder, &floats, tensors)?, &want, 1e-9, |at| doubt[at]))?;
    if call(&double, data).map_err(|error| error.to_string())? != got {
        return Err("a second call gives other bits".into());
    }
    if with_views {
        memory::check(&double, data, &numbers(&got))?;
    }
    at("machine code in f32", in_single(&builder, &plain, tensors, fixed, &want)?)?;
    at("gradient", against_differences(&plain, &want, tensors))
}

/// The kernels for data whose last axes are short, which are right for any.
fn with_short_rows(builder: &LossBuilder, floats: &[String], tensors: &Tensors) -> Result<Numbers, String> {
    let program = rewritten(builder, floats);
    let last = program.inputs.iter().filter_map(|input| input.axes.last());
    let short: Vec<AxisId> = last.map(|&axis| program.graph.extent_root(axis)).collect();
    let kernel = jit::compile_short(&program, jit::Precision::F64, Vectors::best(), &short);
    let kernel = kernel.map_err(|error| error.to_string())?;
    let used: Vec<(&str, TensorView<'_>)> =
        views(tensors).into_iter().filter(|(name, _)| program.inputs.iter().any(|input| input.name == *name)).collect();
    let binding = Binding::new(&program, &used).map_err(|error| error.to_string())?;
    let parameters: Vec<f64> = program.parameters.iter().map(|parameter| parameter.default).collect();
    let mut outputs = jit::Outputs::new();
    kernel.call(&binding, &parameters, &mut outputs).map_err(|error| error.to_string())?;
    let numbers = program.outputs.iter().enumerate().map(|(at, output)| (output.role.clone(), outputs.to_f64(at)));
    Ok(Numbers { outputs: numbers.collect() })
}

/// How far each output moves if the data move by this, relative to their size: far at a tie or another kink, where
/// rounding decides what comes out.
fn conditioning(plain: &lossc::ir::Program, tensors: &Tensors, fixed: &[&str], want: &Numbers, width: f64) -> Vec<f64> {
    let mut worst = vec![0.0_f64; want.outputs.len()];
    for seed in 0..8 {
        let mut draws = Random::new(40 + seed);
        let mut shift = |value: f64| value + width * draws.between(-1.0, 1.0) * value.abs().max(0.1);
        let moved = |(name, tensor): &(String, Tensor)| match tensor.dtype().is_float()
            && !fixed.contains(&name.as_str())
        {
            true => (name.clone(), Tensor::f64(tensor.to_f64().into_iter().map(&mut shift).collect(), &tensor.shape)),
            false => (name.clone(), tensor.clone()),
        };
        let tensors: Tensors = tensors.iter().map(moved).collect();
        let moved = interpret(plain, &tensors, Precision::Double).expect("the data fitted before");
        worst.iter_mut().enumerate().for_each(|(at, worst)| *worst = worst.max(distance(&moved, want, at)));
    }
    worst
}

/// The largest distance of two numbers of an output.
fn distance(one: &Numbers, other: &Numbers, at: usize) -> f64 {
    let pairs = one.outputs[at].1.iter().zip(&other.outputs[at].1);
    pairs.fold(0.0, |worst, (one, other)| worst.max((one - other).abs()))
}

/// Single precision against double, within what rounding every tensor of the interpreter to single precision does.
fn in_single(
    builder: &LossBuilder,
    plain: &lossc::ir::Program,
    tensors: &Tensors,
    fixed: &[&str],
    want: &Numbers,
) -> Result<Option<String>, String> {
    let rounded = interpret(plain, tensors, Precision::Single).map_err(|error| error.to_string())?;
    let moved = conditioning(plain, tensors, fixed, want, 3e-7);
    let deviation = |at: usize| 30.0 * distance(&rounded, want, at) + 10.0 * moved[at];
    let loss = builder.clone().dtype(DType::F32).build().map_err(|error| error.to_string())?;
    let mut data = single(tensors);
    data.retain(|(name, _)| builder.info().inputs.iter().any(|input| input.name == *name));
    let got = numbers(&call(&loss, &data).map_err(|error| error.to_string())?);
    Ok(difference(&got, want, 2e-5, deviation))
}

/// A few components of every gradient against central differences, where these are to be trusted.
fn against_differences(plain: &lossc::ir::Program, want: &Numbers, tensors: &Tensors) -> Option<String> {
    let mut random = Random::new(5);
    let (frozen, tensors) = frozen(plain, tensors)?;
    for (role, gradient) in &want.outputs {
        let OutputRole::Gradient(input) = role else { continue };
        // The data of `target` lie where conditions of programs jump.
        if input == "target" {
            continue;
        }
        let places = gradient.len().min(3);
        for _ in 0..places {
            let place = random.below(gradient.len());
            let (slope, doubt) = central_difference(&frozen, &tensors, input, place);
            let scale = gradient[place].abs().max(1.0).max(want.value_scale() * 1e-2);
            if doubt < 1e-8 * scale && (slope - gradient[place]).abs() > 1e-6 * scale {
                return Some(format!("by {input}[{place}] is {}, but differences say {slope}", gradient[place]));
            }
        }
    }
    None
}

#[test]
fn programs_have_local_axes_states_and_learnables() {
    let mut draws = Random::new(12);
    let texts: Vec<String> =
        (0..300).map(|_| program(&(0..80).map(|_| draws.below(1 << 16) as u16).collect::<Vec<_>>())).collect();
    for (what, least) in [("axis J = ", 20), ("next t = ", 50), ("(s ", 20), ("[J -> L]", 5)] {
        let count = texts.iter().filter(|text| text.contains(what)).count();
        assert!(count >= least, "`{what}` in {count} of {}", texts.len());
    }
}
