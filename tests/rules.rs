//! Every rewrite row numerically: both sides on random data and at the edges, as the row's grade demands; and
//! every row is applied by `simplify`. Then the rules about axes, and the formulas that must be exact for
//! extreme logits in single precision.

mod support;

use lossc::eval::{Dense, Environment, Precision, evaluate_nodes};
use lossc::ir::{AxisId, NodeId, Op};
use lossc::op::{Binary, Compare, Element, Logic, ReduceOp, SoftmaxOp, Unary};
use lossc::rewrite::pattern::{Head, Pattern, parse};
use lossc::rewrite::rules::{Grade, Rule, rules};
use lossc::rewrite::{expand_softmax, simplify, simplify_strictly, structural};
use support::{Bench, Random};

/// A pattern as a graph, with inputs for its variables.
struct Instance {
    bench: Bench,
    variables: Vec<(char, NodeId)>,
    axes: [AxisId; 2],
    constants: [f64; 2],
    values: Vec<f64>,
    condition: &'static str,
}

impl Instance {
    fn new(rule: &Rule, values: Vec<f64>, constants: [f64; 2]) -> Self {
        let mut bench = Bench::new();
        let n = bench.axis("N", values.len() as u64 / 3);
        let c = bench.axis("C", 3);
        let condition = rule.row.condition.map_or("", |condition| condition.name);
        Instance { bench, variables: Vec::new(), axes: [n, c], constants, values, condition }
    }

    fn variable(&mut self, name: char) -> NodeId {
        if let Some((_, id)) = self.variables.iter().find(|(own, _)| *own == name) {
            return *id;
        }
        let [n, c] = self.axes;
        let shift = self.variables.len();
        let count = self.values.len();
        let values: Vec<f64> = (0..count).map(|at| self.values[(at * (1 + 2 * shift) + shift) % count]).collect();
        let small: Vec<i64> = (0..count).map(|at| (at % 3) as i64).collect();
        let id = match name {
            'c' | 'd' => {
                let value = self.constants[usize::from(name == 'd')];
                self.bench.graph().real(value)
            }
            'i' => self.bench.int(&[n], &small[..count / 3]),
            'p' | 'q' => {
                let x = self.bench.real(&[n, c], &values);
                let bound = self.bench.graph().real(0.25);
                self.bench.graph().compare(Compare::Lt, x, bound)
            }
            'x' if self.condition == "x is never negative" => {
                let x = self.bench.real(&[n, c], &values);
                self.bench.graph().unary(Unary::Abs, x)
            }
            'x' if self.condition.contains("that x has not") => self.bench.real(&[n], &values[..count / 3]),
            'x' if self.condition == "x is an int" => self.bench.int(&[n, c], &small),
            'y' if self.condition.contains("sizes") => {
                let size = self.bench.graph().size(n);
                let size = self.bench.graph().cast(Element::Real, size);
                if !self.condition.contains("over sizes") {
                    return size;
                }
                let one = self.bench.graph().real(1.0);
                self.bench.graph().binary(Binary::Div, one, size)
            }
            _ => self.bench.real(&[n, c], &values),
        };
        self.variables.push((name, id));
        id
    }

    fn build(&mut self, pattern: &Pattern, element: Element) -> NodeId {
        match pattern {
            Pattern::Variable(name) => self.variable(*name),
            Pattern::Number(value) if element == Element::Int => self.bench.graph().int(*value as i64),
            Pattern::Number(value) => self.bench.graph().real(*value),
            Pattern::Truth(value) => self.bench.graph().bool(*value),
            Pattern::Apply(head, _, parts) => {
                let beside = match head {
                    Head::Binary(Binary::Powi) => Element::Int,
                    Head::Select | Head::Binary(_) | Head::Compare(_) if parts.contains(&Pattern::Variable('x')) => {
                        let x = self.variable('x');
                        self.bench.program.graph.ty(x).element
                    }
                    _ => Element::Real,
                };
                let operands: Vec<NodeId> = parts.iter().map(|part| self.build(part, beside)).collect();
                let axes = [self.axes[1]].into_iter().collect();
                self.bench.graph().add(head.with_axes(Some(&axes)), &operands)
            }
        }
    }

