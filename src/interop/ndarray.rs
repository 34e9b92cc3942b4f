//! Arrays of ndarray as inputs of a loss, and its gradients as arrays.
//!
//! Any strides, also negative and 0. An array whose elements lie in memory without gaps, in whatever order, is
//! borrowed, and so is one that is broadcast from such an array. One with gaps (`x.slice(s![.., ..3])`) is copied
//! once: the gaps may belong to somebody who writes to them. Labels have any int type; those that the compiler
//! does not read (`i8`, `i16`, `u16`, `u64`, `usize`, `isize`, `bool`) are copied too.
//!
//! ```
//! use lossc::interop::ndarray::ArrayInput;
//! use lossc::session::{Compiler, Params};
//! use ndarray::array;
//!
//! let loss = Compiler::new().standard()?.loss("cross_entropy")?.wrt(["logits"]).build()?;
//! let logits = array![[2.0_f32, -1.0, 0.5], [0.0, 0.0, 0.0]];
//! let label = array![0_usize, 2];
//!
//! let inputs = [("logits", ArrayInput::from(&logits)), ("label", ArrayInput::from(&label))];
//! let out = loss.value_and_grad_arrays(&inputs, &Params::new())?;
//! let gradient = out.grad_array::<f32>("logits").expect("asked for");
//! assert_eq!(gradient.shape(), [2, 3]);
//! assert!(gradient[[0, 0]] < 0.0 && gradient[[0, 1]] > 0.0);
//! # Ok::<(), lossc::session::Error>(())
//! ```

use ndarray::{ArrayBase, ArrayView, ArrayViewD, Axis, CowArray, Data, DataMut, Dimension, IxDyn};

use crate::session::{Error, Evaluation, Loss, Params, Workspace};
use crate::tensor::{Slice, SliceMut, Tensor, TensorView, TensorViewMut, ViewError, row_major};

/// Where the elements of an input lie.
#[derive(Clone, Debug)]
enum Memory<'a> {
    Borrowed(Slice<'a>),
    Copied(Tensor),
}

/// An array as an input of a loss: made with `from` of an `ArrayView` or of a reference to an array.
#[derive(Clone, Debug)]
pub struct ArrayInput<'a> {
    memory: Memory<'a>,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<isize>,
}

impl<'a> ArrayInput<'a> {
    /// The view that a call takes.
    ///
    /// # Errors
    /// Never for an array: its elements lie in its memory.
    pub fn view(&self) -> Result<TensorView<'_>, ViewError> {
        let slice = match &self.memory {
            Memory::Borrowed(slice) => *slice,
            Memory::Copied(tensor) => tensor.slice(),
        };
        TensorView::strided(slice, self.offset, &self.shape, &self.strides)
    }

    /// Whether the array lies in the caller's memory: nothing was copied.
    pub fn is_borrowed(&self) -> bool {
        matches!(self.memory, Memory::Borrowed(_))
    }

    fn new<A: ArrayElement>(array: ArrayView<'a, A, IxDyn>) -> Self {
        let shape = array.shape().to_vec();
        let mut strides = array.strides().to_vec();
        let mut compact = array;
        for axis in 0..shape.len() {
            if strides[axis] == 0 && shape[axis] > 1 {
                compact.collapse_axis(Axis(axis), 0);
            }
        }
        if let Some(elements) = compact.to_slice_memory_order() {
            let offset = reach_below(compact.shape(), compact.strides());
            return ArrayInput { memory: A::borrow(elements), offset, shape, strides };
        }
        let own = row_major(compact.shape());
        for (stride, own) in strides.iter_mut().zip(own) {
            *stride = if *stride == 0 { 0 } else { own };
        }
        let memory = Memory::Copied(A::copy(compact.iter().copied().collect()));
        ArrayInput { memory, offset: 0, shape, strides }
    }
}

impl<'a, A: ArrayElement, D: Dimension> From<ArrayView<'a, A, D>> for ArrayInput<'a> {
    fn from(array: ArrayView<'a, A, D>) -> Self {
        ArrayInput::new(array.into_dyn())
    }
}

impl<'a, A: ArrayElement, S: Data<Elem = A>, D: Dimension> From<&'a ArrayBase<S, D>> for ArrayInput<'a> {
    fn from(array: &'a ArrayBase<S, D>) -> Self {
        ArrayInput::new(array.view().into_dyn())
    }
}

/// The caller's array as memory for a gradient, as [`Loss::value_and_grad_into`] takes it; none if its elements lie in
/// memory with gaps.
pub fn gradient_memory<A: GradientElement, S: DataMut<Elem = A>, D: Dimension>(
    array: &mut ArrayBase<S, D>,
) -> Option<TensorViewMut<'_>> {
    let (shape, strides) = (array.shape().to_vec(), array.strides().to_vec());
    let offset = reach_below(&shape, &strides);
    let elements = array.as_slice_memory_order_mut()?;
    TensorViewMut::strided(A::elements_mut(elements), offset, &shape, &strides).ok()
}

/// How far the lowest element lies below the first one.
fn reach_below(shape: &[usize], strides: &[isize]) -> usize {
    let along = shape.iter().zip(strides);
    along.map(|(&extent, &stride)| if stride < 0 { extent.saturating_sub(1) * stride.unsigned_abs() } else { 0 }).sum()
}

mod sealed {
    pub trait Sealed {}
}

