//! The text form of a plan, for `show` and for snapshots.

use std::fmt::{self, Display, Formatter, Write};

use super::instruction::Instruction;
use super::plan::{
    Access, Accumulator, Buffer, BufferId, BufferKind, Coordinate, Effect, Function, Loop, LoopVariable, Operand,
    Place, Plan, RegisterId, Statement, Strip, Target, TensorRef, WholeOp, WholeOperand,
};
use crate::ir::{AxisId, Constant};
use crate::op::{LOGISTIC, Logic};

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

impl Display for BufferId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "b{}", self.0)
    }
}

impl Display for RegisterId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (position, buffer) in self.buffers.iter().enumerate() {
            writeln!(f, "{}", self.buffer_text(position, buffer))?;
        }
        for (stage, statement) in self.statements.iter().enumerate() {
            writeln!(f, "stage {stage}:")?;
            self.statement(f, statement, 1)?;
        }
        Ok(())
    }
}

impl Plan {
    pub(super) fn axis_text(&self, axis: AxisId) -> String {
        let data = &self.axes[axis.0 as usize];
        if data.pack { format!("..{}", data.name) } else { data.name.clone() }
    }

    pub(super) fn axes_text(&self, axes: &[AxisId], block: bool) -> String {
        let mut names: Vec<String> = axes.iter().map(|&axis| self.axis_text(axis)).collect();
        if block {
            names.push("block".to_owned());
        }
        names.join(", ")
    }

    fn buffer_text(&self, position: usize, buffer: &Buffer) -> String {
        let kind = match buffer.kind {
            BufferKind::Kept => "kept",
            BufferKind::Accumulator => "accumulator",
            BufferKind::Scratch => "scratch",
        };
        let scope = if buffer.local { "local " } else { "" };
        let axes = self.axes_text(&buffer.axes, buffer.block);
        format!("{scope}{kind} b{position}: {}[{axes}]", buffer.element.name())
    }

    fn statement(&self, f: &mut Formatter<'_>, statement: &Statement, depth: usize) -> fmt::Result {
        let indent = "  ".repeat(depth);
        match statement {
            Statement::Strip(strip) => self.strip(f, strip, depth),
            Statement::Call(call) => {
                let function = match call.function {
                    Function::Polygamma(order) => format!("polygamma{order}"),
                    other => other.name().to_owned(),
                };
                let arguments: Vec<String> = call.arguments.iter().map(ToString::to_string).collect();
                let part = |(position, result): (usize, &Option<BufferId>)| {
                    let result = (*result)?;
                    Some(match (call.function, LOGISTIC[position % LOGISTIC.len()]) {
                        (Function::Logistic, (op, false)) => format!("{result} {}", op.name()),
                        (Function::Logistic, (op, true)) => format!("{result} {} of neg", op.name()),
                        _ => result.to_string(),
                    })
                };
                let results: Vec<String> = call.results.iter().enumerate().filter_map(part).collect();
                writeln!(f, "{indent}{} = call {function}({})", results.join(", "), arguments.join(", "))
            }
            Statement::Loop(inner) => self.looped(f, inner, depth),
            Statement::Repeat(repeat) => {
                let variable = |own: &LoopVariable| {
                    let traces: String = own.traces.iter().map(|trace| format!(" in {trace}")).collect();
                    format!("{} from {}{traces}", own.current, own.next)
                };
                let variables: Vec<String> = repeat.variables.iter().map(variable).collect();
                writeln!(f, "{indent}repeat {} with {}", repeat.turns, variables.join(", "))?;
                repeat.body.iter().try_for_each(|inner| self.statement(f, inner, depth + 1))
            }
            Statement::Whole(call) => {
                let op = self.whole_text(&call.op);
                let operand = |operand: &WholeOperand| {
                    format!("{}[{}]", self.tensor_text(operand.tensor), self.axes_text(&operand.axes, false))
                };
                let operands: Vec<String> = call.operands.iter().map(operand).collect();
                writeln!(f, "{indent}{} = {op} {}", call.result, operands.join(", "))
            }
        }
    }

    fn looped(&self, f: &mut Formatter<'_>, inner: &Loop, depth: usize) -> fmt::Result {
        let indent = "  ".repeat(depth);
        write!(f, "{indent}for {}{}", if inner.blocked { "block of " } else { "" }, self.axis_text(inner.axis))?;
        for (position, Accumulator { op, place, group, .. }) in inner.accumulators.iter().enumerate() {
            let place = match place {
                Place::Register(register) => register.to_string(),
                Place::Buffer(buffer) => {
                    format!("{buffer}[{}]", self.axes_text(&self.buffer(*buffer).axes, self.buffer(*buffer).block))
                }
            };
            write!(f, "{}{} {place}", if position == 0 { " reducing " } else { ", " }, op.name())?;
            if let Some(group) = group {
                write!(f, " by groups in {group}[block]")?;
            }
        }
        writeln!(f, "{}:", if inner.together.is_some() { ", each step for a few turns" } else { "" })?;
        inner.body.iter().try_for_each(|statement| self.statement(f, statement, depth + 1))
    }

