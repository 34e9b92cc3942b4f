//! Vectors of singles with the few operations that the loops need, and the run-time choice between them.
//!
//! A loop is written once over [`Lanes`] and compiled for AVX-512, for AVX2 with FMA, and lane by lane for the rest.

use std::ops::{Add, Mul, Sub};

/// A vector of singles.
pub trait Lanes: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    /// How many singles.
    const WIDTH: usize;
    /// So many consecutive singles in memory: `[f32; 16]` for AVX-512.
    type Memory;
    /// The result of a comparison.
    type Mask: Copy;

    fn blocks(data: &[f32]) -> (&[Self::Memory], &[f32]);
    fn blocks_mut(data: &mut [f32]) -> (&mut [Self::Memory], &mut [f32]);
    fn splat(x: f32) -> Self;
    fn load(memory: &Self::Memory) -> Self;
    fn store(self, memory: &mut Self::Memory);
    /// As many lanes as there are numbers, at most all; the others are `fill`.
    fn load_part(data: &[f32], fill: f32) -> Self;
    fn store_part(self, data: &mut [f32]);
    /// Four vectors of points with four coordinates each ↔ the four coordinates of all points, in some order.
    fn transpose(four: [Self; 4]) -> [Self; 4];
    /// a·b + c
    fn fma(self, b: Self, c: Self) -> Self;
    /// c − a·b
    fn fnma(self, b: Self, c: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    fn abs(self) -> Self;
    fn negate(self) -> Self;
    /// 1/x of a normal number, to the last place or two.
    fn reciprocal(self) -> Self;
    fn less(self, other: Self) -> Self::Mask;
    fn equal(self, other: Self) -> Self::Mask;
    /// `yes` where the mask is set.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// x · 2ⁿ for an integral n; 0 where that is too small.
    fn scale(self, n: Self) -> Self;
    /// A positive x as m · 2ⁿ with m in [¾, 1½).
    fn split(self) -> (Self, Self);
    /// The sum of the lanes.
    fn sum(self) -> f32;
    /// The greatest lane.
    fn greatest(self) -> f32;
}

/// A loop over lanes of any kind.
pub trait Kernel {
    type Output;
    /// Must be `#[inline(always)]`, so that it is compiled with the features of the function that calls it.
    fn run<L: Lanes>(self) -> Self::Output;
}

/// What the machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Avx512,
    Avx2,
    Plain,
}

impl Level {
    /// The best that this machine has.
    #[cfg(target_arch = "x86_64")]
    pub fn best() -> Level {
        let wide = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        let fused = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        match (wide, fused) {
            (true, true) => Level::Avx512,
            (false, true) => Level::Avx2,
            _ => Level::Plain,
        }
    }

    /// The best that this machine has.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn best() -> Level {
        Level::Plain
    }

    /// Runs a loop.
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `best` has seen the features; a caller who lowers the level only takes some away.
            Level::Avx512 => unsafe { super::avx512::run(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { super::avx2::run(kernel) },
            _ => kernel.run::<f32>(),
        }
    }
}

impl Lanes for f32 {
    const WIDTH: usize = 1;
    type Memory = [f32; 1];
    type Mask = bool;

    #[inline(always)]
    fn blocks(data: &[f32]) -> (&[[f32; 1]], &[f32]) {
        data.as_chunks()
    }
    #[inline(always)]
    fn blocks_mut(data: &mut [f32]) -> (&mut [[f32; 1]], &mut [f32]) {
        data.as_chunks_mut()
    }
    #[inline(always)]
    fn splat(x: f32) -> f32 {
        x
    }
    #[inline(always)]
    fn load(memory: &[f32; 1]) -> f32 {
        memory[0]
    }
    #[inline(always)]
    fn store(self, memory: &mut [f32; 1]) {
        memory[0] = self;
    }
    #[inline(always)]
    fn load_part(data: &[f32], fill: f32) -> f32 {
        data.first().copied().unwrap_or(fill)
    }
    #[inline(always)]
    fn store_part(self, data: &mut [f32]) {
        data[0] = self;
    }
    #[inline(always)]
    fn transpose(four: [f32; 4]) -> [f32; 4] {
        four
    }
    // Not `mul_add`, which is a call where the machine lacks the instruction.
    #[inline(always)]
    fn fma(self, b: f32, c: f32) -> f32 {
        self * b + c
    }
    #[inline(always)]
    fn fnma(self, b: f32, c: f32) -> f32 {
        c - self * b
    }
    #[inline(always)]
    fn min(self, other: f32) -> f32 {
        if self < other { self } else { other }
    }
    #[inline(always)]
    fn max(self, other: f32) -> f32 {
        if self > other { self } else { other }
    }
    #[inline(always)]
    fn abs(self) -> f32 {
        f32::abs(self)
    }
    #[inline(always)]
    fn negate(self) -> f32 {
        -self
    }
    #[inline(always)]
    fn reciprocal(self) -> f32 {
        1.0 / self
    }
    #[inline(always)]
    fn less(self, other: f32) -> bool {
        self < other
    }
    #[inline(always)]
    fn equal(self, other: f32) -> bool {
        self == other
    }
    #[inline(always)]
    fn select(mask: bool, yes: f32, no: f32) -> f32 {
        if mask { yes } else { no }
    }
    #[inline(always)]
    fn scale(self, n: f32) -> f32 {
        let n = if n < -126.0 { -127 } else { n as i32 };
        self * f32::from_bits(((n + 127) << 23) as u32)
    }
    #[inline(always)]
    fn split(self) -> (f32, f32) {
        if self < f32::MIN_POSITIVE {
            return (1.0, -200.0);
        }
        let n = (self.to_bits() as i32 - 0.75_f32.to_bits() as i32) >> 23;
        (f32::from_bits((self.to_bits() as i32 - (n << 23)) as u32), n as f32)
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        self
    }
    #[inline(always)]
    fn greatest(self) -> f32 {
        self
    }
}
