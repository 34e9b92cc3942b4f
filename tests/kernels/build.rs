//! Programs built by hand, and their comparison with the judge.

use std::collections::HashMap;

use lossc::bind::Binding;
use lossc::ir::{
    AxisId, Extent, Graph, InputData, InputId, NodeId, Output, OutputRole, ParameterData, ParameterId, Program,
};
use lossc::jit::{Compiled, Outputs, Precision, Vectors, compile_for, plan};
use lossc::op::{Binary, Element, ReduceOp, SoftmaxOp};
use lossc::tensor::Tensor;

use crate::judge::Judge;

/// A program under construction.
#[derive(Default)]
pub struct Build {
    pub program: Program,
    /// The size of intermediate results, to which roundings are relative where a result cancels.
    pub size: f64,
}

impl Build {
    pub fn graph(&mut self) -> &mut Graph {
        &mut self.program.graph
    }

    pub fn axis(&mut self, name: &str) -> AxisId {
        self.program.graph.add_axis(name, Extent::Input, false)
    }

    pub fn pack(&mut self, name: &str) -> AxisId {
        self.program.graph.add_axis(name, Extent::Input, true)
    }

    pub fn labelled(&mut self, name: &str, extent: u64) -> AxisId {
        self.program.graph.add_axis(name, Extent::Fixed(extent), false)
    }

    pub fn copy(&mut self, name: &str, of: AxisId) -> AxisId {
        self.program.graph.add_axis(name, Extent::SameAs(of), false)
    }

    pub fn input(&mut self, name: &str, element: Element, axes: &[AxisId]) -> NodeId {
        let id = InputId(self.program.inputs.len() as u32);
        let node = self.program.graph.input(id, element, axes);
        let kind = element.name().to_owned();
        self.program.inputs.push(InputData {
            name: name.to_owned(),
            node,
            element,
            axes: axes.to_vec(),
            labels: None,
            kind,
        });
        node
    }

    pub fn real(&mut self, name: &str, axes: &[AxisId]) -> NodeId {
        self.input(name, Element::Real, axes)
    }

    pub fn parameter(&mut self, name: &str, default: f64) -> NodeId {
        let id = ParameterId(self.program.parameters.len() as u32);
        self.program.parameters.push(ParameterData { name: name.to_owned(), default });
        self.program.graph.parameter(id)
    }

    pub fn output(&mut self, node: NodeId, axes: &[AxisId]) {
        let position = self.program.outputs.len();
        let role = if position == 0 { OutputRole::Value } else { OutputRole::Gradient(format!("o{position}")) };
        self.program.outputs.push(Output { role, node, axes: axes.to_vec() });
    }

    pub fn binary(&mut self, op: Binary, a: NodeId, b: NodeId) -> NodeId {
        self.program.graph.binary(op, a, b)
    }

    pub fn add(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Binary::Add, a, b)
    }

    pub fn sub(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Binary::Sub, a, b)
    }

    pub fn mul(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Binary::Mul, a, b)
    }

    pub fn div(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Binary::Div, a, b)
    }

    pub fn sum(&mut self, axes: &[AxisId], x: NodeId) -> NodeId {
        self.program.graph.reduce(ReduceOp::Sum, axes, x)
    }

    pub fn max(&mut self, axes: &[AxisId], x: NodeId) -> NodeId {
        self.program.graph.reduce(ReduceOp::Max, axes, x)
    }

    pub fn constant(&mut self, value: f64) -> NodeId {
        self.program.graph.real(value)
    }

    pub fn size(&mut self, axes: &[AxisId]) -> NodeId {
        let mut product = self.constant(1.0);
        for &axis in axes {
            let size = self.program.graph.size(axis);
            let size = self.program.graph.cast(Element::Real, size);
            product = self.mul(product, size);
        }
        product
    }

    pub fn mean(&mut self, axes: &[AxisId], x: NodeId) -> NodeId {
        let sum = self.sum(axes, x);
        let size = self.size(axes);
        self.div(sum, size)
    }

    /// The softmax family as the expansion pass leaves it: log Σ exp from max, exp and sum.
    pub fn logsumexp(&mut self, axes: &[AxisId], x: NodeId) -> NodeId {
        self.program.graph.softmax(SoftmaxOp::LogSumExp, axes, x)
    }
}

