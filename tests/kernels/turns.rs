//! Loops over an axis within blocks of another one, several turns of which run at a time.

use lossc::bind::Binding;
use lossc::jit::{Outputs, Precision, Vectors, compile_for};
use lossc::op::{Compare, ReduceOp, SoftmaxOp, Unary};
use lossc::tensor::Tensor;

use crate::bits::edges;
use crate::build::{Build, agree, agree_both, numbers, reals, tensor};
use crate::losses::loans;

/// Any number of turns, of which some are left over, and any number of lanes, of which some are.
#[test]
fn several_turns_do_what_single_ones_do() {
    let mut b = Build::default();
    let (n, c, s) = (b.axis("N"), b.axis("C"), b.axis("S"));
    let (x, w) = (b.real("x", &[n, c, s]), b.real("w", &[c]));
    for op in ReduceOp::ALL {
        let reduced = b.graph().reduce(*op, &[c], x);
        b.output(reduced, &[n, s]);
        let rest = b.sub(x, reduced);
        b.output(rest, &[n, c, s]);
    }
    // Sums over lanes, a turn each, and over everything.
    let shares = b.graph().softmax(SoftmaxOp::Softmax, &[c], x);
    let weighted = b.mul(shares, w);
    let per_class = b.sum(&[n, s], weighted);
    b.output(per_class, &[c]);
    let all = b.sum(&[n, c, s], weighted);
    b.output(all, &[]);
    b.output(shares, &[n, c, s]);
    let complement = b.graph().softmax(SoftmaxOp::Complement, &[c], x);
    b.output(complement, &[n, c, s]);
    // Where the position along the axis of the loop is used.
    let top = b.max(&[c], x);
    let tied = b.graph().compare(Compare::Eq, x, top);
    let index = b.graph().index(c);
    let none = b.graph().int(-1);
    let place = b.graph().select(tied, index, none);
    let last = b.graph().reduce(ReduceOp::Max, &[c], place);
    b.output(last, &[n, s]);
    for (classes, lanes) in [(1, 19), (3, 40), (4, 17), (5, 1), (8, 16), (9, 33), (17, 20), (5, 530)] {
        let shape = [2, classes, lanes];
        agree_both(&b, move |p| vec![reals("x", &shape, 7, p), reals("w", &[classes], 8, p)], &[]);
    }
}

/// What runs at a time may not be what a turn reads of another one: the running sums of an axis are not, and nor is what
/// is read at another position.
#[test]
fn turns_that_read_at_other_positions_agree() {
    let mut b = Build::default();
    let (c, s) = (b.axis("C"), b.axis("S"));
    let x = b.real("x", &[c, s]);
    let index = b.graph().index(c);
    let one = b.graph().int(1);
    let next = b.add(index, one);
    let top = b.max(&[c], x);
    let below = b.sub(x, top);
    let e = b.graph().unary(Unary::Exp, below);
    let following = b.graph().gather(c, e, next);
    let product = b.mul(e, following);
    b.output(product, &[c, s]);
    let sum = b.sum(&[c], product);
    b.output(sum, &[s]);
    for classes in [1, 4, 6, 9] {
        agree_both(&b, move |p| vec![reals("x", &[classes, 40], 7, p)], &[]);
    }
}

fn results(build: &Build, given: &[(&str, Tensor)], precision: Precision, vectors: Vectors) -> Vec<f64> {
    let kernel = compile_for(&build.program, precision, vectors).unwrap_or_else(|error| panic!("{error}"));
    let views: Vec<_> = given.iter().map(|(name, tensor)| (*name, tensor.view().expect("dense"))).collect();
    let binding = Binding::new(&build.program, &views).expect("it fits");
    let mut outputs = Outputs::new();
    kernel.call(&binding, &[], &mut outputs).expect("it runs");
    outputs.to_f64(0)
}

