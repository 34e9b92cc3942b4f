//! Every derivative against central differences in double precision, first and second order; then masks,
//! ties and kinks, where differences say nothing.

mod support;

use lossc::ir::{AxisId, NodeId, Op};
use lossc::op::{Binary, Compare, Element, Logic, ReduceOp, SoftmaxOp, Unary};
use support::{Bench, Random, difference};

/// Checks first and second derivatives of Σ w · build(inputs) by every real input.
fn check(name: &str, bench: &mut Bench, node: NodeId, inputs: &[NodeId], tolerance: f64) {
    let scalar = bench.weighted_sum(node, 7);
    let first = bench.gradients(scalar, inputs);
    for (position, (&input, &got)) in inputs.iter().zip(&first).enumerate() {
        let at = bench.program.inputs.iter().position(|data| data.node == input).expect("an input");
        let want = bench.differences(scalar, at, 1e-4);
        if let Some(message) = difference(&bench.reals_like(got, input), &want, tolerance) {
            panic!("{name}, first derivative by operand {position}, {message}");
        }
        let directional = bench.weighted_sum(got, 11);
        let second = bench.gradients(directional, inputs);
        for (&by, &got) in inputs.iter().zip(&second) {
            let at = bench.program.inputs.iter().position(|data| data.node == by).expect("an input");
            let want = bench.differences(directional, at, 1e-4);
            if let Some(message) = difference(&bench.reals_like(got, by), &want, 10.0 * tolerance) {
                panic!("{name}, second derivative by operand {position}, {message}");
            }
        }
    }
}

/// Where each unary operation is sampled: away from kinks and poles.
fn unary_domain(op: Unary) -> (f64, f64) {
    match op {
        Unary::Neg | Unary::Exp | Unary::Sin | Unary::Cos | Unary::Atan | Unary::Sinh | Unary::Cosh => (-2.0, 2.0),
        Unary::Tanh | Unary::Sigmoid | Unary::LogSigmoid | Unary::Softplus | Unary::LogCosh => (-4.0, 4.0),
        Unary::Erf | Unary::Expm1 => (-2.0, 2.0),
        Unary::Abs | Unary::Log | Unary::Sqrt | Unary::Sign | Unary::Lgamma => (0.3, 4.0),
        Unary::Tan => (-1.0, 1.0),
        Unary::Asin | Unary::Acos | Unary::Log1p => (-0.7, 0.7),
        Unary::Floor | Unary::Ceil => (0.1, 0.9),
        Unary::Round => (0.6, 1.4),
    }
}

#[test]
fn unary_rows() {
    for &op in Unary::ALL {
        let mut bench = Bench::new();
        let n = bench.axis("N", 5);
        let (low, high) = unary_domain(op);
        let x = bench.random(&[n], &mut Random::new(3), low, high);
        let y = bench.graph().unary(op, x);
        check(op.name(), &mut bench, y, &[x], 1e-7);
    }
}

#[test]
fn polygamma_rows() {
    for order in 0..3 {
        let mut bench = Bench::new();
        let n = bench.axis("N", 5);
        let x = bench.random(&[n], &mut Random::new(3), 0.8, 4.0);
        let y = bench.graph().add(Op::Polygamma(order), &[x]);
        check("polygamma", &mut bench, y, &[x], 1e-6);
    }
}

#[test]
fn binary_rows_with_axes_of_their_own() {
    for &op in Binary::ALL {
        let mut bench = Bench::new();
        let mut random = Random::new(5);
        let (n, c) = (bench.axis("N", 2), bench.axis("C", 3));
        let a = bench.random(&[n], &mut random, 0.5, 2.0);
        if op == Binary::Powi {
            for exponent in [-2, -1, 0, 1, 2, 3] {
                let power = bench.graph().int(exponent);
                let y = bench.graph().binary(op, a, power);
                check("powi", &mut bench, y, &[a], 1e-7);
            }
            continue;
        }
        let b = bench.random(&[c, n], &mut random, 0.5, 2.0);
        let y = bench.graph().binary(op, a, b);
        check(op.name(), &mut bench, y, &[a, b], 1e-7);
    }
}

