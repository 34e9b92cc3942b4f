//! Operands and operators in a row to a tree, by binding power.

use super::super::ast::{BinaryOp, CompareOp, ExprKind, UnaryOp};
use super::super::error::SyntaxError;
use super::super::limits::MAX_EXPRESSION_DEPTH;
use super::Built;
use super::expr::Tree;
use crate::span::Span;

/// One element of a row.
pub(super) enum Element {
    Prefix(UnaryOp, Span),
    Operand(Tree),
    Infix(Infix, Span),
}

/// An operator between two operands.
#[derive(Clone, Copy)]
pub(super) enum Infix {
    Binary(BinaryOp),
    Compare(CompareOp),
}

// Binding powers, loosest first.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const SUM: u8 = 5;
const PRODUCT: u8 = 6;
const NEGATE: u8 = 7;
const POWER: u8 = 8;

/// Every infix operator as it is written.
const INFIX: [(&str, Infix); 18] = [
    ("or", Infix::Binary(BinaryOp::Or)),
    ("and", Infix::Binary(BinaryOp::And)),
    ("+", Infix::Binary(BinaryOp::Add)),
    ("-", Infix::Binary(BinaryOp::Subtract)),
    ("−", Infix::Binary(BinaryOp::Subtract)),
    ("*", Infix::Binary(BinaryOp::Multiply)),
    ("·", Infix::Binary(BinaryOp::Multiply)),
    ("/", Infix::Binary(BinaryOp::Divide)),
    ("^", Infix::Binary(BinaryOp::Power)),
    ("==", Infix::Compare(CompareOp::Equal)),
    ("!=", Infix::Compare(CompareOp::NotEqual)),
    ("≠", Infix::Compare(CompareOp::NotEqual)),
    ("<", Infix::Compare(CompareOp::Less)),
    ("<=", Infix::Compare(CompareOp::LessEqual)),
    ("≤", Infix::Compare(CompareOp::LessEqual)),
    (">", Infix::Compare(CompareOp::Greater)),
    (">=", Infix::Compare(CompareOp::GreaterEqual)),
    ("≥", Infix::Compare(CompareOp::GreaterEqual)),
];

/// The operator of a text that the grammar took as one.
pub(super) fn infix(text: &str) -> Infix {
    INFIX.iter().find(|(written, _)| *written == text).expect("an infix operator of the grammar").1
}

/// The prefix operator of a text that the grammar took as one.
pub(super) fn prefix(text: &str) -> UnaryOp {
    if text.starts_with("not") { UnaryOp::Not } else { UnaryOp::Negate }
}

impl Infix {
    fn power(self) -> u8 {
        match self {
            Infix::Compare(_) => COMPARE,
            Infix::Binary(BinaryOp::Or) => OR,
            Infix::Binary(BinaryOp::And) => AND,
            Infix::Binary(BinaryOp::Add | BinaryOp::Subtract) => SUM,
            Infix::Binary(BinaryOp::Multiply | BinaryOp::Divide) => PRODUCT,
            Infix::Binary(BinaryOp::Power) => POWER,
        }
    }
}

/// The tree of a whole row.
pub(super) fn fold(elements: Vec<Element>) -> Built<Tree> {
    Row { elements: elements.into_iter().peekable(), open: 0 }.climb(0, None)
}

struct Row {
    elements: std::iter::Peekable<std::vec::IntoIter<Element>>,
    /// How many operators wait for their right operand: the depth of the recursion.
    open: usize,
}

impl Row {
    /// The longest expression whose operators bind at least as tightly as `least`; `before` is the
    /// operator on its left.
    fn climb(&mut self, least: u8, before: Option<Span>) -> Built<Tree> {
        let mut left = self.first(least, before)?;
        while let Some((operator, span)) = self.operator(least) {
            left = match operator {
                Infix::Binary(op) => self.binary(left, op, span)?,
                Infix::Compare(op) => self.compare(left, op, span)?,
            };
        }
        Ok(left)
    }

    /// The next infix operator, if it binds tightly enough.
    fn operator(&mut self, least: u8) -> Option<(Infix, Span)> {
        match self.elements.next_if(|element| matches!(element, Element::Infix(op, _) if op.power() >= least)) {
            Some(Element::Infix(operator, span)) => Some((operator, span)),
            _ => None,
        }
    }

    fn first(&mut self, least: u8, before: Option<Span>) -> Built<Tree> {
        match self.elements.next() {
            Some(Element::Operand(tree)) => Ok(tree),
            Some(Element::Prefix(op, span)) => {
                let power = match op {
                    UnaryOp::Negate => NEGATE,
                    UnaryOp::Not => NOT,
                };
                if let (UnaryOp::Not, Some(operator), true) = (op, before, least > NOT) {
                    return Err(SyntaxError::TightNot { span, operator });
                }
                let operand = self.right(power, span)?;
                let whole = span.to(operand.expr.span);
                Tree::above(operand.depth, ExprKind::Unary { op, operand: Box::new(operand.expr) }, whole)
            }
            Some(Element::Infix(..)) | None => unreachable!("the grammar puts operands between operators"),
        }
    }

    /// The operand on the right of an operator.
    fn right(&mut self, least: u8, operator: Span) -> Built<Tree> {
        self.open += 1;
        if self.open > MAX_EXPRESSION_DEPTH {
            return Err(SyntaxError::TooManyOperations { span: operator, limit: MAX_EXPRESSION_DEPTH });
        }
        let tree = self.climb(least, Some(operator));
        self.open -= 1;
        tree
    }

    fn binary(&mut self, left: Tree, op: BinaryOp, span: Span) -> Built<Tree> {
        let power = Infix::Binary(op).power();
        let right = self.right(if op == BinaryOp::Power { power } else { power + 1 }, span)?;
        let whole = left.expr.span.to(right.expr.span);
        let depth = left.depth.max(right.depth);
        let (left, right) = (Box::new(left.expr), Box::new(right.expr));
        Tree::above(depth, ExprKind::Binary { op, left, right }, whole)
    }

    /// A chain `a <= b <= c` is one node.
    fn compare(&mut self, left: Tree, op: CompareOp, span: Span) -> Built<Tree> {
        let mut depth = left.depth;
        let mut whole = left.expr.span;
        let (mut operands, mut ops) = (vec![left.expr], Vec::new());
        let mut next = Some((Infix::Compare(op), span));
        while let Some((Infix::Compare(op), span)) = next {
            let right = self.right(COMPARE + 1, span)?;
            whole = whole.to(right.expr.span);
            depth = depth.max(right.depth);
            operands.push(right.expr);
            ops.push(op);
            next = self.operator(COMPARE);
        }
        Tree::above(depth, ExprKind::Compare { operands, ops }, whole)
    }
}
