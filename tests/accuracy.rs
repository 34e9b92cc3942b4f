//! How far the gradients of every loss in single precision are from those in double precision, on random data that
//! single precision holds exactly, so that both compute the same function at the same place.
//!
//! The error of a gradient is |g₃₂ − g₆₄| in units of 2⁻²⁴ (half a unit in the last place of a single) of the largest
//! number of the gradient by that input: an element that is much smaller than others of its tensor is not asked for
//! more digits than these have. `docs/accuracy.md` has a bound for every loss; a loss that it does not name fails.
//! `cargo test --test accuracy -- --nocapture` prints the table.

mod running;

use lossc::session::{Engine, Loss, LossBuilder, Vectors};
use lossc::tensor::{DType, Tensor};

use running::data::Random;
use running::losses::{data, floats, losses};
use running::{Numbers, Tensors, call, numbers, single};

/// Half a unit in the last place of a single in [½, 1).
const UNIT: f64 = 1.0 / 16_777_216.0;

/// Extents with several blocks and a rest, and small ones.
const SHAPES: [&[(&str, &[usize])]; 2] =
    [&[("..B", &[37, 41]), ("..S", &[11, 13]), ("..A", &[150]), ("N", &[19]), ("C", &[7]), ("D", &[33])], &[]];

/// Data sets of each shape.
const SEEDS: u64 = 3;

/// A loss in a precision and with a kind of vector code, with gradients by all floats.
fn compiled(builder: &LossBuilder, dtype: DType, vectors: Vectors) -> Loss {
    builder.clone().engine(Engine::Jit).vectors(vectors).dtype(dtype).wrt(floats(builder)).build().expect("it builds")
}

fn run(loss: &Loss, tensors: &Tensors) -> Numbers {
    numbers(&call(loss, tensors).expect("it runs"))
}

/// The same data, every number that is measured (no class or count) off by at most half a unit in the last place.
fn shaken(builder: &LossBuilder, tensors: &Tensors, random: &mut Random) -> Tensors {
    let inputs = builder.info().inputs;
    let continuous = |name: &str| inputs.iter().any(|one| one.name == name && CONTINUOUS.contains(&one.kind.as_str()));
    let mut shake = |name: &String, tensor: &Tensor| match continuous(name) {
        true => {
            let values = tensor.to_f64().into_iter().map(|value| value * (1.0 + random.between(-UNIT, UNIT)));
            Tensor::f64(values.collect(), &tensor.shape)
        }
        false => tensor.clone(),
    };
    tensors.iter().map(|(name, tensor)| (name.clone(), shake(name, tensor))).collect()
}

/// Kinds of inputs that are not all of a few numbers.
const CONTINUOUS: [&str; 3] = ["real", "logit", "prob"];

/// The largest difference of two gradients by an input, in units of the largest number of the second one.
fn error(got: &[f64], want: &[f64]) -> f64 {
    let scale = want.iter().fold(0.0_f64, |scale, number| scale.max(number.abs()));
    let errors = got.iter().zip(want).map(|(got, want)| match got == want {
        true => 0.0,
        false => (got - want).abs() / (UNIT * scale),
    });
    errors.fold(0.0, |worst, error| if error > worst || error.is_nan() { error } else { worst })
}

/// What was measured of a loss.
struct Row {
    loss: String,
    /// The largest error of a gradient, and the input by which it is.
    worst: (f64, String),
    /// How far the gradients in double precision move if the data are rounded to single precision, in the same unit.
    shaken: f64,
}

/// With the worst of some kinds of vector code.
fn measured(loss: &str, builder: &LossBuilder, vectors: &[Vectors]) -> Row {
    let mut row = Row { loss: loss.to_owned(), worst: (0.0, "–".into()), shaken: 0.0 };
    let in_double = compiled(builder, DType::F64, Vectors::best());
    let in_single: Vec<Loss> = vectors.iter().map(|vectors| compiled(builder, DType::F32, *vectors)).collect();
    for (shape, seed) in SHAPES.iter().flat_map(|shape| (0..SEEDS).map(move |seed| (shape, seed))) {
        let tensors = data(loss, builder, shape, 500 + seed);
        let want = run(&in_double, &tensors);
        let got: Vec<Numbers> = in_single.iter().map(|loss| run(loss, &single(&tensors))).collect();
        let moved = run(&in_double, &shaken(builder, &tensors, &mut Random::new(700 + seed)));
        for input in floats(builder) {
            let want = want.gradient(&input);
            for got in &got {
                let error_here = error(got.gradient(&input), want);
                if error_here > row.worst.0 || error_here.is_nan() {
                    row.worst = (error_here, input.clone());
                }
            }
            row.shaken = row.shaken.max(error(moved.gradient(&input), want));
        }
    }
    row
}

/// The bounds by loss or call: the rows of the table of the document that begins so.
fn bounds(header: &str) -> Vec<(String, f64)> {
    let document = include_str!("../docs/accuracy.md");
    let table = document.split(header).nth(1).expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(|cells| (cells[1].trim_matches('`').to_owned(), cells[2].parse().expect("a bound"))).collect()
}

#[test]
fn gradients_in_single_precision_are_as_exact_as_the_document_says() {
    let wide = bounds("| loss |");
    let narrow: Vec<_> = bounds("| loss, 256 bits |").into_iter().chain(wide.clone()).collect();
    let (widest, others) = ([Vectors::Avx512, Vectors::Blocks], [Vectors::Avx2]);
    let here = match Vectors::best() {
        Vectors::Avx512 => vec![(&widest[..], &wide), (&others[..], &narrow)],
        _ => vec![(&Vectors::ALL[1..], &narrow)],
    };
    let mut failed = Vec::new();
    for (loss, builder) in losses() {
        for (vectors, bounds) in &here {
            let row = measured(&loss, &builder, vectors);
            let (worst, input) = &row.worst;
            println!("| `{}` | {worst:.1} | {input} | {:.1} |", row.loss, row.shaken);
            match bounds.iter().find(|(name, _)| *name == loss) {
                Some((_, bound)) if worst <= bound => {}
                Some((_, bound)) => {
                    failed.push(format!("{loss}, {vectors:?}: by {input} off by {worst:.2}, more than {bound}"));
                }
                None => failed.push(format!("{loss} has no row in docs/accuracy.md: by {input} off by {worst:.2}")),
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The reasons that the document gives: a loss is as exact as others where a hyperparameter takes the cause away.
#[test]
fn without_its_cause_the_error_is_small() {
    let all = losses();
    for (call, bound) in bounds("| call |") {
        let (name, setting) = call.trim_end_matches(')').split_once('(').expect("a call");
        let (parameter, value) = setting.split_once(" = ").expect("a hyperparameter");
        let (_, builder) = all.iter().find(|(other, _)| other == name).expect("a loss of the library");
        let builder = builder.clone().set(parameter, value.parse().expect("a number")).expect("a hyperparameter of it");
        let (worst, input) = measured(name, &builder, &Vectors::ALL).worst;
        println!("| `{call}` | {worst:.1} |");
        assert!(worst <= bound, "{call}: by {input} off by {worst:.2}, more than {bound}");
    }
}
