//! Losses on the tensors of other crates: the same bits as the command line gives, for any layout and element type.
#![cfg(all(feature = "candle", feature = "ndarray", feature = "cli"))]

mod data;
mod graph;
mod layouts;
mod same;
