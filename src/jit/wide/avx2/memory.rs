//! Streams that do not lie lane by lane, and lanes that are not there → loads and stores under masks.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::registers::{WORK_VECTOR, half, vector};
use super::{HIGH, LOW, ROWS};
use crate::jit::wide::assembler::{Assembler, Copy, POSITION, WORK, Way, memory};
use crate::jit::wide::body::{Arg, Step};
use crate::jit::wide::graph::Lane;
use crate::jit::wide::machine::Avx2;

/// Bytes of a half of a register.
const HALF: i64 = 16;

impl Assembler<Avx2> {
    /// The mask of the lanes that there are, for a part of such lanes.
    pub(super) fn there(&self, lane: Lane, part: u8) -> MemoryOperand {
        let is_part = lane.is_wide() && !self.layout.double;
        let slot = match (is_part, part) {
            (false, _) => 0,
            (true, 0) => LOW,
            (true, _) => HIGH,
        };
        self.slot(self.layout.there + slot)
    }

    /// Fills the work vector with the mask under which a part of a stream is accessed; false for all lanes.
    fn access_mask(&mut self, stream: u32, part: u8, lane: Lane, copy: Copy) -> bool {
        let work = vector(WORK_VECTOR);
        let access = self.layout.access[stream as usize];
        if access.of_four {
            if copy.is_partial() {
                let (rows, there) = (self.table(ROWS + part as usize), self.there(Lane::F32, 0));
                self.load(Code::VEX_Vmovups_ymm_ymmm256, work, rows);
                self.push(Instruction::with3(Code::VEX_Vpermps_ymm_ymm_ymmm256, work, work, there));
            }
            return copy.is_partial();
        }
        let guard = access.guard.map(|cell| self.slot(self.layout.repeated + cell));
        let there = copy.is_partial().then(|| self.there(lane, part));
        let Some(first) = guard.or(there) else { return false };
        self.load(Code::VEX_Vmovups_ymm_ymmm256, work, first);
        if let (Some(_), Some(there)) = (guard, there) {
            self.push(Instruction::with3(Code::VEX_Vandps_ymm_ymm_ymmm256, work, work, there));
        }
        true
    }

    /// Lanes that follow each other.
    pub(super) fn loaded(&mut self, stream: u32, part: u8, step: &Step, copy: Copy) {
        let at = self.contiguous(stream, part, copy);
        // Two vectors are a line of the caches.
        if !copy.is_partial() && copy.number.is_multiple_of(2) {
            self.ask(stream, at, step.lane);
        }
        let to = vector(step.to);
        if !self.access_mask(stream, part, step.lane, copy) {
            return self.load(Code::VEX_Vmovups_ymm_ymmm256, to, at);
        }
        let code =
            if step.lane.is_wide() { Code::VEX_Vmaskmovpd_ymm_ymm_m256 } else { Code::VEX_Vmaskmovps_ymm_ymm_m256 };
        self.push(Instruction::with3(code, to, vector(WORK_VECTOR), at));
    }

    pub(super) fn stored(&mut self, stream: u32, part: u8, (lane, from): (Lane, u8), copy: Copy) {
        let at = self.contiguous(stream, part, copy);
        if !copy.is_partial() && copy.number.is_multiple_of(2) {
            self.ask_to_write(stream, at);
        }
        let from = vector(from);
        if self.access_mask(stream, part, lane, copy) {
            let code =
                if lane.is_wide() { Code::VEX_Vmaskmovpd_m256_ymm_ymm } else { Code::VEX_Vmaskmovps_m256_ymm_ymm };
            return self.push(Instruction::with3(code, at, vector(WORK_VECTOR), from));
        }
        let past_caches = copy.way == Way::PastCaches && self.layout.access[stream as usize].is_result;
        let code = if past_caches { Code::VEX_Vmovntps_m256_ymm } else { Code::VEX_Vmovups_ymmm256_ymm };
        self.store(code, at, from);
    }

    /// The numbers of the lanes of a vector.
    pub(super) fn lane_number(&mut self, lane: Lane, to: u8, copy: Copy) {
        let ahead = (copy.number * self.layout.lanes) as i64;
        self.load(Code::Lea_r64_m, WORK[0], memory(POSITION, ahead));
        let numbers = self.lane_numbers(lane.is_wide());
        self.two(Code::VEX_Vmovq_xmm_rm64, half(to), WORK[0]);
        let (repeat, add) = if lane.is_wide() {
            (Code::VEX_Vpbroadcastq_ymm_xmmm64, Code::VEX_Vpaddq_ymm_ymm_ymmm256)
        } else {
            (Code::VEX_Vpbroadcastd_ymm_xmmm32, Code::VEX_Vpaddd_ymm_ymm_ymmm256)
        };
        self.two(repeat, vector(to), half(to));
        self.push(Instruction::with3(add, vector(to), vector(to), numbers));
    }

