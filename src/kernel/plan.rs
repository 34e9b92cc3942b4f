//! The data.

use super::instruction::Instruction;
use super::together::Together;
use crate::ir::{AxisData, AxisId};
use crate::op::{Binary, Element, ReduceOp, Unary};

/// Lanes of a block: small enough that a dozen blocks stay in the first-level cache.
pub const BLOCK: usize = 512;

/// Lanes of a block in a loop in which nothing lies in blocks: so many that what is done for each costs little, and so
/// few that a sum over them in the precision of the loss loses nothing that matters.
pub const RUN: usize = 4096;

/// Turns of a loop whose sums over lanes are made in the precision of the loss: so few that it loses nothing that
/// matters, and so many that adding the sums of groups in double precision costs little.
pub const GROUP: usize = 16;

/// A buffer of a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub u32);

/// A scalar of a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegisterId(pub u32);

/// A line of a [`Strip`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operand(pub u32);

/// What a buffer is for, which decides the element type in memory and who owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BufferKind {
    /// Values kept for a later loop; reals in the precision of the loss.
    Kept,
    /// The results of a reduction; reals in double precision.
    Accumulator,
    /// One block between two steps; reals in the precision of the loss.
    Scratch,
}

/// Temporary memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Buffer {
    /// What it holds.
    pub element: Element,
    /// What for.
    pub kind: BufferKind,
    /// Its axes in memory order, each of full extent.
    pub axes: Vec<AxisId>,
    /// Whether a last axis of [`BLOCK`] lanes of the vector axis follows.
    pub block: bool,
    /// Whether it is made inside of a loop: every range of a stage then has one of its own.
    pub local: bool,
}

impl Buffer {
    /// Whether it is the lanes of one block and nothing more.
    pub fn is_one_block(&self) -> bool {
        self.block && self.axes.is_empty()
    }
}

/// A scalar that outlives its strip.
#[derive(Clone, Debug, PartialEq)]
pub struct Register {
    /// What it holds; a real is a double.
    pub element: Element,
    /// Whether it is set inside of a loop: it then does not outlive the stage.
    pub local: bool,
}

/// Memory that a strip reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TensorRef {
    /// By `InputId`.
    Input(u32),
    /// By position among the outputs.
    Output(u32),
    /// Temporary memory.
    Buffer(BufferId),
}

/// The position along one axis of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coordinate {
    /// That of an open loop.
    Axis(AxisId),
    /// So many positions further on.
    Ahead(AxisId, u64),
    /// Always the same, and known to be inside.
    Fixed(u64),
    /// That of an int; outside of [0, extent of the axis) nothing is read and the load is 0.
    Computed(Operand, AxisId),
}

/// An element of a tensor. For a block buffer the lane of the vector axis is added.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Access {
    /// Of what.
    pub tensor: TensorRef,
    /// Where, an entry an axis.
    pub coordinates: Vec<Coordinate>,
}

impl Access {
    /// The lane of a buffer that is one block.
    pub fn of_lane(buffer: BufferId) -> Access {
        Access { tensor: TensorRef::Buffer(buffer), coordinates: Vec::new() }
    }
}

/// An instruction with its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What is computed.
    pub instruction: Instruction,
    /// The element type of the result.
    pub element: Element,
    /// Whether it varies along the vector axis.
    pub varies: bool,
}

/// Where a value is found after it was computed.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// In a scalar.
    Register(RegisterId),
    /// In a buffer, at the positions of the open loops.
    Buffer(BufferId),
}

/// What a reduction is added to.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A scalar.
    Register(RegisterId),
    /// An element of a buffer.
    Memory(Access),
}

/// What a strip leaves behind.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Writes a value to memory.
    Store(Access, Operand),
    /// Sets a scalar.
    Set(RegisterId, Operand),
    /// Combines a value with what is in the target.
    Accumulate(ReduceOp, Target, Operand),
}

/// Straight-line code, run once, or for every lane of the block of the vector axis.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Strip {
    /// The axis whose lanes it runs over.
    pub vector: Option<AxisId>,
    /// In order; an operand is an earlier line.
    pub lines: Vec<Line>,
    /// After all lines of a lane.
    pub effects: Vec<Effect>,
}

