//! Shapes, strides, element types and edge values.

use lossc::bind::{Binding, DataError};
use lossc::ir::{LabelRange, NodeId};
use lossc::jit::{Outputs, Precision};
use lossc::op::{Binary, Compare, Element, Logic, ReduceOp, SoftmaxOp, Unary};
use lossc::tensor::{Slice, Tensor, TensorView};

use crate::build::{Build, agree, agree_both, compiled, labels, numbers, reals, tensor};

#[test]
fn every_reduction_over_every_set_of_axes() {
    let mut b = Build::default();
    let (n, c, d) = (b.axis("N"), b.axis("C"), b.axis("D"));
    let x = b.real("x", &[n, c, d]);
    for op in ReduceOp::ALL {
        for set in 1..8 {
            let pick = |keep: bool| {
                let chosen = [n, c, d].into_iter().enumerate().filter(move |(bit, _)| (set >> bit & 1 == 1) != keep);
                chosen.map(|(_, axis)| axis).collect::<Vec<_>>()
            };
            let reduced = b.graph().reduce(*op, &pick(false), x);
            b.output(reduced, &pick(true));
            let back = b.sub(x, reduced);
            b.output(back, &[d, n, c]);
        }
    }
    for shape in [[3, 4, 5], [1, 1, 1], [2, 1, 600], [0, 3, 2], [2, 0, 3], [2, 3, 0]] {
        agree_both(&b, move |p| vec![reals("x", &shape, 7, p)], &[]);
    }
}

#[test]
fn reductions_of_reductions() {
    let mut b = Build::default();
    let (n, c, d) = (b.axis("N"), b.axis("C"), b.axis("D"));
    let (x, w) = (b.real("x", &[n, c, d]), b.real("w", &[c, d]));
    let rows = b.mean(&[d], x);
    let centred = b.sub(x, rows);
    let square = b.mul(centred, centred);
    let variance = b.mean(&[n, c], square);
    let scaled = b.div(centred, variance);
    let weighted = b.mul(scaled, w);
    let top = b.max(&[c], weighted);
    let total = b.sum(&[n, d], top);
    b.output(total, &[]);
    b.output(scaled, &[n, c, d]);
    let e = b.graph().unary(Unary::Exp, w);
    let shares = b.mul(e, rows);
    let per_class = b.sum(&[n], shares);
    b.output(per_class, &[d, c]);
    agree_both(&b, |p| vec![reals("x", &[4, 5, 6], 7, p), reals("w", &[5, 6], 8, p)], &[]);
}

fn scaled(b: &mut Build) -> NodeId {
    let (n, c) = (b.axis("N"), b.axis("C"));
    let x = b.real("x", &[n, c]);
    let e = b.graph().unary(Unary::Exp, x);
    let sum = b.sum(&[n], e);
    b.output(sum, &[c]);
    b.output(e, &[n, c]);
    x
}

#[test]
fn strides_of_every_kind() {
    let mut b = Build::default();
    scaled(&mut b);
    for precision in [Precision::F32, Precision::F64] {
        let numbers = numbers(60, 4);
        let whole = tensor(&numbers, &[60], precision);
        for (offset, shape, strides) in [
            (0, [6, 10], [10, 1]),
            (0, [10, 6], [1, 10]),
            (59, [6, 10], [-10, -1]),
            (3, [4, 5], [0, 2]),
            (7, [5, 4], [9, 0]),
            (50, [5, 3], [-10, 3]),
        ] {
            let view = TensorView::strided(whole.slice(), offset, &shape, &strides).unwrap();
            let values: Vec<f64> = view.positions().map(|position| view.data().real(position)).collect();
            let kernel = compiled(&b.program, precision);
            let run = |view: TensorView<'_>| {
                let binding = Binding::new(&b.program, &[("x", view)]).unwrap();
                let mut outputs = Outputs::new();
                kernel.call(&binding, &[], &mut outputs).unwrap();
                (outputs.to_f64(0), outputs.to_f64(1))
            };
            let copy = tensor(&values, &shape, precision);
            assert_eq!(run(view), run(copy.view().unwrap()));
        }
    }
}

