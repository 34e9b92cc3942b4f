//! Sessions: transcripts of what is typed and printed, the same through a pipe, and once in a pseudo-terminal.
//!
//! `tests/repl/*.txt` are transcripts; `UPDATE=1 cargo test --test repl` writes them anew.
#![allow(clippy::disallowed_methods, reason = "expected numbers are made without the crate")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lossc::cli::repl::{Session, entries};

#[path = "support/transcript.rs"]
mod transcript;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn session() -> Session {
    Session { width: 60, ..Session::default() }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a writable folder");
    for entry in fs::read_dir(from).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a readable file");
        }
    }
}

#[test]
fn transcripts() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("tests/repl"))
        .expect("the folder of the transcripts")
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    files.sort();
    assert!(files.len() >= 6, "{files:?}");
    // Files are loaded from where a session runs. The other tests of this binary name their folders.
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(&root().join("examples"), &folder.path().join("examples"));
    std::env::set_current_dir(folder.path()).expect("the temporary folder");
    let mut wrong = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("a readable transcript");
        let lines: Vec<String> = text.lines().map(str::to_string).collect();
        let right = transcript::as_it_should_be(&mut session(), &lines, folder.path()).join("\n") + "\n";
        if update {
            fs::write(&path, &right).expect("a writable transcript");
        } else if right != text {
            wrong.push(format!("{}: shown\n{text}\nprinted\n{right}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "UPDATE=1 writes these anew:\n{}", wrong.join("\n\n"));
}

/// What `lossc repl` makes of standard input.
fn piped(text: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lossc"))
        .arg("repl")
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text in UTF-8")
}

#[test]
fn a_pipe_gives_what_a_session_gives() {
    let program =
        "let p = [0.9, 0.2]\n\n// words\nloss twice(p: real[N]) =\n    let d = 2 * p\n    mean(d)\ntwice(p)\n";
    let output = piped(program);
    assert_eq!(output.status.code(), Some(0));
    let mut session = session();
    let replies: String = entries(program).iter().map(|entry| session.enter(entry).text).collect();
    assert_eq!(text(&output.stdout), replies);
    assert!(replies.ends_with("1.100000\n") && output.stderr.is_empty(), "{replies}");
    assert!(!replies.contains('\x1b'), "no colours");
}

#[test]
fn a_mistake_in_a_pipe_is_told_at_the_end_and_the_rest_goes_on() {
    let output = piped("let p = [1, x]\nlet q = [1, 2]\nsum(q)\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("`x` is not a number"));
    assert_eq!(text(&output.stdout), "q: int[2]\n(q[N = 2])\n3\n");
    let output = piped("\u{FEFF}let q = [1.5]\r\nq\r\n");
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), "q: real[1]\n(q[N = 1])\nreal[N = 1] 1.500000\n")
    );
    let output = piped(":quit\nnonsense\n");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn every_code_of_the_session_has_a_transcript() {
    let files = |folder: &str| fs::read_dir(root().join(folder)).expect("a readable folder");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        fs::read_to_string(entry.expect("a readable entry").path()).expect("a readable file")
    };
    let transcripts: String = files("tests/repl").map(read).collect();
    let sources: String = files("src/cli/repl").map(read).collect();
    let is_code = |word: &&str| word.len() == 5 && word.starts_with('E') && word[1..].parse::<u16>().is_ok();
    let codes: Vec<&str> = sources.split('"').filter(is_code).collect();
    assert!(codes.len() >= 6, "{codes:?}");
    let missing: Vec<&&str> = codes.iter().filter(|code| !transcripts.contains(&format!("error[{code}]"))).collect();
    assert!(missing.is_empty(), "codes without a transcript: {missing:?}");
}

#[test]
fn a_mistake_leaves_the_session_as_it_was() {
    let mut session = session();
    for line in ["let p[N] = [0.9, 0.2]", "const k = 2", "loss f(p: real[N]) = k * mean(p)", "f(p)"] {
        assert_eq!(session.enter(line).error, "", "{line}");
    }
    let list = session.enter(":list").text;
    let wrong = [
        "let p = [1, [2]]",
        "let p[N, C] = [1, 2]",
        "loss f(p: real[N]) = mean(q)",
        "axis k = { a, a }",
        "const k = p",
        "fn f(u: real) = v",
        "f(p",
        "f(p, 3)",
        ":load nowhere.loss",
        ":load nowhere.npz",
        ":set dtype f16",
        ":nonsense",
        "let p = load(\"nowhere.npy\")",
        "use nowhere",
        "\u{0}",
        "let",
        ":grad",
        ":plot nothing",
        "]",
    ];
    for line in &wrong[..] {
        let reply = session.enter(line);
        let fine = matches!(*line, ":grad");
        assert_eq!(reply.error.is_empty(), fine, "{line}: {reply:?}");
        assert_eq!(session.enter(":list").text, list, "{line}");
    }
    assert_eq!(session.enter("f(p)").text, "1.100000\n");
}

/// A value that a session prints.
fn value(session: &mut Session, line: &str) -> f64 {
    let reply = session.enter(line);
    let last = reply.text.lines().find(|line| !line.starts_with('(')).unwrap_or_default().to_string();
    last.parse().unwrap_or_else(|_| panic!("{line}: {reply:?}"))
}

