//! Orders, largest elements, running sums and scattering: every choice of axes, in any memory, with ties,
//! NaN and nothing at all.

use lossc::bind::Binding;
use lossc::ir::{AxisId, NodeId, Op};
use lossc::jit::{Outputs, Precision};
use lossc::op::{Binary, Element, Unary};
use lossc::tensor::{Tensor, TensorView};

use crate::build::{Build, agree_both, compiled, labels, numbers, reals, tensor};

fn top(b: &mut Build, over: &[AxisId], to: AxisId, along: AxisId, x: NodeId) -> NodeId {
    b.graph().add(Op::TopIndex { over: over.iter().copied().collect(), to, along }, &[x])
}

/// All orders and largest elements of a tensor, of what is computed from it, and of what is repeated.
fn orders(b: &mut Build, x: NodeId, y: NodeId, [n, c, d, t]: [AxisId; 4]) {
    for axis in [n, c, d] {
        let order = b.graph().order(axis, x);
        b.output(order, &[n, c, d]);
        let values = b.graph().broadcast(y, &[axis]);
        let sorted = b.graph().gather(axis, values, order);
        b.output(sorted, &[d, n, c]);
    }
    let spread = b.graph().broadcast(y, &[n, c, d]);
    let order = b.graph().order(d, spread);
    b.output(order, &[c, d, n]);
    for over in [&[n][..], &[c, n], &[d, c, n], &[n, d]] {
        for &along in over {
            let first = top(b, over, t, along, x);
            let kept: Vec<AxisId> = b.graph().axes_of(first).to_vec();
            b.output(first, &kept);
            let second = top(b, over, t, along, spread);
            b.output(second, &kept);
        }
    }
}

#[test]
fn orders_of_every_axis() {
    for count in [1, 3, 11] {
        let mut b = Build::default();
        let (n, c, d, t) = (b.axis("N"), b.axis("C"), b.axis("D"), b.labelled("T", count));
        let x = b.real("x", &[n, c, d]);
        let mean = b.mean(&[d], x);
        let y = b.graph().unary(Unary::Sin, mean);
        orders(&mut b, x, y, [n, c, d, t]);
        for shape in [[2, 3, 4], [9, 1, 2], [1, 20, 1], [0, 3, 2], [2, 0, 1], [1, 2, 0]] {
            agree_both(&b, |p| vec![reals("x", &shape, 3, p)], &[]);
        }
    }
}

#[test]
fn ties_infinities_and_nan() {
    let mut b = Build::default();
    let (n, c, t) = (b.axis("N"), b.axis("C"), b.labelled("T", 5));
    let x = b.real("x", &[n, c]);
    let order = b.graph().order(c, x);
    b.output(order, &[n, c]);
    for (over, along) in [([n, c], n), ([n, c], c), ([c, n], n), ([c, n], c)] {
        let first = top(&mut b, &over, t, along, x);
        b.output(first, &[t]);
    }
    let all = [1.0, f64::NAN, -0.0, 1.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, 1.0, f64::NAN, -2.0, 0.0, -0.0];
    for shape in [[3, 4], [4, 3], [1, 12], [12, 1]] {
        agree_both(&b, |p| vec![("x", tensor(&all, &shape, p))], &[]);
    }
}

#[test]
fn running_sums_and_scattering_over_every_set_of_axes() {
    let mut b = Build::default();
    let (n, c, d, k) = (b.axis("N"), b.axis("C"), b.axis("D"), b.axis("K"));
    let x = b.real("x", &[n, c, d]);
    let (one, two) = (b.input("one", Element::Int, &[n]), b.input("two", Element::Int, &[c, n]));
    let weights = b.real("w", &[k]);
    for axis in [n, c, d] {
        for reverse in [false, true] {
            let sums = b.graph().cumsum(axis, reverse, x);
            b.output(sums, &[n, c, d]);
            let again = b.graph().cumsum(c, !reverse, sums);
            b.output(again, &[d, c, n]);
        }
    }
    let row = b.mean(&[d], x);
    let computed = b.graph().unary(Unary::Tanh, x);
    let column = b.graph().gather(k, weights, one);
    let cases = [
        (x, one, k, vec![n]),
        (computed, one, k, vec![n]),
        (x, one, c, vec![n, c]),
        (x, one, n, vec![n]),
        (x, two, k, vec![c, n]),
        (x, two, k, vec![n]),
        (x, two, d, vec![n, c, d]),
        (row, two, k, vec![c]),
        (row, two, n, vec![n]),
        (column, two, k, vec![n, c]),
    ];
    for (values, index, axis, over) in cases {
        let scattered = b.graph().scatter(axis, &over, values, index);
        let own: Vec<AxisId> = b.graph().axes_of(scattered).iter().rev().copied().collect();
        b.output(scattered, &own);
    }
    for [n, c, d, k] in [[4, 3, 2, 5], [30, 1, 3, 2], [1, 7, 1, 1], [0, 2, 3, 2], [3, 0, 2, 2], [2, 3, 0, 4]] {
        let index = |count: usize, seed| labels(count, k + 2, seed).into_iter().map(|label| label - 1).collect();
        agree_both(
            &b,
            |p| {
                vec![
                    reals("x", &[n, c, d], 5, p),
                    ("one", Tensor::i64(index(n, 6), &[n])),
                    ("two", Tensor::i64(index(c * n, 7), &[c, n])),
                    reals("w", &[k], 8, p),
                ]
            },
            &[],
        );
    }
}

#[test]
fn any_memory_gives_the_same_bits() {
    let mut b = Build::default();
    let (n, c, k) = (b.axis("N"), b.axis("C"), b.axis("K"));
    let t = b.labelled("T", 4);
    let (x, z) = (b.real("x", &[n, c]), b.real("z", &[k]));
    let label = b.input("label", Element::Int, &[n]);
    let order = b.graph().order(n, x);
    let sums = b.graph().cumsum(c, false, x);
    let scattered = b.graph().scatter(k, &[n], x, label);
    let scattered = b.binary(Binary::Add, scattered, z);
    let largest = top(&mut b, &[c, n], t, n, x);
    b.output(order, &[n, c]);
    b.output(sums, &[n, c]);
    b.output(scattered, &[k, c]);
    b.output(largest, &[t]);
    let (data, labels) = (numbers(12, 3), labels(4, 5, 4));
    let spaced: Vec<i32> = labels.iter().flat_map(|&label| [label as i32, 77]).collect();
    let transposed: Vec<f64> = (0..12).map(|at| data[at % 4 * 3 + at / 4]).collect();
    for precision in [Precision::F32, Precision::F64] {
        let kernel = compiled(&b.program, precision);
        let z = tensor(&[0.5; 5], &[5], precision);
        let plain = (tensor(&data, &[4, 3], precision), Tensor::i64(labels.clone(), &[4]));
        let other = tensor(&transposed, &[3, 4], precision);
        let views = [
            (plain.0.view().unwrap(), plain.1.view().unwrap()),
            (
                TensorView::strided(other.slice(), 0, &[4, 3], &[1, 4]).unwrap(),
                TensorView::strided(lossc::tensor::Slice::I32(&spaced), 0, &[4], &[2]).unwrap(),
            ),
        ];
        let results = views.map(|(x, label)| {
            let binding = Binding::new(&b.program, &[("x", x), ("label", label), ("z", z.view().unwrap())]).unwrap();
            let mut outputs = Outputs::new();
            kernel.call(&binding, &[], &mut outputs).unwrap();
            (0..4).map(|output| outputs.to_f64(output)).collect::<Vec<_>>()
        });
        assert_eq!(results[0], results[1]);
    }
}
