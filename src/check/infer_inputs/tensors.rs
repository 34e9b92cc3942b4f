//! An expression over tensors: what its calls demand of them, and what is known of their data, to inputs with types.
//!
//! A tensor whose axes have no names gets those of the input that it is given to. Where that has a pack, or nothing is
//! demanded, the axes get names by their positions.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::super::scope::{Scope, Word};
use super::super::signature::float_kind;
use super::super::{Checker, State};
use super::demands::{DemandedKind, Demands, Variable};
use super::walk;
use crate::hir::{Axis, AxisIndex, AxisKind, Function, Input, Kind, Sort, Ty};
use crate::resolve::ModuleId;
use crate::span::Span;
use crate::syntax::ast;

/// The names of axes that nothing names, by position.
const POSITIONS: &[&str] = &["N", "C", "H", "W", "D", "E", "F", "G"];

/// A tensor that an expression may use, as far as its type is known.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorType {
    /// Its name.
    pub name: String,
    /// The kind that it was declared with, a word such as `prob`.
    pub kind: Option<String>,
    /// Whether all its elements are written as integers.
    pub integer: bool,
    /// The names of its axes, if they have some.
    pub axes: Option<Vec<String>>,
    /// How many axes it has.
    pub rank: usize,
}

/// What was found out of one tensor.
struct Found<'t> {
    tensor: &'t TensorType,
    span: Span,
    kind: Option<DemandedKind>,
    axes: Option<Vec<Variable>>,
}

impl Checker<'_> {
    /// Checks an expression over tensors. Those that it uses are the inputs of the function.
    pub fn over_tensors(
        &mut self,
        module: ModuleId,
        name: &str,
        tensors: &[TensorType],
        expr: &ast::Expr,
    ) -> Option<Arc<Function>> {
        let function = ast::Function {
            name: ast::Name { text: name.to_string(), span: expr.span },
            inputs: Vec::new(),
            hyperparameters: Vec::new(),
            body: ast::Body { statements: Vec::new(), result: expr.clone() },
        };
        let mut scope = Scope::new(self, module, Sort::Expression, name);
        declare(&mut scope, tensors, expr);
        let checked = scope.finish("", &function, expr.span).map(Arc::new)?;
        self.program.functions.push(Some(checked.clone()));
        self.states.push(State::Done);
        Some(checked)
    }
}

fn declare(scope: &mut Scope<'_, '_>, tensors: &[TensorType], expr: &ast::Expr) {
    let names: BTreeSet<String> = tensors.iter().map(|tensor| tensor.name.clone()).collect();
    let mut demands = Demands::on(names.clone());
    walk(scope, expr, &names, &mut demands);
    let mut found = used(tensors, &demands);
    name_known(scope, &mut demands, &mut found);
    unify(&mut demands, &mut found);
    let names = Naming::default().all(&demands, &found);
    for (found, names) in found.iter().zip(&names) {
        let axes = names.iter().map(|name| axis(scope, name)).collect();
        // The kind comes last: the axis of `index(C)` may be of a later tensor.
        let ty = Ty { kind: Kind::Real, axes };
        let position = scope.inputs.len() as u32;
        scope.words.insert(found.tensor.name.clone(), Word::Input(position));
        scope.inputs.push(Input { name: found.tensor.name.clone(), ty, default: None, span: found.span });
    }
    for (position, found) in found.iter().enumerate() {
        scope.inputs[position].ty.kind = kind(scope, &demands, found);
    }
}

/// The tensors that occur, or that calls take by name, in the order of the text.
fn used<'t>(tensors: &'t [TensorType], demands: &Demands) -> Vec<Found<'t>> {
    let words = demands.used.iter().map(|name| (name.text.as_str(), name.span));
    let demanded = demands.demands.iter().map(|demand| (demand.name.as_str(), demand.span));
    let mut found: Vec<Found<'_>> = Vec::new();
    for (name, span) in words.chain(demanded) {
        let tensor = tensors.iter().find(|tensor| tensor.name == name);
        if let Some(tensor) = tensor
            && !found.iter().any(|other| other.tensor.name == name)
        {
            found.push(Found { tensor, span, kind: None, axes: None });
        }
    }
    found
}

