//! `value_and_grad_into`: the same numbers as `value_and_grad`, in any memory of the caller, and every mistake an error.

use lossc::lower::Reduction;
use lossc::session::{Compiler, Engine, Loss, LossBuilder, Params, Value, Workspace};
use lossc::tensor::{Buffer, DType, Slice, SliceMut, TensorView, TensorViewMut};

fn builder(name: &str) -> LossBuilder {
    Compiler::new().standard().expect("the library is sound").loss(name).expect("it is there")
}

/// Two tensors of six elements.
const PRED: [f32; 6] = [0.1, 0.2, 0.7, 0.6, 0.3, 0.9];
const TARGET: [f32; 6] = [0.0, 0.0, 1.0, 1.0, 0.0, 1.0];

fn inputs(shape: &[usize]) -> [(&'static str, TensorView<'static>); 2] {
    let view = |data: &'static [f32; 6]| {
        let count = shape.iter().product();
        TensorView::contiguous(Slice::F32(&data[..count]), shape).expect("it fits")
    };
    [("pred", view(&PRED)), ("target", view(&TARGET))]
}

fn gradient(loss: &Loss, shape: &[usize]) -> Vec<f64> {
    loss.value_and_grad(&inputs(shape), &Params::new()).expect("it runs").grad("pred").expect("asked for").to_f64()
}

#[test]
fn gradients_reach_memory_of_every_kind() {
    for engine in [Engine::Jit, Engine::Interpreter] {
        let loss = builder("combo").wrt(["pred"]).engine(engine).build().expect("it compiles");
        let want = gradient(&loss, &[2, 3]);
        let mut workspace = Workspace::new();
        let mut call = |memory: TensorViewMut<'_>| {
            let targets = &mut [("pred", memory)];
            let out = loss.value_and_grad_into(&inputs(&[2, 3]), &Params::new(), targets, &mut workspace);
            let out = out.expect("it runs");
            assert!(out.grad("pred").is_none(), "it is in the caller's memory");
            assert_eq!(out.terms().len(), 2);
            assert_eq!(out.terms(), loss.value_and_grad(&inputs(&[2, 3]), &Params::new()).unwrap().terms());
        };
        let mut dense = [0.0_f32; 6];
        call(TensorViewMut::contiguous(SliceMut::F32(&mut dense), &[2, 3]).unwrap());
        assert_eq!(dense.map(f64::from)[..], want);
        let mut wide = [0.0_f64; 6];
        call(TensorViewMut::contiguous(SliceMut::F64(&mut wide), &[2, 3]).unwrap());
        assert_eq!(wide[..], want);
        // Column by column from the end, with gaps that stay.
        let mut gaps = [7.0_f32; 13];
        call(TensorViewMut::strided(SliceMut::F32(&mut gaps), 11, &[2, 3], &[-2, -4]).unwrap());
        for row in 0..2 {
            for column in 0..3 {
                assert_eq!(f64::from(gaps[11 - 2 * row - 4 * column]), want[3 * row + column]);
            }
        }
        assert!(gaps.iter().step_by(2).all(|&gap| gap == 7.0), "{gaps:?}");
    }
}

#[test]
fn a_workspace_serves_changing_shapes_losses_and_targets() {
    let combo = builder("combo").wrt(["pred", "target"]).build().expect("it compiles");
    let mse = builder("mse").wrt(["pred"]).build().expect("it compiles");
    let mut workspace = Workspace::new();
    for shape in [&[6][..], &[2, 3], &[3], &[0], &[6]] {
        let mut memory = vec![0.0_f32; shape.iter().product()];
        let fresh = combo.value_and_grad(&inputs(shape), &Params::new()).expect("it runs");
        let target = TensorViewMut::contiguous(SliceMut::F32(&mut memory), shape).unwrap();
        let mut targets = [("target", target)];
        let out = combo.value_and_grad_into(&inputs(shape), &Params::new(), &mut targets, &mut workspace).unwrap();
        assert_eq!(out.value(), fresh.value());
        assert_eq!(out.grad("pred"), fresh.grad("pred"));
        assert_eq!(out.gradients().len(), 1);
        assert_eq!(memory.iter().copied().map(f64::from).collect::<Vec<_>>(), fresh.grad("target").unwrap().to_f64());
        let whole = combo.value_and_grad_into(&inputs(shape), &Params::new(), &mut [], &mut workspace).unwrap();
        assert_eq!(*whole, fresh, "without memory all gradients are in the result, in their order");
        let kept = whole.clone();
        let other = mse.value_and_grad_into(&inputs(shape), &Params::new(), &mut [], &mut workspace).unwrap();
        assert_eq!(*other, mse.value_and_grad(&inputs(shape), &Params::new()).unwrap());
        assert_eq!(kept, fresh, "a result that was kept is not written");
    }
}

