//! Text to a coarse list of tokens, which never fails.
//!
//! The grammar does the parsing; this list serves what happens around it: the nesting limit before
//! it, and the explanation of a mistake after it. So it also knows tokens that the language has not.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name or a reserved word.
    Word,
    /// Digits with an optional fraction and exponent.
    Number,
    /// `(`, `[` or `{`
    Open,
    /// `)`, `]` or `}`
    Close,
    /// An operator or a separator, of this language or of another one.
    Sign,
    /// A line break.
    Newline,
    /// `/// …`
    ItemDoc,
    /// `//! …`
    ModuleDoc,
    /// A quoted text, or what is left of the line after an unmatched quote.
    Quoted,
    /// `# …` to the end of the line.
    Hash,
    /// A character without a meaning.
    Odd,
}

/// A token with its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub start: usize,
    pub end: usize,
}

impl Token {
    /// The text of the token.
    pub fn text(self, text: &str) -> &str {
        &text[self.start..self.end]
    }
}

/// Signs of more than one character, the longest first.
const LONG_SIGNS: [&str; 19] = [
    "===", "!==", "==", "!=", "<=", ">=", "->", "=>", "::", "..", "&&", "||", "**", ":=", "+=", "-=", "*=", "/=", "<>",
];

/// Signs of one character.
const SIGNS: &str = "+-−*·/^=<>≤≥≠,;:.!&|%?~@\\";

/// Whether a character can begin a name.
pub(super) fn begins_name(c: char) -> bool {
    c == '_' || pest::unicode::XID_START(c)
}

/// Whether a character can go on in a name.
pub(super) fn continues_name(c: char) -> bool {
    c == '_' || c == '′' || ('₀'..='₉').contains(&c) || (pest::unicode::XID_CONTINUE(c) && c != '·' && c != '\u{387}')
}

/// All tokens of a text, without blanks and comments.
pub(super) fn scan(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let rest = &text[start..];
        let (kind, length) = match first {
            ' ' | '\t' | '\r' | '\u{FEFF}' => (None, first.len_utf8()),
            '\n' => (Some(TokenKind::Newline), 1),
            '/' if rest.starts_with("//") => comment(rest),
            '#' => (Some(TokenKind::Hash), line(rest)),
            '"' | '\'' | '`' => (Some(TokenKind::Quoted), quoted(rest, first)),
            '(' | '[' | '{' => (Some(TokenKind::Open), 1),
            ')' | ']' | '}' => (Some(TokenKind::Close), 1),
            '0'..='9' => (Some(TokenKind::Number), number(rest)),
            _ if begins_name(first) => (Some(TokenKind::Word), run(rest, continues_name)),
            _ => sign(rest, first),
        };
        if let Some(kind) = kind {
            tokens.push(Token { kind, start, end: start + length });
        }
        start += length;
    }
    tokens
}

/// Whether a text is one of the words that are never names.
pub(super) fn is_reserved(word: &str) -> bool {
    matches!(word, "if" | "then" | "else" | "let" | "and" | "or" | "not")
}

/// The bytes of the longest beginning whose characters all satisfy `keep`.
fn run(text: &str, keep: impl Fn(char) -> bool) -> usize {
    text.find(|c| !keep(c)).unwrap_or(text.len())
}

/// The bytes up to the line break.
fn line(text: &str) -> usize {
    run(text, |c| c != '\n')
}

fn comment(text: &str) -> (Option<TokenKind>, usize) {
    let kind = if text.starts_with("//!") {
        Some(TokenKind::ModuleDoc)
    } else if text.starts_with("///") && !text.starts_with("////") {
        Some(TokenKind::ItemDoc)
    } else {
        None
    };
    (kind, line(text))
}

fn quoted(text: &str, quote: char) -> usize {
    match text[1..].find([quote, '\n']) {
        Some(end) if text[1 + end..].starts_with(quote) => end + 2,
        Some(end) => end + 1,
        None => text.len(),
    }
}

fn number(text: &str) -> usize {
    let digits = |from: usize| from + run(&text[from..], |c| c.is_ascii_digit());
    let mut end = digits(0);
    if text[end..].starts_with('.') && digits(end + 1) > end + 1 {
        end = digits(end + 1);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

fn sign(text: &str, first: char) -> (Option<TokenKind>, usize) {
    if let Some(long) = LONG_SIGNS.iter().find(|long| text.starts_with(**long)) {
        return (Some(TokenKind::Sign), long.len());
    }
    let kind = if SIGNS.contains(first) { TokenKind::Sign } else { TokenKind::Odd };
    (Some(kind), first.len_utf8())
}
