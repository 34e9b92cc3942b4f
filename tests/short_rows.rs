//! Rows of a few classes: their tensors are laid out anew, so that lanes run along another axis. The results are those of
//! the interpreter, whatever the layout, the type and the threads.
#![allow(clippy::disallowed_methods, reason = "expected numbers are made without the crate")]

mod running;

use lossc::session::{Compiler, Engine, LossBuilder, Params, Stage, Vectors};
use lossc::tensor::{DType, Tensor, TensorView};

use running::losses::{data, floats, losses};
use running::ranges::bits;
use running::{Numbers, Tensors, call, difference, numbers, single, views};

/// Short rows of many lanes; a second number of lanes and a second length, neither of them a multiple of a vector.
const SIZES: [(usize, usize); 3] = [(64, 4), (150, 7), (531, 3)];

fn extents((lanes, row): (usize, usize)) -> [(&'static str, Vec<usize>); 8] {
    [
        ("N", vec![lanes]),
        ("..B", vec![lanes]),
        ("..S", vec![]),
        ("..A", vec![]),
        ("C", vec![row]),
        ("K", vec![row]),
        ("D", vec![row]),
        ("E", vec![row]),
    ]
}

fn sized(name: &str, builder: &LossBuilder, size: (usize, usize), seed: u64) -> Tensors {
    let extents = extents(size);
    let changed: Vec<(&str, &[usize])> = extents.iter().map(|(axis, extent)| (*axis, &extent[..])).collect();
    // What a hyperparameter gives is given by the builder.
    let given: Vec<String> = builder.info().hyperparameters.into_iter().filter_map(|one| one.axis).collect();
    let changed: Vec<(&str, &[usize])> =
        changed.into_iter().filter(|(axis, _)| !given.iter().any(|own| own == axis)).collect();
    data(name, builder, &changed, seed)
}

/// Whether a loss has an input with short rows.
fn has_short_rows(tensors: &Tensors) -> bool {
    tensors.iter().any(|(_, tensor)| matches!(tensor.shape[..], [.., lanes, row] if lanes >= 64 && row < 8))
}

fn run(builder: &LossBuilder, tensors: &Tensors) -> Numbers {
    let loss = builder.clone().wrt(floats(builder)).build().unwrap_or_else(|error| panic!("{error}"));
    numbers(&call(&loss, tensors).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn short_rows_give_what_the_interpreter_gives() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for (name, builder) in losses() {
        for size in SIZES {
            let tensors = sized(&name, &builder, size, 7);
            if !has_short_rows(&tensors) {
                continue;
            }
            let want = run(&builder.clone().engine(Engine::Interpreter).dtype(DType::F64), &tensors);
            for vectors in Vectors::ALL {
                for (dtype, tolerance) in [(DType::F64, 1e-11), (DType::F32, 5e-6)] {
                    let tensors = if dtype == DType::F32 { single(&tensors) } else { tensors.clone() };
                    let got = run(&builder.clone().vectors(vectors).dtype(dtype), &tensors);
                    let message = difference(&got, &want, tolerance, |_| 0.0);
                    wrong.extend(message.map(|text| format!("{name} of {size:?}, {dtype:?}, {vectors:?}: {text}")));
                }
            }
            checked += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 60, "only {checked}");
}

/// Bits do not depend on threads. Of other layouts some losses divide where they multiply by a reciprocal else.
#[test]
fn any_layout_and_any_threads_give_the_same() {
    let mut checked = 0;
    for (name, builder) in losses() {
        let tensors = single(&sized(&name, &builder, (150, 7), 8));
        if !has_short_rows(&tensors) {
            continue;
        }
        let loss = builder.wrt_all().threads_from(0).build().unwrap_or_else(|error| panic!("{name}: {error}"));
        let call = |inputs: &[(&str, TensorView<'_>)], threads: usize| {
            let result = loss.with_threads(threads).value_and_grad(inputs, &Params::new());
            result.unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        let want = call(&views(&tensors), 1);
        assert!(bits(&call(&views(&tensors), 3)) == bits(&want), "{name} with three threads");
        // Rows with gaps, and in the other order.
        let spread: Tensors = tensors.iter().map(|(name, tensor)| (name.clone(), spread(tensor))).collect();
        let views: Vec<(&str, TensorView<'_>)> = spread
            .iter()
            .zip(&tensors)
            .map(|((name, spread), (_, tensor))| (name.as_str(), backwards(spread, &tensor.shape)))
            .collect();
        let message = difference(&numbers(&call(&views, 2)), &numbers(&want), 3e-6, |_| 0.0);
        assert!(message.is_none(), "{name} of rows with gaps: {message:?}");
        checked += 1;
    }
    assert!(checked >= 30, "only {checked}");
}

/// The floats of a tensor in the other order, each followed by another number; ints as they are.
fn spread(tensor: &Tensor) -> Tensor {
    if !tensor.dtype().is_float() {
        return tensor.clone();
    }
    let numbers = tensor.to_f64().into_iter().rev().flat_map(|number| [number as f32, 1e30]);
    let numbers: Vec<f32> = numbers.collect();
    Tensor::f32(numbers.clone(), &[numbers.len()])
}

/// The view of a spread tensor as it was.
fn backwards<'a>(tensor: &'a Tensor, shape: &[usize]) -> TensorView<'a> {
    if !tensor.dtype().is_float() {
        return tensor.view().expect("it fits");
    }
    let mut strides = vec![-2; shape.len()];
    (1..shape.len()).rev().for_each(|axis| strides[axis - 1] = strides[axis] * shape[axis] as isize);
    let count: usize = shape.iter().product();
    TensorView::strided(tensor.slice(), 2 * count.max(1) - 2, shape, &strides).expect("it fits")
}

/// The kernels that a user sees for such data, and the size of what is read for them, as the plan of a few classes.
#[test]
fn lanes_run_along_the_axis_before_short_rows() {
    let library = Compiler::new().standard().expect("the library is sound");
    let kernel = |lanes: usize, row: usize| {
        let builder = library.loss("cross_entropy").expect("it is there").wrt(["logits"]).vectors(Vectors::Avx512);
        let shapes = [("logits", vec![lanes, row]), ("label", vec![lanes])];
        builder.for_shapes(shapes).show(Stage::Kernel).expect("it compiles")
    };
    let (short, few, long) = (kernel(4096, 10), kernel(10, 10), kernel(4096, 1000));
    assert!(short.contains("for block of N") && !short.contains("block of C"), "{short}");
    assert!(
        short.ends_with("short rows that each range lays out anew, lanes innermost: logits, gradient logits\n"),
        "{short}"
    );
    assert!(few.contains("block of C") && few == long, "{few}");
}
