//! The inputs of a loss that lists none: what its callees require and nothing defines.
//!
//! The syntax tree is walked in the order of its text. Each call of a loss demands, for every required
//! input that is neither given nor defined, that name with the callee's kind and axes. Demands on one
//! name are unified: the narrower kind; placeholders equal each other, a pack equals what it meets.

use std::collections::{BTreeSet, HashMap};

use super::builtins::builtin;
use super::error::TypeError;
use super::kinds::{accepts, kind_name};
use super::labels::ignored_value;
use super::scope::{Scope, Word};
use crate::hir::{
    Axis, AxisIndex, AxisKind, Expr, ExprKind, Function, Input, Instance, IntRef, Kind, Sort, Ty, outer_axes,
};
use crate::span::Span;
use crate::stack::with_room;
use crate::syntax::ast::{self, EntryKind, StatementKind};

/// A placeholder of the inferred signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Variable(usize);

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
struct DemandedKind {
    kind: Kind,
    labels: Option<Variable>,
}

struct Demand {
    name: String,
    kind: DemandedKind,
    axes: Vec<Variable>,
    span: Span,
    callee: String,
}

#[derive(Default)]
struct Demands {
    variables: Vec<Known>,
    /// Axes named in brackets: one variable a name.
    rigid: HashMap<String, Variable>,
    demands: Vec<Demand>,
}

/// Declares the inferred inputs in the scope of a loss without any; false if the demands on them disagree.
pub fn infer(scope: &mut Scope<'_, '_>, function: &ast::Function) -> bool {
    let mut demands = Demands::default();
    let mut defined: BTreeSet<String> = scope.words.keys().cloned().collect();
    for statement in &function.body.statements {
        if let StatementKind::Let { name, value } = &statement.kind {
            walk(scope, value, &defined, &mut demands);
            defined.insert(name.text.clone());
        }
    }
    walk(scope, &function.body.result, &defined, &mut demands);
    scope.inferred = true;
    demands.declare(scope)
}

/// Walks an expression. Returns the axes over which its outermost reduction runs, where it is a loss (with a sign
/// or a factor, perhaps): a parameter that is a loss has these axes.
fn walk(
    scope: &mut Scope<'_, '_>,
    expr: &ast::Expr,
    defined: &BTreeSet<String>,
    demands: &mut Demands,
) -> Option<Vec<Variable>> {
    with_room(|| walk_step(scope, expr, defined, demands))
}

fn walk_step(
    scope: &mut Scope<'_, '_>,
    expr: &ast::Expr,
    defined: &BTreeSet<String>,
    demands: &mut Demands,
) -> Option<Vec<Variable>> {
    match &expr.kind {
        ast::ExprKind::Number { .. } => None,
        ast::ExprKind::Path(path) => demand(scope, path, None, &[], defined, demands),
        ast::ExprKind::Unary { operand, .. } => walk(scope, operand, defined, demands),
        ast::ExprKind::Binary { .. } => walk_chain(scope, expr, defined, demands),
        ast::ExprKind::Compare { operands, .. } => {
            walk_all(scope, operands, defined, demands);
            None
        }
        ast::ExprKind::If { condition, yes, no } => {
            walk_all(scope, [&**condition, yes, no], defined, demands);
            None
        }
        ast::ExprKind::Brackets { base, entries } => {
            let outer = match &base.kind {
                ast::ExprKind::Path(path) => demand(scope, path, Some(entries), &[], defined, demands),
                _ => {
                    walk(scope, base, defined, demands);
                    None
                }
            };
            let picks = entries.iter().filter_map(|entry| match &entry.kind {
                EntryKind::Pick { index, .. } => Some(index),
                EntryKind::Axis(_) | EntryKind::Rename { .. } => None,
            });
            walk_all(scope, picks, defined, demands);
            outer
        }
        ast::ExprKind::Call { path, brackets, arguments } => {
            let mut losses = Vec::new();
            for argument in arguments {
                losses.push(walk(scope, &argument.value, defined, demands));
                walk_all(scope, argument.per.iter().chain(&argument.condition), defined, demands);
            }
            if matches!(&path[..], [name] if builtin(&name.text).is_some()) {
                return None;
            }
            let given: Vec<Given<'_>> = arguments.iter().zip(losses).collect();
            demand(scope, path, brackets.as_deref(), &given, &BTreeSet::new(), demands)
        }
        ast::ExprKind::Field { base, .. } => {
            walk(scope, base, defined, demands);
            None
        }
        ast::ExprKind::As { value, .. } => walk(scope, value, defined, demands),
    }
}

