//! Inputs of other element types and layouts than the code reads: the bits of the same numbers as it does read them.

mod running;

use std::sync::Arc;

use half::{bf16, f16};
use lossc::session::{Compiler, Params, Workspace};
use lossc::tensor::{Buffer, DType, Slice, Tensor, TensorView};

use running::ranges::{bits, losses};
use running::{Tensors, views};

/// The numbers of a tensor in another type, and these as singles; ints stay.
fn narrowed(tensor: &Tensor, dtype: DType) -> (Tensor, Tensor) {
    if !tensor.dtype().is_float() {
        return (tensor.clone(), tensor.clone());
    }
    let numbers = tensor.to_f64();
    let data = match dtype {
        DType::F16 => Buffer::F16(Arc::new(numbers.iter().map(|&x| f16::from_f64(x)).collect())),
        DType::BF16 => Buffer::BF16(Arc::new(numbers.iter().map(|&x| bf16::from_f64(x)).collect())),
        other => panic!("{other:?}"),
    };
    let mut narrow = tensor.clone();
    narrow.data = data;
    let wide = narrow.to_f64().into_iter().map(|x| x as f32).collect();
    (narrow, Tensor::f32(wide, &tensor.shape))
}

fn narrowed_all(tensors: &Tensors, dtype: DType) -> (Tensors, Tensors) {
    let both = |(name, tensor): &(String, Tensor)| {
        let (narrow, wide) = narrowed(tensor, dtype);
        ((name.clone(), narrow), (name.clone(), wide))
    };
    tensors.iter().map(both).unzip()
}

/// The elements of a tensor with its axes in memory the other way round, and their strides.
fn turned(tensor: &Tensor) -> (Tensor, Vec<isize>) {
    let rank = tensor.shape.len();
    let mut strides = vec![1; rank];
    (1..rank).for_each(|axis| strides[axis] = strides[axis - 1] * tensor.shape[axis - 1] as isize);
    let zeros = Tensor::f64(vec![0.0; tensor.slice().len()], &tensor.shape);
    let turned = TensorView::strided(zeros.slice(), 0, &tensor.shape, &strides).expect("it fits");
    let places: Vec<usize> = turned.positions().collect();
    fn ordered<T: Copy + Default>(data: &[T], places: &[usize]) -> Arc<Vec<T>> {
        let mut result = vec![T::default(); data.len()];
        places.iter().zip(data).for_each(|(&place, &value)| result[place] = value);
        Arc::new(result)
    }
    let data = match tensor.slice() {
        Slice::F16(data) => Buffer::F16(ordered(data, &places)),
        Slice::BF16(data) => Buffer::BF16(ordered(data, &places)),
        Slice::F32(data) => Buffer::F32(ordered(data, &places)),
        Slice::I64(data) => Buffer::I64(ordered(data, &places)),
        other => panic!("no test has {:?}", other.dtype()),
    };
    let mut result = tensor.clone();
    result.data = data;
    (result, strides)
}

#[test]
fn half_precision_is_read_exactly() {
    let losses = losses();
    assert!(losses.len() >= 100, "only {} losses", losses.len());
    for (name, loss, tensors) in &losses {
        for dtype in [DType::F16, DType::BF16] {
            let (narrow, wide) = narrowed_all(tensors, dtype);
            let call = |tensors: &Tensors, threads: usize| {
                let result = loss.with_threads(threads).value_and_grad(&views(tensors), &Params::new());
                bits(&result.unwrap_or_else(|error| panic!("{name}: {error}")))
            };
            let want = call(&wide, 1);
            for threads in [1, 3] {
                assert!(call(&narrow, threads) == want, "{name} of {} with {threads} threads", dtype.name());
            }
        }
    }
}

