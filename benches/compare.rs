//! Value and gradients of the compiled loss against those by hand, before anything is timed.

use crate::by_hand::{Level, Loop};
use crate::cases::Case;
use crate::cases::data::Data;
use lossc::session::Loss;

/// Of the largest gradient, and of the value: single precision with polynomials good to 3e-7, summed in another order.
const TOLERANCE: f64 = 2e-5;

/// Panics, with the first place where they differ.
pub fn compare(case: &Case, data: &Data, loss: &Loss, level: Level, by_hand: Loop) {
    let mut wanted = data.memory(case);
    let want = by_hand(level, data, &mut wanted);
    let mut got = data.memory(case);
    let mut value = 0.0;
    data.reusing(case, loss, &mut got, |call| value = call());
    assert!((value - want).abs() <= TOLERANCE * want.abs(), "{}: {value}, by hand {want}", case.title());
    for (input, (got, want)) in case.gradients.iter().zip(got.iter().zip(&wanted)) {
        let scale = want.iter().fold(0.0_f32, |scale, x| scale.max(x.abs()));
        assert!(scale > 0.0, "{}: a gradient by {input} of zeros says nothing", case.title());
        for (at, (got, want)) in got.iter().zip(want).enumerate() {
            let close = f64::from((got - want).abs()) <= TOLERANCE * f64::from(scale);
            assert!(close, "{}: gradient by {input}, element {at}: {got}, by hand {want}", case.title());
        }
    }
}