/// A function that is evaluated for a whole block by precompiled code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    /// Of one operand.
    Unary(Unary),
    /// Of two operands, the second of `powi` being ints.
    Binary(Binary),
    /// A derivative of digamma.
    Polygamma(u32),
    /// The functions of [`LOGISTIC`](crate::op::LOGISTIC), as many as are wanted, from one exponential.
    Logistic,
}

impl Function {
    /// Its name, of a derivative of digamma whatever its order.
    pub fn name(self) -> &'static str {
        match self {
            Function::Unary(op) => op.name(),
            Function::Binary(op) => op.name(),
            Function::Polygamma(_) => "polygamma",
            Function::Logistic => "logistic",
        }
    }
}

/// A call of a block function.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Which.
    pub function: Function,
    /// Block buffers without further axes.
    pub arguments: Vec<BufferId>,
    /// Block buffers without further axes, and no arguments: one, but for a function with several results, which says
    /// their order; there is none for what is not wanted.
    pub results: Vec<Option<BufferId>>,
}

/// What is computed from whole tensors by precompiled code.
#[derive(Clone, Debug, PartialEq)]
pub enum WholeOp {
    /// The sum over these axes of the product of two operands of reals.
    Contract {
        /// Over which axes.
        over: Vec<AxisId>,
        /// Whether a product with a factor 0 is 0, whatever the other is.
        masked: bool,
    },
    /// The indices that put a tensor of reals in ascending order along an axis.
    Order(AxisId),
    /// The indices along one axis of the largest elements over some, on a new axis.
    TopIndex {
        /// Over which axes.
        over: Vec<AxisId>,
        /// The new axis.
        to: AxisId,
        /// The axis that the result indexes.
        along: AxisId,
    },
    /// Running sums along an axis.
    CumSum {
        /// Along which.
        axis: AxisId,
        /// Whether they begin at the end.
        reverse: bool,
    },
    /// `(values, index)`: the sum over some axes of the values, each added where its index says.
    Scatter {
        /// The axis of the result that is indexed.
        axis: AxisId,
        /// Over which axes.
        over: Vec<AxisId>,
    },
}

/// A tensor as a whole operation sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct WholeOperand {
    /// Which tensor.
    pub tensor: TensorRef,
    /// What the operation calls its axes, in memory order.
    pub axes: Vec<AxisId>,
    /// What it holds.
    pub element: Element,
}

/// An operation on whole tensors. Stands at the top of a plan only.
#[derive(Clone, Debug, PartialEq)]
pub struct WholeCall {
    /// Which.
    pub op: WholeOp,
    /// From what: inputs, or buffers that an earlier statement has filled.
    pub operands: Vec<WholeOperand>,
    /// A kept buffer, which it fills.
    pub result: BufferId,
}

/// A variable of a [`Repeat`]: two buffers of one kind and shape.
#[derive(Clone, Debug, PartialEq)]
pub struct LoopVariable {
    /// What a turn reads.
    pub current: BufferId,
    /// What it writes. Before every turn the two change places: so it is filled with the start, and holds the last value.
    pub next: BufferId,
    /// Buffers with a further first axis that get a copy of what each turn reads.
    pub traces: Vec<BufferId>,
}

/// Statements that run a fixed number of times. Stands at the top of a plan, or of another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeat {
    /// How many times.
    pub turns: u64,
    /// What goes from turn to turn.
    pub variables: Vec<LoopVariable>,
    /// What a turn does.
    pub body: Vec<Statement>,
}

/// A reduction's result, set to the neutral element before a loop and combined in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Accumulator {
    /// How.
    pub op: ReduceOp,
    /// Of which element type.
    pub element: Element,
    /// Where.
    pub place: Place,
    /// Where [`GROUP`] turns at a time are summed in the precision of the loss, before their sum is added to the place.
    pub group: Option<BufferId>,
}

