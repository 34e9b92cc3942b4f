//! Tensors from files: case files, safetensors, npz, npy, folders of npy.
//!
//! Every reader turns bytes that may be truncated, of another format or hostile into a [`Data`] or a
//! [`DataFileError`] that names the file and what is wrong in it. None of them panics.

mod case;
mod npy;
mod tensors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::tensor::Tensor;

pub use case::{Case, CaseFile, Expectation, read_cases};
pub use npy::{read_npy, read_npz, write_npy_folder};
pub use tensors::{read_safetensors, write_safetensors};

/// What a file gives to a call.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// Tensors by name.
    pub inputs: Vec<(String, Tensor)>,
    /// Hyperparameters, from a case.
    pub params: BTreeMap<String, f64>,
    /// States before the call.
    pub state: BTreeMap<String, f64>,
    /// The reduction, from a case.
    pub reduction: Option<String>,
}

/// Why a file of data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataFileError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system or the format says.
        reason: String,
    },
    /// Its content is not of the format that its name says.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It is of no known format.
    #[error("{}: unknown format; data come from .json (case files), .safetensors, .npz, .npy, or a folder of .npy", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
    },
    /// A case file without the case that was asked for.
    #[error("{}: no case `{name}`; it has {}", path.display(), known.join(", "))]
    NoCase {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        name: String,
        /// What it has.
        known: Vec<String>,
    },
    /// A case file with several cases, and none named.
    #[error("{}: several cases; choose one with --case: {}", path.display(), known.join(", "))]
    WhichCase {
        /// The file.
        path: PathBuf,
        /// What it has.
        known: Vec<String>,
    },
}

impl DataFileError {
    pub(super) fn format(path: &Path, reason: impl Into<String>) -> Self {
        DataFileError::Format { path: path.to_path_buf(), reason: reason.into() }
    }
}

/// The bytes of a file.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, DataFileError> {
    std::fs::read(path).map_err(|source| DataFileError::Read { path: path.to_path_buf(), source })
}

/// The data of a path, by its ending; `case` names one case of several.
pub fn read_data(path: &Path, case: Option<&str>) -> Result<Data, DataFileError> {
    if path.is_dir() {
        return read_folder(path);
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "json" => one_case(path, case),
        "safetensors" => Ok(Data { inputs: read_safetensors(path)?, ..Data::default() }),
        "npz" => Ok(Data { inputs: read_npz(path)?, ..Data::default() }),
        "npy" => {
            let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_string();
            Ok(Data { inputs: vec![(name, read_npy(path)?)], ..Data::default() })
        }
        _ => Err(match std::fs::metadata(path) {
            Ok(_) => DataFileError::Unknown { path: path.to_path_buf() },
            Err(source) => DataFileError::Read { path: path.to_path_buf(), source },
        }),
    }
}

fn one_case(path: &Path, name: Option<&str>) -> Result<Data, DataFileError> {
    let file = read_cases(path)?;
    let known: Vec<String> = file.cases.iter().map(|case| case.name.clone()).collect();
    let case = match name {
        Some(name) => file.cases.into_iter().find(|case| case.name == name).ok_or_else(|| DataFileError::NoCase {
            path: path.to_path_buf(),
            name: name.to_string(),
            known,
        })?,
        None => {
            let mut cases = file.cases.into_iter();
            match (cases.next(), cases.next()) {
                (Some(case), None) => case,
                (None, _) => return Err(DataFileError::format(path, "a case file without cases")),
                (Some(_), Some(_)) => return Err(DataFileError::WhichCase { path: path.to_path_buf(), known }),
            }
        }
    };
    Ok(Data { inputs: case.inputs, params: case.params, reduction: case.reduction, state: case.state })
}

fn read_folder(path: &Path) -> Result<Data, DataFileError> {
    let failed = |source| DataFileError::Read { path: path.to_path_buf(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.extension().is_some_and(|ending| ending == "npy") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(DataFileError::format(path, "a folder without .npy files"));
    }
    let mut data = Data::default();
    for file in files {
        let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_string();
        data.inputs.push((name, read_npy(&file)?));
    }
    Ok(data)
}
