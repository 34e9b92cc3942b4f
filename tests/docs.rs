//! The documents say what is true: every command in them is run and its output compared, every program is checked.
//!
//! A ```` ```console ```` block holds `$ lossc …` or `$ cargo run … -- …` lines with what they print. `UPDATE=1 cargo
//! test --test docs` writes the blocks anew. A ```` ```repl ```` block holds entries of a session, `loss> …`, likewise.
//! The Rust examples of the README are run by `cargo test --doc`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lossc::cli::repl::Session;

#[path = "support/transcript.rs"]
mod transcript;

/// Commands whose output is not compared, by their first words.
const EXEMPT: &[&str] = &[
    "cargo test",
    "cargo build",
    "cargo install",
    "cargo bench",
    "cargo run --release --features training --example",
    "git clone",
    "python3 benches/peers/peers.py",
    ".ci/run",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md"), root().join("examples/data/README.md")];
    for entry in fs::read_dir(root().join("docs")).expect("the folder docs") {
        let path = entry.expect("a readable entry").path();
        if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A part of a document: a fenced block with its language, or the lines between two of them.
enum Part {
    Text(Vec<String>),
    Block { language: String, lines: Vec<String> },
}

fn parts(text: &str) -> Vec<Part> {
    let mut all = Vec::new();
    let mut between = Vec::new();
    let mut lines = text.lines().map(str::to_string);
    while let Some(line) = lines.next() {
        match line.strip_prefix("```") {
            Some(language) => {
                let inside: Vec<String> = lines.by_ref().take_while(|line| line != "```").collect();
                all.push(Part::Text(std::mem::take(&mut between)));
                all.push(Part::Block { language: language.to_string(), lines: inside });
            }
            None => between.push(line),
        }
    }
    all.push(Part::Text(between));
    all
}

fn written(parts: &[Part]) -> String {
    let mut lines = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => lines.extend(text.iter().cloned()),
            Part::Block { language, lines: inside } => {
                lines.push(format!("```{language}"));
                lines.extend(inside.iter().cloned());
                lines.push("```".to_string());
            }
        }
    }
    lines.join("\n") + "\n"
}

/// The words of a command line, with double quotes around words that have blanks.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for sign in command.chars() {
        match sign {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().expect("at least one word").push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What follows `lossc` in a command line, or nothing if the command is exempt.
fn arguments(command: &str) -> Option<Vec<String>> {
    if EXEMPT.iter().any(|start| command.starts_with(start)) {
        return None;
    }
    let words = words(command);
    match words.first().map(String::as_str) {
        Some("lossc") => Some(words[1..].to_vec()),
        Some("cargo") if words[1] == "run" => {
            let dashes = words.iter().position(|word| word == "--").expect("`--` behind `cargo run`");
            Some(words[dashes + 1..].to_vec())
        }
        _ => panic!("a document shows a command that this test does not know: {command}"),
    }
}

/// What a command prints, as a terminal shows it: its messages, then its result.
fn run(arguments: &[String]) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_lossc"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("the binary runs");
    assert!(matches!(output.status.code(), Some(0 | 1)), "lossc {arguments:?} ended with {}", output.status);
    let printed = [output.stderr, output.stdout].concat();
    let printed = String::from_utf8(printed).expect("text in UTF-8");
    printed.trim_end().lines().map(|line| line.trim_end().to_string()).collect()
}

/// A console block as it should be. Only an exempt command keeps the lines that the document gives it.
fn as_it_should_be(lines: &[String]) -> Vec<String> {
    let mut result = Vec::new();
    let mut keep = true;
    for line in lines {
        let Some(command) = line.strip_prefix("$ ") else {
            if keep {
                result.push(line.clone());
            }
            continue;
        };
        result.push(line.clone());
        let arguments = arguments(command);
        keep = arguments.is_none();
        if let Some(arguments) = arguments {
            result.extend(run(&arguments));
        }
    }
    result
}

#[test]
fn commands_print_what_the_documents_show() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let mut commands = 0;
    for path in documents() {
        let text = fs::read_to_string(&path).expect("a readable document");
        let mut parts = parts(&text);
        // All blocks of a document are one session.
        let mut session = Session { width: 80, ..Session::default() };
        for part in &mut parts {
            let Part::Block { language, lines } = part else { continue };
            let right = match language.as_str() {
                "console" => as_it_should_be(lines),
                "repl" => transcript::as_it_should_be(&mut session, lines, root()),
                _ => continue,
            };
            commands += lines.iter().filter(|line| line.starts_with("$ ")).count();
            if right != *lines {
                wrong.push(format!("{}: shown\n{}\nprinted\n{}", path.display(), lines.join("\n"), right.join("\n")));
                *lines = right;
            }
        }
        if update {
            fs::write(&path, written(&parts)).expect("a writable document");
        }
    }
    assert!(commands > 0, "no document shows a command");
    assert!(update || wrong.is_empty(), "UPDATE=1 writes these anew:\n{}", wrong.join("\n\n"));
}

#[test]
fn programs_in_the_documents_are_right() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut programs = 0;
    for path in documents() {
        let text = fs::read_to_string(&path).expect("a readable document");
        for part in parts(&text) {
            let Part::Block { language, lines } = part else { continue };
            if language != "loss" {
                continue;
            }
            programs += 1;
            let file = folder.path().join(format!("program_{programs}.loss"));
            fs::write(&file, lines.join("\n") + "\n").expect("a writable folder");
            let printed = run(&["check".to_string(), file.to_string_lossy().into_owned()]).join("\n");
            assert!(printed.contains(": fine,"), "{}:\n{}\n{printed}", path.display(), lines.join("\n"));
        }
    }
    assert!(programs > 0, "no document shows a program");
}

#[test]
fn every_example_is_right_and_computes_on_its_data() {
    let mut examples = 0;
    for entry in fs::read_dir(root().join("examples")).expect("the folder examples") {
        let path = entry.expect("a readable entry").path();
        if path.extension().is_none_or(|ending| ending != "loss") {
            continue;
        }
        examples += 1;
        let printed = run(&["check".to_string(), path.to_string_lossy().into_owned()]).join("\n");
        assert!(printed.contains(": fine,"), "{printed}");
        let text = fs::read_to_string(&path).expect("a readable example");
        for line in text.lines() {
            let Some(command) = line.strip_prefix("//!     ") else { continue };
            let command = command.split("     ").next().unwrap_or(command);
            let printed = run(&arguments(command).expect("a command of lossc")).join("\n");
            assert!(!printed.contains("error") && !printed.contains("NaN"), "{command}\n{printed}");
            assert!(printed.contains(" = ") || printed.contains("loss "), "{command}\n{printed}");
        }
    }
    assert!(examples >= 4, "{examples} examples");
}

#[test]
fn a_document_is_written_as_it_was_read() {
    let text = "a\n\n```console\n$ lossc list\n```\nb\n```loss\n\n```\n";
    assert_eq!(written(&parts(text)), text);
    assert_eq!(
        words("lossc eval -e \"dice + 2 * wce\" --grad all"),
        ["lossc", "eval", "-e", "dice + 2 * wce", "--grad", "all"]
    );
    assert_eq!(arguments("cargo test"), None);
    assert_eq!(arguments("cargo run --release -- list"), Some(vec!["list".to_string()]));
}
