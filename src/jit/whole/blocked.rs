//! One matrix product → the calls of a kernel on panels that fit the caches.
//!
//! Of rows and columns the shorter side is packed first, for a part of the depth, and shared by all threads; the longer
//! side is cut into parts, which threads pack for themselves. Every element of the result is the sum of its products in
//! the order of the depth, interrupted at the same places however the sides are cut and whoever computes it.

use std::ops::Range;

use super::contract::Entry;
use super::micro::{Micro, Tile};
use super::walk::{Span, for_each};
use crate::jit::share;

/// A line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Memory for panels, kept from call to call.
#[derive(Clone, Debug, Default)]
pub(super) struct Panels(Vec<Line>);

impl Panels {
    /// Room for so many products at once, and so many workers.
    pub(super) fn room<T>(&mut self, cut: &Cut, products: usize, workers: usize) -> Room<T> {
        let whole = |elements: usize| elements.next_multiple_of(size_of::<Line>() / size_of::<T>());
        let (shared, part) = (whole(cut.shared * cut.depth) * cut.depths, whole(cut.part * cut.depth));
        let elements = shared * products + part * workers;
        self.0.resize(self.0.len().max(elements * size_of::<T>() / size_of::<Line>()), Line([0; 64]));
        let start = self.0.as_mut_ptr().cast::<T>();
        Room { shared: start, parts: start.wrapping_add(shared * products), lengths: [shared, part] }
    }
}

/// Where panels are.
#[derive(Clone, Copy)]
pub(super) struct Room<T> {
    shared: *mut T,
    parts: *mut T,
    /// Of the panels that a product shares, and of those of a worker.
    lengths: [usize; 2],
}

// SAFETY: each worker goes to its own part only, and panels that are shared are written before they are read.
unsafe impl<T> Sync for Room<T> {}

impl<T> Room<T> {
    /// The room for one of several products at once, which has one worker.
    pub(super) fn from(&self, product: usize) -> Room<T> {
        let shared = self.shared.wrapping_add(product * self.lengths[0]);
        Room { shared, parts: self.part(product), lengths: self.lengths }
    }

    /// The shared panels of one of the depths.
    fn shared(&self, depth: usize, cut: &Cut) -> *mut T {
        self.shared.wrapping_add(depth * (self.lengths[0] / cut.depths))
    }

    fn part(&self, worker: usize) -> *mut T {
        self.parts.wrapping_add(worker * self.lengths[1])
    }
}

/// A product: where its matrices begin and how they lie.
pub(super) struct Product<T: 'static> {
    rows: Span,
    columns: Span,
    depth: Span,
    /// First operand, second operand, result.
    matrices: [*mut T; 3],
    set: bool,
}

// SAFETY: threads read operands, and write elements of the result that no other thread writes.
unsafe impl<T> Sync for Product<T> {}

/// How a product is cut.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    /// Whether the rows are the longer side.
    by_rows: bool,
    /// How much of the depth a panel has.
    depth: usize,
    /// How many such depths are packed at once: a part of the result stays in the cache while they are added to it.
    depths: usize,
    /// How much of the shorter side, in whole panels.
    shared: usize,
    /// How much of the longer side, in whole panels.
    part: usize,
    /// How many such parts.
    parts: usize,
}

impl Cut {
    /// Bounds: one panel of columns stays in the innermost cache, some panels of rows in the next one.
    const DEEPEST: usize = 256;
    const LONGEST_PART: usize = 256;
    const LONGEST_SHARED: usize = 4096;
    /// Into how many parts a side is cut that is not long.
    const PARTS: usize = 8;
    /// Elements of shared panels, if they are of several depths.
    const SHARED: usize = 1 << 19;

    pub(super) fn new<T>(micro: &Micro<T>, [rows, columns, depth]: [usize; 3]) -> Cut {
        let by_rows = rows >= columns;
        let (long, short) = if by_rows { (rows, columns) } else { (columns, rows) };
        let (wide, other) = if by_rows { (micro.rows, micro.columns) } else { (micro.columns, micro.rows) };
        let pieces = depth.div_ceil(Self::DEEPEST).max(1);
        let part = long.div_ceil(Self::PARTS).clamp(1, Self::LONGEST_PART).next_multiple_of(wide);
        let shared = short.min(Self::LONGEST_SHARED).next_multiple_of(other);
        let depth = depth.div_ceil(pieces);
        Cut {
            by_rows,
            depth,
            depths: (Self::SHARED / (shared * depth).max(1)).clamp(1, pieces),
            shared,
            part,
            parts: long.div_ceil(part),
        }
    }

