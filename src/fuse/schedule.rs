//! Nests the loops.
//!
//! `run` turns demands at one depth into statements: it chooses an axis, lets [`super::analysis`] sort
//! the demands into levels, and makes for every level first what is outside of the loop (by itself,
//! with the axes that are left), then the loop, whose body is made in the same way one depth further in.

use rustc_hash::FxHashMap;

use super::analysis::{Available, Context, Demand, Goal, Home, Item};
use super::lend::loans;
use super::prepare::Piece;
use super::region::{Level, Step};
use super::value::{Position, Source, ValueId, ValueOp, Values};
use crate::ir::AxisId;
use crate::kernel::{
    Accumulator, Buffer, BufferId, BufferKind, Function, Loop, Place, Plan, Register, RegisterId, Repeat, Statement,
    TensorRef,
};
use crate::op::{Element, ReduceOp, Unary};

/// Schedules all pieces of all levels into the plan, each level's whole operations after its loops.
pub(super) fn schedule(plan: Plan, values: &Values, levels: Vec<Level>, inlined: &dyn Fn(Function) -> bool) -> Plan {
    let contiguity = contiguity(&plan, values, &levels);
    let mut scheduler = Scheduler {
        values,
        plan,
        available: Available::default(),
        open: Vec::new(),
        vector: None,
        contiguity,
        lent: FxHashMap::default(),
        inlined,
    };
    scheduler.plan.statements = scheduler.in_order(levels);
    scheduler.plan
}

fn demand(values: &Values, piece: Piece) -> Demand {
    let mut domain = values.axes(piece.value).clone();
    for position in &piece.positions {
        if let Position::Axis(axis) = position
            && !domain.contains(axis)
        {
            domain.push(*axis);
        }
    }
    Demand { value: piece.value, goal: Goal::Output(piece.target, piece.positions), domain }
}

/// For every axis a number that is the larger the more tensors are contiguous along it; 0 for those that are short.
fn contiguity(plan: &Plan, values: &Values, levels: &[Level]) -> Vec<u64> {
    let mut scores = vec![0; plan.axes.len()];
    let mut add = |positions: &mut dyn Iterator<Item = Position>| {
        let positions: Vec<Position> = positions.collect();
        for (place, position) in positions.iter().enumerate() {
            if let Position::Axis(axis) = position {
                let last = place + 1 == positions.len();
                scores[axis.0 as usize] += if last { 1000 * positions.len() as u64 } else { place as u64 };
            }
        }
    };
    for id in 0..values.len() {
        if let ValueOp::Load(Source::Input(_) | Source::Buffer(_), positions) = &values.get(ValueId(id as u32)).op {
            add(&mut positions.iter().map(|&(_, position)| position));
        }
    }
    let mut todo: Vec<&Level> = levels.iter().collect();
    while let Some(level) = todo.pop() {
        level.pieces.iter().for_each(|piece| add(&mut piece.positions.iter().copied()));
        for step in &level.steps {
            if let Step::Repeat(turns) = step {
                todo.extend(&turns.body);
            }
        }
    }
    plan.short.iter().for_each(|axis| scores[axis.0 as usize] = 0);
    scores
}

/// The state of scheduling at one point of the program.
pub(super) struct Scheduler<'a> {
    pub values: &'a Values,
    pub plan: Plan,
    pub available: Available,
    pub open: Vec<AxisId>,
    pub vector: Option<AxisId>,
    contiguity: Vec<u64>,
    /// The outputs in whose memory a loop is to leave values.
    lent: FxHashMap<ValueId, u32>,
    /// Which functions are computed where they stand.
    pub inlined: &'a dyn Fn(Function) -> bool,
}

