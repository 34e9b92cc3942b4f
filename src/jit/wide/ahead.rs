//! A load of lanes in memory → the instruction that asks for lanes which are needed later.

use iced_x86::{Code, Instruction, MemoryOperand};

use super::assembler::{Assembler, BASES, WORK};
use super::graph::Lane;
use super::machine::Instructions;
use crate::kernel::BLOCK;

/// How many bytes before they are needed lanes are asked for: the processor's own guesses end at every page of 4096.
pub(in crate::jit) const SOON: i64 = 2048;

/// Which lanes of a stream are asked for before they are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::jit) enum Ahead {
    /// None: they are in the caches.
    Nothing,
    /// Those that come soon, for the first cache.
    Next,
    /// Those of the next block, for the second cache: the first one is full of what lies between.
    NextBlock,
    /// Those of a later row, where the second argument cell of the stream says that it begins.
    NextRow,
    /// Those of a result that takes the place of what is stored, where the second argument cell of the stream says that
    /// it begins: a later step that only writes it does not wait for them.
    Replacement,
}

impl<M: Instructions> Assembler<M> {
    /// Asks for lanes of a stream that come after those at an address.
    pub fn ask(&mut self, stream: u32, mut at: MemoryOperand, lane: Lane) {
        let (distance, code) = match self.layout.access[stream as usize].ahead {
            Ahead::Nothing | Ahead::Replacement => return,
            Ahead::NextRow if BASES.contains(&at.base) => {
                let row = self.cell(self.layout.streams + 2 * stream + 1);
                self.load(Code::Mov_r64_rm64, WORK[0], row);
                at.base = WORK[0];
                (0, Code::Prefetcht0_m8)
            }
            Ahead::Next | Ahead::NextRow => (SOON, Code::Prefetcht0_m8),
            Ahead::NextBlock => (BLOCK as i64 * i64::from(lane.bytes()), Code::Prefetcht1_m8),
        };
        at.displacement += distance;
        self.push(Instruction::with1(code, at));
    }

    /// Asks for the lanes of a result that will take the place of those which are stored at an address.
    pub fn ask_to_write(&mut self, stream: u32, mut at: MemoryOperand) {
        if self.layout.access[stream as usize].ahead == Ahead::Replacement {
            let result = self.cell(self.layout.streams + 2 * stream + 1);
            self.load(Code::Mov_r64_rm64, WORK[0], result);
            at.base = WORK[0];
            self.push(Instruction::with1(Code::Prefetchw_m8, at));
        }
    }
}
