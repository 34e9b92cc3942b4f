//! Loss-like programs with their gradients.

use lossc::ir::{AxisId, NodeId};
use lossc::jit::{Precision, Vectors, plan};
use lossc::op::{Binary, Compare, Element, ReduceOp, SoftmaxOp, Unary};
use lossc::tensor::Tensor;

use crate::build::{Build, agree, agree_both, compiled, labels, loops, numbers, reals};

fn mse() -> Build {
    let mut b = Build::default();
    let s = b.pack("B");
    let (x, t) = (b.real("pred", &[s]), b.real("target", &[s]));
    let d = b.sub(x, t);
    let square = b.mul(d, d);
    let value = b.mean(&[s], square);
    b.output(value, &[]);
    let n = b.size(&[s]);
    let two = b.constant(2.0);
    let gradient = b.mul(two, d);
    let gradient = b.div(gradient, n);
    b.output(gradient, &[s]);
    b
}

#[test]
fn mse_is_one_pass() {
    let b = mse();
    let text = loops(&b.program);
    assert_eq!(text.matches("for ").count(), 1, "{text}");
    agree_both(&b, |p| vec![reals("pred", &[7, 331], 1, p), reals("target", &[7, 331], 2, p)], &[]);
    agree_both(&b, |p| vec![reals("pred", &[], 1, p), reals("target", &[], 2, p)], &[]);
}

#[test]
fn huber_with_a_parameter() {
    let mut b = Build::default();
    let s = b.pack("B");
    let (x, t) = (b.real("pred", &[s]), b.real("target", &[s]));
    let delta = b.parameter("delta", 1.0);
    let d = b.sub(x, t);
    let a = b.graph().unary(Unary::Abs, d);
    let inside = b.graph().compare(Compare::Le, a, delta);
    let half = b.constant(0.5);
    let square = b.mul(d, d);
    let square = b.mul(half, square);
    let rest = b.mul(half, delta);
    let linear = b.sub(a, rest);
    let linear = b.mul(delta, linear);
    let e = b.graph().select(inside, square, linear);
    let value = b.mean(&[s], e);
    b.output(value, &[]);
    let sign = b.graph().unary(Unary::Sign, d);
    let clipped = b.mul(delta, sign);
    let gradient = b.graph().select(inside, d, clipped);
    b.output(gradient, &[s]);
    agree_both(&b, |p| vec![reals("pred", &[40, 50], 1, p), reals("target", &[40, 50], 2, p)], &[0.3]);
}

/// Dice over some axes, with its gradient by hand.
fn dice(b: &mut Build, over: &[AxisId], x: NodeId, t: NodeId) -> (NodeId, NodeId) {
    let product = b.mul(x, t);
    let i = b.sum(over, product);
    let sx = b.sum(over, x);
    let st = b.sum(over, t);
    let whole = b.add(sx, st);
    let one = b.constant(1.0);
    let two = b.constant(2.0);
    let top = b.mul(two, i);
    let top = b.add(top, one);
    let bottom = b.add(whole, one);
    let ratio = b.div(top, bottom);
    let value = b.sub(one, ratio);
    let change = b.mul(two, t);
    let change = b.sub(change, ratio);
    let change = b.div(change, bottom);
    let gradient = b.graph().unary(Unary::Neg, change);
    (value, gradient)
}

#[test]
fn dice_is_two_passes() {
    let mut b = Build::default();
    let s = b.pack("B");
    let (x, t) = (b.real("pred", &[s]), b.real("target", &[s]));
    let (value, gradient) = dice(&mut b, &[s], x, t);
    b.output(value, &[]);
    b.output(gradient, &[s]);
    let text = loops(&b.program);
    assert_eq!(text.matches("for ").count(), 2, "{text}");
    agree_both(&b, |p| vec![reals("pred", &[3, 5, 400], 1, p), reals("target", &[3, 5, 400], 2, p)], &[]);
}