impl Scheduler<'_> {
    /// Level by level, each with its whole operations and loops after its own statements.
    fn in_order(&mut self, levels: Vec<Level>) -> Vec<Statement> {
        let mut statements = Vec::new();
        let mut levels = levels.into_iter();
        while let Some(level) = levels.next() {
            let mut demands: Vec<Demand> = level.pieces.into_iter().map(|piece| demand(self.values, piece)).collect();
            demands.extend(self.context().across(&demands, levels.as_slice()));
            statements.extend(self.run(demands));
            for step in level.steps {
                statements.push(match step {
                    Step::Whole(call) => Statement::Whole(call),
                    Step::Repeat(turns) => {
                        // What a turn has computed is of that turn only.
                        let available = self.available.clone();
                        let body = self.in_order(turns.body);
                        self.available = available;
                        Statement::Repeat(Repeat { turns: turns.turns, variables: turns.variables, body })
                    }
                });
            }
        }
        statements
    }

    pub fn context(&self) -> Context<'_> {
        let inlined = (self.inlined)(Function::Unary(Unary::Exp));
        Context { values: self.values, available: &self.available, open: &self.open, inlined }
    }

    pub fn new_register(&mut self, element: Element) -> RegisterId {
        self.plan.registers.push(Register { element, local: !self.open.is_empty() });
        RegisterId(self.plan.registers.len() as u32 - 1)
    }

    pub fn new_buffer(&mut self, element: Element, kind: BufferKind, axes: Vec<AxisId>, block: bool) -> BufferId {
        self.plan.buffers.push(Buffer { element, kind, axes, block, local: !self.open.is_empty() });
        BufferId(self.plan.buffers.len() as u32 - 1)
    }

    /// A place for a value at this depth: of the axes that are not open, and of a block if it varies
    /// along the vector axis.
    fn new_place(&mut self, value: ValueId, kind: BufferKind) -> Place {
        let element = self.values.get(value).element;
        let own = self.values.axes(value);
        let block = self.vector.is_some_and(|vector| own.contains(&vector));
        let mut axes: Vec<AxisId> = own.iter().copied().filter(|axis| !self.open.contains(axis)).collect();
        axes.sort_by_key(|axis| (self.contiguity[axis.0 as usize], axis.0));
        if axes.is_empty() && !block {
            Place::Register(self.new_register(element))
        } else {
            // Vectors of conditions have no place in memory: 1 or 0 stands for one.
            let element = if element == Element::Bool { Element::Real } else { element };
            Place::Buffer(self.new_buffer(element, kind, axes, block))
        }
    }

    pub fn run(&mut self, demands: Vec<Demand>) -> Vec<Statement> {
        if demands.is_empty() {
            return Vec::new();
        }
        let remaining = self.context().remaining(&demands);
        if remaining.is_empty() {
            return self.leaf(demands);
        }
        let (axis, items) = self.choose(&demands, &remaining);
        self.levels(axis, items)
    }

    /// The axis with the fewest levels; among equals the least contiguous. Short ones last: what a range reads of a tensor
    /// lies together only if their loops are inside.
    fn choose(&self, demands: &[Demand], remaining: &[AxisId]) -> (AxisId, Vec<Item>) {
        let context = self.context();
        let cost = |axis: AxisId, items: &[Item]| {
            let levels = items.iter().filter(|item| item.inside).map(|item| item.level + 1).max().unwrap_or(usize::MAX);
            (self.plan.short.contains(&axis), levels, self.contiguity[axis.0 as usize], axis)
        };
        let options = remaining.iter().map(|&axis| (axis, context.analyse(demands, axis)));
        let best = options.min_by_key(|(axis, items)| cost(*axis, items));
        best.unwrap_or_else(|| unreachable!("an axis is left to choose"))
    }

    fn levels(&mut self, axis: AxisId, items: Vec<Item>) -> Vec<Statement> {
        let items = self.context().postponed(items, axis);
        let kept = self.context().kept(&items, axis);
        let loans = loans(&self.context(), &self.plan.outputs, &items, &kept, axis);
        let last = items.iter().map(|item| item.level).max().unwrap_or(0);
        let mut levels: Vec<(Vec<Demand>, Vec<Demand>)> = vec![Default::default(); last + 1];
        for item in items {
            let level = &mut levels[item.level];
            if item.inside { level.1.push(item.demand) } else { level.0.push(item.demand) }
        }
        let is_kept = |value| kept.iter().any(|&(own, _)| own == value);
        for &(value, level) in &kept {
            let domain = self.context().domain(value);
            levels[level].1.push(Demand { value, goal: Goal::Provide, domain });
        }
        for loan in &loans {
            if !is_kept(loan.value) {
                let domain = self.context().domain(loan.value);
                levels[loan.level].1.push(Demand { value: loan.value, goal: Goal::Provide, domain });
            }
            self.lent.insert(loan.value, loan.output);
        }
        let mut statements = Vec::new();
        for (outside, inside) in levels {
            statements.extend(self.run(outside));
            if !inside.is_empty() {
                statements.extend(self.before_loop(&inside));
                statements.push(self.looped(axis, inside));
            }
        }
        // By now something else lies there.
        for loan in &loans {
            self.available.remove(&loan.value);
        }
        statements
    }

    /// One loop, with what it provides.
    fn looped(&mut self, axis: AxisId, demands: Vec<Demand>) -> Statement {
        let mut accumulators = Vec::new();
        let mut provided = Vec::new();
        let mut inner = Vec::new();
        for demand in demands {
            if !matches!(demand.goal, Goal::Provide) {
                inner.push(demand);
                continue;
            }
            let value = self.values.get(demand.value);
            if let Some(output) = self.lent.remove(&demand.value) {
                let tensor = TensorRef::Output(output);
                provided.push((demand.value, Home::Memory(tensor)));
                inner.push(Demand { value: demand.value, goal: Goal::Keep(tensor), domain: value.axes.clone() });
                continue;
            }
            let reduction = match &value.op {
                // One that keeps the axis is whole inside of the loop, and kept from there: as a double, as it is there.
                ValueOp::Reduce(op, over) if over.contains(&axis) => Some(*op),
                _ => None,
            };
            // An extreme is one of its operands: it has their precision, but where ranges of a stage are combined.
            let kind = match reduction {
                Some(ReduceOp::Min | ReduceOp::Max) if !self.open.is_empty() => BufferKind::Kept,
                Some(_) => BufferKind::Accumulator,
                None if self.is_scalar_inside(demand.value, axis) => BufferKind::Accumulator,
                None => BufferKind::Kept,
            };
            let place = self.new_place(demand.value, kind);
            provided.push((demand.value, Home::from(place.clone())));
            match (reduction, place) {
                (Some(op), place) => {
                    let group = self.group(op, value.element, &place);
                    accumulators.push(Accumulator { op, element: value.element, place: place.clone(), group });
                    let goal = Goal::Reduce(op, group.map_or(place, Place::Buffer));
                    inner.push(Demand { value: value.operands[0], goal, domain: demand.domain });
                }
                (None, Place::Buffer(buffer)) => {
                    let domain = value.axes.clone();
                    let goal = Goal::Keep(TensorRef::Buffer(buffer));
                    inner.push(Demand { value: demand.value, goal, domain });
                }
                (None, Place::Register(_)) => unreachable!("a value kept in a loop has the loop's axis"),
            }
        }
        let blocked = self.is_vector(axis, &inner);
        let available = self.available.clone();
        let vector = self.vector;
        self.open.push(axis);
        if blocked {
            self.vector = Some(axis);
        }
        let body = self.run(inner);
        self.open.pop();
        self.vector = vector;
        self.available = available;
        self.available.extend(provided);
        Statement::Loop(Loop { axis, blocked, accumulators, body, together: None })
    }

    /// Whether a value is a sum or a product that is one double at a position of this loop.
    fn is_scalar_inside(&self, value: ValueId, axis: AxisId) -> bool {
        let value = self.values.get(value);
        let is_sum = matches!(value.op, ValueOp::Reduce(ReduceOp::Sum | ReduceOp::Prod, _));
        is_sum && self.open.is_empty() && value.axes[..] == [axis]
    }

    /// Where sums over lanes are made for a group of turns: adding to doubles in memory takes many instructions.
    fn group(&mut self, op: ReduceOp, element: Element, place: &Place) -> Option<BufferId> {
        let Place::Buffer(buffer) = place else { return None };
        let data = self.plan.buffer(*buffer);
        let fits = data.is_one_block() && data.kind == BufferKind::Accumulator;
        let wanted = fits && op == ReduceOp::Sum && element == Element::Real;
        wanted.then(|| self.new_buffer(element, BufferKind::Kept, Vec::new(), true))
    }

    /// Whether a loop is the blocked one: if none is yet, and no other axis inside is more contiguous.
    fn is_vector(&self, axis: AxisId, inner: &[Demand]) -> bool {
        let score = |axis: &AxisId| (!self.plan.short.contains(axis), self.contiguity[axis.0 as usize], *axis);
        let remaining = self.context().remaining(inner);
        self.vector.is_none() && remaining.iter().all(|other| score(other) <= score(&axis))
    }

    /// Gives the values that a leaf provides their places.
    pub fn place_provided(&mut self, demands: Vec<Demand>) -> Vec<(Demand, Option<Place>)> {
        let mut placed = Vec::new();
        for demand in demands {
            if !matches!(demand.goal, Goal::Provide) {
                placed.push((demand, None));
                continue;
            }
            let place = self.new_place(demand.value, BufferKind::Kept);
            let goal = match place {
                Place::Register(register) => Goal::Set(register),
                Place::Buffer(buffer) => Goal::Keep(TensorRef::Buffer(buffer)),
            };
            placed.push((Demand { goal, ..demand }, Some(place)));
        }
        placed
    }
}
