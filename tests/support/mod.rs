//! Small graphs for tests: axes, inputs, random data, gradients by differences.
#![allow(dead_code)]

use lossc::ad::gradient;
use lossc::eval::{Dense, Environment, Precision, evaluate_nodes};
use lossc::ir::{AxisId, Extent, Graph, InputData, InputId, NodeId, Op, Output, OutputRole, Program};
use lossc::op::{Binary, Element, ReduceOp};

/// A fixed sequence of doubles in [0, 1).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() * bound as f64) as usize
    }
}

/// A program under construction with its data.
#[derive(Default)]
pub struct Bench {
    pub program: Program,
    pub extents: Vec<u64>,
    pub data: Vec<Dense>,
}

impl Bench {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn graph(&mut self) -> &mut Graph {
        &mut self.program.graph
    }

    pub fn axis(&mut self, name: &str, extent: u64) -> AxisId {
        self.extents.push(extent);
        self.program.graph.add_axis(name, Extent::Input, false)
    }

    pub fn copy(&mut self, name: &str, of: AxisId) -> AxisId {
        self.extents.push(self.extents[of.0 as usize]);
        self.program.graph.add_axis(name, Extent::SameAs(of), false)
    }

    fn shape(&self, axes: &[AxisId]) -> Vec<usize> {
        axes.iter().map(|axis| self.extents[axis.0 as usize] as usize).collect()
    }

    fn declare(&mut self, element: Element, axes: &[AxisId]) -> NodeId {
        let id = self.program.inputs.len() as u32;
        let node = self.program.graph.input(InputId(id), element, axes);
        let name = format!("x{id}");
        let (axes, kind) = (axes.to_vec(), element.name().to_owned());
        self.program.inputs.push(InputData { name, node, element, axes, labels: None, kind });
        node
    }

    pub fn real(&mut self, axes: &[AxisId], values: &[f64]) -> NodeId {
        let shape = self.shape(axes);
        assert_eq!(shape.iter().product::<usize>(), values.len());
        self.data.push(Dense::real(axes, &shape, values.to_vec()));
        self.declare(Element::Real, axes)
    }

    pub fn random(&mut self, axes: &[AxisId], random: &mut Random, low: f64, high: f64) -> NodeId {
        let count = self.shape(axes).iter().product();
        let values: Vec<f64> = (0..count).map(|_| random.between(low, high)).collect();
        self.real(axes, &values)
    }

    pub fn int(&mut self, axes: &[AxisId], values: &[i64]) -> NodeId {
        let shape = self.shape(axes);
        self.data.push(Dense::int(axes, &shape, values.to_vec()));
        self.declare(Element::Int, axes)
    }

    pub fn output(&mut self, node: NodeId) {
        let axes = self.program.graph.axes_of(node).to_vec();
        let role = OutputRole::Term(format!("t{}", self.program.outputs.len()));
        self.program.outputs.push(Output { role, node, axes });
    }

    pub fn value_with(&self, node: NodeId, data: &[Dense], precision: Precision) -> Dense {
        let environment = Environment { extents: &self.extents, inputs: data, parameters: &[], precision };
        (*evaluate_nodes(&self.program.graph, environment, &[node])[0]).clone()
    }

    pub fn value(&self, node: NodeId) -> Dense {
        self.value_with(node, &self.data, Precision::Double)
    }

    /// The reals of a node in the axes order of another.
    pub fn reals_like(&self, node: NodeId, other: NodeId) -> Vec<f64> {
        let dense = self.value(node);
        let axes = self.program.graph.axes_of(other);
        assert_eq!(dense.axes.len(), axes.len());
        dense.positions(axes, &self.shape(axes)).into_iter().map(|at| dense.reals()[at]).collect()
    }

    /// Σ over all axes of weight · node, with weights that differ between elements.
    pub fn weighted_sum(&mut self, node: NodeId, seed: u64) -> NodeId {
        let axes = self.program.graph.axes_of(node).to_vec();
        let weight = self.random(&axes, &mut Random::new(seed), 0.5, 1.5);
        let graph = self.graph();
        let product = graph.binary(Binary::Mul, node, weight);
        graph.reduce(ReduceOp::Sum, &axes, product)
    }

    /// The gradients of a scalar node.
    pub fn gradients(&mut self, of: NodeId, wrt: &[NodeId]) -> Vec<NodeId> {
        let one = self.graph().real(1.0);
        gradient(self.graph(), of, one, wrt)
    }

    /// The derivative of a scalar node by every element of an input, by central differences.
    pub fn differences(&self, of: NodeId, input: usize, h: f64) -> Vec<f64> {
        let mut data = self.data.clone();
        let start = self.data[input].clone();
        (0..start.values.len())
            .map(|element| {
                let mut at = |shift: f64| {
                    let mut values = start.reals().to_vec();
                    values[element] += shift;
                    data[input] = Dense::real(&start.axes, &start.shape, values);
                    self.value_with(of, &data, Precision::Double).reals()[0]
                };
                // Fourth order, so that h may be large enough for the rounding not to matter.
                (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
            })
            .collect()
    }
}

/// The first element where two lists differ by more than a tolerance relative to the larger of 1 and them.
pub fn difference(got: &[f64], want: &[f64], tolerance: f64) -> Option<String> {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).enumerate().find_map(|(at, (&got, &want))| {
        let same = got == want || (got.is_nan() && want.is_nan());
        let close = (got - want).abs() <= tolerance * want.abs().max(got.abs()).max(1.0);
        (!same && !close).then(|| format!("element {at}: {got:e} instead of {want:e}"))
    })
}

