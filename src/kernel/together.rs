//! A loop of several steps → whether a few turns may go through it together, and what each of them then needs for itself.
//!
//! A turn over a row is often a chain: what it reduces to must be known before its next step can begin. A loop that runs
//! each step for a few turns before the next one gives the processor the beginning of the following turn while the end
//! of this one is still underway. The order of turns within a step stays, and so do the bits of a range of turns.

use rustc_hash::{FxHashMap, FxHashSet};

use super::instruction::Instruction;
use super::plan::{
    Access, BufferId, Coordinate, Effect, Loop, Place, Plan, RegisterId, Statement, Strip, Target, TensorRef,
};
use crate::ir::AxisId;

/// The most turns that go together.
pub const TOGETHER: usize = 8;

/// Loops over lanes that make a turn a chain: from one to the next of fewer the processor finds its way by itself.
const SWEEPS: usize = 3;

/// What the turns of a loop that go together have each for themselves.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Together {
    /// Which one of the loops of this kind it is, counted through the plan.
    pub number: u32,
    /// Scalars that one step sets and a later one reads.
    pub registers: Vec<RegisterId>,
    /// What each step does with these.
    pub steps: Vec<StepUse>,
    /// Local buffers that one step writes and a later one reads.
    pub buffers: Vec<BufferId>,
    /// Whether a sweep has functions.
    pub has_functions: bool,
    /// All tensors, with the axes along which a turn goes through them.
    pub tensors: Vec<(TensorRef, Vec<AxisId>)>,
}

/// What a step does with the scalars of a turn.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct StepUse {
    /// By position among them: those that an earlier step has set.
    pub reads: Vec<usize>,
    /// Those that it sets.
    pub writes: Vec<usize>,
}

/// The steps of a loop: a loop inside of it, or what stands between such loops.
pub fn steps(body: &[Statement]) -> impl Iterator<Item = &[Statement]> {
    body.chunk_by(|a, b| !matches!(a, Statement::Loop(_)) && !matches!(b, Statement::Loop(_)))
}

/// The loops of a plan whose turns may go together, in the order of [`for_each_loop`].
pub fn together(plan: &Plan) -> Vec<Option<Together>> {
    let mut everywhere = Uses::default();
    everywhere.statements(&plan.statements);
    let mut found = Vec::new();
    of_statements(plan, &plan.statements, &everywhere, &mut found);
    for (number, together) in found.iter_mut().flatten().enumerate() {
        together.number = number as u32;
    }
    found
}

/// Does something with every loop, an outer one before those inside of it.
pub fn for_each_loop<'p>(statements: &'p [Statement], visit: &mut impl FnMut(&'p Loop)) {
    for statement in statements {
        match statement {
            Statement::Loop(inner) => {
                visit(inner);
                for_each_loop(&inner.body, visit);
            }
            Statement::Repeat(repeat) => for_each_loop(&repeat.body, visit),
            Statement::Strip(_) | Statement::Call(_) | Statement::Whole(_) => {}
        }
    }
}

/// The same, to change them.
pub fn for_each_loop_mut(statements: &mut [Statement], visit: &mut impl FnMut(&mut Loop)) {
    for statement in statements {
        match statement {
            Statement::Loop(inner) => {
                visit(inner);
                for_each_loop_mut(&mut inner.body, visit);
            }
            Statement::Repeat(repeat) => for_each_loop_mut(&mut repeat.body, visit),
            Statement::Strip(_) | Statement::Call(_) | Statement::Whole(_) => {}
        }
    }
}

fn of_statements(plan: &Plan, statements: &[Statement], everywhere: &Uses, found: &mut Vec<Option<Together>>) {
    for statement in statements {
        match statement {
            Statement::Loop(inner) => {
                let own = found.len();
                found.push(None);
                of_statements(plan, &inner.body, everywhere, found);
                // The innermost such loop: in what is around it every step is long.
                if found[own..].iter().all(Option::is_none) {
                    found[own] = of_loop(plan, inner, everywhere);
                }
            }
            Statement::Repeat(repeat) => of_statements(plan, &repeat.body, everywhere, found),
            Statement::Strip(_) | Statement::Call(_) | Statement::Whole(_) => {}
        }
    }
}

