//! An accumulator in memory → code that sets it to the neutral element of its reduction.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, types};

use super::arithmetic::neutral;
use super::translate::Translator;
use crate::kernel::{BLOCK, BufferId, TensorRef};
use crate::op::ReduceOp;

/// Bytes of a vector, and of what one turn of the loop writes.
const VECTOR: i64 = 16;
const TURN: i64 = 4 * VECTOR;

impl Translator<'_, '_> {
    /// Sets a buffer to the neutral element: as many lanes of a block as the running one has, or one more turn's.
    pub(super) fn fill(&mut self, buffer: BufferId, op: ReduceOp) {
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
