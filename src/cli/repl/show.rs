//! Values, terms and gradients to text: whole where they are small, the corners where they are large.

use std::fmt::Write as _;

use crate::cli::eval::rounded;
use crate::session::{Evaluation, Value};
use crate::tensor::Tensor;

/// So many numbers of a line are shown.
const COLUMNS: usize = 8;
/// So many lines are shown.
const ROWS: usize = 8;

/// What a call gave: the value with its kind and axes, terms, gradients.
pub fn evaluation(evaluation: &Evaluation, kind: &str, axes: &[String]) -> String {
    let mut text = match evaluation.values() {
        Value::Scalar(value) => format!("{}\n", number(*value, kind)),
        Value::Tensor(value) => format!("{kind}{}\n", tensor(value, axes, kind)),
    };
    let terms = evaluation.terms();
    let width = terms.iter().map(|term| term.name.chars().count()).max().unwrap_or(0);
    // One term without a weight is the value once more.
    if terms.len() > 1 || terms.iter().any(|term| term.weight != 1.0) {
        for term in terms {
            let _ = writeln!(text, "  {:width$}  {}  × {}", term.name, rounded(term.value), rounded(term.weight));
        }
    }
    text
}

/// A gradient.
pub fn gradient(input: &str, gradient: &Tensor, axes: &[String]) -> String {
    if gradient.shape.is_empty() {
        let value = gradient.to_f64().first().copied().unwrap_or(f64::NAN);
        return format!("d/d{input} = {}\n", rounded(value));
    }
    format!("d/d{input}{}\n", tensor(gradient, axes, "real"))
}

/// The axes with their extents: `[N = 2, C = 3]`.
pub fn shape(axes: &[String], shape: &[usize]) -> String {
    let axes: Vec<String> = match axes.len() == shape.len() {
        true => axes.iter().zip(shape).map(|(axis, extent)| format!("{axis} = {extent}")).collect(),
        false => shape.iter().map(usize::to_string).collect(),
    };
    if axes.is_empty() { String::new() } else { format!("[{}]", axes.join(", ")) }
}

/// Axes and elements.
pub fn tensor(tensor: &Tensor, axes: &[String], kind: &str) -> String {
    let values = tensor.to_f64();
    let Some((&last, outer)) = tensor.shape.split_last() else {
        return format!(" {}", number(values.first().copied().unwrap_or(f64::NAN), kind));
    };
    let head = shape(axes, &tensor.shape);
    let lines = outer.iter().product::<usize>();
    if values.is_empty() {
        return format!("{head} nothing");
    }
    let row = |line: usize| -> Vec<String> {
        let row = &values[line * last..(line + 1) * last];
        shortened(last, COLUMNS).map(|at| at.map_or("…".to_string(), |at| number(row[at], kind))).collect()
    };
    if outer.is_empty() {
        return format!("{head} {}", row(0).join(", "));
    }
    let rows: Vec<(String, Vec<String>)> = shortened(lines, ROWS)
        .map(|line| line.map_or(("…".to_string(), Vec::new()), |line| (place(outer, axes, line), row(line))))
        .collect();
    let label = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let width = rows.iter().flat_map(|(_, row)| row).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let mut text = head;
    for (place, row) in rows {
        let cell = |cell: &String| if cell == "…" { cell.clone() } else { format!("{cell:>width$}") };
        let cells: Vec<String> = row.iter().map(cell).collect();
        let line = format!("  {place:label$}  {}", cells.join("  "));
        let _ = write!(text, "\n{}", line.trim_end());
    }
    text
}

/// Which of so many are shown: the first and the last, and between them what stands for the others.
fn shortened(count: usize, most: usize) -> impl Iterator<Item = Option<usize>> {
    let (first, last) = if count <= most { (count, count) } else { (most / 2, count - most / 2) };
    let gap = (count > most).then_some(None);
    (0..first).map(Some).chain(gap).chain((last..count).map(Some))
}

/// The indices of a line over the outer axes; nothing where there is only one, which the eye counts.
fn place(outer: &[usize], axes: &[String], line: usize) -> String {
    if outer.len() < 2 {
        return String::new();
    }
    let mut rest = line;
    let mut indices = vec![0; outer.len()];
    for (index, extent) in indices.iter_mut().zip(outer).rev() {
        *index = rest % extent;
        rest /= extent;
    }
    let name = |position: usize| axes.get(position).map_or("", String::as_str);
    let words: Vec<String> = indices.iter().enumerate().map(|(at, index)| format!("{} = {index}", name(at))).collect();
    words.join(", ")
}

/// A number of a kind: truth values as words, integers without a point.
fn number(value: f64, kind: &str) -> String {
    match kind {
        "bool" => if value == 0.0 { "false" } else { "true" }.to_string(),
        "int" => format!("{value:.0}"),
        _ if kind.starts_with("index") => format!("{value:.0}"),
        _ => rounded(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_tensors_show_their_ends() {
        let shown = |count: usize| shortened(count, 4).collect::<Vec<_>>();
        assert_eq!(shown(4), [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(shown(6), [Some(0), Some(1), None, Some(4), Some(5)]);
        let axes = ["N".to_string(), "C".to_string(), "H".to_string()];
        let large = Tensor::f64((0..24).map(f64::from).collect(), &[2, 3, 4]);
        let text = tensor(&large, &axes, "int");
        assert!(text.starts_with("[N = 2, C = 3, H = 4]\n  N = 0, C = 0   0   1   2   3\n"), "{text}");
        assert!(tensor(&Tensor::f64(Vec::new(), &[0]), &axes[..1], "real").ends_with("nothing"));
    }
}
