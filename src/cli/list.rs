//! `lossc list`: the standard library by the survey's taxonomy, or what is like some words.

use std::collections::BTreeMap;

use serde_json::json;

use super::arguments::ListArguments;
use super::doc::{Documentation, place};
use super::failure::Failure;
use super::output::put;
use crate::session::Compiler;

/// What a loss is searched by.
struct Entry {
    name: String,
    group: String,
    documentation: Documentation,
}

fn all() -> Result<Vec<Entry>, Failure> {
    let library = Compiler::new().standard()?;
    let mut entries = Vec::new();
    for name in library.standard_losses() {
        let documentation = Documentation::of(&library.info(&name)?);
        let group = documentation.tag("group").unwrap_or("Other").to_string();
        entries.push(Entry { name, group, documentation });
    }
    Ok(entries)
}

/// The losses that are like some words, one line each.
pub fn found(words: &str) -> Result<String, Failure> {
    let entries = like(all()?, words)?;
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    Ok(entries.iter().map(|entry| format!("{:width$}  {}\n", entry.name, entry.documentation.summary)).collect())
}

/// Prints one line a loss, by group or by how well it fits.
pub fn run(arguments: &ListArguments) -> Result<(), Failure> {
    let entries = all()?;
    let entries = match &arguments.like {
        Some(words) => like(entries, words)?,
        None => entries,
    };
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    let line = |entry: &Entry| format!("  {:width$}  {}\n", entry.name, entry.documentation.summary);
    if arguments.json {
        for Entry { name, group, documentation } in &entries {
            put(format_args!("{}\n", json!({ "name": name, "group": group, "summary": documentation.summary })));
        }
    } else if arguments.like.is_some() {
        entries.iter().for_each(|entry| put(format_args!("{}", line(entry))));
    } else {
        let mut groups: BTreeMap<(usize, &str), Vec<&Entry>> = BTreeMap::new();
        entries.iter().for_each(|entry| groups.entry((place(&entry.group), &entry.group)).or_default().push(entry));
        for ((_, group), entries) in groups {
            put(format_args!("{group}\n"));
            entries.into_iter().for_each(|entry| put(format_args!("{}", line(entry))));
            put(format_args!("\n"));
        }
    }
    Ok(())
}

/// The entries in which every word is found, else those with the most words, the best first.
fn like(entries: Vec<Entry>, words: &str) -> Result<Vec<Entry>, Failure> {
    let words: Vec<String> = words.split(|letter: char| !letter.is_alphanumeric()).map(stem).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    let scored = entries.into_iter().map(|entry| {
        let scores: Vec<u32> = words.iter().map(|word| entry.score(word)).collect();
        let found = scores.iter().filter(|score| **score > 0).count();
        (found, scores.iter().sum::<u32>(), entry)
    });
    let mut scored: Vec<_> = scored.filter(|(found, ..)| *found > 0).collect();
    let most = scored.iter().map(|(found, ..)| *found).max();
    scored.retain(|(found, ..)| Some(*found) == most);
    scored.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.2.name.cmp(&b.2.name)));
    if scored.is_empty() {
        let message = format!("no loss is like {:?}; `lossc list` shows all", words.join(" "));
        return Err(Failure::Message(message));
    }
    Ok(scored.into_iter().map(|(.., entry)| entry).collect())
}

impl Entry {
    /// How well a word fits: in the name best, then in keywords and group, then in the text.
    fn score(&self, word: &str) -> u32 {
        let tag = |name: &str| self.documentation.tag(name).unwrap_or_default();
        let fields: [(u32, &str); 6] = [
            (8, &self.name),
            (6, tag("keywords")),
            (4, &self.group),
            (3, &self.documentation.summary),
            (2, &self.documentation.text),
            (2, tag("paper")),
        ];
        let has = |text: &str| text.split(|letter: char| !letter.is_alphanumeric()).any(|own| fits(&stem(own), word));
        fields.iter().filter(|(_, text)| has(text)).map(|(weight, _)| weight).sum()
    }
}

/// Whether a word of a text is the one that is looked for, or begins with it.
fn fits(own: &str, wanted: &str) -> bool {
    own == wanted || (wanted.len() >= 3 && own.starts_with(wanted))
}

/// A word in lower case without the endings that only say its form.
fn stem(word: &str) -> String {
    let word = word.to_lowercase();
    for ending in ["ions", "ion", "ing", "ed", "es", "s", "e"] {
        if let Some(short) = word.strip_suffix(ending)
            && short.len() >= 4
        {
            return short.to_string();
        }
    }
    word
}
