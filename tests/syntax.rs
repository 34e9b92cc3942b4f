//! The parser: trees of small programs, messages of mistakes, and texts made to break it.

use lossc::diagnostic::render;
use lossc::span::{SourceId, SourceMap};
use lossc::syntax::{SyntaxError, parse, parse_expression};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Every message of a text, as a user sees it.
fn messages(name: &str, text: &str) -> String {
    let mut sources = SourceMap::new();
    let id = sources.add(name, text);
    match parse(id, text) {
        Ok(module) => format!("no mistake: {} items\n", module.items.len()),
        Err(errors) => errors.iter().map(|error| render(&error.diagnostic(), &sources)).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn mistakes() {
    insta::glob!("errors/syntax/*.loss", |path| {
        let text = std::fs::read_to_string(path).expect("a readable file");
        let name = path.file_name().expect("a file").to_string_lossy();
        let mut shown = String::new();
        writeln!(shown, "{}\n-----\n{}", text.trim_end(), messages(&name, &text)).expect("a string takes text");
        insta::assert_snapshot!(shown);
    });
}

#[test]
fn every_code_has_a_case() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/errors/syntax");
    let mut seen = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "loss") {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            let errors = parse(SourceId(0), &text).expect_err(&path.display().to_string());
            seen.extend(errors.iter().map(SyntaxError::code));
        }
    }
    // E0004 needs a text of more than a MiB; `huge_texts_end_in_time` covers it.
    let missing: Vec<String> = (1..=33)
        .map(|number| format!("E{number:04}"))
        .filter(|code| code != "E0004" && !seen.contains(code.as_str()))
        .collect();
    assert!(missing.is_empty(), "codes without a case: {missing:?}");
}

#[test]
fn trees() {
    for (name, text) in [
        ("precedence", "loss f = -2 ^ 2 + a * b ^ -c ^ d and not p or q"),
        ("chain", "loss f = 0 <= x < y == z"),
        ("as_binds_tighter_than_power", "loss f = x as prob ^ 2"),
        (
            "call_and_brackets",
            "loss f = dice[H, ..S](pred, w = 2)[C = label][N -> M].x1 + t[N] + a::b[K](x per w where c)",
        ),
        ("unicode", "loss f(α₁ = 1, x′ = 2) = α₁·x′ − 3 ≤ 4"),
        ("words_as_names", "loss softmax(real: real[N]; mean = 1, state = 2, int int = 3) = real + mean"),
        (
            "statements",
            "fn f(x: real[..A], m: int) =\n    repeat m with t = 1, u = x {\n        let v = 2 * x * u - t\n        t = u\n        u = v\n    }\n    next s = 1\n    axis U = size[T] - 1\n    t\n",
        ),
        (
            "signature",
            "loss f(l: index(C or ignore)[N, ..S], w: real[C] = 1; axis K = classes, learn s = 0, state t = 0, int k = 2 where k >= 1) = l",
        ),
        (
            "module",
            "//! Docs.\nuse a::b\nuse a::*\nuse a::{b, c}\n/// One.\n/// Two.\nconst c = 1.5e-3\naxis box = { x1, y1 }\n",
        ),
        ("if_over_lines", "loss f =\n    if a\n    then b\n    else if c then d else e\n"),
    ] {
        let module = parse(SourceId(0), text).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        insta::assert_snapshot!(name, format!("{text}\n-----\n{}", lossc::syntax::outline(&module)));
    }
}

/// Parses on a thread with the stack of a test, and gives the first mistake.
fn first_mistake(text: &str) -> Option<SyntaxError> {
    std::thread::scope(|scope| {
        let run = || parse_expression(SourceId(0), text).err().and_then(|errors| errors.into_iter().next());
        std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn_scoped(scope, run)
            .expect("a thread")
            .join()
            .expect("no panic")
    })
}

