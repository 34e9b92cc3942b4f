//! What holds of every plan. A violation is a bug of the compiler, never of a user.
//!
//! Checked: loops do not open an axis twice; a coordinate's axis is open; blocked loops are not nested;
//! operands are earlier lines of the right element type; accesses have the rank of their tensor, and a
//! block buffer is used in a strip; only declared registers and buffers occur; a call's buffers are
//! single blocks; whole operations and `repeat` stand at the top, on whole buffers; inputs are not written; a strip that runs once has no line that varies.
//! What threads share: the ranges of a loop at the top write tensors at their own positions of its axis only, set only
//! scalars of their own, and reduce into memory of their own or what the loop reduces. Turns that go together are those
//! that `together` finds, for the plan as it is now.
//! Not checked: that a buffer is written before it is read, and that stores do not overlap.

use super::instruction::Instruction;
use super::plan::{
    Access, Accumulator, BufferId, Coordinate, Effect, Function, Loop, Operand, Place, Plan, RegisterId, Repeat,
    Statement, Strip, Target, TensorRef, WholeCall,
};
use super::together::{for_each_loop, together};
use crate::ir::AxisId;
use crate::op::{Element, LOGISTIC, ReduceOp};

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kernel is not well-formed: {0}")]
pub struct PlanError(pub String);

/// Checks a plan.
///
/// # Errors
/// With the first violation.
pub fn verify(plan: &Plan) -> Result<(), PlanError> {
    let mut check = Check { plan, open: Vec::new(), vector: None, reduced: Vec::new() };
    check.statements(&plan.statements)?;
    let mut found = together(plan).into_iter();
    let mut wrong = None;
    for_each_loop(&plan.statements, &mut |inner| {
        let found = found.next().flatten();
        if inner.together.is_some() && inner.together != found {
            wrong = Some(inner.axis);
        }
    });
    require(wrong.is_none(), || format!("turns go together that may not, over {wrong:?}"))
}

struct Check<'a> {
    plan: &'a Plan,
    open: Vec<AxisId>,
    vector: Option<AxisId>,
    /// The buffers that the loop at the top reduces to.
    reduced: Vec<BufferId>,
}

fn require(holds: bool, message: impl FnOnce() -> String) -> Result<(), PlanError> {
    if holds { Ok(()) } else { Err(PlanError(message())) }
}

