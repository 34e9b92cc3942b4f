//! Registers, memory operands and single instructions: what code for vectors is written with.

use std::marker::PhantomData;

use iced_x86::{Code, Encoder, IcedError, Instruction, MemoryOperand, Register};
use rustc_hash::FxHashMap;

use super::ahead::Ahead;
use super::machine::Instructions;

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

/// Where streams and cells are.
pub(super) struct Layout {
    /// For each stream the argument cell of its address; that of its stride in bytes follows.
    pub streams: u32,
    /// The first cell of the uniforms.
    pub uniforms: u32,
    /// The first slot with uniforms in all lanes, where operands cannot be repeated.
    pub repeated: u32,
    /// The first of the slots that a machine needs for itself.
    pub there: u32,
    /// For each strided stream the slot with how far the lanes of a register are from the first one.
    pub offsets: Vec<Option<u32>>,
    /// For each stream how its memory is accessed.
    pub access: Vec<StreamAccess>,
    /// Whether lanes are doubles; if not, whether there are wide lanes beside them.
    pub double: bool,
    pub has_wide: bool,
    /// Whether anything is reduced otherwise than by adding.
    pub has_extremes: bool,
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
    /// Only the lanes that there are.
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
    /// The register of an accumulator.
    pub fn accumulator(self, number: u32) -> u8 {
        self.accumulators - number as u8
    }

    /// Whether it has fewer lanes.
    pub fn is_partial(self) -> bool {
        self.way == Way::Partial
    }
}

/// Bytes in the making, of the instructions of a machine.
pub(super) struct Assembler<M> {
    machine: PhantomData<M>,
    encoder: Encoder,
    position: u64,
    /// Where each literal is.
    literals: FxHashMap<(u64, bool), u64>,
    pub layout: Layout,
    error: Option<IcedError>,
}

pub(super) fn memory(base: Register, displacement: i64) -> MemoryOperand {
    MemoryOperand::new(base, Register::None, 1, displacement, 1, false, Register::None)
}

/// Data before the code.
pub(super) fn data(place: u64) -> MemoryOperand {
    MemoryOperand::new(Register::RIP, Register::None, 1, place as i64, 1, false, Register::None)
}

impl<M: Instructions> Assembler<M> {
    /// With data in front of the code: the numbers of the lanes, narrow and wide, tables and literals.
    pub fn new(layout: Layout, literals: &[(u64, bool)]) -> Self {
        let register = M::MACHINE.bytes();
        let mut bytes = vec![0x90; register];
        bytes.extend((0..register as u32 / 4).flat_map(u32::to_le_bytes));
        bytes.extend((0..register as u64 / 8).flat_map(u64::to_le_bytes));
        bytes.extend(M::tables(layout.access.iter().any(|access| access.of_four)));
        let mut places = FxHashMap::default();
        for &(bits, wide) in literals {
            let (literal, alignment) = M::literal(bits, wide);
            bytes.resize(bytes.len().next_multiple_of(alignment), 0);
            places.entry((bits, wide)).or_insert_with(|| {
                let place = bytes.len() as u64;
                bytes.extend(literal);
                place
            });
        }
        bytes.resize(bytes.len().next_multiple_of(16), 0x90);
        // Over the literals.
        bytes[0] = 0xe9;
        let distance = (bytes.len() as u32 - 5).to_le_bytes();
        bytes[1..5].copy_from_slice(&distance);
        let position = bytes.len() as u64;
        let mut encoder = Encoder::new(64);
        encoder.set_buffer(bytes);
        Assembler { machine: PhantomData, encoder, position, literals: places, layout, error: None }
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

    /// Gives up: the machine has no such instruction, so that the strip is compiled otherwise.
    pub fn refuse(&mut self) {
        self.push(Ok(Instruction::with(Code::INVALID)));
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
        memory(Register::RSP, i64::from(slot) * M::MACHINE.bytes() as i64)
    }

    pub fn literal(&self, bits: u64, wide: bool) -> MemoryOperand {
        data(self.literals.get(&(bits, wide)).copied().unwrap_or(0))
    }

    /// The numbers of the lanes, in memory.
    pub fn lane_numbers(&self, wide: bool) -> MemoryOperand {
        data((if wide { 2 } else { 1 }) * M::MACHINE.bytes() as u64)
    }

    /// A table, by the registers before it.
    pub fn table(&self, number: usize) -> MemoryOperand {
        data(((3 + number) * M::MACHINE.bytes()) as u64)
    }

    /// The address of a stream's part.
    pub fn contiguous(&mut self, stream: u32, part: u8, copy: Copy) -> MemoryOperand {
        let bytes = self.layout.access[stream as usize].bytes;
        let base = self.base(stream);
        let ahead = copy.number * self.layout.lanes * bytes + part as usize * M::MACHINE.bytes();
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

    /// The address of the first lane of a strided stream's part, in the second work register.
    pub fn strided(&mut self, stream: u32, part: u8, copy: Copy) {
        let ahead = copy.number * self.layout.lanes + part as usize * M::MACHINE.lanes(true);
        self.load(Code::Lea_r64_m, WORK[1], memory(POSITION, ahead as i64));
        let stride = self.cell(self.layout.streams + 2 * stream + 1);
        self.load(Code::Imul_r64_rm64, WORK[1], stride);
        let base = self.base(stream);
        self.two(Code::Add_r64_rm64, WORK[1], base);
    }

    /// The address so many lanes further as a register has that are wide.
    pub fn further(&mut self, stream: u32) {
        let stride = self.cell(self.layout.streams + 2 * stream + 1);
        self.load(Code::Mov_r64_rm64, WORK[0], stride);
        let further = MemoryOperand::new(WORK[1], WORK[0], M::MACHINE.lanes(true) as u32, 0, 0, false, Register::None);
        self.load(Code::Lea_r64_m, WORK[1], further);
    }
}