fn matrix(bench: &mut Bench, low: f64, high: f64) -> (NodeId, [AxisId; 2]) {
    let (n, c) = (bench.axis("N", 2), bench.axis("C", 3));
    (bench.random(&[n, c], &mut Random::new(9), low, high), [n, c])
}

#[test]
fn reductions() {
    for &op in ReduceOp::ALL {
        for axes in [&[1][..], &[0], &[0, 1]] {
            let mut bench = Bench::new();
            let (x, both) = matrix(&mut bench, 0.5, 2.0);
            let over: Vec<AxisId> = axes.iter().map(|&axis| both[axis]).collect();
            let y = bench.graph().reduce(op, &over, x);
            check(op.name(), &mut bench, y, &[x], 1e-7);
        }
    }
}

#[test]
fn the_softmax_family() {
    for &op in SoftmaxOp::ALL {
        for axes in [&[1][..], &[0, 1]] {
            let mut bench = Bench::new();
            let (x, both) = matrix(&mut bench, -2.0, 2.0);
            let over: Vec<AxisId> = axes.iter().map(|&axis| both[axis]).collect();
            let y = bench.graph().softmax(op, &over, x);
            check(op.name(), &mut bench, y, &[x], 1e-7);
        }
    }
}

#[test]
fn select_broadcast_rename_and_gather() {
    let mut bench = Bench::new();
    let (x, [n, c]) = matrix(&mut bench, 0.5, 2.0);
    let m = bench.copy("M", n);
    let label = bench.int(&[n], &[2, 0]);
    let permuted = bench.int(&[c], &[1, 1, 7]);
    let matrix_index = bench.int(&[n, c], &[0, 2, 1, 1, -1, 0]);
    let graph = bench.graph();
    let square = graph.binary(Binary::Mul, x, x);
    let one = graph.real(1.0);
    let condition = graph.compare(Compare::Lt, x, one);
    let selected = graph.select(condition, square, x);
    let other = graph.rename(x, n, m);
    let pairs = graph.binary(Binary::Mul, square, other);
    let picked = graph.gather(c, square, label);
    let moved = graph.gather(c, square, permuted);
    let scattered = graph.gather(c, square, matrix_index);
    let repeated = graph.broadcast(square, &[m]);
    for (name, node) in [
        ("select", selected),
        ("rename", pairs),
        ("gather", picked),
        ("gather by its own axis", moved),
        ("gather by a matrix", scattered),
        ("broadcast", repeated),
    ] {
        check(name, &mut bench, node, &[x], 1e-7);
    }
}

/// The largest over axes on a new one, as `topk` is lowered but for the filling.
fn largest(bench: &mut Bench, x: NodeId, over: &[AxisId], to: AxisId) -> NodeId {
    let graph = bench.graph();
    let mut value = x;
    for &along in over {
        let index = graph.add(Op::TopIndex { over: over.iter().copied().collect(), to, along }, &[x]);
        value = graph.gather(along, value, index);
    }
    value
}

#[test]
fn order_running_sums_and_scattering() {
    let mut bench = Bench::new();
    let (x, [n, c]) = matrix(&mut bench, 0.5, 2.0);
    let (k, t, m) = (bench.axis("K", 4), bench.axis("T", 8), bench.copy("M", n));
    let label = bench.int(&[n], &[2, 2]);
    let both = bench.int(&[c, n], &[0, 1, 3, 3, -1, 4]);
    let own = bench.int(&[c], &[1, 1, 7]);
    let graph = bench.graph();
    let square = graph.binary(Binary::Mul, x, x);
    let order = graph.order(c, square);
    let sorted = graph.gather(c, square, order);
    let order = graph.order(n, x);
    let by_other = graph.gather(n, square, order);
    let forward = graph.cumsum(c, false, square);
    let backward = graph.cumsum(n, true, forward);
    let one_axis = graph.scatter(k, &[n], square, label);
    let two_axes = graph.scatter(k, &[c, n], square, both);
    let kept = graph.scatter(k, &[c], square, both);
    let onto_itself = graph.scatter(c, &[c], square, own);
    let row = graph.reduce(ReduceOp::Sum, &[c], square);
    let spread = graph.scatter(k, &[c, n], row, both);
    let picked = graph.gather(c, square, both);
    let free = graph.rename(square, n, m);
    let free = graph.gather(c, free, label);
    let pairs = largest(&mut bench, square, &[c, n], t);
    let top = largest(&mut bench, square, &[c], t);
    for (name, node) in [
        ("sort", sorted),
        ("sort by another", by_other),
        ("cumsum", forward),
        ("reverse cumsum", backward),
        ("scatter", one_axis),
        ("scatter over two axes", two_axes),
        ("scatter along lines", kept),
        ("scatter onto its own axis", onto_itself),
        ("scatter of repeated values", spread),
        ("gather by a matrix of both axes", picked),
        ("gather with a free axis", free),
        ("topk of a matrix", pairs),
        ("topk", top),
    ] {
        check(name, &mut bench, node, &[x], 1e-7);
    }
}

