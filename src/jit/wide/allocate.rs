//! Tasks → steps with registers.
//!
//! What is in registers is known at every step, and when it is used next, so the register that is given up is that of
//! what is not used for the longest time. It goes to a slot of the frame, or is loaded again if it came from memory.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::body::{Action, Arg, FREE_MASKS, Form, LOADED, Step, Task, parts_of, under};
use super::graph::{Id, Join, Lane, Op, Relation, Three, Two};
use super::lines::Lines;

/// How much each constant would like a register: its bits, whether it is wide, whether it is an argument cell.
pub(super) type Wanted = FxHashMap<(u64, bool, bool), u32>;

pub(super) struct Allocated {
    pub steps: Vec<Step>,
    pub slots: u32,
    /// The most registers in use at a time.
    pub most: usize,
    /// How much each constant would like a register: its bits, whether it is wide, whether it is a uniform.
    pub wanted: Wanted,
}

/// The registers that the code of a vector may use.
#[derive(Clone, Copy)]
pub(super) struct Room {
    /// From the first one on.
    pub vectors: usize,
    pub masks: usize,
    /// Behind them the registers of as many vectors as run abreast, then what is held.
    pub first_held: usize,
}

impl Room {
    /// The register of one of so many that are held.
    pub fn held(self, count: usize, place: usize) -> u8 {
        (self.first_held + count - 1 - place) as u8
    }
}

/// One of the two files of registers.
struct File {
    /// What is in each register.
    inside: Vec<Option<Id>>,
    locked: Vec<bool>,
    numbers: Vec<u8>,
}

impl File {
    fn new(numbers: Vec<u8>) -> File {
        File { inside: vec![None; numbers.len()], locked: vec![false; numbers.len()], numbers }
    }
}

pub(super) struct Allocator<'a> {
    pub(super) lines: &'a Lines,
    tasks: &'a [Task],
    /// The tasks that use a node, the next one last.
    uses: Vec<Vec<u32>>,
    vectors: File,
    masks: File,
    /// Where a node is: its register.
    registers: Vec<Option<u8>>,
    slots_of: FxHashMap<Id, u32>,
    held: FxHashMap<(u64, bool, bool), u8>,
    now: u32,
    out: Allocated,
}

impl<'a> Allocator<'a> {
    pub fn new(lines: &'a Lines, tasks: &'a [Task], room: Room, held: &[(Arg, Lane)]) -> Self {
        let graph = &lines.graph;
        let mut uses = vec![Vec::new(); graph.len()];
        for (position, task) in tasks.iter().enumerate().rev() {
            let used: SmallVec<[Id; 3]> = match *task {
                Task::Node(id) => graph.get(id).operands().iter().copied().collect(),
                Task::Leave(left, part) => {
                    let left = &lines.left[left];
                    [parts_of(left)[part]].into_iter().chain(under(left)).collect()
                }
            };
            used.iter().for_each(|id| uses[id.0 as usize].push(position as u32));
        }
        let key = |(place, &(arg, lane)): (usize, &(Arg, Lane))| {
            let register = room.held(held.len(), place);
            match arg {
                Arg::Uniform(cell) => ((u64::from(cell), lane.is_wide(), true), register),
                Arg::Constant(bits) => ((bits, lane.is_wide(), false), register),
                _ => unreachable!("only what does not vary is held"),
            }
        };
        Allocator {
            lines,
            tasks,
            uses,
            vectors: File::new((0..room.vectors as u8).collect()),
            masks: File::new(FREE_MASKS[..room.masks].to_vec()),
            registers: vec![None; graph.len()],
            slots_of: FxHashMap::default(),
            held: held.iter().enumerate().map(key).collect(),
            now: 0,
            out: Allocated { steps: Vec::new(), slots: 0, most: 0, wanted: FxHashMap::default() },
        }
    }

