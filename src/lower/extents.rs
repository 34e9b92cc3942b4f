//! How long local axes are, and those whose extent is a hyperparameter: formulas taken from lowered ints.

use std::sync::Arc;

use super::instance::{Instance, Lowering};
use super::{LowerError, Options};
use crate::hir::{AxisKind, Expr, Function, Hyperparameter};
use crate::ir::{AxisId, Constant, Extent, ExtentFormula, GivenExtent, NodeId, Op};
use crate::op::{EXTENT_BINARY, EXTENT_UNARY};
use crate::span::Span;

/// How many operations a formula may have: a node that is used twice counts twice.
const MAX_OPERATIONS: usize = 200;

/// An axis whose extent a hyperparameter may give that is not given.
#[derive(Clone, Debug)]
pub struct Wanted {
    axis: AxisId,
    loss: String,
    parameter: String,
    span: Span,
    /// The call in the entry through which it is wanted.
    call: Option<(String, Span)>,
}

/// What gives an axis its extent, for messages.
struct Source<'a> {
    axis: &'a str,
    span: Span,
}

impl Lowering<'_> {
    /// The extents of those local axes of an instance whose formulas speak of the last `let` lowered, or of none
    /// before the first.
    pub fn local_extents(&mut self, instance: &Instance<'_>) -> Result<(), LowerError> {
        for (position, axis) in instance.function.axes.iter().enumerate() {
            let AxisKind::Computed(extent) = &axis.kind else { continue };
            if extent.lets_needed() != instance.lets.len() {
                continue;
            }
            let source = Source { axis: &axis.name, span: extent.span };
            let formula = self.extent_formula(instance, extent, &source)?;
            for &axis in &instance.axes[position] {
                let extent = fixed_or_computed(&formula, &source)?;
                self.program.graph.set_extent(axis, extent);
            }
        }
        Ok(())
    }

    /// The extents that the hyperparameters of the entry give.
    pub fn entry_extents(&mut self, instance: &Instance<'_>, options: &Options) -> Result<(), LowerError> {
        let function = instance.function;
        for hyperparameter in &function.hyperparameters {
            let Some(index) = hyperparameter.extent_of else { continue };
            let Some(&axis) = instance.axes[index.0 as usize].first() else { continue };
            match options.ints.get(&hyperparameter.name) {
                Some(&value) => {
                    self.give_extent(axis, ExtentFormula::Int(value), &hyperparameter.name, hyperparameter.span)?;
                }
                None => self.want_extent(axis, function, hyperparameter),
            }
        }
        Ok(())
    }

    /// The extent that a call gives an axis of its callee.
    pub fn extent_argument(
        &mut self,
        instance: &Instance<'_>,
        given: Option<&Expr>,
        (callee, hyperparameter): (&Function, &Hyperparameter),
        axis: Option<AxisId>,
    ) -> Result<(), LowerError> {
        let Some(axis) = axis else { return Ok(()) };
        let Some(given) = given else {
            self.want_extent(axis, callee, hyperparameter);
            return Ok(());
        };
        let name = self.program.graph.axis(axis).name.clone();
        let formula = self.extent_formula(instance, given, &Source { axis: &name, span: given.span })?;
        self.give_extent(axis, formula, &hyperparameter.name, given.span)
    }

    fn want_extent(&mut self, axis: AxisId, function: &Function, hyperparameter: &Hyperparameter) {
        let (loss, parameter) = (function.name.clone(), hyperparameter.name.clone());
        let call = self.outer_call.clone();
        self.wanted_extents.push(Wanted { axis, loss, parameter, span: hyperparameter.span, call });
    }

    /// Gives an axis its extent where no input has it; where one has, both must agree at the call.
    fn give_extent(
        &mut self,
        axis: AxisId,
        formula: ExtentFormula,
        parameter: &str,
        span: Span,
    ) -> Result<(), LowerError> {
        let root = self.program.graph.extent_root(axis);
        let name = self.program.graph.axis(root).name.clone();
        let extent = fixed_or_computed(&formula, &Source { axis: &name, span })?;
        let earlier = formula.axes().iter().all(|other| *other < root);
        if self.is_free(root) && earlier {
            self.program.graph.set_extent(root, extent);
        } else if self.program.graph.axis(root).extent != extent && formula != ExtentFormula::Size(axis) {
            self.program.given.push(GivenExtent { axis, extent: formula, parameter: parameter.to_string() });
        }
        Ok(())
    }

    /// Whether nothing says how long an axis is: no input has it.
    fn is_free(&self, root: AxisId) -> bool {
        let graph = &self.program.graph;
        let has = |axis: &AxisId| graph.extent_root(*axis) == root;
        graph.axis(root).extent == Extent::Input && !self.program.inputs.iter().any(|input| input.axes.iter().any(has))
    }

    /// Every axis that labels index, or that a hyperparameter may give, has an extent.
    pub fn require_extents(&self, entry: &Function) -> Result<(), LowerError> {
        let free = |axis: AxisId| self.is_free(self.program.graph.extent_root(axis));
        if let Some(wanted) = self.wanted_extents.iter().find(|wanted| free(wanted.axis)) {
            let error = LowerError::NoExtent {
                loss: wanted.loss.clone(),
                axis: self.program.graph.axis(wanted.axis).name.clone(),
                parameter: Some(wanted.parameter.clone()),
                span: wanted.span,
            };
            return Err(match &wanted.call {
                Some(call) => error.called(entry, call),
                None => error,
            });
        }
        let mut labels = self.program.inputs.iter().filter_map(|input| Some((input, input.labels?.axis)));
        match labels.find(|(_, axis)| free(*axis)) {
            None => Ok(()),
            Some((input, axis)) => Err(LowerError::NoExtent {
                loss: entry.name.clone(),
                axis: self.program.graph.axis(axis).name.clone(),
                parameter: None,
                span: entry.inputs.iter().find(|own| own.name == input.name).map_or(entry.span, |own| own.span),
            }),
        }
    }

    /// An int as a formula over extents.
    fn extent_formula(
        &mut self,
        instance: &Instance<'_>,
        expr: &Expr,
        source: &Source<'_>,
    ) -> Result<ExtentFormula, LowerError> {
        let node = self.expr(instance, expr)?.node;
        let mut left = MAX_OPERATIONS;
        self.formula_of(node, &mut left).map_err(|found| {
            let axis = source.axis.to_string();
            LowerError::NotAnExtent { axis, found, span: source.span }
        })
    }

    fn formula_of(&self, node: NodeId, left: &mut usize) -> Result<ExtentFormula, &'static str> {
        *left = left.checked_sub(1).ok_or("so many operations")?;
        let node = self.program.graph.node(node);
        let mut operand = |position: usize| self.formula_of(node.operands[position], left);
        Ok(match &node.op {
            Op::Constant(Constant::Int(value)) => ExtentFormula::Int(*value),
            Op::Size(axis) => ExtentFormula::Size(*axis),
            Op::Unary(op) if EXTENT_UNARY.contains(op) => ExtentFormula::Unary(*op, Box::new(operand(0)?)),
            Op::Binary(op) if EXTENT_BINARY.contains(op) => {
                ExtentFormula::Binary(*op, Box::new([operand(0)?, operand(1)?]))
            }
            _ => return Err("data"),
        })
    }
}

fn fixed_or_computed(formula: &ExtentFormula, source: &Source<'_>) -> Result<Extent, LowerError> {
    if !formula.axes().is_empty() {
        return Ok(Extent::Computed(Arc::new(formula.clone())));
    }
    let value = formula.constant().unwrap_or(i64::MAX);
    match u32::try_from(value) {
        Ok(extent) => Ok(Extent::Fixed(u64::from(extent))),
        Err(_) => Err(LowerError::Extent { axis: source.axis.to_string(), value, span: source.span }),
    }
}
