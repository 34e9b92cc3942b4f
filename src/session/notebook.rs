//! Definitions that come one after the other, and expressions over tensors: what a person enters line by line.
//!
//! Every text that was entered stays a source of its own, so that a diagnostic points into what was typed. A definition
//! replaces the earlier one of its name; what used that one uses the new one.

use std::sync::Arc;

use super::build::LossBuilder;
use super::error::Error;
use super::program::{Program, finish};
use crate::check::{Checker, TensorType, kind_name};
use crate::hir::{AxisIndex, ExprKind, Function};
use crate::resolve::{Library, ModuleId, SourceLoader, World};
use crate::span::{SourceId, SourceMap, Span};
use crate::stdlib;
use crate::syntax::ast::{self, ItemKind, ItemWord};
use crate::syntax::{SyntaxError, parse, parse_expression};

/// What was entered so far.
#[derive(Clone, Debug, Default)]
pub struct Notebook {
    /// The texts, with what diagnostics call them.
    texts: Vec<(String, String)>,
}

/// One definition of a [`Notebook`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// `loss`, `fn`, `const` or `axis`.
    pub word: &'static str,
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A checked expression over tensors.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What compiles it.
    pub builder: LossBuilder,
    /// The kind of its value, such as `prob`.
    pub kind: String,
    /// The axes of its value.
    pub axes: Vec<String>,
    /// The tensors that it uses, with the axes that they have here.
    pub tensors: Vec<UsedTensor>,
}

/// A tensor that an expression uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedTensor {
    /// Its name.
    pub name: String,
    /// Its kind here.
    pub kind: String,
    /// Its axes.
    pub axes: Vec<String>,
    /// Whether it is taken as floats, so that there is a gradient with respect to it.
    pub float: bool,
}

impl Notebook {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more text of definitions, which diagnostics call `name`, and the program that it makes.
    ///
    /// # Errors
    /// [`Error::Source`] with everything that is wrong in the text, or in earlier definitions because of it.
    pub fn with(&self, name: &str, text: &str, loader: &dyn SourceLoader) -> Result<(Notebook, Program), Error> {
        let mut notebook = self.clone();
        notebook.texts.push((name.to_string(), text.to_string()));
        let program = notebook.program(loader)?;
        notebook.drop_replaced();
        Ok((notebook, program))
    }

    /// All definitions as a checked program.
    ///
    /// # Errors
    /// [`Error::Source`] if something is wrong, such as a file that is gone.
    pub fn program(&self, loader: &dyn SourceLoader) -> Result<Program, Error> {
        let (world, module) = self.world(loader)?;
        let mut checker = Checker::new(&world);
        checker.module(module);
        let own = world.own_functions(module);
        let (hir, diagnostics) = checker.finish();
        let own = own.iter().filter_map(|&id| hir.function(id).cloned()).collect();
        finish(world, hir, own, "the session", diagnostics)
    }

    /// Checks an expression over tensors, which diagnostics call `name`.
    ///
    /// # Errors
    /// [`Error::Source`] with everything that is wrong.
    pub fn expression(
        &self,
        name: &str,
        text: &str,
        tensors: &[TensorType],
        loader: &dyn SourceLoader,
    ) -> Result<Checked, Error> {
        let (program, function) = self.check(name, text, loader, |checker, module, expr| {
            checker.over_tensors(module, text.trim(), tensors, expr)
        })?;
        let axis = |axis: &AxisIndex| function.axes[axis.0 as usize].written();
        let result = match &function.result.kind {
            ExprKind::ToReal(inner) => inner,
            _ => &function.result,
        };
        let inputs = function.inputs.iter().map(|input| UsedTensor {
            name: input.name.clone(),
            kind: kind_name(input.ty.kind, &function.axes, &function.hyperparameters),
            axes: input.ty.axes.iter().map(axis).collect(),
            float: input.ty.kind.is_real(),
        });
        Ok(Checked {
            kind: kind_name(result.ty.kind, &function.axes, &function.hyperparameters),
            axes: result.ty.axes.iter().map(axis).collect(),
            tensors: inputs.collect(),
            builder: LossBuilder::new(program, function),
        })
    }

