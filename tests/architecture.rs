//! The law of the layers, as data: who may import whom, and which words belong to which part.
//!
//! One crate cannot enforce it, so this test reads the sources. `docs/architecture.md` explains the table.

use std::fs;
use std::path::{Path, PathBuf};

/// Every module of `src/`, lowest first, with what it may import. What is imported stands in an earlier row, so
/// there is no circle.
const LAYERS: &[(&str, &[&str])] = &[
    ("span", &[]),
    ("stack", &[]),
    ("suggestion", &[]),
    ("op", &[]),
    ("tensor", &[]),
    ("stdlib", &[]),
    ("numeric", &["op"]),
    ("vector", &["op", "numeric"]),
    ("diagnostic", &["span"]),
    ("syntax", &["span", "diagnostic", "suggestion"]),
    ("hir", &["span", "stack", "op", "syntax"]),
    ("resolve", &["span", "suggestion", "diagnostic", "syntax", "hir"]),
    ("check", &["span", "stack", "suggestion", "op", "diagnostic", "syntax", "hir", "resolve"]),
    ("ir", &["op"]),
    ("bind", &["op", "tensor", "ir"]),
    ("eval", &["op", "numeric", "ir"]),
    ("ad", &["op", "ir"]),
    ("rewrite", &["op", "numeric", "ir"]),
    ("formula", &["op", "ir"]),
    ("lower", &["span", "stack", "op", "numeric", "diagnostic", "syntax", "hir", "check", "ir"]),
    ("kernel", &["op", "ir"]),
    ("fuse", &["op", "ir", "kernel"]),
    ("jit", &["op", "tensor", "numeric", "vector", "ir", "bind", "kernel", "fuse"]),
    ("pipeline", &["ir", "ad", "rewrite"]),
    (
        "session",
        &[
            "span",
            "suggestion",
            "op",
            "tensor",
            "stdlib",
            "diagnostic",
            "syntax",
            "hir",
            "resolve",
            "check",
            "ir",
            "bind",
            "eval",
            "rewrite",
            "lower",
            "jit",
            "pipeline",
        ],
    ),
    ("interop", &["tensor", "session"]),
    ("cli", &["span", "suggestion", "tensor", "diagnostic", "resolve", "ir", "formula", "lower", "session"]),
];

/// Words that may stand only in files whose path (below `src/`) begins with one of these.
const TERRITORIES: &[(&str, &[&str])] = &[
    ("cranelift", &["jit/"]),
    ("pest::", &["syntax/"]),
    ("pest_derive", &["syntax/"]),
    ("iced_x86", &["jit/wide/"]),
    ("libc::", &["jit/pages.rs"]),
    (
        "unsafe",
        &["main.rs", "jit/functions.rs", "jit/module.rs", "jit/pages.rs", "jit/run.rs", "jit/whole/", "vector/"],
    ),
    ("rayon", &["jit/share.rs"]),
    ("std::fs", &["cli/"]),
    ("std::env", &["cli/"]),
    ("std::io", &["cli/"]),
    ("std::process", &["cli/", "main.rs"]),
    ("std::time", &["cli/"]),
    ("print!", &["cli/"]),
    ("println!", &["cli/"]),
    ("eprint!", &["cli/"]),
    ("eprintln!", &["cli/"]),
    ("clap", &["cli/"]),
    ("serde", &["cli/"]),
    ("safetensors", &["cli/"]),
    ("npyz", &["cli/"]),
    ("rustyline", &["cli/repl/"]),
    ("plotters", &["cli/plot/"]),
    ("ndarray::", &["interop/ndarray.rs"]),
    ("candle_core", &["interop/candle"]),
];

/// No file is longer.
const MAX_LINES: usize = 500;

/// A source file, its path below `src/` and its text without comments, line by line.
struct Source {
    path: String,
    text: String,
    code: Vec<String>,
}

impl Source {
    /// The names of the modules on the way to this file: `syntax/build/mod.rs` is `syntax`, `build`.
    fn modules(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs");
        path.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).collect()
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a readable source file");
        let below = path.strip_prefix(&root).expect("a path below src");
        let code = text.lines().map(without_comment).collect();
        Source { path: below.to_string_lossy().replace('\\', "/"), text, code }
    };
    files.into_iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

fn without_comment(line: &str) -> String {
    line.split("//").next().unwrap_or_default().to_string()
}

