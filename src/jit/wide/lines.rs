//! A strip → the graph of what it computes for one vector of lanes, the streams that it reads and writes, and what it
//! leaves behind.

use std::cell::RefCell;

use super::graph::{Graph, Id, Join, Lane, One, Op, Relation, Two};
use super::trace::{Doubles, Kind, Number, Singles};
use crate::ir::Constant;
use crate::kernel::{Effect, Instruction, Line, Operand, Strip, Target};
use crate::op::{Binary, Compare, Element, Logic, ReduceOp, Unary};
use crate::vector;

/// What lies in memory along the vector axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::jit) struct Stream {
    /// A line that loads, or an effect.
    pub of: Access,
    pub lane: Lane,
    /// Whether one lane follows the other in memory, as far as the code that is made relies on it.
    pub contiguous: bool,
    /// The argument cell of the flag that says whether its fixed positions are inside, if they may not be.
    pub guard: Option<u32>,
}

/// Which access of a strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::jit) enum Access {
    Line(usize),
    Effect(usize),
}

/// What does not vary: an argument cell is filled with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::jit) enum Uniform {
    /// The value of a line: a float of the precision, an int, or a mask of all lanes.
    Line(usize),
    /// 1 / the value of a line.
    Reciprocal(usize),
    /// An int line less the position where the run begins, as a 32-bit int, or −1 where it is none of its lanes.
    Lane(usize),
    /// The position where the run begins.
    Start,
    /// Whether the fixed positions of the stream of this line are inside.
    Guard(usize),
    /// Bytes from lane to lane of the stream of this line, apart from the positions that are computed for each.
    Step(usize),
    /// Bytes from element to element along the axis of such a position, and how many elements there are.
    Stride(usize, usize),
    Extent(usize, usize),
}

/// What is left behind, by its number among the strip's effects.
#[derive(Clone, Debug)]
pub(super) enum Left {
    Store { stream: u32, parts: Vec<Id> },
    /// Combined with what is in memory.
    Combine { stream: u32, op: ReduceOp, lane: Lane, parts: Vec<Id> },
    /// Combined over all lanes.
    Reduce { effect: usize, op: ReduceOp, lane: Lane, parts: Vec<Id> },
}

/// A strip for vectors.
pub(in crate::jit) struct Lines {
    pub(super) graph: Graph,
    pub streams: Vec<Stream>,
    pub uniforms: Vec<Uniform>,
    pub(super) left: Vec<Left>,
    /// Lanes of a vector.
    pub lanes: usize,
}

/// What the code generator knows of an access that varies.
#[derive(Clone)]
pub(in crate::jit) struct Facts {
    pub lane: Lane,
    /// Whether one lane follows the other, if the tensor lies in memory in the order of its axes.
    pub contiguous: bool,
    /// Whether fixed positions may be outside.
    pub guarded: bool,
    /// Whether it moves on from lane to lane by itself.
    pub steps: bool,
    /// The positions that are computed for each lane.
    pub positions: Vec<Operand>,
}

/// The value of a line: its registers.
type Parts = [Id; 2];

struct Builder<'a> {
    strip: &'a Strip,
    graph: RefCell<Graph>,
    double: bool,
    /// Whether all divisions are divisions, and no stream is contiguous.
    careful: bool,
    values: Vec<Option<Parts>>,
    /// The lines whose values take part in no comparison, and in no search for an extreme.
    free: Vec<bool>,
    streams: Vec<Stream>,
    uniforms: Vec<Uniform>,
}

/// Makes the graph; nothing if the strip has something that vectors do not do.
pub(super) fn lines(
    strip: &Strip,
    double: bool,
    careful: bool,
    facts: &dyn Fn(Access) -> Option<Facts>,
) -> Option<Lines> {
    let mut builder = Builder {
        strip,
        graph: RefCell::default(),
        double,
        careful,
        values: vec![None; strip.lines.len()],
        free: free(strip),
        streams: Vec::new(),
        uniforms: Vec::new(),
    };
    for position in 0..strip.lines.len() {
        if strip.lines[position].varies {
            builder.values[position] = Some(builder.line(position, facts)?);
        }
    }
    let mut left = Vec::new();
    for effect in 0..strip.effects.len() {
        left.push(builder.effect(effect, facts)?);
    }
    let lanes = if double { 8 } else { 16 };
    let Builder { graph, streams, uniforms, .. } = builder;
    Some(Lines { graph: graph.into_inner(), streams, uniforms, left, lanes })
}