    fn arranged(&self, node: NodeId, shape_of: NodeId) -> Vec<f64> {
        let axes = self.bench.program.graph.axes_of(shape_of);
        let dense = self.bench.value(node);
        let as_reals: Vec<f64> = match dense.element() {
            Element::Real => dense.reals().to_vec(),
            Element::Int => dense.ints().iter().map(|&x| x as f64).collect(),
            Element::Bool => dense.bools().iter().map(|&x| f64::from(x)).collect(),
        };
        let shape: Vec<usize> = axes.iter().map(|axis| self.bench.extents[axis.0 as usize] as usize).collect();
        dense.positions(axes, &shape).into_iter().map(|at| as_reals[at]).collect()
    }
}

fn compare(rule: &Rule, values: Vec<f64>, constants: [f64; 2], edges: bool) {
    let mut instance = Instance::new(rule, values, constants);
    let left = instance.build(&rule.left, Element::Real);
    let element = instance.bench.program.graph.ty(left).element;
    let right = instance.build(&rule.right, element);
    let (got, want) = (instance.arranged(right, left), instance.arranged(left, left));
    for (got, want) in got.into_iter().zip(want) {
        let same = got == want || (got.is_nan() && want.is_nan());
        let close = (got - want).abs() <= 1e-12 * want.abs().max(f64::MIN_POSITIVE);
        let fits = match rule.row.grade {
            Grade::Exact => same,
            Grade::Rounding => same || close,
            // The left side may cancel, overflow or be NaN; the right side may not be worse.
            Grade::Extends if edges => {
                same || want.is_nan() || (want.is_infinite() && !got.is_nan()) || got.is_finite()
            }
            Grade::Extends => same || (got - want).abs() <= 1e-9 * want.abs().max(1.0) || want.is_nan(),
        };
        assert!(fits, "rule `{}`: {got:e} instead of {want:e} ({})", rule.row.name, rule.row.equation);
    }
}

#[test]
fn both_sides_agree() {
    let mut random = Random::new(17);
    for rule in &rules().all {
        for (low, high) in [(-3.0, 3.0), (0.01, 0.99), (1.0, 20.0)] {
            let values = (0..30).map(|_| random.between(low, high)).collect();
            compare(rule, values, [random.between(0.1, 9.0), random.between(-9.0, -0.1)], false);
        }
        let edges = [0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e4, -1e4, 1e-30, 0.5, 800.0, -800.0];
        compare(rule, edges.to_vec(), [2.0, -0.5], true);
    }
}

/// A program whose output is the left side of a rule.
fn left_side(rule: &Rule) -> Bench {
    let values = (0..30).map(|at| 0.03 * f64::from(at) + 0.01).collect();
    let mut instance = Instance::new(rule, values, [3.0, 5.0]);
    let left = instance.build(&rule.left, Element::Real);
    instance.bench.output(left);
    instance.bench
}

#[test]
fn every_row_is_applied() {
    let missing: Vec<&str> = rules()
        .all
        .iter()
        .filter(|rule| {
            let (_, statistics) = simplify(&left_side(rule).program);
            assert!(!statistics.exhausted, "{}: {statistics:?}", rule.row.name);
            !statistics.firings.contains_key(rule.row.name)
        })
        .map(|rule| rule.row.name)
        .collect();
    assert_eq!(missing, [""; 0], "rows that nothing reaches");
}

#[test]
fn strict_mode_keeps_to_exact_rows() {
    for rule in rules().all.iter().filter(|rule| rule.row.grade != Grade::Exact) {
        let (_, statistics) = simplify_strictly(&left_side(rule).program);
        assert!(!statistics.firings.contains_key(rule.row.name), "{}", rule.row.name);
    }
}

