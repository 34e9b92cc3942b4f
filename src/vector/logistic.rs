//! The functions of x and −x that share an exponential, together: a loss on logits needs several of them.
//!
//! Each result has the bits of the function alone.

use super::compile::{Machine, compiled};
use super::{double, single};

/// Lanes of which the shared parts are kept.
const PIECE: usize = 128;

/// The functions of [`LOGISTIC`](crate::op::LOGISTIC) for a block.
#[derive(Clone, Copy, Debug)]
pub struct Logistic<T> {
    /// Operand, then the results in the order of `LOGISTIC`, null where one is not wanted, then the length.
    ///
    /// # Safety
    /// The machine must be what this was chosen for; all but null must point to so many elements and not overlap.
    #[allow(clippy::type_complexity)]
    pub block: unsafe extern "C" fn(*const T, *mut T, *mut T, *mut T, *mut T, *mut T, *mut T, usize),
}

/// Writes a piece of one result, where it is wanted.
macro_rules! fill {
    ($result:expr, $start:expr, $count:expr, $parts:expr, |$x:ident, $plus:ident, $minus:ident, $rest:ident| $value:expr) => {
        if !$result.is_null() {
            let (all, above, below, rests) = $parts;
            // SAFETY: the piece ends at the length at most.
            let to = unsafe { std::slice::from_raw_parts_mut($result.add($start), $count) };
            for ((((&$x, &$plus), &$minus), &$rest), value) in all.iter().zip(above).zip(below).zip(rests).zip(to) {
                *value = $value;
            }
        }
    };
}

/// Declares the functions for a lane type.
macro_rules! logistic {
    ($(#[$doc:meta])* $name:ident $lane:ty, $formulas:ident) => {
        $(#[$doc])*
        pub fn $name(machine: Machine) -> Logistic<$lane> {
            compiled!(machine, Logistic,
                block(from: *const $lane,
                    sigmoid: *mut $lane, sigmoid_of_neg: *mut $lane, softplus: *mut $lane,
                    softplus_of_neg: *mut $lane, log_sigmoid: *mut $lane, log_sigmoid_of_neg: *mut $lane,
                    len: usize) = {
                    let has_sigmoid = !sigmoid.is_null() || !sigmoid_of_neg.is_null();
                    let has_logarithm = !softplus.is_null() || !softplus_of_neg.is_null()
                        || !log_sigmoid.is_null() || !log_sigmoid_of_neg.is_null();
                    let mut start = 0;
                    while start < len {
                        let count = PIECE.min(len - start);
                        // SAFETY: `start + count` is at most `len`.
                        let piece = unsafe { std::slice::from_raw_parts(from.add(start), count) };
                        let mut filled = [0.0; PIECE];
                        let x: &[$lane; PIECE] = match piece.first_chunk() {
                            Some(whole) => whole,
                            None => {
                                filled[..count].copy_from_slice(piece);
                                &filled
                            }
                        };
                        let mut decay = [0.0; PIECE];
                        for (x, decay) in x.iter().zip(&mut decay) {
                            *decay = $formulas::decay(*x);
                        }
                        let (mut plus, mut minus, mut rest) = ([0.0; PIECE], [0.0; PIECE], [0.0; PIECE]);
                        if has_sigmoid {
                            for (((x, decay), plus), minus) in x.iter().zip(&decay).zip(&mut plus).zip(&mut minus) {
                                let (large, small) = $formulas::shares(*decay);
                                *plus = if *x >= 0.0 { large } else { small };
                                *minus = if -*x >= 0.0 { large } else { small };
                            }
                        }
                        if has_logarithm {
                            for (decay, rest) in decay.iter().zip(&mut rest) {
                                *rest = $formulas::log1p_of_decay(*decay);
                            }
                        }
                        let parts = (x, &plus, &minus, &rest);
                        fill!(sigmoid, start, count, parts, |_x, plus, _minus, _rest| plus);
                        fill!(sigmoid_of_neg, start, count, parts, |_x, _plus, minus, _rest| minus);
                        fill!(softplus, start, count, parts, |x, _p, _m, rest| $formulas::softplus_of(x, rest));
                        fill!(softplus_of_neg, start, count, parts, |x, _p, _m, rest| $formulas::softplus_of(-x, rest));
                        fill!(log_sigmoid, start, count, parts, |x, _p, _m, rest| -$formulas::softplus_of(-x, rest));
                        fill!(log_sigmoid_of_neg, start, count, parts,
                            |x, _p, _m, rest| -$formulas::softplus_of(x, rest));
                        start += count;
                    }
                };
            )
        }
    };
}

logistic! {
    /// The functions on singles.
    logistic_f32 f32, single
}

logistic! {
    /// The functions on doubles.
    logistic_f64 f64, double
}
