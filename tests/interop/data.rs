//! Twenty losses of all families with random inputs that fit them, as candle's tensors.

use candle_core::{DType, Device, Tensor};

use crate::data::Values::*;

/// What the values of an input are.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    Any,
    Probability,
    Binary,
    Sign,
    Label(u32),
    Box,
}

/// An input: its name, its values and its shape.
pub type Input = (&'static str, Values, &'static [usize]);

/// A loss with its inputs, in the order of its signature.
pub const LOSSES: &[(&str, &[Input])] = &[
    ("mse", &[("pred", Any, &[7, 5]), ("target", Any, &[7, 5])]),
    ("huber", &[("pred", Any, &[7, 5]), ("target", Any, &[7, 5])]),
    ("log_cosh", &[("pred", Any, &[6, 4]), ("target", Any, &[6, 4])]),
    ("quantile", &[("pred", Any, &[33, 3]), ("target", Any, &[33, 3])]),
    ("giou", &[("pred", Box, &[6, 4]), ("target", Box, &[6, 4])]),
    ("ciou", &[("pred", Box, &[6, 4]), ("target", Box, &[6, 4])]),
    ("hinge", &[("pred", Any, &[6, 4]), ("target", Sign, &[6, 4])]),
    ("bce", &[("pred", Probability, &[9, 4]), ("target", Binary, &[9, 4])]),
    ("bce_logits", &[("logits", Any, &[9, 4]), ("target", Binary, &[9, 4])]),
    ("focal_logits", &[("logits", Any, &[9, 4]), ("target", Binary, &[9, 4])]),
    ("cross_entropy", &[("logits", Any, &[9, 5]), ("label", Label(5), &[9])]),
    ("dice", &[("pred", Probability, &[8, 6]), ("target", Binary, &[8, 6])]),
    ("tversky", &[("pred", Probability, &[8, 6]), ("target", Binary, &[8, 6])]),
    ("generalized_dice", &[("pred", Probability, &[4, 3, 6]), ("target", Binary, &[4, 3, 6])]),
    ("triplet", &[("anchor", Any, &[6, 5]), ("positive", Any, &[6, 5]), ("negative", Any, &[6, 5])]),
    ("info_nce", &[("query", Any, &[6, 5]), ("key", Any, &[6, 5])]),
    ("arcface", &[("features", Any, &[6, 5]), ("weights", Any, &[4, 5]), ("label", Label(4), &[6])]),
    (
        "center_joint",
        &[("logits", Any, &[6, 4]), ("features", Any, &[6, 5]), ("centers", Any, &[4, 5]), ("label", Label(4), &[6])],
    ),
    ("combo", &[("pred", Probability, &[9, 4]), ("target", Binary, &[9, 4])]),
    ("gan_discriminator", &[("real_logits", Any, &[7, 3]), ("fake_logits", Any, &[6, 2])]),
    ("gaussian_kl", &[("mu", Any, &[6, 5]), ("logvar", Any, &[6, 5])]),
];

/// A fixed sequence of numbers in [0, 1).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The inputs of a loss: floats in f32, labels in i64.
pub fn tensors(inputs: &[Input]) -> Vec<(&'static str, Tensor)> {
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    inputs.iter().map(|(name, values, shape)| (*name, tensor(*values, shape, &mut random))).collect()
}

fn tensor(values: Values, shape: &[usize], random: &mut Random) -> Tensor {
    let count = shape.iter().product();
    let numbers: Vec<f64> = match values {
        Box => (0..count / 4).flat_map(|_| corners(random)).collect(),
        _ => (0..count).map(|_| number(values, random)).collect(),
    };
    let dtype = if matches!(values, Label(_)) { DType::I64 } else { DType::F32 };
    Tensor::from_vec(numbers, shape, &Device::Cpu).and_then(|tensor| tensor.to_dtype(dtype)).expect("a tensor")
}

fn number(values: Values, random: &mut Random) -> f64 {
    let uniform = random.next();
    match values {
        Probability => 0.05 + 0.9 * uniform,
        Binary => f64::from(uniform < 0.4),
        Sign => {
            if uniform < 0.5 {
                -1.0
            } else {
                1.0
            }
        }
        Label(classes) => (uniform * f64::from(classes)).floor(),
        Any | Box => 4.0 * uniform - 2.0,
    }
}

/// A box by its corners, of at least 0.5 by 0.5.
fn corners(random: &mut Random) -> [f64; 4] {
    let (x, y) = (random.next(), random.next());
    [x, y, x + 0.5 + random.next(), y + 0.5 + random.next()]
}

/// All elements as doubles in row-major order.
pub fn numbers(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.flatten_all().and_then(|flat| flat.to_dtype(DType::F64)).expect("floats");
    flat.to_vec1().expect("a vector")
}

/// Whether two results of f32 are the same; candle adds gradients to 0, which makes 0 of −0.
pub fn same(left: &[f64], right: &[f64]) -> bool {
    let same = |(left, right): (&f64, &f64)| left == right || (left.is_nan() && right.is_nan());
    left.len() == right.len() && left.iter().zip(right).all(same)
}

/// Whether two results agree to a relative and absolute error.
pub fn close(left: &[f64], right: &[f64], error: f64) -> bool {
    let close = |(left, right): (&f64, &f64)| (left - right).abs() <= error * (1.0 + left.abs().max(right.abs()));
    left.len() == right.len() && left.iter().zip(right).all(close)
}
