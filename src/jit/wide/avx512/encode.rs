//! Steps → instructions of AVX-512, as bytes.

use iced_x86::{Code, IcedError, Instruction, MemoryOperand, Register};

use super::codes::{arithmetic, exponent, mantissa, mul_add, three};
use super::registers::{THERE, THERE_HIGH, WORK_MASK, half, mask, vector};
use crate::jit::wide::assembler::{Assembler, Copy, POSITION, WORK, Way, memory};
use crate::jit::wide::body::{Action, Arg, Step};
use crate::jit::wide::codes::{by_lane, combining};
use crate::jit::wide::graph::{Join, Lane, One, Pairing, Relation, Three, Two};
use crate::jit::wide::machine::{Avx512, Instructions};
use crate::op::ReduceOp;

impl Assembler<Avx512> {
    /// Writes a step for one of the vectors in flight.
    pub(super) fn write(&mut self, step: &Step, copy: Copy) {
        let lane = step.lane;
        let [a, b] = step.args;
        match (step.action, a, b) {
            (Action::Move, Some(from), _) => self.moved(step, from, copy),
            (Action::Spill, Some(Arg::Register(from)), Some(Arg::Slot(slot))) => {
                let to = self.slot(slot);
                match lane {
                    Lane::Mask => self.store(Code::VEX_Kmovw_m16_kr, to, mask(from)),
                    _ => self.store(Code::EVEX_Vmovups_zmmm512_k1z_zmm, to, vector(from)),
                }
            }
            (Action::One(op), Some(Arg::Register(from)), _) => self.one(op, lane, step.to, from),
            (Action::Two(op), Some(Arg::Register(a)), Some(b)) => self.two_operands(op, lane, step.to, a, b),
            (Action::Join(join, work), Some(Arg::Register(a)), Some(Arg::Register(b))) => {
                self.join(join, work, step.to, a, b);
            }
            (Action::Pair(pairing), Some(Arg::Register(a)), Some(Arg::Register(b))) => {
                self.pair(pairing, vector(step.to), vector(a), vector(b));
            }
            (Action::Three(op), Some(Arg::Register(a)), Some(b)) => self.three_operands(op, lane, step.to, a, b),
            (Action::MulAdd { form, negate_product, negate_addend }, Some(Arg::Register(a)), Some(b)) => {
                let code = mul_add(lane, form, negate_product, negate_addend);
                self.three(code, vector(step.to), vector(a), b, lane, None);
            }
            (Action::Compare(relation, swapped), Some(Arg::Register(a)), Some(b)) => {
                self.compare(relation, swapped, lane, step.to, a, b);
            }
            (Action::Blend, Some(Arg::Register(no)), Some(yes)) => {
                let code = by_lane!(
                    lane,
                    EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32,
                    EVEX_Vblendmpd_zmm_k1z_zmm_zmmm512b64,
                    EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32,
                    EVEX_Vblendmpd_zmm_k1z_zmm_zmmm512b64
                );
                self.three(code, vector(step.to), vector(no), yes, lane, Some(masked_by(step)));
            }
            (Action::Keep, Some(yes), _) => self.keep(step, yes),
            (Action::Position, ..) => self.lane_number(lane, step.to, copy),
            (Action::Gather(one, other), Some(Arg::Stream { stream, part }), _) => {
                self.gather(stream, part, step, [one, other], copy);
            }
            (Action::Pick, Some(Arg::Stream { stream, part }), Some(Arg::Register(bytes))) => {
                self.pick(stream, part, step, bytes, copy);
            }
            (Action::Store { stream, part }, Some(Arg::Register(from)), _) => {
                let at = self.contiguous(stream, part, copy);
                if !copy.is_partial() {
                    self.ask_to_write(stream, at);
                }
                let mask = self.access_mask(stream, part, copy);
                let past_caches = copy.way == Way::PastCaches && self.layout.access[stream as usize].is_result;
                let code = match (past_caches, lane.is_wide()) {
                    (false, false) => Code::EVEX_Vmovups_zmmm512_k1z_zmm,
                    (false, true) => Code::EVEX_Vmovupd_zmmm512_k1z_zmm,
                    (true, false) => Code::EVEX_Vmovntps_m512_zmm,
                    (true, true) => Code::EVEX_Vmovntpd_m512_zmm,
                };
                self.masked(Instruction::with2(code, at, vector(from)), mask, false);
            }
            (Action::Scatter { stream, part, work }, Some(Arg::Register(from)), _) => {
                self.scatter(stream, part, from, work, copy);
            }
            (Action::Accumulate { accumulator, op, part }, Some(from), _) => {
                self.accumulate(step, accumulator, (op, part), from, copy);
            }
            _ => unreachable!("the steps are made with the operands of their actions"),
        }
    }

