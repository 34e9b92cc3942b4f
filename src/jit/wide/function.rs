//! The code of a vector → a function that runs over all lanes: `fn(arguments, length)` in the convention of System V.
//!
//! The loops are those of `loops`. What is reduced over the lanes is combined in a fixed order, in double precision, and
//! left in argument cells.

use iced_x86::{Code, IcedError, Instruction, MemoryOperand, Register};
use smallvec::SmallVec;

use super::assembler::{Assembler, BASES, Layout, SLOT, StreamAccess, WORK, Way, mask, memory, vector};
use super::body::{Accumulator, Arg, Body};
use super::codes::{arithmetic, combining};
use super::fours::FOUR;
use super::graph::{Lane, Two};
use super::lines::{Left, Lines};
use super::loops::{self, copy};

/// Where the arguments of a function are, in cells of eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::jit) struct Cells {
    /// Of each stream the address and the stride in bytes.
    pub streams: u32,
    pub uniforms: u32,
    /// What is reduced, for each effect that reduces.
    pub results: u32,
    /// Whether results are to be written past the caches; the function overwrites it.
    pub past_caches: Option<u32>,
    /// How runs are aligned.
    pub alignment: Option<Alignment>,
    pub count: u32,
}

/// How runs are aligned: by which stream, and the cells that the function fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::jit) struct Alignment {
    pub lead: u32,
    /// By how many lanes a run begins earlier.
    pub shift: u32,
    /// How many lanes are missing in the vectors that come next.
    pub missing: u32,
}

impl Cells {
    pub fn new(lines: &Lines) -> Cells {
        let uniforms = 2 * lines.streams.len() as u32;
        let results = uniforms + lines.uniforms.len() as u32;
        let reduced = |left: &Left| if let Left::Reduce { effect, .. } = left { *effect as u32 + 1 } else { 0 };
        let mut count = results + lines.left.iter().map(reduced).max().unwrap_or(0);
        let mut take = || {
            count += 1;
            count - 1
        };
        let past_caches = lines.streams.iter().any(|stream| stream.is_result).then(&mut take);
        let alignment = loops::lead(lines).map(|lead| Alignment { lead, shift: take(), missing: take() });
        Cells { streams: 0, uniforms, results, past_caches, alignment, count }
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
    // Where accumulators are turned.
    let turned = cells.alignment.map(|_| slots);
    let most = effects(body).map(|accumulators| accumulators.len()).max().unwrap_or(0);
    slots += if turned.is_some() && most > 0 { (most * body.unroll + TURN) as u32 } else { 0 };
    let access = lines.streams.iter().map(|stream| StreamAccess {
        bytes: stream.lane.bytes() as usize * if stream.of_four.is_some() { FOUR } else { 1 },
        is_result: stream.is_result,
        ahead: stream.ahead,
        of_four: stream.of_four.is_some(),
        guard: stream.guard,
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
    loops::begin(&mut code, lines, body, cells);
    loops::loops(&mut code, lines, body, cells);
    turned.into_iter().for_each(|slot| turn(&mut code, body, cells, slot));
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
    let of_steps =
        body.steps.iter().chain(body.usual()).flat_map(|step| step.args.iter().flatten().map(|&arg| (arg, step.lane)));
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
            let register = copy(body, number, Way::Whole).accumulators - position as u8;
            code.repeat(Arg::Constant(neutral(accumulator)), accumulator.lane, register);
        }
    }
}

/// How many registers a turn reaches beyond the last one: the lanes of a vector may lie in two.
const TURN: usize = 2;

/// The accumulators of each effect that reduces.
fn effects(body: &Body) -> impl Iterator<Item = &[Accumulator]> {
    body.accumulators.chunk_by(|one, next| one.effect == next.effect)
}

/// Turns the accumulators back by the shift with which the run began, as if it had begun with a whole vector.
fn turn(code: &mut Assembler, body: &Body, cells: Cells, slot: u32) {
    let (Some(Alignment { shift, .. }), false) = (cells.alignment, body.accumulators.is_empty()) else { return };
    let at = code.cell(shift);
    code.load(Code::Mov_r64_rm64, WORK[0], at);
    code.two(Code::Test_rm64_r64, WORK[0], WORK[0]);
    let straight = code.jump(Code::Je_rel32_64, None);
    let mut position = 0;
    for accumulators in effects(body) {
        let registers = registers(body, position, accumulators.len());
        let wrapped = registers.iter().chain(registers.iter().cycle().take(TURN));
        for (place, &register) in wrapped.enumerate() {
            let at = code.slot(slot + place as u32);
            code.store(Code::EVEX_Vmovups_zmmm512_k1z_zmm, at, vector(register));
        }
        let bytes = accumulators[0].lane.bytes();
        for (place, &register) in registers.iter().enumerate() {
            let ahead = (slot as usize + place) * SLOT;
            let at = MemoryOperand::new(Register::RSP, WORK[0], bytes, ahead as i64, 1, false, Register::None);
            code.load(Code::EVEX_Vmovups_zmm_k1z_zmmm512, vector(register), at);
        }
        position += accumulators.len();
    }
    code.here(straight);
}

/// The registers of an effect's accumulators, in the order of the lanes.
fn registers(body: &Body, position: usize, parts: usize) -> SmallVec<[u8; 12]> {
    let of = |number| copy(body, number, Way::Whole).accumulators - position as u8;
    (0..body.unroll).flat_map(|number| (0..parts as u8).map(move |part| of(number) - part)).collect()
}

/// Combines the accumulators of all vectors in flight and all lanes, and leaves them in their cells.
fn results(code: &mut Assembler, body: &Body, cells: Cells) {
    let mut position = 0;
    for accumulators in effects(body) {
        let (accumulator, parts) = (accumulators[0], accumulators.len());
        let registers = registers(body, position, parts);
        let wide = if accumulator.lane == Lane::F32 { Lane::F64 } else { accumulator.lane };
        let two = combining(accumulator.op);
        for (order, register) in registers.into_iter().enumerate() {
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
