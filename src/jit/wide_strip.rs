//! A strip of a block → a call of its function of vectors: the argument cells, and what comes back.
//!
//! Each strip has two functions. The fast one relies on lanes that follow each other in memory where the order of the
//! axes says so, and on reciprocals that are normal numbers; code that does not find that calls the careful one.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{
    AbiParam, Block, FuncRef, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, Type, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_module::Module;

use super::arithmetic::{combine, real_constant, resize};
use super::caches::{PastCaches, asks_for_lanes, shortest_run};
use super::strip::{Address, Lines, Prepared};
use super::together::Turn;
use super::translate::Translator;
use super::turns;
use super::wide::{self, Access, Ahead, Facts, Lane, Uniform, Wide};
use crate::ir::{AxisId, Extent};
use crate::kernel::{self, Coordinate, Effect, Instruction, Operand, Strip, Target, TensorRef};

/// What a function of vectors is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A strip, of lanes that follow each other.
    Lanes,
    /// A strip, with any strides and divisors.
    AnyStrides,
    /// Several turns of the loop around a strip.
    Turns,
    /// Setting accumulators to neutral elements.
    Neutrals,
}

impl Purpose {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Lanes => "in order",
            Purpose::AnyStrides => "any strides",
            Purpose::Turns => "several turns",
            Purpose::Neutrals => "neutral elements",
        }
    }
}

/// A function of vectors that was made.
pub(super) struct VectorCode {
    pub purpose: Purpose,
    pub code: Vec<u8>,
}

/// What the argument cells of a strip are filled from.
pub(super) struct Sources<'a> {
    pub strip: &'a Strip,
    /// What does not vary, in double precision.
    pub once: &'a Lines,
    pub addresses: &'a [Option<Address>],
    pub effects: &'a [Prepared<'a>],
    pub length: Value,
}

impl Sources<'_> {
    fn address(&self, access: Access) -> Option<&Address> {
        match access {
            Access::Line(line) => self.addresses[line].as_ref(),
            Access::Effect(effect) => self.effects[effect].1.as_ref(),
        }
    }
}

/// A function with its arguments.
struct Callee {
    wide: Wide,
    function: FuncRef,
}

impl Translator<'_, '_> {
    /// Runs a strip over the lanes of the block; whether it could.
    pub(super) fn wide(&mut self, sources: &Sources<'_>) -> bool {
        let Some(fast) = self.callee(sources, Purpose::Lanes) else { return false };
        let Some(careful) = self.callee(sources, Purpose::AnyStrides) else { return false };
        let good = self.is_good(sources, &fast.wide);
        let [quick, slow, after] = [(); 3].map(|()| self.builder.create_block());
        self.builder.ins().brif(good, quick, &[], slow, &[]);
        for (block, callee) in [(quick, fast), (slow, careful)] {
            self.builder.switch_to_block(block);
            self.builder.seal_block(block);
            self.call_wide(sources, &callee);
            self.builder.ins().jump(after, &[]);
        }
        self.builder.switch_to_block(after);
        self.builder.seal_block(after);
        true
    }

    /// Runs a strip over the lanes of the block with the fast function, or goes on at `otherwise`.
    pub(super) fn wide_or(&mut self, sources: &Sources<'_>, (otherwise, purpose): (Block, Purpose)) {
        let quick = self.builder.create_block();
        let fast = self.callee(sources, purpose);
        match &fast {
            Some(fast) => {
                let good = self.is_good(sources, &fast.wide);
                self.builder.ins().brif(good, quick, &[], otherwise, &[]);
            }
            None => {
                self.builder.ins().jump(otherwise, &[]);
            }
        }
        self.builder.switch_to_block(quick);
        self.builder.seal_block(quick);
        if let Some(fast) = fast {
            self.call_wide(sources, &fast);
        }
    }

    fn callee(&mut self, sources: &Sources<'_>, purpose: Purpose) -> Option<Callee> {
        let facts = |access: Access| self.facts(sources, access);
        let how = (self.precision == types::F64, purpose == Purpose::AnyStrides);
        let mut wide = wide::compile(sources.strip, self.machine?, how, &self.compared, &facts)?;
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params.extend([AbiParam::new(types::I64); 2]);
        let id = match self.module.declare_anonymous_function(&signature) {
            Ok(id) => id,
            Err(error) => {
                self.error = Some(error);
                return None;
            }
        };
        if let Err(error) = self.module.define_function_bytes(id, 64, &wide.code, &[]) {
            self.error = Some(error);
            return None;
        }
        self.vectors.push(VectorCode { purpose, code: std::mem::take(&mut wide.code) });
        let function = self.module.declare_func_in_func(id, self.builder.func);
        Some(Callee { wide, function })
    }

