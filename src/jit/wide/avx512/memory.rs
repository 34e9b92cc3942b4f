//! Streams that do not lie lane by lane, and lanes that are not there → loads and stores under masks.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::PLACES;
use super::encode::masked_by;
use super::registers::{THERE, THERE_HIGH, WORK_MASK, half, vector};
use crate::jit::wide::assembler::{Assembler, Copy, WORK};
use crate::jit::wide::body::{Arg, Step};
use crate::jit::wide::graph::Lane;
use crate::jit::wide::machine::Avx512;

impl Assembler<Avx512> {
    /// The mask under which a part of a stream is accessed; none for all lanes.
    pub fn access_mask(&mut self, stream: u32, part: u8, copy: Copy) -> Option<Register> {
        if self.layout.access[stream as usize].of_four {
            return copy.is_partial().then(|| self.places_there(part));
        }
        let there = if part == 0 { THERE } else { THERE_HIGH };
        match self.layout.access[stream as usize].guard {
            Some(cell) => {
                let cell = self.cell(self.layout.uniforms + cell);
                self.load(Code::VEX_Kmovw_kr_km16, WORK_MASK, cell);
                if copy.is_partial() {
                    self.push(Instruction::with3(Code::VEX_Kandw_kr_kr_kr, WORK_MASK, WORK_MASK, there));
                }
                Some(WORK_MASK)
            }
            None => copy.is_partial().then_some(there),
        }
    }

    /// The mask of the places, of a vector of four rows, whose rows there are. Leaves the second work register alone.
    fn places_there(&mut self, part: u8) -> Register {
        let first = self.table(PLACES.len());
        self.two(Code::VEX_Kmovw_r32_kr, Register::ECX, THERE);
        self.push(Instruction::with3(Code::VEX_Pdep_r64_r64_rm64, WORK[0], WORK[0], first));
        self.push(Instruction::with3(Code::Imul_r64_rm64_imm8, WORK[0], WORK[0], 15));
        self.push(Instruction::with2(Code::Shr_rm64_imm8, WORK[0], 16 * i32::from(part)));
        self.two(Code::VEX_Kmovw_kr_r32, WORK_MASK, Register::ECX);
        WORK_MASK
    }

    /// Fills the mask for eight lanes of strided memory.
    fn strided_mask(&mut self, mask: Option<Register>, shift: bool) {
        match mask {
            None => self.push(Instruction::with3(Code::VEX_Kxnorw_kr_kr_kr, WORK_MASK, WORK_MASK, WORK_MASK)),
            Some(mask) if shift => self.push(Instruction::with3(Code::VEX_Kshiftrw_kr_kr_imm8, WORK_MASK, mask, 8)),
            Some(mask) => self.two(Code::VEX_Kmovw_kr_km16, WORK_MASK, mask),
        }
    }

    fn offsets(&mut self, stream: u32, work: u8) {
        let slot = self.layout.offsets[stream as usize].unwrap_or(0);
        let at = self.slot(slot);
        self.load(Code::EVEX_Vmovups_zmm_k1z_zmmm512, vector(work), at);
    }

    pub fn gather(&mut self, stream: u32, part: u8, step: &Step, [offsets, high]: [u8; 2], copy: Copy) {
        self.offsets(stream, offsets);
        self.strided(stream, part, copy);
        let from = MemoryOperand::new(WORK[1], vector(offsets), 1, 0, 0, false, Register::None);
        let to = step.to;
        self.repeat_in(Arg::Constant(0), step.lane, to);
        if step.lane.is_wide() {
            let mask = self.access_mask(stream, part, copy);
            self.strided_mask(mask, false);
            let code = if step.lane == Lane::F64 {
                Code::EVEX_Vgatherqpd_zmm_k1_vm64z
            } else {
                Code::EVEX_Vpgatherqq_zmm_k1_vm64z
            };
            return self.masked(Instruction::with2(code, vector(to), from), Some(WORK_MASK), false);
        }
        self.repeat_in(Arg::Constant(0), step.lane, high);
        for (register, second) in [(to, false), (high, true)] {
            if second {
                self.further(stream);
            }
            let mask = self.access_mask(stream, part, copy);
            self.strided_mask(mask, second);
            let code = Code::EVEX_Vgatherqps_ymm_k1_vm64z;
            self.masked(Instruction::with2(code, half(register), from), Some(WORK_MASK), false);
        }
        self.insert_high(to, high);
    }

    /// Eight lanes from where they are.
    pub fn pick(&mut self, stream: u32, part: u8, step: &Step, bytes: u8, copy: Copy) {
        let base = self.base(stream);
        let from = MemoryOperand::new(base, vector(bytes), 1, 0, 0, false, Register::None);
        self.repeat_in(Arg::Constant(0), step.lane, step.to);
        let there = if part == 0 { THERE } else { THERE_HIGH };
        if copy.is_partial() {
            self.push(Instruction::with3(Code::VEX_Kandw_kr_kr_kr, WORK_MASK, masked_by(step), there));
        } else {
            self.two(Code::VEX_Kmovw_kr_km16, WORK_MASK, masked_by(step));
        }
        let instruction = match step.lane {
            Lane::F64 => Instruction::with2(Code::EVEX_Vgatherqpd_zmm_k1_vm64z, vector(step.to), from),
            Lane::I64 => Instruction::with2(Code::EVEX_Vpgatherqq_zmm_k1_vm64z, vector(step.to), from),
            _ => Instruction::with2(Code::EVEX_Vgatherqps_ymm_k1_vm64z, half(step.to), from),
        };
        self.masked(instruction, Some(WORK_MASK), false);
    }

    pub fn scatter(&mut self, stream: u32, part: u8, from: u8, [offsets, high]: [u8; 2], copy: Copy) {
        self.offsets(stream, offsets);
        self.strided(stream, part, copy);
        let to = MemoryOperand::new(WORK[1], vector(offsets), 1, 0, 0, false, Register::None);
        if self.layout.access[stream as usize].bytes == 8 {
            let mask = self.access_mask(stream, part, copy);
            self.strided_mask(mask, false);
            let code = Code::EVEX_Vscatterqpd_vm64z_k1_zmm;
            return self.masked(Instruction::with2(code, to, vector(from)), Some(WORK_MASK), false);
        }
        self.push(Instruction::with3(Code::EVEX_Vextractf32x8_ymmm256_k1z_zmm_imm8, half(high), vector(from), 1));
        for (register, second) in [(from, false), (high, true)] {
            if second {
                self.further(stream);
            }
            let mask = self.access_mask(stream, part, copy);
            self.strided_mask(mask, second);
            let code = Code::EVEX_Vscatterqps_vm64z_k1_ymm;
            self.masked(Instruction::with2(code, to, half(register)), Some(WORK_MASK), false);
        }
    }
}