    fn strip(&self, f: &mut Formatter<'_>, strip: &Strip, depth: usize) -> fmt::Result {
        let indent = "  ".repeat(depth);
        match strip.vector {
            Some(axis) => writeln!(f, "{indent}strip over {}:", self.axis_text(axis))?,
            None => writeln!(f, "{indent}once:")?,
        }
        for (position, line) in strip.lines.iter().enumerate() {
            writeln!(f, "{indent}  %{position} = {}", self.instruction(&line.instruction))?;
        }
        for effect in &strip.effects {
            match effect {
                Effect::Store(access, value) => writeln!(f, "{indent}  {} = {value}", self.access(access))?,
                Effect::Set(register, value) => writeln!(f, "{indent}  {register} = {value}")?,
                Effect::Accumulate(op, target, value) => {
                    let target = match target {
                        Target::Register(register) => register.to_string(),
                        Target::Memory(access) => self.access(access),
                    };
                    writeln!(f, "{indent}  {target} = {}({target}, {value})", op.name())?;
                }
            }
        }
        Ok(())
    }

    fn whole_text(&self, op: &WholeOp) -> String {
        let list = |axes: &[AxisId]| format!("[{}]", self.axes_text(axes, false));
        match op {
            WholeOp::Contract { over, masked } => {
                format!("contract{} {}", if *masked { " masked" } else { "" }, list(over))
            }
            WholeOp::Order(axis) => format!("order {}", list(&[*axis])),
            WholeOp::TopIndex { over, to, along } => {
                format!("topindex {} {} {}", list(over), list(&[*to]), list(&[*along]))
            }
            WholeOp::CumSum { axis, reverse: false } => format!("cumsum {}", list(&[*axis])),
            WholeOp::CumSum { axis, reverse: true } => format!("cumsum_reverse {}", list(&[*axis])),
            WholeOp::Scatter { axis, over } => format!("scatter {} {}", list(&[*axis]), list(over)),
        }
    }

    fn tensor_text(&self, tensor: TensorRef) -> String {
        match tensor {
            TensorRef::Input(input) => self.inputs[input as usize].name.clone(),
            TensorRef::Output(output) => self.outputs[output as usize].name.clone(),
            TensorRef::Buffer(buffer) => buffer.to_string(),
        }
    }

    fn access(&self, access: &Access) -> String {
        let mut text = self.tensor_text(access.tensor);
        let mut parts: Vec<String> = access
            .coordinates
            .iter()
            .map(|coordinate| match coordinate {
                Coordinate::Axis(axis) => self.axis_text(*axis),
                Coordinate::Ahead(axis, distance) => format!("{} + {distance}", self.axis_text(*axis)),
                Coordinate::Fixed(position) => position.to_string(),
                Coordinate::Computed(value, axis) => format!("{value} in {}", self.axis_text(*axis)),
            })
            .collect();
        if let TensorRef::Buffer(buffer) = access.tensor
            && self.buffer(buffer).block
        {
            parts.push("lane".to_owned());
        }
        if !parts.is_empty() {
            let _ = write!(text, "[{}]", parts.join(", "));
        }
        text
    }

    fn instruction(&self, instruction: &Instruction) -> String {
        match instruction {
            Instruction::Constant(Constant::Real(value)) => format!("{value:?}"),
            Instruction::Constant(Constant::Int(value)) => value.to_string(),
            Instruction::Constant(Constant::Bool(value)) => value.to_string(),
            Instruction::Parameter(parameter) => format!("parameter {}", self.parameters[*parameter as usize]),
            Instruction::Size(axis) => format!("size {}", self.axis_text(*axis)),
            Instruction::Index(axis) => format!("index {}", self.axis_text(*axis)),
            Instruction::Register(register) => register.to_string(),
            Instruction::Load(access) => self.access(access),
            Instruction::Unary(op, a) => format!("{} {a}", op.name()),
            Instruction::Binary(op, a, b) => format!("{} {a}, {b}", op.name()),
            Instruction::Compare(op, a, b) => format!("{} {a}, {b}", op.name()),
            Instruction::Logic(Logic::Not, a, _) => format!("not {a}"),
            Instruction::Logic(op, a, b) => format!("{} {a}, {b}", op.name()),
            Instruction::Polygamma(order, a) => format!("polygamma{order} {a}"),
            Instruction::Select(condition, yes, no) => format!("select {condition}, {yes}, {no}"),
            Instruction::MulAdd((negate_product, negate_addend), a, b, c) => {
                let [product, addend] = [negate_product, negate_addend].map(|negate| if *negate { "-" } else { "" });
                format!("fma {product}{a}·{b}, {addend}{c}")
            }
            Instruction::Cast(element, a) => format!("{} {a}", element.name()),
        }
    }
}
