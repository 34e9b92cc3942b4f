//! Graphs whose `stop` nodes hold still: what differences of a loss with `stop` are to be compared with.

use lossc::bind::Binding;
use lossc::eval::Precision;
use lossc::ir::{NodeId, Op, OutputRole, Program, open_loops, parse, print};
use lossc::op::Element;
use lossc::tensor::Tensor;

use super::{Tensors, interpret, views};

/// The program with every `stop` node replaced by an input, and the tensors with the values that those nodes have
/// for the given ones. None where a `stop` stands in a loop, where it has another value at every turn, or is of ints, which
/// an input of reals cannot stand for.
pub fn frozen(program: &Program, tensors: &Tensors) -> Option<(Program, Tensors)> {
    let live =
        lossc::ir::live_nodes(&program.graph, &program.outputs.iter().map(|output| output.node).collect::<Vec<_>>());
    let stops: Vec<_> = live.into_iter().filter(|&id| matches!(program.graph.node(id).op, Op::Stop)).collect();
    let mut plain = program.clone();
    plain.outputs.retain(|output| output.role == OutputRole::Value);
    if stops.is_empty() {
        return Some((plain, tensors.clone()));
    }
    let open = open_loops(&program.graph);
    let is_real = |id: &NodeId| program.graph.ty(*id).element == Element::Real;
    if stops.iter().any(|id| !open[id.0 as usize].is_empty() || !is_real(id)) {
        return None;
    }
    let mut with_stops = plain.clone();
    for (at, &id) in stops.iter().enumerate() {
        let axes = program.graph.axes_of(id).to_vec();
        let role = OutputRole::Term(format!("stop{at}"));
        with_stops.outputs.push(lossc::ir::Output { role, node: id, axes });
    }
    let values = interpret(&with_stops, tensors, Precision::Double).expect("the data fit");
    let used: Tensors =
        tensors.iter().filter(|(name, _)| program.inputs.iter().any(|input| input.name == *name)).cloned().collect();
    let binding = Binding::new(&with_stops, &views(&used)).expect("the data fit");
    let mut all = tensors.clone();
    for (at, &id) in stops.iter().enumerate() {
        let name = format!("stop{at}");
        let shape = binding.shape(&with_stops, program.graph.axes_of(id));
        all.push((name.clone(), Tensor::f64(values.of(&OutputRole::Term(name)).to_vec(), &shape)));
    }
    Some((thawed(&print(&with_stops)), all))
}

/// The text form with `stop` nodes as inputs. The stops come out as the terms `stop0`, `stop1`, …, in order.
fn thawed(text: &str) -> Program {
    let (mut head, mut body) = (Vec::new(), Vec::new());
    let mut stops = 0;
    let mut declared = Vec::new();
    for line in text.lines() {
        match line.split_once(" = stop ") {
            Some((node, rest)) => {
                let (_, ty) = rest.split_once(" : ").expect("a type");
                declared.push(format!("input \"stop{stops}\" {ty} \"real\""));
                body.push(format!("{node} = input \"stop{stops}\" : {ty}"));
                stops += 1;
            }
            None if line.starts_with("output term") => {}
            None if line.starts_with('%') || line.starts_with("output") => body.push(line.to_owned()),
            None => head.push(line.to_owned()),
        }
    }
    let inputs = head.iter().rposition(|line| line.starts_with("input ")).map_or(head.len(), |at| at + 1);
    head.splice(inputs..inputs, declared);
    let whole = head.into_iter().chain(body).collect::<Vec<_>>().join("\n");
    parse(&whole).unwrap_or_else(|error| panic!("{error}\n{whole}"))
}
