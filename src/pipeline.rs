//! The stages between the typed program and machine code, as a list: the compiler's table of contents.
//!
//! Each pass is a graph to a graph, has a name (`lossc show --stage`), and is verified in debug builds.

use crate::ad;
use crate::ir::{AxisId, NodeId, Output, OutputRole, ParameterId, Program, verify};
use crate::rewrite;

/// A pass from graph to graph.
pub struct Pass {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    run: fn(Program, &[String]) -> Program,
}

/// The passes in order. Stability rules come before differentiation, so that it is the stable form whose
/// derivative is taken; the softmax family stays whole until then, since its derivative needs it whole.
pub const PASSES: &[Pass] = &[
    Pass { name: "stabilize", about: "rewrite to stable and simple forms", run: |program, _| simplified(&program) },
    Pass { name: "gradient", about: "add the gradient of the value", run: differentiated },
    Pass { name: "simplify", about: "rewrite value and gradient together", run: |program, _| simplified(&program) },
    Pass {
        name: "expand",
        about: "softmax into maximum, sum and map",
        run: |program, _| rewrite::expand_softmax(&program),
    },
    Pass { name: "finish", about: "rewrite once more", run: |program, _| simplified(&program) },
    Pass {
        name: "contract",
        about: "sums of products into matrix products",
        run: |program, _| rewrite::recognise_contractions(&program),
    },
];

/// The program after each pass that has a name of its own for people.
#[derive(Clone, Debug)]
pub struct Stages {
    /// As lowered.
    pub ir: Program,
    /// With the gradient of the stable form.
    pub grad: Program,
    /// After the last pass: what is compiled.
    pub simplified: Program,
}

/// Runs all passes.
pub fn run(ir: Program, wrt: &[String]) -> Stages {
    let mut grad = ir.clone();
    let mut program = ir.clone();
    for pass in PASSES {
        program = (pass.run)(program, wrt);
        check(pass.name, &program);
        if pass.name == "gradient" {
            grad = program.clone();
        }
    }
    Stages { ir, grad, simplified: program }
}

/// Value and gradient for people to read: in stable form, simplified, without the guards against 0 · ∞.
pub fn readable(ir: Program, wrt: &[String]) -> Program {
    simplified(&ad::without_guards(&differentiated(simplified(&ir), wrt)))
}

#[expect(clippy::panic, reason = "a pass that breaks the graph is a bug of the compiler, found in debug builds")]
fn check(pass: &str, program: &Program) {
    if cfg!(debug_assertions)
        && let Err(error) = verify(program)
    {
        panic!("the pass `{pass}` broke the graph: {error}");
    }
}

fn simplified(program: &Program) -> Program {
    rewrite::simplify(program).0
}

/// The input or parameter of a name: name, node, axes.
fn target(program: &mut Program, name: &str) -> Option<(String, NodeId, Vec<AxisId>)> {
    if let Some(input) = program.inputs.iter().find(|input| input.name == name) {
        return Some((input.name.clone(), input.node, input.axes.clone()));
    }
    let position = program.parameters.iter().position(|data| data.name == name)?;
    let node = program.graph.parameter(ParameterId(position as u32));
    Some((name.to_string(), node, Vec::new()))
}

/// The program with the gradient of its value (of the sum of its values) with respect to these inputs
/// and parameters.
pub fn differentiated(mut program: Program, wrt: &[String]) -> Program {
    let Some(value) = program.outputs.iter().find(|output| output.role == OutputRole::Value).cloned() else {
        return program;
    };
    let inputs: Vec<_> = wrt.iter().filter_map(|name| target(&mut program, name)).collect();
    let one = program.graph.real(1.0);
    let seed = program.graph.broadcast(one, &value.axes);
    let of = program.graph.broadcast(value.node, &value.axes);
    let nodes: Vec<_> = inputs.iter().map(|(_, node, _)| *node).collect();
    let gradients = ad::gradient(&mut program.graph, of, seed, &nodes);
    for ((name, _, axes), node) in inputs.into_iter().zip(gradients) {
        program.outputs.push(Output { role: OutputRole::Gradient(name), node, axes });
    }
    program
}
