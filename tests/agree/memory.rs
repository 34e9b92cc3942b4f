//! The same numbers in other memory: transposed, reversed, with gaps, and repeated by stride 0.

use lossc::session::{Loss, Params};
use lossc::tensor::{Slice, Tensor, TensorView, row_major};

use crate::running::{Numbers, Tensors, call, difference, numbers};

/// How a tensor lies in memory.
#[derive(Clone, Copy, Debug)]
enum Lie {
    /// Axes in the opposite order.
    Transposed,
    /// Every axis runs backwards.
    Reversed,
    /// Something foreign between neighbours.
    Gaps,
}

/// A tensor laid out anew: the buffers, the place of the first element, and the strides.
struct Laid {
    floats: Vec<f64>,
    ints: Vec<i64>,
    shape: Vec<usize>,
    offset: usize,
    strides: Vec<isize>,
}

impl Laid {
    fn new(tensor: &Tensor, lie: Lie) -> Laid {
        let shape = tensor.shape.clone();
        let dense = row_major(&shape).to_vec();
        let count: usize = shape.iter().product();
        let (strides, offset, len) = match lie {
            Lie::Transposed => {
                let reversed: Vec<usize> = shape.iter().rev().copied().collect();
                (row_major(&reversed).into_iter().rev().collect(), 0, count)
            }
            Lie::Reversed => (dense.iter().map(|stride| -stride).collect::<Vec<_>>(), count.saturating_sub(1), count),
            Lie::Gaps => (dense.iter().map(|stride| 3 * stride).collect(), 1, 3 * count + 1),
        };
        let mut laid = Laid { floats: vec![f64::NAN; len], ints: vec![i64::MIN; len], shape, offset, strides };
        let targets: Vec<usize> = laid.view(false).positions().collect();
        for (from, to) in targets.into_iter().enumerate() {
            laid.floats[to] = tensor.slice().real(from);
            laid.ints[to] = tensor.slice().int(from);
        }
        laid
    }

    fn view(&self, int: bool) -> TensorView<'_> {
        let data = if int { Slice::I64(&self.ints) } else { Slice::F64(&self.floats) };
        TensorView::strided(data, self.offset, &self.shape, &self.strides).expect("inside the buffer")
    }
}

/// Other memory gives the same numbers.
pub fn check(loss: &Loss, tensors: &Tensors, want: &Numbers) -> Result<(), String> {
    for lie in [Lie::Transposed, Lie::Reversed, Lie::Gaps] {
        let laid: Vec<Laid> = tensors.iter().map(|(_, tensor)| Laid::new(tensor, lie)).collect();
        let pairs = tensors.iter().zip(&laid);
        let views: Vec<(&str, TensorView<'_>)> =
            pairs.map(|((name, tensor), laid)| (name.as_str(), laid.view(!tensor.dtype().is_float()))).collect();
        let got = loss.value_and_grad(&views, &Params::new()).map_err(|error| error.to_string())?;
        if let Some(message) = difference(&numbers(&got), want, 1e-12, |_| 0.0) {
            return Err(format!("{lie:?} memory: {message}"));
        }
    }
    repeated(loss, tensors)
}

/// Views with stride 0 along their first axis against the same numbers stored in full.
fn repeated(loss: &Loss, tensors: &Tensors) -> Result<(), String> {
    let full: Tensors = tensors.iter().map(|(name, tensor)| (name.clone(), first_everywhere(tensor))).collect();
    let views: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), first_repeated(tensor))).collect();
    let got = loss.value_and_grad(&views, &Params::new()).map_err(|error| error.to_string())?;
    let want = call(loss, &full).map_err(|error| error.to_string())?;
    match difference(&numbers(&got), &numbers(&want), 1e-12, |_| 0.0) {
        Some(message) => Err(format!("repeated memory: {message}")),
        None => Ok(()),
    }
}

fn first_repeated(tensor: &Tensor) -> TensorView<'_> {
    let mut strides = row_major(&tensor.shape).to_vec();
    if let Some(first) = strides.first_mut() {
        *first = 0;
    }
    TensorView::strided(tensor.slice(), 0, &tensor.shape, &strides).expect("inside the buffer")
}

fn first_everywhere(tensor: &Tensor) -> Tensor {
    let row: usize = tensor.shape.iter().skip(1).product();
    let places = (0..tensor.slice().len()).map(|at| if row == 0 { at } else { at % row });
    if tensor.dtype().is_float() {
        Tensor::f64(places.map(|at| tensor.slice().real(at)).collect(), &tensor.shape)
    } else {
        Tensor::i64(places.map(|at| tensor.slice().int(at)).collect(), &tensor.shape)
    }
}
