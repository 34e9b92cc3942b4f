//! A node with operands that are negated → one without, or one that is negated itself.
//!
//! Signs move outward until an operation takes them in at no cost: a sum, a product that is added, another sign. Every row
//! keeps the bits, but for those of NaN.

use super::graph::{Graph, Id, Lane, One, Op, Relation, Two, sign_bit};

impl Graph {
    pub(super) fn fold_negation(&mut self, op: Op, lane: Lane, operands: &[Id]) -> Option<Id> {
        if !matches!(lane, Lane::F32 | Lane::F64) {
            return None;
        }
        match (op, operands) {
            (Op::Two(two), &[a, b]) => self.negation_in_two(two, lane, a, b),
            (Op::Compare(relation), &[a, b]) => self.negation_in_comparison(relation, lane, a, b),
            (Op::Select, &[condition, yes, no]) => {
                let (yes, no) = (self.opposite(lane, yes)?, self.opposite(lane, no)?);
                let is_literal = |id| self.constant_of(id).is_some();
                // What is chosen or 0 is one step, and a sum under a mask; −0 is not.
                let zero = [yes, no].iter().any(|&id| self.constant_of(id) == Some(sign_bit(lane)));
                if zero || is_literal(yes) && is_literal(no) {
                    return None;
                }
                let chosen = self.select(lane, condition, yes, no);
                Some(self.negated(lane, chosen))
            }
            (Op::MulAdd { negate_product, negate_addend }, &[a, b, c]) => {
                let [minus_a, minus_b, minus_c] = [a, b, c].map(|id| self.negation(lane, id));
                let (operands, of_product) = match (minus_a, minus_b, minus_c) {
                    (Some(a), ..) => ([a, b, c], true),
                    (None, Some(b), _) => ([a, b, c], true),
                    (None, None, c) => ([a, b, c?], false),
                };
                let (negate_product, negate_addend) = (negate_product ^ of_product, negate_addend ^ !of_product);
                Some(self.add(Op::MulAdd { negate_product, negate_addend }, lane, &operands))
            }
            _ => None,
        }
    }

    fn negation_in_two(&mut self, op: Two, lane: Lane, a: Id, b: Id) -> Option<Id> {
        let (minus_a, minus_b) = (self.negation(lane, a), self.negation(lane, b));
        match (op, minus_a, minus_b) {
            // a + (−b), (−a) + b and a − (−b).
            (Two::Add, _, Some(b)) => Some(self.two(Two::Sub, lane, a, b)),
            (Two::Add, Some(a), _) => Some(self.two(Two::Sub, lane, b, a)),
            (Two::Sub, _, Some(b)) => Some(self.two(Two::Add, lane, a, b)),
            (Two::Mul | Two::Div, Some(a), Some(b)) => Some(self.two(op, lane, a, b)),
            (Two::Mul | Two::Div, Some(a), None) => {
                if self.constant_of(b).is_some() {
                    let b = self.opposite(lane, b)?;
                    return Some(self.two(op, lane, a, b));
                }
                let result = self.two(op, lane, a, b);
                Some(self.negated(lane, result))
            }
            (Two::Mul | Two::Div, None, Some(b)) => {
                if self.constant_of(a).is_some() {
                    let a = self.opposite(lane, a)?;
                    return Some(self.two(op, lane, a, b));
                }
                let result = self.two(op, lane, a, b);
                Some(self.negated(lane, result))
            }
            // The lesser one of −a and −b is that of which the greater one is negated.
            (Two::Least | Two::Most, ..) if minus_a.is_some() || minus_b.is_some() => {
                let (a, b) = (self.opposite(lane, a)?, self.opposite(lane, b)?);
                let other = if op == Two::Least { Two::Most } else { Two::Least };
                let result = self.two(other, lane, a, b);
                Some(self.negated(lane, result))
            }
            _ => None,
        }
    }

    fn negation_in_comparison(&mut self, relation: Relation, lane: Lane, a: Id, b: Id) -> Option<Id> {
        let (minus_a, minus_b) = (self.negation(lane, a), self.negation(lane, b));
        let any = minus_a.or(minus_b)?;
        if relation == Relation::Signed {
            let signed = self.add(Op::Compare(relation), lane, &[any, any]);
            return Some(self.one(One::Not, Lane::Mask, signed));
        }
        let (a, b) = (self.opposite(lane, a)?, self.opposite(lane, b)?);
        let operands = if matches!(relation, Relation::Below | Relation::AtMost) { [b, a] } else { [a, b] };
        Some(self.add(Op::Compare(relation), lane, &operands))
    }

    /// −x where that is no operation: of what is negated, and of a literal.
    fn opposite(&mut self, lane: Lane, id: Id) -> Option<Id> {
        match self.constant_of(id) {
            Some(bits) => Some(self.constant(lane, bits ^ sign_bit(lane))),
            None => self.negation(lane, id),
        }
    }
}