#[test]
fn values_are_those_of_the_formulas() {
    let mut session = session();
    for line in ["let p = [0.9, 0.2, 0.7]", "let t = [1, 0, 1]", ":set dtype f64"] {
        session.enter(line);
    }
    let bce = -(0.9_f64.ln() + 0.8_f64.ln() + 0.7_f64.ln()) / 3.0;
    assert!((value(&mut session, "bce(p, t)") - bce).abs() < 1e-6);
    assert!((value(&mut session, "sum(p) * 2") - 3.6).abs() < 1e-6);
    assert!((value(&mut session, "mse(p, t)") - (0.01 + 0.04 + 0.09) / 3.0).abs() < 1e-6);
    let reply = session.enter(":grad sum(p^2)").text;
    assert!(reply.ends_with("d/dp[N = 3] 1.800000, 0.400000, 1.400000\n"), "{reply}");
}

#[test]
fn the_shared_axes_of_inputs_are_found() {
    let mut session = session();
    for line in ["let x[Batch, Label] = randn(4, 3; seed = 1)", "let y = labels(4; classes = 3)"] {
        assert_eq!(session.enter(line).error, "");
    }
    let reply = session.enter("cross_entropy(x, y)");
    assert!(reply.text.starts_with("(y[Batch = 4])\n"), "{reply:?}");
    let reply = session.enter("mean[Batch](x[Label = y])");
    assert_eq!(reply.error, "");
}

#[test]
fn both_engines_give_the_same() {
    let (mut jit, mut interpreter) = (session(), session());
    jit.enter(":set dtype f64");
    interpreter.enter(":set dtype f64");
    interpreter.enter(":set engine interp");
    let mut computed = 0;
    for path in ["values.txt", "losses.txt", "labels.txt"] {
        let text = fs::read_to_string(root().join("tests/repl").join(path)).expect("a readable transcript");
        for line in text.lines().filter_map(|line| line.strip_prefix("loss> ")).filter(|line| *line != ":reset") {
            let (one, other) = (jit.enter(line), interpreter.enter(line));
            assert_eq!(one, other, "{line}");
            computed += usize::from(one.text.starts_with(|first: char| first.is_ascii_digit() || first == '('));
        }
    }
    assert!(computed >= 10, "{computed} values");
}

#[test]
fn random_data_are_those_of_their_seed() {
    let shown = |line: &str| {
        let mut session = session();
        session.enter(line);
        session.enter("sum(x)").text
    };
    assert_eq!(shown("let x = randn(5; seed = 3)"), shown("let x = randn(5; seed = 3)"));
    assert_ne!(shown("let x = randn(5; seed = 3)"), shown("let x = randn(5; seed = 4)"));
}

#[test]
fn nothing_that_is_typed_breaks_a_session() {
    let mut session = session();
    for path in ["values.txt", "losses.txt", "labels.txt", "mistakes.txt"] {
        let text = fs::read_to_string(root().join("tests/repl").join(path)).expect("a readable transcript");
        for line in text.lines().filter_map(|line| line.strip_prefix("loss> ")) {
            // What is typed breaks off, or lacks a sign.
            for cut in (0..line.chars().count()).step_by(9) {
                let start: String = line.chars().take(cut).collect();
                let without: String = line.chars().take(cut).chain(line.chars().skip(cut + 1)).collect();
                for text in [start, without] {
                    let reply = session.enter(&text);
                    assert!(reply.text.is_empty() || reply.error.is_empty(), "{text}: {reply:?}");
                }
            }
            session.enter(line);
        }
    }
    for text in ["(".repeat(5000), "[".repeat(5000), format!("let p = {}", "[".repeat(5000)), "-".repeat(5000)] {
        assert_ne!(session.enter(&text).error, "");
    }
}

/// A session as a person has it: a prompt, completion, an entry of two lines, history.
#[cfg(unix)]
#[test]
fn a_terminal() -> Result<(), rexpect::error::Error> {
    use rexpect::session::spawn_command;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lossc"));
        command.current_dir(root()).env("TERM", "xterm").env("NO_COLOR", "1");
        command.env("LOSSC_HISTORY", folder.path().join("kept/history"));
        spawn_command(command, Some(60_000))
    };
    let mut terminal = start()?;
    terminal.exp_string("Type :help")?;
    terminal.exp_string("loss> ")?;
    terminal.send_line("let pred = [1,")?;
    terminal.send_line("3]")?;
    terminal.exp_string("pred: int[2]")?;
    terminal.send("su")?;
    terminal.send("m(pre\t")?;
    terminal.flush()?;
    terminal.exp_string("pred")?;
    terminal.send_line(")")?;
    terminal.exp_string("(pred[N = 2])")?;
    terminal.exp_string("4")?;
    terminal.send(":load examples/digi\t")?;
    terminal.flush()?;
    terminal.exp_string("examples/digits.loss")?;
    terminal.send_line("")?;
    terminal.exp_string("loaded examples/digits.loss")?;
    terminal.send_line("sum(prod)")?;
    terminal.exp_string("error[E")?;
    // An entry is kept at once: a second session has it while the first goes on.
    let mut second = start()?;
    second.exp_string("loss> ")?;
    second.send("\x1b[A")?;
    second.flush()?;
    second.exp_string("sum(prod)")?;
    // Ctrl-U empties the line, and Ctrl-D at an empty one ends the session.
    second.send("\x15\x04")?;
    second.flush()?;
    second.exp_eof()?;
    terminal.send_line(":quit")?;
    terminal.exp_eof()?;
    let mut terminal = start()?;
    terminal.exp_string("loss> ")?;
    // The last but one entry of the session before.
    terminal.send("\x1b[A\x1b[A")?;
    terminal.flush()?;
    terminal.exp_string("sum(prod)")?;
    terminal.send_line("")?;
    terminal.exp_string("error[E")?;
    terminal.send("\x04")?;
    terminal.flush()?;
    terminal.exp_eof()?;
    Ok(())
}
