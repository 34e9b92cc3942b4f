//! Algebra on one scale: neutral elements, signs, constants together, powers with small exponents.
//!
//! Direction: fewer operations; signs outward, subtraction rather than addition of a negative; constants
//! outward and multiplied up. `0 * x => 0` and `x - x => 0` extend: a NaN or an infinity in x is lost.

use super::Grade::{Exact, Extends, Rounding};
use super::{Condition, Row, always, when};
use crate::ir::{Constant, Graph, NodeId, Op};
use crate::op::{Binary, Element, ReduceOp, SoftmaxOp, Unary};
use crate::rewrite::pattern::Bindings;

/// c and 1/c are normal numbers also in single precision, far from its limits.
const MODERATE: Condition = Condition { name: "c is moderate", holds: |graph, found| moderate(graph, found.node('c')) };

const BOTH_MODERATE: Condition = Condition {
    name: "c and d are moderate",
    holds: |graph, found| moderate(graph, found.node('c')) && moderate(graph, found.node('d')),
};

const SIZE: Condition =
    Condition { name: "y is made of sizes", holds: |graph, found| made_of_sizes(graph, found.node('y')) };

const INTEGERS: Condition = Condition { name: "x is an int", holds: is_integer };

/// So that no bound is needed before a root.
const NEVER_NEGATIVE: Condition =
    Condition { name: "x is never negative", holds: |graph, found| is_never_negative(graph, found.node('x'), DEEP) };

/// How far down it is looked.
const DEEP: u32 = 8;

/// Whether a value is 0 or more, or NaN, whatever the data.
fn is_never_negative(graph: &Graph, id: NodeId, depth: u32) -> bool {
    let node = graph.node(id);
    let Some(depth) = depth.checked_sub(1) else { return false };
    let of = |position: usize| is_never_negative(graph, node.operands[position], depth);
    match &node.op {
        Op::Constant(Constant::Real(value)) => *value >= 0.0,
        Op::Unary(op) => matches!(op, Unary::Abs | Unary::Exp | Unary::Sigmoid | Unary::Softplus | Unary::Sqrt),
        Op::Softmax(SoftmaxOp::Softmax | SoftmaxOp::Complement, _) => true,
        Op::Binary(Binary::Mul) => node.operands[0] == node.operands[1] || of(0) && of(1),
        Op::Binary(Binary::Add | Binary::Div | Binary::Min) => of(0) && of(1),
        Op::Select => of(1) && of(2),
        Op::Broadcast(_) | Op::Reduce(ReduceOp::Sum | ReduceOp::Min, _) => of(0),
        _ => false,
    }
}

/// Constants and sizes combine first, before the tensor.
const SCALARS: Condition = Condition {
    name: "c is moderate and y made of sizes",
    holds: |graph, found| moderate(graph, found.node('c')) && made_of_sizes(graph, found.node('y')),
};

fn is_integer(graph: &Graph, found: &Bindings) -> bool {
    graph.ty(found.node('x')).element == Element::Int
}

fn moderate(graph: &Graph, id: NodeId) -> bool {
    match graph.constant_of(id) {
        Some(Constant::Real(value)) => (1e-6..=1e6).contains(&value.abs()),
        Some(Constant::Int(_)) => true,
        _ => false,
    }
}

/// A positive scalar that depends on the shapes only: sizes, their products and reciprocals, not a mere literal.
fn made_of_sizes(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    match node.op {
        Op::Cast(Element::Real) => matches!(graph.node(node.operands[0]).op, Op::Size(_)),
        Op::Binary(Binary::Mul | Binary::Div) => {
            let part = |operand: &NodeId| moderate(graph, *operand) || made_of_sizes(graph, *operand);
            node.operands.iter().all(part)
        }
        _ => false,
    }
}

/// The share of one element in a mean, in both products: one product less for each element.
const SHARE: Condition = Condition {
    name: "y is a number over sizes",
    holds: |graph, found| {
        let node = graph.node(found.node('y'));
        node.op == Op::Binary(Binary::Div) && moderate(graph, node.operands[0]) && is_of_sizes(graph, node.operands[1])
    },
};

/// A size as a real, or 1 if that is more.
fn is_of_sizes(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let of_size = |id: NodeId| matches!(graph.node(id).op, Op::Size(_));
    let at_least = |id: NodeId| {
        let node = graph.node(id);
        let all = node.operands.iter().all(|&part| of_size(part) || graph.constant_of(part) == Some(Constant::Int(1)));
        node.op == Op::Binary(Binary::Max) && all
    };
    node.op == Op::Cast(Element::Real) && (of_size(node.operands[0]) || at_least(node.operands[0]))
}