fn name_known(scope: &Scope<'_, '_>, demands: &mut Demands, found: &mut [Found<'_>]) {
    for found in found {
        let Some(names) = &found.tensor.axes else { continue };
        let variables = names.iter().map(|name| {
            let labelled = scope.checker.world.labelled_axis(scope.module, name).cloned();
            let kind = labelled.map_or(AxisKind::Single, AxisKind::Labelled);
            demands.named(Axis { name: name.clone(), kind, span: found.span })
        });
        found.axes = Some(variables.collect());
    }
}

/// Puts all demands on a tensor together, those on tensors with names first. What does not fit is reported where the
/// call is checked.
fn unify(demands: &mut Demands, found: &mut [Found<'_>]) {
    let all = std::mem::take(&mut demands.demands);
    for with_names in [true, false] {
        for demand in &all {
            let of = found.iter_mut().find(|found| found.tensor.name == demand.name);
            let Some(found) = of.filter(|found| found.tensor.axes.is_some() == with_names) else { continue };
            match found.axes.clone() {
                Some(axes) => drop(demands.unify(&axes, &demand.axes)),
                None => found.axes = Some(demand.axes.clone()),
            }
            found.kind = match found.kind {
                Some(kind) => demands.narrower(kind, demand.kind).or(Some(kind)),
                None => Some(demand.kind),
            };
        }
    }
    for (name, kind) in std::mem::take(&mut demands.kinds) {
        if let Some(found) = found.iter_mut().find(|found| found.tensor.name == name) {
            found.kind = found.kind.or(Some(kind));
        }
    }
}

/// Names for axes, the same for the same variable.
#[derive(Default)]
struct Naming {
    names: HashMap<Variable, Vec<String>>,
}

impl Naming {
    fn all(mut self, demands: &Demands, found: &[Found<'_>]) -> Vec<Vec<String>> {
        found.iter().map(|found| self.axes(demands, found)).collect()
    }

    fn axes(&mut self, demands: &Demands, found: &Found<'_>) -> Vec<String> {
        if let Some(names) = &found.tensor.axes {
            return names.clone();
        }
        let rank = found.tensor.rank;
        let variables = demands.resolved(found.axes.as_deref().unwrap_or_default());
        let known = |variable: &Variable| demands.axis(*variable).map(|axis| axis.kind == AxisKind::Pack);
        let singles = variables.iter().filter(|variable| known(variable) == Some(false)).count();
        let packs = variables.len() - singles;
        if packs > 1 || singles > rank || (packs == 0 && singles < rank) {
            // It does not fit: the call says so.
            return by_position(rank, &[]);
        }
        let mut names: Vec<Option<String>> = Vec::new();
        for variable in &variables {
            match (self.names.get(variable), demands.axis(*variable)) {
                (Some(known), _) => names.extend(known.iter().cloned().map(Some)),
                (None, Some(axis)) if axis.kind != AxisKind::Pack => names.push(Some(axis.name.clone())),
                (None, _) => names.extend(vec![None; rank - singles]),
            }
        }
        let names = if names.len() == rank { fill(&names) } else { by_position(rank, &[]) };
        let mut rest = names.as_slice();
        for variable in variables {
            let count = if known(&variable) == Some(true) { rank - singles } else { 1 };
            let (own, after) = rest.split_at(count.min(rest.len()));
            self.names.entry(variable).or_insert_with(|| own.to_vec());
            rest = after;
        }
        names
    }
}

/// Names for the axes that have none, by their positions and different from the others.
fn fill(names: &[Option<String>]) -> Vec<String> {
    let taken: Vec<String> = names.iter().flatten().cloned().collect();
    let mut fresh = by_position(names.len() + taken.len(), &taken).into_iter();
    let mut result = Vec::new();
    for (position, name) in names.iter().enumerate() {
        // A position keeps its own word where that is free: `[N, C]` and `..` give `[N, C, H]`.
        let usual = POSITIONS.get(position).map(|word| (*word).to_string());
        let usual = usual.filter(|word| !taken.contains(word) && !result.contains(word));
        let own = name.clone().or(usual);
        result.push(own.unwrap_or_else(|| {
            let free = fresh.find(|word| !result.contains(word));
            free.unwrap_or_else(|| format!("A{position}"))
        }));
    }
    result
}

fn by_position(count: usize, taken: &[String]) -> Vec<String> {
    let words = POSITIONS.iter().map(|word| (*word).to_string());
    let words = words.chain((POSITIONS.len()..).map(|position| format!("A{position}")));
    words.filter(|word| !taken.contains(word)).take(count).collect()
}

/// The axis of a name: one that is there, a labelled one of the program, or a new one.
fn axis(scope: &mut Scope<'_, '_>, name: &str) -> AxisIndex {
    let span = Span::default();
    scope.find_axis(name, false, span).unwrap_or_else(|| scope.add_axis(name, AxisKind::Single, span))
}

/// The declared kind, else what is demanded where the data can be that, else what the data are.
fn kind(scope: &mut Scope<'_, '_>, demands: &Demands, found: &Found<'_>) -> Kind {
    let natural = if found.tensor.integer { Kind::Int } else { Kind::Real };
    if let Some(kind) = found.tensor.kind.as_deref().and_then(float_kind) {
        return kind;
    }
    match found.kind {
        Some(DemandedKind { kind: Kind::Index { ignored, .. }, labels }) if found.tensor.integer => {
            let labels = labels.and_then(|labels| demands.resolved(&[labels]).first().copied());
            let name = labels.and_then(|labels| demands.axis(labels)).map(|axis| &axis.name);
            // An axis that no tensor has is declared: what is wrong then is told of the tensor that lacks it.
            name.map_or(natural, |name| Kind::Index { axis: axis(scope, name), ignored })
        }
        Some(DemandedKind { kind, .. }) if kind.is_real() || (kind == Kind::Int && found.tensor.integer) => kind,
        _ => natural,
    }
}
