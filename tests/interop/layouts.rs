//! Transposed, sliced, reversed and broadcast data give what their contiguous copies give.

use candle_core::{Device, Tensor, Var};
use lossc::interop::candle::CandleLoss;
use lossc::interop::ndarray::{ArrayInput, gradient_memory};
use lossc::session::{Compiler, Evaluation, Loss, Params, Workspace};
use ndarray::{Array2, ArrayD, ArrayView2, ArrayViewD, Axis, Slice, s};

use crate::data::{LOSSES, close, numbers, tensors};

/// The same elements with other strides.
fn relaid(tensor: &Tensor, how: &str) -> candle_core::Result<Tensor> {
    let last = tensor.rank() - 1;
    match how {
        "transposed" if last > 0 => tensor.transpose(0, last)?.contiguous()?.transpose(0, last),
        "sliced" => {
            let around = Tensor::ones_like(tensor)?;
            let extent = tensor.dims()[last];
            Tensor::cat(&[&around, tensor, &around], last)?.narrow(last, extent, extent)
        }
        "strided" => {
            let extent = tensor.dims()[0];
            Tensor::stack(&[tensor, &Tensor::ones_like(tensor)?], 1)?.narrow(1, 0, 1)?.squeeze(1)?.narrow(0, 0, extent)
        }
        _ => Ok(tensor.clone()),
    }
}

/// The value, and the gradients of all float inputs with respect to variables that `lay` lays out.
fn in_candle(
    loss: &CandleLoss,
    inputs: &[(&str, Tensor)],
    lay: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
) -> candle_core::Result<(f64, Vec<f64>)> {
    let variables = inputs.iter().filter(|(_, tensor)| tensor.dtype().is_float());
    let variables = variables
        .map(|(name, tensor)| Ok((*name, Var::from_tensor(tensor)?)))
        .collect::<candle_core::Result<Vec<_>>>()?;
    let laid = inputs.iter().map(|(name, tensor)| {
        let variable = variables.iter().find(|(other, _)| other == name).map(|(_, variable)| variable.as_tensor());
        Ok((*name, lay(variable.unwrap_or(tensor))?))
    });
    let laid = laid.collect::<candle_core::Result<Vec<_>>>()?;
    let given: Vec<(&str, &Tensor)> = laid.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let total = loss.forward(&given, &Params::new())?;
    let store = total.backward()?;
    let gradients = variables.iter().flat_map(|(name, variable)| numbers(store.get(variable).expect(name)));
    Ok((f64::from(total.to_scalar::<f32>()?), gradients.collect()))
}

#[test]
fn candle_tensors_of_any_layout_give_the_same() {
    let program = Compiler::new().standard().expect("the library");
    for (name, inputs) in LOSSES {
        let loss = CandleLoss::new(program.loss(name).and_then(|builder| builder.build()).expect(name));
        let inputs = tensors(inputs);
        let (value, gradients) = in_candle(&loss, &inputs, |tensor| Ok(tensor.clone())).expect(name);
        for how in ["transposed", "sliced", "strided"] {
            let changed = inputs.iter().any(|(_, tensor)| !relaid(tensor, how).expect(how).is_contiguous());
            assert!(changed, "{name}: nothing is {how}");
            let other = in_candle(&loss, &inputs, |tensor| relaid(tensor, how)).expect(name);
            assert!(close(&[value], &[other.0], 1e-6), "{name} {how}: {value} and {}", other.0);
            assert!(close(&gradients, &other.1, 2e-5), "{name} {how}: {gradients:?}\n{:?}", other.1);
        }
    }
}

/// The first row of every tensor of floats in the place of all: read with stride 0, and from a copy.
#[test]
fn broadcast_candle_tensors_give_what_their_copies_give() {
    let program = Compiler::new().standard().expect("the library");
    for (name, inputs) in LOSSES {
        let loss = CandleLoss::new(program.loss(name).and_then(|builder| builder.build()).expect(name));
        let inputs = tensors(inputs);
        let first = |tensor: &Tensor| tensor.narrow(0, 0, 1)?.broadcast_as(tensor.dims());
        let repeated = |tensor: &Tensor| if tensor.dtype().is_float() { first(tensor) } else { Ok(tensor.clone()) };
        assert_eq!(repeated(&inputs[0].1).expect(name).stride()[0], 0);
        let (value, gradients) = in_candle(&loss, &inputs, repeated).expect(name);
        let copy = in_candle(&loss, &inputs, |tensor| repeated(tensor)?.contiguous()).expect(name);
        assert!(close(&[value], &[copy.0], 1e-6), "{name}: {value} and {}", copy.0);
        assert!(close(&gradients, &copy.1, 2e-5), "{name}: {gradients:?}\n{:?}", copy.1);
    }
}

