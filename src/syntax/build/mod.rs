//! Parse of pest to syntax tree.
//!
//! Relies on the shape that the grammar guarantees: a part that a rule always has is taken with
//! [`Parts::next`], and its absence is a compiler bug. What the grammar allows and the language does
//! not (an assignment outside `repeat`, a call of a number) is refused here.

mod expr;
mod item;
mod precedence;

pub(super) use expr::expression;
pub(super) use item::{item, module};

use super::ast::Name;
use super::error::SyntaxError;
use super::grammar::{Pair, Rule};
use crate::span::{SourceId, Span};

/// What building gives: the tree, or the first mistake.
type Built<T> = Result<T, SyntaxError>;

/// Where the parsed text lies: in which source, from which byte on.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub source: SourceId,
    pub base: usize,
}

impl Place {
    /// The bytes of a pair, without the blanks and line breaks that the rule ended in.
    fn span(self, pair: &Pair) -> Span {
        let text = pair.as_str();
        let start = self.base + pair.as_span().start();
        Span::new(self.source, start, start + text.trim_end().len())
    }

    fn name(self, pair: &Pair) -> Name {
        Name { text: pair.as_str().to_owned(), span: self.span(pair) }
    }
}

/// The parts of a pair in order, without the words that only mark it.
struct Parts<'a> {
    pairs: pest::iterators::Pairs<'a, Rule>,
}

impl<'a> Parts<'a> {
    fn of(pair: Pair<'a>) -> Self {
        Parts { pairs: pair.into_inner() }
    }

    /// The next part, which the grammar guarantees.
    fn next(&mut self) -> Pair<'a> {
        self.optional().expect("a part that the grammar guarantees")
    }

    /// The next part, if there is one.
    fn optional(&mut self) -> Option<Pair<'a>> {
        self.pairs.find(|pair| !is_mark(pair.as_rule()))
    }

    /// The next part, if it is of this rule.
    fn optional_of(&mut self, rule: Rule) -> Option<Pair<'a>> {
        let mut ahead = self.pairs.clone();
        let pair = ahead.find(|pair| !is_mark(pair.as_rule())).filter(|pair| pair.as_rule() == rule)?;
        self.pairs = ahead;
        Some(pair)
    }
}

/// All parts of a pair, without the words and signs that only mark them.
fn parts_of(pair: Pair<'_>) -> impl Iterator<Item = Pair<'_>> {
    pair.into_inner().filter(|part| !is_mark(part.as_rule()))
}

/// Whether a rule only marks what stands beside it.
fn is_mark(rule: Rule) -> bool {
    use Rule as R;
    matches!(
        rule,
        R::word_use
            | R::word_loss
            | R::word_fn
            | R::word_const
            | R::word_axis
            | R::word_let
            | R::word_next
            | R::word_repeat
            | R::word_with
            | R::word_where
            | R::word_per
            | R::word_if
            | R::word_then
            | R::word_else
            | R::word_or
            | R::word_as
            | R::EOI
            | R::equals
            | R::comma
            | R::colon
            | R::semicolon
            | R::arrow
            | R::close_group
            | R::close_brackets
            | R::close_block
    )
}
