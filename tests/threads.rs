//! Threads: the same bits for any number of them, one loss called by many, kernels that come and go.

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

/// Compiles, calls and drops a loss from four threads.
fn churn(rounds: usize) {
    let text = "loss own(pred: real[N], target: real[N]; w = 1) = w * mean((pred - target)^2) + mse";
    let (pred, target) = (Tensor::f32(vec![1.0, 2.0], &[2]), Tensor::f32(vec![0.0, 0.0], &[2]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..rounds {
                    let program = Compiler::new().compile(text).expect("it checks");
                    let loss = program.main().unwrap().wrt(["pred"]).build().expect("it compiles");
                    let copy = loss.clone();
                    drop(loss);
                    let inputs = [("pred", pred.view().unwrap()), ("target", target.view().unwrap())];
                    assert_eq!(copy.value_and_grad(&inputs, &Params::new()).expect("it runs").value(), 5.0);
                }
            });
        }
    });
}

/// Resident memory in bytes.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("it is there on Linux");
    let pages: usize = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4096
}

/// By hand, in release: `CHURN=2500 cargo test --release --test threads churn`, ten thousand kernels.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat_through_compiling_and_dropping() {
    let rounds = std::env::var("CHURN").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    churn(rounds / 4);
    let before = resident();
    churn(rounds);
    let after = resident();
    // A kernel that stayed would take three pages at least, the checked text of its program much more.
    let most = before + 4 * rounds * 8192;
    println!("{} KiB before, {} KiB after {} kernels", before / 1024, after / 1024, 4 * rounds);
    assert!(after < most, "{before} bytes before, {after} after");
}