#[test]
fn a_broadcast_candle_tensor_collects_the_gradient_of_its_copies() {
    let loss =
        Compiler::new().standard().and_then(|all| all.loss("huber")?.build()).map(CandleLoss::new).expect("huber");
    let row = Var::new(&[0.5_f32, -2.0, 3.0], &Device::Cpu).expect("a variable");
    let target = Tensor::new(&[[0.0_f32, 0.1, 0.2], [1.0, 1.1, 1.2]], &Device::Cpu).expect("a tensor");
    let wide = row.broadcast_as((2, 3)).expect("a broadcast");
    assert_eq!(wide.stride(), [0, 1]);
    let total = loss.forward(&[("pred", &wide), ("target", &target)], &Params::new()).expect("a value");
    let gradient = numbers(total.backward().expect("gradients").get(&row).expect("of the row"));
    // The slope is the difference, at most 1, over the six elements.
    let expected = [(0.5 - 0.5) / 6.0, -2.0 / 6.0, 2.0 / 6.0];
    assert!(close(&gradient, &expected, 1e-6), "{gradient:?}");
}

/// `cross_entropy` of a view of scores and a view of labels.
fn entropy(logits: ArrayView2<'_, f32>, label: ArrayInput<'_>) -> Evaluation {
    let loss = Compiler::new().standard().and_then(|all| all.loss("cross_entropy")?.wrt(["logits"]).build());
    let inputs = [("logits", ArrayInput::from(logits)), ("label", label)];
    loss.and_then(|loss| loss.value_and_grad_arrays(&inputs, &Params::new())).expect("a value")
}

#[test]
fn array_views_of_any_strides_give_the_same() {
    let wide = Array2::from_shape_fn((8, 10), |(row, column)| ((row * 7 + column * 3) % 11) as f32 / 3.0);
    let label = ndarray::array![0_i16, 2, 1, 3];
    let tall = Array2::from_shape_fn((4, 4), |(row, column)| wide[[column, row]]);
    let row = wide.slice(s![0..1, 0..4]);
    let gaps = wide.slice(s![0..1, 0..8;2]);
    let views: Vec<(&str, ArrayView2<'_, f32>, bool)> = vec![
        ("contiguous", wide.slice(s![0..4, ..]), true),
        ("transposed", tall.t(), true),
        ("upside down", tall.slice(s![..;-1, ..]), true),
        ("reversed and transposed", tall.slice(s![..;-1, ..;-1]).reversed_axes(), true),
        ("broadcast", row.broadcast((4, 4)).expect("a broadcast"), true),
        ("with gaps", wide.slice(s![0..4, 2..7]), false),
        ("every second from the end", wide.slice(s![0..8;-2, ..;3]), false),
        ("broadcast with gaps", gaps.broadcast((4, 4)).expect("a broadcast"), false),
    ];
    for (name, view, borrowed) in views {
        assert_eq!(ArrayInput::from(view).is_borrowed(), borrowed, "{name}");
        let copy = view.as_standard_layout().into_owned();
        let (of_view, of_copy) = (entropy(view, (&label).into()), entropy(copy.view(), (&label).into()));
        assert!(close(&[of_view.value()], &[of_copy.value()], 1e-6), "{name}");
        let gradient = |out: &Evaluation| out.grad_array::<f64>("logits").expect("asked for").iter().copied().collect();
        let (left, right): (Vec<f64>, Vec<f64>) = (gradient(&of_view), gradient(&of_copy));
        assert!(close(&left, &right, 1e-6), "{name}: {left:?}\n{right:?}");
        assert!(left.iter().any(|&number| number != 0.0), "{name}");
    }
}

/// How floats are kept, and how the kept ones are seen in the shape that they should have.
type Lay = fn(&ArrayD<f32>) -> ArrayD<f32>;
type View = for<'a> fn(&'a ArrayD<f32>, &[usize]) -> ArrayViewD<'a, f32>;

const VIEWS: &[(&str, Lay, View)] = &[
    ("transposed", |all| all.t().as_standard_layout().into_owned(), |kept, _| kept.t()),
    ("reversed", Clone::clone, |kept, _| {
        let mut view = kept.view();
        (0..view.ndim()).for_each(|axis| view.invert_axis(Axis(axis)));
        view
    }),
    (
        "sliced",
        |all| ndarray::concatenate(Axis(all.ndim() - 1), &[all.view(), all.view()]).expect("twice as wide"),
        |kept, shape| {
            let mut view = kept.view();
            let last = shape.len() - 1;
            view.slice_axis_inplace(Axis(last), Slice::from(..shape[last]));
            view
        },
    ),
    (
        "broadcast",
        |all| all.slice_axis(Axis(0), Slice::from(..1)).into_owned(),
        |kept, shape| kept.broadcast(shape).expect("one row for all"),
    ),
];

