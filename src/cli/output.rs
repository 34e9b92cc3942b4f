//! Standard output: whoever reads it may stop early.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Prints text. A reader that has gone (`lossc list | head`) ends the command quietly.
pub fn put(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_fmt(text).and_then(|()| out.flush()) {
        if error.kind() != ErrorKind::BrokenPipe {
            eprintln!("error: cannot write the output: {error}");
            std::process::exit(1);
        }
        std::process::exit(0);
    }
}
