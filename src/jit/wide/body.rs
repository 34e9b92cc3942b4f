//! A graph → straight-line code for one vector of lanes, with registers.
//!
//! Nodes are written where they are first needed; [`super::allocate`] gives registers. Constants and what does not vary
//! are operands in memory; those that cannot be that stay in registers for the whole loop, as far as some are left.

use super::absent::absent;
use super::allocate::{Allocated, Allocator, Room, Wanted};
use super::graph::{Graph, Id, Join, Lane, One, Op, Pairing, Relation, Three, Two};
use super::latency::longest;
use super::lines::{Left, Lines};
use super::loops::lead;
use super::machine::Machine;
use super::order::spread;
use super::under::uses;
use crate::op::ReduceOp;

/// The masks that code may use: the first is none, and the last three have their tasks.
pub(super) const FREE_MASKS: [u8; 4] = [1, 2, 3, 4];

/// How much a constant wants a register for a use that cannot have it in memory; one that can counts once.
pub(super) const LOADED: u32 = 4;

/// Where an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arg {
    Register(u8),
    /// A literal in memory, the same in every lane.
    Constant(u64),
    /// An argument cell, the same in every lane.
    Uniform(u32),
    /// Of the frame.
    Slot(u32),
    /// Lanes in memory: of a stream the part that a register holds.
    Stream {
        stream: u32,
        part: u8,
    },
}

/// What a step does. The first argument is `a`, then `b` and `c`; `to` is the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// From anywhere to a register.
    Move,
    /// To a slot.
    Spill,
    One(One),
    Two(Two),
    /// With a further register to work in.
    Join(Join, u8),
    Pair(Pairing),
    /// `to = op(to, a, b)`.
    Three(Three),
    /// `to = ± to·b ± c`.
    MulAdd {
        form: Form,
        negate_product: bool,
        negate_addend: bool,
    },
    Compare(Relation, bool),
    /// `mask ? b : a`.
    Blend,
    /// `mask ? a : 0`.
    Keep,
    Position,
    /// From strided memory, with two registers to work in.
    Gather(u8, u8),
    Store {
        stream: u32,
        part: u8,
    },
    /// From where lanes are, by distances in bytes, under a mask.
    Pick,
    /// To strided memory, with two registers to work in.
    Scatter {
        stream: u32,
        part: u8,
        work: [u8; 2],
    },
    /// To an accumulator: only the lanes that there are, of a sum those of the mask.
    Accumulate {
        accumulator: u32,
        op: ReduceOp,
        part: u8,
    },
}

/// Which operand of `x·y + z` the result takes the place of; the last operand may be in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `to = to·b + a`… in the order of the machine's forms: 132, 213, 231.
    F132,
    F213,
    F231,
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub action: Action,
    pub lane: Lane,
    pub to: u8,
    pub args: [Option<Arg>; 2],
    pub mask: Option<u8>,
}

/// A sum or an extreme over all lanes: a register that lives as long as the loop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accumulator {
    pub effect: usize,
    pub op: ReduceOp,
    pub lane: Lane,
}

impl Accumulator {
    /// Whether NaN is kept in a register of all vectors in flight: without masks that is less to do in each.
    pub fn tracks_nan(&self, machine: Machine) -> bool {
        let is_float = matches!(self.lane, Lane::F32 | Lane::F64);
        !machine.has_masks() && is_float && matches!(self.op, ReduceOp::Min | ReduceOp::Max)
    }
}

/// The code of a vector.
pub(super) struct Body {
    pub steps: Vec<Step>,
    pub accumulators: Vec<Accumulator>,
    /// The register of the first one.
    pub top: u8,
    /// Above it, registers that say which extremes have seen NaN, in the order of their accumulators.
    pub nans: usize,
    /// What is in a register before the loop begins.
    pub held: Vec<(Arg, Lane, u8)>,
    /// How many vectors are in flight.
    pub unroll: usize,
    /// How many registers and masks a vector has, if two are computed step by step in turn.
    pub abreast: Option<(u8, u8)>,
    /// Slots of the frame.
    pub slots: u32,
    /// The steps for vectors that are without a lane, and the argument cell that has it.
    pub absent: Option<(u32, Vec<Step>)>,
}

impl Body {
    /// The steps of vectors with all their lanes.
    pub fn usual(&self) -> &[Step] {
        self.absent.as_ref().map_or(&self.steps, |(_, steps)| steps)
    }
}

/// So many steps less are worth looking for the lane before every turn.
const WORTH: usize = 2;

