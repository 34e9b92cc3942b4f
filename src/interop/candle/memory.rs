//! candle's tensors → views of their memory, for the time of one call; the memory of gradients → candle's tensors.

use candle_core::{CpuStorage, Device, Layout, Storage, Tensor};

use super::CandleError;
use crate::tensor::{DType, Slice, SliceMut, TensorView, TensorViewMut, ViewError};

/// Memory into which a kernel writes a gradient, and which becomes a tensor.
pub(super) struct Memory<'n> {
    pub input: &'n str,
    shape: &'n [usize],
    elements: Elements,
}

enum Elements {
    Singles(Vec<f32>),
    Doubles(Vec<f64>),
}

impl<'n> Memory<'n> {
    /// For a gradient of this shape and precision.
    pub(super) fn new(input: &'n str, shape: &'n [usize], precision: DType) -> Self {
        let count = shape.iter().product();
        let elements = match precision {
            DType::F64 => Elements::Doubles(vec![0.0; count]),
            _ => Elements::Singles(vec![0.0; count]),
        };
        Memory { input, shape, elements }
    }

    /// As a call takes it.
    pub(super) fn target(&mut self) -> Result<(&'n str, TensorViewMut<'_>), ViewError> {
        let slice = match &mut self.elements {
            Elements::Singles(elements) => SliceMut::F32(elements),
            Elements::Doubles(elements) => SliceMut::F64(elements),
        };
        Ok((self.input, TensorViewMut::contiguous(slice, self.shape)?))
    }

    /// A tensor of this shape in the same memory.
    pub(super) fn into_tensor(self, shape: &[usize]) -> Result<Tensor, candle_core::Error> {
        match self.elements {
            Elements::Singles(elements) => Tensor::from_vec(elements, shape, &Device::Cpu),
            Elements::Doubles(elements) => Tensor::from_vec(elements, shape, &Device::Cpu),
        }
    }
}

/// Calls `call` with views of the tensors, whose memory nobody writes to meanwhile.
///
/// Tensors may share a storage, and a thread that locks one twice can wait for a writer that waits for it. So the
/// storages, which are known by their addresses, are locked once each.
pub(super) fn with_views(
    inputs: &[(&str, &Tensor)],
    call: impl FnOnce(&[(&str, TensorView<'_>)]) -> Result<(), CandleError>,
) -> Result<(), CandleError> {
    let address = |tensor: &Tensor| std::ptr::from_ref::<Storage>(&tensor.storage_and_layout().0).addr();
    let addresses: Vec<usize> = inputs.iter().map(|(_, tensor)| address(tensor)).collect();
    let mut locked = Vec::new();
    for (position, (_, tensor)) in inputs.iter().enumerate() {
        if !addresses[..position].contains(&addresses[position]) {
            locked.push((addresses[position], tensor.storage_and_layout().0));
        }
    }
    let mut views = Vec::with_capacity(inputs.len());
    for ((name, tensor), address) in inputs.iter().zip(&addresses) {
        let Some((_, storage)) = locked.iter().find(|(other, _)| other == address) else { continue };
        views.push((*name, view(name, storage, tensor.layout())?));
    }
    call(&views)
}

fn view<'a>(input: &str, storage: &'a Storage, layout: &Layout) -> Result<TensorView<'a>, CandleError> {
    let elements = match storage {
        Storage::Cpu(storage) => slice(input, storage)?,
        Storage::Cuda(_) => return Err(elsewhere(input, "a CUDA device")),
        Storage::Metal(_) => return Err(elsewhere(input, "a Metal device")),
    };
    let strides: Vec<isize> = layout.stride().iter().map(|&stride| stride as isize).collect();
    Ok(TensorView::strided(elements, layout.start_offset(), layout.dims(), &strides)?)
}

fn elsewhere(input: &str, device: &str) -> CandleError {
    CandleError::Device { input: input.to_string(), device: device.to_string() }
}

fn slice<'a>(input: &str, storage: &'a CpuStorage) -> Result<Slice<'a>, CandleError> {
    let unread = |dtype, wanted| CandleError::Element { input: input.to_string(), dtype, wanted };
    match storage {
        CpuStorage::U8(elements) => Ok(Slice::U8(elements)),
        CpuStorage::U32(elements) => Ok(Slice::U32(elements)),
        CpuStorage::I32(elements) => Ok(Slice::I32(elements)),
        CpuStorage::I64(elements) => Ok(Slice::I64(elements)),
        CpuStorage::F16(elements) => Ok(Slice::F16(elements)),
        CpuStorage::BF16(elements) => Ok(Slice::BF16(elements)),
        CpuStorage::F32(elements) => Ok(Slice::F32(elements)),
        CpuStorage::F64(elements) => Ok(Slice::F64(elements)),
        CpuStorage::I16(_) => Err(unread("i16", "I64")),
        CpuStorage::F8E4M3(_) => Err(unread("f8e4m3", "F32")),
        CpuStorage::F6E2M3(_) | CpuStorage::F6E3M2(_) => Err(unread("f6", "F32")),
        CpuStorage::F4(_) => Err(unread("f4", "F32")),
        CpuStorage::F8E8M0(_) => Err(unread("f8e8m0", "F32")),
    }
}