#[test]
fn packs_that_do_not_collapse_are_copied() {
    let mut b = Build::default();
    let s = b.pack("S");
    let x = b.real("x", &[s]);
    let sum = b.sum(&[s], x);
    b.output(sum, &[]);
    b.output(x, &[s]);
    let data: Vec<f32> = (0..24).map(|x| x as f32).collect();
    let view = TensorView::strided(Slice::F32(&data), 0, &[3, 4], &[1, 3]).unwrap();
    let binding = Binding::new(&b.program, &[("x", view)]).unwrap();
    let mut outputs = Outputs::new();
    compiled(&b.program, Precision::F32).call(&binding, &[], &mut outputs).unwrap();
    assert_eq!(outputs.f32(1), [0., 3., 6., 9., 1., 4., 7., 10., 2., 5., 8., 11.]);
    assert_eq!(outputs.scalar(0), 66.0);
    // Axes that do lie as one are read where they are.
    let view = TensorView::strided(Slice::F32(&data), 0, &[3, 4], &[8, 2]).unwrap();
    let binding = Binding::new(&b.program, &[("x", view)]).unwrap();
    assert_eq!(binding.strides(0), Some(&[2][..]));
}

#[test]
fn every_element_type() {
    let mut b = Build::default();
    let n = b.axis("N");
    let x = b.real("x", &[n]);
    let k = b.input("k", Element::Int, &[n]);
    let real = b.graph().cast(Element::Real, k);
    let product = b.mul(x, real);
    b.output(product, &[n]);
    let halves: Vec<half::f16> = [0.5, -1.25, 3.0].iter().map(|&x| half::f16::from_f64(x)).collect();
    let brains: Vec<half::bf16> = [0.5, -1.25, 3.0].iter().map(|&x| half::bf16::from_f64(x)).collect();
    let floats =
        [Slice::F16(&halves), Slice::BF16(&brains), Slice::F32(&[0.5, -1.25, 3.0]), Slice::F64(&[0.5, -1.25, 3.0])];
    let ints = [Slice::U8(&[1, 2, 3]), Slice::U32(&[1, 2, 3]), Slice::I32(&[1, 2, 3]), Slice::I64(&[1, 2, 3])];
    for precision in [Precision::F32, Precision::F64] {
        let kernel = compiled(&b.program, precision);
        for float in floats {
            for int in ints {
                let view = |slice| TensorView::contiguous(slice, &[3]).unwrap();
                let binding = Binding::new(&b.program, &[("x", view(float)), ("k", view(int))]).unwrap();
                let mut outputs = Outputs::new();
                kernel.call(&binding, &[], &mut outputs).unwrap();
                assert_eq!(outputs.to_f64(0), [0.5, -2.5, 9.0]);
            }
        }
    }
}

#[test]
fn every_operation_at_edge_values() {
    let mut b = Build::default();
    let (n, m) = (b.axis("N"), b.axis("M"));
    let (x, y) = (b.real("x", &[n]), b.real("y", &[m]));
    for &op in Unary::ALL {
        let result = b.graph().unary(op, x);
        b.output(result, &[n]);
    }
    for &op in crate::judge::REAL_BINARY {
        let result = b.binary(op, x, y);
        b.output(result, &[n, m]);
    }
    for &op in Compare::ALL {
        let result = b.graph().compare(op, x, y);
        let not = b.graph().logic(Logic::Not, &[result]);
        for condition in [result, not] {
            let chosen = b.graph().select(condition, x, y);
            b.output(chosen, &[n, m]);
            let number = b.graph().cast(Element::Real, condition);
            b.output(number, &[n, m]);
        }
    }
    let int = b.graph().cast(Element::Int, x);
    let back = b.graph().cast(Element::Real, int);
    b.output(back, &[n]);
    for exponent in [-3, 0, 1, 2, 7, 100] {
        let exponent = b.graph().int(exponent);
        let power = b.binary(Binary::Powi, x, exponent);
        b.output(power, &[n]);
    }
    for order in 0..3 {
        let result = b.graph().add(lossc::ir::Op::Polygamma(order), &[x]);
        b.output(result, &[n]);
    }
    let edges = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.5, 30.0];
    // Long enough for vectors, and each value at every lane.
    let edges = edges.repeat(5);
    let count = edges.len();
    agree_both(&b, move |p| vec![("x", tensor(&edges, &[count], p)), ("y", tensor(&edges, &[count], p))], &[]);
}

