//! Lanes that write down what is done to them: the formulas of the vector math library → nodes of a graph.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::{Add, BitAnd, BitOr, Div, Mul, Neg, Not, Sub};

use super::graph::{Graph, Id, Join, Lane, One, Op, Relation, Three, Two};
use super::machine::Machine;
use crate::vector as lane;

/// How a real is held.
pub(super) trait Kind: Copy {
    /// How many registers.
    const PARTS: usize;
    const LANE: Lane;
    const INTS: Lane;
    type Number: Copy;
    type Double: Kind<Number = f64>;
    fn bits(number: Self::Number) -> u64;
    fn one() -> Self::Number;
    /// The place of the exponent, and that of 1.
    const PLACE: u32;
    const BIAS: i64;
    /// A number that is held exactly.
    fn exactly(value: f64) -> Self::Number;
    /// In double precision, and back.
    fn to_double(graph: &mut Graph, parts: [Id; 2]) -> [Id; 2];
    fn of_double(graph: &mut Graph, parts: [Id; 2]) -> [Id; 2];
}

/// Singles in one register.
#[derive(Clone, Copy)]
pub(super) struct Singles;

/// Doubles in one register.
#[derive(Clone, Copy)]
pub(super) struct Doubles;

/// As many doubles as a register has singles, in two.
#[derive(Clone, Copy)]
pub(super) struct TwiceDoubles;

impl Kind for Singles {
    const PARTS: usize = 1;
    const LANE: Lane = Lane::F32;
    const INTS: Lane = Lane::I32;
    type Number = f32;
    type Double = TwiceDoubles;
    const PLACE: u32 = <f32 as lane::Real>::PLACE;
    const BIAS: i64 = <f32 as lane::Real>::BIAS;
    fn exactly(value: f64) -> f32 {
        value as f32
    }
    fn bits(number: f32) -> u64 {
        u64::from(number.to_bits())
    }
    fn one() -> f32 {
        1.0
    }
    fn to_double(graph: &mut Graph, [all, _]: [Id; 2]) -> [Id; 2] {
        [graph.one(One::LowDoubles, Lane::F64, all), graph.one(One::HighDoubles, Lane::F64, all)]
    }
    fn of_double(graph: &mut Graph, [low, high]: [Id; 2]) -> [Id; 2] {
        [graph.add(Op::Join(Join::Doubles), Lane::F32, &[low, high]); 2]
    }
}

macro_rules! doubles {
    ($($kind:ident $parts:literal)*) => { $(
        impl Kind for $kind {
            const PARTS: usize = $parts;
            const LANE: Lane = Lane::F64;
            const INTS: Lane = Lane::I64;
            type Number = f64;
            type Double = $kind;
            const PLACE: u32 = <f64 as lane::Real>::PLACE;
            const BIAS: i64 = <f64 as lane::Real>::BIAS;
            fn exactly(value: f64) -> f64 {
                value
            }
            fn bits(number: f64) -> u64 {
                number.to_bits()
            }
            fn one() -> f64 {
                1.0
            }
            fn to_double(_: &mut Graph, parts: [Id; 2]) -> [Id; 2] {
                parts
            }
            fn of_double(_: &mut Graph, parts: [Id; 2]) -> [Id; 2] {
                parts
            }
        }
    )* };
}

doubles! { Doubles 1 TwiceDoubles 2 }

/// What [`Three::Mend`] does to each kind of number: four bits a kind.
fn table(edges: lane::Edges) -> u64 {
    let row = |edge, kinds: &[u32]| {
        let code = match edge {
            lane::Edge::Result => 0,
            lane::Edge::MinusInfinity => 4,
            lane::Edge::Infinity => 5,
            lane::Edge::One => 10_u64,
        };
        kinds.iter().fold(0, |all, kind| all | code << (4 * kind))
    };
    // Quiet and signalling NaN, zero, ∞, and −∞ and what else is below 0; 3 is 1 and 7 what else is above 0.
    row(edges.nan, &[0, 1]) | row(edges.zero, &[2]) | row(edges.infinite, &[5]) | row(edges.negative, &[4, 6])
}

/// What traced lanes have in common: where they are written down, and their registers.
#[derive(Clone, Copy)]
struct Traced<'g, K> {
    graph: &'g RefCell<Graph>,
    parts: [Id; 2],
    kind: PhantomData<K>,
}

