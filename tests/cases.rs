//! The numeric cases of an independent implementation: every case of every loss of the library, on the
//! interpreter and the compiler with all kinds of vector code, in every precision it is meant for, run as a user would run
//! them.

use std::collections::BTreeSet;

use assert_cmd::Command;
use lossc::session::Compiler;

/// Losses whose cases wait for a construct of the language that this version lacks.
const WAITING: &[(&str, &str)] = &[];

/// The losses that have a case file.
fn with_cases() -> BTreeSet<String> {
    let folder = std::fs::read_dir("tests/cases").expect("the folder of cases");
    let files = folder.map(|entry| entry.expect("an entry").path());
    files.filter_map(|path| path.file_stem().and_then(|stem| stem.to_str()).map(str::to_string)).collect()
}

fn library() -> BTreeSet<String> {
    let program = Compiler::new().standard().expect("the library checks");
    program.standard_losses().into_iter().collect()
}

#[test]
fn every_case_of_every_loss_holds() {
    let library = library();
    let files: Vec<String> = with_cases()
        .into_iter()
        .filter(|loss| library.contains(loss))
        .map(|loss| format!("tests/cases/{loss}.json"))
        .collect();
    for vectors in ["avx512", "avx2", "blocks"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lossc"));
        let output = command.args(["test", "--vectors", vectors]).args(&files).output().expect("it runs");
        let (out, summary) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{vectors}: {out}{summary}");
        assert!(summary.contains(" passed, 0 failed"), "{vectors}: {summary}");
    }
}

#[test]
fn what_waits_is_listed_and_nothing_else() {
    let library = library();
    let missing: BTreeSet<String> = with_cases().difference(&library).cloned().collect();
    let listed: BTreeSet<String> = WAITING.iter().map(|(loss, _)| (*loss).to_string()).collect();
    assert_eq!(missing, listed);
}
