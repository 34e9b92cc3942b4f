//! A tensor → the same with its last two axes in another order, or back.

use smallvec::SmallVec;

/// An axis of a copy: how long it is, and the distance of neighbours in either tensor, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::jit) struct Way {
    pub extent: usize,
    pub from: isize,
    pub to: isize,
}

/// A copy of a tensor: its lanes, the rows that stand at each of them, and what is around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::jit) struct Turn {
    pub lanes: Way,
    pub row: Way,
    pub around: SmallVec<[Way; 4]>,
}

/// Lanes whose rows are copied before those of the next ones: as many as stay in the first cache.
const NEAR: usize = 64;

/// A number of which squares are turned in registers.
pub(in crate::jit) trait Tile: Copy {
    /// How many numbers are side by side in a square.
    const SIDE: usize;

    /// Turns a square.
    ///
    /// # Safety
    /// At the first address are `SIDE` numbers side by side, and as many more a step further each; at the second one is
    /// room for as many, in steps of its own. They do not overlap.
    unsafe fn tile(from: *const Self, step: isize, to: *mut Self, to_step: isize);
}

impl Turn {
    /// Copies all elements.
    ///
    /// # Safety
    /// All that the ways reach from the two addresses lies in memory that lives; the tensors do not overlap, and nobody
    /// else writes the first or uses the second one.
    pub unsafe fn copy<T: Tile>(&self, from: *const T, to: *mut T) {
        let count: usize = self.around.iter().map(|way| way.extent).product();
        for mut place in 0..count {
            let (mut source, mut target) = (from, to);
            for way in self.around.iter().rev() {
                let index = (place % way.extent) as isize;
                place /= way.extent;
                (source, target) = (source.wrapping_offset(index * way.from), target.wrapping_offset(index * way.to));
            }
            let block = Block { from: source, to: target, lanes: self.lanes, row: self.row };
            // SAFETY: as the caller ensures.
            unsafe { block.copy() };
        }
    }
}

/// What stands at one position of what is around.
struct Block<T> {
    from: *const T,
    to: *mut T,
    lanes: Way,
    row: Way,
}

impl<T: Tile> Block<T> {
    /// # Safety
    /// As for [`Turn::copy`].
    unsafe fn copy(&self) {
        let (lanes, row) = (self.lanes, self.row);
        let is_there = row.from == 1 && lanes.to == 1;
        let is_back = lanes.from == 1 && row.to == 1;
        let squares = (is_there || is_back) && row.extent >= T::SIDE;
        for first in (0..lanes.extent).step_by(NEAR) {
            let count = NEAR.min(lanes.extent - first);
            // SAFETY: as the caller ensures; the lanes are there.
            unsafe {
                if squares && count >= T::SIDE {
                    self.by_squares(first, count, is_there);
                } else {
                    self.one_by_one(first, count);
                }
            }
        }
    }

    /// The last square of a side may have something of the one before.
    ///
    /// # Safety
    /// As for [`Turn::copy`]; there are these lanes, at least as many as a square has, as there are in a row.
    unsafe fn by_squares(&self, first: usize, count: usize, is_there: bool) {
        let (lanes, row) = (self.lanes, self.row);
        let (step, to_step) = if is_there { (lanes.from, row.to) } else { (row.from, lanes.to) };
        for at in (0..row.extent).step_by(T::SIDE) {
            let at = at.min(row.extent - T::SIDE) as isize;
            for lane in (0..count).step_by(T::SIDE) {
                let lane = (first + lane.min(count - T::SIDE)) as isize;
                let from = self.from.wrapping_offset(lane * lanes.from + at * row.from);
                let to = self.to.wrapping_offset(lane * lanes.to + at * row.to);
                // SAFETY: as the caller ensures.
                unsafe { T::tile(from, step, to, to_step) };
            }
        }
    }

