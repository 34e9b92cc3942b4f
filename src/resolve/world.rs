//! All modules of one compilation and the look-up of words in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use super::error::NameError;
use super::loader::SourceLoader;
use crate::diagnostic::Diagnostic;
use crate::hir::{FunctionId, LabelledAxis, Sort};
use crate::span::{SourceId, SourceMap};
use crate::suggestion::did_you_mean;
use crate::syntax::ast::{self, ItemKind, Name, UseNames};
use crate::syntax::{SyntaxError, parse};

/// A module of one [`World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(pub u32);

/// The standard library, parsed once a process.
#[derive(Debug, Default)]
pub struct Library {
    modules: Vec<(String, String, Arc<ast::Module>)>,
    errors: Vec<Diagnostic>,
}

impl Library {
    /// Parses modules given as `(name, text)`; the names start with `std::`.
    pub fn parse(modules: &[(&str, &str)]) -> Self {
        let mut library = Library::default();
        for (position, (name, text)) in modules.iter().enumerate() {
            let source = SourceId(u32::try_from(position).unwrap_or(u32::MAX));
            match parse(source, text) {
                Ok(ast) => library.modules.push(((*name).to_string(), (*text).to_string(), Arc::new(ast))),
                Err(errors) => {
                    library.modules.push(((*name).to_string(), (*text).to_string(), Arc::default()));
                    library.errors.extend(errors.iter().map(SyntaxError::diagnostic));
                }
            }
        }
        library
    }

    /// The embedded library, parsed when first needed.
    pub fn embedded(modules: &[(&str, &str)]) -> &'static Library {
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        LIBRARY.get_or_init(|| Library::parse(modules))
    }
}

/// One module.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its path, such as `std::region`; for the user's own text its name.
    pub name: String,
    /// Whether it belongs to the standard library.
    pub standard: bool,
    /// What was written.
    pub ast: Arc<ast::Module>,
    /// Its text.
    pub source: SourceId,
    functions: BTreeMap<String, FunctionId>,
    constants: BTreeMap<String, FunctionId>,
    axes: BTreeMap<String, Arc<LabelledAxis>>,
    aliases: BTreeMap<String, ModuleId>,
    used_functions: BTreeMap<String, FunctionId>,
    used_constants: BTreeMap<String, FunctionId>,
    /// Names that a `use` line should have brought, and did not: that is reported once, where it stands.
    lost: BTreeSet<String>,
}

/// Where a function stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionItem {
    /// Its module.
    pub module: ModuleId,
    /// Its position among the items.
    pub item: usize,
    /// What sort.
    pub sort: Sort,
}

/// All modules.
#[derive(Debug, Default)]
pub struct World {
    /// All texts.
    pub sources: SourceMap,
    /// All modules; the standard library comes first.
    pub modules: Vec<Module>,
    /// All losses, functions and constants, by [`FunctionId`].
    pub functions: Vec<FunctionItem>,
    standard_functions: BTreeMap<String, FunctionId>,
    standard_constants: BTreeMap<String, FunctionId>,
    standard_axes: BTreeMap<String, Arc<LabelledAxis>>,
}

impl World {
    /// A world that holds the standard library only.
    pub fn new(library: &Library) -> (World, Vec<Diagnostic>) {
        let mut world = World::default();
        let mut errors = library.errors.clone();
        for (name, text, ast) in &library.modules {
            let source = world.sources.add(name.clone(), text.clone());
            let id = world.add_module(name.clone(), true, ast.clone(), source, &mut errors);
            let module = &world.modules[id.0 as usize];
            let (functions, constants, axes) =
                (module.functions.clone(), module.constants.clone(), module.axes.clone());
            world.standard_functions.extend(functions);
            world.standard_constants.extend(constants);
            world.standard_axes.extend(axes);
        }
        (world, errors)
    }

    /// Parses a text, loads what its `use` lines need, and lists what it defines. What is wrong is added to `errors`.
    pub fn load(
        &mut self,
        name: &str,
        text: &str,
        loader: &dyn SourceLoader,
        errors: &mut Vec<Diagnostic>,
    ) -> Option<ModuleId> {
        let mut open = vec![name.to_string()];
        self.load_open(name, name, text, loader, &mut open, errors)
    }

