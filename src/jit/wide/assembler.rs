//! Registers, memory operands and single instructions: what code for vectors is written with.

use iced_x86::{Code, Encoder, IcedError, Instruction, MemoryOperand, Register};
use rustc_hash::FxHashMap;

use super::ahead::Ahead;
use super::body::Arg;
use super::graph::Lane;

/// The lanes that there are, in the first and the last vectors of a run.
pub(super) const THERE: Register = Register::K7;
/// The same for the second half of wide lanes.
pub(super) const THERE_HIGH: Register = Register::K6;
/// For memory that is strided or guarded.
pub(super) const WORK_MASK: Register = Register::K5;

/// The argument cells.
pub(super) const ARGUMENTS: Register = Register::RDI;
/// How many lanes there are.
pub(super) const LENGTH: Register = Register::RSI;
/// The first lane of the running vectors.
pub(super) const POSITION: Register = Register::RAX;
/// To work in.
pub(super) const WORK: [Register; 2] = [Register::RCX, Register::RDX];
/// Addresses of streams.
pub(super) const BASES: [Register; 10] = [
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R11,
    Register::RBX,
    Register::RBP,
    Register::R12,
    Register::R13,
    Register::R14,
    Register::R15,
];

/// Bytes of a slot of the frame, and of a register.
pub(super) const SLOT: usize = 64;

/// Where streams and cells are.
pub(super) struct Layout {
    /// For each stream the argument cell of its address; that of its stride in bytes follows.
    pub streams: u32,
    /// The first cell of the uniforms.
    pub uniforms: u32,
    /// For each strided stream the slot with how far the first eight lanes are from the first one.
    pub offsets: Vec<Option<u32>>,
    /// For each stream how its memory is accessed.
    pub access: Vec<StreamAccess>,
    /// Lanes of a vector.
    pub lanes: usize,
}

/// How the memory of a stream is accessed.
#[derive(Clone, Copy)]
pub(super) struct StreamAccess {
    /// Bytes of an element.
    pub bytes: usize,
    /// Whether it may be written past the caches.
    pub is_result: bool,
    /// What of it is asked for before it is needed.
    pub ahead: Ahead,
    /// Whether it is rows of four.
    pub of_four: bool,
    /// The uniform that says whether it may be accessed.
    pub guard: Option<u32>,
}

/// How a copy of the code goes about its vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// All lanes.
    Whole,
    /// The same, with results that go past the caches.
    PastCaches,
    /// Only the lanes of the mask [`THERE`].
    Partial,
}

/// One of the vectors in flight.
#[derive(Clone, Copy)]
pub(super) struct Copy {
    pub number: usize,
    /// Which of its lanes there are, and how results are written.
    pub way: Way,
    /// The register of its first accumulator; the others are below.
    pub accumulators: u8,
}

impl Copy {
    /// Whether it has fewer lanes.
    pub fn is_partial(self) -> bool {
        self.way == Way::Partial
    }
}

/// Bytes in the making.
pub(super) struct Assembler {
    encoder: Encoder,
    position: u64,
    /// Where each literal is.
    literals: FxHashMap<(u64, bool), u64>,
    pub layout: Layout,
    error: Option<IcedError>,
}

pub(super) fn vector(number: u8) -> Register {
    Register::ZMM0 + u32::from(number)
}

pub(super) fn half(number: u8) -> Register {
    Register::YMM0 + u32::from(number)
}

pub(super) fn mask(number: u8) -> Register {
    Register::K0 + u32::from(number)
}

pub(super) fn memory(base: Register, displacement: i64) -> MemoryOperand {
    MemoryOperand::new(base, Register::None, 1, displacement, 1, false, Register::None)
}