#[test]
fn ties_and_nan_have_their_place_in_the_order() {
    let nan = f64::NAN;
    let (mut bench, x, n) = vector(&[2.0, nan, -0.0, 2.0, 0.0, f64::INFINITY, nan]);
    let t = bench.axis("T", 9);
    let order = bench.graph().order(n, x);
    let top = bench.graph().add(Op::TopIndex { over: [n].into_iter().collect(), to: t, along: n }, &[x]);
    assert_eq!(bench.value(order).ints(), [2, 4, 0, 3, 5, 1, 6]);
    assert_eq!(bench.value(top).ints(), [1, 6, 5, 0, 3, 2, 4, -1, -1]);
    // Of equal elements of a matrix, the first in the listed order of axes.
    let mut bench = Bench::new();
    let (n, c, t) = (bench.axis("N", 2), bench.axis("C", 2), bench.axis("T", 4));
    let x = bench.real(&[n, c], &[1.0, 3.0, 3.0, 1.0]);
    for (over, want) in [([n, c], [0, 1, 0, 1]), ([c, n], [1, 0, 0, 1])] {
        let op = Op::TopIndex { over: over.into_iter().collect(), to: t, along: n };
        let top = bench.graph().add(op, &[x]);
        assert_eq!(bench.value(top).ints(), want);
    }
}

#[test]
fn scattering_a_masked_value_keeps_the_mask() {
    // Σ over N of log p[K = label] where the label is not 2: 1/p at what was picked, and no NaN of what was not.
    let mut bench = Bench::new();
    let (k, n) = (bench.axis("K", 3), bench.axis("N", 4));
    let p = bench.real(&[k], &[0.5, 0.25, -1.0]);
    let label = bench.int(&[n], &[0, 2, 1, 0]);
    let graph = bench.graph();
    let log = graph.unary(Unary::Log, p);
    let picked = graph.gather(k, log, label);
    let (two, zero) = (graph.int(2), graph.real(0.0));
    let taken = graph.compare(Compare::Ne, label, two);
    let masked = graph.select(taken, picked, zero);
    assert_eq!(gradient_of(&mut bench, masked), [4.0, 4.0, 0.0]);
}

#[test]
fn nothing_is_in_order_too() {
    let mut bench = Bench::new();
    let (n, c, t) = (bench.axis("N", 0), bench.axis("C", 2), bench.axis("T", 2));
    let x = bench.real(&[n, c], &[]);
    let index = bench.int(&[n], &[]);
    let graph = bench.graph();
    let order = graph.order(n, x);
    let sorted = graph.gather(n, x, order);
    let sums = graph.cumsum(n, false, x);
    let scattered = graph.scatter(t, &[n], x, index);
    let top = graph.add(Op::TopIndex { over: [n].into_iter().collect(), to: t, along: n }, &[x]);
    assert!(bench.value(sorted).reals().is_empty() && bench.value(sums).reals().is_empty());
    assert_eq!(bench.value(scattered).reals(), [0.0; 4]);
    assert_eq!(bench.value(top).ints(), [-1; 4]);
}

