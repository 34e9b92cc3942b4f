//! Patterns: the two sides of a rule, parsed once from text such as `log(sum[A](exp(x)))`.
//!
//! Small letters are variables: `c`, `d` match a literal only, all others anything. Capitals are sets of axes.
//! A number matches a real or an int literal of that value. Operands of commutative operations match in
//! either order. Infix `+ - * /` and names from the operation tables, `select(p, x, y)`,
//! `gather[A](x, i)`, `real(x)` (a cast); `true` and `false`.

use crate::ir::{Axes, Constant, Graph, NodeId, Op};
use crate::op::{Binary, Compare, Element, Logic, ReduceOp, SoftmaxOp, Unary};

/// An operation of a pattern: [`Op`] with variables for axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Head {
    /// Elementwise, one operand.
    Unary(Unary),
    /// Elementwise, two operands.
    Binary(Binary),
    /// A comparison.
    Compare(Compare),
    /// On bools.
    Logic(Logic),
    /// `select`
    Select,
    /// `real`: a cast.
    Cast,
    /// A reduction over a set of axes.
    Reduce(ReduceOp),
    /// The softmax family over a set of axes.
    Softmax(SoftmaxOp),
    /// A pick along an axis.
    Gather,
}

/// One side of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// A variable, by letter.
    Variable(char),
    /// A number.
    Number(f64),
    /// A truth value.
    Truth(bool),
    /// An operation, with the capital that names its axes.
    Apply(Head, Option<char>, Vec<Pattern>),
}

/// What the variables of a pattern stand for.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    nodes: Vec<(char, NodeId)>,
    axes: Vec<(char, Axes)>,
}

impl Bindings {
    /// The node of a variable.
    ///
    /// # Panics
    /// If the pattern lacks the variable: a mistake in a rule's row, which its test finds.
    pub fn node(&self, name: char) -> NodeId {
        self.nodes.iter().find(|(own, _)| *own == name).map(|(_, id)| *id).expect("a variable of the left side")
    }

    /// The axes of a capital.
    ///
    /// # Panics
    /// If the pattern lacks the capital.
    pub fn axes(&self, name: char) -> &Axes {
        self.axes.iter().find(|(own, _)| *own == name).map(|(_, axes)| axes).expect("a capital of the left side")
    }

    fn bind(&mut self, name: char, id: NodeId) -> bool {
        match self.nodes.iter().find(|(own, _)| *own == name) {
            Some((_, known)) => *known == id,
            None => {
                self.nodes.push((name, id));
                true
            }
        }
    }

    fn bind_axes(&mut self, name: Option<char>, axes: &[crate::ir::AxisId]) -> bool {
        let Some(name) = name else { return false };
        match self.axes.iter().find(|(own, _)| *own == name) {
            Some((_, known)) => known[..] == *axes,
            None => {
                self.axes.push((name, axes.iter().copied().collect()));
                true
            }
        }
    }
}

impl Head {
    /// The head of a node's operation, for those that patterns know.
    pub fn of(op: &Op) -> Option<Head> {
        Some(match op {
            Op::Unary(op) => Head::Unary(*op),
            Op::Binary(op) => Head::Binary(*op),
            Op::Compare(op) => Head::Compare(*op),
            Op::Logic(op) => Head::Logic(*op),
            Op::Select => Head::Select,
            Op::Cast(Element::Real) => Head::Cast,
            Op::Reduce(op, _) => Head::Reduce(*op),
            Op::Softmax(op, _) => Head::Softmax(*op),
            Op::Gather(_) => Head::Gather,
            _ => return None,
        })
    }

    /// Whether the two operands may change places.
    pub fn is_commutative(self) -> bool {
        matches!(
            self,
            Head::Binary(Binary::Add | Binary::Mul | Binary::Min | Binary::Max)
                | Head::Compare(Compare::Eq | Compare::Ne)
                | Head::Logic(Logic::And | Logic::Or)
        )
    }

    /// The operation, with its axes filled in.
    pub fn with_axes(self, axes: Option<&Axes>) -> Op {
        let axes = axes.cloned().unwrap_or_default();
        match self {
            Head::Unary(op) => Op::Unary(op),
            Head::Binary(op) => Op::Binary(op),
            Head::Compare(op) => Op::Compare(op),
            Head::Logic(op) => Op::Logic(op),
            Head::Select => Op::Select,
            Head::Cast => Op::Cast(Element::Real),
            Head::Reduce(op) => Op::Reduce(op, axes),
            Head::Softmax(op) => Op::Softmax(op, axes),
            Head::Gather => Op::Gather(axes[0]),
        }
    }

    fn from_name(name: &str) -> Option<Head> {
        let elementwise = Unary::from_name(name)
            .map(Head::Unary)
            .or_else(|| Binary::from_name(name).map(Head::Binary))
            .or_else(|| Compare::from_name(name).map(Head::Compare))
            .or_else(|| Logic::from_name(name).map(Head::Logic));
        elementwise.or(match name {
            "select" => Some(Head::Select),
            "real" => Some(Head::Cast),
            "gather" => Some(Head::Gather),
            _ => None,
        })
    }

