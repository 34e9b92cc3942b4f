//! Demands on inputs, and their unification: what the calls of a loss need of each name, made one.

use std::collections::{BTreeSet, HashMap};

use super::super::axes::bind_brackets;
use super::super::error::TypeError;
use super::super::kinds::{accepts, kind_name};
use super::super::scope::{Scope, Word};
use crate::hir::{Axis, AxisIndex, AxisKind, Function, Input, Kind, Ty};
use crate::span::Span;
use crate::syntax::ast::{self, EntryKind};

/// A placeholder of the inferred signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Variable(usize);

/// What is known of a [`Variable`].
#[derive(Clone, Debug)]
enum Known {
    /// Nothing yet: it becomes an axis of this name and sort.
    Free(Axis),
    /// It equals these.
    Equals(Vec<Variable>),
}

/// A kind in terms of variables.
#[derive(Clone, Copy, Debug)]
pub struct DemandedKind {
    pub kind: Kind,
    pub labels: Option<Variable>,
}

/// What one call needs.
pub struct Demand {
    pub name: String,
    pub kind: DemandedKind,
    pub axes: Vec<Variable>,
    pub span: Span,
    pub callee: String,
}

#[derive(Default)]
/// All demands of a loss.
pub struct Demands {
    variables: Vec<Known>,
    /// Axes named in brackets: one variable a name.
    rigid: HashMap<String, Variable>,
    pub demands: Vec<Demand>,
    /// The tensors without types that may occur; none in a loss.
    pub tensors: BTreeSet<String>,
    /// Those that do, in order, with their first places.
    pub used: Vec<ast::Name>,
    /// The kinds that functions want of them.
    pub kinds: Vec<(String, DemandedKind)>,
}

impl Demands {
    /// No demands yet, in an expression over these tensors.
    pub fn on(tensors: BTreeSet<String>) -> Self {
        Demands { tensors, ..Self::default() }
    }

    /// Notes a word that is a tensor.
    pub fn use_tensor(&mut self, path: &[ast::Name]) {
        if let [name] = path
            && self.tensors.contains(&name.text)
            && !self.used.iter().any(|other| other.text == name.text)
        {
            self.used.push(name.clone());
        }
    }

