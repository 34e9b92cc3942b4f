//! A line to the same line in colours.

use super::assign::is_name;
use crate::session::BUILTINS;

/// Words of the language.
const KEYWORDS: &[&str] = &[
    "let", "loss", "fn", "const", "axis", "use", "if", "then", "else", "and", "or", "not", "where", "per", "as",
    "repeat", "with", "next", "int", "learn", "state",
];

/// The line with colours around its words. Without these it is the line.
pub fn highlighted(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (length, color) = token(rest, first, text.is_empty());
        let (own, after) = rest.split_at(length);
        match color {
            Some(color) => text.push_str(&format!("\x1b[{color}m{own}\x1b[0m")),
            None => text.push_str(own),
        }
        rest = after;
    }
    text
}

/// The bytes of the next token and its colour.
fn token(rest: &str, first: char, at_start: bool) -> (usize, Option<u8>) {
    let run = |keep: &dyn Fn(char) -> bool| rest.find(|sign| !keep(sign)).unwrap_or(rest.len());
    match first {
        '/' if rest.starts_with("//") => (run(&|sign| sign != '\n'), Some(90)),
        ':' if at_start => (1 + rest[1..].find(|sign| !is_name(sign)).unwrap_or(rest.len() - 1), Some(35)),
        '"' => (rest[1..].find('"').map_or(rest.len(), |end| end + 2), Some(32)),
        '0'..='9' => (run(&|sign| sign.is_ascii_alphanumeric() || sign == '.'), Some(33)),
        _ if is_name(first) => {
            let length = run(&is_name);
            let word = &rest[..length];
            let builtin = BUILTINS.iter().any(|row| row.name == word);
            let color = if KEYWORDS.contains(&word) { Some(34) } else { builtin.then_some(36) };
            (length, color)
        }
        _ => (first.len_utf8(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_are_added() {
        for line in ["let p = [0.9, −2e-3] // αβ", ":grad mean(p)", "\"open", "", "1/2 · x′"] {
            let mut plain = String::new();
            let mut rest = highlighted(line);
            while let Some(start) = rest.find('\x1b') {
                plain.push_str(&rest[..start]);
                rest = rest[start..].split_once('m').expect("an escape ends in m").1.to_string();
            }
            assert_eq!(plain + &rest, line);
        }
        assert!(highlighted("mean(p)").starts_with("\x1b[36mmean\x1b[0m"));
    }
}
