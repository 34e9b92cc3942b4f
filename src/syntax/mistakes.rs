//! Where pest gave up to what was probably meant.
//!
//! The rules below are tried in order; each looks at the tokens around the place, at the brackets
//! that are open there, and at what the grammar would have accepted.

use super::error::SyntaxError;
use super::grammar::Rule;
use super::token::{Token, TokenKind, is_reserved};
use crate::span::{SourceId, Span};

mod foreign;
mod structure;

/// Where and why the parser gave up.
pub(super) struct Failure<'a> {
    pub source: SourceId,
    /// The whole text.
    pub text: &'a str,
    /// The tokens of the piece that was parsed.
    pub tokens: &'a [Token],
    /// The byte of the text.
    pub at: usize,
    /// What the grammar would have accepted there.
    pub expected: &'a [Rule],
}

/// The mistake behind a failure.
pub(super) fn explain(failure: &Failure) -> SyntaxError {
    let scene = Scene::of(failure);
    const RULES: [fn(&Scene) -> Option<SyntaxError>; 10] = [
        structure::leading_operator,
        foreign::token,
        foreign::number,
        foreign::word,
        structure::bracket,
        structure::signature,
        structure::equals,
        structure::branches,
        structure::line,
        reserved,
    ];
    RULES.iter().find_map(|rule| rule(&scene)).unwrap_or_else(|| unexpected(&scene))
}

/// A failure with its surroundings.
struct Scene<'a> {
    failure: &'a Failure<'a>,
    /// The position of the token that stands there; the number of tokens at the end of the piece.
    found: usize,
    /// The last token before it that is no line break.
    before: Option<usize>,
    /// The brackets open there.
    open: Vec<usize>,
}

impl<'a> Scene<'a> {
    fn of(failure: &'a Failure<'a>) -> Self {
        let tokens = failure.tokens;
        let mut found = tokens.partition_point(|token| token.end <= failure.at);
        // Line breaks at the end of the piece are its end.
        if tokens[found..].iter().all(|token| token.kind == TokenKind::Newline) {
            found = tokens.len();
        }
        let before = tokens[..found].iter().rposition(|token| token.kind != TokenKind::Newline);
        let mut open = Vec::new();
        for (position, token) in tokens[..found].iter().enumerate() {
            match token.kind {
                TokenKind::Open => open.push(position),
                TokenKind::Close => {
                    open.pop();
                }
                _ => {}
            }
        }
        Scene { failure, found, before, open }
    }

    fn token(&self, position: usize) -> Option<Token> {
        self.failure.tokens.get(position).copied()
    }

    /// The text of a token; empty past the end.
    fn text(&self, position: usize) -> &'a str {
        self.token(position).map_or("", |token| token.text(self.failure.text))
    }

    fn found_text(&self) -> &'a str {
        self.text(self.found)
    }

    fn before_text(&self) -> &'a str {
        self.before.map_or("", |before| self.text(before))
    }

    /// The place of a token; past the last one the place behind it.
    fn span(&self, position: usize) -> Span {
        match self.token(position) {
            Some(token) => Span::new(self.failure.source, token.start, token.end),
            None => self.end_of(self.before),
        }
    }

    /// The empty place behind a token.
    fn end_of(&self, position: Option<usize>) -> Span {
        let end = position.and_then(|position| self.token(position)).map_or(self.failure.at, |token| token.end);
        Span::new(self.failure.source, end, end)
    }

    /// Whether the grammar would have accepted this.
    fn accepts(&self, rule: Rule) -> bool {
        self.failure.expected.contains(&rule)
    }

    /// Whether an expression might have gone on with an operator.
    fn after_expression(&self) -> bool {
        self.accepts(Rule::infix)
    }

    /// Whether an expression might have begun.
    fn wants_expression(&self) -> bool {
        [Rule::expr, Rule::body, Rule::operand, Rule::primary, Rule::value, Rule::argument, Rule::prefix]
            .iter()
            .any(|rule| self.accepts(*rule))
    }

    /// Whether the found token is the first of its line.
    fn starts_line(&self) -> bool {
        self.found > 0 && self.token(self.found - 1).is_some_and(|token| token.kind == TokenKind::Newline)
    }

    /// Whether nothing is left in the piece.
    fn at_end(&self) -> bool {
        self.found >= self.failure.tokens.len()
    }

    /// Whether two tokens touch.
    fn touch(&self, left: usize, right: usize) -> bool {
        matches!((self.token(left), self.token(right)), (Some(left), Some(right)) if left.end == right.start)
    }
}

