//! From text to callable: the time of a compile, by losses of all sizes.
//!
//! `cargo bench --bench compile`. The first compile of a process also parses and checks what it needs of the standard
//! library; later ones find that done. `cold` measures it by a library of its own each time.

use divan::{Bencher, black_box};
use lossc::check::Checker;
use lossc::resolve::Library;
use lossc::session::{Compiler, Loss};
use lossc::span::Span;
use lossc::stdlib::MODULES;

fn main() {
    divan::main();
}

/// A compound loss of three terms, as people write it.
const COMPOUND: &str = "
/// Overlap, entropy and a smooth penalty.
loss compound(pred: prob[N], target: binary[N], score: real[N]; w = 0.5 where 0 <= w <= 1, lambda = 0.01) =
    w * dice + (1 - w) * focal(gamma = 2) + lambda * huber(score, target)
";

/// Names of the library: small ones, and those that take longest.
const NAMES: &[&str] = &["mse", "combo", "cross_entropy", "ciou", "unified_focal", "arcface", "siou", "piou"];

/// A text to a loss with its gradients.
fn text(text: &str) -> Loss {
    let program = Compiler::new().compile(text).expect("it checks");
    program.main().expect("it has one").wrt_all().build().expect("it compiles")
}

#[divan::bench]
fn compound(bencher: Bencher) {
    bencher.bench(|| text(black_box(COMPOUND)));
}

#[divan::bench(args = NAMES)]
fn library(bencher: Bencher, name: &str) {
    let build = |name: &str| Compiler::new().standard()?.loss(name)?.wrt_all().build();
    bencher.bench(|| build(black_box(name)).expect("it compiles"));
}

/// Parsing and checking alone, of a text that needs nothing new.
#[divan::bench]
fn check(bencher: Bencher) {
    bencher.bench(|| Compiler::new().compile(black_box(COMPOUND)).expect("it checks"));
}

/// What a process does once: the names of the library, and the functions that one loss needs.
#[divan::bench(args = ["mse", "combo", "siou"])]
fn cold(bencher: Bencher, name: &str) {
    bencher.bench(|| {
        let (world, _) = Library::new(black_box(MODULES)).world();
        let (_, id) = world.standard_losses().find(|(other, _)| *other == name).expect("it is there");
        Checker::new(&world).function(id, Span::default()).expect("it checks")
    });
}
