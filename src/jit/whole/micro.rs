//! The machine → the innermost kernels of matrix products, by a library: a few rows and columns of the result, along the
//! whole depth.
//!
//! The library's own products take memory at every call and pack what they share anew for each thread, so only its
//! kernels are used; what they are called on is [`blocked`](super::blocked)'s.

use super::pack::{Pack, pack};

/// Rows, columns, depth; result; packed rows, packed columns; the result's strides from column to column and from row to
/// row; strides of the packed rows along the depth, of the packed columns along the depth and from one to the next; the
/// factors of what the result holds and of the product, and what the first is: 0, 1 or (2) another; for complex numbers,
/// three times; a hint.
type Kernel<T> = unsafe fn(
    usize,
    usize,
    usize,
    *mut T,
    *const T,
    *const T,
    isize,
    isize,
    isize,
    isize,
    isize,
    T,
    T,
    u8,
    bool,
    bool,
    bool,
    *const T,
);

/// Depth; result, rows, columns; the result's strides from column to column and from row to row, that of rows and that of
/// columns, of which the elements along the depth lie next to each other; the rest as above.
type Dots<T> = unsafe fn(usize, *mut T, *const T, *const T, isize, isize, isize, isize, T, T, u8, bool, bool, bool);

/// The kernels for one kind of machine.
pub(super) struct Micro<T: 'static> {
    /// Rows that a vector has.
    lanes: usize,
    /// The most rows of a kernel: as many are packed together.
    pub rows: usize,
    /// The most columns of a kernel: as many are packed together.
    pub columns: usize,
    /// By vectors of rows, then by columns.
    kernels: &'static [Kernel<T>],
    /// The most rows and columns of products along the depth, none if there are no such kernels: then these by rows, then
    /// by columns.
    pub dots: [usize; 2],
    dot_kernels: &'static [Dots<T>],
    pub pack_rows: Pack<T>,
    pub pack_columns: Pack<T>,
}

/// A tile of the result.
pub(super) struct Tile<T> {
    pub rows: usize,
    pub columns: usize,
    pub depth: usize,
    /// Its first element.
    pub result: *mut T,
    /// From row to row, and from column to column.
    pub strides: [isize; 2],
    /// Whether it is set, and not added to.
    pub set: bool,
}

impl<T: From<f32>> Micro<T> {
    /// # Safety
    /// The result is memory of so many rows and columns; the rows are packed by this, `depth` deep, and so many columns
    /// have these strides, along the depth and from one to the next.
    pub(super) unsafe fn run(&self, tile: &Tile<T>, rows: *const T, columns: *const T, strides: [isize; 2]) {
        let kernel = self.kernels[(tile.rows.div_ceil(self.lanes) - 1) * self.columns + tile.columns - 1];
        let (row, column) = (tile.strides[0], tile.strides[1]);
        let (before, factor) = (T::from(1.0), T::from(1.0));
        let kind = u8::from(!tile.set);
        let no = false;
        // SAFETY: as the caller ensures; the machine has what the kernels of `micro` need.
        unsafe {
            kernel(
                tile.rows,
                tile.columns,
                tile.depth,
                tile.result,
                rows,
                columns,
                column,
                row,
                self.rows as isize,
                strides[0],
                strides[1],
                before,
                factor,
                kind,
                no,
                no,
                no,
                std::ptr::null(),
            );
        }
    }

    /// As [`Micro::run`], of rows and columns whose elements along the depth lie next to each other where they are: each
    /// lane of a vector has its own sum. The strides are from row to row and from column to column.
    ///
    /// # Safety
    /// The result is memory of so many rows and columns, at least one and at most as many as `dots` says; they lie in
    /// memory, `depth` deep.
    pub(super) unsafe fn dots(&self, tile: &Tile<T>, rows: *const T, columns: *const T, strides: [isize; 2]) {
        let kernel = self.dot_kernels[(tile.rows - 1) * self.dots[1] + tile.columns - 1];
        let (row, column) = (tile.strides[0], tile.strides[1]);
        let (before, factor, no) = (T::from(1.0), T::from(1.0), false);
        let kind = u8::from(!tile.set);
        // SAFETY: as the caller ensures; the machine has what the kernels of `micro` need.
        unsafe {
            kernel(
                tile.depth,
                tile.result,
                rows,
                columns,
                column,
                row,
                strides[0],
                strides[1],
                before,
                factor,
                kind,
                no,
                no,
                no,
            );
        }
    }
}

/// The kernels of a module of the library with vectors of so many lanes.
macro_rules! micro {
    ($element:ty, $lanes:literal, $($module:ident)::+) => {{
        use $($module)::+ as module;
        static MICRO: Micro<$element> = Micro {
            lanes: $lanes,
            rows: module::MR_DIV_N * $lanes,
            columns: module::NR,
            kernels: module::UKR.as_flattened(),
            dots: [module::H_M, module::H_N],
            dot_kernels: module::H_UKR.as_flattened(),
            pack_rows: pack::<$element, { module::MR_DIV_N * $lanes }>,
            pack_columns: pack::<$element, { module::NR }>,
        };
        &MICRO
    }};
}

/// The kernels of a crate for this machine, with the lanes that a vector of each kind of machine has.
macro_rules! of_machine {
    ($element:ident, $library:ident, $avx512:literal, $fma:literal, $neon:literal) => {{
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") {
                return micro!($element, $avx512, $library::microkernel::avx512f::$element);
            }
            if has!("fma") {
                return micro!($element, $fma, $library::microkernel::fma::$element);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            return micro!($element, $neon, $library::microkernel::neon::$element);
        }
        micro!($element, 1, $library::microkernel::scalar::$element)
    }};
}

/// Those of singles.
pub(super) fn singles() -> &'static Micro<f32> {
    of_machine!(f32, gemm_f32, 16, 8, 4)
}

/// Those of doubles.
pub(super) fn doubles() -> &'static Micro<f64> {
    of_machine!(f64, gemm_f64, 8, 4, 2)
}
