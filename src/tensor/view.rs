//! Views over the caller's memory: shape and strides, checked once, so that no element lies outside.

use super::{DType, Extents, Slice, SliceMut, Strides};

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
    /// A shape for a whole buffer that has another number of elements.
    #[error("the shape {shape:?} does not have as many elements as the buffer: {len}")]
    Count {
        /// The shape.
        shape: Vec<usize>,
        /// Elements in the buffer.
        len: usize,
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
    /// A view to be written in which the steps along one axis end within those along another.
    #[error(
        "a view of shape {shape:?} that is written with strides {strides:?}: elements of one axis lie among those of another, where several may be one"
    )]
    Interleaved {
        /// The shape.
        shape: Vec<usize>,
        /// The strides.
        strides: Vec<isize>,
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
            return Err(ViewError::Count { shape: shape.to_vec(), len: data.len() });
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

    /// The number of elements that the view names, each as often as it does; `usize::MAX` if they cannot be counted.
    pub fn count(&self) -> usize {
        count(&self.shape)
    }

    /// The positions of all elements in the buffer, in row-major order of the view.
    pub fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        positions(&self.shape, &self.strides, self.offset)
    }

    /// The one range of the buffer that the elements fill in row-major order, if they do.
    pub fn dense(&self) -> Option<std::ops::Range<usize>> {
        dense(&self.shape, &self.strides, self.offset)
    }

    /// The elements from one on, as far as they go on at even steps: those of the rest of its row, or of the view. Nothing
    /// after the last one.
    pub fn run(&self, first: usize) -> Run {
        let left = self.count().saturating_sub(first);
        if let Some(range) = self.dense() {
            return Run { position: range.start + first, step: 1, count: left };
        }
        let (Some(&extent), Some(&step)) = (self.shape.last(), self.strides.last()) else {
            return Run { position: self.offset, step: 1, count: left };
        };
        let (mut rest, mut position) = (first, self.offset as isize);
        for (&extent, &stride) in self.shape.iter().zip(&self.strides).rev() {
            position = position.wrapping_add(stride.wrapping_mul((rest % extent.max(1)) as isize));
            rest /= extent.max(1);
        }
        Run { position: position as usize, step, count: left.min(extent - first % extent.max(1)) }
    }
}

/// Elements at even steps, as [`TensorView::run`] finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Of the first one in the buffer.
    pub position: usize,
    /// From one to the next; it may be below 0.
    pub step: isize,
    /// How many there are.
    pub count: usize,
}

impl Run {
    /// The elements of a run whose step is 1.
    ///
    /// # Panics
    /// If they are not in the buffer.
    pub fn of<T>(self, buffer: &[T]) -> &[T] {
        &buffer[self.position..self.position + self.count]
    }
}

fn count(shape: &[usize]) -> usize {
    if shape.contains(&0) { 0 } else { shape.iter().fold(1, |count, &extent| count.saturating_mul(extent)) }
}

/// The offset of a view whose elements all lie in a buffer of `len`; 0 if there are none.
fn checked_offset(len: usize, offset: usize, shape: &[usize], strides: &[isize]) -> Result<usize, ViewError> {
    let mut lowest = offset as i128;
    let mut highest = offset as i128;
    for (&extent, &stride) in shape.iter().zip(strides) {
        let reach = (extent as i128 - 1).max(0) * stride as i128;
        lowest = lowest.saturating_add(reach.min(0));
        highest = highest.saturating_add(reach.max(0));
    }
    let empty = shape.contains(&0);
    if !empty && (lowest < 0 || highest >= len as i128) {
        return Err(ViewError::Bounds { lowest, highest, len });
    }
    Ok(if empty { 0 } else { offset })
}

fn positions<'a>(shape: &'a [usize], strides: &'a [isize], offset: usize) -> impl Iterator<Item = usize> + 'a {
    let mut index = Extents::from_elem(0, shape.len());
    let mut position = offset as isize;
    (0..count(shape)).map(move |_| {
        let current = position as usize;
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            // The stride of an axis with one position may be anything: what it adds is taken away again.
            position = position.wrapping_add(strides[axis]);
            if index[axis] < shape[axis] {
                break;
            }
            position = position.wrapping_sub(strides[axis].wrapping_mul(shape[axis] as isize));
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
            return Err(ViewError::Count { shape: shape.to_vec(), len: data.len() });
        }
        Ok(TensorViewMut { data, offset: 0, shape: shape.into(), strides: row_major(shape) })
    }

    /// A view with any strides (in elements, also negative), starting at `offset`.
    ///
    /// # Errors
    /// If an element would lie outside the buffer, shape and strides differ in length, a stride is 0, or a stride is
    /// within the reach of smaller ones.
    pub fn strided(data: SliceMut<'a>, offset: usize, shape: &[usize], strides: &[isize]) -> Result<Self, ViewError> {
        if shape.len() != strides.len() {
            return Err(ViewError::Rank { shape: shape.len(), strides: strides.len() });
        }
        if let Some(axis) = (0..shape.len()).find(|&axis| shape[axis] > 1 && strides[axis] == 0) {
            return Err(ViewError::Overlap { axis, extent: shape[axis] });
        }
        let offset = checked_offset(data.len(), offset, shape, strides)?;
        if interleaved(shape, strides) {
            return Err(ViewError::Interleaved { shape: shape.to_vec(), strides: strides.to_vec() });
        }
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

/// Whether the smallest step along an axis does not go beyond all that smaller strides reach. Only then can two elements
/// be one.
fn interleaved(shape: &[usize], strides: &[isize]) -> bool {
    if shape.contains(&0) {
        return false;
    }
    let long = shape.iter().zip(strides).filter(|(extent, _)| **extent > 1);
    let mut steps: Vec<(u128, u128)> =
        long.map(|(&extent, stride)| (stride.unsigned_abs() as u128, extent as u128 - 1)).collect();
    steps.sort_unstable();
    let mut reached = 0;
    for (stride, count) in steps {
        if stride <= reached {
            return true;
        }
        reached += stride * count;
    }
    false
}

/// The strides of a row-major tensor.
pub fn row_major(shape: &[usize]) -> Strides {
    let mut strides = Strides::from_elem(1, shape.len());
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1) as isize);
    }
    strides
}
