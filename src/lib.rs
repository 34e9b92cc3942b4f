//! `lossc`: a language for loss functions and the compiler that turns it into native kernels.
//!
//! ```text
//! text → ast → typed program → ir → (gradient) ir → simplified ir → kernels → machine code
//! ```
//!
//! A spec is compiled once and called at every step; [`session`] is the interface, the rest are the stages.
//!
//! ```
//! use lossc::tensor::{Slice, TensorView};
//! use lossc::{Compiler, DType, Params};
//!
//! let text = "loss combo(w = 0.5 where 0 <= w <= 1) = (1 - w) * dice + w * bce";
//! let combo = Compiler::new().compile(text)?.loss("combo")?.wrt(["pred"]).dtype(DType::F64).build()?;
//!
//! let (pred, target) = ([0.9_f64, 0.2, 0.6], [1.0_f64, 0.0, 1.0]);
//! let pred = TensorView::contiguous(Slice::F64(&pred), &[3])?;
//! let target = TensorView::contiguous(Slice::F64(&target), &[3])?;
//! let out = combo.value_and_grad(&[("pred", pred.clone()), ("target", target)], &Params::new().set("w", 0.3))?;
//! assert_eq!(out.value(), 0.7 * out.term("dice").unwrap() + 0.3 * out.term("bce").unwrap());
//! assert_eq!(out.grad("pred").unwrap().to_f64().len(), 3);
//!
//! // What does not fit is said, with its place, and nothing is computed.
//! let short = TensorView::contiguous(Slice::F64(&[1.0, 0.0]), &[2])?;
//! let error = combo.value_and_grad(&[("pred", pred), ("target", short)], &Params::new()).unwrap_err();
//! assert_eq!(error.to_string(), "axis ..B #1 has extent 3 in `pred`, but 2 in `target`; both must be the same");
//! assert!(Compiler::new().compile("loss wrong = dise").unwrap_err().to_string().contains("did you mean `dice`?"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
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

pub use session::{Compiler, Error, Loss, Params, Workspace};
pub use tensor::DType;

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
