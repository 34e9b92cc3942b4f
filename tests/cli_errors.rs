//! Wrong command lines and wrong data: every one ends with exit code 1 or 2 and a message, on both engines.

use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

/// A folder with files that are right and files that are not.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Place { folder: TempDir::new().expect("a folder") };
        let pred = "\"pred\": {\"dtype\": \"f64\", \"shape\": [2, 3], \"data\": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}";
        let target = "\"target\": {\"dtype\": \"f64\", \"shape\": [2, 3], \"data\": [1, 0, 1, 0, 1, 0]}";
        place.write("good.json", &case(&format!("{pred}, {target}")));
        place.write("two.json", &format!(
            "{{\"loss\": \"mse\", \"cases\": [{{\"name\": \"small\", \"inputs\": {{{pred}, {target}}}}}, {{\"name\": \"large\", \"inputs\": {{{pred}, {target}}}}}]}}"
        ));
        place
    }

    fn write(&self, name: &str, text: &str) {
        self.bytes(name, text.as_bytes());
    }

    fn bytes(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).expect("a written file");
    }

    /// Runs the command in the folder, and gives the exit code and the diagnostics, without paths.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::cargo_bin("lossc").expect("the binary");
        let output = command.current_dir(self.folder.path()).env("NO_COLOR", "1").args(arguments).output();
        let output = output.expect("the command runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code().unwrap_or_else(|| panic!("{arguments:?} was killed: {error}"));
        assert!(!error.contains("panicked"), "{arguments:?}: {error}");
        assert!(!error.trim().is_empty(), "{arguments:?} says nothing");
        (code, error.replace(&*self.folder.path().to_string_lossy(), "FOLDER"))
    }

    /// The same with exit code 1, on every engine if it is an evaluation.
    fn refused(&self, arguments: &[&str]) -> String {
        let (code, error) = self.run(arguments);
        assert_eq!(code, 1, "{arguments:?}: {error}");
        if arguments[0] == "eval" {
            let mut again = arguments.to_vec();
            again.extend(["--engine", "interp"]);
            assert_eq!(self.run(&again), (1, error.clone()), "the engines differ on {arguments:?}");
        }
        error
    }
}

/// A case file with one case of these inputs.
fn case(inputs: &str) -> String {
    format!("{{\"loss\": \"mse\", \"cases\": [{{\"name\": \"one\", \"inputs\": {{{inputs}}}}}]}}")
}

fn tensor(name: &str, dtype: &str, shape: &str, data: &str) -> String {
    format!("\"{name}\": {{\"dtype\": \"{dtype}\", \"shape\": {shape}, \"data\": {data}}}")
}

/// An .npy file of f64 with this header text and these bytes of data.
fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{header:117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).expect("a short header").to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// Collects what is said into one text for a snapshot.
#[derive(Default)]
struct Said(String);

impl Said {
    fn add(&mut self, place: &Place, arguments: &[&str]) {
        self.0 += &format!("$ lossc {}\n{}\n", arguments.join(" "), place.refused(arguments).trim_end());
        self.0.push('\n');
    }
}

