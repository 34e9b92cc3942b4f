//! Text to syntax tree, or to everything that is wrong with it.
//!
//! A text with mistakes is cut where items begin, and each piece is parsed alone, so that one run
//! tells of all of them.

use super::ast::{Expr, Item, Module};
use super::build::{self, Place};
use super::error::SyntaxError;
use super::grammar::{Grammar, Pair, Rule};
use super::limits::{MAX_NESTING, MAX_SOURCE_BYTES, check_nesting};
use super::mistakes::{Failure, explain};
use super::token::{Token, TokenKind, scan};
use crate::span::{SourceId, Span};
use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};

/// How many mistakes one run tells of.
const MAX_ERRORS: usize = 20;

/// The module that a text holds.
pub fn parse(source: SourceId, text: &str) -> Result<Module, Vec<SyntaxError>> {
    let tokens = prepare(source, text)?;
    let place = Place { source, base: 0 };
    let errors = match parse_rule(Rule::file, text) {
        Ok(pair) => match build::module(place, pair) {
            (module, errors) if errors.is_empty() => return Ok(module),
            (_, errors) => errors,
        },
        Err(failure) => {
            let mut errors = by_pieces(source, text, &tokens);
            if errors.is_empty() {
                errors.push(failure.explain(source, text, 0, &tokens));
            }
            errors
        }
    };
    Err(errors.into_iter().take(MAX_ERRORS).collect())
}

/// The expression that a text holds.
pub fn parse_expression(source: SourceId, text: &str) -> Result<Expr, Vec<SyntaxError>> {
    let tokens = prepare(source, text)?;
    let pair =
        parse_rule(Rule::single_expr, text).map_err(|failure| vec![failure.explain(source, text, 0, &tokens)])?;
    let expr = pair.into_inner().next().expect("an expression");
    build::expression(Place { source, base: 0 }, expr).map_err(|error| vec![error])
}

/// The item that a piece of a text holds, which begins at byte `base`; none if anything is wrong.
pub(super) fn item_alone(source: SourceId, base: usize, piece: &str) -> Option<Item> {
    prepare(source, piece).ok()?;
    let pair = parse_rule(Rule::single_item, piece).ok()?;
    let item = pair.into_inner().find(|part| part.as_rule() == Rule::item)?;
    build::item(Place { source, base }, item).ok()
}

/// Whether a text that somebody types breaks off: a bracket is open, or what was begun goes on in the next line.
pub fn wants_more(text: &str) -> bool {
    let source = SourceId::default();
    let Ok(tokens) = prepare(source, text) else { return false };
    let count = |kind: TokenKind| tokens.iter().filter(|token| token.kind == kind).count();
    if count(TokenKind::Open) != count(TokenKind::Close) {
        return count(TokenKind::Open) > count(TokenKind::Close);
    }
    let first = tokens.iter().position(|token| token.kind != TokenKind::Newline);
    let Some(first) = first else { return false };
    let document = matches!(tokens[first].kind, TokenKind::ItemDoc | TokenKind::ModuleDoc);
    let rule = if document || begins_item(text, &tokens[first..]) { Rule::file } else { Rule::single_expr };
    parse_rule(rule, text).is_err_and(|stop| stop.at >= text.trim_end().len())
}

/// Whether a text holds definitions, and not an expression.
pub fn is_definition(text: &str) -> bool {
    let tokens = scan(text);
    let is_item = |position: usize| {
        matches!(tokens[position].kind, TokenKind::ItemDoc | TokenKind::ModuleDoc)
            || begins_item(text, &tokens[position..])
    };
    tokens.iter().position(|token| token.kind != TokenKind::Newline).is_some_and(is_item)
}

/// The tokens of a text within the limits.
fn prepare(source: SourceId, text: &str) -> Result<Vec<Token>, Vec<SyntaxError>> {
    if text.len() > MAX_SOURCE_BYTES {
        let span = Span::new(source, 0, 0);
        return Err(vec![SyntaxError::TooLong { span, bytes: text.len(), limit: MAX_SOURCE_BYTES }]);
    }
    let tokens = scan(text);
    check_nesting(source, text, &tokens).map_err(|error| vec![error])?;
    Ok(tokens)
}

