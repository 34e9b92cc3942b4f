//! Files of data → the tensors that a loss takes, and what a case sets beside them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::arguments::LossArguments;
use super::data::{Data, read_data, read_npy};
use super::failure::Failure;
use crate::lower::Reduction;
use crate::session::{InputInfo, LossBuilder, LossInfo};
use crate::suggestion::did_you_mean;
use crate::tensor::Tensor;

/// What `--data`, `--case` and `--input` name; a tensor of `--input` takes the place of one of that name.
pub fn gathered(path: Option<&Path>, case: Option<&str>, inputs: &[(String, PathBuf)]) -> Result<Data, Failure> {
    let mut data = match path {
        Some(path) => read_data(path, case)?,
        None => Data::default(),
    };
    for (name, path) in inputs {
        data.inputs.retain(|(other, _)| other != name);
        data.inputs.push((name.clone(), read_npy(path)?));
    }
    Ok(data)
}

/// With hyperparameters, states and reduction of the case, where the command line does not say otherwise.
pub fn with_case(mut builder: LossBuilder, arguments: &LossArguments, data: &Data) -> Result<LossBuilder, Failure> {
    if let (None, Some(name)) = (arguments.reduction, &data.reduction) {
        let reduction = Reduction::from_name(name)
            .ok_or_else(|| Failure::Message(format!("the case asks for the unknown reduction `{name}`")))?;
        builder = builder.reduction(reduction);
    }
    for (name, &value) in data.params.iter().chain(&data.state) {
        if !arguments.settings.iter().any(|(other, _)| other == name) {
            builder = builder.set(name, value)?;
        }
    }
    Ok(builder)
}

/// The tensors that the loss takes. A file may hold more than one loss needs: those are left out. One that was
/// `named` with `--input` was meant for this loss.
pub fn chosen(
    info: &LossInfo,
    inputs: Vec<(String, Tensor)>,
    named: &[(String, PathBuf)],
) -> Result<Vec<(String, Tensor)>, Failure> {
    let known = |name: &str| info.inputs.iter().any(|input| input.name == name);
    let (taken, left): (Vec<_>, Vec<_>) = inputs.into_iter().partition(|(name, _)| known(name));
    let wanted: Vec<&str> = info
        .inputs
        .iter()
        .filter(|input| !input.optional && !taken.iter().any(|(name, _)| *name == input.name))
        .map(|input| input.name.as_str())
        .collect();
    let signature: Vec<String> = info.inputs.iter().map(written).collect();
    if let Some((name, _)) = named.iter().find(|(name, _)| !known(name)) {
        let meant = did_you_mean(name, info.inputs.iter().map(|input| input.name.as_str()));
        let meant = meant.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
        let takes = signature.join(", ");
        return Err(Failure::Message(format!("`{}` has no input `{name}`; it takes {takes}{meant}", info.name)));
    }
    if !wanted.is_empty() {
        let mut text = format!(
            "`{}` needs the input{} {}",
            info.name,
            if wanted.len() == 1 { "" } else { "s" },
            wanted.join(", ")
        );
        let _ = write!(text, "; it takes {}", signature.join(", "));
        if !left.is_empty() {
            let names: Vec<&str> = left.iter().map(|(name, _)| name.as_str()).collect();
            let _ = write!(text, "; the data have {}", names.join(", "));
        }
        return Err(Failure::Message(text));
    }
    if !left.is_empty() {
        let names: Vec<&str> = left.iter().map(|(name, _)| name.as_str()).collect();
        eprintln!("note: `{}` does not take {}: left out", info.name, names.join(", "));
    }
    Ok(taken)
}

fn written(input: &InputInfo) -> String {
    let axes = if input.axes.is_empty() { String::new() } else { format!("[{}]", input.axes.join(", ")) };
    format!("{}: {}{axes}", input.name, input.kind)
}