    /// Into how many parts the longer side is cut.
    pub(super) fn parts(&self) -> usize {
        self.parts
    }
}

/// The depths of some.
fn depths(deepest: &Range<usize>, length: usize) -> impl Iterator<Item = Range<usize>> {
    let start = deepest.start;
    parts(deepest.len(), length).map(move |deep| start + deep.start..start + deep.end)
}

/// The parts of an extent.
fn parts(extent: usize, length: usize) -> impl Iterator<Item = Range<usize>> {
    (0..extent).step_by(length.max(1)).map(move |begin| begin..extent.min(begin + length))
}

impl<T: Entry> Product<T> {
    /// # Safety
    /// The pointers with the spans' strides and extents stay in their tensors, and the last is written by nobody else.
    pub(super) unsafe fn new([rows, columns, depth]: [Span; 3], matrices: [*mut T; 3], set: bool) -> Self {
        Product { rows, columns, depth, matrices, set }
    }

    /// Computes it with so many threads.
    pub(super) fn run(&self, threads: usize, micro: &'static Micro<T>, cut: Cut, room: Room<T>) {
        let extents = [self.rows.extent, self.columns.extent];
        let [long, short] = if cut.by_rows { extents } else { [extents[1], extents[0]] };
        if self.depth.extent == 0 {
            return self.clear();
        }
        if self.is_of_dots(micro) {
            return self.dots(micro);
        }
        for deepest in parts(self.depth.extent, cut.depth * cut.depths) {
            for short in parts(short, cut.shared) {
                self.share_panels(threads, micro, cut, &short, &deepest, &room);
                share::pieces(threads, cut.parts, &|worker, piece| {
                    let begin = piece * cut.part;
                    let long = begin..long.min(begin + cut.part);
                    let panels = room.part(worker);
                    for (place, deep) in depths(&deepest, cut.depth).enumerate() {
                        let shared = room.shared(place, &cut);
                        self.pack(micro, cut.by_rows, long.clone(), &deep, panels);
                        if cut.by_rows {
                            self.tiles(micro, [long.clone(), short.clone()], &deep, [panels, shared]);
                        } else {
                            self.tiles(micro, [short.clone(), long.clone()], &deep, [shared, panels]);
                        }
                    }
                });
            }
        }
    }

    /// Whether the result has few elements, and both operands lie along the depth.
    fn is_of_dots(&self, micro: &Micro<T>) -> bool {
        let few = self.rows.extent.saturating_mul(self.columns.extent) <= Self::FEW;
        few && micro.dots.iter().all(|&most| most > 0) && self.depth.strides[..2] == [1, 1]
    }

    /// Up to so many elements of a result are computed without packing.
    const FEW: usize = 256;
    /// So much of the depth at once.
    const LONG: usize = 1024;

    /// Computes a small result from operands where they are.
    fn dots(&self, micro: &Micro<T>) {
        let strides = [self.rows.strides[2], self.columns.strides[2]];
        for deep in parts(self.depth.extent, Self::LONG) {
            for across in parts(self.columns.extent, micro.dots[1]) {
                for down in parts(self.rows.extent, micro.dots[0]) {
                    let (row, column) = (down.start as isize, across.start as isize);
                    let offsets = [
                        row * self.rows.strides[0] + deep.start as isize,
                        column * self.columns.strides[1] + deep.start as isize,
                        row * strides[0] + column * strides[1],
                    ];
                    let [first, second, result] = [0, 1, 2].map(|of| self.matrices[of].wrapping_offset(offsets[of]));
                    let (depth, set) = (deep.len(), self.set && deep.start == 0);
                    let tile = Tile { rows: down.len(), columns: across.len(), depth, result, strides, set };
                    // SAFETY: the tile lies in the result, which is this product's; the lines lie in the operands.
                    unsafe { micro.dots(&tile, first, second, [self.rows.strides[0], self.columns.strides[1]]) };
                }
            }
        }
    }

