//! The code of a vector → a function that runs over all lanes: `fn(arguments, length)` in the convention of System V.
//!
//! The loops are those of `loops`. What is reduced over the lanes is combined in a fixed order, in double precision, and
//! left in argument cells.

use iced_x86::{Code, IcedError, Instruction, MemoryOperand, Register};
use smallvec::SmallVec;

use super::assembler::{Assembler, BASES, Layout, StreamAccess, WORK, Way, memory};
use super::body::{Accumulator, Arg, Body};
use super::codes::combining;
use super::fours::FOUR;
use super::graph::{Id, Lane};
use super::lines::{Left, Lines};
use super::loops::{self, copy};
use super::machine::{Avx2, Avx512, Instructions, Machine, Steps};
use crate::op::ReduceOp;

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

/// What a frame is aligned to.
const FRAME: usize = 64;

/// Bytes of the guard below a stack, at least.
const PAGE: usize = 4096;

/// Registers that a caller expects to find again.
const SAVED: [Register; 6] = [Register::RBX, Register::RBP, Register::R12, Register::R13, Register::R14, Register::R15];

/// Writes the function.
pub(super) fn function(lines: &Lines, body: &Body, cells: Cells) -> Result<Vec<u8>, IcedError> {
    match lines.graph.machine {
        Machine::Avx512 => written::<Avx512>(lines, body, cells),
        Machine::Avx2 => written::<Avx2>(lines, body, cells),
    }
}

/// The slots of a frame: those of the code of a vector, and behind them these.
struct Slots {
    /// For each stream that is strided the one with the distances of its lanes.
    distances: Vec<Option<u32>>,
    /// Where accumulators are turned, if they are.
    turned: Option<u32>,
    repeated: u32,
    there: u32,
    count: u32,
}

impl Slots {
    fn new<M: Instructions>(lines: &Lines, body: &Body, cells: Cells) -> Slots {
        let mut count = body.slots;
        let mut take = |slots: usize| {
            count += slots as u32;
            count - slots as u32
        };
        let distances = lines.streams.iter().map(|stream| (!stream.contiguous).then(|| take(1))).collect();
        let most = effects(body).map(|accumulators| accumulators.len()).max().unwrap_or(0);
        let turned = cells.alignment.map(|_| take(if most > 0 { most * body.unroll + TURN } else { 0 }));
        let repeated = take(if M::MACHINE.has_masks() { 0 } else { lines.uniforms.len() });
        let there = take(M::SLOTS);
        Slots { distances, turned, repeated, there, count }
    }
}

