//! What stands behind `let p =`: a nested list, or one of the builders, to a tensor.
//!
//! A mistake is a diagnostic that points into what was typed.

use std::path::Path;

use super::random::Random;
use crate::cli::data::{read_data, read_npy};
use crate::diagnostic::Diagnostic;
use crate::span::{SourceId, Span};
use crate::suggestion::did_you_mean;
use crate::tensor::Tensor;

/// No tensor of a session is larger.
const MAX_ELEMENTS: usize = 1 << 24;

/// A tensor, and whether all its elements were written as integers.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// The elements: 64-bit integers if all are written as such, else doubles; those of a file as they are.
    pub tensor: Tensor,
    /// Whether they may be labels.
    pub integer: bool,
}

impl Data {
    /// Of numbers.
    pub fn new(values: Vec<f64>, shape: &[usize], integer: bool) -> Self {
        let tensor = if integer {
            Tensor::i64(values.iter().map(|&value| value as i64).collect(), shape)
        } else {
            Tensor::f64(values, shape)
        };
        Data { tensor, integer }
    }

    /// Of a file.
    pub fn of(tensor: Tensor) -> Self {
        Data { integer: !tensor.dtype().is_float(), tensor }
    }

    /// The elements as the input of a loss takes them: floats, or integers if all are whole.
    pub fn as_input(&self, float: bool) -> Option<Tensor> {
        if self.tensor.dtype().is_float() == float {
            return Some(self.tensor.clone());
        }
        let values = self.tensor.to_f64();
        if float {
            return Some(Tensor::f64(values, &self.tensor.shape));
        }
        let whole = values.iter().all(|value| value.fract() == 0.0);
        whole.then(|| Tensor::i64(values.iter().map(|&value| value as i64).collect(), &self.tensor.shape))
    }
}

/// A builder: how it is written, what it gives, and what makes it.
pub struct Builder {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub usage: &'static str,
    /// What it gives.
    pub about: &'static str,
    build: fn(&Arguments) -> Result<Data, Diagnostic>,
}

/// All builders.
pub const BUILDERS: &[Builder] = &[
    Builder {
        name: "load",
        usage: "load(\"x.npy\")",
        about: "from a file: .npy, or one tensor of another, load(\"x.npz\", \"pred\")",
        build: load,
    },
    Builder {
        name: "linspace",
        usage: "linspace(-3, 3, 7)",
        about: "from, to, how many; both ends are in it",
        build: linspace,
    },
    Builder {
        name: "randn",
        usage: "randn(8, 3; seed = 1)",
        about: "normally distributed (mean = 0, std = 1)",
        build: randn,
    },
    Builder {
        name: "uniform",
        usage: "uniform(8; low = 0, high = 1, seed = 1)",
        about: "equally distributed",
        build: uniform,
    },
    Builder { name: "labels", usage: "labels(8; classes = 3, seed = 1)", about: "random class labels", build: labels },
    Builder { name: "full", usage: "full(2, 3; value = 0.5)", about: "the same number everywhere", build: full },
];

/// The builder that a text calls, if it calls one.
pub fn builder(text: &str) -> Option<&'static Builder> {
    let name = text.split('(').next()?.trim_end();
    text.contains('(').then(|| BUILDERS.iter().find(|builder| builder.name == name)).flatten()
}

/// Runs a builder on its call, which begins at byte `start` of the source.
pub fn build(builder: &Builder, text: &str, source: SourceId, start: usize) -> Result<Data, Diagnostic> {
    let arguments = Arguments::parse(builder, text, source, start)?;
    (builder.build)(&arguments)
}

/// One argument.
struct Given<'t> {
    name: Option<&'t str>,
    value: &'t str,
    span: Span,
}

/// The arguments of a builder.
struct Arguments<'t> {
    builder: &'t Builder,
    positional: Vec<Given<'t>>,
    named: Vec<Given<'t>>,
    span: Span,
}

fn wrong(span: Span, title: impl Into<String>, label: &str) -> Diagnostic {
    Diagnostic::error("E0901", title).at(span, label)
}

