//! What holds of every program between passes. A violation is a bug of the compiler, not of a user.
//!
//! Checked: operands come before their users; every operation has as many operands as it takes; every axis
//! exists, and none occurs twice in a type; types are what the operation gives; an axis has its extent from
//! earlier ones; an input's node is that input with the declared type, and its labels are ints below an existing
//! axis; parameters exist; an output has all axes of its node, none twice; a gradient names an input or a
//! parameter, a state a parameter; the nodes of a loop agree on it, a trace is as long as its loop, and no output
//! depends on an open loop.
//! Not checked: what the nodes mean, and that rewriting kept it (tests compare with the interpreter).

use super::extent::Extent;
use super::graph::{AxisId, Graph, InputId, NodeId, Op};
use super::print::describe;
use super::program::{OutputRole, Program};
use super::repeat::{first_repeats, open_loops};
use super::walk::{border, live_nodes};
use crate::op::Element;

/// Checks a program.
///
/// # Errors
/// What is violated, with the node.
pub fn verify(program: &Program) -> Result<(), String> {
    let graph = &program.graph;
    for (index, axis) in graph.all_axes().iter().enumerate() {
        let needed = match &axis.extent {
            Extent::Input | Extent::Fixed(_) => Vec::new(),
            Extent::SameAs(other) => vec![*other],
            Extent::Computed(formula) => formula.axes(),
        };
        if needed.iter().any(|other| other.0 as usize >= index) {
            return Err(format!("axis `{}` has its extent from one that is not before it", axis.name));
        }
    }
    for id in graph.ids() {
        node(program, id).map_err(|message| format!("{message}: {}", describe(graph, id)))?;
    }
    inputs(program)?;
    outputs(program)?;
    loops(program)?;
    for requirement in &program.non_empty {
        axes(graph, &requirement.axes)?;
    }
    for given in &program.given {
        axes(graph, &[given.axis])?;
        axes(graph, &given.extent.axes())?;
    }
    Ok(())
}

fn axes(graph: &Graph, axes: &[AxisId]) -> Result<(), String> {
    for (position, axis) in axes.iter().enumerate() {
        if axis.0 as usize >= graph.all_axes().len() {
            return Err(format!("axis {} does not exist", axis.0));
        }
        if axes[..position].contains(axis) {
            return Err(format!("axis `{}` occurs twice", graph.axis(*axis).name));
        }
    }
    Ok(())
}

fn node(program: &Program, id: NodeId) -> Result<(), String> {
    let graph = &program.graph;
    let node = graph.node(id);
    if node.operands.iter().any(|&operand| operand >= id) {
        return Err("an operand is not before its user".to_owned());
    }
    if node.operands.len() != node.op.arity() {
        return Err(format!("it takes {} operands", node.op.arity()));
    }
    axes(graph, &node.ty.axes)?;
    match &node.op {
        Op::Size(axis) | Op::Index(axis) | Op::Gather(axis) => axes(graph, &[*axis])?,
        Op::Broadcast(all) | Op::Reduce(_, all) | Op::Softmax(_, all) | Op::Contract { over: all, .. } => {
            axes(graph, all)?
        }
        Op::Rename { from, to } => axes(graph, &[*from, *to])?,
        Op::Order(axis) | Op::CumSum { axis, .. } => axes(graph, &[*axis])?,
        Op::TopIndex { over, to, .. } => {
            axes(graph, over)?;
            axes(graph, &[*to])?;
        }
        Op::Scatter { axis, over } => {
            axes(graph, over)?;
            axes(graph, &[*axis])?;
        }
        Op::Carried(carried) => axes(graph, &carried.ty.axes)?,
        Op::Repeat(repeat) if repeat.variable >= repeat.variables => return Err("no such variable".to_owned()),
        Op::Input(input) if input.0 as usize >= program.inputs.len() => return Err("no such input".to_owned()),
        Op::Parameter(parameter) if parameter.0 as usize >= program.parameters.len() => {
            return Err("no such parameter".to_owned());
        }
        _ => {}
    }
    if !matches!(node.op, Op::Input(_)) && graph.infer(&node.op, &node.operands) != node.ty {
        return Err("the type is not that of the operation".to_owned());
    }
    Ok(())
}

fn inputs(program: &Program) -> Result<(), String> {
    let graph = &program.graph;
    for (index, input) in program.inputs.iter().enumerate() {
        let wrong = |what: &str| Err(format!("input `{}`: {what}", input.name));
        if input.node.0 as usize >= graph.len() || graph.node(input.node).op != Op::Input(InputId(index as u32)) {
            return wrong("its node is not this input");
        }
        let ty = graph.ty(input.node);
        if ty.element != input.element || ty.axes[..] != input.axes[..] {
            return wrong("its node has another type");
        }
        if input.axes.iter().filter(|axis| graph.axis(**axis).pack).count() > 1 {
            return wrong("it has two packs");
        }
        if let Some(labels) = input.labels {
            axes(graph, &[labels.axis])?;
            if input.element != Element::Int {
                return wrong("labels are ints");
            }
        }
    }
    Ok(())
}

fn outputs(program: &Program) -> Result<(), String> {
    let graph = &program.graph;
    for output in &program.outputs {
        let wrong = |what: &str| Err(format!("output {:?}: {what}", output.role));
        if output.node.0 as usize >= graph.len() {
            return wrong("its node does not exist");
        }
        axes(graph, &output.axes)?;
        if !graph.axes_of(output.node).iter().all(|axis| output.axes.contains(axis)) {
            return wrong("its node has further axes");
        }
        let is_parameter = |name: &String| program.parameters.iter().any(|data| data.name == *name);
        match &output.role {
            OutputRole::Gradient(name)
                if !is_parameter(name) && !program.inputs.iter().any(|input| input.name == *name) =>
            {
                return wrong("no input or parameter has that name");
            }
            OutputRole::State(name) if !is_parameter(name) => return wrong("no parameter has that name"),
            _ => {}
        }
    }
    Ok(())
}

fn loops(program: &Program) -> Result<(), String> {
    let graph = &program.graph;
    let open = open_loops(graph);
    let first = first_repeats(graph);
    for id in live_nodes(graph, &border(program)) {
        let wrong = |what: &str| Err(format!("{what}: {}", describe(graph, id)));
        match &graph.node(id).op {
            Op::Repeat(repeat) => {
                let other = graph.node(first[&repeat.of]);
                let Op::Repeat(same) = &other.op else { return wrong("not a loop") };
                if other.operands != graph.node(id).operands || same.turns != repeat.turns {
                    return wrong("one number stands for two loops");
                }
                if repeat.trace.is_some_and(|axis| graph.axis(axis).extent != Extent::Fixed(repeat.turns)) {
                    return wrong("a trace is not as long as its loop");
                }
            }
            Op::Carried(carried) => {
                let of = first.get(&carried.of).map(|&repeat| &graph.node(repeat).op);
                if !matches!(of, Some(Op::Repeat(repeat)) if carried.variable < repeat.variables) {
                    return wrong("it is carried by no loop");
                }
            }
            _ => {}
        }
    }
    match program.outputs.iter().find(|output| !open[output.node.0 as usize].is_empty()) {
        Some(output) => Err(format!("output {:?}: it depends on the turn of a loop", output.role)),
        None => Ok(()),
    }
}
