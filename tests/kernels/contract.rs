//! Matrix products: every split of the axes, in any memory, and the pass that recognises them.

use lossc::bind::Binding;
use lossc::ir::{AxisId, NodeId, Op, live_nodes};
use lossc::jit::{Outputs, Precision};
use lossc::op::{Binary, Compare, Logic, ReduceOp, Unary};
use lossc::rewrite::recognise_contractions;
use lossc::tensor::{Tensor, TensorView};

use crate::build::{Build, agree_both, compiled, numbers, reals, tensor};

/// Axes by letter; `S` is a pack.
fn axes(b: &mut Build, letters: &str, known: &mut Vec<(char, AxisId)>) -> Vec<AxisId> {
    letters
        .chars()
        .map(|letter| match known.iter().find(|(own, _)| *own == letter) {
            Some((_, axis)) => *axis,
            None => {
                let axis = if letter == 'S' { b.pack("S") } else { b.axis(&letter.to_string()) };
                known.push((letter, axis));
                axis
            }
        })
        .collect()
}

#[test]
fn every_split_of_the_axes() {
    for (first, second, over) in [
        ("ND", "KD", "D"),
        ("DN", "DK", "D"),
        ("ND", "DK", "D"),
        ("BND", "BKD", "D"),
        ("NBD", "DKB", "D"),
        ("NDE", "KDE", "DE"),
        ("NED", "DKE", "DE"),
        ("NMD", "KLD", "D"),
        ("NDM", "LKD", "D"),
        ("NS", "KS", "S"),
        ("BNCD", "KDBE", "D"),
        ("ND", "D", "D"),
        ("D", "D", "D"),
        ("N", "K", ""),
    ] {
        let mut b = Build::default();
        let mut known = Vec::new();
        let (x, y) = (axes(&mut b, first, &mut known), axes(&mut b, second, &mut known));
        let over = axes(&mut b, over, &mut known);
        let (p, q) = (b.real("x", &x), b.real("y", &y));
        let product = b.graph().contract(&over, false, p, q);
        let own = b.graph().axes_of(product).to_vec();
        b.output(product, &own);
        let reversed: Vec<AxisId> = own.iter().rev().copied().collect();
        let e = b.graph().unary(Unary::Exp, product);
        b.output(e, &reversed);
        for extents in [[2, 3, 4, 5, 2], [7, 1, 1, 3, 1], [1, 5, 2, 1, 4], [0, 2, 3, 2, 1], [2, 2, 0, 1, 2]] {
            let shape = |letters: &str| -> Vec<usize> {
                let place = |letter| known.iter().position(|(own, _)| *own == letter).expect("a known axis");
                letters.chars().map(|letter| extents[place(letter) % 5]).collect()
            };
            let shapes = [shape(first), shape(second)];
            agree_both(&b, |p| vec![reals("x", &shapes[0], 7, p), reals("y", &shapes[1], 8, p)], &[]);
        }
    }
}

#[test]
fn products_of_products_and_of_what_is_computed() {
    let mut b = Build::default();
    let (n, k, d) = (b.axis("N"), b.axis("K"), b.axis("D"));
    let (x, w) = (b.real("x", &[n, d]), b.real("w", &[k, d]));
    let halves = b.constant(0.5);
    let y = b.mul(x, halves);
    let logits = b.graph().contract(&[d], false, y, w);
    let rows = b.logsumexp(&[k], logits);
    let shifted = b.sub(logits, rows);
    let p = b.graph().unary(Unary::Exp, shifted);
    let by_x = b.graph().contract(&[k], false, p, w);
    let by_w = b.graph().contract(&[n], false, p, y);
    let gram = b.graph().contract(&[k], false, by_w, w);
    let value = b.sum(&[n], rows);
    b.output(value, &[]);
    b.output(by_x, &[n, d]);
    b.output(by_w, &[k, d]);
    b.output(gram, &[d]);
    for [n, k, d] in [[3, 4, 5], [1, 1, 1], [600, 2, 3], [2, 600, 3], [2, 3, 600], [0, 3, 2]] {
        agree_both(&b, move |p| vec![reals("x", &[n, d], 7, p), reals("w", &[k, d], 8, p)], &[]);
    }
}