#[test]
fn ints_wrap_and_compare() {
    let mut b = Build::default();
    let (n, m) = (b.axis("N"), b.axis("M"));
    let (i, j) = (b.input("i", Element::Int, &[n]), b.input("j", Element::Int, &[m]));
    let shifted = b.binary(Binary::Add, i, j);
    let less = b.binary(Binary::Sub, i, j);
    let product = b.binary(Binary::Mul, i, j);
    let smaller = b.binary(Binary::Min, i, j);
    let larger = b.binary(Binary::Max, i, j);
    let negative = b.graph().unary(Unary::Neg, product);
    let size = b.graph().unary(Unary::Abs, less);
    for node in [shifted, less, product, smaller, larger, negative, size] {
        let real = b.graph().cast(Element::Real, node);
        b.output(real, &[n, m]);
        for op in [ReduceOp::Sum, ReduceOp::Min, ReduceOp::Max] {
            let reduced = b.graph().reduce(op, &[n], node);
            let real = b.graph().cast(Element::Real, reduced);
            b.output(real, &[m]);
        }
    }
    let near = b.graph().compare(Compare::Le, i, j);
    let same = b.graph().compare(Compare::Eq, i, j);
    let both = b.graph().logic(Logic::And, &[near, same]);
    let either = b.graph().logic(Logic::Or, &[near, same]);
    for node in [both, either] {
        let real = b.graph().cast(Element::Real, node);
        b.output(real, &[m, n]);
    }
    agree_both(
        &b,
        |_| vec![("i", Tensor::i64(labels(37, 9, 3), &[37])), ("j", Tensor::i64(labels(600, 9, 4), &[600]))],
        &[],
    );
    agree_both(&b, |_| vec![("i", Tensor::i64(vec![], &[0])), ("j", Tensor::i64(vec![1, 2], &[2]))], &[]);
}

#[test]
fn a_side_that_is_not_taken_has_no_influence() {
    let mut b = Build::default();
    let n = b.axis("N");
    let x = b.real("x", &[n]);
    let zero = b.constant(0.0);
    let positive = b.graph().compare(Compare::Lt, zero, x);
    let log = b.graph().unary(Unary::Log, x);
    let safe = b.graph().select(positive, log, zero);
    let sum = b.sum(&[n], safe);
    b.output(sum, &[]);
    agree_both(&b, |p| vec![("x", tensor(&[-1.0, 0.0, 2.0, f64::NAN], &[4], p))], &[]);
}

#[test]
fn the_maximum_shares_ties() {
    let mut b = Build::default();
    let (n, c) = (b.axis("N"), b.axis("C"));
    let x = b.real("x", &[n, c]);
    let top = b.max(&[c], x);
    let tied = b.graph().compare(Compare::Eq, x, top);
    let tied = b.graph().cast(Element::Real, tied);
    let count = b.sum(&[c], tied);
    let share = b.div(tied, count);
    b.output(share, &[n, c]);
    let sum = b.sum(&[n], top);
    b.output(sum, &[]);
    let data = [1.0, 3.0, 3.0, -1.0, -1.0, -1.0, f64::NEG_INFINITY, f64::NEG_INFINITY, 0.0];
    agree_both(&b, move |p| vec![("x", tensor(&data, &[3, 3], p))], &[]);
}

#[test]
fn the_softmax_family_at_its_edges() {
    let mut b = Build::default();
    let (n, c) = (b.axis("N"), b.axis("C"));
    let x = b.real("x", &[n, c]);
    let lse = b.logsumexp(&[c], x);
    b.output(lse, &[n]);
    for op in [SoftmaxOp::Softmax, SoftmaxOp::Complement, SoftmaxOp::LogSoftmax] {
        let result = b.graph().softmax(op, &[c], x);
        b.output(result, &[n, c]);
    }
    let inf = f64::INFINITY;
    let data = [30.0, 0.0, -5.0, 1e4, -1e4, 1e4, inf, 0.0, inf, -inf, -inf, -inf, f64::NAN, 0.0, 1.0];
    agree_both(&b, move |p| vec![("x", tensor(&data, &[5, 3], p))], &[]);
    agree_both(&b, move |p| vec![("x", tensor(&[], &[3, 0], p))], &[]);
}

#[test]
fn gathers_of_gathers() {
    let mut b = Build::default();
    let (n, c, k) = (b.axis("N"), b.axis("C"), b.axis("K"));
    let table = b.real("table", &[c, k]);
    let first = b.input("first", Element::Int, &[n]);
    let chain = b.input("chain", Element::Int, &[k]);
    let row = b.graph().gather(c, table, first);
    let soft = b.graph().softmax(SoftmaxOp::Softmax, &[k], row);
    b.output(soft, &[n, k]);
    // An index of the same axis, a computed index, and a gather of what was computed.
    let turned = b.graph().gather(k, soft, chain);
    b.output(turned, &[k, n]);
    let position = b.graph().index(k);
    let one = b.graph().int(1);
    let next = b.graph().binary(Binary::Add, position, one);
    let shifted = b.graph().gather(k, table, next);
    let shifted = b.sub(table, shifted);
    b.output(shifted, &[c, k]);
    let other = b.copy("L", k);
    let renamed = b.graph().rename(soft, k, other);
    let pairs = b.mul(soft, renamed);
    let most = b.max(&[n], pairs);
    b.output(most, &[other, k]);
    agree_both(
        &b,
        |p| {
            vec![
                reals("table", &[5, 8], 1, p),
                ("first", Tensor::i64(labels(11, 5, 2), &[11])),
                ("chain", Tensor::i64(labels(8, 8, 3), &[8])),
            ]
        },
        &[],
    );
}