/// Which lines feed no comparison and no minimum or maximum over lanes: their last bit may depend on how they are computed.
fn free(strip: &Strip) -> Vec<bool> {
    let mut free = vec![true; strip.lines.len()];
    let bind = |free: &mut Vec<bool>, operand: Operand| free[operand.0 as usize] = false;
    for effect in &strip.effects {
        if let Effect::Accumulate(ReduceOp::Min | ReduceOp::Max, _, value) = effect {
            bind(&mut free, *value);
        }
    }
    for (position, line) in strip.lines.iter().enumerate().rev() {
        let compared = matches!(line.instruction, Instruction::Compare(..));
        if compared || !free[position] {
            operands(&line.instruction).into_iter().flatten().for_each(|operand| bind(&mut free, operand));
        }
    }
    free
}

fn operands(instruction: &Instruction) -> [Option<Operand>; 3] {
    match instruction {
        Instruction::Unary(_, a) | Instruction::Cast(_, a) | Instruction::Polygamma(_, a) => [Some(*a), None, None],
        Instruction::Binary(_, a, b) | Instruction::Compare(_, a, b) | Instruction::Logic(_, a, b) => {
            [Some(*a), Some(*b), None]
        }
        Instruction::Select(a, b, c) | Instruction::MulAdd(_, a, b, c) => [Some(*a), Some(*b), Some(*c)],
        _ => [None; 3],
    }
}

