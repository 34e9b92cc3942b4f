//! What a feature brings is not built without it: read off `Cargo.toml`, and compared with what cargo would build.

use std::collections::BTreeSet;
use std::process::Command;

/// The dependencies of ours that a feature turns on, with those of the features that it names.
fn brought(feature: &str) -> BTreeSet<String> {
    let text = include_str!("../Cargo.toml");
    let start = text.find(&format!("\n{feature} = [")).unwrap_or_else(|| panic!("no feature `{feature}`"));
    let list = text[start..].split_once('[').and_then(|(_, rest)| rest.split_once(']')).expect("a list").0;
    let words = list.split('"').skip(1).step_by(2);
    words
        .flat_map(|word| match word.strip_prefix("dep:") {
            Some(name) => BTreeSet::from([name.to_string()]),
            None => brought(word),
        })
        .collect()
}

/// The crates of a build with these features alone, without those of build scripts and tests.
fn built(features: &str) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["tree", "--locked", "--offline", "--no-default-features", "--features", features]);
    command.args(["--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_string).collect()
}

#[test]
fn without_a_feature_none_of_its_dependencies_is_built() {
    let all = ["cli", "ndarray", "candle", "training"];
    for features in ["", "cli", "ndarray", "candle"] {
        let built = built(features);
        assert!(built.contains("cranelift-codegen"), "cargo lists {built:?}");
        for other in all.into_iter().filter(|other| *other != features) {
            // candle reads safetensors too.
            let own = if features.is_empty() { BTreeSet::new() } else { brought(features) };
            let candles = if features == "candle" { &["safetensors", "serde", "serde_json"][..] } else { &[] };
            let surplus = brought(other).into_iter().filter(|name| !own.contains(name) && !candles.contains(&&**name));
            let surplus: Vec<String> = surplus.filter(|name| built.contains(name)).collect();
            assert_eq!(surplus, [""; 0], "with the features [{features}] some of `{other}` is built");
        }
    }
    assert!(brought("cli").contains("rustyline") && brought("training").contains("candle-core"));
}
