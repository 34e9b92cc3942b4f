//! The standard library: texts → a world in which every item is known by name, and parsed when it is first looked at.
//!
//! It is made once a process and shared by all worlds. What is filled in later depends on the texts alone, so nobody
//! can tell whether it was there already.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::world::{Items, World};
use crate::diagnostic::Diagnostic;
use crate::hir::{FunctionId, Kept, LabelledAxis};
use crate::span::{SourceId, SourceMap};
use crate::syntax::{Head, SyntaxError, ast, index, parse_item};

/// The standard library.
#[derive(Debug, Default)]
pub struct Library {
    world: World,
    errors: Vec<Diagnostic>,
}

/// The names of the standard library, and what is kept of its functions.
#[derive(Debug, Default)]
pub(super) struct Standard {
    pub functions: BTreeMap<String, FunctionId>,
    pub constants: BTreeMap<String, FunctionId>,
    pub axes: BTreeMap<String, Arc<LabelledAxis>>,
    pub kept: Arc<Kept>,
}

/// An item that is parsed when it is first looked at.
#[derive(Debug)]
pub(super) struct LazyItem {
    pub head: Head,
    parsed: OnceLock<Result<ast::Item, Vec<Diagnostic>>>,
}

impl Library {
    /// A library of modules given as `(name, text)`; the names start with `std::`. What begins an item stands at the
    /// beginning of a line, and nothing else there does.
    pub fn new(modules: &[(&str, &str)]) -> Self {
        let (mut world, mut errors) = (World::default(), Vec::new());
        let mut standard = Standard::default();
        for (name, text) in modules {
            let source = world.sources.add(*name, *text);
            let lazy = |head| LazyItem { head, parsed: OnceLock::new() };
            let items = Items::Lazy(index(source, text).into_iter().map(lazy).collect());
            let id = world.add_module((*name).to_string(), items, source, &mut errors);
            let module = world.module(id);
            standard.functions.extend(module.functions.clone());
            standard.constants.extend(module.constants.clone());
            standard.axes.extend(module.axes.clone());
        }
        standard.kept = Arc::new(Kept::new(world.functions.len()));
        world.standard = Arc::new(standard);
        Library { world, errors }
    }

    /// The embedded library, made when first needed.
    pub fn embedded(modules: &[(&str, &str)]) -> &'static Library {
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        LIBRARY.get_or_init(|| Library::new(modules))
    }

    /// A world that holds the library only, and what is wrong with it.
    pub fn world(&self) -> (World, Vec<Diagnostic>) {
        (self.world.clone(), self.errors.clone())
    }

    /// How many items were parsed so far, and how many were checked.
    pub fn progress(&self) -> (usize, usize) {
        let parsed = self.world.modules.iter().map(|module| module.items.parsed()).sum();
        (parsed, self.world.standard.kept.count())
    }
}

impl LazyItem {
    /// The item, or what is wrong with it.
    pub fn get(&self, sources: &SourceMap, source: SourceId) -> Result<&ast::Item, &[Diagnostic]> {
        let parse = || {
            let text = sources.get(source).map_or("", |source| source.text.as_str());
            parse_item(source, text, &self.head)
                .map_err(|errors| errors.iter().map(SyntaxError::diagnostic).collect::<Vec<_>>())
        };
        self.parsed.get_or_init(parse).as_ref().map_err(Vec::as_slice)
    }

    pub fn is_parsed(&self) -> bool {
        self.parsed.get().is_some()
    }
}
