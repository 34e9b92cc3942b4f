//! The commands of a session, as a table: `:help`, `:grad`, ….

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::data::{BUILDERS, Data};
use super::session::{Named, Reply, Session, State, describe};
use super::show;
use crate::cli::data::read_data;
use crate::cli::doc;
use crate::cli::failure::Failure;
use crate::cli::list;
use crate::cli::plot;
use crate::formula::{print_gradients, print_value};
use crate::session::{Checked, Engine, LossBuilder, Stage};
use crate::suggestion::did_you_mean;
use crate::tensor::DType;

/// A command.
pub struct Command {
    /// Its name, without the colon.
    pub name: &'static str,
    /// What follows it.
    pub usage: &'static str,
    /// What it does.
    pub about: &'static str,
    run: fn(&mut Session, &str) -> Result<Reply, Failure>,
}

/// All commands. A beginning that only one of them has is enough.
pub const COMMANDS: &[Command] = &[
    Command { name: "help", usage: "[COMMAND]", about: "this list, or one command", run: help },
    Command { name: "type", usage: "EXPRESSION", about: "kind and axes, without computing", run: type_of },
    Command { name: "grad", usage: "[EXPRESSION]", about: "the value and the gradient by each tensor", run: grad },
    Command { name: "formula", usage: "[EXPRESSION]", about: "value and derivative as mathematics", run: formula },
    Command { name: "doc", usage: "LOSS", about: "the documentation of a loss", run: documentation },
    Command { name: "list", usage: "[WORDS]", about: "what is defined here, or losses by words", run: list },
    Command {
        name: "plot",
        usage: "LOSS [OPTIONS]",
        about: "loss and gradient as curves, with the options of `lossc plot`",
        run: plot,
    },
    Command { name: "show", usage: "STAGE [EXPRESSION]", about: "a stage of the compiler", run: stage },
    Command { name: "time", usage: "[EXPRESSION]", about: "how long compiling and a call take", run: time },
    Command { name: "set", usage: "[dtype f64]", about: "precision (dtype f32|f64) and engine (jit|interp)", run: set },
    Command { name: "load", usage: "FILE", about: "definitions (.loss), or tensors by name (.npz, …)", run: load },
    Command { name: "reload", usage: "", about: "reads the loaded .loss files again", run: reload },
    Command { name: "reset", usage: "", about: "forgets everything", run: reset },
    Command { name: "quit", usage: "", about: "ends the session (as Ctrl-D)", run: quit },
];

/// Runs a line without its colon.
pub fn run(session: &mut Session, line: &str) -> Result<Reply, Failure> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let command = find(word)?;
    (command.run)(session, rest.trim())
}

/// The command of a name or of a beginning that only it has.
fn find(word: &str) -> Result<&'static Command, Failure> {
    let fitting: Vec<&Command> = COMMANDS.iter().filter(|command| command.name.starts_with(word)).collect();
    match &fitting[..] {
        [command] => Ok(command),
        _ if fitting.iter().any(|command| command.name == word) => find_exact(word),
        [] => {
            let meant = did_you_mean(word, COMMANDS.iter().map(|command| command.name));
            let hint = meant.map_or("`:help` lists all".to_string(), |name| format!("did you mean `:{name}`?"));
            Err(Failure::Message(format!("there is no command `:{word}`; {hint}")))
        }
        several => {
            let names: Vec<String> = several.iter().map(|command| format!(":{}", command.name)).collect();
            Err(Failure::Message(format!("`:{word}` may be {}", names.join(", "))))
        }
    }
}

/// The command that somebody means who forgets the colon.
pub fn of_word(word: &str) -> Option<&'static str> {
    let word = if word == "exit" { "quit" } else { word };
    COMMANDS.iter().map(|command| command.name).find(|name| *name == word)
}

/// What `:set` takes: a name, and the words for it.
pub const SETTINGS: &[(&str, &[&str])] = &[("dtype", &["f32", "f64"]), ("engine", &["jit", "interp"])];

fn find_exact(word: &str) -> Result<&'static Command, Failure> {
    let found = COMMANDS.iter().find(|command| command.name == word);
    found.ok_or_else(|| Failure::Message(format!("there is no command `:{word}`")))
}

fn help(_: &mut Session, word: &str) -> Result<Reply, Failure> {
    if !word.is_empty() {
        let command = find(word.trim_start_matches(':'))?;
        return Ok(Reply::text(format!(":{} {}\n  {}\n", command.name, command.usage, command.about)));
    }
    let mut text = String::from(
        "let p = [0.9, 0.2]          a tensor; `let p[N, C] = …` names its axes, `let p: prob = …` its kind\n\
         loss f(p: real[N]) = …      a loss; fn, const, axis and use as in a file\n\
         huber(p, t, delta = 2)      a value; inputs that are not given are tensors of their names\n\n",
    );
    for builder in BUILDERS {
        let _ = writeln!(text, "let x = {:40} {}", builder.usage, builder.about);
    }
    text.push('\n');
    for command in COMMANDS {
        let written = format!(":{} {}", command.name, command.usage);
        let _ = writeln!(text, "{written:26} {}", command.about);
    }
    Ok(Reply::text(text))
}