impl Builder<'_> {
    fn data(&self, operand: Operand) -> &Line {
        &self.strip.lines[operand.0 as usize]
    }

    fn real(&self) -> Lane {
        if self.double { Lane::F64 } else { Lane::F32 }
    }

    /// How many registers hold ints.
    fn int_parts(&self) -> usize {
        if self.double { 1 } else { 2 }
    }

    fn node(&self, op: Op, lane: Lane, operands: &[Id]) -> Id {
        self.graph.borrow_mut().add(op, lane, operands)
    }

    fn real_constant(&self, value: f64) -> Id {
        let bits = if self.double { value.to_bits() } else { u64::from((value as f32).to_bits()) };
        self.graph.borrow_mut().constant(self.real(), bits)
    }

    fn uniform(&mut self, uniform: Uniform, lane: Lane) -> Id {
        let cell = self.uniform_cell(uniform);
        self.node(Op::Uniform(cell), lane, &[])
    }

    fn uniform_cell(&mut self, uniform: Uniform) -> u32 {
        let known = self.uniforms.iter().position(|own| *own == uniform);
        let position = known.unwrap_or_else(|| {
            self.uniforms.push(uniform);
            self.uniforms.len() - 1
        });
        position as u32
    }

    /// The registers of a line, repeated in all lanes if it does not vary.
    fn value(&mut self, operand: Operand) -> Parts {
        let position = operand.0 as usize;
        if let Some(parts) = self.values[position] {
            return parts;
        }
        let line = &self.strip.lines[position];
        let parts = match (&line.instruction, line.element) {
            (Instruction::Constant(Constant::Real(value)), _) => [self.real_constant(*value); 2],
            (Instruction::Constant(Constant::Int(value)), _) => {
                [self.graph.borrow_mut().constant(Lane::I64, *value as u64); 2]
            }
            (_, Element::Real) => [self.uniform(Uniform::Line(position), self.real()); 2],
            (_, Element::Int) => [self.uniform(Uniform::Line(position), Lane::I64); 2],
            (_, Element::Bool) => [self.uniform(Uniform::Line(position), Lane::Mask); 2],
        };
        self.values[position] = Some(parts);
        parts
    }

    fn first(&mut self, operand: Operand) -> Id {
        self.value(operand)[0]
    }

    fn line(&mut self, position: usize, facts: &dyn Fn(Access) -> Option<Facts>) -> Option<Parts> {
        let strip = self.strip;
        let line = &strip.lines[position];
        let parts = match &line.instruction {
            Instruction::Load(_) => self.load(position, line.element, facts)?,
            Instruction::Index(_) => self.index()?,
            Instruction::Unary(op, a) if line.element == Element::Real => {
                let a = self.first(*a);
                [self.unary(*op, a)?; 2]
            }
            Instruction::Unary(op, a) => {
                let a = self.value(*a);
                self.ints(|graph, part| match op {
                    Unary::Neg => {
                        let zero = graph.constant(Lane::I64, 0);
                        graph.two(Two::Sub, Lane::I64, zero, a[part])
                    }
                    _ => graph.one(One::AbsInt, Lane::I64, a[part]),
                })
            }
            Instruction::Binary(op, a, b) if line.element == Element::Real => [self.binary(position, *op, *a, *b)?; 2],
            Instruction::Binary(op, a, b) => {
                let (a, b) = (self.value(*a), self.value(*b));
                let op = match op {
                    Binary::Add => Two::Add,
                    Binary::Sub => Two::Sub,
                    Binary::Mul => Two::Mul,
                    Binary::Min => Two::Least,
                    Binary::Max => Two::Most,
                    Binary::Div | Binary::Pow | Binary::Powi | Binary::Atan2 => return None,
                };
                self.ints(|graph, part| graph.two(op, Lane::I64, a[part], b[part]))
            }
            Instruction::Compare(op, a, b) => [self.compare(*op, *a, *b)?; 2],
            Instruction::Logic(op, a, b) => {
                let (a, b) = (self.first(*a), self.first(*b));
                let op = match op {
                    Logic::And => Op::Two(Two::And),
                    Logic::Or => Op::Two(Two::Or),
                    Logic::Not => return Some([self.node(Op::One(One::Not), Lane::Mask, &[a]); 2]),
                };
                [self.node(op, Lane::Mask, &[a, b]); 2]
            }
            Instruction::Select(condition, yes, no) => self.select(line.element, *condition, *yes, *no),
            Instruction::MulAdd((negate_product, negate_addend), a, b, c) => {
                let op = Op::MulAdd { negate_product: *negate_product, negate_addend: *negate_addend };
                let operands = [*a, *b, *c].map(|operand| self.first(operand));
                [self.node(op, self.real(), &operands); 2]
            }
            Instruction::Cast(to, a) => self.cast(*to, *a)?,
            Instruction::Constant(_)
            | Instruction::Parameter(_)
            | Instruction::Size(_)
            | Instruction::Register(_)
            | Instruction::Polygamma(..) => return None,
        };
        Some(parts)
    }

    fn stream(&mut self, of: Access, facts: &Facts) -> u32 {
        let contiguous = facts.contiguous && !self.careful;
        let guard = match of {
            Access::Line(line) if facts.guarded => Some(self.uniform_cell(Uniform::Guard(line))),
            _ => None,
        };
        self.streams.push(Stream { of, lane: facts.lane, contiguous, guard });
        self.streams.len() as u32 - 1
    }

    fn load(&mut self, position: usize, element: Element, facts: &dyn Fn(Access) -> Option<Facts>) -> Option<Parts> {
        let facts = facts(Access::Line(position))?;
        if !facts.positions.is_empty() {
            return self.picked(position, element, &facts);
        }
        let stream = self.stream(Access::Line(position), &facts);
        let parts = if facts.lane.is_wide() && !self.double { 2 } else { 1 };
        let part = |this: &Self, part: u8| this.node(Op::Load { stream, part }, facts.lane, &[]);
        let all = [part(self, 0), part(self, parts - 1)];
        match (element, facts.lane, self.double) {
            (Element::Real, Lane::F32, false) | (Element::Real, Lane::F64, true) | (Element::Int, Lane::I64, _) => {
                Some(all)
            }
            (Element::Real, Lane::F64, false) => Some([self.node(Op::Join(Join::Doubles), Lane::F32, &all); 2]),
            _ => None,
        }
    }

    /// A load at positions that are computed for each lane.
    fn picked(&mut self, line: usize, element: Element, facts: &Facts) -> Option<Parts> {
        // Where the stream is, but not how it goes on: that is in the distances.
        self.streams.push(Stream { of: Access::Line(line), lane: facts.lane, contiguous: true, guard: None });
        let stream = self.streams.len() as u32 - 1;
        let guard = facts.guarded.then(|| self.uniform(Uniform::Guard(line), Lane::Mask));
        let mut distances = facts.steps.then(|| {
            let own = self.lane_numbers();
            let step = self.uniform(Uniform::Step(line), Lane::I64);
            self.ints(|graph, part| graph.two(Two::Mul, Lane::I64, own[part], step))
        });
        let mut masks = guard.map(|guard| self.mask_parts(guard));
        for (place, &operand) in facts.positions.iter().enumerate() {
            let position = self.value(operand);
            let stride = self.uniform(Uniform::Stride(line, place), Lane::I64);
            let extent = self.uniform(Uniform::Extent(line, place), Lane::I64);
            let so_far = distances;
            distances = Some(self.ints(|graph, part| {
                let own = graph.two(Two::Mul, Lane::I64, position[part], stride);
                so_far.map_or(own, |so_far| graph.two(Two::Add, Lane::I64, so_far[part], own))
            }));
            let so_far = masks;
            masks = Some(self.ints(|graph, part| {
                let inside = Op::Compare(Relation::BelowUnsigned);
                let inside = graph.add(inside, Lane::I64, &[position[part], extent]);
                so_far.map_or(inside, |so_far| graph.two(Two::And, Lane::Mask, so_far[part], inside))
            }));
        }
        let (distances, masks) = (distances?, masks?);
        let parts = self.ints(|graph, part| {
            let op = Op::Gather { stream, part: part as u8 };
            graph.add(op, facts.lane, &[masks[part], distances[part]])
        });
        match (element, facts.lane, self.double) {
            (Element::Real, Lane::F64, true) | (Element::Int, Lane::I64, _) => Some(parts),
            (Element::Real, Lane::F32, false) => Some([self.node(Op::Join(Join::Halves), Lane::F32, &parts); 2]),
            (Element::Real, Lane::F64, false) => Some([self.node(Op::Join(Join::Doubles), Lane::F32, &parts); 2]),
            _ => None,
        }
    }

    /// The position of the lane, as ints.
    fn index(&mut self) -> Option<Parts> {
        let start = self.uniform(Uniform::Start, Lane::I64);
        let own = self.lane_numbers();
        Some(self.ints(|graph, part| graph.two(Two::Add, Lane::I64, own[part], start)))
    }

    /// The number of the lane in the run, as ints.
    fn lane_numbers(&self) -> Parts {
        let lane = self.node(Op::Position, if self.double { Lane::I64 } else { Lane::I32 }, &[]);
        if self.double {
            [lane; 2]
        } else {
            [One::LowLongs, One::HighLongs].map(|half| self.node(Op::One(half), Lane::I64, &[lane]))
        }
    }

    /// An operation on the registers of ints.
    fn ints(&self, step: impl Fn(&mut Graph, usize) -> Id) -> Parts {
        let mut graph = self.graph.borrow_mut();
        let first = step(&mut graph, 0);
        [first, if self.int_parts() == 2 { step(&mut graph, 1) } else { first }]
    }

    fn unary(&self, op: Unary, a: Id) -> Option<Id> {
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

    fn binary(&mut self, position: usize, op: Binary, a: Operand, b: Operand) -> Option<Id> {
        let lane = self.real();
        if op == Binary::Div && !self.careful && self.free[position] && !self.data(b).varies {
            let inverse = self.uniform(Uniform::Reciprocal(b.0 as usize), lane);
            let a = self.first(a);
            return Some(self.node(Op::Two(Two::Mul), lane, &[a, inverse]));
        }
        let (a, b) = (self.first(a), self.first(b));
        let two = |op| self.node(Op::Two(op), lane, &[a, b]);
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
            bits.is_some_and(|bits| if self.double { !f64::from_bits(bits).is_nan() } else { !f32::from_bits(bits as u32).is_nan() })
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

    fn compare(&mut self, op: Compare, a: Operand, b: Operand) -> Option<Id> {
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

    fn select(&mut self, element: Element, condition: Operand, yes: Operand, no: Operand) -> Parts {
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
    fn mask_parts(&self, mask: Id) -> Parts {
        if self.double { [mask; 2] } else { [mask, self.node(Op::One(One::HighMask), Lane::Mask, &[mask])] }
    }

    fn cast(&mut self, to: Element, a: Operand) -> Option<Parts> {
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

    fn effect(&mut self, position: usize, facts: &dyn Fn(Access) -> Option<Facts>) -> Option<Left> {
        let strip = self.strip;
        let effect = &strip.effects[position];
        let (Effect::Store(_, value) | Effect::Set(_, value) | Effect::Accumulate(_, _, value)) = effect;
        let element = self.data(*value).element;
        let parts = self.value(*value);
        if let Effect::Set(..) = effect {
            return None;
        }
        let facts = facts(Access::Effect(position));
        if let (Effect::Accumulate(op, target, _), None) = (effect, &facts) {
            let (lane, count) = match element {
                Element::Real => (self.real(), 1),
                Element::Int => (Lane::I64, self.int_parts()),
                Element::Bool => return None,
            };
            let _: &Target = target;
            return Some(Left::Reduce { effect: position, op: *op, lane, parts: parts[..count].to_vec() });
        }
        let facts = facts.filter(|facts| facts.positions.is_empty())?;
        let stream = self.stream(Access::Effect(position), &facts);
        let parts = match (element, facts.lane, self.double) {
            (Element::Real, Lane::F32, false) | (Element::Real, Lane::F64, true) => vec![parts[0]],
            (Element::Real, Lane::F64, false) => Singles::to_double(&mut self.graph.borrow_mut(), parts).to_vec(),
            (Element::Int, Lane::I64, _) => parts[..self.int_parts()].to_vec(),
            _ => return None,
        };
        Some(match effect {
            Effect::Accumulate(op, ..) => Left::Combine { stream, op: *op, lane: facts.lane, parts },
            _ => Left::Store { stream, parts },
        })
    }
}
