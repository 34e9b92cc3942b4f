//! The judge: a slow, obvious interpreter of the graph.
//!
//! `Program` and data → one [`Dense`] per output. Every node is computed whole, in double precision,
//! straight from the sentence of its row in the operation tables; nothing is simplified, fused or
//! reordered, and nothing here knows of rewriting or kernels. With [`Precision::Single`] every tensor
//! of reals is rounded to single precision after each node, sums excepted until they are complete, and
//! scalars stay in double precision: so a test sees what a kernel on f32 data could lose.

mod dense;
mod node;
mod turns;
mod whole;

pub use dense::{Dense, Values};

use std::rc::Rc;

use turns::Runner;

use crate::ir::{AxisId, Extent, Graph, NodeId, Program, live_nodes};

/// The precision of real tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Round every tensor with axes to single precision.
    Single,
    /// Compute in double precision.
    Double,
}

/// What the nodes of a graph need from outside.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    /// By `AxisId`. Axes beyond its end get theirs from the axis they copy.
    pub extents: &'a [u64],
    /// By `InputId`.
    pub inputs: &'a [Dense],
    /// By `ParameterId`.
    pub parameters: &'a [f64],
    /// Of real tensors.
    pub precision: Precision,
}

/// The outputs of a program, each in the output's axes order, repeated along axes that the node lacks.
pub fn evaluate(program: &Program, extents: &[u64], inputs: &[Dense], parameters: &[f64]) -> Vec<Dense> {
    evaluate_in(program, Environment { extents, inputs, parameters, precision: Precision::Double })
}

/// As [`evaluate`], in a chosen precision.
pub fn evaluate_in(program: &Program, environment: Environment) -> Vec<Dense> {
    let nodes: Vec<NodeId> = program.outputs.iter().map(|output| output.node).collect();
    let extents = complete_extents(&program.graph, environment.extents);
    evaluate_nodes(&program.graph, environment, &nodes)
        .into_iter()
        .zip(&program.outputs)
        .map(|(dense, output)| arrange(&dense, &output.axes, &extents))
        .collect()
}

/// Any nodes of a graph, each with its own axes.
pub fn evaluate_nodes(graph: &Graph, environment: Environment, nodes: &[NodeId]) -> Vec<Rc<Dense>> {
    let extents = complete_extents(graph, environment.extents);
    Runner::new(graph, environment, &extents, live_nodes(graph, nodes)).run(nodes)
}

/// The extents of all axes of a graph, where those of its first ones are given.
pub fn complete_extents(graph: &Graph, given: &[u64]) -> Vec<u64> {
    let mut extents = given.to_vec();
    for axis in graph.all_axes().iter().skip(given.len()) {
        extents.push(match &axis.extent {
            Extent::SameAs(AxisId(other)) => extents[*other as usize],
            Extent::Fixed(extent) => *extent,
            Extent::Computed(formula) => {
                let value = formula.value(&|axis| extents[axis.0 as usize]);
                value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0)
            }
            Extent::Input => unreachable!("the extent of `{}` is not given", axis.name),
        });
    }
    extents
}

fn arrange(dense: &Dense, axes: &[AxisId], extents: &[u64]) -> Dense {
    let shape: Vec<usize> = axes.iter().map(|axis| extents[axis.0 as usize] as usize).collect();
    let values = dense.values.take(dense.positions(axes, &shape).into_iter().map(Some));
    Dense { axes: axes.iter().copied().collect(), shape, values }
}

fn round_to_single(dense: &mut Dense) {
    if let Values::Real(values) = &mut dense.values {
        values.iter_mut().for_each(|value| *value = f64::from(*value as f32));
    }
}
