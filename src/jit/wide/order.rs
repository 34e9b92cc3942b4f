//! Tasks → the same tasks in an order in which long chains run beside each other.
//!
//! Tasks come in the order in which they are needed: one chain of operations after the other. A processor looks ahead
//! over fewer operations than a long vector has, and waits for the end of one chain before it sees the next one. Here
//! what begins the longest way to the end comes first, as far as there are registers. What is computed is the same.

use smallvec::SmallVec;

use super::allocate::Room;
use super::body::{Task, parts_of, under};
use super::graph::{Id, Lane, Op};
use super::latency::latency;
use super::lines::Lines;

/// Operations that a processor begins in a cycle.
const WIDTH: u32 = 2;

/// Registers that stay free for what a task needs beside its result.
const SPARE: usize = 3;

/// The file of registers that a result is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum File {
    Vectors,
    Masks,
}

struct Entry {
    task: Task,
    /// Where the result is; things that are left behind have none.
    file: Option<File>,
    latency: u32,
    /// The longest way to the end, from the beginning of this on.
    way: u32,
    operands: SmallVec<[usize; 3]>,
    users: SmallVec<[usize; 4]>,
}

/// The tasks in another order.
pub(super) fn spread(lines: &Lines, tasks: &[Task], room: Room) -> Vec<Task> {
    let entries = entries(lines, tasks);
    let mut order = Order {
        waiting_for: entries.iter().map(|entry| entry.operands.len()).collect(),
        users_left: entries.iter().map(|entry| entry.users.len()).collect(),
        start: vec![0; entries.len()],
        in_use: [0; 2],
        room: [room.vectors.saturating_sub(SPARE), room.masks.saturating_sub(1)],
        ready: (0..entries.len()).filter(|&position| entries[position].operands.is_empty()).collect(),
        now: 0,
        entries,
    };
    let mut spread = Vec::with_capacity(tasks.len());
    while let Some(next) = order.next() {
        spread.push(order.entries[next].task);
    }
    spread
}

fn entries(lines: &Lines, tasks: &[Task]) -> Vec<Entry> {
    let graph = &lines.graph;
    let mut made_by: Vec<Option<usize>> = vec![None; graph.len()];
    let mut entries: Vec<Entry> = Vec::with_capacity(tasks.len());
    let (mut last_left, mut replaced) = (None, Vec::new());
    for (position, &task) in tasks.iter().enumerate() {
        let mut entry =
            Entry { task, file: None, latency: 1, way: 0, operands: SmallVec::new(), users: SmallVec::new() };
        let needed: SmallVec<[Id; 3]> = match task {
            Task::Node(id) => {
                let node = graph.get(id);
                let is_mask = node.lane == Lane::Mask || matches!(node.op, Op::Compare(_));
                entry.file = Some(if is_mask && graph.machine.has_masks() { File::Masks } else { File::Vectors });
                entry.latency = latency(node);
                made_by[id.0 as usize] = Some(position);
                if matches!(node.op, Op::Load { stream, .. } if lines.streams[stream as usize].is_replaced) {
                    replaced.push(position);
                }
                node.operands().iter().copied().collect()
            }
            Task::Leave(left, part) => {
                // In their order: of what is combined with memory, two may be at the same place. And after the loads of
                // what they write over.
                match last_left.replace(position) {
                    Some(last) => entry.operands.push(last),
                    None => entry.operands.extend(replaced.iter().copied()),
                }
                let left = &lines.left[left];
                [parts_of(left)[part]].into_iter().chain(under(left)).collect()
            }
        };
        entry.operands.extend(needed.iter().filter_map(|id| made_by[id.0 as usize]));
        entry.operands.sort_unstable();
        entry.operands.dedup();
        entry.operands.iter().for_each(|&operand| entries[operand].users.push(position));
        entries.push(entry);
    }
    for position in (0..entries.len()).rev() {
        let after = entries[position].users.iter().map(|&user| entries[user].way).max().unwrap_or(0);
        entries[position].way = entries[position].latency + after;
    }
    entries
}

/// What is done so far.
struct Order {
    entries: Vec<Entry>,
    waiting_for: Vec<usize>,
    users_left: Vec<usize>,
    /// When the operands of a task are there.
    start: Vec<u32>,
    /// Registers of both files.
    in_use: [usize; 2],
    room: [usize; 2],
    ready: Vec<usize>,
    /// In parts of a cycle.
    now: u32,
}

impl Order {
    /// The next task; nothing after the last one.
    fn next(&mut self) -> Option<usize> {
        let fits: Vec<usize> = self.ready.iter().copied().filter(|&position| self.fits(position)).collect();
        let waits = |position: usize| self.start[position].saturating_sub(self.now);
        let best = fits
            .into_iter()
            .min_by_key(|&position| (waits(position), std::cmp::Reverse(self.entries[position].way), position));
        // With too few registers for any of them, the order is that which is known to need few.
        let next = best.or_else(|| self.ready.iter().copied().min())?;
        self.ready.retain(|&position| position != next);
        self.begin(next);
        Some(next)
    }

    /// How many registers of a file a task takes, less those that it frees.
    fn taken(&self, position: usize, file: File) -> isize {
        let entry = &self.entries[position];
        let is_freed = |&&operand: &&usize| self.entries[operand].file == Some(file) && self.users_left[operand] == 1;
        let freed = entry.operands.iter().filter(is_freed).count() as isize;
        isize::from(entry.file == Some(file)) - freed
    }

    fn fits(&self, position: usize) -> bool {
        [File::Vectors, File::Masks].into_iter().all(|file| {
            let taken = self.taken(position, file);
            taken <= 0 || self.in_use[file as usize] < self.room[file as usize]
        })
    }

    fn begin(&mut self, position: usize) {
        for file in [File::Vectors, File::Masks] {
            let taken = self.taken(position, file);
            self.in_use[file as usize] = self.in_use[file as usize].saturating_add_signed(taken);
        }
        self.now = self.now.max(self.start[position]) + 1;
        let end = self.now + WIDTH * self.entries[position].latency;
        for &operand in &self.entries[position].operands {
            self.users_left[operand] -= 1;
        }
        for user in self.entries[position].users.clone() {
            self.start[user] = self.start[user].max(end);
            self.waiting_for[user] -= 1;
            if self.waiting_for[user] == 0 {
                self.ready.push(user);
            }
        }
    }
}
