//! Walks over a graph: what is live, who uses it, and copies with every node mapped.

use smallvec::SmallVec;

use super::graph::{Graph, Node, NodeId, Op, ParameterId};
use super::program::Program;

/// The roots and everything they are computed from, operands before users.
pub fn live_nodes(graph: &Graph, roots: &[NodeId]) -> Vec<NodeId> {
    let mut live = vec![false; graph.len()];
    roots.iter().for_each(|id| live[id.0 as usize] = true);
    for id in graph.ids().rev() {
        if live[id.0 as usize] {
            graph.node(id).operands.iter().for_each(|operand| live[operand.0 as usize] = true);
        }
    }
    graph.ids().filter(|id| live[id.0 as usize]).collect()
}

/// By `NodeId`: how many operands of nodes that are live from `roots` it is.
pub fn use_counts(graph: &Graph, roots: &[NodeId]) -> Vec<u32> {
    let mut counts = vec![0; graph.len()];
    for id in live_nodes(graph, roots) {
        graph.node(id).operands.iter().for_each(|operand| counts[operand.0 as usize] += 1);
    }
    counts
}

/// A graph without nodes that has the axes of another.
pub fn with_axes_of(graph: &Graph) -> Graph {
    let mut copy = Graph::new();
    for axis in graph.all_axes() {
        copy.add_axis(axis.name.clone(), axis.extent.clone(), axis.pack);
    }
    copy
}

/// The nodes that a program's border names: outputs and inputs.
pub fn border(program: &Program) -> Vec<NodeId> {
    program.outputs.iter().map(|output| output.node).chain(program.inputs.iter().map(|input| input.node)).collect()
}

/// Maps a program into one over a new graph with the same axes. `map` gets every live node with its
/// operands already mapped, and adds what takes its place.
pub fn map_program(program: &Program, mut map: impl FnMut(&mut Graph, &Node, &[NodeId]) -> NodeId) -> Program {
    let mut graph = with_axes_of(&program.graph);
    let mut mapped: Vec<Option<NodeId>> = vec![None; program.graph.len()];
    let find = |mapped: &[Option<NodeId>], id: NodeId| mapped[id.0 as usize].expect("operands come before users");
    for id in live_nodes(&program.graph, &border(program)) {
        let node = program.graph.node(id);
        let operands: SmallVec<[NodeId; 3]> = node.operands.iter().map(|&operand| find(&mapped, operand)).collect();
        mapped[id.0 as usize] = Some(match node.op {
            Op::Input(input) => graph.input(input, node.ty.element, &node.ty.axes),
            _ => map(&mut graph, node, &operands),
        });
    }
    let mut result = Program { graph, ..program.clone() };
    result.inputs.iter_mut().for_each(|input| input.node = find(&mapped, input.node));
    result.outputs.iter_mut().for_each(|output| output.node = find(&mapped, output.node));
    result
}

/// The program with literals for the parameters that have a value. It has the same parameters, which may be unused.
pub fn with_fixed_parameters(program: &Program, value_of: impl Fn(ParameterId) -> Option<f64>) -> Program {
    map_program(program, |graph, node, operands| match node.op {
        Op::Parameter(id) => match value_of(id) {
            Some(value) => graph.real(value),
            None => graph.parameter(id),
        },
        _ => graph.add(node.op.clone(), operands),
    })
}

/// The same program with live nodes only, numbered in order of use.
pub fn renumber(program: &Program) -> Program {
    map_program(program, |graph, node, operands| graph.add(node.op.clone(), operands))
}
