//! Conditions: truth values, selections, comparisons. `ne` becomes `not eq`, so that a condition and its
//! opposite are recognised.

use super::Grade::{Exact, Extends};
use super::{Condition, Row, always, when};
use crate::op::Element;

/// The cast is that of a truth value, not of an int.
const TRUTH: Condition =
    Condition { name: "p is a bool", holds: |graph, found| graph.ty(found.node('p')).element == Element::Bool };

/// The condition is that of a label, say: where it does not hold, the product need not be there.
const NARROW: Condition = Condition {
    name: "p has an axis that x has not, and none that y has not",
    holds: |graph, found| {
        let [p, x, y] = ['p', 'x', 'y'].map(|name| graph.axes_of(found.node(name)));
        p.iter().any(|axis| !x.contains(axis)) && p.iter().all(|axis| y.contains(axis))
    },
};

/// The rules on selections.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    always("not-not",            Exact,   "not(not(p)) => p"),
    always("ne-is-not-eq",       Exact,   "ne(x, y) => not(eq(x, y))"),
    always("and-true",           Exact,   "and(p, true) => p"),
    always("and-false",          Exact,   "and(p, false) => false"),
    always("or-true",            Exact,   "or(p, true) => true"),
    always("or-false",           Exact,   "or(p, false) => p"),
    always("and-self",           Exact,   "and(p, p) => p"),
    always("or-self",            Exact,   "or(p, p) => p"),
    always("and-opposite",       Exact,   "and(p, not(p)) => false"),
    always("or-opposite",        Exact,   "or(p, not(p)) => true"),
    always("select-true",        Exact,   "select(true, x, y) => x"),
    always("select-false",       Exact,   "select(false, x, y) => y"),
    always("select-same",        Exact,   "select(p, x, x) => x"),
    always("select-not",         Exact,   "select(not(p), x, y) => select(p, y, x)"),
    always("select-in-yes",      Exact,   "select(p, select(p, x, y), z) => select(p, x, z)"),
    always("select-in-no",       Exact,   "select(p, x, select(p, y, z)) => select(p, x, z)"),
    always("select-nested-yes",  Exact,   "select(p, select(q, x, y), y) => select(and(p, q), x, y)"),
    always("select-and-left",    Exact,   "select(p, select(and(p, q), x, y), z) => select(p, select(q, x, y), z)"),
    always("add-opposite",       Exact,   "select(p, 0, x) + select(p, y, 0) => select(p, y, x)"),
    always("select-truth",       Exact,   "select(p, true, false) => p"),
    always("select-one",         Exact,   "select(p, 1, 0) => real(p)"),
    // The flag's 0 hides a NaN of the other factor, as a selection does.
    when  ("mul-flag",           Extends, "real(p) * x => select(p, x, 0)", TRUTH),
    always("mul-selected",       Extends, "select(p, x, 0) * c => select(p, x * c, 0)"),
    when  ("mul-narrow",         Extends, "select(p, x, 0) * y => select(p, x * y, 0)", NARROW),
    always("neg-selected",       Exact,   "-select(p, x, 0) => select(p, -x, 0)"),
    when  ("one-minus-flag",     Exact,   "1 - real(p) => real(not(p))", TRUTH),
    when  ("eq-one-flag",        Exact,   "eq(real(p), 1) => p", TRUTH),
    when  ("eq-zero-flag",       Exact,   "eq(real(p), 0) => not(p)", TRUTH),
];
