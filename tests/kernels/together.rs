//! Loops over rows, of which a few go through each step together.

use lossc::bind::Binding;
use lossc::jit::{Outputs, Precision, Threads};
use lossc::op::{Compare, Element, ReduceOp, SoftmaxOp, Unary};
use lossc::tensor::Tensor;

use crate::build::{Build, agree_both, compiled, loops, numbers, reals, tensor};

/// For every row its softmax, a choice by its maximum, and numbers of all kinds that go from step to step; and sums over
/// all rows.
fn rows() -> Build {
    let mut b = Build::default();
    let (n, c) = (b.axis("N"), b.axis("C"));
    let (x, label) = (b.real("x", &[n, c]), b.input("label", Element::Int, &[n]));
    let top = b.max(&[c], x);
    let below = b.sub(x, top);
    let shares = b.graph().softmax(SoftmaxOp::Softmax, &[c], x);
    b.output(shares, &[n, c]);
    // A bool and an int of a row.
    let half = b.graph().real(0.5);
    let is_low = b.graph().compare(Compare::Lt, top, half);
    let tied = b.graph().compare(Compare::Eq, x, top);
    let (index, none) = (b.graph().index(c), b.graph().int(-1));
    let place = b.graph().select(tied, index, none);
    let last = b.graph().reduce(ReduceOp::Max, &[c], place);
    let is_last = b.graph().compare(Compare::Eq, index, last);
    let chosen = b.graph().select(is_last, shares, below);
    let chosen = b.graph().select(is_low, chosen, x);
    b.output(chosen, &[n, c]);
    let picked = b.graph().gather(c, shares, label);
    let picked = b.graph().unary(Unary::Log, picked);
    b.output(picked, &[n]);
    let all = b.sum(&[n], picked);
    b.output(all, &[]);
    // A sum by class over the rows, of what a row is divided by.
    let sum = b.sum(&[c], x);
    let quotient = b.div(shares, sum);
    let by_class = b.sum(&[n], quotient);
    b.output(by_class, &[c]);
    b
}

fn labels(rows: usize, classes: usize) -> Vec<i64> {
    // Some are of no class.
    (0..rows).map(|row| (row * 7 % (classes + 1)) as i64 - 1).collect()
}

/// Fewer rows than go together, as many, and more, of which some are left over.
#[test]
fn rows_together_agree() {
    let b = rows();
    assert!(loops(&b.program).contains("for N reducing sum s0, sum b0[C], each step for a few turns:"));
    for (rows, classes) in [(1, 1), (2, 5), (7, 16), (8, 3), (9, 33), (70, 10), (140, 3)] {
        let label = labels(rows, classes);
        agree_both(
            &b,
            move |p| vec![reals("x", &[rows, classes], 7, p), ("label", Tensor::i64(label.clone(), &[rows]))],
            &[],
        );
    }
}

/// Loops over rows inside of another one.
#[test]
fn rows_of_groups_agree() {
    let mut b = Build::default();
    let (g, n, c) = (b.axis("G"), b.axis("N"), b.axis("C"));
    let x = b.real("x", &[g, n, c]);
    let shares = b.graph().softmax(SoftmaxOp::Softmax, &[c], x);
    b.output(shares, &[g, n, c]);
    let normalizer = b.logsumexp(&[c], x);
    let of_group = b.sum(&[n], normalizer);
    let weighted = b.mul(shares, of_group);
    b.output(weighted, &[g, n, c]);
    assert!(loops(&b.program).contains("each step for a few turns"), "{}", loops(&b.program));
    for shape in [[1, 1, 1], [2, 3, 5], [3, 9, 20], [2, 17, 33]] {
        agree_both(&b, move |p| vec![reals("x", &shape, 7, p)], &[]);
    }
}

/// A row has the same bits whichever others go with it, and all have for any number of threads.
#[test]
fn a_row_has_the_bits_that_it_has_alone() {
    let b = rows();
    let (rows, classes) = (150, 37);
    for precision in [Precision::F32, Precision::F64] {
        let kernel = compiled(&b.program, precision);
        let run = |x: &[f64], label: &[i64], threads: usize| {
            let given = [tensor(x, &[label.len(), classes], precision), Tensor::i64(label.to_vec(), &[label.len()])];
            let views = [("x", given[0].view().unwrap()), ("label", given[1].view().unwrap())];
            let mut outputs = Outputs::new();
            outputs.threads = Threads { limit: Some(threads), worth: 0 };
            kernel.call(&Binding::new(&b.program, &views).unwrap(), &[], &mut outputs).unwrap();
            [0, 1, 2, 3, 4].map(|output| outputs.to_f64(output).into_iter().map(f64::to_bits).collect::<Vec<_>>())
        };
        let (x, label) = (numbers(rows * classes, 7), labels(rows, classes));
        let together = run(&x, &label, 1);
        assert_eq!(together, run(&x, &label, 3), "{precision:?}");
        for (row, (x, label)) in x.chunks(classes).zip(label.chunks(1)).enumerate() {
            for (output, (whole, alone)) in together.iter().zip(run(x, label, 1)).enumerate().take(3) {
                let length = alone.len();
                assert_eq!(whole[row * length..][..length], alone, "row {row} of output {output}, {precision:?}");
            }
        }
    }
}
