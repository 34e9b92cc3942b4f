//! Eight singles in a register of AVX2, with FMA.
#![allow(clippy::undocumented_unsafe_blocks, reason = "one for all: a `Half` exists only inside of `run`")]

use std::arch::x86_64::*;
use std::ops::{Add, Mul, Sub};

use super::lanes::{Kernel, Lanes};

/// Compiles a loop with AVX2 and FMA.
///
/// # Safety
/// The machine has these features.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Half>()
}

#[derive(Clone, Copy)]
pub struct Half(__m256);

impl Add for Half {
    type Output = Half;
    #[inline(always)]
    fn add(self, other: Half) -> Half {
        Half(unsafe { _mm256_add_ps(self.0, other.0) })
    }
}

impl Sub for Half {
    type Output = Half;
    #[inline(always)]
    fn sub(self, other: Half) -> Half {
        Half(unsafe { _mm256_sub_ps(self.0, other.0) })
    }
}

impl Mul for Half {
    type Output = Half;
    #[inline(always)]
    fn mul(self, other: Half) -> Half {
        Half(unsafe { _mm256_mul_ps(self.0, other.0) })
    }
}

impl Lanes for Half {
    const WIDTH: usize = 8;
    type Memory = [f32; 8];
    type Mask = __m256;

    #[inline(always)]
    fn blocks(data: &[f32]) -> (&[[f32; 8]], &[f32]) {
        data.as_chunks()
    }
    #[inline(always)]
    fn blocks_mut(data: &mut [f32]) -> (&mut [[f32; 8]], &mut [f32]) {
        data.as_chunks_mut()
    }
    #[inline(always)]
    fn splat(x: f32) -> Half {
        Half(unsafe { _mm256_set1_ps(x) })
    }
    #[inline(always)]
    fn load(memory: &[f32; 8]) -> Half {
        Half(unsafe { _mm256_loadu_ps(memory.as_ptr()) })
    }
    #[inline(always)]
    fn store(self, memory: &mut [f32; 8]) {
        unsafe { _mm256_storeu_ps(memory.as_mut_ptr(), self.0) }
    }
    #[inline(always)]
    fn load_part(data: &[f32], fill: f32) -> Half {
        let mut lanes = [fill; 8];
        let count = data.len().min(8);
        lanes[..count].copy_from_slice(&data[..count]);
        Half::load(&lanes)
    }
    #[inline(always)]
    fn store_part(self, data: &mut [f32]) {
        let mut lanes = [0.0; 8];
        self.store(&mut lanes);
        let count = data.len().min(8);
        data[..count].copy_from_slice(&lanes[..count]);
    }
    #[inline(always)]
    fn transpose([a, b, c, d]: [Half; 4]) -> [Half; 4] {
        unsafe {
            let (ab_low, ab_high) = (_mm256_unpacklo_ps(a.0, b.0), _mm256_unpackhi_ps(a.0, b.0));
            let (cd_low, cd_high) = (_mm256_unpacklo_ps(c.0, d.0), _mm256_unpackhi_ps(c.0, d.0));
            [
                Half(_mm256_shuffle_ps::<0b01_00_01_00>(ab_low, cd_low)),
                Half(_mm256_shuffle_ps::<0b11_10_11_10>(ab_low, cd_low)),
                Half(_mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high)),
                Half(_mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high)),
            ]
        }
    }
    #[inline(always)]
    fn fma(self, b: Half, c: Half) -> Half {
        Half(unsafe { _mm256_fmadd_ps(self.0, b.0, c.0) })
    }
    #[inline(always)]
    fn fnma(self, b: Half, c: Half) -> Half {
        Half(unsafe { _mm256_fnmadd_ps(self.0, b.0, c.0) })
    }
    #[inline(always)]
    fn min(self, other: Half) -> Half {
        Half(unsafe { _mm256_min_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn max(self, other: Half) -> Half {
        Half(unsafe { _mm256_max_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn abs(self) -> Half {
        Half(unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0) })
    }
    #[inline(always)]
    fn negate(self) -> Half {
        Half(unsafe { _mm256_xor_ps(self.0, _mm256_set1_ps(-0.0)) })
    }
    /// Twelve bits, then one step of Newton's method.
    #[inline(always)]
    fn reciprocal(self) -> Half {
        let rough = Half(unsafe { _mm256_rcp_ps(self.0) });
        rough.fma(rough.fnma(self, Half::splat(1.0)), rough)
    }
    #[inline(always)]
    fn less(self, other: Half) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn equal(self, other: Half) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn select(mask: __m256, yes: Half, no: Half) -> Half {
        Half(unsafe { _mm256_blendv_ps(no.0, yes.0, mask) })
    }
    /// The exponent is added to the bits. What is too small is 0, not a subnormal number, with which all is slow.
    #[inline(always)]
    fn scale(self, n: Half) -> Half {
        unsafe {
            let bits = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(n.0));
            let scaled = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0), bits));
            Half(_mm256_andnot_ps(n.less(Half::splat(-125.0)), scaled))
        }
    }
    #[inline(always)]
    fn split(self) -> (Half, Half) {
        let tiny = self.less(Half::splat(f32::MIN_POSITIVE));
        unsafe {
            let bits = _mm256_castps_si256(self.0);
            let base = _mm256_castps_si256(_mm256_set1_ps(0.75));
            let n = _mm256_srai_epi32::<23>(_mm256_sub_epi32(bits, base));
            let m = _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32::<23>(n)));
            (Half(m), Half::select(tiny, Half::splat(-200.0), Half(_mm256_cvtepi32_ps(n))))
        }
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        let mut lanes = [0.0; 8];
        self.store(&mut lanes);
        lanes.iter().sum()
    }
    #[inline(always)]
    fn greatest(self) -> f32 {
        let mut lanes = [0.0; 8];
        self.store(&mut lanes);
        lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}