#[test]
fn a_result_that_is_held_is_not_overwritten() {
    let mse = builder("mse").wrt(["pred"]).reduction(Reduction::None).build().expect("it compiles");
    let mut workspace = Workspace::new();
    let mut call = |shape: &[usize]| {
        mse.value_and_grad_into(&inputs(shape), &Params::new(), &mut [], &mut workspace).expect("it runs").clone()
    };
    let (first, second) = (call(&[6]), call(&[2]));
    let (Value::Tensor(first), Value::Tensor(second)) = (first.values(), second.values()) else {
        panic!("with reduction none there are tensors");
    };
    assert_eq!((first.shape.clone(), second.shape.clone()), (vec![6], vec![2]));
    assert_eq!(first.to_f64()[..2], second.to_f64());
    assert!(matches!(&first.data, Buffer::F32(data) if data.len() == 6));
}

#[test]
fn parameters_are_checked_when_they_change() {
    let loss = builder("combo").wrt(["pred"]).build().expect("it compiles");
    let mut workspace = Workspace::new();
    let mut call = |eps: f64| {
        let params = Params::new().set("eps", eps);
        loss.value_and_grad_into(&inputs(&[6]), &params, &mut [], &mut workspace).map(|out| out.value())
    };
    let first = call(0.7).expect("it runs");
    assert_ne!(call(0.2).expect("it runs"), first);
    for _ in 0..2 {
        assert!(call(-1.0).unwrap_err().to_string().contains("eps"), "it is refused again and again");
    }
    assert_eq!(call(0.7).expect("it runs"), first);
}

#[test]
fn learnables_and_states_come_back() {
    let text = "loss weighted(pred: real[N], target: real[N]; learn s = 0.5, state seen = 1) =\n    next seen = seen + 1\n    mean((pred - target)^2) * exp(-s) + s\n";
    let program = Compiler::new().compile(text).unwrap_or_else(|error| panic!("{error}"));
    let loss = program.main().unwrap().wrt(["pred", "s"]).build().unwrap_or_else(|error| panic!("{error}"));
    let mut workspace = Workspace::new();
    let mut params = Params::new();
    let mut slope = [0.0_f64];
    for step in 1..4 {
        let memory = TensorViewMut::contiguous(SliceMut::F64(&mut slope), &[]).unwrap();
        let targets = &mut [("s", memory)];
        let out = loss.value_and_grad_into(&inputs(&[6]), &params, targets, &mut workspace).expect("it runs");
        assert_eq!(out.state().get("seen"), Some(f64::from(step) + 1.0));
        let fresh = loss.value_and_grad(&inputs(&[6]), &params).expect("it runs");
        params = Params::new().with_state(out.state());
        assert_eq!(slope[..], fresh.grad("s").unwrap().to_f64());
    }
}

#[test]
fn wrong_memory_is_refused() {
    let loss = builder("combo").wrt(["pred"]).dtype(DType::F32).build().expect("it compiles");
    let refused = |name: &'static str, shape: &[usize], again: bool| {
        let mut memory = [[0.0_f32; 6]; 2];
        let [first, second] = &mut memory;
        let count: usize = shape.iter().product();
        let view = |room| TensorViewMut::contiguous(room, shape).expect("it fits");
        let mut targets = vec![(name, view(SliceMut::F32(&mut first[..count])))];
        if again {
            targets.push((name, view(SliceMut::F32(&mut second[..count]))));
        }
        let mut workspace = Workspace::new();
        let result = loss.value_and_grad_into(&inputs(&[6]), &Params::new(), &mut targets, &mut workspace);
        result.unwrap_err().to_string()
    };
    let wrong = refused("pred", &[2, 3], false);
    assert_eq!(wrong, "the memory for the gradient of `combo` by `pred` has shape [2, 3] instead of [..B = 6]");
    assert!(refused("target", &[6], false).contains("name it in `wrt`"));
    assert!(refused("pred", &[6], true).contains("given twice"));
    let mut memory = [0.0_f32; 3];
    let overlap = TensorViewMut::strided(SliceMut::F32(&mut memory), 0, &[3], &[0]).unwrap_err();
    assert!(overlap.to_string().contains("one element"));
    let mut memory = [0.0_f32; 12];
    let mut strided = |shape: &[usize], strides: &[isize]| {
        let offset = strides.iter().zip(shape).filter(|(stride, _)| **stride < 0);
        let offset = offset.map(|(stride, extent)| stride.unsigned_abs() * (extent - 1)).sum();
        TensorViewMut::strided(SliceMut::F32(&mut memory), offset, shape, strides).map(|_| ())
    };
    for strides in [[1, 1], [2, 1], [-1, 1], [1, -1], [2, 2], [1, 2]] {
        let error = strided(&[2, 3], &strides).is_err_and(|error| error.to_string().contains("several may be one"));
        assert_eq!(error, strides != [1, 2], "{strides:?}");
    }
    for (shape, strides) in [(&[2, 3][..], &[3, 1][..]), (&[2, 3], &[-6, 2]), (&[2, 0], &[1, 1]), (&[1, 3], &[0, 1])] {
        assert_eq!(strided(shape, strides), Ok(()), "{shape:?} {strides:?}");
    }
    let mut memory = [0.0_f32; 3];
    assert!(TensorViewMut::strided(SliceMut::F32(&mut memory), 0, &[4], &[1]).is_err());
    assert!(TensorViewMut::strided(SliceMut::F32(&mut memory), 1, &[3], &[-1]).is_err());
    assert!(TensorViewMut::contiguous(SliceMut::F32(&mut memory), &[2]).is_err());
}
