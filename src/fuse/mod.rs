//! Graph → plan: few loop nests that read each input once a pass.
//!
//! [`value`], [`region`] and [`prepare`] turn the graph into expressions at one position, [`analysis`] asks what an
//! order of loops would cost, [`schedule`] nests the loops, [`block`] cuts the innermost code into strips
//! and calls of block functions.
//!
//! The cost model. At every depth the next loop is the axis with the fewest levels (a reduction along the axis is
//! available one level later, and every level is one more pass); among equals the one whose neighbours are far apart in
//! memory comes first, so that the contiguous axis ends up innermost or is the vector axis; one that is known to be short
//! is neither, if there is another one. What is needed on two
//! levels is computed again where it is a few operations on loaded inputs, and kept in memory where a transcendental
//! function or a reduction is part of it. What does not vary along a loop is computed before it. In passes over the
//! whole data that have few functions, divisions and roots, and these written into the code, a function is computed
//! again as well: such passes wait for memory; but functions that the pass which writes an output needs of the inputs
//! alone an earlier pass leaves in the output's own memory ([`lend`]). Operations on whole tensors cut the program into
//! levels ([`whole`], [`region`]); what a level reduces and a later one needs too is kept for it ([`across`]).

mod across;
mod analysis;
mod block;
mod contract;
mod hoist;
mod keep;
mod lend;
mod one_hot;
mod prepare;
mod region;
mod schedule;
mod value;
mod whole;

use crate::ir::{AxisId, OutputRole, Program};
use crate::kernel::{Function, Input, Output, Plan, for_each_loop_mut, together};

/// What runs a plan.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Which functions are computed where they stand; another one is called for a block of lanes.
    pub inlined: &'a dyn Fn(Function) -> bool,
    /// Whether a product that is added is rounded with the sum.
    pub contracted: bool,
    /// Which axes are so short that lanes along them fill no vectors.
    pub short: &'a dyn Fn(AxisId) -> bool,
}

/// Schedules a program.
pub fn fuse(program: &Program, target: &Target<'_>) -> Plan {
    let graph = &program.graph;
    let axes = graph.all_axes().to_vec();
    let short = (0..axes.len() as u32).map(AxisId).filter(|&axis| (target.short)(axis)).collect();
    let mut plan = Plan { axes, short, ..Plan::default() };
    for input in &program.inputs {
        plan.inputs.push(Input { name: input.name.clone(), element: input.element, axes: input.axes.clone() });
    }
    plan.parameters = program.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    for output in &program.outputs {
        let name = match &output.role {
            OutputRole::Value => "value".to_owned(),
            OutputRole::Term(name) => format!("term {name}"),
            OutputRole::Weight(name) => format!("weight {name}"),
            OutputRole::Gradient(name) => format!("gradient {name}"),
            OutputRole::State(name) => format!("state {name}"),
        };
        plan.outputs.push(Output { axes: output.axes.clone(), name });
    }
    let mut values = value::Values::default();
    let levels = region::prepare(program, &mut plan, &mut values);
    if target.contracted {
        contract::contract(&mut values, &levels);
    }
    let mut plan = schedule::schedule(plan, &values, levels, target.inlined);
    let mut found = together(&plan).into_iter();
    for_each_loop_mut(&mut plan.statements, &mut |inner| inner.together = found.next().flatten());
    plan
}
