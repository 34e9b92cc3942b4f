//! The line editor: history, completion, colours, and several lines to an entry.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{
    Cmd, CompletionType, Config, Context, Editor, Event, EventHandler, Helper, KeyCode, KeyEvent, Modifiers,
};

use super::complete::candidates;
use super::entry::is_open;
use super::highlight::highlighted;
use super::session::Session;

/// What stands before an entry.
const PROMPT: &str = "loss> ";

struct Assistant {
    session: Rc<RefCell<Session>>,
}

impl Helper for Assistant {}

impl rustyline::hint::Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, line: &str, cursor: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(candidates(&self.session.borrow(), line, cursor))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = format!("{}\n", context.input());
        Ok(if is_open(&text) { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.session.borrow().color { Cow::Owned(highlighted(line)) } else { Cow::Borrowed(line) }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor
    }
}

/// Reads entries and prints what they give, until the session ends.
pub fn run(session: Session) -> rustyline::Result<()> {
    let config = Config::builder().completion_type(CompletionType::List).history_ignore_dups(true)?.build();
    let session = Rc::new(RefCell::new(session));
    let mut editor: Editor<Assistant, DefaultHistory> = Editor::with_config(config)?;
    editor.set_helper(Some(Assistant { session: session.clone() }));
    // A line break without an end, for whoever wants one.
    let key = KeyEvent(KeyCode::Enter, Modifiers::ALT);
    editor.bind_sequence(Event::KeySeq(vec![key]), EventHandler::Simple(Cmd::Newline));
    let history = history_file();
    if let Some(path) = &history {
        // A folder that cannot be written only means that nothing is kept.
        let _ = path.parent().map(std::fs::create_dir_all);
        // The first session has none.
        let _ = editor.load_history(path);
    }
    loop {
        match editor.readline(PROMPT) {
            Ok(entry) => {
                let _ = editor.add_history_entry(entry.trim_end());
                if let Some(path) = &history {
                    // At once, for Ctrl-C ends a session that computes, and others may be open.
                    let _ = editor.append_history(path);
                }
                session.borrow_mut().width = crate::cli::plot::width();
                let reply = session.borrow_mut().enter(&entry);
                print!("{}", reply.text);
                eprint!("{}", reply.error);
                if reply.quit {
                    break;
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The file of the history: `LOSSC_HISTORY`, else in the folder where the platform keeps such things.
fn history_file() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(file) = variable("LOSSC_HISTORY") {
        return Some(file);
    }
    let folder = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/state")))
    };
    folder.map(|folder| folder.join("lossc").join("history"))
}
