//! A graph as mathematics: what `lossc grad` prints.
//!
//! Each output becomes one line; a part that occurs more than once, and is more than a few signs long, is
//! given a letter and written out below, after `where`. Axes are named as in the program, `Σ[N]` is a sum
//! over N, `|N|` its extent, `x[C = label]` a pick. A loop is written out below too: `last(loop0.1)` is what became of its
//! second variable, `all[turn](loop0.1)` what that was at the start of each turn.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use crate::ir::{AxisId, Constant, Graph, LoopId, NodeId, Op, OutputRole, Program};
use crate::op::{Binary, Compare, Element, Logic, ReduceOp, SoftmaxOp, Unary};

/// How long a repeated part must be to get a name of its own.
const WORTH_A_NAME: usize = 12;

/// The gradients of a program as formulas, one an input.
pub fn print_gradients(program: &Program) -> String {
    let gradients = program.outputs.iter().filter_map(|output| match &output.role {
        OutputRole::Gradient(input) => Some((format!("d/d{input}"), output.node)),
        OutputRole::Value | OutputRole::Term(_) | OutputRole::Weight(_) | OutputRole::State(_) => None,
    });
    print_nodes(program, &gradients.collect::<Vec<_>>())
}

/// The value of a program as a formula.
pub fn print_value(program: &Program) -> String {
    let value = program.outputs.iter().find(|output| output.role == OutputRole::Value);
    let value = value.map(|output| ("value".to_string(), output.node));
    print_nodes(program, &value.into_iter().collect::<Vec<_>>())
}

fn print_nodes(program: &Program, roots: &[(String, NodeId)]) -> String {
    let nodes: Vec<NodeId> = roots.iter().map(|(_, node)| *node).collect();
    let mut printer = Printer { program, names: HashMap::new(), uses: uses(&program.graph, &nodes) };
    let parts = printer.name_parts();
    let mut text = String::new();
    for (name, node) in roots {
        let _ = writeln!(text, "{name} = {}", printer.expression(*node, 0));
    }
    let part = |&node: &NodeId| (printer.names.get(&node).cloned().unwrap_or_default(), printer.definition(node));
    let loops = loops(&program.graph, &printer.uses);
    let looped = |&(of, node): &(LoopId, NodeId)| (format!("loop{}", of.0), printer.turns(node));
    let mut word = "where";
    for (name, formula) in parts.iter().map(part).chain(loops.iter().map(looped)) {
        let _ = writeln!(text, "  {word:5} {name} = {formula}");
        word = "";
    }
    text
}

/// A variable of a loop as it is written.
fn variable(of: LoopId, variable: u32) -> String {
    format!("loop{}.{variable}", of.0)
}

/// The loops that are used, each with one of its nodes.
fn loops(graph: &Graph, uses: &HashMap<NodeId, usize>) -> Vec<(LoopId, NodeId)> {
    let of = |&id: &NodeId| match &graph.node(id).op {
        Op::Repeat(repeat) => Some((repeat.of, id)),
        _ => None,
    };
    let mut loops: Vec<_> = uses.keys().filter_map(of).collect();
    loops.sort();
    loops.dedup_by_key(|(of, _)| *of);
    loops
}

fn uses(graph: &Graph, roots: &[NodeId]) -> HashMap<NodeId, usize> {
    let mut uses: HashMap<NodeId, usize> = HashMap::new();
    let mut open: Vec<NodeId> = roots.to_vec();
    roots.iter().for_each(|&root| *uses.entry(root).or_default() += 1);
    let mut seen = HashSet::new();
    let mut loops = HashSet::new();
    while let Some(node) = open.pop() {
        // The nodes of a loop are written as one.
        let again = matches!(&graph.node(node).op, Op::Repeat(repeat) if !loops.insert(repeat.of));
        if !seen.insert(node) || again {
            continue;
        }
        for &operand in &graph.node(node).operands {
            *uses.entry(operand).or_default() += 1;
            open.push(operand);
        }
    }
    uses
}

struct Printer<'p> {
    program: &'p Program,
    names: HashMap<NodeId, String>,
    uses: HashMap<NodeId, usize>,
}

/// Binding strengths, loosest first.
const SUM: u8 = 4;
const PRODUCT: u8 = 5;
const MINUS: u8 = 6;
const POWER: u8 = 7;
const ATOM: u8 = 9;

