//! Modules from files: `a::b` is `a/b.loss` in a folder.

use crate::resolve::loader::SourceLoader;
use crate::span::Source;
use std::path::PathBuf;

/// The `.loss` files of a folder.
#[derive(Clone, Debug)]
pub struct FolderLoader {
    folder: PathBuf,
}

impl FolderLoader {
    /// A loader for the files under a folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        FolderLoader { folder: folder.into() }
    }
}

impl SourceLoader for FolderLoader {
    fn load(&self, path: &[&str]) -> Option<Source> {
        // The words are identifiers; refuse anything that could leave the folder.
        let is_word = |word: &str| !word.is_empty() && !word.contains(['/', '\\', '.', ':', '\0']);
        if path.is_empty() || !path.iter().all(|word| is_word(word)) {
            return None;
        }
        let file = self.folder.join(path.iter().collect::<PathBuf>()).with_extension("loss");
        let text = std::fs::read_to_string(&file).ok()?;
        Some(Source { name: file.display().to_string(), text })
    }
}