fn walk_all<'e>(
    scope: &mut Scope<'_, '_>,
    all: impl IntoIterator<Item = &'e ast::Expr>,
    defined: &BTreeSet<String>,
    demands: &mut Demands,
) {
    for expr in all {
        walk(scope, expr, defined, demands);
    }
}

fn walk_chain(
    scope: &mut Scope<'_, '_>,
    expr: &ast::Expr,
    defined: &BTreeSet<String>,
    demands: &mut Demands,
) -> Option<Vec<Variable>> {
    let mut rights = Vec::new();
    let mut leftmost = expr;
    while let ast::ExprKind::Binary { left, right, op } = &leftmost.kind {
        rights.push((right, matches!(op, ast::BinaryOp::Multiply | ast::BinaryOp::Divide)));
        leftmost = left;
    }
    let mut outer = walk(scope, leftmost, defined, demands);
    for (right, factor) in rights.into_iter().rev() {
        let other = walk(scope, right, defined, demands);
        outer = if factor { outer.or(other) } else { None };
    }
    outer
}

/// An argument, and if it is a loss the axes of its outermost reduction.
type Given<'e> = (&'e ast::Argument, Option<Vec<Variable>>);

/// What one call demands. `hidden` are the words that are values here, so that they name no loss.
fn demand(
    scope: &mut Scope<'_, '_>,
    path: &[ast::Name],
    brackets: Option<&[ast::Entry]>,
    arguments: &[Given<'_>],
    hidden: &BTreeSet<String>,
    demands: &mut Demands,
) -> Option<Vec<Variable>> {
    if matches!(path, [name] if hidden.contains(&name.text)) {
        return None;
    }
    let world = scope.checker.world;
    let id = world.function(scope.module, path)?;
    let span = path.last().map_or_else(Span::default, |name| name.span);
    let Some(callee) = scope.checker.function(id, span) else {
        scope.failed = true;
        return None;
    };
    if callee.sort != Sort::Loss {
        return None;
    }
    let variables = demands.instance(&callee, brackets);
    let bound = |axes: &[AxisIndex]| -> Vec<Variable> {
        axes.iter().flat_map(|axis| variables[axis.0 as usize].clone()).collect()
    };
    let positional = arguments.iter().filter(|(argument, _)| argument.name.is_none()).count();
    for (position, input) in callee.inputs.iter().enumerate() {
        let named =
            arguments.iter().find(|(argument, _)| argument.name.as_ref().is_some_and(|name| name.text == input.name));
        let given = if position < positional { arguments.get(position) } else { named };
        if let (Kind::Loss, Some((_, Some(outer)))) = (input.ty.kind, given) {
            // What does not unify is reported when the call itself is checked.
            demands.unify(&bound(&input.ty.axes), outer);
        }
        if given.is_some()
            || input.ty.kind == Kind::Loss
            || input.default.is_some()
            || scope.words.contains_key(&input.name)
        {
            continue;
        }
        let kind = demanded_kind(&callee, arguments, input, &variables);
        let axes = bound(&input.ty.axes);
        demands.demands.push(Demand { name: input.name.clone(), kind, axes, span, callee: callee.name.clone() });
    }
    outer_of(scope, &callee).map(|axes| bound(&axes))
}

/// The axes of a loss's outermost reduction, in its own terms, if they are all of its signature.
fn outer_of(scope: &Scope<'_, '_>, callee: &Function) -> Option<Vec<AxisIndex>> {
    let instance = Instance {
        function: callee,
        axes: (0..callee.axes.len() as u32).map(|axis| vec![AxisIndex(axis)]).collect(),
        inputs: callee.inputs.iter().map(|input| input.ty.axes.clone()).collect(),
        lets: callee.lets.iter().map(|binding| binding.value.ty.axes.clone()).collect(),
    };
    let unknown = AxisIndex(u32::MAX);
    let axes = outer_axes(&scope.checker.program, &instance, &callee.result, &mut |_, _| Some(unknown)).ok()?;
    axes.iter().all(|axis| (axis.0 as usize) < callee.signature_axes).then_some(axes)
}

fn demanded_kind(
    callee: &Function,
    arguments: &[Given<'_>],
    input: &Input,
    variables: &[Vec<Variable>],
) -> DemandedKind {
    let Kind::Index { axis, ignored } = input.ty.kind else {
        return DemandedKind { kind: input.ty.kind, labels: None };
    };
    // An argument for the ignored value counts where it is a plain number.
    let given: Vec<Option<Expr>> = callee
        .hyperparameters
        .iter()
        .map(|one| {
            let named = |(argument, _): &&Given<'_>| argument.name.as_ref().is_some_and(|name| name.text == one.name);
            let (argument, _) = arguments.iter().find(named)?;
            let value = plain_int(&argument.value)?;
            Some(Expr { kind: ExprKind::Int(value), ty: Ty { kind: Kind::Int, axes: Vec::new() }, span: argument.span })
        })
        .collect();
    let ignored = ignored.and_then(|inside| ignored_value(callee, &given, inside));
    let ignored = ignored.filter(|value| matches!(value, IntRef::Value(_)));
    let labels = variables[axis.0 as usize].first().copied();
    DemandedKind { kind: Kind::Index { axis: AxisIndex(0), ignored }, labels }
}

fn plain_int(expr: &ast::Expr) -> Option<i64> {
    match &expr.kind {
        ast::ExprKind::Number { value, integer: true } => Some(*value as i64),
        ast::ExprKind::Unary { op: ast::UnaryOp::Negate, operand } => plain_int(operand).map(|value| -value),
        _ => None,
    }
}

impl Demands {
    fn fresh(&mut self, axis: Axis) -> Variable {
        self.variables.push(Known::Free(axis));
        Variable(self.variables.len() - 1)
    }

    /// Variables for the placeholders of one call; axes in brackets are the same variable wherever they are named.
    fn instance(&mut self, callee: &Function, brackets: Option<&[ast::Entry]>) -> Vec<Vec<Variable>> {
        let signature = &callee.axes[..callee.signature_axes];
        let mut bound: Vec<Option<Vec<AxisIndex>>> = vec![None; signature.len()];
        let mut named = Vec::new();
        for entry in brackets.unwrap_or_default() {
            let EntryKind::Axis(reference) = &entry.kind else { continue };
            let kind = if reference.pack { AxisKind::Pack } else { AxisKind::Single };
            let axis = Axis { name: reference.name.text.clone(), kind, span: entry.span };
            let variable = match self.rigid.get(&axis.written()) {
                Some(&variable) => variable,
                None => {
                    let written = axis.written();
                    let variable = self.fresh(axis);
                    self.rigid.insert(written, variable);
                    variable
                }
            };
            named.push(variable);
        }
        if brackets.is_some() {
            let order: Vec<AxisIndex> = (0..named.len()).map(|position| AxisIndex(position as u32)).collect();
            // A misfit is reported when the call itself is checked.
            let _ = super::axes::bind_brackets(signature, &order, &mut bound);
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
    fn resolved(&self, axes: &[Variable]) -> Vec<Variable> {
        let mut all = Vec::new();
        for &variable in axes {
            match &self.variables[variable.0] {
                Known::Free(_) => all.push(variable),
                Known::Equals(others) => all.extend(self.resolved(others)),
            }
        }
        all
    }

    fn axis(&self, variable: Variable) -> Option<&Axis> {
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
    fn unify(&mut self, a: &[Variable], b: &[Variable]) -> bool {
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
    fn declare(mut self, scope: &mut Scope<'_, '_>) -> bool {
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
                        first: format!("{} by `{}`", kind_name(first.kind.kind, &[]), first.callee),
                        second: format!("{} by `{}`", kind_name(second.kind.kind, &[]), second.callee),
                        first_span: first.span,
                        span: second.span,
                    });
                }
            }
        }
        self.declare_inputs(scope, &inputs);
        agree
    }

    fn narrower(&mut self, a: DemandedKind, b: DemandedKind) -> Option<DemandedKind> {
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
