//! The innermost code: values → strips and calls of block functions.
//!
//! Outside of a blocked loop everything is one strip that runs once, functions included. Inside, a
//! function is called for a whole block, so the values of a leaf fall into rounds: what needs the result
//! of a function called after round r is in round r + 1. What two rounds need goes through scratch memory, except
//! for what is only loaded; nothing is computed in an earlier round than the one that needs it.

use rustc_hash::{FxHashMap, FxHashSet};

use super::analysis::{Demand, Goal, Home, is_transcendental};
use super::schedule::Scheduler;
use super::value::{Position, Source, ValueId, ValueOp};
use crate::ir::{AxisId, Constant};
use crate::kernel::{
    Access, BufferId, BufferKind, Call, Coordinate, Effect, Function, Instruction, Line, Operand, Place, Statement,
    Strip, Target, TensorRef,
};
use crate::op::{Compare, Element, LOGISTIC, Logic, Unary};

impl Scheduler<'_> {
    /// Code for demands whose axes are all open and that need no further loop.
    pub(super) fn leaf(&mut self, demands: Vec<Demand>) -> Vec<Statement> {
        if demands.is_empty() {
            return Vec::new();
        }
        let vector = self.vector;
        let varies = |demand: &Demand| vector.is_some_and(|vector| demand.domain.contains(&vector));
        let (blocked, once): (Vec<_>, Vec<_>) = demands.into_iter().partition(varies);
        let mut statements = Vec::new();
        if !once.is_empty() {
            let once = self.place_provided(once);
            let mut writer = Writer::new(self, None, FxHashMap::default());
            for (demand, _) in &once {
                writer.demand(demand);
            }
            statements.push(Statement::Strip(writer.strip));
            self.remember(once);
        }
        if !blocked.is_empty() {
            statements.extend(self.hoist_scalars(&blocked));
            let blocked = self.place_provided(blocked);
            statements.extend(self.rounds(&blocked));
            self.remember(blocked);
        }
        statements
    }

    fn remember(&mut self, provided: Vec<(Demand, Option<Place>)>) {
        for (demand, place) in provided {
            if let Some(place) = place {
                self.available.insert(demand.value, Home::from(place));
            }
        }
    }

    fn rounds(&mut self, demands: &[(Demand, Option<Place>)]) -> Vec<Statement> {
        let rounds = Rounds::new(self, demands);
        let mut scratch = FxHashMap::default();
        let mut statements = Vec::new();
        for round in 0..=rounds.last {
            let mut stores = Vec::new();
            for &(value, _) in rounds.spilled.iter().filter(|(_, first)| *first == round) {
                let element = self.values.get(value).element;
                stores.push((value, self.new_buffer(element, BufferKind::Scratch, Vec::new(), true)));
            }
            let mut writer = Writer::new(self, self.vector, scratch.clone());
            for (demand, _) in demands.iter().filter(|(demand, _)| rounds.ready(demand.value) == round) {
                writer.demand(demand);
            }
            for &(value, buffer) in &stores {
                let line = writer.value(value);
                writer.strip.effects.push(Effect::Store(Access::of_lane(buffer), line));
            }
            if !writer.strip.effects.is_empty() {
                statements.push(Statement::Strip(writer.strip));
            }
            scratch.extend(stores);
            for &value in rounds.calls.iter().filter(|value| rounds.round[value] == round) {
                if !scratch.contains_key(&value) {
                    statements.push(self.call(value, &rounds, &mut scratch));
                }
            }
        }
        statements
    }

    fn call(&mut self, value: ValueId, rounds: &Rounds, scratch: &mut FxHashMap<ValueId, BufferId>) -> Statement {
        if let Some(family) = rounds.family(value) {
            return self.shared_call(family, scratch);
        }
        let data = self.values.get(value);
        let function = function_of(&data.op);
        let arguments = data.operands.iter().map(|operand| scratch[operand]).collect();
        let result = self.new_buffer(data.element, BufferKind::Scratch, Vec::new(), true);
        scratch.insert(value, result);
        Statement::Call(Call { function, arguments, results: vec![Some(result)] })
    }

    fn shared_call(&mut self, family: &Family, scratch: &mut FxHashMap<ValueId, BufferId>) -> Statement {
        let arguments = vec![scratch[&family.operand]];
        let mut results = Vec::new();
        for member in family.members {
            let result = member.map(|_| self.new_buffer(Element::Real, BufferKind::Scratch, Vec::new(), true));
            scratch.extend(member.zip(result));
            results.push(result);
        }
        Statement::Call(Call { function: Function::Logistic, arguments, results })
    }
}