impl Printer<'_> {
    fn graph(&self) -> &Graph {
        &self.program.graph
    }

    /// Names for the repeated parts, in the order in which they are to be written: later ones use earlier ones.
    fn name_parts(&mut self) -> Vec<NodeId> {
        let mut repeated: Vec<NodeId> =
            self.uses.iter().filter(|(_, count)| **count > 1).map(|(node, _)| *node).collect();
        repeated.sort();
        let mut named = Vec::new();
        for node in repeated {
            if self.definition(node).chars().count() < WORTH_A_NAME {
                continue;
            }
            let name = self.letter(named.len());
            self.names.insert(node, name);
            named.push(node);
        }
        named.reverse();
        named
    }

    /// a, b, … without the names of inputs and hyperparameters.
    fn letter(&self, position: usize) -> String {
        let taken = |name: &str| {
            self.program.inputs.iter().any(|input| input.name == name)
                || self.program.parameters.iter().any(|one| one.name == name)
        };
        let candidates = (0..).flat_map(|round: usize| {
            ('a'..='z').map(move |letter| if round == 0 { letter.to_string() } else { format!("{letter}{round}") })
        });
        candidates.filter(|name| !taken(name)).nth(position).unwrap_or_default()
    }

    fn axis(&self, axis: AxisId) -> String {
        let data = self.graph().axis(axis);
        if data.pack { format!("..{}", data.name) } else { data.name.clone() }
    }

    fn axes(&self, axes: &[AxisId]) -> String {
        axes.iter().map(|&axis| self.axis(axis)).collect::<Vec<_>>().join(", ")
    }

    /// `level` is the binding strength of what surrounds it.
    fn expression(&self, node: NodeId, level: u8) -> String {
        if let Some(name) = self.names.get(&node) {
            return name.clone();
        }
        let (text, own) = self.written(node);
        if own < level { format!("({text})") } else { text }
    }

    /// Written out, also if it has a name.
    fn definition(&self, node: NodeId) -> String {
        self.written(node).0
    }

    fn function(&self, name: &str, operands: &[NodeId]) -> (String, u8) {
        let operands: Vec<String> = operands.iter().map(|&operand| self.expression(operand, 0)).collect();
        (format!("{name}({})", operands.join(", ")), ATOM)
    }

    fn infix(&self, sign: &str, own: u8, a: NodeId, b: NodeId) -> (String, u8) {
        (format!("{}{sign}{}", self.expression(a, own), self.expression(b, own + 1)), own)
    }

    fn written(&self, id: NodeId) -> (String, u8) {
        let node = self.graph().node(id);
        if self.is_sum(id) {
            return (self.sum_text(id), SUM);
        }
        if self.is_product(id) {
            let (text, negative, own) = self.product_text(id, true);
            return if negative { (format!("−{text}"), MINUS.min(own)) } else { (text, own) };
        }
        match (&node.op, &node.operands[..]) {
            (Op::Constant(constant), _) => constant_text(*constant),
            (Op::Input(input), _) => (self.program.inputs[input.0 as usize].name.clone(), ATOM),
            (Op::Parameter(parameter), _) => (self.program.parameters[parameter.0 as usize].name.clone(), ATOM),
            (Op::Size(axis), _) => (format!("|{}|", self.axis(*axis)), ATOM),
            (Op::Index(axis), _) => (format!("index[{}]", self.axis(*axis)), ATOM),
            (Op::Unary(op), &[x]) => self.unary(*op, x),
            (Op::Binary(op), &[a, b]) => self.binary(*op, a, b),
            (Op::Compare(op), &[a, b]) => {
                let sign = match op {
                    Compare::Eq => " = ",
                    Compare::Ne => " ≠ ",
                    Compare::Lt => " < ",
                    Compare::Le => " ≤ ",
                };
                (format!("{}{sign}{}", self.expression(a, SUM), self.expression(b, SUM)), 3)
            }
            (Op::Logic(Logic::Not), &[x]) => (format!("not {}", self.expression(x, 3)), 2),
            (Op::Logic(op), &[a, b]) => self.infix(&format!(" {} ", op.name()), u8::from(*op == Logic::And), a, b),
            (Op::Polygamma(0), &[x]) => self.function("digamma", &[x]),
            (Op::Polygamma(order), &[x]) => self.function(&format!("polygamma{order}"), &[x]),
            (Op::Select, &[condition, yes, no]) => {
                let (condition, yes, no) =
                    (self.expression(condition, 0), self.expression(yes, 0), self.expression(no, 0));
                (format!("if {condition} then {yes} else {no}"), 0)
            }
            (Op::Cast(Element::Int), &[x]) => self.function("int", &[x]),
            (Op::Cast(_), &[x]) if self.graph().ty(x).element == Element::Bool => {
                (format!("[{}]", self.expression(x, 0)), ATOM)
            }
            (Op::Cast(_) | Op::Broadcast(_), &[x]) => (self.expression(x, ATOM), ATOM),
            (Op::Stop, &[x]) => self.function("stop", &[x]),
            (Op::Reduce(op, axes), &[x]) => {
                let sign = match op {
                    ReduceOp::Sum => "Σ",
                    ReduceOp::Prod => "Π",
                    ReduceOp::Min => "min",
                    ReduceOp::Max => "max",
                };
                (format!("{sign}[{}]({})", self.axes(axes), self.expression(x, 0)), ATOM)
            }
            (Op::Softmax(op, axes), &[x]) => {
                let text = format!("softmax[{}]({})", self.axes(axes), self.expression(x, 0));
                match op {
                    SoftmaxOp::Complement => (format!("1 − {text}"), SUM),
                    SoftmaxOp::Softmax => (text, ATOM),
                    SoftmaxOp::LogSoftmax => (format!("log {text}"), ATOM),
                    SoftmaxOp::LogSumExp => {
                        (format!("logsumexp[{}]({})", self.axes(axes), self.expression(x, 0)), ATOM)
                    }
                }
            }
            (Op::Gather(axis), &[tensor, index]) => {
                let tensor = self.expression(tensor, ATOM);
                (format!("{tensor}[{} = {}]", self.axis(*axis), self.expression(index, 0)), ATOM)
            }
            (Op::Order(axis), &[x]) => (format!("order[{}]({})", self.axis(*axis), self.expression(x, 0)), ATOM),
            (Op::TopIndex { over, to, along }, &[x]) => {
                let (over, to, along) = (self.axes(over), self.axis(*to), self.axis(*along));
                (format!("top index {along}[{over} → {to}]({})", self.expression(x, 0)), ATOM)
            }
            (Op::CumSum { axis, reverse }, &[x]) => {
                let name = if *reverse { "reverse cumsum" } else { "cumsum" };
                (format!("{name}[{}]({})", self.axis(*axis), self.expression(x, 0)), ATOM)
            }
            (Op::Scatter { axis, over }, &[values, index]) => {
                let (values, index) = (self.expression(values, 0), self.expression(index, 0));
                (format!("Σ[{}]({values} at {} = {index})", self.axes(over), self.axis(*axis)), ATOM)
            }
            (Op::Contract { over: axes, .. }, &[a, b]) => {
                let product = self.infix("·", PRODUCT, a, b).0;
                (format!("Σ[{}]({product})", self.axes(axes)), ATOM)
            }
            (Op::Rename { from, to }, &[x]) => {
                (format!("{}[{} → {}]", self.expression(x, ATOM), self.axis(*from), self.axis(*to)), ATOM)
            }
            (Op::Carried(carried), _) => (variable(carried.of, carried.variable), ATOM),
            (Op::Repeat(repeat), _) => {
                let name = variable(repeat.of, repeat.variable);
                let text = match repeat.trace {
                    None => format!("last({name})"),
                    Some(axis) => format!("all[{}]({name})", self.axis(axis)),
                };
                (text, ATOM)
            }
            // The graph's verifier has ruled out every other number of operands.
            _ => ("?".into(), ATOM),
        }
    }

    /// A loop written out: each variable with its start and what a turn makes of it.
    fn turns(&self, id: NodeId) -> String {
        let node = self.graph().node(id);
        let Op::Repeat(repeat) = &node.op else { return String::new() };
        let (starts, results) = node.operands.split_at(repeat.variables as usize);
        let turn = |(position, (&start, &result)): (usize, (&NodeId, &NodeId))| {
            let name = variable(repeat.of, position as u32);
            format!("{name} = {}, then {}", self.expression(start, 0), self.expression(result, 0))
        };
        let turns: Vec<String> = starts.iter().zip(results).enumerate().map(turn).collect();
        format!("{} turns of {}", repeat.turns, turns.join("; "))
    }

    fn unary(&self, op: Unary, x: NodeId) -> (String, u8) {
        match op {
            // Written by `product_text`.
            Unary::Neg => (format!("−{}", self.expression(x, POWER)), MINUS),
            Unary::Abs => (format!("|{}|", self.expression(x, 0)), ATOM),
            Unary::Sqrt => (format!("√{}", self.expression(x, ATOM)), POWER),
            Unary::Exp => (format!("e^{}", self.expression(x, ATOM)), POWER),
            Unary::Sigmoid => self.function("σ", &[x]),
            Unary::Log => self.function("ln", &[x]),
            Unary::Log1p => {
                let mut terms = Vec::new();
                self.terms(x, false, self.is_sum(x) && !self.names.contains_key(&x), &mut terms);
                (format!("ln({})", joined([("1".to_string(), false)].into_iter().chain(terms))), ATOM)
            }
            Unary::Expm1 => (format!("e^{} − 1", self.expression(x, ATOM)), SUM),
            Unary::LogSigmoid => (format!("ln(σ({}))", self.expression(x, 0)), ATOM),
            Unary::LogCosh => (format!("ln(cosh({}))", self.expression(x, 0)), ATOM),
            _ => self.function(op.name(), &[x]),
        }
    }

    fn binary(&self, op: Binary, a: NodeId, b: NodeId) -> (String, u8) {
        match op {
            Binary::Add => self.infix(" + ", SUM, a, b),
            Binary::Sub => self.infix(" − ", SUM, a, b),
            Binary::Mul => self.infix("·", PRODUCT, a, b),
            Binary::Div => self.infix(" / ", PRODUCT, a, b),
            Binary::Pow | Binary::Powi => (format!("{}^{}", self.expression(a, ATOM), self.expression(b, ATOM)), POWER),
            Binary::Min | Binary::Max | Binary::Atan2 => self.function(op.name(), &[a, b]),
        }
    }

    /// Whether a node is written as a product of its operands' factors.
    fn is_product(&self, id: NodeId) -> bool {
        let node = self.graph().node(id);
        matches!(node.op, Op::Binary(Binary::Mul | Binary::Div) | Op::Unary(Unary::Neg))
    }

    /// Whether a node is written as a sum of its operands' terms.
    fn is_sum(&self, id: NodeId) -> bool {
        matches!(self.graph().node(id).op, Op::Binary(Binary::Add | Binary::Sub))
    }

    /// Collects the factors of a node; `root` is taken apart also if it has a name.
    fn factors(&self, id: NodeId, inverted: bool, root: bool, product: &mut Product) {
        let named = !root && self.names.contains_key(&id);
        let node = self.graph().node(id);
        match (&node.op, &node.operands[..]) {
            (Op::Constant(Constant::Real(value)), _) if value.is_finite() && *value != 0.0 => {
                product.coefficient *= if inverted { 1.0 / value } else { *value };
            }
            _ if named => product.add(id, inverted),
            (Op::Binary(Binary::Mul), &[a, b]) => {
                self.factors(a, inverted, false, product);
                self.factors(b, inverted, false, product);
            }
            (Op::Binary(Binary::Div), &[a, b]) => {
                self.factors(a, inverted, false, product);
                self.factors(b, !inverted, false, product);
            }
            (Op::Unary(Unary::Neg), &[x]) => {
                product.coefficient = -product.coefficient;
                self.factors(x, inverted, false, product);
            }
            (Op::Broadcast(_), &[x]) => self.factors(x, inverted, false, product),
            _ => product.add(id, inverted),
        }
    }

    /// A product without its sign, whether it is negative, and how strongly it binds.
    fn product_text(&self, id: NodeId, root: bool) -> (String, bool, u8) {
        let mut product = Product { coefficient: 1.0, above: Vec::new(), below: Vec::new() };
        self.factors(id, false, root, &mut product);
        let negative = product.coefficient < 0.0;
        let coefficient = product.coefficient.abs();
        let (mut above, mut below) = (Vec::new(), Vec::new());
        let inverse = 1.0 / coefficient;
        if coefficient < 1.0 && inverse.fract() == 0.0 && inverse < 1e6 {
            below.push(inverse.to_string());
        } else if coefficient != 1.0 {
            above.push(coefficient.to_string());
        }
        let written = |(factor, power): &(NodeId, usize)| match power {
            1 => self.expression(*factor, POWER),
            power => format!("{}{}", self.expression(*factor, ATOM), superscript(*power)),
        };
        let single = product.above.len() == 1 && above.is_empty() && below.is_empty() && product.below.is_empty();
        if single && product.above[0].1 == 1 {
            // A name or a function alone: it binds as it does by itself.
            let text = self.expression(product.above[0].0, MINUS);
            return (text, negative, PRODUCT);
        }
        above.extend(product.above.iter().map(written));
        below.extend(product.below.iter().map(written));
        let above_text = if above.is_empty() { "1".to_string() } else { above.join("·") };
        let text = match below.len() {
            0 => above_text,
            1 => format!("{above_text} / {}", below[0]),
            _ => format!("{above_text} / ({})", below.join("·")),
        };
        (text, negative, PRODUCT)
    }

    /// The terms of a sum, each with its sign.
    fn terms(&self, id: NodeId, negative: bool, root: bool, terms: &mut Vec<(String, bool)>) {
        let node = self.graph().node(id);
        if root || !self.names.contains_key(&id) {
            if let (Op::Binary(op @ (Binary::Add | Binary::Sub)), &[a, b]) = (&node.op, &node.operands[..]) {
                self.terms(a, negative, false, terms);
                self.terms(b, negative ^ (*op == Binary::Sub), false, terms);
                return;
            }
            if self.is_product(id) {
                let (text, minus, _) = self.product_text(id, false);
                terms.push((text, negative ^ minus));
                return;
            }
        }
        let (text, minus) = match self.graph().constant_of(id) {
            Some(Constant::Real(value)) if value < 0.0 => (constant_text(Constant::Real(-value)).0, true),
            _ => (self.expression(id, PRODUCT), false),
        };
        terms.push((text, negative ^ minus));
    }

    fn sum_text(&self, id: NodeId) -> String {
        let mut terms = Vec::new();
        self.terms(id, false, true, &mut terms);
        // What is added comes before what is subtracted.
        terms.sort_by_key(|(_, negative)| *negative);
        joined(terms)
    }
}

