//! What may be written where the cursor stands.

use super::assign::is_name;
use super::commands::{COMMANDS, SETTINGS};
use super::data::BUILDERS;
use super::session::Session;
use crate::session::{BUILTINS, Stage, float_kinds};

/// Words that begin an entry.
const KEYWORDS: &[&str] = &["let", "loss", "fn", "const", "axis", "use"];

/// The endings of files that can be loaded.
const LOADED: &[&str] = &["loss", "npy", "npz", "safetensors", "json"];

/// Where the word under the cursor begins, and all words that continue it, sorted.
pub fn candidates(session: &Session, line: &str, cursor: usize) -> (usize, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    if let Some(start) = path_start(before) {
        return (start, paths(&before[start..]));
    }
    if open_quote(before).is_some() {
        return (cursor, Vec::new());
    }
    let start = before.char_indices().rev().take_while(|(_, sign)| is_name(*sign)).last().map_or(cursor, |(at, _)| at);
    let word = &before[start..];
    let words = match before[..start].trim_start() {
        ":" => COMMANDS.iter().map(|command| command.name.to_string()).collect(),
        other if is_command(other, "help") => COMMANDS.iter().map(|command| command.name.to_string()).collect(),
        other if is_command(other, "set") => SETTINGS.iter().map(|(name, _)| (*name).to_string()).collect(),
        other if is_command(other, "show") => Stage::ALL.iter().map(|(name, _)| (*name).to_string()).collect(),
        other => match values_of(other) {
            Some(values) => values.iter().map(|value| (*value).to_string()).collect(),
            None => names(session, other),
        },
    };
    let mut fitting: Vec<String> = words.into_iter().filter(|name| name.starts_with(word)).collect();
    fitting.sort();
    fitting.dedup();
    (start, fitting)
}

/// Where the quote stands that is not closed.
fn open_quote(before: &str) -> Option<usize> {
    before.rfind('"').filter(|_| before.matches('"').count() % 2 == 1)
}

/// Where the name of a file begins, if one is being written: after `:load`, or in the quotes of `load("`.
fn path_start(before: &str) -> Option<usize> {
    if let Some(quote) = open_quote(before) {
        let head = before[..quote].trim_end();
        let file = head.strip_suffix('(').is_some_and(|head| head.trim_end().ends_with("load"));
        return (file || is_command(&before[..quote], "load")).then_some(quote + 1);
    }
    let space = before.find(char::is_whitespace).filter(|_| before.starts_with(':'))?;
    let start = before.len() - before[space..].trim_start().len();
    is_command(&before[..start], "load").then_some(start)
}

/// The files with tensors or definitions, and the folders, that continue a path.
fn paths(path: &str) -> Vec<String> {
    let (folder, beginning) = path.split_at(path.rfind(std::path::is_separator).map_or(0, |at| at + 1));
    let place = if folder.is_empty() { "." } else { folder };
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let fitting = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let hidden = name.starts_with('.') && !beginning.starts_with('.');
        if hidden || !name.starts_with(beginning) {
            return None;
        }
        if entry.path().is_dir() {
            return Some(format!("{folder}{name}/"));
        }
        let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
        LOADED.contains(&&*ending).then(|| format!("{folder}{name}"))
    });
    let mut fitting: Vec<String> = fitting.collect();
    fitting.sort();
    fitting
}

/// Whether a command stands before the word, perhaps shortened, and nothing else.
fn is_command(before: &str, name: &str) -> bool {
    let only = |word: &str| word.len() > 1 && name.starts_with(word);
    before.trim_end().strip_prefix(':').is_some_and(only) && before.ends_with(char::is_whitespace)
}

/// The values of a setting, if `:set NAME` stands before the word.
fn values_of(before: &str) -> Option<&'static [&'static str]> {
    let (command, setting) = before.trim_end().rsplit_once(char::is_whitespace)?;
    let (_, values) = SETTINGS.iter().find(|(name, _)| *name == setting)?;
    is_command(&format!("{} ", command.trim_end()), "set").then_some(*values)
}

