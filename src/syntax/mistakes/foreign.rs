//! Signs, numbers and words of other languages.

use super::super::error::SyntaxError;
use super::super::grammar::Rule;
use super::super::token::TokenKind;
use super::Scene;

/// Operators of other languages, and what to write.
const OPERATORS: [(&str, &str); 26] = [
    ("&&", "write `and`"),
    ("&", "write `and`"),
    ("||", "write `or`"),
    ("|", "write `or`; the absolute value is `abs(x)`"),
    ("!", "write `not`"),
    ("~", "write `not`"),
    ("**", "a power is `x ^ n`"),
    ("===", "write `==`"),
    ("!==", "write `!=`"),
    ("<>", "write `!=`"),
    ("=>", "greater or equal is `>=`; a renaming of an axis is `N -> M`"),
    (":=", "a new name is `let name = value`"),
    ("+=", "names do not change: write `let name = …` with a new name"),
    ("-=", "names do not change: write `let name = …` with a new name"),
    ("*=", "names do not change: write `let name = …` with a new name"),
    ("/=", "names do not change: write `let name = …` with a new name"),
    ("%", "there is no remainder: write `a - b * floor(a / b)`"),
    ("?", "write `if condition then a else b`"),
    ("@", "a matrix product is `sum[D](a * b)`, over the axis that both share"),
    ("\\", "a line goes on after an operator, a comma, `=` or an opening bracket"),
    ("->", "a renaming of an axis stands in square brackets: `x[N -> M]`"),
    ("::", "a path is `module::name`"),
    ("..", "a pack of axes is `..S`, in square brackets"),
    (":", "a kind is declared in a signature: `pred: real[N]`; there are no slices"),
    (".", "a component is `b.x1`"),
    ("+", "a plus sign in front of a value means nothing: remove it"),
];

/// Words of other languages, and what to write.
const WORDS: [(&str, &str); 19] = [
    ("return", "the last line of a body is its result: write only the expression"),
    ("def", "write `loss name(…) = …` or `fn name(…) = …`"),
    ("function", "write `fn name(…) = …`"),
    ("func", "write `fn name(…) = …`"),
    ("lambda", "define it with a name: `fn name(x: real) = …`"),
    ("import", "write `use module::name`, at the top of the file"),
    ("from", "write `use module::name`, at the top of the file"),
    ("include", "write `use module::name`, at the top of the file"),
    ("for", "tensors need no loop: name the axes, as in `sum[C](x)`; `repeat n with …` repeats"),
    ("while", "programs terminate: use `repeat n with x = start { … }`"),
    ("elif", "write `else if`"),
    ("elseif", "write `else if`"),
    ("var", "write `let name = value`"),
    ("val", "write `let name = value`"),
    ("class", "write `loss name(…) = …`"),
    ("struct", "a labelled axis is `axis box = { x1, y1, x2, y2 }`"),
    ("end", "bodies need no end"),
    ("begin", "bodies need no begin"),
    ("pub", "every item is visible: remove it"),
];

/// Characters that look like others or mean something elsewhere, and what to write.
const LOOKALIKES: [(char, &str); 31] = [
    ('\u{A0}', "an ordinary blank (this is a no-break space)"),
    ('\u{2009}', "an ordinary blank (this is a thin space)"),
    ('\u{202F}', "an ordinary blank (this is a no-break space)"),
    ('\u{3000}', "an ordinary blank (this is an ideographic space)"),
    ('\u{200B}', "nothing (this is an invisible space)"),
    ('–', "`-`"),
    ('—', "`-`"),
    ('×', "`*`"),
    ('⋅', "`*` or `·`"),
    ('∙', "`*` or `·`"),
    ('÷', "`/`"),
    ('∕', "`/`"),
    ('＝', "`=`"),
    ('（', "`(`"),
    ('）', "`)`"),
    ('，', "`,`"),
    ('“', "a plain name (there are no strings)"),
    ('”', "a plain name (there are no strings)"),
    ('‘', "a plain name (there are no strings)"),
    ('’', "`′`, the prime"),
    ('²', "`^2`"),
    ('³', "`^3`"),
    ('√', "`sqrt(x)`"),
    ('∑', "`sum[…](x)`"),
    ('∏', "`prod[…](x)`"),
    ('∞', "a large number, or another way without infinity"),
    ('→', "`->`"),
    ('∧', "`and`"),
    ('∨', "`or`"),
    ('¬', "`not`"),
    ('$', "a name without `$`"),
];

