//! Modules, items, signatures and bodies.

use super::super::ast::{
    AxisRef, Body, Function, Hyperparameter, Input, Item, ItemKind, KindExpr, Module, Name, Role, Statement,
    StatementKind, Use, UseNames,
};
use super::super::error::SyntaxError;
use super::super::grammar::{Pair, Rule};
use super::expr::expression;
use super::{Built, Parts, Place, parts_of};

/// The tree of a `file`, without the items that are wrong, and what is wrong with those.
pub(in crate::syntax) fn module(place: Place, pair: Pair) -> (Module, Vec<SyntaxError>) {
    let mut module = Module::default();
    let mut errors = Vec::new();
    let mut docs = Vec::new();
    for part in pair.into_inner() {
        match part.as_rule() {
            Rule::module_doc => docs.push(doc_line(part.as_str(), "//!")),
            Rule::use_line => module.uses.push(use_line(place, part)),
            Rule::item => match item(place, part) {
                Ok(item) => module.items.push(item),
                Err(error) => errors.push(error),
            },
            _ => {}
        }
    }
    module.docs = docs.join("\n");
    (module, errors)
}

/// The text of a documentation line, without its mark and one blank.
fn doc_line(line: &str, mark: &str) -> String {
    let text = line.strip_prefix(mark).unwrap_or(line).trim_end();
    text.strip_prefix(' ').unwrap_or(text).to_owned()
}

fn use_line(place: Place, pair: Pair) -> Use {
    let span = place.span(&pair);
    let mut parts = Parts::of(pair);
    let path = names(place, parts.next());
    let names = match parts.optional() {
        None => UseNames::Path,
        Some(part) if part.as_rule() == Rule::use_all => UseNames::All,
        Some(part) => UseNames::Some(names(place, part)),
    };
    Use { path, names, span }
}

/// Every part of a pair as a name.
pub(super) fn names(place: Place, pair: Pair) -> Vec<Name> {
    parts_of(pair).map(|part| place.name(&part)).collect()
}

/// The tree of an `item`.
pub(in crate::syntax) fn item(place: Place, pair: Pair) -> Built<Item> {
    let mut parts = Parts::of(pair);
    let mut docs = Vec::new();
    while let Some(line) = parts.optional_of(Rule::item_doc) {
        docs.push(doc_line(line.as_str(), "///"));
    }
    let definition = parts.next();
    let span = place.span(&definition);
    let kind = match definition.as_rule() {
        Rule::loss_item => ItemKind::Loss(function(place, definition)?),
        Rule::fn_item => {
            let function = function(place, definition)?;
            refuse_hyperparameters(&function)?;
            ItemKind::Fn(function)
        }
        Rule::const_item => {
            let mut parts = Parts::of(definition);
            let name = place.name(&parts.next());
            ItemKind::Const { name, value: expression(place, parts.next())? }
        }
        _ => {
            let mut labels = names(place, definition).into_iter();
            let name = labels.next().expect("an axis has a name");
            ItemKind::Axis { name, labels: labels.collect() }
        }
    };
    Ok(Item { docs: docs.join("\n"), kind, span })
}

fn function(place: Place, pair: Pair) -> Built<Function> {
    let mut parts = Parts::of(pair);
    let name = place.name(&parts.next());
    let (mut inputs, mut hyperparameters) = (Vec::new(), Vec::new());
    if let Some(params) = parts.optional_of(Rule::params) {
        for param in parts_of(params) {
            match param.as_rule() {
                Rule::input => inputs.push(input(place, param)?),
                _ => hyperparameters.push(hyperparameter(place, param)?),
            }
        }
    }
    Ok(Function { name, inputs, hyperparameters, body: body(place, parts.next())? })
}

fn refuse_hyperparameters(function: &Function) -> Built<()> {
    match function.hyperparameters.first() {
        None => Ok(()),
        Some(Hyperparameter::Axis { parameter: name, span, .. } | Hyperparameter::Value { name, span, .. }) => {
            Err(SyntaxError::FunctionHyperparameter { span: *span, name: name.text.clone() })
        }
    }
}

fn input(place: Place, pair: Pair) -> Built<Input> {
    let span = place.span(&pair);
    let mut parts = Parts::of(pair);
    let name = place.name(&parts.next());
    let kind = kind(place, parts.next());
    let default = parts.optional().map(|part| expression(place, part)).transpose()?;
    Ok(Input { name, kind, default, span })
}