    /// Nothing if there are too few registers.
    pub fn run(mut self) -> Option<Allocated> {
        if self.vectors.numbers.len() < self.lines.graph.machine.fewest() {
            return None;
        }
        for (position, task) in self.tasks.iter().enumerate() {
            self.now = position as u32;
            match *task {
                Task::Node(id) => self.node(id)?,
                Task::Leave(left, part) => self.leave(left, part)?,
            }
            self.vectors.locked.fill(false);
            self.masks.locked.fill(false);
        }
        Some(self.out)
    }

    pub(super) fn lane(&self, id: Id) -> Lane {
        let node = self.lines.graph.get(id);
        if matches!(node.op, Op::Compare(_)) { Lane::Mask } else { node.lane }
    }

    /// Whether such lanes are in the registers of masks.
    fn is_mask(&self, lane: Lane) -> bool {
        lane == Lane::Mask && self.lines.graph.machine.has_masks()
    }

    fn file(&mut self, lane: Lane) -> &mut File {
        if self.is_mask(lane) { &mut self.masks } else { &mut self.vectors }
    }

    pub(super) fn push(&mut self, action: Action, lane: Lane, to: u8, args: [Option<Arg>; 2], mask: Option<u8>) {
        self.out.steps.push(Step { action, lane, to, args, mask });
    }

    /// The next task after this one that uses a node.
    fn next_use(&self, id: Id) -> u32 {
        let later = self.uses[id.0 as usize].iter().rev().find(|&&at| at > self.now);
        later.copied().unwrap_or(u32::MAX)
    }

    /// The task that needs a node next: this one, if it has not got it yet.
    fn needed(&self, id: Id) -> u32 {
        let later = self.uses[id.0 as usize].iter().rev().find(|&&at| at >= self.now);
        later.copied().unwrap_or(u32::MAX)
    }

    /// A free register, made free if there is none.
    pub(super) fn take(&mut self, lane: Lane) -> Option<u8> {
        let file = self.file(lane);
        let free = (0..file.inside.len()).find(|&place| file.inside[place].is_none() && !file.locked[place]);
        let place = match free {
            Some(place) => place,
            None => self.evict(lane)?,
        };
        let file = self.file(lane);
        file.locked[place] = true;
        let number = file.numbers[place];
        let in_use = (0..self.vectors.inside.len())
            .filter(|&place| self.vectors.inside[place].is_some() || self.vectors.locked[place])
            .count();
        self.out.most = self.out.most.max(in_use);
        Some(number)
    }

    /// Makes the register free whose value is not needed for the longest time.
    fn evict(&mut self, lane: Lane) -> Option<usize> {
        let file = if self.is_mask(lane) { &self.masks } else { &self.vectors };
        let candidates = (0..file.inside.len()).filter(|&place| !file.locked[place]);
        let place = candidates.max_by_key(|&place| file.inside[place].map_or(u32::MAX, |id| self.needed(id)))?;
        let (id, number) = (file.inside[place]?, file.numbers[place]);
        let again = matches!(self.lines.graph.get(id).op, Op::Constant(_) | Op::Uniform(_)) || self.is_there_again(id);
        if self.needed(id) != u32::MAX && !again && !self.slots_of.contains_key(&id) {
            let slot = self.out.slots;
            self.out.slots += 1;
            self.slots_of.insert(id, slot);
            let lane = self.lane(id);
            self.push(Action::Spill, lane, 0, [Some(Arg::Register(number)), Some(Arg::Slot(slot))], None);
        }
        self.registers[id.0 as usize] = None;
        self.file(lane).inside[place] = None;
        Some(place)
    }

    fn is_plain_load(&self, id: Id) -> bool {
        matches!(self.lines.graph.get(id).op, Op::Load { stream, .. } if self.lines.streams[stream as usize].contiguous)
    }

    /// Whether a node can be loaded from memory again.
    fn is_there_again(&self, id: Id) -> bool {
        let Op::Load { stream, .. } = self.lines.graph.get(id).op else { return false };
        self.is_plain_load(id) && !self.lines.streams[stream as usize].is_replaced
    }

