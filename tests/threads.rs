//! Threads: the same bits for any number of them, one loss called by many.

mod running;

use std::sync::Barrier;

use lossc::session::{Compiler, Loss, LossBuilder, Params, Program, Workspace};
use lossc::tensor::Tensor;

use running::data::{Extents, random};
use running::ranges::{bits, losses};
use running::{single, views};

const fn is_shared_by_threads<T: Send + Sync + Clone>() {}
const _: () = is_shared_by_threads::<Loss>();
const _: () = is_shared_by_threads::<LossBuilder>();
const _: () = is_shared_by_threads::<Program>();

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