    /// # Safety
    /// As for [`Turn::copy`]; there are these lanes.
    unsafe fn one_by_one(&self, first: usize, count: usize) {
        let (lanes, row) = (self.lanes, self.row);
        for at in 0..row.extent as isize {
            for lane in first as isize..(first + count) as isize {
                let from = self.from.wrapping_offset(lane * lanes.from + at * row.from);
                let to = self.to.wrapping_offset(lane * lanes.to + at * row.to);
                // SAFETY: as the caller ensures.
                unsafe { to.write(from.read()) };
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod tiles {
    use std::arch::x86_64::*;

    use super::Tile;

    impl Tile for f32 {
        const SIDE: usize = 4;

        #[inline(always)]
        unsafe fn tile(from: *const f32, step: isize, to: *mut f32, to_step: isize) {
            // SAFETY: as the caller ensures; every machine of this kind has the instructions.
            unsafe {
                let [mut a, mut b, mut c, mut d] = [0, 1, 2, 3].map(|at| _mm_loadu_ps(from.wrapping_offset(at * step)));
                _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
                for (at, line) in [a, b, c, d].into_iter().enumerate() {
                    _mm_storeu_ps(to.wrapping_offset(at as isize * to_step), line);
                }
            }
        }
    }

    impl Tile for f64 {
        const SIDE: usize = 2;

        #[inline(always)]
        unsafe fn tile(from: *const f64, step: isize, to: *mut f64, to_step: isize) {
            // SAFETY: as the caller ensures; every machine of this kind has the instructions.
            unsafe {
                let (a, b) = (_mm_loadu_pd(from), _mm_loadu_pd(from.wrapping_offset(step)));
                _mm_storeu_pd(to, _mm_unpacklo_pd(a, b));
                _mm_storeu_pd(to.wrapping_offset(to_step), _mm_unpackhi_pd(a, b));
            }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod tiles {
    use super::Tile;

    macro_rules! tile {
        ($real:ident) => {
            impl Tile for $real {
                const SIDE: usize = 4;

                #[inline(always)]
                unsafe fn tile(from: *const $real, step: isize, to: *mut $real, to_step: isize) {
                    for at in 0..4 {
                        for line in 0..4 {
                            // SAFETY: as the caller ensures.
                            unsafe {
                                let number = from.wrapping_offset(line * step + at).read();
                                to.wrapping_offset(at * to_step + line).write(number);
                            }
                        }
                    }
                }
            }
        };
    }

    tile!(f32);
    tile!(f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There and back, for all sizes around those of squares.
    fn check<T: Tile + PartialEq + std::fmt::Debug>(number: impl Fn(usize) -> T) {
        for (lanes, row, outer) in [(1, 1, 1), (3, 5, 2), (4, 4, 1), (5, 3, 3), (67, 10, 2), (130, 7, 1), (64, 2, 2)] {
            let source: Vec<T> = (0..outer * lanes * row).map(&number).collect();
            let (stride, size) = (lanes + 3, (lanes + 3) * row);
            let way = |extent: usize, from: usize, to: usize| Way { extent, from: from as isize, to: to as isize };
            let there = Turn {
                lanes: way(lanes, row, 1),
                row: way(row, 1, stride),
                around: [way(outer, lanes * row, size)].into_iter().collect(),
            };
            let mut turned = vec![number(1 << 20); outer * size];
            // SAFETY: both have as many elements as the ways reach.
            unsafe { there.copy(source.as_ptr(), turned.as_mut_ptr()) };
            for (place, &want) in source.iter().enumerate() {
                let (around, lane, at) = (place / (lanes * row), place / row % lanes, place % row);
                assert_eq!(turned[around * size + at * stride + lane], want, "{lanes} lanes of {row}");
            }
            let gaps = turned.iter().filter(|&&one| one == number(1 << 20)).count();
            assert_eq!(gaps, outer * row * 3, "what is between lanes stays");
            let turn = |way: Way| Way { extent: way.extent, from: way.to, to: way.from };
            let back = Turn {
                lanes: turn(there.lanes),
                row: turn(there.row),
                around: there.around.iter().copied().map(turn).collect(),
            };
            let mut again = vec![number(0); source.len()];
            // SAFETY: as above.
            unsafe { back.copy(turned.as_ptr(), again.as_mut_ptr()) };
            assert_eq!(again, source, "{lanes} lanes of {row}");
        }
    }

    #[test]
    fn tensors_are_turned_there_and_back() {
        check(|place| place as f32);
        check(|place| place as f64);
    }
}
