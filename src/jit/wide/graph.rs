//! What a strip computes for one vector of lanes: a graph of operations on registers and masks.
//!
//! Nodes are hash-consed, so what two functions of one argument share (an exponential, a reciprocal) is computed once;
//! [`fold`](super::fold) makes fewer of them.

use rustc_hash::FxHashMap;

use super::machine::Machine;

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
    /// A bit a lane, or ones and zeros, as wide as what is compared.
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
    /// The product of the lower halves of 64-bit ints without a sign.
    MulLow,
    And,
    /// `¬a & b`.
    AndNot,
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
    /// x divided by the power of two for which |x| is in [½, 1): of ∞ and of zeros ½ or 1, with their sign.
    Fraction,
    /// |x| of an int.
    AbsInt,
    Left(u32),
    /// With zeros from above.
    Right(u32),
    /// The nearest double to a 64-bit int.
    OfInt,
    /// The int of a float as wide, towards zero.
    ToInt,
    /// The first half of the singles as doubles, and the others.
    LowDoubles,
    HighDoubles,
    /// The first half of the 32-bit ints as 64-bit ones, and the others.
    LowLongs,
    HighLongs,
    /// Of a mask of narrow lanes: that of the first half of them as wide lanes, and of the others.
    LowMask,
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

/// Joins of two registers of wide lanes to one of narrow lanes.
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

/// What two registers of singles make together, of rows of four (see [`fours`](super::fours)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pairing {
    /// The lower halves of both, one after the other, and the upper ones.
    LowHalves,
    HighHalves,
    /// Of all rows all first places, then all second ones; all third and then all fourth ones.
    FirstPlaces,
    LastPlaces,
    /// Of first and second places, and as many third and fourth ones, the first half of the rows, and the others.
    FirstRows,
    LastRows,
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
    /// The first one has its sign bit set; it is the second one too.
    Signed,
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
    /// Lanes, as many as there are wide ones, from where a stream begins, further by so many bytes each; 0 where the mask is not set: mask, bytes.
    Gather {
        stream: u32,
        part: u8,
    },
    /// The number of the lane in the run.
    Position,
    One(One),
    Two(Two),
    Join(Join),
    Pair(Pairing),
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

pub(super) struct Graph {
    /// Whose operations the nodes are.
    pub machine: Machine,
    nodes: Vec<Node>,
    known: FxHashMap<Node, Id>,
}

impl Graph {
    pub fn new(machine: Machine) -> Graph {
        Graph { machine, nodes: Vec::new(), known: FxHashMap::default() }
    }

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
        if let Some(legal) = self.legalised(op, lane, operands) {
            return legal;
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

    /// Whether there is such an operation already.
    pub fn has_two(&self, op: Two, lane: Lane, a: Id, b: Id) -> bool {
        let node = Node { op: Op::Two(op), lane, operands: [a, b, Id(0)], count: 2 };
        self.known.contains_key(&node)
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
}

/// The bit of the sign.
pub(super) fn sign_bit(lane: Lane) -> u64 {
    if lane.is_wide() { 1 << 63 } else { 1 << 31 }
}
