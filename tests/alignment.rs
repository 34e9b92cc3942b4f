//! Where tensors lie in memory makes no difference to a bit of the results: runs over lanes begin where memory is
//! aligned, with a first vector of which lanes are missing, and large results are written past the caches.

mod running;

use lossc::session::{Compiler, InputInfo, Loss, Params, Vectors, Workspace};
use lossc::tensor::{DType, Slice, SliceMut, Tensor, TensorView, TensorViewMut};

use running::data::{Extents, label_axis, random};
use running::{GIVEN_EXTENT, Tensors, single, with_extents};

/// Elements of a vector.
const LANES: usize = 16;

/// Numbers that begin so many elements after an aligned address.
struct Shifted {
    memory: Vec<f32>,
    start: usize,
    count: usize,
}

impl Shifted {
    fn new(numbers: &[f32], shift: usize) -> Shifted {
        let mut memory = vec![f32::NAN; numbers.len() + 2 * LANES];
        let start = memory.as_ptr().align_offset(64) + shift;
        memory[start..start + numbers.len()].copy_from_slice(numbers);
        Shifted { memory, start, count: numbers.len() }
    }

    fn numbers(&self) -> &[f32] {
        &self.memory[self.start..self.start + self.count]
    }

    fn numbers_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.start..self.start + self.count]
    }
}

fn floats(tensor: &Tensor) -> Option<&[f32]> {
    match tensor.slice() {
        Slice::F32(numbers) => Some(numbers),
        _ => None,
    }
}