    fn load_open(
        &mut self,
        path: &str,
        file: &str,
        text: &str,
        loader: &dyn SourceLoader,
        open: &mut Vec<String>,
        errors: &mut Vec<Diagnostic>,
    ) -> Option<ModuleId> {
        let source = self.sources.add(file, text);
        match parse(source, text) {
            Ok(ast) => Some(self.load_tree(path, source, ast, loader, open, errors)),
            Err(found) => {
                errors.extend(found.iter().map(SyntaxError::diagnostic));
                None
            }
        }
    }

    /// Loads what the `use` lines of a tree need, and lists what it defines. Its items may come from several sources,
    /// which are added already.
    pub fn load_tree(
        &mut self,
        path: &str,
        source: SourceId,
        ast: ast::Module,
        loader: &dyn SourceLoader,
        open: &mut Vec<String>,
        errors: &mut Vec<Diagnostic>,
    ) -> ModuleId {
        let ast = Arc::new(ast);
        let mut used = Vec::new();
        let mut lost = BTreeSet::new();
        for line in &ast.uses {
            match self.load_use(line, loader, open, errors) {
                Some(target) => used.push((line, target)),
                None => lost.extend(wanted_names(line)),
            }
        }
        let id = self.add_module(path.to_string(), false, ast.clone(), source, errors);
        self.modules[id.0 as usize].lost = lost;
        for (line, target) in used {
            self.bring(id, line, target, errors);
        }
        id
    }

    fn load_use(
        &mut self,
        line: &ast::Use,
        loader: &dyn SourceLoader,
        open: &mut Vec<String>,
        errors: &mut Vec<Diagnostic>,
    ) -> Option<ModuleId> {
        let words: Vec<&str> = line.path.iter().map(|name| name.text.as_str()).collect();
        // `use a::b` may name the module `a::b`, or the item `b` of the module `a`.
        let mut lengths = vec![words.len()];
        if line.names == UseNames::Path && words.len() > 1 {
            lengths.push(words.len() - 1);
        }
        for length in lengths {
            let path = words[..length].join("::");
            if let Some(position) = open.iter().position(|module| *module == path) {
                let mut circle = open[position..].to_vec();
                circle.push(path);
                errors.push(NameError::UseCircle { path: circle, span: line.span }.diagnostic());
                return None;
            }
            if let Some(position) = self.modules.iter().position(|module| module.name == path) {
                return Some(ModuleId(position as u32));
            }
            match loader.load(&path) {
                Ok(Some(loaded)) => {
                    open.push(path.clone());
                    let id = self.load_open(&path, &loaded.name, &loaded.text, loader, open, errors);
                    open.pop();
                    return id;
                }
                Ok(None) => {}
                Err(reason) => {
                    errors.push(NameError::Unreadable { path, reason, span: line.span }.diagnostic());
                    return None;
                }
            }
        }
        let path = words.join("::");
        let suggestion = self.nearest_module(line);
        errors.push(NameError::UnknownModule { path, span: line.span, suggestion }.diagnostic());
        None
    }

    /// The path that a `use` line probably means: of a module, or of an item in one.
    fn nearest_module(&self, line: &ast::Use) -> Option<String> {
        let words: Vec<&str> = line.path.iter().map(|name| name.text.as_str()).collect();
        let near = |path: &str| did_you_mean(path, self.modules.iter().map(|module| module.name.as_str()));
        if let Some(module) = near(&words.join("::")) {
            return Some(module.to_string());
        }
        let (item, module) = words.split_last()?;
        if line.names != UseNames::Path || module.is_empty() {
            return None;
        }
        near(&module.join("::")).map(|module| format!("{module}::{item}"))
    }

