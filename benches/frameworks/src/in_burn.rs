//! Losses in the operations of burn, as its users write them: those that it can express, with its own backward.

use std::hint::black_box;

use burn::nn::loss::{CrossEntropyLossConfig, HuberLossConfig, MseLoss, Reduction};
use burn::tensor::activation::{log_sigmoid, relu, sigmoid, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::cases::Case;
use crate::cases::data::Data;

/// Computes value and gradients.
pub type Step = Box<dyn FnMut() -> f64>;

/// From the inputs of a case.
type Chain = fn(&Inputs<'_>) -> Step;

/// The inputs of a case on a device that differentiates.
pub struct Inputs<'a> {
    case: &'a Case,
    data: &'a Data,
    device: Device,
}

impl<'a> Inputs<'a> {
    pub fn new(case: &'a Case, data: &'a Data) -> Self {
        Inputs { case, data, device: Device::flex().autodiff() }
    }

    fn floats<const D: usize>(&self, name: &str) -> Tensor<D> {
        let numbers = TensorData::new(self.data.floats(name).to_vec(), self.data.shape(name).to_vec());
        let tensor = Tensor::from_data(numbers, &self.device);
        if self.case.gradients.iter().any(|one| one == name) { tensor.require_grad() } else { tensor }
    }

    fn labels(&self) -> Tensor<1, Int> {
        let labels = self.data.labels("label").to_vec();
        let count = labels.len();
        Tensor::from_data(TensorData::new(labels, [count]), &self.device)
    }

    /// A loss of two inputs, with a gradient by the first.
    fn pair<const D: usize>(&self, first: &str, loss: fn(Tensor<D>, Tensor<D>) -> Tensor<1>) -> Step {
        let (x, y) = (self.floats::<D>(first), self.floats::<D>("target"));
        Box::new(move || finished(loss(x.clone(), y.clone()), &[&x]))
    }
}

/// The value, after the gradients.
fn finished<const D: usize>(loss: Tensor<1>, wanted: &[&Tensor<D>]) -> f64 {
    let gradients = loss.backward();
    for input in wanted {
        black_box(input.grad(&gradients).expect("a gradient"));
    }
    f64::from(loss.into_scalar::<f32>())
}

/// The loss of a case, if it is here.
pub fn find(case: &str) -> Option<Chain> {
    Some(match case {
        "mse" => |of| of.pair::<1>("pred", |x, y| MseLoss::new().forward(x, y, Reduction::Mean)),
        "huber" => |of| of.pair::<1>("pred", |x, y| HuberLossConfig::new(1.0).init().forward(x, y, Reduction::Mean)),
        "bce" => |of| {
            of.pair::<1>("pred", |p, y| {
                (y.clone() * p.clone().log() + (y.neg() + 1.0) * (p.neg() + 1.0).log()).mean().neg()
            })
        },
        "bce_logits" => |of| of.pair::<1>("logits", entropy),
        "focal_logits" => |of| of.pair::<1>("logits", focal),
        "dice_sigmoid" => |of| of.pair::<1>("logits", |x, y| dice(sigmoid(x), y)),
        "dice_wce_sigmoid" => {
            |of| of.pair::<1>("logits", |x, y| dice(sigmoid(x.clone()), y.clone()) * 0.5 + entropy(x, y) * 0.5)
        }
        "cross_entropy" => |of| cross_entropy(of, None),
        "label_smoothing" => |of| cross_entropy(of, Some(0.1)),
        "kl" => |of| {
            of.pair::<2>("pred", |p, y| {
                let rows = p.dims()[0] as f32;
                (y.clone() * (y.log() - p.log())).sum() / rows
            })
        },
        "generalized_dice" => |of| of.pair::<4>("pred", generalized_dice),
        "generalized_dice_softmax" => |of| of.pair::<4>("logits", |x, y| generalized_dice(softmax(x, 1), y)),
        "triplet" => triplet,
        "contrastive" => contrastive,
        _ => return None,
    })
}

fn entropy(x: Tensor<1>, y: Tensor<1>) -> Tensor<1> {
    (y.clone() * log_sigmoid(x.clone()) + (y.neg() + 1.0) * log_sigmoid(x.neg())).mean().neg()
}

fn focal(x: Tensor<1>, y: Tensor<1>) -> Tensor<1> {
    let (p, other) = (sigmoid(x.clone()), y.clone().neg() + 1.0);
    let right = y * (p.clone().neg() + 1.0).square() * log_sigmoid(x.clone()) * 0.25;
    (right + other * p.square() * log_sigmoid(x.neg()) * 0.75).mean().neg()
}

fn dice(p: Tensor<1>, y: Tensor<1>) -> Tensor<1> {
    let top = (p.clone() * y.clone()).sum() * 2.0 + 1e-5;
    (top / (p.sum() + y.sum() + 1e-5)).neg() + 1.0
}

fn cross_entropy(of: &Inputs<'_>, smoothing: Option<f32>) -> Step {
    let (logits, label) = (of.floats::<2>("logits"), of.labels());
    let loss = CrossEntropyLossConfig::new().with_smoothing(smoothing).init(&of.device);
    Box::new(move || finished(loss.forward(logits.clone(), label.clone()), &[&logits]))
}

fn generalized_dice(p: Tensor<4>, y: Tensor<4>) -> Tensor<1> {
    let sums = |x: Tensor<4>| x.sum_dims(&[0, 2, 3]);
    let w = sums(y.clone()).square().recip();
    let common = (w.clone() * sums(p.clone() * y.clone())).sum() * 2.0 + 1e-5;
    (common / ((w * sums(p + y)).sum() + 1e-5)).neg() + 1.0
}

fn triplet(of: &Inputs<'_>) -> Step {
    let [a, p, n] = ["anchor", "positive", "negative"].map(|name| of.floats::<2>(name));
    Box::new(move || {
        let near = (a.clone() - p.clone()).square().sum_dim(1);
        let far = (a.clone() - n.clone()).square().sum_dim(1);
        finished(relu(near - far + 0.2).sum(), &[&a, &p, &n])
    })
}

fn contrastive(of: &Inputs<'_>) -> Step {
    let (first, second, y) =
        (of.floats::<2>("x1"), of.floats::<2>("x2"), of.floats::<1>("target").unsqueeze_dim::<2>(1));
    Box::new(move || {
        let r = (first.clone() - second.clone()).square().sum_dim(1).sqrt();
        let gap = relu(r.clone().neg() + 1.0).square();
        let all = y.clone() * r.square() + (y.clone().neg() + 1.0) * gap;
        finished(all.sum() * 0.5, &[&first, &second])
    })
}