    /// Packs a part of the shorter side.
    fn share_panels(
        &self,
        threads: usize,
        micro: &Micro<T>,
        cut: Cut,
        short: &Range<usize>,
        deepest: &Range<usize>,
        room: &Room<T>,
    ) {
        let wide = if cut.by_rows { micro.columns } else { micro.rows };
        // Some tens of lines are worth the call.
        let piece_length = wide * 48_usize.div_ceil(wide);
        share::pieces(threads, short.len().div_ceil(piece_length), &|_, piece| {
            let begin = piece * piece_length;
            let lines = short.start + begin..short.end.min(short.start + begin + piece_length);
            for (place, deep) in depths(deepest, cut.depth).enumerate() {
                let panels = room.shared(place, &cut).wrapping_add(begin * deep.len());
                self.pack(micro, !cut.by_rows, lines.clone(), &deep, panels);
            }
        });
    }

    /// Whether a column's elements lie next to each other in memory, so that the kernel reads them where they are.
    fn has_columns_in_place(&self) -> bool {
        self.depth.strides[1] == 1
    }

    /// Packs some rows or columns.
    fn pack(&self, micro: &Micro<T>, rows: bool, lines: Range<usize>, deep: &Range<usize>, to: *mut T) {
        if !rows && self.has_columns_in_place() {
            return;
        }
        let operand = usize::from(!rows);
        let (span, pack) = if rows { (self.rows, micro.pack_rows) } else { (self.columns, micro.pack_columns) };
        let strides = [span.strides[operand], self.depth.strides[operand]];
        let offset = lines.start as isize * strides[0] + deep.start as isize * strides[1];
        let from = self.matrices[operand].wrapping_offset(offset).cast_const();
        // SAFETY: the lines lie in the operand; the cut has room for them.
        unsafe { pack(from, strides, [lines.len(), deep.len()], to) };
    }

    /// Computes a part of the result from panels.
    fn tiles(
        &self,
        micro: &Micro<T>,
        [rows, columns]: [Range<usize>; 2],
        deep: &Range<usize>,
        [first, second]: [*mut T; 2],
    ) {
        let strides = [self.rows.strides[2], self.columns.strides[2]];
        let set = self.set && deep.start == 0;
        let in_place = self.has_columns_in_place();
        let along = if in_place { [1, self.columns.strides[1]] } else { [micro.columns as isize, 1] };
        // Some panels of rows stay in the cache while all columns go by.
        for block in parts(rows.len(), Cut::LONGEST_PART.next_multiple_of(micro.rows)) {
            for across in parts(columns.len(), micro.columns) {
                for down in parts(block.len(), micro.rows) {
                    let down = block.start + down.start..block.start + down.end;
                    let row = (rows.start + down.start) as isize * strides[0];
                    let column = (columns.start + across.start) as isize * strides[1];
                    let result = self.matrices[2].wrapping_offset(row + column);
                    let depth = deep.len();
                    let tile = Tile { rows: down.len(), columns: across.len(), depth, result, strides, set };
                    let first = first.wrapping_add(down.start * depth);
                    let second = if in_place {
                        let column = (columns.start + across.start) as isize * self.columns.strides[1];
                        self.matrices[1].wrapping_offset(column + deep.start as isize)
                    } else {
                        second.wrapping_add(across.start * depth)
                    };
                    // SAFETY: the tile lies in the result, and only this part writes it; panels begin at whole numbers
                    // of lines.
                    unsafe { micro.run(&tile, first, second, along) };
                }
            }
        }
    }

