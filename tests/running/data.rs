//! Random tensors that fit the declared kinds and axes of a loss's inputs.

use std::collections::BTreeMap;

use lossc::session::InputInfo;
use lossc::tensor::Tensor;

use super::Tensors;

/// A fixed sequence of doubles in [0, 1).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..4 {
            random.next();
        }
        random
    }

    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() * bound as f64) as usize
    }
}

/// The extents of axes by name as written (`N`, `..S`); a pack has a list.
pub type Extents = BTreeMap<String, Vec<usize>>;

/// The shape of an input.
pub fn shape(input: &InputInfo, extents: &Extents) -> Vec<usize> {
    let of = |axis: &String| extents.get(axis).unwrap_or_else(|| panic!("no extent of {axis}")).clone();
    input.axes.iter().flat_map(of).collect()
}

/// The axis that labels of a kind index.
pub fn label_axis(kind: &str) -> Option<String> {
    kind.strip_prefix("index(")?.split([' ', ')']).next().map(str::to_owned)
}

/// Random tensors for all inputs: floats that are exact in single precision, strictly inside their domains where
/// these are open.
pub fn random(inputs: &[InputInfo], extents: &Extents, seed: u64) -> Tensors {
    let mut random = Random::new(seed);
    inputs.iter().map(|input| (input.name.clone(), tensor(input, extents, &mut random))).collect()
}

fn tensor(input: &InputInfo, extents: &Extents, random: &mut Random) -> Tensor {
    let shape = shape(input, extents);
    let count: usize = shape.iter().product();
    if let Some(axis) = label_axis(&input.kind) {
        let bound: usize = extents[&axis].iter().product();
        return Tensor::i64((0..count).map(|_| random.below(bound.max(1)) as i64).collect(), &shape);
    }
    if input.axes.last().is_some_and(|axis| axis == "box") {
        let boxes = (0..count / 4).flat_map(|_| rectangle(random));
        return Tensor::f64(boxes.collect(), &shape);
    }
    if input.axes.last().is_some_and(|axis| axis == "rbox") {
        let boxes = (0..count / 5).flat_map(|_| rotated(random));
        return Tensor::f64(boxes.collect(), &shape);
    }
    let mut draw = || match input.kind.as_str() {
        "prob" => random.between(0.05, 0.95),
        "binary" => f64::from(u8::from(random.next() < 0.5)),
        "sign" => [-1.0, 1.0][random.below(2)],
        "count" => random.between(1.0, 20.0).floor(),
        "real" | "logit" => random.between(-1.5, 1.5),
        other => panic!("no data of kind {other}"),
    };
    Tensor::f64((0..count).map(|_| f64::from(draw() as f32)).collect(), &shape)
}

/// A rotated box of some extent near the origin: centre, size, angle.
fn rotated(random: &mut Random) -> [f64; 5] {
    let mut number = |low: f64, high: f64| f64::from(random.between(low, high) as f32);
    [number(-0.5, 0.5), number(-0.5, 0.5), number(0.8, 1.5), number(0.8, 1.5), number(-1.0, 1.0)]
}

/// A box of some extent about the origin, so that two of them overlap: x1, y1, x2, y2.
fn rectangle(random: &mut Random) -> [f64; 4] {
    let mut edge = |low: f64, high: f64| f64::from(random.between(low, high) as f32);
    [edge(-1.5, -0.2), edge(-1.5, -0.2), edge(0.2, 1.5), edge(0.2, 1.5)]
}