    /// Says that a node is in a register.
    fn put(&mut self, id: Id, number: u8) {
        let lane = self.lane(id);
        self.registers[id.0 as usize] = Some(number);
        let file = self.file(lane);
        if let Some(place) = file.numbers.iter().position(|&own| own == number) {
            file.inside[place] = Some(id);
            file.locked[place] = true;
        }
    }

    fn key(&self, id: Id) -> Option<(u64, bool, bool)> {
        let node = self.lines.graph.get(id);
        match node.op {
            Op::Constant(bits) => Some((bits, node.lane.is_wide(), false)),
            Op::Uniform(cell) if node.lane != Lane::Mask => Some((u64::from(cell), node.lane.is_wide(), true)),
            _ => None,
        }
    }

    fn want(&mut self, id: Id, weight: u32) {
        if let Some(key) = self.key(id) {
            *self.out.wanted.entry(key).or_insert(0) += weight;
        }
    }

    /// The register of a node; loaded if it is not in one.
    pub(super) fn register(&mut self, id: Id) -> Option<u8> {
        if let Some(number) = self.here(id) {
            return Some(number);
        }
        self.want(id, LOADED);
        let lane = self.lane(id);
        let number = self.take(lane)?;
        let from = match self.lines.graph.get(id).op {
            Op::Constant(bits) => Arg::Constant(bits),
            Op::Uniform(cell) => Arg::Uniform(cell),
            Op::Load { stream, part } if self.is_there_again(id) => Arg::Stream { stream, part },
            _ => Arg::Slot(*self.slots_of.get(&id)?),
        };
        self.push(Action::Move, lane, number, [Some(from), None], None);
        self.put(id, number);
        Some(number)
    }

    /// The register in which a node is, if it is in one.
    fn here(&mut self, id: Id) -> Option<u8> {
        if let Some(number) = self.key(id).and_then(|key| self.held.get(&key).copied()) {
            return Some(number);
        }
        let number = self.registers[id.0 as usize]?;
        self.put(id, number);
        Some(number)
    }

    /// A node as an operand that may be in memory.
    pub(super) fn operand(&mut self, id: Id) -> Option<Arg> {
        if let Some(number) = self.here(id) {
            return Some(Arg::Register(number));
        }
        match self.lines.graph.get(id).op {
            Op::Constant(bits) => {
                self.want(id, 1);
                Some(Arg::Constant(bits))
            }
            Op::Uniform(cell) if self.lane(id) != Lane::Mask => {
                self.want(id, 1);
                Some(Arg::Uniform(cell))
            }
            _ => self.register(id).map(Arg::Register),
        }
    }

    fn in_memory(&mut self, id: Id) -> bool {
        self.here(id).is_none() && self.key(id).is_some()
    }

    /// Frees the registers of operands that nothing uses later.
    pub(super) fn release(&mut self, operands: &[Id]) {
        for &id in operands {
            if self.next_use(id) != u32::MAX {
                continue;
            }
            let Some(number) = self.registers[id.0 as usize].take() else { continue };
            let lane = self.lane(id);
            let file = self.file(lane);
            if let Some(place) = file.numbers.iter().position(|&own| own == number) {
                file.inside[place] = None;
                file.locked[place] = false;
            }
        }
    }

    /// The lanes of a stream, in a new register.
    pub(super) fn load(&mut self, stream: u32, part: u8, lane: Lane) -> Option<u8> {
        let to = self.take(lane)?;
        let from = Some(Arg::Stream { stream, part });
        if self.lines.streams[stream as usize].contiguous {
            self.push(Action::Move, lane, to, [from, None], None);
        } else {
            let work = [self.take(lane)?, self.take(lane)?];
            self.push(Action::Gather(work[0], work[1]), lane, to, [from, None], None);
            self.free(lane, &work);
        }
        Some(to)
    }

