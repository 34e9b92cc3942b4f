//! The vocabulary of the graph: every primitive operation, declared once.
//!
//! A row of [`table`] gives name, arity, element types and one sentence. Derivatives, evaluation,
//! rewriting and code generation are tables of their own, keyed by these enums; a completeness test
//! holds them together. Whatever can be composed from these belongs in the standard library or in
//! `lower`, not here.

mod table;

pub use table::{Binary, Compare, Logic, ReduceOp, SoftmaxOp, Unary};

/// The operations on one operand of which the extent of an axis may be computed.
pub const EXTENT_UNARY: &[Unary] = &[Unary::Neg, Unary::Abs];
/// The operations on two operands of which the extent of an axis may be computed.
pub const EXTENT_BINARY: &[Binary] = &[Binary::Add, Binary::Sub, Binary::Mul, Binary::Min, Binary::Max];

/// The functions of x and (where true) of −x that can be computed from one e^−|x|.
pub const LOGISTIC: [(Unary, bool); 6] = [
    (Unary::Sigmoid, false),
    (Unary::Sigmoid, true),
    (Unary::Softplus, false),
    (Unary::Softplus, true),
    (Unary::LogSigmoid, false),
    (Unary::LogSigmoid, true),
];

impl Unary {
    /// Whether it is evaluated by a function rather than by an instruction or two.
    pub fn is_function(self) -> bool {
        !matches!(self, Unary::Neg | Unary::Abs | Unary::Sqrt | Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round)
    }
}

impl Binary {
    /// As [`Unary::is_function`].
    pub fn is_function(self) -> bool {
        matches!(self, Binary::Pow | Binary::Powi | Binary::Atan2)
    }
}

impl ReduceOp {
    /// The result over nothing, of reals and of ints.
    pub fn neutral(self) -> (f64, i64) {
        match self {
            ReduceOp::Sum => (0.0, 0),
            ReduceOp::Prod => (1.0, 1),
            ReduceOp::Min => (f64::INFINITY, i64::MAX),
            ReduceOp::Max => (f64::NEG_INFINITY, i64::MIN),
        }
    }

    /// How one more element goes in.
    pub fn combining(self) -> Binary {
        match self {
            ReduceOp::Sum => Binary::Add,
            ReduceOp::Prod => Binary::Mul,
            ReduceOp::Min => Binary::Min,
            ReduceOp::Max => Binary::Max,
        }
    }
}

/// The element type of a graph node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Element {
    /// A float, of the precision the loss is compiled for.
    Real,
    /// A 64-bit integer.
    Int,
    /// A truth value.
    Bool,
}

impl Element {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Element::Real => "real",
            Element::Int => "int",
            Element::Bool => "bool",
        }
    }
}
