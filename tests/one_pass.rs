//! What the command line's text of a kernel must not contain: whole tensors kept where one pass over the data is enough.

use assert_cmd::Command;

/// Losses with the input by which they are differentiated: their values and gradients share all that varies along
/// the data, although the gradient waits for a divisor or a sum.
const ROWS: &[(&str, &str)] = &[("cross_entropy", "logits"), ("combo", "pred"), ("bce_logits", "logits")];

#[test]
fn nothing_of_the_size_of_the_data_is_kept() {
    for (loss, input) in ROWS {
        let arguments = ["show", loss, "--grad", input, "--stage", "kernel"];
        let output = Command::cargo_bin("lossc").expect("the binary").args(arguments).output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(text.contains("stage 0") && text.contains(&format!("gradient {input}")), "{loss}: {text}");
        let whole = |line: &&str| line.starts_with("kept") && !line.contains("[block]");
        let kept: Vec<&str> = text.lines().filter(whole).collect();
        assert!(kept.is_empty(), "{loss} keeps {kept:?}");
    }
}