impl Check<'_> {
    fn statements(&mut self, statements: &[Statement]) -> Result<(), PlanError> {
        for statement in statements {
            match statement {
                Statement::Strip(strip) => self.strip(strip)?,
                Statement::Call(call) => {
                    require(self.vector.is_some(), || "a call outside of a block".into())?;
                    let count = if call.function == Function::Logistic { LOGISTIC.len() } else { 1 };
                    require(call.results.len() == count, || "a call with results of another function".into())?;
                    let results = || call.results.iter().flatten();
                    for buffer in results() {
                        require(!call.arguments.contains(buffer), || format!("{buffer} is read and written"))?;
                    }
                    for &buffer in call.arguments.iter().chain(results()) {
                        self.buffer(buffer)?;
                        let data = self.plan.buffer(buffer);
                        require(data.is_one_block(), || format!("{buffer} is not one block"))?;
                    }
                }
                Statement::Loop(inner) => self.looped(inner)?,
                Statement::Whole(call) => self.whole(call)?,
                Statement::Repeat(repeat) => self.repeat(repeat)?,
            }
        }
        Ok(())
    }

    fn looped(&mut self, inner: &Loop) -> Result<(), PlanError> {
        require((inner.axis.0 as usize) < self.plan.axes.len(), || "a loop over no axis".into())?;
        require(!self.open.contains(&inner.axis), || format!("axis {} is open twice", inner.axis.0))?;
        require(!(inner.blocked && self.vector.is_some()), || "a block in a block".into())?;
        for accumulator in &inner.accumulators {
            match accumulator.place {
                Place::Register(register) => self.register(register)?,
                Place::Buffer(buffer) => self.buffer(buffer)?,
            }
            if let Some(group) = accumulator.group {
                self.group(accumulator, group)?;
            }
        }
        if self.open.is_empty() {
            let buffer = |accumulator: &Accumulator| match accumulator.place {
                Place::Buffer(buffer) => Some(buffer),
                Place::Register(_) => None,
            };
            self.reduced = inner.accumulators.iter().filter_map(buffer).collect();
        }
        let vector = self.vector;
        if inner.blocked {
            self.vector = Some(inner.axis);
        }
        self.open.push(inner.axis);
        self.statements(&inner.body)?;
        self.open.pop();
        self.vector = vector;
        Ok(())
    }

    /// Groups of turns are of sums over the lanes of the running block.
    fn group(&self, accumulator: &Accumulator, group: BufferId) -> Result<(), PlanError> {
        self.buffer(group)?;
        let is_block = |id: BufferId| {
            let data = self.plan.buffer(id);
            data.is_one_block() && data.local && data.element == Element::Real
        };
        let place = matches!(accumulator.place, Place::Buffer(place) if is_block(place));
        let fits = place && is_block(group) && self.vector.is_some() && accumulator.op == ReduceOp::Sum;
        require(fits, || format!("{group} does not hold sums of groups of turns"))
    }

    fn repeat(&mut self, repeat: &Repeat) -> Result<(), PlanError> {
        require(self.open.is_empty(), || "a `repeat` in a loop".into())?;
        for variable in &repeat.variables {
            self.buffer(variable.current)?;
            self.buffer(variable.next)?;
            let (current, next) = (self.plan.buffer(variable.current), self.plan.buffer(variable.next));
            let whole = !current.block && !current.local;
            require(current == next && whole, || format!("{} does not fit {}", variable.next, variable.current))?;
            for &trace in &variable.traces {
                self.buffer(trace)?;
                let data = self.plan.buffer(trace);
                let axes = data.axes.get(1..) == Some(&current.axes[..]);
                let same = data.element == current.element && data.kind == current.kind;
                require(axes && same && !data.block && !data.local, || format!("{trace} is no trace"))?;
            }
        }
        self.statements(&repeat.body)
    }

    fn whole(&self, call: &WholeCall) -> Result<(), PlanError> {
        require(self.open.is_empty(), || "a whole operation in a loop".into())?;
        self.buffer(call.result)?;
        let result = self.plan.buffer(call.result);
        require(!result.block && !result.local, || format!("{} is not whole", call.result))?;
        for operand in &call.operands {
            if let TensorRef::Buffer(buffer) = operand.tensor {
                self.buffer(buffer)?;
                let data = self.plan.buffer(buffer);
                require(!data.block && !data.local, || format!("{buffer} is not whole"))?;
                require(buffer != call.result, || format!("{buffer} is read while it is written"))?;
            }
            let rank = self.plan.axes_of(operand.tensor).len();
            require(operand.axes.len() == rank, || "a whole operand of the wrong rank".into())?;
        }
        Ok(())
    }

    fn buffer(&self, buffer: BufferId) -> Result<(), PlanError> {
        require((buffer.0 as usize) < self.plan.buffers.len(), || format!("{buffer} is not declared"))
    }

    fn register(&self, register: RegisterId) -> Result<(), PlanError> {
        require((register.0 as usize) < self.plan.registers.len(), || format!("{register} is not declared"))
    }

    fn strip(&self, strip: &Strip) -> Result<(), PlanError> {
        require(strip.vector.is_none() || strip.vector == self.vector, || "a strip over another axis".into())?;
        for (position, line) in strip.lines.iter().enumerate() {
            let earlier = &Strip { vector: strip.vector, lines: strip.lines[..position].to_vec(), effects: Vec::new() };
            self.line(earlier, &line.instruction, line.element)
                .map_err(|error| PlanError(format!("%{position}: {}", error.0)))?;
            require(!line.varies || strip.vector.is_some(), || format!("%{position} varies in code that runs once"))?;
        }
        for effect in &strip.effects {
            match effect {
                Effect::Store(access, value) => {
                    self.operand(strip, *value, None)?;
                    require(!matches!(access.tensor, TensorRef::Input(_)), || "an input is written".into())?;
                    self.access(strip, access)?;
                    let stage = self.open.first().map(|&axis| Coordinate::Axis(axis));
                    let own = stage.is_none_or(|axis| access.coordinates.contains(&axis)) || self.is_local(access);
                    require(own, || "two ranges of a loop may write the same element".into())?;
                }
                Effect::Set(register, value) => {
                    self.register(*register)?;
                    let own = self.open.is_empty() || self.plan.register(*register).local;
                    require(own, || format!("register {} outlives the loop that sets it", register.0))?;
                    self.operand(strip, *value, Some(self.plan.register(*register).element))?;
                }
                Effect::Accumulate(_, target, value) => {
                    self.operand(strip, *value, None)?;
                    match target {
                        Target::Register(register) => self.register(*register)?,
                        Target::Memory(access) => {
                            self.access(strip, access)?;
                            let reduced = self.reduced.iter().any(|&buffer| access.tensor == TensorRef::Buffer(buffer));
                            let own = reduced || self.is_local(access);
                            require(own, || "two ranges of a loop may reduce into the same element".into())?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether every range has memory of its own for what is accessed.
    fn is_local(&self, access: &Access) -> bool {
        matches!(access.tensor, TensorRef::Buffer(buffer) if self.plan.buffer(buffer).local)
    }

    fn operand(&self, strip: &Strip, operand: Operand, element: Option<Element>) -> Result<(), PlanError> {
        let line = strip.lines.get(operand.0 as usize);
        require(line.is_some(), || format!("{operand} is used before it is computed"))?;
        require(element.is_none() || line.map(|line| line.element) == element, || {
            format!("{operand} has the wrong type")
        })
    }

    fn access(&self, strip: &Strip, access: &Access) -> Result<(), PlanError> {
        if let TensorRef::Buffer(buffer) = access.tensor {
            self.buffer(buffer)?;
            let block = self.plan.buffer(buffer).block;
            require(!block || strip.vector.is_some(), || format!("{buffer} is a block, used once"))?;
        }
        let axes = self.plan.axes_of(access.tensor);
        require(axes.len() == access.coordinates.len(), || "an access of the wrong rank".into())?;
        for coordinate in &access.coordinates {
            match coordinate {
                Coordinate::Axis(axis) | Coordinate::Ahead(axis, _) => {
                    require(self.open.contains(axis), || format!("axis {} is not open", axis.0))?;
                }
                Coordinate::Fixed(_) => {}
                Coordinate::Computed(value, _) => self.operand(strip, *value, Some(Element::Int))?,
            }
        }
        Ok(())
    }

    fn line(&self, earlier: &Strip, instruction: &Instruction, element: Element) -> Result<(), PlanError> {
        match instruction {
            Instruction::Constant(_) | Instruction::Parameter(_) | Instruction::Size(_) => Ok(()),
            Instruction::Index(axis) => require(self.open.contains(axis), || format!("axis {} is not open", axis.0)),
            Instruction::Register(register) => self.register(*register),
            Instruction::Load(access) => self.access(earlier, access),
            Instruction::Unary(_, a) => self.operand(earlier, *a, Some(element)),
            Instruction::Binary(op, a, b) => {
                let second = if *op == crate::op::Binary::Powi { Element::Int } else { element };
                self.operand(earlier, *a, Some(element))?;
                self.operand(earlier, *b, Some(second))
            }
            Instruction::Compare(_, a, b) => {
                self.operand(earlier, *a, None)?;
                let first = earlier.lines.get(a.0 as usize).map(|line| line.element);
                self.operand(earlier, *b, first)
            }
            Instruction::Logic(_, a, b) => {
                self.operand(earlier, *a, Some(Element::Bool))?;
                self.operand(earlier, *b, Some(Element::Bool))
            }
            Instruction::Polygamma(_, a) => self.operand(earlier, *a, Some(Element::Real)),
            Instruction::Select(condition, yes, no) => {
                self.operand(earlier, *condition, Some(Element::Bool))?;
                self.operand(earlier, *yes, Some(element))?;
                self.operand(earlier, *no, Some(element))
            }
            Instruction::MulAdd(_, a, b, c) => {
                [a, b, c].into_iter().try_for_each(|&operand| self.operand(earlier, operand, Some(Element::Real)))
            }
            Instruction::Cast(_, a) => self.operand(earlier, *a, None),
        }
    }
}