impl<K: Kind> Traced<'_, K> {
    /// An operation on each part.
    fn each(self, step: impl Fn(&mut Graph, usize) -> Id) -> Self {
        let mut graph = self.graph.borrow_mut();
        let first = step(&mut graph, 0);
        let second = if K::PARTS == 2 { step(&mut graph, 1) } else { first };
        Traced { parts: [first, second], ..self }
    }
}

/// A real.
#[derive(Clone, Copy)]
pub(super) struct Number<'g, K>(Traced<'g, K>);

/// Its bits.
#[derive(Clone, Copy)]
pub(super) struct Bits<'g, K>(Traced<'g, K>);

/// A condition.
#[derive(Clone, Copy)]
pub(super) struct Mask<'g, K>(Traced<'g, K>);

impl<'g, K: Kind> Number<'g, K> {
    /// A real in a register.
    pub fn new(graph: &'g RefCell<Graph>, id: Id) -> Self {
        Number(Traced { graph, parts: [id; 2], kind: PhantomData })
    }

    /// Its register.
    pub fn id(self) -> Id {
        self.0.parts[0]
    }

    /// Whether the machine has instructions that take floats apart and put them together.
    fn is_taken_apart(self) -> bool {
        self.0.graph.borrow().machine == Machine::Avx512
    }

    fn two(self, op: Two, other: Self) -> Self {
        Number(self.0.each(|graph, part| graph.two(op, K::LANE, self.0.parts[part], other.0.parts[part])))
    }

    fn one(self, op: One) -> Self {
        Number(self.0.each(|graph, part| graph.one(op, K::LANE, self.0.parts[part])))
    }

    fn compare(self, relation: Relation, other: Self) -> Mask<'g, K> {
        Mask(
            self.0.each(|graph, part| {
                graph.add(Op::Compare(relation), K::LANE, &[self.0.parts[part], other.0.parts[part]])
            }),
        )
    }
}

macro_rules! arithmetic {
    ($($trait:ident $method:ident $op:ident)*) => { $(
        impl<K: Kind> $trait for Number<'_, K> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                self.two(Two::$op, other)
            }
        }
    )* };
}

arithmetic! { Add add Add Sub sub Sub Mul mul Mul Div div Div }

impl<K: Kind> Neg for Number<'_, K> {
    type Output = Self;
    fn neg(self) -> Self {
        Number(self.0.each(|graph, part| graph.negated(K::LANE, self.0.parts[part])))
    }
}

impl<K: Kind> Mask<'_, K> {
    fn two(self, op: Two, other: Self) -> Self {
        Mask(self.0.each(|graph, part| graph.two(op, Lane::Mask, self.0.parts[part], other.0.parts[part])))
    }
}

impl<K: Kind> BitAnd for Mask<'_, K> {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        self.two(Two::And, other)
    }
}

impl<K: Kind> BitOr for Mask<'_, K> {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.two(Two::Or, other)
    }
}

impl<K: Kind> Not for Mask<'_, K> {
    type Output = Self;
    fn not(self) -> Self {
        Mask(self.0.each(|graph, part| graph.one(One::Not, Lane::Mask, self.0.parts[part])))
    }
}

impl<K: Kind> lane::Mask for Mask<'_, K> {}

impl<K: Kind> Bits<'_, K> {
    fn two(self, op: Two, other: Self) -> Self {
        Bits(self.0.each(|graph, part| graph.two(op, K::INTS, self.0.parts[part], other.0.parts[part])))
    }

    fn one(self, op: One) -> Self {
        Bits(self.0.each(|graph, part| graph.one(op, K::INTS, self.0.parts[part])))
    }
}

impl<K: Kind> lane::Bits for Bits<'_, K> {
    fn int(self, value: i64) -> Self {
        let bits = if K::INTS == Lane::I32 { u64::from(value as u32) } else { value as u64 };
        Bits(self.0.each(|graph, _| graph.constant(K::INTS, bits)))
    }
    fn plus(self, other: Self) -> Self {
        self.two(Two::Add, other)
    }
    fn minus(self, other: Self) -> Self {
        self.two(Two::Sub, other)
    }
    fn and(self, other: Self) -> Self {
        self.two(Two::And, other)
    }
    fn or(self, other: Self) -> Self {
        self.two(Two::Or, other)
    }
    fn xor(self, other: Self) -> Self {
        self.two(Two::Xor, other)
    }
    fn left(self, by: u32) -> Self {
        self.one(One::Left(by))
    }
    fn right(self, by: u32) -> Self {
        self.one(One::Right(by))
    }
}

