//! The error function.
//!
//! Near 0 it is an odd polynomial; further away 1 − e^−q, where q, the logarithm of what is left to 1, is a polynomial
//! too, and counts the less, the further away.

use super::lane::{Real, polynomial};
use super::{double, single};

/// erf x / x − 1 in x², on |x| ≤ 1: erf is off by 2⁻²⁹ of itself.
const NEAR_SINGLE: [f32; 7] =
    [0.128_379_17, -0.376_126_26, 0.112_835_79, -0.026_853_347, 0.005_187_162, -0.000_799_785_3, 7.806_905e-5];

/// −ln(1 − erf x) in x − 1, on [1, 3.95]: erf is off by 2⁻²⁶ of itself.
const FAR_SINGLE: [f32; 7] =
    [1.849_605_6, 2.638_962_7, 0.843_172_4, 0.041_261_017, -0.009_447_576_5, 0.001_474_762_7, -8.758_929e-5];

/// As [`NEAR_SINGLE`]; off by 2⁻⁵⁶.
const NEAR_DOUBLE: [f64; 13] = [
    0.128_379_167_095_512_6,
    -0.376_126_389_031_841,
    0.112_837_916_709_710_98,
    -0.026_866_170_648_031_11,
    0.005_223_977_652_691_75,
    -0.000_854_832_853_571_958_6,
    0.000_120_553_861_892_628_15,
    -1.492_688_133_662_338_6e-5,
    1.648_105_640_655_396_7e-6,
    -1.655_709_958_596_057_8e-7,
    1.601_300_505_572_170_3e-8,
    -1.646_381_220_130_337_5e-9,
    1.434_189_624_204_651_2e-10,
];

/// As [`FAR_SINGLE`] on [1, 5.95]; off by 2⁻⁵⁸.
const FAR_DOUBLE: [f64; 20] = [
    1.849_605_509_933_248_2,
    2.638_967_514_234_795_7,
    0.843_107_256_358_203_7,
    0.041_561_098_053_397_95,
    -0.010_033_825_520_394_413,
    0.001_977_903_661_300_608,
    -0.000_237_327_790_233_189_23,
    -2.626_020_173_565_392e-5,
    2.711_720_725_786_196e-5,
    -9.536_259_522_860_452e-6,
    1.966_088_849_935_654_4e-6,
    -5.202_834_177_015_238e-8,
    -1.640_852_593_762_782_8e-7,
    8.878_355_573_652_286e-8,
    -3.007_958_904_552_728e-8,
    7.460_608_683_833_308e-9,
    -1.358_642_311_162_412_2e-9,
    1.721_562_425_271_850_2e-10,
    -1.351_035_496_349_807e-11,
    4.921_588_594_842_988e-13,
];

/// Declares the function for a precision: beyond the last number it is 1.
macro_rules! error_function {
    ($name:ident $number:ty, $formulas:ident $near:ident $far:ident $last:literal) => {
        /// The error function.
        #[inline(always)]
        pub(super) fn $name<R: Real<Number = $number>>(x: R) -> R {
            let (a, one) = (x.abs(), x.number(1.0));
            let near = a.mul_add(polynomial(&$near, a * a), a);
            let far = one - $formulas::exp(-polynomial(&$far, a.capped(x.number($last)) - one));
            R::select(a.below(one), near, far).copysign(x)
        }
    };
}

error_function!(erf_single f32, single NEAR_SINGLE FAR_SINGLE 3.95);
error_function!(erf_double f64, double NEAR_DOUBLE FAR_DOUBLE 5.95);