fn names(session: &Session, before: &str) -> Vec<String> {
    let program = session.state.notebook.program(&session.loader());
    let mut all: Vec<String> = session.state.tensors.iter().map(|named| named.name.clone()).collect();
    let mut inside = Vec::new();
    if let Ok(program) = &program {
        all.extend(program.standard_losses());
        if let Some(info) = callee(before).and_then(|name| program.info(name).ok()) {
            inside.extend(info.inputs.iter().map(|input| input.name.clone()));
            inside.extend(info.hyperparameters.iter().map(|one| one.name.clone()));
            // Those of callees have a path, and are no arguments.
            let carried = info.learnables.iter().chain(&info.states).map(|one| one.name.clone());
            inside.extend(carried.filter(|name| !name.contains('.')));
        }
    }
    if in_brackets(before) {
        let axes = session.state.tensors.iter().filter_map(|named| named.axes.clone());
        return axes.flatten().chain(["N".to_string(), "C".to_string()]).collect();
    }
    all.extend(session.state.notebook.definitions().into_iter().map(|definition| definition.name));
    all.extend(BUILTINS.iter().map(|row| row.name.to_string()));
    if before.trim_end().ends_with(':') {
        all.extend(float_kinds().map(str::to_string));
    }
    if before.trim().is_empty() {
        all.extend(KEYWORDS.iter().map(|word| (*word).to_string()));
    }
    if before.contains("let ") {
        all.extend(BUILDERS.iter().map(|builder| builder.name.to_string()));
    }
    all.extend(inside);
    all
}

/// The last bracket that is open.
fn open(before: &str) -> Option<(usize, char)> {
    let mut stack = Vec::new();
    for (at, sign) in before.char_indices() {
        match sign {
            '(' | '[' => stack.push((at, sign)),
            ')' | ']' => drop(stack.pop()),
            _ => {}
        }
    }
    stack.pop()
}

/// The name before the open parenthesis.
fn callee(before: &str) -> Option<&str> {
    let (at, sign) = open(before)?;
    let head = before[..at].trim_end();
    let head = if head.ends_with(']') { head.rsplit_once('[')?.0 } else { head };
    let start = head.char_indices().rev().take_while(|(_, sign)| is_name(*sign)).last()?.0;
    (sign == '(').then(|| &head[start..])
}

fn in_brackets(before: &str) -> bool {
    open(before).is_some_and(|(at, sign)| sign == '[' && before[..at].ends_with(is_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(session: &Session, line: &str) -> Vec<String> {
        candidates(session, line, line.len()).1
    }

    #[test]
    fn what_fits_is_offered() {
        let mut session = Session::default();
        session.enter("let prediction[Batch] = [1, 2]");
        session.enter("loss hubert(pred: real[N]) = mean(pred)");
        let has = |line: &str, word: &str| after(&session, line).iter().any(|found| found == word);
        assert!(has("hub", "huber") && has("hub", "hubert") && has("predi", "prediction"));
        assert!(has("huber(prediction, de", "delta") && has("huber(tar", "target"));
        assert!(has("ada_face(me", "mean") && has("uncertainty(mse, mae, s", "s1"));
        assert!(!has("de", "delta") && !has("huber(prediction) + de", "delta"));
        assert!(has("sum[Ba", "Batch") && has(":fo", "formula") && has(":show ty", "typed"));
        assert!(has("let x = rand", "randn") && has("le", "let") && has("soft", "softmax"));
        assert!(has(":set d", "dtype") && has(":set dtype ", "f64") && has(":set engine in", "interp"));
        assert!(has(":help pl", "plot") && !has(":help hub", "huber") && !has(":set dtype ", "huber"));
        assert_eq!(candidates(&session, "2 * hub", 7).0, 4);
    }

    #[test]
    fn files_are_offered_where_one_is_loaded() {
        let session = Session::default();
        let all = |line: &str| after(&session, line).join(" ");
        assert_eq!(all(":load examples/da"), "examples/data/");
        assert_eq!(all(":lo examples/com"), "examples/combo.json examples/combo.loss");
        assert_eq!(all(":load \"examples/com"), "examples/combo.json examples/combo.loss");
        assert_eq!(all("let x = load(\"examples/data/digits.n"), "examples/data/digits.npz");
        assert_eq!(all("let x = 2 * load( \"exam"), "examples/");
        assert_eq!(candidates(&session, ":load  exam", 11).0, 7);
        // Only what can be loaded, no hidden files, and nothing where no file is wanted.
        assert_eq!((all(":load Car"), all(":load .c").contains(".ci/")), (String::new(), true));
        assert!(!all(":load ").contains(".ci/") && all(":load ").contains("examples/"));
        assert!(all("let x = load(\"examples/data/digits.npz\", \"").is_empty());
        assert!(all(":load nowhere/").is_empty() && !all(":list exam").contains("examples/"));
    }
}