    /// The tensor that an argument is.
    pub fn tensor<'e>(&self, argument: &'e ast::Argument) -> Option<&'e str> {
        match &argument.value.kind {
            ast::ExprKind::Path(path) => match &path[..] {
                [name] if self.tensors.contains(&name.text) => Some(&name.text),
                _ => None,
            },
            _ => None,
        }
    }

    /// The variable of an axis that has a name.
    pub fn named(&mut self, axis: Axis) -> Variable {
        let written = axis.written();
        if let Some(&variable) = self.rigid.get(&written) {
            return variable;
        }
        let variable = self.fresh(axis);
        self.rigid.insert(written, variable);
        variable
    }

    fn fresh(&mut self, axis: Axis) -> Variable {
        self.variables.push(Known::Free(axis));
        Variable(self.variables.len() - 1)
    }

    /// Variables for the placeholders of one call; axes in brackets are the same variable wherever they are named.
    pub fn instance(&mut self, callee: &Function, brackets: Option<&[ast::Entry]>) -> Vec<Vec<Variable>> {
        let signature = &callee.axes[..callee.signature_axes];
        let mut bound: Vec<Option<Vec<AxisIndex>>> = vec![None; signature.len()];
        let mut named = Vec::new();
        for entry in brackets.unwrap_or_default() {
            let EntryKind::Axis(reference) = &entry.kind else { continue };
            let kind = if reference.pack { AxisKind::Pack } else { AxisKind::Single };
            let axis = Axis { name: reference.name.text.clone(), kind, span: entry.span };
            named.push(self.named(axis));
        }
        if brackets.is_some() {
            let order: Vec<AxisIndex> = (0..named.len()).map(|position| AxisIndex(position as u32)).collect();
            // A misfit is reported when the call itself is checked.
            let _ = bind_brackets(signature, &order, &mut bound);
        }
        let mut instance = Vec::new();
        for (axis, bound) in signature.iter().zip(bound) {
            instance.push(match bound {
                Some(positions) => positions.iter().map(|position| named[position.0 as usize]).collect(),
                None => vec![self.fresh(axis.clone())],
            });
        }
        instance
    }

    /// Variables with everything that is known put in.
    pub fn resolved(&self, axes: &[Variable]) -> Vec<Variable> {
        let mut all = Vec::new();
        for &variable in axes {
            match &self.variables[variable.0] {
                Known::Free(_) => all.push(variable),
                Known::Equals(others) => all.extend(self.resolved(others)),
            }
        }
        all
    }

    pub fn axis(&self, variable: Variable) -> Option<&Axis> {
        match &self.variables[variable.0] {
            Known::Free(axis) => Some(axis),
            Known::Equals(_) => None,
        }
    }

    fn is_pack(&self, variable: Variable) -> bool {
        self.axis(variable).is_some_and(|axis| axis.kind == AxisKind::Pack)
    }

    fn is_rigid(&self, variable: Variable) -> bool {
        self.rigid.values().any(|&rigid| self.resolved(&[rigid]) == [variable])
    }

    fn equate(&mut self, a: Variable, b: Variable) -> bool {
        if a == b {
            return true;
        }
        let labelled = |demands: &Self, variable| {
            demands.axis(variable).is_some_and(|axis| matches!(axis.kind, AxisKind::Labelled(_)))
        };
        let (rigid_a, rigid_b) = (self.is_rigid(a), self.is_rigid(b));
        if labelled(self, a) || labelled(self, b) {
            let same = self.axis(a).map(|axis| &axis.kind) == self.axis(b).map(|axis| &axis.kind);
            if same {
                self.variables[b.0] = Known::Equals(vec![a]);
            }
            return same;
        }
        if rigid_a && rigid_b {
            return false;
        }
        let (keep, drop) = if rigid_b { (b, a) } else { (a, b) };
        self.variables[drop.0] = Known::Equals(vec![keep]);
        true
    }

    /// Makes two lists of axes equal, if they can be.
    pub fn unify(&mut self, a: &[Variable], b: &[Variable]) -> bool {
        let (a, b) = (self.resolved(a), self.resolved(b));
        if a == b {
            return true;
        }
        let pack = |demands: &Self, axes: &[Variable]| axes.iter().position(|&axis| demands.is_pack(axis));
        match (pack(self, &a), pack(self, &b)) {
            (None, None) => a.len() == b.len() && a.iter().zip(&b).all(|(&a, &b)| self.equate(a, b)),
            (Some(position), None) => self.absorb(&a, position, &b),
            (None, Some(position)) => self.absorb(&b, position, &a),
            // The list with fewer single axes has the wider pack.
            (Some(first), Some(_)) if a.len() <= b.len() => self.absorb(&a, first, &b),
            (Some(_), Some(second)) => self.absorb(&b, second, &a),
        }
    }

    fn absorb(&mut self, wide: &[Variable], pack: usize, other: &[Variable]) -> bool {
        let after = wide.len() - pack - 1;
        if other.len() < pack + after {
            return false;
        }
        let middle = &other[pack..other.len() - after];
        let singles = wide[..pack].iter().zip(other).chain(wide[pack + 1..].iter().zip(&other[other.len() - after..]));
        for (&a, &b) in singles {
            if self.is_pack(b) || !self.equate(a, b) {
                return false;
            }
        }
        if middle != [wide[pack]] {
            if middle.contains(&wide[pack]) {
                return false;
            }
            self.variables[wide[pack].0] = Known::Equals(middle.to_vec());
        }
        true
    }

    fn written(&self, axes: &[Variable]) -> String {
        let names: Vec<String> =
            self.resolved(axes).iter().filter_map(|&axis| self.axis(axis)).map(Axis::written).collect();
        format!("[{}]", names.join(", "))
    }

    /// Unifies the demands name by name and declares an input for each.
    pub fn declare(mut self, scope: &mut Scope<'_, '_>) -> bool {
        let (mut inputs, mut agree) = (Vec::<Demand>::new(), true);
        for demand in std::mem::take(&mut self.demands) {
            let Some(position) = inputs.iter().position(|input| input.name == demand.name) else {
                inputs.push(demand);
                continue;
            };
            let (before, after) = (self.written(&inputs[position].axes), self.written(&demand.axes));
            if !self.unify(&inputs[position].axes.clone(), &demand.axes) {
                let first = &inputs[position];
                scope.report(TypeError::DemandedAxes {
                    name: demand.name.clone(),
                    first: format!("{before} by `{}`", first.callee),
                    second: format!("{after} by `{}`", demand.callee),
                    first_span: first.span,
                    span: demand.span,
                });
                agree = false;
                continue;
            }
            match self.narrower(inputs[position].kind, demand.kind) {
                Some(kind) => inputs[position].kind = kind,
                None => {
                    agree = false;
                    let (first, second) = (&inputs[position], &demand);
                    scope.report(TypeError::DemandedKinds {
                        name: demand.name.clone(),
                        first: format!("{} by `{}`", self.kind_name(first.kind), first.callee),
                        second: format!("{} by `{}`", self.kind_name(second.kind), second.callee),
                        first_span: first.span,
                        span: second.span,
                    });
                }
            }
        }
        self.declare_inputs(scope, &inputs);
        agree
    }

    fn kind_name(&self, kind: DemandedKind) -> String {
        let indexed = kind.labels.and_then(|axis| self.resolved(&[axis]).first().copied());
        let axis = indexed.and_then(|axis| self.axis(axis));
        kind_name(kind.kind, axis.map_or(&[], std::slice::from_ref), &[])
    }

    pub fn narrower(&mut self, a: DemandedKind, b: DemandedKind) -> Option<DemandedKind> {
        match (a.kind, b.kind) {
            (Kind::Index { ignored: first, .. }, Kind::Index { ignored: second, .. }) => {
                if let (Some(first), Some(second)) = (a.labels, b.labels)
                    && !self.unify(&[first], &[second])
                {
                    return None;
                }
                // What one of them does not ignore must not occur.
                let ignored = if first == second { first } else { None };
                Some(DemandedKind { kind: Kind::Index { axis: AxisIndex(0), ignored }, labels: a.labels })
            }
            (Kind::Index { .. }, Kind::Int | Kind::Real) => Some(a),
            (Kind::Int | Kind::Real, Kind::Index { .. }) => Some(b),
            (first, second) if first == second => Some(a),
            (Kind::Real, Kind::Logit) => Some(b),
            (Kind::Logit, Kind::Real) => Some(a),
            (first, second) if accepts(first, second) => Some(b),
            (first, second) if accepts(second, first) => Some(a),
            _ => None,
        }
    }

    fn declare_inputs(&mut self, scope: &mut Scope<'_, '_>, inputs: &[Demand]) {
        let mut made: HashMap<Variable, AxisIndex> = HashMap::new();
        let mut place = |demands: &Self, scope: &mut Scope<'_, '_>, variable: Variable| {
            if let Some(&axis) = made.get(&variable) {
                return axis;
            }
            let Some(axis) = demands.axis(variable).cloned() else { return AxisIndex(0) };
            if let AxisKind::Labelled(_) = axis.kind
                && let Some(known) = scope.axes.iter().position(|other| other.kind == axis.kind)
            {
                return AxisIndex(known as u32);
            }
            let mut name = axis.name.clone();
            let mut number = 2;
            while scope.axes.iter().any(|other| other.name == name) {
                name = format!("{}_{number}", axis.name);
                number += 1;
            }
            let index = scope.add_axis(&name, axis.kind.clone(), axis.span);
            made.insert(variable, index);
            index
        };
        for demand in inputs {
            let axes = self.resolved(&demand.axes);
            let axes = axes.into_iter().map(|variable| place(self, scope, variable)).collect();
            let kind = match (demand.kind.kind, demand.kind.labels) {
                (Kind::Index { ignored, .. }, Some(labels)) => {
                    let labels = self.resolved(&[labels]);
                    match labels.first() {
                        Some(&labels) => Kind::Index { axis: place(self, scope, labels), ignored },
                        None => Kind::Int,
                    }
                }
                (kind, _) => kind,
            };
            let position = scope.inputs.len() as u32;
            scope.words.insert(demand.name.clone(), Word::Input(position));
            scope.inputs.push(Input {
                name: demand.name.clone(),
                ty: Ty { kind, axes },
                default: None,
                span: demand.span,
            });
        }
    }
}
