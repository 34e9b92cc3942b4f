//! Curves to files: SVG and PNG, which plotters draws, and CSV.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Once;

use plotters::prelude::*;
use plotters::style::register_font;

use super::terminal::range;
use super::{Curve, Picture};
use crate::cli::failure::Failure;

/// Width and height of a drawing.
const SIZE: (u32, u32) = (900, 720);
/// Colours that people with any sight tell apart (Okabe and Ito).
const COLORS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(150, 150, 60),
];

/// Writes the file that the ending of its name says, and says so.
pub fn write(picture: &Picture, path: &Path) -> Result<String, Failure> {
    let failed = |reason: String| Failure::Message(format!("cannot write {}: {reason}", path.display()));
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => {
            register();
            let mut text = String::new();
            draw(picture, SVGBackend::with_string(&mut text, SIZE)).map_err(failed)?;
            std::fs::write(path, text).map_err(|error| failed(error.to_string()))?;
        }
        Some("png") => {
            register();
            draw(picture, BitMapBackend::new(path, SIZE)).map_err(failed)?;
        }
        Some("csv") => std::fs::write(path, csv(picture)).map_err(|error| failed(error.to_string()))?,
        _ => {
            let message = format!("{}: a picture is written as .svg, .png or .csv", path.display());
            return Err(Failure::Message(message));
        }
    }
    Ok(format!("wrote {}\n", path.display()))
}

/// Gives plotters the font with which it measures letters, and draws them into bitmaps.
fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A font that is refused leaves the bitmap without letters, which plotters reports.
        let _ = register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    });
}

fn draw<B: DrawingBackend>(picture: &Picture, backend: B) -> Result<(), String> {
    draw_on(picture, &backend.into_drawing_area()).map_err(|error| error.to_string())
}

type Area<B> = DrawingArea<B, plotters::coord::Shift>;

fn draw_on<B: DrawingBackend>(picture: &Picture, root: &Area<B>) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    root.fill(&WHITE)?;
    let held = if picture.held.is_empty() { String::new() } else { format!(", {}", picture.held) };
    let title = format!("{} against {}{held}", picture.title, picture.variable);
    let root = root.margin(8, 0, 0, 0).titled(&title, ("sans-serif", 24))?;
    let (upper, lower) = root.split_vertically(SIZE.1 / 2 - 20);
    panel(picture, &upper, "loss", picture.curves.len() > 1, |curve| &curve.values)?;
    panel(picture, &lower, &format!("d/d{}", picture.variable), false, |curve| &curve.slopes)?;
    root.present()
}

fn panel<B: DrawingBackend>(
    picture: &Picture,
    area: &Area<B>,
    name: &str,
    legend: bool,
    of: impl Fn(&Curve) -> &Vec<f64>,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let all: Vec<Vec<f64>> = picture.curves.iter().map(|curve| of(curve).clone()).collect();
    let (low, high) = range(&all);
    let room = (high - low) * 0.05;
    let (first, last) = (picture.places.first(), picture.places.last());
    let (first, last) = (first.copied().unwrap_or(0.0), last.copied().unwrap_or(1.0));
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(78)
        .build_cartesian_2d(first..last, low - room..high + room)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(225, 225, 225))
        .x_desc(&picture.variable)
        .y_desc(name)
        .axis_desc_style(("sans-serif", 18))
        .label_style(("sans-serif", 15))
        .y_label_formatter(&|value| number(*value))
        .x_label_formatter(&|value| number(*value))
        .draw()?;
    for (position, (curve, values)) in picture.curves.iter().zip(&all).enumerate() {
        let style = COLORS[position % COLORS.len()].stroke_width(2);
        let points: Vec<(f64, f64)> = picture.places.iter().copied().zip(values.iter().copied()).collect();
        // A place without a finite value is a gap.
        for run in points.split(|(_, value)| !value.is_finite()).filter(|run| !run.is_empty()) {
            let series = chart.draw_series(LineSeries::new(run.iter().copied(), style))?;
            if run[0] == points.iter().copied().find(|(_, value)| value.is_finite()).unwrap_or(run[0]) {
                series.label(&curve.label).legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
            }
        }
    }
    if legend {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperMiddle)
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(200, 200, 200))
            .label_font(("sans-serif", 15))
            .draw()?;
    }
    Ok(())
}

fn number(value: f64) -> String {
    // Ticks are multiples of a step: what is left of 0 after adding steps is 0.
    let value = if value.abs() < 1e-12 { 0.0 } else { value };
    if value != 0.0 && !(1e-3..1e6).contains(&value.abs()) {
        format!("{value:.1e}")
    } else {
        format!("{}", (value * 1e6).round() / 1e6)
    }
}

/// One line a place: what varies, then loss and derivative of each curve.
fn csv(picture: &Picture) -> String {
    let mut text = quoted(&picture.variable);
    for curve in &picture.curves {
        let setting = if curve.label.is_empty() { String::new() } else { format!(" ({})", curve.label) };
        let (loss, slope) = (format!("loss{setting}"), format!("d/d{}{setting}", picture.variable));
        let _ = write!(text, ",{},{}", quoted(&loss), quoted(&slope));
    }
    text.push('\n');
    for (position, place) in picture.places.iter().enumerate() {
        let _ = write!(text, "{place}");
        for curve in &picture.curves {
            let _ = write!(text, ",{},{}", curve.values[position], curve.slopes[position]);
        }
        text.push('\n');
    }
    text
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_string() }
}
