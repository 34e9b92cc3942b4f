//! Syntax facts to diagnostics: codes, labels and ways to mend it.

use super::error::SyntaxError;
use crate::diagnostic::Diagnostic;

impl SyntaxError {
    /// The stable code of the mistake.
    pub fn code(&self) -> &'static str {
        match self {
            SyntaxError::Unexpected { .. } => "E0001",
            SyntaxError::TooDeep { .. } => "E0002",
            SyntaxError::TooManyOperations { .. } => "E0003",
            SyntaxError::TooLong { .. } => "E0004",
            SyntaxError::Unclosed { .. } => "E0005",
            SyntaxError::Mismatched { .. } => "E0006",
            SyntaxError::Unopened { .. } => "E0007",
            SyntaxError::BarePoint { .. } => "E0008",
            SyntaxError::NumberSuffix { .. } => "E0009",
            SyntaxError::NumberTooLarge { .. } => "E0010",
            SyntaxError::AssignInExpression { .. } => "E0011",
            SyntaxError::CompareInDefinition { .. } => "E0012",
            SyntaxError::ForeignOperator { .. } => "E0013",
            SyntaxError::ForeignWord { .. } => "E0014",
            SyntaxError::HashComment { .. } => "E0015",
            SyntaxError::StringLiteral { .. } => "E0016",
            SyntaxError::OddCharacter { .. } => "E0017",
            SyntaxError::Semicolon { .. } => "E0018",
            SyntaxError::EmptyBody { .. } => "E0019",
            SyntaxError::NoResult { .. } => "E0020",
            SyntaxError::AfterResult { .. } => "E0021",
            SyntaxError::LeadingOperator { .. } => "E0022",
            SyntaxError::MissingThen { .. } => "E0023",
            SyntaxError::MissingElse { .. } => "E0024",
            SyntaxError::ReservedWord { .. } => "E0025",
            SyntaxError::NotCallable { .. } => "E0026",
            SyntaxError::AssignOutsideRepeat { .. } => "E0027",
            SyntaxError::TightNot { .. } => "E0028",
            SyntaxError::BareParameter { .. } => "E0029",
            SyntaxError::HyperparameterAmongInputs { .. } => "E0030",
            SyntaxError::FunctionHyperparameter { .. } => "E0031",
            SyntaxError::LateUse { .. } => "E0032",
            SyntaxError::StrayDocs { .. } => "E0033",
        }
    }

    /// The message for people.
    pub fn diagnostic(&self) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(self.code(), self.to_string()).at(self.span(), self.caret());
        if let Some((span, text)) = self.origin() {
            diagnostic = diagnostic.and_at(span, text);
        }
        match self.way_out() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }

    /// What stands under the caret.
    fn caret(&self) -> String {
        match self {
            SyntaxError::Unexpected { expected, .. } => match expected.as_slice() {
                [] => "not expected here".to_owned(),
                [one] => format!("expected {one}"),
                _ => "none of these".to_owned(),
            },
            SyntaxError::TooDeep { .. } => "here it becomes too deep".to_owned(),
            SyntaxError::Unclosed { closer, .. } => format!("`{closer}` is missing before this"),
            SyntaxError::Mismatched { .. } => "another shape".to_owned(),
            SyntaxError::NoResult { .. } => "an expression is missing after this line".to_owned(),
            SyntaxError::EmptyBody { .. } => "a value is missing after this".to_owned(),
            SyntaxError::MissingThen { .. } => "expected `then`".to_owned(),
            SyntaxError::MissingElse { .. } => "expected `else`".to_owned(),
            SyntaxError::AfterResult { .. } => "the line above is already the result".to_owned(),
            _ => String::new(),
        }
    }

    /// The place that explains it.
    fn origin(&self) -> Option<(crate::span::Span, String)> {
        match self {
            SyntaxError::Unexpected { after: Some((word, span)), .. } => Some((*span, format!("after {word}"))),
            SyntaxError::Unclosed { opener, .. } | SyntaxError::Mismatched { opener, .. } => {
                Some((*opener, "opened here".to_owned()))
            }
            SyntaxError::MissingThen { start, .. } | SyntaxError::MissingElse { start, .. } => {
                Some((*start, "this `if`".to_owned()))
            }
            SyntaxError::TightNot { operator, .. } => Some((*operator, "binds tighter".to_owned())),
            _ => None,
        }
    }

    /// How to mend it.
    fn way_out(&self) -> Option<String> {
        let text = match self {
            SyntaxError::Unexpected { .. } | SyntaxError::Mismatched { .. } => return None,
            SyntaxError::TooDeep { .. } | SyntaxError::TooManyOperations { .. } => {
                "name a part of it with `let`, or move it into an `fn`"
            }
            SyntaxError::TooLong { .. } => "split it into modules",
            SyntaxError::Unclosed { closer, .. } => {
                return Some(format!(
                    "write `{closer}`, or end the line with an operator or a comma if the expression goes on"
                ));
            }
            SyntaxError::Unopened { found, .. } => return Some(format!("remove `{found}`, or open it before")),
            SyntaxError::BarePoint { fixed, .. } => return Some(format!("write `{fixed}`")),
            SyntaxError::NumberSuffix { number, rest, .. } => {
                return Some(if rest.starts_with('_') {
                    "write the digits without `_`".to_owned()
                } else {
                    format!("a product needs its sign: `{number} * {rest}`; a name cannot begin with a digit")
                });
            }
            SyntaxError::NumberTooLarge { integer: true, .. } => "write it with a point if a float is meant",
            SyntaxError::NumberTooLarge { .. } => "the largest float is about 1.8e308",
            SyntaxError::AssignInExpression { .. } => "`==` compares; a new name is `let name = value` on its own line",
            SyntaxError::CompareInDefinition { .. } => "write `=`",
            SyntaxError::ForeignOperator { help, .. } | SyntaxError::ForeignWord { help, .. } => help,
            SyntaxError::HashComment { .. } => "a comment starts with `//`, documentation with `///`",
            SyntaxError::StringLiteral { .. } => "axes, kinds and losses are plain names: `sum[C](x)`",
            SyntaxError::OddCharacter { instead: Some(instead), .. } => {
                return Some(format!("did you mean {instead}?"));
            }
            SyntaxError::OddCharacter { .. } => "remove it",
            SyntaxError::Semicolon { .. } => {
                "a statement ends with its line; `;` only separates inputs from hyperparameters"
            }
            SyntaxError::EmptyBody { .. } => "a body is `let` lines, then one expression, its result",
            SyntaxError::NoResult { .. } => "the last line of a body is an expression, such as `mean(e)`",
            SyntaxError::AfterResult { statement: true, .. } => "statements come before the result",
            SyntaxError::AfterResult { .. } => {
                "name the line above with `let name = …`, or end it with an operator if the expression goes on"
            }
            SyntaxError::LeadingOperator { operator, .. } => {
                return Some(format!("a line break ends an expression: put `{operator}` at the end of the line above"));
            }
            SyntaxError::MissingThen { .. } | SyntaxError::MissingElse { .. } => "write `if condition then a else b`",
            SyntaxError::ReservedWord { .. } => "choose another name, such as the word with a `_` behind it",
            SyntaxError::NotCallable { what: "a component", .. } => {
                "there are no methods: write `mean(x)` for `x.mean()`"
            }
            SyntaxError::NotCallable { .. } => "only a name can be called; a product needs its `*`",
            SyntaxError::AssignOutsideRepeat { name, .. } => return Some(format!("write `let {name} = …`")),
            SyntaxError::TightNot { .. } => "put it in brackets: `(not x)`",
            SyntaxError::BareParameter { name, .. } => {
                return Some(format!(
                    "an input is `{name}: real[N]`, a hyperparameter is `{name} = 1`; losses may leave their inputs away"
                ));
            }
            SyntaxError::HyperparameterAmongInputs { name, .. } => {
                return Some(format!(
                    "hyperparameters follow `;`, as in `(pred: real[N]; {name} = 1)`; for an input give its kind"
                ));
            }
            SyntaxError::FunctionHyperparameter { name, .. } => {
                return Some(format!("declare it as an input, `{name}: real`"));
            }
            SyntaxError::LateUse { .. } => "move it to the top of the file",
            SyntaxError::StrayDocs { module: true, .. } => {
                "`//!` documents the module and stands at the top of the file; `///` documents an item"
            }
            SyntaxError::StrayDocs { .. } => "`///` stands above a loss, fn, const or axis; a comment is `//`",
        };
        Some(text.to_owned())
    }
}
