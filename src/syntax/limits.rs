//! Limits on the size and the nesting of a text, checked before it is parsed.
//!
//! The parser and every later stage recurse over the tree, so its depth has to be bounded where the
//! text comes in; a text that passes cannot overflow a stack of 2 MiB in a debug build.

use super::error::SyntaxError;
use super::token::{Token, TokenKind};
use crate::span::{SourceId, Span};

/// The longest source text in bytes.
pub const MAX_SOURCE_BYTES: usize = 1 << 20;
/// How deep brackets and `if`s may be nested in the text.
pub const MAX_NESTING: usize = 200;
/// How many operations may lie above one another in the tree of an expression.
pub const MAX_EXPRESSION_DEPTH: usize = 256;

/// Refuses a text that is nested too deeply.
pub(super) fn check_nesting(source: SourceId, text: &str, tokens: &[Token]) -> Result<(), SyntaxError> {
    // One entry for each open bracket, counting the `if`s of the expression inside it.
    let mut levels = vec![0usize];
    let mut depth = 0;
    for (position, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Open => {
                levels.push(0);
                depth += 1;
            }
            TokenKind::Close if levels.len() > 1 => depth -= 1 + levels.pop().unwrap_or(0),
            TokenKind::Word if token.text(text) == "if" => {
                if let Some(ifs) = levels.last_mut() {
                    *ifs += 1;
                    depth += 1;
                }
            }
            _ if ends_expression(text, tokens, position) => {
                if let Some(ifs) = levels.last_mut() {
                    depth -= std::mem::take(ifs);
                }
            }
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err(SyntaxError::TooDeep { span: Span::new(source, token.start, token.end), limit: MAX_NESTING });
        }
    }
    Ok(())
}

/// Whether the expression before a token is over there: at a comma, and at most line breaks.
fn ends_expression(text: &str, tokens: &[Token], position: usize) -> bool {
    match tokens[position].kind {
        TokenKind::Sign => matches!(tokens[position].text(text), "," | ";"),
        TokenKind::Newline => {
            // Only the first break of a run decides, so that empty lines take no quadratic time.
            let Some(before) = position.checked_sub(1).map(|before| tokens[before]) else { return true };
            if before.kind == TokenKind::Newline {
                return false;
            }
            let after = tokens[position..].iter().find(|token| token.kind != TokenKind::Newline);
            let goes_on = |word: &str| matches!(word, "if" | "then" | "else" | "and" | "or" | "not");
            !(before.kind == TokenKind::Sign
                || before.kind == TokenKind::Open
                || goes_on(before.text(text))
                || after.is_some_and(|after| matches!(after.text(text), "then" | "else")))
        }
        _ => false,
    }
}
