//! A node that is asked for → a cheaper one that has the same bits in every lane.

use super::graph::{Graph, Id, Lane, One, Op, Relation, Three, Two};
use super::machine::Machine;

/// How deep it is looked for zeros.
const DEPTH: u32 = 6;

impl Graph {
    pub(super) fn fold(&mut self, op: Op, lane: Lane, operands: &[Id]) -> Option<Id> {
        self.fold_negation(op, lane, operands).or_else(|| self.fold_alike(op, lane, operands))
    }

    fn fold_alike(&mut self, op: Op, lane: Lane, operands: &[Id]) -> Option<Id> {
        match op {
            Op::Two(two) => self.fold_two(two, lane, operands[0], operands[1]),
            Op::Select => self.fold_select(lane, operands[0], operands[1], operands[2]),
            Op::One(One::Not) => self.negated_mask(operands[0]),
            // The sign of what gets another one does not count.
            Op::Three(Three::Merge) => {
                let node = self.get(operands[0]);
                let mask = self.constant_of(operands[2])?;
                let hidden = node.op == Op::Two(Two::And) && self.constant_of(node.operands()[1])? == mask ^ all(lane);
                let size = node.operands().first().copied().filter(|_| hidden)?;
                Some(self.add(op, lane, &[size, operands[1], operands[2]]))
            }
            _ => None,
        }
    }

    fn fold_two(&mut self, op: Two, lane: Lane, a: Id, b: Id) -> Option<Id> {
        if let (Some(x), Some(y)) = (self.constant_of(a), self.constant_of(b)) {
            return compute(op, lane, x, y).map(|bits| self.constant(lane, bits));
        }
        if lane == Lane::Mask {
            return self.fold_masks(op, a, b);
        }
        // What is kept by a mask that is the same in every lane.
        match (op, self.truth(a)) {
            (Two::And, Some(true)) | (Two::AndNot, Some(false)) => return Some(b),
            (Two::And, Some(false)) | (Two::AndNot, Some(true)) => return Some(self.constant(lane, 0)),
            _ => {}
        }
        let commutes = matches!(op, Two::And | Two::Or | Two::Xor)
            || (matches!(op, Two::Add | Two::Mul) && matches!(lane, Lane::I32 | Lane::I64));
        if commutes && self.constant_of(a).is_some() {
            return Some(self.two(op, lane, b, a));
        }
        let below = *self.get(a);
        let inner = (below.operands().len() == 2).then(|| self.constant_of(below.operands()[1])).flatten();
        match (op, below.op, inner, self.constant_of(b)) {
            // −(−x), and |−x|, whose sign bit is masked out.
            (Two::Xor, Op::Two(Two::Xor), Some(first), Some(second)) if first == second => Some(below.operands()[0]),
            (Two::And, Op::Two(Two::Xor), Some(first), Some(mask)) if first & mask == 0 => {
                Some(self.two(Two::And, lane, below.operands()[0], b))
            }
            (Two::And, Op::Two(Two::And), Some(first), Some(mask)) if first == mask => Some(a),
            (Two::Or, .., Some(0)) => Some(a),
            // x − 0, whatever x is.
            (Two::Sub, .., Some(0)) if is_float(lane) => Some(a),
            _ => None,
        }
    }

    fn fold_select(&mut self, lane: Lane, condition: Id, yes: Id, no: Id) -> Option<Id> {
        if yes == no {
            return Some(yes);
        }
        if let Some(is) = self.truth(condition) {
            return Some(if is { yes } else { no });
        }
        let node = *self.get(condition);
        if node.op == Op::One(One::Not) {
            return Some(self.select(lane, node.operands()[0], no, yes));
        }
        if self.constant_of(no) == Some(0) && self.is_zero(yes, &self.follows(condition, false), DEPTH) {
            return Some(yes);
        }
        if self.constant_of(yes) == Some(0) && self.is_zero(no, &self.follows(condition, true), DEPTH) {
            return Some(no);
        }
        // What is the same in every lane is an operand in memory, where a mask would have to be loaded.
        if let (Op::Uniform(_), true) = (node.op, is_float(lane)) {
            let bits = self.add(node.op, lane, &[]);
            match self.constant_of(no) {
                Some(0) => return Some(self.two(Two::And, lane, yes, bits)),
                _ if self.machine == Machine::Avx512 => {
                    return Some(self.add(Op::Three(Three::Merge), lane, &[no, yes, bits]));
                }
                _ => {}
            }
        }
        // An extreme, whose first operand must be in a register.
        if node.op != Op::Compare(Relation::Below) || node.lane != lane || !is_float(lane) {
            return None;
        }
        let (a, b) = (node.operands()[0], node.operands()[1]);
        let varies = |id| !matches!(self.get(id).op, Op::Constant(_) | Op::Uniform(_));
        match (yes == a && no == b, yes == b && no == a) {
            (true, _) if varies(a) => Some(self.two(Two::Least, lane, a, b)),
            (_, true) if varies(b) => Some(self.two(Two::Most, lane, b, a)),
            _ => None,
        }
    }

    fn fold_masks(&mut self, op: Two, a: Id, b: Id) -> Option<Id> {
        let decisive = match op {
            Two::And => false,
            Two::Or => true,
            _ => return None,
        };
        for (one, other) in [(a, b), (b, a)] {
            if let Some(is) = self.truth(one) {
                return Some(if is == decisive { one } else { other });
            }
        }
        let (first, second) = (*self.get(a), *self.get(b));
        // One negation for two.
        if let (Op::One(One::Not), Op::One(One::Not)) = (first.op, second.op) {
            let op = if decisive { Two::And } else { Two::Or };
            let both = self.two(op, Lane::Mask, first.operands()[0], second.operands()[0]);
            return Some(self.one(One::Not, Lane::Mask, both));
        }
        // Neither is NaN.
        let (x, y) = (self.is_number(a)?, self.is_number(b)?);
        if decisive || first.lane != second.lane {
            return None;
        }
        let nan = self.add(Op::Compare(Relation::Unordered), first.lane, &[x, y]);
        Some(self.one(One::Not, Lane::Mask, nan))
    }