/// What was given, or the last expression.
fn expression(session: &Session, given: &str) -> Result<String, Failure> {
    if !given.is_empty() {
        return Ok(given.to_string());
    }
    let missing = || Failure::Message("there is no expression yet: give one".to_string());
    session.state.last.clone().ok_or_else(missing)
}

fn type_of(session: &mut Session, text: &str) -> Result<Reply, Failure> {
    let text = expression(session, text)?;
    if let Some(named) = session.state.tensors.iter().find(|named| named.name == text) {
        return Ok(Reply::text(format!("{}\n", describe(named))));
    }
    let program = session.state.notebook.program(&session.loader())?;
    if program.info(&text).is_ok() {
        return Ok(Reply::text(format!("loss {}\n", session.signature(&text))));
    }
    let definitions = session.state.notebook.definitions();
    if let Some(definition) = definitions.iter().find(|definition| definition.name == text) {
        return Ok(Reply::text(format!("{}\n", definition.text)));
    }
    let checked = session.check(&text)?;
    let axes = if checked.axes.is_empty() { String::new() } else { format!("[{}]", checked.axes.join(", ")) };
    Ok(Reply::text(format!("{}{axes}\n", checked.kind)))
}

fn grad(session: &mut Session, text: &str) -> Result<Reply, Failure> {
    let text = expression(session, text)?;
    let checked = session.check(&text)?;
    let floats: Vec<String> = checked.tensors.iter().filter(|used| used.float).map(|used| used.name.clone()).collect();
    let computed = session.compute(&text, &floats)?;
    let mut shown = computed.remarks;
    shown += &show::evaluation(&computed.evaluation, &computed.checked.kind, &computed.checked.axes);
    for gradient in computed.evaluation.gradients() {
        let used = computed.checked.tensors.iter().find(|used| used.name == gradient.input);
        let axes = used.map(|used| used.axes.as_slice()).unwrap_or_default();
        shown += &show::gradient(&gradient.input, &gradient.tensor, axes);
    }
    if computed.evaluation.gradients().is_empty() {
        shown += "(no tensor of floats in it: no gradient)\n";
    }
    Ok(Reply::text(shown))
}

/// An expression over tensors or, without them, with inferred inputs.
fn builder(session: &Session, text: &str) -> Result<LossBuilder, Failure> {
    let inferred = session.state.notebook.inferred(super::session::NAME, text, &session.loader());
    match (session.check(text), inferred) {
        (Ok(Checked { builder, tensors, .. }), _) if !tensors.is_empty() => Ok(builder),
        (_, Ok(builder)) => Ok(builder),
        (Ok(checked), _) => Ok(checked.builder),
        (Err(failure), Err(_)) => Err(failure),
    }
}

fn formula(session: &mut Session, text: &str) -> Result<Reply, Failure> {
    let text = expression(session, text)?;
    let program = builder(session, &text)?.wrt_all().gradient_program()?;
    Ok(Reply::text(print_value(&program) + &print_gradients(&program)))
}

fn documentation(session: &mut Session, name: &str) -> Result<Reply, Failure> {
    let program = session.state.notebook.program(&session.loader())?;
    if name.is_empty() {
        return Err(Failure::Message("name a loss, as in `:doc huber`; `:list WORDS` finds one".to_string()));
    }
    Ok(Reply::text(doc::text_of(&program, name)?))
}

fn list(session: &mut Session, words: &str) -> Result<Reply, Failure> {
    if !words.is_empty() {
        return Ok(Reply::text(list::found(words)?));
    }
    let tensors = session.state.tensors.iter().map(describe);
    let definitions = session.state.notebook.definitions();
    let written = definitions.iter().map(|it| match it.word {
        "loss" => format!("loss {}", session.signature(&it.name)),
        _ => it.text.lines().next().unwrap_or_default().to_string(),
    });
    let lines: Vec<String> = tensors.chain(written).collect();
    if lines.is_empty() {
        return Ok(Reply::text("nothing yet; `:list WORDS` finds losses of the library\n"));
    }
    Ok(Reply::text(lines.join("\n") + "\n"))
}

fn plot(session: &mut Session, words: &str) -> Result<Reply, Failure> {
    let words = match session.state.last.clone() {
        Some(last) if words.is_empty() => format!("\"{last}\""),
        _ => words.to_string(),
    };
    let arguments = plot::parse_line(&words)?;
    let expression = arguments.loss.clone().unwrap_or_default();
    // A loss by its name has its hyperparameters; in an expression they are given.
    let mut given = Vec::new();
    let builder = match session.state.notebook.program(&session.loader())?.loss(&expression) {
        Ok(builder) => builder,
        Err(_) => match session.state.notebook.inferred(super::session::NAME, &expression, &session.loader()) {
            Ok(builder) => builder,
            // It names tensors of the session: they are what it is drawn around.
            Err(_) => {
                let checked = session.check(&expression)?;
                given = session.inputs(&checked.tensors)?;
                checked.builder
            }
        },
    };
    Ok(Reply::text(plot::picture(builder, &arguments, &given, session.width, session.color)?))
}