/// The function that a value is.
fn function_of(op: &ValueOp) -> Function {
    match *op {
        ValueOp::Unary(op) => Function::Unary(op),
        ValueOp::Binary(op) => Function::Binary(op),
        ValueOp::Polygamma(order) => Function::Polygamma(order),
        _ => unreachable!("only functions are called"),
    }
}

/// Functions of one value that share an exponential.
struct Family {
    operand: ValueId,
    /// In the order of [`LOGISTIC`].
    members: [Option<ValueId>; LOGISTIC.len()],
}

/// Which value is computed in which round.
struct Rounds {
    round: FxHashMap<ValueId, usize>,
    /// In order.
    calls: Vec<ValueId>,
    is_call: FxHashSet<ValueId>,
    /// The calls that are one.
    families: Vec<Family>,
    /// What goes through scratch memory, in order, each with the round whose strip writes it.
    spilled: Vec<(ValueId, usize)>,
    last: usize,
}

impl Rounds {
    fn new(scheduler: &Scheduler<'_>, demands: &[(Demand, Option<Place>)]) -> Rounds {
        let mut cone = Vec::new();
        for (demand, _) in demands {
            scheduler.context().walk(demand.value, |id| {
                cone.push(id);
                true
            });
        }
        cone.sort();
        cone.dedup();
        let mut rounds = Rounds {
            round: FxHashMap::default(),
            calls: Vec::new(),
            is_call: FxHashSet::default(),
            families: Vec::new(),
            spilled: Vec::new(),
            last: 0,
        };
        for &id in &cone {
            let value = scheduler.values.get(id);
            let round = value.operands.iter().map(|&operand| rounds.ready(operand)).max().unwrap_or(0);
            rounds.round.insert(id, round);
            let varies = scheduler.vector.is_some_and(|vector| value.axes.contains(&vector));
            if varies && is_transcendental(&value.op) && !(scheduler.inlined)(function_of(&value.op)) {
                rounds.is_call.insert(id);
                rounds.calls.push(id);
            }
        }
        rounds.find_families(scheduler);
        rounds.last = demands.iter().map(|(demand, _)| rounds.ready(demand.value)).max().unwrap_or(0);
        rounds.find_spilled(scheduler, demands);
        rounds
    }

    /// Two calls or more of x or −x become one.
    fn find_families(&mut self, scheduler: &Scheduler<'_>) {
        for &call in &self.calls {
            let value = scheduler.values.get(call);
            let ValueOp::Unary(op) = value.op else { continue };
            let (mut operand, mut negated) = (value.operands[0], false);
            let below = scheduler.values.get(operand);
            if below.op == ValueOp::Unary(Unary::Neg) && self.round.contains_key(&below.operands[0]) {
                (operand, negated) = (below.operands[0], true);
            }
            let Some(place) = LOGISTIC.iter().position(|&row| row == (op, negated)) else { continue };
            match self.families.iter_mut().find(|family| family.operand == operand) {
                Some(family) => family.members[place] = Some(call),
                None => {
                    let mut members = [None; LOGISTIC.len()];
                    members[place] = Some(call);
                    self.families.push(Family { operand, members });
                }
            }
        }
        self.families.retain(|family| family.members.iter().flatten().count() > 1);
    }

    /// What a call reads.
    fn arguments<'s>(&'s self, scheduler: &'s Scheduler<'_>, call: ValueId) -> &'s [ValueId] {
        match self.family(call) {
            Some(family) => std::slice::from_ref(&family.operand),
            None => &scheduler.values.get(call).operands,
        }
    }

    /// The calls with which a call is one.
    fn family(&self, call: ValueId) -> Option<&Family> {
        self.families.iter().find(|family| family.members.contains(&Some(call)))
    }

    /// What calls read, and what the strips of several rounds need; this is written by the first of them. Nothing is
    /// computed before it is needed: a strip that needs it can do it as well.
    fn find_spilled(&mut self, scheduler: &Scheduler<'_>, demands: &[(Demand, Option<Place>)]) {
        let mut needed: Vec<Vec<ValueId>> = vec![Vec::new(); self.last + 1];
        for (demand, _) in demands {
            needed[self.ready(demand.value)].push(demand.value);
        }
        let mut spilled: FxHashMap<ValueId, usize> = FxHashMap::default();
        for &call in &self.calls {
            let round = self.round[&call];
            for &argument in self.arguments(scheduler, call).iter().filter(|value| !self.is_call.contains(value)) {
                needed[round].push(argument);
                spilled.entry(argument).and_modify(|first| *first = round.min(*first)).or_insert(round);
            }
        }
        let mut computed: FxHashMap<ValueId, usize> = FxHashMap::default();
        for (round, mut open) in needed.into_iter().enumerate() {
            let mut seen = FxHashSet::default();
            while let Some(id) = open.pop() {
                let is_there = self.is_call.contains(&id) || spilled.get(&id).is_some_and(|&first| first < round);
                if is_there || !self.round.contains_key(&id) || !seen.insert(id) {
                    continue;
                }
                match computed.get(&id) {
                    Some(&first) if self.is_work(scheduler, id) => {
                        spilled.insert(id, first);
                    }
                    _ => {
                        computed.entry(id).or_insert(round);
                        open.extend(scheduler.values.get(id).operands.iter().copied());
                    }
                }
            }
        }
        self.spilled = spilled.into_iter().collect();
        self.spilled.sort();
    }

    /// Whether computing a value again costs more than loading it. Bools would keep a strip from running in vectors.
    fn is_work(&self, scheduler: &Scheduler<'_>, id: ValueId) -> bool {
        let value = scheduler.values.get(id);
        let varies = scheduler.vector.is_some_and(|vector| value.axes.contains(&vector));
        let light = matches!(value.op, ValueOp::Load(..) | ValueOp::Index(_)) || value.element == Element::Bool;
        self.round.contains_key(&id) && varies && !light
    }

    /// The first round in which a value can be used.
    fn ready(&self, id: ValueId) -> usize {
        self.round.get(&id).copied().unwrap_or(0) + usize::from(self.is_call.contains(&id))
    }
}

