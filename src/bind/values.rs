//! Checks of element types and values.

use super::{DataError, wants_float};
use crate::ir::{InputData, Program};
use crate::tensor::{Slice, TensorView};

/// Floats for floats and ints for ints; of any width.
pub(super) fn check_type(input: &InputData, view: &TensorView<'_>) -> Result<(), DataError> {
    let float = wants_float(input);
    if float == view.dtype().is_float() {
        return Ok(());
    }
    let (wanted, hint) = if float {
        ("floats (f16, bf16, f32, f64)", "convert them to a float type")
    } else {
        ("ints (u8, u32, i32, i64)", "convert them to an int type")
    };
    Err(DataError::Type {
        input: input.name.clone(),
        kind: input.kind.clone(),
        wanted,
        given: view.dtype().name(),
        hint,
    })
}

/// Labels are positions of their axis, or the ignored value.
pub(super) fn check_labels(
    program: &Program,
    input: &InputData,
    view: &TensorView<'_>,
    extents: &[usize],
) -> Result<(), DataError> {
    let Some(range) = input.labels else { return Ok(()) };
    let extent = extents[range.axis.0 as usize];
    let data = view.data();
    let inside = |label: i64| usize::try_from(label).is_ok_and(|label| label < extent) || range.ignored == Some(label);
    let all_inside = view.dense().is_some_and(|range| match data {
        Slice::I64(labels) => labels[range].iter().all(|&label| inside(label)),
        Slice::I32(labels) => labels[range].iter().all(|&label| inside(label.into())),
        Slice::U32(labels) => labels[range].iter().all(|&label| inside(label.into())),
        Slice::U8(labels) => labels[range].iter().all(|&label| inside(label.into())),
        _ => false,
    });
    if all_inside {
        return Ok(());
    }
    match view.positions().enumerate().find(|&(_, position)| !inside(data.int(position))) {
        None => Ok(()),
        Some((place, position)) => Err(DataError::Label {
            input: input.name.clone(),
            position: place_text(view, place),
            value: data.int(position),
            axis: program.graph.axis(range.axis).name.clone(),
            extent,
            ignored: range.ignored,
        }),
    }
}

/// A kind of floats with a domain, and what it is.
type Domain = (&'static str, fn(f64) -> bool, &'static str);

const DOMAINS: [Domain; 4] = [
    ("prob", |x| (0.0..=1.0).contains(&x), "it lies in [0, 1]"),
    ("binary", |x| (0.0..=1.0).contains(&x), "it is 0 or 1, or a soft label between them"),
    ("sign", |x| x == 1.0 || x == -1.0, "it is −1 or 1"),
    ("count", |x| x >= 0.0, "it is at least 0"),
];

/// Every value is of the declared kind.
pub(super) fn check_kind(input: &InputData, view: &TensorView<'_>) -> Result<(), DataError> {
    let Some((kind, holds, range)) = DOMAINS.iter().find(|(kind, ..)| *kind == input.kind) else { return Ok(()) };
    let data = view.data();
    match view.positions().enumerate().find(|&(_, position)| !holds(data.real(position))) {
        None => Ok(()),
        Some((place, position)) => Err(DataError::Kind {
            input: input.name.clone(),
            position: place_text(view, place),
            value: data.real(position),
            kind: (*kind).to_owned(),
            range,
        }),
    }
}

/// The position of the n-th element in row-major order, as `[1, 2]`; nothing for a scalar.
fn place_text(view: &TensorView<'_>, place: usize) -> String {
    let mut rest = place;
    let mut indices = Vec::new();
    for &extent in view.shape().iter().rev() {
        indices.push((rest % extent).to_string());
        rest /= extent;
    }
    indices.reverse();
    if indices.is_empty() { String::new() } else { format!("[{}]", indices.join(", ")) }
}
