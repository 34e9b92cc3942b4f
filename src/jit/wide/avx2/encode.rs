//! Steps → instructions of AVX2, as bytes.

use iced_x86::{Code, Instruction, Register};

use super::codes::{above, arithmetic, blend, equal, mul_add};
use super::registers::{WORK_VECTOR, half, vector};
use super::{FOR_PLACES, FOR_ROWS, NOT_THERE};
use crate::jit::wide::assembler::{Assembler, Copy};
use crate::jit::wide::body::{Action, Arg, Step};
use crate::jit::wide::codes::combining;
use crate::jit::wide::function::neutral;
use crate::jit::wide::graph::{Join, Lane, One, Pairing, Relation, Two};
use crate::jit::wide::machine::{Avx2, Instructions};
use crate::op::ReduceOp;

/// The comparison that finds NaN.
pub(super) const UNORDERED: i32 = 3;

/// Out of four 64-bit lanes the first of each pair, then the second ones.
const EVEN_THEN_ODD: i32 = 0b11_01_10_00;

impl Assembler<Avx2> {
    /// Writes a step for one of the vectors in flight.
    pub(super) fn write(&mut self, step: &Step, copy: Copy) {
        let lane = step.lane;
        let to = vector(step.to);
        let [a, b] = step.args;
        match (step.action, a, b) {
            (Action::Move, Some(from), _) => self.moved(step, from, copy),
            (Action::Spill, Some(Arg::Register(from)), Some(Arg::Slot(slot))) => {
                let at = self.slot(slot);
                self.store(Code::VEX_Vmovups_ymmm256_ymm, at, vector(from));
            }
            (Action::One(op), Some(Arg::Register(from)), _) => self.one(op, lane, step.to, from),
            (Action::Two(op), Some(Arg::Register(a)), Some(b)) => match arithmetic(op, lane) {
                Some(code) => self.last_in_memory(code, to, vector(a), b, lane),
                None => self.refuse(),
            },
            (Action::Join(join, work), Some(Arg::Register(a)), Some(Arg::Register(b))) => {
                self.join(join, work, step.to, a, b);
            }
            (Action::Pair(pairing), Some(Arg::Register(a)), Some(Arg::Register(b))) => {
                self.pair(pairing, to, vector(a), vector(b));
            }
            // Formulas are written without it, and what else asks for it in other nodes.
            (Action::Three(_), ..) => self.refuse(),
            (Action::MulAdd { form, negate_product, negate_addend }, Some(Arg::Register(a)), Some(b)) => {
                let code = mul_add(lane, form, negate_product, negate_addend);
                self.last_in_memory(code, to, vector(a), b, lane);
            }
            (Action::Compare(relation, swapped), Some(Arg::Register(a)), Some(b)) => {
                self.compare(relation, swapped, lane, to, (vector(a), b));
            }
            (Action::Blend, Some(Arg::Register(no)), Some(yes)) => {
                let mask = masked_by(step);
                let instruction = match yes {
                    Arg::Register(yes) => Instruction::with4(blend(lane), to, vector(no), vector(yes), mask),
                    other => {
                        let yes = Avx2::broadcast(self, other, lane);
                        Instruction::with4(blend(lane), to, vector(no), yes, mask)
                    }
                };
                self.push(instruction);
            }
            (Action::Keep, Some(yes), _) => {
                self.last_in_memory(Code::VEX_Vandps_ymm_ymm_ymmm256, to, masked_by(step), yes, lane);
            }
            (Action::Position, ..) => self.lane_number(lane, step.to, copy),
            (Action::Gather(one, other), Some(Arg::Stream { stream, part }), _) => {
                self.gather(stream, part, step, [one, other], copy);
            }
            (Action::Pick, Some(Arg::Stream { stream, part }), Some(Arg::Register(bytes))) => {
                self.pick(stream, part, step, (masked_by(step), bytes), copy);
            }
            (Action::Store { stream, part }, Some(Arg::Register(from)), _) => {
                self.stored(stream, part, (lane, from), copy);
            }
            (Action::Scatter { stream, part, .. }, Some(Arg::Register(from)), _) => {
                self.scatter(stream, part, (lane, from), copy);
            }
            (Action::Accumulate { accumulator, op, part }, Some(from), _) => {
                self.accumulate(step, accumulator, (op, part), from, copy);
            }
            _ => unreachable!("the steps are made with the operands of their actions"),
        }
    }