/// The most slots of a frame: threads have short stacks.
const MOST_SLOTS: u32 = 1024;

/// The most accumulators of a strip.
const MOST_ACCUMULATORS: usize = 12;

/// Whether a machine combines the lanes of an accumulator: AVX2 has no products of 64-bit ints.
fn is_combined(machine: Machine, accumulator: &Accumulator) -> bool {
    machine == Machine::Avx512 || (accumulator.lane, accumulator.op) != (Lane::I64, ReduceOp::Prod)
}

/// Gives registers; nothing if there are too many accumulators, or values at once.
pub(super) fn body(lines: &Lines) -> Option<Body> {
    let mut accumulators = Vec::new();
    for left in &lines.left {
        if let Left::Reduce { effect, op, lane, parts, .. } = left {
            accumulators.extend(parts.iter().map(|_| Accumulator { effect: *effect, op: *op, lane: *lane }));
        }
    }
    let nans = accumulators.iter().filter(|own| own.tracks_nan(lines.graph.machine)).count();
    let registers = lines.graph.machine.registers().checked_sub(nans)?;
    let most = registers.checked_sub(accumulators.len())?;
    if accumulators.len() > MOST_ACCUMULATORS || !accumulators.iter().all(|own| is_combined(lines.graph.machine, own)) {
        return None;
    }
    let tasks = tasks(lines);
    let first =
        Allocator::new(lines, &tasks, Room { vectors: most, masks: FREE_MASKS.len(), first_held: most }, &[]).run()?;
    let wanted = match (first.steps.len(), accumulators.len()) {
        (0..=14, 0..=3) => 4,
        (15..=48, 0..=4) => 2,
        _ => 1,
    };
    let fewest = lines.graph.machine.fewest();
    let fits = |unroll: &usize| registers >= accumulators.len() * unroll + fewest;
    // Sums of fewer lanes need more vectors: of longer parts they would be less accurate.
    let wanted = if accumulators.is_empty() { wanted } else { wanted * lines.graph.machine.shorter() };
    let unroll = [8, 4, 2].into_iter().filter(|unroll| *unroll <= wanted).find(fits).unwrap_or(1);
    let in_turn = in_turn(lines, &tasks, &first, registers - accumulators.len() * unroll)?;
    let abreast = (longest(lines) >= LONG && accumulators.len() <= 4)
        .then(|| abreast(lines, &tasks, &first, registers.checked_sub(accumulators.len() * 2)?))
        .flatten()
        .filter(|code| code.computed() <= in_turn.computed());
    let unroll = if abreast.is_some() { 2 } else { unroll };
    let Code { steps, slots, held, room, absent } = abreast.unwrap_or(in_turn);
    let is_abreast = room.first_held > room.vectors;
    let abreast = is_abreast.then_some((room.vectors as u8, room.masks as u8));
    let held = held.iter().enumerate().map(|(place, &(arg, lane))| (arg, lane, room.held(held.len(), place))).collect();
    Some(Body { steps, accumulators, top: registers as u8 - 1, nans, held, unroll, abreast, slots, absent })
}

/// The steps of a vector, with the registers that they need.
struct Code {
    steps: Vec<Step>,
    slots: u32,
    held: Vec<(Arg, Lane)>,
    room: Room,
    absent: Option<(u32, Vec<Step>)>,
}

impl Code {
    /// Steps other than loads and copies, which the processor does beside them.
    fn computed(&self) -> usize {
        self.steps.iter().filter(|step| step.action != Action::Move).count()
    }
}

/// A processor begins two operations a cycle, and has room for about so many that wait for their operands: a vector that
/// takes longer leaves too little room for the next ones. Then two are computed step by step in turn.
const LONG: u32 = 80;

/// Steps more, as a share of all, that are worth it for chains which run beside each other.
const MORE: usize = 64;

/// The code of vectors that are computed one after the other.
fn in_turn(lines: &Lines, tasks: &[Task], first: &Allocated, room: usize) -> Option<Code> {
    // A register stays free for what the second run may do otherwise.
    let spare = room.saturating_sub(first.most + 1);
    let held = most_wanted(&first.wanted, spare, room.saturating_sub(lines.graph.machine.fewest()));
    let vectors = room - held.len();
    let room = Room { vectors, masks: FREE_MASKS.len(), first_held: vectors };
    let as_needed = code(lines, tasks, room, held.clone())?;
    if longest(lines) < LONG {
        return Some(as_needed);
    }
    let most = as_needed.computed() + as_needed.computed() / MORE;
    let spread = code(lines, &spread(lines, tasks, room), room, held).filter(|spread| spread.computed() <= most);
    Some(spread.unwrap_or(as_needed))
}

