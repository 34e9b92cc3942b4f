//! What is written into code for vectors has the bits of what it stands for: functions those of their formulas,
//! conditions and extremes those of the code that calls blocks.

use lossc::bind::Binding;
use lossc::jit::{Outputs, Precision, Vectors, compile_for};
use lossc::op::{Binary, Compare, Logic, Unary};
use lossc::tensor::Tensor;
use lossc::vector::{formula_binary_f32, formula_binary_f64, formula_unary_f32, formula_unary_f64};

use crate::build::{Build, numbers, tensor};

/// Where a number is taken apart: zeros, infinities, NaN, ones, subnormal numbers, and the ends of [¾, 3/2) times powers
/// of two, with the neighbours of all of these, as far as a precision tells them apart.
pub fn edges(precision: Precision) -> Vec<f64> {
    let single = precision == Precision::F32;
    let powers: &[i32] = if single {
        &[-149, -148, -140, -127, -126, -125, -64, -25, -24, -1, 0, 1, 5, 6, 7, 22, 23, 24, 30, 40, 64, 100, 126, 127]
    } else {
        &[-1074, -1073, -1060, -1023, -1022, -1021, -200, -54, -53, -1, 0, 1, 53, 200, 1022, 1023]
    };
    let mut sizes = vec![0.0, f64::INFINITY, f64::NAN, 1e-8, 0.3, 0.999, 1.001, 40.0, 1e5];
    for &power in powers {
        let halves = 2.0_f64.powi(power / 2);
        let power = halves * 2.0_f64.powi(power - power / 2);
        sizes.extend([0.75, 1.0, 1.25, 1.5, 1.75].map(|times| times * power));
    }
    let mut all = Vec::new();
    for size in sizes {
        let near = if single {
            let size = size as f32;
            [size.next_down(), size, size.next_up()].map(f64::from)
        } else {
            [size.next_down(), size, size.next_up()]
        };
        all.extend(near.iter().flat_map(|x| [*x, -x]));
    }
    all.extend(numbers(500, 3).iter().flat_map(|x| [*x, 20.0 * x]));
    all
}

/// All outputs with code for vectors, or with functions of blocks.
fn outputs(build: &Build, given: &[(&str, Tensor)], precision: Precision, vectors: Vectors) -> Vec<Vec<f64>> {
    let kernel = compile_for(&build.program, precision, vectors).unwrap_or_else(|error| panic!("{error}"));
    let views: Vec<_> = given.iter().map(|(name, tensor)| (*name, tensor.view().expect("dense"))).collect();
    let binding = Binding::new(&build.program, &views).expect("it fits");
    let mut outputs = Outputs::new();
    kernel.call(&binding, &[], &mut outputs).expect("it runs");
    (0..build.program.outputs.len()).map(|position| outputs.to_f64(position)).collect()
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

#[test]
fn functions_in_vectors_have_the_bits_of_their_formulas() {
    let exponents = [0.7, -1.3, 0.0, 1.0, 2.0, -40.0, 1e30, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    for precision in [Precision::F32, Precision::F64] {
        let formula = |op, x: f64| match precision {
            Precision::F32 => formula_unary_f32(op, x as f32).map(f64::from),
            Precision::F64 => formula_unary_f64(op, x),
        };
        let power = |x: f64, exponent: f64| match precision {
            Precision::F32 => formula_binary_f32(Binary::Pow, x as f32, exponent as f32).map(f64::from),
            Precision::F64 => formula_binary_f64(Binary::Pow, x, exponent),
        };
        let mut b = Build::default();
        let n = b.axis("N");
        let x = b.real("x", &[n]);
        let functions: Vec<Unary> = Unary::ALL.iter().copied().filter(|&op| formula(op, 0.5).is_some()).collect();
        for &op in &functions {
            let result = b.graph().unary(op, x);
            b.output(result, &[n]);
        }
        for exponent in exponents {
            let exponent = b.constant(exponent);
            let result = b.binary(Binary::Pow, x, exponent);
            b.output(result, &[n]);
        }
        let all = edges(precision);
        let given = [("x", tensor(&all, &[all.len()], precision))];
        for vectors in [Vectors::Avx512, Vectors::Avx2] {
            let results = outputs(&b, &given, precision, vectors);
            let (unary, powers) = results.split_at(functions.len());
            for (op, results) in functions.iter().zip(unary) {
                for (&x, &got) in all.iter().zip(results) {
                    let want = formula(*op, x).expect("a formula");
                    assert!(same(got, want), "{}({x:e}) in {precision:?} is {got:e}, not {want:e}", op.name());
                }
            }
            for (exponent, results) in exponents.iter().zip(powers) {
                for (&x, &got) in all.iter().zip(results) {
                    let want = power(x, *exponent).expect("a formula");
                    assert!(same(got, want), "{x:e} to the {exponent:e} in {precision:?} is {got:e}, not {want:e}");
                }
            }
        }
    }
}

/// Conditions that are folded, negated, joined, and those that make an extreme or hide a sum of zeros.
#[test]
fn conditions_in_vectors_have_the_bits_of_those_in_blocks() {
    let mut b = Build::default();
    let n = b.axis("N");
    let (x, y) = (b.real("x", &[n]), b.real("y", &[n]));
    let [zero, low, high] = [0.0, -2.0, 2.0].map(|value| b.constant(value));
    let mut conditions = Vec::new();
    for op in Compare::ALL {
        for (left, right) in [(x, y), (x, x), (x, zero), (low, x), (y, high)] {
            conditions.push(b.graph().compare(*op, left, right));
        }
    }
    let count = conditions.len();
    for place in 0..count {
        let (one, other) = (conditions[place], conditions[(place + 7) % count]);
        let nots = [one, other].map(|condition| b.graph().logic(Logic::Not, &[condition]));
        conditions.push(nots[0]);
        for op in [Logic::And, Logic::Or] {
            conditions.push(b.graph().logic(op, &[one, other]));
            conditions.push(b.graph().logic(op, &[nots[0], nots[1]]));
            conditions.push(b.graph().logic(op, &[nots[0], other]));
        }
    }
    let hidden = conditions[count + 1];
    for &condition in &conditions {
        for (yes, no) in [(x, y), (y, x), (x, zero), (zero, x), (x, low), (high, x), (x, x)] {
            let chosen = b.graph().select(condition, yes, no);
            b.output(chosen, &[n]);
            // A sum that is 0 where both parts are.
            let part = b.graph().select(hidden, zero, y);
            let sum = b.add(chosen, part);
            let both = b.graph().logic(Logic::And, &[condition, hidden]);
            let shown = b.graph().select(both, zero, sum);
            b.output(shown, &[n]);
        }
    }
    for precision in [Precision::F32, Precision::F64] {
        let edges = [0.0, -0.0, 2.0, -2.0, 0.5, -7.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        let (left, right): (Vec<f64>, Vec<f64>) = edges.iter().flat_map(|&x| edges.map(|y| (x, y))).unzip();
        let given = [("x", tensor(&left, &[left.len()], precision)), ("y", tensor(&right, &[right.len()], precision))];
        let [wide, half, blocks] = Vectors::ALL.map(|vectors| outputs(&b, &given, precision, vectors));
        for (position, ((wide, half), blocks)) in wide.iter().zip(&half).zip(&blocks).enumerate() {
            for (place, (&got, &want)) in wide.iter().zip(blocks).chain(half.iter().zip(blocks)).enumerate() {
                let place = place % blocks.len();
                let at = (left[place], right[place]);
                assert!(same(got, want), "output {position} at {at:?} in {precision:?} is {got:e}, not {want:e}");
            }
        }
    }
}
