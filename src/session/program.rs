//! A checked text and the losses in it.

use std::sync::Arc;

use super::build::LossBuilder;
use super::error::Error;
use crate::check::{Checker, kind_name};
use crate::diagnostic::{Diagnostic, Severity};
use crate::hir::{self, AxisKind, Function, Kind, Sort};
use crate::resolve::loader::NoModules;
use crate::resolve::{Library, ModuleId, SourceLoader, World};
use crate::span::{SourceMap, Span};
use crate::stdlib;
use crate::suggestion::did_you_mean;
use crate::syntax::ast::Role;
use crate::syntax::{SyntaxError, parse_expression};

/// Compiles texts. It has no state: the standard library, which it shares with all others, is
/// parsed and checked once a process, item by item as losses need it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compiler;

/// A checked text. It holds the warnings; errors are in [`Error`].
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) world: Arc<World>,
    pub(super) hir: Arc<hir::Program>,
    own: Vec<Arc<Function>>,
    name: String,
    warnings: Vec<Diagnostic>,
}

impl Compiler {
    /// A compiler.
    pub fn new() -> Self {
        Compiler
    }

    /// Checks a text that uses no modules but the standard library.
    ///
    /// # Errors
    /// [`Error::Source`] with everything that is wrong.
    pub fn compile(&self, text: &str) -> Result<Program, Error> {
        self.compile_named("input.loss", text, &NoModules)
    }

    /// Checks a text whose diagnostics call it `name`, and whose `use` lines are served by `loader`.
    ///
    /// # Errors
    /// [`Error::Source`] with everything that is wrong.
    pub fn compile_named(&self, name: &str, text: &str, loader: &dyn SourceLoader) -> Result<Program, Error> {
        let (mut world, mut diagnostics) = Library::embedded(stdlib::MODULES).world();
        let module = world.load(name, text, loader, &mut diagnostics);
        let Some(module) = module else { return Err(Error::Source { diagnostics, sources: world.sources }) };
        let mut checker = Checker::new(&world);
        checker.module(module);
        let own_ids = world.own_functions(module);
        let (hir, found) = checker.finish();
        diagnostics.extend(found);
        let own = own_ids.iter().filter_map(|&id| hir.function(id).cloned()).collect();
        finish(world, hir, own, name, diagnostics)
    }

    /// Checks an expression such as `dice + 2 * wce(w = 3)` as a loss whose inputs are inferred.
    ///
    /// # Errors
    /// [`Error::Source`] with everything that is wrong.
    pub fn expression(&self, text: &str) -> Result<Program, Error> {
        let (mut world, mut diagnostics) = Library::embedded(stdlib::MODULES).world();
        let source = world.sources.add("expression", text);
        let expr = match parse_expression(source, text) {
            Ok(expr) => expr,
            Err(errors) => {
                diagnostics.extend(errors.iter().map(SyntaxError::diagnostic));
                return Err(Error::Source { diagnostics, sources: world.sources });
            }
        };
        let mut checker = Checker::new(&world);
        // An expression sees what a file without items sees: the standard library.
        let own = checker.expression(ModuleId(0), text.trim(), &expr);
        let (hir, found) = checker.finish();
        diagnostics.extend(found);
        finish(world, hir, own.into_iter().collect(), "expression", diagnostics)
    }

    /// The losses of the standard library alone.
    ///
    /// # Errors
    /// Never, but for a broken standard library.
    pub fn standard(&self) -> Result<Program, Error> {
        self.compile_named("std", "", &NoModules)
    }
}

/// A loss over losses is called with one; it cannot be compiled alone.
fn needs_no_loss(function: &Function) -> Result<(), Error> {
    let Some(parameter) = function.inputs.iter().find(|input| input.ty.kind == Kind::Loss) else { return Ok(()) };
    let others = function.inputs.iter().filter(|input| input.ty.kind != Kind::Loss);
    let rest = others.map(|input| format!(", {} = …", input.name)).collect();
    Err(Error::NeedsLoss { name: function.name.clone(), parameter: parameter.name.clone(), rest })
}

pub(super) fn finish(
    world: World,
    hir: hir::Program,
    own: Vec<Arc<Function>>,
    name: &str,
    diagnostics: Vec<Diagnostic>,
) -> Result<Program, Error> {
    if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(Error::Source { diagnostics, sources: world.sources });
    }
    let (world, hir) = (Arc::new(world), Arc::new(hir));
    Ok(Program { world, hir, own, name: name.to_string(), warnings: diagnostics })
}

/// An input of a loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputInfo {
    /// Its name.
    pub name: String,
    /// Its kind, such as `prob` or `index(C)`.
    pub kind: String,
    /// Its axes as written, such as `N` and `..S`.
    pub axes: Vec<String>,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it holds floats, so that there is a gradient with respect to it.
    pub float: bool,
}

/// A hyperparameter of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct HyperparameterInfo {
    /// Its name.
    pub name: String,
    /// Whether it is an int, fixed when compiled.
    pub int: bool,
    /// The axis whose extent it is, needed only where no input has that axis.
    pub axis: Option<String>,
    /// Its default as written.
    pub default: String,
    /// What must hold of it, as written.
    pub condition: Option<String>,
}

/// A state or learnable of a loss, or of one that it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedInfo {
    /// Its name to the caller.
    pub name: String,
    /// Its first value as written.
    pub start: String,
    /// What must hold of it, as written.
    pub condition: Option<String>,
    /// The loss that declares it.
    pub loss: String,
}