/// Which lanes of two registers make a third one, for each [`Pairing`](super::graph::Pairing) that needs a table.
const PLACES: [[u32; 16]; 4] = [
    [0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29],
    [2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31],
    [0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27],
    [4, 12, 20, 28, 5, 13, 21, 29, 6, 14, 22, 30, 7, 15, 23, 31],
];
/// The first place of each of sixteen rows.
const EVERY_FOURTH: u64 = 0x1111_1111_1111_1111;

impl Assembler {
    /// With data in front of the code: the numbers of the lanes, narrow and wide, and literals.
    pub fn new(layout: Layout, literals: &[(u64, bool)]) -> Self {
        let mut bytes = vec![0x90; SLOT];
        bytes.extend((0..16_u32).flat_map(u32::to_le_bytes));
        bytes.extend((0..8_u64).flat_map(u64::to_le_bytes));
        if layout.access.iter().any(|access| access.of_four) {
            bytes.extend(PLACES.iter().flatten().flat_map(|lane| lane.to_le_bytes()));
            bytes.extend(EVERY_FOURTH.to_le_bytes());
        }
        let mut places = FxHashMap::default();
        for &(bits, wide) in literals {
            while wide && !bytes.len().is_multiple_of(8) {
                bytes.push(0);
            }
            places.entry((bits, wide)).or_insert_with(|| {
                let place = bytes.len() as u64;
                let count = if wide { 8 } else { 4 };
                bytes.extend_from_slice(&bits.to_le_bytes()[..count]);
                place
            });
        }
        while !bytes.len().is_multiple_of(16) {
            bytes.push(0x90);
        }
        // Over the literals.
        bytes[0] = 0xe9;
        let distance = (bytes.len() as u32 - 5).to_le_bytes();
        bytes[1..5].copy_from_slice(&distance);
        let position = bytes.len() as u64;
        let mut encoder = Encoder::new(64);
        encoder.set_buffer(bytes);
        Assembler { encoder, position, literals: places, layout, error: None }
    }