/// The bits of value and gradients, with every float tensor and every gradient shifted by what `shift` says of its place.
fn bits(loss: &Loss, tensors: &Tensors, shift: &dyn Fn(usize) -> usize) -> Vec<u64> {
    let shifted: Vec<Option<Shifted>> = tensors
        .iter()
        .enumerate()
        .map(|(place, (_, tensor))| floats(tensor).map(|numbers| Shifted::new(numbers, shift(place))))
        .collect();
    let mut views: Vec<(&str, TensorView<'_>)> = Vec::new();
    for ((name, tensor), own) in tensors.iter().zip(&shifted) {
        let slice = own.as_ref().map_or(tensor.slice(), |own| Slice::F32(own.numbers()));
        views.push((name, TensorView::contiguous(slice, &tensor.shape).expect("it fits")));
    }
    let gradients = loss.builder().info().inputs;
    let mut memory: Vec<(&str, &[usize], Shifted)> = Vec::new();
    for (place, (name, tensor)) in tensors.iter().enumerate() {
        if gradients.iter().any(|input| input.name == *name && input.float) {
            let empty = vec![f32::NAN; tensor.shape.iter().product()];
            memory.push((name, &tensor.shape, Shifted::new(&empty, shift(tensors.len() + place))));
        }
    }
    let mut targets: Vec<(&str, TensorViewMut<'_>)> = Vec::new();
    for (name, shape, room) in &mut memory {
        let target = TensorViewMut::contiguous(SliceMut::F32(room.numbers_mut()), shape);
        targets.push((*name, target.expect("it fits")));
    }
    let mut workspace = Workspace::new();
    let out = loss.value_and_grad_into(&views, &Params::new(), &mut targets, &mut workspace);
    let out = out.unwrap_or_else(|error| panic!("{error}"));
    let mut bits = vec![out.value().to_bits()];
    for (name, _, room) in &memory {
        let intact = room.memory[..room.start].iter().chain(&room.memory[room.start + room.count..]);
        assert!(intact.into_iter().all(|number| number.is_nan()), "the gradient of {name} leaves its memory");
        bits.extend(room.numbers().iter().map(|number| u64::from(number.to_bits())));
    }
    bits
}

fn assert_same_bits(name: &str, losses: &[Loss], tensors: &Tensors) {
    losses.iter().for_each(|loss| assert_same_bits_of(name, loss, tensors));
}

fn assert_same_bits_of(name: &str, loss: &Loss, tensors: &Tensors) {
    let want = bits(loss, tensors, &|_| 0);
    let apart = |place: usize| (place * 5 + 3) % LANES;
    let ways: [(&str, &dyn Fn(usize) -> usize); 5] = [
        ("all by 4 elements", &|_| 4),
        ("all by 15 elements", &|_| 15),
        ("each by its own", &apart),
        ("only inputs", &|place| if place < tensors.len() { 7 } else { 0 }),
        ("only gradients", &|place| if place < tensors.len() { 0 } else { 9 }),
    ];
    for (way, shift) in ways {
        let got = bits(loss, tensors, shift);
        let differs = got.iter().zip(&want).position(|(got, want)| got != want);
        let shapes: Vec<&Vec<usize>> = tensors.iter().map(|(_, tensor)| &tensor.shape).collect();
        assert_eq!(differs, None, "{name} of {shapes:?}, shifted {way}");
    }
}

/// A loss with each kind of code for vectors, and data for it.
fn loss_on(name: &str, extent: &dyn Fn(&str) -> Vec<usize>) -> Option<([Loss; 2], Tensors)> {
    let library = Compiler::new().standard().expect("the library is sound");
    let builder = library.loss(name).ok().map(with_extents)?.wrt_all().dtype(DType::F32);
    let inputs: Vec<InputInfo> = builder.info().inputs.into_iter().filter(|input| !input.optional).collect();
    let labelled = inputs.iter().filter_map(|input| label_axis(&input.kind));
    let axes = inputs.iter().flat_map(|input| &input.axes).cloned().chain(labelled);
    let extents: Extents = axes.map(|axis| (axis.clone(), extent(&axis))).collect();
    let tensors = single(&random(&inputs, &extents, 11));
    let losses = [Vectors::Avx512, Vectors::Avx2].map(|vectors| builder.clone().vectors(vectors).build());
    Some((losses.map(|loss| loss.unwrap_or_else(|error| panic!("{name}: {error}"))), tensors))
}

#[test]
fn every_loss_gives_the_same_bits_wherever_its_tensors_lie() {
    let library = Compiler::new().standard().expect("the library is sound");
    let mut checked = 0;
    for name in library.standard_losses() {
        let extent = |axis: &str| match axis {
            "..B" => vec![3, 301],
            "..S" => vec![290],
            "box" => vec![4],
            "rbox" => vec![5],
            "C" | "K" => vec![GIVEN_EXTENT],
            "D" => vec![277],
            axis if axis.starts_with("..") => vec![5],
            _ => vec![19],
        };
        let Some((losses, tensors)) = loss_on(&name, &extent) else { continue };
        assert_same_bits(&name, &losses, &tensors);
        checked += 1;
    }
    assert!(checked >= 100, "only {checked} losses were checked");
}

#[test]
fn every_length_gives_the_same_bits_wherever_tensors_lie() {
    for name in ["mse", "focal_logits", "dice", "log_cosh"] {
        for length in [1, 2, 15, 16, 17, 31, 63, 65, 127, 255, 256, 257, 300, 1000, 4095, 4097, 4111, 9000] {
            let Some((losses, tensors)) = loss_on(name, &|_| vec![length]) else { panic!("{name} is in the library") };
            assert_same_bits(name, &losses, &tensors);
        }
    }
}

#[test]
fn boxes_give_the_same_bits_wherever_they_lie() {
    // Rows of four are turned in registers, of the first and the last vectors under masks.
    for name in ["giou", "ciou", "mpd_iou"] {
        for count in [1, 3, 15, 16, 17, 31, 32, 33, 260, 4100] {
            let extent = |axis: &str| vec![if axis == "box" { 4 } else { count }];
            let (losses, tensors) = loss_on(name, &extent).unwrap_or_else(|| panic!("{name} is in the library"));
            assert_same_bits(name, &losses, &tensors);
        }
    }
}

#[test]
fn rows_with_a_label_give_the_same_bits_wherever_they_lie() {
    // The vector with the label has other code than those around it, and which vector that is depends on the shift.
    let rows = |axis: &str| match axis {
        "N" => vec![40],
        axis if axis.starts_with("..") => Vec::new(),
        _ => vec![301],
    };
    for name in ["cross_entropy", "focal_softmax", "arcface_cos", "curricular_face_cos", "mv_softmax_cos"] {
        let (losses, tensors) = loss_on(name, &rows).unwrap_or_else(|| panic!("{name} is in the library"));
        assert_same_bits(name, &losses, &tensors);
    }
}

#[test]
fn results_that_go_past_the_caches_have_the_same_bits() {
    let (losses, tensors) = loss_on("mse", &|_| vec![(1 << 20) + 5]).expect("it is in the library");
    assert_same_bits("mse", &losses, &tensors);
    // Rows of which the results go there, and shorter ones, of which they do not.
    for (count, lanes) in [(1200, 1001), (9000, 133)] {
        let rows = |axis: &str| if axis == "N" { vec![count] } else { vec![lanes] };
        for name in ["contrastive", "triplet"] {
            let (losses, tensors) = loss_on(name, &rows).expect("it is in the library");
            assert_same_bits(name, &losses, &tensors);
        }
    }
}
