//! An input of a case → a tensor of random numbers, the same in every run.

use lossc::session::{Evaluation, Loss, Params, Workspace};
use lossc::tensor::{Slice, SliceMut, Tensor, TensorView, TensorViewMut};

use super::{Case, Input};

/// The inputs of a case.
pub struct Data(Vec<(String, Tensor)>);

impl Data {
    /// Drawn anew, always the same.
    pub fn of(case: &Case) -> Data {
        let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
        Data(case.inputs.iter().map(|input| (input.name.clone(), tensor(input, &mut draw))).collect())
    }

    fn tensor(&self, name: &str) -> &Tensor {
        &self.0.iter().find(|(other, _)| other == name).unwrap_or_else(|| panic!("no input {name}")).1
    }

    /// The numbers of a float input.
    pub fn floats(&self, name: &str) -> &[f32] {
        match self.tensor(name).slice() {
            Slice::F32(data) => data,
            other => panic!("{name} has {:?}", other.dtype()),
        }
    }

    /// The labels of an input.
    pub fn labels(&self, name: &str) -> &[i64] {
        match self.tensor(name).slice() {
            Slice::I64(data) => data,
            other => panic!("{name} has {:?}", other.dtype()),
        }
    }

    /// The extents of an input.
    pub fn shape(&self, name: &str) -> &[usize] {
        &self.tensor(name).shape
    }

    /// Views for a call.
    pub fn views(&self) -> Vec<(&str, TensorView<'_>)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor.view().expect("it fits"))).collect()
    }

    /// Memory for the gradients of a case, touched so that no page of it is new.
    pub fn memory(&self, case: &Case) -> Vec<Vec<f32>> {
        case.gradients.iter().map(|name| vec![1.0; self.floats(name).len()]).collect()
    }

    /// Bytes of the inputs and of the gradients: what has to be moved at least.
    pub fn bytes(&self, case: &Case) -> usize {
        let size = |tensor: &Tensor| tensor.slice().len() * if matches!(tensor.slice(), Slice::F32(_)) { 4 } else { 8 };
        let inputs: usize = self.0.iter().map(|(_, tensor)| size(tensor)).sum();
        inputs + case.gradients.iter().map(|name| size(self.tensor(name))).sum::<usize>()
    }

    /// Calls `body` with a function that computes value and gradients into memory that is used again.
    pub fn reusing(
        &self,
        case: &Case,
        loss: &Loss,
        memory: &mut [Vec<f32>],
        body: impl FnOnce(&mut dyn FnMut() -> f64),
    ) {
        let views = self.views();
        let mut targets: Vec<(&str, TensorViewMut<'_>)> = Vec::new();
        for (name, room) in case.gradients.iter().zip(memory) {
            let target = TensorViewMut::contiguous(SliceMut::F32(room), self.shape(name)).expect("it fits");
            targets.push((name.as_str(), target));
        }
        let (params, mut workspace) = (Params::new(), Workspace::new());
        body(&mut || {
            let out: &Evaluation = loss
                .value_and_grad_into(&views, &params, &mut targets, &mut workspace)
                .unwrap_or_else(|error| panic!("{}: {error}", case.title()));
            out.value()
        });
    }
}

fn tensor(input: &Input, draw: &mut Draw) -> Tensor {
    let words: Vec<&str> = input.data.split(' ').collect();
    let number = |at: usize| words[at].parse::<f32>().expect("a number");
    let count: usize = input.shape.iter().product();
    let shape = &input.shape[..];
    match words[0] {
        "normal" => Tensor::f32((0..count).map(|_| number(1) * draw.normal()).collect(), shape),
        "uniform" => {
            Tensor::f32((0..count).map(|_| number(1) + (number(2) - number(1)) * draw.next()).collect(), shape)
        }
        "binary" => Tensor::f32((0..count).map(|_| f32::from(u8::from(draw.next() < number(1)))).collect(), shape),
        "label" => Tensor::i64((0..count).map(|_| draw.below(input.extents[words[1]])).collect(), shape),
        "boxes" => Tensor::f32((0..count / 4).flat_map(|_| draw.corners()).collect(), shape),
        "simplex" | "onehot" => along(input, words[1], words[0] == "onehot", draw),
        other => panic!("unknown data `{other}`"),
    }
}

/// Numbers whose sum along an axis is 1.
fn along(input: &Input, axis: &str, onehot: bool, draw: &mut Draw) -> Tensor {
    let place = input.axes.iter().position(|other| other == axis).expect("an axis of the input");
    let extent = input.shape[place];
    let inner: usize = input.shape[place + 1..].iter().product();
    let count: usize = input.shape.iter().product();
    let mut data = vec![0.0; count];
    for start in (0..count).filter(|at| (at / inner).is_multiple_of(extent)) {
        if onehot {
            data[start + draw.below(extent) as usize * inner] = 1.0;
            continue;
        }
        // Like a softmax of normal logits, without a function of the crate.
        let weights: Vec<f32> = (0..extent).map(|_| (draw.next() + 0.02).powi(3)).collect();
        let total: f32 = weights.iter().sum();
        weights.iter().enumerate().for_each(|(class, weight)| data[start + class * inner] = weight / total);
    }
    Tensor::f32(data, &input.shape)
}

/// A fixed sequence of random numbers.
struct Draw(u64);

impl Draw {
    /// In [0, 1).
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }

    fn below(&mut self, bound: usize) -> i64 {
        (f64::from(self.next()) * bound as f64) as i64
    }

    /// Mean 0, variance 1, within ±6: the sum of twelve.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.next()).sum::<f32>() - 6.0
    }

    fn corners(&mut self) -> [f32; 4] {
        let (x, y) = (self.next(), self.next());
        [x, y, x + 0.2 + self.next(), y + 0.2 + self.next()]
    }
}
