//! Threads: the same bits for any number of them, one loss called by many.

mod running;

use std::sync::Barrier;

use lossc::session::{Compiler, Evaluation, Loss, LossBuilder, Params, Program, Workspace};
use lossc::tensor::{Buffer, DType, Tensor};

use running::data::{Extents, label_axis, random};
use running::{Tensors, single, views, with_extents};

const fn is_shared_by_threads<T: Send + Sync + Clone>() {}
const _: () = is_shared_by_threads::<Loss>();
const _: () = is_shared_by_threads::<LossBuilder>();
const _: () = is_shared_by_threads::<Program>();

/// Every loss that can be called alone, with data so large that it is cut into ranges.
fn losses() -> Vec<(String, Loss, Tensors)> {
    let library = Compiler::new().standard().expect("the library is sound");
    let built = |(position, name): (usize, String)| {
        let builder = match library.loss(&name) {
            Ok(builder) => with_extents(builder),
            Err(error) if error.to_string().contains("takes a loss") => return None,
            Err(error) => panic!("{error}"),
        };
        let inputs = builder.info().inputs;
        let tensors = single(&random(&inputs, &extents(&builder), position as u64));
        let loss = builder.wrt_all().dtype(DType::F32).threads_from(0).build();
        Some((name, loss.unwrap_or_else(|error| panic!("{error}")), tensors))
    };
    library.standard_losses().into_iter().enumerate().filter_map(built).collect()
}

fn extents(builder: &LossBuilder) -> Extents {
    let info = builder.info();
    let labelled = info.inputs.iter().filter_map(|input| label_axis(&input.kind));
    let axes = info.inputs.iter().flat_map(|input| &input.axes).cloned().chain(labelled);
    let of = |axis: &str| -> &[usize] {
        match axis {
            "..B" => &[130, 140],
            "..S" => &[91],
            "N" => &[70],
            "box" => &[4],
            "rbox" => &[5],
            axis if axis.starts_with("..") => &[5],
            "C" | "K" => &[4],
            _ => &[9],
        }
    };
    axes.map(|axis| (axis.clone(), of(&axis).to_vec())).collect()
}

/// All numbers of a result as bits.
fn bits(evaluation: &Evaluation) -> Vec<u64> {
    let mut bits = vec![evaluation.value().to_bits()];
    bits.extend(evaluation.terms().iter().flat_map(|term| [term.value.to_bits(), term.weight.to_bits()]));
    bits.extend(evaluation.state().iter().map(|(_, value)| value.to_bits()));
    let elements = |tensor: &Tensor| -> Vec<u64> {
        match &tensor.data {
            Buffer::F32(data) => data.iter().map(|value| u64::from(value.to_bits())).collect(),
            _ => tensor.to_f64().into_iter().map(f64::to_bits).collect(),
        }
    };
    bits.extend(evaluation.gradients().iter().flat_map(|gradient| elements(&gradient.tensor)));
    bits
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let losses = losses();
    assert!(losses.len() >= 100, "only {} losses", losses.len());
    for (name, loss, tensors) in &losses {
        let views = views(tensors);
        let call = |threads: usize| {
            let result = loss.with_threads(threads).value_and_grad(&views, &Params::new());
            bits(&result.unwrap_or_else(|error| panic!("{name}: {error}")))
        };
        let one = call(1);
        for threads in [2, 3, 8] {
            assert!(call(threads) == one, "{name} with {threads} threads");
        }
    }
}

#[test]
fn matrices_are_cut_alike() {
    // Rows over the shortest part, columns over it, batches; each with a rest.
    let text = "loss pairs(a: real[N, D], b: real[M, D]) = mean((sum[D](a * b))^2)\n\
                loss batches(a: real[B, N, D], b: real[B, M, D]) = mean((sum[D](a * b))^2)\n";
    let program = Compiler::new().compile(text).unwrap_or_else(|error| panic!("{error}"));
    for (name, shapes) in [
        ("pairs", [vec![700, 40], vec![300, 40]]),
        ("pairs", [vec![90, 70], vec![1000, 70]]),
        ("batches", [vec![5, 70, 20], vec![5, 60, 20]]),
    ] {
        let loss = program.loss(name).unwrap().wrt_all().threads_from(0).build().unwrap();
        let mut draws = running::data::Random::new(3);
        let [a, b] = shapes.map(|shape| {
            let count = shape.iter().product();
            Tensor::f32((0..count).map(|_| draws.between(-1.0, 1.0) as f32).collect(), &shape)
        });
        let inputs = [("a", a.view().unwrap()), ("b", b.view().unwrap())];
        let call = |threads| bits(&loss.with_threads(threads).value_and_grad(&inputs, &Params::new()).unwrap());
        let one = call(1);
        for threads in [2, 3, 8] {
            assert!(call(threads) == one, "{name} with {threads} threads");
        }
    }
}

#[test]
fn one_loss_is_called_by_eight_threads_at_once() {
    let library = Compiler::new().standard().expect("the library is sound");
    let loss = library.loss("combo").unwrap().wrt(["pred"]).threads(3).threads_from(0).build().unwrap();
    let inputs = loss.info().inputs;
    let extents: Extents = [("..B".to_string(), vec![30_000]), ("N".to_string(), vec![30_000])].into();
    let tensors = single(&random(&inputs, &extents, 5));
    let want = bits(&loss.value_and_grad(&views(&tensors), &Params::new()).expect("it runs"));
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut workspace = Workspace::new();
                barrier.wait();
                for _ in 0..20 {
                    let views = views(&tensors);
                    let out = loss.value_and_grad_into(&views, &Params::new(), &mut [], &mut workspace);
                    assert!(bits(out.expect("it runs")) == want);
                }
            });
        }
    });
}
