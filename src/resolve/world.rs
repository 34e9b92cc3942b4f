//! All modules of one compilation and the look-up of words in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::NameError;
use super::library::{LazyItem, Standard};
use super::loader::SourceLoader;
use crate::diagnostic::Diagnostic;
use crate::hir::{FunctionId, Kept, LabelledAxis, Sort};
use crate::span::{SourceId, SourceMap, Span};
use crate::suggestion::did_you_mean;
use crate::syntax::ast::{self, ItemKind, ItemWord, Name, UseNames};
use crate::syntax::{SyntaxError, parse};

/// A module of one [`World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(pub u32);

/// One module.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its path, such as `std::region`; for the user's own text its name.
    pub name: String,
    /// Whether it belongs to the standard library.
    pub standard: bool,
    /// Its text.
    pub source: SourceId,
    pub(super) items: Items,
    pub(super) functions: BTreeMap<String, FunctionId>,
    pub(super) constants: BTreeMap<String, FunctionId>,
    pub(super) axes: BTreeMap<String, Arc<LabelledAxis>>,
    aliases: BTreeMap<String, ModuleId>,
    used_functions: BTreeMap<String, FunctionId>,
    used_constants: BTreeMap<String, FunctionId>,
    /// Names that a `use` line should have brought, and did not: that is reported once, where it stands.
    lost: BTreeSet<String>,
}

/// What was written.
#[derive(Clone, Debug)]
pub(super) enum Items {
    /// All of it, parsed.
    Parsed(Arc<ast::Module>),
    /// Items that are parsed one by one.
    Lazy(Arc<[LazyItem]>),
}

impl Items {
    /// How many items are parsed.
    pub fn parsed(&self) -> usize {
        match self {
            Items::Parsed(module) => module.items.len(),
            Items::Lazy(items) => items.iter().filter(|item| item.is_parsed()).count(),
        }
    }

    /// Word and name of every item.
    fn heads(&self) -> Vec<(ItemWord, &Name)> {
        match self {
            Items::Parsed(module) => module.items.iter().map(|item| (item.kind.word(), item.kind.name())).collect(),
            Items::Lazy(items) => items.iter().map(|item| (item.head.word, &item.head.name)).collect(),
        }
    }

    fn name(&self, item: usize) -> &Name {
        match self {
            Items::Parsed(module) => module.items[item].kind.name(),
            Items::Lazy(items) => &items[item].head.name,
        }
    }
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

/// All modules. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// All texts.
    pub sources: SourceMap,
    /// All modules; the standard library comes first.
    pub modules: Vec<Arc<Module>>,
    /// All losses, functions and constants, by [`FunctionId`].
    pub functions: Vec<FunctionItem>,
    pub(super) standard: Arc<Standard>,
}

impl World {
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
        let id = self.add_module(path.to_string(), Items::Parsed(ast.clone()), source, errors);
        self.change(id).lost = lost;
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

    /// A module that is not complete yet.
    fn change(&mut self, id: ModuleId) -> &mut Module {
        Arc::make_mut(&mut self.modules[id.0 as usize])
    }

    pub(super) fn add_module(
        &mut self,
        name: String,
        items: Items,
        source: SourceId,
        errors: &mut Vec<Diagnostic>,
    ) -> ModuleId {
        let id = ModuleId(self.modules.len() as u32);
        let mut module = Module {
            name,
            standard: matches!(items, Items::Lazy(_)),
            items: items.clone(),
            source,
            functions: BTreeMap::new(),
            constants: BTreeMap::new(),
            axes: BTreeMap::new(),
            aliases: BTreeMap::new(),
            used_functions: BTreeMap::new(),
            used_constants: BTreeMap::new(),
            lost: BTreeSet::new(),
        };
        let mut first: BTreeMap<(u8, &str), Span> = BTreeMap::new();
        for (position, (word, name)) in items.heads().into_iter().enumerate() {
            let space = match word {
                ItemWord::Loss | ItemWord::Fn => 0,
                ItemWord::Const => 1,
                ItemWord::Axis => 2,
            };
            if let Some(&first) = first.get(&(space, name.text.as_str())) {
                let name_text = name.text.clone();
                errors.push(NameError::Duplicate { name: name_text, first, second: name.span }.diagnostic());
                continue;
            }
            first.insert((space, name.text.as_str()), name.span);
            let sort = match word {
                ItemWord::Loss => Sort::Loss,
                ItemWord::Fn => Sort::Fn,
                ItemWord::Const => Sort::Const,
                ItemWord::Axis => {
                    match self.item_of(&items, source, position) {
                        Ok(ast::Item { kind: ItemKind::Axis { labels, .. }, .. }) => {
                            add_axis(&mut module, name, labels, errors);
                        }
                        Ok(_) => {}
                        Err(found) => errors.extend_from_slice(found),
                    }
                    continue;
                }
            };
            let function = FunctionId(self.functions.len() as u32);
            self.functions.push(FunctionItem { module: id, item: position, sort });
            let names = if sort == Sort::Const { &mut module.constants } else { &mut module.functions };
            names.insert(name.text.clone(), function);
        }
        self.modules.push(Arc::new(module));
        id
    }