/// A random program over [N, C] data, with values that stay moderate: smooth operations of every class,
/// selections by the inputs, reductions, picks and renamed copies.
pub fn random_program(seed: u64) -> Bench {
    use lossc::op::{Compare, SoftmaxOp, Unary};
    let mut random = Random::new(seed);
    let mut bench = Bench::new();
    let (n, c) = (bench.axis("N", 3), bench.axis("C", 4));
    let m = bench.copy("M", n);
    let t = bench.axis("T", 5);
    let label = bench.int(&[n], &[2, 9, 0]);
    let starts = [
        bench.random(&[n, c], &mut random, -1.0, 1.0),
        bench.random(&[n], &mut random, -1.0, 1.0),
        bench.random(&[c], &mut random, -1.0, 1.0),
    ];
    let mut nodes = starts.to_vec();
    nodes.extend([0.0, 1.0, -1.0, 0.5].map(|value| bench.graph().real(value)));
    for _ in 0..14 {
        let a = nodes[random.below(nodes.len())];
        let b = nodes[random.below(nodes.len())];
        let graph = bench.graph();
        let axes = graph.axes_of(a).to_vec();
        let node = match random.below(20) {
            0 => graph.binary(Binary::Add, a, b),
            1 => graph.binary(Binary::Sub, a, b),
            2 => graph.binary(Binary::Mul, a, b),
            3 => graph.binary([Binary::Min, Binary::Max][random.below(2)], a, b),
            4 => {
                let all = [Unary::Neg, Unary::Tanh, Unary::Sigmoid, Unary::Softplus, Unary::Sin, Unary::LogSigmoid];
                graph.unary(all[random.below(all.len())], a)
            }
            5 => {
                let bounded = graph.unary(Unary::Tanh, a);
                graph.unary([Unary::Exp, Unary::Cosh, Unary::Atan][random.below(3)], bounded)
            }
            6 => {
                let positive = graph.unary(Unary::Softplus, a);
                graph.binary(Binary::Div, b, positive)
            }
            7 => {
                let start = starts[random.below(3)];
                let zero = graph.real(0.0);
                let condition = graph.compare(Compare::Lt, start, zero);
                graph.select(condition, a, b)
            }
            8 if !axes.is_empty() => graph.reduce(ReduceOp::ALL[random.below(4)], &[axes[random.below(axes.len())]], a),
            9 if !axes.is_empty() => graph.softmax(SoftmaxOp::ALL[random.below(4)], &[axes[0]], a),
            10 if axes.contains(&c) => graph.gather(c, a, label),
            11 if axes.contains(&n) && !axes.contains(&m) => graph.rename(a, n, m),
            12 => graph.broadcast(a, &[c]),
            14 if !axes.is_empty() => {
                let order = graph.order(axes[0], a);
                graph.gather(axes[0], a, order)
            }
            15 if !axes.is_empty() => graph.cumsum(axes[0], random.below(2) == 0, a),
            16 if !axes.is_empty() && !axes.contains(&t) => {
                let over: lossc::ir::Axes = axes[..1 + random.below(axes.len())].iter().copied().collect();
                let top = over.iter().map(|&along| Op::TopIndex { over: over.clone(), to: t, along });
                let tops: Vec<_> = top.map(|op| graph.add(op, &[a])).collect();
                over.iter().zip(tops).fold(a, |value, (&along, top)| graph.gather(along, value, top))
            }
            17 if axes.contains(&n) => {
                let to = [c, n][random.below(2)];
                let values = if axes.contains(&c) { graph.reduce(ReduceOp::Sum, &[c], a) } else { a };
                graph.scatter(to, &[n], values, label)
            }
            18 if axes.contains(&n) && !axes.contains(&t) => {
                let (place, shift) = (graph.index(n), graph.int(2));
                let place = graph.binary(Binary::Sub, shift, place);
                graph.scatter(t, &[n], a, place)
            }
            19 if axes.contains(&n) => {
                let (place, shift) = (graph.index(n), graph.int(1));
                let place = graph.binary(Binary::Add, place, shift);
                graph.scatter(n, &[n], a, place)
            }
            13 => {
                let along = graph.index(c);
                let hit = graph.compare(Compare::Eq, along, label);
                let flag = graph.cast(Element::Real, hit);
                graph.binary(Binary::Mul, flag, a)
            }
            _ => graph.binary(Binary::Mul, a, a),
        };
        nodes.push(node);
    }
    for node in nodes.into_iter().rev().take(3) {
        bench.output(node);
    }
    bench
}
