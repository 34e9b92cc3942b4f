//! The pages of `docs/reference/` are what `lossc doc` says today. `UPDATE=1 cargo test --test reference` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use assert_cmd::Command;

fn lossc() -> Command {
    Command::new(env!("CARGO_BIN_EXE_lossc"))
}

fn pages(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("text"))
    };
    entries.map(read).collect()
}

#[test]
fn the_reference_is_what_the_compiler_says() {
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference");
    let fresh = tempfile::tempdir().expect("a folder");
    lossc().args(["doc", "--out"]).arg(fresh.path()).assert().success();
    let wanted = pages(fresh.path());
    assert!(wanted.len() > 100, "{} pages", wanted.len());
    if std::env::var_os("UPDATE").is_some() {
        let _ = fs::remove_dir_all(&stored);
        fs::create_dir_all(&stored).expect("a folder");
        wanted.iter().for_each(|(name, text)| fs::write(stored.join(name), text).expect("written"));
    }
    let found = pages(&stored);
    let stale: Vec<&String> =
        wanted.keys().chain(found.keys()).filter(|name| wanted.get(*name) != found.get(*name)).collect();
    assert!(stale.is_empty(), "stale: {stale:?}; UPDATE=1 cargo test --test reference writes them anew");
}

#[test]
fn a_page_says_everything() {
    let output = lossc().args(["doc", "focal_tversky"]).assert().success();
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    for part in [
        "equation  58",
        "Abraham and Khan",
        "pred: prob[N, C, ..S]",
        "in [0, 1]",
        "gamma = 4 / 3 where gamma > 0",
        "none gives [C]",
        "d/dpred = ",
        "**Differs**",
        "focal_tversky(pred, target)",
        "loss focal_tversky(",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
}

#[test]
fn a_search_finds_the_meant_loss_first() {
    for (words, wanted) in [
        ("rotated boxes", "piou"),
        ("imbalanced segmentation", "focal_tversky"),
        ("face margin", "arcface"),
        ("robust outliers", "huber"),
        ("CosFace", "am_softmax"),
        ("contrastive pairs", "contrastive"),
        ("Segmentations", "dice"),
    ] {
        let output = lossc().args(["list", "--like", words]).assert().success();
        let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
        let found: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).take(8).collect();
        assert!(found.contains(&wanted), "{words}: {found:?}");
    }
    lossc()
        .args(["list", "--like", "zzz"])
        .assert()
        .code(1)
        .stderr("error: no loss is like \"zzz\"; `lossc list` shows all\n");
}

/// Also of a learnable and a state, which may be those of a callee.
#[test]
fn conditions_are_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("own.loss");
    let text = "loss own(x: real[N]; learn s = 1 where s > 0, state t = 0 where t >= 0) =\n    next t = t + 1\n    s * mean(x) + t\nloss outer(x: real[N]; scale = 1 where scale < size[N]) = scale * own\n";
    fs::write(&file, text).expect("written");
    let output = lossc().arg("doc").arg(&file).assert().success();
    let page = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    for line in ["scale = 1 where scale < size[N]", "s = 1 where s > 0, of own", "t = 0 where t >= 0, of own"] {
        assert!(page.lines().any(|own| own.trim() == line), "{line}\n{page}");
    }
}