fn of_loop(plan: &Plan, inner: &Loop, everywhere: &Uses) -> Option<Together> {
    let is_sweep = |statement: &Statement| matches!(statement, Statement::Loop(step) if has_block(step));
    if inner.blocked || inner.body.iter().filter(|statement| is_sweep(statement)).count() < SWEEPS {
        return None;
    }
    let mut body = Uses::default();
    body.statements(&inner.body);
    let steps: Vec<Uses> = steps(&inner.body)
        .map(|step| {
            let mut uses = Uses::default();
            uses.statements(step);
            uses
        })
        .collect();
    let mut together = Together { has_functions: body.has_functions, ..Together::default() };
    let mut names: Vec<(&Name, &Use)> = body.uses.iter().collect();
    names.sort_by_key(|(name, _)| **name);
    for (&name, used) in names {
        if let Name::Tensor(tensor) = name {
            together.tensors.push((tensor, inner_axes(used, inner.axis, &body.opened)));
        }
        let mut using = steps.iter().filter_map(|step| step.uses.get(&name));
        let (first, others) = (using.next()?, using.count());
        let is_shared = others > 0 && used.is_written;
        if !is_shared || used.is_at_own_position(inner.axis) {
            continue;
        }
        // What a turn leaves to the next one, or to what follows the loop, is not the turn's own.
        let is_own = first.is_started && everywhere.uses.get(&name).is_some_and(|all| all.mentions == used.mentions);
        match name {
            Name::Register(register) if is_own && plan.register(register).local => together.registers.push(register),
            // Of a block there is nothing left after it.
            Name::Tensor(TensorRef::Buffer(buffer)) if plan.buffer(buffer).block => {}
            Name::Tensor(TensorRef::Buffer(buffer))
                if is_own && plan.buffer(buffer).local && !used.is_at_position(inner.axis) =>
            {
                together.buffers.push(buffer);
            }
            Name::Register(_) | Name::Tensor(_) => return None,
        }
    }
    together.steps = vec![StepUse::default(); steps.len()];
    for (position, &register) in together.registers.iter().enumerate() {
        let using = steps.iter().zip(&mut together.steps).filter_map(|(step, found)| {
            let used = step.uses.get(&Name::Register(register))?;
            Some((used, found))
        });
        for (number, (used, found)) in using.enumerate() {
            // The first one that uses it sets it.
            found.reads.extend((number > 0).then_some(position));
            found.writes.extend(used.is_written.then_some(position));
        }
    }
    Some(together)
}

fn has_block(inner: &Loop) -> bool {
    inner.blocked || inner.body.iter().any(|statement| matches!(statement, Statement::Loop(inner) if has_block(inner)))
}

