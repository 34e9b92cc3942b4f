//! The text form of a program: axes, parameters and inputs, then one node a line, then outputs.
//!
//! Only live nodes are printed, numbered in order of use, so that a snapshot does not shake. Axes keep their
//! order; where two have one name, the later is written with its number (`N~3`). [`super::parse`] reads it back.

use std::fmt::Write;

use super::extent::{Extent, ExtentFormula};
use super::graph::{AxisId, Constant, Graph, Node, NodeId, Op, Type};
use super::program::{InputData, Output, OutputRole, Program};
use super::walk::{border, live_nodes};

/// The text form.
pub fn print(program: &Program) -> String {
    let graph = &program.graph;
    let mut text = String::new();
    let mut line = |content: String| {
        text.push_str(&content);
        text.push('\n');
    };
    (0..graph.all_axes().len()).for_each(|index| line(axis_line(graph, AxisId(index as u32))));
    program.parameters.iter().for_each(|data| line(format!("parameter {} {:?}", quoted(&data.name), data.default)));
    program.inputs.iter().for_each(|input| line(input_line(graph, input)));
    let mut numbers = vec![0; graph.len()];
    for (number, id) in live_nodes(graph, &border(program)).into_iter().enumerate() {
        numbers[id.0 as usize] = number;
        let node = graph.node(id);
        let operands: String =
            node.operands.iter().map(|operand| format!(" %{}", numbers[operand.0 as usize])).collect();
        let ty = type_text(graph, &node.ty);
        line(format!("%{number} = {}{operands} : {ty}", operation(program, node)));
    }
    program.outputs.iter().for_each(|output| line(output_line(graph, output, &numbers)));
    for data in &program.non_empty {
        line(format!("nonempty {} {}", axis_list(graph, &data.axes), quoted(&data.reason)));
    }
    for data in &program.given {
        let extent = extent_formula(graph, &data.extent);
        line(format!("given {} {} {extent}", axis_list(graph, &[data.axis]), quoted(&data.parameter)));
    }
    text
}

/// The name of an axis in the text form.
pub(super) fn axis_name(graph: &Graph, axis: AxisId) -> String {
    let name = &graph.axis(axis).name;
    let first = graph.all_axes().iter().position(|other| other.name == *name);
    if first == Some(axis.0 as usize) { name.clone() } else { format!("{name}~{}", axis.0) }
}

/// A node without its operands, in words, for messages.
pub fn describe(graph: &Graph, id: NodeId) -> String {
    let node = graph.node(id);
    format!("%{} = {:?} {:?} : {:?}", id.0, node.op, node.operands, node.ty)
}

fn axis_list(graph: &Graph, axes: &[AxisId]) -> String {
    let names: Vec<String> = axes.iter().map(|&axis| axis_name(graph, axis)).collect();
    format!("[{}]", names.join(", "))
}

fn type_text(graph: &Graph, ty: &Type) -> String {
    format!("{} {}", ty.element.name(), axis_list(graph, &ty.axes))
}

fn axis_line(graph: &Graph, axis: AxisId) -> String {
    let data = graph.axis(axis);
    let extent = match &data.extent {
        Extent::Input => "input".to_owned(),
        Extent::Fixed(extent) => format!("fixed {extent}"),
        Extent::SameAs(other) => format!("same {}", axis_name(graph, *other)),
        Extent::Computed(formula) => format!("computed {}", extent_formula(graph, formula)),
    };
    format!("axis {} {extent}{}", axis_name(graph, axis), if data.pack { " pack" } else { "" })
}

/// A formula in prefix form: an operation stands before its operands, an axis in brackets for its extent.
fn extent_formula(graph: &Graph, formula: &ExtentFormula) -> String {
    match formula {
        ExtentFormula::Int(value) => value.to_string(),
        ExtentFormula::Size(axis) => axis_list(graph, &[*axis]),
        ExtentFormula::Unary(op, x) => format!("{} {}", op.name(), extent_formula(graph, x)),
        ExtentFormula::Binary(op, both) => {
            format!("{} {} {}", op.name(), extent_formula(graph, &both[0]), extent_formula(graph, &both[1]))
        }
    }
}