/// Dice of a sigmoid over some axes, with its gradient.
fn dice_of_sigmoid(b: &mut Build, over: &[AxisId], z: NodeId, t: NodeId) -> (NodeId, NodeId) {
    let x = b.graph().unary(Unary::Sigmoid, z);
    let (value, gradient) = dice(b, over, x, t);
    let minus = b.graph().unary(Unary::Neg, z);
    let rest = b.graph().unary(Unary::Sigmoid, minus);
    let slope = b.mul(x, rest);
    (value, b.mul(gradient, slope))
}

#[test]
fn dice_of_a_sigmoid_keeps_the_sigmoid() {
    let mut b = Build::default();
    let s = b.pack("B");
    let (z, t) = (b.real("logits", &[s]), b.real("target", &[s]));
    let x = b.graph().unary(Unary::Sigmoid, z);
    let (value, gradient) = dice(&mut b, &[s], x, t);
    let one = b.constant(1.0);
    let slope = b.sub(one, x);
    let slope = b.mul(x, slope);
    let gradient = b.mul(gradient, slope);
    b.output(value, &[]);
    b.output(gradient, &[s]);
    let text = loops(&b.program);
    assert_eq!(text.matches("call sigmoid").count(), 1, "{text}");
    agree_both(&b, |p| vec![reals("logits", &[3000], 1, p), reals("target", &[3000], 2, p)], &[]);
}

/// How often the memory of the last output is written, and how often it is read.
pub fn loans(b: &Build) -> (usize, usize) {
    let text = plan(&b.program, Precision::F32, Vectors::Avx512).to_string();
    let name = format!("gradient o{}[", b.program.outputs.len() - 1);
    let read = text.matches(&format!("= {name}")).count();
    (text.matches(&name).count() - read, read)
}

#[test]
fn a_gradient_lends_its_memory_for_its_slope() {
    for axes in [1, 2] {
        let mut b = Build::default();
        let all: Vec<AxisId> = ["N", "C"][..axes].iter().map(|name| b.axis(name)).collect();
        let (z, t) = (b.real("logits", &all), b.real("target", &all));
        let (value, gradient) = dice_of_sigmoid(&mut b, &all, z, t);
        b.output(value, &[]);
        b.output(gradient, &all);
        assert_eq!(loans(&b), (2, 1));
        let shape = &[70, 90][..axes];
        agree_both(&b, |p| vec![reals("logits", shape, 1, p), reals("target", shape, 2, p)], &[]);
    }
}

#[test]
fn a_gradient_whose_functions_are_computed_beside_it_lends_nothing() {
    let mut b = Build::default();
    let n = b.axis("N");
    let (z, t) = (b.real("logits", &[n]), b.real("target", &[n]));
    let (value, gradient) = dice_of_sigmoid(&mut b, &[n], z, t);
    b.output(value, &[]);
    let x = b.graph().unary(Unary::Sigmoid, z);
    let other = b.mul(x, value);
    b.output(other, &[n]);
    b.output(gradient, &[n]);
    assert_eq!(loans(&b), (1, 0));
    agree_both(&b, |p| vec![reals("logits", &[5000], 1, p), reals("target", &[5000], 2, p)], &[]);
}

/// softmax over classes p, Σ p t, and p Σ p t.
fn shares(b: &mut Build, axes: [AxisId; 3]) -> (NodeId, NodeId, NodeId) {
    let (z, t) = (b.real("logits", &axes), b.real("target", &axes));
    let e = b.graph().unary(Unary::Exp, z);
    let total = b.graph().reduce(ReduceOp::Sum, &[axes[1]], e);
    let share = b.div(e, total);
    let hit = b.mul(share, t);
    let value = b.graph().reduce(ReduceOp::Sum, &axes, hit);
    let gradient = b.mul(share, value);
    (share, value, gradient)
}

