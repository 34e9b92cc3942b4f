//! The named terms of a compound loss: its outermost sum, flattened through `+`, `-` and scalar weights.

use super::LowerError;
use super::instance::{Instance, Lowering};
use crate::hir::{self, Expr, ExprKind, Sort};
use crate::ir::{NodeId, Output, OutputRole};
use crate::op::{Binary, Unary};

/// The name under which everything without a name of its own is added up.
const REST: &str = "rest";

/// A term, or a part of what has no name.
#[derive(Clone, Debug)]
pub struct Term {
    name: Option<String>,
    value: NodeId,
    weight: NodeId,
}

impl Lowering<'_> {
    /// Value and weight of each term of an entry's result, as outputs.
    pub fn terms(&mut self, instance: &Instance<'_>, result: &Expr) -> Result<Vec<Output>, LowerError> {
        let one = self.program.graph.real(1.0);
        let mut terms = Vec::new();
        self.flatten(instance, result, one, &mut terms)?;
        let mut outputs = Vec::new();
        if terms.iter().all(|term| term.name.is_none()) {
            return Ok(outputs);
        }
        let mut names: Vec<String> = Vec::new();
        let mut rest: Option<NodeId> = None;
        for term in terms {
            let graph = &mut self.program.graph;
            let Some(name) = term.name else {
                let part =
                    if term.weight == one { term.value } else { graph.binary(Binary::Mul, term.weight, term.value) };
                rest = Some(rest.map_or(part, |rest| graph.binary(Binary::Add, rest, part)));
                continue;
            };
            let mut unique = name.clone();
            let mut number = 2;
            while names.contains(&unique) || unique == REST {
                unique = format!("{name}_{number}");
                number += 1;
            }
            names.push(unique.clone());
            outputs.push(scalar(OutputRole::Term(unique.clone()), term.value));
            outputs.push(scalar(OutputRole::Weight(unique), term.weight));
        }
        if let Some(rest) = rest {
            outputs.push(scalar(OutputRole::Term(REST.into()), rest));
            outputs.push(scalar(OutputRole::Weight(REST.into()), one));
        }
        Ok(outputs)
    }

    /// The terms of a loss over losses whose body is lowered, where one is a loss that it was given, and of a loss that
    /// is the `whole` entry; else none.
    pub fn inner_terms(&mut self, inner: &Instance<'_>, whole: bool) -> Result<Vec<Term>, LowerError> {
        if inner.function.sort != Sort::Loss || (!whole && inner.losses.iter().all(Option::is_none)) {
            return Ok(Vec::new());
        }
        let one = self.program.graph.real(1.0);
        let mut terms = Vec::new();
        self.flatten(inner, &inner.function.result, one, &mut terms)?;
        Ok(if terms.iter().any(|term| term.name.is_some()) && terms.len() > 1 { terms } else { Vec::new() })
    }

    fn flatten(
        &mut self,
        instance: &Instance<'_>,
        expr: &Expr,
        weight: NodeId,
        terms: &mut Vec<Term>,
    ) -> Result<(), LowerError> {
        match &expr.kind {
            ExprKind::Binary(op @ (Binary::Add | Binary::Sub), both) => {
                self.flatten(instance, &both[0], weight, terms)?;
                let second = if *op == Binary::Sub { self.negated(weight) } else { weight };
                self.flatten(instance, &both[1], second, terms)
            }
            ExprKind::Unary(Unary::Neg, x) => {
                let weight = self.negated(weight);
                self.flatten(instance, x, weight, terms)
            }
            ExprKind::Binary(Binary::Mul, both) if is_weight(instance, &both[0], &both[1]) => {
                let weight = self.weigh(instance, Binary::Mul, weight, &both[0])?;
                self.flatten(instance, &both[1], weight, terms)
            }
            ExprKind::Binary(op @ (Binary::Mul | Binary::Div), both) if is_weight(instance, &both[1], &both[0]) => {
                let weight = self.weigh(instance, *op, weight, &both[1])?;
                self.flatten(instance, &both[0], weight, terms)
            }
            ExprKind::Call(call) => {
                let value = self.expr(instance, expr)?.node;
                let key: *const hir::Call = &**call;
                let Some(inner) = instance.terms.borrow().get(&key).cloned() else {
                    terms.push(Term { name: self.term_name(instance, expr), value, weight });
                    return Ok(());
                };
                let one = self.program.graph.real(1.0);
                for term in inner {
                    let graph = &mut self.program.graph;
                    let weight = match (weight == one, term.weight == one) {
                        (true, _) => term.weight,
                        (_, true) => weight,
                        _ => graph.binary(Binary::Mul, weight, term.weight),
                    };
                    terms.push(Term { weight, ..term });
                }
                Ok(())
            }
            _ => {
                let value = self.expr(instance, expr)?.node;
                terms.push(Term { name: self.term_name(instance, expr), value, weight });
                Ok(())
            }
        }
    }

    fn weigh(
        &mut self,
        instance: &Instance<'_>,
        op: Binary,
        weight: NodeId,
        factor: &Expr,
    ) -> Result<NodeId, LowerError> {
        let factor = self.expr(instance, factor)?.node;
        let graph = &mut self.program.graph;
        let one = graph.real(1.0);
        let first = weight == one && op == Binary::Mul;
        Ok(if first { factor } else { graph.binary(op, weight, factor) })
    }

    /// The name as a term of an argument that is a loss, or a named value that contains one.
    pub fn loss_name(&self, instance: &Instance<'_>, argument: &Expr) -> Option<String> {
        if contains_loss(instance, argument) { self.term_name(instance, argument) } else { None }
    }

    fn term_name(&self, instance: &Instance<'_>, expr: &Expr) -> Option<String> {
        match &expr.kind {
            ExprKind::Let(index) => {
                let binding = &instance.function.lets[index.0 as usize];
                instance.lets[index.0 as usize].data.then(|| binding.name.clone())
            }
            ExprKind::Call(call) => {
                let callee = self.hir.function(call.function)?;
                (callee.sort == Sort::Loss).then(|| callee.name.clone())
            }
            ExprKind::Input(position) => instance.losses.get(*position as usize)?.clone(),
            ExprKind::As(value) | ExprKind::ToReal(value) => self.term_name(instance, value),
            _ => None,
        }
    }
}

