//! Sums of what is selected or 0 → sums under a mask, of the lanes where it is not 0.

use super::body::{parts_of, under};
use super::graph::{Graph, Id, Lane, One, Op};
use super::lines::{Left, Lines};
use crate::op::ReduceOp;

/// Takes the selections out of the sums that alone need them. A sum begins with +0, which adding ±0 leaves as it is.
pub(super) fn sums(lines: &mut Lines) {
    let uses = uses(lines);
    let Lines { graph, left, .. } = lines;
    for left in left {
        let Left::Reduce { op: ReduceOp::Sum, lane: Lane::F32 | Lane::F64, parts, under, .. } = left else {
            continue;
        };
        if let [part] = parts[..]
            && uses[part.0 as usize] == 1
            && let Some((mask, value)) = selected(graph, part)
        {
            (*under, parts[0]) = (Some(mask), value);
        }
    }
}

/// The mask under which something is not 0, and what it is there.
fn selected(graph: &mut Graph, id: Id) -> Option<(Id, Id)> {
    let node = *graph.get(id);
    let [condition, yes, no] = node.operands()[..] else { return None };
    if node.op != Op::Select {
        return None;
    }
    match (graph.constant_of(yes), graph.constant_of(no)) {
        (_, Some(0)) => Some((condition, yes)),
        (Some(0), _) => Some((graph.one(One::Not, Lane::Mask, condition), no)),
        _ => None,
    }
}

/// How often each node is used by what is needed.
pub(super) fn uses(lines: &Lines) -> Vec<u32> {
    let mut uses = vec![0; lines.graph.len()];
    let masks = lines.left.iter().filter_map(under);
    for id in lines.left.iter().flat_map(parts_of).copied().chain(masks) {
        uses[id.0 as usize] += 1;
    }
    // Operands have smaller ids.
    for id in (0..lines.graph.len()).rev() {
        if uses[id] > 0 {
            let operands = lines.graph.get(Id(id as u32)).operands();
            operands.iter().for_each(|operand| uses[operand.0 as usize] += 1);
        }
    }
    uses
}
