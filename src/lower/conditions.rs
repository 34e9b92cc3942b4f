//! What must hold of hyperparameters: the `where` conditions of the entry and of every loss it calls.

use super::LowerError;
use super::instance::{Instance, Lowering};
use crate::ir::{Graph, NodeId, Op, Output, OutputRole, Program};
use crate::span::Span;

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The loss that states it.
    pub loss: String,
    /// The hyperparameter that it is about.
    pub parameter: String,
    /// Where it is written.
    pub span: Span,
}

/// All conditions that depend on nothing but hyperparameters, as a program whose outputs they are, in order.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// What each output is about.
    pub conditions: Vec<Condition>,
    /// Its outputs are bools without axes; it has no inputs.
    pub program: Program,
}

impl Lowering<'_> {
    /// Remembers the conditions of an instance.
    pub fn note_conditions(&mut self, instance: &Instance<'_>) -> Result<(), LowerError> {
        for hyperparameter in &instance.function.hyperparameters {
            let Some(condition) = &hyperparameter.condition else { continue };
            let value = self.expr(instance, condition)?;
            // What depends on data, or on how many there are, is not known before a call.
            if value.data || has_extent(&self.program.graph, value.node) {
                continue;
            }
            let about = Condition {
                loss: instance.function.name.clone(),
                parameter: hyperparameter.name.clone(),
                span: condition.span,
            };
            if !self.conditions.iter().any(|(_, node)| *node == value.node) {
                self.conditions.push((about, value.node));
            }
        }
        Ok(())
    }

    /// The conditions as a program of their own.
    pub fn finish_conditions(&mut self) -> Conditions {
        let mut program = Program { parameters: self.program.parameters.clone(), ..Program::default() };
        let mut conditions = Vec::new();
        let mut copied = std::collections::HashMap::new();
        for (about, node) in std::mem::take(&mut self.conditions) {
            let node = copy(&self.program.graph, &mut program.graph, node, &mut copied);
            let role = OutputRole::Term(conditions.len().to_string());
            program.outputs.push(Output { role, node, axes: Vec::new() });
            conditions.push(about);
        }
        Conditions { conditions, program }
    }
}

/// Whether a node depends on the extent of an axis.
fn has_extent(graph: &Graph, node: NodeId) -> bool {
    let live = crate::ir::live_nodes(graph, &[node]);
    live.into_iter().any(|id| matches!(graph.node(id).op, Op::Size(_) | Op::Index(_)))
}

/// Copies a node without axes, and what it depends on, into another graph.
fn copy(from: &Graph, to: &mut Graph, node: NodeId, copied: &mut std::collections::HashMap<NodeId, NodeId>) -> NodeId {
    if let Some(&made) = copied.get(&node) {
        return made;
    }
    let source = from.node(node);
    let operands: Vec<NodeId> = source.operands.iter().map(|&operand| copy(from, to, operand, copied)).collect();
    debug_assert!(!matches!(source.op, Op::Input(_)), "a condition on data");
    let made = to.add(source.op.clone(), &operands);
    copied.insert(node, made);
    made
}
