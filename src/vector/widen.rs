//! Numbers of 16 bits → singles, which hold all of them.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::compile::{Machine, compiled, machine};

/// For a block: numbers, singles, length.
///
/// # Safety
/// The machine must be what the form was chosen for, and both must point to so many elements and not overlap.
struct Widen {
    block: unsafe extern "C" fn(*const u16, *mut f32, usize),
}

/// Widens numbers of IEEE half precision.
///
/// # Panics
/// If there is room for more or for fewer.
pub fn widen_halves(from: &[f16], to: &mut [f32]) {
    let from = from.reinterpret_cast();
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("f16c") {
        assert_eq!(from.len(), to.len(), "as many singles as numbers");
        // SAFETY: the machine has the instruction.
        return unsafe { halves_by_instruction(from, to) };
    }
    halves_on(machine(), from, to);
}

/// As [`half`] does it, which takes ten operations.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx,f16c")]
fn halves_by_instruction(from: &[u16], to: &mut [f32]) {
    use std::arch::x86_64::{_mm_loadu_si128, _mm256_cvtph_ps, _mm256_storeu_ps};
    let (from, rest) = from.as_chunks::<8>();
    let (to, last) = to.as_chunks_mut::<8>();
    for (from, to) in from.iter().zip(to) {
        // SAFETY: both are eight numbers.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().cast()))) };
    }
    rest.iter().zip(last).for_each(|(&from, to)| *to = half(from));
}

/// Widens numbers in brain format.
///
/// # Panics
/// If there is room for more or for fewer.
pub fn widen_brains(from: &[bf16], to: &mut [f32]) {
    brains_on(machine(), from.reinterpret_cast(), to);
}

/// Declares a function that widens by a formula, on a machine of some kind.
macro_rules! widen {
    ($name:ident, $formula:ident) => {
        fn $name(machine: Machine, from: &[u16], to: &mut [f32]) {
            assert_eq!(from.len(), to.len(), "as many singles as numbers");
            let widen = compiled!(machine, Widen,
                block(from: *const u16, to: *mut f32, len: usize) = {
                    // SAFETY: promised by the caller.
                    let (from, to) = unsafe { (std::slice::from_raw_parts(from, len), std::slice::from_raw_parts_mut(to, len)) };
                    from.iter().zip(to).for_each(|(&from, to)| *to = $formula(from));
                };
            );
            // SAFETY: the form is for this machine, and both slices have the length.
            unsafe { (widen.block)(from.as_ptr(), to.as_mut_ptr(), from.len()) }
        }
    };
}

widen!(halves_on, half);
widen!(brains_on, brain);

/// The bits of IEEE half precision: a sign, five of the exponent, ten of the fraction.
#[inline(always)]
fn half(bits: u16) -> f32 {
    /// What the exponents of singles are larger by, in its place.
    const MORE: u32 = (127 - 15) << 23;
    /// The largest exponent, in its place: that of infinities and NaN.
    const LARGEST: u32 = 31 << 23;
    /// 2^-14, the smallest number that is not subnormal.
    const SMALLEST: u32 = (127 - 14) << 23;
    let (sign, rest) = (u32::from(bits & 0x8000) << 16, u32::from(bits & 0x7fff) << 13);
    let normal = rest + if rest >= LARGEST { 2 * MORE } else { MORE };
    // What is subnormal is added to that number, and what was added taken away.
    let subnormal = (f32::from_bits(rest + SMALLEST) - f32::from_bits(SMALLEST)).to_bits();
    f32::from_bits(sign | if rest < 1 << 23 { subnormal } else { normal })
}

/// The upper half of a single.
#[inline(always)]
fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_numbers_are_widened_exactly() {
        let all: Vec<u16> = (0..=u16::MAX).collect();
        let halves: Vec<f16> = all.iter().copied().map(f16::from_bits).collect();
        for &machine in Machine::usable() {
            let (mut singles, mut by_instruction) = (vec![0.0; all.len()], vec![1.0; all.len()]);
            halves_on(machine, &all, &mut singles);
            for (&bits, &single) in all.iter().zip(&singles) {
                let want = f16::from_bits(bits).to_f32();
                let is_same = single.to_bits() == want.to_bits() || single.is_nan() && want.is_nan();
                assert!(is_same, "{bits:#x}: {single} instead of {want}, {machine:?}");
            }
            widen_halves(&halves, &mut by_instruction);
            let pairs = singles.iter().zip(&by_instruction);
            assert!(pairs.clone().all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()));
            brains_on(machine, &all, &mut singles);
            for (&bits, &single) in all.iter().zip(&singles) {
                let want = bf16::from_bits(bits).to_f32();
                let is_same = single.to_bits() == want.to_bits() || single.is_nan() && want.is_nan();
                assert!(is_same, "{bits:#x}: {single} instead of {want}, {machine:?}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "as many singles as numbers")]
    fn room_for_fewer_is_refused() {
        widen_brains(&[bf16::ONE; 3], &mut [0.0; 2]);
    }
}