/// A pass of its own reads what is computed from the shares after the gradient has been written.
#[test]
fn what_is_kept_stays_where_something_provided_for_later_reads_it() {
    let mut b = Build::default();
    let axes = ["N", "C", "S"].map(|name| b.axis(name));
    let (share, value, gradient) = shares(&mut b, axes);
    b.output(value, &[]);
    let square = b.mul(share, gradient);
    // A loop over pairs of N, which begins with the second one.
    let other = b.copy("M", axes[0]);
    let far = b.graph().rename(square, axes[0], other);
    let pairs = b.mul(square, far);
    let sums = b.sum(&[axes[0]], pairs);
    b.output(sums, &[other, axes[1], axes[2]]);
    b.output(gradient, &axes);
    assert_eq!(loans(&b), (1, 0));
    let shape = &[2, 5, 40];
    agree_both(&b, |p| vec![reals("logits", shape, 1, p), reals("target", shape, 2, p)], &[]);
}

#[test]
fn what_is_kept_lies_in_the_gradient_that_replaces_it() {
    for others in [false, true] {
        let mut b = Build::default();
        let axes = ["N", "C", "S"].map(|name| b.axis(name));
        let (share, value, gradient) = shares(&mut b, axes);
        b.output(value, &[]);
        if others {
            // Read after the gradient may be written.
            let square = b.mul(share, gradient);
            b.output(square, &axes);
        }
        b.output(gradient, &axes);
        assert_eq!(loans(&b), if others { (1, 0) } else { (2, 1) });
        // More classes than a group of turns, more lanes than a block.
        let shape = &[2, 37, 700];
        agree_both(&b, |p| vec![reals("logits", shape, 1, p), reals("target", shape, 2, p)], &[]);
    }
}

#[test]
fn a_slope_that_is_picked_from_elsewhere_is_not_written_over() {
    let mut b = Build::default();
    let (n, m) = (b.axis("N"), b.axis("M"));
    let (z, t) = (b.real("logits", &[n]), b.real("target", &[n]));
    let label = b.input("label", Element::Int, &[m]);
    let (value, gradient) = dice_of_sigmoid(&mut b, &[n], z, t);
    let minus = b.graph().unary(Unary::Neg, z);
    let (x, rest) = (b.graph().unary(Unary::Sigmoid, z), b.graph().unary(Unary::Sigmoid, minus));
    let slope = b.mul(x, rest);
    let picked = b.graph().gather(n, slope, label);
    let picked = b.mul(picked, value);
    b.output(value, &[]);
    b.output(picked, &[m]);
    b.output(gradient, &[n]);
    let data = |p| {
        vec![
            reals("logits", &[5000], 1, p),
            reals("target", &[5000], 2, p),
            ("label", Tensor::i64(labels(300, 5000, 3), &[300])),
        ]
    };
    agree_both(&b, data, &[]);
}

#[test]
fn dice_of_every_sample_and_class_is_one_loop_nest() {
    let mut b = Build::default();
    let (n, c) = (b.axis("N"), b.axis("C"));
    let (h, w) = (b.axis("H"), b.axis("W"));
    let (x, t) = (b.real("pred", &[n, c, h, w]), b.real("target", &[n, c, h, w]));
    let (value, gradient) = dice(&mut b, &[h, w], x, t);
    let mean = b.mean(&[n, c], value);
    b.output(mean, &[]);
    b.output(gradient, &[n, c, h, w]);
    b.output(value, &[n, c]);
    b.output(value, &[c, n]);
    let shape = [3, 4, 9, 11];
    agree_both(&b, move |p| vec![reals("pred", &shape, 1, p), reals("target", &shape, 2, p)], &[]);
}

