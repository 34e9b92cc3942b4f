//! What can be wrong with a text: facts with places. `report` makes messages of them.

#![expect(missing_docs, reason = "a field is named for what it holds; its variant or struct is documented")]

use crate::span::Span;
use thiserror::Error;

/// One syntax mistake. The text of each variant is the title of its message.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SyntaxError {
    /// Something else stands where the grammar wants one of a few things.
    #[error("{}{found}", Alternatives(.expected))]
    Unexpected {
        /// What stands there.
        span: Span,
        /// It in words.
        found: String,
        /// What may stand there, in words.
        expected: Vec<&'static str>,
        /// What stands before it.
        after: Option<(String, Span)>,
    },
    /// Brackets and `if`s nested beyond the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep { span: Span, limit: usize },
    /// An expression with a longer chain of operations than the limit.
    #[error("this expression is more than {limit} operations deep")]
    TooManyOperations { span: Span, limit: usize },
    /// A text that is longer than the limit.
    #[error("the source is {bytes} bytes long, and {limit} is the limit")]
    TooLong { span: Span, bytes: usize, limit: usize },
    /// A bracket that is never closed.
    #[error("missing `{closer}`")]
    Unclosed { span: Span, opener: Span, closer: char },
    /// A bracket closed by one of another shape.
    #[error("`{found}` does not close `{open}`")]
    Mismatched { span: Span, opener: Span, open: char, found: char },
    /// A closing bracket that was not opened.
    #[error("`{found}` closes nothing")]
    Unopened { span: Span, found: char },
    /// A number without digits on one side of its point.
    #[error("a number needs digits on both sides of the point")]
    BarePoint { span: Span, fixed: String },
    /// A number that touches a word.
    #[error("`{number}{rest}` is neither a number nor a name")]
    NumberSuffix { span: Span, number: String, rest: String },
    /// A literal outside the range of its type.
    #[error("`{literal}` is too large for {}", if *.integer { "an integer" } else { "a float" })]
    NumberTooLarge { span: Span, literal: String, integer: bool },
    /// `=` inside an expression.
    #[error("`=` does not compare")]
    AssignInExpression { span: Span },
    /// `==` where a definition wants `=`.
    #[error("`==` does not define")]
    CompareInDefinition { span: Span },
    /// An operator of another language.
    #[error("`{written}` is not an operator of this language")]
    ForeignOperator { span: Span, written: String, help: &'static str },
    /// A word of another language.
    #[error("`{word}` is not a word of this language")]
    ForeignWord { span: Span, word: String, help: &'static str },
    /// A comment that starts with `#`.
    #[error("`#` does not start a comment")]
    HashComment { span: Span },
    /// A quoted text.
    #[error("there are no strings in this language")]
    StringLiteral { span: Span },
    /// A character that has no meaning.
    #[error("the character {character:?} (U+{:04X}) has no meaning here", u32::from(*.character))]
    OddCharacter { span: Span, character: char, instead: Option<&'static str> },
    /// `;` outside a signature.
    #[error("`;` does not end a statement")]
    Semicolon { span: Span },
    /// A body without anything.
    #[error("{what} has no value after `=`")]
    EmptyBody { span: Span, what: String, equals: Span },
    /// A body that stops after a statement.
    #[error("this body has no result")]
    NoResult { span: Span, last: Span },
    /// A line after the result.
    #[error("nothing may follow the result of a body")]
    AfterResult { span: Span, statement: bool },
    /// A line that starts with an infix operator.
    #[error("a line cannot start with `{operator}`")]
    LeadingOperator { span: Span, operator: String },
    /// `if` without `then`.
    #[error("`if` without `then`")]
    MissingThen { span: Span, start: Span },
    /// `if` without `else`.
    #[error("`if` without `else`")]
    MissingElse { span: Span, start: Span },
    /// A reserved word as a name.
    #[error("`{word}` is a reserved word and cannot be a name")]
    ReservedWord { span: Span, word: String },
    /// Something called that is no name.
    #[error("{what} cannot be called")]
    NotCallable { span: Span, what: &'static str },
    /// `name = value` outside `repeat`.
    #[error("`{name} = …` assigns, which only the block of a `repeat` may")]
    AssignOutsideRepeat { span: Span, name: String },
    /// `not` after an operator that binds tighter.
    #[error("`not` binds looser than the operator before it")]
    TightNot { span: Span, operator: Span },
    /// A parameter that is neither an input nor a hyperparameter.
    #[error("the parameter `{name}` has neither a kind nor a default")]
    BareParameter { span: Span, name: String },
    /// A hyperparameter among the inputs.
    #[error("the hyperparameter `{name}` stands among the inputs")]
    HyperparameterAmongInputs { span: Span, name: String },
    /// A parameter of a function that is not an input.
    #[error("a function has no hyperparameters")]
    FunctionHyperparameter { span: Span, name: String },
    /// A `use` line below an item.
    #[error("`use` lines come before the items")]
    LateUse { span: Span },
    /// Documentation that belongs to nothing.
    #[error("this doc comment documents nothing")]
    StrayDocs { span: Span, module: bool },
}

impl SyntaxError {
    /// The place the mistake is about.
    pub fn span(&self) -> Span {
        match self {
            SyntaxError::Unexpected { span, .. }
            | SyntaxError::TooDeep { span, .. }
            | SyntaxError::TooManyOperations { span, .. }
            | SyntaxError::TooLong { span, .. }
            | SyntaxError::Unclosed { span, .. }
            | SyntaxError::Mismatched { span, .. }
            | SyntaxError::Unopened { span, .. }
            | SyntaxError::BarePoint { span, .. }
            | SyntaxError::NumberSuffix { span, .. }
            | SyntaxError::NumberTooLarge { span, .. }
            | SyntaxError::AssignInExpression { span }
            | SyntaxError::CompareInDefinition { span }
            | SyntaxError::ForeignOperator { span, .. }
            | SyntaxError::ForeignWord { span, .. }
            | SyntaxError::HashComment { span }
            | SyntaxError::StringLiteral { span }
            | SyntaxError::OddCharacter { span, .. }
            | SyntaxError::Semicolon { span }
            | SyntaxError::EmptyBody { span, .. }
            | SyntaxError::NoResult { span, .. }
            | SyntaxError::AfterResult { span, .. }
            | SyntaxError::LeadingOperator { span, .. }
            | SyntaxError::MissingThen { span, .. }
            | SyntaxError::MissingElse { span, .. }
            | SyntaxError::ReservedWord { span, .. }
            | SyntaxError::NotCallable { span, .. }
            | SyntaxError::AssignOutsideRepeat { span, .. }
            | SyntaxError::TightNot { span, .. }
            | SyntaxError::BareParameter { span, .. }
            | SyntaxError::HyperparameterAmongInputs { span, .. }
            | SyntaxError::FunctionHyperparameter { span, .. }
            | SyntaxError::LateUse { span }
            | SyntaxError::StrayDocs { span, .. } => *span,
        }
    }
}

/// `expected a, b or c, found `, or `unexpected ` where nothing better is known.
struct Alternatives<'a>(&'a [&'static str]);

impl std::fmt::Display for Alternatives<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return out.write_str("unexpected ");
        }
        out.write_str("expected ")?;
        for (position, word) in self.0.iter().enumerate() {
            let separator = match position {
                0 => "",
                _ if position + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(out, "{separator}{word}")?;
        }
        out.write_str(", found ")
    }
}
