//! Tensors of other crates at the border of a loss, each behind the feature of its name.
//!
//! [`ndarray`] gives arrays to [`Loss`](crate::session::Loss) and gets gradients as arrays; [`candle`] makes a loss
//! an operation of candle's graph. Neither copies what it can borrow, and neither needs `unsafe`.

#[cfg(feature = "candle")]
pub mod candle;
#[cfg(feature = "ndarray")]
pub mod ndarray;