#[test]
fn layouts_are_read_exactly() {
    for (name, loss, tensors) in &losses() {
        for dtype in [DType::F16, DType::BF16] {
            let (narrow, wide) = narrowed_all(tensors, dtype);
            let turn = |(name, tensor): &(String, Tensor)| {
                let (tensor, strides) = turned(tensor);
                (name.clone(), tensor, strides)
            };
            let turned: Vec<(String, Tensor, Vec<isize>)> = narrow.iter().map(turn).collect();
            let given: Vec<(&str, TensorView<'_>)> = turned.iter().map(strided).collect();
            let call = |inputs: &[(&str, TensorView<'_>)]| {
                bits(&loss.with_threads(2).value_and_grad(inputs, &Params::new()).expect("it runs"))
            };
            assert!(call(&given) == call(&views(&wide)), "{name} of {}", dtype.name());
        }
    }
}

/// The view of a tensor with its strides.
fn strided((name, tensor, strides): &(String, Tensor, Vec<isize>)) -> (&str, TensorView<'_>) {
    (name.as_str(), TensorView::strided(tensor.slice(), 0, &tensor.shape, strides).expect("it fits"))
}

#[test]
fn labels_of_every_type_are_the_same() {
    let labels = |tensor: &Tensor, convert: fn(&[i64]) -> Buffer| {
        let mut result = tensor.clone();
        if let Slice::I64(data) = tensor.slice() {
            result.data = convert(data);
        }
        result
    };
    let types: [fn(&[i64]) -> Buffer; 3] = [
        |data| Buffer::U8(Arc::new(data.iter().map(|&x| x as u8).collect())),
        |data| Buffer::U32(Arc::new(data.iter().map(|&x| x as u32).collect())),
        |data| Buffer::I32(Arc::new(data.iter().map(|&x| x as i32).collect())),
    ];
    let labelled =
        losses().into_iter().filter(|(_, _, tensors)| tensors.iter().any(|(_, one)| !one.dtype().is_float()));
    let mut checked = 0;
    for (name, loss, tensors) in labelled {
        let call = |tensors: &Tensors| {
            bits(&loss.with_threads(3).value_and_grad(&views(tensors), &Params::new()).expect("it runs"))
        };
        let want = call(&tensors);
        for convert in types {
            let tensors = tensors.iter().map(|(name, tensor)| (name.clone(), labels(tensor, convert))).collect();
            assert!(call(&tensors) == want, "{name}");
            checked += 1;
        }
    }
    assert!(checked >= 30, "only {checked}");
}

/// Large enough that what is read in parts is read by several threads, each with parts of its own.
#[test]
fn large_tensors_are_converted_by_parts() {
    let library = Compiler::new().standard().expect("the library is sound");
    let number = |place: usize| ((place * 7919) % 1000) as f64 / 250.0 - 2.0;
    for (name, precision, shape) in [
        ("mse", DType::F32, vec![300_001]),
        ("bce_logits", DType::F64, vec![300_001]),
        // Two passes; a row is 1000 numbers.
        ("dice", DType::F32, vec![250, 1001]),
        ("kl", DType::F32, vec![300, 1000]),
    ] {
        let builder = library.loss(name).expect("it is there").wrt_all().dtype(precision).threads_from(0);
        let inputs = builder.info().inputs;
        let loss = builder.build().expect("it compiles");
        let positive = |x: f64| if inputs[0].kind == "prob" { 0.5 + x / 5.0 } else { x };
        let tensors: Tensors = (0..2)
            .map(|which| {
                let numbers = (0..shape.iter().product()).map(|place: usize| positive(number(place + 13 * which)));
                (inputs[which].name.clone(), Tensor::f64(numbers.collect(), &shape))
            })
            .collect();
        for dtype in [DType::F16, DType::BF16] {
            let (narrow, wide) = narrowed_all(&tensors, dtype);
            let want = bits(&loss.with_threads(1).value_and_grad(&views(&wide), &Params::new()).expect("it runs"));
            let mut workspace = Workspace::new();
            for _ in 0..3 {
                let loss = loss.with_threads(2);
                let got = loss.value_and_grad_into(&views(&narrow), &Params::new(), &mut [], &mut workspace);
                assert!(bits(got.expect("it runs")) == want, "{name} of {}", dtype.name());
            }
        }
    }
}

/// What a call keeps for the next one is of its own shapes, types, strides and addresses only.
#[test]
fn calls_of_all_kinds_take_turns_in_one_workspace() {
    let library = Compiler::new().standard().expect("the library is sound");
    let loss = library.loss("mse").and_then(|builder| builder.wrt_all().threads_from(0).build()).expect("it compiles");
    let mut calls: Vec<Vec<(String, Tensor, Vec<isize>)>> = Vec::new();
    for (count, shift) in [(60, 0.0), (60, 1.0), (20_000, 0.0), (60, 2.0)] {
        for dtype in [None, Some(DType::F16), Some(DType::BF16)] {
            for is_turned in [false, true] {
                let input = |(name, scale): (&str, f64)| {
                    let numbers = (0..count).map(|place| ((place % 97) as f64 + shift) * scale);
                    let tensor = Tensor::f32(numbers.map(|x| x as f32).collect(), &[count / 10, 10]);
                    let tensor = dtype.map_or(tensor.clone(), |dtype| narrowed(&tensor, dtype).0);
                    let (other, strides) = turned(&tensor);
                    if is_turned { (name.to_string(), other, strides) } else { (name.to_string(), tensor, vec![10, 1]) }
                };
                calls.push([("pred", 0.5), ("target", 0.25)].map(input).into());
            }
        }
    }
    let given = |call: usize| -> Vec<(&str, TensorView<'_>)> {
        let mut views: Vec<(&str, TensorView<'_>)> = calls[call].iter().map(strided).collect();
        // In any order.
        views.rotate_left(call % 2);
        views
    };
    let fresh = |call: usize| {
        let mut workspace = Workspace::new();
        bits(loss.value_and_grad_into(&given(call), &Params::new(), &mut [], &mut workspace).expect("it runs"))
    };
    let wanted: Vec<Vec<u64>> = (0..calls.len()).map(fresh).collect();
    let mut workspace = Workspace::new();
    let mut draw = running::data::Random::new(11);
    for _ in 0..300 {
        let call = draw.below(calls.len());
        for _ in 0..=draw.below(2) {
            let got = loss.with_threads(1 + draw.below(3));
            let got = got.value_and_grad_into(&given(call), &Params::new(), &mut [], &mut workspace).expect("it runs");
            assert!(bits(got) == wanted[call], "call {call}");
        }
        // What does not fit leaves nothing behind.
        let mut wrong = given(call);
        wrong.pop();
        assert!(loss.value_and_grad_into(&wrong, &Params::new(), &mut [], &mut workspace).is_err());
    }
}
