//! Conversions that the machine has for single lanes only → those of all lanes, one by one through memory.

use iced_x86::{Code, Instruction, MemoryOperand};

use super::SCRATCH;
use super::registers::{WORK_VECTOR, half};
use crate::jit::wide::assembler::{Assembler, WORK};
use crate::jit::wide::machine::{Avx2, Machine, Steps};

impl Assembler<Avx2> {
    /// A lane in memory to convert in, of one of two registers.
    fn scratch(&self, register: u32, bytes: usize) -> MemoryOperand {
        let mut at = self.slot(self.layout.there + SCRATCH + register);
        at.displacement += bytes as i64;
        at
    }

    /// The ints of doubles, towards zero; what is none of them is the smallest int.
    pub(super) fn ints_of_doubles(&mut self, to: u8, from: u8) {
        let at = self.scratch(0, 0);
        self.save(at, from);
        for lane in 0..Machine::Avx2.lanes(true) {
            let at = self.scratch(0, 8 * lane);
            self.load(Code::VEX_Vcvttsd2si_r64_xmmm64, WORK[0], at);
            self.store(Code::Mov_rm64_r64, at, WORK[0]);
        }
        self.restore(to, at);
    }

    /// The singles nearest to 64-bit ints, of which a register has half as many. They lie where the ints did, which are
    /// read before.
    pub(super) fn singles_of_ints(&mut self, to: u8, low: u8, high: u8) {
        for (register, from) in [(0, low), (1, high)] {
            let at = self.scratch(register, 0);
            self.save(at, from);
        }
        let work = half(WORK_VECTOR);
        let lanes = Machine::Avx2.lanes(true);
        for lane in 0..2 * lanes {
            let from = self.scratch((lane / lanes) as u32, 8 * (lane % lanes));
            // Without what the register had before, for which the processor would wait.
            self.push(Instruction::with3(Code::VEX_Vxorps_xmm_xmm_xmmm128, work, work, work));
            self.push(Instruction::with3(Code::VEX_Vcvtsi2ss_xmm_xmm_rm64, work, work, from));
            let at = self.scratch(0, 4 * lane);
            self.store(Code::VEX_Vmovss_m32_xmm, at, work);
        }
        let at = self.scratch(0, 0);
        self.restore(to, at);
    }
}