    /// An expression as a loss whose inputs are inferred, as `lossc eval -e` takes it.
    ///
    /// # Errors
    /// [`Error::Source`] with everything that is wrong.
    pub fn inferred(&self, name: &str, text: &str, loader: &dyn SourceLoader) -> Result<LossBuilder, Error> {
        let (program, function) =
            self.check(name, text, loader, |checker, module, expr| checker.expression(module, text.trim(), expr))?;
        Ok(LossBuilder::new(program, function))
    }

    /// The definitions that count, in order.
    pub fn definitions(&self) -> Vec<Definition> {
        let mut sources = SourceMap::new();
        let (tree, _) = self.tree(&mut sources, &mut Vec::new());
        let definition = |item: &ast::Item| {
            let (word, name) = (item.kind.word().text(), item.kind.name().text.clone());
            Definition { word, name, text: sources.text(item.span).to_string() }
        };
        tree.items.iter().map(definition).collect()
    }

    fn check(
        &self,
        name: &str,
        text: &str,
        loader: &dyn SourceLoader,
        check: impl FnOnce(&mut Checker<'_>, ModuleId, &ast::Expr) -> Option<Arc<Function>>,
    ) -> Result<(Program, Arc<Function>), Error> {
        let (mut world, module) = self.world(loader)?;
        let source = world.sources.add(name, text);
        let expr = match parse_expression(source, text) {
            Ok(expr) => expr,
            Err(errors) => {
                let diagnostics = errors.iter().map(SyntaxError::diagnostic).collect();
                return Err(Error::Source { diagnostics, sources: world.sources });
            }
        };
        let mut checker = Checker::new(&world);
        let function = check(&mut checker, module, &expr);
        let (hir, diagnostics) = checker.finish();
        let sources = world.sources.clone();
        let program = finish(world, hir, Vec::new(), text.trim(), diagnostics)?;
        // Without a function there is at least one error.
        let function = function.ok_or(Error::Source { diagnostics: Vec::new(), sources })?;
        Ok((program, function))
    }

    fn world(&self, loader: &dyn SourceLoader) -> Result<(World, ModuleId), Error> {
        let (mut world, mut diagnostics) = Library::embedded(stdlib::MODULES).world();
        let mut sources = std::mem::take(&mut world.sources);
        let (tree, first) = self.tree(&mut sources, &mut diagnostics);
        world.sources = sources;
        if diagnostics.is_empty() {
            let mut open = Vec::new();
            let module = world.load_tree("", first, tree, loader, &mut open, &mut diagnostics);
            if diagnostics.is_empty() {
                return Ok((world, module));
            }
        }
        Err(Error::Source { diagnostics, sources: world.sources })
    }

    /// All texts as one tree, of each name the last definition.
    fn tree(
        &self,
        sources: &mut SourceMap,
        errors: &mut Vec<crate::diagnostic::Diagnostic>,
    ) -> (ast::Module, SourceId) {
        let mut tree = ast::Module::default();
        let mut first = None;
        for (name, text) in &self.texts {
            let source = sources.add(name.clone(), text.clone());
            first = first.or(Some(source));
            match parse(source, text) {
                Ok(module) => {
                    let new = |item: &ast::Item| same_name(&module.items, item);
                    tree.items.retain(|item| !new(item));
                    tree.uses.extend(module.uses);
                    tree.items.extend(module.items);
                }
                Err(found) => errors.extend(found.iter().map(SyntaxError::diagnostic)),
            }
        }
        let first = first.unwrap_or_else(|| sources.add("<repl>", ""));
        (tree, first)
    }

    /// Leaves out the texts of which nothing counts any more.
    fn drop_replaced(&mut self) {
        let mut sources = SourceMap::new();
        let (tree, _) = self.tree(&mut sources, &mut Vec::new());
        let spans = tree.items.iter().map(|item| item.span).chain(tree.uses.iter().map(|line| line.span));
        let living: Vec<u32> = spans.map(|span: Span| span.source.0).collect();
        let mut position = 0;
        self.texts.retain(|_| {
            position += 1;
            living.contains(&(position - 1))
        });
    }
}

/// Whether one of the items takes the place of another: losses and functions share their names.
fn same_name(items: &[ast::Item], other: &ast::Item) -> bool {
    let space = |kind: &ItemKind| if kind.word() == ItemWord::Fn { ItemWord::Loss } else { kind.word() };
    let same = |kind: &ItemKind| space(kind) == space(&other.kind) && kind.name().text == other.kind.name().text;
    items.iter().any(|item| item.span != other.span && same(&item.kind))
}
