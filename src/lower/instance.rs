//! One function with axes and arguments put in: the setting in which its expressions are lowered.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use super::outermost::Outermost;
use super::repeat::{OpenLoop, Turning};
use super::terms::Term;
use super::{LowerError, Options};
use crate::check::kind_name;
use crate::hir::{self, AxisKind, Expr, ExprKind, Function, IntRef, Kind, LabelledAxis};
use crate::ir::{AxisId, Extent, InputData, InputId, LabelRange, NodeId, ParameterData, ParameterId, Program};
use crate::op::{Compare, Element};
use crate::span::Span;
use crate::syntax::ast::Role;

/// A lowered expression.
#[derive(Clone, Debug)]
pub struct Value {
    /// Its node.
    pub node: NodeId,
    /// Its axes in the order of the language.
    pub axes: Vec<AxisId>,
    /// What it ends in.
    pub outer: Outermost,
    /// Whether it depends on an input.
    pub data: bool,
}

/// The value of a hyperparameter.
#[derive(Clone, Debug)]
pub enum Hyper {
    /// A real one.
    Real(Value),
    /// An int one.
    Int(i64),
    /// The extent of an axis, which is asked of the axis.
    Extent,
}

/// A function with axes and arguments put in.
pub struct Instance<'a> {
    /// The function.
    pub function: &'a Function,
    /// What stands for each of its axes.
    pub axes: Vec<Vec<AxisId>>,
    /// Its arguments.
    pub inputs: Vec<Value>,
    /// Its hyperparameters.
    pub hyperparameters: Vec<Hyper>,
    /// Its `let`s, as far as lowered.
    pub lets: Vec<Value>,
    /// Its calls, as far as lowered, by their place in memory: a call is instantiated once, so that the axes which
    /// a callee adds are the same wherever its value is used (in the value and in a term).
    pub calls: RefCell<HashMap<*const hir::Call, Value>>,
    /// The losses that its inputs are, by the names that they have as terms.
    pub losses: Vec<Option<String>>,
    /// The terms of those of its calls that are losses over losses.
    pub terms: RefCell<HashMap<*const hir::Call, Vec<Term>>>,
}

impl<'a> Instance<'a> {
    /// A function with these axes and nothing else put in yet.
    pub fn new(function: &'a Function, axes: Vec<Vec<AxisId>>) -> Self {
        let (inputs, hyperparameters, lets, losses) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (calls, terms) = (RefCell::default(), RefCell::default());
        Instance { function, axes, inputs, hyperparameters, lets, calls, losses, terms }
    }
}

/// The graph under construction.
pub struct Lowering<'h> {
    /// All checked functions.
    pub hir: &'h hir::Program,
    /// What is built.
    pub program: Program,
    /// Conditions met so far.
    pub conditions: Vec<super::conditions::Noted>,
    /// Axes whose extent a hyperparameter may give that is not given.
    pub wanted_extents: Vec<super::extents::Wanted>,
    /// All states and learnables of the entry, by the calls that lead to them.
    pub carried: Vec<hir::Carried>,
    /// The numbers of the calls in which lowering stands.
    pub path: Vec<u32>,
    /// The new values of states, by name.
    pub states: Vec<(String, NodeId)>,
    /// The loops in which the place being lowered stands, the innermost last.
    pub open_loops: Vec<OpenLoop>,
    /// How many calls have been put in.
    pub calls: usize,
    /// How many calls the one being put in stands in.
    pub depth: usize,
    /// The call in the entry that is being put in: what is called, and where.
    pub outer_call: Option<(String, Span)>,
    labelled: HashMap<String, AxisId>,
}

impl<'h> Lowering<'h> {
    /// An empty graph.
    pub fn new(hir: &'h hir::Program) -> Self {
        Lowering {
            hir,
            program: Program::default(),
            conditions: Vec::new(),
            wanted_extents: Vec::new(),
            carried: Vec::new(),
            path: Vec::new(),
            states: Vec::new(),
            open_loops: Vec::new(),
            calls: 0,
            depth: 0,
            outer_call: None,
            labelled: HashMap::new(),
        }
    }

    /// The axis of the graph for a labelled axis.
    pub fn labelled_axis(&mut self, data: &Arc<LabelledAxis>) -> AxisId {
        if let Some(&axis) = self.labelled.get(&data.name) {
            return axis;
        }
        let axis = self.program.graph.add_axis(&data.name, Extent::Fixed(data.labels.len() as u64), false);
        self.labelled.insert(data.name.clone(), axis);
        axis
    }

    /// Adds the axes that the body of a function adds to its signature's.
    pub fn body_axes(&mut self, function: &Function, axes: &mut Vec<Vec<AxisId>>) {
        for axis in &function.axes[axes.len()..] {
            let made = match &axis.kind {
                AxisKind::Labelled(data) => vec![self.labelled_axis(data)],
                AxisKind::Copy(of) => {
                    let of = axes[of.0 as usize].first().copied();
                    of.map(|of| self.program.graph.add_axis(&axis.name, Extent::SameAs(of), false))
                        .into_iter()
                        .collect()
                }
                // How long it is follows when what it depends on is lowered.
                AxisKind::Computed(_) => vec![self.program.graph.add_axis(&axis.name, Extent::Input, false)],
                AxisKind::Single | AxisKind::Pack => Vec::new(),
            };
            axes.push(made);
        }
    }