#[test]
fn files_that_are_damaged() {
    let place = Place::new();
    let good = std::fs::read(place.folder.path().join("good.json")).expect("the good file");
    let numbers: Vec<u8> = (0..6).flat_map(|at| (f64::from(at) / 8.0).to_le_bytes()).collect();
    let whole = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", &numbers);
    let mut safetensors = 200_u64.to_le_bytes().to_vec();
    safetensors.extend(b"{\"pred\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}");
    place.bytes("cut.json", &good[..good.len() / 2]);
    place.bytes("cut.safetensors", &safetensors);
    place.bytes("cut.npy", &whole[..whole.len() - 5]);
    place.bytes("head.npy", &whole[..20]);
    place.bytes("cut.npz", b"PK\x03\x04\x14\x00\x00\x00");
    for ending in ["json", "safetensors", "npz", "npy"] {
        place.bytes(&format!("empty.{ending}"), b"");
        place.bytes(&format!("magic.{ending}"), b"GIF89a, and nothing that a tensor is made of");
    }
    place.write("vast.npy", "");
    place.bytes("vast.npy", &npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", &[]));
    place.bytes("text.npy", &npy("{'descr': '<U8', 'fortran_order': False, 'shape': (1,), }", &[0; 32]));
    place.write("pred.csv", "0.1, 0.2");
    place.bytes("latin.json", b"{\"loss\": \"caf\xe9\"}");
    let mut said = Said::default();
    for file in [
        "cut.json",
        "cut.safetensors",
        "cut.npz",
        "empty.json",
        "empty.safetensors",
        "empty.npz",
        "magic.json",
        "magic.safetensors",
        "magic.npz",
        "pred.csv",
        "latin.json",
        "missing.json",
        "missing.npz",
    ] {
        said.add(&place, &["eval", "mse", "--data", file]);
    }
    for file in ["cut.npy", "head.npy", "empty.npy", "magic.npy", "vast.npy", "text.npy", "missing.npy", "."] {
        let input = format!("pred={file}");
        said.add(&place, &["eval", "mse", "--data", "good.json", "--input", &input]);
    }
    std::fs::create_dir(place.folder.path().join("none")).expect("a folder");
    said.add(&place, &["eval", "mse", "--data", "none"]);
    insta::assert_snapshot!(said.0);
}

#[test]
fn case_files_that_are_wrong() {
    let place = Place::new();
    let target = tensor("target", "f64", "[2]", "[0, 1]");
    let files = [
        ("nan.json", case(&format!("{}, {target}", tensor("pred", "f64", "[2]", "[NaN, 1]")))),
        ("short.json", case(&format!("{}, {target}", tensor("pred", "f64", "[3]", "[0, 1]")))),
        ("word.json", case(&format!("{}, {target}", tensor("pred", "f64", "[2]", "[0, \"one\"]")))),
        ("dtype.json", case(&format!("{}, {target}", tensor("pred", "f65", "[2]", "[0, 1]")))),
        ("shape.json", case(&format!("{}, {target}", tensor("pred", "f64", "[-2]", "[0, 1]")))),
        ("vast.json", case(&format!("{}, {target}", tensor("pred", "f64", "[4294967296, 4294967296]", "[0]")))),
        ("half.json", case(&format!("{}, {target}", tensor("pred", "i64", "[2]", "[0.5, 1]")))),
        ("none.json", "{\"loss\": \"mse\", \"cases\": []}".to_owned()),
        ("list.json", "[1, 2, 3]".to_owned()),
        ("deep.json", "[".repeat(100_000)),
    ];
    let mut said = Said::default();
    for (name, text) in &files {
        place.write(name, text);
        said.add(&place, &["eval", "mse", "--data", name]);
    }
    said.add(&place, &["eval", "mse", "--data", "two.json"]);
    said.add(&place, &["eval", "mse", "--data", "two.json", "--case", "lagre"]);
    insta::assert_snapshot!(said.0);
}

#[test]
fn data_that_do_not_fit() {
    let place = Place::new();
    let logits = tensor("logits", "f32", "[2, 3]", "[1, 2, 3, 4, 5, 6]");
    let mut said = Said::default();
    for (name, label) in [
        ("extent.json", "[0, 3]"),
        ("negative.json", "[-1, 0]"),
        ("lowest.json", "[0, -9223372036854775808]"),
        ("highest.json", "[9223372036854775807, 0]"),
    ] {
        place.write(name, &case(&format!("{logits}, {}", tensor("label", "i64", "[2]", label))));
        said.add(&place, &["eval", "cross_entropy", "--data", name]);
    }
    let files = [
        ("batch.json", "cross_entropy", format!("{logits}, {}", tensor("label", "i64", "[3]", "[0, 1, 2]"))),
        (
            "rank.json",
            "cross_entropy",
            format!("{}, {}", tensor("logits", "f32", "[3]", "[1, 2, 3]"), tensor("label", "i64", "[1]", "[0]")),
        ),
        ("floats.json", "cross_entropy", format!("{logits}, {}", tensor("label", "f32", "[2]", "[0, 1]"))),
        (
            "ints.json",
            "cross_entropy",
            format!(
                "{}, {}",
                tensor("logits", "i64", "[2, 3]", "[1, 2, 3, 4, 5, 6]"),
                tensor("label", "i64", "[2]", "[0, 1]")
            ),
        ),
        (
            "pack.json",
            "mse",
            format!(
                "{}, {}",
                tensor("pred", "f64", "[2, 3]", "[1, 2, 3, 4, 5, 6]"),
                tensor("target", "f64", "[2, 2]", "[1, 2, 3, 4]")
            ),
        ),
        (
            "column.json",
            "mse",
            format!("{}, {}", tensor("pred", "f64", "[2]", "[1, 2]"), tensor("target", "f64", "[2, 1]", "[1, 2]")),
        ),
        (
            "space.json",
            "cross_entropy",
            format!(
                "{}, {}",
                tensor("logits", "f32", "[1, 2, 2]", "[1, 2, 3, 4]"),
                tensor("label", "i64", "[1, 3]", "[0, 1, 0]")
            ),
        ),
        ("lacks.json", "mse", tensor("pred", "f64", "[2]", "[1, 2]")),
        (
            "other.json",
            "mse",
            format!("{}, {}", tensor("preds", "f64", "[2]", "[1, 2]"), tensor("target", "f64", "[2]", "[1, 2]")),
        ),
    ];
    for (name, loss, inputs) in &files {
        place.write(name, &case(inputs));
        said.add(&place, &["eval", loss, "--data", name]);
    }
    place.write(
        "outside.json",
        &case(&format!("{}, {}", tensor("pred", "f64", "[2]", "[0.5, 1.5]"), tensor("target", "f64", "[2]", "[1, 0]"))),
    );
    said.add(&place, &["eval", "dice", "--data", "outside.json", "--check-data"]);
    insta::assert_snapshot!(said.0);
}

#[test]
fn wrong_options() {
    let place = Place::new();
    let good = ["--data", "good.json"];
    let mut said = Said::default();
    for arguments in [
        &["eval", "mse", "--grad", "prde"][..],
        &["eval", "huber", "--set", "detla=2"],
        &["eval", "huber", "--set", "delta=0"],
        &["eval", "huber", "--set", "delta=nan"],
        &["eval", "cross_entropy", "--set", "ignore_index=1.5"],
        &["eval", "dice", "--reduction", "none"],
        &["eval", "hubre"],
        &["eval", "-e", "hubre + dice"],
        &["eval", "mse", "--grad", "pred", "--out", "nowhere/deep/grads.safetensors"],
        &["eval", "mse", "--out", "grads.safetensors"],
    ] {
        said.add(&place, &[arguments, &good].concat());
    }
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }";
    place.bytes("scores.npy", &npy(header, &1.0_f64.to_le_bytes()));
    said.add(&place, &["eval", "mse", "--data", "good.json", "--input", "prde=scores.npy"]);
    said.add(&place, &["grad", "hubre"]);
    said.add(&place, &["doc", "hubre"]);
    said.add(&place, &["show", "mse", "--stage", "grad", "--grad", "x"]);
    said.add(&place, &["test", "missing.json"]);
    said.add(&place, &["eval", "mse"]);
    insta::assert_snapshot!(said.0);
}

