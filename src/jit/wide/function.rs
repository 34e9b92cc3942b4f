//! The code of a vector → a function that runs over all lanes: `fn(arguments, length)` in the convention of System V.
//!
//! Several vectors in flight as long as there are enough lanes, then one by one, then what is left under a mask. What is
//! reduced over the lanes is combined in a fixed order, in double precision, and left in argument cells.

use iced_x86::{Code, IcedError, Instruction, Register};

use super::assembler::{
    Assembler, BASES, Copy, LENGTH, Layout, POSITION, SLOT, TAIL, TAIL_HIGH, WORK, mask, memory, vector,
};
use super::body::{Accumulator, Arg, Body, Step, TOP};
use super::codes::{arithmetic, combining};
use super::graph::{Lane, Two};
use super::lines::Lines;

/// Where the arguments of a function are, in cells of eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::jit) struct Cells {
    /// Of each stream the address and the stride in bytes.
    pub streams: u32,
    pub uniforms: u32,
    /// What is reduced, for each effect that reduces.
    pub results: u32,
    pub count: u32,
}

impl Cells {
    pub fn new(lines: &Lines) -> Cells {
        let uniforms = 2 * lines.streams.len() as u32;
        let results = uniforms + lines.uniforms.len() as u32;
        Cells { streams: 0, uniforms, results, count: results + lines.left.len() as u32 }
    }
}

/// Bytes of the guard below a stack, at least.
const PAGE: usize = 4096;

/// Registers that a caller expects to find again.
const SAVED: [Register; 6] = [Register::RBX, Register::RBP, Register::R12, Register::R13, Register::R14, Register::R15];

/// Writes the function.
pub(super) fn function(lines: &Lines, body: &Body, cells: Cells) -> Result<Vec<u8>, IcedError> {
    let mut slots = body.slots;
    let mut offsets = Vec::new();
    for stream in &lines.streams {
        offsets.push((!stream.contiguous).then_some(slots));
        slots += u32::from(!stream.contiguous);
    }
    let access = lines.streams.iter().map(|stream| {
        let bytes = if stream.lane.is_wide() { 8 } else { 4 };
        (bytes, stream.contiguous, stream.guard)
    });
    let layout = Layout {
        streams: cells.streams,
        uniforms: cells.uniforms,
        offsets: offsets.clone(),
        access: access.collect(),
        lanes: lines.lanes,
    };
    let mut code = Assembler::new(layout, &literals(body));

    let save: Vec<Register> =
        BASES.iter().take(lines.streams.len()).copied().filter(|base| SAVED.contains(base)).collect();
    save.iter().for_each(|&register| code.push(Instruction::with1(Code::Push_r64, register)));
    if slots > 0 {
        // An aligned frame; the last slot remembers where the stack was.
        let frame = (slots as usize + 1) * SLOT;
        code.two(Code::Mov_r64_rm64, WORK[1], Register::RSP);
        // Page by page, so that a stack that is too short ends in its guard and not beyond it.
        for below in (PAGE..=frame).step_by(PAGE) {
            code.store(Code::Mov_rm64_r64, memory(Register::RSP, -(below as i64)), WORK[1]);
        }
        code.number(Code::Sub_rm64_imm32, Register::RSP, frame as i32);
        code.number(Code::And_rm64_imm8, Register::RSP, -64);
        let last = code.slot(slots);
        code.store(Code::Mov_rm64_r64, last, WORK[1]);
    }

    prepare(&mut code, lines, body, cells, &offsets);
    loops(&mut code, lines.lanes, body);
    results(&mut code, body, cells);

    if slots > 0 {
        let last = code.slot(slots);
        code.load(Code::Mov_r64_rm64, Register::RSP, last);
    }
    save.iter().rev().for_each(|&register| code.push(Instruction::with1(Code::Pop_r64, register)));
    code.push(Ok(Instruction::with(Code::VEX_Vzeroupper)));
    code.push(Ok(Instruction::with(Code::Retnq)));
    code.finish()
}

