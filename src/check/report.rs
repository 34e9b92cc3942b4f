//! How each fact of [`TypeError`] is said: code, places, why, and how to mend it.

mod repeats;

use super::error::TypeError;
use super::scope::Constant;
use crate::diagnostic::Diagnostic;

/// The diagnostic of a fact.
pub fn diagnostic(error: &TypeError) -> Diagnostic {
    names(error)
        .or_else(|| axes(error))
        .or_else(|| kinds(error))
        .or_else(|| calls(error))
        .or_else(|| hyperparameters(error))
        .or_else(|| repeats::repeats(error))
        .unwrap_or_else(|| Diagnostic::error("E0299", error.to_string()))
}

fn suggest(diagnostic: Diagnostic, suggestion: &Option<String>) -> Diagnostic {
    match suggestion {
        Some(word) => diagnostic.help(format!("did you mean `{word}`?")),
        None => diagnostic,
    }
}

fn listed(words: &[String]) -> String {
    if words.is_empty() {
        return "none".into();
    }
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Two sides of a mismatch, one under the other.
fn aligned(rows: &[(&str, &str)]) -> String {
    let width = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    let line = |(left, right): &(&str, &str)| format!("{left}{}  {right}", " ".repeat(width - left.chars().count()));
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn names(error: &TypeError) -> Option<Diagnostic> {
    let title = error.to_string();
    Some(match error {
        TypeError::UnknownValue { name, suggestion, builtin, inputs_missing, span } => {
            let mut diagnostic = Diagnostic::error("E0201", title).at(*span, "not defined here");
            if let Some(usage) = builtin {
                return Some(diagnostic.help(format!("`{name}` is a function: `{usage}`")));
            }
            diagnostic = suggest(diagnostic, suggestion);
            if *inputs_missing {
                diagnostic = diagnostic
                    .note("a loss that lists no inputs has those that the losses it calls require")
                    .help(format!("list the inputs of this loss: `({name}: real[N], …)`"));
            }
            if suggestion.is_none() && !*inputs_missing {
                diagnostic = diagnostic
                    .note("a value is an input, a hyperparameter, a `let` above this place, a constant or a loss");
            }
            diagnostic
        }
        TypeError::UnknownFunction { is_value: true, span, name, .. } => Diagnostic::error("E0202", title)
            .at(*span, "a value, which cannot be called")
            .help(format!("to multiply, write `{name} * (…)`; to pick, `{name}[axis = index]`")),
        TypeError::UnknownFunction { name, suggestion, span, .. } => {
            let diagnostic = Diagnostic::error("E0202", title).at(*span, "not defined here");
            match super::foreign::counterpart(name) {
                Some(usage) if suggestion.is_none() => diagnostic.help(format!("in this language: `{usage}`")),
                _ if suggestion.is_none() => diagnostic
                    .note("a function is built in, or defined in this file, in a module that it uses, or in std"),
                _ => suggest(diagnostic, suggestion),
            }
        }
        TypeError::UnknownAxis { in_default: true, span, .. } => Diagnostic::error("E0203", title)
            .at(*span, "the axes come with the inputs")
            .note("the default of a hyperparameter is known before the data, and their extents, come")
            .help("use a number, and give the hyperparameter what depends on extents where the loss is called"),
        TypeError::UnknownAxis { known, suggestion, span, .. } => {
            let diagnostic = Diagnostic::error("E0203", title).at(*span, "not an axis of this function");
            suggest(diagnostic.note(format!("its axes: {}", listed(known))), suggestion)
        }
        TypeError::UnknownKind { suggestion, span, .. } => suggest(
            Diagnostic::error("E0204", title)
                .at(*span, "not a kind")
                .note("the kinds: real, logit, prob, binary, sign, count, index(C), int, bool"),
            suggestion,
        ),
        TypeError::UnknownLabel { labels, has, suggestion, span, .. } => {
            let diagnostic = Diagnostic::error("E0205", title).at(*span, "no such label");
            let diagnostic = if labels.is_empty() {
                diagnostic.note(format!("its axes are {has}; `.` picks from a labelled axis"))
            } else {
                diagnostic.note(format!("its labels: {}", listed(labels)))
            };
            suggest(diagnostic, suggestion)
        }
        TypeError::Recursion { path, span } => Diagnostic::error("E0206", title)
            .at(*span, "closes the circle")
            .note(format!("the circle: {}", path.join(" → ")))
            .help("a value cannot depend on itself; for a fixed number of steps there is `repeat`"),
        TypeError::TooDeep { span, .. } => Diagnostic::error("E0208", title)
            .at(*span, "the next one")
            .help("put fewer definitions between a loss and what it is made of"),
        TypeError::DuplicateParameter { first, span, .. } => Diagnostic::error("E0207", title)
            .at(*span, "the second one")
            .and_at(*first, "the first one")
            .help("give it another name"),
        _ => return None,
    })
}

fn axes(error: &TypeError) -> Option<Diagnostic> {
    let title = error.to_string();
    Some(match error {
        TypeError::MissingAxis { axis, has, span, .. } => Diagnostic::error("E0301", title)
            .at(*span, "not one of its axes")
            .note(aligned(&[("needed:", axis), ("its axes:", has)])),
        TypeError::ArgumentAxes {
            declared, wanted, found, reason, too_many, implied, callee, span, parameter, ..
        } => {
            let label = if *implied { format!("`{parameter}` is taken from here by name") } else { String::new() };
            let diagnostic = Diagnostic::error("E0302", title).at(*span, label).note(aligned(&[
                ("declared:", declared),
                ("needed:", wanted),
                ("found:", found),
            ]));
            let diagnostic = diagnostic.note(reason.clone());
            if *too_many {
                diagnostic.help(format!(
                    "brackets say which axes `{callee}` runs over, and keep the others: `{callee}[…](…)`"
                ))
            } else {
                diagnostic.help("axes are aligned by name and never stretched; give the argument the axes it lacks")
            }
        }
        TypeError::ChangedPlaces { callee, name, placeholder, span } => Diagnostic::error("E0303", title)
            .at(*span, format!("{name} and {placeholder} would change places"))
            .note("the axes of an argument bind the placeholders in order")
            .help(format!("rename the axis, or bind the axes yourself in brackets: `{callee}[…](…)`")),
        TypeError::BracketCount { callee, placeholders, found, two_packs, span } => {
            let axes = placeholders.join(", ");
            let found = format!("{found} in the brackets");
            let diagnostic = Diagnostic::error("E0304", title)
                .at(*span, "")
                .note(aligned(&[("axes:", &format!("{callee}[{axes}]")), ("found:", &found)]));
            if *two_packs {
                diagnostic.help("with two packs it is not clear which takes what: leave the brackets out")
            } else {
                diagnostic.help("name one axis for each; a pack takes what is left in the middle")
            }
        }
        TypeError::DuplicateAxis { span, .. } => Diagnostic::error("E0305", title)
            .at(*span, "the second time")
            .help("every axis of a tensor has its own name"),
        TypeError::AxisAndPack { span, .. } => {
            Diagnostic::error("E0306", title).at(*span, "").help("give the pack or the axis another name")
        }
        TypeError::TwoPacks { span } => Diagnostic::error("E0307", title)
            .at(*span, "")
            .note("how the axes of the data divide between two packs would not be known")
            .help("name the axes of one of them"),
        TypeError::RenameTaken { first, span, .. } => Diagnostic::error("E0308", title)
            .at(*span, "a renamed copy needs a new name")
            .and_at(*first, "the axis of that name")
            .help("choose a name that no other axis has"),
        TypeError::RenameTwice { span, .. } => {
            Diagnostic::error("E0309", title).at(*span, "").help("rename to another axis")
        }
        TypeError::LossHasAxes { axes, span, .. } => Diagnostic::error("E0310", title)
            .at(*span, format!("one value for each of {axes}"))
            .help("reduce it: `mean(…)` or `sum(…)`; the caller can still ask for the values with reduction `none`"),
        TypeError::NotScalar { span, .. } => {
            Diagnostic::error("E0311", title).at(*span, "").help("reduce it, or make the parameter an input with axes")
        }
        TypeError::LocalAxisLeaves { span, .. } => Diagnostic::error("E0312", title)
            .at(*span, "")
            .help("reduce over it, or let the caller rename and pass the tensor"),
        TypeError::AxisTaken { first, span, .. } => {
            let diagnostic = Diagnostic::error("E0318", title).at(*span, "a new axis needs a new name");
            let diagnostic = match first {
                Some(first) => diagnostic.and_at(*first, "the axis of that name"),
                None => diagnostic.note("it is a labelled axis, whose extent is the number of its labels"),
            };
            diagnostic.help("choose a name that no other axis has")
        }
        TypeError::NotAnExtent { span, .. } => Diagnostic::error("E0319", title)
            .at(*span, "not known before the data are looked at")
            .note("an extent is an int of numbers, `int` hyperparameters and `size[…]`, with + - * min max abs")
            .help("make it an `int` hyperparameter: `int bins = 10`"),
        TypeError::NoExtent { callee, parameter, span, .. } => Diagnostic::error("E0320", title)
            .at(*span, "no argument has this axis")
            .help(format!("say how long it is: `{callee}({parameter} = 10)`")),
        TypeError::NeedsOneAxis { span, .. } => {
            Diagnostic::error("E0313", title).at(*span, "").help("name one axis in the brackets")
        }
        TypeError::PackNotAllowed { span, .. } => Diagnostic::error("E0314", title)
            .at(*span, "")
            .help("declare the axis by name: `[N, H, W]`, not `[N, ..S]`"),
        TypeError::EntryIsNoAxis { span } => Diagnostic::error("E0315", title)
            .at(*span, "the name of an axis is expected here")
            .help("`x[C = label]` picks from a value, `x[N -> M]` renames its axis; functions take axes only"),
        TypeError::AxisIntoValue { text, axis, span } => Diagnostic::error("E0316", title)
            .at(*span, "neither a pick nor a renaming")
            .help(format!("pick with `{text}[{axis} = index]`, rename with `{text}[{axis} -> M]`")),
        TypeError::DemandedAxes { first, second, first_span, span, .. } => Diagnostic::error("E0317", title)
            .at(*span, "needed here")
            .and_at(*first_span, "and here")
            .note(aligned(&[("once:", first), ("once:", second)]))
            .help("list the inputs of this loss, and bind the axes of the calls in brackets"),
        _ => return None,
    })
}

/// The way out when one kind stands where another is wanted.
fn way_out(wanted: &str, found: &str, callee: &str, text: &str, counterpart: &Option<String>) -> String {
    let logits_for_prob = wanted == "prob" && matches!(found, "logit" | "real");
    // `index(C or ignore_index)` indexes C.
    let indexed = |kind: &str| kind.strip_prefix("index(")?.split([' ', ')']).next().map(str::to_string);
    if let (Some(axis), false) = (indexed(found), wanted.starts_with("index")) {
        return format!("for one number a class, write the labels as `{text} == index[{axis}]`");
    }
    match (wanted, counterpart) {
        ("prob", Some(other)) if logits_for_prob => {
            format!("use `{other}`, which takes logits, or say that it is a probability: `… as prob`")
        }
        ("prob", _) if logits_for_prob => {
            "make it a probability with `sigmoid(…)` or `softmax[C](…)`, or say that it is one: `… as prob`".into()
        }
        ("logit", Some(other)) => format!("use `{other}`, which takes probabilities"),
        ("logit", None) => format!("`{callee}` wants the values before `sigmoid` or `softmax`"),
        ("binary", _) if found == "prob" => {
            "if these are soft labels, say so: `… as binary`; if it is the prediction, the arguments are swapped".into()
        }
        ("binary", _) if found == "sign" => "for labels −1 and 1 write `(1 + target) / 2 as binary`".into(),
        ("sign", _) if matches!(found, "binary" | "bool") => "for labels 0 and 1 write `2 * target - 1`".into(),
        (wanted, _) if wanted.starts_with("index") => format!(
            "labels are whole numbers: declare an input `label: index({})[N]`, without the axis of the classes",
            indexed(wanted).unwrap_or_default()
        ),
        (wanted, _) => format!("if its values are {wanted}, say so: `… as {wanted}`"),
    }
}

fn kinds(error: &TypeError) -> Option<Diagnostic> {
    let title = error.to_string();
    Some(match error {
        TypeError::KindMismatch {
            wanted,
            found,
            callee,
            counterpart,
            implied,
            span,
            parameter,
            text,
            hyperparameter,
            ..
        } => {
            let label = if *implied { format!("`{parameter}` is taken from here by name") } else { found.clone() };
            let diagnostic = Diagnostic::error("E0401", title)
                .at(*span, label)
                .note(aligned(&[("wanted:", wanted), ("found:", found)]));
            match hyperparameter {
                Some(name) => diagnostic
                    .note(format!("arguments without a name are inputs, and `{parameter}` is the one in this place"))
                    .help(format!("hyperparameters are given by name: `{callee}({name} = {text})`")),
                None => diagnostic.help(way_out(wanted, found, callee, text, counterpart)),
            }
        }
        TypeError::DemandedKinds { first, second, first_span, span, .. } => Diagnostic::error("E0402", title)
            .at(*span, "needed here")
            .and_at(*first_span, "and here")
            .note(aligned(&[("once:", first), ("once:", second)]))
            .help("list the inputs of this loss, and convert where a call needs the other kind"),
        TypeError::NotABool { text, found, span, .. } => {
            let diagnostic = Diagnostic::error("E0403", title).at(*span, found.clone());
            if found == "binary" || found == "prob" {
                diagnostic.help(format!("compare it: `{text} == 1`"))
            } else {
                diagnostic.help("write a comparison, such as `x > 0`")
            }
        }
        TypeError::LargeOperand { span } => Diagnostic::error("E0415", title)
            .at(*span, "compared on both sides")
            .help("give it a name with `let`, and compare the name"),
        TypeError::LossIsBool { span } => Diagnostic::error("E0404", title)
            .at(*span, "")
            .help("count it, `count(…)`, or choose numbers: `if … then 1 else 0`"),
        TypeError::CannotAssert { span, .. } => Diagnostic::error("E0405", title)
            .at(*span, "")
            .help("`as` says that a number is prob, binary, sign, count, logit or real; it converts nothing"),
        TypeError::LiteralOutside { kind, span, .. } => Diagnostic::error("E0406", title)
            .at(*span, "")
            .note("prob lies in [0, 1], binary is 0 or 1, sign −1 or 1, count at least 0")
            .help(format!("leave `as {kind}` out, or write a number of that kind")),
        TypeError::PickByReal { span, .. } => Diagnostic::error("E0407", title)
            .at(*span, "")
            .help("round it: `floor(…)`, or declare the input as `index(C)`"),
        TypeError::LabelsOfOtherAxis { axis, of, span } => Diagnostic::error("E0408", title)
            .at(*span, format!("index({of})"))
            .note(format!("a label below the extent of `{of}` may lie beyond that of `{axis}`"))
            .help(format!("declare the labels as `index({axis})`, or name the axes alike")),
        TypeError::IgnoredLabels { callee, name, parameter, own, span } => {
            let diagnostic = Diagnostic::error("E0409", title).at(*span, "");
            match parameter {
                Some(parameter) => {
                    diagnostic.help(format!("say which value it ignores: `{callee}({parameter} = {own})`"))
                }
                None => diagnostic.help(format!(
                    "`{callee}` has no ignored label; declare `{name}` as `index(C)`, or filter with `where {name} != {own}`"
                )),
            }
        }
        TypeError::IndexWithoutAxis { span } => {
            Diagnostic::error("E0410", title).at(*span, "").help("name the axis that it indexes: `index(C)`")
        }
        TypeError::KindWithAxis { name, span } => {
            Diagnostic::error("E0411", title).at(*span, "").help(format!("axes stand in brackets: `{name}[N, C]`"))
        }
        TypeError::SoftmaxOfProb { name, text, span, .. } => {
            Diagnostic::error("E0412", title).at(*span, "a probability").help(if name.ends_with("softmax") {
                format!("`{name}` wants logits; leave it out, or write `{name}[C](log({text}))`")
            } else {
                format!("`{name}` wants logits; leave it out, or say that these are some: `{name}({text} as real)`")
            })
        }
        TypeError::DefaultKind { wanted, span, .. } => Diagnostic::error("E0413", title)
            .at(*span, "")
            .help(format!("write a default that is {wanted}, or declare another kind")),
        TypeError::NoOuterReduction { found, inside, span, .. } => {
            let diagnostic = Diagnostic::error("E0414", title).at(*span, "");
            let diagnostic =
                if inside == span { diagnostic } else { diagnostic.and_at(*inside, "this is what it ends in") };
            diagnostic
                .note(format!("it ends in {found}"))
                .help("a constant factor is allowed in front of the `mean` or `sum`, nothing else")
        }
        _ => return None,
    })
}

fn calls(error: &TypeError) -> Option<Diagnostic> {
    let title = error.to_string();
    Some(match error {
        TypeError::MissingInput { name, wanted, is_loss, suggestion, span, .. } => {
            let diagnostic = Diagnostic::error("E0501", title)
                .at(*span, format!("`{name}: {wanted}` is neither given nor defined here"));
            match suggestion {
                Some(word) => diagnostic.help(format!("give it: `{name} = {word}`?")),
                None if *is_loss => diagnostic.help(format!(
                    "give it, `{name} = …`, or define it: an input `{name}: {wanted}` or `let {name} = …`"
                )),
                None => diagnostic.help(format!("a `fn` takes all of its parameters from the call: `{name} = …`")),
            }
        }
        TypeError::TooManyArguments { inputs, hyperparameters, position, span, .. } => {
            let diagnostic = Diagnostic::error("E0502", title)
                .at(*span, format!("argument {}", position + 1))
                .note(format!("its inputs: {}", listed(inputs)));
            match hyperparameters.first() {
                Some(name) => diagnostic.help(format!("hyperparameters are given by name: `{name} = …`")),
                None => diagnostic,
            }
        }
        TypeError::PositionalAfterNamed { span } => {
            Diagnostic::error("E0503", title).at(*span, "").help("put positional arguments first, or name this one")
        }
        TypeError::UnknownArgument { known, suggestion, span, .. } => suggest(
            Diagnostic::error("E0504", title).at(*span, "no such parameter").note(format!("it has {}", listed(known))),
            suggestion,
        ),
        TypeError::DuplicateArgument { span, .. } => Diagnostic::error("E0505", title)
            .at(*span, "the second time")
            .help("leave one of them out; arguments without a name fill the inputs in order"),
        TypeError::MisplacedModifier { word, span, .. } => {
            Diagnostic::error("E0506", title).at(*span, "").help(if *word == "per" {
                "`per` gives the divisor of `mean`"
            } else {
                "`where` filters a reduction such as `mean` or `sum`"
            })
        }
        TypeError::BuiltinArity { usage, span, .. } => {
            Diagnostic::error("E0507", title).at(*span, "").help(format!("write `{usage}`"))
        }
        TypeError::BuiltinBrackets { usage, span, .. } => {
            Diagnostic::error("E0508", title).at(*span, "").help(format!("write `{usage}`"))
        }
        TypeError::BuiltinNamed { usage, name, span, .. } => {
            let diagnostic = Diagnostic::error("E0509", title).at(*span, "");
            if usage.contains('[') && matches!(name.as_str(), "axis" | "axes" | "dim" | "dims" | "keepdim") {
                diagnostic.help(format!("axes are named in brackets: `{usage}`"))
            } else {
                diagnostic.help(format!("its arguments have no names: `{usage}`"))
            }
        }
        TypeError::NeedsNewAxis { name, usage, has, span } => Diagnostic::error("E0514", title)
            .at(*span, "the last axis in the brackets is followed by `->` and a new name")
            .note(format!("the operand has {has}"))
            .help(format!("`{name}` is written `{usage}`")),
        TypeError::AlongNeedsAxes { name, has, span } => Diagnostic::error("E0510", title)
            .at(*span, "")
            .note(format!("the operand has the axes {has}"))
            .help(format!("say along which axis: `{name}[C](…)`")),
        TypeError::BuildLabel { axis, label, labels, span } => {
            let what = match label {
                Some(label) => format!("`{label}` is given twice or is no label"),
                None => "a part without a label".to_string(),
            };
            Diagnostic::error("E0511", title).at(*span, what).help(format!(
                "give each label once: `{axis}({})`",
                labels.iter().map(|label| format!("{label} = …")).collect::<Vec<_>>().join(", ")
            ))
        }
        TypeError::BuildMissing { span, missing, .. } => Diagnostic::error("E0512", title).at(*span, "").help(format!(
            "add {}",
            missing.iter().map(|label| format!("`{label} = …`")).collect::<Vec<_>>().join(", ")
        )),
        TypeError::BuildHasAxis { axis, span } => Diagnostic::error("E0513", title)
            .at(*span, "")
            .help(format!("pick one label of each part first, as in `b.x1`, or leave `{axis}(…)` out")),
        _ => return None,
    })
}

fn hyperparameters(error: &TypeError) -> Option<Diagnostic> {
    let title = error.to_string();
    Some(match error {
        TypeError::NotConstant { place: Constant::Default, span, .. } => Diagnostic::error("E0602", title)
            .at(*span, "an input")
            .help("use numbers, constants and hyperparameters that stand before it"),
        TypeError::NotConstant { place: Constant::Condition, span, .. } => Diagnostic::error("E0602", title)
            .at(*span, "an input")
            .note("it may use numbers, constants, hyperparameters and extents, such as `size[N]`")
            .help("what depends on the data belongs into the body, as in `mean(e where x > 0)`"),
        TypeError::ConditionHasAxes { span, .. } => {
            Diagnostic::error("E0606", title).at(*span, "").help("reduce it: `all(…)` or `any(…)`")
        }
        TypeError::StandsAfter { name, span } => Diagnostic::error("E0605", title)
            .at(*span, "not known here yet")
            .help(format!("declare `{name}` before the hyperparameter whose default uses it")),
        TypeError::NotAnInt { span, .. } => Diagnostic::error("E0603", title)
            .at(*span, "")
            .help("write an int without a point, or round it: `floor(…)`"),
        TypeError::NotCompileTime { name, span, .. } => Diagnostic::error("E0604", title)
            .at(*span, "")
            .help(format!("use ints, constants and `int` hyperparameters: `int {name} = …`")),
        TypeError::NextOfNoState { name, known, meant, declared, in_function, span } => {
            let diagnostic = Diagnostic::error("E0607", title).at(*span, "not a state");
            let diagnostic = match declared {
                Some(declared) => diagnostic.and_at(*declared, "what has this name"),
                None => diagnostic,
            };
            if *in_function {
                return Some(
                    diagnostic
                        .note("an `fn` computes; only a loss keeps values from call to call")
                        .help("compute the new value here, and write `next` in the loss that has the state"),
                );
            }
            match meant {
                None => diagnostic
                    .note(format!("its states: {}", listed(known)))
                    .help(format!("declare it after `;` as `state {name} = 0`, or write `let {name} = …`")),
                _ => suggest(diagnostic, meant),
            }
        }
        TypeError::NextInLoop { name, span } => Diagnostic::error("E0609", title)
            .at(*span, "in a `repeat`")
            .note("a state is set once a call")
            .help(format!("carry a variable through the turns, and write `next {name} = …` after the loop")),
        TypeError::NextTwice { first, span, .. } => Diagnostic::error("E0608", title)
            .at(*span, "the second time")
            .and_at(*first, "the first time")
            .help("below the first `next` the name is the new value; give what lies between a name with `let`"),
        TypeError::IgnoredIsNoInt { name, span } => {
            Diagnostic::error("E0606", title).at(*span, "").help(format!("declare it after `;` as `int {name} = -100`"))
        }
        _ => return None,
    })
}
