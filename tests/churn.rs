//! Kernels that come and go: memory stays flat. Alone in its process, whose memory it measures.
#![cfg(target_os = "linux")]

use lossc::session::{Compiler, Params};
use lossc::tensor::Tensor;

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
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("it is there on Linux");
    let pages: usize = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4096
}

/// By hand, in release: `CHURN=2500 cargo test --release --test churn`, ten thousand kernels.
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
