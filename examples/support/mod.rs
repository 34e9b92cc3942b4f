//! What the training examples share: their data, seeded random numbers, and layers made with them.
#![allow(dead_code, reason = "each example uses a part")]

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::Linear;

/// A file of the folder `examples`.
pub fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Random numbers that are the same in every run (splitmix64); those of candle on the CPU have no seed.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Evenly in [-1, 1).
    pub fn symmetric(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    /// The numbers below `count` in random order.
    pub fn order(&mut self, count: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        for last in (1..count).rev() {
            order.swap(last, self.next() as usize % (last + 1));
        }
        order
    }

    /// A tensor of numbers in [-scale, scale).
    pub fn tensor(&mut self, shape: &[usize], scale: f32) -> Result<Tensor> {
        let numbers: Vec<f32> = (0..shape.iter().product()).map(|_| scale * self.symmetric()).collect();
        Tensor::from_vec(numbers, shape, &Device::Cpu)
    }
}

/// A dense layer, whose weights are added to the variables that are learned.
pub fn dense(random: &mut Random, inputs: usize, outputs: usize, learned: &mut Vec<Var>) -> Result<Linear> {
    let weight = Var::from_tensor(&random.tensor(&[outputs, inputs], (3.0 / inputs as f32).sqrt())?)?;
    let bias = Var::zeros(outputs, DType::F32, &Device::Cpu)?;
    let layer = Linear::new(weight.as_tensor().clone(), Some(bias.as_tensor().clone()));
    learned.extend([weight, bias]);
    Ok(layer)
}

/// Samples with their labels.
pub struct Samples {
    /// Pixels of 0 to 1, [N, 64].
    pub pixels: Tensor,
    /// The digits, [N] of u8.
    pub label: Tensor,
}

impl Samples {
    /// Those of these positions.
    pub fn select(&self, positions: &[u32]) -> Result<Samples> {
        let positions = Tensor::new(positions, &Device::Cpu)?;
        let (pixels, label) = (self.pixels.index_select(&positions, 0)?, self.label.index_select(&positions, 0)?);
        Ok(Samples { pixels, label })
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.pixels.dims()[0]
    }
}

/// The handwritten digits: 1297 to learn from, 500 to judge by.
pub fn digits() -> Result<(Samples, Samples)> {
    let mut tensors = candle_core::safetensors::load(example("data/digit_images.safetensors"), &Device::Cpu)?;
    let mut take = |name: &str| tensors.remove(name).ok_or_else(|| candle_core::Error::Msg(format!("no {name}")));
    let pixels = take("image")?.flatten_from(1)?.to_dtype(DType::F32)?.affine(1.0 / 16.0, 0.0)?;
    let all = Samples { pixels, label: take("label")? };
    let order = Random(1).order(all.count());
    let (judged, learned) = order.split_at(500);
    Ok((all.select(learned)?, all.select(judged)?))
}
