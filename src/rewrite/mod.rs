//! Simplification: tables of named rules over the graph.
//!
//! [`rules`] are equations between [`pattern`]s, `structural` are rules about axes in Rust, `fold` computes
//! with literals, `engine` applies them all to a fixed point, and [`expand`] takes the softmax family apart.
//! Rules and graphs only: nothing here knows of derivatives or kernels. `README.md` is the law for who
//! adds a rule.

mod contract;
mod engine;
mod expand;
mod fold;
pub mod pattern;
pub mod rules;
pub mod structural;
mod whole;

pub use contract::recognise_contractions;
pub use engine::Statistics;
pub use expand::expand_softmax;

use engine::Engine;

use crate::ir::{Program, border, live_nodes, map_program, renumber, with_axes_of};

/// Passes over the whole graph before giving up on a fixed point.
const PASSES: usize = 8;

/// The program simplified by all rules, with live nodes only, and what was applied.
pub fn simplify(program: &Program) -> (Program, Statistics) {
    run(program, false)
}

/// The program simplified by the rules that change no bit of the result.
pub fn simplify_strictly(program: &Program) -> (Program, Statistics) {
    run(program, true)
}

fn run(program: &Program, strict: bool) -> (Program, Statistics) {
    let mut statistics = Statistics::default();
    let mut program = renumber(program);
    for _ in 0..PASSES {
        let (next, applied) = pass(&program, strict);
        let settled = applied.firings.is_empty();
        applied.firings.iter().for_each(|(name, count)| *statistics.firings.entry(name).or_default() += count);
        statistics.exhausted |= applied.exhausted;
        program = renumber(&next);
        if settled || statistics.exhausted {
            break;
        }
    }
    (program, statistics)
}

fn pass(program: &Program, strict: bool) -> (Program, Statistics) {
    let live = live_nodes(&program.graph, &border(program)).len() as u64;
    let inputs = program.inputs.clone();
    let mut engine = Engine::new(with_axes_of(&program.graph), &inputs, strict, 1000 + 100 * live);
    let mut result = map_program(program, |graph, node, operands| {
        // The new graph belongs to the engine while it works on a node.
        std::mem::swap(graph, &mut engine.graph);
        let id = engine.make(node.op.clone(), operands);
        std::mem::swap(graph, &mut engine.graph);
        id
    });
    for output in &mut result.outputs {
        // An output is repeated along what its node lacks anyway.
        if let crate::ir::Op::Broadcast(_) = result.graph.node(output.node).op {
            output.node = result.graph.node(output.node).operands[0];
        }
    }
    (result, engine.statistics)
}