    /// What is known of an access; nothing if it does not vary, or in a way that vectors do not follow.
    fn facts(&self, sources: &Sources<'_>, access: Access) -> Option<Facts> {
        let address = sources.address(access)?;
        let positions: Vec<Operand> = address.varying.iter().map(|&(line, ..)| line).collect();
        if address.step.is_none() && positions.is_empty() {
            return None;
        }
        let lane = match address.ty {
            types::F32 => Lane::F32,
            types::F64 => Lane::F64,
            types::I64 => Lane::I64,
            _ => return None,
        };
        let guarded = address.inside.is_some();
        let written = matches!(access, Access::Effect(_));
        if guarded && written {
            return None;
        }
        let at = kernel_access(sources.strip, access)?;
        let block = matches!(at.tensor, TensorRef::Buffer(buffer) if self.plan.buffer(buffer).block);
        let vector = sources.strip.vector?;
        let places = &at.coordinates[..];
        let innermost = if self.turned.contains(&at.tensor) { places.iter().nth_back(1) } else { places.last() };
        let last = innermost == Some(&Coordinate::Axis(vector));
        let once = at.coordinates.iter().filter(|&&own| own == Coordinate::Axis(vector)).count() == 1;
        let steps = address.step.is_some();
        let read_back = |output| self.plan.reads_back(&self.plan.statements, output);
        let is_result = written && matches!(at.tensor, TensorRef::Output(output) if !read_back(output));
        let is_local = matches!(at.tensor, TensorRef::Buffer(buffer) if self.plan.buffer(buffer).local);
        let is_replaced = written && self.replacement(sources.strip, at).is_some();
        let ahead = match (is_replaced, block || is_local) {
            (true, _) => Ahead::Replacement,
            (false, true) => Ahead::Nothing,
            (false, false) => self.ahead(at, sources.strip),
        };
        let of_four = if once { self.of_four(at, vector) } else { None };
        Some(Facts { lane, contiguous: block || (last && once), guarded, steps, is_result, ahead, of_four, positions })
    }

    /// What strips that read the same of a block have in the caches the last one asks for, of the next block: the time
    /// until then is that of all of them. Of what several steps of a turn read, the one that computes most asks for that
    /// of a later turn.
    fn ahead(&self, access: &kernel::Access, strip: &Strip) -> Ahead {
        match self.reads.get(&turns::first(access)) {
            None if self.turn.as_ref().is_some_and(|turn| turn.asks(access, strip)) => Ahead::NextRow,
            None if asks_for_lanes() => Ahead::Next,
            None => Ahead::Nothing,
            Some(0 | 1) => Ahead::NextBlock,
            Some(_) => Ahead::Nothing,
        }
    }

    /// If the lanes step over rows of four: the access of the first place of a row, and which place it is.
    fn of_four(&self, at: &kernel::Access, vector: AxisId) -> Option<(kernel::Access, usize)> {
        let (&last, rest) = at.coordinates.split_last()?;
        let Coordinate::Fixed(place @ 0..4) = last else { return None };
        let axis = *self.plan.axes_of(at.tensor).last()?;
        let is_row = matches!(self.plan.axes[axis.0 as usize].extent, Extent::Fixed(4));
        let mut first = at.clone();
        *first.coordinates.last_mut()? = Coordinate::Fixed(0);
        (is_row && rest.last() == Some(&Coordinate::Axis(vector))).then_some((first, place as usize))
    }

    /// Whether the fast function may be called.
    fn is_good(&mut self, sources: &Sources<'_>, wide: &Wide) -> Value {
        let mut good = self.builder.ins().iconst(types::I8, 1);
        for stream in wide.streams.iter().filter(|stream| stream.contiguous) {
            let Some(address) = sources.address(stream.of) else { continue };
            let (Some(step), bytes) = (address.step, i64::from(address.ty.bytes())) else { continue };
            if !address.varying.is_empty() {
                continue;
            }
            let second = stream.of_four.and_then(|second| sources.address(second));
            let distance = if second.is_some() { 4 * bytes } else { bytes };
            let follows = self.builder.ins().icmp_imm_s(IntCC::Equal, step, distance);
            good = self.builder.ins().band(good, follows);
            if let Some(second) = second {
                let place = self.builder.ins().isub(second.base, address.base);
                let follows = self.builder.ins().icmp_imm_s(IntCC::Equal, place, bytes);
                good = self.builder.ins().band(good, follows);
            }
        }
        for uniform in &wide.uniforms {
            if let Uniform::Reciprocal(line) = uniform {
                let inverse = self.reciprocal(sources, *line);
                let normal = self.is_normal(inverse);
                good = self.builder.ins().band(good, normal);
            }
        }
        good
    }

