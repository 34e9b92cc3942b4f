//! The loop-level form of a program: stages, loops over named axes, strips of straight-line code.
//!
//! Data with its text form and its verifier only; `fuse` makes it, `jit` translates it.
//!
//! A [`Plan`] runs its stages one after the other. A stage is a loop over one axis, which a runtime may
//! cut into ranges (every range has its own accumulators, which are combined in order), or straight-line
//! code. A loop is scalar (one position at a time) or blocked (up to [`BLOCK`] positions at a time; the
//! axis is then the vector axis of everything inside, and each value that varies along it is a strip of
//! lanes). The turns of a scalar loop may go through its steps a few at a time ([`Together`]). Inside of a
//! blocked loop reals have the precision of the loss, elsewhere they are doubles.

mod instruction;
mod plan;
mod print;
mod short;
mod summary;
mod together;
mod verify;

pub use instruction::Instruction;
pub use plan::{
    Access, Accumulator, BLOCK, Buffer, BufferId, BufferKind, Call, Coordinate, Effect, Function, GROUP, Input, Line,
    Loop, LoopVariable, Operand, Output, Place, Plan, RUN, Register, RegisterId, Repeat, Statement, Strip, Target,
    TensorRef, WholeCall, WholeOp, WholeOperand,
};
pub use short::with_short_rows;
pub use together::{TOGETHER, Together, for_each_loop, for_each_loop_mut, steps, together};
pub use verify::{PlanError, verify};
