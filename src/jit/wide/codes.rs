//! Lanes → the one of four instructions that is theirs; reductions → the operation that combines two.

use super::graph::Two;
use crate::op::ReduceOp;

/// Picks by the type of the lanes.
macro_rules! by_lane {
    ($lane:expr, $f32:ident, $f64:ident, $i32:ident, $i64:ident) => {
        match $lane {
            Lane::F32 => Code::$f32,
            Lane::F64 => Code::$f64,
            Lane::I32 => Code::$i32,
            Lane::I64 | Lane::Mask => Code::$i64,
        }
    };
}

pub(super) use by_lane;

/// How a reduction goes on.
pub(super) fn combining(op: ReduceOp) -> Two {
    match op {
        ReduceOp::Sum => Two::Add,
        ReduceOp::Prod => Two::Mul,
        ReduceOp::Min => Two::Least,
        ReduceOp::Max => Two::Most,
    }
}