    pub(super) fn masked(&mut self, instruction: Result<Instruction, IcedError>, mask: Option<Register>, zero: bool) {
        self.push(instruction.map(|mut instruction| {
            if let Some(mask) = mask {
                instruction.set_op_mask(mask);
                instruction.set_zeroing_masking(zero);
            }
            instruction
        }));
    }

    fn repeated(&self, arg: Arg, lane: Lane) -> MemoryOperand {
        Avx512::broadcast(self, arg, lane)
    }

    /// An instruction whose last operand may be in memory.
    fn three(&mut self, code: Code, to: Register, a: Register, b: Arg, lane: Lane, mask: Option<Register>) {
        let instruction = match b {
            Arg::Register(b) => Instruction::with3(code, to, a, vector(b)),
            other => Instruction::with3(code, to, a, self.repeated(other, lane)),
        };
        self.masked(instruction, mask, false);
    }

    fn moved(&mut self, step: &Step, from: Arg, copy: Copy) {
        let lane = step.lane;
        if lane == Lane::Mask {
            let at = match from {
                Arg::Slot(slot) => self.slot(slot),
                Arg::Uniform(cell) => self.cell(self.layout.uniforms + cell),
                _ => unreachable!("masks are in slots and in cells"),
            };
            return self.load(Code::VEX_Kmovw_kr_km16, mask(step.to), at);
        }
        match from {
            Arg::Register(from) => self.two(Code::EVEX_Vmovaps_zmm_k1z_zmmm512, vector(step.to), vector(from)),
            Arg::Slot(slot) => {
                let at = self.slot(slot);
                self.load(Code::EVEX_Vmovups_zmm_k1z_zmmm512, vector(step.to), at);
            }
            Arg::Stream { stream, part } => {
                let at = self.contiguous(stream, part, copy);
                if !copy.is_partial() {
                    self.ask(stream, at, lane);
                }
                let mask = self.access_mask(stream, part, copy);
                let code = if lane.is_wide() {
                    Code::EVEX_Vmovupd_zmm_k1z_zmmm512
                } else {
                    Code::EVEX_Vmovups_zmm_k1z_zmmm512
                };
                self.masked(Instruction::with2(code, vector(step.to), at), mask, true);
            }
            Arg::Constant(_) | Arg::Uniform(_) => self.repeat_in(from, lane, step.to),
        }
    }

    /// The same in all lanes of a register.
    pub(super) fn repeat_in(&mut self, from: Arg, lane: Lane, to: u8) {
        if from == Arg::Constant(0) {
            let zero = vector(to);
            return self.push(Instruction::with3(Code::EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, zero, zero, zero));
        }
        let at = match from {
            Arg::Uniform(cell) => self.cell(self.layout.uniforms + cell),
            Arg::Constant(bits) => self.literal(bits, lane.is_wide()),
            _ => unreachable!("only what does not vary is repeated"),
        };
        let code = if lane.is_wide() {
            Code::EVEX_Vbroadcastsd_zmm_k1z_xmmm64
        } else {
            Code::EVEX_Vbroadcastss_zmm_k1z_xmmm32
        };
        self.load(code, vector(to), at);
    }