    fn node(&mut self, id: Id) -> Option<()> {
        let node = *self.lines.graph.get(id);
        let operands = node.operands();
        let lane = node.lane;
        match node.op {
            Op::Constant(_) | Op::Uniform(_) => return Some(()),
            Op::Load { stream, part } => {
                let to = self.load(stream, part, lane)?;
                self.put(id, to);
            }
            Op::Gather { stream, part } => {
                let (mask, bytes) = (self.register(operands[0])?, self.register(operands[1])?);
                // The result must be another register than the distances.
                let to = self.take(lane)?;
                self.release(operands);
                let args = [Some(Arg::Stream { stream, part }), Some(Arg::Register(bytes))];
                self.push(Action::Pick, lane, to, args, Some(mask));
                self.put(id, to);
            }
            Op::Position => {
                let to = self.take(lane)?;
                self.push(Action::Position, lane, to, [None; 2], None);
                self.put(id, to);
            }
            Op::One(op) => {
                let a = self.register(operands[0])?;
                self.release(operands);
                let to = self.take(self.lane(id))?;
                self.push(Action::One(op), lane, to, [Some(Arg::Register(a)), None], None);
                self.put(id, to);
            }
            Op::Two(op) => self.two(id, op, lane, operands[0], operands[1])?,
            Op::Three(op) => self.three(id, op, lane, [operands[0], operands[1], operands[2]])?,
            Op::Compare(relation) => self.compare(id, relation, lane, operands[0], operands[1])?,
            Op::Join(join) => {
                let (a, b) = (self.register(operands[0])?, self.register(operands[1])?);
                let needs_work = match join {
                    Join::Masks => false,
                    Join::Doubles => true,
                    Join::Longs | Join::Halves => self.lines.graph.machine.has_masks(),
                };
                let work = if needs_work { self.take(lane)? } else { 0 };
                let to = self.take(lane)?;
                self.release(operands);
                self.push(Action::Join(join, work), lane, to, [Some(Arg::Register(a)), Some(Arg::Register(b))], None);
                if needs_work {
                    self.free(lane, &[work]);
                }
                self.put(id, to);
            }
            Op::Pair(pairing) => {
                let (a, b) = (self.register(operands[0])?, self.register(operands[1])?);
                // The table is first where the result will be.
                let to = self.take(lane)?;
                self.release(operands);
                self.push(Action::Pair(pairing), lane, to, [Some(Arg::Register(a)), Some(Arg::Register(b))], None);
                self.put(id, to);
            }
            Op::MulAdd { negate_product, negate_addend } => {
                self.mul_add(id, lane, (negate_product, negate_addend), [operands[0], operands[1], operands[2]])?;
            }
            Op::Select => self.select(id, lane, operands[0], operands[1], operands[2])?,
        }
        Some(())
    }

    /// Gives back registers that were only worked in.
    pub(super) fn free(&mut self, lane: Lane, numbers: &[u8]) {
        let file = self.file(lane);
        for number in numbers {
            if let Some(place) = file.numbers.iter().position(|own| own == number) {
                file.locked[place] = false;
            }
        }
    }

    fn two(&mut self, id: Id, op: Two, lane: Lane, a: Id, b: Id) -> Option<()> {
        let commutes = matches!(op, Two::Add | Two::Mul | Two::And | Two::Or | Two::Xor);
        let swap = commutes && self.in_memory(a) && !self.in_memory(b);
        let (a, b) = if swap { (b, a) } else { (a, b) };
        let first = self.register(a)?;
        let second = self.operand(b)?;
        self.release(&[a, b]);
        let to = self.take(lane)?;
        self.push(Action::Two(op), lane, to, [Some(Arg::Register(first)), Some(second)], None);
        self.put(id, to);
        Some(())
    }

    /// The first operand gives its register to the result, the last one may be in memory.
    fn three(&mut self, id: Id, op: Three, lane: Lane, [a, b, c]: [Id; 3]) -> Option<()> {
        let (first, second) = (self.register(a)?, self.register(b)?);
        let third = self.operand(c)?;
        let dies = self.next_use(a) == u32::MAX && self.registers[a.0 as usize].is_some() && a != b && a != c;
        let to = if dies { first } else { self.take(lane)? };
        if !dies {
            self.push(Action::Move, lane, to, [Some(Arg::Register(first)), None], None);
        }
        self.release(&[a, b, c]);
        self.push(Action::Three(op), lane, to, [Some(Arg::Register(second)), Some(third)], None);
        self.put(id, to);
        Some(())
    }