/// The constants that are in memory.
fn literals(body: &Body) -> Vec<(u64, bool)> {
    let of_steps = body.steps.iter().flat_map(|step| step.args.iter().flatten().map(|&arg| (arg, step.lane)));
    let held = body.held.iter().map(|&(arg, lane, _)| (arg, lane));
    let neutral = body.accumulators.iter().map(|accumulator| (Arg::Constant(neutral(accumulator)), accumulator.lane));
    let all = of_steps.chain(held).chain(neutral);
    let mut literals: Vec<(u64, bool)> = all
        .filter_map(|(arg, lane)| match arg {
            Arg::Constant(bits) => Some((bits, lane.is_wide())),
            _ => None,
        })
        .collect();
    literals.sort_unstable_by_key(|&(bits, wide)| (!wide, bits));
    literals.dedup();
    literals
}

fn neutral(accumulator: &Accumulator) -> u64 {
    let (real, int) = accumulator.op.neutral();
    match accumulator.lane {
        Lane::F32 => u64::from((real as f32).to_bits()),
        Lane::F64 => real.to_bits(),
        Lane::I32 | Lane::I64 | Lane::Mask => int as u64,
    }
}

fn copy(body: &Body, number: usize, tail: bool) -> Copy {
    Copy { number, tail, accumulators: TOP - (number * body.accumulators.len()) as u8 }
}

/// What is done before the loops.
fn prepare(code: &mut Assembler, lines: &Lines, body: &Body, cells: Cells, offsets: &[Option<u32>]) {
    for (stream, base) in BASES.iter().enumerate().take(lines.streams.len()) {
        let cell = code.cell(cells.streams + 2 * stream as u32);
        code.load(Code::Mov_r64_rm64, *base, cell);
    }
    for (stream, slot) in offsets.iter().enumerate() {
        let Some(slot) = slot else { continue };
        let stride = code.cell(cells.streams + 2 * stream as u32 + 1);
        code.load(Code::EVEX_Vbroadcastsd_zmm_k1z_xmmm64, vector(0), stride);
        let steps = code.lane_numbers(true);
        code.push(Instruction::with3(Code::EVEX_Vpmullq_zmm_k1z_zmm_zmmm512b64, vector(0), vector(0), steps));
        let at = code.slot(*slot);
        code.store(Code::EVEX_Vmovups_zmmm512_k1z_zmm, at, vector(0));
    }
    for &(arg, lane, register) in &body.held {
        code.repeat(arg, lane, register);
    }
    for number in 0..body.unroll {
        for (position, accumulator) in body.accumulators.iter().enumerate() {
            let register = copy(body, number, false).accumulators - position as u8;
            code.repeat(Arg::Constant(neutral(accumulator)), accumulator.lane, register);
        }
    }
    code.push(Instruction::with2(Code::Xor_r32_rm32, Register::EAX, Register::EAX));
}

fn steps(code: &mut Assembler, steps: &[Step], copy: Copy) {
    steps.iter().for_each(|step| code.step(step, copy));
}

fn loops(code: &mut Assembler, lanes: usize, body: &Body) {
    let mut widths = vec![body.unroll];
    if body.unroll > 1 {
        widths.push(1);
    }
    for width in widths {
        let at_once = (width * lanes) as i64;
        // As long as so many lanes are left.
        code.load(Code::Lea_r64_m, WORK[0], memory(POSITION, at_once));
        code.two(Code::Cmp_r64_rm64, WORK[0], LENGTH);
        let past = code.jump(Code::Ja_rel32_64, None);
        let begin = code.position();
        for number in 0..width {
            steps(code, &body.steps, copy(body, number, false));
        }
        code.number(Code::Add_rm64_imm32, POSITION, at_once as i32);
        code.load(Code::Lea_r64_m, WORK[0], memory(POSITION, at_once));
        code.two(Code::Cmp_r64_rm64, WORK[0], LENGTH);
        code.jump(Code::Jbe_rel32_64, Some(begin));
        code.here(past);
    }
    code.two(Code::Mov_r64_rm64, WORK[0], LENGTH);
    code.two(Code::Sub_r64_rm64, WORK[0], POSITION);
    let done = code.jump(Code::Jbe_rel32_64, None);
    code.number(Code::Mov_r32_imm32, Register::EDX, -1);
    code.push(Instruction::with3(Code::VEX_Bzhi_r32_rm32_r32, Register::EDX, Register::EDX, Register::ECX));
    code.two(Code::VEX_Kmovw_kr_r32, TAIL, Register::EDX);
    code.push(Instruction::with3(Code::VEX_Kshiftrw_kr_kr_imm8, TAIL_HIGH, TAIL, 8));
    steps(code, &body.steps, copy(body, 0, true));
    code.here(done);
}

