//! A loss and the extents of its axes → random tensors of the declared kinds.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cli::failure::Failure;
use crate::session::{InputInfo, LossInfo};
use crate::tensor::{Buffer, DType, Tensor};

/// Extents by axis as it is declared (`N`, `..S`); a pack has a list.
pub struct Shapes(BTreeMap<String, Vec<usize>>);

impl Shapes {
    /// Which axis has which extents. What no axis is called goes, in order, to the only pack of the loss.
    pub fn new(info: &LossInfo, given: &[(String, Vec<usize>)]) -> Result<Shapes, Failure> {
        let mut shapes = BTreeMap::new();
        let own = axes(info);
        let mut rest = Vec::new();
        for (name, extents) in given {
            let axis = own.iter().find(|axis| axis.trim_start_matches("..") == name.trim_start_matches(".."));
            match axis {
                Some(axis) if !axis.starts_with("..") && extents.len() != 1 => {
                    let text = format!("axis {axis} is one axis: give it one extent, such as {axis}={}", extents[0]);
                    return Err(Failure::Usage(text));
                }
                Some(axis) if shapes.insert(axis.clone(), extents.clone()).is_some() => {
                    return Err(Failure::Usage(format!("axis {axis} is given twice")));
                }
                Some(_) => {}
                None => rest.push((name, extents)),
            }
        }
        let packs: Vec<&String> = own.iter().filter(|axis| axis.starts_with("..")).collect();
        match (rest.as_slice(), packs.as_slice()) {
            ([], _) => {}
            (_, [pack]) if !shapes.contains_key(*pack) => {
                let extents = rest.iter().flat_map(|(_, extents)| extents.iter().copied());
                shapes.insert((*pack).clone(), extents.collect());
            }
            ([(name, _), ..], _) => {
                let text = format!("`{}` has no axis {name}; its axes are {}", info.name, own.join(", "));
                return Err(Failure::Usage(text));
            }
        }
        for (axis, extent) in &info.labelled {
            shapes.insert(axis.clone(), vec![*extent]);
        }
        // Most data have none of a pack's axes beside others.
        let alone = own.iter().all(|axis| axis.starts_with("..") || info.labelled.iter().any(|(name, _)| name == axis));
        for axis in own.iter().filter(|axis| !shapes.contains_key(*axis)).cloned().collect::<Vec<_>>() {
            if !axis.starts_with("..") || alone {
                let name = axis.trim_start_matches("..");
                let text = format!("`{}` needs the extent of axis {axis}: --shape {name}=4096", info.name);
                return Err(Failure::Usage(text));
            }
            shapes.insert(axis, Vec::new());
        }
        Ok(Shapes(shapes))
    }

    /// Random tensors for the required inputs: floats of this type, labels below the extent of their axis.
    pub fn data(&self, info: &LossInfo, dtype: DType) -> Result<Vec<(String, Tensor)>, Failure> {
        let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
        let required = info.inputs.iter().filter(|input| !input.optional);
        required.map(|input| Ok((input.name.clone(), self.tensor(input, dtype, &mut draw)?))).collect()
    }

    /// The shapes of the required inputs, by name.
    pub fn by_input(&self, info: &LossInfo) -> Vec<(String, Vec<usize>)> {
        let required = info.inputs.iter().filter(|input| !input.optional);
        required.map(|input| (input.name.clone(), self.shape(input))).collect()
    }

    fn of<'s>(&'s self, axis: &String) -> impl Iterator<Item = usize> + use<'s> {
        self.0.get(axis).into_iter().flatten().copied()
    }

    fn shape(&self, input: &InputInfo) -> Vec<usize> {
        input.axes.iter().flat_map(|axis| self.of(axis)).collect()
    }

    fn tensor(&self, input: &InputInfo, dtype: DType, draw: &mut Draw) -> Result<Tensor, Failure> {
        let shape = self.shape(input);
        let count = shape.iter().try_fold(1_usize, |count, &extent| count.checked_mul(extent));
        let count = count.filter(|count| *count <= LARGEST).ok_or_else(|| {
            Failure::Message(format!("`{}` of shape {shape:?} is too large to be made up", input.name))
        })?;
        if !input.float {
            let bound = label_axis(&input.kind).map_or(2, |axis| self.of(&axis).product::<usize>());
            return Ok(Tensor::i64((0..count).map(|_| draw.below(bound.max(1))).collect(), &shape));
        }
        let number: fn(&mut Draw) -> f64 = match input.kind.as_str() {
            "prob" => |draw| 0.05 + 0.9 * draw.next(),
            "binary" => |draw| draw.below(2) as f64,
            "sign" => |draw| (2 * draw.below(2) - 1) as f64,
            "count" => |draw| (1 + draw.below(20)) as f64,
            "logit" => |draw| 12.0 * draw.next() - 6.0,
            _ => |draw| 4.0 * draw.next() - 2.0,
        };
        let numbers = (0..count).map(|_| number(draw));
        let data = match dtype {
            DType::F16 => Buffer::F16(Arc::new(numbers.map(half::f16::from_f64).collect())),
            DType::BF16 => Buffer::BF16(Arc::new(numbers.map(half::bf16::from_f64).collect())),
            DType::F64 => Buffer::F64(Arc::new(numbers.collect())),
            _ => Buffer::F32(Arc::new(numbers.map(|number| number as f32).collect())),
        };
        Ok(Tensor { data, shape })
    }
}

/// The most elements of a tensor that is made up.
const LARGEST: usize = 1 << 30;

/// The axes of the required inputs, and those that their labels index, each once.
fn axes(info: &LossInfo) -> Vec<String> {
    let mut axes: Vec<String> = Vec::new();
    for input in info.inputs.iter().filter(|input| !input.optional) {
        for axis in input.axes.iter().cloned().chain(label_axis(&input.kind)) {
            if !axes.contains(&axis) {
                axes.push(axis);
            }
        }
    }
    axes
}

/// The axis that labels of a kind such as `index(C)` index.
fn label_axis(kind: &str) -> Option<String> {
    kind.strip_prefix("index(")?.split([' ', ')']).next().map(str::to_owned)
}

/// A fixed sequence of random numbers.
struct Draw(u64);

impl Draw {
    /// In [0, 1).
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, bound: usize) -> i64 {
        (self.next() * bound as f64) as i64
    }
}
