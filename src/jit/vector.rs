//! The part of a strip that runs several lanes at a time.
//!
//! A strip of reals and bools whose memory lies one lane after the other runs in 128-bit vectors, two or
//! four in flight; the scalar loop of [`super::strip`] takes the rest, or all where a stride turns out at
//! run time not to be one element. Ints occur only as the position of the lane that is compared with an int
//! that does not vary (a one-hot label).

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{ConstantData, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::Variable;

use super::arithmetic::{self, combine, neutral, resize};
use super::strip::{Address, Lines, Prepared};
use super::translate::Translator;
use crate::ir::AxisId;
use crate::kernel::{Effect, Instruction, Operand, Strip};
use crate::op::{Binary, Compare, Element, Unary};

/// Positions up to which lanes are compared as 32-bit ints.
const NARROW: i64 = i32::MAX as i64 - 1;

/// The vectors of a strip's values.
struct Vectors<'a> {
    strip: &'a Strip,
    /// The scalar values of what does not vary.
    once: &'a Lines,
    values: Vec<Option<Value>>,
    real: Type,
}

impl Translator<'_, '_> {
    /// Runs as many lanes as fill whole vectors, and returns the lane where the scalar loop goes on.
    pub(super) fn vectors(
        &mut self,
        strip: &Strip,
        once: &Lines,
        addresses: &[Option<Address>],
        effects: &[Prepared<'_>],
        length: Value,
    ) -> Value {
        let zero = self.builder.ins().iconst(types::I64, 0);
        let real = self.precision.by(16 / self.precision.bytes()).filter(|_| has_vectors());
        let Some(real) = real else { return zero };
        if !self.is_simple(strip, addresses, effects) {
            return zero;
        }
        let contiguous = self.is_contiguous(strip, addresses, effects);
        // Four sums in flight: fewer would also lose accuracy over a block.
        let unroll = if effects.iter().any(|(_, _, partial)| partial.is_some()) { 4 } else { 2 };
        let lanes = i64::from(real.lane_count());
        let rounded = self.builder.ins().band_imm_s(length, -(lanes * unroll));
        let end = self.builder.ins().select(contiguous, rounded, zero);
        let mut vectors = Vectors { strip, once, values: vec![None; strip.lines.len()], real };
        self.spread(&mut vectors);
        let sums = self.vector_sums(effects, real, unroll);
        self.counted_tightly(zero, end, lanes * unroll, |this, lane| {
            for part in 0..unroll {
                let lane = this.builder.ins().iadd_imm_s(lane, part * lanes);
                this.one_vector(&mut vectors, addresses, effects, &sums[part as usize], lane);
            }
        });
        self.fold_sums(effects, &sums, real);
        end
    }

    fn is_simple(&self, strip: &Strip, addresses: &[Option<Address>], effects: &[Prepared<'_>]) -> bool {
        let real = self.precision;
        let plain = |address: &Address| {
            address.ty == real && address.step.is_some() && address.inside.is_none() && address.varying.is_empty()
        };
        let varies = |operand: Operand| strip.lines[operand.0 as usize].varies;
        let is_index = |operand: Operand| matches!(strip.lines[operand.0 as usize].instruction, Instruction::Index(_));
        let simple = |(position, line): (usize, &crate::kernel::Line)| match &line.instruction {
            _ if !line.varies => true,
            Instruction::Load(_) => addresses[position].as_ref().is_some_and(plain),
            Instruction::Index(axis) => strip.vector == Some(*axis),
            Instruction::Unary(op, a) => is_quick(*op) && !is_index(*a),
            Instruction::Binary(op, ..) => {
                line.element == Element::Real && !matches!(op, Binary::Pow | Binary::Powi | Binary::Atan2)
            }
            Instruction::Compare(_, a, b) => match strip.lines[a.0 as usize].element {
                Element::Real => true,
                Element::Int => (is_index(*a) && !varies(*b)) || (is_index(*b) && !varies(*a)),
                Element::Bool => false,
            },
            Instruction::Logic(..) => true,
            Instruction::Select(..) | Instruction::MulAdd(..) => line.element == Element::Real,
            Instruction::Cast(to, a) => *to == Element::Real && strip.lines[a.0 as usize].element == Element::Bool,
            Instruction::Constant(_)
            | Instruction::Parameter(_)
            | Instruction::Size(_)
            | Instruction::Register(_)
            | Instruction::Polygamma(..) => false,
        };
        let fits = |(effect, address, partial): &Prepared<'_>| {
            let (Effect::Store(_, value) | Effect::Set(_, value) | Effect::Accumulate(_, _, value)) = effect;
            let line = &strip.lines[value.0 as usize];
            line.element == Element::Real
                && match effect {
                    Effect::Set(..) => false,
                    Effect::Store(..) => address.as_ref().is_some_and(plain),
                    Effect::Accumulate(..) => partial.is_some() || address.as_ref().is_some_and(plain),
                }
        };
        strip.lines.iter().enumerate().all(simple) && effects.iter().all(fits)
    }

    /// Whether all memory lies one lane after the other.
    fn is_contiguous(&mut self, strip: &Strip, addresses: &[Option<Address>], effects: &[Prepared<'_>]) -> Value {
        let mut steps: Vec<(Value, u32)> = Vec::new();
        let all = addresses.iter().flatten().chain(effects.iter().filter_map(|(_, address, _)| address.as_ref()));
        steps.extend(all.filter_map(|address| address.step.map(|step| (step, address.ty.bytes()))));
        let mut contiguous = self.builder.ins().iconst(types::I8, 1);
        for (step, bytes) in steps {
            let one = self.builder.ins().icmp_imm_s(IntCC::Equal, step, i64::from(bytes));
            contiguous = self.builder.ins().band(contiguous, one);
        }
        let has_index = strip.lines.iter().any(|line| line.varies && matches!(line.instruction, Instruction::Index(_)));
        if let (true, Some(axis)) = (has_index, strip.vector) {
            let extent = self.extent(axis);
            let short = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, extent, NARROW);
            contiguous = self.builder.ins().band(contiguous, short);
        }
        contiguous
    }

    /// Repeats in all lanes what does not vary. Ints stay scalars.
    fn spread(&mut self, vectors: &mut Vectors<'_>) {
        let mask = mask_type(vectors.real);
        for (position, line) in vectors.strip.lines.iter().enumerate() {
            let Some(value) = vectors.once.values[position].filter(|_| !line.varies) else { continue };
            vectors.values[position] = match line.element {
                Element::Real => Some(self.builder.ins().splat(vectors.real, value)),
                Element::Bool => {
                    let all = self.builder.ins().bmask(mask.lane_type(), value);
                    Some(self.builder.ins().splat(mask, all))
                }
                Element::Int => None,
            };
        }
    }

    /// For every part in flight a vector for every reduction to one element.
    fn vector_sums(&mut self, effects: &[Prepared<'_>], real: Type, unroll: i64) -> Vec<Vec<Option<Variable>>> {
        let mut sums = Vec::new();
        for _ in 0..unroll {
            let mut part = Vec::new();
            for (effect, _, partial) in effects {
                let (Effect::Accumulate(op, ..), Some(_)) = (effect, partial) else {
                    part.push(None);
                    continue;
                };
                let variable = self.builder.declare_var(real);
                let start = neutral(&mut self.builder, *op, real);
                self.builder.def_var(variable, start);
                part.push(Some(variable));
            }
            sums.push(part);
        }
        sums
    }

    fn one_vector(
        &mut self,
        vectors: &mut Vectors<'_>,
        addresses: &[Option<Address>],
        effects: &[Prepared<'_>],
        sums: &[Option<Variable>],
        lane: Value,
    ) {
        for (position, line) in vectors.strip.lines.iter().enumerate().filter(|(_, line)| line.varies) {
            vectors.values[position] = self.vector(vectors, &line.instruction, addresses[position].as_ref(), lane);
        }
        for ((effect, address, _), sum) in effects.iter().zip(sums) {
            let (Effect::Store(_, value) | Effect::Set(_, value) | Effect::Accumulate(_, _, value)) = effect;
            let value = vectors.get(*value);
            match (effect, sum, address) {
                (Effect::Accumulate(op, ..), Some(sum), _) => {
                    let so_far = self.builder.use_var(*sum);
                    let whole = combine(&mut self.builder, *op, so_far, value);
                    self.builder.def_var(*sum, whole);
                }
                (Effect::Accumulate(op, ..), None, Some(address)) => {
                    let at = self.vector_address(address, lane);
                    let so_far = self.builder.ins().load(vectors.real, unaligned(), at, 0);
                    let whole = combine(&mut self.builder, *op, so_far, value);
                    self.builder.ins().store(unaligned(), whole, at, 0);
                }
                (Effect::Store(..), _, Some(address)) => {
                    let at = self.vector_address(address, lane);
                    self.builder.ins().store(unaligned(), value, at, 0);
                }
                _ => unreachable!("only simple strips have vectors"),
            }
        }
    }

    fn vector_address(&mut self, address: &Address, lane: Value) -> Value {
        let offset = self.builder.ins().imul_imm_s(lane, i64::from(address.ty.bytes()));
        self.builder.ins().iadd(address.base, offset)
    }

    /// One line; nothing for the position of the lane, which its comparison makes itself.
    fn vector(
        &mut self,
        vectors: &Vectors<'_>,
        instruction: &Instruction,
        address: Option<&Address>,
        lane: Value,
    ) -> Option<Value> {
        let builder = &mut self.builder;
        let value = match instruction {
            Instruction::Index(_) => return None,
            Instruction::Load(_) => {
                let at = self.vector_address(address?, lane);
                self.builder.ins().load(vectors.real, unaligned(), at, 0)
            }
            Instruction::Unary(op, a) => arithmetic::unary(builder, *op, vectors.get(*a))?,
            Instruction::Binary(op, a, b) => arithmetic::binary(builder, *op, vectors.get(*a), vectors.get(*b))?,
            Instruction::Compare(op, a, b) if vectors.strip.lines[a.0 as usize].element == Element::Int => {
                self.compare_position(vectors, *op, *a, *b, lane)
            }
            Instruction::Compare(op, a, b) => arithmetic::compare(builder, *op, vectors.get(*a), vectors.get(*b)),
            Instruction::Logic(op, a, b) => arithmetic::logic(builder, *op, vectors.get(*a), vectors.get(*b)),
            Instruction::Select(condition, yes, no) => {
                arithmetic::choose(builder, vectors.get(*condition), vectors.get(*yes), vectors.get(*no))
            }
            Instruction::MulAdd(signs, a, b, c) => {
                arithmetic::mul_add(builder, *signs, [*a, *b, *c].map(|operand| vectors.get(operand)))
            }
            Instruction::Cast(_, a) => arithmetic::cast(builder, Element::Real, vectors.real, vectors.get(*a)),
            Instruction::Constant(_)
            | Instruction::Parameter(_)
            | Instruction::Size(_)
            | Instruction::Register(_)
            | Instruction::Polygamma(..) => unreachable!("only simple strips have vectors"),
        };
        Some(value)
    }

    /// The position of the lane against an int that does not vary.
    fn compare_position(&mut self, vectors: &Vectors<'_>, op: Compare, a: Operand, b: Operand, lane: Value) -> Value {
        let axis: AxisId = match vectors.strip.vector {
            Some(axis) => axis,
            None => unreachable!("lanes have an axis"),
        };
        let start = self.position(axis);
        let first = self.builder.ins().iadd(start, lane);
        let mask = mask_type(vectors.real);
        let first = self.int_lanes(first, mask);
        let steps: Vec<u8> = if mask == types::I32X4 {
            (0..4_i32).flat_map(i32::to_le_bytes).collect()
        } else {
            (0..2_i64).flat_map(i64::to_le_bytes).collect()
        };
        let steps = self.builder.func.dfg.constants.insert(ConstantData::from(steps));
        let steps = self.builder.ins().vconst(mask, steps);
        let positions = self.builder.ins().iadd(first, steps);
        let index_first = matches!(vectors.strip.lines[a.0 as usize].instruction, Instruction::Index(_))
            && vectors.strip.lines[a.0 as usize].varies;
        let other = vectors.once.get(if index_first { b } else { a });
        let other = self.int_lanes(other, mask);
        let (a, b) = if index_first { (positions, other) } else { (other, positions) };
        arithmetic::compare(&mut self.builder, op, a, b)
    }

    /// An int in all lanes; clamped to their width, which no comparison with a position can see.
    fn int_lanes(&mut self, value: Value, mask: Type) -> Value {
        if mask != types::I32X4 {
            return self.builder.ins().splat(mask, value);
        }
        let lowest = self.builder.ins().iconst(types::I64, i64::from(i32::MIN));
        let highest = self.builder.ins().iconst(types::I64, i64::from(i32::MAX));
        let value = self.builder.ins().smax(value, lowest);
        let value = self.builder.ins().smin(value, highest);
        let value = self.builder.ins().ireduce(types::I32, value);
        self.builder.ins().splat(mask, value)
    }

    /// Combines the lanes of the vectors into the partial results of the block.
    fn fold_sums(&mut self, effects: &[Prepared<'_>], sums: &[Vec<Option<Variable>>], real: Type) {
        for (position, (effect, _, partial)) in effects.iter().enumerate() {
            let (Effect::Accumulate(op, ..), Some(partial)) = (effect, partial) else { continue };
            let mut whole = None;
            for part in sums {
                let Some(variable) = part[position] else { continue };
                let vector = self.builder.use_var(variable);
                whole = Some(whole.map_or(vector, |whole| combine(&mut self.builder, *op, whole, vector)));
            }
            let Some(whole) = whole else { continue };
            let mut result = self.builder.use_var(*partial);
            for lane in 0..real.lane_count() as u8 {
                let value = self.builder.ins().extractlane(whole, lane);
                let value = resize(&mut self.builder, value, types::F64);
                result = combine(&mut self.builder, *op, result, value);
            }
            self.builder.def_var(*partial, result);
        }
    }
}

impl Vectors<'_> {
    fn get(&self, operand: Operand) -> Value {
        self.values[operand.0 as usize].unwrap_or_else(|| unreachable!("only simple strips have vectors"))
    }
}

fn mask_type(real: Type) -> Type {
    if real == types::F32X4 { types::I32X4 } else { types::I64X2 }
}

fn unaligned() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

fn is_quick(op: Unary) -> bool {
    matches!(op, Unary::Neg | Unary::Abs | Unary::Sqrt | Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round)
}

/// Whether the machine has all vector instructions that a strip may need.
fn has_vectors() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("sse4.2");
    #[cfg(target_arch = "aarch64")]
    return cfg!(target_endian = "little");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}
