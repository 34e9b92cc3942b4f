//! Tensors at the border: element types, owned buffers, and views over the caller's memory.

mod view;

use std::sync::Arc;

use smallvec::SmallVec;

pub use view::{Run, TensorView, TensorViewMut, ViewError, row_major};

/// Extents: those of most tensors are held without an allocation.
pub type Extents = SmallVec<[usize; 6]>;

/// Strides in elements.
pub type Strides = SmallVec<[isize; 6]>;

/// The element type of a tensor in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// IEEE half precision.
    F16,
    /// bfloat16.
    BF16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
    /// Unsigned bytes.
    U8,
    /// Unsigned 32-bit integers.
    U32,
    /// Signed 32-bit integers.
    I32,
    /// Signed 64-bit integers.
    I64,
}

impl DType {
    /// As it is written in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::U8 => "u8",
            DType::U32 => "u32",
            DType::I32 => "i32",
            DType::I64 => "i64",
        }
    }

    /// Whether it holds floats.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    }
}

/// A borrowed buffer of one element type.
#[derive(Clone, Copy, Debug)]
pub enum Slice<'a> {
    /// IEEE half precision.
    F16(&'a [half::f16]),
    /// bfloat16.
    BF16(&'a [half::bf16]),
    /// IEEE single precision.
    F32(&'a [f32]),
    /// IEEE double precision.
    F64(&'a [f64]),
    /// Unsigned bytes.
    U8(&'a [u8]),
    /// Unsigned 32-bit integers.
    U32(&'a [u32]),
    /// Signed 32-bit integers.
    I32(&'a [i32]),
    /// Signed 64-bit integers.
    I64(&'a [i64]),
}

impl Slice<'_> {
    /// Its element type.
    pub fn dtype(&self) -> DType {
        match self {
            Slice::F16(_) => DType::F16,
            Slice::BF16(_) => DType::BF16,
            Slice::F32(_) => DType::F32,
            Slice::F64(_) => DType::F64,
            Slice::U8(_) => DType::U8,
            Slice::U32(_) => DType::U32,
            Slice::I32(_) => DType::I32,
            Slice::I64(_) => DType::I64,
        }
    }

    /// The number of elements in the buffer.
    pub fn len(&self) -> usize {
        match self {
            Slice::F16(data) => data.len(),
            Slice::BF16(data) => data.len(),
            Slice::F32(data) => data.len(),
            Slice::F64(data) => data.len(),
            Slice::U8(data) => data.len(),
            Slice::U32(data) => data.len(),
            Slice::I32(data) => data.len(),
            Slice::I64(data) => data.len(),
        }
    }

    /// Whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at a position as a double; integers beyond 2^53 are rounded.
    ///
    /// # Panics
    /// If the position is beyond the buffer.
    pub fn real(&self, position: usize) -> f64 {
        match self {
            Slice::F16(data) => data[position].to_f64(),
            Slice::BF16(data) => data[position].to_f64(),
            Slice::F32(data) => f64::from(data[position]),
            Slice::F64(data) => data[position],
            Slice::U8(data) => f64::from(data[position]),
            Slice::U32(data) => f64::from(data[position]),
            Slice::I32(data) => f64::from(data[position]),
            Slice::I64(data) => data[position] as f64,
        }
    }

    /// The element at a position as an integer; a float is truncated, saturating.
    ///
    /// # Panics
    /// If the position is beyond the buffer.
    pub fn int(&self, position: usize) -> i64 {
        match self {
            Slice::U8(data) => i64::from(data[position]),
            Slice::U32(data) => i64::from(data[position]),
            Slice::I32(data) => i64::from(data[position]),
            Slice::I64(data) => data[position],
            float => float.real(position) as i64,
        }
    }
}

/// A borrowed buffer of one float type that is written.
#[derive(Debug)]
pub enum SliceMut<'a> {
    /// Singles.
    F32(&'a mut [f32]),
    /// Doubles.
    F64(&'a mut [f64]),
}

impl SliceMut<'_> {
    /// Its element type.
    pub fn dtype(&self) -> DType {
        match self {
            SliceMut::F32(_) => DType::F32,
            SliceMut::F64(_) => DType::F64,
        }
    }

    /// The number of elements in the buffer.
    pub fn len(&self) -> usize {
        match self {
            SliceMut::F32(data) => data.len(),
            SliceMut::F64(data) => data.len(),
        }
    }

    /// Whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Some of its elements; none if they are not in it.
    pub fn part(&mut self, range: std::ops::Range<usize>) -> Option<SliceMut<'_>> {
        Some(match self {
            SliceMut::F32(data) => SliceMut::F32(data.get_mut(range)?),
            SliceMut::F64(data) => SliceMut::F64(data.get_mut(range)?),
        })
    }

    /// Sets an element.
    ///
    /// # Panics
    /// If the position is beyond the buffer.
    pub fn set(&mut self, position: usize, value: f64) {
        match self {
            SliceMut::F32(data) => data[position] = value as f32,
            SliceMut::F64(data) => data[position] = value,
        }
    }
}

/// An owned buffer of one element type.
#[derive(Clone, Debug, PartialEq)]
pub enum Buffer {
    /// IEEE half precision.
    F16(Arc<Vec<half::f16>>),
    /// bfloat16.
    BF16(Arc<Vec<half::bf16>>),
    /// IEEE single precision.
    F32(Arc<Vec<f32>>),
    /// IEEE double precision.
    F64(Arc<Vec<f64>>),
    /// Unsigned bytes.
    U8(Arc<Vec<u8>>),
    /// Unsigned 32-bit integers.
    U32(Arc<Vec<u32>>),
    /// Signed 32-bit integers.
    I32(Arc<Vec<i32>>),
    /// Signed 64-bit integers.
    I64(Arc<Vec<i64>>),
}

/// An owned tensor, contiguous in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its elements.
    pub data: Buffer,
    /// Its extents.
    pub shape: Vec<usize>,
}

impl Tensor {
    /// A tensor of doubles.
    pub fn f64(data: Vec<f64>, shape: &[usize]) -> Self {
        Tensor { data: Buffer::F64(Arc::new(data)), shape: shape.to_vec() }
    }

    /// A tensor of singles.
    pub fn f32(data: Vec<f32>, shape: &[usize]) -> Self {
        Tensor { data: Buffer::F32(Arc::new(data)), shape: shape.to_vec() }
    }

    /// A tensor of 64-bit integers.
    pub fn i64(data: Vec<i64>, shape: &[usize]) -> Self {
        Tensor { data: Buffer::I64(Arc::new(data)), shape: shape.to_vec() }
    }

    /// Its elements as a borrowed buffer.
    pub fn slice(&self) -> Slice<'_> {
        match &self.data {
            Buffer::F16(data) => Slice::F16(data),
            Buffer::BF16(data) => Slice::BF16(data),
            Buffer::F32(data) => Slice::F32(data),
            Buffer::F64(data) => Slice::F64(data),
            Buffer::U8(data) => Slice::U8(data),
            Buffer::U32(data) => Slice::U32(data),
            Buffer::I32(data) => Slice::I32(data),
            Buffer::I64(data) => Slice::I64(data),
        }
    }

    /// A view of the whole.
    ///
    /// # Errors
    /// If the shape does not fit the buffer.
    pub fn view(&self) -> Result<TensorView<'_>, ViewError> {
        TensorView::contiguous(self.slice(), &self.shape)
    }

    /// Its element type.
    pub fn dtype(&self) -> DType {
        self.slice().dtype()
    }

    /// All elements as doubles, in row-major order.
    pub fn to_f64(&self) -> Vec<f64> {
        let slice = self.slice();
        (0..slice.len()).map(|position| slice.real(position)).collect()
    }
}