impl<'t> Arguments<'t> {
    fn parse(builder: &'t Builder, text: &'t str, source: SourceId, start: usize) -> Result<Self, Diagnostic> {
        let open = text.find('(').unwrap_or(text.len());
        let whole = Span::new(source, start, start + text.trim_end().len());
        let inside = text[open..].trim_end().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let Some(inside) = inside else {
            return Err(wrong(whole, format!("a call of `{}` alone is wanted here", builder.name), "")
                .help(format!("write it as `let x = {}`", builder.usage)));
        };
        let mut arguments = Arguments { builder, positional: Vec::new(), named: Vec::new(), span: whole };
        let base = start + open + 1;
        let mut at = 0;
        for part in split(inside, &[',', ';']) {
            let lead = part.len() - part.trim_start().len();
            let span = Span::new(source, base + at + lead, base + at + lead + part.trim().len());
            at += part.len() + 1;
            if part.trim().is_empty() {
                continue;
            }
            match part.split_once('=').filter(|_| !part.trim().starts_with('"')) {
                Some((name, value)) => {
                    arguments.named.push(Given { name: Some(name.trim()), value: value.trim(), span });
                }
                None => arguments.positional.push(Given { name: None, value: part.trim(), span }),
            }
        }
        Ok(arguments)
    }

    fn usage(&self) -> String {
        format!("`{}`: {}", self.builder.usage, self.builder.about)
    }

    fn number(&self, given: &Given<'_>) -> Result<f64, Diagnostic> {
        number(given.value).ok_or_else(|| {
            wrong(given.span, format!("`{}` is not a number", given.value), "a number is wanted").help(self.usage())
        })
    }

    /// A positional argument by its place.
    fn at(&self, place: usize, what: &str) -> Result<f64, Diagnostic> {
        match self.positional.get(place) {
            Some(given) => self.number(given),
            None => Err(wrong(self.span, format!("`{}` needs {what}", self.builder.name), "").help(self.usage())),
        }
    }

    fn count(&self, given: &Given<'_>) -> Result<usize, Diagnostic> {
        let value = self.number(given)?;
        if value.fract() == 0.0 && (0.0..=MAX_ELEMENTS as f64).contains(&value) {
            return Ok(value as usize);
        }
        let label = format!("a whole number up to {MAX_ELEMENTS} is wanted");
        Err(wrong(given.span, format!("`{}` is not an extent", given.value), &label).help(self.usage()))
    }

    /// The positional arguments as extents.
    fn shape(&self) -> Result<Vec<usize>, Diagnostic> {
        let shape: Vec<usize> = self.positional.iter().map(|given| self.count(given)).collect::<Result<_, _>>()?;
        let elements = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
        if elements.is_none_or(|elements| elements > MAX_ELEMENTS) {
            return Err(wrong(self.span, format!("a tensor of shape {shape:?} is too large for a session"), ""));
        }
        Ok(shape)
    }

    /// Nothing where a builder takes at most so many positional arguments.
    fn at_most(&self, count: usize) -> Result<(), Diagnostic> {
        match self.positional.get(count) {
            Some(given) => {
                Err(wrong(given.span, format!("`{}` takes {count} at most", self.builder.name), "one too many")
                    .help(self.usage()))
            }
            None => Ok(()),
        }
    }

    /// A named argument, or its default; others than `allowed` are mistakes, and a name that is there twice.
    fn named(&self, allowed: &[(&str, f64)]) -> Result<Vec<f64>, Diagnostic> {
        for (position, given) in self.named.iter().enumerate() {
            let name = given.name.unwrap_or_default();
            if self.named[..position].iter().any(|before| before.name == given.name) {
                return Err(wrong(given.span, format!("`{name}` is given twice"), "").help(self.usage()));
            }
            if !allowed.iter().any(|(other, _)| *other == name) {
                let meant = did_you_mean(name, allowed.iter().map(|(name, _)| *name));
                let help = meant.map_or_else(|| self.usage(), |word| format!("did you mean `{word}`?"));
                return Err(wrong(given.span, format!("`{}` has no `{name}`", self.builder.name), "").help(help));
            }
        }
        let value = |(name, default): &(&str, f64)| match self.named.iter().find(|given| given.name == Some(*name)) {
            Some(given) => self.number(given),
            None => Ok(*default),
        };
        allowed.iter().map(value).collect()
    }
}