#[test]
fn outputs_that_are_repeated_inputs_and_constants() {
    let mut b = Build::default();
    let (n, c) = (b.axis("N"), b.axis("C"));
    let (x, y) = (b.real("x", &[n]), b.real("y", &[n, c]));
    let one = b.constant(1.0);
    let four = b.parameter("four", 4.0);
    for node in [x, one, four] {
        b.output(node, &[c, n]);
    }
    b.output(y, &[c, n]);
    b.output(one, &[]);
    let wide = b.graph().broadcast(x, &[c]);
    let sum = b.sum(&[c], wide);
    b.output(sum, &[n]);
    agree_both(&b, |p| vec![reals("x", &[600], 1, p), reals("y", &[600, 3], 2, p)], &[4.0]);
}

#[test]
fn wrong_data_is_refused() {
    let mut b = Build::default();
    let (n, c, s) = (b.axis("N"), b.axis("C"), b.pack("S"));
    let x = b.real("logits", &[n, c, s]);
    let label = b.input("label", Element::Int, &[n, s]);
    b.program.inputs[1].labels = Some(LabelRange { axis: c, ignored: Some(-100) });
    let picked = b.graph().gather(c, x, label);
    b.output(picked, &[n, s]);
    let real = |shape: &[usize]| tensor(&vec![0.5; shape.iter().product()], shape, Precision::F32);
    let int = |data: &[i64], shape: &[usize]| Tensor::i64(data.to_vec(), shape);
    let refuse = |given: &[(&str, &Tensor)]| {
        let views: Vec<_> = given.iter().map(|(name, tensor)| (*name, tensor.view().unwrap())).collect();
        Binding::new(&b.program, &views).map(|_| ()).unwrap_err()
    };
    let logits = real(&[2, 3, 2]);
    let good = int(&[0, 2, -100, 1], &[2, 2]);
    assert!(Binding::new(&b.program, &[("logits", logits.view().unwrap()), ("label", good.view().unwrap())]).is_ok());
    let message = |error: DataError| error.to_string();
    let text = message(refuse(&[("logits", &logits)]));
    assert!(text.contains("`label: int[N, ..S]` is missing"), "{text}");
    let text = message(refuse(&[("logit", &logits), ("label", &good)]));
    assert!(text.contains("did you mean `logits`"), "{text}");
    let text = message(refuse(&[("logits", &logits), ("label", &int(&[0, 1, 2], &[3]))]));
    assert!(text.contains("`label`") || text.contains("stands for"), "{text}");
    let text = message(refuse(&[("logits", &logits), ("label", &int(&[0; 6], &[2, 3]))]));
    assert!(text.contains("axis ..S #1 has extent 2 in `logits`, but 3 in `label`"), "{text}");
    let text = message(refuse(&[("logits", &logits), ("label", &int(&[0, 3, 0, 0], &[2, 2]))]));
    assert!(text.contains("`label`[0, 1] is 3"), "{text}");
    let text = message(refuse(&[("logits", &logits), ("label", &int(&[0, 0, 0, i64::MIN], &[2, 2]))]));
    assert!(text.contains("`label`[1, 1]"), "{text}");
    let text = message(refuse(&[("logits", &good), ("label", &good)]));
    assert!(text.contains("wants floats"), "{text}");
    let text = message(refuse(&[("logits", &real(&[2])), ("label", &good)]));
    assert!(text.contains("[N, C, ..S]"), "{text}");
}

#[test]
fn values_are_checked_against_kinds() {
    let mut b = Build::default();
    let n = b.axis("N");
    let p = b.real("p", &[n]);
    b.program.inputs[0].kind = "prob".to_owned();
    b.output(p, &[n]);
    let given = tensor(&[0.5, 1.0, 1.5], &[3], Precision::F32);
    let binding = Binding::new(&b.program, &[("p", given.view().unwrap())]).unwrap();
    let error = binding.check_data(&b.program).unwrap_err().to_string();
    assert!(error.contains("`p`[2] is 1.5"), "{error}");
}

#[test]
fn kernels_are_shared_between_threads() {
    fn is_shared<T: Send + Sync + Clone>(_: &T) {}
    let mut b = Build::default();
    scaled(&mut b);
    let kernel = compiled(&b.program, Precision::F32);
    is_shared(&kernel);
    assert!(kernel.clif_text().unwrap().contains("function"));
    assert!(kernel.asm_text().unwrap().contains("stage 0"));
    agree(&b, &[reals("x", &[4, 5], 2, Precision::F32)], &[], Precision::F32);
}
