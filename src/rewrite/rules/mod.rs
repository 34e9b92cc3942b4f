//! The rules, grouped by subject. A row has a name, a grade, an equation and perhaps a condition.

pub mod arithmetic;
pub mod logexp;
pub mod reduce;
pub mod select;

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::pattern::{Bindings, Head, Pattern, parse};
use crate::ir::Graph;

/// How far the right side of a rule may differ from the left one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grade {
    /// The same bits on every input, but for the sign of a zero and the payload of a NaN.
    Exact,
    /// The last bits may differ.
    Rounding,
    /// Finite, or more accurate, where the left side overflows, cancels or is NaN; elsewhere at most the last bits.
    Extends,
}

/// A named condition on what the variables stand for.
#[derive(Clone, Copy)]
pub struct Condition {
    /// As it is read.
    pub name: &'static str,
    /// Whether it holds.
    pub holds: fn(&Graph, &Bindings) -> bool,
}

/// A row of a table.
#[derive(Clone, Copy)]
pub struct Row {
    /// Its name, unique among all tables.
    pub name: &'static str,
    /// How far the sides may differ.
    pub grade: Grade,
    /// Left side `=>` right side.
    pub equation: &'static str,
    /// When it applies.
    pub condition: Option<Condition>,
}

/// A row that always applies.
const fn always(name: &'static str, grade: Grade, equation: &'static str) -> Row {
    Row { name, grade, equation, condition: None }
}

/// A row with a condition.
const fn when(name: &'static str, grade: Grade, equation: &'static str, condition: Condition) -> Row {
    Row { name, grade, equation, condition: Some(condition) }
}

/// A row with its sides parsed.
pub struct Rule {
    /// The row.
    pub row: Row,
    /// What is replaced.
    pub left: Pattern,
    /// What takes its place.
    pub right: Pattern,
}

/// All rules, and which may apply at a head.
pub struct Rules {
    /// In the order of the tables; the first that matches is applied.
    pub all: Vec<Rule>,
    by_head: FxHashMap<Head, Vec<usize>>,
}

impl Rules {
    /// Those whose left side has this head at its root.
    pub fn at(&self, head: Head) -> impl Iterator<Item = &Rule> {
        self.by_head.get(&head).into_iter().flatten().map(|&index| &self.all[index])
    }
}

/// The rules of all tables, parsed at the first use.
pub fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| {
        let tables = [select::ROWS, arithmetic::ROWS, logexp::ROWS, reduce::ROWS];
        let all: Vec<Rule> = tables.concat().into_iter().map(compile).collect();
        let mut by_head: FxHashMap<Head, Vec<usize>> = FxHashMap::default();
        for (index, rule) in all.iter().enumerate() {
            let head = rule.left.head().expect("the left side of a rule is an operation");
            by_head.entry(head).or_default().push(index);
        }
        Rules { all, by_head }
    })
}

#[expect(clippy::panic, reason = "the rows are constants, and every test run parses them all")]
fn compile(row: Row) -> Rule {
    let side = |text: &str| parse(text).unwrap_or_else(|error| panic!("rule `{}`: {error}", row.name));
    let (left, right) = row.equation.split_once("=>").expect("an equation has two sides");
    Rule { row, left: side(left), right: side(right) }
}
