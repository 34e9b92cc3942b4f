//! A plain copy, against which the bandwidth is measured.

use super::lanes::{Kernel, Lanes, Level};

struct Copy<'a> {
    from: &'a [f32],
    to: &'a mut [f32],
}

impl Kernel for Copy<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let ((from, from_rest), (to, to_rest)) = (L::blocks(self.from), L::blocks_mut(self.to));
        let ((from, from_single), (to, to_single)) = (from.as_chunks::<4>(), to.as_chunks_mut::<4>());
        for (from, to) in from.iter().zip(to) {
            for lane in 0..4 {
                L::load(&from[lane]).store(&mut to[lane]);
            }
        }
        from_single.iter().zip(to_single).for_each(|(from, to)| L::load(from).store(to));
        to_rest.copy_from_slice(from_rest);
    }
}

/// Copies by vector loads and stores.
pub fn copy(level: Level, from: &[f32], to: &mut [f32]) {
    level.run(Copy { from, to });
}