    /// The code.
    pub fn finish(mut self) -> Result<Vec<u8>, IcedError> {
        match self.error.take() {
            Some(error) => Err(error),
            None => Ok(self.encoder.take_buffer()),
        }
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    /// Writes one; the first mistake is kept.
    pub fn push(&mut self, instruction: Result<Instruction, IcedError>) {
        match instruction.and_then(|instruction| self.encoder.encode(&instruction, self.position)) {
            Ok(length) => self.position += length as u64,
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
    }

    /// Goes on at a whole multiple of some bytes, with instructions that do nothing.
    pub fn align(&mut self, bytes: u64) {
        // The longest one that all decoders take at once.
        const NOTHING: [u8; 9] = [0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0];
        let mut missing = (self.position.next_multiple_of(bytes) - self.position) as usize;
        while missing >= NOTHING.len() {
            self.push(Instruction::with_declare_byte(&NOTHING));
            missing -= NOTHING.len();
        }
        (0..missing).for_each(|_| self.push(Ok(Instruction::with(Code::Nopd))));
    }

    pub fn two(&mut self, code: Code, to: Register, from: Register) {
        self.push(Instruction::with2(code, to, from));
    }

    pub fn load(&mut self, code: Code, to: Register, from: MemoryOperand) {
        self.push(Instruction::with2(code, to, from));
    }

    pub fn store(&mut self, code: Code, to: MemoryOperand, from: Register) {
        self.push(Instruction::with2(code, to, from));
    }

    pub fn number(&mut self, code: Code, to: Register, number: i32) {
        self.push(Instruction::with2(code, to, number));
    }

    /// A jump to a place that is known, or to one that `here` fills in.
    pub fn jump(&mut self, code: Code, target: Option<u64>) -> u64 {
        self.push(Instruction::with_branch(code, target.unwrap_or(self.position + 1000)));
        self.position
    }

    /// Makes a jump, which ended at a position, end here.
    pub fn here(&mut self, jump: u64) {
        let mut bytes = self.encoder.take_buffer();
        let distance = ((self.position - jump) as u32).to_le_bytes();
        let end = jump as usize;
        if self.error.is_none() {
            bytes[end - 4..end].copy_from_slice(&distance);
        }
        self.encoder.set_buffer(bytes);
    }

    /// Makes jumps, which ended at some positions, end here.
    pub fn all_here(&mut self, jumps: &[u64]) {
        jumps.iter().for_each(|&jump| self.here(jump));
    }

    pub fn cell(&self, cell: u32) -> MemoryOperand {
        memory(ARGUMENTS, i64::from(cell) * 8)
    }

    pub fn slot(&self, slot: u32) -> MemoryOperand {
        memory(Register::RSP, i64::from(slot) * SLOT as i64)
    }

    pub fn literal(&self, bits: u64, wide: bool, broadcast: bool) -> MemoryOperand {
        let place = self.literals.get(&(bits, wide)).copied().unwrap_or(0);
        MemoryOperand::new(Register::RIP, Register::None, 1, place as i64, 1, broadcast, Register::None)
    }

    /// The numbers of the lanes, in memory.
    pub fn lane_numbers(&self, wide: bool) -> MemoryOperand {
        let place = if wide { 2 * SLOT } else { SLOT };
        MemoryOperand::new(Register::RIP, Register::None, 1, place as i64, 1, false, Register::None)
    }

    /// A table of [`PLACES`], or what follows them.
    pub fn places(&self, table: usize) -> MemoryOperand {
        let place = (3 + table) * SLOT;
        MemoryOperand::new(Register::RIP, Register::None, 1, place as i64, 1, false, Register::None)
    }

    /// An operand that is the same in all lanes, in memory.
    pub fn broadcast(&self, arg: Arg, lane: Lane) -> MemoryOperand {
        match arg {
            Arg::Uniform(cell) => {
                let at = i64::from(self.layout.uniforms + cell) * 8;
                MemoryOperand::new(ARGUMENTS, Register::None, 1, at, 1, true, Register::None)
            }
            Arg::Constant(bits) => self.literal(bits, lane.is_wide(), true),
            _ => unreachable!("only what does not vary is repeated from memory"),
        }
    }

    /// The address of a stream's part.
    pub fn contiguous(&mut self, stream: u32, part: u8, copy: Copy) -> MemoryOperand {
        let bytes = self.layout.access[stream as usize].bytes;
        let base = self.base(stream);
        let ahead = copy.number * self.layout.lanes * bytes + part as usize * SLOT;
        if self.layout.access[stream as usize].of_four {
            let twice = MemoryOperand::new(POSITION, POSITION, 1, 0, 0, false, Register::None);
            self.load(Code::Lea_r64_m, WORK[1], twice);
            return MemoryOperand::new(base, WORK[1], 8, ahead as i64, 1, false, Register::None);
        }
        MemoryOperand::new(base, POSITION, bytes as u32, ahead as i64, 1, false, Register::None)
    }

    /// The register with the address of a stream, loaded if it has none of its own.
    pub fn base(&mut self, stream: u32) -> Register {
        if let Some(&base) = BASES.get(stream as usize) {
            return base;
        }
        let cell = self.cell(self.layout.streams + 2 * stream);
        self.load(Code::Mov_r64_rm64, WORK[0], cell);
        WORK[0]
    }

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
        let first = self.places(PLACES.len());
        self.two(Code::VEX_Kmovw_r32_kr, Register::ECX, THERE);
        self.push(Instruction::with3(Code::VEX_Pdep_r64_r64_rm64, WORK[0], WORK[0], first));
        self.push(Instruction::with3(Code::Imul_r64_rm64_imm8, WORK[0], WORK[0], 15));
        self.push(Instruction::with2(Code::Shr_rm64_imm8, WORK[0], 16 * i32::from(part)));
        self.two(Code::VEX_Kmovw_kr_r32, WORK_MASK, Register::ECX);
        WORK_MASK
    }
}