    fn reciprocal(&mut self, sources: &Sources<'_>, line: usize) -> Value {
        let value = once(sources, line);
        let ty = self.builder.func.dfg.value_type(value);
        let one = real_constant(&mut self.builder, ty, 1.0);
        self.builder.ins().fdiv(one, value)
    }

    /// Whether a number is far from what the precision of the loss cannot hold.
    fn is_normal(&mut self, value: Value) -> Value {
        let (lowest, highest) = if self.precision == types::F64 { (1e-300, 1e300) } else { (1e-37, 1e37) };
        let size = self.builder.ins().fabs(value);
        let ty = self.builder.func.dfg.value_type(value);
        let lowest = real_constant(&mut self.builder, ty, lowest);
        let highest = real_constant(&mut self.builder, ty, highest);
        let above = self.builder.ins().fcmp(FloatCC::GreaterThan, size, lowest);
        let below = self.builder.ins().fcmp(FloatCC::LessThan, size, highest);
        self.builder.ins().band(above, below)
    }

    fn call_wide(&mut self, sources: &Sources<'_>, callee: &Callee) {
        let wide = &callee.wide;
        let bytes = wide.cells.count * 8;
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes.max(8), 3);
        let slot = self.builder.create_sized_stack_slot(slot);
        let cells = self.builder.ins().stack_addr(types::I64, slot, 0);
        let store = |this: &mut Self, cell: u32, value: Value| {
            this.builder.ins().store(MemFlagsData::trusted(), value, cells, cell as i32 * 8);
        };
        for (position, stream) in wide.streams.iter().enumerate() {
            let Some(address) = sources.address(stream.of) else { continue };
            let cell = wide.cells.streams + 2 * position as u32;
            store(self, cell, address.base);
            let second = match (stream.contiguous, address.step) {
                (false, step) => step,
                (true, _) if stream.ahead == Ahead::NextRow => kernel_access(sources.strip, stream.of)
                    .and_then(|access| self.later_row(access, address.base, address.ty.bytes())),
                (true, _) if stream.ahead == Ahead::Replacement => self.replaced(sources, stream.of, address),
                (true, _) => None,
            };
            if let Some(second) = second {
                store(self, cell + 1, second);
            }
        }
        for (position, uniform) in wide.uniforms.iter().enumerate() {
            let value = self.uniform(sources, *uniform);
            store(self, wide.cells.uniforms + position as u32, value);
        }
        if let Some(cell) = wide.cells.past_caches {
            let results = wide.streams.iter().filter(|stream| stream.is_result).count();
            let wanted = self.is_past_caches(sources, results);
            let wanted = self.builder.ins().uextend(types::I64, wanted);
            store(self, cell, wanted);
        }
        self.builder.ins().call(callee.function, &[cells, sources.length]);
        for (position, (effect, _, partial)) in sources.effects.iter().enumerate() {
            let (Some(partial), Effect::Accumulate(op, ..)) = (partial, effect) else { continue };
            let so_far = self.builder.use_var(*partial);
            let ty = self.builder.func.dfg.value_type(so_far);
            let cell = (wide.cells.results + position as u32) as i32 * 8;
            let value = self.builder.ins().load(ty, MemFlagsData::trusted(), cells, cell);
            let whole = combine(&mut self.builder, *op, so_far, value);
            self.builder.def_var(*partial, whole);
        }
    }

    /// The result that takes the place of what a strip of the turn stores, lane by lane.
    fn replacement(&self, strip: &Strip, stored: &kernel::Access) -> Option<&kernel::Access> {
        let result = self.turn.as_ref()?.replacement(stored)?;
        let is_open = |at: &Coordinate| matches!(at, Coordinate::Axis(axis) if self.indices.contains_key(axis));
        let is_of_lanes = result.coordinates.last().copied() == strip.vector.map(Coordinate::Axis);
        (is_of_lanes && result.coordinates.iter().all(is_open)).then_some(result)
    }

    /// Where the result begins that takes the place of what is stored, if it goes to the caches; else what is stored
    /// itself, which is there.
    fn replaced(&mut self, sources: &Sources<'_>, of: Access, stored: &Address) -> Option<Value> {
        let access = self.replacement(sources.strip, kernel_access(sources.strip, of)?)?.clone();
        let result = self.address(sources.strip, &access, sources.once);
        if result.ty != stored.ty {
            return Some(stored.base);
        }
        let past_caches = self.is_past_caches(sources, 1);
        Some(self.builder.ins().select(past_caches, stored.base, result.base))
    }

    /// Whether so many results of a strip are written past the caches: those of turns that compute a function only where
    /// all are, and those of short rows not everywhere.
    fn is_past_caches(&mut self, sources: &Sources<'_>, results: usize) -> Value {
        let is_computing = self.turn.as_ref().is_some_and(Turn::is_computing);
        let most = if is_computing { PastCaches::All } else { PastCaches::Waiting };
        let wanted = self.cell(self.layout.past_caches(), types::I64);
        let wanted = self.builder.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, wanted, most as i64);
        let shortest = shortest_run(results, is_computing) / self.precision.bytes() as usize;
        let Some(axis) = sources.strip.vector.filter(|_| shortest > 0) else { return wanted };
        let extent = self.extent(axis);
        let is_long = self.builder.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, extent, shortest as i64);
        self.builder.ins().band(wanted, is_long)
    }

    /// What an argument cell is filled with.
    fn uniform(&mut self, sources: &Sources<'_>, uniform: Uniform) -> Value {
        let line = |line: usize| once(sources, line);
        match uniform {
            Uniform::Line(position) => {
                let value = line(position);
                match self.builder.func.dfg.value_type(value) {
                    types::I8 => self.all_lanes(value),
                    ty if ty.is_float() => resize(&mut self.builder, value, self.precision),
                    _ => value,
                }
            }
            Uniform::Reciprocal(position) => {
                let inverse = self.reciprocal(sources, position);
                resize(&mut self.builder, inverse, self.precision)
            }
            Uniform::Lane(position) => {
                let start = self.block_start(sources);
                let lane = self.builder.ins().isub(line(position), start);
                let inside = self.builder.ins().icmp(IntCC::UnsignedLessThan, lane, sources.length);
                let none = self.builder.ins().iconst(types::I64, -1);
                self.builder.ins().select(inside, lane, none)
            }
            Uniform::Start => self.block_start(sources),
            Uniform::Step(position) => {
                let step = sources.addresses[position].as_ref().and_then(|address| address.step);
                step.unwrap_or_else(|| unreachable!("it has a step"))
            }
            Uniform::Stride(position, place) => varying(sources, position, place).1,
            Uniform::Extent(position, place) => varying(sources, position, place).0,
            Uniform::Guard(position) => {
                let inside = sources.addresses[position].as_ref().and_then(|address| address.inside);
                let inside = inside.unwrap_or_else(|| unreachable!("what is guarded has a condition"));
                self.all_lanes(inside)
            }
        }
    }

    /// A bool as a mask.
    fn all_lanes(&mut self, value: Value) -> Value {
        let wide: Type = types::I64;
        let one = self.builder.ins().uextend(wide, value);
        self.builder.ins().ineg(one)
    }

    /// The position where the block begins.
    fn block_start(&self, sources: &Sources<'_>) -> Value {
        match sources.strip.vector {
            Some(axis) => self.position(axis),
            None => unreachable!("lanes have an axis"),
        }
    }
}

/// The value of a line that does not vary.
fn once(sources: &Sources<'_>, line: usize) -> Value {
    sources.once.values[line].unwrap_or_else(|| unreachable!("it does not vary"))
}

/// Extent and stride of a position that is computed for each lane.
fn varying(sources: &Sources<'_>, line: usize, place: usize) -> (Value, Value) {
    let varying = sources.addresses[line].as_ref().and_then(|address| address.varying.get(place));
    varying.map_or_else(|| unreachable!("it has such a position"), |&(_, extent, stride)| (extent, stride))
}

fn kernel_access(strip: &Strip, access: Access) -> Option<&kernel::Access> {
    match access {
        Access::Line(line) => match &strip.lines[line].instruction {
            Instruction::Load(access) => Some(access),
            _ => None,
        },
        Access::Effect(effect) => match &strip.effects[effect] {
            Effect::Store(access, _) | Effect::Accumulate(_, Target::Memory(access), _) => Some(access),
            Effect::Set(..) | Effect::Accumulate(..) => None,
        },
    }
}