    fn add_module(
        &mut self,
        name: String,
        standard: bool,
        ast: Arc<ast::Module>,
        source: SourceId,
        errors: &mut Vec<Diagnostic>,
    ) -> ModuleId {
        let id = ModuleId(self.modules.len() as u32);
        let mut module = Module {
            name,
            standard,
            ast: ast.clone(),
            source,
            functions: BTreeMap::new(),
            constants: BTreeMap::new(),
            axes: BTreeMap::new(),
            aliases: BTreeMap::new(),
            used_functions: BTreeMap::new(),
            used_constants: BTreeMap::new(),
            lost: BTreeSet::new(),
        };
        let mut first: BTreeMap<(u8, &str), crate::span::Span> = BTreeMap::new();
        for (position, item) in ast.items.iter().enumerate() {
            let (space, name) = match &item.kind {
                ItemKind::Loss(function) | ItemKind::Fn(function) => (0, &function.name),
                ItemKind::Const { name, .. } => (1, name),
                ItemKind::Axis { name, .. } => (2, name),
            };
            if let Some(&first) = first.get(&(space, name.text.as_str())) {
                let name_text = name.text.clone();
                errors.push(NameError::Duplicate { name: name_text, first, second: name.span }.diagnostic());
                continue;
            }
            first.insert((space, name.text.as_str()), name.span);
            let sort = match &item.kind {
                ItemKind::Loss(_) => Sort::Loss,
                ItemKind::Fn(_) => Sort::Fn,
                ItemKind::Const { .. } => Sort::Const,
                ItemKind::Axis { name, labels } => {
                    add_axis(&mut module, name, labels, errors);
                    continue;
                }
            };
            let function = FunctionId(self.functions.len() as u32);
            self.functions.push(FunctionItem { module: id, item: position, sort });
            let names = if sort == Sort::Const { &mut module.constants } else { &mut module.functions };
            names.insert(name.text.clone(), function);
        }
        self.modules.push(module);
        id
    }

    fn bring(&mut self, into: ModuleId, line: &ast::Use, from: ModuleId, errors: &mut Vec<Diagnostic>) {
        let source = self.modules[from.0 as usize].clone();
        let whole = line.path.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join("::") == source.name;
        let wanted: Vec<&Name> = match &line.names {
            UseNames::Path if whole => {
                let Some(alias) = line.path.last() else { return };
                self.modules[into.0 as usize].aliases.insert(alias.text.clone(), from);
                return;
            }
            UseNames::Path => line.path.last().into_iter().collect(),
            UseNames::Some(names) => names.iter().collect(),
            UseNames::All => {
                let module = &mut self.modules[into.0 as usize];
                module.used_functions.extend(source.functions.clone());
                module.used_constants.extend(source.constants.clone());
                for (name, axis) in source.axes {
                    module.axes.entry(name).or_insert(axis);
                }
                return;
            }
        };
        for name in wanted {
            self.bring_one(into, name, &source, errors);
        }
    }

    fn bring_one(&mut self, into: ModuleId, name: &Name, source: &Module, errors: &mut Vec<Diagnostic>) {
        let module = &mut self.modules[into.0 as usize];
        let mut found = false;
        if let Some(&function) = source.functions.get(&name.text) {
            found = true;
            if let Some(&other) = module.used_functions.get(&name.text)
                && other != function
            {
                let first = self.functions[other.0 as usize].module;
                let first = self.modules[first.0 as usize].name.clone();
                let second = source.name.clone();
                let name_text = name.text.clone();
                errors.push(NameError::AmbiguousUse { name: name_text, first, second, span: name.span }.diagnostic());
                return;
            }
            module.used_functions.insert(name.text.clone(), function);
        }
        if let Some(&constant) = source.constants.get(&name.text) {
            found = true;
            module.used_constants.insert(name.text.clone(), constant);
        }
        if let Some(axis) = source.axes.get(&name.text) {
            found = true;
            module.axes.insert(name.text.clone(), axis.clone());
        }
        if !found {
            module.lost.insert(name.text.clone());
            let all = source.functions.keys().chain(source.constants.keys()).chain(source.axes.keys());
            let suggestion = did_you_mean(&name.text, all.map(String::as_str)).map(str::to_string);
            let module = source.name.clone();
            errors.push(
                NameError::UnknownItem { module, name: name.text.clone(), span: name.span, suggestion }.diagnostic(),
            );
        }
    }

