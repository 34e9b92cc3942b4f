//! Random programs in the language on random data: the interpreter on the graph as lowered, the rewritten graph and
//! machine code give the same, in both precisions, for views of any strides and at every call; and gradients are
//! what differences say.
//!
//! `AGREE_CASES=5000 cargo test --test agree` runs more cases than usual. A failing list of choices is kept in
//! `tests/agree/regressions.txt`.

mod generate;
#[path = "../running/mod.rs"]
mod running;

use lossc::eval::Precision;
use lossc::ir::OutputRole;
use lossc::lower::Reduction;
use lossc::session::{Compiler, Error, LossBuilder, Program};
use lossc::tensor::DType;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};

use generate::{Choices, program};
use running::data::{Extents, Random, random};
use running::freeze::frozen;
use running::{
    Numbers, Tensors, call, central_difference, difference, interpret, numbers, reference, rewritten, single,
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
    let builder = program.main().map_err(|error| error.to_string())?;
    let tensors = random(&builder.info().inputs, extents, seed);
    compare(&builder, &tensors, true)?;
    if seed % 4 == 0 {
        let each = main_loss(&program).reduction(Reduction::None);
        if each.clone().build().is_ok() {
            compare(&each, &tensors, false).map_err(|message| format!("reduction none: {message}"))?;
        }
    }
    Ok(())
}

fn main_loss(program: &Program) -> LossBuilder {
    program.main().expect("it has a loss")
}

fn compare(builder: &LossBuilder, tensors: &Tensors, with_views: bool) -> Result<(), String> {
    let floats: Vec<String> =
        builder.info().inputs.iter().filter(|input| input.float).map(|input| input.name.clone()).collect();
    let builder = builder.clone().wrt(floats.clone());
    let plain = reference(&builder, &floats);
    let double = builder.clone().dtype(DType::F64).build().map_err(|error| error.to_string())?;
    let want = match interpret(&plain, tensors, Precision::Double) {
        Ok(want) => want,
        Err(refused) => {
            return match call(&double, tensors) {
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
    at("simplified", difference(&simple, &want, 1e-9, |_| 0.0))?;
    let got = call(&double, tensors).map_err(|error| error.to_string())?;
    at("machine code in f64", difference(&numbers(&got), &want, 1e-9, |_| 0.0))?;
    if call(&double, tensors).map_err(|error| error.to_string())? != got {
        return Err("a second call gives other bits".into());
    }
    if with_views {
        memory::check(&double, tensors, &numbers(&got))?;
    }
    at("machine code in f32", in_single(&builder, &plain, tensors, &want)?)?;
    at("gradient", against_differences(&plain, &want, tensors))
}

/// Single precision against double, within what rounding every tensor of the interpreter to single precision does.
fn in_single(
    builder: &LossBuilder,
    plain: &lossc::ir::Program,
    tensors: &Tensors,
    want: &Numbers,
) -> Result<Option<String>, String> {
    let rounded = interpret(plain, tensors, Precision::Single).map_err(|error| error.to_string())?;
    let deviation = |at: usize| {
        let pairs = rounded.outputs[at].1.iter().zip(&want.outputs[at].1);
        30.0 * pairs.fold(0.0_f64, |worst, (rounded, exact)| worst.max((rounded - exact).abs()))
    };
    let loss = builder.clone().dtype(DType::F32).build().map_err(|error| error.to_string())?;
    let got = numbers(&call(&loss, &single(tensors)).map_err(|error| error.to_string())?);
    Ok(difference(&got, want, 2e-5, deviation))
}

/// A few components of every gradient against central differences, where these are to be trusted.
fn against_differences(plain: &lossc::ir::Program, want: &Numbers, tensors: &Tensors) -> Option<String> {
    let mut random = Random::new(5);
    let (frozen, tensors) = frozen(plain, tensors);
    for (role, gradient) in &want.outputs {
        let OutputRole::Gradient(input) = role else { continue };
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
