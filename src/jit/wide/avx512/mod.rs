//! What is written for machines with AVX-512: 32 registers of 512 bits, masks with a bit a lane, and operands in memory
//! that are repeated in all lanes.

mod codes;
mod encode;
mod memory;
mod registers;

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use self::codes::arithmetic;
use self::registers::{THERE, THERE_HIGH, mask, vector};
use super::assembler::{Assembler, Copy, WORK};
use super::body::{Arg, Step};
use super::graph::{Lane, Two};
use super::lines::Lines;
use super::machine::{Avx512, Instructions, Machine, Steps};

/// Which lanes of two registers make a third one, for each [`Pairing`](super::graph::Pairing) that needs a table.
const PLACES: [[u32; 16]; 4] = [
    [0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29],
    [2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31],
    [0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27],
    [4, 12, 20, 28, 5, 13, 21, 29, 6, 14, 22, 30, 7, 15, 23, 31],
];
/// The first place of each of sixteen rows.
const EVERY_FOURTH: u64 = 0x1111_1111_1111_1111;

impl Instructions for Avx512 {
    const MACHINE: Machine = Machine::Avx512;
    const SLOTS: usize = 0;

    fn tables(of_four: bool) -> Vec<u8> {
        if !of_four {
            return Vec::new();
        }
        let mut tables: Vec<u8> = PLACES.iter().flatten().flat_map(|lane| lane.to_le_bytes()).collect();
        tables.extend(EVERY_FOURTH.to_le_bytes());
        tables
    }

    fn literal(bits: u64, wide: bool) -> (Vec<u8>, usize) {
        let bytes = if wide { 8 } else { 4 };
        (bits.to_le_bytes()[..bytes].to_vec(), bytes)
    }

    fn broadcast(code: &Assembler<Avx512>, arg: Arg, lane: Lane) -> MemoryOperand {
        let mut operand = match arg {
            Arg::Uniform(cell) => code.cell(code.layout.uniforms + cell),
            Arg::Constant(bits) => code.literal(bits, lane.is_wide()),
            _ => unreachable!("only what does not vary is repeated from memory"),
        };
        operand.is_broadcast = true;
        operand
    }
}

impl Steps for Assembler<Avx512> {
    fn step(&mut self, step: &Step, copy: Copy) {
        self.write(step, copy);
    }

    fn repeat(&mut self, from: Arg, lane: Lane, to: u8) {
        self.repeat_in(from, lane, to);
    }

    fn save(&mut self, to: MemoryOperand, register: u8) {
        self.store(Code::EVEX_Vmovups_zmmm512_k1z_zmm, to, vector(register));
    }

    fn restore(&mut self, register: u8, from: MemoryOperand) {
        self.load(Code::EVEX_Vmovups_zmm_k1z_zmmm512, vector(register), from);
    }

    fn uniforms(&mut self, _: &Lines) {}

    fn distances(&mut self, stride: u32, slot: u32) {
        let stride = self.cell(stride);
        self.load(Code::EVEX_Vbroadcastsd_zmm_k1z_xmmm64, vector(0), stride);
        let steps = self.lane_numbers(true);
        self.push(Instruction::with3(Code::EVEX_Vpmullq_zmm_k1z_zmm_zmmm512b64, vector(0), vector(0), steps));
        let at = self.slot(slot);
        self.save(at, 0);
    }

    fn lanes_there(&mut self, missing: Option<u32>) {
        self.number(Code::Mov_r32_imm32, Register::EDX, -1);
        self.push(Instruction::with3(Code::VEX_Bzhi_r32_rm32_r32, Register::EDX, Register::EDX, Register::ECX));
        if let Some(missing) = missing {
            let missing = self.cell(missing);
            self.load(Code::Mov_r64_rm64, WORK[0], missing);
            for shift in [Code::VEX_Shrx_r32_rm32_r32, Code::VEX_Shlx_r32_rm32_r32] {
                self.push(Instruction::with3(shift, Register::EDX, Register::EDX, Register::ECX));
            }
        }
        self.two(Code::VEX_Kmovw_kr_r32, THERE, Register::EDX);
        self.push(Instruction::with3(Code::VEX_Kshiftrw_kr_kr_imm8, THERE_HIGH, THERE, 8));
    }

    fn mend(&mut self, accumulator: u8, nan: u8) {
        let (own, code) = (vector(accumulator), Code::EVEX_Vpord_zmm_k1z_zmm_zmmm512b32);
        self.push(Instruction::with3(code, own, own, vector(nan)));
    }

    fn widened(&mut self, accumulator: Lane, register: u8, high: bool, to: u8) {
        let low = Register::YMM0 + u32::from(register);
        match (accumulator, high) {
            (Lane::F32, false) => self.two(Code::EVEX_Vcvtps2pd_zmm_k1z_ymmm256b32_sae, vector(to), low),
            (Lane::F32, true) => {
                let half = Register::YMM0 + u32::from(to);
                let code = Code::EVEX_Vextractf32x8_ymmm256_k1z_zmm_imm8;
                self.push(Instruction::with3(code, half, vector(register), 1));
                self.two(Code::EVEX_Vcvtps2pd_zmm_k1z_ymmm256b32_sae, vector(to), half);
            }
            _ => self.two(Code::EVEX_Vmovapd_zmm_k1z_zmmm512, vector(to), vector(register)),
        }
    }

    fn combine(&mut self, two: Two, lane: Lane) {
        self.push(Instruction::with3(arithmetic(two, lane), vector(0), vector(1), vector(0)));
        if matches!(two, Two::Least | Two::Most) && lane == Lane::F64 {
            // The second operand, which stands where one is NaN, is mended.
            let nan = mask(1);
            let code = Code::EVEX_Vcmppd_kr_k1_zmm_zmmm512b64_imm8_sae;
            self.push(Instruction::with4(code, nan, vector(1), vector(1), 3));
            let moved = Instruction::with2(Code::EVEX_Vmovapd_zmm_k1z_zmmm512, vector(0), vector(1));
            self.masked(moved, Some(nan), false);
        }
    }

    fn swapped(&mut self, distance: usize) {
        // The upper part beside the lower one: 64-bit lanes change places.
        let groups = match distance {
            4 => 0b01_00_11_10,
            2 => 0b10_11_00_01,
            _ => {
                let shuffle = Code::EVEX_Vpermilpd_zmm_k1z_zmmm512b64_imm8;
                return self.push(Instruction::with3(shuffle, vector(1), vector(0), 0x55));
            }
        };
        let shuffle = Code::EVEX_Vshuff64x2_zmm_k1z_zmm_zmmm512b64_imm8;
        self.push(Instruction::with4(shuffle, vector(1), vector(0), vector(0), groups));
    }
}
