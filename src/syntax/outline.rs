//! The text form of a syntax tree: items and statements in lines, expressions with every bracket written.

use super::ast::{
    Argument, AxisRef, BinaryOp, Body, CompareOp, Entry, EntryKind, Expr, ExprKind, Function, Hyperparameter, Input,
    ItemKind, KindExpr, Module, Name, Role, Statement, StatementKind, UnaryOp, UseNames,
};

/// The tree of a module as text.
pub fn outline(module: &Module) -> String {
    let mut lines = Vec::new();
    docs(&mut lines, "//!", &module.docs);
    for line in &module.uses {
        let path = path(&line.path);
        lines.push(match &line.names {
            UseNames::Path => format!("use {path}"),
            UseNames::All => format!("use {path}::*"),
            UseNames::Some(names) => format!("use {path}::{{{}}}", list(names, |name| name.text.clone())),
        });
    }
    for item in &module.items {
        docs(&mut lines, "///", &item.docs);
        match &item.kind {
            ItemKind::Loss(definition) => function(&mut lines, "loss", definition),
            ItemKind::Fn(definition) => function(&mut lines, "fn", definition),
            ItemKind::Const { name, value } => {
                lines.push(format!("const {} = {}", name.text, outline_expression(value)))
            }
            ItemKind::Axis { name, labels } => {
                lines.push(format!("axis {} = {{ {} }}", name.text, list(labels, |label| label.text.clone())));
            }
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn docs(lines: &mut Vec<String>, mark: &str, docs: &str) {
    lines.extend(docs.lines().map(|line| format!("{mark} {line}").trim_end().to_owned()));
}

fn path(words: &[Name]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join("::")
}

fn list<T>(parts: &[T], text: impl Fn(&T) -> String) -> String {
    parts.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn function(lines: &mut Vec<String>, word: &str, function: &Function) {
    lines.push(format!("{word} {}", function.name.text));
    lines.extend(function.inputs.iter().map(|input| format!("  input {}", input_text(input))));
    lines.extend(function.hyperparameters.iter().map(|parameter| format!("  {}", hyperparameter(parameter))));
    body(lines, &function.body);
}

fn input_text(input: &Input) -> String {
    let default = input.default.as_ref().map_or_else(String::new, |value| format!(" = {}", outline_expression(value)));
    format!("{}: {}{default}", input.name.text, kind(&input.kind))
}

fn kind(kind: &KindExpr) -> String {
    let of = match &kind.of {
        None => String::new(),
        Some((axis, None)) => format!("({})", axis.text),
        Some((axis, Some(ignored))) => format!("({} or {})", axis.text, ignored.text),
    };
    let axes = if kind.axes.is_empty() { String::new() } else { format!("[{}]", list(&kind.axes, axis)) };
    format!("{}{of}{axes}", kind.name.text)
}

fn axis(axis: &AxisRef) -> String {
    format!("{}{}", if axis.pack { ".." } else { "" }, axis.name.text)
}

fn hyperparameter(parameter: &Hyperparameter) -> String {
    match parameter {
        Hyperparameter::Axis { axis, parameter, .. } => format!("axis {} = {}", axis.text, parameter.text),
        Hyperparameter::Value { role, name, default, condition, .. } => {
            let role = match role {
                Role::Real => "real",
                Role::Int => "int",
                Role::Learn => "learn",
                Role::State => "state",
            };
            let clause = |word: &str, value: &Option<Expr>| {
                value.as_ref().map_or_else(String::new, |value| format!(" {word} {}", outline_expression(value)))
            };
            format!("{role} {}{}{}", name.text, clause("=", default), clause("where", condition))
        }
    }
}

fn body(lines: &mut Vec<String>, body: &Body) {
    body.statements.iter().for_each(|part| statement(lines, part, 1));
    lines.push(format!("  {}", outline_expression(&body.result)));
}

fn statement(lines: &mut Vec<String>, statement: &Statement, depth: usize) {
    let indent = "  ".repeat(depth);
    let line =
        |word: &str, name: &Name, value: &Expr| format!("{indent}{word}{} = {}", name.text, outline_expression(value));
    match &statement.kind {
        StatementKind::Let { name, value } => lines.push(line("let ", name, value)),
        StatementKind::Next { name, value } => lines.push(line("next ", name, value)),
        StatementKind::Axis { name, extent } => lines.push(line("axis ", name, extent)),
        StatementKind::Assign { name, value } => lines.push(line("", name, value)),
        StatementKind::Repeat { count, starts, body } => {
            let starts = list(starts, |(name, value)| format!("{} = {}", name.text, outline_expression(value)));
            lines.push(format!("{indent}repeat {} with {starts}", outline_expression(count)));
            body.iter().for_each(|part| self::statement(lines, part, depth + 1));
        }
    }
}

/// The tree of an expression as text.
pub fn outline_expression(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Number { value, integer: true } => format!("{value}"),
        ExprKind::Number { value, integer: false } => format!("{value:?}"),
        ExprKind::Path(words) => path(words),
        ExprKind::Unary { op: UnaryOp::Negate, operand } => format!("(-{})", outline_expression(operand)),
        ExprKind::Unary { op: UnaryOp::Not, operand } => format!("(not {})", outline_expression(operand)),
        ExprKind::Binary { op, left, right } => {
            format!("({} {} {})", outline_expression(left), binary(*op), outline_expression(right))
        }
        ExprKind::Compare { operands, ops } => {
            let mut text = format!("({}", operands.first().map_or_else(String::new, outline_expression));
            for (op, operand) in ops.iter().zip(operands.iter().skip(1)) {
                text += &format!(" {} {}", compare(*op), outline_expression(operand));
            }
            text + ")"
        }
        ExprKind::If { condition, yes, no } => {
            let [condition, yes, no] = [condition, yes, no].map(|part| outline_expression(part));
            format!("(if {condition} then {yes} else {no})")
        }
        ExprKind::Brackets { base, entries } => format!("{}[{}]", outline_expression(base), list(entries, entry)),
        ExprKind::Call { path: words, brackets, arguments } => {
            let axes = brackets.as_ref().map_or_else(String::new, |entries| format!("[{}]", list(entries, entry)));
            format!("{}{axes}({})", path(words), list(arguments, argument))
        }
        ExprKind::Field { base, name } => format!("{}.{}", outline_expression(base), name.text),
        ExprKind::As { value, kind } => format!("({} as {})", outline_expression(value), kind.text),
    }
}

fn binary(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Power => "^",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
    }
}

fn compare(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Equal => "==",
        CompareOp::NotEqual => "!=",
        CompareOp::Less => "<",
        CompareOp::LessEqual => "<=",
        CompareOp::Greater => ">",
        CompareOp::GreaterEqual => ">=",
    }
}

fn entry(entry: &Entry) -> String {
    match &entry.kind {
        EntryKind::Axis(reference) => axis(reference),
        EntryKind::Rename { from, to } => format!("{} -> {}", from.text, to.text),
        EntryKind::Pick { axis, index } => format!("{} = {}", axis.text, outline_expression(index)),
    }
}

fn argument(argument: &Argument) -> String {
    let clause = |word: &str, value: &Option<Expr>| {
        value.as_ref().map_or_else(String::new, |value| format!(" {word} {}", outline_expression(value)))
    };
    let name = argument.name.as_ref().map_or_else(String::new, |name| format!("{} = ", name.text));
    let value = outline_expression(&argument.value);
    format!("{name}{value}{}{}", clause("per", &argument.per), clause("where", &argument.condition))
}
