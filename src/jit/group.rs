//! A loop whose turns sum over lanes → the loop in groups of turns.
//!
//! A group is summed in the precision of the loss, and what it gives is added to the accumulator's doubles.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::translate::Translator;
use crate::kernel::{Access, BufferId, Effect, GROUP, Instruction, Line, Loop, Operand, Place, Strip, Target};
use crate::op::{Element, ReduceOp};

impl Translator<'_, '_> {
    /// Runs a loop from `begin` to `end`; its accumulators are neutral at first.
    pub(super) fn in_groups(&mut self, inner: &Loop, begin: Value, end: Value) {
        let add = self.add_groups(inner);
        let groups: Vec<(BufferId, ReduceOp)> =
            inner.accumulators.iter().filter_map(|accumulator| Some((accumulator.group?, ReduceOp::Sum))).collect();
        self.counted(begin, end, GROUP as i64, |this, start| {
            this.fill(&groups);
            let size = this.builder.ins().iconst(types::I64, GROUP as i64);
            let stop = this.builder.ins().iadd(start, size);
            let short = this.builder.ins().icmp(IntCC::SignedLessThan, end, stop);
            let stop = this.builder.ins().select(short, end, stop);
            this.run_loop(inner, start, stop);
            this.strip(&add);
        });
    }

    /// Adds the sums of a group to the accumulators.
    fn add_groups(&self, inner: &Loop) -> Strip {
        let mut strip = Strip { vector: self.vector, ..Strip::default() };
        for accumulator in &inner.accumulators {
            let (Some(group), Place::Buffer(place)) = (accumulator.group, &accumulator.place) else { continue };
            let line = Operand(strip.lines.len() as u32);
            strip.lines.push(Line {
                instruction: Instruction::Load(Access::of_lane(group)),
                element: Element::Real,
                varies: true,
            });
            strip.effects.push(Effect::Accumulate(ReduceOp::Sum, Target::Memory(Access::of_lane(*place)), line));
        }
        strip
    }
}