fn load(arguments: &Arguments) -> Result<Data, Diagnostic> {
    arguments.named(&[])?;
    arguments.at_most(2)?;
    let quoted = |given: &Given<'_>| {
        let text = given.value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        text.map(str::to_string).ok_or_else(|| {
            wrong(given.span, "the name of a file is wanted, in double quotes", "").help(arguments.usage())
        })
    };
    let Some(file) = arguments.positional.first() else {
        return Err(wrong(arguments.span, "`load` needs a file", "").help(arguments.usage()));
    };
    let failed = |error: crate::cli::data::DataFileError| wrong(file.span, error.to_string(), "");
    let path = quoted(file)?;
    let Some(name) = arguments.positional.get(1) else {
        if path.ends_with(".npy") {
            return read_npy(Path::new(&path)).map(Data::of).map_err(failed);
        }
        let all = read_data(Path::new(&path), None).map_err(failed)?.inputs;
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        return match &all[..] {
            [(_, tensor)] => Ok(Data::of(tensor.clone())),
            _ => Err(wrong(file.span, format!("{path} has several tensors: {}", names.join(", ")), "which one?")
                .help(format!("load(\"{path}\", \"{}\")", names.first().unwrap_or(&"pred")))
                .help(format!("all of them at once: `:load {path}`"))),
        };
    };
    let wanted = quoted(name)?;
    let all = read_data(Path::new(&path), None).map_err(failed)?.inputs;
    let names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
    let found = all.into_iter().find(|(other, _)| *other == wanted).map(|(_, tensor)| Data::of(tensor));
    let title = format!("{path} has no tensor `{wanted}`; it has {}", names.join(", "));
    found.ok_or_else(|| wrong(name.span, title, ""))
}

fn linspace(arguments: &Arguments) -> Result<Data, Diagnostic> {
    arguments.named(&[])?;
    arguments.at_most(3)?;
    let (from, to) = (arguments.at(0, "a first number")?, arguments.at(1, "a last number")?);
    let count = match arguments.positional.get(2) {
        Some(given) => arguments.count(given)?,
        None => return Err(wrong(arguments.span, "`linspace` needs how many numbers", "").help(arguments.usage())),
    };
    let step = (to - from) / (count.max(2) - 1) as f64;
    let value = |position: usize| if position + 1 == count && count > 1 { to } else { from + step * position as f64 };
    Ok(Data::new((0..count).map(value).collect(), &[count], false))
}

/// Random numbers of the shape that the arguments give.
fn random(
    arguments: &Arguments,
    allowed: &[(&str, f64)],
    integer: bool,
    draw: impl Fn(&mut Random, &[f64]) -> f64,
) -> Result<Data, Diagnostic> {
    let shape = arguments.shape()?;
    let named: Vec<(&str, f64)> = [("seed", 0.0)].into_iter().chain(allowed.iter().copied()).collect();
    let named = arguments.named(&named)?;
    let mut random = Random::new(named[0].to_bits());
    let values = (0..shape.iter().product()).map(|_| draw(&mut random, &named[1..])).collect();
    Ok(Data::new(values, &shape, integer))
}

fn randn(arguments: &Arguments) -> Result<Data, Diagnostic> {
    random(arguments, &[("mean", 0.0), ("std", 1.0)], false, |random, named| named[0] + named[1] * random.normal())
}

fn uniform(arguments: &Arguments) -> Result<Data, Diagnostic> {
    let draw = |random: &mut Random, named: &[f64]| named[0] + (named[1] - named[0]) * random.uniform();
    random(arguments, &[("low", 0.0), ("high", 1.0)], false, draw)
}

fn labels(arguments: &Arguments) -> Result<Data, Diagnostic> {
    for given in arguments.named.iter().filter(|given| given.name == Some("classes")) {
        let classes = arguments.number(given)?;
        if classes.fract() != 0.0 || !(1.0..=EXACT).contains(&classes) {
            return Err(wrong(
                given.span,
                format!("there are no {classes} classes"),
                "a whole number from 1 on is wanted",
            )
            .help(arguments.usage()));
        }
    }
    random(arguments, &[("classes", 2.0)], true, |random, named| (random.uniform() * named[0]).floor())
}

fn full(arguments: &Arguments) -> Result<Data, Diagnostic> {
    let shape = arguments.shape()?;
    let value = arguments.named(&[("value", 0.0)])?[0];
    Ok(Data::new(vec![value; shape.iter().product()], &shape, false))
}

/// A number as it is written in a list.
fn number(text: &str) -> Option<f64> {
    let text = text.replace('−', "-");
    let digits = text.trim_start_matches('-');
    let plain = digits.starts_with(|first: char| first.is_ascii_digit()) || matches!(digits, "inf" | "nan");
    if plain { text.parse().ok() } else { None }
}

/// Why a number that is written out is not held as it is written: a session holds numbers in double precision.
fn beyond(text: &str, value: f64) -> Option<&'static str> {
    if is_integer(text) && value.abs() > EXACT {
        return Some("the ints of a session reach from -2^53 to 2^53; with a point it is a real");
    }
    (value.is_infinite() && !text.contains("inf")).then_some("the largest number is 1.8e308; infinity is written `inf`")
}