/// What a loss is from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct LossInfo {
    /// Its name.
    pub name: String,
    /// The module it stands in.
    pub module: String,
    /// Its doc comment.
    pub docs: String,
    /// Its inputs in order.
    pub inputs: Vec<InputInfo>,
    /// The labelled axes of its inputs, with how many labels they have.
    pub labelled: Vec<(String, usize)>,
    /// Its hyperparameters in order.
    pub hyperparameters: Vec<HyperparameterInfo>,
    /// Its learnables, also those of the losses that it calls: the gradient by them can be asked for.
    pub learnables: Vec<CarriedInfo>,
    /// Its states, also those of the losses that it calls.
    pub states: Vec<CarriedInfo>,
    /// Its definition as written.
    pub definition: String,
}

impl Program {
    /// The names of the losses that the text defines, in its order.
    pub fn losses(&self) -> Vec<String> {
        let losses = self.own.iter().filter(|function| function.sort == Sort::Loss);
        losses.map(|function| function.name.clone()).collect()
    }

    /// The names of the losses of the standard library.
    pub fn standard_losses(&self) -> Vec<String> {
        self.world.standard_losses().map(|(name, _)| name.to_string()).collect()
    }

    /// What is suspicious in the text.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// All texts, for rendering diagnostics.
    pub fn sources(&self) -> &SourceMap {
        &self.world.sources
    }

    /// A loss of the text, or else of the standard library.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn loss(&self, name: &str) -> Result<LossBuilder, Error> {
        let (program, function) = self.find(name)?;
        needs_no_loss(&function)?;
        Ok(LossBuilder::new(program, function))
    }

    /// The only or last loss of the text.
    ///
    /// # Errors
    /// If it defines none.
    pub fn main(&self) -> Result<LossBuilder, Error> {
        let last = self.own.iter().rev().find(|function| function.sort == Sort::Loss);
        let function = last.ok_or_else(|| Error::NoLoss { name: self.name.clone() })?;
        needs_no_loss(function)?;
        Ok(LossBuilder::new(self.clone(), function.clone()))
    }

    /// What a loss is from outside.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn info(&self, name: &str) -> Result<LossInfo, Error> {
        let (program, function) = self.find(name)?;
        Ok(program.describe(&function))
    }

    pub(super) fn describe(&self, function: &Function) -> LossInfo {
        let text = |span: Span| self.world.sources.text(span).to_string();
        let inputs = function.inputs.iter().map(|input| InputInfo {
            name: input.name.clone(),
            kind: kind_name(input.ty.kind, &function.axes, &function.hyperparameters),
            axes: input.ty.axes.iter().map(|axis| function.axes[axis.0 as usize].written()).collect(),
            optional: input.default.is_some(),
            float: input.ty.kind.is_real(),
        });
        let labelled = function.axes.iter().filter_map(|axis| match &axis.kind {
            AxisKind::Labelled(labelled) => Some((axis.name.clone(), labelled.labels.len())),
            _ => None,
        });
        let carried = hir::carried(&self.hir, function);
        let of_role = |role: Role| {
            let all = carried.iter().filter(|one| one.role == role);
            let info = |one: &hir::Carried| CarriedInfo {
                name: one.name.clone(),
                start: text(one.default),
                condition: one.condition.map(text),
                loss: one.loss.clone(),
            };
            all.map(info).collect()
        };
        let own = function.hyperparameters.iter().filter(|one| !one.role.is_carried());
        let hyperparameters = own.map(|one| HyperparameterInfo {
            name: one.name.clone(),
            int: one.role == Role::Int,
            axis: one.extent_of.map(|axis| function.axes[axis.0 as usize].name.clone()),
            default: match one.extent_of {
                Some(axis) => format!("size[{}]", function.axes[axis.0 as usize].name),
                None => text(one.default.span),
            },
            condition: one.condition.as_ref().map(|condition| text(condition.span)),
        });
        LossInfo {
            name: function.name.clone(),
            module: function.module.clone(),
            docs: function.docs.clone(),
            inputs: inputs.collect(),
            labelled: labelled.collect(),
            hyperparameters: hyperparameters.collect(),
            learnables: of_role(Role::Learn),
            states: of_role(Role::State),
            definition: text(function.definition),
        }
    }

    /// A loss by name. One of the standard library that the text does not use is checked now.
    fn find(&self, name: &str) -> Result<(Program, Arc<Function>), Error> {
        let own = self.own.iter().find(|function| function.name == name && function.sort == Sort::Loss);
        if let Some(function) = own {
            return Ok((self.clone(), function.clone()));
        }
        let standard = self.world.standard_losses().find(|(other, _)| *other == name);
        let Some((_, id)) = standard else {
            let losses = self.losses();
            let all = losses.iter().map(String::as_str).chain(self.world.standard_losses().map(|(name, _)| name));
            let suggestion = did_you_mean(name, all).map(str::to_string);
            return Err(Error::UnknownLoss { name: name.to_string(), suggestion });
        };
        if let Some(function) = self.hir.function(id) {
            return Ok((self.clone(), function.clone()));
        }
        let mut checker = Checker::new(&self.world);
        let function = checker.function(id, Span::default());
        let (hir, diagnostics) = checker.finish();
        let Some(function) = function else {
            return Err(Error::Source { diagnostics, sources: self.world.sources.clone() });
        };
        Ok((Program { hir: Arc::new(hir), ..self.clone() }, function))
    }
}