impl<'g, K: Kind> lane::Real for Number<'g, K> {
    type Number = K::Number;
    type Mask = Mask<'g, K>;
    type Bits = Bits<'g, K>;
    type Double = Number<'g, K::Double>;

    const PLACE: u32 = K::PLACE;
    const BIAS: i64 = K::BIAS;

    fn exactly(self, value: f64) -> Self {
        self.number(K::exactly(value))
    }
    fn number(self, value: K::Number) -> Self {
        Number(self.0.each(|graph, _| graph.constant(K::LANE, K::bits(value))))
    }
    fn mul_add(self, a: Self, b: Self) -> Self {
        let op = Op::MulAdd { negate_product: false, negate_addend: false };
        Number(
            self.0.each(|graph, part| graph.add(op, K::LANE, &[self.0.parts[part], a.0.parts[part], b.0.parts[part]])),
        )
    }
    fn abs(self) -> Self {
        Number(self.0.each(|graph, part| graph.absolute(K::LANE, self.0.parts[part])))
    }
    fn sqrt(self) -> Self {
        self.one(One::Sqrt)
    }
    fn copysign(self, sign: Self) -> Self {
        Number(self.0.each(|graph, part| {
            let bit = graph.constant(K::LANE, super::graph::sign_bit(K::LANE));
            graph.add(Op::Three(Three::Merge), K::LANE, &[self.0.parts[part], sign.0.parts[part], bit])
        }))
    }
    fn below(self, other: Self) -> Mask<'g, K> {
        self.compare(Relation::Below, other)
    }
    fn at_most(self, other: Self) -> Mask<'g, K> {
        self.compare(Relation::AtMost, other)
    }
    fn is_negative(self) -> Mask<'g, K> {
        self.compare(Relation::Signed, self)
    }
    fn equals(self, other: Self) -> Mask<'g, K> {
        self.compare(Relation::Equal, other)
    }
    fn select(condition: Mask<'g, K>, yes: Self, no: Self) -> Self {
        Number(
            yes.0.each(|graph, part| {
                graph.select(K::LANE, condition.0.parts[part], yes.0.parts[part], no.0.parts[part])
            }),
        )
    }
    fn capped(self, bound: Self) -> Self {
        bound.two(Two::Least, self)
    }
    fn capped_exponent(self, bound: Self) -> Self {
        if self.is_taken_apart() { self } else { self.capped(bound) }
    }
    fn floored(self, bound: Self) -> Self {
        bound.two(Two::Most, self)
    }
    fn bits(self) -> Bits<'g, K> {
        Bits(self.0)
    }
    fn of_bits(bits: Bits<'g, K>) -> Self {
        Number(bits.0)
    }
    fn scaled(self, n: Self) -> Self {
        if self.is_taken_apart() { self.two(Two::Scale, n) } else { lane::scaled(self, n) }
    }
    fn split(self) -> (Self, Self) {
        if !self.is_taken_apart() {
            return lane::split(self);
        }
        let mantissa = self.one(One::Mantissa);
        (mantissa - self.number(K::one()), mantissa.one(One::Exponent) - self.one(One::Exponent))
    }
    fn mended(self, at: Self, edges: lane::Edges) -> Self {
        if !self.is_taken_apart() {
            return lane::mended(self, at, edges);
        }
        let table = table(edges);
        Number(self.0.each(|graph, part| {
            let table = graph.constant(K::LANE, table);
            graph.add(Op::Three(Three::Mend), K::LANE, &[self.0.parts[part], at.0.parts[part], table])
        }))
    }
    fn to_double(self) -> Number<'g, K::Double> {
        let parts = K::to_double(&mut self.0.graph.borrow_mut(), self.0.parts);
        Number(Traced { graph: self.0.graph, parts, kind: PhantomData })
    }
    fn of_double(double: Number<'g, K::Double>) -> Self {
        let parts = K::of_double(&mut double.0.graph.borrow_mut(), double.0.parts);
        Number(Traced { graph: double.0.graph, parts, kind: PhantomData })
    }
}
