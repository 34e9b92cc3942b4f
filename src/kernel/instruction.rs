//! What a line of a strip computes, and from which others.

use smallvec::{SmallVec, smallvec};

use super::plan::{Access, Operand, RegisterId};
use crate::ir::{AxisId, Constant};
use crate::op::{Binary, Compare, Element, Logic, Unary};

/// One operation of a strip.
#[derive(Clone, Debug, PartialEq)]
pub enum Instruction {
    /// A literal.
    Constant(Constant),
    /// A hyperparameter.
    Parameter(u32),
    /// The extent of an axis.
    Size(AxisId),
    /// The position of an open loop.
    Index(AxisId),
    /// A scalar that was set before.
    Register(RegisterId),
    /// An element in memory.
    Load(Access),
    /// Elementwise.
    Unary(Unary, Operand),
    /// Elementwise.
    Binary(Binary, Operand, Operand),
    /// Elementwise.
    Compare(Compare, Operand, Operand),
    /// Elementwise; `not` has its operand twice.
    Logic(Logic, Operand, Operand),
    /// A derivative of digamma.
    Polygamma(u32, Operand),
    /// Elementwise.
    Select(Operand, Operand, Operand),
    /// Elementwise: `a·b + c`, rounded once, with the signs of product and addend: whether each is negated.
    MulAdd((bool, bool), Operand, Operand, Operand),
    /// To another element type.
    Cast(Element, Operand),
}

impl Instruction {
    /// What it is computed from, but for the positions of a load.
    pub fn operands(&self) -> SmallVec<[Operand; 3]> {
        match self {
            Instruction::Unary(_, a) | Instruction::Polygamma(_, a) | Instruction::Cast(_, a) => smallvec![*a],
            Instruction::Binary(_, a, b) | Instruction::Compare(_, a, b) | Instruction::Logic(_, a, b) => {
                smallvec![*a, *b]
            }
            Instruction::Select(a, b, c) | Instruction::MulAdd(_, a, b, c) => smallvec![*a, *b, *c],
            Instruction::Constant(_)
            | Instruction::Parameter(_)
            | Instruction::Size(_)
            | Instruction::Index(_)
            | Instruction::Register(_)
            | Instruction::Load(_) => SmallVec::new(),
        }
    }

    /// The same of other operands, but for the positions of a load.
    pub fn with_operands(&self, mut operand: impl FnMut(Operand) -> Operand) -> Instruction {
        let mut made = self.clone();
        match &mut made {
            Instruction::Unary(_, a) | Instruction::Polygamma(_, a) | Instruction::Cast(_, a) => *a = operand(*a),
            Instruction::Binary(_, a, b) | Instruction::Compare(_, a, b) | Instruction::Logic(_, a, b) => {
                (*a, *b) = (operand(*a), operand(*b));
            }
            Instruction::Select(a, b, c) | Instruction::MulAdd(_, a, b, c) => {
                (*a, *b, *c) = (operand(*a), operand(*b), operand(*c));
            }
            Instruction::Constant(_)
            | Instruction::Parameter(_)
            | Instruction::Size(_)
            | Instruction::Index(_)
            | Instruction::Register(_)
            | Instruction::Load(_) => {}
        }
        made
    }

    /// Whether it is evaluated by a function rather than by an instruction or two.
    pub fn is_function(&self) -> bool {
        match self {
            Instruction::Unary(op, _) => op.is_function(),
            Instruction::Binary(op, ..) => op.is_function(),
            Instruction::Polygamma(..) => true,
            _ => false,
        }
    }
}