    /// The sum of no products.
    fn clear(&self) {
        if !self.set {
            return;
        }
        for_each(&[self.rows, self.columns], &mut |at| {
            // SAFETY: the position lies in the result.
            unsafe { self.matrices[2].offset(at.0[2]).write(T::ZERO) };
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix in memory of just its size: some lie row by row, some column by column, some with gaps or backwards.
    struct Matrix<T> {
        memory: Vec<T>,
        first: usize,
        strides: [isize; 2],
    }

    impl<T: Entry> Matrix<T> {
        fn new([rows, columns]: [usize; 2], layout: usize) -> Self {
            let (down, right) = (rows as isize, columns as isize);
            let strides = [[right, 1], [1, down], [2 * right, 2], [-right, 1], [1, -down]][layout];
            let reach = |extent: usize, stride: isize| extent.saturating_sub(1) * stride.unsigned_abs();
            let size = reach(rows, strides[0]) + reach(columns, strides[1]) + 1;
            let below = |extent: usize, stride: isize| if stride < 0 { reach(extent, stride) } else { 0 };
            let number = |place: usize| T::from_f64(f64::from((place * 7919 % 1009) as u32) / 1009.0 - 0.4);
            let first = below(rows, strides[0]) + below(columns, strides[1]);
            Matrix { memory: (0..size).map(number).collect(), first, strides }
        }

        fn start(&mut self) -> *mut T {
            self.memory[self.first..].as_mut_ptr()
        }

        fn at(&self, row: usize, column: usize) -> f64 {
            let offset = row as isize * self.strides[0] + column as isize * self.strides[1];
            self.memory[self.first.wrapping_add_signed(offset)].to_f64()
        }
    }

    /// Compares a product with sums in double precision, and what one thread gives with what three give.
    fn check<T: Entry>([rows, columns, depth]: [usize; 3], layouts: [usize; 3], unit: f64) {
        let [mut a, mut b] = [Matrix::<T>::new([rows, depth], layouts[0]), Matrix::new([depth, columns], layouts[1])];
        let before = Matrix::<T>::new([rows, columns], layouts[2]);
        let results = [1, 3].map(|threads| {
            let mut result = Matrix::<T>::new([rows, columns], layouts[2]);
            let row = Span { extent: rows, strides: [a.strides[0], 0, result.strides[0]] };
            let column = Span { extent: columns, strides: [0, b.strides[1], result.strides[1]] };
            let deep = Span { extent: depth, strides: [a.strides[1], b.strides[0], 0] };
            let mut panels = Panels::default();
            for set in [true, false] {
                let cut = Cut::new(T::micro(), [rows, columns, depth]);
                let room = panels.room::<T>(&cut, 1, threads);
                // SAFETY: the matrices are as large as the spans say.
                let product = unsafe { Product::new([row, column, deep], [a.start(), b.start(), result.start()], set) };
                product.run(threads, T::micro(), cut, room);
            }
            result
        });
        let label = format!("{rows}x{columns}x{depth}, layouts {layouts:?}");
        for row in 0..rows {
            for column in 0..columns {
                let products = (0..depth).map(|deep| a.at(row, deep) * b.at(deep, column));
                let (sum, size) = products.fold((0.0, 0.0), |(sum, size), one| (sum + one, size + one.abs()));
                let found = results[0].at(row, column);
                assert!((found - 2.0 * sum).abs() <= unit * (depth + 2) as f64 * size, "{label}: {found}, {sum}");
                assert_eq!(found.to_bits(), results[1].at(row, column).to_bits(), "{label}");
            }
        }
        // Nothing between the elements has been written.
        let elements = rows * columns;
        let changed = results[0].memory.iter().zip(&before.memory).filter(|(now, old)| now.to_f64() != old.to_f64());
        assert!(changed.count() <= elements, "{label}");
    }

    #[test]
    fn products_are_sums_of_products() {
        let shapes = [
            [1, 1, 1],
            [1, 7, 3],
            [5, 1, 9],
            [6, 6, 0],
            [0, 4, 3],
            [4, 0, 3],
            [17, 13, 5],
            [64, 6, 16],
            [63, 7, 33],
            [65, 12, 20],
            [130, 70, 40],
            [70, 130, 40],
            [20, 300, 530],
            [300, 20, 1030],
            [9, 5000, 3],
            [5000, 9, 3],
        ];
        for (position, shape) in shapes.into_iter().enumerate() {
            for first in 0..5 {
                // All layouts of each matrix, though not all of them together.
                let layouts = [first, (first + position) % 5, (2 * first + position) % 5];
                check::<f32>(shape, layouts, f64::from(f32::EPSILON));
                check::<f64>(shape, layouts, f64::EPSILON);
            }
        }
    }
}
