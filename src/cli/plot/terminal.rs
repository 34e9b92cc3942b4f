//! Curves to text: one panel for the loss, one for its derivative.

use std::fmt::Write as _;

use super::canvas::Canvas;
use super::{Curve, Picture};
use crate::cli::eval::rounded;

/// The lines of a panel.
const ROWS: usize = 10;
/// The narrowest panel.
const MIN_WIDTH: usize = 20;
/// Colours of curves, as a terminal numbers them: cyan, yellow, magenta, green, red, blue, white, grey.
const COLORS: [u8; 8] = [36, 33, 35, 32, 31, 34, 37, 90];

/// The whole picture.
pub fn draw(picture: &Picture, width: usize, color: bool) -> String {
    let letters = picture.curves.len() > 1;
    let paint = |curve: usize, sign: char| match color {
        true if curve < picture.curves.len() => format!("\x1b[{}m{sign}\x1b[0m", COLORS[curve % COLORS.len()]),
        true => format!("\x1b[90m{sign}\x1b[0m"),
        false => sign.to_string(),
    };
    let held = if picture.held.is_empty() { String::new() } else { format!(", {}", picture.held) };
    let mut text = format!("{} against {}{held}\n", picture.title, picture.variable);
    if letters {
        for (position, curve) in picture.curves.iter().enumerate() {
            let _ = writeln!(text, "  {}  {}", paint(position, letter(position)), curve.label);
        }
    }
    let values = |curve: &Curve| curve.values.clone();
    let slopes = |curve: &Curve| curve.slopes.clone();
    let panels =
        [("loss".to_string(), all(picture, values)), (format!("d/d{}", picture.variable), all(picture, slopes))];
    let labels = panels.iter().flat_map(|(_, curves)| {
        let (low, high) = range(curves);
        [tick(low, (low, high)), tick(high, (low, high))]
    });
    let margin = labels.map(|label| label.chars().count()).max().unwrap_or(0);
    let columns = width.saturating_sub(margin + 2).max(MIN_WIDTH);
    for (title, curves) in &panels {
        let _ = writeln!(text, "\n{:margin$}  {title}", "");
        panel(&mut text, picture, curves, (margin, columns), &paint);
    }
    let (first, last) = (picture.places.first(), picture.places.last());
    let (first, last) = (number(first.copied().unwrap_or(0.0)), number(last.copied().unwrap_or(0.0)));
    let gap = columns.saturating_sub(first.chars().count() + last.chars().count());
    let name: String = format!("{:^gap$}", picture.variable).chars().take(gap).collect();
    let _ = writeln!(text, "{:margin$}  {first}{name}{last}", "");
    text
}

fn all(picture: &Picture, of: impl Fn(&Curve) -> Vec<f64>) -> Vec<Vec<f64>> {
    picture.curves.iter().map(of).collect()
}

fn letter(position: usize) -> char {
    char::from(b'a' + (position % 26) as u8)
}

/// The lowest and the highest finite value, apart from each other.
pub fn range(curves: &[Vec<f64>]) -> (f64, f64) {
    let finite = || curves.iter().flatten().copied().filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    match low < high {
        true => (low, high),
        false if low.is_finite() => (low - 1.0, low + 1.0),
        false => (-1.0, 1.0),
    }
}

/// An end of a range; what is nothing beside its length is 0.
fn tick(value: f64, (low, high): (f64, f64)) -> String {
    number(if value.abs() < 1e-4 * (high - low) { 0.0 } else { value })
}

fn number(value: f64) -> String {
    match rounded(value).contains('e') {
        true => format!("{value:.1e}"),
        false => format!("{:.4}", value).trim_end_matches('0').trim_end_matches('.').to_string(),
    }
}

fn panel(
    text: &mut String,
    picture: &Picture,
    curves: &[Vec<f64>],
    (margin, columns): (usize, usize),
    paint: &impl Fn(usize, char) -> String,
) {
    let (low, high) = range(curves);
    let mut canvas = Canvas::new(columns, ROWS);
    let (across, down) = canvas.dots();
    let count = picture.places.len();
    let x = |position: usize| position * (across - 1) / (count - 1).max(1);
    let y = |value: f64| ((high - value) / (high - low) * (down - 1) as f64).round() as usize;
    if low < 0.0 && high > 0.0 {
        // The axis of zero, dotted.
        (0..across).step_by(4).for_each(|x| canvas.dot(x, y(0.0), usize::MAX));
    }
    for (owner, values) in curves.iter().enumerate() {
        for (position, pair) in values.windows(2).enumerate() {
            if pair.iter().all(|value| value.is_finite()) {
                canvas.line((x(position), y(pair[0])), (x(position + 1), y(pair[1])), owner);
            }
        }
    }
    if curves.len() > 1 {
        for (owner, values) in curves.iter().enumerate() {
            if let Some(end) = values.iter().rposition(|value| value.is_finite()) {
                canvas.letter(x(end), y(values[end]), letter(owner), owner);
            }
        }
    }
    let lines = canvas.lines(paint);
    for (row, line) in lines.iter().enumerate() {
        let label = match row {
            0 => tick(high, (low, high)),
            _ if row + 1 == lines.len() => tick(low, (low, high)),
            _ => String::new(),
        };
        let _ = writeln!(text, "{}", format!("{label:>margin$} │{line}").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_curve_and_one_that_is_not_finite_have_a_range() {
        assert_eq!(range(&[vec![2.0, 2.0]]), (1.0, 3.0));
        assert_eq!(range(&[vec![f64::NAN, f64::INFINITY]]), (-1.0, 1.0));
        assert_eq!(range(&[vec![0.0, f64::INFINITY], vec![4.0]]), (0.0, 4.0));
    }
}