/// Writes one strip.
struct Writer<'a, 'b> {
    scheduler: &'a Scheduler<'b>,
    strip: Strip,
    /// What earlier rounds left in scratch memory.
    scratch: FxHashMap<ValueId, BufferId>,
    known: FxHashMap<ValueId, Operand>,
}

impl<'a, 'b> Writer<'a, 'b> {
    fn new(scheduler: &'a Scheduler<'b>, vector: Option<AxisId>, scratch: FxHashMap<ValueId, BufferId>) -> Self {
        Writer { scheduler, strip: Strip { vector, ..Strip::default() }, scratch, known: FxHashMap::default() }
    }

    fn demand(&mut self, demand: &Demand) {
        let line = self.value(demand.value);
        let line = match demand.goal {
            Goal::Keep(tensor) if self.is_number_in(tensor, demand.value) => {
                let varies = self.strip.lines[line.0 as usize].varies;
                self.line(Instruction::Cast(Element::Real, line), Element::Real, varies)
            }
            _ => line,
        };
        let effect = match &demand.goal {
            Goal::Output(tensor, positions) => {
                let coordinates = positions.iter().map(|&position| self.coordinate(position, None)).collect();
                Effect::Store(Access { tensor: *tensor, coordinates }, line)
            }
            Goal::Keep(tensor) => Effect::Store(self.own(*tensor), line),
            Goal::Set(register) => Effect::Set(*register, line),
            Goal::Reduce(op, Place::Register(register)) => Effect::Accumulate(*op, Target::Register(*register), line),
            Goal::Reduce(op, Place::Buffer(buffer)) => {
                Effect::Accumulate(*op, Target::Memory(self.own(TensorRef::Buffer(*buffer))), line)
            }
            Goal::Provide => unreachable!("a leaf's values have got their places"),
        };
        self.strip.effects.push(effect);
    }

    /// Whether a tensor holds a condition as a number, 1 or 0.
    fn is_number_in(&self, tensor: TensorRef, value: ValueId) -> bool {
        let TensorRef::Buffer(buffer) = tensor else { return false };
        let is_condition = self.scheduler.values.get(value).element == Element::Bool;
        is_condition && self.scheduler.plan.buffer(buffer).element == Element::Real
    }

    fn line(&mut self, instruction: Instruction, element: Element, varies: bool) -> Operand {
        self.strip.lines.push(Line { instruction, element, varies });
        Operand(self.strip.lines.len() as u32 - 1)
    }

    /// The element of a tensor at the loops' own positions.
    fn own(&self, tensor: TensorRef) -> Access {
        let axes = self.scheduler.plan.axes_of(tensor);
        Access { tensor, coordinates: axes.iter().map(|&axis| Coordinate::Axis(axis)).collect() }
    }

    fn coordinate(&self, position: Position, axis: Option<AxisId>) -> Coordinate {
        match (position, axis) {
            (Position::Axis(axis), _) => Coordinate::Axis(axis),
            (Position::Fixed(position), _) => Coordinate::Fixed(position),
            (Position::Computed(value), Some(axis)) => Coordinate::Computed(self.known[&value], axis),
            (Position::Computed(_), None) => unreachable!("outputs are written at known positions"),
        }
    }