/// Repeatable numbers in [−1, 1).
pub fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 / (1_u64 << 52) as f64) - 1.0
    };
    (0..count).map(next).collect()
}

pub fn labels(count: usize, below: usize, seed: u64) -> Vec<i64> {
    numbers(count, seed).into_iter().map(|x| (((x + 1.0) / 2.0) * below as f64) as i64).collect()
}

/// An input by name.
pub type Given<'a> = (&'a str, Tensor);

pub fn tensor(data: &[f64], shape: &[usize], precision: Precision) -> Tensor {
    match precision {
        Precision::F32 => Tensor::f32(data.iter().map(|&x| x as f32).collect(), shape),
        Precision::F64 => Tensor::f64(data.to_vec(), shape),
    }
}

pub fn reals<'a>(name: &'a str, shape: &[usize], seed: u64, precision: Precision) -> Given<'a> {
    (name, tensor(&numbers(shape.iter().product(), seed), shape, precision))
}

pub fn compiled(program: &Program, precision: Precision) -> Compiled {
    compiled_for(program, precision, Vectors::best())
}

fn compiled_for(program: &Program, precision: Precision, vectors: Vectors) -> Compiled {
    let compiled = compile_for(program, precision, vectors);
    compiled.unwrap_or_else(|error| panic!("{error}: {}", plan(program, precision, vectors)))
}

/// The loops of a program, on any machine.
pub fn loops(program: &Program) -> String {
    plan(program, Precision::F32, Vectors::Blocks).to_string()
}

/// Runs kernel and judge and compares all outputs, with all kinds of vector code.
pub fn agree(build: &Build, given: &[Given<'_>], parameters: &[f64], precision: Precision) {
    for vectors in Vectors::ALL {
        agree_for(build, given, parameters, (precision, vectors));
    }
}

fn agree_for(build: &Build, given: &[Given<'_>], parameters: &[f64], (precision, vectors): (Precision, Vectors)) {
    let program = &build.program;
    let kernel = compiled_for(program, precision, vectors);
    let views: Vec<_> = given.iter().map(|(name, tensor)| (*name, tensor.view().unwrap())).collect();
    let binding = Binding::new(program, &views).unwrap();
    let mut outputs = Outputs::new();
    // Twice: the second call must not depend on what the first left in memory.
    for _ in 0..2 {
        kernel.call(&binding, parameters, &mut outputs).unwrap();
    }
    let extents: HashMap<AxisId, usize> =
        (0..program.graph.all_axes().len() as u32).map(|axis| (AxisId(axis), binding.extent(AxisId(axis)))).collect();
    let find = |input: &InputData| given.iter().find(|(name, _)| *name == input.name).unwrap().1.to_f64();
    let judge =
        Judge { program, extents, inputs: program.inputs.iter().map(find).collect(), parameters: parameters.to_vec() };
    for position in 0..program.outputs.len() {
        let (got, want) = (outputs.to_f64(position), judge.output(position));
        assert_eq!(got.len(), want.len(), "output {position}");
        let tolerance = if precision == Precision::F32 { 2e-5 } else { 1e-12 };
        let scale = want.iter().filter(|x| x.is_finite()).fold(build.size.max(1e-30), |scale, x| scale.max(x.abs()));
        for (place, (&got, &want)) in got.iter().zip(&want).enumerate() {
            // What overflows in single precision is infinite there.
            let single = precision == Precision::F32 && !program.outputs[position].axes.is_empty();
            let want = if single { f64::from(want as f32) } else { want };
            let same = got == want || (got.is_nan() && want.is_nan()) || (got - want).abs() <= tolerance * scale;
            assert!(same, "output {position} at {place}: {got} instead of {want}\n{}", kernel.kernel_text());
        }
    }
}

pub fn agree_both(build: &Build, given: impl Fn(Precision) -> Vec<Given<'static>>, parameters: &[f64]) {
    for precision in [Precision::F64, Precision::F32] {
        agree(build, &given(precision), parameters, precision);
    }
}