fn written<M: Instructions>(lines: &Lines, body: &Body, cells: Cells) -> Result<Vec<u8>, IcedError>
where
    Assembler<M>: Steps,
{
    let slots = Slots::new::<M>(lines, body, cells);
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
        repeated: slots.repeated,
        there: slots.there,
        offsets: slots.distances.clone(),
        access: access.collect(),
        double: lines.double,
        has_wide: (0..lines.graph.len() as u32).any(|id| lines.graph.get(Id(id)).lane.is_wide()),
        has_extremes: body.accumulators.iter().any(|own| own.op != ReduceOp::Sum),
        lanes: lines.lanes,
    };
    let mut code = Assembler::<M>::new(layout, &literals(body));

    let save: Vec<Register> =
        BASES.iter().take(lines.streams.len()).copied().filter(|base| SAVED.contains(base)).collect();
    save.iter().for_each(|&register| code.push(Instruction::with1(Code::Push_r64, register)));
    if slots.count > 0 {
        // An aligned frame; the last slot remembers where the stack was.
        // Whole lines, so that aligning it does not reach a page further.
        let frame = ((slots.count as usize + 1) * M::MACHINE.bytes()).next_multiple_of(FRAME);
        code.two(Code::Mov_r64_rm64, WORK[1], Register::RSP);
        // Page by page, so that a stack that is too short ends in its guard and not beyond it.
        for below in (PAGE..=frame).step_by(PAGE) {
            code.store(Code::Mov_rm64_r64, memory(Register::RSP, -(below as i64)), WORK[1]);
        }
        code.number(Code::Sub_rm64_imm32, Register::RSP, frame as i32);
        code.number(Code::And_rm64_imm8, Register::RSP, -(FRAME as i32));
        let last = code.slot(slots.count);
        code.store(Code::Mov_rm64_r64, last, WORK[1]);
    }

    prepare(&mut code, lines, body, cells, &slots.distances);
    loops::begin(&mut code, lines, body, cells);
    loops::loops(&mut code, lines, body, cells);
    slots.turned.into_iter().for_each(|slot| turn(&mut code, body, cells, slot));
    results(&mut code, body, cells);

    if slots.count > 0 {
        let last = code.slot(slots.count);
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
    let neutral = body
        .accumulators
        .iter()
        .map(|accumulator| (Arg::Constant(neutral(accumulator.op, accumulator.lane)), accumulator.lane));
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

/// The bits that a reduction begins with.
pub(super) fn neutral(op: ReduceOp, lane: Lane) -> u64 {
    let (real, int) = op.neutral();
    match lane {
        Lane::F32 => u64::from((real as f32).to_bits()),
        Lane::F64 => real.to_bits(),
        Lane::I32 | Lane::I64 | Lane::Mask => int as u64,
    }
}

/// What is done before the loops.
fn prepare<M: Instructions>(
    code: &mut Assembler<M>,
    lines: &Lines,
    body: &Body,
    cells: Cells,
    distances: &[Option<u32>],
) where
    Assembler<M>: Steps,
{
    for (stream, base) in BASES.iter().enumerate().take(lines.streams.len()) {
        let cell = code.cell(cells.streams + 2 * stream as u32);
        code.load(Code::Mov_r64_rm64, *base, cell);
    }
    for (stream, slot) in distances.iter().enumerate() {
        if let Some(slot) = *slot {
            code.distances(cells.streams + 2 * stream as u32 + 1, slot);
        }
    }
    code.uniforms(lines);
    for &(arg, lane, register) in &body.held {
        code.repeat(arg, lane, register);
    }
    for nan in 0..body.nans as u8 {
        code.repeat(Arg::Constant(0), Lane::F32, M::MACHINE.top() - nan);
    }
    for number in 0..body.unroll {
        for (position, accumulator) in body.accumulators.iter().enumerate() {
            let register = copy(body, number, Way::Whole).accumulators - position as u8;
            code.repeat(Arg::Constant(neutral(accumulator.op, accumulator.lane)), accumulator.lane, register);
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
fn turn<M: Instructions>(code: &mut Assembler<M>, body: &Body, cells: Cells, slot: u32)
where
    Assembler<M>: Steps,
{
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
            code.save(at, register);
        }
        let bytes = accumulators[0].lane.bytes();
        for (place, &register) in registers.iter().enumerate() {
            let ahead = (slot as usize + place) * M::MACHINE.bytes();
            let at = MemoryOperand::new(Register::RSP, WORK[0], bytes, ahead as i64, 1, false, Register::None);
            code.restore(register, at);
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
fn results<M: Instructions>(code: &mut Assembler<M>, body: &Body, cells: Cells)
where
    Assembler<M>: Steps,
{
    let (mut position, mut nan) = (0, M::MACHINE.top());
    for accumulators in effects(body) {
        let (accumulator, parts) = (accumulators[0], accumulators.len());
        // Floats have one part.
        if accumulator.tracks_nan(M::MACHINE) {
            registers(body, position, parts).into_iter().for_each(|register| code.mend(register, nan));
            nan -= 1;
        }
        let wide = if accumulator.lane == Lane::F32 { Lane::F64 } else { accumulator.lane };
        let two = combining(accumulator.op);
        for (order, register) in registers(body, position, parts).into_iter().enumerate() {
            for high in [false, true] {
                if high && accumulator.lane != Lane::F32 {
                    continue;
                }
                // The first one is what the others are combined with.
                let to = if order == 0 && !high { 0 } else { 1 };
                code.widened(accumulator.lane, register, high, to);
                if to == 1 {
                    code.combine(two, wide);
                }
            }
        }
        let mut distance = M::MACHINE.lanes(true) / 2;
        while distance > 0 {
            code.swapped(distance);
            code.combine(two, wide);
            distance /= 2;
        }
        let cell = code.cell(cells.results + accumulator.effect as u32);
        code.store(Code::VEX_Vmovsd_m64_xmm, cell, Register::XMM0);
        position += parts;
    }
}
