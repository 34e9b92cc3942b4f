//! Which instructions a machine has → how many lanes a register has, and how many registers there are.

use iced_x86::MemoryOperand;

use super::assembler::{Assembler, Copy};
use super::body::{Arg, Step};
use super::graph::{Lane, Two};
use super::lines::Lines;

/// The instructions that code for vectors is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::jit) enum Machine {
    /// Registers of 512 bits, and others for masks.
    Avx512,
    /// Registers of 256 bits, in which masks are lanes of ones and of zeros, and fused multiply-adds.
    Avx2,
}

impl Machine {
    /// Whether this machine has them.
    pub fn is_usable(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            match self {
                Machine::Avx512 => {
                    has!("avx512f") && has!("avx512dq") && has!("avx512vl") && has!("avx512bw") && has!("bmi2")
                }
                Machine::Avx2 => has!("avx2") && has!("fma"),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// Bytes of a register.
    pub fn bytes(self) -> usize {
        match self {
            Machine::Avx512 => 64,
            Machine::Avx2 => 32,
        }
    }

    /// Lanes of a register.
    pub fn lanes(self, double: bool) -> usize {
        self.bytes() / if double { 8 } else { 4 }
    }

    /// How many registers have as many lanes as one of 512 bits.
    pub fn shorter(self) -> usize {
        64 / self.bytes()
    }

    /// Registers that code may use. Where there are no masks, one is left to work in.
    pub const fn registers(self) -> usize {
        match self {
            Machine::Avx512 => 32,
            Machine::Avx2 => 15,
        }
    }

    /// The registers that code needs at least, beside those of accumulators and constants.
    pub fn fewest(self) -> usize {
        match self {
            Machine::Avx512 => 8,
            Machine::Avx2 => 6,
        }
    }

    /// The first register of the accumulators, which go downward, set by set.
    pub fn top(self) -> u8 {
        self.registers() as u8 - 1
    }

    /// Whether masks are in registers of their own, with a bit a lane.
    pub fn has_masks(self) -> bool {
        self == Machine::Avx512
    }
}

/// AVX-512, as a type.
pub(super) struct Avx512;

/// AVX2 with FMA, as a type.
pub(super) struct Avx2;

/// What is written for a machine, as far as it is not the same for all.
pub(super) trait Instructions {
    /// The machine.
    const MACHINE: Machine;

    /// Slots of the frame that it needs for itself.
    const SLOTS: usize;

    /// Tables that lie before the code, in whole registers; the last of them are for rows of four.
    fn tables(of_four: bool) -> Vec<u8>;

    /// How a literal lies before the code, and to what it is aligned.
    fn literal(bits: u64, wide: bool) -> (Vec<u8>, usize);

    /// An operand that is the same in all lanes, in memory.
    fn broadcast(code: &Assembler<Self>, arg: Arg, lane: Lane) -> MemoryOperand
    where
        Self: Sized;
}

/// What loops are made of, beside instructions that all machines have.
pub(super) trait Steps {
    /// Writes a step for one of the vectors in flight.
    fn step(&mut self, step: &Step, copy: Copy);

    /// The same in all lanes of a register.
    fn repeat(&mut self, from: Arg, lane: Lane, to: u8);

    /// A register to memory, and back.
    fn save(&mut self, to: MemoryOperand, register: u8);
    fn restore(&mut self, register: u8, from: MemoryOperand);

    /// Copies what does not vary to where operands are, before the loops.
    fn uniforms(&mut self, lines: &Lines);

    /// Fills a slot with the distances of lanes in bytes, by the stride in an argument cell.
    fn distances(&mut self, stride: u32, slot: u32);

    /// Says that the first lanes of a vector are there, as many as the first work register says, but for the first ones
    /// of them that an argument cell says are missing.
    fn lanes_there(&mut self, missing: Option<u32>);

    /// Puts NaN where a register of ones says so.
    fn mend(&mut self, accumulator: u8, nan: u8);

    /// Doubles or ints of an accumulator to register 0 or 1: as they are, or the low or high half of singles.
    fn widened(&mut self, accumulator: Lane, register: u8, high: bool, to: u8);

    /// Registers 0 and 1 → 0. NaN stays.
    fn combine(&mut self, two: Two, lane: Lane);

    /// Register 0 with its lanes moved by a distance, in register 1: lanes of 64 bits.
    fn swapped(&mut self, distance: usize);
}
