//! Learnables as inputs: so that a difference by one is taken as by any other number.

use lossc::ir::{Program, parse, print};
use lossc::session::LossBuilder;
use lossc::tensor::Tensor;

use super::Tensors;
use super::data::Random;

/// The names of a loss's learnables.
pub fn learnables(builder: &LossBuilder) -> Vec<String> {
    builder.info().learnables.into_iter().map(|one| one.name).collect()
}

/// A value for each learnable.
pub fn values(builder: &LossBuilder, seed: u64) -> Tensors {
    let mut random = Random::new(seed);
    learnables(builder).into_iter().map(|name| (name, Tensor::f64(vec![random.between(0.3, 1.2)], &[]))).collect()
}

/// The builder with these values as the first ones.
pub fn with_values(builder: &LossBuilder, values: &Tensors) -> LossBuilder {
    let set = |builder: LossBuilder, (name, value): &(String, Tensor)| {
        builder.set(name, value.to_f64()[0]).expect("a learnable")
    };
    values.iter().fold(builder.clone(), set)
}

/// The program with these parameters as inputs without axes.
pub fn as_inputs(program: &Program, names: &[String]) -> Program {
    let mut lines: Vec<String> = print(program).lines().map(str::to_owned).collect();
    for name in names {
        let (before, after) = (format!("parameter \"{name}\" "), format!("input \"{name}\" real [] \"real\""));
        for line in &mut lines {
            if line.starts_with(&before) {
                line.clone_from(&after);
            }
            *line = line.replace(&format!(" = parameter \"{name}\" : "), &format!(" = input \"{name}\" : "));
        }
    }
    let text = lines.join("\n");
    parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
