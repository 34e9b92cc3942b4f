//! Losses on the tensors of other crates: the same bits as the command line gives, for any layout and element type.
#![cfg(all(feature = "candle", feature = "ndarray", feature = "cli"))]
#![allow(clippy::disallowed_methods, reason = "expected numbers are made without the crate")]

mod data;
mod graph;
mod layouts;
mod same;
