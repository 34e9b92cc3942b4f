//! Where the text of a module comes from: the one thing the compiler asks of the outside.

use std::collections::BTreeMap;

/// A module's text and what a diagnostic calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedSource {
    /// For example the path of the file.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Finds the text of a module by its path, such as `losses::extra`.
pub trait SourceLoader {
    /// The text; `None` if this loader does not have the module.
    ///
    /// # Errors
    /// If it has the module and cannot read it: the reason, for people.
    fn load(&self, path: &str) -> Result<Option<LoadedSource>, String>;
}

/// A loader without any module.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoModules;

impl SourceLoader for NoModules {
    fn load(&self, _path: &str) -> Result<Option<LoadedSource>, String> {
        Ok(None)
    }
}

/// Modules given as text.
#[derive(Clone, Debug, Default)]
pub struct InMemory {
    /// Texts by path.
    pub modules: BTreeMap<String, String>,
}

impl SourceLoader for InMemory {
    fn load(&self, path: &str) -> Result<Option<LoadedSource>, String> {
        let text = self.modules.get(path).cloned();
        Ok(text.map(|text| LoadedSource { name: format!("{}.loss", path.replace("::", "/")), text }))
    }
}