/// Where and why pest gave up.
struct Stop {
    /// The byte in the text that was parsed.
    at: usize,
    /// What might stand there; `None` where the stack was about to run out.
    expected: Option<Vec<Rule>>,
}

impl Stop {
    /// The mistake, where the parsed text begins at byte `base` of `text` and has these tokens.
    fn explain(self, source: SourceId, text: &str, base: usize, tokens: &[Token]) -> SyntaxError {
        let at = base + self.at;
        match self.expected {
            Some(expected) => explain(&Failure { source, text, tokens, at, expected: &expected }),
            None => SyntaxError::TooDeep { span: Span::new(source, at, at), limit: MAX_NESTING },
        }
    }
}

/// The one pair of a rule that spans the text.
fn parse_rule(rule: Rule, text: &str) -> Result<Pair<'_>, Stop> {
    match Grammar::parse(rule, text) {
        Ok(mut pairs) => Ok(pairs.next().expect("a rule gives a pair")),
        Err(error) => {
            let at = match error.location {
                InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
            };
            let expected = match error.variant {
                ErrorVariant::ParsingError { positives, .. } => Some(positives),
                ErrorVariant::CustomError { .. } => None,
            };
            Err(Stop { at, expected })
        }
    }
}

/// The mistakes of the pieces between item beginnings, each parsed alone.
fn by_pieces(source: SourceId, text: &str, tokens: &[Token]) -> Vec<SyntaxError> {
    let mut errors = Vec::new();
    let mut starts = item_starts(text, tokens);
    let first = starts.first().copied().unwrap_or(tokens.len());
    starts.push(tokens.len());
    check_piece(source, text, &tokens[..first], Rule::single_use, &mut errors);
    for piece in starts.windows(2) {
        let tokens = &tokens[piece[0]..piece[1]];
        if let Some(word) = tokens.iter().find(|token| token.kind == TokenKind::Word)
            && word.text(text) == "use"
        {
            errors.push(SyntaxError::LateUse { span: Span::new(source, word.start, word.end) });
        } else {
            check_piece(source, text, tokens, Rule::single_item, &mut errors);
        }
    }
    errors
}

/// Parses a piece by a rule and keeps what is wrong.
fn check_piece(source: SourceId, text: &str, tokens: &[Token], rule: Rule, errors: &mut Vec<SyntaxError>) {
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return };
    let place = Place { source, base: first.start };
    match parse_rule(rule, &text[first.start..last.end]) {
        Err(stop) => errors.push(stop.explain(source, text, first.start, tokens)),
        Ok(pair) => {
            let item = pair.into_inner().find(|part| part.as_rule() == Rule::item);
            errors.extend(item.and_then(|item| build::item(place, item).err()));
        }
    }
}

/// The tokens at which an item begins, with the documentation above it: `loss`, `fn`, `const`, `axis`
/// or (misplaced) `use` at the beginning of a line, followed by what makes it an item.
fn item_starts(text: &str, tokens: &[Token]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut in_preamble = true;
    for (position, token) in tokens.iter().enumerate() {
        let at_column_0 = token.start == 0 || text.as_bytes()[token.start - 1] == b'\n';
        if !at_column_0 || !begins_item(text, &tokens[position..]) {
            continue;
        }
        if token.text(text) == "use" && in_preamble {
            continue;
        }
        in_preamble = false;
        let above = starts.last().map_or(0, |last| last + 1);
        let docs = tokens[above..position]
            .iter()
            .rev()
            .take_while(|token| matches!(token.kind, TokenKind::ItemDoc | TokenKind::Newline))
            .count();
        let breaks = tokens[position - docs..].iter().take_while(|token| token.kind == TokenKind::Newline).count();
        starts.push(position - docs + breaks);
    }
    starts
}

/// Whether tokens begin an item.
pub(super) fn begins_item(text: &str, tokens: &[Token]) -> bool {
    let word = |position: usize| tokens.get(position).filter(|t| t.kind == TokenKind::Word).map(|t| t.text(text));
    let sign = |position: usize| tokens.get(position).map_or("", |token| token.text(text));
    match word(0) {
        Some("loss" | "fn" | "const" | "use") => word(1).is_some(),
        Some("axis") => word(1).is_some() && sign(2) == "=" && sign(3) == "{",
        _ => false,
    }
}
