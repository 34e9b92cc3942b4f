//! `cases.json` → the cases of the benchmarks, and a compiled loss for each.

pub mod data;

use std::collections::BTreeMap;

use lossc::session::{Compiler, Loss};
use lossc::tensor::DType;

/// The losses beside the table, in the binary: it may be run from anywhere.
const TEXTS: &[(&str, &str)] = &[
    ("dice_sigmoid.loss", include_str!("dice_sigmoid.loss")),
    ("dice_wce_sigmoid.loss", include_str!("dice_wce_sigmoid.loss")),
    ("generalized_dice_softmax.loss", include_str!("generalized_dice_softmax.loss")),
    ("label_smoothing.loss", include_str!("label_smoothing.loss")),
    ("unified_focal_sigmoid.loss", include_str!("unified_focal_sigmoid.loss")),
];

/// The whole table.
#[derive(serde::Deserialize)]
struct Table {
    cases: Vec<Row>,
}

/// A loss with its sizes.
#[derive(serde::Deserialize)]
struct Row {
    name: String,
    loss: String,
    gradients: Vec<String>,
    inputs: serde_json::Map<String, serde_json::Value>,
    sizes: serde_json::Map<String, serde_json::Value>,
}

/// A loss on data of one size.
#[derive(Clone)]
pub struct Case {
    /// Its name in the table.
    pub name: String,
    /// The name of the size, such as `2^20`.
    pub size: String,
    /// A loss of the standard library, or a file beside the table.
    pub loss: String,
    /// The inputs whose gradients are wanted.
    pub gradients: Vec<String>,
    /// In the order of the signature.
    pub inputs: Vec<Input>,
}

/// What an input holds.
#[derive(Clone)]
pub struct Input {
    pub name: String,
    pub axes: Vec<String>,
    pub shape: Vec<usize>,
    /// The kind of the data and its parameters.
    pub data: String,
    /// The extents of all axes of the case.
    pub extents: BTreeMap<String, usize>,
}

/// Every case in every size.
pub fn all() -> Vec<Case> {
    let table: Table = serde_json::from_str(include_str!("cases.json")).expect("a table of cases");
    table.cases.iter().flat_map(|row| row.sizes.iter().map(|(size, extents)| case(row, size, extents))).collect()
}

fn case(row: &Row, size: &str, extents: &serde_json::Value) -> Case {
    let extents: BTreeMap<String, usize> = serde_json::from_value(extents.clone()).expect("extents");
    let input = |(name, given): (&String, &serde_json::Value)| {
        let axes: Vec<String> = serde_json::from_value(given["shape"].clone()).expect("a list of axes");
        let shape = axes.iter().map(|axis| extents[axis]).collect();
        let data = given["data"].as_str().expect("a kind of data").to_string();
        Input { name: name.clone(), axes, shape, data, extents: extents.clone() }
    };
    Case {
        name: row.name.clone(),
        size: size.to_string(),
        loss: row.loss.clone(),
        gradients: row.gradients.clone(),
        inputs: row.inputs.iter().map(input).collect(),
    }
}

impl Case {
    /// Such as `mse/2^12`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.name, self.size)
    }

    /// The loss compiled in single precision.
    pub fn compile(&self, threads: usize) -> Loss {
        let built = if self.loss.ends_with(".loss") {
            let (_, text) = TEXTS.iter().find(|(file, _)| *file == self.loss).expect("a loss beside the table");
            Compiler::new().compile(text).and_then(|program| program.main())
        } else {
            Compiler::new().standard().and_then(|library| library.loss(&self.loss))
        };
        let built = built.and_then(|builder| builder.wrt(&self.gradients).dtype(DType::F32).threads(threads).build());
        built.unwrap_or_else(|error| panic!("{}: {error}", self.title()))
    }
}
