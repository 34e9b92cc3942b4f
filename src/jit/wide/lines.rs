//! A strip → the graph of what it computes for one vector of lanes, the streams that it reads and writes, and what it
//! leaves behind.

use std::cell::RefCell;

use rustc_hash::FxHashSet;

use super::ahead::Ahead;
use super::graph::{Graph, Id, Join, Lane, One, Op, Relation, Two};
use super::machine::Machine;
use super::trace::{Kind, Singles};
use crate::ir::Constant;
use crate::kernel::{self, Effect, Instruction, Line, Operand, Strip, TensorRef};
use crate::op::{Binary, Element, Logic, ReduceOp, Unary};

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
    /// Whether it is a result of the program, which nothing reads again: it may be written past the caches.
    pub is_result: bool,
    /// Which of its lanes are asked for before they are needed.
    pub ahead: Ahead,
    /// Whether the strip writes the tensor that this loads from: after that it must not be loaded again.
    pub is_replaced: bool,
    /// If it is rows of four: the access of their second places; `of` is that of the first ones.
    pub of_four: Option<Access>,
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
    Store {
        stream: u32,
        parts: Vec<Id>,
    },
    /// Combined with what is in memory.
    Combine {
        stream: u32,
        op: ReduceOp,
        lane: Lane,
        parts: Vec<Id>,
    },
    /// Combined over all lanes.
    Reduce {
        effect: usize,
        op: ReduceOp,
        lane: Lane,
        parts: Vec<Id>,
        /// The mask of the lanes that count, if not all do.
        under: Option<Id>,
    },
}

impl Left {
    /// The same, of nodes that have got other numbers.
    pub fn remap(&mut self, mapped: &[Id]) {
        let (Left::Store { parts, .. } | Left::Combine { parts, .. } | Left::Reduce { parts, .. }) = self;
        parts.iter_mut().for_each(|part| *part = mapped[part.0 as usize]);
        if let Left::Reduce { under: Some(mask), .. } = self {
            *mask = mapped[mask.0 as usize];
        }
    }
}

/// A strip for vectors.
pub(in crate::jit) struct Lines {
    pub(super) graph: Graph,
    pub streams: Vec<Stream>,
    pub uniforms: Vec<Uniform>,
    pub(super) left: Vec<Left>,
    /// Lanes of a vector.
    pub lanes: usize,
    /// Whether they are doubles.
    pub double: bool,
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
    /// Whether it is written, and nothing of the program reads it.
    pub is_result: bool,
    /// Which of its lanes are worth asking for before they are needed.
    pub ahead: Ahead,
    /// If it is one place of rows of four: the access of the first place, and which place it is.
    pub of_four: Option<(kernel::Access, usize)>,
    /// The positions that are computed for each lane.
    pub positions: Vec<Operand>,
}

/// The value of a line: its registers.
pub(super) type Parts = [Id; 2];

pub(super) struct Builder<'a> {
    pub strip: &'a Strip,
    pub graph: RefCell<Graph>,
    pub double: bool,
    /// Whether all divisions are divisions, and no stream is contiguous.
    pub careful: bool,
    values: Vec<Option<Parts>>,
    /// The lines whose values take part in no comparison, and in no search for an extreme.
    pub free: Vec<bool>,
    streams: Vec<Stream>,
    uniforms: Vec<Uniform>,
}