#[test]
fn operands_are_read_where_they_lie() {
    let mut b = Build::default();
    let (n, k, d) = (b.axis("N"), b.axis("K"), b.axis("D"));
    let (x, w) = (b.real("x", &[n, d]), b.real("w", &[k, d]));
    let product = b.graph().contract(&[d], false, x, w);
    b.output(product, &[n, k]);
    let data = Tensor::f64(numbers(60, 4), &[60]);
    let w = Tensor::f64(numbers(15, 5), &[5, 3]);
    let kernel = compiled(&b.program, Precision::F64);
    assert!(!kernel.kernel_text().contains("strip over D"), "{}", kernel.kernel_text());
    let run = |view: TensorView<'_>| {
        let binding = Binding::new(&b.program, &[("x", view), ("w", w.view().unwrap())]).unwrap();
        let mut outputs = Outputs::new();
        kernel.call(&binding, &[], &mut outputs).unwrap();
        outputs.to_f64(0)
    };
    for (offset, strides) in [(0, [3, 1]), (0, [1, 4]), (59, [-12, -1]), (5, [0, 2]), (7, [9, 0]), (50, [-10, 3])] {
        let view = TensorView::strided(data.slice(), offset, &[4, 3], &strides).unwrap();
        let values: Vec<f64> = view.positions().map(|position| view.data().real(position)).collect();
        let copy = Tensor::f64(values, &[4, 3]);
        // Another layout may be multiplied in another order.
        let pairs = run(view).into_iter().zip(run(copy.view().unwrap()));
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() <= 1e-15), "strides {strides:?}");
    }
}

/// The contractions of a program after the pass.
fn recognised(b: &Build) -> usize {
    let program = recognise_contractions(&b.program);
    let roots: Vec<NodeId> = program.outputs.iter().map(|output| output.node).collect();
    let live = live_nodes(&program.graph, &roots);
    live.iter().filter(|&&id| matches!(program.graph.node(id).op, Op::Contract { .. })).count()
}

#[test]
fn sums_of_products_of_two_sides_are_recognised() {
    let mut b = Build::default();
    let (n, k, d, short) = (b.axis("N"), b.axis("K"), b.axis("D"), b.labelled("box", 4));
    let (x, w) = (b.real("x", &[n, d]), b.real("w", &[k, d]));
    let (scale, pairs) = (b.real("scale", &[n]), b.real("pairs", &[n, k]));
    let boxes = [b.real("p", &[n, short]), b.real("q", &[k, short])];
    let count = |b: &mut Build, operand: NodeId, over: &[AxisId]| {
        b.program.outputs.clear();
        let sum = b.sum(over, operand);
        let own = b.graph().axes_of(sum).to_vec();
        b.output(sum, &own);
        recognised(b)
    };
    let plain = b.mul(x, w);
    assert_eq!(count(&mut b, plain, &[d]), 1);
    let halves = b.constant(-0.5);
    let scaled = b.mul(halves, plain);
    let scaled = b.div(scaled, scale);
    let negative = b.graph().unary(Unary::Neg, scaled);
    assert_eq!(count(&mut b, negative, &[d]), 1);
    let zero = b.constant(0.0);
    let positive = b.graph().compare(Compare::Lt, zero, pairs);
    let back = b.mul(pairs, w);
    for (yes, no) in [(back, zero), (zero, back)] {
        let masked = b.graph().select(positive, yes, no);
        assert_eq!(count(&mut b, masked, &[k]), 1);
    }
    // One side has no axis of its own, or the sum runs over nothing long, or there is no product.
    let by_row = b.mul(x, scale);
    assert_eq!(count(&mut b, by_row, &[d]), 0);
    let overlap = b.mul(boxes[0], boxes[1]);
    assert_eq!(count(&mut b, overlap, &[short]), 0);
    let distance = b.sub(x, w);
    let distance = b.mul(distance, distance);
    assert_eq!(count(&mut b, distance, &[d]), 0);
    let all = b.mul(plain, pairs);
    assert_eq!(count(&mut b, all, &[n, d]), 0, "the sum over N and D of three sides");
    let largest = b.binary(Binary::Max, x, w);
    assert_eq!(count(&mut b, largest, &[d]), 0);
}

