//! `lossc`: a language for loss functions and the compiler that turns it into native kernels.
//!
//! ```text
//! text → ast → typed program → ir → (gradient) ir → simplified ir → kernels → machine code
//! ```
//!
//! One module per stage, one type per arrow, lowest layer first. `tests/architecture.rs` holds the
//! list of who may import whom; `docs/architecture.md` explains it.

// No stage may give up: what is wrong is a value. (Tests may.)
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::panic))]

// Layer 0: words that every stage uses.
pub mod diagnostic;
pub mod op;
pub mod span;
pub mod stack;
pub mod suggestion;

// Layer 1: numbers and tensors.
pub mod numeric;
pub mod tensor;
pub mod vector;

// Layer 2: the source text and its typed form.
pub mod hir;
pub mod syntax;

// Layer 3: meaning.
pub mod check;
pub mod resolve;

// Layer 4: the graph and its judge.
pub mod bind;
pub mod eval;
pub mod ir;

// Layer 5: graph to graph.
pub mod ad;
pub mod formula;
pub mod lower;
pub mod rewrite;

// Layer 6 and 7: loops and machine code.
pub mod fuse;
pub mod jit;
pub mod kernel;

// Layer 8: the whole.
pub mod pipeline;
pub mod session;
pub mod stdlib;

#[cfg(any(feature = "ndarray", feature = "candle"))]
pub mod interop;

#[cfg(feature = "cli")]
pub mod cli;

/// The Rust examples of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// The Rust examples of `docs/training.md`, as tests.
#[cfg(all(doctest, feature = "candle", feature = "ndarray"))]
#[doc = include_str!("../docs/training.md")]
pub struct Training;