/// The axes of loops inside of a loop along which its accesses to a tensor go.
fn inner_axes(used: &Use, own: AxisId, opened: &FxHashSet<AxisId>) -> Vec<AxisId> {
    let mut axes = Vec::new();
    for coordinate in used.accesses.iter().flat_map(|access| &access.coordinates) {
        if let Coordinate::Axis(axis) = coordinate
            && *axis != own
            && opened.contains(axis)
            && !axes.contains(axis)
        {
            axes.push(*axis);
        }
    }
    axes
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Name {
    Register(RegisterId),
    Tensor(TensorRef),
}

/// What some statements do with a scalar or a tensor.
#[derive(Default)]
struct Use {
    mentions: usize,
    is_written: bool,
    /// Whether it is first stored, set, or reduced to, so that nothing that was there before matters.
    is_started: bool,
    accesses: Vec<Access>,
    /// Whether all of it is used, rather than an element at a time.
    is_whole: bool,
}

impl Use {
    /// Whether some of it depends on the turn of a loop over an axis.
    fn is_at_position(&self, axis: AxisId) -> bool {
        self.accesses.iter().any(|access| access.coordinates.contains(&Coordinate::Axis(axis)))
    }

    /// Whether every turn of a loop over an axis has positions of its own.
    fn is_at_own_position(&self, axis: AxisId) -> bool {
        let place = |access: &Access| access.coordinates.iter().position(|at| *at == Coordinate::Axis(axis));
        let Some(first) = self.accesses.first() else { return false };
        let own = place(first);
        !self.is_whole && own.is_some() && self.accesses.iter().all(|access| place(access) == own)
    }
}

#[derive(Default)]
struct Uses {
    uses: FxHashMap<Name, Use>,
    opened: FxHashSet<AxisId>,
    /// Over lanes.
    has_functions: bool,
}

impl Uses {
    fn mention(&mut self, name: Name) -> &mut Use {
        let used = self.uses.entry(name).or_default();
        used.mentions += 1;
        used
    }

    fn access(&mut self, access: &Access, is_written: bool, is_started: bool) {
        let used = self.mention(Name::Tensor(access.tensor));
        used.is_written |= is_written;
        used.is_started |= is_started && used.mentions == 1;
        used.accesses.push(access.clone());
    }

    /// All of a buffer or a scalar.
    fn whole(&mut self, name: Name, is_written: bool) {
        let used = self.mention(name);
        used.is_written |= is_written;
        used.is_started |= is_written && used.mentions == 1;
        used.is_whole = true;
    }

    fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            match statement {
                Statement::Strip(strip) => self.strip(strip),
                Statement::Call(call) => {
                    self.has_functions = true;
                    let buffer = |buffer: &BufferId| Name::Tensor(TensorRef::Buffer(*buffer));
                    call.arguments.iter().for_each(|argument| self.whole(buffer(argument), false));
                    call.results.iter().flatten().for_each(|result| self.whole(buffer(result), true));
                }
                Statement::Loop(inner) => {
                    self.opened.insert(inner.axis);
                    for accumulator in &inner.accumulators {
                        let place = match accumulator.place {
                            Place::Register(register) => Name::Register(register),
                            Place::Buffer(buffer) => Name::Tensor(TensorRef::Buffer(buffer)),
                        };
                        self.whole(place, true);
                        if let Some(group) = accumulator.group {
                            self.whole(Name::Tensor(TensorRef::Buffer(group)), true);
                        }
                    }
                    self.statements(&inner.body);
                }
                Statement::Whole(call) => {
                    call.operands.iter().for_each(|operand| self.whole(Name::Tensor(operand.tensor), false));
                    self.whole(Name::Tensor(TensorRef::Buffer(call.result)), true);
                }
                Statement::Repeat(repeat) => {
                    for variable in &repeat.variables {
                        let buffers = [variable.current, variable.next].into_iter().chain(variable.traces.clone());
                        buffers.for_each(|buffer| self.whole(Name::Tensor(TensorRef::Buffer(buffer)), true));
                    }
                    self.statements(&repeat.body);
                }
            }
        }
    }

    fn strip(&mut self, strip: &Strip) {
        for line in &strip.lines {
            self.has_functions |= line.varies && line.instruction.is_function();
            match &line.instruction {
                Instruction::Register(register) => {
                    self.mention(Name::Register(*register));
                }
                Instruction::Load(access) => self.access(access, false, false),
                _ => {}
            }
        }
        for effect in &strip.effects {
            match effect {
                Effect::Store(access, _) => self.access(access, true, true),
                Effect::Accumulate(_, Target::Memory(access), _) => self.access(access, true, false),
                Effect::Set(register, _) => self.whole(Name::Register(*register), true),
                Effect::Accumulate(_, Target::Register(register), _) => {
                    self.mention(Name::Register(*register)).is_written = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Accumulator, Buffer, BufferKind, Line, Operand, Register};
    use crate::op::{Element, ReduceOp};

    const ROW: AxisId = AxisId(0);
    const LANE: AxisId = AxisId(1);

    fn strip(vector: Option<AxisId>, load: Instruction, effect: Effect) -> Statement {
        let line = Line { instruction: load, element: Element::Real, varies: vector.is_some() };
        Statement::Strip(Strip { vector, lines: vec![line], effects: vec![effect] })
    }

    fn over(axis: AxisId, reduced: Option<RegisterId>, body: Vec<Statement>) -> Statement {
        let accumulators = reduced.into_iter().map(|register| Accumulator {
            op: ReduceOp::Sum,
            element: Element::Real,
            place: Place::Register(register),
            group: None,
        });
        let accumulators = accumulators.collect();
        Statement::Loop(Loop { axis, blocked: axis == LANE, accumulators, body, together: None })
    }

    fn at(tensor: TensorRef, axes: &[AxisId]) -> Access {
        Access { tensor, coordinates: axes.iter().map(|&axis| Coordinate::Axis(axis)).collect() }
    }

    /// for row reducing s0: { for lanes reducing s2: s2 += input; for lanes reducing s1: s1 += s2; once: `once`; for lanes:
    /// store to `written` }
    fn plan(once: Effect, written: Access, after: Vec<Statement>) -> Plan {
        let (s0, s1, s2) = (RegisterId(0), RegisterId(1), RegisterId(2));
        let sum = |register| Effect::Accumulate(ReduceOp::Sum, Target::Register(register), Operand(0));
        let input = at(TensorRef::Input(0), &[ROW, LANE]);
        let body = vec![
            over(LANE, Some(s2), vec![strip(Some(LANE), Instruction::Load(input), sum(s2))]),
            over(LANE, Some(s1), vec![strip(Some(LANE), Instruction::Register(s2), sum(s1))]),
            strip(None, Instruction::Register(s1), once),
            over(LANE, None, vec![strip(Some(LANE), Instruction::Register(s1), Effect::Store(written, Operand(0)))]),
        ];
        let buffer =
            Buffer { element: Element::Real, kind: BufferKind::Kept, axes: vec![LANE], block: false, local: true };
        let register = |local| Register { element: Element::Real, local };
        let mut statements = vec![over(ROW, Some(s0), body)];
        statements.extend(after);
        Plan {
            buffers: vec![buffer],
            registers: vec![register(false), register(true), register(true)],
            statements,
            ..Plan::default()
        }
    }

    fn sum_of_rows() -> Effect {
        Effect::Accumulate(ReduceOp::Sum, Target::Register(RegisterId(0)), Operand(0))
    }

    #[test]
    fn a_turn_has_what_one_step_sets_and_another_reads() {
        let plan = plan(sum_of_rows(), at(TensorRef::Output(0), &[ROW, LANE]), Vec::new());
        let found = together(&plan);
        let Some(outer) = &found[0] else { panic!("the rows may go together") };
        assert_eq!(outer.registers, [RegisterId(1), RegisterId(2)]);
        let steps: Vec<(&[usize], &[usize])> =
            outer.steps.iter().map(|step| (&step.reads[..], &step.writes[..])).collect();
        assert_eq!(steps, [(&[][..], &[1][..]), (&[1], &[0]), (&[0], &[]), (&[0], &[])]);
        assert!(outer.buffers.is_empty());
        assert_eq!(outer.tensors, [(TensorRef::Input(0), vec![LANE]), (TensorRef::Output(0), vec![LANE])]);
        assert!(found[1..].iter().all(Option::is_none), "blocks are no rows");
    }

    #[test]
    fn fewer_sweeps_are_no_chain() {
        let mut plan = plan(sum_of_rows(), at(TensorRef::Output(0), &[ROW, LANE]), Vec::new());
        let Statement::Loop(rows) = &mut plan.statements[0] else { panic!("it is a loop") };
        rows.body.remove(0);
        assert!(together(&plan).iter().all(Option::is_none));
    }

    #[test]
    fn a_buffer_that_later_steps_read_is_a_turns_own() {
        let kept = at(TensorRef::Buffer(BufferId(0)), &[LANE]);
        let mut plan = plan(sum_of_rows(), kept.clone(), Vec::new());
        let read = strip(
            Some(LANE),
            Instruction::Load(kept),
            Effect::Store(at(TensorRef::Output(0), &[ROW, LANE]), Operand(0)),
        );
        let Statement::Loop(rows) = &mut plan.statements[0] else { panic!("it is a loop") };
        rows.body.push(over(LANE, None, vec![read]));
        assert_eq!(together(&plan)[0].as_ref().map(|found| found.buffers.clone()), Some(vec![BufferId(0)]));
    }

    #[test]
    fn what_goes_from_turn_to_turn_forbids_it() {
        let output = at(TensorRef::Output(0), &[ROW, LANE]);
        // The sum of the rows so far is read by a later step.
        let mut reading = plan(sum_of_rows(), output.clone(), Vec::new());
        let Statement::Loop(rows) = &mut reading.statements[0] else { panic!("it is a loop") };
        let read = strip(
            Some(LANE),
            Instruction::Register(RegisterId(0)),
            Effect::Store(at(TensorRef::Output(0), &[ROW, LANE]), Operand(0)),
        );
        rows.body.push(over(LANE, None, vec![read]));
        assert!(together(&reading).iter().all(Option::is_none));
        // Two steps add to one scalar.
        let mut adding = plan(sum_of_rows(), output.clone(), Vec::new());
        let Statement::Loop(rows) = &mut adding.statements[0] else { panic!("it is a loop") };
        rows.body.push(strip(None, Instruction::Register(RegisterId(1)), sum_of_rows()));
        assert!(together(&adding).iter().all(Option::is_none));
        // A step reads what the turn before has left in a buffer, and then overwrites it.
        let kept = at(TensorRef::Buffer(BufferId(0)), &[LANE]);
        let mut shifting = plan(sum_of_rows(), output.clone(), Vec::new());
        let Statement::Loop(rows) = &mut shifting.statements[0] else { panic!("it is a loop") };
        let replace = strip(Some(LANE), Instruction::Load(kept.clone()), Effect::Store(kept.clone(), Operand(0)));
        let read = strip(Some(LANE), Instruction::Load(kept), Effect::Store(output.clone(), Operand(0)));
        rows.body.insert(0, over(LANE, None, vec![replace]));
        rows.body.push(over(LANE, None, vec![read]));
        assert!(together(&shifting).iter().all(Option::is_none));
        // A step reads what other turns have written.
        let own = at(TensorRef::Buffer(BufferId(0)), &[ROW]);
        let mut mixed = plan(sum_of_rows(), output.clone(), Vec::new());
        mixed.buffers[0].axes = vec![ROW];
        let Statement::Loop(rows) = &mut mixed.statements[0] else { panic!("it is a loop") };
        let first = Access { tensor: own.tensor, coordinates: vec![Coordinate::Fixed(0)] };
        let write = strip(Some(LANE), Instruction::Register(RegisterId(1)), Effect::Store(own, Operand(0)));
        let read = strip(Some(LANE), Instruction::Load(first), Effect::Store(output.clone(), Operand(0)));
        rows.body.push(over(LANE, None, vec![write]));
        rows.body.push(over(LANE, None, vec![read]));
        assert!(together(&mixed).iter().all(Option::is_none));
        // Something after the loop reads the sum of the last row.
        let after = strip(None, Instruction::Register(RegisterId(1)), Effect::Set(RegisterId(0), Operand(0)));
        assert!(together(&plan(sum_of_rows(), output, vec![after])).iter().all(Option::is_none));
    }
}