    /// An instruction whose last operand may be in memory.
    fn last_in_memory(&mut self, code: Code, to: Register, a: Register, b: Arg, lane: Lane) {
        let instruction = match b {
            Arg::Register(b) => Instruction::with3(code, to, a, vector(b)),
            other => Instruction::with3(code, to, a, Avx2::broadcast(self, other, lane)),
        };
        self.push(instruction);
    }

    fn moved(&mut self, step: &Step, from: Arg, copy: Copy) {
        let to = vector(step.to);
        match from {
            Arg::Register(from) => self.two(Code::VEX_Vmovaps_ymm_ymmm256, to, vector(from)),
            Arg::Slot(slot) => {
                let at = self.slot(slot);
                self.load(Code::VEX_Vmovups_ymm_ymmm256, to, at);
            }
            Arg::Stream { stream, part } => self.loaded(stream, part, step, copy),
            Arg::Constant(_) | Arg::Uniform(_) => self.repeat_in(from, step.lane, step.to),
        }
    }

    /// The same in all lanes of a register.
    pub(super) fn repeat_in(&mut self, from: Arg, lane: Lane, to: u8) {
        let to = vector(to);
        if from == Arg::Constant(0) {
            return self.push(Instruction::with3(Code::VEX_Vxorps_ymm_ymm_ymmm256, to, to, to));
        }
        let at = Avx2::broadcast(self, from, lane);
        self.load(Code::VEX_Vmovups_ymm_ymmm256, to, at);
    }

    /// All bits of a register.
    pub(super) fn ones(&mut self, to: u8) {
        let to = vector(to);
        self.push(Instruction::with3(Code::VEX_Vpcmpeqd_ymm_ymm_ymmm256, to, to, to));
    }

    fn one(&mut self, op: One, lane: Lane, to: u8, from: u8) {
        let (target, source) = (vector(to), vector(from));
        let by_width = |narrow: Code, wide: Code| if lane.is_wide() { wide } else { narrow };
        let rounded = |how: i32| {
            let code = by_width(Code::VEX_Vroundps_ymm_ymmm256_imm8, Code::VEX_Vroundpd_ymm_ymmm256_imm8);
            Instruction::with3(code, target, source, how)
        };
        let instruction = match op {
            One::Sqrt => Instruction::with2(
                by_width(Code::VEX_Vsqrtps_ymm_ymmm256, Code::VEX_Vsqrtpd_ymm_ymmm256),
                target,
                source,
            ),
            One::Floor => rounded(9),
            One::Ceil => rounded(10),
            One::Round => rounded(8),
            One::Left(by) => {
                let code = by_width(Code::VEX_Vpslld_ymm_ymm_imm8, Code::VEX_Vpsllq_ymm_ymm_imm8);
                Instruction::with3(code, target, source, by as i32)
            }
            One::Right(by) => {
                let code = by_width(Code::VEX_Vpsrld_ymm_ymm_imm8, Code::VEX_Vpsrlq_ymm_ymm_imm8);
                Instruction::with3(code, target, source, by as i32)
            }
            One::LowDoubles => Instruction::with2(Code::VEX_Vcvtps2pd_ymm_xmmm128, target, half(from)),
            One::HighDoubles => return self.doubles_of_high(to, from),
            // A mask is as wide ints that are −1 or 0.
            One::LowLongs | One::LowMask => Instruction::with2(Code::VEX_Vpmovsxdq_ymm_xmmm128, target, half(from)),
            One::HighLongs | One::HighMask => {
                self.push(Instruction::with3(Code::VEX_Vextracti128_xmmm128_ymm_imm8, half(to), source, 1));
                Instruction::with2(Code::VEX_Vpmovsxdq_ymm_xmmm128, target, half(to))
            }
            One::Not => {
                self.ones(WORK_VECTOR);
                Instruction::with3(Code::VEX_Vxorps_ymm_ymm_ymmm256, target, source, vector(WORK_VECTOR))
            }
            One::ToInt => return self.ints_of_doubles(to, from),
            // Written as other nodes.
            One::Exponent | One::Mantissa | One::Fraction | One::AbsInt | One::OfInt => return self.refuse(),
        };
        self.push(instruction);
    }