    fn keep(&mut self, step: &Step, yes: Arg) {
        let to = vector(step.to);
        let wide = step.lane.is_wide();
        let instruction = match yes {
            Arg::Register(from) => {
                let code = if wide { Code::EVEX_Vmovapd_zmm_k1z_zmmm512 } else { Code::EVEX_Vmovaps_zmm_k1z_zmmm512 };
                Instruction::with2(code, to, vector(from))
            }
            other => {
                let code =
                    if wide { Code::EVEX_Vbroadcastsd_zmm_k1z_xmmm64 } else { Code::EVEX_Vbroadcastss_zmm_k1z_xmmm32 };
                let mut at = self.repeated(other, step.lane);
                at.is_broadcast = false;
                Instruction::with2(code, to, at)
            }
        };
        self.masked(instruction, Some(masked_by(step)), true);
    }

    fn one(&mut self, op: One, lane: Lane, to: u8, from: u8) {
        if matches!(op, One::LowMask | One::HighMask | One::Not) && lane == Lane::Mask {
            let (to, from) = (mask(to), mask(from));
            return match op {
                One::Not => self.two(Code::VEX_Knotw_kr_kr, to, from),
                One::LowMask => self.two(Code::VEX_Kmovw_kr_km16, to, from),
                _ => self.push(Instruction::with3(Code::VEX_Kshiftrw_kr_kr_imm8, to, from, 8)),
            };
        }
        let (target, source) = (vector(to), vector(from));
        let rounded = |how: i32| {
            let code = by_lane!(
                lane,
                EVEX_Vrndscaleps_zmm_k1z_zmmm512b32_imm8_sae,
                EVEX_Vrndscalepd_zmm_k1z_zmmm512b64_imm8_sae,
                EVEX_Vrndscaleps_zmm_k1z_zmmm512b32_imm8_sae,
                EVEX_Vrndscalepd_zmm_k1z_zmmm512b64_imm8_sae
            );
            Instruction::with3(code, target, source, how)
        };
        let instruction = match op {
            One::Sqrt if lane.is_wide() => Instruction::with2(Code::EVEX_Vsqrtpd_zmm_k1z_zmmm512b64_er, target, source),
            One::Sqrt => Instruction::with2(Code::EVEX_Vsqrtps_zmm_k1z_zmmm512b32_er, target, source),
            One::Floor => rounded(9),
            One::Ceil => rounded(10),
            One::Round => rounded(8),
            One::Exponent => Instruction::with2(exponent(lane), target, source),
            One::Mantissa | One::Fraction => {
                let (code, how) = mantissa(lane, op == One::Fraction);
                Instruction::with3(code, target, source, how)
            }
            One::AbsInt => Instruction::with2(Code::EVEX_Vpabsq_zmm_k1z_zmmm512b64, target, source),
            One::Left(by) => {
                let code = if lane.is_wide() {
                    Code::EVEX_Vpsllq_zmm_k1z_zmmm512b64_imm8
                } else {
                    Code::EVEX_Vpslld_zmm_k1z_zmmm512b32_imm8
                };
                Instruction::with3(code, target, source, by as i32)
            }
            One::Right(by) => {
                let code = if lane.is_wide() {
                    Code::EVEX_Vpsrlq_zmm_k1z_zmmm512b64_imm8
                } else {
                    Code::EVEX_Vpsrld_zmm_k1z_zmmm512b32_imm8
                };
                Instruction::with3(code, target, source, by as i32)
            }
            One::OfInt => Instruction::with2(Code::EVEX_Vcvtqq2pd_zmm_k1z_zmmm512b64_er, target, source),
            One::ToInt => Instruction::with2(Code::EVEX_Vcvttpd2qq_zmm_k1z_zmmm512b64_sae, target, source),
            One::LowDoubles => Instruction::with2(Code::EVEX_Vcvtps2pd_zmm_k1z_ymmm256b32_sae, target, half(from)),
            One::LowLongs => Instruction::with2(Code::EVEX_Vpmovsxdq_zmm_k1z_ymmm256, target, half(from)),
            One::HighDoubles | One::HighLongs => {
                self.push(Instruction::with3(Code::EVEX_Vextractf32x8_ymmm256_k1z_zmm_imm8, half(to), source, 1));
                let code = if op == One::HighDoubles {
                    Code::EVEX_Vcvtps2pd_zmm_k1z_ymmm256b32_sae
                } else {
                    Code::EVEX_Vpmovsxdq_zmm_k1z_ymmm256
                };
                Instruction::with2(code, target, half(to))
            }
            One::LowMask | One::HighMask | One::Not => unreachable!("they are of masks"),
        };
        self.push(instruction);
    }