/// Combines the accumulators of all vectors in flight and all lanes, and leaves them in their cells.
fn results(code: &mut Assembler, body: &Body, cells: Cells) {
    let mut position = 0;
    while position < body.accumulators.len() {
        let accumulator = body.accumulators[position];
        let parts = body.accumulators[position..].iter().take_while(|other| other.effect == accumulator.effect).count();
        let registers = (0..body.unroll).flat_map(|number| {
            let first = copy(body, number, false).accumulators - position as u8;
            (0..parts as u8).map(move |part| first - part)
        });
        let wide = if accumulator.lane == Lane::F32 { Lane::F64 } else { accumulator.lane };
        let two = combining(accumulator.op);
        for (order, register) in registers.enumerate() {
            for high in [false, true] {
                if high && accumulator.lane != Lane::F32 {
                    continue;
                }
                // The first one is what the others are combined with.
                let to = if order == 0 && !high { 0 } else { 1 };
                match (accumulator.lane, high) {
                    (Lane::F32, false) => {
                        code.two(
                            Code::EVEX_Vcvtps2pd_zmm_k1z_ymmm256b32_sae,
                            vector(to),
                            Register::YMM0 + u32::from(register),
                        );
                    }
                    (Lane::F32, true) => {
                        let half = Register::YMM0 + u32::from(to);
                        let code_high = Code::EVEX_Vextractf32x8_ymmm256_k1z_zmm_imm8;
                        code.push(Instruction::with3(code_high, half, vector(register), 1));
                        code.two(Code::EVEX_Vcvtps2pd_zmm_k1z_ymmm256b32_sae, vector(to), half);
                    }
                    _ => code.two(Code::EVEX_Vmovapd_zmm_k1z_zmmm512, vector(to), vector(register)),
                }
                if to == 1 {
                    combine(code, two, wide);
                }
            }
        }
        for distance in [4, 2, 1] {
            // The upper part beside the lower one: 64-bit lanes change places.
            let order = distance_order(distance);
            match distance {
                1 => {
                    let shuffle = Code::EVEX_Vpermilpd_zmm_k1z_zmmm512b64_imm8;
                    code.push(Instruction::with3(shuffle, vector(1), vector(0), 0x55));
                }
                _ => {
                    let shuffle = Code::EVEX_Vshuff64x2_zmm_k1z_zmm_zmmm512b64_imm8;
                    code.push(Instruction::with4(shuffle, vector(1), vector(0), vector(0), order));
                }
            }
            combine(code, two, wide);
        }
        let cell = code.cell(cells.results + accumulator.effect as u32);
        code.store(Code::EVEX_Vmovsd_m64_k1_xmm, cell, Register::XMM0);
        position += parts;
    }
}

/// Which groups of two lanes come to stand where the first ones are.
fn distance_order(distance: i32) -> i32 {
    if distance == 4 { 0b01_00_11_10 } else { 0b10_11_00_01 }
}

/// Registers 0 and 1 → 0. The second operand, which stands where one is NaN, is then mended.
fn combine(code: &mut Assembler, two: Two, lane: Lane) {
    code.push(Instruction::with3(arithmetic(two, lane), vector(0), vector(1), vector(0)));
    if matches!(two, Two::Least | Two::Most) && lane == Lane::F64 {
        let nan = mask(1);
        code.push(Instruction::with4(Code::EVEX_Vcmppd_kr_k1_zmm_zmmm512b64_imm8_sae, nan, vector(1), vector(1), 3));
        code.push(Instruction::with2(Code::EVEX_Vmovapd_zmm_k1z_zmmm512, vector(0), vector(1)).map(
            |mut instruction| {
                instruction.set_op_mask(nan);
                instruction
            },
        ));
    }
}