/// The gradient of the sum of a node by the first input.
fn gradient_of(bench: &mut Bench, node: NodeId) -> Vec<f64> {
    let axes = bench.program.graph.axes_of(node).to_vec();
    let sum = bench.graph().reduce(ReduceOp::Sum, &axes, node);
    let x = bench.program.inputs[0].node;
    let got = bench.gradients(sum, &[x])[0];
    bench.reals_like(got, x)
}

fn vector(values: &[f64]) -> (Bench, NodeId, AxisId) {
    let mut bench = Bench::new();
    let n = bench.axis("N", values.len() as u64);
    let x = bench.real(&[n], values);
    (bench, x, n)
}

#[test]
fn a_branch_not_taken_never_reaches_the_gradient() {
    let (mut bench, x, _) = vector(&[0.0, 4.0, -1.0, f64::NAN]);
    let graph = bench.graph();
    let zero = graph.real(0.0);
    let positive = graph.compare(Compare::Lt, zero, x);
    let root = graph.unary(Unary::Sqrt, x);
    let log = graph.unary(Unary::Log, x);
    let entropy = graph.binary(Binary::Mul, x, log);
    let selected_root = graph.select(positive, root, zero);
    let selected_entropy = graph.select(positive, entropy, zero);
    // The same under `not`, and nested.
    let negative = graph.logic(Logic::Not, &[positive]);
    let nested = graph.select(negative, zero, selected_entropy);
    assert_eq!(gradient_of(&mut bench, selected_root), [0.0, 0.25, 0.0, 0.0]);
    let slope = 1.0 + lossc::numeric::unary_f64(Unary::Log, 4.0);
    assert_eq!(gradient_of(&mut bench, selected_entropy), [0.0, slope, 0.0, 0.0]);
    assert_eq!(gradient_of(&mut bench, nested), [0.0, slope, 0.0, 0.0]);
    // Second order: (x ln x)″ = 1 / x.
    let n = bench.program.graph.axes_of(x).to_vec();
    let sum = bench.graph().reduce(ReduceOp::Sum, &n, selected_entropy);
    let first = bench.gradients(sum, &[x])[0];
    assert_eq!(gradient_of(&mut bench, first), [0.0, 0.25, 0.0, 0.0]);
}

#[test]
fn a_clamped_logarithm_has_a_finite_gradient() {
    let (mut bench, x, _) = vector(&[0.0, 0.5, 1.0]);
    let graph = bench.graph();
    let log = graph.unary(Unary::Log, x);
    let bound = graph.real(-100.0);
    let inside = graph.compare(Compare::Le, bound, log);
    let logp = graph.select(inside, log, bound);
    assert_eq!(gradient_of(&mut bench, logp), [0.0, 2.0, 1.0]);
}

#[test]
fn a_masked_sum_guards_what_it_was_computed_from() {
    // Σ over N of where(mask, ln s · x, 0) with s = 0 and an empty mask: the derivative by s is 0, not 0 · ∞.
    let mut bench = Bench::new();
    let n = bench.axis("N", 3);
    let s = bench.real(&[], &[0.0]);
    let x = bench.real(&[n], &[1.0, 2.0, 3.0]);
    let graph = bench.graph();
    let ten = graph.real(10.0);
    let taken = graph.compare(Compare::Lt, ten, x);
    let log = graph.unary(Unary::Log, s);
    let product = graph.binary(Binary::Mul, log, x);
    let zero = graph.real(0.0);
    let masked = graph.select(taken, product, zero);
    assert_eq!(gradient_of(&mut bench, masked), [0.0]);
}

#[test]
fn a_picked_logarithm_ignores_the_others() {
    let mut bench = Bench::new();
    let (n, c) = (bench.axis("N", 2), bench.axis("C", 2));
    let p = bench.real(&[n, c], &[0.0, 0.5, 0.25, 0.0]);
    let label = bench.int(&[n], &[1, 0]);
    let log = bench.graph().unary(Unary::Log, p);
    let picked = bench.graph().gather(c, log, label);
    assert_eq!(gradient_of(&mut bench, picked), [0.0, 2.0, 4.0, 0.0]);
}