    /// The line of a value; writes it, and what it needs, where it is not there yet.
    fn value(&mut self, id: ValueId) -> Operand {
        let mut stack = vec![id];
        while let Some(&next) = stack.last() {
            if self.known.contains_key(&next) {
                stack.pop();
                continue;
            }
            let missing = self.missing(next);
            if missing.is_empty() {
                stack.pop();
                self.write(next);
            } else {
                stack.extend(missing);
            }
        }
        self.known[&id]
    }

    fn is_there(&self, id: ValueId) -> bool {
        self.scratch.contains_key(&id) || self.scheduler.available.contains_key(&id)
    }

    fn missing(&self, id: ValueId) -> Vec<ValueId> {
        if self.is_there(id) {
            return Vec::new();
        }
        let operands = &self.scheduler.values.get(id).operands;
        operands.iter().copied().filter(|operand| !self.known.contains_key(operand)).collect()
    }

    fn write(&mut self, id: ValueId) {
        let value = self.scheduler.values.get(id);
        let instruction = if let Some(&buffer) = self.scratch.get(&id) {
            Instruction::Load(Access::of_lane(buffer))
        } else {
            match self.scheduler.available.get(&id) {
                Some(Home::Register(register)) => Instruction::Register(*register),
                Some(Home::Memory(tensor)) => Instruction::Load(self.own(*tensor)),
                None => self.instruction(id),
            }
        };
        let varies = self.strip.vector.is_some_and(|vector| value.axes.contains(&vector));
        let line = match &instruction {
            Instruction::Load(access) if self.is_number_in(access.tensor, id) => {
                let number = self.line(instruction, Element::Real, varies);
                let zero = self.line(Instruction::Constant(Constant::Real(0.0)), Element::Real, false);
                self.line(Instruction::Compare(Compare::Ne, number, zero), Element::Bool, varies)
            }
            _ => self.line(instruction, value.element, varies),
        };
        self.known.insert(id, line);
    }

    fn instruction(&self, id: ValueId) -> Instruction {
        let value = self.scheduler.values.get(id);
        let operand = |position: usize| self.known[&value.operands[position]];
        match &value.op {
            ValueOp::Constant(constant) => Instruction::Constant(*constant),
            ValueOp::Parameter(parameter) => Instruction::Parameter(*parameter),
            ValueOp::Size(axis) => Instruction::Size(*axis),
            ValueOp::Index(axis) => Instruction::Index(*axis),
            ValueOp::Load(source, positions) => Instruction::Load(self.load(*source, positions)),
            ValueOp::Unary(op) => Instruction::Unary(*op, operand(0)),
            ValueOp::Binary(op) => Instruction::Binary(*op, operand(0), operand(1)),
            ValueOp::Compare(op) => Instruction::Compare(*op, operand(0), operand(1)),
            ValueOp::Logic(Logic::Not) => Instruction::Logic(Logic::Not, operand(0), operand(0)),
            ValueOp::Logic(op) => Instruction::Logic(*op, operand(0), operand(1)),
            ValueOp::Polygamma(order) => Instruction::Polygamma(*order, operand(0)),
            ValueOp::Select => Instruction::Select(operand(0), operand(1), operand(2)),
            ValueOp::MulAdd { negate_product, negate_addend } => {
                let signs = (*negate_product, *negate_addend);
                Instruction::MulAdd(signs, operand(0), operand(1), operand(2))
            }
            ValueOp::Cast(element) => Instruction::Cast(*element, operand(0)),
            ValueOp::Reduce(..) => unreachable!("reductions are provided before they are used"),
        }
    }

    fn load(&self, source: Source, positions: &[(AxisId, Position)]) -> Access {
        let coordinate = |&(axis, position)| self.coordinate(position, Some(axis));
        let of = |tensor| Access { tensor, coordinates: positions.iter().map(coordinate).collect() };
        match source {
            Source::Input(input) => of(TensorRef::Input(input)),
            Source::Buffer(buffer) => of(TensorRef::Buffer(buffer)),
            Source::Value(stored) => {
                let Some(&Home::Memory(tensor)) = self.scheduler.available.get(&stored) else {
                    unreachable!("what is loaded elsewhere was stored")
                };
                // The buffer lacks the axes that were open when it was made; there the positions agree.
                let at = |axis: &AxisId| {
                    let position = positions.iter().find(|(own, _)| own == axis).map(|&(_, position)| position);
                    self.coordinate(position.unwrap_or(Position::Axis(*axis)), Some(*axis))
                };
                let axes = self.scheduler.plan.axes_of(tensor);
                Access { tensor, coordinates: axes.iter().map(at).collect() }
            }
        }
    }
}
