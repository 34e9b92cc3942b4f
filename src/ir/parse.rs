//! Reads the text form of a program that [`super::print`] writes. For tests of passes, which start from
//! hand-written graphs, and for bug reports. Types after `:` are checked against what the operation gives.

use std::sync::Arc;

use smallvec::SmallVec;

use super::extent::{Extent, ExtentFormula};
use super::graph::{Axes, AxisId, Constant, Graph, InputId, NodeId, Op, ParameterId, Type};
use super::print::axis_name;
use super::program::{GivenExtent, InputData, LabelRange, NonEmpty, Output, OutputRole, ParameterData, Program};
use super::repeat::{Carried, LoopId, Repeat};
use crate::op::{Binary, Compare, EXTENT_BINARY, EXTENT_UNARY, Element, Logic, ReduceOp, SoftmaxOp, Unary};

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ParseError {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

type Result<T> = std::result::Result<T, String>;

/// Reads a program.
///
/// # Errors
/// The first line that is not of the text form, or names what does not exist.
///
/// # Panics
/// If the operands of a node have types that its operation does not take.
pub fn parse(text: &str) -> std::result::Result<Program, ParseError> {
    let mut reader = Reader::default();
    for (index, line) in text.lines().enumerate() {
        reader.line(line).map_err(|message| ParseError { line: index + 1, message })?;
    }
    Ok(reader.program)
}

#[derive(Default)]
struct Reader {
    program: Program,
    /// By the number in the text.
    nodes: Vec<NodeId>,
}

/// The words of a line: bare words, quoted strings, and brackets and commas by themselves.
fn words(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(&next) = chars.peek() {
        match next {
            ' ' | ',' => {
                chars.next();
            }
            '[' | ']' => words.push(chars.next().into_iter().collect()),
            '"' => {
                chars.next();
                let mut text = String::from("\"");
                loop {
                    match chars.next().ok_or("a string without its end")? {
                        '"' => break,
                        '\\' => match chars.next() {
                            Some('n') => text.push('\n'),
                            Some(other) => text.push(other),
                            None => return Err("a string without its end".to_owned()),
                        },
                        other => text.push(other),
                    }
                }
                words.push(text);
            }
            _ => {
                let mut word = String::new();
                while let Some(&c) = chars.peek().filter(|c| !" ,[]\"".contains(**c)) {
                    word.push(c);
                    chars.next();
                }
                words.push(word);
            }
        }
    }
    Ok(words)
}

/// Takes words off a line.
struct Words {
    words: std::vec::IntoIter<String>,
}

impl Words {
    fn next(&mut self) -> Result<String> {
        self.words.next().ok_or_else(|| "something is missing at the end".to_owned())
    }

    fn string(&mut self) -> Result<String> {
        let word = self.next()?;
        word.strip_prefix('"').map(str::to_owned).ok_or_else(|| format!("a string in quotes, not `{word}`"))
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T> {
        let word = self.next()?;
        word.parse().map_err(|_| format!("a number, not `{word}`"))
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.words.as_slice().first().is_some_and(|next| next == word);
        if found {
            self.words.next();
        }
        found
    }

    fn element(&mut self) -> Result<Element> {
        let word = self.next()?;
        let all = [Element::Real, Element::Int, Element::Bool];
        all.into_iter().find(|element| element.name() == word).ok_or_else(|| format!("no element type is `{word}`"))
    }

    fn axes(&mut self, graph: &Graph) -> Result<Axes> {
        if !self.eat("[") {
            return Err("axes in brackets are missing".to_owned());
        }
        let mut axes = Axes::new();
        while !self.eat("]") {
            axes.push(axis(graph, &self.next()?)?);
        }
        Ok(axes)
    }

    fn ty(&mut self, graph: &Graph) -> Result<Type> {
        Ok(Type { element: self.element()?, axes: self.axes(graph)? })
    }

    /// A number after a word.
    fn counted<T: std::str::FromStr>(&mut self, word: &str) -> Result<T> {
        if self.eat(word) { self.number() } else { Err(format!("`{word}` and a number are missing")) }
    }

    fn extent_formula(&mut self, graph: &Graph) -> Result<ExtentFormula> {
        if self.words.as_slice().first().is_some_and(|next| next == "[") {
            return Ok(ExtentFormula::Size(self.one_axis(graph)?));
        }
        let word = self.next()?;
        if let Some(op) = EXTENT_UNARY.iter().find(|op| op.name() == word) {
            return Ok(ExtentFormula::Unary(*op, Box::new(self.extent_formula(graph)?)));
        }
        if let Some(op) = EXTENT_BINARY.iter().find(|op| op.name() == word) {
            let both = [self.extent_formula(graph)?, self.extent_formula(graph)?];
            return Ok(ExtentFormula::Binary(*op, Box::new(both)));
        }
        word.parse().map(ExtentFormula::Int).map_err(|_| format!("an extent, not `{word}`"))
    }

    fn one_axis(&mut self, graph: &Graph) -> Result<AxisId> {
        let axes = self.axes(graph)?;
        if axes.len() == 1 { Ok(axes[0]) } else { Err("one axis in brackets".to_owned()) }
    }
}

fn axis(graph: &Graph, name: &str) -> Result<AxisId> {
    let all = (0..graph.all_axes().len() as u32).map(AxisId);
    all.into_iter().find(|&id| axis_name(graph, id) == name).ok_or_else(|| format!("no axis is called `{name}`"))
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<()> {
        let mut words = Words { words: words(line)?.into_iter() };
        if words.words.as_slice().is_empty() {
            return Ok(());
        }
        let first = words.next()?;
        match first.as_str() {
            "axis" => self.axis(&mut words)?,
            "parameter" => {
                let (name, default) = (words.string()?, words.number()?);
                self.program.parameters.push(ParameterData { name, default });
            }
            "input" => self.input(&mut words)?,
            "output" => self.output(&mut words)?,
            "nonempty" => {
                let axes = words.axes(&self.program.graph)?.to_vec();
                self.program.non_empty.push(NonEmpty { axes, reason: words.string()? });
            }
            "given" => {
                let axis = words.one_axis(&self.program.graph)?;
                let parameter = words.string()?;
                let extent = words.extent_formula(&self.program.graph)?;
                self.program.given.push(GivenExtent { axis, extent, parameter });
            }
            node if node.starts_with('%') => self.node(node, &mut words)?,
            other => return Err(format!("no line begins with `{other}`")),
        }
        match words.words.next() {
            Some(word) => Err(format!("`{word}` is left over")),
            None => Ok(()),
        }
    }

    fn axis(&mut self, words: &mut Words) -> Result<()> {
        let name = words.next()?;
        let graph = &mut self.program.graph;
        let suffix = format!("~{}", graph.all_axes().len());
        let extent = match words.next()?.as_str() {
            "input" => Extent::Input,
            "fixed" => Extent::Fixed(words.number()?),
            "computed" => Extent::Computed(Arc::new(words.extent_formula(graph)?)),
            "same" => Extent::SameAs(axis(graph, &words.next()?)?),
            other => return Err(format!("no extent is `{other}`")),
        };
        let pack = words.eat("pack");
        graph.add_axis(name.strip_suffix(&suffix).unwrap_or(&name), extent, pack);
        Ok(())
    }

    fn input(&mut self, words: &mut Words) -> Result<()> {
        let graph = &mut self.program.graph;
        let (name, element, axes) = (words.string()?, words.element()?, words.axes(graph)?.to_vec());
        let kind = words.string()?;
        let mut labels = None;
        if words.eat("below") {
            let axis = axis(graph, &words.next()?)?;
            let ignored = if words.eat("ignoring") { Some(words.number()?) } else { None };
            labels = Some(LabelRange { axis, ignored });
        }
        let node = graph.input(InputId(self.program.inputs.len() as u32), element, &axes);
        self.program.inputs.push(InputData { name, node, element, axes, labels, kind });
        Ok(())
    }

    fn output(&mut self, words: &mut Words) -> Result<()> {
        let role = match words.next()?.as_str() {
            "value" => OutputRole::Value,
            "term" => OutputRole::Term(words.string()?),
            "weight" => OutputRole::Weight(words.string()?),
            "gradient" => OutputRole::Gradient(words.string()?),
            "state" => OutputRole::State(words.string()?),
            other => return Err(format!("no output is `{other}`")),
        };
        let node = self.operand(&words.next()?)?;
        let axes = words.axes(&self.program.graph)?.to_vec();
        self.program.outputs.push(Output { role, node, axes });
        Ok(())
    }

    fn operand(&self, word: &str) -> Result<NodeId> {
        let number = word.strip_prefix('%').and_then(|digits| digits.parse::<usize>().ok());
        number.and_then(|number| self.nodes.get(number).copied()).ok_or_else(|| format!("no node before is `{word}`"))
    }

    fn node(&mut self, name: &str, words: &mut Words) -> Result<()> {
        if name != format!("%{}", self.nodes.len()) || !words.eat("=") {
            return Err(format!("`%{} = …` was expected", self.nodes.len()));
        }
        let word = words.next()?;
        let op = self.operation(&word, words)?;
        let mut operands: SmallVec<[NodeId; 3]> = SmallVec::new();
        while !words.eat(":") {
            operands.push(self.operand(&words.next()?)?);
        }
        let graph = &mut self.program.graph;
        let id = match &op {
            Op::Input(id) => self.program.inputs[id.0 as usize].node,
            op if operands.len() == op.arity() => graph.add(op.clone(), &operands),
            op => return Err(format!("`{word}` takes {} operands", op.arity())),
        };
        self.nodes.push(id);
        let (element, axes) = (words.element()?, words.axes(graph)?);
        let ty = graph.ty(id);
        if ty.element != element || ty.axes != axes {
            return Err(format!("the type is {ty:?}"));
        }
        Ok(())
    }

    fn operation(&self, word: &str, words: &mut Words) -> Result<Op> {
        let graph = &self.program.graph;
        if let Some(op) = elementwise(word) {
            return Ok(op);
        }
        if let Some(op) = SoftmaxOp::from_name(word) {
            return Ok(Op::Softmax(op, words.axes(graph)?));
        }
        Ok(match word {
            "real" => Op::Constant(Constant::Real(words.number()?)),
            "int" => Op::Constant(Constant::Int(words.number()?)),
            "bool" => Op::Constant(Constant::Bool(words.number()?)),
            "input" => Op::Input(InputId(named(&words.string()?, self.program.inputs.iter().map(|data| &data.name))?)),
            "parameter" => {
                let names = self.program.parameters.iter().map(|data| &data.name);
                Op::Parameter(ParameterId(named(&words.string()?, names)?))
            }
            "size" => Op::Size(words.one_axis(graph)?),
            "index" => Op::Index(words.one_axis(graph)?),
            "polygamma" => Op::Polygamma(words.number()?),
            "cast" => Op::Cast(words.element()?),
            "broadcast" => Op::Broadcast(words.axes(graph)?),
            "contract" => Op::Contract { over: words.axes(graph)?, masked: false },
            "contract_masked" => Op::Contract { over: words.axes(graph)?, masked: true },
            "gather" => Op::Gather(words.one_axis(graph)?),
            "order" => Op::Order(words.one_axis(graph)?),
            "topindex" => {
                let (over, to) = (words.axes(graph)?, words.one_axis(graph)?);
                Op::TopIndex { over, to, along: words.one_axis(graph)? }
            }
            "cumsum" => Op::CumSum { axis: words.one_axis(graph)?, reverse: false },
            "cumsum_reverse" => Op::CumSum { axis: words.one_axis(graph)?, reverse: true },
            "scatter" => Op::Scatter { axis: words.one_axis(graph)?, over: words.axes(graph)? },
            "reduce" => {
                let name = words.next()?;
                let op = ReduceOp::from_name(&name).ok_or_else(|| format!("no reduction is called `{name}`"))?;
                Op::Reduce(op, words.axes(graph)?)
            }
            "rename" => match words.axes(graph)?[..] {
                [from, to] => Op::Rename { from, to },
                _ => return Err("`rename` takes two axes".to_owned()),
            },
            "carried" => {
                let (of, variable) = (LoopId(words.number()?), words.number()?);
                Op::Carried(Carried { of, variable, ty: words.ty(graph)? })
            }
            "repeat" => {
                let of = LoopId(words.number()?);
                let turns = words.counted("times")?;
                let variable = words.counted("variable")?;
                let variables = words.counted("of")?;
                let ty = words.ty(graph)?;
                let trace = if words.eat("along") { Some(words.one_axis(graph)?) } else { None };
                if variable >= variables {
                    return Err("the loop has no such variable".to_owned());
                }
                Op::Repeat(Repeat { of, turns, variables, variable, ty, trace })
            }
            other => return Err(format!("no operation is called `{other}`")),
        })
    }
}

fn elementwise(word: &str) -> Option<Op> {
    Unary::from_name(word)
        .map(Op::Unary)
        .or_else(|| Binary::from_name(word).map(Op::Binary))
        .or_else(|| Compare::from_name(word).map(Op::Compare))
        .or_else(|| Logic::from_name(word).map(Op::Logic))
        .or_else(|| {
            [("select", Op::Select), ("stop", Op::Stop)].into_iter().find(|(name, _)| *name == word).map(|(_, op)| op)
        })
}

fn named<'a>(name: &str, mut all: impl Iterator<Item = &'a String>) -> Result<u32> {
    all.position(|own| own == name).map(|index| index as u32).ok_or_else(|| format!("nothing is called `{name}`"))
}