    /// The module of an id.
    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.0 as usize]
    }

    /// The definition of a function.
    pub fn item(&self, id: FunctionId) -> (&FunctionItem, &ast::Item) {
        let function = &self.functions[id.0 as usize];
        (function, &self.module(function.module).ast.items[function.item])
    }

    /// The functions and losses that a module defines itself, in the order of its text.
    pub fn own_functions(&self, id: ModuleId) -> Vec<FunctionId> {
        let all = (0..self.functions.len() as u32).map(FunctionId);
        all.filter(|function| self.functions[function.0 as usize].module == id).collect()
    }

    /// The loss or function that a path means in a module: of this file, of its `use` lines, of std.
    pub fn function(&self, module: ModuleId, path: &[Name]) -> Option<FunctionId> {
        let module = self.module(module);
        match path {
            [name] => [&module.functions, &module.used_functions, &self.standard_functions]
                .into_iter()
                .find_map(|names| names.get(&name.text).copied()),
            [.., name] => self.path_module(module, path)?.functions.get(&name.text).copied(),
            [] => None,
        }
    }

    /// The constant that a path means in a module.
    pub fn constant(&self, module: ModuleId, path: &[Name]) -> Option<FunctionId> {
        let module = self.module(module);
        match path {
            [name] => [&module.constants, &module.used_constants, &self.standard_constants]
                .into_iter()
                .find_map(|names| names.get(&name.text).copied()),
            [.., name] => self.path_module(module, path)?.constants.get(&name.text).copied(),
            [] => None,
        }
    }

    /// The labelled axis of a name in a module.
    pub fn labelled_axis(&self, module: ModuleId, name: &str) -> Option<&Arc<LabelledAxis>> {
        self.module(module).axes.get(name).or_else(|| self.standard_axes.get(name))
    }

    fn path_module(&self, module: &Module, path: &[Name]) -> Option<&Module> {
        let words: Vec<&str> = path[..path.len() - 1].iter().map(|name| name.text.as_str()).collect();
        if let [alias] = words[..]
            && let Some(&id) = module.aliases.get(alias)
        {
            return Some(self.module(id));
        }
        let full = words.join("::");
        let standard = format!("std::{full}");
        self.modules.iter().find(|other| other.name == full || other.name == standard)
    }

    /// Whether a name is missing only because a `use` line failed.
    pub fn is_lost(&self, module: ModuleId, name: &str) -> bool {
        let lost = &self.module(module).lost;
        lost.contains(name) || name.split_once("::").is_some_and(|(alias, _)| lost.contains(alias))
    }

    /// Every function name that can be written in a module without a path.
    pub fn function_names(&self, module: ModuleId) -> impl Iterator<Item = &str> {
        let module = self.module(module);
        let all = module.functions.keys().chain(module.used_functions.keys()).chain(self.standard_functions.keys());
        all.map(String::as_str)
    }

    /// Every constant name that can be written in a module without a path.
    pub fn constant_names(&self, module: ModuleId) -> impl Iterator<Item = &str> {
        let module = self.module(module);
        let all = module.constants.keys().chain(module.used_constants.keys()).chain(self.standard_constants.keys());
        all.map(String::as_str)
    }

    /// Every labelled axis that can be written in a module.
    pub fn labelled_axis_names(&self, module: ModuleId) -> impl Iterator<Item = &str> {
        self.module(module).axes.keys().chain(self.standard_axes.keys()).map(String::as_str)
    }

    /// The losses of the standard library by name.
    pub fn standard_losses(&self) -> impl Iterator<Item = (&str, FunctionId)> {
        let all = self.standard_functions.iter().map(|(name, &id)| (name.as_str(), id));
        all.filter(|(_, id)| self.functions[id.0 as usize].sort == Sort::Loss)
    }
}

/// The names that a `use` line brings, but for `::*`.
fn wanted_names(line: &ast::Use) -> Vec<String> {
    match &line.names {
        UseNames::Path => line.path.last().map(|name| name.text.clone()).into_iter().collect(),
        UseNames::Some(names) => names.iter().map(|name| name.text.clone()).collect(),
        UseNames::All => Vec::new(),
    }
}

fn add_axis(module: &mut Module, name: &Name, labels: &[Name], errors: &mut Vec<Diagnostic>) {
    for (position, label) in labels.iter().enumerate() {
        if labels[..position].iter().any(|earlier| earlier.text == label.text) {
            let (axis, text) = (name.text.clone(), label.text.clone());
            errors.push(NameError::DuplicateLabel { axis, label: text, span: label.span }.diagnostic());
        }
    }
    let labels = labels.iter().map(|label| label.text.clone()).collect();
    let axis = Arc::new(LabelledAxis { name: name.text.clone(), labels });
    module.axes.insert(name.text.clone(), axis);
}
