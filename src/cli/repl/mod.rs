//! `lossc repl`: a session in which a person defines losses and tensors, and looks at what they give.
//!
//! [`entry`] makes entries of lines, [`session`] is the pure step from an entry and a state to a text and a state,
//! [`commands`] is the table of commands, [`editor`] reads from a terminal.

mod assign;
mod commands;
mod complete;
mod data;
mod editor;
mod entry;
mod highlight;
mod random;
mod session;
mod show;

use std::io::{IsTerminal, Read};

use super::failure::{Failure, colored};
use super::output::put;
pub use entry::entries;
pub use session::{Reply, Session};

/// The columns of a picture where nobody sees it.
const WIDTH: usize = 80;

/// Runs a session on the terminal, or on what is piped in. Then it fails if an entry failed.
pub fn run() -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        put(format_args!("lossc {}: losses and tensors, line by line. Type :help\n", env!("CARGO_PKG_VERSION")));
        let session = Session { color: colored(&std::io::stdout()), width: WIDTH, ..Session::default() };
        return editor::run(session).map_err(|error| Failure::Message(format!("the terminal: {error}")));
    }
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|error| Failure::Message(format!("standard input: {error}")))?;
    let mut session = Session { width: WIDTH, ..Session::default() };
    let mut failed = false;
    // Some editors begin a file with a mark of its encoding.
    for entry in entries(text.trim_start_matches('\u{FEFF}')) {
        let reply = session.enter(&entry);
        put(format_args!("{}", reply.text));
        eprint!("{}", reply.error);
        failed |= !reply.error.is_empty();
        if reply.quit {
            break;
        }
    }
    if failed { Err(Failure::Said) } else { Ok(()) }
}
