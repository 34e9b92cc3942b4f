//! `docs/survey.md`: where every equation of the survey, and every loss that its conclusion names, is in the library.
//!
//! It is written from the tables beside this file (`UPDATE=1 cargo test --test survey`), which are held against the
//! `@equation` tags of the library in both directions, so neither can go stale. `comments` holds the doc comments
//! themselves to their form.

mod comments;
mod library;
mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use library::{Entry, entries};
use page::{Row, conclusion, equations, references, written};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn by_name(entries: &[Entry]) -> BTreeMap<&str, &Entry> {
    entries.iter().map(|entry| (entry.name.as_str(), entry)).collect()
}

#[test]
fn the_page_is_what_the_tables_say() {
    let path = root().join("docs/survey.md");
    let right = written(&entries());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, right).expect("a writable document");
        return;
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == right, "docs/survey.md is stale: UPDATE=1 cargo test --test survey");
}

#[test]
fn every_equation_from_2_to_95_is_there_once() {
    let found: Vec<u32> = equations().iter().flat_map(Row::numbers).collect();
    assert_eq!(found, (2..=95).collect::<Vec<u32>>());
}

#[test]
fn what_the_tables_name_is_in_the_library() {
    let entries = entries();
    let library = by_name(&entries);
    for row in equations().iter().chain(&conclusion()) {
        for name in row.names() {
            let known = library.contains_key(name) || row.is_part(name);
            assert!(known, "{}: the library has no `{name}`", row.subject);
        }
    }
}

#[test]
fn the_table_and_the_tags_say_the_same() {
    let entries = entries();
    let library = by_name(&entries);
    let mut from_table: BTreeSet<(String, u32)> = BTreeSet::new();
    for row in equations() {
        for name in row.names().filter(|name| library.contains_key(name)) {
            from_table.extend(row.numbers().into_iter().map(|number| (name.to_string(), number)));
            if row.numbers().is_empty() {
                let tag = library[name].tag("equation").unwrap_or_default();
                assert_eq!(tag, format!("section {}", row.section), "{name}: the tag @equation");
            }
        }
    }
    let from_tags: BTreeSet<(String, u32)> = entries
        .iter()
        .flat_map(|entry| entry.equations().into_iter().map(|number| (entry.name.clone(), number)))
        .collect();
    let table_only: Vec<_> = from_table.difference(&from_tags).collect();
    let tags_only: Vec<_> = from_tags.difference(&from_table).collect();
    assert!(table_only.is_empty(), "the table names these, their tag @equation does not: {table_only:?}");
    assert!(tags_only.is_empty(), "@equation says these, tests/survey/equations.txt does not: {tags_only:?}");
}

#[test]
fn an_equation_tag_begins_with_a_number_or_a_section() {
    for entry in entries() {
        let Some(tag) = entry.tag("equation") else { continue };
        let good = !entry.equations().is_empty() || tag.starts_with("section ");
        assert!(good, "{}: @equation {tag}", entry.name);
    }
}

#[test]
fn every_loss_has_a_place_and_a_source() {
    let concluded: BTreeSet<String> =
        conclusion().iter().flat_map(|row| row.names().map(str::to_string).collect::<Vec<_>>()).collect();
    for entry in entries().iter().filter(|entry| entry.is_loss) {
        let beyond = entry.tag("group").is_some_and(|group| group.starts_with("Beyond the survey"));
        let of_survey = entry.tag("equation").is_some() || concluded.contains(&entry.name);
        assert_ne!(beyond, of_survey, "{}: in the survey or beyond it?", entry.name);
        let source = entry.tag("equation").or(entry.tag("paper")).or(entry.tag("source"));
        assert!(source.is_some(), "{}: no @equation, @paper or @source", entry.name);
    }
}

#[test]
fn every_reference_is_cited_and_every_citation_listed() {
    let listed: BTreeSet<u32> = references().keys().copied().collect();
    let cited: BTreeSet<u32> = equations().iter().chain(&conclusion()).flat_map(|row| row.cites.clone()).collect();
    assert_eq!(listed, cited);
}

#[test]
fn the_pages_that_it_links_are_there() {
    let entries = entries();
    let text = written(&entries);
    let links: Vec<&str> = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 100, "{} links", links.len());
    let losses: Vec<&str> = entries.iter().filter(|entry| entry.is_loss).map(|entry| entry.name.as_str()).collect();
    let reference = root().join("docs/reference");
    for link in links {
        let name = link.strip_prefix("reference/").and_then(|rest| rest.strip_suffix(".md"));
        let name = name.unwrap_or_else(|| panic!("docs/survey.md links {link}"));
        assert!(losses.contains(&name), "docs/survey.md links a loss that is not there: {name}");
        assert!(reference.join(format!("{name}.md")).is_file(), "no page for {name}");
    }
}