/// Several quotients by one divisor share a reciprocal: they err by at most two units, also of the smallest numbers, and
/// are what a division makes where that is 0, ∞ or NaN.
#[test]
fn quotients_by_one_divisor_are_those_of_divisions() {
    const TURNS: usize = 4;
    let mut b = Build::default();
    let (c, s) = (b.axis("C"), b.axis("S"));
    let (x, d) = (b.real("x", &[c, s]), b.real("d", &[s]));
    // The maximum makes the loop over C one within blocks of S.
    let top = b.max(&[c], x);
    let ordered = b.graph().compare(Compare::Le, x, top);
    let quotient = b.div(x, d);
    let zero = b.constant(0.0);
    let result = b.graph().select(ordered, quotient, zero);
    b.output(result, &[c, s]);
    for precision in [Precision::F32, Precision::F64] {
        let all = edges(precision);
        let step = 11;
        let few: Vec<f64> = all.iter().copied().step_by(step).chain(numbers(40, 9)).collect();
        let mut lanes: Vec<([f64; TURNS], f64)> = Vec::new();
        for &divisor in &all {
            for dividends in few.chunks_exact(TURNS) {
                lanes.push((std::array::from_fn(|turn| dividends[turn]), divisor));
            }
        }
        let rows: Vec<f64> = (0..TURNS).flat_map(|turn| lanes.iter().map(move |lane| lane.0[turn])).collect();
        let divisors: Vec<f64> = lanes.iter().map(|lane| lane.1).collect();
        let given = [
            ("x", tensor(&rows, &[TURNS, lanes.len()], precision)),
            ("d", tensor(&divisors, &[lanes.len()], precision)),
        ];
        let mut different = 0;
        let kinds = [Vectors::Avx512, Vectors::Avx2];
        let got = kinds.map(|vectors| results(&b, &given, precision, vectors));
        for (place, &got) in got.iter().flat_map(|got| got.iter().enumerate()) {
            let (x, d) = (rows[place], divisors[place % lanes.len()]);
            let has_nan = lanes[place % lanes.len()].0.iter().any(|x| x.is_nan());
            let want = match precision {
                _ if has_nan => 0.0,
                Precision::F32 => f64::from(x as f32 / d as f32),
                Precision::F64 => x / d,
            };
            different += usize::from(got != want && !want.is_nan());
            assert!(is_near(got, want, precision), "{x:e} / {d:e} in {precision:?} is {got:e}, not {want:e}");
        }
        // Only AVX-512 takes them apart.
        let has_reciprocals = Vectors::best() == Vectors::Avx512;
        assert!(different > 0 || !has_reciprocals, "no quotient was computed by a reciprocal");
    }
}

/// Whether two numbers are at most two units apart; the largest number is next to ∞.
fn is_near(a: f64, b: f64, precision: Precision) -> bool {
    let place = |x: f64| match precision {
        Precision::F32 => i64::from((x.abs() as f32).to_bits()),
        Precision::F64 => x.abs().to_bits() as i64,
    };
    let is_exact = b == 0.0 || b.is_infinite();
    (a.is_nan() && b.is_nan())
        || (a == b && a.is_sign_negative() == b.is_sign_negative())
        || (!is_exact && a.is_sign_negative() == b.is_sign_negative() && (place(a) - place(b)).abs() <= 2)
}

/// What is kept in the memory of a result is not lost there, with more values beside it than registers.
#[test]
fn what_a_result_replaces_is_loaded_before() {
    const MANY: usize = 40;
    let mut b = Build::default();
    let (n, c, s) = (b.axis("N"), b.axis("C"), b.axis("S"));
    let x = b.real("x", &[n, c, s]);
    let names: Vec<String> = (0..MANY).map(|place| format!("a{place}")).collect();
    let factors: Vec<_> = names.iter().map(|name| b.real(name, &[n, c, s])).collect();
    let shares = b.graph().softmax(SoftmaxOp::Softmax, &[c], x);
    let total = b.sum(&[n, c, s], shares);
    b.output(total, &[]);
    // All products are there until their sum is, and are used again.
    let products: Vec<_> = factors.iter().map(|&factor| b.mul(factor, shares)).collect();
    let sum = products.iter().copied().reduce(|sum, product| b.add(sum, product)).expect("many");
    let weighted: Vec<_> = products.iter().map(|&product| b.mul(product, sum)).collect();
    let whole = weighted.iter().copied().reduce(|sum, product| b.add(sum, product)).expect("many");
    let scaled = b.mul(whole, total);
    let result = b.add(scaled, shares);
    b.output(result, &[n, c, s]);
    assert_eq!(loans(&b), (2, 1), "the shares lie where the result will");
    for (precision, lanes) in [(Precision::F32, 50), (Precision::F64, 16)] {
        let shape = [2, 5, lanes];
        let mut given = vec![reals("x", &shape, 7, precision)];
        given.extend(names.iter().zip(8..).map(|(name, seed)| reals(name, &shape, seed, precision)));
        agree(&b, &given, &[], precision);
    }
}
