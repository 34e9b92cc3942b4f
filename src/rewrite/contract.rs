//! Sums of products → contractions.
//!
//! `sum[D](x * w)`, where each factor has an axis of the result that the other lacks, is a matrix product. The
//! product under the sum is taken apart into factors; those that fit into the axes of one side are
//! multiplied there, elementwise, over fewer axes than the product has. A condition around the product goes to every
//! side that has its axes. Run last: no rule of rewriting looks into a contraction.

use smallvec::SmallVec;

use crate::ir::{Axes, AxisId, Constant, Extent, Graph, NodeId, Op, Program, map_program, renumber, union};
use crate::op::{Binary, Compare, Element, Logic, ReduceOp, Unary};

/// Axes of a known extent up to this are cheaper as loops.
const SHORT: u64 = 8;

/// The program with every sum of a product of two sides as a contraction.
pub fn recognise_contractions(program: &Program) -> Program {
    renumber(&map_program(program, |graph, node, operands| match &node.op {
        Op::Reduce(ReduceOp::Sum, axes) => contraction(graph, axes, operands[0])
            .unwrap_or_else(|| graph.add(Op::Reduce(ReduceOp::Sum, axes.clone()), operands)),
        op => graph.add(op.clone(), operands),
    }))
}

/// A part of a product.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Factor {
    Value(NodeId),
    Divisor(NodeId),
    /// The product is 0 where the condition does not have this value.
    Where(NodeId, bool),
}

impl Factor {
    fn node(self) -> NodeId {
        match self {
            Factor::Value(id) | Factor::Divisor(id) | Factor::Where(id, _) => id,
        }
    }
}

/// The factors of a product; `scale` takes the literals. Only what has all axes of the product is taken apart.
struct Product {
    factors: SmallVec<[Factor; 4]>,
    scale: f64,
}

fn contraction(graph: &mut Graph, over: &[AxisId], operand: NodeId) -> Option<NodeId> {
    let all = graph.axes_of(operand).clone();
    let mut product = Product { factors: SmallVec::new(), scale: 1.0 };
    product.take_apart(graph, operand, &all);
    let (sides, masked) = product.sides(graph, &all, over)?;
    let contraction = graph.contract(over, masked, sides[0], sides[1]);
    if product.scale == 1.0 {
        return Some(contraction);
    }
    let scale = graph.real(product.scale);
    Some(graph.binary(Binary::Mul, contraction, scale))
}

impl Product {
    fn take_apart(&mut self, graph: &Graph, id: NodeId, all: &[AxisId]) {
        let node = graph.node(id);
        let is_zero = |id| graph.constant_of(id) == Some(Constant::Real(0.0));
        if let Some(Constant::Real(value)) = graph.constant_of(id)
            && value.is_finite()
        {
            self.scale *= value;
            return;
        }
        if node.ty.axes.len() < all.len() {
            self.factors.push(Factor::Value(id));
            return;
        }
        match (&node.op, &node.operands[..]) {
            (Op::Binary(Binary::Mul), &[a, b]) => {
                self.take_apart(graph, a, all);
                self.take_apart(graph, b, all);
            }
            (Op::Binary(Binary::Div), &[a, b]) => {
                self.take_apart(graph, a, all);
                self.factors.push(Factor::Divisor(b));
            }
            (Op::Unary(Unary::Neg), &[x]) => {
                self.scale = -self.scale;
                self.take_apart(graph, x, all);
            }
            (Op::Select, &[condition, yes, no]) if is_zero(no) => {
                self.factors.push(Factor::Where(condition, true));
                self.take_apart(graph, yes, all);
            }
            (Op::Select, &[condition, yes, no]) if is_zero(yes) => {
                let before = self.factors.len();
                self.take_apart(graph, no, all);
                // Where a factor is 0 the product is 0, guarded or not, unless it is NaN.
                let guard = guard(graph, condition, no)
                    .filter(|&(_, factor)| self.factors[before..].contains(&Factor::Value(factor)));
                self.factors.push(Factor::Where(guard.map_or(condition, |(is_zero, _)| is_zero), false));
            }
            _ => self.factors.push(Factor::Value(id)),
        }
    }

    /// The product as two sides, each of which has the contracted axes and one that the other lacks.
    fn sides(&self, graph: &mut Graph, all: &[AxisId], over: &[AxisId]) -> Option<([NodeId; 2], bool)> {
        let axes = |graph: &Graph, factor: Factor| graph.axes_of(factor.node()).clone();
        for (position, &first) in self.factors.iter().enumerate() {
            for &second in &self.factors[position + 1..] {
                let (a, b) = (axes(graph, first), axes(graph, second));
                if is_matrix_product(graph, &a, &b, all, over)
                    && let Some(parts) = self.distribute(graph, &a, &b)
                {
                    // A condition that only one side has leaves the other in: the product must skip it there.
                    let has = |part: &[Factor], factor: &Factor| part.contains(factor);
                    let conditions = self.factors.iter().filter(|factor| matches!(factor, Factor::Where(..)));
                    let masked = conditions.clone().any(|factor| !(has(&parts[0], factor) && has(&parts[1], factor)));
                    return Some((parts.map(|part| side(graph, &part)), masked));
                }
            }
        }
        None
    }