/// Terms with their signs between them.
fn joined(terms: impl IntoIterator<Item = (String, bool)>) -> String {
    let mut text = String::new();
    for (position, (term, negative)) in terms.into_iter().enumerate() {
        text.push_str(match (position, negative) {
            (0, false) => "",
            (0, true) => "−",
            (_, false) => " + ",
            (_, true) => " − ",
        });
        text.push_str(&term);
    }
    text
}

/// A product taken apart.
struct Product {
    coefficient: f64,
    above: Vec<(NodeId, usize)>,
    below: Vec<(NodeId, usize)>,
}

impl Product {
    fn add(&mut self, factor: NodeId, inverted: bool) {
        let side = if inverted { &mut self.below } else { &mut self.above };
        match side.iter_mut().find(|(other, _)| *other == factor) {
            Some((_, power)) => *power += 1,
            None => side.push((factor, 1)),
        }
    }
}

fn superscript(power: usize) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    power.to_string().chars().filter_map(|digit| digit.to_digit(10)).map(|digit| digits[digit as usize]).collect()
}

fn constant_text(constant: Constant) -> (String, u8) {
    match constant {
        Constant::Real(value) if value == std::f64::consts::LN_2 => ("ln 2".into(), ATOM),
        Constant::Real(value) if value == f64::INFINITY => ("∞".into(), ATOM),
        Constant::Real(value) if value == f64::NEG_INFINITY => ("−∞".into(), MINUS),
        Constant::Real(value) if value < 0.0 => (format!("−{}", -value), MINUS),
        Constant::Real(value) => (value.to_string(), ATOM),
        Constant::Int(value) if value < 0 => (format!("−{}", value.unsigned_abs()), MINUS),
        Constant::Int(value) => (value.to_string(), ATOM),
        Constant::Bool(value) => (value.to_string(), ATOM),
    }
}