/// Weighted cross entropy with labels: picks from log softmax, and the gradient by a one-hot comparison.
fn cross_entropy(pack: bool) -> Build {
    let mut b = Build::default();
    let (n, c) = (b.axis("N"), b.axis("C"));
    let mut sample = vec![n];
    let mut all = vec![n, c];
    if pack {
        let s = b.pack("S");
        sample.push(s);
        all.push(s);
    }
    let x = b.real("logits", &all);
    let label = b.input("label", Element::Int, &sample);
    let w = b.real("weight", &[c]);
    let lse = b.logsumexp(&[c], x);
    let picked = b.graph().gather(c, x, label);
    let weight = b.graph().gather(c, w, label);
    let e = b.sub(lse, picked);
    let e = b.mul(weight, e);
    let top = b.sum(&sample, e);
    let bottom = b.sum(&sample, weight);
    let value = b.div(top, bottom);
    b.output(value, &[]);
    let p = b.graph().softmax(SoftmaxOp::Softmax, &[c], x);
    let index = b.graph().index(c);
    let here = b.graph().compare(Compare::Eq, index, label);
    let hot = b.graph().cast(Element::Real, here);
    let g = b.sub(p, hot);
    let share = b.div(weight, bottom);
    let g = b.mul(share, g);
    b.output(g, &all);
    b
}

#[test]
fn cross_entropy_of_rows() {
    let b = cross_entropy(false);
    for (rows, classes) in [(5, 3), (2, 1100), (70, 10)] {
        agree_both(
            &b,
            move |p| {
                let label = Tensor::i64(labels(rows, classes, 9), &[rows]);
                vec![reals("logits", &[rows, classes], 3, p), ("label", label), reals("weight", &[classes], 4, p)]
            },
            &[],
        );
    }
}

#[test]
fn cross_entropy_of_pixels() {
    let b = cross_entropy(true);
    agree_both(
        &b,
        |p| {
            let label = Tensor::i64(labels(3 * 24 * 27, 4, 9), &[3, 24, 27]);
            vec![reals("logits", &[3, 4, 24, 27], 3, p), ("label", label), reals("weight", &[4], 4, p)]
        },
        &[],
    );
}

/// Rows of classes, x, and a label a row.
fn labelled(b: &mut Build) -> (AxisId, AxisId, NodeId, NodeId) {
    let (n, c) = (b.axis("N"), b.axis("C"));
    (n, c, b.real("x", &[n, c]), b.input("label", Element::Int, &[n]))
}

#[test]
fn labels_outside_read_nothing() {
    let mut b = Build::default();
    let (n, c, x, label) = labelled(&mut b);
    let direct = b.graph().gather(c, x, label);
    let e = b.graph().unary(Unary::Exp, x);
    let stored = b.graph().gather(c, e, label);
    let one = b.constant(1.0);
    let shifted = b.add(x, one);
    let cheap = b.graph().gather(c, shifted, label);
    for node in [direct, stored, cheap] {
        b.output(node, &[n]);
    }
    agree_both(
        &b,
        |p| {
            let label = Tensor::i64(vec![0, -1, 2, 3, i64::MIN, i64::MAX, 1], &[7]);
            vec![reals("x", &[7, 3], 3, p), ("label", label)]
        },
        &[],
    );
}

#[test]
fn generalized_dice_with_class_weights() {
    let mut b = Build::default();
    let (n, c, s) = (b.axis("N"), b.axis("C"), b.pack("S"));
    let (z, t) = (b.real("logits", &[n, c, s]), b.real("target", &[n, c, s]));
    let p = b.graph().softmax(SoftmaxOp::Softmax, &[c], z);
    let one = b.constant(1.0);
    let two = b.constant(2.0);
    let st = b.sum(&[n, s], t);
    let square = b.mul(st, st);
    let square = b.add(square, one);
    let w = b.div(one, square);
    let pt = b.mul(p, t);
    let i = b.sum(&[n, s], pt);
    let i = b.mul(w, i);
    let i = b.sum(&[c], i);
    let both = b.add(p, t);
    let u = b.sum(&[n, s], both);
    let u = b.mul(w, u);
    let u = b.sum(&[c], u);
    let ratio = b.div(i, u);
    let ratio = b.mul(two, ratio);
    let value = b.sub(one, ratio);
    b.output(value, &[]);
    // dL/dp, then through the softmax.
    let g = b.mul(two, t);
    let g = b.sub(g, ratio);
    let g = b.mul(w, g);
    let g = b.div(g, u);
    let g = b.graph().unary(Unary::Neg, g);
    let pg = b.mul(p, g);
    let mean = b.sum(&[c], pg);
    let centred = b.sub(g, mean);
    let gradient = b.mul(p, centred);
    b.output(gradient, &[n, c, s]);
    let shape = [2, 3, 30, 41];
    agree_both(&b, move |p| vec![reals("logits", &shape, 1, p), reals("target", &shape, 2, p)], &[]);
}

