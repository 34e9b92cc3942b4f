//! Brackets, signatures, branches and lines that do not come together.

use super::super::error::SyntaxError;
use super::super::grammar::Rule;
use super::super::token::{Token, TokenKind, is_reserved};
use super::Scene;

/// The bracket that closes another.
fn closer(open: &str) -> char {
    match open {
        "(" => ')',
        "[" => ']',
        _ => '}',
    }
}

/// A closing bracket without an opening one, or of another shape; an opening one without an end.
pub(super) fn bracket(scene: &Scene) -> Option<SyntaxError> {
    let text = scene.found_text();
    let span = scene.span(scene.found);
    let found = text.chars().next().filter(|_| scene.token(scene.found).is_some_and(|t| t.kind == TokenKind::Close));
    match (found, scene.open.last()) {
        (Some(found), None) => Some(SyntaxError::Unopened { span, found }),
        (Some(found), Some(&opener)) => {
            let open = scene.text(opener);
            let mismatch = closer(open) != found;
            let open = open.chars().next()?;
            mismatch.then(|| SyntaxError::Mismatched { span, opener: scene.span(opener), open, found })
        }
        (None, Some(&opener)) if scene.at_end() || closes_at_line(scene, opener) => {
            let closer = closer(scene.text(opener));
            Some(SyntaxError::Unclosed { span: scene.end_of(scene.before), opener: scene.span(opener), closer })
        }
        _ => None,
    }
}

/// Whether an expression ended with its line inside a bracket that should have been closed there.
fn closes_at_line(scene: &Scene, opener: usize) -> bool {
    let closes = match scene.text(opener) {
        "(" => scene.accepts(Rule::close_group),
        "[" => scene.accepts(Rule::close_brackets),
        _ => false,
    };
    scene.starts_line() && closes && !scene.wants_expression()
}

/// A line that starts with an infix operator after a line that ended an expression.
pub(super) fn leading_operator(scene: &Scene) -> Option<SyntaxError> {
    let text = scene.found_text();
    let infix = ["+", "-", "−", "*", "·", "/", "^", "<", "<=", "≤", ">", ">=", "≥", "==", "!=", "≠", "and", "or"];
    let before = scene.token(scene.before?)?;
    let ended = matches!(before.kind, TokenKind::Word | TokenKind::Number | TokenKind::Close)
        && !is_reserved(scene.before_text());
    (scene.starts_line() && infix.contains(&text) && ended)
        .then(|| SyntaxError::LeadingOperator { span: scene.span(scene.found), operator: text.to_owned() })
}

/// Inputs and hyperparameters that are mixed.
pub(super) fn signature(scene: &Scene) -> Option<SyntaxError> {
    let &[opener] = scene.open.as_slice() else { return misplaced_semicolon(scene) };
    let head = scene.token(opener.checked_sub(2)?).map(|_| scene.text(opener - 2))?;
    if !matches!(head, "loss" | "fn") {
        return misplaced_semicolon(scene);
    }
    let has_kind = (opener..scene.found).any(|position| scene.text(position) == ":");
    let has_semicolon = (opener..scene.found).any(|position| scene.text(position) == ";");
    let before = scene.before?;
    let names = scene.token(before).is_some_and(|token| token.kind == TokenKind::Word);
    match scene.found_text() {
        "=" | "where" if names && has_kind && !has_semicolon => Some(SyntaxError::HyperparameterAmongInputs {
            span: scene.span(before),
            name: scene.before_text().to_owned(),
        }),
        "," | ")" | ";" if names && has_kind && !has_semicolon => {
            Some(SyntaxError::BareParameter { span: scene.span(before), name: scene.before_text().to_owned() })
        }
        // Without any kind everything before `;` was read as hyperparameters: blame the first.
        ";" | ":" if !has_semicolon => {
            Some(SyntaxError::BareParameter { span: scene.span(opener + 1), name: scene.text(opener + 1).to_owned() })
        }
        _ => None,
    }
}

