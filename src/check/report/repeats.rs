//! How each fact about a `repeat` is said.

use super::listed;
use crate::check::error::TypeError;
use crate::diagnostic::Diagnostic;

pub(super) fn repeats(error: &TypeError) -> Option<Diagnostic> {
    let title = error.to_string();
    Some(match error {
        TypeError::TurnsNotKnown { span, .. } => Diagnostic::error("E0801", title)
            .at(*span, "the number of turns")
            .note("the number of turns is fixed when the program is compiled, so that it terminates")
            .help("use ints, `int` hyperparameters and the `int` parameters of an `fn`"),
        TypeError::NotAVariable { name, known, span } => Diagnostic::error("E0802", title)
            .at(*span, "assigned to here")
            .note(format!("its variables are {}", listed(known)))
            .help(format!("give it a start, `with {name} = …`, or write `let {name} = …` for a value of one turn")),
        TypeError::VariableTwice { span, .. } => {
            Diagnostic::error("E0803", title).at(*span, "once more").help("give it another name")
        }
        TypeError::VariableNotAssigned { name, span } => Diagnostic::error("E0804", title)
            .at(*span, "it would keep its start")
            .help(format!("write `{name} = …` in the body, or use `let` before the `repeat`")),
        TypeError::VariableHidden { name, span } => Diagnostic::error("E0805", title)
            .at(*span, "the variable")
            .help(format!("write `{name} = …` without `let` to assign to it, or choose another name")),
        TypeError::VariableKind { span, .. } => Diagnostic::error("E0806", title)
            .at(*span, "")
            .note("a variable is a number in every turn, or true or false in every turn")
            .help("start it with a value of the kind that the body gives it"),
        _ => return None,
    })
}