#[test]
fn logsumexp_over_pairs() {
    let mut b = Build::default();
    let (n, d) = (b.axis("N"), b.axis("D"));
    let m = b.copy("M", n);
    let x = b.real("x", &[n, d]);
    let square = b.mul(x, x);
    let norm = b.sum(&[d], square);
    let norm = b.graph().unary(Unary::Sqrt, norm);
    let unit = b.div(x, norm);
    let other = b.graph().rename(unit, n, m);
    let product = b.mul(unit, other);
    let similarity = b.sum(&[d], product);
    let lse = b.logsumexp(&[m], similarity);
    let value = b.mean(&[n], lse);
    b.output(value, &[]);
    let p = b.graph().softmax(SoftmaxOp::Softmax, &[m], similarity);
    // Both roles of every row: as n and as m.
    let first = b.mul(p, other);
    let first = b.sum(&[m], first);
    let second = b.mul(p, unit);
    let second = b.sum(&[n], second);
    let second = b.graph().rename(second, m, n);
    let gradient = b.add(first, second);
    b.output(gradient, &[n, d]);
    b.output(similarity, &[n, m]);
    agree_both(&b, |p| vec![reals("x", &[13, 7], 5, p)], &[]);
}

#[test]
fn boxes_are_unrolled() {
    let mut b = Build::default();
    let n = b.pack("B");
    let side = b.labelled("box", 4);
    let (x, t) = (b.real("pred", &[n, side]), b.real("target", &[n, side]));
    let pick = |b: &mut Build, node: NodeId, label: i64| {
        let label = b.graph().int(label);
        b.graph().gather(side, node, label)
    };
    let overlap = |b: &mut Build, low: i64| {
        let (x1, t1) = (pick(b, x, low), pick(b, t, low));
        let (x2, t2) = (pick(b, x, low + 2), pick(b, t, low + 2));
        let left = b.binary(Binary::Max, x1, t1);
        let right = b.binary(Binary::Min, x2, t2);
        b.sub(right, left)
    };
    let (width, height) = (overlap(&mut b, 0), overlap(&mut b, 1));
    let area = b.mul(width, height);
    let value = b.mean(&[n], area);
    b.output(value, &[]);
    let index = b.graph().index(side);
    let two = b.graph().int(2);
    let lower = b.graph().compare(Compare::Lt, index, two);
    let gradient = b.graph().select(lower, height, width);
    let d = b.sub(x, t);
    let gradient = b.mul(gradient, d);
    b.output(gradient, &[n, side]);
    let square = b.mul(d, d);
    let distance = b.sum(&[n, side], square);
    b.output(distance, &[]);
    let text = loops(&b.program);
    assert_eq!(text.matches("for ").count(), 1, "{text}");
    agree_both(&b, |p| vec![reals("pred", &[3, 211, 4], 1, p), reals("target", &[3, 211, 4], 2, p)], &[]);
}

