//! Tensors at the border: element types, owned buffers, and views over the caller's memory.

use std::sync::Arc;

use smallvec::SmallVec;

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

/// Why a view is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The shape and the strides have different lengths.
    #[error("a shape of {shape} axes with strides of {strides}")]
    Rank {
        /// Axes of the shape.
        shape: usize,
        /// Axes of the strides.
        strides: usize,
    },
    /// An element would lie outside the buffer.
    #[error("a view that reaches from element {lowest} to element {highest} of a buffer of {len}")]
    Bounds {
        /// The lowest position that the view names.
        lowest: i128,
        /// The highest position that the view names.
        highest: i128,
        /// Elements in the buffer.
        len: usize,
    },
    /// A view to be written with a stride of 0: several elements would be one.
    #[error("axis {axis} of a view that is written has {extent} positions and stride 0: they would be one element")]
    Overlap {
        /// Which axis.
        axis: usize,
        /// Its extent.
        extent: usize,
    },
}

/// A tensor over memory that somebody else owns. Every element that it names lies in the buffer.
#[derive(Clone, Debug)]
pub struct TensorView<'a> {
    data: Slice<'a>,
    offset: usize,
    shape: Extents,
    strides: Strides,
}

impl<'a> TensorView<'a> {
    /// A contiguous row-major view of a whole buffer.
    ///
    /// # Errors
    /// If the shape has more or fewer elements than the buffer.
    pub fn contiguous(data: Slice<'a>, shape: &[usize]) -> Result<Self, ViewError> {
        let count = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
        if count != Some(data.len()) {
            let highest = shape.iter().map(|&extent| extent as i128).product::<i128>() - 1;
            return Err(ViewError::Bounds { lowest: 0, highest, len: data.len() });
        }
        Ok(TensorView { data, offset: 0, shape: shape.into(), strides: row_major(shape) })
    }

    /// A view with any strides (in elements, also negative and 0), starting at `offset`.
    ///
    /// # Errors
    /// If an element would lie outside the buffer, or shape and strides differ in length.
    pub fn strided(data: Slice<'a>, offset: usize, shape: &[usize], strides: &[isize]) -> Result<Self, ViewError> {
        if shape.len() != strides.len() {
            return Err(ViewError::Rank { shape: shape.len(), strides: strides.len() });
        }
        let offset = checked_offset(data.len(), offset, shape, strides)?;
        Ok(TensorView { data, offset, shape: shape.into(), strides: strides.into() })
    }

    /// The buffer.
    pub fn data(&self) -> Slice<'a> {
        self.data
    }

    /// The position of the first element in the buffer.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The extents.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The strides in elements.
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// The number of elements that the view names.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// The positions of all elements in the buffer, in row-major order of the view.
    pub fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        positions(&self.shape, &self.strides, self.offset)
    }

    /// The one range of the buffer that the elements fill in row-major order, if they do.
    pub fn dense(&self) -> Option<std::ops::Range<usize>> {
        dense(&self.shape, &self.strides, self.offset)
    }
}

/// The offset of a view whose elements all lie in a buffer of `len`; 0 if there are none.
fn checked_offset(len: usize, offset: usize, shape: &[usize], strides: &[isize]) -> Result<usize, ViewError> {
    let mut lowest = offset as i128;
    let mut highest = offset as i128;
    for (&extent, &stride) in shape.iter().zip(strides) {
        let reach = (extent as i128 - 1).max(0) * stride as i128;
        lowest += reach.min(0);
        highest += reach.max(0);
    }
    let empty = shape.contains(&0);
    if !empty && (lowest < 0 || highest >= len as i128) {
        return Err(ViewError::Bounds { lowest, highest, len });
    }
    Ok(if empty { 0 } else { offset })
}

fn positions<'a>(shape: &'a [usize], strides: &'a [isize], offset: usize) -> impl Iterator<Item = usize> + 'a {
    let count = shape.iter().product::<usize>();
    let mut index = Extents::from_elem(0, shape.len());
    let mut position = offset as isize;
    (0..count).map(move |_| {
        let current = position as usize;
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            position += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            position -= strides[axis] * shape[axis] as isize;
            index[axis] = 0;
        }
        current
    })
}

fn dense(shape: &[usize], strides: &[isize], offset: usize) -> Option<std::ops::Range<usize>> {
    let mut count = 1_usize;
    for (&extent, &stride) in shape.iter().zip(strides).rev() {
        if extent != 1 && stride != count as isize {
            return None;
        }
        count = count.checked_mul(extent)?;
    }
    Some(offset..offset + count)
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

/// A tensor that is written, over memory that somebody else owns. Every element that it names lies in the buffer.
#[derive(Debug)]
pub struct TensorViewMut<'a> {
    data: SliceMut<'a>,
    offset: usize,
    shape: Extents,
    strides: Strides,
}

impl<'a> TensorViewMut<'a> {
    /// A contiguous row-major view of a whole buffer.
    ///
    /// # Errors
    /// If the shape has more or fewer elements than the buffer.
    pub fn contiguous(data: SliceMut<'a>, shape: &[usize]) -> Result<Self, ViewError> {
        let count = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
        if count != Some(data.len()) {
            let highest = shape.iter().map(|&extent| extent as i128).product::<i128>() - 1;
            return Err(ViewError::Bounds { lowest: 0, highest, len: data.len() });
        }
        Ok(TensorViewMut { data, offset: 0, shape: shape.into(), strides: row_major(shape) })
    }

    /// A view with any strides (in elements, also negative), starting at `offset`.
    ///
    /// # Errors
    /// If an element would lie outside the buffer, shape and strides differ in length, or a stride is 0.
    pub fn strided(data: SliceMut<'a>, offset: usize, shape: &[usize], strides: &[isize]) -> Result<Self, ViewError> {
        if shape.len() != strides.len() {
            return Err(ViewError::Rank { shape: shape.len(), strides: strides.len() });
        }
        if let Some(axis) = (0..shape.len()).find(|&axis| shape[axis] > 1 && strides[axis] == 0) {
            return Err(ViewError::Overlap { axis, extent: shape[axis] });
        }
        let offset = checked_offset(data.len(), offset, shape, strides)?;
        Ok(TensorViewMut { data, offset, shape: shape.into(), strides: strides.into() })
    }

    /// The extents.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// The elements, where they fill one range of the buffer in row-major order.
    pub fn dense(&mut self) -> Option<SliceMut<'_>> {
        let range = dense(&self.shape, &self.strides, self.offset)?;
        self.data.part(range)
    }

    /// Sets all elements, in row-major order; those that `values` does not reach stay.
    pub fn fill(&mut self, values: impl Iterator<Item = f64>) {
        for (position, value) in positions(&self.shape, &self.strides, self.offset).zip(values) {
            self.data.set(position, value);
        }
    }
}

/// The strides of a row-major tensor.
pub fn row_major(shape: &[usize]) -> Strides {
    let mut strides = Strides::from_elem(1, shape.len());
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1) as isize);
    }
    strides
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
