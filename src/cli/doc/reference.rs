//! The standard library → a folder of pages, one a loss, and an index.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::page::Page;
use super::render::markdown;
use crate::cli::failure::Failure;
use crate::cli::output::put;
use crate::session::Compiler;

/// Writes all pages into a folder, which is made if it is not there.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(folder: &Path) -> Result<(), Failure> {
    let failed =
        |what: &Path, error: std::io::Error| Failure::Message(format!("cannot write {}: {error}", what.display()));
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let library = Compiler::new().standard()?;
    let mut groups: BTreeMap<(usize, String), Vec<(String, String)>> = BTreeMap::new();
    let losses = library.standard_losses();
    for name in &losses {
        let page = Page::of(&library, name)?;
        let file = folder.join(format!("{name}.md"));
        std::fs::write(&file, markdown(&page)).map_err(|error| failed(&file, error))?;
        let group = page.documentation.tag("group").unwrap_or("Other").to_string();
        groups.entry((super::place(&group), group)).or_default().push((name.clone(), page.documentation.summary));
    }
    let file = folder.join("README.md");
    std::fs::write(&file, index(&groups)).map_err(|error| failed(&file, error))?;
    put(format_args!("{} pages in {}\n", losses.len(), folder.display()));
    Ok(())
}

fn index(groups: &BTreeMap<(usize, String), Vec<(String, String)>>) -> String {
    let mut text = String::from("# The losses of the standard library\n");
    for ((_, group), losses) in groups {
        let _ = write!(text, "\n## {group}\n\n");
        for (name, summary) in losses {
            let _ = writeln!(text, "- [`{name}`]({name}.md): {}", summary.replace('[', "\\["));
        }
    }
    text
}