    fn bring(&mut self, into: ModuleId, line: &ast::Use, from: ModuleId, errors: &mut Vec<Diagnostic>) {
        let source = self.modules[from.0 as usize].clone();
        let whole = line.path.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join("::") == source.name;
        let wanted: Vec<&Name> = match &line.names {
            UseNames::Path if whole => {
                let Some(alias) = line.path.last() else { return };
                self.change(into).aliases.insert(alias.text.clone(), from);
                return;
            }
            UseNames::Path => line.path.last().into_iter().collect(),
            UseNames::Some(names) => names.iter().collect(),
            UseNames::All => {
                let module = self.change(into);
                module.used_functions.extend(source.functions.clone());
                module.used_constants.extend(source.constants.clone());
                for (name, axis) in &source.axes {
                    module.axes.entry(name.clone()).or_insert_with(|| axis.clone());
                }
                return;
            }
        };
        for name in wanted {
            self.bring_one(into, name, &source, errors);
        }
    }

    fn bring_one(&mut self, into: ModuleId, name: &Name, source: &Module, errors: &mut Vec<Diagnostic>) {
        let mut found = false;
        if let Some(&function) = source.functions.get(&name.text) {
            found = true;
            if let Some(&other) = self.module(into).used_functions.get(&name.text)
                && other != function
            {
                let first = self.functions[other.0 as usize].module;
                let first = self.module(first).name.clone();
                let second = source.name.clone();
                let name_text = name.text.clone();
                errors.push(NameError::AmbiguousUse { name: name_text, first, second, span: name.span }.diagnostic());
                return;
            }
            self.change(into).used_functions.insert(name.text.clone(), function);
        }
        if let Some(&constant) = source.constants.get(&name.text) {
            found = true;
            self.change(into).used_constants.insert(name.text.clone(), constant);
        }
        if let Some(axis) = source.axes.get(&name.text) {
            found = true;
            self.change(into).axes.insert(name.text.clone(), axis.clone());
        }
        if !found {
            self.change(into).lost.insert(name.text.clone());
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

    /// The definition of a function; what is wrong with it, if it belongs to a library that is broken.
    ///
    /// # Errors
    /// With all mistakes in the syntax of its module.
    pub fn item(&self, id: FunctionId) -> Result<&ast::Item, &[Diagnostic]> {
        let function = &self.functions[id.0 as usize];
        let module = self.module(function.module);
        self.item_of(&module.items, module.source, function.item)
    }

    fn item_of<'i>(
        &'i self,
        items: &'i Items,
        source: SourceId,
        item: usize,
    ) -> Result<&'i ast::Item, &'i [Diagnostic]> {
        match items {
            Items::Parsed(module) => Ok(&module.items[item]),
            Items::Lazy(items) => items[item].get(&self.sources, source),
        }
    }

    /// The name of a function.
    pub fn name(&self, id: FunctionId) -> &Name {
        let function = &self.functions[id.0 as usize];
        self.module(function.module).items.name(function.item)
    }

    /// The item that a span is of.
    pub fn item_at(&self, definition: Span) -> Option<&ast::Item> {
        let holds =
            |piece: Span| piece.source == definition.source && piece.range().contains(&definition.range().start);
        self.modules.iter().find_map(|module| match &module.items {
            Items::Parsed(module) => module.items.iter().find(|item| item.span == definition),
            Items::Lazy(items) => {
                let item = items.iter().find(|item| holds(item.head.piece))?;
                item.get(&self.sources, module.source).ok().filter(|item| item.span == definition)
            }
        })
    }

    /// What is kept of the checked functions of the standard library.
    pub fn kept(&self) -> &Arc<Kept> {
        &self.standard.kept
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
            [name] => [&module.functions, &module.used_functions, &self.standard.functions]
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
            [name] => [&module.constants, &module.used_constants, &self.standard.constants]
                .into_iter()
                .find_map(|names| names.get(&name.text).copied()),
            [.., name] => self.path_module(module, path)?.constants.get(&name.text).copied(),
            [] => None,
        }
    }

    /// The labelled axis of a name in a module.
    pub fn labelled_axis(&self, module: ModuleId, name: &str) -> Option<&Arc<LabelledAxis>> {
        self.module(module).axes.get(name).or_else(|| self.standard.axes.get(name))
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
        self.modules.iter().map(Arc::as_ref).find(|other| other.name == full || other.name == standard)
    }

    /// Whether a name is missing only because a `use` line failed.
    pub fn is_lost(&self, module: ModuleId, name: &str) -> bool {
        let lost = &self.module(module).lost;
        lost.contains(name) || name.split_once("::").is_some_and(|(alias, _)| lost.contains(alias))
    }

    /// Every function name that can be written in a module without a path.
    pub fn function_names(&self, module: ModuleId) -> impl Iterator<Item = &str> {
        let module = self.module(module);
        let all = module.functions.keys().chain(module.used_functions.keys()).chain(self.standard.functions.keys());
        all.map(String::as_str)
    }

    /// Every constant name that can be written in a module without a path.
    pub fn constant_names(&self, module: ModuleId) -> impl Iterator<Item = &str> {
        let module = self.module(module);
        let all = module.constants.keys().chain(module.used_constants.keys()).chain(self.standard.constants.keys());
        all.map(String::as_str)
    }

    /// Every labelled axis that can be written in a module.
    pub fn labelled_axis_names(&self, module: ModuleId) -> impl Iterator<Item = &str> {
        self.module(module).axes.keys().chain(self.standard.axes.keys()).map(String::as_str)
    }

    /// The losses of the standard library by name.
    pub fn standard_losses(&self) -> impl Iterator<Item = (&str, FunctionId)> {
        let all = self.standard.functions.iter().map(|(name, &id)| (name.as_str(), id));
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
