//! Operations on whole tensors, by precompiled code: one file each, one row in [`run`].
//!
//! `call` makes the [`Strided`] tensors from a frame and ensures what they promise; the operations know
//! neither plans nor frames.

mod contract;

use super::module::Precision;
use crate::ir::AxisId;
use crate::kernel::WholeOp;
use crate::op::Element;

/// One axis of a tensor in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dimension {
    /// What the operation calls it.
    pub axis: AxisId,
    /// How long it is.
    pub extent: usize,
    /// The distance of neighbours, in elements.
    pub stride: isize,
}

/// A tensor in memory. Whoever makes one ensures that every position below the extents lies in memory that
/// lives and, for the result of an operation, is written by nobody else.
#[derive(Clone, Debug)]
pub(super) struct Strided {
    /// Of the first element.
    pub address: *mut u8,
    /// Reals have the precision of the loss, ints are `i64`, truth values bytes.
    pub element: Element,
    /// Its axes in memory order.
    pub dimensions: Vec<Dimension>,
}

impl Strided {
    /// The distance of neighbours along an axis; none where it lacks the axis.
    pub fn stride(&self, axis: AxisId) -> Option<isize> {
        self.dimensions.iter().find(|dimension| dimension.axis == axis).map(|dimension| dimension.stride)
    }
}

/// Computes an operation.
pub(super) fn run(op: &WholeOp, precision: Precision, operands: &[Strided], result: &Strided) {
    match (op, precision, operands) {
        (WholeOp::Contract(over), Precision::F32, [a, b]) => contract::run::<f32>(over, a, b, result),
        (WholeOp::Contract(over), Precision::F64, [a, b]) => contract::run::<f64>(over, a, b, result),
        (WholeOp::Contract(_), ..) => unreachable!("a contraction has two operands"),
    }
}