#[test]
fn wrong_usage() {
    let place = Place::new();
    let mut said = String::new();
    for arguments in [
        &["evla", "mse"][..],
        &["eval"],
        &["eval", "mse", "--dtaa", "good.json"],
        &["eval", "mse", "--engine", "jti"],
        &["eval", "mse", "--dtype", "f16"],
        &["eval", "mse", "--threads", "0"],
        &["eval", "mse", "--set", "delta"],
        &["eval", "mse", "--set", "delta=big"],
        &["eval", "mse", "--case", "one"],
        &["eval", "mse", "-e", "dice"],
        &["eval", "mse", "--data", "good.json", "--grad", "pred", "--out", "grads.csv"],
        &["show", "mse", "--stage", "irr"],
        &["show", "cross_entropy", "--stage", "kernel", "--shape", "N=1024"],
        &["show", "cross_entropy", "--stage", "kernel", "--shape", "N=1024,C"],
        &["check"],
        &["bench", "mse"],
        &["bench", "mse", "--shape", "N"],
        &["bench", "mse", "--shape", "N=many"],
        &["bench", "mse", "--shape", "N=4", "--seconds", "-1"],
        &["bench", "cross_entropy", "--shape", "N=4"],
        &["bench", "cross_entropy", "--shape", "N=4x4,C=3"],
        &["bench", "info_nce", "--shape", "N=4,N=5,D=2"],
        &["bench", "info_nce", "--shape", "N=4,D=2,C=3"],
        &["bench", "mse", "--shape", "N=4", "--data", "good.json"],
        &["bench", "mse", "--shape", "N=4", "--case", "one"],
        &["bench", "mse", "--data", "good.json", "--data-dtype", "bf16"],
        &["bench", "mse", "--shape", "N=4", "--data-dtype", "f8"],
    ] {
        let (code, error) = place.run(arguments);
        assert_eq!(code, 2, "{arguments:?}: {error}");
        said += &format!("$ lossc {}\n{}\n\n", arguments.join(" "), error.trim_end());
    }
    insta::assert_snapshot!(said);
}

