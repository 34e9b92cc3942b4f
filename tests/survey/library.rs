//! The items of the standard library with the tags of their doc comments.

use std::collections::{BTreeMap, BTreeSet};

use lossc::span::SourceId;
use lossc::stdlib::MODULES;
use lossc::syntax::ast::ItemKind;
use lossc::syntax::parse;

/// A loss or a function of the library.
pub struct Entry {
    pub name: String,
    pub is_loss: bool,
    /// The doc comment without its tagged lines.
    pub text: Vec<String>,
    tags: BTreeMap<String, String>,
}

impl Entry {
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.get(name).map(String::as_str)
    }

    /// The first line, which stands for the loss in lists.
    pub fn summary(&self) -> &str {
        self.text.first().map_or("", String::as_str)
    }

    /// The numbers of `@equation`: `16–18`, `39, 74`, `9, without the root`.
    pub fn equations(&self) -> BTreeSet<u32> {
        self.tag("equation").unwrap_or_default().split(',').flat_map(numbers).collect()
    }
}

/// The numbers of `16` or `16–18`; none of any other text.
pub fn numbers(text: &str) -> Vec<u32> {
    let (first, last) = text.trim().split_once('–').unwrap_or((text.trim(), text.trim()));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => (first..=last).collect(),
        _ => Vec::new(),
    }
}

/// Every loss and function, in the order of the modules.
pub fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    for (path, text) in MODULES {
        let module = parse(SourceId(0), text).unwrap_or_else(|errors| panic!("{path}: {errors:?}"));
        for item in module.items {
            let (function, is_loss) = match item.kind {
                ItemKind::Loss(function) => (function, true),
                ItemKind::Fn(function) => (function, false),
                ItemKind::Const { .. } | ItemKind::Axis { .. } => continue,
            };
            let (tagged, text): (Vec<&str>, Vec<&str>) =
                item.docs.trim().lines().partition(|line| line.starts_with('@'));
            let tags = tagged.iter().filter_map(|line| line[1..].split_once(' '));
            let tags = tags.map(|(name, value)| (name.to_string(), value.trim().to_string())).collect();
            let text = text.join("\n").trim().lines().map(str::to_string).collect();
            entries.push(Entry { name: function.name.text, is_loss, text, tags });
        }
    }
    entries
}
