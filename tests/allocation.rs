//! A call that reuses its workspace and writes into the caller's memory takes nothing from the heap after the first one.

mod running;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use lossc::session::{Compiler, InputInfo, Params, Stage, Workspace};
use lossc::tensor::{DType, SliceMut, Tensor, TensorViewMut};

use running::data::{Extents, label_axis, random};
use running::{single, views, with_extents};

/// The system's allocator, which counts what each thread asks it for.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        BYTES.set(BYTES.get() + layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn calls_after_the_first_allocate_nothing() {
    let library = Compiler::new().standard().expect("the library is sound");
    let (mut checked, mut products, mut wrong) = (0, 0, Vec::new());
    for name in library.standard_losses() {
        let Ok(builder) = library.loss(&name).map(with_extents) else { continue };
        let builder = builder.wrt_all().dtype(DType::F32);
        // The kernels that `show` prints: without optional inputs, and without a pack beside other axes.
        let inputs: Vec<InputInfo> = builder.info().inputs.into_iter().filter(|input| !input.optional).collect();
        let is_pack = |axis: &String| axis.starts_with("..");
        let mixed = inputs.iter().filter(|input| !input.axes.iter().all(is_pack));
        let beside: Vec<String> =
            mixed.flat_map(|input| input.axes.iter().filter(|axis| is_pack(axis)).cloned()).collect();
        let labelled = inputs.iter().filter_map(|input| label_axis(&input.kind));
        let axes = inputs.iter().flat_map(|input| &input.axes).cloned().chain(labelled);
        let of = |axis: &str| match axis {
            axis if beside.iter().any(|pack| pack == axis) => vec![],
            "..B" | "..S" => vec![3, 40],
            "box" => vec![4],
            "rbox" => vec![5],
            "C" | "K" => vec![4],
            _ => vec![6],
        };
        let extents: Extents = axes.map(|axis| (axis.clone(), of(&axis))).collect();
        // Losses with matrix products are among them.
        let kernel = builder.show(Stage::Kernel).unwrap_or_else(|error| panic!("{name}: {error}"));
        products += usize::from(kernel.contains("contract ["));
        let tensors = single(&random(&inputs, &extents, 7));
        let loss = builder.build().unwrap_or_else(|error| panic!("{name}: {error}"));
        let params = Params::new();
        let first = loss.value_and_grad(&views(&tensors), &params).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut memory: Vec<(&str, &[usize], Vec<f32>)> = Vec::new();
        for gradient in first.gradients() {
            memory.push((&gradient.input, &gradient.tensor.shape, vec![0.0; gradient.tensor.slice().len()]));
        }
        let mut workspace = Workspace::new();
        let mut counts = Vec::new();
        for _ in 0..3 {
            let views = views(&tensors);
            let mut targets: Vec<(&str, TensorViewMut<'_>)> = Vec::new();
            for (input, shape, room) in &mut memory {
                targets.push((*input, TensorViewMut::contiguous(SliceMut::F32(room), shape).expect("it fits")));
            }
            let before = COUNT.get();
            let out = loss.value_and_grad_into(&views, &params, &mut targets, &mut workspace).expect("it runs");
            let value = out.value();
            counts.push(COUNT.get() - before);
            assert_eq!(value.to_bits(), first.value().to_bits(), "{name}");
        }
        assert!(counts[0] > 0, "{name}: the first call fills the workspace, {counts:?}");
        if counts[1..] != [0, 0] {
            wrong.push(format!("{name}: {counts:?}"));
        }
        for (gradient, (_, _, room)) in first.gradients().iter().zip(&memory) {
            let room: Vec<f64> = room.iter().copied().map(f64::from).collect();
            let want: Vec<f64> = gradient.tensor.to_f64().into_iter().map(|value| f64::from(value as f32)).collect();
            assert!(room.iter().zip(&want).all(|(a, b)| a == b || a.is_nan() && b.is_nan()), "{name}");
        }
        checked += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 80 && products >= 5, "only {checked} losses were checked, {products} with matrix products");
}

/// What a call with new results takes from the heap, in bytes.
fn bytes(call: impl FnOnce()) -> usize {
    let before = BYTES.get();
    call();
    BYTES.get() - before
}

/// A gradient that is dropped is where the next one goes; one that is kept stays as it is, and so does one that was taken
/// out of its result.
#[test]
fn the_memory_of_dropped_results_is_used_again() {
    const SIZE: usize = 10_000;
    let library = Compiler::new().standard().expect("the library is sound");
    let loss = library.loss("mse").and_then(|builder| builder.wrt(["pred"]).build()).expect("it compiles");
    let tensors = |shift: f64| {
        let pred = Tensor::f32((0..SIZE).map(|place| (place as f64 + shift) as f32).collect(), &[SIZE]);
        [("pred".to_string(), pred), ("target".to_string(), Tensor::f32(vec![0.0; SIZE], &[SIZE]))]
    };
    let (ones, twos) = (tensors(1.0), tensors(2.0));
    let call = |tensors: &[(String, Tensor)]| {
        let views: Vec<_> =
            tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.view().expect("it fits"))).collect();
        loss.value_and_grad(&views, &Params::new()).expect("it runs")
    };
    let first = call(&ones);
    let expected = first.clone();
    let gradient = SIZE * size_of::<f32>();
    assert!(bytes(|| drop(call(&twos))) >= gradient, "the first result is still there");
    assert!(bytes(|| drop(call(&twos))) < gradient / 10, "the second is not");
    assert_eq!(first, expected);
    let kept = call(&ones).into_gradients();
    assert!(bytes(|| drop(call(&twos))) >= gradient, "its memory is kept");
    assert_eq!(kept, first.gradients());
    // Of two clones the last that goes leaves the memory; to a loss that is gone it does not matter.
    drop(expected);
    assert_eq!(call(&ones), first);
    drop((first, loss));
}