#[test]
fn texts_that_are_wrong() {
    let place = Place::new();
    place.write("empty.loss", "");
    place.write("comment.loss", "// nothing yet\n");
    place.bytes("latin.loss", b"loss caf\xe9 = dice\n");
    place.write("a.loss", "use b\nloss a = dice\n");
    place.write("b.loss", "use a\nloss b = dice\n");
    place.write("typo.loss", "loss seg(pred: prob[N], target: binary[N]) = dcie\n");
    place.write("parens.loss", &format!("loss f(x: real[N]) = mean({}x{})\n", "(".repeat(10_000), ")".repeat(10_000)));
    place.write("line.loss", &format!("loss f(x: real[N]) = mean(x{})\n", " + x".repeat(10 << 18)));
    place.write("nul.loss", "loss f(x: real[N]) = mean(x)\0\n");
    std::fs::create_dir(place.folder.path().join("folder.loss")).expect("a folder");
    let mut said = Said::default();
    for file in
        ["latin.loss", "a.loss", "typo.loss", "parens.loss", "line.loss", "nul.loss", "folder.loss", "missing.loss"]
    {
        said.add(&place, &["check", file]);
    }
    for loss in ["empty.loss", "comment.loss", "typo.loss", "a.loss::seg", "missing.loss", "folder.loss", "a"] {
        said.add(&place, &["eval", loss, "--data", "good.json"]);
    }
    insta::assert_snapshot!(said.0);
}

#[test]
fn a_bench_says_what_it_measured() {
    let place = Place::new();
    let bench = |arguments: &[&str]| {
        let mut command = Command::cargo_bin("lossc").expect("the binary");
        command.current_dir(place.folder.path()).args(["bench", "--seconds", "0"]).args(arguments);
        String::from_utf8(command.assert().success().get_output().stdout.clone()).expect("text")
    };
    let text = bench(&["cross_entropy", "--shape", "N=32,C=5,S=3x2", "--json", "--threads", "2", "--dtype", "f64"]);
    let result: serde_json::Value = serde_json::from_str(&text).expect("one JSON object");
    assert_eq!(result["shapes"], serde_json::json!({ "logits": [32, 5, 3, 2], "label": [32, 3, 2] }));
    // Twice the logits, and the labels.
    assert_eq!(result["bytes"], 8 * (2 * 32 * 5 * 3 * 2 + 32 * 3 * 2));
    assert_eq!((&result["threads"], &result["dtype"]), (&2.into(), &"f64".into()));
    for name in ["reused", "fresh"] {
        let (min, median) = (result[name]["min_us"].as_f64(), result[name]["median_us"].as_f64());
        assert!(min > Some(0.0) && median >= min && result[name]["calls"].as_u64() >= Some(5), "{text}");
    }
    assert!(result["compile_ms"].as_f64() > Some(0.0), "{text}");
    // Names that the loss does not have are the axes of its only pack.
    for (dtype, bytes) in [("f16", 2), ("bf16", 2), ("f32", 4), ("f64", 8)] {
        let text = bench(&["mse", "--shape", "N=1000", "--data-dtype", dtype, "--json"]);
        let object: serde_json::Value = serde_json::from_str(&text).expect("one object");
        assert_eq!(object["bytes"], 1000 * (2 * bytes + 4), "two inputs and a gradient in single precision");
    }
    assert!(bench(&["huber", "--shape", "N=3,M=4", "--grad", "all"]).contains("pred [3, 4], target [3, 4]"));
    assert!(bench(&["-e", "dice + 2 * giou", "--shape", "N=3,M=7"]).contains("compiled in"));
}

#[test]
fn show_prints_the_kernels_for_shapes() {
    let place = Place::new();
    let kernel = |shape: &str| {
        let mut command = Command::cargo_bin("lossc").expect("the binary");
        command.current_dir(place.folder.path()).args([
            "show",
            "cross_entropy",
            "--stage",
            "kernel",
            "--vectors",
            "avx2",
        ]);
        command.args(["--shape", shape]);
        String::from_utf8(command.assert().success().get_output().stdout.clone()).expect("text")
    };
    assert!(kernel("N=1024,C=10").contains("for block of N reducing sum"));
    assert!(kernel("N=4,C=8,S=256x256").contains("for block of ..S"));
    assert!(kernel("N=4,C=1000").contains("for block of C reducing max"));
}