/// The code of two vectors that are computed step by step in turn, if that needs no memory.
fn abreast(lines: &Lines, tasks: &[Task], first: &Allocated, room: usize) -> Option<Code> {
    let spare = room.checked_sub(2 * (first.most + 1))?;
    let held = most_wanted(&first.wanted, spare, room.saturating_sub(lines.graph.machine.fewest()));
    let vectors = (room - held.len()) / 2;
    let both = Room { vectors, masks: FREE_MASKS.len() / 2, first_held: 2 * vectors };
    code(lines, tasks, both, held).filter(|code| code.slots == 0)
}

fn code(lines: &Lines, tasks: &[Task], room: Room, held: Vec<(Arg, Lane)>) -> Option<Code> {
    let second = Allocator::new(lines, tasks, room, &held).run()?;
    if second.slots > MOST_SLOTS {
        return None;
    }
    // Runs that are not aligned have no way back from the code of partial vectors.
    let elsewhere = lead(lines).and_then(|_| absent(lines)).and_then(|(cell, lines)| {
        let steps = Allocator::new(&lines, &self::tasks(&lines), room, &held).run()?;
        (steps.slots <= MOST_SLOTS && steps.steps.len() + WORTH <= second.steps.len()).then_some((cell, steps))
    });
    let slots = elsewhere.as_ref().map_or(0, |(_, other)| other.slots).max(second.slots);
    let absent = elsewhere.map(|(cell, other)| (cell, other.steps));
    Some(Code { steps: second.steps, slots, held, room, absent })
}

/// The constants that are asked for most, as many as there is room for.
fn most_wanted(wanted: &Wanted, spare: usize, room: usize) -> Vec<(Arg, Lane)> {
    // What is an operand in memory wherever it is used costs next to nothing there, but something before every run.
    let mut all: Vec<_> = wanted.iter().filter(|(_, weight)| **weight >= LOADED).collect();
    all.sort_by_key(|(key, weight)| (std::cmp::Reverse(**weight), **key));
    all.truncate(spare.min(room));
    let arg = |(&(bits, wide, uniform), _): (&(u64, bool, bool), _)| {
        let arg = if uniform { Arg::Uniform(bits as u32) } else { Arg::Constant(bits) };
        (arg, if wide { Lane::F64 } else { Lane::F32 })
    };
    all.into_iter().map(arg).collect()
}

/// What is done in order.
#[derive(Clone, Copy)]
pub(super) enum Task {
    Node(Id),
    /// The part of something that is left behind.
    Leave(usize, usize),
}

pub(super) fn parts_of(left: &Left) -> &[Id] {
    match left {
        Left::Store { parts, .. } | Left::Combine { parts, .. } | Left::Reduce { parts, .. } => parts,
    }
}

/// Whether a node is an operand wherever it is needed.
fn is_operand(graph: &Graph, id: Id) -> bool {
    matches!(graph.get(id).op, Op::Constant(_) | Op::Uniform(_))
}

/// The mask of the lanes of something left that count.
pub(super) fn under(left: &Left) -> Option<Id> {
    match left {
        Left::Reduce { under, .. } => *under,
        _ => None,
    }
}

fn tasks(lines: &Lines) -> Vec<Task> {
    let graph = &lines.graph;
    let mut tasks = Vec::new();
    let mut done = vec![false; graph.len()];
    // What the strip writes over is loaded before anything is written.
    for (place, uses) in uses(lines).into_iter().enumerate() {
        let id = Id(place as u32);
        if let Op::Load { stream, .. } = graph.get(id).op
            && uses > 0
            && lines.streams[stream as usize].is_replaced
        {
            done[place] = true;
            tasks.push(Task::Node(id));
        }
    }
    for (position, left) in lines.left.iter().enumerate() {
        for (part, &root) in parts_of(left).iter().enumerate() {
            let mut stack: Vec<(Id, bool)> = [root].into_iter().chain(under(left)).map(|id| (id, false)).collect();
            while let Some((id, ready)) = stack.pop() {
                if done[id.0 as usize] || is_operand(graph, id) {
                    continue;
                }
                if ready {
                    done[id.0 as usize] = true;
                    tasks.push(Task::Node(id));
                    continue;
                }
                stack.push((id, true));
                stack.extend(graph.get(id).operands().iter().rev().map(|&operand| (operand, false)));
            }
            tasks.push(Task::Leave(position, part));
        }
    }
    tasks
}
