//! Programs made to break the compiler: it refuses or compiles them, in time, without a panic.

#[path = "support/mod.rs"]
mod support;

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use lossc::session::{Compiler, Engine, Error, Params};
use lossc::stdlib::MODULES;
use lossc::tensor::{DType, Tensor};
use support::Random;

/// Words that a mutation puts in: everything that means something, and some that do not.
const WORDS: [&str; 64] = [
    "loss",
    "fn",
    "axis",
    "const",
    "use",
    "let",
    "if",
    "then",
    "else",
    "and",
    "or",
    "not",
    "where",
    "per",
    "as",
    "repeat",
    "next",
    "axis K = 3",
    "state",
    "learn",
    "int",
    "real",
    "prob",
    "binary",
    "index(C)",
    "index[C]",
    "size[N]",
    "[N]",
    "[N, C, ..S]",
    "[..B]",
    "[C = label]",
    "[N -> M]",
    "[N -> N]",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "=",
    "==",
    "+",
    "-",
    "*",
    "/",
    "^",
    ",",
    ";",
    ":",
    "..",
    "::",
    "\n    ",
    "\n",
    "1e400",
    "0",
    "-1",
    "9223372036854775807",
    "dice",
    "mean(",
    "softmax[C](",
    "pred",
    "target",
    "x.x1",
    "α₁",
];

/// A text with some of its parts replaced, doubled, swapped or left out.
fn mutated(text: &str, random: &mut Random) -> String {
    let mut parts: Vec<&str> = text.split_inclusive([' ', '(', ')', '[', ']', ',', '\n']).collect();
    for _ in 0..1 + random.below(4) {
        let (at, other) = (random.below(parts.len()), random.below(parts.len()));
        match random.below(5) {
            0 => parts[at] = WORDS[random.below(WORDS.len())],
            1 => parts.insert(at, WORDS[random.below(WORDS.len())]),
            2 => parts.swap(at, other),
            3 => parts.insert(at, parts[other]),
            _ if parts.len() > 1 => drop(parts.remove(at)),
            _ => {}
        }
    }
    parts.concat()
}

/// The items of the library, each with its documentation left out.
fn items() -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for (_, text) in MODULES {
        let mut item = String::new();
        for line in text.lines().filter(|line| !line.starts_with("//")) {
            if line.is_empty() {
                items.push(std::mem::take(&mut item));
            } else {
                writeln!(item, "{line}").expect("a string takes text");
            }
        }
        items.push(item);
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

#[test]
fn no_mutation_of_the_library_panics() {
    let items = items();
    assert!(items.len() > 60, "{} items", items.len());
    let mut random = Random::new(20_251);
    let (mut refused, mut built) = (0, 0);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        let text = mutated(&items[random.below(items.len())], &mut random);
        let outcome = catch_unwind(AssertUnwindSafe(|| match Compiler::new().compile(&text) {
            Ok(program) => {
                if let Ok(builder) = program.main() {
                    // A loss that is right may still be too large, or have no gradient; a panic is the only failure.
                    let _ = builder.clone().wrt_all().engine(Engine::Interpreter).build();
                    let _ = builder.wrt_all().engine(Engine::Jit).build();
                }
                true
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                false
            }
        }));
        match outcome {
            Ok(true) => built += 1,
            Ok(false) => refused += 1,
            Err(_) => panic!("this text makes the compiler panic:\n{text}"),
        }
    }
    assert!(refused > 5 && built > 5, "{refused} refused, {built} built");
}

/// Compiles and runs the last loss of a text on x = (1, 2) with both engines.
fn value(text: &str) -> Result<[f64; 2], Error> {
    let program = Compiler::new().compile(text)?;
    let x = Tensor::f64(vec![1.0, 2.0], &[2]);
    let run = |engine| {
        let loss = program.main()?.wrt_all().dtype(DType::F64).engine(engine).build()?;
        Ok::<f64, Error>(loss.value_and_grad(&[("x", x.view().expect("a view"))], &Params::new())?.value())
    };
    Ok([run(Engine::Interpreter)?, run(Engine::Jit)?])
}

fn both_give(text: &str, want: f64) {
    let got = value(text).unwrap_or_else(|error| panic!("{}", error.to_string().chars().take(600).collect::<String>()));
    for got in got {
        assert!((got - want).abs() <= 1e-9 * want.abs().max(1.0), "{got} instead of {want}");
    }
}

fn code(text: &str) -> Option<&'static str> {
    value(text).err().and_then(|error| error.diagnostics().first().map(|diagnostic| diagnostic.code))
}

#[test]
fn long_chains() {
    both_give(&format!("loss f(x: real[N]) = mean(x{})", " + x".repeat(250)), 1.5 * 251.0);
    both_give(&format!("loss f(x: real[N]) = mean({}x)", "-".repeat(199)), -1.5);
}

#[test]
fn deep_nesting() {
    both_give(&format!("loss f(x: real[N]) = mean({}x{})", "(1 + ".repeat(190), ")".repeat(190)), 191.5);
    both_give(&format!("loss f(x: real[N]) = mean({}x{})", "abs(".repeat(190), ")".repeat(190)), 1.5);
    let choices = format!("loss f(x: real[N]) = mean({}x)", "if x > 9 then 1 else ".repeat(150));
    both_give(&choices, 1.5);
}

#[test]
fn a_thousand_lets() {
    let mut text = "loss f(x: real[N]) =\n    let y0 = x\n".to_string();
    for number in 1..1000 {
        writeln!(text, "    let y{number} = y{} + x", number - 1).expect("a string takes text");
    }
    both_give(&(text + "    mean(y999)\n"), 1500.0);
}

fn chain(length: usize, reversed: bool, body: &str) -> String {
    let mut items: Vec<String> = vec!["loss a0(x: real[N]) = mean(x)\n".into()];
    items.extend(
        (1..=length).map(|number| format!("loss a{number} = {}\n", body.replace("a0", &format!("a{}", number - 1)))),
    );
    let last = format!("loss last = a{length}\n");
    if reversed {
        items.reverse();
    }
    items.concat() + &last
}

#[test]
fn calls_in_calls() {
    both_give(&chain(200, false, "a0"), 1.5);
    both_give(&chain(200, true, "1 + a0"), 201.5);
    assert_eq!(code(&chain(20_000, true, "a0")), Some("E0208"));
    assert_eq!(code(&chain(2_000, false, "a0")), Some("E0704"));
}

#[test]
fn deep_expressions_in_deep_calls() {
    let body = format!("{}a0{}", "(1 + ".repeat(90), ")".repeat(90));
    both_give(&chain(100, true, &body), 9001.5);
}

#[test]
fn calls_that_double() {
    assert_eq!(code(&chain(60, false, "a0 * a0")), Some("E0704"));
    // Each callee is put in twice: 2¹⁰ calls are few enough.
    both_give(&chain(10, false, "0.5 * a0 + 0.5 * a0"), 1.5);
}

#[test]
fn a_sum_of_many_losses() {
    let text = format!("loss f(x: real[N]) = a0{}\nloss a0(x: real[N]) = mean(x)\n", " + a0".repeat(250));
    let program = text.clone() + "loss last(x: real[N]) = f\n";
    both_give(&program, 1.5 * 251.0);
}

#[test]
fn comparisons_in_comparisons() {
    let nested = |depth: usize| {
        let (open, close) = ("(0 < ".repeat(depth), " < 2)".repeat(depth));
        format!("loss f(x: real[N]) = mean(if {open}x{close} then 1 else 0)")
    };
    assert_eq!(code(&nested(150)), Some("E0415"));
    both_give(&nested(1), 0.5);
}
