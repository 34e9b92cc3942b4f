//! The safetensors format.

use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use super::{DataFileError, read_bytes};
use crate::tensor::{Buffer, Slice, Tensor};

/// Reads all tensors of a file, by name.
///
/// # Errors
/// If it cannot be read, is damaged, or holds an unsupported type.
pub fn read_safetensors(path: &Path) -> Result<Vec<(String, Tensor)>, DataFileError> {
    let bytes = read_bytes(path)?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| DataFileError::format(path, format!("not a safetensors file: {error}")))?;
    let mut all = Vec::new();
    for (name, view) in file.tensors() {
        let tensor =
            tensor(&view).map_err(|reason| DataFileError::format(path, format!("tensor `{name}`: {reason}")))?;
        all.push((name, tensor));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}

fn tensor(view: &TensorView<'_>) -> Result<Tensor, String> {
    let bytes = view.data();
    let data = match view.dtype() {
        Dtype::F16 => Buffer::F16(Arc::new(each(bytes, half::f16::from_le_bytes))),
        Dtype::BF16 => Buffer::BF16(Arc::new(each(bytes, half::bf16::from_le_bytes))),
        Dtype::F32 => Buffer::F32(Arc::new(each(bytes, f32::from_le_bytes))),
        Dtype::F64 => Buffer::F64(Arc::new(each(bytes, f64::from_le_bytes))),
        Dtype::U8 | Dtype::BOOL => Buffer::U8(Arc::new(bytes.to_vec())),
        Dtype::U32 => Buffer::U32(Arc::new(each(bytes, u32::from_le_bytes))),
        Dtype::I32 => Buffer::I32(Arc::new(each(bytes, i32::from_le_bytes))),
        Dtype::I64 => Buffer::I64(Arc::new(each(bytes, i64::from_le_bytes))),
        Dtype::I8 => Buffer::I32(Arc::new(each(bytes, |byte| i32::from(i8::from_le_bytes(byte))))),
        Dtype::I16 => Buffer::I32(Arc::new(each(bytes, |pair| i32::from(i16::from_le_bytes(pair))))),
        Dtype::U16 => Buffer::U32(Arc::new(each(bytes, |pair| u32::from(u16::from_le_bytes(pair))))),
        other => return Err(format!("the type {other:?} is not supported")),
    };
    Ok(Tensor { data, shape: view.shape().to_vec() })
}

fn each<const WIDTH: usize, T>(bytes: &[u8], read: impl Fn([u8; WIDTH]) -> T) -> Vec<T> {
    bytes.as_chunks::<WIDTH>().0.iter().map(|chunk| read(*chunk)).collect()
}

/// Writes tensors to a file.
///
/// # Errors
/// If it cannot be written.
pub fn write_safetensors(path: &Path, tensors: &[(String, Tensor)]) -> Result<(), DataFileError> {
    let failed = |reason: String| DataFileError::Write { path: path.to_path_buf(), reason };
    let bytes: Vec<(Dtype, Vec<u8>)> = tensors.iter().map(|(_, tensor)| encoded(tensor)).collect();
    let mut views = Vec::new();
    for ((name, tensor), (dtype, bytes)) in tensors.iter().zip(&bytes) {
        let view = TensorView::new(*dtype, tensor.shape.clone(), bytes).map_err(|error| failed(error.to_string()))?;
        views.push((name.clone(), view));
    }
    let file = serialize(views, None).map_err(|error| failed(error.to_string()))?;
    std::fs::write(path, file).map_err(|error| failed(error.to_string()))
}

fn encoded(tensor: &Tensor) -> (Dtype, Vec<u8>) {
    match tensor.slice() {
        Slice::F16(data) => (Dtype::F16, data.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Slice::BF16(data) => (Dtype::BF16, data.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Slice::F32(data) => (Dtype::F32, data.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Slice::F64(data) => (Dtype::F64, data.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Slice::U8(data) => (Dtype::U8, data.to_vec()),
        Slice::U32(data) => (Dtype::U32, data.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Slice::I32(data) => (Dtype::I32, data.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Slice::I64(data) => (Dtype::I64, data.iter().flat_map(|value| value.to_le_bytes()).collect()),
    }
}
