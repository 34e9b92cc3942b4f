//! The vector math library against the scalar functions and against digits of an independent computation.
//!
//! `VECTOR_ALL=1 cargo test --release --test vector` goes through every single of every function of one operand,
//! which takes an hour on one core (`VECTOR_ALL=exp,erf`: of these functions); otherwise every 20011th of them is
//! tried, beside all edges. No error may be larger than the one that `docs/accuracy.md` states.

use lossc::numeric;
use lossc::op::{Binary, LOGISTIC, Unary};
use lossc::vector::{
    Edge, Edges, Machine, Real, binary_f32, binary_f64, logistic_f32, logistic_f64, machine, unary_f32, unary_f64,
};
use lossc::vector::{formula_binary_f32, formula_binary_f64, formula_unary_f32, formula_unary_f64};

/// Most units in the last place that a function may be off.
const WORST: f64 = 2.0;

/// The error that the document states of a function, in the column of singles or of doubles.
fn stated(name: &str, column: usize) -> f64 {
    let document = include_str!("../../docs/accuracy.md");
    let table = document.split("| function |").nth(1).expect("the table of functions");
    let rows = table.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let row = rows.into_iter().find(|cells| cells.get(1) == Some(&format!("`{name}`").as_str()));
    row.unwrap_or_else(|| panic!("{name} has no row"))[column]
        .parse()
        .unwrap_or_else(|_| panic!("{name} has no number"))
}

/// The columns of the document.
const SINGLES: usize = 2;
const DOUBLES: usize = 4;

/// The most that a function may be off: what the document states, which must be two units at most.
fn bound(name: &str, column: usize) -> f64 {
    let stated = stated(name, column);
    assert!(stated <= WORST, "{name} is stated to be off by {stated}");
    stated
}

/// Lanes of the blocks that are tried.
const LENGTH: usize = 512;

fn block_f32(op: Unary, machine: Machine, from: &[f32]) -> Option<Vec<f32>> {
    let mut to = vec![0.0; from.len()];
    // SAFETY: both have as many elements, and callers name machines that code can run on.
    unsafe { (unary_f32(op, machine)?.block)(from.as_ptr(), to.as_mut_ptr(), from.len()) };
    Some(to)
}

fn block_f64(op: Unary, machine: Machine, from: &[f64]) -> Option<Vec<f64>> {
    let mut to = vec![0.0; from.len()];
    // SAFETY: as above.
    unsafe { (unary_f64(op, machine)?.block)(from.as_ptr(), to.as_mut_ptr(), from.len()) };
    Some(to)
}

fn two_f32(op: Binary, machine: Machine, a: &[f32], b: &[f32]) -> Option<Vec<f32>> {
    let mut to = vec![0.0; a.len()];
    // SAFETY: as above.
    unsafe { (binary_f32(op, machine)?.block)(a.as_ptr(), b.as_ptr(), to.as_mut_ptr(), a.len()) };
    Some(to)
}

fn two_f64(op: Binary, machine: Machine, a: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    let mut to = vec![0.0; a.len()];
    // SAFETY: as above.
    unsafe { (binary_f64(op, machine)?.block)(a.as_ptr(), b.as_ptr(), to.as_mut_ptr(), a.len()) };
    Some(to)
}

fn with_rows() -> impl Iterator<Item = Unary> {
    Unary::ALL.iter().copied().filter(|&op| unary_f32(op, machine()).is_some())
}

/// The distance of two neighbours at a number, as a single has them.
fn unit_f32(at: f64) -> f64 {
    let exponent = (at.abs().to_bits() >> 52) as i32 - 1023;
    2.0_f64.powi(exponent.max(-126) - 23)
}

/// Whether one of two is the largest single and the other infinite, by rounding.
fn near_overflow(got: f32, rounded: f32, want: f64) -> bool {
    let most = f64::from(f32::MAX);
    (rounded.is_infinite() && got.abs() == f32::MAX) || (got.is_infinite() && want.abs() > most - unit_f32(most))
}