fn misplaced_semicolon(scene: &Scene) -> Option<SyntaxError> {
    (scene.found_text() == ";").then(|| SyntaxError::Semicolon { span: scene.span(scene.found) })
}

/// `=` for `==` and the reverse.
pub(super) fn equals(scene: &Scene) -> Option<SyntaxError> {
    let span = scene.span(scene.found);
    match scene.found_text() {
        "=" if scene.after_expression() => Some(SyntaxError::AssignInExpression { span }),
        "==" if scene.accepts(Rule::equals) && !scene.after_expression() => {
            Some(SyntaxError::CompareInDefinition { span })
        }
        _ => None,
    }
}

/// `if` without `then`, or without `else`.
pub(super) fn branches(scene: &Scene) -> Option<SyntaxError> {
    let (then, otherwise) = (scene.accepts(Rule::word_then), scene.accepts(Rule::word_else));
    if !then && !otherwise {
        return None;
    }
    let start = open_if(scene)?;
    let span = scene.span(scene.found);
    let span = if span.start == span.end || scene.starts_line() { scene.end_of(scene.before) } else { span };
    Some(if then { SyntaxError::MissingThen { span, start } } else { SyntaxError::MissingElse { span, start } })
}

/// The innermost `if` before the place that has no `else` yet.
fn open_if(scene: &Scene) -> Option<crate::span::Span> {
    let mut closed = 0;
    for position in (0..scene.found).rev() {
        match scene.text(position) {
            "else" => closed += 1,
            "if" if closed == 0 => return Some(scene.span(position)),
            "if" => closed -= 1,
            _ => {}
        }
    }
    None
}

/// Bodies that end too early or go on too long.
pub(super) fn line(scene: &Scene) -> Option<SyntaxError> {
    if !scene.open.is_empty() {
        return None;
    }
    let span = scene.span(scene.found);
    if scene.starts_line() && scene.after_expression() {
        let statement = matches!(scene.found_text(), "let" | "next" | "repeat" | "axis");
        return Some(SyntaxError::AfterResult { span, statement });
    }
    let before = scene.before?;
    if !scene.at_end() {
        return after_result(scene);
    }
    if definition_equals(scene) == Some(before) {
        let what = match scene.text(1) {
            "" => scene.text(0).to_owned(),
            _ => head(scene),
        };
        return Some(SyntaxError::EmptyBody { span: scene.span(before), what, equals: scene.span(before) });
    }
    let complete = scene.token(before).is_some_and(|token| !matches!(token.kind, TokenKind::Sign | TokenKind::Open));
    let word = scene.before_text();
    let hangs = matches!(word, "if" | "then" | "else" | "and" | "or" | "not" | "let" | "as");
    (complete && !hangs && definition_equals(scene).is_some() && scene.wants_expression())
        .then(|| SyntaxError::NoResult { span: scene.end_of(Some(before)), last: scene.span(before) })
}

/// A line after a finished one that is no part of a body; the parser may stop behind its first word.
fn after_result(scene: &Scene) -> Option<SyntaxError> {
    let ended = scene.accepts(Rule::EOI) || (scene.accepts(Rule::item) && definition_equals(scene).is_some());
    let statement = matches!(scene.found_text(), "let" | "next" | "repeat" | "axis");
    (scene.starts_line() && ended && definition_equals(scene).is_some())
        .then(|| SyntaxError::AfterResult { span: scene.span(scene.found), statement })
}

/// `the loss huber`
fn head(scene: &Scene) -> String {
    let words: Vec<&str> = (0..scene.found)
        .filter(|position| scene.token(*position).is_some_and(|token: Token| token.kind == TokenKind::Word))
        .take(2)
        .map(|position| scene.text(position))
        .collect();
    format!("`{}`", words.join(" "))
}

/// The `=` between the signature and the body.
fn definition_equals(scene: &Scene) -> Option<usize> {
    let mut depth = 0usize;
    for position in 0..scene.found {
        match scene.token(position)?.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            TokenKind::Sign if depth == 0 && scene.text(position) == "=" => return Some(position),
            _ => {}
        }
    }
    None
}
