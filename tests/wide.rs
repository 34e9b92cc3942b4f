//! Strips become functions of 512-bit vectors, on machines that have them: for how many, and that none is lost.

mod running;

use lossc::session::{Stage, Vectors};
use lossc::tensor::DType;

use running::losses::losses;

/// Losses with strips that vectors do not do yet: they keep conditions in memory, or powers with an exponent of each lane.
const PARTLY: &[&str] = &[
    "a_softmax",
    "angular_softmax",
    "l_softmax",
    "l_softmax_mix",
    "range",
    "range_inter",
    "sub_center_arcface",
    "sup_con",
];

#[test]
fn every_strip_of_the_library_is_a_function_of_vectors() {
    if Vectors::best() != Vectors::Wide {
        return;
    }
    let losses = losses();
    let mut partly = Vec::new();
    for (name, builder) in &losses {
        for dtype in [DType::F32, DType::F64] {
            let builder = builder.clone().wrt_all().dtype(dtype).vectors(Vectors::Wide);
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
            if in_order.min(any_strides) < strips && !partly.contains(&name.as_str()) {
                partly.push(name.as_str());
            }
        }
    }
    partly.sort_unstable();
    assert_eq!(partly, PARTLY);
}
