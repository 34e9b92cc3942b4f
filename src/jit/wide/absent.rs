//! A strip that asks for one lane, such as that of a label → the strip as it is where that lane is not.
//!
//! Of a row of a thousand classes one has the label: the vectors that are far from it need neither the comparison nor
//! what is selected by it. The loops run code without them, and the code of partial vectors where the lane is.

use super::graph::{Graph, Id, Lane, Op, Relation};
use super::lines::{Left, Lines, Uniform};

/// The argument cell that has the lane, and the strip elsewhere; nothing if no lane or several are asked for.
pub(super) fn absent(lines: &Lines) -> Option<(u32, Lines)> {
    let mut found = None;
    for id in (0..lines.graph.len() as u32).map(Id) {
        let Some(cell) = asked_for(lines, id) else { continue };
        if found.is_some_and(|(_, known)| known != cell) {
            return None;
        }
        found = Some((id, cell));
    }
    let (_, cell) = found?;
    let mut graph = Graph::new(lines.graph.machine);
    let mut mapped: Vec<Id> = Vec::new();
    for id in (0..lines.graph.len() as u32).map(Id) {
        let node = lines.graph.get(id);
        let operands: Vec<Id> = node.operands().iter().map(|operand| mapped[operand.0 as usize]).collect();
        mapped.push(match (asked_for(lines, id), node.op) {
            (Some(_), Op::Compare(relation)) => truth(&mut graph, relation == Relation::NotEqual),
            _ => graph.add(node.op, node.lane, &operands),
        });
    }
    let left = lines.left.iter().map(|left| remapped(left, &mapped, &mut graph)).collect();
    let (streams, uniforms) = (lines.streams.clone(), lines.uniforms.clone());
    Some((cell, Lines { graph, streams, uniforms, left, lanes: lines.lanes, double: lines.double }))
}

/// The argument cell whose lane a node is true or false for alone.
fn asked_for(lines: &Lines, id: Id) -> Option<u32> {
    let node = lines.graph.get(id);
    let Op::Compare(Relation::Equal | Relation::NotEqual) = node.op else { return None };
    let [own, wanted] = [0, 1].map(|place| lines.graph.get(node.operands()[place]).op);
    match (own, wanted) {
        (Op::Position, Op::Uniform(cell)) => matches!(lines.uniforms[cell as usize], Uniform::Lane(_)).then_some(cell),
        _ => None,
    }
}

/// A mask that is the same in every lane.
fn truth(graph: &mut Graph, value: bool) -> Id {
    let zero = graph.constant(Lane::F32, 0);
    let relation = if value { Relation::Equal } else { Relation::NotEqual };
    graph.add(Op::Compare(relation), Lane::F32, &[zero, zero])
}

fn remapped(left: &Left, mapped: &[Id], graph: &mut Graph) -> Left {
    let mut left = left.clone();
    left.remap(mapped);
    if let Left::Reduce { parts, under, lane, .. } = &mut left
        && let Some(mask) = under
    {
        let truth = graph.truth(*mask);
        if truth == Some(false) {
            parts.fill(graph.constant(*lane, 0));
        }
        *under = under.filter(|_| truth.is_none());
    }
    left
}
