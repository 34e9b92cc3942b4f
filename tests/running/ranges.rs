//! Every loss with data so large that its stages are cut into ranges, and results as bits.

use lossc::session::{Compiler, Evaluation, Loss, LossBuilder};
use lossc::tensor::{Buffer, DType, Tensor};

use super::data::{Extents, label_axis, random};
use super::{Tensors, single, with_extents};

/// Every loss that can be called alone, with data so large that it is cut into ranges.
pub fn losses() -> Vec<(String, Loss, Tensors)> {
    let library = Compiler::new().standard().expect("the library is sound");
    let built = |(position, name): (usize, String)| {
        let builder = match library.loss(&name) {
            Ok(builder) => with_extents(builder),
            Err(error) if error.to_string().contains("takes a loss") => return None,
            Err(error) => panic!("{error}"),
        };
        let inputs = builder.info().inputs;
        let tensors = single(&random(&inputs, &extents(&builder), position as u64));
        let loss = builder.wrt_all().dtype(DType::F32).threads_from(0).build();
        Some((name, loss.unwrap_or_else(|error| panic!("{error}")), tensors))
    };
    library.standard_losses().into_iter().enumerate().filter_map(built).collect()
}

pub fn extents(builder: &LossBuilder) -> Extents {
    let info = builder.info();
    let labelled = info.inputs.iter().filter_map(|input| label_axis(&input.kind));
    let axes = info.inputs.iter().flat_map(|input| &input.axes).cloned().chain(labelled);
    let of = |axis: &str| -> &[usize] {
        match axis {
            "..B" => &[130, 140],
            "..S" => &[91],
            "N" => &[70],
            "box" => &[4],
            "rbox" => &[5],
            axis if axis.starts_with("..") => &[5],
            "C" | "K" => &[4],
            _ => &[9],
        }
    };
    axes.map(|axis| (axis.clone(), of(&axis).to_vec())).collect()
}

/// All numbers of a result as bits.
pub fn bits(evaluation: &Evaluation) -> Vec<u64> {
    let mut bits = vec![evaluation.value().to_bits()];
    bits.extend(evaluation.terms().iter().flat_map(|term| [term.value.to_bits(), term.weight.to_bits()]));
    bits.extend(evaluation.state().iter().map(|(_, value)| value.to_bits()));
    let elements = |tensor: &Tensor| -> Vec<u64> {
        match &tensor.data {
            Buffer::F32(data) => data.iter().map(|value| u64::from(value.to_bits())).collect(),
            _ => tensor.to_f64().into_iter().map(f64::to_bits).collect(),
        }
    };
    bits.extend(evaluation.gradients().iter().flat_map(|gradient| elements(&gradient.tensor)));
    bits
}
