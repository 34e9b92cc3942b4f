//! Sixteen singles in a register of AVX-512.
#![allow(clippy::undocumented_unsafe_blocks, reason = "one for all: a `Wide` exists only inside of `run`")]

use std::arch::x86_64::*;
use std::ops::{Add, Mul, Sub};

use super::lanes::{Kernel, Lanes};

/// Compiles a loop with AVX-512.
///
/// # Safety
/// The machine has these features.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
pub unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Wide>()
}

#[derive(Clone, Copy)]
pub struct Wide(__m512);

impl Add for Wide {
    type Output = Wide;
    #[inline(always)]
    fn add(self, other: Wide) -> Wide {
        Wide(unsafe { _mm512_add_ps(self.0, other.0) })
    }
}

impl Sub for Wide {
    type Output = Wide;
    #[inline(always)]
    fn sub(self, other: Wide) -> Wide {
        Wide(unsafe { _mm512_sub_ps(self.0, other.0) })
    }
}

impl Mul for Wide {
    type Output = Wide;
    #[inline(always)]
    fn mul(self, other: Wide) -> Wide {
        Wide(unsafe { _mm512_mul_ps(self.0, other.0) })
    }
}

impl Lanes for Wide {
    const WIDTH: usize = 16;
    type Memory = [f32; 16];
    type Mask = __mmask16;

    #[inline(always)]
    fn blocks(data: &[f32]) -> (&[[f32; 16]], &[f32]) {
        data.as_chunks()
    }
    #[inline(always)]
    fn blocks_mut(data: &mut [f32]) -> (&mut [[f32; 16]], &mut [f32]) {
        data.as_chunks_mut()
    }
    #[inline(always)]
    fn splat(x: f32) -> Wide {
        Wide(unsafe { _mm512_set1_ps(x) })
    }
    #[inline(always)]
    fn load(memory: &[f32; 16]) -> Wide {
        Wide(unsafe { _mm512_loadu_ps(memory.as_ptr()) })
    }
    #[inline(always)]
    fn store(self, memory: &mut [f32; 16]) {
        unsafe { _mm512_storeu_ps(memory.as_mut_ptr(), self.0) }
    }
    #[inline(always)]
    fn load_part(data: &[f32], fill: f32) -> Wide {
        let mask = ((1_u32 << data.len().min(16)) - 1) as __mmask16;
        Wide(unsafe { _mm512_mask_loadu_ps(_mm512_set1_ps(fill), mask, data.as_ptr()) })
    }
    #[inline(always)]
    fn store_part(self, data: &mut [f32]) {
        let mask = ((1_u32 << data.len().min(16)) - 1) as __mmask16;
        unsafe { _mm512_mask_storeu_ps(data.as_mut_ptr(), mask, self.0) }
    }
    #[inline(always)]
    fn transpose([a, b, c, d]: [Wide; 4]) -> [Wide; 4] {
        unsafe {
            let ab_low = _mm512_castps_pd(_mm512_unpacklo_ps(a.0, b.0));
            let ab_high = _mm512_castps_pd(_mm512_unpackhi_ps(a.0, b.0));
            let cd_low = _mm512_castps_pd(_mm512_unpacklo_ps(c.0, d.0));
            let cd_high = _mm512_castps_pd(_mm512_unpackhi_ps(c.0, d.0));
            [
                Wide(_mm512_castpd_ps(_mm512_unpacklo_pd(ab_low, cd_low))),
                Wide(_mm512_castpd_ps(_mm512_unpackhi_pd(ab_low, cd_low))),
                Wide(_mm512_castpd_ps(_mm512_unpacklo_pd(ab_high, cd_high))),
                Wide(_mm512_castpd_ps(_mm512_unpackhi_pd(ab_high, cd_high))),
            ]
        }
    }
    #[inline(always)]
    fn fma(self, b: Wide, c: Wide) -> Wide {
        Wide(unsafe { _mm512_fmadd_ps(self.0, b.0, c.0) })
    }
    #[inline(always)]
    fn fnma(self, b: Wide, c: Wide) -> Wide {
        Wide(unsafe { _mm512_fnmadd_ps(self.0, b.0, c.0) })
    }
    #[inline(always)]
    fn min(self, other: Wide) -> Wide {
        Wide(unsafe { _mm512_min_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn max(self, other: Wide) -> Wide {
        Wide(unsafe { _mm512_max_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn abs(self) -> Wide {
        Wide(unsafe { _mm512_abs_ps(self.0) })
    }
    #[inline(always)]
    fn negate(self) -> Wide {
        Wide(unsafe { _mm512_xor_ps(self.0, _mm512_set1_ps(-0.0)) })
    }
    /// Fourteen bits, then one step of Newton's method: a third of the time of a division.
    #[inline(always)]
    fn reciprocal(self) -> Wide {
        let rough = Wide(unsafe { _mm512_rcp14_ps(self.0) });
        rough.fma(rough.fnma(self, Wide::splat(1.0)), rough)
    }
    #[inline(always)]
    fn less(self, other: Wide) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn equal(self, other: Wide) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, other.0) }
    }
    #[inline(always)]
    fn select(mask: __mmask16, yes: Wide, no: Wide) -> Wide {
        Wide(unsafe { _mm512_mask_blend_ps(mask, no.0, yes.0) })
    }
    #[inline(always)]
    fn scale(self, n: Wide) -> Wide {
        Wide(unsafe { _mm512_scalef_ps(self.0, n.0) })
    }
    #[inline(always)]
    fn split(self) -> (Wide, Wide) {
        let m = Wide(unsafe { _mm512_getmant_ps::<_MM_MANT_NORM_P75_1P5, _MM_MANT_SIGN_SRC>(self.0) });
        let n = Wide(unsafe { _mm512_getexp_ps(self.0) });
        let below = m.less(Wide::splat(1.0));
        (m, Wide(unsafe { _mm512_mask_add_ps(n.0, below, n.0, _mm512_set1_ps(1.0)) }))
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        unsafe { _mm512_reduce_add_ps(self.0) }
    }
    #[inline(always)]
    fn greatest(self) -> f32 {
        unsafe { _mm512_reduce_max_ps(self.0) }
    }
}
