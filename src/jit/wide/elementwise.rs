//! Elementwise operations of a strip → nodes.

use super::graph::{Id, Join, Lane, One, Op, Relation, Two};
use super::lines::{Builder, Parts, Uniform};
use super::machine::Machine;
use super::trace::{Doubles, Kind, Number, Singles};
use crate::kernel::{Instruction, Operand};
use crate::op::{Binary, Compare, Element, Unary};
use crate::vector;

/// So many quotients by one divisor are worth a reciprocal: a division takes as long as half a dozen operations, and the
/// reciprocal two of them beside its own division.
const SHARED: usize = 3;

impl Builder<'_> {
    pub fn unary(&self, op: Unary, a: Id) -> Option<Id> {
        let lane = self.real();
        let one = |op| self.node(Op::One(op), lane, &[a]);
        let compare = |relation, a, b| self.node(Op::Compare(relation), lane, &[a, b]);
        Some(match op {
            Unary::Neg => self.graph.borrow_mut().negated(lane, a),
            Unary::Abs => self.graph.borrow_mut().absolute(lane, a),
            Unary::Sqrt => one(One::Sqrt),
            Unary::Floor => one(One::Floor),
            Unary::Ceil => one(One::Ceil),
            Unary::Round => one(One::Round),
            Unary::Sign => {
                let [zero, one, minus_one] = [0.0, 1.0, -1.0].map(|value| self.real_constant(value));
                let below = compare(Relation::Below, a, zero);
                let above = compare(Relation::Below, zero, a);
                let rest = self.node(Op::Select, lane, &[below, minus_one, a]);
                self.node(Op::Select, lane, &[above, one, rest])
            }
            _ if self.double => vector::formula_unary_f64(op, Number::<Doubles>::new(&self.graph, a))?.id(),
            _ => vector::formula_unary_f32(op, Number::<Singles>::new(&self.graph, a))?.id(),
        })
    }

    /// How many quotients of a divisor are free to be computed by its reciprocal.
    fn quotients(&self, divisor: Operand) -> usize {
        let is_free = |position: usize| self.free[position];
        let lines = self.strip.lines.iter().enumerate();
        lines
            .filter(|(position, line)| {
                matches!(line.instruction, Instruction::Binary(Binary::Div, _, own) if own == divisor)
                    && is_free(*position)
            })
            .count()
    }

    /// `a / b` as `(a · 2^−k) · (1 / m)` with `b = m · 2^k` and m in [½, 1): the reciprocal is that of all quotients by
    /// b. It is neither too large nor too small, and `a · 2^−k` is too large only if the quotient is; of zeros and of
    /// infinities the power of two makes what a division would.
    fn quotient(&self, a: Id, b: Id) -> Id {
        let lane = self.real();
        let fraction = self.node(Op::One(One::Fraction), lane, &[b]);
        let exponent = self.node(Op::One(One::Exponent), lane, &[b]);
        let [one, minus_one] = [1.0, -1.0].map(|value| self.real_constant(value));
        let reciprocal = self.node(Op::Two(Two::Div), lane, &[one, fraction]);
        // The exponent is that of a fraction in [1, 2).
        let power = self.node(Op::Two(Two::Sub), lane, &[minus_one, exponent]);
        let scaled = self.node(Op::Two(Two::Scale), lane, &[a, power]);
        self.node(Op::Two(Two::Mul), lane, &[scaled, reciprocal])
    }

    pub fn binary(&mut self, position: usize, op: Binary, a: Operand, b: Operand) -> Option<Id> {
        let lane = self.real();
        if op == Binary::Div && !self.careful && self.free[position] && !self.data(b).varies {
            let inverse = self.uniform(Uniform::Reciprocal(b.0 as usize), lane);
            let a = self.first(a);
            return Some(self.node(Op::Two(Two::Mul), lane, &[a, inverse]));
        }
        let has_fractions = self.graph.borrow().machine == Machine::Avx512;
        let may_share = has_fractions && !self.careful && self.free[position];
        let shared = op == Binary::Div && may_share && self.quotients(b) >= SHARED;
        let (a, b) = (self.first(a), self.first(b));
        let two = |op| self.node(Op::Two(op), lane, &[a, b]);
        if shared {
            return Some(self.quotient(a, b));
        }
        Some(match op {
            Binary::Add => two(Two::Add),
            Binary::Sub => two(Two::Sub),
            Binary::Mul => two(Two::Mul),
            Binary::Div => two(Two::Div),
            Binary::Min => self.extreme(Two::Least, a, b),
            Binary::Max => self.extreme(Two::Most, a, b),
            Binary::Powi => return None,
            Binary::Pow | Binary::Atan2 if self.double => {
                let [a, b] = [a, b].map(|id| Number::<Doubles>::new(&self.graph, id));
                vector::formula_binary_f64(op, a, b)?.id()
            }
            Binary::Pow | Binary::Atan2 => {
                let [a, b] = [a, b].map(|id| Number::<Singles>::new(&self.graph, id));
                vector::formula_binary_f32(op, a, b)?.id()
            }
        })
    }

    /// The smaller or larger of two, NaN if either is.
    fn extreme(&self, op: Two, a: Id, b: Id) -> Id {
        let lane = self.real();
        let number = |id: Id| {
            let bits = self.graph.borrow().constant_of(id);
            bits.is_some_and(|bits| {
                if self.double { !f64::from_bits(bits).is_nan() } else { !f32::from_bits(bits as u32).is_nan() }
            })
        };
        if number(a) {
            return self.node(Op::Two(op), lane, &[a, b]);
        }
        if number(b) {
            return self.node(Op::Two(op), lane, &[b, a]);
        }
        let result = self.node(Op::Two(op), lane, &[a, b]);
        let nan = self.node(Op::Compare(Relation::Unordered), lane, &[a, a]);
        self.node(Op::Select, lane, &[nan, a, result])
    }

    pub fn compare(&mut self, op: Compare, a: Operand, b: Operand) -> Option<Id> {
        let relation = match op {
            Compare::Eq => Relation::Equal,
            Compare::Ne => Relation::NotEqual,
            Compare::Lt => Relation::Below,
            Compare::Le => Relation::AtMost,
        };
        match self.data(a).element {
            Element::Real => {
                let (a, b) = (self.first(a), self.first(b));
                Some(self.node(Op::Compare(relation), self.real(), &[a, b]))
            }
            Element::Int => {
                if let Some(mask) = self.compare_position(relation, a, b) {
                    return Some(mask);
                }
                let (a, b) = (self.value(a), self.value(b));
                let masks = self.ints(|graph, part| graph.add(Op::Compare(relation), Lane::I64, &[a[part], b[part]]));
                Some(if self.double { masks[0] } else { self.node(Op::Join(Join::Masks), Lane::Mask, &masks) })
            }
            Element::Bool => None,
        }
    }

    /// The position of the lane against an int that does not vary, for (in)equality.
    fn compare_position(&mut self, relation: Relation, a: Operand, b: Operand) -> Option<Id> {
        let is_index = |this: &Self, operand: Operand| {
            this.data(operand).varies && matches!(this.data(operand).instruction, Instruction::Index(_))
        };
        let other = match (is_index(self, a), is_index(self, b)) {
            (true, false) if !self.data(b).varies => b,
            (false, true) if !self.data(a).varies => a,
            _ => return None,
        };
        if !matches!(relation, Relation::Equal | Relation::NotEqual) {
            return None;
        }
        let lane = if self.double { Lane::I64 } else { Lane::I32 };
        let wanted = self.uniform(Uniform::Lane(other.0 as usize), lane);
        let own = self.node(Op::Position, lane, &[]);
        Some(self.node(Op::Compare(relation), lane, &[own, wanted]))
    }

    pub fn select(&mut self, element: Element, condition: Operand, yes: Operand, no: Operand) -> Parts {
        let condition = self.first(condition);
        let (yes, no) = (self.value(yes), self.value(no));
        match element {
            Element::Real => [self.node(Op::Select, self.real(), &[condition, yes[0], no[0]]); 2],
            Element::Int => {
                let conditions = self.mask_parts(condition);
                self.ints(|graph, part| graph.select(Lane::I64, conditions[part], yes[part], no[part]))
            }
            Element::Bool => {
                let mut graph = self.graph.borrow_mut();
                let first = graph.two(Two::And, Lane::Mask, condition, yes[0]);
                let other = graph.one(One::Not, Lane::Mask, condition);
                let second = graph.two(Two::And, Lane::Mask, other, no[0]);
                [graph.two(Two::Or, Lane::Mask, first, second); 2]
            }
        }
    }

    /// The mask of each register of ints.
    pub fn mask_parts(&self, mask: Id) -> Parts {
        if self.double {
            return [mask; 2];
        }
        let half = |half| self.node(Op::One(half), Lane::Mask, &[mask]);
        let has_masks = self.graph.borrow().machine.has_masks();
        // The first bits of a mask are those of the first lanes.
        [if has_masks { mask } else { half(One::LowMask) }, half(One::HighMask)]
    }

    pub fn cast(&mut self, to: Element, a: Operand) -> Option<Parts> {
        let from = self.data(a).element;
        let a = self.value(a);
        let lane = self.real();
        Some(match (from, to) {
            (Element::Bool, Element::Real) => {
                let [one, zero] = [1.0, 0.0].map(|value| self.real_constant(value));
                [self.node(Op::Select, lane, &[a[0], one, zero]); 2]
            }
            (Element::Bool, Element::Int) => {
                let conditions = self.mask_parts(a[0]);
                self.ints(|graph, part| {
                    let [one, zero] = [1, 0].map(|value| graph.constant(Lane::I64, value));
                    graph.select(Lane::I64, conditions[part], one, zero)
                })
            }
            (Element::Int, Element::Real) if self.double => [self.node(Op::One(One::OfInt), lane, &[a[0]]); 2],
            (Element::Int, Element::Real) => [self.node(Op::Join(Join::Longs), lane, &a); 2],
            (Element::Real, Element::Int) => {
                let doubles = if self.double { a } else { Singles::to_double(&mut self.graph.borrow_mut(), a) };
                self.ints(|graph, part| {
                    // What is too large is the largest int; all else that is none is the smallest one already.
                    let int = graph.one(One::ToInt, Lane::F64, doubles[part]);
                    let bound = graph.constant(Lane::F64, 9_223_372_036_854_775_808_f64.to_bits());
                    let large = graph.add(Op::Compare(Relation::AtMost), Lane::F64, &[bound, doubles[part]]);
                    let most = graph.constant(Lane::I64, i64::MAX as u64);
                    graph.select(Lane::I64, large, most, int)
                })
            }
            (Element::Real, Element::Bool) => {
                let zero = self.real_constant(0.0);
                [self.node(Op::Compare(Relation::NotEqual), lane, &[a[0], zero]); 2]
            }
            (Element::Int, Element::Bool) => {
                let masks = self.ints(|graph, part| {
                    let zero = graph.constant(Lane::I64, 0);
                    graph.add(Op::Compare(Relation::NotEqual), Lane::I64, &[a[part], zero])
                });
                [if self.double { masks[0] } else { self.node(Op::Join(Join::Masks), Lane::Mask, &masks) }; 2]
            }
            _ => a,
        })
    }
}