    fn two_operands(&mut self, op: Two, lane: Lane, to: u8, a: u8, b: Arg) {
        if lane == Lane::Mask {
            let Arg::Register(b) = b else { unreachable!("masks are in registers") };
            let code = match op {
                Two::And => Code::VEX_Kandw_kr_kr_kr,
                Two::AndNot => Code::VEX_Kandnw_kr_kr_kr,
                Two::Or => Code::VEX_Korw_kr_kr_kr,
                _ => Code::VEX_Kxorw_kr_kr_kr,
            };
            return self.push(Instruction::with3(code, mask(to), mask(a), mask(b)));
        }
        self.three(arithmetic(op, lane), vector(to), vector(a), b, lane, None);
    }

    fn three_operands(&mut self, op: Three, lane: Lane, to: u8, a: u8, b: Arg) {
        let (code, how) = three(op, lane);
        let instruction = match b {
            Arg::Register(b) => Instruction::with4(code, vector(to), vector(a), vector(b), how),
            other => Instruction::with4(code, vector(to), vector(a), self.repeated(other, lane), how),
        };
        self.push(instruction);
    }

    fn join(&mut self, join: Join, work: u8, to: u8, low: u8, high: u8) {
        let code = match join {
            Join::Masks => {
                return self.push(Instruction::with3(Code::VEX_Kunpckbw_kr_kr_kr, mask(to), mask(high), mask(low)));
            }
            Join::Halves => {
                self.two(Code::EVEX_Vmovaps_zmm_k1z_zmmm512, vector(work), vector(high));
                self.two(Code::EVEX_Vmovaps_zmm_k1z_zmmm512, vector(to), vector(low));
                return self.insert_high(to, work);
            }
            Join::Doubles => Code::EVEX_Vcvtpd2ps_ymm_k1z_zmmm512b64_er,
            Join::Longs => Code::EVEX_Vcvtqq2ps_ymm_k1z_zmmm512b64_er,
        };
        self.two(code, half(work), vector(high));
        self.two(code, half(to), vector(low));
        self.insert_high(to, work);
    }

    fn pair(&mut self, pairing: Pairing, to: Register, a: Register, b: Register) {
        let halves =
            |groups: i32| Instruction::with4(Code::EVEX_Vshuff64x2_zmm_k1z_zmm_zmmm512b64_imm8, to, a, b, groups);
        let table = match pairing {
            Pairing::LowHalves => return self.push(halves(0b01_00_01_00)),
            Pairing::HighHalves => return self.push(halves(0b11_10_11_10)),
            Pairing::FirstPlaces => 0,
            Pairing::LastPlaces => 1,
            Pairing::FirstRows => 2,
            Pairing::LastRows => 3,
        };
        let places = self.table(table);
        self.load(Code::EVEX_Vmovups_zmm_k1z_zmmm512, to, places);
        self.push(Instruction::with3(Code::EVEX_Vpermi2ps_zmm_k1z_zmm_zmmm512b32, to, a, b));
    }

    pub(super) fn insert_high(&mut self, to: u8, high: u8) {
        let code = Code::EVEX_Vinsertf32x8_zmm_k1z_zmm_ymmm256_imm8;
        self.push(Instruction::with4(code, vector(to), vector(to), half(high), 1));
    }

