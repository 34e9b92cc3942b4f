//! What a strip computes for one vector of lanes: a graph of operations on 512-bit registers and masks.
//!
//! Nodes are hash-consed, so what two functions of one argument share (an exponential, a reciprocal) is computed once;
//! only what keeps every bit is folded.

use rustc_hash::FxHashMap;

/// A node of one [`Graph`]; operands have smaller ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id(pub u32);

/// What the lanes of a register are for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::jit) enum Lane {
    F32,
    F64,
    I32,
    I64,
    /// A bit a lane.
    Mask,
}

impl Lane {
    pub fn is_wide(self) -> bool {
        matches!(self, Lane::F64 | Lane::I64)
    }

    /// Bytes of an element in memory.
    pub fn bytes(self) -> u32 {
        if self.is_wide() { 8 } else { 4 }
    }
}

/// Operations on two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Two {
    Add,
    Sub,
    Mul,
    Div,
    /// `a < b ? a : b`, so b if either is NaN.
    Least,
    /// `a > b ? a : b`, so b if either is NaN.
    Most,
    /// 2^⌊b⌋ · a.
    Scale,
    And,
    Or,
    Xor,
}

/// Operations on one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum One {
    Sqrt,
    Floor,
    Ceil,
    Round,
    /// ⌊log₂ |x|⌋, as a float; −∞ of 0.
    Exponent,
    /// x divided by the power of two for which it is in [¾, 3/2); of ∞ and of zeros 1, below 0 NaN.
    Mantissa,
    /// |x| of an int.
    AbsInt,
    Left(u32),
    Right(u32),
    RightSigned(u32),
    /// The nearest float to an int as wide.
    OfInt,
    /// The int of a float as wide, towards zero.
    ToInt,
    /// The first eight singles as doubles, and the others.
    LowDoubles,
    HighDoubles,
    /// The first eight 32-bit ints as 64-bit ones, and the others.
    LowLongs,
    HighLongs,
    /// Of a mask: the bits of the other lanes.
    HighMask,
    Not,
}

/// Operations on two registers and what is the same in all lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Three {
    /// The first one, or what a table has for the kind of number that the second one is.
    Mend,
    /// The first one, with the bits of the second one where a mask has ones.
    Merge,
}

/// Joins of two registers of eight lanes to one of sixteen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Join {
    /// Doubles, rounded to singles.
    Doubles,
    /// 64-bit ints, as the nearest singles.
    Longs,
    /// Singles.
    Halves,
    Masks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    Below,
    AtMost,
    /// Of ints without a sign.
    BelowUnsigned,
    /// At least one is NaN.
    Unordered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    /// The same bits in every lane.
    Constant(u64),
    /// An argument cell, in every lane.
    Uniform(u32),
    /// The lanes of a stream that a register holds: of a wide stream in narrow lanes, a half.
    Load {
        stream: u32,
        part: u8,
    },
    /// Eight lanes from where a stream begins, further by so many bytes each; 0 where the mask is not set: mask, bytes.
    Gather {
        stream: u32,
        part: u8,
    },
    /// The number of the lane in the run.
    Position,
    One(One),
    Two(Two),
    Join(Join),
    Three(Three),
    /// `± a·b ± c`, rounded once.
    MulAdd {
        negate_product: bool,
        negate_addend: bool,
    },
    Compare(Relation),
    /// `condition, yes, no`.
    Select,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Node {
    pub op: Op,
    pub lane: Lane,
    operands: [Id; 3],
    count: u8,
}

impl Node {
    pub fn operands(&self) -> &[Id] {
        &self.operands[..self.count as usize]
    }
}

#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    known: FxHashMap<Node, Id>,
}

