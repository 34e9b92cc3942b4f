//! What every stage makes of small programs, as snapshots: the source, and one stage's text form.

use std::path::Path;

use lossc::session::{Compiler, LossBuilder, Stage, Vectors};

/// The stages whose text form does not depend on the machine.
const STAGES: &[&str] = &["ast", "typed", "ir", "grad", "simplified", "kernel"];

fn builder(path: &Path) -> (String, LossBuilder) {
    let source = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let program = Compiler::new().compile(&source).unwrap_or_else(|error| panic!("{error}"));
    assert!(program.warnings().is_empty(), "{:?}", program.warnings());
    (source, program.main().expect("a loss").wrt_all().vectors(Vectors::Avx512))
}

fn named(name: &str) -> Stage {
    Stage::ALL.iter().find(|(other, _)| *other == name).expect("a stage").1
}

#[test]
fn every_stage_of_small_programs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stages");
    let entries = std::fs::read_dir(folder).expect("the folder of programs");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(paths.len() >= 8, "{paths:?}");
    for path in paths {
        let (source, builder) = builder(&path);
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        for stage in STAGES {
            let shown = builder.show(named(stage)).unwrap_or_else(|error| panic!("{error}"));
            insta::with_settings!({ omit_expression => true }, {
                insta::assert_snapshot!(format!("{name}-{stage}"), format!("{source}\n----- {stage} -----\n{shown}"));
            });
        }
    }
}

#[test]
fn machine_code_can_be_shown() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stages/tiny.loss");
    let (_, builder) = builder(&path);
    for name in ["clif", "asm"] {
        let shown = builder.show(named(name)).unwrap_or_else(|error| panic!("{error}"));
        assert!(shown.lines().count() > 20, "{name}:\n{shown}");
    }
    let clif = builder.show(Stage::Clif).expect("shown before");
    assert!(clif.contains("function ") && clif.contains("block0"), "{clif}");
}
