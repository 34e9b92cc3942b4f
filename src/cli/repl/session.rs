//! A line and the state before it to a text and the state after it.
//!
//! A definition goes into the notebook, a `let` among the tensors, everything else is computed. What goes wrong leaves
//! the state as it was.

use std::path::PathBuf;

use super::assign;
use super::commands;
use super::data::{self, Data};
use super::show;
use crate::cli::FolderLoader;
use crate::cli::eval::call;
use crate::cli::failure::{Failure, drawn};
use crate::diagnostic::Diagnostic;
use crate::session::{
    Checked, Engine, Error, Evaluation, Loss, LossBuilder, Notebook, Program, TensorType, UsedTensor, Value,
    is_definition,
};
use crate::span::SourceMap;
use crate::tensor::{DType, Tensor};

/// What diagnostics call a text that was typed.
pub const NAME: &str = "<repl>";

/// A named tensor.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// The kind that it was declared with.
    pub kind: Option<String>,
    /// Its axes, once they have names.
    pub axes: Option<Vec<String>>,
    /// Its elements.
    pub data: Data,
}

/// Everything that lines change.
#[derive(Clone)]
pub struct State {
    /// The definitions.
    pub notebook: Notebook,
    /// The tensors, in the order in which they came.
    pub tensors: Vec<Named>,
    /// The files that were loaded, for `:reload`.
    pub files: Vec<PathBuf>,
    /// The precision.
    pub dtype: DType,
    /// What computes.
    pub engine: Engine,
    /// The last expression, for commands without one.
    pub last: Option<String>,
}

impl Default for State {
    fn default() -> Self {
        let (notebook, tensors, files, last) = (Notebook::new(), Vec::new(), Vec::new(), None);
        State { notebook, tensors, files, dtype: DType::F32, engine: Engine::Jit, last }
    }
}

/// What a line gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// What to print.
    pub text: String,
    /// What went wrong, to print among the messages.
    pub error: String,
    /// Whether the session ends.
    pub quit: bool,
}

impl Reply {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Reply { text: text.into(), ..Reply::default() }
    }
}

/// A session.
#[derive(Clone, Default)]
pub struct Session {
    /// What lines change.
    pub state: State,
    /// Whether texts are coloured.
    pub color: bool,
    /// How many columns a picture may have.
    pub width: usize,
}

/// An expression that was computed.
pub struct Computed {
    /// Its value, terms and gradients.
    pub evaluation: Evaluation,
    /// Its type and the tensors that it used.
    pub checked: Checked,
    /// What is to be said along with it: warnings, and the axes that tensors got.
    pub remarks: String,
}

impl Session {
    /// Takes one whole entry.
    pub fn enter(&mut self, text: &str) -> Reply {
        let before = self.state.clone();
        let result = match text.trim() {
            "" => Ok(Reply::default()),
            "?" => commands::run(self, "help"),
            line if line.starts_with(':') => commands::run(self, &line[1..]),
            _ if is_definition(text) || text.trim_start().starts_with("use ") => self.define(text),
            _ if assign::is_assignment(text) => self.assign(text),
            _ => self.print(text),
        };
        result.unwrap_or_else(|failure| {
            self.state = before;
            Reply { error: failure.text(self.color), ..Reply::default() }
        })
    }

    /// What serves `use` lines: the files of the folder in which the session runs.
    pub fn loader(&self) -> FolderLoader {
        FolderLoader::new("")
    }

    fn define(&mut self, text: &str) -> Result<Reply, Failure> {
        let known = self.state.notebook.definitions();
        self.add_text(NAME, text).map(|remarks| {
            let now = self.state.notebook.definitions();
            let new = now.iter().filter(|definition| !known.contains(definition));
            let verb = |name: &str| if known.iter().any(|old| old.name == name) { "replaced" } else { "defined" };
            let lines: String =
                new.map(|it| format!("{} {} {}\n", verb(&it.name), it.word, self.signature(&it.name))).collect();
            Reply::text(remarks + &lines)
        })
    }

    /// Adds definitions; the warnings on them come back.
    pub fn add_text(&mut self, name: &str, text: &str) -> Result<String, Failure> {
        let (notebook, program) = self.state.notebook.with(name, text, &self.loader())?;
        self.state.notebook = notebook;
        Ok(self.warnings(&program, text))
    }

