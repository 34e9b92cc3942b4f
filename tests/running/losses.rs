//! Every loss of the standard library, and random data for it.

use lossc::session::{Compiler, InputInfo, LossBuilder, Program};
use lossc::tensor::Tensor;

use super::data::{Extents, Random, label_axis, random};
use super::{Tensors, learned, with_extents};

/// Inputs whose domain their kind does not tell: loss or `*`, input, lowest and highest value.
const DOMAINS: &[(&str, &str, f64, f64)] = &[
    ("msle", "*", -0.8, 2.0),
    ("rmsle", "*", -0.8, 2.0),
    ("*", "var", 0.3, 2.0),
    ("*", "snr", 0.5, 9.0),
    ("*", "frequency", 1.0, 9.0),
];

/// All losses with their builders.
pub fn losses() -> Vec<(String, LossBuilder)> {
    let library: Program = Compiler::new().standard().expect("the library is sound");
    let names = library.standard_losses();
    assert!(names.len() >= 60, "the library has only {} losses", names.len());
    // A combinator is nothing alone: it is run with a base by the tests of composition.
    let builder = |name: String| match library.loss(&name) {
        Ok(builder) => Some((name, with_extents(builder))),
        Err(error) if error.to_string().contains("takes a loss") => None,
        Err(error) => panic!("{error}"),
    };
    names.into_iter().filter_map(builder).collect()
}

/// What a loss has gradients by.
pub fn floats(builder: &LossBuilder) -> Vec<String> {
    let inputs = builder.info().inputs.into_iter().filter(|input| input.float).map(|input| input.name);
    inputs.chain(learned::learnables(builder)).collect()
}

/// The inputs that must be given.
pub fn required(builder: &LossBuilder) -> impl Iterator<Item = InputInfo> {
    builder.info().inputs.into_iter().filter(|input| !input.optional)
}

/// Extents by which axes are told apart; `changed` overrides some.
pub fn extents(inputs: &[InputInfo], changed: &[(&str, &[usize])]) -> Extents {
    let mut all = Extents::new();
    let labelled = inputs.iter().filter_map(|input| label_axis(&input.kind));
    for axis in inputs.iter().flat_map(|input| &input.axes).cloned().chain(labelled) {
        let usual: &[usize] = match axis.as_str() {
            "..B" | "..S" => &[2, 3],
            "..A" => &[4],
            "N" => &[5],
            "C" | "K" => &[4],
            "box" => &[4],
            "rbox" => &[5],
            axis if axis.starts_with("..") => &[2],
            _ => &[3],
        };
        let given = changed.iter().find(|(name, _)| *name == axis).map_or(usual, |(_, extents)| extents);
        all.insert(axis.clone(), given.to_vec());
    }
    all
}

/// Random tensors for all inputs of a loss.
pub fn data(loss: &str, builder: &LossBuilder, changed: &[(&str, &[usize])], seed: u64) -> Tensors {
    let inputs = builder.info().inputs;
    let mut tensors = random(&inputs, &extents(&inputs, changed), seed);
    let mut draws = Random::new(seed + 1);
    for (name, tensor) in &mut tensors {
        let row =
            DOMAINS.iter().find(|(of, input, ..)| (*of == loss || *of == "*") && (input == name || *input == "*"));
        if let Some(&(_, _, low, high)) = row {
            let count = tensor.slice().len();
            let values = (0..count).map(|_| f64::from(draws.between(low, high) as f32)).collect();
            *tensor = Tensor::f64(values, &tensor.shape);
        }
    }
    tensors
}
