//! Lines to whole entries: an entry goes on in the next line as long as it breaks off.

use super::assign::is_assignment;
use crate::session::{is_definition, wants_more};

/// Whether more lines belong to a text. An empty line ends it in any case.
pub fn is_open(text: &str) -> bool {
    if text.ends_with("\n\n") || text.trim().is_empty() || text.trim_start().starts_with(':') {
        return false;
    }
    if !is_assignment(text) {
        return wants_more(text);
    }
    text.split_once('=').is_some_and(|(_, value)| value.trim().is_empty() || wants_more(value))
}

/// The entries of a text.
pub fn entries(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        if open.is_empty() && (line.trim().is_empty() || line.trim_start().starts_with("// ")) {
            continue;
        }
        if begins_another(&open, line) {
            all.push(std::mem::take(&mut open));
        }
        open.push_str(line);
        open.push('\n');
        if !is_open(&open) {
            all.push(std::mem::take(&mut open));
        }
    }
    if !open.trim().is_empty() {
        all.push(open);
    }
    all.iter().map(|entry| entry.trim_end().to_string()).collect()
}

/// Whether a line begins an entry although the one before is open: then something is missing in that.
fn begins_another(open: &str, line: &str) -> bool {
    let documents =
        open.trim_start().starts_with("///") && !open.lines().any(|line| !line.trim_start().starts_with("///"));
    let assigns = is_assignment(line) && !is_definition(open);
    let begins = line.starts_with(':') || is_definition(line) || assigns;
    !open.is_empty() && !documents && begins && !line.starts_with(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_goes_on_until_it_is_whole() {
        let text =
            "let p = [1,\n  2]\n\nloss f(p: real[N]) =\n    let d = p\n    mean(d)\nf(p,\n  q)\n1 +\n2\n:help (\n";
        let all = entries(text);
        assert_eq!(all.len(), 5, "{all:#?}");
        assert_eq!(all[1], "loss f(p: real[N]) =\n    let d = p\n    mean(d)");
        assert_eq!(all[4], ":help (");
    }

    #[test]
    fn a_line_that_begins_something_ends_what_is_open() {
        assert_eq!(
            entries("fn f( = 3\nlet p = [1,\n:help\nconst k = 2\n"),
            ["fn f( = 3\nlet p = [1,", ":help", "const k = 2"]
        );
        assert_eq!(entries("f(p\nlet q = 1\n"), ["f(p", "let q = 1"]);
    }

    #[test]
    fn an_empty_line_ends_what_is_open() {
        assert_eq!(entries("f(p,\n\nq\n"), ["f(p,", "q"]);
        assert_eq!(entries("/// Words.\nloss f(p: real[N]) = mean(p)\n").len(), 1);
        assert!(is_open("let p =\n") && !is_open("\n") && !is_open("]\n"));
    }
}