/// Makes the graph; nothing if the strip has something that vectors do not do.
pub(super) fn lines(
    strip: &Strip,
    machine: Machine,
    (double, careful): (bool, bool),
    compared: &FxHashSet<TensorRef>,
    facts: &dyn Fn(Access) -> Option<Facts>,
) -> Option<Lines> {
    let mut builder = Builder {
        strip,
        graph: RefCell::new(Graph::new(machine)),
        double,
        careful,
        values: vec![None; strip.lines.len()],
        free: free(strip, compared),
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
    let lanes = machine.lanes(double);
    let Builder { graph, streams, uniforms, .. } = builder;
    Some(Lines { graph: graph.into_inner(), streams, uniforms, left, lanes, double })
}

/// Which lines feed no comparison, no minimum or maximum over lanes and none of the tensors that are compared later: their
/// last bit may depend on how they are computed.
pub(in crate::jit) fn free(strip: &Strip, compared: &FxHashSet<TensorRef>) -> Vec<bool> {
    let mut free = vec![true; strip.lines.len()];
    let bind = |free: &mut Vec<bool>, operand: Operand| free[operand.0 as usize] = false;
    for effect in &strip.effects {
        match effect {
            Effect::Accumulate(ReduceOp::Min | ReduceOp::Max, _, value) => bind(&mut free, *value),
            Effect::Store(access, value) if is_extreme(strip, access, *value) || compared.contains(&access.tensor) => {
                bind(&mut free, *value);
            }
            Effect::Store(..) | Effect::Set(..) | Effect::Accumulate(..) => {}
        }
    }
    for (position, line) in strip.lines.iter().enumerate().rev() {
        let compared = matches!(line.instruction, Instruction::Compare(..));
        if compared || !free[position] {
            line.instruction.operands().into_iter().for_each(|operand| bind(&mut free, operand));
        }
    }
    free
}

/// Whether what is stored is the minimum or maximum of what is there and something else.
fn is_extreme(strip: &Strip, access: &kernel::Access, value: Operand) -> bool {
    let is_there = |line: &Line| matches!(&line.instruction, Instruction::Load(from) if from == access);
    let instruction = &strip.lines[value.0 as usize].instruction;
    matches!(instruction, Instruction::Binary(Binary::Min | Binary::Max, ..)) && strip.lines.iter().any(is_there)
}

impl Builder<'_> {
    pub fn data(&self, operand: Operand) -> &Line {
        &self.strip.lines[operand.0 as usize]
    }

    pub fn real(&self) -> Lane {
        if self.double { Lane::F64 } else { Lane::F32 }
    }

    /// How many registers hold ints.
    pub fn int_parts(&self) -> usize {
        if self.double { 1 } else { 2 }
    }

    pub fn node(&self, op: Op, lane: Lane, operands: &[Id]) -> Id {
        self.graph.borrow_mut().add(op, lane, operands)
    }

    pub fn real_constant(&self, value: f64) -> Id {
        let bits = if self.double { value.to_bits() } else { u64::from((value as f32).to_bits()) };
        self.graph.borrow_mut().constant(self.real(), bits)
    }

    pub fn uniform(&mut self, uniform: Uniform, lane: Lane) -> Id {
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
    pub fn value(&mut self, operand: Operand) -> Parts {
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

    pub fn first(&mut self, operand: Operand) -> Id {
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
        let is_result = facts.is_result && contiguous;
        let is_replaced = self.is_replaced(of);
        self.streams.push(Stream {
            of,
            lane: facts.lane,
            contiguous,
            guard,
            is_result,
            ahead: facts.ahead,
            is_replaced,
            of_four: None,
        });
        self.streams.len() as u32 - 1
    }

    /// Whether the strip writes what an access loads: a gradient lies where what it is made of was kept.
    fn is_replaced(&self, of: Access) -> bool {
        let Access::Line(line) = of else { return false };
        let Instruction::Load(access) = &self.strip.lines[line].instruction else { return false };
        self.strip.effects.iter().any(|effect| matches!(effect, Effect::Store(to, _) if to.tensor == access.tensor))
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
        let of = Access::Line(line);
        self.streams.push(Stream {
            of,
            lane: facts.lane,
            contiguous: true,
            guard: None,
            is_result: false,
            ahead: Ahead::Nothing,
            is_replaced: false,
            of_four: None,
        });
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
    pub fn ints(&self, step: impl Fn(&mut Graph, usize) -> Id) -> Parts {
        let mut graph = self.graph.borrow_mut();
        let first = step(&mut graph, 0);
        [first, if self.int_parts() == 2 { step(&mut graph, 1) } else { first }]
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
        if let (Effect::Accumulate(op, ..), None) = (effect, &facts) {
            let (lane, count) = match element {
                Element::Real => (self.real(), 1),
                Element::Int => (Lane::I64, self.int_parts()),
                Element::Bool => return None,
            };
            return Some(Left::Reduce { effect: position, op: *op, lane, parts: parts[..count].to_vec(), under: None });
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
