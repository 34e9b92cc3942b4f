//! The code of a vector → loops over all lanes of a run.
//!
//! Vectors begin where the memory of one stream, the *lead*, is aligned to them: a run that begins elsewhere has a
//! first vector of which some lanes are missing, as does the last one. Lane *i* of the run is always reduced in the
//! accumulator *i* modulo the lanes in flight, counted from the shift that the lead asks for, so that what comes out
//! does not depend on where the memory lies: `function` turns the accumulators back by the shift.
//!
//! Results that are too large for the caches may be written past them, in whole vectors that are aligned.

use iced_x86::{Code, Instruction, MemoryOperand, Register};

use super::assembler::{Assembler, Copy, LENGTH, POSITION, WORK, Way, memory};
use super::body::{Body, Step};
use super::function::{Alignment, Cells};
use super::graph::{Id, Lane, Op};
use super::lines::{Access, Lines};
use super::machine::{Instructions, Steps};
use super::shift::Shift;

/// Runs of fewer lanes begin where they begin, unless their results go past the caches: a vector more costs too much.
const LONG: i32 = 256;

/// Code of more steps computes longer than memory takes, so that short runs gain nothing past the caches.
const LIGHT: usize = 32;

/// Loops begin where a line of the cache does: otherwise how fast they run depends on what stands before them.
const LINE: u64 = 64;

/// One of the vectors in flight.
pub(super) fn copy(body: &Body, number: usize, way: Way) -> Copy {
    Copy { number, way, accumulators: body.top - (number * body.accumulators.len()) as u8 }
}

fn steps<M>(code: &mut Assembler<M>, steps: &[Step], copy: Copy)
where
    Assembler<M>: Steps,
{
    steps.iter().for_each(|step| code.step(step, copy));
}

/// The stream by which runs are aligned: the first result that lies lane by lane in memory, else what is written, else
/// what is read.
pub(super) fn lead(lines: &Lines) -> Option<u32> {
    let narrow = |lane: Lane| lane == if lines.double { Lane::F64 } else { Lane::F32 };
    let nodes = (0..lines.graph.len() as u32).map(|id| lines.graph.get(Id(id)));
    let loads: Vec<u32> = nodes
        .filter_map(|node| match node.op {
            Op::Load { stream, .. } => Some(stream),
            _ => None,
        })
        .collect();
    let of = |wanted: &dyn Fn(u32) -> bool| {
        (0..lines.streams.len() as u32).find(|&stream| {
            let own = &lines.streams[stream as usize];
            own.contiguous && own.of_four.is_none() && narrow(own.lane) && wanted(stream)
        })
    };
    let is_written = |stream: u32| matches!(lines.streams[stream as usize].of, Access::Effect(_));
    of(&|stream| lines.streams[stream as usize].is_result)
        .or_else(|| of(&is_written))
        .or_else(|| of(&|stream| loads.contains(&stream)))
}

/// Where the run begins: as far before its first lane as the lead lies behind an aligned address. Leaves the shift in
/// its cells, and whether all results can go past the caches in theirs.
pub(super) fn begin<M: Instructions>(code: &mut Assembler<M>, lines: &Lines, body: &Body, cells: Cells) {
    code.push(Instruction::with2(Code::Xor_r32_rm32, Register::EAX, Register::EAX));
    let Some(Alignment { lead, shift, missing }) = cells.alignment else { return };
    let bytes = lines.streams[lead as usize].lane.bytes();
    let base = code.base(lead);
    code.two(Code::Mov_r64_rm64, WORK[0], base);
    code.push(Instruction::with2(Code::Shr_rm64_imm8, WORK[0], bytes.ilog2() as i32));
    code.number(Code::And_rm32_imm8, Register::ECX, lines.lanes as i32 - 1);
    code.number(Code::Cmp_rm64_imm32, LENGTH, LONG);
    let long = code.jump(Code::Jae_rel32_64, None);
    let wanted = cells.past_caches.filter(|_| body.steps.len() <= LIGHT).map(|cell| {
        let at = code.cell(cell);
        code.push(Instruction::with2(Code::Cmp_rm64_imm8, at, 0));
        code.jump(Code::Jne_rel32_64, None)
    });
    code.push(Instruction::with2(Code::Xor_r32_rm32, Register::ECX, Register::ECX));
    code.here(long);
    wanted.into_iter().for_each(|jump| code.here(jump));
    for cell in [shift, missing] {
        let at = code.cell(cell);
        code.store(Code::Mov_rm64_r64, at, WORK[0]);
    }
    code.two(Code::Sub_r64_rm64, POSITION, WORK[0]);
    if let Some(cell) = cells.past_caches {
        for (stream, own) in lines.streams.iter().enumerate().filter(|(_, own)| own.is_result) {
            let base = code.base(stream as u32);
            let first = MemoryOperand::new(base, POSITION, own.lane.bytes(), 0, 0, false, Register::None);
            code.load(Code::Lea_r64_m, WORK[1], first);
            code.push(Instruction::with2(Code::Test_rm32_imm32, Register::EDX, M::MACHINE.bytes() as i32 - 1));
            let aligned = code.jump(Code::Je_rel32_64, None);
            let at = code.cell(cell);
            code.push(Instruction::with2(Code::Mov_rm64_imm32, at, 0));
            code.here(aligned);
        }
    }
}