#[test]
fn nesting_is_limited() {
    for (open, middle, close) in [
        ("(", "x", ")"),
        ("f(", "x", ")"),
        ("x[C = ", "x", "]"),
        ("if a then ", "x", " else b"),
        ("if a then b else ", "x", ""),
        ("if ", "x", " then b else c"),
        ("f(a = g[N](", "x", "))"),
        ("(", "", ""),
        ("if ", "", ""),
        ("f(", "", ""),
        ("- ", "x", ""),
        ("not ", "x", ""),
        ("x ^ ", "x", ""),
        ("x + ", "x", ""),
        ("", "x", "[C = l]"),
        ("", "x", " as prob"),
        ("", "x", ".a"),
    ] {
        for depth in [100_000, 10_000, 201] {
            let text = open.repeat(depth) + middle + &close.repeat(depth);
            if text.len() > 1 << 20 {
                continue;
            }
            let mistake = first_mistake(&text);
            let deep = matches!(mistake, Some(SyntaxError::TooDeep { .. } | SyntaxError::TooManyOperations { .. }));
            assert!(deep || depth == 201, "{open}{middle}{close} × {depth}: {mistake:?}");
        }
        if !middle.is_empty() {
            let text = open.repeat(90) + middle + &close.repeat(90);
            assert_eq!(first_mistake(&text), None, "{open}{middle}{close}");
        }
    }
    assert_eq!(first_mistake(&("(".repeat(200) + "x" + &")".repeat(200))), None);
}

#[test]
fn huge_texts_end_in_time() {
    let long = 10 << 20;
    let near = (1 << 20) - 64;
    for text in [
        "x".repeat(long),
        "1 + ".repeat(long / 4),
        "x".repeat(near),
        "1 + ".repeat(near / 4) + "1",
        "f(a, ".repeat(190) + &"a, ".repeat(near / 4),
        "\n".repeat(near),
        "(\n".repeat(150) + &"\n".repeat(near / 2),
        "if a then b else ".repeat(190) + &" ".repeat(near / 2) + "!",
        format!("f({})", "a, ".repeat(near / 4)),
        "loss f = 1\n".repeat(near / 12),
        "loss f = 1 1\n".repeat(near / 14),
        "axis a = {\n".repeat(near / 12),
        "/// d\n".repeat(near / 8),
        "9".repeat(near),
        "\"".repeat(near),
        "use a\n".repeat(near / 8) + "!",
    ] {
        let start = Instant::now();
        let _ = parse(SourceId(0), &text);
        let mut sources = SourceMap::new();
        let id = sources.add("long.loss", text.clone());
        for error in parse_expression(id, &text).err().unwrap_or_default() {
            let shown = render(&error.diagnostic(), &sources);
            assert!(shown.len() < 4000, "{shown}");
        }
        let beginning: String = text.chars().take(20).collect();
        assert!(start.elapsed() < Duration::from_secs(15), "{beginning}… took {:?}", start.elapsed());
    }
}

#[test]
fn time_is_linear_in_legal_nesting() {
    let unit = "f(a, b = (x + y[C = i]) ^ 2, if c then g(x where y) else (h))";
    let nested =
        (0..60).fold("x".to_owned(), |inner, _| format!("f(a = {inner}, b = (x), if c then g(x per {unit}) else 0)"));
    let start = Instant::now();
    assert_eq!(first_mistake(&nested), None);
    assert_eq!(first_mistake(&nested[..nested.len() - 1]).map(|error| error.code()), Some("E0005"));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn no_prefix_of_a_program_panics() {
    for (_, text) in lossc::stdlib::MODULES.iter().filter(|(name, _)| matches!(*name, "std::core" | "std::compound")) {
        for (end, _) in text.char_indices().step_by(7) {
            let mut sources = SourceMap::new();
            let id = sources.add("prefix.loss", &text[..end]);
            for error in parse(id, &text[..end]).err().unwrap_or_default() {
                assert!(!render(&error.diagnostic(), &sources).is_empty());
            }
        }
    }
}

#[test]
fn examples_parse() {
    insta::glob!("..", "examples/*.loss", |path| {
        let text = std::fs::read_to_string(path).expect("a readable file");
        let module = parse(SourceId(0), &text).unwrap_or_else(|errors| panic!("{}: {errors:?}", path.display()));
        assert!(!module.items.is_empty() && !module.docs.is_empty());
    });
}