fn input_line(graph: &Graph, input: &InputData) -> String {
    let mut line = format!(
        "input {} {} {} {}",
        quoted(&input.name),
        input.element.name(),
        axis_list(graph, &input.axes),
        quoted(&input.kind)
    );
    if let Some(labels) = input.labels {
        let _ = write!(line, " below {}", axis_name(graph, labels.axis));
        if let Some(ignored) = labels.ignored {
            let _ = write!(line, " ignoring {ignored}");
        }
    }
    line
}

fn output_line(graph: &Graph, output: &Output, numbers: &[usize]) -> String {
    let role = match &output.role {
        OutputRole::Value => "value".to_owned(),
        OutputRole::Term(name) => format!("term {}", quoted(name)),
        OutputRole::Weight(name) => format!("weight {}", quoted(name)),
        OutputRole::Gradient(name) => format!("gradient {}", quoted(name)),
        OutputRole::State(name) => format!("state {}", quoted(name)),
    };
    format!("output {role} %{} {}", numbers[output.node.0 as usize], axis_list(graph, &output.axes))
}

fn operation(program: &Program, node: &Node) -> String {
    let graph = &program.graph;
    match &node.op {
        Op::Constant(Constant::Real(value)) => format!("real {value:?}"),
        Op::Constant(Constant::Int(value)) => format!("int {value}"),
        Op::Constant(Constant::Bool(value)) => format!("bool {value}"),
        Op::Input(id) => format!("input {}", quoted(&program.inputs[id.0 as usize].name)),
        Op::Parameter(id) => format!("parameter {}", quoted(&program.parameters[id.0 as usize].name)),
        Op::Size(axis) => format!("size {}", axis_list(graph, &[*axis])),
        Op::Index(axis) => format!("index {}", axis_list(graph, &[*axis])),
        Op::Unary(op) => op.name().to_owned(),
        Op::Binary(op) => op.name().to_owned(),
        Op::Compare(op) => op.name().to_owned(),
        Op::Logic(op) => op.name().to_owned(),
        Op::Polygamma(n) => format!("polygamma {n}"),
        Op::Select => "select".to_owned(),
        Op::Cast(element) => format!("cast {}", element.name()),
        Op::Stop => "stop".to_owned(),
        Op::Broadcast(axes) => format!("broadcast {}", axis_list(graph, axes)),
        Op::Reduce(op, axes) => format!("reduce {} {}", op.name(), axis_list(graph, axes)),
        Op::Softmax(op, axes) => format!("{} {}", op.name(), axis_list(graph, axes)),
        Op::Gather(axis) => format!("gather {}", axis_list(graph, &[*axis])),
        Op::Order(axis) => format!("order {}", axis_list(graph, &[*axis])),
        Op::TopIndex { over, to, along } => {
            format!("topindex {} {} {}", axis_list(graph, over), axis_list(graph, &[*to]), axis_list(graph, &[*along]))
        }
        Op::CumSum { axis, reverse } => {
            format!("{} {}", if *reverse { "cumsum_reverse" } else { "cumsum" }, axis_list(graph, &[*axis]))
        }
        Op::Scatter { axis, over } => format!("scatter {} {}", axis_list(graph, &[*axis]), axis_list(graph, over)),
        Op::Contract { over, masked } => {
            format!("contract{} {}", if *masked { "_masked" } else { "" }, axis_list(graph, over))
        }
        Op::Rename { from, to } => format!("rename {}", axis_list(graph, &[*from, *to])),
        Op::Carried(carried) => {
            format!("carried {} {} {}", carried.of.0, carried.variable, type_text(graph, &carried.ty))
        }
        Op::Repeat(repeat) => {
            let trace = repeat.trace.map(|axis| format!(" along {}", axis_list(graph, &[axis])));
            format!(
                "repeat {} times {} variable {} of {} {}{}",
                repeat.of.0,
                repeat.turns,
                repeat.variable,
                repeat.variables,
                type_text(graph, &repeat.ty),
                trace.unwrap_or_default()
            )
        }
    }
}

/// In double quotes, with backslashes before quotes, backslashes and line breaks.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