#[test]
fn names_are_unique_and_the_tables_parse() {
    let mut names: Vec<&str> = rules().all.iter().map(|rule| rule.row.name).collect();
    names.extend(structural::RULES.iter().map(|rule| rule.name));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for wrong in ["log(", "sum[A(x)", "nothing(x)", "x +", "long", "x y"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

/// Value and gradient of an expression in single precision through the whole pipeline.
fn in_single_precision(mut bench: Bench, node: NodeId) -> (Vec<f64>, Vec<f64>) {
    bench.output(node);
    bench.program = simplify(&bench.program).0;
    let (node, x) = (bench.program.outputs[0].node, bench.program.inputs[0].node);
    let axes = bench.program.graph.axes_of(node).to_vec();
    let sum = bench.graph().reduce(ReduceOp::Sum, &axes, node);
    let slope = bench.gradients(sum, &[x])[0];
    let input_axes = bench.program.inputs[0].axes.clone();
    bench.output(slope);
    bench.program.outputs[1].axes = input_axes;
    for _ in 0..2 {
        bench.program = expand_softmax(&simplify(&bench.program).0);
    }
    let environment =
        Environment { extents: &bench.extents, inputs: &bench.data, parameters: &[], precision: Precision::Single };
    let results = lossc::eval::evaluate_in(&bench.program, environment);
    (results[0].reals().to_vec(), results[1].reals().to_vec())
}

fn assert_close(name: &str, got: &[f64], want: &[f64]) {
    for (got, want) in got.iter().zip(want) {
        let tiny = want.abs() < f64::from(f32::MIN_POSITIVE) && got.abs() <= f64::from(f32::MIN_POSITIVE);
        assert!(tiny || (got - want).abs() <= 1e-5 * want.abs(), "{name}: {got:e} instead of {want:e}");
    }
}

#[test]
fn naive_formulas_are_exact_for_extreme_logits() {
    let values = [-1e4, -30.0, -1.0, 0.0, 2.0, 30.0, 1e4];
    type Case = (&'static str, fn(&mut Bench, NodeId) -> NodeId, fn(f64) -> f64, fn(f64) -> f64);
    let cases: [Case; 4] = [
        (
            "log(sigmoid(x))",
            |b, x| {
                let s = b.graph().unary(Unary::Sigmoid, x);
                b.graph().unary(Unary::Log, s)
            },
            lossc::numeric::log_sigmoid,
            |x| lossc::numeric::sigmoid(-x),
        ),
        (
            "log(1 - sigmoid(x))",
            |b, x| {
                let s = b.graph().unary(Unary::Sigmoid, x);
                let one = b.graph().real(1.0);
                let rest = b.graph().binary(Binary::Sub, one, s);
                b.graph().unary(Unary::Log, rest)
            },
            |x| -lossc::numeric::softplus(x),
            |x| -lossc::numeric::sigmoid(x),
        ),
        (
            "log(1 + exp(x))",
            |b, x| {
                let e = b.graph().unary(Unary::Exp, x);
                let one = b.graph().real(1.0);
                let sum = b.graph().binary(Binary::Add, one, e);
                b.graph().unary(Unary::Log, sum)
            },
            lossc::numeric::softplus,
            lossc::numeric::sigmoid,
        ),
        (
            "log(cosh(x))",
            |b, x| {
                let c = b.graph().unary(Unary::Cosh, x);
                b.graph().unary(Unary::Log, c)
            },
            lossc::numeric::log_cosh,
            |x| lossc::numeric::unary_f64(Unary::Tanh, x),
        ),
    ];
    for (name, build, value, slope) in cases {
        let mut bench = Bench::new();
        let n = bench.axis("N", values.len() as u64);
        let x = bench.real(&[n], &values);
        let node = build(&mut bench, x);
        let (got, gradient) = in_single_precision(bench, node);
        assert_close(name, &got, &values.map(value));
        assert_close(name, &gradient, &values.map(slope));
    }
}

/// Two rows of logits, extreme and close to certain.
fn logits() -> (Bench, NodeId, AxisId, NodeId) {
    let mut bench = Bench::new();
    let (n, c) = (bench.axis("N", 2), bench.axis("C", 3));
    let x = bench.real(&[n, c], &[1e4, -1e4, 0.0, 30.0, 0.0, -5.0]);
    let label = bench.int(&[n], &[1, 0]);
    (bench, x, c, label)
}

#[test]
fn naive_softmax_losses_are_exact_for_extreme_logits() {
    let (mut bench, x, c, label) = logits();
    let p = bench.graph().softmax(SoftmaxOp::Softmax, &[c], x);
    let log = bench.graph().unary(Unary::Log, p);
    let picked = bench.graph().gather(c, log, label);
    let (value, gradient) = in_single_precision(bench, picked);
    let exp = |x| lossc::numeric::unary_f64(Unary::Exp, x);
    let (far, near) = (exp(-30.0), exp(-35.0));
    assert_close("log(softmax)", &value, &[-2e4, -(far + near)]);
    assert_close("its gradient", &gradient, &[-1.0, 1.0, 0.0, far + near, -far, -near]);

    let (mut bench, x, c, _) = logits();
    let e = bench.graph().unary(Unary::Exp, x);
    let sum = bench.graph().reduce(ReduceOp::Sum, &[c], e);
    let log = bench.graph().unary(Unary::Log, sum);
    let (value, gradient) = in_single_precision(bench, log);
    assert_close("log(sum(exp))", &value, &[1e4, 30.0]);
    assert_close("its gradient", &gradient, &[1.0, 0.0, 0.0, 1.0, far, near]);
}

#[test]
fn a_pick_from_log_softmax_stores_nothing_over_the_classes() {
    let (mut bench, x, c, label) = logits();
    let log = bench.graph().softmax(SoftmaxOp::LogSoftmax, &[c], x);
    let picked = bench.graph().gather(c, log, label);
    bench.output(picked);
    let program = simplify(&expand_softmax(&simplify(&bench.program).0)).0;
    for id in program.graph.ids() {
        let node = program.graph.node(id);
        if let Op::Gather(_) = node.op {
            assert!(matches!(program.graph.node(node.operands[0]).op, Op::Input(_)), "{node:?}");
        }
    }
}

/// Evaluates a program before and after simplification.
fn assert_simplifies(bench: &Bench, rule: &str) {
    let (simple, statistics) = simplify(&bench.program);
    assert!(statistics.firings.contains_key(rule), "{rule}: {statistics:?}");
    assert!(!statistics.exhausted);
    let run = |program| lossc::eval::evaluate(program, &bench.extents, &bench.data, &[]);
    for (got, want) in run(&simple).iter().zip(&run(&bench.program)) {
        same(got, want, rule);
    }
}

fn same(got: &Dense, want: &Dense, rule: &str) {
    assert_eq!((&got.axes, &got.shape), (&want.axes, &want.shape), "{rule}");
    if want.element() != Element::Real {
        assert_eq!(got.values, want.values, "{rule}");
        return;
    }
    if let Some(message) = support::difference(got.reals(), want.reals(), 1e-12) {
        panic!("{rule}: {message}");
    }
}

#[test]
fn rules_about_axes() {
    let new = || {
        let mut bench = Bench::new();
        let (n, c) = (bench.axis("N", 2), bench.axis("C", 3));
        let x = bench.real(&[n, c], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.5]);
        let row = bench.real(&[n], &[0.5, -2.0]);
        let index = bench.int(&[n], &[2, 7]);
        (bench, n, c, x, row, index)
    };
    let (mut bench, n, c, x, row, index) = new();
    let graph = bench.graph();
    let wide = graph.broadcast(row, &[c]);
    let sum = graph.reduce(ReduceOp::Sum, &[n, c], wide);
    bench.output(sum);
    assert_simplifies(&bench, "sum-repeated");

    let (mut bench, ..) = new();
    let graph = bench.graph();
    let wide = graph.broadcast(row, &[c]);
    let largest = graph.reduce(ReduceOp::Max, &[n, c], wide);
    let smallest = graph.reduce(ReduceOp::Min, &[c], wide);
    bench.output(largest);
    bench.output(smallest);
    assert_simplifies(&bench, "extremum-repeated");

    let (mut bench, ..) = new();
    let graph = bench.graph();
    let size = graph.size(n);
    let finite = graph.cast(Element::Real, size);
    let product = graph.binary(Binary::Mul, x, finite);
    let sum = graph.reduce(ReduceOp::Sum, &[c], product);
    bench.output(sum);
    assert_simplifies(&bench, "sum-factor");

    // A factor that may be infinite stays: over nothing the sum is 0, and 0 times an infinity is not.
    let (mut bench, ..) = new();
    let graph = bench.graph();
    let product = graph.binary(Binary::Mul, x, row);
    let sum = graph.reduce(ReduceOp::Sum, &[c], product);
    bench.output(sum);
    let (_, statistics) = simplify(&bench.program);
    assert!(!statistics.firings.contains_key("sum-factor"));

    let (mut bench, ..) = new();
    let graph = bench.graph();
    let along = graph.index(c);
    let hit = graph.compare(Compare::Eq, along, index);
    let zero = graph.real(0.0);
    let chosen = graph.select(hit, x, zero);
    let sum = graph.reduce(ReduceOp::Sum, &[c], chosen);
    let positive = graph.compare(Compare::Lt, zero, row);
    let both = graph.logic(Logic::And, &[positive, hit]);
    let conditional = graph.select(both, row, zero);
    let other = graph.reduce(ReduceOp::Sum, &[c, n], conditional);
    let flags = graph.cast(Element::Real, hit);
    let count = graph.reduce(ReduceOp::Sum, &[c], flags);
    bench.output(sum);
    bench.output(other);
    bench.output(count);
    assert_simplifies(&bench, "sum-one-hot");

    let (mut bench, ..) = new();
    let m = bench.copy("M", n);
    let graph = bench.graph();
    let e = graph.unary(Unary::Exp, x);
    let renamed = graph.rename(e, n, m);
    let pairs = graph.binary(Binary::Mul, renamed, x);
    bench.output(pairs);
    assert_simplifies(&bench, "rename-down");

    let (mut bench, ..) = new();
    let graph = bench.graph();
    let e = graph.unary(Unary::Exp, x);
    let scaled = graph.binary(Binary::Add, e, row);
    let picked = graph.gather(c, scaled, index);
    let total = graph.reduce(ReduceOp::Max, &[n], x);
    let moved = graph.gather(c, total, index);
    let along = graph.index(c);
    let own = graph.gather(c, along, index);
    bench.output(picked);
    bench.output(moved);
    bench.output(own);
    assert_simplifies(&bench, "gather-down");

    let (mut bench, ..) = new();
    let graph = bench.graph();
    let rows = graph.reduce(ReduceOp::Sum, &[c], x);
    let all = graph.reduce(ReduceOp::Sum, &[n], rows);
    bench.output(all);
    assert_simplifies(&bench, "reduce-reduce");
}

#[test]
fn what_must_not_be_simplified() {
    let mut bench = Bench::new();
    let n = bench.axis("N", 3);
    let x = bench.real(&[n], &[f64::NAN, 1.0, -4.0]);
    let graph = bench.graph();
    let zero = graph.real(0.0);
    let equal = graph.compare(Compare::Eq, x, x);
    let cleaned = graph.select(equal, x, zero);
    let root = graph.unary(Unary::Sqrt, x);
    let square = graph.binary(Binary::Mul, root, root);
    let stopped = graph.stop(x);
    for node in [equal, cleaned, square, stopped] {
        bench.output(node);
    }
    let (program, statistics) = simplify(&bench.program);
    assert!(statistics.firings.is_empty(), "{statistics:?}");
    let environment =
        Environment { extents: &bench.extents, inputs: &bench.data, parameters: &[], precision: Precision::Double };
    let equal = evaluate_nodes(&program.graph, environment, &[program.outputs[0].node]);
    assert_eq!(equal[0].bools(), [false, true, true]);
}
