//! Where the text of a module comes from: the only thing the compiler asks of the outside world.

use crate::span::Source;
use std::collections::BTreeMap;

/// Finds the text of a module.
pub trait SourceLoader {
    /// The source of the module with these path words, such as `["std", "region"]`, if there is one.
    fn load(&self, path: &[&str]) -> Option<Source>;
}

/// Modules that the caller holds in memory, by path (`std::region`).
#[derive(Clone, Debug, Default)]
pub struct MemoryLoader {
    modules: BTreeMap<String, String>,
}

impl MemoryLoader {
    /// A loader without any module.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a module.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.modules.insert(path.into(), text.into());
        self
    }
}

impl SourceLoader for MemoryLoader {
    fn load(&self, path: &[&str]) -> Option<Source> {
        let name = path.join("::");
        let text = self.modules.get(&name)?.clone();
        Some(Source { name, text })
    }
}

/// Several loaders, asked in order.
#[derive(Default)]
pub struct ChainedLoader {
    loaders: Vec<Box<dyn SourceLoader + Send + Sync>>,
}

impl ChainedLoader {
    /// A loader that finds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a loader that is asked when those before it find nothing.
    #[must_use]
    pub fn then(mut self, loader: impl SourceLoader + Send + Sync + 'static) -> Self {
        self.loaders.push(Box::new(loader));
        self
    }
}

impl SourceLoader for ChainedLoader {
    fn load(&self, path: &[&str]) -> Option<Source> {
        self.loaders.iter().find_map(|loader| loader.load(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_asks_in_order() {
        let first = MemoryLoader::new().with("a", "1");
        let second = MemoryLoader::new().with("a", "2").with("b::c", "3");
        let chain = ChainedLoader::new().then(first).then(second);
        assert_eq!(chain.load(&["a"]).map(|source| source.text).as_deref(), Some("1"));
        assert_eq!(chain.load(&["b", "c"]).map(|source| source.name).as_deref(), Some("b::c"));
        assert!(chain.load(&["b"]).is_none());
    }
}
