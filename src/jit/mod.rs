//! Plan → machine code, and calls of it. The only user of Cranelift.
//!
//! [`compile`] schedules a program and translates every stage of the plan ([`translate`], [`strip`], [`vector`],
//! [`arithmetic`]) into one function; [`frame`] says how a call hands over its data, [`call`] is the
//! border where that happens, for which [`prepare`] keeps what shapes say, [`convert`] reads
//! other types of elements and [`rows`] finds short rows, [`run`] runs the stages, cut by [`ranges`] and shared among threads by [`share`],
//! [`functions`] are the precompiled functions that kernels call, [`whole`] the operations on whole tensors.
//! [`module`] owns the code.

mod arithmetic;
mod caches;
mod call;
mod compared;
mod convert;
mod fill;
mod frame;
mod functions;
mod group;
mod module;
mod outputs;
mod pages;
mod prepare;
mod ranges;
mod rows;
mod run;
mod share;
mod strip;
mod together;
mod translate;
mod turns;
mod vector;
mod whole;
mod wide;
mod wide_strip;

pub use call::CallError;
pub use module::{Compiled, JitError, Precision, Vectors, compile, compile_for, compile_short, plan, plan_short};
pub use outputs::Outputs;
pub use share::Threads;