/// By how many units in the last place a single is off; 0 if both are NaN, or the same infinity.
fn error_f32(got: f32, want: f64) -> f64 {
    let rounded = want as f32;
    let same = got.to_bits() == rounded.to_bits();
    if (same && !got.is_finite()) || (got.is_nan() && rounded.is_nan()) {
        0.0
    } else if same {
        (f64::from(got) - want).abs() / unit_f32(want)
    } else if got == 0.0 && want == 0.0 {
        // The other sign.
        f64::INFINITY
    } else if near_overflow(got, rounded, want) {
        1.0
    } else {
        let error = (f64::from(got) - want).abs() / unit_f32(want);
        if error.is_nan() { f64::INFINITY } else { error }
    }
}

/// Singles where something happens: zeros, ones, the ends of the normal and of the subnormal numbers, infinities,
/// NaN, the borders of the functions' ranges, and the neighbours of all of these.
fn edges() -> Vec<f32> {
    let mut edges = vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let pi = std::f32::consts::PI;
    let borders = [
        0.0,
        1e-45,
        f32::MIN_POSITIVE,
        1e-20,
        1e-8,
        1e-4,
        0.1,
        0.5,
        1.0,
        2.0,
        0.414,
        0.6,
        std::f32::consts::FRAC_1_SQRT_2,
        std::f32::consts::SQRT_2,
        0.346_573_6,
        std::f32::consts::LN_2,
        16.635_532,
        87.336_54,
        88.722_84,
        89.415_99,
        103.278_93,
        103.972_08,
        44.361_42,
        1e8,
        8_388_608.0,
        16_777_216.0,
        1e30,
        1e38,
        f32::MAX,
        pi,
        pi / 2.0,
        pi / 4.0,
        2.0 * pi,
        3.0 * pi,
        100.0 * pi,
    ];
    for border in borders {
        for sign in [1.0, -1.0] {
            let mut at = sign * border;
            for _ in 0..40 {
                at = at.next_down();
            }
            for _ in 0..80 {
                edges.push(at);
                at = at.next_up();
            }
        }
    }
    edges.extend([0.0, -0.0]);
    edges
}

/// Whether all singles of a function are to be tried.
fn all_of(op: Unary) -> bool {
    std::env::var("VECTOR_ALL").is_ok_and(|names| names == "1" || names.split(',').any(|name| name == op.name()))
}

/// Bit patterns of all kinds, and the edges.
fn singles(step: usize) -> impl Iterator<Item = f32> {
    (0..=u32::MAX).step_by(step).map(f32::from_bits).chain(edges())
}

/// The usual part of them.
const PART: usize = 20_011;