#[test]
fn a_bench_on_data_gives_what_eval_gives() {
    let place = Place::new();
    let case = "{\"name\": \"one\", \"params\": {\"delta\": 0.25}, \"inputs\": {";
    let text = std::fs::read_to_string(place.folder.path().join("good.json")).expect("the good file");
    place.write("huber.json", &text.replace("{\"name\": \"one\", \"inputs\": {", case));
    let object = |arguments: &[&str]| -> serde_json::Value {
        let mut command = Command::cargo_bin("lossc").expect("the binary");
        let output = command.current_dir(place.folder.path()).args(arguments).assert().success().get_output().clone();
        serde_json::from_slice(&output.stdout).expect("one JSON object")
    };
    for (loss, file) in [
        (&["huber"][..], "huber.json"),
        (&["huber", "--set", "delta=0.5"], "huber.json"),
        (&["-e", "huber(delta = 0.3) + 2 * mse"], "good.json"),
    ] {
        let rest = [loss, &["--data", file, "--grad", "all", "--dtype", "f64", "--json"]].concat();
        let bench = object(&[&["bench", "--seconds", "0"][..], &rest].concat());
        let eval = object(&[&["eval"][..], &rest].concat());
        assert_eq!(bench["value"], eval["value"], "{rest:?}");
        assert!(bench["value"].as_f64() > Some(0.0), "{bench}");
        assert_eq!(bench["shapes"]["pred"], serde_json::json!([2, 3]));
        for input in ["pred", "target"] {
            let numbers = eval["grads"][input]["data"].as_array().expect("a gradient");
            let square: f64 = numbers.iter().filter_map(serde_json::Value::as_f64).map(|x| x * x).sum();
            let norm = bench["gradient_norms"][input].as_f64().expect("a norm");
            assert!((norm - square.sqrt()).abs() <= 1e-12 * norm, "{bench}");
        }
    }
    let set = |settings: &[&str]| {
        let arguments = ["bench", "huber", "--data", "huber.json", "--seconds", "0", "--json"];
        object(&[&arguments[..], settings].concat())["value"].as_f64().expect("a number")
    };
    assert!(set(&[]) < set(&["--set", "delta=0.5"]), "the case sets delta, and the command line overrides it");
}

#[test]
fn a_bench_refuses_wrong_data_as_eval_does() {
    let place = Place::new();
    place.write("alone.json", &case(&tensor("pred", "f64", "[2]", "[0, 1]")));
    let mut said = Said::default();
    said.add(&place, &["bench", "mse", "--data", "alone.json"]);
    said.add(&place, &["bench", "mse", "--data", "two.json"]);
    said.add(&place, &["bench", "mse", "--data", "two.json", "--case", "tiny"]);
    said.add(&place, &["bench", "mse", "--data", "nothing.safetensors"]);
    said.add(&place, &["bench", "mse", "--data", "good.json", "--grad", "x"]);
    insta::assert_snapshot!(said.0);
}

#[test]
fn what_is_right_is_taken() {
    let place = Place::new();
    for engine in ["jit", "interp"] {
        let mut command = Command::cargo_bin("lossc").expect("the binary");
        let out = format!("grads-{engine}.safetensors");
        command.current_dir(place.folder.path());
        command.args(["eval", "mse", "--data", "two.json", "--case", "small", "--grad", "all", "--engine", engine]);
        command.args(["--out", &out]).assert().success();
        assert!(Path::new(&place.folder.path().join(out)).is_file());
    }
    // As some editors write them: with a mark of the encoding, and with both characters of a line's end.
    place.bytes("marked.json", &[b"\xEF\xBB\xBF", case(&tensor("pred", "f64", "[1]", "[2]")).as_bytes()].concat());
    place.bytes("marked.loss", b"\xEF\xBB\xBFloss half(pred: real[N]) =\r\n    mean(pred) / 2\r\n");
    let mut command = Command::cargo_bin("lossc").expect("the binary");
    command.current_dir(place.folder.path()).args(["eval", "marked.loss", "--data", "marked.json"]);
    command.assert().success().stdout("half = 1.000000 (f32)\n");
}