/// A token that the language does not have.
pub(super) fn token(scene: &Scene) -> Option<SyntaxError> {
    let token = scene.token(scene.found)?;
    let span = scene.span(scene.found);
    let text = scene.found_text();
    match token.kind {
        TokenKind::Hash => Some(SyntaxError::HashComment { span }),
        TokenKind::Quoted => Some(SyntaxError::StringLiteral { span }),
        TokenKind::Odd => {
            let character = text.chars().next()?;
            let instead = LOOKALIKES.iter().find(|(odd, _)| *odd == character).map(|(_, instead)| *instead);
            Some(SyntaxError::OddCharacter { span, character, instead })
        }
        TokenKind::Sign => operator(scene, text),
        TokenKind::ItemDoc => Some(SyntaxError::StrayDocs { span, module: false }),
        TokenKind::ModuleDoc => Some(SyntaxError::StrayDocs { span, module: true }),
        _ => None,
    }
}

fn operator(scene: &Scene, text: &str) -> Option<SyntaxError> {
    let position = OPERATORS.iter().position(|(written, _)| *written == text)?;
    let (written, help) = OPERATORS[position];
    let is_ours = matches!(written, "->" | "::" | ".." | ":" | "." | "+");
    let applies = match written {
        // A point beside a number is a bare point; elsewhere these are out of place after a value.
        "." => !beside_number(scene),
        "->" | "::" | ".." | ":" => scene.after_expression() || scene.wants_expression() || scene.accepts(Rule::entry),
        "+" => scene.wants_expression(),
        _ => true,
    };
    // In a place where the language's own sign only lacks its neighbour, the general message is better.
    (applies && (!is_ours || !scene.at_end())).then(|| SyntaxError::ForeignOperator {
        span: scene.span(scene.found),
        written: written.to_owned(),
        help,
    })
}

fn beside_number(scene: &Scene) -> bool {
    let is_number = |position: usize| scene.token(position).is_some_and(|token| token.kind == TokenKind::Number);
    scene.found > 0 && is_number(scene.found - 1) && scene.touch(scene.found - 1, scene.found)
        || is_number(scene.found + 1) && scene.touch(scene.found, scene.found + 1)
}

/// `.5`, `1.` and `2x`.
pub(super) fn number(scene: &Scene) -> Option<SyntaxError> {
    let found = scene.found;
    let is_number = |position: usize| scene.token(position).is_some_and(|token| token.kind == TokenKind::Number);
    let is_word = |position: usize| scene.token(position).is_some_and(|token| token.kind == TokenKind::Word);
    let point = [Some(found), found.checked_sub(1)].into_iter().flatten().find(|point| scene.text(*point) == ".");
    if let Some(point) = point {
        if point > 0 && is_number(point - 1) && scene.touch(point - 1, point) {
            let fixed = format!("{}.0", scene.text(point - 1));
            return Some(SyntaxError::BarePoint { span: scene.span(point - 1).to(scene.span(point)), fixed });
        }
        if is_number(point + 1) && scene.touch(point, point + 1) {
            let fixed = format!("0.{}", scene.text(point + 1));
            return Some(SyntaxError::BarePoint { span: scene.span(point).to(scene.span(point + 1)), fixed });
        }
    }
    let number = [Some(found), found.checked_sub(1)]
        .into_iter()
        .flatten()
        .find(|number| is_number(*number) && is_word(*number + 1) && scene.touch(*number, *number + 1))?;
    Some(SyntaxError::NumberSuffix {
        span: scene.span(number).to(scene.span(number + 1)),
        number: scene.text(number).to_owned(),
        rest: scene.text(number + 1).to_owned(),
    })
}

/// A word of another language, at the place or just before it.
pub(super) fn word(scene: &Scene) -> Option<SyntaxError> {
    let at = |position: usize| {
        let word = scene.text(position);
        let (word, help) = WORDS.iter().find(|(foreign, _)| *foreign == word)?;
        Some(SyntaxError::ForeignWord { span: scene.span(position), word: (*word).to_owned(), help })
    };
    // Before the place it was taken for a name, and is blamed only if another value follows it.
    let followed = scene
        .token(scene.found)
        .is_some_and(|token| matches!(token.kind, TokenKind::Word | TokenKind::Number) || scene.found_text() == "-");
    at(scene.found).or_else(|| scene.before.filter(|_| followed && !scene.starts_line()).and_then(at))
}