/// A loop over all positions of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    /// Which axis.
    pub axis: AxisId,
    /// Whether a block of positions at a time.
    pub blocked: bool,
    /// What it reduces.
    pub accumulators: Vec<Accumulator>,
    /// What it does.
    pub body: Vec<Statement>,
    /// If each step of the body is done for a few turns before the next step: what these have each for themselves.
    pub together: Option<Together>,
}

/// A step of the program.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// Straight-line code.
    Strip(Strip),
    /// A block function.
    Call(Call),
    /// A loop.
    Loop(Loop),
    /// An operation on whole tensors.
    Whole(WholeCall),
    /// A loop whose turns follow on each other.
    Repeat(Repeat),
}

/// A tensor or scalar that the caller gets. A scalar is a double.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Its axes in memory order.
    pub axes: Vec<AxisId>,
    /// What it is, for people.
    pub name: String,
}

/// An input as the kernel sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Real or int.
    pub element: Element,
    /// Its axes in memory order.
    pub axes: Vec<AxisId>,
}

/// A whole program. A loop at the top is a stage that may be cut into ranges.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// By `AxisId`, as in the graph.
    pub axes: Vec<AxisData>,
    /// Those that are known to be short, in order.
    pub short: Vec<AxisId>,
    /// By `InputId`.
    pub inputs: Vec<Input>,
    /// Names by `ParameterId`.
    pub parameters: Vec<String>,
    /// As in the program.
    pub outputs: Vec<Output>,
    /// By `BufferId`.
    pub buffers: Vec<Buffer>,
    /// By `RegisterId`.
    pub registers: Vec<Register>,
    /// What is done, in order.
    pub statements: Vec<Statement>,
}

impl Plan {
    /// The buffer of an id.
    pub fn buffer(&self, id: BufferId) -> &Buffer {
        &self.buffers[id.0 as usize]
    }

    /// The register of an id.
    pub fn register(&self, id: RegisterId) -> &Register {
        &self.registers[id.0 as usize]
    }

    /// Whether some statements read or write buffers of blocks.
    pub fn has_blocks(&self, statements: &[Statement]) -> bool {
        let is_block = |access: &Access| matches!(access.tensor, TensorRef::Buffer(id) if self.buffer(id).block);
        let in_strip = |strip: &Strip| {
            let loads =
                strip.lines.iter().any(|line| matches!(&line.instruction, Instruction::Load(at) if is_block(at)));
            let effect = |effect: &Effect| match effect {
                Effect::Store(at, _) | Effect::Accumulate(_, Target::Memory(at), _) => is_block(at),
                Effect::Set(..) | Effect::Accumulate(..) => false,
            };
            loads || strip.effects.iter().any(effect)
        };
        let of_accumulator = |accumulator: &Accumulator| match accumulator.place {
            Place::Buffer(id) => self.buffer(id).block,
            Place::Register(_) => false,
        };
        statements.iter().any(|statement| match statement {
            Statement::Strip(strip) => in_strip(strip),
            Statement::Call(_) => true,
            Statement::Loop(inner) => inner.accumulators.iter().any(of_accumulator) || self.has_blocks(&inner.body),
            Statement::Whole(_) => false,
            Statement::Repeat(repeat) => self.has_blocks(&repeat.body),
        })
    }

    /// Whether some statements read what they have written to an output.
    pub fn reads_back(&self, statements: &[Statement], output: u32) -> bool {
        let is_it =
            |line: &Line| matches!(&line.instruction, Instruction::Load(at) if at.tensor == TensorRef::Output(output));
        statements.iter().any(|statement| match statement {
            Statement::Strip(strip) => strip.lines.iter().any(is_it),
            Statement::Loop(inner) => self.reads_back(&inner.body, output),
            Statement::Repeat(repeat) => self.reads_back(&repeat.body, output),
            Statement::Call(_) | Statement::Whole(_) => false,
        })
    }

    /// The axes of a tensor, without the lanes of a block.
    pub fn axes_of(&self, tensor: TensorRef) -> &[AxisId] {
        match tensor {
            TensorRef::Input(input) => &self.inputs[input as usize].axes,
            TensorRef::Output(output) => &self.outputs[output as usize].axes,
            TensorRef::Buffer(buffer) => &self.buffer(buffer).axes,
        }
    }
}