#[test]
fn class_centres() {
    let mut b = Build::default();
    let (n, c, d) = (b.axis("N"), b.axis("C"), b.axis("D"));
    let x = b.real("features", &[n, d]);
    let centres = b.real("centres", &[c, d]);
    let label = b.input("label", Element::Int, &[n]);
    let own = b.graph().gather(c, centres, label);
    let difference = b.sub(x, own);
    let square = b.mul(difference, difference);
    let each = b.sum(&[d], square);
    let value = b.mean(&[n], each);
    b.output(value, &[]);
    b.output(difference, &[n, d]);
    // The gradient of the centres: a sum over the samples of each class.
    let index = b.graph().index(c);
    let here = b.graph().compare(Compare::Eq, index, label);
    let zero = b.constant(0.0);
    let part = b.graph().select(here, difference, zero);
    let gradient = b.sum(&[n], part);
    b.output(gradient, &[c, d]);
    let count = b.graph().cast(Element::Int, here);
    let count = b.graph().reduce(ReduceOp::Sum, &[n], count);
    let count = b.graph().cast(Element::Real, count);
    b.output(count, &[c]);
    agree_both(
        &b,
        |p| {
            let label = Tensor::i64(labels(60, 5, 8), &[60]);
            vec![reals("features", &[60, 9], 1, p), reals("centres", &[5, 9], 2, p), ("label", label)]
        },
        &[],
    );
}

#[test]
fn a_long_sum_is_accurate() {
    let b = mse();
    let count = 1 << 24;
    let data: Vec<f32> = numbers(count, 11).iter().map(|&x| x as f32).collect();
    let pred = Tensor::f32(data.clone(), &[count]);
    let target = Tensor::f32(vec![0.1; count], &[count]);
    let exact = data.iter().map(|&x| (f64::from(x) - f64::from(0.1_f32)).powi(2)).sum::<f64>() / count as f64;
    let kernel = compiled(&b.program, Precision::F32);
    let views = [("pred", pred.view().unwrap()), ("target", target.view().unwrap())];
    let binding = lossc::bind::Binding::new(&b.program, &views).unwrap();
    let mut outputs = lossc::jit::Outputs::new();
    kernel.call(&binding, &[], &mut outputs).unwrap();
    let error = (outputs.scalar(0) - exact).abs() / exact;
    assert!(error < 1e-6, "{error:e}");
}

#[test]
fn a_program_without_inputs() {
    let mut b = Build::default();
    let (x, y) = (b.parameter("x", 0.0), b.parameter("y", 0.0));
    let product = b.mul(x, y);
    let e = b.graph().unary(Unary::Exp, product);
    b.output(e, &[]);
    b.output(x, &[]);
    agree(&b, &[], &[0.5, 3.0], Precision::F64);
}

#[test]
fn a_label_is_found_wherever_it_is() {
    let mut b = Build::default();
    let (n, c, x, label) = labelled(&mut b);
    let along = b.graph().index(c);
    let hit = b.graph().compare(Compare::Eq, along, label);
    let one = b.constant(1.0);
    let zero = b.constant(0.0);
    // As a margin, as a gradient, and as all but the label.
    let less = b.sub(x, one);
    let margin = b.graph().select(hit, less, x);
    let most = b.max(&[c], margin);
    let e = b.graph().unary(Unary::Exp, margin);
    let total = b.sum(&[c], e);
    let share = b.div(e, total);
    let taken = b.graph().select(hit, one, zero);
    let gradient = b.sub(share, taken);
    let other = b.graph().compare(Compare::Ne, along, label);
    let rest = b.graph().select(other, x, zero);
    let rest = b.sum(&[c], rest);
    b.output(most, &[n]);
    b.output(gradient, &[n, c]);
    b.output(rest, &[n]);
    // Rows that begin anywhere in a vector; a label at every place, before the first and behind the last.
    for classes in [7, 33, 130] {
        let rows = classes + 3;
        let shape = [rows, classes];
        let labels: Vec<i64> = (-1..=classes as i64).chain([-100]).collect();
        let data = |p| vec![reals("x", &shape, 1, p), ("label", Tensor::i64(labels.clone(), &[rows]))];
        agree_both(&b, data, &[]);
    }
}