/// Up to here every whole number is a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A number alone. One that is too large is none: the compiler says so.
pub fn scalar(text: &str) -> Option<Data> {
    number(text)
        .filter(|value| beyond(text, *value).is_none())
        .map(|value| Data::new(vec![value], &[], is_integer(text)))
}

/// Whether a number is written as an integer.
fn is_integer(text: &str) -> bool {
    !text.contains(['.', 'e', 'E', 'n'])
}

/// The pieces between separators.
fn split<'t>(text: &'t str, separators: &[char]) -> Vec<&'t str> {
    let mut quoted = false;
    let separates = |sign: char| {
        quoted ^= sign == '"';
        !quoted && separators.contains(&sign)
    };
    text.split(separates).collect()
}

/// A nested list to a tensor. It begins at byte `start` of the source.
pub fn list(text: &str, source: SourceId, start: usize) -> Result<Data, Diagnostic> {
    let mut reader = ListReader { text, source, start, at: 0, values: Vec::new(), integer: true };
    let shape = reader.list(0)?;
    reader.skip();
    if reader.at < text.len() {
        let span = reader.span(reader.at, text.trim_end().len());
        return Err(wrong(span, "something stands behind the list", "")
            .help("a list is given a name first, `let p = […]`, and then used: `2 * p`"));
    }
    let integer = reader.integer && !reader.values.is_empty();
    Ok(Data::new(reader.values, &shape, integer))
}

struct ListReader<'t> {
    text: &'t str,
    source: SourceId,
    start: usize,
    at: usize,
    values: Vec<f64>,
    integer: bool,
}

/// No list is nested deeper.
const MAX_DEPTH: usize = 16;

impl ListReader<'_> {
    fn skip(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn next(&mut self) -> Option<char> {
        self.skip();
        self.text[self.at..].chars().next()
    }

    fn span(&self, from: usize, to: usize) -> Span {
        Span::new(self.source, self.start + from, self.start + to)
    }

    /// One list in brackets; its shape.
    fn list(&mut self, depth: usize) -> Result<Vec<usize>, Diagnostic> {
        self.skip();
        let from = self.at;
        if depth == MAX_DEPTH {
            return Err(wrong(self.span(from, from + 1), format!("a list of more than {MAX_DEPTH} levels"), ""));
        }
        self.at += 1;
        let mut count = 0;
        let mut inner: Option<Vec<usize>> = None;
        loop {
            match self.next() {
                None => return Err(wrong(self.span(from, from + 1), "this bracket is never closed", "opened here")),
                Some(']') => break,
                Some(_) => {}
            }
            let begin = self.at;
            let shape = if self.next() == Some('[') { self.list(depth + 1)? } else { self.number()? };
            if let Some(first) = &inner
                && *first != shape
            {
                let (first, this) = (counted(first), counted(&shape));
                let title = format!("all parts of a list have one shape, but here is {this} beside {first}");
                return Err(wrong(self.span(begin, self.at), title, &this));
            }
            inner = Some(shape);
            count += 1;
            match self.next() {
                Some(',') => self.at += 1,
                Some(']') | None => {}
                Some(other) => {
                    let span = self.span(self.at, self.at + other.len_utf8());
                    return Err(wrong(span, "a comma or `]` is wanted here", "")
                        .help("a list holds numbers: `[0.9, -1, 2e-3]`"));
                }
            }
        }
        self.at += 1;
        let mut shape = vec![count];
        shape.extend(inner.unwrap_or_default());
        Ok(shape)
    }

    fn number(&mut self) -> Result<Vec<usize>, Diagnostic> {
        let rest = &self.text[self.at..];
        let end = rest.find(|sign: char| matches!(sign, ',' | ']' | '[') || sign.is_whitespace()).unwrap_or(rest.len());
        let word = &rest[..end];
        let Some(value) = number(word) else {
            let span = self.span(self.at, self.at + end.max(1).min(rest.len()));
            return Err(wrong(span, format!("`{word}` is not a number"), "")
                .help("a list holds numbers: `[0.9, -1, 2e-3]`; calculate with its name afterwards"));
        };
        if let Some(help) = beyond(word, value) {
            let span = self.span(self.at, self.at + end);
            return Err(wrong(span, format!("`{word}` is too large"), "").help(help));
        }
        self.integer &= is_integer(word);
        self.values.push(value);
        self.at += end;
        Ok(Vec::new())
    }
}

/// A part of a list in words.
fn counted(shape: &[usize]) -> String {
    match shape {
        [] => "a number".to_string(),
        [count] => format!("a list of {count}"),
        more => format!("a list of shape {more:?}"),
    }
}
