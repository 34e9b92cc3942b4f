//! A plan → what it costs, in words: passes over the data, bytes an element, scratch memory, and what is computed again.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashSet, FxHasher};

use super::instruction::Instruction;
use super::plan::{
    Access, BLOCK, Buffer, BufferId, BufferKind, Coordinate, Effect, Loop, Plan, RUN, Statement, Strip, Target,
    TensorRef,
};
use super::short::with_short_rows;
use super::together::for_each_loop;
use crate::ir::AxisId;
use crate::op::Element;

/// A loop over blocks: one pass over what varies along its axis.
#[derive(Default)]
struct Pass {
    axes: Vec<AxisId>,
    lanes: usize,
    reads: Vec<Access>,
    writes: Vec<Access>,
    operations: usize,
    functions: Vec<&'static str>,
    again: BTreeMap<&'static str, usize>,
}

impl Plan {
    /// Passes, with the bytes that each reads and writes for an element if reals take so many bytes.
    pub fn summary(&self, real: usize) -> String {
        let mut passes = Vec::new();
        let mut known = FxHashSet::default();
        self.passes(&self.statements, &mut Vec::new(), &mut passes, &mut known);
        let mut text = String::new();
        for (number, pass) in passes.iter().enumerate() {
            let axes = self.axes_text(&pass.axes, false);
            let _ = write!(text, "pass {number} over {axes}, {} lanes at a time: ", pass.lanes);
            let (reads, writes) = (self.bytes(&pass.reads, real), self.bytes(&pass.writes, real));
            let _ = write!(text, "reads {reads} and writes {writes} bytes an element; {} operations", pass.operations);
            if !pass.functions.is_empty() {
                let _ = write!(text, ", with {}", pass.functions.join(", "));
            }
            if !pass.again.is_empty() {
                let again: Vec<String> = pass.again.iter().map(|(name, count)| format!("{count} {name}")).collect();
                let _ = write!(text, "; computed again: {}", again.join(", "));
            }
            text.push('\n');
        }
        let _ = writeln!(text, "{} bytes of scratch a thread", self.scratch(real));
        for (local, what) in [(false, "memory between passes"), (true, "memory within a position of an outer loop")] {
            let kept: Vec<String> = self.kept_names(local);
            if !kept.is_empty() {
                let _ = writeln!(text, "{what}: {}", kept.join(", "));
            }
        }
        let lent = (0..self.outputs.len()).filter(|&output| self.reads_back(&self.statements, output as u32));
        let lent: Vec<&str> = lent.map(|output| self.outputs[output].name.as_str()).collect();
        if !lent.is_empty() {
            let _ = writeln!(text, "memory between passes, that of results: {}", lent.join(", "));
        }
        let mut turned = self.turned_names(&self.statements);
        let mut known = FxHashSet::default();
        turned.retain(|&name| known.insert(name));
        if !turned.is_empty() {
            let _ = writeln!(text, "short rows that each range lays out anew, lanes innermost: {}", turned.join(", "));
        }
        text
    }

    fn turned_names(&self, statements: &[Statement]) -> Vec<&str> {
        let mut names = Vec::new();
        for statement in statements {
            match statement {
                Statement::Loop(stage) => names.extend(with_short_rows(self, stage).into_iter().filter_map(|tensor| {
                    Some(match tensor {
                        TensorRef::Input(input) => self.inputs[input as usize].name.as_str(),
                        TensorRef::Output(output) => self.outputs[output as usize].name.as_str(),
                        TensorRef::Buffer(_) => return None,
                    })
                })),
                Statement::Repeat(repeat) => names.extend(self.turned_names(&repeat.body)),
                Statement::Strip(_) | Statement::Call(_) | Statement::Whole(_) => {}
            }
        }
        names
    }

    /// Bytes of an element in memory, if reals take so many.
    pub fn element_bytes(&self, tensor: TensorRef, real: usize) -> usize {
        let (element, accumulator) = match tensor {
            TensorRef::Input(input) => (self.inputs[input as usize].element, false),
            TensorRef::Output(_) => (Element::Real, false),
            TensorRef::Buffer(id) => {
                let buffer = self.buffer(id);
                (buffer.element, buffer.kind == BufferKind::Accumulator)
            }
        };
        match element {
            Element::Real if !accumulator => real,
            Element::Real | Element::Int => 8,
            Element::Bool => 1,
        }
    }

    fn bytes(&self, accesses: &[Access], real: usize) -> usize {
        accesses.iter().map(|access| self.element_bytes(access.tensor, real)).sum()
    }

    /// Bytes of the blocks between the steps of a pass.
    fn scratch(&self, real: usize) -> usize {
        let blocks = self.buffers.iter().filter(|buffer| buffer.block);
        blocks
            .map(|buffer| match buffer.element {
                Element::Real if buffer.kind != BufferKind::Accumulator => BLOCK * real,
                Element::Real | Element::Int => BLOCK * 8,
                Element::Bool => BLOCK,
            })
            .sum()
    }

    fn kept_names(&self, local: bool) -> Vec<String> {
        let is = |buffer: &Buffer| !buffer.block && !buffer.axes.is_empty() && buffer.local == local;
        let kept = self.buffers.iter().enumerate().filter(|(_, buffer)| is(buffer));
        let mut of_turns: FxHashSet<BufferId> = FxHashSet::default();
        for_each_loop(&self.statements, &mut |inner| {
            of_turns.extend(inner.together.iter().flat_map(|together| &together.buffers));
        });
        let name = |(number, buffer): (usize, &Buffer)| {
            let turns = if of_turns.contains(&BufferId(number as u32)) { " for each of a few turns" } else { "" };
            format!("b{number}[{}]{turns}", self.axes_text(&buffer.axes, false))
        };
        kept.map(name).collect()
    }