/// An element type of arrays: floats, ints of any width, and `bool`.
pub trait ArrayElement: Copy + sealed::Sealed {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "sealed: nobody else implements it")]
    fn borrow(elements: &[Self]) -> Memory<'_>;
    #[doc(hidden)]
    fn copy(elements: Vec<Self>) -> Tensor;
}

/// Types that a kernel or the border of a call reads as they are.
macro_rules! read_as_they_are {
    ($($element:ty => $variant:ident),* $(,)?) => {$(
        impl sealed::Sealed for $element {}
        #[expect(private_interfaces, reason = "sealed: nobody else implements it")]
        impl ArrayElement for $element {
            fn borrow(elements: &[Self]) -> Memory<'_> {
                Memory::Borrowed(Slice::$variant(elements))
            }
            fn copy(elements: Vec<Self>) -> Tensor {
                let shape = vec![elements.len()];
                Tensor { data: crate::tensor::Buffer::$variant(elements.into()), shape }
            }
        }
    )*};
}

read_as_they_are! {
    half::f16 => F16, half::bf16 => BF16, f32 => F32, f64 => F64,
    u8 => U8, u32 => U32, i32 => I32, i64 => I64,
}

/// Types that become `i64`. A value beyond it becomes its largest, which is no label of any axis.
macro_rules! read_as_i64 {
    ($($element:ty),* $(,)?) => {$(
        impl sealed::Sealed for $element {}
        #[expect(private_interfaces, reason = "sealed: nobody else implements it")]
        impl ArrayElement for $element {
            fn borrow(elements: &[Self]) -> Memory<'_> {
                Memory::Copied(Self::copy(elements.to_vec()))
            }
            fn copy(elements: Vec<Self>) -> Tensor {
                let count = elements.len();
                let wide = elements.into_iter().map(|element| i64::try_from(element).unwrap_or(i64::MAX));
                Tensor::i64(wide.collect(), &[count])
            }
        }
    )*};
}

read_as_i64!(i8, i16, u16, u64, usize, isize, bool);

/// An element type of gradients: `f32` or `f64`.
pub trait GradientElement: ArrayElement {
    #[doc(hidden)]
    fn elements<'a>(slice: Slice<'a>) -> Option<&'a [Self]>;
    #[doc(hidden)]
    fn elements_mut(elements: &mut [Self]) -> SliceMut<'_>;
    #[doc(hidden)]
    fn from_real(value: f64) -> Self;
}

impl GradientElement for f32 {
    fn elements<'a>(slice: Slice<'a>) -> Option<&'a [f32]> {
        if let Slice::F32(elements) = slice { Some(elements) } else { None }
    }
    fn elements_mut(elements: &mut [f32]) -> SliceMut<'_> {
        SliceMut::F32(elements)
    }
    fn from_real(value: f64) -> f32 {
        value as f32
    }
}

impl GradientElement for f64 {
    fn elements<'a>(slice: Slice<'a>) -> Option<&'a [f64]> {
        if let Slice::F64(elements) = slice { Some(elements) } else { None }
    }
    fn elements_mut(elements: &mut [f64]) -> SliceMut<'_> {
        SliceMut::F64(elements)
    }
    fn from_real(value: f64) -> f64 {
        value
    }
}

fn views<'a>(inputs: &'a [(&'a str, ArrayInput<'_>)]) -> Result<Vec<(&'a str, TensorView<'a>)>, ViewError> {
    inputs.iter().map(|(name, input)| Ok((*name, input.view()?))).collect()
}

impl Loss {
    /// Value, terms and gradients of arrays (feature `ndarray`).
    ///
    /// # Errors
    /// As [`Loss::value_and_grad`].
    pub fn value_and_grad_arrays(
        &self,
        inputs: &[(&str, ArrayInput<'_>)],
        params: &Params,
    ) -> Result<Evaluation, Error> {
        self.value_and_grad(&views(inputs)?, params)
    }

    /// As [`Loss::value_and_grad_into`], of arrays (feature `ndarray`). Gradients go where
    /// [`gradient_memory`](crate::interop::ndarray::gradient_memory) says.
    ///
    /// # Errors
    /// As [`Loss::value_and_grad_into`].
    pub fn value_and_grad_arrays_into<'w>(
        &self,
        inputs: &[(&str, ArrayInput<'_>)],
        params: &Params,
        gradients: &mut [(&str, TensorViewMut<'_>)],
        workspace: &'w mut Workspace,
    ) -> Result<&'w Evaluation, Error> {
        self.value_and_grad_into(&views(inputs)?, params, gradients, workspace)
    }
}

impl Evaluation {
    /// The gradient with respect to an input or a learnable as an array (feature `ndarray`). It is a view of the
    /// gradient's memory where that has the element type `A`; a gradient of the other precision is converted.
    pub fn grad_array<A: GradientElement>(&self, input: &str) -> Option<CowArray<'_, A, IxDyn>> {
        let gradient = self.grad(input)?;
        let shape = IxDyn(&gradient.shape);
        if let Some(elements) = A::elements(gradient.slice()) {
            return ArrayViewD::from_shape(shape, elements).ok().map(CowArray::from);
        }
        let converted = gradient.to_f64().into_iter().map(A::from_real).collect();
        ndarray::ArrayD::from_shape_vec(shape, converted).ok().map(CowArray::from)
    }
}