    /// The warnings that point into a text.
    fn warnings(&self, program: &Program, text: &str) -> String {
        let sources = program.sources();
        let here = |diagnostic: &&Diagnostic| {
            let spans = diagnostic.labels.iter().map(|label| label.span);
            spans.filter_map(|span| sources.get(span.source)).any(|source| source.text == text)
        };
        let warnings: Vec<Diagnostic> = program.warnings().iter().filter(here).cloned().collect();
        drawn(&warnings, sources, self.color)
    }

    /// A definition as one writes its call: the name, and for a loss its inputs and hyperparameters.
    pub fn signature(&self, name: &str) -> String {
        let info = self.state.notebook.program(&self.loader()).and_then(|program| program.info(name));
        let Ok(info) = info else { return name.to_string() };
        let axes = |axes: &[String]| if axes.is_empty() { String::new() } else { format!("[{}]", axes.join(", ")) };
        let inputs = info.inputs.iter().map(|input| {
            let optional = if input.optional { "?" } else { "" };
            format!("{}{optional}: {}{}", input.name, input.kind, axes(&input.axes))
        });
        let inputs: Vec<String> = inputs.collect();
        let parameters: Vec<String> =
            info.hyperparameters.iter().map(|one| format!("{} = {}", one.name, one.default)).collect();
        let parts = [inputs.join(", "), parameters.join(", ")];
        let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        format!("{name}({})", parts.join("; "))
    }

    fn assign(&mut self, text: &str) -> Result<Reply, Failure> {
        let mut sources = SourceMap::new();
        let source = sources.add(NAME, text);
        let wrong = |diagnostic: Diagnostic| {
            Failure::Library(Error::Source { diagnostics: vec![diagnostic], sources: sources.clone() })
        };
        let parsed = assign::parse(text, source).map_err(wrong)?;
        let value = text[parsed.value..].trim_end();
        let mut remarks = String::new();
        let mut named =
            Named { name: parsed.name, kind: parsed.kind, axes: None, data: Data::new(Vec::new(), &[0], false) };
        if value.starts_with('[') {
            named.data = data::list(value, source, parsed.value).map_err(wrong)?;
        } else if let Some(builder) = data::builder(value) {
            named.data = data::build(builder, value, source, parsed.value).map_err(wrong)?;
        } else if let Some(number) = data::scalar(value) {
            named.data = number;
        } else {
            // Blanks in front keep the places of the diagnostics, which show the entry as it was written.
            let blanked = format!("{}{value}", " ".repeat(parsed.value));
            let computed = self.compute(&blanked, &[]).map_err(|failure| failure.shown_as(&blanked, text))?;
            remarks.clone_from(&computed.remarks);
            self.take_value(&computed, &mut named);
        }
        let rank = named.data.tensor.shape.len();
        if let Some(axes) = parsed.axes {
            if axes.len() != rank {
                let shape = &named.data.tensor.shape;
                let title =
                    format!("`{}` names {} axes, but its value has the shape {shape:?}", named.name, axes.len());
                return Err(wrong(Diagnostic::error("E0904", title).at(parsed.span, format!("it has {rank}"))));
            }
            named.axes = Some(axes);
        }
        if rank == 0 {
            named.axes = Some(Vec::new());
        }
        let line = describe(&named);
        self.state.tensors.retain(|other| other.name != named.name);
        self.state.tensors.push(named);
        Ok(Reply::text(format!("{remarks}{line}\n")))
    }

    /// A computed value as a tensor of its own.
    fn take_value(&self, computed: &Computed, named: &mut Named) {
        let tensor = match computed.evaluation.values() {
            Value::Scalar(value) => Tensor::f64(vec![*value], &[]),
            Value::Tensor(tensor) => tensor.clone(),
        };
        let kind = computed.checked.kind.as_str();
        let integer = matches!(kind, "int" | "bool") || kind.starts_with("index");
        named.data = if integer { Data::new(tensor.to_f64(), &tensor.shape, true) } else { Data::of(tensor) };
        named.axes = Some(computed.checked.axes.clone());
        let narrow = !integer && !matches!(kind, "real" | "logit");
        named.kind = named.kind.take().or(narrow.then(|| kind.to_string()));
    }

    fn print(&mut self, text: &str) -> Result<Reply, Failure> {
        let computed = self.compute(text, &[])?;
        let shown = show::evaluation(&computed.evaluation, &computed.checked.kind, &computed.checked.axes);
        Ok(Reply::text(computed.remarks + &shown))
    }