    fn passes(
        &self,
        statements: &[Statement],
        open: &mut Vec<AxisId>,
        passes: &mut Vec<Pass>,
        known: &mut FxHashSet<u64>,
    ) {
        for statement in statements {
            match statement {
                Statement::Loop(inner) => {
                    open.push(inner.axis);
                    if inner.blocked {
                        passes.push(self.pass(inner, open, known));
                    } else {
                        self.passes(&inner.body, open, passes, known);
                    }
                    open.pop();
                }
                Statement::Repeat(repeat) => self.passes(&repeat.body, open, passes, known),
                Statement::Strip(_) | Statement::Call(_) | Statement::Whole(_) => {}
            }
        }
    }

    fn pass(&self, blocked: &Loop, open: &[AxisId], known: &mut FxHashSet<u64>) -> Pass {
        let lanes = if self.has_blocks(&blocked.body) { BLOCK } else { RUN };
        let mut pass = Pass { axes: open.to_vec(), lanes, ..Pass::default() };
        let mut fresh = Vec::new();
        self.collect(&blocked.body, &mut pass, known, &mut fresh);
        known.extend(fresh);
        pass
    }

    fn collect(&self, statements: &[Statement], pass: &mut Pass, known: &FxHashSet<u64>, fresh: &mut Vec<u64>) {
        for statement in statements {
            match statement {
                Statement::Strip(strip) => self.collect_strip(strip, pass, known, fresh),
                Statement::Call(call) => pass.functions.push(call.function.name()),
                Statement::Loop(inner) => {
                    if !pass.axes.contains(&inner.axis) {
                        pass.axes.push(inner.axis);
                    }
                    self.collect(&inner.body, pass, known, fresh);
                }
                Statement::Whole(_) | Statement::Repeat(_) => {}
            }
        }
    }

    fn collect_strip(&self, strip: &Strip, pass: &mut Pass, known: &FxHashSet<u64>, fresh: &mut Vec<u64>) {
        let in_memory = |access: &Access| !matches!(access.tensor, TensorRef::Buffer(id) if self.buffer(id).block);
        let varies = |access: &Access| access.coordinates.iter().any(|at| !matches!(at, Coordinate::Fixed(_)));
        let mut hashes: Vec<u64> = Vec::new();
        for line in &strip.lines {
            let hash = hash(&line.instruction, &hashes);
            hashes.push(hash);
            match &line.instruction {
                Instruction::Load(access) if line.varies => {
                    if in_memory(access) && varies(access) && !pass.reads.contains(access) {
                        pass.reads.push(access.clone());
                    }
                }
                instruction => {
                    let Some(name) = name(instruction).filter(|_| line.varies) else { continue };
                    pass.operations += 1;
                    if instruction.is_function() {
                        pass.functions.push(name);
                    }
                    if known.contains(&hash) {
                        *pass.again.entry(name).or_insert(0) += 1;
                    }
                    fresh.push(hash);
                }
            }
        }
        for effect in &strip.effects {
            let (access, both) = match effect {
                Effect::Store(access, _) => (access, false),
                Effect::Accumulate(_, Target::Memory(access), _) => (access, true),
                Effect::Set(..) | Effect::Accumulate(..) => continue,
            };
            if in_memory(access) && varies(access) {
                pass.writes.push(access.clone());
                if both {
                    pass.reads.push(access.clone());
                }
            }
        }
    }
}

/// The name of an operation; none for what is only there.
fn name(instruction: &Instruction) -> Option<&'static str> {
    Some(match instruction {
        Instruction::Unary(op, _) => op.name(),
        Instruction::Binary(op, ..) => op.name(),
        Instruction::Compare(op, ..) => op.name(),
        Instruction::Logic(op, ..) => op.name(),
        Instruction::Polygamma(..) => "polygamma",
        Instruction::Select(..) => "select",
        Instruction::MulAdd(..) => "fma",
        Instruction::Cast(..) => "cast",
        Instruction::Constant(_)
        | Instruction::Parameter(_)
        | Instruction::Size(_)
        | Instruction::Index(_)
        | Instruction::Register(_)
        | Instruction::Load(_) => return None,
    })
}

/// The same for the same computation, whatever the numbers of its lines.
fn hash(instruction: &Instruction, earlier: &[u64]) -> u64 {
    let mut hasher = FxHasher::default();
    std::mem::discriminant(instruction).hash(&mut hasher);
    instruction.operands().iter().for_each(|operand| earlier[operand.0 as usize].hash(&mut hasher));
    match instruction {
        Instruction::Constant(constant) => format!("{constant:?}").hash(&mut hasher),
        Instruction::Parameter(number) => number.hash(&mut hasher),
        Instruction::Size(axis) | Instruction::Index(axis) => axis.0.hash(&mut hasher),
        Instruction::Register(register) => register.0.hash(&mut hasher),
        Instruction::Load(access) => access.hash(&mut hasher),
        _ => {}
    }
    name(instruction).hash(&mut hasher);
    hasher.finish()
}
