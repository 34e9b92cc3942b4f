//! `lossc plot`: the numbers behind the curves, and that every sort of file is written.
#![allow(clippy::disallowed_methods, reason = "expected numbers are made without the crate")]

use std::path::Path;
use std::process::{Command, Output};

fn plot(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossc"));
    command.current_dir(folder).arg("plot").args(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text in UTF-8")
}

/// The columns of a picture as CSV, with their names.
fn columns(arguments: &[&str]) -> (Vec<String>, Vec<Vec<f64>>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = plot(folder.path(), &[arguments, &["--out", "x.csv"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "wrote x.csv\n");
    let table = std::fs::read_to_string(folder.path().join("x.csv")).expect("the file");
    let mut lines = table.lines();
    let names = lines.next().expect("a head").split(',').map(str::to_string).collect();
    let number = |cell: &str| cell.parse().unwrap_or_else(|_| panic!("a number: {cell}"));
    (names, lines.map(|line| line.split(',').map(number).collect()).collect())
}

#[test]
fn the_curves_are_the_loss_and_its_derivative() {
    let (names, rows) = columns(&["huber", "--set", "delta=0.5,2", "--at", "target=1", "--points", "61"]);
    assert_eq!(names[0], "pred");
    assert_eq!(names[1..], ["loss (delta = 0.5)", "d/dpred (delta = 0.5)", "loss (delta = 2)", "d/dpred (delta = 2)"]);
    assert_eq!((rows.len(), rows[0][0], rows[60][0]), (61, -3.0, 3.0));
    for row in rows {
        let error = row[0] - 1.0;
        for (delta, value, slope) in [(0.5, row[1], row[2]), (2.0, row[3], row[4])] {
            let inside = error.abs() <= delta;
            let huber = if inside { error * error / 2.0 } else { delta * (error.abs() - delta / 2.0) };
            let derivative = if inside { error } else { delta * error.signum() };
            assert!((value - huber).abs() < 1e-12 && (slope - derivative).abs() < 1e-12, "{row:?}");
        }
    }
}

#[test]
fn one_of_several_elements_varies() {
    let arguments = ["cross_entropy", "--size", "C=3", "--element", "1", "--at", "label=2", "--points", "25"];
    let (names, rows) = columns(&arguments);
    assert_eq!(names[0], "logits[1]");
    for row in rows {
        let sum = 2.0 + row[0].exp();
        assert!((row[1] - sum.ln()).abs() < 1e-12 && (row[2] - row[0].exp() / sum).abs() < 1e-12, "{row:?}");
    }
}

/// A box without an area would overlap nothing, wherever a side of it goes.
#[test]
fn boxes_are_held_at_squares() {
    for (arguments, best) in [(["giou", "--element", "2"], 1.0), (["piou", "--element", "0"], 0.0)] {
        let (_, rows) = columns(&arguments);
        let lowest = rows.iter().min_by(|one, other| one[1].total_cmp(&other[1])).expect("places");
        assert!(lowest[1] < 0.1 && (lowest[0] - best).abs() < 0.02, "{arguments:?}: {lowest:?}");
    }
}

#[test]
fn every_sort_of_file_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("the file");
    for name in ["x.svg", "x.png"] {
        let output = plot(folder.path(), &["focal", "--set", "gamma=0,2", "--out", name]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let svg = read("x.svg");
    let svg = text(&svg);
    assert!(svg.starts_with("<svg") && svg.contains("gamma = 2") && svg.contains("d/dpred"), "{svg}");
    // Two panels with two curves each; the legend has a line for each.
    assert!(svg.matches("<polyline").count() >= 4, "{svg}");
    assert!(read("x.png").starts_with(b"\x89PNG\r\n\x1a\n"));
}

#[test]
fn the_terminal_gets_as_many_columns_as_asked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = plot(folder.path(), &["-e", "mse + 2 * mae", "--width", "50", "--from", "-1", "--to", "1"]);
    let picture = text(&output.stdout);
    assert!(picture.starts_with("mse + 2 * mae against pred, target = 0\n"), "{picture}");
    assert!(picture.lines().skip(1).all(|line| line.chars().count() <= 50), "{picture}");
    assert!(picture.lines().filter(|line| line.contains('│')).count() == 20, "{picture}");
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rows: &[(&[&str], &str)] = &[
        (&["huber", "--out", "x.gif"], "a picture is written as .svg, .png or .csv"),
        (&["huber", "--out", "nowhere/x.svg"], "cannot write nowhere/x.svg"),
        (&["huber", "--out", "nowhere/x.png"], "cannot write nowhere/x.png"),
        (&["huber", "--input", "prde"], "did you mean `pred`?"),
        (&["huber", "--at", "targte=1"], "did you mean `target`?"),
        (&["huber", "--from", "3", "--to", "1"], "nothing lies between"),
        (&["huber", "--from", "NaN"], "nothing lies between"),
        (&["huber", "--element", "1"], "no element 1"),
        (&["huber", "--set", "delta=0"], "must satisfy `delta > 0`"),
        (&["huber", "--set", "detla=1"], "did you mean `delta`?"),
        (&["huber", "--set", "delta=1,2,3,4,5,6,7,8,9"], "more than 8 curves"),
        (&["cross_entropy", "--input", "label"], "no curve runs over it"),
        (&["cross_entropy", "--at", "label=7"], "label"),
        (&["cross_entropy", "--size", "C=99999999"], "too large to draw"),
        (&["hubre"], "did you mean `huber`?"),
    ];
    for (arguments, message) in rows {
        let output = plot(folder.path(), arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains(message), "{arguments:?}: {error}");
    }
    assert_eq!(plot(folder.path(), &["huber", "--points", "1"]).status.code(), Some(2));
}