    fn compare(&mut self, id: Id, relation: Relation, lane: Lane, a: Id, b: Id) -> Option<()> {
        let swap = self.in_memory(a) && !self.in_memory(b);
        let (a, b) = if swap { (b, a) } else { (a, b) };
        let first = self.register(a)?;
        let second = self.operand(b)?;
        self.release(&[a, b]);
        let to = self.take(Lane::Mask)?;
        self.push(Action::Compare(relation, swap), lane, to, [Some(Arg::Register(first)), Some(second)], None);
        self.put(id, to);
        Some(())
    }

    fn select(&mut self, id: Id, lane: Lane, condition: Id, yes: Id, no: Id) -> Option<()> {
        let mask = self.register(condition)?;
        let zero = self.lines.graph.constant_of(no) == Some(0);
        if zero {
            let yes_arg = self.operand(yes)?;
            self.release(&[condition, yes, no]);
            let to = self.take(lane)?;
            self.push(Action::Keep, lane, to, [Some(yes_arg), None], Some(mask));
            self.put(id, to);
            return Some(());
        }
        let no_register = self.register(no)?;
        let yes_arg = self.operand(yes)?;
        self.release(&[condition, yes, no]);
        let to = self.take(lane)?;
        self.push(Action::Blend, lane, to, [Some(Arg::Register(no_register)), Some(yes_arg)], Some(mask));
        self.put(id, to);
        Some(())
    }

    /// `± a·b ± c`: one operand gives its register to the result, one may be in memory.
    fn mul_add(&mut self, id: Id, lane: Lane, signs: (bool, bool), [a, b, c]: [Id; 3]) -> Option<()> {
        // The factors in an order in which only the second one may be in memory.
        let (a, b) = if self.in_memory(a) { (b, a) } else { (a, b) };
        let first = self.register(a)?;
        let memory_b = self.in_memory(b) && a != b;
        let (second, third) = if memory_b {
            (self.operand(b)?, Arg::Register(self.register(c)?))
        } else {
            let second = Arg::Register(self.register(b)?);
            (second, self.operand(c)?)
        };
        let dies = |this: &Self, id: Id| this.next_use(id) == u32::MAX && this.registers[id.0 as usize].is_some();
        let a_dies = dies(self, a);
        let b_dies = dies(self, b) && !memory_b;
        let c_dies = dies(self, c) && matches!(third, Arg::Register(_)) && c != a && c != b;
        let action = |form| Action::MulAdd { form, negate_product: signs.0, negate_addend: signs.1 };
        let (to, form, args) = if memory_b && c_dies {
            let Arg::Register(to) = third else { return None };
            (to, Form::F231, [Arg::Register(first), second])
        } else if memory_b && a_dies {
            (first, Form::F132, [third, second])
        } else if memory_b {
            let to = self.take(lane)?;
            self.push(Action::Move, lane, to, [Some(third), None], None);
            (to, Form::F231, [Arg::Register(first), second])
        } else if c_dies {
            let Arg::Register(to) = third else { return None };
            (to, Form::F231, [Arg::Register(first), second])
        } else if a_dies {
            (first, Form::F213, [second, third])
        } else if b_dies {
            let Arg::Register(to) = second else { return None };
            (to, Form::F213, [Arg::Register(first), third])
        } else {
            let to = self.take(lane)?;
            self.push(Action::Move, lane, to, [Some(third), None], None);
            (to, Form::F231, [Arg::Register(first), second])
        };
        self.release(&[a, b, c]);
        self.push(action(form), lane, to, [Some(args[0]), Some(args[1])], None);
        self.put(id, to);
        Some(())
    }
}