/// The rules on arithmetic.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    always("add-zero",          Exact,    "x + 0 => x"),
    always("sub-zero",          Exact,    "x - 0 => x"),
    always("zero-sub",          Exact,    "0 - x => -x"),
    always("mul-one",           Exact,    "x * 1 => x"),
    always("mul-minus-one",     Exact,    "x * -1 => -x"),
    always("mul-zero",          Extends,  "x * 0 => 0"),
    always("zero-div",          Extends,  "0 / x => 0"),
    always("div-one",           Exact,    "x / 1 => x"),
    always("div-minus-one",     Exact,    "x / -1 => -x"),
    always("sub-self",          Extends,  "x - x => 0"),
    always("add-self",          Exact,    "x + x => x * 2"),
    always("neg-neg",           Exact,    "-(-x) => x"),
    always("neg-sub",           Exact,    "-(x - y) => y - x"),
    always("add-neg",           Exact,    "x + -y => x - y"),
    always("sub-neg",           Exact,    "x - -y => x + y"),
    always("neg-scale",         Exact,    "-(x * c) => x * -c"),
    always("neg-quotient",      Exact,    "-(c / x) => -c / x"),
    always("scale-neg",         Exact,    "-x * c => x * -c"),
    always("mul-neg",           Exact,    "-x * y => -(x * y)"),
    always("neg-div",           Exact,    "-x / y => -(x / y)"),
    always("div-neg",           Exact,    "x / -y => -(x / y)"),
    when  ("add-constants",     Rounding, "(x + c) + d => x + (c + d)", BOTH_MODERATE),
    when  ("sub-constants",     Rounding, "(x - c) - d => x - (c + d)", BOTH_MODERATE),
    when  ("mul-constants",     Rounding, "(x * c) * d => x * (c * d)", BOTH_MODERATE),
    when  ("mul-scaled",        Rounding, "(x * c) * y => (x * y) * c", Condition {
        name: "c is moderate and x not made of sizes",
        holds: |graph, found| (MODERATE.holds)(graph, found) && !made_of_sizes(graph, found.node('x')),
    }),
    when  ("div-scaled",        Rounding, "(x * c) / y => (x / y) * c", MODERATE),
    when  ("div-constant",      Rounding, "x / c => x * (1 / c)", MODERATE),
    when  ("div-sizes",         Rounding, "x / y => x * (1 / y)", Condition {
        name: "y is made of sizes and x is not a literal",
        holds: |graph, found| (SIZE.holds)(graph, found) && graph.constant_of(found.node('x')).is_none(),
    }),
    when  ("scale-sizes",       Rounding, "(x * y) * c => x * (y * c)", SCALARS),
    when  ("factor-share",      Rounding, "(x * y) * z - (v * y) * w => (x * z - v * w) * y", SHARE),
    always("abs-abs",           Exact,    "abs(abs(x)) => abs(x)"),
    always("abs-neg",           Exact,    "abs(-x) => abs(x)"),
    always("abs-squared",       Exact,    "abs(x) * abs(x) => x * x"),
    always("sqrt-squared",      Extends,  "sqrt(x * x) => abs(x)"),
    always("min-self",          Exact,    "min(x, x) => x"),
    always("max-self",          Exact,    "max(x, x) => x"),
    always("powi-zero",         Exact,    "powi(x, 0) => 1"),
    always("powi-one",          Exact,    "powi(x, 1) => x"),
    always("powi-two",          Exact,    "powi(x, 2) => x * x"),
    always("powi-three",        Rounding, "powi(x, 3) => (x * x) * x"),
    always("powi-four",         Rounding, "powi(x, 4) => (x * x) * (x * x)"),
    always("powi-minus-one",    Exact,    "powi(x, -1) => 1 / x"),
    always("pow-zero",          Extends,  "pow(x, 0) => 1"),
    // Not max(x, 0), which shares its gradient at 0.
    always("pow-one",           Exact,    "pow(x, 1) => select(lt(x, 0), 0, x)"),
    always("pow-two",           Rounding, "pow(x, 2) => max(x, 0) * max(x, 0)"),
    always("pow-half",          Rounding, "pow(x, 0.5) => sqrt(select(lt(x, 0), 0, x))"),
    always("pow-minus-half",    Rounding, "pow(x, -0.5) => 1 / sqrt(select(lt(x, 0), 0, x))"),
    always("pow-three-halves",  Rounding, "pow(x, 1.5) => select(lt(x, 0), 0, x) * sqrt(select(lt(x, 0), 0, x))"),
    when  ("never-below-zero",  Exact,    "select(lt(x, 0), 0, x) => x", NEVER_NEGATIVE),
    when  ("eq-self",           Exact,    "eq(x, x) => true", INTEGERS),
    when  ("le-self",           Exact,    "le(x, x) => true", INTEGERS),
    always("lt-self",           Exact,    "lt(x, x) => false"),
];
