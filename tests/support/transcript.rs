//! Sessions as text: entries with what they print, and commands between them.

use std::path::Path;
use std::process::Command;

use lossc::cli::repl::Session;

/// What stands before an entry, and before its further lines.
pub const PROMPT: &str = "loss> ";
pub const MORE: &str = "    > ";

/// What a line of a transcript asks for, with its lines.
enum Step {
    Entry(Vec<String>),
    Shell(String, Vec<String>),
}

/// The lines that somebody types, without what was printed.
fn steps(lines: &[String]) -> Vec<Step> {
    let mut steps = Vec::new();
    for line in lines {
        if let Some(entry) = line.strip_prefix(PROMPT.trim_end()) {
            steps.push(Step::Entry(vec![entry.trim_start().to_string()]));
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step::Shell(command.to_string(), Vec::new()));
        } else if let Some(more) = line.strip_prefix(MORE.trim_end()) {
            let more = more.strip_prefix(' ').unwrap_or(more);
            match steps.last_mut() {
                Some(Step::Entry(lines) | Step::Shell(_, lines)) => lines.push(more.to_string()),
                None => panic!("a transcript begins in the middle of an entry: {line}"),
            }
        }
    }
    steps
}

/// A transcript as it should be. Commands run in `folder`; the session is that of the caller.
pub fn as_it_should_be(session: &mut Session, lines: &[String], folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for step in steps(lines) {
        let printed = match step {
            Step::Entry(lines) => {
                all.extend(lines.iter().enumerate().map(|(at, line)| {
                    let sign = if at == 0 { PROMPT } else { MORE };
                    format!("{sign}{line}").trim_end().to_string()
                }));
                let reply = session.enter(&lines.join("\n"));
                assert!(reply.text.is_empty() || reply.error.is_empty(), "{}{}", reply.text, reply.error);
                reply.text + &reply.error
            }
            Step::Shell(command, lines) => {
                all.push(format!("$ {command}"));
                all.extend(lines.iter().map(|line| format!("{MORE}{line}").trim_end().to_string()));
                shell(&command, &lines, folder)
            }
        };
        let printed = printed.trim_end();
        all.extend(printed.lines().map(|line| line.trim_end().to_string()));
    }
    all
}

/// `lossc …`, or `edit FILE` with its lines.
fn shell(command: &str, lines: &[String], folder: &Path) -> String {
    if let Some(file) = command.strip_prefix("edit ") {
        std::fs::write(folder.join(file), lines.join("\n") + "\n").expect("a writable folder");
        return String::new();
    }
    let mut words = command.split(' ');
    assert_eq!(words.next(), Some("lossc"), "a transcript runs lossc only: {command}");
    let output =
        Command::new(env!("CARGO_BIN_EXE_lossc")).args(words).current_dir(folder).output().expect("the binary runs");
    String::from_utf8([output.stderr, output.stdout].concat()).expect("text in UTF-8")
}