    fn compare(&mut self, relation: Relation, swapped: bool, lane: Lane, to: u8, a: u8, b: Arg) {
        if relation == Relation::Signed {
            let code = if lane.is_wide() { Code::EVEX_Vpmovq2m_kr_zmm } else { Code::EVEX_Vpmovd2m_kr_zmm };
            return self.two(code, mask(to), vector(a));
        }
        let float = matches!(lane, Lane::F32 | Lane::F64);
        let predicate = match (relation, float, swapped) {
            (Relation::Equal, ..) => 0,
            (Relation::NotEqual, ..) => 4,
            (Relation::Unordered | Relation::Signed, ..) => 3,
            (Relation::BelowUnsigned, _, false) => 1,
            (Relation::BelowUnsigned, _, true) => 6,
            // Quiet; greater, where the operands have changed places.
            (Relation::Below, true, false) => 0x11,
            (Relation::AtMost, true, false) => 0x12,
            (Relation::Below, true, true) => 0x1e,
            (Relation::AtMost, true, true) => 0x1d,
            (Relation::Below, false, false) => 1,
            (Relation::AtMost, false, false) => 2,
            (Relation::Below, false, true) => 6,
            (Relation::AtMost, false, true) => 5,
        };
        let code = by_lane!(
            lane,
            EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae,
            EVEX_Vcmppd_kr_k1_zmm_zmmm512b64_imm8_sae,
            EVEX_Vpcmpd_kr_k1_zmm_zmmm512b32_imm8,
            EVEX_Vpcmpq_kr_k1_zmm_zmmm512b64_imm8
        );
        let unsigned = relation == Relation::BelowUnsigned;
        let code = if unsigned { Code::EVEX_Vpcmpuq_kr_k1_zmm_zmmm512b64_imm8 } else { code };
        let instruction = match b {
            Arg::Register(b) => Instruction::with4(code, mask(to), vector(a), vector(b), predicate),
            other => Instruction::with4(code, mask(to), vector(a), self.repeated(other, lane), predicate),
        };
        self.push(instruction);
    }

    /// The numbers of the lanes of a vector.
    fn lane_number(&mut self, lane: Lane, to: u8, copy: Copy) {
        let ahead = (copy.number * self.layout.lanes) as i64;
        self.load(Code::Lea_r64_m, WORK[0], memory(POSITION, ahead));
        let steps = self.lane_numbers(lane.is_wide());
        if lane.is_wide() {
            self.two(Code::EVEX_Vpbroadcastq_zmm_k1z_r64, vector(to), WORK[0]);
            self.push(Instruction::with3(Code::EVEX_Vpaddq_zmm_k1z_zmm_zmmm512b64, vector(to), vector(to), steps));
        } else {
            self.two(Code::EVEX_Vpbroadcastd_zmm_k1z_r32, vector(to), Register::ECX);
            self.push(Instruction::with3(Code::EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32, vector(to), vector(to), steps));
        }
    }

    fn accumulate(&mut self, step: &Step, accumulator: u32, (op, part): (ReduceOp, u8), from: Arg, copy: Copy) {
        let own = vector(copy.accumulator(accumulator));
        let there = copy.is_partial().then_some(if part == 0 { THERE } else { THERE_HIGH });
        let lane = step.lane;
        let two = combining(op);
        match op {
            ReduceOp::Sum | ReduceOp::Prod => {
                let under = step.mask.map(mask);
                let both = match (under, there) {
                    (Some(under), Some(there)) => {
                        self.push(Instruction::with3(Code::VEX_Kandw_kr_kr_kr, WORK_MASK, under, there));
                        Some(WORK_MASK)
                    }
                    (under, there) => under.or(there),
                };
                self.three(arithmetic(two, lane), own, own, from, lane, both);
            }
            ReduceOp::Min | ReduceOp::Max => {
                let Arg::Register(from) = from else { unreachable!("extremes are of registers") };
                let code = arithmetic(two, lane);
                self.masked(Instruction::with3(code, own, vector(from), own), there, false);
                if lane == Lane::I64 {
                    return;
                }
                // NaN stays: the accumulator's own is the second operand, which wins.
                let nan = masked_by(step);
                let code = if lane.is_wide() {
                    Code::EVEX_Vcmppd_kr_k1_zmm_zmmm512b64_imm8_sae
                } else {
                    Code::EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae
                };
                self.masked(Instruction::with4(code, nan, vector(from), vector(from), 3), there, false);
                let code = if lane.is_wide() {
                    Code::EVEX_Vmovapd_zmm_k1z_zmmm512
                } else {
                    Code::EVEX_Vmovaps_zmm_k1z_zmmm512
                };
                self.masked(Instruction::with2(code, own, vector(from)), Some(nan), false);
            }
        }
    }
}

/// The mask of a step that has one.
pub(super) fn masked_by(step: &Step) -> Register {
    step.mask.map_or_else(|| unreachable!("the steps are made with the masks of their actions"), mask)
}
