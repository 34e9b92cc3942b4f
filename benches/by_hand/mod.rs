//! What an expert writes by hand: value and gradient with derived formulas, vectors, and as few passes as can be.
//!
//! No allocation; sums in singles within blocks and in doubles across them. The vector functions are polynomials good
//! to about 3e-7. These loops are the measure of the compiler, so they are as fast as their author could make them.
#![allow(clippy::disallowed_methods, reason = "what a Rust programmer writes without the crate")]
#![allow(clippy::needless_range_loop, reason = "vectors in flight are places of several arrays at once")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod boxes;
mod copy;
mod elementwise;
mod generalized;
mod lanes;
mod math;
mod overlap;
mod pairs;
mod rows;
mod stream;

pub use copy::copy;
pub use lanes::Level;

use crate::cases::data::Data;

/// A loop for a case: writes the gradients, gives the value.
pub type Loop = fn(Level, &Data, &mut [Vec<f32>]) -> f64;

/// The loop for a case of the table, if there is one.
pub fn find(case: &str) -> Option<Loop> {
    Some(match case {
        "mse" => elementwise::mse,
        "huber" => elementwise::huber,
        "log_cosh" => elementwise::log_cosh,
        "bce" => elementwise::bce,
        "bce_logits" => elementwise::bce_logits,
        "focal_logits" => elementwise::focal_logits,
        "dice_sigmoid" => overlap::dice,
        "dice_wce_sigmoid" => overlap::dice_wce,
        "unified_focal_sigmoid" => overlap::unified_focal,
        "cross_entropy" => rows::cross_entropy,
        "label_smoothing" => rows::label_smoothing,
        "kl" => elementwise::kl,
        "ciou" => boxes::ciou,
        "generalized_dice" => generalized::from_probabilities,
        "generalized_dice_softmax" => generalized::through_softmax,
        "triplet" => pairs::triplet,
        "contrastive" => pairs::contrastive,
        "arcface_cos" => rows::arcface_cos,
        _ => return None,
    })
}
