//! Accumulators in memory → code that sets them to the neutral elements of their reductions.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, types};

use super::arithmetic::neutral;
use super::translate::Translator;
use super::wide_strip::Purpose;
use crate::ir::Constant;
use crate::kernel::{Access, BLOCK, BufferId, Effect, Instruction, Line, Operand, Strip, TensorRef};
use crate::op::{Element, ReduceOp};

/// Bytes of a vector, and of what one turn of the loop writes.
const VECTOR: i64 = 16;
const TURN: i64 = 4 * VECTOR;

impl Translator<'_, '_> {
    /// Sets buffers to the neutral elements: as many lanes of a block as the running one has, or some more.
    pub(super) fn fill(&mut self, buffers: &[(BufferId, ReduceOp)]) {
        let is_of_lanes = |buffer: BufferId| self.length.is_some() && self.plan.buffer(buffer).is_one_block();
        let (lanes, others): (Vec<_>, Vec<_>) = buffers.iter().partition(|(buffer, _)| is_of_lanes(*buffer));
        if self.machine.is_some() && !lanes.is_empty() {
            let [slow, after] = [(); 2].map(|()| self.builder.create_block());
            self.strip_or(&self.neutrals(&lanes), Some((slow, Purpose::Neutrals)));
            self.builder.ins().jump(after, &[]);
            self.builder.switch_to_block(slow);
            self.builder.seal_block(slow);
            lanes.iter().for_each(|&(buffer, op)| self.fill_one(buffer, op));
            self.builder.ins().jump(after, &[]);
            self.builder.switch_to_block(after);
            self.builder.seal_block(after);
        } else {
            lanes.iter().for_each(|&(buffer, op)| self.fill_one(buffer, op));
        }
        others.iter().for_each(|&(buffer, op)| self.fill_one(buffer, op));
    }

    /// Writes the neutral elements to blocks.
    fn neutrals(&self, blocks: &[(BufferId, ReduceOp)]) -> Strip {
        let mut strip = Strip { vector: self.vector, ..Strip::default() };
        for &(buffer, op) in blocks {
            let element = self.plan.buffer(buffer).element;
            let (real, int) = op.neutral();
            let constant = if element == Element::Int { Constant::Int(int) } else { Constant::Real(real) };
            let line = Operand(strip.lines.len() as u32);
            strip.lines.push(Line { instruction: Instruction::Constant(constant), element, varies: false });
            strip.effects.push(Effect::Store(Access::of_lane(buffer), line));
        }
        strip
    }

    fn fill_one(&mut self, buffer: BufferId, op: ReduceOp) {
        let tensor = TensorRef::Buffer(buffer);
        let data = self.plan.buffer(buffer);
        let ty = self.memory_type(tensor);
        let bytes = i64::from(ty.bytes());
        let is_one_block = data.is_one_block();
        let lanes = match self.length {
            Some(length) if is_one_block => length,
            _ if data.block => self.builder.ins().iconst(types::I64, BLOCK as i64),
            _ => self.builder.ins().iconst(types::I64, 1),
        };
        let mut size = self.builder.ins().imul_imm_s(lanes, bytes);
        for &axis in &data.axes {
            let extent = self.extent(axis);
            size = self.builder.ins().imul(size, extent);
        }
        if is_one_block {
            // A block has room for whole turns.
            size = self.builder.ins().iadd_imm_s(size, TURN - 1);
        }
        let whole = self.builder.ins().band_imm_s(size, -TURN);
        let value = neutral(&mut self.builder, op, ty);
        let vector = self.builder.ins().splat(ty.by((VECTOR / bytes) as u32).unwrap_or(ty), value);
        let base = self.base(tensor);
        let flags = MemFlagsData::new().with_notrap();
        let zero = self.builder.ins().iconst(types::I64, 0);
        self.counted(zero, whole, TURN, |this, offset| {
            let address = this.builder.ins().iadd(base, offset);
            for part in 0..TURN / VECTOR {
                this.builder.ins().store(flags, vector, address, (part * VECTOR) as i32);
            }
        });
        if data.block {
            return;
        }
        self.counted(whole, size, bytes, |this, offset| {
            let address = this.builder.ins().iadd(base, offset);
            this.builder.ins().store(flags, value, address, 0);
        });
    }
}
