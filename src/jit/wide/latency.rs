//! The graph of a strip → how long a vector takes if it never waits for anything but its own operations.
//!
//! The numbers are those of current processors of Intel, in cycles, rounded: they decide how code is laid out, not what
//! it computes.

use super::body::{parts_of, under};
use super::graph::{Id, Lane, Node, One, Op, Three, Two};
use super::lines::Lines;

/// The cycles from the first operation to the last one, along the longest chain. What is loaded is there.
pub(super) fn longest(lines: &Lines) -> u32 {
    let graph = &lines.graph;
    let mut ends: Vec<u32> = Vec::with_capacity(graph.len());
    for id in (0..graph.len() as u32).map(Id) {
        let node = graph.get(id);
        let begin = node.operands().iter().map(|operand| ends[operand.0 as usize]).max().unwrap_or(0);
        ends.push(begin + latency(node));
    }
    let masks = lines.left.iter().filter_map(under);
    let all = lines.left.iter().flat_map(parts_of).copied().chain(masks);
    all.map(|part| ends[part.0 as usize]).max().unwrap_or(0)
}

/// The cycles that an operation takes.
pub(super) fn latency(node: &Node) -> u32 {
    let is_float = matches!(node.lane, Lane::F32 | Lane::F64);
    match node.op {
        Op::Constant(_) | Op::Uniform(_) | Op::Load { .. } => 0,
        Op::One(One::Sqrt) | Op::Two(Two::Div) => 24,
        Op::One(One::Floor | One::Ceil | One::Round) | Op::Join(_) => 8,
        Op::One(One::Not | One::Left(_) | One::Right(_) | One::AbsInt) => 1,
        Op::Two(Two::And | Two::AndNot | Two::Or | Two::Xor) | Op::Three(Three::Merge) | Op::Select => 1,
        Op::Two(Two::Mul) if !is_float => 15,
        Op::Two(Two::MulLow) => 5,
        Op::Two(_) if !is_float => 1,
        Op::Two(Two::Scale) => 6,
        Op::Compare(_) | Op::Pair(_) | Op::One(One::LowMask | One::HighMask) => 3,
        Op::Gather { .. } => 25,
        Op::Position => 4,
        Op::One(_) | Op::Two(_) | Op::Three(_) | Op::MulAdd { .. } => 4,
    }
}
