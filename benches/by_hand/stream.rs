//! One pass over two inputs and a gradient of the same shape, with sums: the frame of all elementwise loops.
//!
//! Sums are kept in singles within 4096 elements and in doubles across them.

use super::lanes::{Kernel, Lanes, Level};

/// What a pass does with an element.
pub trait Pass<const SUMS: usize> {
    /// Whether the gradient is written at all.
    const WRITES: bool = true;

    /// The gradient, from both inputs and from what stands in the gradient's memory; adds to the sums.
    fn at<L: Lanes>(&self, x: L, y: L, kept: L, sums: &mut [L; SUMS]) -> L;
}

/// A pass with `FLIGHT` vectors at a time, and what it runs over.
struct Stream<'a, P, const SUMS: usize, const FLIGHT: usize> {
    pass: P,
    x: &'a [f32],
    y: &'a [f32],
    gradient: &'a mut [f32],
}

/// Runs a pass; the sums.
pub fn stream<P: Pass<SUMS>, const SUMS: usize, const FLIGHT: usize>(
    level: Level,
    pass: P,
    x: &[f32],
    y: &[f32],
    gradient: &mut [f32],
) -> [f64; SUMS] {
    level.run(Stream::<P, SUMS, FLIGHT> { pass, x, y, gradient })
}

/// Elements whose sums are kept in singles.
const BLOCK: usize = 4096;

impl<P: Pass<SUMS>, const SUMS: usize, const FLIGHT: usize> Kernel for Stream<'_, P, SUMS, FLIGHT> {
    type Output = [f64; SUMS];

    #[inline(always)]
    fn run<L: Lanes>(self) -> [f64; SUMS] {
        let mut totals = [0.0; SUMS];
        let blocks = self.x.chunks(BLOCK).zip(self.y.chunks(BLOCK)).zip(self.gradient.chunks_mut(BLOCK));
        for ((x, y), gradient) in blocks {
            let sums = block::<L, P, SUMS, FLIGHT>(&self.pass, x, y, gradient);
            for (total, sum) in totals.iter_mut().zip(sums) {
                *total += f64::from(sum);
            }
        }
        totals
    }
}

#[inline(always)]
fn block<L: Lanes, P: Pass<SUMS>, const SUMS: usize, const FLIGHT: usize>(
    pass: &P,
    x: &[f32],
    y: &[f32],
    gradient: &mut [f32],
) -> [f32; SUMS] {
    let ((xs, x_rest), (ys, y_rest)) = (L::blocks(x), L::blocks(y));
    let (gradients, gradient_rest) = L::blocks_mut(gradient);
    let ((xs, x_single), (ys, y_single)) = (xs.as_chunks::<FLIGHT>(), ys.as_chunks::<FLIGHT>());
    let (gradients, gradient_single) = gradients.as_chunks_mut::<FLIGHT>();
    let mut sums = [[L::splat(0.0); SUMS]; FLIGHT];
    for ((x, y), gradient) in xs.iter().zip(ys).zip(gradients) {
        for lane in 0..FLIGHT {
            let (x, y, kept) = (L::load(&x[lane]), L::load(&y[lane]), L::load(&gradient[lane]));
            let result = pass.at(x, y, kept, &mut sums[lane]);
            if P::WRITES {
                result.store(&mut gradient[lane]);
            }
        }
    }
    for ((x, y), gradient) in x_single.iter().zip(y_single).zip(gradient_single) {
        let result = pass.at(L::load(x), L::load(y), L::load(gradient), &mut sums[0]);
        if P::WRITES {
            result.store(gradient);
        }
    }
    let mut rest = [0.0_f32; SUMS];
    for ((x, y), gradient) in x_rest.iter().zip(y_rest).zip(gradient_rest) {
        let result = pass.at(*x, *y, *gradient, &mut rest);
        if P::WRITES {
            *gradient = result;
        }
    }
    for (at, rest) in rest.iter_mut().enumerate() {
        let mut sum = sums[0][at];
        for sums in &sums[1..] {
            sum = sum + sums[at];
        }
        *rest += sum.sum();
    }
    rest
}