    /// Every factor to a side that has its axes; none if one fits on neither.
    fn distribute(&self, graph: &Graph, a: &[AxisId], b: &[AxisId]) -> Option<[SmallVec<[Factor; 4]>; 2]> {
        let mut sides = [SmallVec::new(), SmallVec::new()];
        let fits =
            |factor: Factor, axes: &[AxisId]| graph.axes_of(factor.node()).iter().all(|axis| axes.contains(axis));
        let mut either = Vec::new();
        for &factor in &self.factors {
            match (fits(factor, a), fits(factor, b)) {
                (false, false) => return None,
                (true, false) => sides[0].push(factor),
                (false, true) => sides[1].push(factor),
                (true, true) => either.push(factor),
            }
        }
        // The side that has to be computed anyway takes what fits on both.
        let busier = usize::from(sides[1].len() > sides[0].len());
        for factor in either {
            sides[busier].push(factor);
            if matches!(factor, Factor::Where(..)) {
                sides[1 - busier].push(factor);
            }
        }
        Some(sides)
    }
}

fn is_matrix_product(graph: &Graph, a: &[AxisId], b: &[AxisId], all: &[AxisId], over: &[AxisId]) -> bool {
    let is_long = |axis: &&AxisId| match graph.axis(graph.extent_root(**axis)).extent {
        Extent::Fixed(extent) => extent > SHORT,
        _ => true,
    };
    let alone = |a: &[AxisId], b: &[AxisId]| a.iter().filter(|axis| !b.contains(axis)).find(is_long).is_some();
    let shared: Axes = over.iter().copied().filter(|axis| a.contains(axis) && b.contains(axis)).collect();
    shared.len() == over.len()
        && over.iter().find(is_long).is_some()
        && alone(a, b)
        && alone(b, a)
        && union(a, b).len() == all.len()
}

/// Of `x == 0 and y != y`, a guard of y against 0 · ∞: the first part, and x.
fn guard(graph: &Graph, condition: NodeId, y: NodeId) -> Option<(NodeId, NodeId)> {
    let node = graph.node(condition);
    let is_nan = |id: NodeId| match (&graph.node(id).op, &graph.node(id).operands[..]) {
        (Op::Logic(Logic::Not), &[equal, ..]) => {
            let equal = graph.node(equal);
            equal.op == Op::Compare(Compare::Eq) && equal.operands[..] == [y, y]
        }
        (Op::Compare(Compare::Ne), operands) => operands == [y, y],
        _ => false,
    };
    let (Op::Logic(Logic::And), &[a, b]) = (&node.op, &node.operands[..]) else { return None };
    let (is_zero, _) = [(a, b), (b, a)].into_iter().find(|&(_, other)| is_nan(other))?;
    zero_of(graph, is_zero).map(|x| (is_zero, x))
}

/// The x of `x == 0`.
fn zero_of(graph: &Graph, condition: NodeId) -> Option<NodeId> {
    let node = graph.node(condition);
    let &[x, zero] = &node.operands[..] else { return None };
    let is_zero = graph.constant_of(zero) == Some(Constant::Real(0.0));
    (node.op == Op::Compare(Compare::Eq) && is_zero).then_some(x)
}

/// The product of the factors of one side.
fn side(graph: &mut Graph, factors: &[Factor]) -> NodeId {
    let mut product = None;
    for factor in factors {
        if let Factor::Value(id) = *factor {
            product = Some(product.map_or(id, |product| graph.binary(Binary::Mul, product, id)));
        }
    }
    let mut product = product.unwrap_or_else(|| graph.real(1.0));
    for factor in factors {
        if let Factor::Divisor(id) = *factor {
            product = graph.binary(Binary::Div, product, id);
        }
    }
    let mut condition = None;
    for factor in factors {
        if let Factor::Where(id, holds) = *factor {
            if !holds && zero_of(graph, id) == Some(product) {
                // It is 0 there by itself.
                continue;
            }
            let literal = if holds { id } else { graph.logic(Logic::Not, &[id]) };
            condition = Some(condition.map_or(literal, |all| graph.logic(Logic::And, &[all, literal])));
        }
    }
    debug_assert_eq!(graph.ty(product).element, Element::Real, "a product of reals");
    match condition {
        Some(condition) => {
            let zero = graph.real(0.0);
            graph.select(condition, product, zero)
        }
        None => product,
    }
}