    /// Of which float a mask says that it is not NaN.
    fn is_number(&self, mask: Id) -> Option<Id> {
        let node = self.get(mask);
        let is =
            node.op == Op::Compare(Relation::Equal) && is_float(node.lane) && node.operands()[0] == node.operands()[1];
        is.then(|| node.operands()[0])
    }

    fn negated_mask(&self, mask: Id) -> Option<Id> {
        let node = self.get(mask);
        (node.op == Op::One(One::Not)).then(|| node.operands()[0])
    }

    /// What a mask is in every lane, if that is known.
    pub(super) fn truth(&self, mask: Id) -> Option<bool> {
        let node = self.get(mask);
        match node.op {
            Op::One(One::Not) => self.truth(node.operands()[0]).map(|is| !is),
            Op::Compare(relation) => {
                let (a, b) = (self.constant_of(node.operands()[0])?, self.constant_of(node.operands()[1])?);
                holds(relation, node.lane, a, b)
            }
            _ => None,
        }
    }

    /// What is known of masks where one of them is set or not.
    fn follows(&self, mask: Id, is: bool) -> Vec<(Id, bool)> {
        let mut known = vec![(mask, is)];
        let mut next = 0;
        while let Some(&(mask, is)) = known.get(next) {
            let node = self.get(mask);
            match node.op {
                Op::One(One::Not) => known.push((node.operands()[0], !is)),
                Op::Two(Two::And) if is => known.extend(node.operands().iter().map(|&operand| (operand, true))),
                Op::Two(Two::Or) if !is => known.extend(node.operands().iter().map(|&operand| (operand, false))),
                _ => {}
            }
            next += 1;
        }
        known
    }

    /// Whether a number is +0 where some masks are as they are known to be.
    fn is_zero(&self, id: Id, known: &[(Id, bool)], depth: u32) -> bool {
        let node = self.get(id);
        if depth == 0 || self.constant_of(id).is_some() {
            return self.constant_of(id) == Some(0);
        }
        let is_zero = |place: usize| self.is_zero(node.operands()[place], known, depth - 1);
        match node.op {
            Op::Select => match known.iter().find(|(mask, _)| *mask == node.operands()[0]) {
                Some((_, is)) => is_zero(if *is { 1 } else { 2 }),
                None => is_zero(1) && is_zero(2),
            },
            Op::Two(Two::Add | Two::Sub) => is_zero(0) && is_zero(1),
            // What is kept by a mask.
            Op::Two(op @ (Two::And | Two::AndNot)) => {
                known.contains(&(node.operands()[0], op == Two::AndNot)) || is_zero(1)
            }
            _ => false,
        }
    }
}

/// All bits of a lane.
fn all(lane: Lane) -> u64 {
    if lane.is_wide() { u64::MAX } else { u64::from(u32::MAX) }
}

/// Whether a relation holds between constants; nothing of ints.
fn holds(relation: Relation, lane: Lane, a: u64, b: u64) -> Option<bool> {
    let number = |bits: u64| match lane {
        Lane::F32 => Some(f64::from(f32::from_bits(bits as u32))),
        Lane::F64 => Some(f64::from_bits(bits)),
        Lane::I32 | Lane::I64 | Lane::Mask => None,
    };
    let (a, b) = (number(a)?, number(b)?);
    match relation {
        Relation::Equal => Some(a == b),
        Relation::NotEqual => Some(a != b),
        Relation::Below => Some(a < b),
        Relation::AtMost => Some(a <= b),
        Relation::Unordered => Some(a.is_nan() || b.is_nan()),
        Relation::BelowUnsigned => None,
        Relation::Signed => Some(a.is_sign_negative()),
    }
}

fn is_float(lane: Lane) -> bool {
    matches!(lane, Lane::F32 | Lane::F64)
}

/// An operation on constants, where it is worth having.
fn compute(op: Two, lane: Lane, x: u64, y: u64) -> Option<u64> {
    let bits = match (op, lane) {
        (Two::And, _) => x & y,
        (Two::AndNot, _) => !x & y,
        (Two::Or, _) => x | y,
        (Two::Xor, _) => x ^ y,
        (Two::Add, Lane::I32) => u64::from((x as u32).wrapping_add(y as u32)),
        (Two::Sub, Lane::I32) => u64::from((x as u32).wrapping_sub(y as u32)),
        (Two::Add, Lane::I64) => x.wrapping_add(y),
        (Two::Sub, Lane::I64) => x.wrapping_sub(y),
        (Two::Add | Two::Sub | Two::Mul | Two::Div, Lane::F32) => {
            let (x, y) = (f32::from_bits(x as u32), f32::from_bits(y as u32));
            let result = match op {
                Two::Add => x + y,
                Two::Sub => x - y,
                Two::Mul => x * y,
                _ => x / y,
            };
            u64::from(result.to_bits())
        }
        (Two::Add | Two::Sub | Two::Mul | Two::Div, Lane::F64) => {
            let (x, y) = (f64::from_bits(x), f64::from_bits(y));
            let result = match op {
                Two::Add => x + y,
                Two::Sub => x - y,
                Two::Mul => x * y,
                _ => x / y,
            };
            result.to_bits()
        }
        _ => return None,
    };
    Some(bits)
}