    /// Checks an expression over the tensors of the session.
    pub fn check(&self, text: &str) -> Result<Checked, Failure> {
        let types: Vec<TensorType> = self.state.tensors.iter().map(type_of).collect();
        self.state.notebook.expression(NAME, text, &types, &self.loader()).map_err(|error| with_help(error).into())
    }

    /// With the precision and the engine of the session.
    pub fn configured(&self, builder: LossBuilder) -> LossBuilder {
        builder.dtype(self.state.dtype).engine(self.state.engine).check_data(true)
    }

    /// The tensors that an expression uses, as its inputs.
    pub fn inputs(&self, used: &[UsedTensor]) -> Result<Vec<(String, Tensor)>, Failure> {
        let mut inputs = Vec::new();
        for one in used {
            let Some(named) = self.state.tensors.iter().find(|named| named.name == one.name) else { continue };
            let tensor = named.data.as_input(one.float).ok_or_else(|| {
                Failure::Message(format!(
                    "`{}` is {} here, but not all its elements are whole numbers",
                    one.name, one.kind
                ))
            })?;
            inputs.push((one.name.clone(), tensor));
        }
        Ok(inputs)
    }

    /// Builds what was checked, and computes it once.
    pub fn call(&self, checked: &Checked, wrt: &[String]) -> Result<(Loss, Evaluation), Failure> {
        let inputs = self.inputs(&checked.tensors)?;
        let loss = self.configured(checked.builder.clone()).wrt(wrt.to_vec()).build()?;
        let evaluation = call(&loss, &inputs)?;
        Ok((loss, evaluation))
    }

    /// Computes an expression, with gradients by these tensors. Tensors that it names the axes of keep them.
    pub fn compute(&mut self, text: &str, wrt: &[String]) -> Result<Computed, Failure> {
        let checked = self.check(text)?;
        let (_, evaluation) = self.call(&checked, wrt)?;
        let mut remarks = self.warnings(checked.builder.program(), text);
        remarks += &self.keep_axes(&checked);
        self.state.last = Some(text.trim().to_string());
        Ok(Computed { evaluation, checked, remarks })
    }

    /// Gives tensors the axes that their first use named.
    pub fn keep_axes(&mut self, checked: &Checked) -> String {
        let mut lines = Vec::new();
        for used in &checked.tensors {
            let named = self.state.tensors.iter_mut().find(|named| named.name == used.name && named.axes.is_none());
            if let Some(named) = named {
                named.axes = Some(used.axes.clone());
                lines.push(format!("{}{}", used.name, show::shape(&used.axes, &named.data.tensor.shape)));
            }
        }
        if lines.is_empty() { String::new() } else { format!("({})\n", lines.join(", ")) }
    }
}

/// In a session, what has no value is given one.
fn with_help(error: Error) -> Error {
    let Error::Source { mut diagnostics, sources } = error else { return error };
    for diagnostic in &mut diagnostics {
        let missing = diagnostic.code == "E0201" && diagnostic.help.is_empty();
        let name = diagnostic.title.rsplit('`').nth(1).map(str::to_string);
        if diagnostic.code == "E0001" && diagnostic.title.ends_with("found `[`") {
            diagnostic.help.push("a list is given a name first: `let x = [0.9, 0.2]`".to_string());
        }
        if let (true, Some(name)) = (missing, name) {
            diagnostic.notes.clear();
            if let Some(command) = commands::of_word(&name) {
                diagnostic.help.push(format!("the command is `:{command}`"));
            }
            diagnostic.help.push(format!("give it a value: `let {name} = [0.9, 0.2]`"));
        }
    }
    Error::Source { diagnostics, sources }
}

fn type_of(named: &Named) -> TensorType {
    TensorType {
        name: named.name.clone(),
        kind: named.kind.clone(),
        integer: named.data.integer,
        axes: named.axes.clone(),
        rank: named.data.tensor.shape.len(),
    }
}

/// A tensor in one line: `p: prob[N = 3]`.
pub fn describe(named: &Named) -> String {
    let kind = named.kind.as_deref().unwrap_or(if named.data.integer { "int" } else { "real" });
    let axes = named.axes.as_deref().unwrap_or_default();
    let shape = show::shape(axes, &named.data.tensor.shape);
    format!("{}: {kind}{shape}", named.name)
}
