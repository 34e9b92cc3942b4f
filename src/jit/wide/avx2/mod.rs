//! What is written for machines with AVX2: 16 registers of 256 bits, masks that are lanes of ones and zeros in them, and
//! operands in memory that are whole registers. Literals and what does not vary lie there in every lane; which lanes
//! there are at the ends of a run is said by masks in the frame.

mod codes;
mod convert;
mod encode;
mod memory;
mod registers;

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use self::codes::{above, arithmetic, blend};
use self::registers::{WORK_VECTOR, half, vector};
use super::assembler::{Assembler, Copy, WORK};
use super::body::{Arg, Step};
use super::graph::{Id, Lane, Op, Two};
use super::lines::Lines;
use super::machine::{Avx2, Instructions, Machine, Steps};

/// Which lanes of a register make another one: those of even rows' places first, and one row after the other.
const PLACES: [[u32; 8]; 2] = [[0, 4, 1, 5, 2, 6, 3, 7], [0, 4, 2, 6, 1, 5, 3, 7]];

/// Tables: ones and behind them zeros, of which a register from between them has the first lanes; [`PLACES`]; for each
/// part of rows of four, which rows its lanes are of.
const ONES_AND_ZEROS: usize = 0;
const FOR_PLACES: usize = 2;
const FOR_ROWS: usize = 3;
const ROWS: usize = 4;

/// Slots of the frame. The first one says which lanes of the precision there are; these of wide ones beside singles, the
/// low and the high half.
const LOW: u32 = 1;
const HIGH: u32 = 2;
/// As many slots behind each of them is the one that says which lanes there are not.
const NOT_THERE: u32 = 3;
/// The two slots behind them, for lanes that are converted one by one.
const SCRATCH: u32 = 6;

impl Instructions for Avx2 {
    const MACHINE: Machine = Machine::Avx2;
    const SLOTS: usize = SCRATCH as usize + 2;

    fn tables(of_four: bool) -> Vec<u8> {
        let register = Machine::Avx2.bytes();
        let mut tables = [0xff_u8, 0].map(|byte| vec![byte; register]).concat();
        if of_four {
            let rows = (0..4_u32).flat_map(|part| (0..8).map(move |lane| 2 * part + lane / 4));
            tables.extend(PLACES.into_iter().flatten().chain(rows).flat_map(u32::to_le_bytes));
        }
        tables
    }

    fn literal(bits: u64, wide: bool) -> (Vec<u8>, usize) {
        let register = Machine::Avx2.bytes();
        let bytes = if wide { 8 } else { 4 };
        (bits.to_le_bytes()[..bytes].repeat(register / bytes), register)
    }

    fn broadcast(code: &Assembler<Avx2>, arg: Arg, lane: Lane) -> MemoryOperand {
        match arg {
            Arg::Uniform(cell) => code.slot(code.layout.repeated + cell),
            Arg::Constant(bits) => code.literal(bits, lane.is_wide()),
            _ => unreachable!("only what does not vary is the same in all lanes"),
        }
    }
}

impl Assembler<Avx2> {
    /// The mask of the first lanes, as many as the first work register says, to the work vector.
    fn first_lanes(&mut self, double: bool) {
        let zeros = self.table(ONES_AND_ZEROS + 1);
        self.push(Instruction::with1(Code::Neg_rm64, WORK[0]));
        self.load(Code::Lea_r64_m, WORK[1], zeros);
        let bytes = if double { 8 } else { 4 };
        let from = MemoryOperand::new(WORK[1], WORK[0], bytes, 0, 0, false, Register::None);
        self.restore(WORK_VECTOR, from);
    }
}

impl Steps for Assembler<Avx2> {
    fn step(&mut self, step: &Step, copy: Copy) {
        self.write(step, copy);
    }

    fn repeat(&mut self, from: Arg, lane: Lane, to: u8) {
        self.repeat_in(from, lane, to);
    }

    fn save(&mut self, to: MemoryOperand, register: u8) {
        self.store(Code::VEX_Vmovups_ymmm256_ymm, to, vector(register));
    }

    fn restore(&mut self, register: u8, from: MemoryOperand) {
        self.load(Code::VEX_Vmovups_ymm_ymmm256, vector(register), from);
    }

