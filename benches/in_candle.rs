//! Losses in the operations of candle, as its users write them: those that it can express, with its own backward.

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{loss, ops};

use crate::cases::Case;
use crate::cases::data::Data;

/// A loss of the inputs of a case, in their order.
type Chain = fn(&[Tensor]) -> Result<Tensor>;

/// The loss of a case, if it is here.
pub fn find(case: &str) -> Option<Chain> {
    Some(match case {
        "mse" => |of| loss::mse(&of[0], &of[1]),
        "huber" => |of| loss::huber(&of[0], &of[1], 1.0),
        "bce" => |of| {
            let (p, y) = (&of[0], &of[1]);
            (y.mul(&p.log()?)? + y.affine(-1.0, 1.0)?.mul(&p.affine(-1.0, 1.0)?.log()?)?)?.neg()?.mean_all()
        },
        "bce_logits" => |of| loss::binary_cross_entropy_with_logit(&of[0], &of[1]),
        "focal_logits" => focal,
        "dice_sigmoid" => |of| dice(&ops::sigmoid(&of[0])?, &of[1]),
        "dice_wce_sigmoid" => |of| {
            let entropy = loss::binary_cross_entropy_with_logit(&of[0], &of[1])?;
            (dice(&ops::sigmoid(&of[0])?, &of[1])? * 0.5)? + (entropy * 0.5)?
        },
        "cross_entropy" => |of| loss::cross_entropy(&of[0], &of[1]),
        "label_smoothing" => |of| {
            let log_p = ops::log_softmax(&of[0], 1)?;
            let hard = log_p.gather(&of[1].unsqueeze(1)?, 1)?.mean_all()?;
            (hard * -0.9)? - (log_p.mean_all()? * 0.1)?
        },
        "kl" => |of| {
            let (p, y) = (&of[0], &of[1]);
            y.mul(&(y.log()? - p.log()?)?)?.sum_all()? / p.dim(0)? as f64
        },
        "generalized_dice" => |of| generalized_dice(&of[0], &of[1]),
        "generalized_dice_softmax" => |of| generalized_dice(&ops::softmax(&of[0], 1)?, &of[1]),
        "triplet" => |of| {
            let near = (&of[0] - &of[1])?.sqr()?.sum(1)?;
            ((near - (&of[0] - &of[2])?.sqr()?.sum(1)?)? + 0.2)?.relu()?.sum_all()
        },
        "contrastive" => |of| {
            let r = (&of[0] - &of[1])?.sqr()?.sum(1)?.sqrt()?;
            let gap = (1.0 - &r)?.relu()?.sqr()?;
            ((of[2].mul(&r.sqr()?)? + of[2].affine(-1.0, 1.0)?.mul(&gap)?)? * 0.5)?.sum_all()
        },
        "info_nce" => |of| {
            let scores = (normalized(&of[0])?.matmul(&normalized(&of[1])?.t()?)? / 0.07)?;
            loss::cross_entropy(&scores, &Tensor::arange(0, of[0].dim(0)? as u32, &Device::Cpu)?)
        },
        _ => return None,
    })
}

fn focal(of: &[Tensor]) -> Result<Tensor> {
    let (p, y) = (ops::sigmoid(&of[0])?, &of[1]);
    let (q, other) = (p.affine(-1.0, 1.0)?, y.affine(-1.0, 1.0)?);
    let right = y.mul(&q.sqr()?)?.mul(&p.log()?)?.affine(-0.25, 0.0)?;
    (right + other.mul(&p.sqr()?)?.mul(&q.log()?)?.affine(-0.75, 0.0)?)?.mean_all()
}

fn dice(p: &Tensor, y: &Tensor) -> Result<Tensor> {
    let top = (p.mul(y)?.sum_all()? * 2.0)?.affine(1.0, 1e-5)?;
    top.div(&(p.sum_all()? + y.sum_all()?)?.affine(1.0, 1e-5)?)?.affine(-1.0, 1.0)
}

fn generalized_dice(p: &Tensor, y: &Tensor) -> Result<Tensor> {
    let axes = (0, 2, 3);
    let w = y.sum(axes)?.sqr()?.recip()?;
    let common = w.mul(&p.mul(y)?.sum(axes)?)?.sum_all()?.affine(2.0, 1e-5)?;
    let total = w.mul(&(p + y)?.sum(axes)?)?.sum_all()?.affine(1.0, 1e-5)?;
    common.div(&total)?.affine(-1.0, 1.0)
}

fn normalized(x: &Tensor) -> Result<Tensor> {
    x.broadcast_div(&x.sqr()?.sum_keepdim(1)?.sqrt()?)
}

/// The inputs of a case as tensors, those with a gradient as variables.
pub struct Graph {
    inputs: Vec<Tensor>,
    wanted: Vec<Tensor>,
    chain: Chain,
}

impl Graph {
    pub fn new(case: &Case, data: &Data, chain: Chain) -> Result<Graph> {
        let mut graph = Graph { inputs: Vec::new(), wanted: Vec::new(), chain };
        for input in &case.inputs {
            if input.data.starts_with("label") {
                graph.inputs.push(Tensor::from_slice(data.labels(&input.name), &*input.shape, &Device::Cpu)?);
                continue;
            }
            let tensor = Tensor::from_slice(data.floats(&input.name), &*input.shape, &Device::Cpu)?;
            let wanted = case.gradients.contains(&input.name);
            let tensor = if wanted { Var::from_tensor(&tensor)?.into_inner() } else { tensor };
            graph.wanted.extend(wanted.then(|| tensor.clone()));
            graph.inputs.push(tensor);
        }
        Ok(graph)
    }

    /// Value and gradients.
    pub fn step(&self) -> Result<(f64, Vec<Tensor>)> {
        let value = (self.chain)(&self.inputs)?;
        let store = value.backward()?;
        let gradients = self.wanted.iter().map(|input| store.get(input).expect("a gradient").clone()).collect();
        Ok((value.to_dtype(DType::F64)?.to_scalar()?, gradients))
    }
}
