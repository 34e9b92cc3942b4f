//! The text form: printing, reading and printing again gives the same, for every operation and for random
//! programs; the verifier accepts what passes give; and simplification keeps what programs compute.

mod support;

use lossc::ir::{
    Carried, Extent, InputData, InputId, LabelRange, NonEmpty, Op, Output, OutputRole, ParameterData, ParameterId,
};
use lossc::ir::{Program, Repeat, parse, print, renumber, verify};
use lossc::op::{Binary, Compare, Element, Logic, ReduceOp, SoftmaxOp, Unary};
use lossc::rewrite::{expand_softmax, simplify};
use proptest::prelude::*;
use support::{Bench, random_program};

/// A program with every operation.
fn everything() -> Program {
    let mut program = Program::default();
    let graph = &mut program.graph;
    let n = graph.add_axis("N", Extent::Input, false);
    let pack = graph.add_axis("S", Extent::Input, true);
    let boxes = graph.add_axis("box", Extent::Fixed(4), false);
    let m = graph.add_axis("N", Extent::SameAs(n), false);
    let k = graph.add_axis("T", Extent::Fixed(2), false);
    let x = graph.input(InputId(0), Element::Real, &[n, pack, boxes]);
    let label = graph.input(InputId(1), Element::Int, &[n]);
    let gamma = graph.parameter(ParameterId(0));
    let mut nodes = vec![x, label, gamma];
    for value in [1.5, f64::INFINITY, -0.0, 1e-300] {
        nodes.push(graph.real(value));
    }
    nodes.extend(Unary::ALL.iter().map(|&op| graph.unary(op, x)));
    nodes.extend(Binary::ALL.iter().map(|&op| graph.binary(op, x, if op == Binary::Powi { label } else { gamma })));
    let flags: Vec<_> = Compare::ALL.iter().map(|&op| graph.compare(op, x, gamma)).collect();
    nodes.extend(ReduceOp::ALL.iter().map(|&op| graph.reduce(op, &[n, boxes], x)));
    nodes.extend(SoftmaxOp::ALL.iter().map(|&op| graph.softmax(op, &[pack], x)));
    nodes.push(graph.logic(Logic::And, &[flags[0], flags[1]]));
    nodes.push(graph.logic(Logic::Not, &[flags[2]]));
    nodes.push(graph.select(flags[3], x, gamma));
    nodes.push(graph.cast(Element::Real, label));
    nodes.push(graph.stop(x));
    nodes.push(graph.broadcast(gamma, &[n, m]));
    nodes.push(graph.size(pack));
    nodes.push(graph.index(boxes));
    nodes.push(graph.gather(boxes, x, label));
    nodes.push(graph.rename(x, n, m));
    let top = |along| Op::TopIndex { over: [boxes, n].into_iter().collect(), to: k, along };
    nodes.push(graph.add(top(n), &[x]));
    nodes.push(graph.add(top(boxes), &[x]));
    nodes.push(graph.order(pack, x));
    nodes.push(graph.cumsum(n, false, x));
    nodes.push(graph.cumsum(n, true, x));
    nodes.push(graph.scatter(m, &[n], x, label));
    nodes.push(graph.scatter(n, &[n, boxes], x, label));
    nodes.push(graph.bool(true));
    nodes.push(graph.add(Op::Polygamma(1), &[x]));
    let turn = graph.add_axis("turn", Extent::Fixed(3), false);
    let of = graph.new_loop();
    let ty = graph.ty(x).clone();
    let carried = graph.add(Op::Carried(Carried { of, variable: 0, ty: ty.clone() }), &[]);
    let result = graph.binary(Binary::Mul, carried, x);
    for trace in [None, Some(turn)] {
        let repeat = Repeat { of, turns: 3, variables: 1, variable: 0, ty: ty.clone(), trace };
        nodes.push(graph.add(Op::Repeat(repeat), &[gamma, result]));
    }
    program.inputs = vec![
        InputData {
            name: "pred".into(),
            node: x,
            element: Element::Real,
            axes: vec![n, pack, boxes],
            labels: None,
            kind: "prob \"quoted\"\\".into(),
        },
        InputData {
            name: "label".into(),
            node: label,
            element: Element::Int,
            axes: vec![n],
            labels: Some(LabelRange { axis: boxes, ignored: Some(-100) }),
            kind: "index(box)".into(),
        },
    ];
    program.parameters = vec![ParameterData { name: "γ".into(), default: 0.1 }];
    program.non_empty = vec![NonEmpty { axes: vec![n], reason: "argmax[N]".into() }];
    let roles = [
        OutputRole::Value,
        OutputRole::Weight("w".into()),
        OutputRole::Gradient("pred".into()),
        OutputRole::Term("dice".into()),
    ];
    for (index, node) in nodes.into_iter().enumerate() {
        let axes = program.graph.axes_of(node).to_vec();
        program.outputs.push(Output { role: roles[index % 4].clone(), node, axes });
    }
    program
}