#[test]
fn singles_are_within_two_units() {
    let mut broken = Vec::new();
    for op in with_rows() {
        let mut worst = (0.0, 0.0, 0.0);
        let mut all = singles(if all_of(op) { 1 } else { PART });
        loop {
            let block: Vec<f32> = all.by_ref().take(LENGTH).collect();
            if block.is_empty() {
                break;
            }
            for (&x, got) in block.iter().zip(block_f32(op, machine(), &block).expect("a row")) {
                let error = error_f32(got, numeric::unary_f64(op, f64::from(x)));
                if error > worst.0 {
                    worst = (error, x, got);
                }
            }
        }
        println!("{:12} {:.3} units at {:e}", op.name(), worst.0, worst.1);
        if worst.0 > bound(op.name(), SINGLES) {
            broken.push(format!("{} is off by {:.2} at {:e}: {:e}", op.name(), worst.0, worst.1, worst.2));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// 2^n x = 1 + f to the bit, with 1 + f in [¾, 3/2).
#[test]
fn numbers_are_taken_apart_exactly() {
    for x in singles(PART) {
        let (f, n) = x.split();
        let whole = f64::from(f) + 1.0;
        if x > 0.0 && x.is_finite() {
            assert_eq!(f64::from(x) * 2.0_f64.powi(n as i32), whole, "{x:e}: {f:e}, {n}");
            assert!((0.75..1.5).contains(&whole), "{x:e}: {whole}");
        }
        let edge = if x == 0.0 { Some(f32::INFINITY) } else { (x == f32::INFINITY).then_some(f32::NEG_INFINITY) };
        assert!(edge.is_none_or(|edge| (f, n) == (0.0, edge)), "{x:e}: {f:e}, {n}");
        assert!(n.is_nan() == (x.is_nan() || x < 0.0), "{x:e}: {n}");
    }
    for x in doubles() {
        let (f, n) = x.split();
        if x > 0.0 && x.is_finite() {
            // In two steps, because 2^n may be no double.
            let half = (n / 2.0).round() as i32;
            let scaled = x * 2.0_f64.powi(half) * 2.0_f64.powi(n as i32 - half);
            assert_eq!(scaled - 1.0, f, "{x:e}: {f:e}, {n}");
            assert!((0.75..1.5).contains(&scaled), "{x:e}: {scaled}");
        }
        let edge = if x == 0.0 { Some(f64::INFINITY) } else { (x == f64::INFINITY).then_some(f64::NEG_INFINITY) };
        assert!(edge.is_none_or(|edge| (f, n) == (0.0, edge)), "{x:e}: {f:e}, {n}");
        assert!(n.is_nan() == (x.is_nan() || x < 0.0), "{x:e}: {n}");
    }
}

#[test]
fn results_are_mended_at_edges_only() {
    let edges = Edges { nan: Edge::One, zero: Edge::MinusInfinity, infinite: Edge::Result, negative: Edge::Infinity };
    for (at, want) in [(f32::NAN, 1.0), (0.0, f32::NEG_INFINITY), (-0.0, f32::NEG_INFINITY), (1e-45, 7.0)] {
        assert_eq!(7.0_f32.mended(at, edges), want, "{at:e}");
        assert_eq!(7.0_f64.mended(f64::from(at), edges), f64::from(want), "{at:e}");
    }
    for (at, want) in [(-1e-45, f32::INFINITY), (f32::NEG_INFINITY, f32::INFINITY), (f32::INFINITY, 7.0), (1.0, 7.0)] {
        assert_eq!(7.0_f32.mended(at, edges), want, "{at:e}");
        assert_eq!(7.0_f64.mended(f64::from(at), edges), f64::from(want), "{at:e}");
    }
}

/// A fixed sequence of bits.
fn sequence() -> impl FnMut() -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

#[test]
fn powers_and_angles_of_singles_are_within_two_units() {
    let mut draw = sequence();
    let mut pairs: Vec<(f32, f32)> = Vec::new();
    for _ in 0..200_000 {
        pairs.push((f32::from_bits(draw() as u32), f32::from_bits(draw() as u32)));
        let small = |bits: u64| (bits >> 40) as f32 / 1e6;
        pairs.push((small(draw()), small(draw()) - 8.0));
    }
    let special = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-45, 1e38, 0.3];
    pairs.extend(special.iter().flat_map(|&a| special.iter().map(move |&b| (a, b))));
    // Powers that all but overflow show errors of the logarithm most.
    for _ in 0..200_000 {
        let a = f32::from_bits(0x3f00_0000 + (draw() as u32 & 0xff_ffff));
        let largest = 88.7 / numeric::unary_f64(Unary::Log, f64::from(a)) * if draw() & 1 == 0 { 1.0 } else { -1.1 };
        pairs.push((a, (largest * (1.0 - (draw() >> 40) as f64 / 1e8)) as f32));
    }
    for op in [Binary::Pow, Binary::Atan2] {
        let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
        let got = two_f32(op, machine(), &a, &b).expect("a row");
        let (mut worst, bound) = (0.0_f64, bound(op.name(), SINGLES));
        for (&(a, b), got) in pairs.iter().zip(got) {
            let want = numeric::binary_f64(op, f64::from(a), f64::from(b));
            let error = error_f32(got, want);
            assert!(error <= bound, "{}({a:e}, {b:e}) is {got:e}, not {want:e}: {error:.2} units", op.name());
            worst = worst.max(error);
        }
        println!("{:12} {worst:.3} units", op.name());
    }
}

#[test]
fn one_exponent_for_all_changes_no_bit() {
    let mut draw = sequence();
    let a: Vec<f32> = (0..4000).map(|_| f32::from_bits(draw() as u32)).chain(edges()).collect();
    for exponent in [0.0, 0.5, 1.0, 2.0, 3.0, -1.0, f32::NAN] {
        let one = unary_by_pow(&a, exponent);
        // A last lane with another exponent.
        let (mut longer, mut exponents) = (a.clone(), vec![exponent; a.len()]);
        longer.push(1.5);
        exponents.push(7.25);
        let other = two_f32(Binary::Pow, machine(), &longer, &exponents).expect("a row");
        for ((a, one), other) in a.iter().zip(one).zip(other) {
            assert!(same_f32(one, other), "{a:e} to the {exponent}: {one:e} and {other:e}");
        }
    }
}

fn unary_by_pow(a: &[f32], exponent: f32) -> Vec<f32> {
    two_f32(Binary::Pow, machine(), a, &vec![exponent; a.len()]).expect("a row")
}

fn same_f32(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

fn same_f64(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// The signed number of doubles below one.
fn rank(x: f64) -> i64 {
    let bits = x.to_bits() as i64;
    if bits < 0 { i64::MIN - bits } else { bits }
}

#[test]
fn doubles_are_within_two_units_of_the_digits() {
    let mut worst: Vec<(String, f64, String)> = Vec::new();
    for line in include_str!("digits.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let bits = |word: &str| f64::from_bits(u64::from_str_radix(word, 16).expect("bits"));
        let (name, operands) = (words[0], &words[1..words.len() - 2]);
        let want = bits(words[words.len() - 2]);
        let more: f64 = words[words.len() - 1].parse().expect("thousandths");
        let got = match operands {
            [x] => block_f64(Unary::from_name(name).expect("an operation"), machine(), &[bits(x)]),
            [a, b] => two_f64(Binary::from_name(name).expect("an operation"), machine(), &[bits(a)], &[bits(b)]),
            _ => unreachable!("one or two operands"),
        };
        let error = ((rank(got.expect("a row")[0]) - rank(want)) as f64 - more / 1000.0).abs();
        match worst.iter_mut().find(|(known, ..)| known == name) {
            Some(so_far) if so_far.1 >= error => {}
            Some(so_far) => *so_far = (name.into(), error, line.into()),
            None => worst.push((name.into(), error, line.into())),
        }
    }
    worst.iter().for_each(|(name, error, line)| println!("{name:12} {error:.3}: {line}"));
    assert_eq!(worst.len(), with_rows().count() + 2, "every row has digits");
    let broken: Vec<_> = worst.iter().filter(|(name, error, _)| *error > bound(name, DOUBLES)).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

/// Doubles of every size, and the edges.
fn doubles() -> Vec<f64> {
    let mut draw = sequence();
    let mut all: Vec<f64> = (0..60_000).map(|_| f64::from_bits(draw())).collect();
    all.extend((0..60_000).map(|_| (draw() >> 11) as f64 / (1_u64 << 50) as f64 - 4.0));
    all.extend(edges().into_iter().map(f64::from));
    all.extend([f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -5e-324, 709.782, 709.783, 710.475, 710.476, 1e300]);
    all.extend([-708.4, -745.13, -745.14, 1.0 + f64::EPSILON, 1.0 - f64::EPSILON, -1.0 + f64::EPSILON, 1.1e8, -3e9]);
    all
}

/// Whether numbers of the same sign are not further apart.
fn close(got: f64, want: f64, units: u64) -> bool {
    let numbers = !got.is_nan() && !want.is_nan();
    numbers && got.is_sign_negative() == want.is_sign_negative() && rank(got).abs_diff(rank(want)) <= units
}

/// Also of its own formulas the scalar function is only right to a few units: what counts here is that nothing is
/// badly off anywhere, and that edges are the same.
#[test]
fn doubles_agree_with_the_scalar_functions() {
    for op in with_rows() {
        let all = doubles();
        for (&x, got) in all.iter().zip(block_f64(op, machine(), &all).expect("a row")) {
            let want = numeric::unary_f64(op, x);
            let near = same_f64(got, want) || close(got, want, 16);
            assert!(near, "{}({x:e}) is {got:e}, not {want:e}", op.name());
        }
    }
    let special = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324, f64::MAX, -f64::MAX];
    let exponents = [0.5, 2.0, -2.0, 1e-300, 3e3];
    for op in [Binary::Atan2, Binary::Pow] {
        for a in special.into_iter().chain([0.3, 1.7]) {
            for b in special.into_iter().chain(exponents) {
                let (want, got) =
                    (numeric::binary_f64(op, a, b), two_f64(op, machine(), &[a], &[b]).expect("a row")[0]);
                let near = same_f64(got, want) || close(got, want, 2);
                assert!(near, "{}({a:e}, {b:e}) is {got:e}, not {want:e}", op.name());
            }
        }
    }
}

/// Every compilation, every place in a block and the function of one number give the same bits.
#[test]
fn bits_do_not_depend_on_machine_or_place() {
    let single: Vec<f32> = singles(PART).take(4000).chain(edges()).collect();
    let double = doubles();
    for op in with_rows() {
        let (want_single, want_double) =
            (block_f32(op, machine(), &single), block_f64(op, machine(), &double[59_000..]));
        let (want_single, want_double) = (want_single.expect("a row"), want_double.expect("a row"));
        for &other in Machine::usable() {
            let got = block_f32(op, other, &single).expect("a row");
            assert!(got.iter().zip(&want_single).all(|(a, b)| same_f32(*a, *b)), "{} on {other:?}", op.name());
            let got = block_f64(op, other, &double[59_000..]).expect("a row");
            assert!(got.iter().zip(&want_double).all(|(a, b)| same_f64(*a, *b)), "{} on {other:?}", op.name());
        }
        for length in (0..70).chain([511, 512]) {
            let got = block_f32(op, machine(), &single[..length]).expect("a row");
            assert!(got.iter().zip(&want_single).all(|(a, b)| same_f32(*a, *b)), "{} of {length}", op.name());
        }
        let (one_single, one_double) = (unary_f32(op, machine()), unary_f64(op, machine()));
        let (one_single, one_double) = (one_single.expect("a row").one, one_double.expect("a row").one);
        for (x, want) in single.iter().zip(&want_single) {
            // SAFETY: it was chosen for this machine.
            let got = unsafe { one_single(f64::from(*x)) } as f32;
            assert!(same_f32(got, *want), "{}({x:e}) is {got:e} alone and {want:e} in a block", op.name());
        }
        for (x, want) in double[59_000..].iter().zip(&want_double) {
            // SAFETY: as above.
            let got = unsafe { one_double(*x) };
            assert!(same_f64(got, *want), "{}({x:e}) is {got:e} alone and {want:e} in a block", op.name());
        }
    }
}

/// A formula that is found for a code generator is the one of the blocks; what holds near 0 only has none.
#[test]
fn formulas_have_the_bits_of_blocks() {
    let single: Vec<f32> = singles(PART).take(4000).chain(edges()).collect();
    let double = &doubles()[59_000..];
    for op in with_rows() {
        let near = [Unary::Sin, Unary::Cos, Unary::Tan].contains(&op);
        let want = block_f32(op, machine(), &single).expect("a row");
        for (&x, want) in single.iter().zip(want) {
            let got = formula_unary_f32(op, x);
            assert!(got.map_or(near, |got| !near && same_f32(got, want)), "{}({x:e}) is {got:?}", op.name());
        }
        let want = block_f64(op, machine(), double).expect("a row");
        for (&x, want) in double.iter().zip(want) {
            let got = formula_unary_f64(op, x);
            assert!(got.map_or(near, |got| !near && same_f64(got, want)), "{}({x:e}) is {got:?}", op.name());
        }
    }
    for op in [Binary::Pow, Binary::Atan2] {
        let reversed: Vec<f32> = single.iter().rev().copied().collect();
        let want = two_f32(op, machine(), &single, &reversed).expect("a row");
        for ((&a, &b), want) in single.iter().zip(&reversed).zip(want) {
            let got = formula_binary_f32(op, a, b).expect("a formula");
            assert!(same_f32(got, want), "{}({a:e}, {b:e}) is {got:e}, not {want:e}", op.name());
        }
        let reversed: Vec<f64> = double.iter().rev().copied().collect();
        let want = two_f64(op, machine(), double, &reversed).expect("a row");
        for ((&a, &b), want) in double.iter().zip(&reversed).zip(want) {
            let got = formula_binary_f64(op, a, b).expect("a formula");
            assert!(same_f64(got, want), "{}({a:e}, {b:e}) is {got:e}, not {want:e}", op.name());
        }
    }
    assert_eq!(formula_unary_f32(Unary::Lgamma, 1.5_f32), None);
}

/// The functions that share an exponential have the bits of each alone, whichever are wanted.
#[test]
fn shared_functions_have_the_same_bits() {
    let single: Vec<f32> = singles(PART).take(4000).chain(edges()).collect();
    let double: Vec<f64> = single.iter().copied().map(f64::from).collect();
    for wanted in [0b11_1111, 0b00_0011, 0b10_0100, 0b01_0000, 0b00_1001_u32] {
        for length in [0, 1, 63, 64, 65, 511, single.len()] {
            for &on in Machine::usable() {
                let got = shared(&single[..length], wanted, |x, to| {
                    // SAFETY: the results are null or have as many elements.
                    unsafe { (logistic_f32(on).block)(x, to[0], to[1], to[2], to[3], to[4], to[5], length) }
                });
                for ((op, negated), got) in got {
                    let x: Vec<f32> = single.iter().map(|&x| if negated { -x } else { x }).collect();
                    let want = block_f32(op, machine(), &x).expect("a row");
                    assert!(got.iter().zip(want).all(|(a, b)| same_f32(*a, b)), "{} of {length}", op.name());
                }
                let got = shared(&double[..length], wanted, |x, to| {
                    // SAFETY: as above.
                    unsafe { (logistic_f64(on).block)(x, to[0], to[1], to[2], to[3], to[4], to[5], length) }
                });
                for ((op, negated), got) in got {
                    let x: Vec<f64> = double.iter().map(|&x| if negated { -x } else { x }).collect();
                    let want = block_f64(op, machine(), &x).expect("a row");
                    assert!(got.iter().zip(want).all(|(a, b)| same_f64(*a, b)), "{} of {length}", op.name());
                }
            }
        }
    }
}

/// The results that are wanted of a function with several.
fn shared<T: Copy + Default>(
    x: &[T],
    wanted: u32,
    run: impl Fn(*const T, [*mut T; LOGISTIC.len()]),
) -> Vec<((Unary, bool), Vec<T>)> {
    let mut results = vec![vec![T::default(); x.len()]; LOGISTIC.len()];
    let mut pointers = [std::ptr::null_mut(); LOGISTIC.len()];
    for (place, result) in results.iter_mut().enumerate().filter(|(place, _)| wanted >> place & 1 == 1) {
        pointers[place] = result.as_mut_ptr();
    }
    run(x.as_ptr(), pointers);
    LOGISTIC
        .into_iter()
        .zip(results)
        .enumerate()
        .filter(|(place, _)| wanted >> place & 1 == 1)
        .map(|(_, row)| row)
        .collect()
}

/// The rows that exist: what is missing is computed by scalar functions, on purpose.
#[test]
fn what_has_no_row_is_named() {
    let without: Vec<&str> =
        Unary::ALL.iter().filter(|&&op| unary_f32(op, machine()).is_none()).map(|op| op.name()).collect();
    let instructions = ["neg", "abs", "sqrt", "sign", "floor", "ceil", "round"];
    let scalar = ["lgamma"];
    let rest: Vec<&str> = without.into_iter().filter(|name| !instructions.contains(name)).collect();
    assert_eq!(rest, scalar);
    assert!(Unary::ALL.iter().all(|&op| unary_f32(op, machine()).is_some() == unary_f64(op, machine()).is_some()));
}
