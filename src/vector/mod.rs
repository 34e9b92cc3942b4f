//! The vector math library: the functions of the operation tables for whole blocks of lanes.
//!
//! A row of [`table`] names an operation and its formulas in single and in double precision ([`single`],
//! [`double`]): branch-free, so that [`compile`] turns a loop over a block into vector code. It does so three times,
//! for AVX-512, for AVX2 with FMA, and for what every machine of the target has (on Arm that is NEON); [`machine`]
//! chooses once. Formulas use fused multiply-adds, which are rounded once everywhere, so all compilations, and
//! a lane wherever it stands in a block, give the same bits. The price is paid by x86 without FMA (before 2013),
//! which computes them in software.
//!
//! A formula is generic over its [lane](lane), so that a code generator, for which [`formula_unary_f32`] and its like
//! find it, can write the same operations into a kernel.
//!
//! Every formula is at most 2 units in the last place off, keeps NaN, and has the edge values that the operation's
//! sentence promises; `tests/vector/` holds them to it. What has no row is left to [`crate::numeric`].

mod angle;
mod arc;
mod compile;
mod double;
mod error;
mod lane;
mod logistic;
mod power;
mod single;
mod table;
mod widen;

pub use compile::{Binary, Machine, Unary, machine};
pub use lane::{Bits, Edge, Edges, Mask, Real, mended, scaled, split};
pub use logistic::{Logistic, logistic_f32, logistic_f64};
pub use table::{binary_f32, binary_f64, unary_f32, unary_f64};
pub use table::{formula_binary_f32, formula_binary_f64, formula_unary_f32, formula_unary_f64};
pub use widen::{widen_brains, widen_halves};