fn assert_round_trip(program: &Program) {
    let text = print(program);
    let read = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(verify(&read), Ok(()));
    assert_eq!(print(&read), text);
}

#[test]
fn every_operation_survives_the_text_form() {
    let program = everything();
    assert_eq!(verify(&program), Ok(()));
    assert_round_trip(&program);
    assert_eq!(print(&renumber(&program)), print(&program));
}

#[test]
fn what_cannot_be_read_is_said() {
    for (text, message) in [
        ("axis N forever", "no extent is `forever`"),
        ("%0 = exp %0 : real []", "no node before is `%0`"),
        ("%1 = real 1.0 : real []", "`%0 = …` was expected"),
        ("%0 = real 1.0 : int []", "the type is"),
        ("%0 = frobnicate : real []", "no operation is called `frobnicate`"),
        ("output value %3 []", "no node before is `%3`"),
        ("input \"x", "a string without its end"),
        ("%0 = real 1.0 : real []\n%1 = add %0 : real []", "`add` takes 2 operands"),
        ("%0 = repeat 0 times 2 variable 1 of 1 real [] : real []", "the loop has no such variable"),
        ("%0 = repeat 0 turns 2 : real []", "`times` and a number are missing"),
        ("hello", "no line begins with `hello`"),
    ] {
        let error = parse(text).map(|_| ()).expect_err(text);
        assert!(error.message.contains(message), "{text}: {error}");
    }
}

fn results(bench: &Bench, program: &Program) -> Vec<Vec<f64>> {
    let all = lossc::eval::evaluate(program, &bench.extents, &bench.data, &[]);
    all.iter().map(|dense| dense.reals().to_vec()).collect()
}

fn assert_same(bench: &Bench, program: &Program, stage: &str) {
    assert_eq!(verify(program), Ok(()), "{stage}");
    for (got, want) in results(bench, program).iter().zip(results(bench, &bench.program)) {
        for (got, want) in got.iter().zip(want) {
            let close = (got - want).abs() <= 1e-8 * want.abs().max(1.0);
            // The simplified side may be finite where the original is not.
            assert!(close || !want.is_finite(), "{stage}: {got:e} instead of {want:e}\n{}", print(&bench.program));
        }
    }
}

fn assert_keeps_its_meaning(seed: u64) {
    let mut bench = random_program(seed);
    assert_round_trip(&bench.program);
    let (simple, statistics) = simplify(&bench.program);
    assert!(!statistics.exhausted, "{statistics:?}");
    assert_same(&bench, &simple, "simplified");
    assert_round_trip(&simple);
    let expanded = expand_softmax(&simple);
    assert_same(&bench, &expanded, "expanded");
    assert_same(&bench, &simplify(&expanded).0, "expanded and simplified");
    // The gradient program of the first output, by all real inputs.
    let of = bench.program.outputs[0].node;
    let of = bench.weighted_sum(of, seed);
    let wrt: Vec<_> =
        bench.program.inputs.iter().filter(|input| input.element == Element::Real).map(|input| input.node).collect();
    for (gradient, input) in bench.gradients(of, &wrt).into_iter().zip(wrt) {
        bench.output(gradient);
        let axes = bench.program.graph.axes_of(input).to_vec();
        bench.program.outputs.last_mut().expect("just added").axes = axes;
    }
    let (simple, statistics) = simplify(&bench.program);
    assert!(!statistics.exhausted, "{statistics:?}");
    assert_same(&bench, &simple, "gradient simplified");
    assert_same(&bench, &simplify(&expand_softmax(&simple)).0, "gradient expanded");
}

/// What random programs once found.
#[test]
fn programs_that_went_wrong_keep_their_meaning() {
    // Renaming went below picking, and picking below renaming.
    assert_keeps_its_meaning(6_426_352_638_210_465_008);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_programs_keep_their_meaning(seed in any::<u64>()) {
        assert_keeps_its_meaning(seed);
    }
}