/// Whether `text` has `word` with no identifier character before it.
fn has_word(text: &str, word: &str) -> bool {
    let at_start = |position: usize| !text[..position].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(position, _)| at_start(position))
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The modules that a line imports from the crate's root. A path of `super` that reaches the root counts as such.
fn imports(line: &str, depth: usize, in_tests: bool) -> Vec<&str> {
    let mut found: Vec<&str> =
        line.match_indices("crate::").map(|(position, word)| identifier(&line[position + word.len()..])).collect();
    let mut rest = line;
    while let Some(position) = rest.find("super::") {
        rest = &rest[position..];
        let mut count = 0;
        while let Some(shorter) = rest.strip_prefix("super::") {
            rest = shorter;
            count += 1;
        }
        if count >= depth + usize::from(in_tests) {
            found.push(identifier(rest));
        }
    }
    found
}

#[test]
fn every_import_is_in_the_table() {
    let mut broken = Vec::new();
    for source in sources() {
        let modules = source.modules();
        let Some(&module) = modules.first() else { continue };
        let row = LAYERS.iter().find(|(name, _)| *name == module);
        let Some((_, allowed)) = row else {
            broken.push(format!("src/{}: `{module}` has no row in LAYERS", source.path));
            continue;
        };
        let tests = source.code.iter().position(|line| line.contains("#[cfg(test)]")).unwrap_or(usize::MAX);
        for (number, line) in source.code.iter().enumerate() {
            for imported in imports(line, modules.len(), number > tests) {
                if imported != module && !allowed.contains(&imported) {
                    let place = format!("src/{}:{}", source.path, number + 1);
                    broken.push(format!("{place}: `{module}` may not import `{imported}`"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "the law of the layers is broken:\n{}", broken.join("\n"));
}

#[test]
fn the_table_has_no_circle_and_every_module() {
    for (position, (module, allowed)) in LAYERS.iter().enumerate() {
        for import in *allowed {
            let earlier = LAYERS[..position].iter().any(|(name, _)| name == import);
            assert!(earlier, "`{module}` may import `{import}`, which is not in an earlier row");
        }
    }
    let all = sources();
    let lib = all.iter().find(|source| source.path == "lib.rs").expect("src/lib.rs");
    let declared = lib.code.iter().filter_map(|line| line.strip_prefix("pub mod ").map(identifier));
    let mut declared: Vec<&str> = declared.collect();
    let mut rows: Vec<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    declared.sort_unstable();
    rows.sort_unstable();
    assert_eq!(declared, rows, "the modules of src/lib.rs and the rows of LAYERS");
}

#[test]
fn words_stay_in_their_territories() {
    let mut broken = Vec::new();
    for source in sources() {
        for (number, line) in source.code.iter().enumerate() {
            for (word, homes) in TERRITORIES {
                if has_word(line, word) && !homes.iter().any(|home| source.path.starts_with(home)) {
                    let place = format!("src/{}:{}", source.path, number + 1);
                    broken.push(format!("{place}: `{word}` belongs to {}", homes.join(", ")));
                }
            }
        }
    }
    assert!(broken.is_empty(), "words outside their territories:\n{}", broken.join("\n"));
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut broken = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > MAX_LINES {
            broken.push(format!("src/{} has {lines} lines, more than {MAX_LINES}", source.path));
        }
        if !source.text.starts_with("//!") {
            broken.push(format!("src/{} does not begin with `//!`", source.path));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_scanner_finds_imports_in_every_form() {
    assert_eq!(imports("use crate::ir::Graph;", 1, false), ["ir"]);
    assert_eq!(imports("let x = crate::op::Binary::Add + crate::ir::f();", 2, false), ["op", "ir"]);
    assert_eq!(imports("pub(super) fn f(x: super::error::E) {}", 2, false), [""; 0]);
    assert_eq!(imports("use super::super::jit::Compiled;", 2, false), ["jit"]);
    assert_eq!(imports("use super::ir::Graph;", 1, false), ["ir"]);
    assert_eq!(imports("    use super::helper;", 1, true), [""; 0]);
    assert_eq!(imports("use crate::{ir, op};", 1, false), [""], "a group names no module, which no row allows");
    assert!(has_word("    println!(\"x\")", "println!") && !has_word("    println!(\"x\")", "print!"));
    assert!(!has_word("eprintln!()", "println!"));
}
