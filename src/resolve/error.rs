//! What can be wrong with names and modules, and how it is said.

#![expect(missing_docs, reason = "a field is named for what it holds; its variant or struct is documented")]

use crate::diagnostic::Diagnostic;
use crate::span::Span;

/// A fact about a name or a module.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NameError {
    /// Two items of one namespace have one name.
    #[error("`{name}` is defined twice")]
    Duplicate { name: String, first: Span, second: Span },
    /// `use` of a module that no loader has.
    #[error("there is no module `{path}`")]
    UnknownModule { path: String, span: Span, suggestion: Option<String> },
    /// Modules use each other in a circle.
    #[error("modules use each other in a circle")]
    UseCircle { path: Vec<String>, span: Span },
    /// `use` of an item that the module lacks.
    #[error("module `{module}` has no `{name}`")]
    UnknownItem { module: String, name: String, span: Span, suggestion: Option<String> },
    /// A labelled axis with the same label twice.
    #[error("axis `{axis}` has the label `{label}` twice")]
    DuplicateLabel { axis: String, label: String, span: Span },
    /// Two `use` lines bring the same name from different modules.
    #[error("`{name}` comes from two modules")]
    AmbiguousUse { name: String, first: String, second: String, span: Span },
    /// A module could not be read.
    #[error("module `{path}` cannot be read")]
    Unreadable { path: String, reason: String, span: Span },
}

impl NameError {
    /// The diagnostic of the fact.
    pub fn diagnostic(&self) -> Diagnostic {
        let title = self.to_string();
        match self {
            NameError::Duplicate { first, second, .. } => Diagnostic::error("E0101", title)
                .at(*second, "defined again here")
                .and_at(*first, "first defined here")
                .help("rename one of them, or delete it"),
            NameError::UnknownModule { span, suggestion, path } => {
                let diagnostic = Diagnostic::error("E0102", title).at(*span, "not found");
                match suggestion {
                    Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
                    None if path == "std" || path.starts_with("std::") => diagnostic
                        .note("modules that start with `std::` belong to the standard library")
                        .help("its items are in scope everywhere, without `use`"),
                    None => diagnostic.help(format!(
                        "`use {path}` reads the file `{}.loss` beside this one; modules of the standard library start with `std::`",
                        path.replace("::", "/")
                    )),
                }
            }
            NameError::UseCircle { path, span } => Diagnostic::error("E0103", title)
                .at(*span, "this line closes the circle")
                .note(format!("the circle: {}", path.join(" → ")))
                .help("move what both need into a module of its own"),
            NameError::UnknownItem { span, suggestion, module, .. } => {
                let diagnostic = Diagnostic::error("E0104", title).at(*span, "not defined there");
                match suggestion {
                    Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
                    None => diagnostic.help(format!("define it in `{module}`, or leave it out of this line")),
                }
            }
            NameError::DuplicateLabel { span, .. } => Diagnostic::error("E0105", title)
                .at(*span, "a second time here")
                .help("every label of an axis has its own name"),
            NameError::AmbiguousUse { first, second, span, name } => Diagnostic::error("E0106", title)
                .at(*span, "brought in again here")
                .note(format!("once from `{first}`, once from `{second}`"))
                .help(format!("write `{second}::{name}` where you mean that one, and leave it out of this line")),
            NameError::Unreadable { reason, span, .. } => {
                Diagnostic::error("E0107", title).at(*span, "used here").note(reason.clone())
            }
        }
    }
}