    fn from_name_with_axes(name: &str) -> Option<Head> {
        if name == "gather" {
            return Some(Head::Gather);
        }
        ReduceOp::from_name(name).map(Head::Reduce).or_else(|| SoftmaxOp::from_name(name).map(Head::Softmax))
    }
}

impl Pattern {
    /// Whether a node is an instance; fills the bindings.
    pub fn matches(&self, graph: &Graph, id: NodeId, bindings: &mut Bindings) -> bool {
        match self {
            Pattern::Variable(name @ ('c' | 'd')) => graph.constant_of(id).is_some() && bindings.bind(*name, id),
            Pattern::Variable(name) => bindings.bind(*name, id),
            Pattern::Number(want) => match graph.constant_of(id) {
                Some(Constant::Real(value)) => value == *want,
                Some(Constant::Int(value)) => value as f64 == *want,
                _ => false,
            },
            Pattern::Truth(want) => graph.constant_of(id) == Some(Constant::Bool(*want)),
            Pattern::Apply(head, axes, operands) => {
                let node = graph.node(id);
                if Head::of(&node.op) != Some(*head) {
                    return false;
                }
                let axes_match = match &node.op {
                    Op::Reduce(_, own) | Op::Softmax(_, own) => bindings.bind_axes(*axes, own),
                    Op::Gather(own) => bindings.bind_axes(*axes, &[*own]),
                    _ => true,
                };
                axes_match && match_operands(graph, *head, operands, &node.operands, bindings)
            }
        }
    }

    /// The root's head, if it is an operation.
    pub fn head(&self) -> Option<Head> {
        match self {
            Pattern::Apply(head, ..) => Some(*head),
            _ => None,
        }
    }
}

fn match_operands(graph: &Graph, head: Head, patterns: &[Pattern], ids: &[NodeId], bindings: &mut Bindings) -> bool {
    let in_order = |order: &[usize], bindings: &mut Bindings| {
        patterns.iter().zip(order).all(|(pattern, &at)| pattern.matches(graph, ids[at], bindings))
    };
    if patterns.len() != ids.len() {
        return false;
    }
    let before = bindings.clone();
    if in_order(&[0, 1, 2][..ids.len()], bindings) {
        return true;
    }
    *bindings = before;
    head.is_commutative() && in_order(&[1, 0], bindings)
}

/// Parses one side of a rule.
///
/// # Errors
/// What is wrong with the text.
pub fn parse(text: &str) -> Result<Pattern, String> {
    let mut parser = Parser { rest: text.trim() };
    let pattern = parser.sum()?;
    if parser.rest.is_empty() { Ok(pattern) } else { Err(format!("`{}` is left over in `{text}`", parser.rest)) }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn eat(&mut self, token: char) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn word(&mut self, part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    fn sum(&mut self) -> Result<Pattern, String> {
        let mut left = self.product()?;
        loop {
            let op = if self.eat('+') {
                Binary::Add
            } else if self.eat('-') {
                Binary::Sub
            } else {
                return Ok(left);
            };
            left = Pattern::Apply(Head::Binary(op), None, vec![left, self.product()?]);
        }
    }

    fn product(&mut self) -> Result<Pattern, String> {
        let mut left = self.factor()?;
        loop {
            let op = if self.eat('*') {
                Binary::Mul
            } else if self.eat('/') {
                Binary::Div
            } else {
                return Ok(left);
            };
            left = Pattern::Apply(Head::Binary(op), None, vec![left, self.factor()?]);
        }
    }

    fn factor(&mut self) -> Result<Pattern, String> {
        if self.eat('-') {
            return Ok(match self.factor()? {
                Pattern::Number(value) => Pattern::Number(-value),
                operand => Pattern::Apply(Head::Unary(Unary::Neg), None, vec![operand]),
            });
        }
        if self.eat('(') {
            let inner = self.sum()?;
            return if self.eat(')') { Ok(inner) } else { Err("`)` is missing".to_owned()) };
        }
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            let digits = self.word(|c| c.is_ascii_digit() || c == '.');
            return digits.parse().map(Pattern::Number).map_err(|error| format!("`{digits}`: {error}"));
        }
        let name = self.word(|c| c.is_ascii_alphanumeric() || c == '_');
        let axes = if self.eat('[') {
            let capital = self.word(|c| c.is_ascii_uppercase()).chars().next();
            if !self.eat(']') {
                return Err("`]` is missing".to_owned());
            }
            capital
        } else {
            None
        };
        if self.eat('(') {
            let mut operands = vec![self.sum()?];
            while self.eat(',') {
                operands.push(self.sum()?);
            }
            if !self.eat(')') {
                return Err(format!("`)` is missing after `{name}(`"));
            }
            let head = if axes.is_some() { Head::from_name_with_axes(name) } else { Head::from_name(name) };
            return head
                .map(|head| Pattern::Apply(head, axes, operands))
                .ok_or_else(|| format!("no operation is called `{name}`"));
        }
        match (name, name.chars().next()) {
            ("true" | "false", _) => Ok(Pattern::Truth(name == "true")),
            (_, Some(letter)) if name.len() == 1 => Ok(Pattern::Variable(letter)),
            _ => Err(format!("`{name}` is no variable")),
        }
    }
}
