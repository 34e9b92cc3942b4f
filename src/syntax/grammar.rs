//! The parser that pest generates from `grammar/loss.pest`.

/// Parses by the rules of `grammar/loss.pest`.
#[derive(pest_derive::Parser)]
#[grammar = "../grammar/loss.pest"]
pub(super) struct Grammar;

/// A node of the parse.
pub(super) type Pair<'a> = pest::iterators::Pair<'a, Rule>;