fn stage(session: &mut Session, words: &str) -> Result<Reply, Failure> {
    let (stage, text) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    let names: Vec<&str> = Stage::ALL.iter().map(|(name, _)| *name).collect();
    let Some((_, stage)) = Stage::ALL.iter().find(|(name, _)| *name == stage) else {
        return Err(Failure::Message(format!("name a stage: {}", names.join(", "))));
    };
    let text = expression(session, text.trim())?;
    let builder = session.configured(builder(session, &text)?).wrt_all();
    Ok(Reply::text(builder.show(*stage)?))
}

/// A call is repeated for so long.
const TIMING: Duration = Duration::from_millis(200);

fn time(session: &mut Session, text: &str) -> Result<Reply, Failure> {
    let text = expression(session, text)?;
    let started = Instant::now();
    let checked = session.check(&text)?;
    let floats: Vec<String> = checked.tensors.iter().filter(|used| used.float).map(|used| used.name.clone()).collect();
    let (loss, _) = session.call(&checked, &floats)?;
    let compiled = started.elapsed();
    let inputs = session.inputs(&checked.tensors)?;
    let (mut calls, mut best) = (0_u32, Duration::MAX);
    let started = Instant::now();
    while calls == 0 || started.elapsed() < TIMING {
        let call = Instant::now();
        crate::cli::eval::call(&loss, &inputs)?;
        best = best.min(call.elapsed());
        calls += 1;
    }
    let remarks = session.keep_axes(&checked);
    session.state.last = Some(text);
    Ok(Reply::text(format!(
        "{remarks}compiled in {compiled:.1?}; value and gradient in {best:.1?}, the best of {calls} calls\n"
    )))
}

fn set(session: &mut Session, words: &str) -> Result<Reply, Failure> {
    let state = &mut session.state;
    match words.split_whitespace().collect::<Vec<_>>()[..] {
        [] => {}
        ["dtype", "f32"] => state.dtype = DType::F32,
        ["dtype", "f64"] => state.dtype = DType::F64,
        ["engine", "jit"] => state.engine = Engine::Jit,
        ["engine", "interp"] => state.engine = Engine::Interpreter,
        _ => {
            let message = "write `:set dtype f32`, `:set dtype f64`, `:set engine jit` or `:set engine interp`";
            return Err(Failure::Message(message.to_string()));
        }
    }
    let engine = if state.engine == Engine::Jit { "jit" } else { "interp" };
    Ok(Reply::text(format!("dtype {}, engine {engine}\n", state.dtype.name())))
}

fn load(session: &mut Session, file: &str) -> Result<Reply, Failure> {
    if file.is_empty() {
        return Err(Failure::Message("name a file, as in `:load combo.loss`".to_string()));
    }
    let path = PathBuf::from(file.trim_matches('"'));
    if path.extension().is_some_and(|ending| ending == "loss") {
        let text = load_text(session, &path)?;
        session.state.files.retain(|other| *other != path);
        session.state.files.push(path);
        return Ok(Reply::text(text));
    }
    let mut lines = String::new();
    for (name, tensor) in read_data(&path, None)?.inputs {
        if !name.chars().all(super::assign::is_name) {
            let _ = writeln!(lines, "note: `{name}` is left out: not a name");
            continue;
        }
        let named = Named { name, kind: None, axes: None, data: Data::of(tensor) };
        let _ = writeln!(lines, "{}", describe(&named));
        session.state.tensors.retain(|other| other.name != named.name);
        session.state.tensors.push(named);
    }
    Ok(Reply::text(lines))
}

fn load_text(session: &mut Session, path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Message(format!("cannot read {}: {error}", path.display())))?;
    let remarks = session.add_text(&path.display().to_string(), &text)?;
    Ok(format!("{remarks}loaded {}\n", path.display()))
}

fn reload(session: &mut Session, _: &str) -> Result<Reply, Failure> {
    if session.state.files.is_empty() {
        return Err(Failure::Message("no file was loaded; `:load combo.loss` does".to_string()));
    }
    let files = session.state.files.clone();
    let texts: Result<String, Failure> = files.iter().map(|path| load_text(session, path)).collect();
    Ok(Reply::text(texts?))
}

fn reset(session: &mut Session, _: &str) -> Result<Reply, Failure> {
    session.state = State::default();
    Ok(Reply::text("everything is forgotten\n"))
}

fn quit(_: &mut Session, _: &str) -> Result<Reply, Failure> {
    Ok(Reply { quit: true, ..Reply::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shortest beginnings that only one command has, and all longer ones.
    #[test]
    fn a_beginning_that_one_command_has_is_enough() {
        let shortest = ["h", "ty", "g", "f", "d", "li", "p", "sh", "ti", "se", "lo", "rel", "res", "q"];
        for (command, least) in COMMANDS.iter().zip(shortest) {
            for end in 1..=command.name.len() {
                let found = find(&command.name[..end]).map(|found| found.name);
                assert_eq!(found.ok(), (end >= least.len()).then_some(command.name), "{}", &command.name[..end]);
            }
        }
    }
}
