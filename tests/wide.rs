//! Strips become functions of vectors, on machines that have such vectors: for how many, and that none is lost.

mod running;

use lossc::session::{InputInfo, LossBuilder, Stage, Vectors};
use lossc::tensor::DType;

use running::data::shape;
use running::losses::{extents, losses, required};

#[test]
fn every_strip_of_the_library_is_a_function_of_vectors() {
    for vectors in [Vectors::Avx512, Vectors::Avx2] {
        if vectors.usable() == vectors {
            assert!(partly(vectors).is_empty(), "{vectors:?}: {:?}", partly(vectors));
        }
    }
}

/// Rows of some length, pixels of a few classes, and short rows.
const KINDS: [&[(&str, &[usize])]; 3] = [
    &[("..S", &[]), ("C", &[1000])],
    &[("..S", &[64, 64]), ("C", &[8])],
    &[("N", &[1000]), ("..B", &[1000]), ("..S", &[]), ("C", &[10]), ("K", &[10]), ("D", &[10])],
];

/// The shapes of the inputs that must be given.
fn shapes(builder: &LossBuilder, changed: &[(&str, &[usize])]) -> Vec<(String, Vec<usize>)> {
    let inputs: Vec<InputInfo> = required(builder).collect();
    let extents = extents(&inputs, changed);
    inputs.iter().map(|input| (input.name.clone(), shape(input, &extents))).collect()
}

/// The losses with strips that are no functions of such vectors.
fn partly(vectors: Vectors) -> Vec<String> {
    let losses = losses();
    let mut partly: Vec<String> = Vec::new();
    for (name, builder) in &losses {
        for (dtype, extents) in [DType::F32, DType::F64].into_iter().flat_map(|dtype| KINDS.map(|kind| (dtype, kind))) {
            let builder = builder.clone().wrt_all().dtype(dtype).vectors(vectors).for_shapes(shapes(builder, extents));
            let show = |stage| builder.show(stage).unwrap_or_else(|error| panic!("{name}: {error}"));
            let (kernel, assembly) = (show(Stage::Kernel), show(Stage::Asm));
            // A loop in groups of turns has one that adds the sums of a group.
            let grouped = kernel.lines().filter(|line| line.contains(" by groups in ")).count();
            let strips = kernel.matches("strip over").count() + grouped;
            let functions = |purpose: &str| {
                assembly.lines().filter(|line| line.contains(", vectors ") && line.ends_with(purpose)).count()
            };
            let [in_order, any_strides, turns] = ["in order", "any strides", "several turns"].map(functions);
            assert!(
                in_order <= strips && turns <= strips,
                "{name}: {in_order} and {turns} functions of {strips} strips"
            );
            assert!(any_strides <= in_order, "{name}: more functions for any strides than for lanes in order");
            if in_order.min(any_strides) < strips && !partly.contains(name) {
                partly.push(name.clone());
            }
        }
    }
    partly.sort_unstable();
    partly
}