/// A reserved word where a name is wanted.
fn reserved(scene: &Scene) -> Option<SyntaxError> {
    let word = scene.found_text();
    let named = [Rule::name, Rule::input, Rule::hyper, Rule::axis_ref, Rule::entry].iter().any(|r| scene.accepts(*r));
    (is_reserved(word) && named && !scene.wants_expression())
        .then(|| SyntaxError::ReservedWord { span: scene.span(scene.found), word: word.to_owned() })
}

/// What is left: what was found and what was expected.
fn unexpected(scene: &Scene) -> SyntaxError {
    let mut expected: Vec<&'static str> = scene.failure.expected.iter().filter_map(|rule| in_words(*rule)).collect();
    if scene.before_text() == ":" {
        expected = vec!["a kind such as `real[N]`"];
    }
    if scene.after_expression() {
        // `name = value` would have been another kind of argument, not the continuation of this one.
        expected.retain(|word| *word != "`=`");
    }
    expected.sort_by_key(|word| (word.starts_with('`'), *word));
    expected.dedup();
    if scene.wants_expression() {
        expected = vec!["an expression"];
    }
    let found = match scene.token(scene.found).map(|token| token.kind) {
        None => "the end of the text".to_owned(),
        Some(TokenKind::Newline) => "the end of the line".to_owned(),
        Some(TokenKind::ItemDoc | TokenKind::ModuleDoc) => "a doc comment".to_owned(),
        Some(_) => format!("`{}`", short(scene.found_text())),
    };
    let after = scene.before.map(|before| (format!("`{}`", short(scene.text(before))), scene.span(before)));
    let at_break = scene.token(scene.found).is_none_or(|token| token.kind == TokenKind::Newline);
    let span = if at_break { scene.end_of(scene.before) } else { scene.span(scene.found) };
    SyntaxError::Unexpected { span, found, expected, after }
}

/// A token, cut if it is long.
fn short(text: &str) -> String {
    const LONGEST: usize = 30;
    if text.chars().count() <= LONGEST { text.to_owned() } else { text.chars().take(LONGEST).chain(['…']).collect() }
}

/// What a rule wants, in words; `None` for what only repeats the others.
fn in_words(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::expr | Rule::body | Rule::operand | Rule::primary | Rule::value | Rule::prefix => "an expression",
        Rule::argument | Rule::named => "an argument",
        Rule::infix => "an operator",
        Rule::name | Rule::path => "a name",
        Rule::kind => "a kind such as `real[N]`",
        Rule::input => "an input such as `pred: real[N]`",
        Rule::hyper | Rule::default => "a hyperparameter such as `delta = 1`",
        Rule::entry | Rule::axis_ref | Rule::pack => "an axis",
        Rule::item | Rule::module_doc | Rule::use_line | Rule::word_use => "an item (`loss`, `fn`, `const` or `axis`)",
        Rule::word_then => "`then`",
        Rule::word_else => "`else`",
        Rule::word_with => "`with`",
        Rule::start => "a variable such as `x = 0`",
        Rule::kind_axes => "axes in `[…]`",
        Rule::statement => "a statement",
        Rule::params => "parameters in `(…)`",
        Rule::equals => "`=`",
        Rule::comma => "`,`",
        Rule::colon => "`:`",
        Rule::semicolon => "`;`",
        Rule::arrow => "`->`",
        Rule::close_group => "`)`",
        Rule::close_brackets => "`]`",
        Rule::close_block => "`}`",
        Rule::number => "a number",
        _ => return None,
    })
}
