//! Generated programs: whatever graph is built, kernels agree with the judge.

use lossc::ir::{AxisId, NodeId, Op, without};
use lossc::jit::Precision;
use lossc::op::{Binary, Compare, Element, ReduceOp, SoftmaxOp, Unary};
use lossc::tensor::Tensor;

use crate::build::{Build, agree, labels, numbers, reals};

/// A source of small numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Tame operations: results stay of moderate size, so that roundings do too.
const UNARY: &[Unary] =
    &[Unary::Neg, Unary::Abs, Unary::Sigmoid, Unary::Tanh, Unary::Sin, Unary::Softplus, Unary::Atan];

fn step(b: &mut Build, dice: &mut Dice, reals: &mut Vec<NodeId>, axes: &[AxisId], index: NodeId, exact: bool) {
    let own = axes[1];
    let x = dice.pick(reals);
    let y = dice.pick(reals);
    let mut some: Vec<AxisId> = b.graph().axes_of(x).to_vec();
    some.retain(|_| dice.below(2) == 0);
    let node = match dice.below(14) {
        0 => b.graph().unary(dice.pick(UNARY), x),
        1 => b.add(x, y),
        2 => b.sub(x, y),
        3 => {
            let product = b.mul(x, y);
            b.graph().unary(Unary::Tanh, product)
        }
        4 => {
            let op = dice.pick(&[Binary::Min, Binary::Max]);
            b.binary(op, x, y)
        }
        5 if some.is_empty() => x,
        5 => b.mean(&some, x),
        6 => {
            let op = dice.pick(&[ReduceOp::Min, ReduceOp::Max]);
            b.graph().reduce(op, &some, x)
        }
        7 if some.is_empty() => x,
        7 => {
            let op = dice.pick(&[SoftmaxOp::LogSumExp, SoftmaxOp::Softmax, SoftmaxOp::LogSoftmax]);
            b.graph().softmax(op, &some, x)
        }
        8 => {
            let from = dice.pick(axes);
            let to = dice.pick(axes);
            let renamed = b.graph().axes_of(x).clone();
            let free = renamed.contains(&from) && !renamed.contains(&to);
            if free && b.graph().extent_root(from) == b.graph().extent_root(to) {
                b.graph().rename(x, from, to)
            } else if renamed.contains(&own) {
                b.graph().gather(own, x, index)
            } else {
                let position = b.graph().index(own);
                let position = b.graph().cast(Element::Real, position);
                b.mul(x, position)
            }
        }
        9 if !some.is_empty() => {
            let reverse = dice.below(2) == 0;
            b.graph().cumsum(some[0], reverse, x)
        }
        10 => {
            let x = b.graph().broadcast(x, &[axes[0]]);
            let kept = without(b.graph().axes_of(x), &[axes[0]]);
            let to = dice.pick(axes);
            if kept.contains(&to) { x } else { b.graph().scatter(to, &[axes[0]], x, index) }
        }
        11 if exact && !some.is_empty() => {
            let order = b.graph().order(some[0], x);
            b.graph().gather(some[0], x, order)
        }
        12 if exact && !some.is_empty() && !some.contains(&axes[2]) && !b.graph().axes_of(x).contains(&axes[2]) => {
            let over: lossc::ir::Axes = some.iter().copied().collect();
            let to = axes[2];
            some.iter().fold(x, |value, &along| {
                let found = b.graph().add(Op::TopIndex { over: over.clone(), to, along }, &[x]);
                b.graph().gather(along, value, found)
            })
        }
        // In single precision a comparison may go the other way.
        13 if exact => {
            let z = dice.pick(reals);
            let condition = b.graph().compare(Compare::Lt, x, y);
            b.graph().select(condition, z, x)
        }
        _ => x,
    };
    if b.graph().axes_of(node).len() <= 3 {
        reals.push(node);
    }
}

fn program(seed: u64, exact: bool) -> Build {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut b = Build { size: 1.0, ..Build::default() };
    let (n, c, d) = (b.axis("N"), b.axis("C"), b.labelled("D", 3));
    let m = b.copy("M", n);
    let axes = [n, c, d, m];
    let x = b.real("x", &[n, c]);
    let y = b.real("y", &[n, d]);
    let w = b.real("w", &[c]);
    let p = b.parameter("p", 0.5);
    let label = b.input("label", Element::Int, &[n]);
    let mut reals = vec![x, y, w, p];
    for _ in 0..4 + dice.below(14) {
        step(&mut b, &mut dice, &mut reals, &axes, label, exact);
    }
    for node in reals.into_iter().rev().take(4) {
        let axes = b.graph().axes_of(node).to_vec();
        b.output(node, &axes);
        let sum = b.sum(&axes, node);
        b.output(sum, &[]);
    }
    b
}

fn run(seed: u64, precision: Precision) {
    let b = program(seed, precision == Precision::F64);
    let (rows, classes) = [(3, 4), (5, 18), (0, 2), (2, 1)][seed as usize % 4];
    let given = vec![
        reals("x", &[rows, classes], seed + 1, precision),
        reals("y", &[rows, 3], seed + 2, precision),
        reals("w", &[classes], seed + 3, precision),
        ("label", Tensor::i64(labels(rows, classes, seed), &[rows])),
    ];
    agree(&b, &given, &[numbers(1, seed)[0]], precision);
}

#[test]
fn generated_programs_agree() {
    for seed in 0..150 {
        println!("seed {seed}");
        run(seed, Precision::F64);
        run(seed, Precision::F32);
    }
}
