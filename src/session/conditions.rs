//! The conditions on hyperparameters, at a call → nothing, or the first that is not met.
//!
//! They are looked at as soon as what they speak of is known: parameters, extents, data. What has met them is kept, so
//! that a call looks again only where its parameters or extents are other ones; data are other ones at every call.

use super::error::{Error, UnmetCondition};
use super::interpret::interpret;
use crate::bind::{Binding, Shapes};
use crate::diagnostic::Diagnostic;
use crate::eval;
use crate::ir::AxisId;
use crate::jit::{Compiled, JitError, Outputs, Threads};
use crate::lower::{AllConditions, Condition, Conditions};
use crate::span::SourceMap;
use crate::tensor::TensorView;

/// The conditions of a loss. The interpreter looks at those that need no data.
#[derive(Debug)]
pub(super) struct Demands {
    conditions: AllConditions,
    /// Of those on data; none if the loss is interpreted, or has none.
    compiled: Option<Compiled>,
}

/// What has met the conditions, and the memory in which those on data are computed.
#[derive(Debug, Default)]
pub(super) struct Met {
    /// Those of the last call, once there was one: a loss may have none.
    parameters: Option<Vec<f64>>,
    /// Of the axes that conditions speak of, with the parameters of that call.
    extents: Vec<usize>,
    with: Vec<f64>,
    shapes: Shapes,
    outputs: Outputs,
}

/// A condition that is not met.
struct Unmet<'a> {
    condition: &'a Condition,
    value: f64,
    /// Of each of its loops.
    turns: Vec<u64>,
}

impl Demands {
    /// `compile` makes kernels of the conditions on data; it is not asked where there are none.
    pub fn new(
        mut conditions: AllConditions,
        compile: impl FnOnce(&mut Conditions) -> Result<Option<Compiled>, JitError>,
    ) -> Result<Self, JitError> {
        let some = !conditions.of_data.conditions.is_empty();
        let compiled = if some { compile(&mut conditions.of_data)? } else { None };
        Ok(Demands { conditions, compiled })
    }

    /// Those on other hyperparameters.
    pub fn on_parameters(&self, parameters: &[f64], sources: &SourceMap, met: &mut Met) -> Result<(), Error> {
        let own = &self.conditions.of_parameters;
        if own.conditions.is_empty() || met.parameters.as_ref().is_some_and(|known| same(known, parameters)) {
            return Ok(());
        }
        check(own, &evaluated(own, &|_| 0, parameters)).map_err(|unmet| unmet.error(&|_| 0, sources))?;
        let known = met.parameters.get_or_insert_default();
        known.clear();
        known.extend_from_slice(parameters);
        Ok(())
    }

    /// Those on extents.
    pub fn on_extents(
        &self,
        binding: &Binding<'_>,
        parameters: &[f64],
        sources: &SourceMap,
        met: &mut Met,
    ) -> Result<(), Error> {
        let own = &self.conditions.of_extents;
        if own.conditions.is_empty() {
            return Ok(());
        }
        let extents = own.conditions.iter().flat_map(|one| &one.axes).map(|(_, axis)| binding.extent(*axis));
        if same(&met.with, parameters) && met.extents.iter().copied().eq(extents.clone()) {
            return Ok(());
        }
        let extent = |axis| binding.extent(axis);
        check(own, &evaluated(own, &extent, parameters)).map_err(|unmet| unmet.error(&extent, sources))?;
        met.extents.clear();
        met.extents.extend(extents);
        met.with.clear();
        met.with.extend_from_slice(parameters);
        Ok(())
    }

    /// Those on data.
    pub fn on_data(
        &self,
        inputs: &[(&str, TensorView<'_>)],
        parameters: &[f64],
        threads: Threads,
        sources: &SourceMap,
        met: &mut Met,
    ) -> Result<(), Error> {
        let own = &self.conditions.of_data;
        if own.conditions.is_empty() {
            return Ok(());
        }
        // It has axes of its own beside those of the loss.
        let binding = Binding::with(&own.program, inputs, &mut met.shapes)?;
        let checked = match &self.compiled {
            Some(compiled) => {
                met.outputs.threads = threads;
                compiled.call(&binding, parameters, &mut met.outputs)?;
                check(own, &|output| met.outputs.scalar(output))
            }
            None => {
                let outputs = interpret(&own.program, &binding, parameters)?;
                check(own, &|output| outputs[output].reals().first().copied().unwrap_or(f64::NAN))
            }
        };
        checked.map_err(|unmet| unmet.error(&|axis| binding.extent(axis), sources))
    }
}

/// Whether parameters are those of before: bit by bit, since NaN stands for one that is not given.
fn same(before: &[f64], now: &[f64]) -> bool {
    before.iter().map(|value| value.to_bits()).eq(now.iter().map(|value| value.to_bits()))
}

/// The outputs of conditions that need no data.
fn evaluated(own: &Conditions, extent: &impl Fn(AxisId) -> usize, parameters: &[f64]) -> impl Fn(usize) -> f64 {
    let axes = (0..own.program.graph.all_axes().len()).map(|axis| AxisId(axis as u32));
    let extents: Vec<u64> = axes.map(|axis| extent(axis) as u64).collect();
    let outputs = eval::evaluate(&own.program, &extents, &[], parameters);
    move |output| outputs[output].reals().first().copied().unwrap_or(f64::NAN)
}

fn check<'a>(own: &'a Conditions, output: &impl Fn(usize) -> f64) -> Result<(), Unmet<'a>> {
    let Some(condition) = own.conditions.iter().find(|one| output(one.output) != 1.0) else { return Ok(()) };
    let turn = |position| output(condition.output + 2 + position) as u64;
    let turns = (0..condition.loops.len()).map(turn).collect();
    Err(Unmet { condition, value: output(condition.output + 1), turns })
}

impl Unmet<'_> {
    fn error(self, extent: &impl Fn(AxisId) -> usize, sources: &SourceMap) -> Error {
        let Condition { loss, parameter, span, of_entry, call, axes, loops, output: _ } = self.condition;
        let condition = sources.text(*span).to_string();
        let Unmet { value, turns, .. } = self;
        let title = format!("hyperparameter `{parameter}` of `{loss}` must satisfy `{condition}`, but it is {value}");
        let extents: Vec<(String, usize)> = axes.iter().map(|(name, axis)| (name.clone(), extent(*axis))).collect();
        let mut diagnostic = Diagnostic::error("E0711", title).at(*span, "the condition");
        if let Some((name, place)) = call {
            diagnostic = diagnostic.first_at(*place, format!("`{name}` is called here"));
        }
        for (turn, place) in turns.iter().zip(loops) {
            diagnostic = diagnostic.and_at(*place, format!("in turn {turn} of these"));
        }
        if !extents.is_empty() {
            let all: Vec<String> = extents.iter().map(|(name, extent)| format!("{name} = {extent}")).collect();
            diagnostic = diagnostic.note(format!("the extents: {}", all.join(", ")));
        }
        let diagnostic = diagnostic.help(if *of_entry {
            format!(
                "set it to a value for which it holds, as in `{loss}({parameter} = …)`, `--set {parameter}=…` or `.set(\"{parameter}\", …)`"
            )
        } else {
            format!("give `{parameter}` such a value where `{loss}` is called; `max`, `min` or `clamp` keeps it in bounds")
        });
        Error::Condition(Box::new(UnmetCondition {
            loss: loss.clone(),
            name: parameter.clone(),
            condition,
            value,
            extents,
            turns,
            diagnostic,
            sources: sources.clone(),
        }))
    }
}