#[test]
fn second_derivatives_where_the_first_is_zero() {
    // (p² − 1)² at p = 1, selected by a condition on another axis: 8, not lost to a guard.
    let (mut bench, x, n) = vector(&[1.0, -1.0]);
    let c = bench.axis("C", 2);
    let graph = bench.graph();
    let square = graph.binary(Binary::Mul, x, x);
    let one = graph.real(1.0);
    let error = graph.binary(Binary::Sub, square, one);
    let value = graph.binary(Binary::Mul, error, error);
    let (index, first) = (graph.index(c), graph.int(0));
    let here = graph.compare(Compare::Eq, index, first);
    let zero = graph.real(0.0);
    let masked = graph.select(here, value, zero);
    let sum = graph.reduce(ReduceOp::Sum, &[n, c], masked);
    let slope = bench.gradients(sum, &[x])[0];
    assert_eq!(gradient_of(&mut bench, slope), [8.0, 8.0]);
}

#[test]
fn kinks_and_ties() {
    let (mut bench, x, n) = vector(&[0.0, 2.0, 2.0]);
    let graph = bench.graph();
    let (zero, two) = (graph.real(0.0), graph.real(2.0));
    let abs = graph.unary(Unary::Abs, x);
    let root = graph.unary(Unary::Sqrt, x);
    let max = graph.binary(Binary::Max, x, zero);
    let min = graph.binary(Binary::Min, x, two);
    let top = graph.reduce(ReduceOp::Max, &[n], x);
    let angle = graph.binary(Binary::Atan2, x, zero);
    let half = graph.real(0.5);
    let power = graph.binary(Binary::Pow, x, half);
    let one = graph.real(1.0);
    let first_power = graph.binary(Binary::Pow, x, one);
    let sign = graph.unary(Unary::Sign, x);
    let square = graph.binary(Binary::Mul, x, x);
    let total = graph.reduce(ReduceOp::Sum, &[n], square);
    let stopped = graph.stop(total);
    let with_stop = graph.binary(Binary::Mul, x, stopped);
    for (node, want) in [
        (abs, [0.0, 1.0, 1.0]),
        (max, [0.5, 1.0, 1.0]),
        (min, [1.0, 0.5, 0.5]),
        (top, [0.0, 0.5, 0.5]),
        (angle, [0.0, 0.0, 0.0]),
        (first_power, [1.0, 1.0, 1.0]),
        (sign, [0.0, 0.0, 0.0]),
        (with_stop, [8.0, 8.0, 8.0]),
    ] {
        assert_eq!(gradient_of(&mut bench, node), want);
    }
    for node in [root, power] {
        let got = gradient_of(&mut bench, node);
        assert!(got[0] == 0.0 && (got[1] - 0.5 / 2.0_f64.sqrt()).abs() < 1e-15, "{got:?}");
    }
}

#[test]
fn a_product_with_zeros() {
    for (values, want) in [([2.0, 3.0, 5.0], [15.0, 10.0, 6.0]), ([0.0, 3.0, 5.0], [15.0, 0.0, 0.0])] {
        let (mut bench, x, n) = vector(&values);
        let product = bench.graph().reduce(ReduceOp::Prod, &[n], x);
        assert_eq!(gradient_of(&mut bench, product), want);
    }
    let (mut bench, x, n) = vector(&[0.0, 0.0, 5.0]);
    let product = bench.graph().reduce(ReduceOp::Prod, &[n], x);
    assert_eq!(gradient_of(&mut bench, product), [0.0, 0.0, 0.0]);
}

#[test]
fn independent_inputs_get_zeros_with_their_axes() {
    let (mut bench, x, n) = vector(&[1.0, 2.0]);
    let other = bench.real(&[n], &[3.0, 4.0]);
    let sum = bench.graph().reduce(ReduceOp::Sum, &[n], other);
    let got = bench.gradients(sum, &[x])[0];
    assert_eq!(bench.value(got).reals(), [0.0, 0.0]);
    let flags = bench.graph().compare(Compare::Lt, x, other);
    let counted = bench.graph().cast(Element::Real, flags);
    assert_eq!(gradient_of(&mut bench, counted), [0.0, 0.0]);
}
