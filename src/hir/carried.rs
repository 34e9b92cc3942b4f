//! What a loss carries beside its inputs: its own states and learnables, and those of all losses that it calls.
//!
//! A state or learnable that a call gives as an argument is a value of the caller and not carried. Names are decided
//! here, for the checker's facts, lowering and the caller alike: see [`carried`].

use std::collections::{HashMap, HashSet};

use super::{Call, ExprKind, Function, FunctionId, Program};
use crate::span::Span;
use crate::stack::with_room;
use crate::syntax::ast::Role;

/// How many calls are looked through; `lower` refuses a loss with more.
const MAX_CALLS: usize = 10_000;

/// A state or learnable of a loss, or of one that it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Its name to the caller.
    pub name: String,
    /// State or learnable.
    pub role: Role,
    /// The numbers of the calls that lead to it; none for the loss's own.
    pub path: Vec<u32>,
    /// Its position among the hyperparameters of its loss.
    pub position: u32,
    /// The loss that declares it.
    pub loss: String,
    /// Its default.
    pub default: Span,
    /// What must hold of it.
    pub condition: Option<Span>,
}

/// The states and learnables of a loss: its own in order, then those of its calls in the order of the text.
///
/// Its own have their own names. One of a callee has its own name too if neither an input, a hyperparameter nor another
/// state or learnable of the loss has it; else `callee.name`, and `callee_2.name` where the same loss is called twice.
pub fn carried(program: &Program, function: &Function) -> Vec<Carried> {
    let mut walk = Walk { program, carries: HashMap::new(), found: Vec::new(), seen: HashSet::new() };
    walk.function(function, &[], &[]);
    let mut all = walk.found;
    let inputs = function.inputs.iter().map(|input| input.name.clone());
    let own: HashSet<String> = inputs.chain(function.hyperparameters.iter().map(|one| one.name.clone())).collect();
    let mut counts: HashMap<String, usize> = HashMap::new();
    all.iter().filter(|one| !one.path.is_empty()).for_each(|one| *counts.entry(one.name.clone()).or_default() += 1);
    let mut qualifiers: HashMap<Vec<u32>, String> = HashMap::new();
    let mut used: HashSet<String> = HashSet::new();
    for one in all.iter_mut().filter(|one| !one.path.is_empty()) {
        if counts[&one.name] == 1 && !own.contains(&one.name) {
            continue;
        }
        let qualifier = qualifiers.entry(one.path.clone()).or_insert_with(|| numbered(&one.loss, &mut used));
        one.name = format!("{qualifier}.{}", one.name);
    }
    all
}

/// A name that is not used yet: the loss's own, else with a number.
fn numbered(name: &str, used: &mut HashSet<String>) -> String {
    let mut unique = name.to_string();
    let mut number = 2;
    while !used.insert(unique.clone()) {
        unique = format!("{name}_{number}");
        number += 1;
    }
    unique
}

struct Walk<'p> {
    program: &'p Program,
    /// Whether a function carries anything, where that is known.
    carries: HashMap<FunctionId, bool>,
    found: Vec<Carried>,
    seen: HashSet<Vec<u32>>,
}

impl Walk<'_> {
    /// `given` says of each hyperparameter whether the call gives it.
    fn function(&mut self, function: &Function, path: &[u32], given: &[bool]) {
        if self.seen.len() >= MAX_CALLS || !self.seen.insert(path.to_vec()) {
            return;
        }
        for (position, one) in function.hyperparameters.iter().enumerate() {
            if one.role.is_carried() && given.get(position) != Some(&true) {
                self.found.push(Carried {
                    name: one.name.clone(),
                    role: one.role,
                    path: path.to_vec(),
                    position: position as u32,
                    loss: function.name.clone(),
                    default: one.default.span,
                    condition: one.condition.as_ref().map(|condition| condition.span),
                });
            }
        }
        for call in calls(function) {
            if !with_room(|| self.carries(call.function)) {
                continue;
            }
            let program = self.program;
            let Some(callee) = program.function(call.function) else { continue };
            let inner: Vec<u32> = path.iter().copied().chain([call.number]).collect();
            let given: Vec<bool> = call.hyperparameters.iter().map(Option::is_some).collect();
            with_room(|| self.function(callee, &inner, &given));
        }
    }

    /// Whether a function, or one that it calls, has states or learnables: others need not be looked through.
    fn carries(&mut self, id: FunctionId) -> bool {
        if let Some(&known) = self.carries.get(&id) {
            return known;
        }
        let program = self.program;
        let found = program.function(id).is_some_and(|function| {
            function.hyperparameters.iter().any(|one| one.role.is_carried())
                || calls(function).into_iter().any(|call| with_room(|| self.carries(call.function)))
        });
        self.carries.insert(id, found);
        found
    }
}

/// The calls in a function, in the order of its text.
fn calls(function: &Function) -> Vec<&Call> {
    let mut calls = Vec::new();
    let bodies = function.lets.iter().map(|binding| &binding.value).chain([&function.result]);
    bodies.for_each(|body| {
        body.visit(&mut |expr| {
            if let ExprKind::Call(call) = &expr.kind {
                calls.push(&**call);
            }
        });
    });
    calls
}