    /// The second half of singles, as doubles.
    pub(super) fn doubles_of_high(&mut self, to: u8, from: u8) {
        self.push(Instruction::with3(Code::VEX_Vextractf128_xmmm128_ymm_imm8, half(to), vector(from), 1));
        self.two(Code::VEX_Vcvtps2pd_ymm_xmmm128, vector(to), half(to));
    }

    fn join(&mut self, join: Join, work: u8, to: u8, low: u8, high: u8) {
        match join {
            Join::Masks => {
                let code = Code::VEX_Vshufps_ymm_ymm_ymmm256_imm8;
                self.push(Instruction::with4(code, vector(to), vector(low), vector(high), 0b10_00_10_00));
                let code = Code::VEX_Vpermq_ymm_ymmm256_imm8;
                self.push(Instruction::with3(code, vector(to), vector(to), EVEN_THEN_ODD));
            }
            Join::Halves => self.insert_high(to, low, high),
            Join::Doubles => {
                self.two(Code::VEX_Vcvtpd2ps_xmm_ymmm256, half(work), vector(high));
                self.two(Code::VEX_Vcvtpd2ps_xmm_ymmm256, half(to), vector(low));
                self.insert_high(to, to, work);
            }
            Join::Longs => self.singles_of_ints(to, low, high),
        }
    }

    pub(super) fn insert_high(&mut self, to: u8, low: u8, high: u8) {
        let code = Code::VEX_Vinsertf128_ymm_ymm_xmmm128_imm8;
        self.push(Instruction::with4(code, vector(to), vector(low), half(high), 1));
    }

    /// The result is another register than the operands.
    fn pair(&mut self, pairing: Pairing, to: Register, a: Register, b: Register) {
        let work = vector(WORK_VECTOR);
        let halves = |which: i32| Instruction::with4(Code::VEX_Vperm2f128_ymm_ymm_ymmm256_imm8, to, a, b, which);
        let (first, pairs) = match pairing {
            Pairing::LowHalves => return self.push(halves(0x20)),
            Pairing::HighHalves => return self.push(halves(0x31)),
            // Pairs of places of two rows, which lie two rows apart.
            Pairing::FirstPlaces => (true, Code::VEX_Vunpcklps_ymm_ymm_ymmm256),
            Pairing::LastPlaces => (true, Code::VEX_Vunpckhps_ymm_ymm_ymmm256),
            Pairing::FirstRows => (false, Code::VEX_Vunpcklpd_ymm_ymm_ymmm256),
            Pairing::LastRows => (false, Code::VEX_Vunpckhpd_ymm_ymm_ymmm256),
        };
        let permute = Code::VEX_Vpermps_ymm_ymm_ymmm256;
        if first {
            let places = self.table(FOR_PLACES);
            self.push(Instruction::with3(pairs, to, a, b));
            self.load(Code::VEX_Vmovups_ymm_ymmm256, work, places);
            return self.push(Instruction::with3(permute, to, work, to));
        }
        let rows = self.table(FOR_ROWS);
        self.load(Code::VEX_Vmovups_ymm_ymmm256, work, rows);
        self.push(Instruction::with3(permute, to, work, a));
        self.push(Instruction::with3(permute, work, work, b));
        self.push(Instruction::with3(pairs, to, to, work));
    }

    fn compare(&mut self, relation: Relation, swapped: bool, lane: Lane, to: Register, (a, b): (Register, Arg)) {
        let is_float = matches!(lane, Lane::F32 | Lane::F64);
        if !is_float {
            return self.compare_ints(relation, swapped, lane, to, (a, b));
        }
        let predicate = match (relation, swapped) {
            (Relation::Equal, _) => 0,
            (Relation::NotEqual, _) => 4,
            (Relation::Unordered, _) => UNORDERED,
            // Quiet; greater, where the operands have changed places.
            (Relation::Below, false) => 0x11,
            (Relation::AtMost, false) => 0x12,
            (Relation::Below, true) => 0x1e,
            (Relation::AtMost, true) => 0x1d,
            // Other nodes.
            (Relation::BelowUnsigned | Relation::Signed, _) => {
                return self.refuse();
            }
        };
        let instruction = match b {
            Arg::Register(b) => Instruction::with4(equal(lane), to, a, vector(b), predicate),
            other => Instruction::with4(equal(lane), to, a, Avx2::broadcast(self, other, lane), predicate),
        };
        self.push(instruction);
    }

