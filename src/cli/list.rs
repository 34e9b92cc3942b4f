//! `lossc list`: the standard library by the survey's taxonomy.

use std::collections::BTreeMap;

use serde_json::json;

use super::arguments::ListArguments;
use super::doc::Documentation;
use super::failure::Failure;
use super::output::put;
use crate::session::Compiler;

/// Prints one line a loss, by group.
pub fn run(arguments: &ListArguments) -> Result<(), Failure> {
    let library = Compiler::new().standard()?;
    let mut groups: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for name in library.standard_losses() {
        let documentation = Documentation::of(&library.info(&name)?);
        let group = documentation.tag("group").unwrap_or("Other").to_string();
        if arguments.json {
            put(format_args!("{}\n", json!({ "name": name, "group": group, "summary": documentation.summary })));
        }
        groups.entry(group).or_default().push((name, documentation.summary));
    }
    if arguments.json {
        return Ok(());
    }
    let width = groups.values().flatten().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (group, losses) in groups {
        put(format_args!("{group}\n"));
        for (name, summary) in losses {
            put(format_args!("  {name:width$}  {summary}\n"));
        }
        put(format_args!("\n"));
    }
    Ok(())
}