    /// The mask of wide lanes, or of as many narrow ones, for lanes that are picked one by one. It is used up.
    fn picking_mask(&mut self, stream: u32, part: u8, lane: Lane, upper: bool, copy: Copy) {
        if !self.access_mask(stream, part, lane, copy) {
            self.ones(WORK_VECTOR);
        }
        if upper {
            let work = vector(WORK_VECTOR);
            self.push(Instruction::with3(Code::VEX_Vextractf128_xmmm128_ymm_imm8, half(WORK_VECTOR), work, 1));
        }
    }

    /// From strided memory.
    pub(super) fn gather(&mut self, stream: u32, part: u8, step: &Step, [distances, high]: [u8; 2], copy: Copy) {
        let slot = self.layout.offsets[stream as usize].unwrap_or(0);
        let at = self.slot(slot);
        self.load(Code::VEX_Vmovups_ymm_ymmm256, vector(distances), at);
        self.strided(stream, part, copy);
        let from = MemoryOperand::new(WORK[1], vector(distances), 1, 0, 0, false, Register::None);
        let to = step.to;
        self.repeat_in(Arg::Constant(0), step.lane, to);
        if step.lane.is_wide() {
            self.picking_mask(stream, part, step.lane, false, copy);
            let code = Code::VEX_Vgatherqpd_ymm_vm64y_ymm;
            return self.push(Instruction::with3(code, vector(to), from, vector(WORK_VECTOR)));
        }
        self.repeat_in(Arg::Constant(0), step.lane, high);
        for (register, upper) in [(to, false), (high, true)] {
            if upper {
                self.further(stream);
            }
            self.picking_mask(stream, part, step.lane, upper, copy);
            let code = Code::VEX_Vgatherqps_xmm_vm64y_xmm;
            self.push(Instruction::with3(code, half(register), from, half(WORK_VECTOR)));
        }
        self.insert_high(to, to, high);
    }

    /// From where lanes are, under a mask of wide lanes.
    pub(super) fn pick(&mut self, stream: u32, part: u8, step: &Step, (mask, bytes): (Register, u8), copy: Copy) {
        let base = self.base(stream);
        let from = MemoryOperand::new(base, vector(bytes), 1, 0, 0, false, Register::None);
        let to = vector(step.to);
        // The result is where the mask is made, before it is the result.
        match copy.is_partial() {
            true => {
                let there = self.there(Lane::I64, part);
                self.push(Instruction::with3(Code::VEX_Vandps_ymm_ymm_ymmm256, to, mask, there));
            }
            false => self.two(Code::VEX_Vmovaps_ymm_ymmm256, to, mask),
        }
        if step.lane.is_wide() {
            self.two(Code::VEX_Vmovaps_ymm_ymmm256, vector(WORK_VECTOR), to);
            self.repeat_in(Arg::Constant(0), step.lane, step.to);
            let code = Code::VEX_Vgatherqpd_ymm_vm64y_ymm;
            return self.push(Instruction::with3(code, to, from, vector(WORK_VECTOR)));
        }
        let work = half(WORK_VECTOR);
        self.push(Instruction::with3(Code::VEX_Vextractf128_xmmm128_ymm_imm8, work, to, 1));
        self.push(Instruction::with4(Code::VEX_Vshufps_xmm_xmm_xmmm128_imm8, work, half(step.to), work, 0b10_00_10_00));
        self.repeat_in(Arg::Constant(0), step.lane, step.to);
        self.push(Instruction::with3(Code::VEX_Vgatherqps_xmm_vm64y_xmm, half(step.to), from, work));
    }

    /// To strided memory, lane by lane: the machine has no instruction for more.
    pub(super) fn scatter(&mut self, stream: u32, part: u8, (lane, from): (Lane, u8), copy: Copy) {
        self.strided(stream, part, copy);
        let stride = self.cell(self.layout.streams + 2 * stream + 1);
        self.load(Code::Mov_r64_rm64, WORK[0], stride);
        let bytes = i64::from(lane.bytes());
        let in_half = HALF / bytes;
        for number in 0..2 * in_half {
            let (upper, place) = (number / in_half == 1, (number % in_half) as i32);
            if place == 0 {
                let code = Code::VEX_Vextractf128_xmmm128_ymm_imm8;
                self.push(Instruction::with3(code, half(WORK_VECTOR), vector(from), i32::from(upper)));
            }
            let is_there = copy.is_partial().then(|| {
                let mut at = self.there(lane, part);
                at.displacement += number * bytes;
                self.push(Instruction::with2(Code::Cmp_rm32_imm8, at, 0));
                self.jump(Code::Je_rel32_64, None)
            });
            let at = memory(WORK[1], 0);
            match (lane.is_wide(), place) {
                (true, 0) => self.store(Code::VEX_Vmovlpd_m64_xmm, at, half(WORK_VECTOR)),
                (true, _) => self.store(Code::VEX_Vmovhpd_m64_xmm, at, half(WORK_VECTOR)),
                (false, place) => {
                    let code = Code::VEX_Vextractps_rm32_xmm_imm8;
                    self.push(Instruction::with3(code, at, half(WORK_VECTOR), place));
                }
            }
            is_there.into_iter().for_each(|jump| self.here(jump));
            self.two(Code::Add_r64_rm64, WORK[1], WORK[0]);
        }
    }
}
