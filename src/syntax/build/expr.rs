//! Expressions: operands, brackets and calls. `precedence` puts the operators between them.

use super::super::ast::{Argument, Entry, EntryKind, Expr, ExprKind, Name};
use super::super::error::SyntaxError;
use super::super::grammar::{Pair, Rule};
use super::super::limits::MAX_EXPRESSION_DEPTH;
use super::item::{axis_ref, names};
use super::precedence::{Element, fold, infix, prefix};
use super::{Built, Parts, Place, parts_of};
use crate::span::Span;

/// The tree of an `expr`.
pub(in crate::syntax) fn expression(place: Place, pair: Pair) -> Built<Expr> {
    tree(place, pair).map(|tree| tree.expr)
}

/// An expression and how many operations lie above one another in it.
pub(super) struct Tree {
    pub expr: Expr,
    pub depth: usize,
}

impl Tree {
    /// A node above trees of which the deepest has this depth, unless that makes it too deep.
    pub(super) fn above(depth: usize, kind: ExprKind, span: Span) -> Built<Tree> {
        if depth >= MAX_EXPRESSION_DEPTH {
            return Err(SyntaxError::TooManyOperations { span, limit: MAX_EXPRESSION_DEPTH });
        }
        Ok(Tree { expr: Expr { kind, span }, depth: depth + 1 })
    }
}

pub(super) fn tree(place: Place, pair: Pair) -> Built<Tree> {
    let mut elements = Vec::new();
    for part in pair.into_inner() {
        let span = place.span(&part);
        elements.push(match part.as_rule() {
            Rule::prefix => Element::Prefix(prefix(part.as_str()), span),
            Rule::infix => Element::Infix(infix(part.as_str().trim_end()), span),
            _ => Element::Operand(operand(place, part)?),
        });
    }
    fold(elements)
}

/// A value that postfixes are being attached to.
struct Value {
    tree: Tree,
    /// Whether a `(` may follow: a path, or a path with one pair of brackets.
    callable: bool,
    /// What it is, for a message.
    what: &'static str,
}

fn operand(place: Place, pair: Pair) -> Built<Tree> {
    let start = place.span(&pair);
    let mut parts = Parts::of(pair);
    let mut value = primary(place, parts.next())?;
    while let Some(part) = parts.optional() {
        let span = Span { end: place.span(&part).end, ..start };
        value = if part.as_rule() == Rule::postfix {
            postfix(place, value, Parts::of(part).next(), span)?
        } else {
            let depth = value.tree.depth;
            let kind = ExprKind::As { value: Box::new(value.tree.expr), kind: place.name(&part) };
            Value { tree: Tree::above(depth, kind, span)?, callable: false, what: "a value with a kind" }
        };
    }
    Ok(value.tree)
}

fn primary(place: Place, pair: Pair) -> Built<Value> {
    let span = place.span(&pair);
    let part = Parts::of(pair).next();
    let leaf = |kind| Tree { expr: Expr { kind, span }, depth: 1 };
    Ok(match part.as_rule() {
        Rule::number => Value { tree: leaf(number(part.as_str(), span)?), callable: false, what: "a number" },
        Rule::path => Value { tree: leaf(ExprKind::Path(names(place, part))), callable: true, what: "a name" },
        Rule::group => {
            let mut inner = tree(place, Parts::of(part).next())?;
            inner.expr.span = span;
            Value { tree: inner, callable: false, what: "an expression in brackets" }
        }
        _ => {
            let mut parts = Parts::of(part);
            let [condition, yes, no] = [parts.next(), parts.next(), parts.next()].map(|part| tree(place, part));
            let (condition, yes, no) = (condition?, yes?, no?);
            let depth = condition.depth.max(yes.depth).max(no.depth);
            let [condition, yes, no] = [condition, yes, no].map(|tree| Box::new(tree.expr));
            let tree = Tree::above(depth, ExprKind::If { condition, yes, no }, span)?;
            Value { tree, callable: false, what: "an `if`" }
        }
    })
}

/// A literal: integers within i64, floats finite.
fn number(text: &str, span: Span) -> Built<ExprKind> {
    let integer = text.bytes().all(|byte| byte.is_ascii_digit());
    let too_large = || {
        let literal = if text.len() > 24 { format!("{}…", &text[..24]) } else { text.to_owned() };
        SyntaxError::NumberTooLarge { span, literal, integer }
    };
    if integer {
        // The value is kept as f64; an integer that f64 cannot hold exactly is rounded like a float literal.
        let value = text.parse::<i64>().map_err(|_| too_large())?;
        return Ok(ExprKind::Number { value: value as f64, integer });
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(ExprKind::Number { value, integer }),
        _ => Err(too_large()),
    }
}

