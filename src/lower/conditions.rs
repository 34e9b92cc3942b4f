//! What must hold of hyperparameters: the `where` conditions of the entry and of every loss it calls.

use super::LowerError;
use super::instance::{Hyper, Instance, Lowering};
use crate::hir;
use crate::ir::{AxisId, NodeId, Op, Output, OutputRole, Program, live_nodes, renumber};
use crate::op::Element;
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
    /// Whether the loss is the entry, whose hyperparameters the caller sets.
    pub of_entry: bool,
    /// The call in the entry that leads to it, if it is written outside of the entry: what is called, and where.
    pub call: Option<(String, Span)>,
    /// The axes on whose extents it depends, packs with two dots.
    pub axes: Vec<(String, AxisId)>,
    /// Where the numbers of turns stand of the loops at whose turns it is looked at, the outermost first.
    pub loops: Vec<Span>,
    /// Its first output: 1 where it holds. Then come the value of the hyperparameter and the turn of each loop, those
    /// of the first turn that does not meet it.
    pub output: usize,
}

/// Conditions as a program of their own.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// What its outputs are about.
    pub conditions: Vec<Condition>,
    /// Inputs, parameters and axes are those of the loss.
    pub program: Program,
}

/// All conditions, by what must be known to look at them.
#[derive(Clone, Debug, Default)]
pub struct AllConditions {
    /// Those on other hyperparameters and on numbers.
    pub of_parameters: Conditions,
    /// Those on extents too.
    pub of_extents: Conditions,
    /// Those on data too: of a hyperparameter that is given something computed from inputs.
    pub of_data: Conditions,
}

/// A condition as lowered.
pub(super) struct Noted {
    pub about: Condition,
    pub holds: NodeId,
    /// The value of the hyperparameter, and the turns.
    pub shown: Vec<NodeId>,
}

impl Lowering<'_> {
    /// Remembers the conditions of an instance.
    pub fn note_conditions(&mut self, instance: &Instance<'_>) -> Result<(), LowerError> {
        for (position, hyperparameter) in instance.function.hyperparameters.iter().enumerate() {
            let Some(condition) = &hyperparameter.condition else { continue };
            let holds = self.expr(instance, condition)?.node;
            let value = match &instance.hyperparameters[position] {
                Hyper::Real(value) => value.node,
                Hyper::Int(value) => self.program.graph.real(*value as f64),
                // The grammar has no condition there.
                Hyper::Extent => continue,
            };
            if self.conditions.iter().any(|noted| noted.holds == holds) {
                continue;
            }
            let about = Condition {
                loss: instance.function.name.clone(),
                parameter: hyperparameter.name.clone(),
                span: condition.span,
                of_entry: self.depth == 0,
                call: self.outer_call.clone(),
                axes: Vec::new(),
                loops: Vec::new(),
                output: 0,
            };
            self.conditions.push(Noted { about, holds, shown: vec![value] });
        }
        Ok(())
    }

    /// The conditions as programs of their own.
    pub fn finish_conditions(&mut self, entry: &hir::Function) -> AllConditions {
        let mut all = AllConditions::default();
        let noted = std::mem::take(&mut self.conditions);
        if noted.is_empty() {
            return all;
        }
        let (mut of_parameters, mut of_extents, mut of_data) = (Vec::new(), Vec::new(), Vec::new());
        for mut one in noted {
            let graph = &self.program.graph;
            one.about.call = one.about.call.filter(|_| !entry.contains(one.about.span));
            let live = live_nodes(graph, &[one.holds]);
            let has_data = live.iter().any(|id| matches!(graph.node(*id).op, Op::Input(_)));
            for id in live {
                let (Op::Size(axis) | Op::Index(axis)) = graph.node(id).op else { continue };
                let axis = graph.extent_root(axis);
                if !one.about.axes.iter().any(|(_, known)| *known == axis) {
                    let data = graph.axis(axis);
                    one.about.axes.push((format!("{}{}", if data.pack { ".." } else { "" }, data.name), axis));
                }
            }
            match (has_data, one.about.axes.is_empty()) {
                (true, _) => of_data.push(one),
                (false, false) => of_extents.push(one),
                (false, true) => of_parameters.push(one),
            }
        }
        all.of_parameters = self.conditions_of(of_parameters);
        all.of_extents = self.conditions_of(of_extents);
        all.of_data = self.conditions_of(of_data);
        all
    }

    fn conditions_of(&self, noted: Vec<Noted>) -> Conditions {
        if noted.is_empty() {
            return Conditions::default();
        }
        let mut program = Program { outputs: Vec::new(), given: Vec::new(), ..self.program.clone() };
        let mut conditions = Vec::new();
        for one in noted {
            conditions.push(Condition { output: program.outputs.len(), ..one.about });
            let holds = program.graph.cast(Element::Real, one.holds);
            for node in std::iter::once(holds).chain(one.shown) {
                let role = OutputRole::Term(program.outputs.len().to_string());
                program.outputs.push(Output { role, node, axes: Vec::new() });
            }
        }
        // What the loss itself computes is not kept once more.
        Conditions { conditions, program: renumber(&program) }
    }
}