    fn uniforms(&mut self, lines: &Lines) {
        // A mask is as many ones or zeros however wide its lanes are.
        let is_narrow = |cell: u32| {
            let mut nodes = (0..lines.graph.len() as u32).map(|id| lines.graph.get(Id(id)));
            nodes.any(|node| node.op == Op::Uniform(cell) && matches!(node.lane, Lane::F32 | Lane::I32))
        };
        for cell in 0..lines.uniforms.len() as u32 {
            let from = self.cell(self.layout.uniforms + cell);
            let code = if is_narrow(cell) { Code::VEX_Vbroadcastss_ymm_m32 } else { Code::VEX_Vbroadcastsd_ymm_m64 };
            self.load(code, vector(WORK_VECTOR), from);
            let at = self.slot(self.layout.repeated + cell);
            self.save(at, WORK_VECTOR);
        }
    }

    fn distances(&mut self, stride: u32, slot: u32) {
        let stride = self.cell(stride);
        self.load(Code::Mov_r64_rm64, WORK[0], stride);
        self.push(Instruction::with2(Code::Xor_r32_rm32, Register::EDX, Register::EDX));
        for lane in 0..Machine::Avx2.lanes(true) as i64 {
            let mut at = self.slot(slot);
            at.displacement += 8 * lane;
            self.store(Code::Mov_rm64_r64, at, WORK[1]);
            self.two(Code::Add_r64_rm64, WORK[1], WORK[0]);
        }
    }

    fn lanes_there(&mut self, missing: Option<u32>) {
        let double = self.layout.double;
        let work = vector(WORK_VECTOR);
        let there = self.slot(self.layout.there);
        self.first_lanes(double);
        if let Some(missing) = missing {
            self.save(there, WORK_VECTOR);
            let missing = self.cell(missing);
            self.load(Code::Mov_r64_rm64, WORK[0], missing);
            self.first_lanes(double);
            self.push(Instruction::with3(Code::VEX_Vandnps_ymm_ymm_ymmm256, work, work, there));
        }
        self.save(there, WORK_VECTOR);
        if !double && self.layout.has_wide {
            for (part, slot) in [LOW, HIGH].into_iter().enumerate() {
                let mut from = there;
                from.displacement += 16 * part as i64;
                self.load(Code::VEX_Vpmovsxdq_ymm_xmmm128, work, from);
                let at = self.slot(self.layout.there + slot);
                self.save(at, WORK_VECTOR);
            }
        }
        for slot in 0..if self.layout.has_extremes { NOT_THERE } else { 0 } {
            let there = self.slot(self.layout.there + slot);
            let not_there = self.slot(self.layout.there + NOT_THERE + slot);
            self.ones(WORK_VECTOR);
            self.push(Instruction::with3(Code::VEX_Vxorps_ymm_ymm_ymmm256, work, work, there));
            self.save(not_there, WORK_VECTOR);
        }
    }

    fn mend(&mut self, accumulator: u8, nan: u8) {
        let own = vector(accumulator);
        self.push(Instruction::with3(Code::VEX_Vorps_ymm_ymm_ymmm256, own, own, vector(nan)));
    }

    fn widened(&mut self, accumulator: Lane, register: u8, high: bool, to: u8) {
        match (accumulator, high) {
            (Lane::F32, false) => self.two(Code::VEX_Vcvtps2pd_ymm_xmmm128, vector(to), half(register)),
            (Lane::F32, true) => self.doubles_of_high(to, register),
            _ => self.two(Code::VEX_Vmovaps_ymm_ymmm256, vector(to), vector(register)),
        }
    }

    fn combine(&mut self, two: Two, lane: Lane) {
        let [first, second, work] = [0, 1, WORK_VECTOR].map(vector);
        match (two, arithmetic(two, lane)) {
            (Two::Least | Two::Most, Some(code)) => {
                self.push(Instruction::with3(code, first, second, first));
                // The second operand, which stands where one is NaN, is mended.
                let code = Code::VEX_Vcmppd_ymm_ymm_ymmm256_imm8;
                self.push(Instruction::with4(code, work, second, second, encode::UNORDERED));
                self.push(Instruction::with4(blend(lane), first, first, second, work));
            }
            (Two::Least | Two::Most, None) => {
                let [high, low] = if two == Two::Least { [first, second] } else { [second, first] };
                self.push(Instruction::with3(above(lane), work, high, low));
                self.push(Instruction::with4(blend(lane), first, first, second, work));
            }
            (_, Some(code)) => self.push(Instruction::with3(code, first, second, first)),
            (_, None) => self.refuse(),
        }
    }

    fn swapped(&mut self, distance: usize) {
        let [from, to] = [0, 1].map(vector);
        match distance {
            2 => self.push(Instruction::with4(Code::VEX_Vperm2f128_ymm_ymm_ymmm256_imm8, to, from, from, 1)),
            _ => self.push(Instruction::with3(Code::VEX_Vpermilpd_ymm_ymmm256_imm8, to, from, 5)),
        }
    }
}
