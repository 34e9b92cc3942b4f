//! The judge: a slow, obvious interpreter of the graph.
//!
//! `Program` and data → one [`Dense`] per output. Every node is computed whole, in double precision,
//! straight from the sentence of its row in the operation tables; nothing is simplified, fused or
//! reordered, and nothing here knows of rewriting or kernels. With [`Precision::Single`] every tensor
//! of reals is rounded to single precision after each node, sums excepted until they are complete, and
//! scalars stay in double precision: so a test sees what a kernel on f32 data could lose.

mod dense;
mod node;

pub use dense::{Dense, Values};

use std::rc::Rc;

use crate::ir::{AxisId, Extent, Graph, NodeId, Op, Program, live_nodes};

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
    let mut known: Vec<Option<Rc<Dense>>> = vec![None; graph.len()];
    let live = live_nodes(graph, nodes);
    let mut uses = vec![0_usize; graph.len()];
    for &id in &live {
        graph.node(id).operands.iter().for_each(|operand| uses[operand.0 as usize] += 1);
    }
    nodes.iter().for_each(|id| uses[id.0 as usize] += 1);
    for id in live {
        let node = graph.node(id);
        let operands: Vec<Rc<Dense>> = node
            .operands
            .iter()
            .map(|operand| known[operand.0 as usize].clone().expect("operands come before their users"))
            .collect();
        let mut dense = node::evaluate(node, &operands, &environment, &extents);
        if environment.precision == Precision::Single && !dense.axes.is_empty() && !matches!(node.op, Op::Stop) {
            round_to_single(&mut dense);
        }
        known[id.0 as usize] = Some(Rc::new(dense));
        for operand in &node.operands {
            uses[operand.0 as usize] -= 1;
            if uses[operand.0 as usize] == 0 {
                known[operand.0 as usize] = None;
            }
        }
    }
    nodes.iter().map(|id| known[id.0 as usize].clone().expect("live")).collect()
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
