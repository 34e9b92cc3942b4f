//! The inputs of a loss that lists none: what its callees require and nothing defines.
//!
//! The syntax tree is walked in the order of its text. Each call of a loss demands, for every required
//! input that is neither given nor defined, that name with the callee's kind and axes. Demands on one
//! name are unified: the narrower kind; placeholders equal each other, a pack equals what it meets.
//! `tensors` asks the same of an expression over tensors whose types nobody wrote.

mod demands;
mod tensors;

use std::collections::BTreeSet;

use super::builtins::builtin;
use super::labels::ignored_value;
use super::scope::Scope;
use crate::hir::{AxisIndex, Expr, ExprKind, Function, Input, Instance, IntRef, Kind, Sort, Ty, outer_axes};
use crate::span::Span;
use crate::stack::with_room;
use crate::syntax::ast::{self, EntryKind, StatementKind};

use demands::{Demand, DemandedKind, Demands, Variable};
pub use tensors::TensorType;

/// Declares the inferred inputs in the scope of a loss without any; false if the demands on them disagree.
pub fn infer(scope: &mut Scope<'_, '_>, function: &ast::Function) -> bool {
    let mut demands = Demands::default();
    let mut defined: BTreeSet<String> = scope.words.keys().cloned().collect();
    walk_statements(scope, &function.body.statements, &mut defined, &mut demands);
    walk(scope, &function.body.result, &defined, &mut demands);
    scope.inferred = true;
    demands.declare(scope)
}

fn walk_statements(
    scope: &mut Scope<'_, '_>,
    statements: &[ast::Statement],
    defined: &mut BTreeSet<String>,
    demands: &mut Demands,
) {
    for statement in statements {
        match &statement.kind {
            StatementKind::Let { name, value } | StatementKind::Assign { name, value } => {
                walk(scope, value, defined, demands);
                defined.insert(name.text.clone());
            }
            StatementKind::Repeat { count, starts, body } => {
                walk(scope, count, defined, demands);
                starts.iter().for_each(|(_, start)| drop(walk(scope, start, defined, demands)));
                defined.extend(starts.iter().map(|(name, _)| name.text.clone()));
                walk_statements(scope, body, &mut defined.clone(), demands);
            }
            StatementKind::Next { .. } | StatementKind::Axis { .. } => {}
        }
    }
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
        ast::ExprKind::Path(path) => {
            demands.use_tensor(path);
            demand(scope, path, None, &[], defined, demands)
        }
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
                ast::ExprKind::Path(path) => {
                    demands.use_tensor(path);
                    demand(scope, path, Some(entries), &[], defined, demands)
                }
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
        // Only a tensor without a type learns something from a function: its kind.
        for ((argument, _), input) in arguments.iter().zip(&callee.inputs) {
            if let Some(name) = demands.tensor(argument) {
                demands.kinds.push((name.to_string(), DemandedKind { kind: input.ty.kind, labels: None }));
            }
        }
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
        let name = match given {
            _ if input.ty.kind == Kind::Loss => continue,
            Some((argument, _)) => match demands.tensor(argument) {
                Some(name) => name.to_string(),
                None => continue,
            },
            None if input.default.is_some() || scope.words.contains_key(&input.name) => continue,
            None => input.name.clone(),
        };
        let kind = demanded_kind(&callee, arguments, input, &variables);
        let axes = bound(&input.ty.axes);
        demands.demands.push(Demand { name, kind, axes, span, callee: callee.name.clone() });
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