fn postfix(place: Place, value: Value, pair: Pair, span: Span) -> Built<Value> {
    match pair.as_rule() {
        Rule::field => field(place, value, pair, span),
        Rule::brackets => {
            let (entries, depth) = entries(place, pair)?;
            let callable = value.callable && matches!(value.tree.expr.kind, ExprKind::Path(_));
            let depth = depth.max(value.tree.depth);
            let kind = ExprKind::Brackets { base: Box::new(value.tree.expr), entries };
            Ok(Value { tree: Tree::above(depth, kind, span)?, callable, what: "a value" })
        }
        _ => call(place, value, pair, span),
    }
}

fn field(place: Place, value: Value, pair: Pair, span: Span) -> Built<Value> {
    let name = place.name(&Parts::of(pair).next());
    if let ExprKind::Number { value, integer: true } = value.tree.expr.kind {
        return Err(SyntaxError::BarePoint { span: value_and_point(span, name.span), fixed: format!("{value}.0") });
    }
    let depth = value.tree.depth;
    let kind = ExprKind::Field { base: Box::new(value.tree.expr), name };
    Ok(Value { tree: Tree::above(depth, kind, span)?, callable: false, what: "a component" })
}

/// The number and the point of `1.name`.
fn value_and_point(whole: Span, name: Span) -> Span {
    Span { end: name.start, ..whole }
}

fn call(place: Place, value: Value, pair: Pair, span: Span) -> Built<Value> {
    if !value.callable {
        return Err(SyntaxError::NotCallable { span: value.tree.expr.span, what: value.what });
    }
    let mut depth = value.tree.depth;
    let mut arguments = Vec::new();
    for part in parts_of(pair) {
        let (argument, deep) = argument(place, part)?;
        arguments.push(argument);
        depth = depth.max(deep);
    }
    let (path, brackets) = callee(value.tree.expr);
    let tree = Tree::above(depth, ExprKind::Call { path, brackets, arguments }, span)?;
    Ok(Value { tree, callable: false, what: "the result of a call" })
}

/// The name and the brackets of a callable value.
fn callee(expr: Expr) -> (Vec<Name>, Option<Vec<Entry>>) {
    match expr.kind {
        ExprKind::Path(path) => (path, None),
        ExprKind::Brackets { base, entries } => (callee(*base).0, Some(entries)),
        _ => unreachable!("only paths, bare or with brackets, are callable"),
    }
}

fn argument(place: Place, pair: Pair) -> Built<(Argument, usize)> {
    let span = place.span(&pair);
    let mut depth = 0;
    let mut deepen = |tree: Tree| {
        depth = depth.max(tree.depth);
        tree.expr
    };
    let mut parts = Parts::of(pair);
    if let Some(named) = parts.optional_of(Rule::named) {
        let mut parts = Parts::of(named);
        let name = Some(place.name(&parts.next()));
        let value = deepen(tree(place, parts.next())?);
        return Ok((Argument { name, value, per: None, condition: None, span }, depth));
    }
    let value = deepen(tree(place, Parts::of(parts.next()).next())?);
    let mut clause = |rule| match parts.optional_of(rule) {
        Some(part) => tree(place, Parts::of(part).next()).map(|tree| Some(deepen(tree))),
        None => Ok(None),
    };
    let per = clause(Rule::per)?;
    let condition = clause(Rule::filter)?;
    Ok((Argument { name: None, value, per, condition, span }, depth))
}

/// The entries of brackets and the depth of the deepest index.
fn entries(place: Place, pair: Pair) -> Built<(Vec<Entry>, usize)> {
    let mut depth = 0;
    let mut entries = Vec::new();
    for part in parts_of(pair) {
        let span = place.span(&part);
        let inner = Parts::of(part).next();
        let kind = match inner.as_rule() {
            Rule::rename => {
                let mut parts = Parts::of(inner);
                EntryKind::Rename { from: place.name(&parts.next()), to: place.name(&parts.next()) }
            }
            Rule::pick => {
                let mut parts = Parts::of(inner);
                let axis = place.name(&parts.next());
                let index = tree(place, parts.next())?;
                depth = depth.max(index.depth);
                EntryKind::Pick { axis, index: index.expr }
            }
            _ => EntryKind::Axis(axis_ref(place, inner)),
        };
        entries.push(Entry { kind, span });
    }
    Ok((entries, depth))
}
