//! Mistakes in names, axes, kinds, calls and hyperparameters: one file each, shown with its message.
//!
//! A first line `// --reduction none` asks for that reduction, whose mistakes appear when a loss is built; `// --build`
//! builds it as it is.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use lossc::diagnostic::{Diagnostic, Severity, render};
use lossc::lower::Reduction;
use lossc::resolve::SourceLoader;
use lossc::resolve::loader::LoadedSource;
use lossc::session::{Compiler, Error, Program};
use lossc::span::SourceMap;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/errors");
const STAGES: [&str; 9] =
    ["resolve", "names", "axes", "kinds", "calls", "hyperparameters", "reductions", "repeats", "warnings"];

/// The files of `tests/errors/modules`; `locked` is there and cannot be read.
struct Modules;

impl SourceLoader for Modules {
    fn load(&self, path: &str) -> Result<Option<LoadedSource>, String> {
        if path == "locked" {
            return Err("locked.loss: permission denied".into());
        }
        let text = std::fs::read_to_string(format!("{FOLDER}/modules/{path}.loss"));
        Ok(text.ok().map(|text| LoadedSource { name: format!("{path}.loss"), text }))
    }
}

/// What is said of a text, and the texts that it points into.
fn diagnostics(name: &str, text: &str) -> (Vec<Diagnostic>, SourceMap) {
    let built = |program: Program| -> Result<Program, Error> {
        if let Some(word) = text.lines().next().and_then(|line| line.strip_prefix("// --reduction ")) {
            let reduction = Reduction::from_name(word.trim()).expect("a reduction");
            program.main()?.reduction(reduction).build()?;
        }
        if text.lines().next() == Some("// --build") {
            program.main()?.build()?;
        }
        Ok(program)
    };
    match Compiler::new().compile_named(name, text, &Modules).and_then(built) {
        Ok(program) => (program.warnings().to_vec(), program.sources().clone()),
        Err(Error::Source { diagnostics, sources }) => (diagnostics, sources),
        Err(other) => panic!("{name}: {other}"),
    }
}

fn file(path: &Path) -> (String, String) {
    let name = path.file_name().expect("a file").to_string_lossy().into_owned();
    (name, std::fs::read_to_string(path).expect("a readable file"))
}

fn snapshots(stage: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("snapshots/{stage}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| {
        insta::glob!(&format!("errors/{stage}/*.loss"), |path| {
            let (name, text) = file(path);
            let (diagnostics, sources) = diagnostics(&name, &text);
            let wanted = if stage == "warnings" { Severity::Warning } else { Severity::Error };
            assert!(diagnostics.iter().any(|one| one.severity == wanted), "{name} is taken without a word");
            let mut shown = format!("{}\n-----\n", text.trim_end());
            for diagnostic in &diagnostics {
                writeln!(shown, "{}", render(diagnostic, &sources)).expect("a string takes text");
            }
            insta::assert_snapshot!("message", shown);
        });
    });
}

#[test]
fn resolve() {
    snapshots("resolve");
}

#[test]
fn names() {
    snapshots("names");
}

#[test]
fn axes() {
    snapshots("axes");
}

#[test]
fn kinds() {
    snapshots("kinds");
}

#[test]
fn calls() {
    snapshots("calls");
}

#[test]
fn hyperparameters() {
    snapshots("hyperparameters");
}

#[test]
fn reductions() {
    snapshots("reductions");
}

#[test]
fn repeats() {
    snapshots("repeats");
}

#[test]
fn warnings() {
    snapshots("warnings");
}

/// Every file of every stage.
fn cases() -> Vec<(String, String)> {
    let mut cases = Vec::new();
    for stage in STAGES {
        for entry in std::fs::read_dir(format!("{FOLDER}/{stage}")).expect("the folder of a stage") {
            cases.push(file(&entry.expect("an entry").path()));
        }
    }
    cases
}

/// Codes without a file: of facts that the stages before rule out, which a stage states so that it need not panic.
const INTERNAL: [&str; 5] = [
    "E0704", // needs thousands of calls; `tests/robust.rs` has them
    "E0208", // needs hundreds of definitions; `tests/robust.rs` has them
    "E0299", // a fact that no family of messages words
    "E0711", // is met at calls; `tests/conditions.rs` has it
    "E0702", // the builder refuses unknown hyperparameters
];

/// The codes that the sources of the compiler name, but for those of the syntax, which `tests/syntax.rs` covers, and of
/// the session, which `tests/repl.rs` does.
fn codes_in_sources(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if !["syntax", "diagnostic", "repl"].iter().any(|folder| path.ends_with(folder)) {
                codes_in_sources(&path, codes);
            }
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let is_code = |word: &&str| {
            word.len() == 5 && word.starts_with(['E', 'W']) && word[1..].bytes().all(|byte| byte.is_ascii_digit())
        };
        codes.extend(text.split('"').filter(is_code).map(str::to_owned));
    }
}

#[test]
fn every_code_has_a_case() {
    let mut codes = BTreeSet::new();
    codes_in_sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut codes);
    assert!(codes.len() > 50, "found only {codes:?}");
    let mut seen = BTreeSet::new();
    for (name, text) in cases() {
        seen.extend(diagnostics(&name, &text).0.iter().map(|diagnostic| diagnostic.code.to_owned()));
    }
    let missing: Vec<&String> =
        codes.iter().filter(|code| !seen.contains(*code) && !INTERNAL.contains(&code.as_str())).collect();
    assert!(missing.is_empty(), "codes without a case: {missing:?}");
}

/// A message says where it is and never grows beyond a screen.
#[test]
fn every_message_has_a_place_and_a_way_out() {
    for (name, text) in cases() {
        let (diagnostics, sources) = diagnostics(&name, &text);
        for diagnostic in diagnostics {
            let shown = render(&diagnostic, &sources);
            assert!(!diagnostic.labels.is_empty(), "{name} has no place:\n{shown}");
            assert!(!diagnostic.help.is_empty() || !diagnostic.notes.is_empty(), "{name} has no way out:\n{shown}");
            assert!(shown.lines().count() < 25, "{name}:\n{shown}");
        }
    }
}

#[test]
fn one_run_reports_every_mistake() {
    let (name, text) = file(Path::new(&format!("{FOLDER}/names/several_mistakes.loss")));
    let codes: Vec<&str> = diagnostics(&name, &text).0.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, ["E0201", "E0203", "E0403", "E0401", "E0401", "E0504"]);
}
