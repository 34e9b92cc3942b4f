//! Modules from files: `a::b` is `a/b.loss` in a folder.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::resolve::SourceLoader;
use crate::resolve::loader::LoadedSource;

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

    /// A loader for the files in the folder of a file.
    pub fn beside(file: &Path) -> Self {
        Self::new(file.parent().unwrap_or(Path::new("")))
    }
}

impl SourceLoader for FolderLoader {
    fn load(&self, path: &str) -> Result<Option<LoadedSource>, String> {
        let words: Vec<&str> = path.split("::").collect();
        // The words are identifiers; refuse anything that could leave the folder.
        let is_word = |word: &&str| !word.is_empty() && !word.contains(['/', '\\', '.', ':', '\0']);
        if !words.iter().all(is_word) {
            return Ok(None);
        }
        let file = self.folder.join(words.iter().collect::<PathBuf>()).with_extension("loss");
        match std::fs::read_to_string(&file) {
            Ok(text) => Ok(Some(LoadedSource { name: file.display().to_string(), text })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", file.display())),
        }
    }
}