    /// The entry: its axes are those of the data, its hyperparameters those of the caller.
    pub fn entry<'a>(&mut self, function: &'a Function, options: &Options) -> Result<Instance<'a>, LowerError> {
        let mut axes = Vec::new();
        for axis in &function.axes[..function.signature_axes] {
            let made = match &axis.kind {
                AxisKind::Labelled(data) => vec![self.labelled_axis(data)],
                AxisKind::Pack if options.empty_packs.contains(&axis.name) => Vec::new(),
                kind => vec![self.program.graph.add_axis(&axis.name, Extent::Input, *kind == AxisKind::Pack)],
            };
            axes.push(made);
        }
        self.body_axes(function, &mut axes);
        let mut instance = Instance::new(function, axes);
        for hyperparameter in &function.hyperparameters {
            let value = if hyperparameter.extent_of.is_some() {
                Hyper::Extent
            } else if hyperparameter.role == Role::Int {
                match options.ints.get(&hyperparameter.name) {
                    Some(&value) => Hyper::Int(value),
                    None => Hyper::Int(self.constant_int(&instance, &hyperparameter.default)?),
                }
            } else {
                self.real_parameter(&instance, hyperparameter, &hyperparameter.name)?
            };
            instance.hyperparameters.push(value);
        }
        self.note_conditions(&instance)?;
        Ok(instance)
    }

    /// A parameter of the graph for a hyperparameter of an instance. A default that speaks of other hyperparameters holds
    /// where the parameter is NaN, which is what it is if it is not given.
    pub fn real_parameter(
        &mut self,
        instance: &Instance<'_>,
        one: &hir::Hyperparameter,
        name: &str,
    ) -> Result<Hyper, LowerError> {
        let known = self.program.parameters.iter().position(|data| data.name == name);
        let id = ParameterId(known.unwrap_or(self.program.parameters.len()) as u32);
        let default = match self.constant_real(instance, &one.default) {
            Ok(value) => Some(value),
            Err(LowerError::NotCompileTime { .. }) => None,
            Err(error) => return Err(error),
        };
        if known.is_none() {
            let default = default.unwrap_or(f64::NAN);
            self.program.parameters.push(ParameterData { name: name.to_string(), default });
        }
        let mut node = self.program.graph.parameter(id);
        if default.is_none() {
            let otherwise = self.expr(instance, &one.default)?.node;
            let graph = &mut self.program.graph;
            let given = graph.compare(Compare::Eq, node, node);
            node = graph.select(given, node, otherwise);
        }
        let outer = Outermost::other("a hyperparameter", one.span);
        Ok(Hyper::Real(Value { node, axes: Vec::new(), outer, data: false }))
    }

    /// The `let`s of an instance, in order.
    pub fn lets(&mut self, instance: &mut Instance<'_>) -> Result<(), LowerError> {
        let mut turning = Turning::default();
        for binding in &instance.function.lets {
            self.local_extents(instance)?;
            let value = match binding.value.kind {
                ExprKind::Carried(repeat, variable) => {
                    self.carried(instance, &mut turning, repeat, variable, binding.value.span)?
                }
                ExprKind::Repeated(repeat, variable) => {
                    self.repeated(instance, &turning, repeat, variable, binding.value.span)
                }
                _ => self.expr(instance, &binding.value)?,
            };
            instance.lets.push(value);
        }
        self.local_extents(instance)
    }

    /// The value that marks ignored labels, in an instance.
    pub fn ignored(instance: &Instance<'_>, value: IntRef) -> Option<i64> {
        match value {
            IntRef::Value(value) => Some(value),
            IntRef::Hyperparameter(position) => match instance.hyperparameters.get(position as usize)? {
                Hyper::Int(value) => Some(*value),
                Hyper::Real(_) | Hyper::Extent => None,
            },
        }
    }

    /// An input that is not given: its default, along its declared axes.
    pub fn default_input(
        &mut self,
        instance: &Instance<'_>,
        input: &hir::Input,
        default: &Expr,
    ) -> Result<Value, LowerError> {
        let value = self.expr(instance, default)?;
        let axes: Vec<AxisId> = input.ty.axes.iter().flat_map(|axis| instance.axes[axis.0 as usize].clone()).collect();
        let node = self.program.graph.broadcast(value.node, &axes);
        Ok(Value { node, axes, ..value })
    }
}

/// Makes the inputs of the entry: tensors of the caller, or defaults.
pub fn entry_inputs(
    lowering: &mut Lowering<'_>,
    instance: &mut Instance<'_>,
    options: &Options,
) -> Result<(), LowerError> {
    let function = instance.function;
    for input in &function.inputs {
        if let Some(default) = &input.default
            && !options.given.contains(&input.name)
        {
            let value = lowering.default_input(instance, input, default)?;
            instance.inputs.push(value);
            continue;
        }
        let axes: Vec<AxisId> = input.ty.axes.iter().flat_map(|axis| instance.axes[axis.0 as usize].clone()).collect();
        let element = if input.ty.kind.is_real() { Element::Real } else { Element::Int };
        let id = InputId(lowering.program.inputs.len() as u32);
        let node = lowering.program.graph.input(id, element, &axes);
        let labels = match input.ty.kind {
            Kind::Index { axis, ignored } => instance.axes[axis.0 as usize].first().map(|&axis| LabelRange {
                axis,
                ignored: ignored.and_then(|value| Lowering::ignored(instance, value)),
            }),
            _ => None,
        };
        let kind = kind_name(input.ty.kind, &function.axes, &function.hyperparameters);
        lowering.program.inputs.push(InputData {
            name: input.name.clone(),
            node,
            element,
            axes: axes.clone(),
            labels,
            kind,
        });
        let node = if input.ty.kind == Kind::Bool {
            let zero = lowering.program.graph.int(0);
            lowering.program.graph.compare(Compare::Ne, node, zero)
        } else {
            node
        };
        let outer = Outermost::other("an input", input.span);
        instance.inputs.push(Value { node, axes, outer, data: true });
    }
    Ok(())
}