/// The loops, from the position where the run begins on.
pub(super) fn loops<M: Instructions>(code: &mut Assembler<M>, lines: &Lines, body: &Body, cells: Cells)
where
    Assembler<M>: Steps,
{
    let at_once = (body.unroll * lines.lanes) as i64;
    let into_partial = cells.alignment.map(|_| {
        code.two(Code::Test_rm64_r64, POSITION, POSITION);
        code.jump(Code::Jne_rel32_64, None)
    });
    let top = code.position();
    are_left(code, at_once);
    let mut ends = vec![code.jump(Code::Ja_rel32_64, None)];
    let mut found = Vec::new();
    if let Some((cell, _)) = body.absent {
        is_here(code, cells.uniforms + cell, at_once);
        found.push(code.jump(Code::Jb_rel32_64, None));
    }
    let past_caches = cells.past_caches.map(|cell| {
        let at = code.cell(cell);
        code.push(Instruction::with2(Code::Cmp_rm64_imm8, at, 0));
        code.jump(Code::Jne_rel32_64, None)
    });
    whole(code, body, (cells, at_once), Way::Whole, [&mut ends, &mut found]);
    if let Some(jump) = past_caches {
        code.here(jump);
        whole(code, body, (cells, at_once), Way::PastCaches, [&mut ends, &mut found]);
    }
    code.all_here(&ends);
    code.two(Code::Cmp_r64_rm64, POSITION, LENGTH);
    let done = code.jump(Code::Jge_rel32_64, None);
    into_partial.into_iter().chain(found).for_each(|jump| code.here(jump));
    partial(code, lines, body, cells);
    if let Some(Alignment { missing, .. }) = cells.alignment {
        // Only the first vector begins before the run.
        let at = code.cell(missing);
        code.push(Instruction::with2(Code::Mov_rm64_imm32, at, 0));
        code.number(Code::Add_rm64_imm32, POSITION, at_once as i32);
        code.jump(Code::Jmp_rel32_64, Some(top));
    }
    code.here(done);
}

/// Compares whether so many lanes are left: above, if not.
fn are_left<M: Instructions>(code: &mut Assembler<M>, lanes: i64) {
    code.load(Code::Lea_r64_m, WORK[0], memory(POSITION, lanes));
    code.two(Code::Cmp_r64_rm64, WORK[0], LENGTH);
}

/// Compares whether the lane in an argument cell is one of so many next ones: below, if it is.
fn is_here<M: Instructions>(code: &mut Assembler<M>, cell: u32, lanes: i64) {
    let lane = code.cell(cell);
    code.load(Code::Mov_r64_rm64, WORK[0], lane);
    code.two(Code::Sub_r64_rm64, WORK[0], POSITION);
    code.number(Code::Cmp_rm64_imm32, WORK[0], lanes as i32);
}

/// Vectors with all their lanes, as long as there are enough for all that are in flight, and a lane that the usual code
/// is without is not among them: jumps to where the one or the other is the case.
fn whole<M: Instructions>(
    code: &mut Assembler<M>,
    body: &Body,
    (cells, at_once): (Cells, i64),
    way: Way,
    [ends, found]: [&mut Vec<u64>; 2],
) where
    Assembler<M>: Steps,
{
    code.align(LINE);
    let begin = code.position();
    match body.abreast {
        Some((vectors, masks)) => {
            for step in body.usual() {
                for number in 0..body.unroll {
                    let shift = Shift { vectors, masks, has_masks: M::MACHINE.has_masks(), number: number as u8 };
                    code.step(&shift.step(step), copy(body, number, way));
                }
            }
        }
        None => (0..body.unroll).for_each(|number| steps(code, body.usual(), copy(body, number, way))),
    }
    code.number(Code::Add_rm64_imm32, POSITION, at_once as i32);
    are_left(code, at_once);
    match body.absent {
        None => {
            code.jump(Code::Jbe_rel32_64, Some(begin));
            ends.push(code.jump(Code::Jmp_rel32_64, None));
        }
        Some((cell, _)) => {
            ends.push(code.jump(Code::Ja_rel32_64, None));
            is_here(code, cells.uniforms + cell, at_once);
            code.jump(Code::Jae_rel32_64, Some(begin));
            found.push(code.jump(Code::Jmp_rel32_64, None));
        }
    }
}

/// The vectors in flight with the lanes that there are.
fn partial<M: Instructions>(code: &mut Assembler<M>, lines: &Lines, body: &Body, cells: Cells)
where
    Assembler<M>: Steps,
{
    let mut ends = Vec::new();
    for number in 0..body.unroll {
        code.two(Code::Mov_r64_rm64, WORK[0], LENGTH);
        code.two(Code::Sub_r64_rm64, WORK[0], POSITION);
        code.number(Code::Sub_rm64_imm32, WORK[0], (number * lines.lanes) as i32);
        ends.push(code.jump(Code::Jle_rel32_64, None));
        code.number(Code::Mov_r32_imm32, Register::EDX, lines.lanes as i32);
        code.two(Code::Cmp_r64_rm64, WORK[0], WORK[1]);
        code.two(Code::Cmovg_r64_rm64, WORK[0], WORK[1]);
        code.lanes_there(cells.alignment.filter(|_| number == 0).map(|alignment| alignment.missing));
        steps(code, &body.steps, copy(body, number, Way::Partial));
    }
    code.all_here(&ends);
}