#[test]
fn recognised_contractions_are_the_sums() {
    let mut b = Build::default();
    let (n, k, d) = (b.axis("N"), b.axis("K"), b.axis("D"));
    let (x, w, scale) = (b.real("x", &[n, d]), b.real("w", &[k, d]), b.real("scale", &[n]));
    let zero = b.constant(0.0);
    let wanted = b.graph().compare(Compare::Lt, zero, scale);
    let product = b.mul(x, w);
    let product = b.div(product, scale);
    let weight = b.constant(-3.0);
    let product = b.mul(weight, product);
    let product = b.graph().select(wanted, product, zero);
    for (over, left) in [(d, [n, k]), (n, [k, d])] {
        let sum = b.graph().reduce(ReduceOp::Sum, &[over], product);
        b.output(sum, &left);
    }
    b.size = 100.0;
    b.program = recognise_contractions(&b.program);
    // The sum over N is one of x alone: w leaves it.
    assert_eq!(recognised(&b), 1);
    agree_both(&b, |p| vec![reals("x", &[6, 3], 7, p), reals("w", &[4, 3], 8, p), reals("scale", &[6], 9, p)], &[]);
}

#[test]
fn a_sample_that_is_left_out_has_no_influence() {
    let mut b = Build::default();
    let (n, k, d) = (b.axis("N"), b.axis("K"), b.axis("D"));
    let (x, g, mask) = (b.real("x", &[n, d]), b.real("g", &[n, k]), b.real("mask", &[n]));
    let zero = b.constant(0.0);
    let taken = b.graph().compare(Compare::Lt, zero, mask);
    let product = b.mul(g, x);
    let product = b.graph().select(taken, product, zero);
    let sum = b.sum(&[n], product);
    b.output(sum, &[k, d]);
    let program = recognise_contractions(&b.program);
    let nan = f64::NAN;
    let tensors = [
        ("x", Tensor::f64(vec![1.0, 2.0, nan, nan], &[2, 2])),
        ("g", Tensor::f64(vec![3.0, nan], &[2, 1])),
        ("mask", Tensor::f64(vec![1.0, 0.0], &[2])),
    ];
    let views: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor.view().unwrap())).collect();
    let binding = Binding::new(&program, &views).unwrap();
    let mut outputs = Outputs::new();
    compiled(&program, Precision::F64).call(&binding, &[], &mut outputs).unwrap();
    assert_eq!(outputs.to_f64(0), [3.0, 6.0]);
}

/// Σ over K of w·g, guarded: 0 where g is 0 and the product NaN.
fn guarded_product(b: &mut Build) {
    let (n, k, d) = (b.axis("N"), b.axis("K"), b.axis("D"));
    let (g, w) = (b.real("g", &[n, k]), b.real("w", &[k, d]));
    let product = b.mul(w, g);
    let zero = b.constant(0.0);
    let graph = b.graph();
    let idle = graph.compare(Compare::Eq, g, zero);
    let number = graph.compare(Compare::Eq, product, product);
    let nan = graph.logic(Logic::Not, &[number]);
    let both = graph.logic(Logic::And, &[idle, nan]);
    let guarded = graph.select(both, zero, product);
    let sum = b.sum(&[k], guarded);
    b.output(sum, &[n, d]);
}

#[test]
fn a_guard_of_a_product_leaves_it_a_matrix_product() {
    let mut b = Build::default();
    guarded_product(&mut b);
    b.program = recognise_contractions(&b.program);
    let live = live_nodes(&b.program.graph, &[b.program.outputs[0].node]);
    let is_masked = |&id: &NodeId| matches!(b.program.graph.node(id).op, Op::Contract { masked: true, .. });
    assert_eq!(live.iter().filter(|id| is_masked(id)).count(), 1);
    // What was not multiplied for a factor 0 may be infinite or no number.
    for special in [1.5, f64::INFINITY, f64::NAN] {
        let data = |precision| {
            let mut g = numbers(30, 1);
            let mut w = numbers(24, 2);
            (0..5).for_each(|row| g[row * 6 + 3] = 0.0);
            w[3 * 4] = special;
            vec![("g", tensor(&g, &[5, 6], precision)), ("w", tensor(&w, &[6, 4], precision))]
        };
        let mut plain = Build::default();
        guarded_product(&mut plain);
        agree_both(&plain, data, &[]);
        agree_both(&b, data, &[]);
    }
}
