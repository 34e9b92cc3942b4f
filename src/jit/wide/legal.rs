//! A node that AVX2 has no instruction for → nodes that it has.
//!
//! What takes a float apart or puts it together is written out where formulas are traced; this is what is left: ints of
//! 64 bits, comparisons of ints, and bits that are merged.

use super::graph::{Graph, Id, Lane, One, Op, Relation, Three, Two, sign_bit};
use super::machine::Machine;

impl Graph {
    /// Nothing if the machine has it, or it is rejected elsewhere.
    pub(super) fn legalised(&mut self, op: Op, lane: Lane, operands: &[Id]) -> Option<Id> {
        if self.machine == Machine::Avx512 {
            return None;
        }
        match (op, operands) {
            (Op::Select, &[condition, yes, no]) => self.legal_choice(lane, condition, yes, no),
            (Op::Compare(relation), &[a, b]) => self.legal_comparison(relation, lane, a, b),
            (Op::Two(Two::Mul), &[a, b]) if lane == Lane::I64 => Some(self.product(a, b)),
            (Op::Two(Two::Least), &[a, b]) if lane == Lane::I64 => Some(self.lesser(a, b, [a, b])),
            (Op::Two(Two::Most), &[a, b]) if lane == Lane::I64 => Some(self.lesser(a, b, [b, a])),
            (Op::One(One::AbsInt), &[a]) => {
                let zero = self.constant(Lane::I64, 0);
                let minus = self.two(Two::Sub, Lane::I64, zero, a);
                Some(self.lesser(a, zero, [minus, a]))
            }
            (Op::One(One::OfInt), &[a]) => Some(self.double_of_int(a)),
            (Op::Three(Three::Merge), &[a, b, mask]) => {
                let bits = self.constant_of(mask)?;
                let rest = self.constant(lane, !bits & if lane.is_wide() { u64::MAX } else { u64::from(u32::MAX) });
                let first = self.two(Two::And, lane, a, rest);
                let second = self.two(Two::And, lane, b, mask);
                Some(self.two(Two::Or, lane, first, second))
            }
            _ => None,
        }
    }

    /// A choice is three operations, of the bits of a mask one each where one of the two is 0.
    fn legal_choice(&mut self, lane: Lane, condition: Id, yes: Id, no: Id) -> Option<Id> {
        let (kept, other) = ((Two::And, condition, yes), (Two::AndNot, condition, no));
        let two = |this: &mut Graph, (op, a, b): (Two, Id, Id)| this.two(op, lane, a, b);
        if self.constant_of(no) == Some(0) {
            return Some(two(self, kept));
        }
        if self.constant_of(yes) == Some(0) {
            return Some(two(self, other));
        }
        let has = |(op, a, b): (Two, Id, Id)| self.has_two(op, lane, a, b);
        if !has(kept) && !has(other) {
            return None;
        }
        let (kept, other) = (two(self, kept), two(self, other));
        Some(self.two(Two::Or, lane, kept, other))
    }

    /// One of two, by whether a is below b.
    fn lesser(&mut self, a: Id, b: Id, [yes, no]: [Id; 2]) -> Id {
        let below = self.add(Op::Compare(Relation::Below), Lane::I64, &[a, b]);
        self.select(Lane::I64, below, yes, no)
    }

    /// Ints are compared for equality and for what is greater, with a sign.
    fn legal_comparison(&mut self, relation: Relation, lane: Lane, a: Id, b: Id) -> Option<Id> {
        let ints = match lane {
            Lane::F32 | Lane::I32 => Lane::I32,
            Lane::F64 | Lane::I64 | Lane::Mask => Lane::I64,
        };
        if relation == Relation::Signed {
            let zero = self.constant(ints, 0);
            return Some(self.add(Op::Compare(Relation::Below), ints, &[a, zero]));
        }
        if ints != lane {
            return None;
        }
        match relation {
            Relation::NotEqual => {
                let equal = self.add(Op::Compare(Relation::Equal), lane, &[a, b]);
                Some(self.one(One::Not, Lane::Mask, equal))
            }
            Relation::AtMost => {
                let above = self.add(Op::Compare(Relation::Below), lane, &[b, a]);
                Some(self.one(One::Not, Lane::Mask, above))
            }
            Relation::BelowUnsigned => {
                let sign = self.constant(lane, sign_bit(lane));
                let [a, b] = [a, b].map(|id| self.two(Two::Xor, lane, id, sign));
                Some(self.add(Op::Compare(Relation::Below), lane, &[a, b]))
            }
            Relation::Equal | Relation::Below | Relation::Unordered | Relation::Signed => None,
        }
    }

    /// a·b of 64-bit ints, wrapped: of the halves, all products that reach the lower 64 bits.
    fn product(&mut self, a: Id, b: Id) -> Id {
        let [high_a, high_b] = [a, b].map(|id| self.one(One::Right(32), Lane::I64, id));
        let first = self.two(Two::MulLow, Lane::I64, high_a, b);
        let second = self.two(Two::MulLow, Lane::I64, a, high_b);
        let crossed = self.two(Two::Add, Lane::I64, first, second);
        let crossed = self.one(One::Left(32), Lane::I64, crossed);
        let low = self.two(Two::MulLow, Lane::I64, a, b);
        self.two(Two::Add, Lane::I64, low, crossed)
    }

    /// The nearest double to an int. Its halves become the last bits of doubles of which one is worth 2^32 as much as the
    /// other; only their sum is rounded.
    fn double_of_int(&mut self, a: Id) -> Id {
        const LOW: f64 = 4_503_599_627_370_496.0;
        const HIGH: f64 = LOW * 4_294_967_296.0;
        // The upper half has a sign: as one without, it is 2^31 more.
        const OFFSET: f64 = HIGH + 9_223_372_036_854_775_808.0;
        let lower = self.constant(Lane::I64, u64::from(u32::MAX));
        let low = self.two(Two::And, Lane::I64, a, lower);
        let place = self.constant(Lane::I64, LOW.to_bits());
        let low = self.two(Two::Or, Lane::I64, low, place);
        let high = self.one(One::Right(32), Lane::I64, a);
        let place = self.constant(Lane::I64, HIGH.to_bits() ^ (1 << 31));
        let high = self.two(Two::Xor, Lane::I64, high, place);
        let offsets = self.constant(Lane::F64, (OFFSET + LOW).to_bits());
        let high = self.two(Two::Sub, Lane::F64, high, offsets);
        self.two(Two::Add, Lane::F64, high, low)
    }
}