/// Whether `factor` weighs `term`: it contains no loss, and the other contains one or is a named value of the data.
fn is_weight(instance: &Instance<'_>, factor: &Expr, term: &Expr) -> bool {
    if contains_loss(instance, factor) {
        return false;
    }
    if contains_loss(instance, term) {
        return true;
    }
    let named = matches!(&term.kind, ExprKind::Let(index) if instance.lets[index.0 as usize].data);
    named && !depends_on_data(instance, factor)
}

fn contains_loss(instance: &Instance<'_>, expr: &Expr) -> bool {
    let mut found = false;
    expr.visit(&mut |part| match &part.kind {
        ExprKind::Call(call) => found |= call.is_loss,
        ExprKind::Input(position) => found |= matches!(instance.losses.get(*position as usize), Some(Some(_))),
        ExprKind::Let(index) => {
            found |= contains_loss(instance, &instance.function.lets[index.0 as usize].value);
        }
        _ => {}
    });
    found
}

fn depends_on_data(instance: &Instance<'_>, expr: &Expr) -> bool {
    let mut found = false;
    expr.visit(&mut |part| match &part.kind {
        ExprKind::Input(position) => found |= instance.inputs[*position as usize].data,
        ExprKind::Let(index) => found |= instance.lets[index.0 as usize].data,
        _ => {}
    });
    found
}

fn scalar(role: OutputRole, node: NodeId) -> Output {
    Output { role, node, axes: Vec::new() }
}
