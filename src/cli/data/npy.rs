//! NumPy's formats.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::Path;
use std::sync::Arc;

use npyz::{NpyFile, WriterBuilder};

use super::DataFileError;
use crate::tensor::{Buffer, Tensor};

/// Reads one `.npy` file.
///
/// # Errors
/// If it cannot be read, is damaged, or holds an unsupported type.
pub fn read_npy(path: &Path) -> Result<Tensor, DataFileError> {
    let file = File::open(path).map_err(|source| DataFileError::Read { path: path.to_path_buf(), source })?;
    let length = file.metadata().map(|metadata| metadata.len()).unwrap_or(u64::MAX);
    tensor(BufReader::new(file), length).map_err(|reason| DataFileError::format(path, reason))
}

/// Reads all arrays of an `.npz` archive, by name.
///
/// # Errors
/// If it cannot be read, is damaged, or holds an unsupported type.
pub fn read_npz(path: &Path) -> Result<Vec<(String, Tensor)>, DataFileError> {
    if let Err(source) = File::open(path) {
        return Err(DataFileError::Read { path: path.to_path_buf(), source });
    }
    let mut archive = npyz::npz::NpzArchive::open(path)
        .map_err(|error| DataFileError::format(path, format!("not an .npz archive: {error}")))?;
    let mut names: Vec<String> = archive.array_names().map(str::to_string).collect();
    names.sort();
    let mut all = Vec::new();
    for name in names {
        let wrong = |reason: String| DataFileError::format(path, format!("array `{name}`: {reason}"));
        let array = archive.by_name(&name).map_err(|error| wrong(error.to_string()))?;
        let array = array.ok_or_else(|| wrong("listed, but absent".into()))?;
        // An archive may be compressed a thousandfold; beyond that the header lies.
        let tensor = from_npy(array, u64::MAX).map_err(wrong)?;
        all.push((name.clone(), tensor));
    }
    Ok(all)
}

fn tensor(reader: impl Read, length: u64) -> Result<Tensor, String> {
    let file = NpyFile::new(reader).map_err(|error| format!("not an .npy file: {error}"))?;
    from_npy(file, length)
}

fn from_npy<R: Read>(file: NpyFile<R>, length: u64) -> Result<Tensor, String> {
    let shape = file.shape().iter().map(|&extent| usize::try_from(extent)).collect::<Result<Vec<usize>, _>>();
    let shape = shape.map_err(|_| "an extent is too large".to_string())?;
    let count = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
    let count = count.ok_or_else(|| format!("the shape {shape:?} is too large"))?;
    let dtype = file.dtype();
    let npyz::DType::Plain(plain) = &dtype else {
        return Err(format!("arrays of records are not supported ({})", dtype.descr()));
    };
    let width = plain.num_bytes().unwrap_or(1) as u64;
    if (count as u64).saturating_mul(width) > length {
        return Err(format!("cut off: the shape {shape:?} needs more than the file holds"));
    }
    let fortran = file.order() == npyz::Order::Fortran;
    let kind = (plain.type_char(), width);
    let data = match kind {
        (npyz::TypeChar::Float, 2) => Buffer::F16(Arc::new(values(file, &shape, fortran)?)),
        (npyz::TypeChar::Float, 4) => Buffer::F32(Arc::new(values(file, &shape, fortran)?)),
        (npyz::TypeChar::Float, 8) => Buffer::F64(Arc::new(values(file, &shape, fortran)?)),
        (npyz::TypeChar::Int, 8) => Buffer::I64(Arc::new(values(file, &shape, fortran)?)),
        (npyz::TypeChar::Int, 4) => Buffer::I32(Arc::new(values(file, &shape, fortran)?)),
        (npyz::TypeChar::Int, 2) => Buffer::I32(Arc::new(widened::<i16, i32, R>(file, &shape, fortran)?)),
        (npyz::TypeChar::Int, 1) => Buffer::I32(Arc::new(widened::<i8, i32, R>(file, &shape, fortran)?)),
        (npyz::TypeChar::Uint, 1) => Buffer::U8(Arc::new(values(file, &shape, fortran)?)),
        (npyz::TypeChar::Uint, 2) => Buffer::U32(Arc::new(widened::<u16, u32, R>(file, &shape, fortran)?)),
        (npyz::TypeChar::Uint, 4) => Buffer::U32(Arc::new(values(file, &shape, fortran)?)),
        (npyz::TypeChar::Bool, _) => {
            let bools: Vec<bool> = values(file, &shape, fortran)?;
            Buffer::U8(Arc::new(bools.into_iter().map(u8::from).collect()))
        }
        _ => return Err(format!("the type {} is not supported", plain)),
    };
    Ok(Tensor { data, shape })
}

fn values<T: npyz::Deserialize + Clone, R: Read>(
    file: NpyFile<R>,
    shape: &[usize],
    fortran: bool,
) -> Result<Vec<T>, String> {
    let values: Vec<T> = file.into_vec().map_err(|error| format!("cut off or damaged: {error}"))?;
    Ok(if fortran { row_major(values, shape) } else { values })
}

fn widened<T, U: From<T>, R: Read>(file: NpyFile<R>, shape: &[usize], fortran: bool) -> Result<Vec<U>, String>
where
    T: npyz::Deserialize + Clone,
{
    Ok(values::<T, R>(file, shape, fortran)?.into_iter().map(U::from).collect())
}

/// Column-major values in row-major order.
fn row_major<T: Clone>(values: Vec<T>, shape: &[usize]) -> Vec<T> {
    let mut strides = vec![1_usize; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let mut index = vec![0_usize; shape.len()];
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let position: usize = index.iter().zip(&strides).map(|(index, stride)| index * stride).sum();
        ordered.push(values[position].clone());
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    ordered
}

/// Writes tensors as `NAME.npy` into a folder, which is made.
///
/// # Errors
/// If a file cannot be written.
pub fn write_npy_folder(folder: &Path, tensors: &[(String, Tensor)]) -> Result<(), DataFileError> {
    std::fs::create_dir_all(folder).map_err(|error| write_error(folder, &error))?;
    for (name, tensor) in tensors {
        let path = folder.join(format!("{name}.npy"));
        write_npy(&path, tensor).map_err(|error| write_error(&path, &error))?;
    }
    Ok(())
}

fn write_error(path: &Path, error: &std::io::Error) -> DataFileError {
    DataFileError::Write { path: path.to_path_buf(), reason: error.to_string() }
}

fn write_npy(path: &Path, tensor: &Tensor) -> std::io::Result<()> {
    let file = BufWriter::new(File::create(path)?);
    let shape: Vec<u64> = tensor.shape.iter().map(|&extent| extent as u64).collect();
    match &tensor.data {
        Buffer::F32(data) => {
            let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
            writer.extend(data.iter())?;
            writer.finish()
        }
        _ => {
            let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
            writer.extend(tensor.to_f64())?;
            writer.finish()
        }
    }
}