    fn compare_ints(&mut self, relation: Relation, swapped: bool, lane: Lane, to: Register, (a, b): (Register, Arg)) {
        match (relation, swapped, b) {
            (Relation::Equal, ..) => self.last_in_memory(equal(lane), to, a, b, lane),
            // b < a, as they have changed places.
            (Relation::Below, true, _) => self.last_in_memory(above(lane), to, a, b, lane),
            (Relation::Below, false, Arg::Register(b)) => {
                self.push(Instruction::with3(above(lane), to, vector(b), a));
            }
            (Relation::Below, false, _) => {
                self.repeat_in(b, lane, WORK_VECTOR);
                self.push(Instruction::with3(above(lane), to, vector(WORK_VECTOR), a));
            }
            _ => self.refuse(),
        }
    }

    fn accumulate(&mut self, step: &Step, accumulator: u32, (op, part): (ReduceOp, u8), from: Arg, copy: Copy) {
        let own = vector(copy.accumulator(accumulator));
        let work = vector(WORK_VECTOR);
        let (lane, two) = (step.lane, combining(op));
        if let (ReduceOp::Sum, Some(add)) = (op, arithmetic(two, lane)) {
            // Adding 0 leaves a sum that began with +0 as it is.
            let there = copy.is_partial().then(|| self.there(lane, part));
            let and = Code::VEX_Vandps_ymm_ymm_ymmm256;
            let from = match (step.mask, there) {
                (None, None) => from,
                (Some(mask), there) => {
                    self.last_in_memory(and, work, vector(mask), from, lane);
                    there.into_iter().for_each(|there| self.push(Instruction::with3(and, work, work, there)));
                    Arg::Register(WORK_VECTOR)
                }
                (None, Some(there)) => {
                    self.load(Code::VEX_Vmovups_ymm_ymmm256, work, there);
                    self.last_in_memory(and, work, work, from, lane);
                    Arg::Register(WORK_VECTOR)
                }
            };
            return self.last_in_memory(add, own, own, from, lane);
        }
        let Arg::Register(register) = from else { unreachable!("only sums are of what is in memory") };
        let mut from = vector(register);
        if copy.is_partial() {
            // Where no lane is, what leaves the accumulator as it is.
            let neutral = neutral(op, lane);
            let mut absent = self.there(lane, part);
            absent.displacement += i64::from(NOT_THERE) * Avx2::MACHINE.bytes() as i64;
            let neutral = self.literal(neutral, lane.is_wide());
            self.load(Code::VEX_Vmovups_ymm_ymmm256, work, absent);
            self.push(Instruction::with4(blend(lane), work, from, neutral, work));
            from = work;
        }
        match (op, arithmetic(two, lane)) {
            (ReduceOp::Sum | ReduceOp::Prod, Some(code)) => self.push(Instruction::with3(code, own, own, from)),
            (ReduceOp::Min | ReduceOp::Max, Some(code)) => {
                // NaN is remembered; the accumulator's own is the second operand, which is what there is beside it.
                let nan = masked_by(step);
                self.push(Instruction::with3(code, own, from, own));
                self.push(Instruction::with4(equal(lane), work, from, from, UNORDERED));
                self.push(Instruction::with3(Code::VEX_Vorps_ymm_ymm_ymmm256, nan, nan, work));
            }
            (ReduceOp::Sum | ReduceOp::Prod, None) => self.refuse(),
            (ReduceOp::Min | ReduceOp::Max, None) => {
                let changes = masked_by(step);
                let [high, low] = if two == Two::Least { [own, from] } else { [from, own] };
                self.push(Instruction::with3(above(lane), changes, high, low));
                self.push(Instruction::with4(blend(lane), own, own, from, changes));
            }
        }
    }
}

/// The mask of a step that has one.
fn masked_by(step: &Step) -> Register {
    step.mask.map_or_else(|| unreachable!("the steps are made with the masks of their actions"), vector)
}
