//! Lines to whole entries: an entry goes on in the next line as long as it breaks off.

use super::assign::is_assignment;
use crate::session::wants_more;

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
    fn an_empty_line_ends_what_is_open() {
        assert_eq!(entries("f(p,\n\nq\n"), ["f(p,", "q"]);
        assert_eq!(entries("/// Words.\nloss f(p: real[N]) = mean(p)\n").len(), 1);
        assert!(is_open("let p =\n") && !is_open("\n") && !is_open("]\n"));
    }
}
