//! The standard library is parsed and checked as losses need it, once a process. Alone in its process, which it counts in.

use lossc::check::Checker;
use lossc::hir::FunctionId;
use lossc::resolve::Library;
use lossc::session::Compiler;
use lossc::span::Span;
use lossc::stdlib::MODULES;
use lossc::syntax::{index, parse, parse_item};

/// Items that were parsed, and functions that were checked.
fn progress() -> (usize, usize) {
    Library::embedded(MODULES).progress()
}

/// How many functions, losses and constants the library has, and how many labelled axes.
fn all() -> (usize, usize) {
    let library = Library::embedded(MODULES);
    let functions = library.world().0.functions.len();
    let items: usize = MODULES.iter().map(|(_, text)| index(Default::default(), text).len()).sum();
    (functions, items - functions)
}

#[test]
fn one_loss_needs_a_part_of_the_library() {
    let (functions, axes) = all();
    assert!(functions > 100, "the library has {functions} functions");
    // The labels of an axis are part of its name's meaning: they are looked at when the names are listed.
    assert_eq!(progress(), (axes, 0));

    let program = Compiler::new().compile("loss own(pred: real[N], target: real[N]) = 2 * mse").expect("it checks");
    program.main().expect("it has one").build().expect("it compiles");
    let (parsed, checked) = progress();
    assert_eq!((parsed, checked), (axes + 1, 1), "`mse` calls nothing");

    Compiler::new().standard().expect("it is sound").loss("combo").expect("it is there").build().expect("it compiles");
    let (parsed, checked) = progress();
    assert!(checked > 2 && checked < 12, "`combo` calls {checked} functions with all that these call");
    assert_eq!(parsed, axes + checked, "what is checked is parsed, and nothing else");

    // Nothing is done a second time, and a text that uses nothing new adds nothing.
    Compiler::new().expression("dice + 2 * mse").expect("it checks");
    assert_eq!(progress(), (parsed, checked));

    every_item_is_kept();
    the_same_whoever_needs_it_first();
}

/// A mistake or a warning in the library would have it checked again and again.
fn every_item_is_kept() {
    let (world, mistakes) = Library::embedded(MODULES).world();
    assert!(mistakes.is_empty());
    let mut checker = Checker::new(&world);
    for id in 0..world.functions.len() {
        let name = &world.name(FunctionId(id as u32)).text;
        assert!(checker.function(FunctionId(id as u32), Span::default()).is_some(), "{name}");
    }
    assert!(checker.finish().1.is_empty());
    let (functions, axes) = all();
    assert_eq!(progress(), (functions + axes, functions));
}

/// The library of another order of needs is the same, function by function.
fn the_same_whoever_needs_it_first() {
    let (one, _) = Library::embedded(MODULES).world();
    let (other, _) = Library::new(MODULES).world();
    let (mut first, mut second) = (Checker::new(&one), Checker::new(&other));
    for id in (0..one.functions.len()).rev() {
        let id = FunctionId(id as u32);
        assert_eq!(first.function(id, Span::default()), second.function(id, Span::default()), "{}", one.name(id).text);
    }
}

#[test]
fn the_index_of_a_module_is_its_parse() {
    for (name, text) in MODULES {
        let source = Default::default();
        let module = parse(source, text).expect("it parses");
        let heads = index(source, text);
        let items: Vec<_> = heads.iter().map(|head| parse_item(source, text, head).expect("it parses")).collect();
        assert_eq!(items, module.items, "{name}");
        for (head, item) in heads.iter().zip(&items) {
            assert_eq!((head.word, &head.name), (item.kind.word(), item.kind.name()), "{name}");
        }
        assert!(module.uses.is_empty(), "{name}: `use` lines of the library are not read");
    }
}