/// Value and gradients of arrays as they are seen, and of copies in row-major order.
fn seen_and_copied(loss: &Loss, inputs: &[(&str, Tensor)], lay: Lay, view: View) -> [Vec<f64>; 2] {
    let all: Vec<ArrayD<f64>> = inputs
        .iter()
        .map(|(_, tensor)| ArrayD::from_shape_vec(tensor.dims(), numbers(tensor)).expect("an array"))
        .collect();
    let kept: Vec<ArrayD<f32>> = all.iter().map(|array| lay(&array.mapv(|number| number as f32))).collect();
    let seen: Vec<ArrayViewD<'_, f32>> = kept.iter().zip(&all).map(|(kept, array)| view(kept, array.shape())).collect();
    let copies: Vec<ArrayD<f32>> = seen.iter().map(|view| view.as_standard_layout().into_owned()).collect();
    let labels: Vec<ArrayD<i64>> = all.iter().map(|array| array.mapv(|number| number as i64)).collect();
    [false, true].map(|copied| {
        let input = |position: usize| match (inputs[position].1.dtype().is_float(), copied) {
            (false, _) => ArrayInput::from(&labels[position]),
            (true, true) => ArrayInput::from(&copies[position]),
            (true, false) => ArrayInput::from(seen[position].view()),
        };
        let given: Vec<_> = inputs.iter().enumerate().map(|(position, (name, _))| (*name, input(position))).collect();
        let out = loss.value_and_grad_arrays(&given, &Params::new()).expect("a value");
        let gradients = out.gradients().iter().flat_map(|gradient| gradient.tensor.to_f64());
        std::iter::once(out.value()).chain(gradients).collect()
    })
}

#[test]
fn array_views_of_every_loss_give_what_their_copies_give() {
    let program = Compiler::new().standard().expect("the library");
    for (name, inputs) in LOSSES {
        let loss = program.loss(name).and_then(|builder| builder.wrt_all().build()).expect(name);
        for (how, lay, view) in VIEWS {
            let [seen, copied] = seen_and_copied(&loss, &tensors(inputs), *lay, *view);
            assert!(close(&seen, &copied, 2e-5), "{name} {how}: {seen:?}\n{copied:?}");
        }
    }
}

#[test]
fn labels_of_every_int_type_are_read() {
    let logits = Array2::from_shape_fn((3, 4), |(row, column)| (row * 5 + column) as f32 % 3.0);
    let expected = entropy(logits.view(), (&ndarray::array![2_i64, 0, 3]).into());
    macro_rules! agrees {
        ($($int:ty),*) => {$(
            let label = ndarray::array![2 as $int, 0, 3];
            let reversed = ndarray::array![3 as $int, 0, 2];
            assert_eq!(entropy(logits.view(), (&label).into()), expected, stringify!($int));
            assert_eq!(entropy(logits.view(), reversed.slice(s![..;-1]).into()), expected, stringify!($int));
        )*};
    }
    agrees!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

    let loss = Compiler::new().standard().and_then(|all| all.loss("cross_entropy")?.build()).expect("cross_entropy");
    let beyond = ndarray::array![0, u64::MAX, 1];
    let inputs = [("logits", ArrayInput::from(&logits)), ("label", (&beyond).into())];
    let error = loss.value_and_grad_arrays(&inputs, &Params::new()).expect_err("a label beyond every axis");
    assert!(error.to_string().contains("`label`[1] is"), "{error}");
}

#[test]
fn gradients_go_into_the_callers_arrays() {
    let loss = Compiler::new().standard().and_then(|all| all.loss("cross_entropy")?.wrt(["logits"]).build());
    let loss = loss.expect("cross_entropy");
    let logits = Array2::from_shape_fn((3, 4), |(row, column)| (row * 5 + column) as f32 % 3.0);
    let label = ndarray::array![2_u8, 0, 3];
    let inputs = [("logits", ArrayInput::from(&logits)), ("label", ArrayInput::from(&label))];
    let expected = loss.value_and_grad_arrays(&inputs, &Params::new()).expect("a value");
    let expected = expected.grad_array::<f32>("logits").expect("asked for");

    let mut workspace = Workspace::new();
    let (mut plain, mut turned) = (Array2::<f32>::zeros((3, 4)), Array2::<f32>::zeros((4, 3)).reversed_axes());
    turned.invert_axis(Axis(1));
    for memory in [&mut plain, &mut turned] {
        let mut targets = [("logits", gradient_memory(memory).expect("no gaps"))];
        loss.value_and_grad_arrays_into(&inputs, &Params::new(), &mut targets, &mut workspace).expect("a value");
        assert_eq!(memory.view().into_dyn(), expected);
    }
    let mut wide = Array2::<f64>::zeros((3, 8));
    assert!(gradient_memory(&mut wide.slice_mut(s![.., ..4])).is_none());
}