fn kind(place: Place, pair: Pair) -> KindExpr {
    let span = place.span(&pair);
    let mut parts = Parts::of(pair);
    let name = place.name(&parts.next());
    let of = parts.optional_of(Rule::kind_of).map(|part| {
        let mut parts = Parts::of(part);
        (place.name(&parts.next()), parts.optional().map(|ignored| place.name(&ignored)))
    });
    let axes =
        parts.optional().map_or_else(Vec::new, |part| parts_of(part).map(|axis| axis_ref(place, axis)).collect());
    KindExpr { name, of, axes, span }
}

/// The axis of an `axis_ref`, a `pack` or a `name`.
pub(super) fn axis_ref(place: Place, pair: Pair) -> AxisRef {
    match pair.as_rule() {
        Rule::axis_ref => axis_ref(place, Parts::of(pair).next()),
        Rule::pack => AxisRef { name: place.name(&Parts::of(pair).next()), pack: true },
        _ => AxisRef { name: place.name(&pair), pack: false },
    }
}

fn hyperparameter(place: Place, pair: Pair) -> Built<Hyperparameter> {
    let span = place.span(&pair);
    let mut parts = Parts::of(pair);
    if let Some(axis) = parts.optional_of(Rule::hyper_axis) {
        let mut parts = Parts::of(axis);
        return Ok(Hyperparameter::Axis {
            axis: place.name(&parts.next()),
            parameter: place.name(&parts.next()),
            span,
        });
    }
    let role = match parts.optional_of(Rule::role).map(|role| role.as_str().trim_end().to_owned()).as_deref() {
        Some("int") => Role::Int,
        Some("learn") => Role::Learn,
        Some("state") => Role::State,
        _ => Role::Real,
    };
    let name = place.name(&parts.next());
    let default = only_expression(place, parts.optional_of(Rule::default))?;
    let condition = only_expression(place, parts.optional_of(Rule::condition))?;
    if default.is_none() {
        return Err(SyntaxError::BareParameter { span, name: name.text });
    }
    Ok(Hyperparameter::Value { role, name, default, condition, span })
}

/// The expression inside a pair that holds nothing else.
pub(super) fn only_expression(place: Place, pair: Option<Pair>) -> Built<Option<super::super::ast::Expr>> {
    pair.map(|pair| expression(place, Parts::of(pair).next())).transpose()
}

fn body(place: Place, pair: Pair) -> Built<Body> {
    let mut parts = Parts::of(pair);
    let mut statements = Vec::new();
    while let Some(part) = parts.optional_of(Rule::statement) {
        let built = statement(place, part)?;
        if let StatementKind::Assign { name, .. } = &built.kind {
            return Err(SyntaxError::AssignOutsideRepeat { span: name.span, name: name.text.clone() });
        }
        statements.push(built);
    }
    Ok(Body { statements, result: expression(place, parts.next())? })
}

fn statement(place: Place, pair: Pair) -> Built<Statement> {
    let line = Parts::of(pair).next();
    let span = place.span(&line);
    let rule = line.as_rule();
    if rule == Rule::repeat_line {
        return Ok(Statement { kind: repeat(place, line)?, span });
    }
    let mut parts = Parts::of(line);
    let name = place.name(&parts.next());
    let value = expression(place, parts.next())?;
    let kind = match rule {
        Rule::let_line => StatementKind::Let { name, value },
        Rule::next_line => StatementKind::Next { name, value },
        Rule::axis_line => StatementKind::Axis { name, extent: value },
        _ => StatementKind::Assign { name, value },
    };
    Ok(Statement { kind, span })
}

fn repeat(place: Place, pair: Pair) -> Built<StatementKind> {
    let mut parts = Parts::of(pair);
    let count = expression(place, Parts::of(parts.next()).next())?;
    let (mut starts, mut body) = (Vec::new(), Vec::new());
    while let Some(part) = parts.optional() {
        if part.as_rule() == Rule::start {
            let mut parts = Parts::of(part);
            starts.push((place.name(&parts.next()), expression(place, parts.next())?));
        } else {
            body.push(statement(place, part)?);
        }
    }
    Ok(StatementKind::Repeat { count, starts, body })
}