impl Graph {
    pub fn get(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn add(&mut self, op: Op, lane: Lane, operands: &[Id]) -> Id {
        if let Some(folded) = self.fold(op, lane, operands) {
            return folded;
        }
        let mut all = [Id(0); 3];
        all[..operands.len()].copy_from_slice(operands);
        let node = Node { op, lane, operands: all, count: operands.len() as u8 };
        if let Some(&known) = self.known.get(&node) {
            return known;
        }
        let id = Id(self.nodes.len() as u32);
        self.nodes.push(node);
        self.known.insert(node, id);
        id
    }

    pub fn constant(&mut self, lane: Lane, bits: u64) -> Id {
        self.add(Op::Constant(bits), lane, &[])
    }

    pub fn constant_of(&self, id: Id) -> Option<u64> {
        match self.get(id).op {
            Op::Constant(bits) => Some(bits),
            _ => None,
        }
    }

    pub fn two(&mut self, op: Two, lane: Lane, a: Id, b: Id) -> Id {
        self.add(Op::Two(op), lane, &[a, b])
    }

    pub fn one(&mut self, op: One, lane: Lane, a: Id) -> Id {
        self.add(Op::One(op), lane, &[a])
    }

    pub fn select(&mut self, lane: Lane, condition: Id, yes: Id, no: Id) -> Id {
        self.add(Op::Select, lane, &[condition, yes, no])
    }

    /// −x, of a float.
    pub fn negated(&mut self, lane: Lane, a: Id) -> Id {
        let sign = self.constant(lane, sign_bit(lane));
        // −|x| is one step.
        let node = self.get(a);
        let is_absolute =
            node.op == Op::Two(Two::And) && self.constant_of(node.operands[1]) == Some(sign_bit(lane) - 1);
        if is_absolute {
            let x = node.operands[0];
            return self.two(Two::Or, lane, x, sign);
        }
        self.two(Two::Xor, lane, a, sign)
    }

    /// |x|, of a float.
    pub fn absolute(&mut self, lane: Lane, a: Id) -> Id {
        let rest = self.constant(lane, sign_bit(lane) - 1);
        self.two(Two::And, lane, a, rest)
    }

    /// What is negated, if something is.
    pub fn negation(&self, lane: Lane, id: Id) -> Option<Id> {
        let node = self.get(id);
        let is = node.op == Op::Two(Two::Xor) && self.constant_of(node.operands[1]) == Some(sign_bit(lane));
        is.then_some(node.operands[0])
    }

    fn fold(&mut self, op: Op, lane: Lane, operands: &[Id]) -> Option<Id> {
        match op {
            Op::Two(two) => self.fold_two(two, lane, operands[0], operands[1]),
            Op::Select if operands[1] == operands[2] => Some(operands[1]),
            // 0 ≤ −x and −x ≤ 0.
            Op::Compare(relation @ (Relation::Below | Relation::AtMost)) if is_float(lane) => {
                let [a, b] = [operands[0], operands[1]];
                let other = match (self.constant_of(a), self.negation(lane, b), self.negation(lane, a)) {
                    (Some(0), Some(x), _) => [x, a],
                    (_, _, Some(x)) if self.constant_of(b) == Some(0) => [b, x],
                    _ => return None,
                };
                Some(self.add(Op::Compare(relation), lane, &other))
            }
            Op::MulAdd { negate_product, negate_addend } => {
                let [a, b, c] = [operands[0], operands[1], operands[2]];
                if let Some(a) = self.negation(lane, a) {
                    let op = Op::MulAdd { negate_product: !negate_product, negate_addend };
                    return Some(self.add(op, lane, &[a, b, c]));
                }
                if let Some(b) = self.negation(lane, b) {
                    let op = Op::MulAdd { negate_product: !negate_product, negate_addend };
                    return Some(self.add(op, lane, &[a, b, c]));
                }
                let c = self.negation(lane, c)?;
                Some(self.add(Op::MulAdd { negate_product, negate_addend: !negate_addend }, lane, &[a, b, c]))
            }
            _ => None,
        }
    }

    fn fold_two(&mut self, op: Two, lane: Lane, a: Id, b: Id) -> Option<Id> {
        if let (Some(x), Some(y)) = (self.constant_of(a), self.constant_of(b)) {
            return compute(op, lane, x, y).map(|bits| self.constant(lane, bits));
        }
        let commutes = matches!(op, Two::And | Two::Or | Two::Xor)
            || (matches!(op, Two::Add | Two::Mul) && matches!(lane, Lane::I32 | Lane::I64));
        if commutes && self.constant_of(a).is_some() {
            return Some(self.two(op, lane, b, a));
        }
        let below = *self.get(a);
        let inner = (below.count == 2).then(|| self.constant_of(below.operands[1])).flatten();
        match (op, below.op, inner, self.constant_of(b)) {
            // −(−x), and |−x|, whose sign bit is masked out.
            (Two::Xor, Op::Two(Two::Xor), Some(first), Some(second)) if first == second => Some(below.operands[0]),
            (Two::And, Op::Two(Two::Xor), Some(first), Some(mask)) if first & mask == 0 => {
                Some(self.two(Two::And, lane, below.operands[0], b))
            }
            (Two::And, Op::Two(Two::And), Some(first), Some(mask)) if first == mask => Some(a),
            // a + (−b) and a − (−b).
            (Two::Add, ..) if is_float(lane) && self.negation(lane, b).is_some() => {
                let b = self.negation(lane, b)?;
                Some(self.two(Two::Sub, lane, a, b))
            }
            (Two::Add, ..) if is_float(lane) && self.negation(lane, a).is_some() => {
                let a = self.negation(lane, a)?;
                Some(self.two(Two::Sub, lane, b, a))
            }
            (Two::Sub, ..) if is_float(lane) && self.negation(lane, b).is_some() => {
                let b = self.negation(lane, b)?;
                Some(self.two(Two::Add, lane, a, b))
            }
            _ => None,
        }
    }
}

fn is_float(lane: Lane) -> bool {
    matches!(lane, Lane::F32 | Lane::F64)
}

/// The bit of the sign.
pub(super) fn sign_bit(lane: Lane) -> u64 {
    if lane.is_wide() { 1 << 63 } else { 1 << 31 }
}

/// An operation on constants, where it is worth having.
fn compute(op: Two, lane: Lane, x: u64, y: u64) -> Option<u64> {
    let bits = match (op, lane) {
        (Two::And, _) => x & y,
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
