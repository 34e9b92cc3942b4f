//! The typed program as text: the language, with everything implied written out.
//!
//! `lossc show --stage typed` prints it and snapshots hold it. Casts that the checker put in are shown as
//! `real(…)` and `int(…)`, arguments taken by name as `name = name`, bound axes in brackets.

use std::fmt::Write as _;

use super::{
    Along, Axis, AxisIndex, AxisKind, Call, Expr, ExprKind, Function, IntRef, Kind, Let, Reduction, Repeat, Sort, Ty,
};
use crate::op::{Binary, Compare, Logic, Unary};
use crate::syntax::ast::Role;

impl Reduction {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Reduction::Sum => "sum",
            Reduction::Mean => "mean",
            Reduction::Prod => "prod",
            Reduction::Min => "min",
            Reduction::Max => "max",
            Reduction::Count => "count",
            Reduction::Any => "any",
            Reduction::All => "all",
            Reduction::LogSumExp => "logsumexp",
            Reduction::Norm => "norm",
            Reduction::Var => "var",
            Reduction::Std => "std",
            Reduction::ArgMax => "argmax",
            Reduction::ArgMin => "argmin",
        }
    }
}

impl Along {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Along::Softmax => "softmax",
            Along::LogSoftmax => "log_softmax",
            Along::Normalize => "normalize",
            Along::Sort => "sort",
            Along::CumSum => "cumsum",
        }
    }
}

/// A whole function.
pub fn print_function(function: &Function) -> String {
    let printer = Printer { function };
    let mut text = String::new();
    let word = match function.sort {
        Sort::Loss => "loss",
        Sort::Fn => "fn",
        Sort::Const => "const",
        Sort::Expression => "expression",
    };
    let _ = write!(text, "{word} {}{}", function.name, printer.signature());
    let ty = printer.ty(&function.result.ty);
    let _ = writeln!(text, ": {ty} =");
    for index in 0..function.lets.len() {
        printer.local_axes(&mut text, index);
        printer.statement(&mut text, index);
    }
    printer.local_axes(&mut text, function.lets.len());
    let _ = writeln!(text, "    {}", printer.expr(&function.result, 0));
    text
}

struct Printer<'a> {
    function: &'a Function,
}

impl Printer<'_> {
    /// The line of a `let`, or of what a loop has in its place.
    fn statement(&self, text: &mut String, index: usize) {
        let binding = &self.function.lets[index];
        let margin = self.margin(index);
        let ty = self.ty(&binding.value.ty);
        match binding.value.kind {
            ExprKind::Carried(repeat, variable) => {
                let repeat = &self.function.repeats[repeat as usize];
                let start = repeat.starts[variable as usize];
                let start = format!("{}: {ty} = {}", binding.name, self.function.lets[start.0 as usize].name);
                if variable == 0 {
                    let _ = write!(text, "{}repeat {} with ", &margin[4..], self.expr(&repeat.count, 0));
                }
                let last = variable as usize + 1 == repeat.variables();
                text.push_str(&start);
                text.push_str(if last { " {\n" } else { ", " });
            }
            ExprKind::Repeated(_, 0) => {
                let _ = writeln!(text, "{margin}}}");
            }
            ExprKind::Repeated(..) => {}
            // What the body has assigned to last.
            ExprKind::Let(last)
                if self.is_result(index) && self.function.lets[last.0 as usize].name == binding.name => {}
            _ => {
                let assigned =
                    self.is_result(index) || self.loops_around(index).any(|repeat| self.has(repeat, binding));
                let next = self.function.updates.iter().any(|update| update.value.0 as usize == index);
                let word = match (assigned, next) {
                    (true, _) => "",
                    (false, true) => "next ",
                    (false, false) => "let ",
                };
                let value = self.expr(&binding.value, 0);
                let _ = writeln!(text, "{margin}{word}{}: {ty} = {value}", binding.name);
            }
        }
    }

    fn is_result(&self, index: usize) -> bool {
        let is_of = |repeat: &Repeat| (repeat.results.0 as usize..repeat.end()).contains(&index);
        self.function.repeats.iter().any(is_of)
    }

    /// Whether a `let` has the name of a variable of a loop.
    fn has(&self, repeat: &Repeat, binding: &Let) -> bool {
        repeat.starts.iter().any(|start| self.function.lets[start.0 as usize].name == binding.name)
    }

    fn loops_around(&self, index: usize) -> impl Iterator<Item = &Repeat> {
        self.function.repeats.iter().filter(move |repeat| (repeat.carried.0 as usize..repeat.end()).contains(&index))
    }

    /// The margin of a `let`: four more in every loop.
    fn margin(&self, index: usize) -> String {
        "    ".repeat(1 + self.loops_around(index).count())
    }

    /// The local axes that can be made when so many `let`s are known, and could not before.
    fn local_axes(&self, text: &mut String, lets: usize) {
        for axis in &self.function.axes {
            if let AxisKind::Computed(extent) = &axis.kind
                && extent.lets_needed() == lets
            {
                let _ = writeln!(text, "    axis {} = {}", axis.name, self.expr(extent, 0));
            }
        }
    }

    fn axis(&self, axis: AxisIndex) -> String {
        self.function.axes.get(axis.0 as usize).map_or_else(|| "?".into(), Axis::written)
    }

    fn axes(&self, axes: &[AxisIndex]) -> String {
        let names: Vec<String> = axes.iter().map(|&axis| self.axis(axis)).collect();
        if names.is_empty() { String::new() } else { format!("[{}]", names.join(", ")) }
    }

    fn int_ref(&self, value: IntRef) -> String {
        match value {
            IntRef::Value(value) => value.to_string(),
            IntRef::Hyperparameter(position) => self.function.hyperparameters[position as usize].name.clone(),
        }
    }

    fn ty(&self, ty: &Ty) -> String {
        let kind = match ty.kind {
            Kind::Real => "real".to_string(),
            Kind::Logit => "logit".to_string(),
            Kind::Prob => "prob".to_string(),
            Kind::Binary => "binary".to_string(),
            Kind::Sign => "sign".to_string(),
            Kind::Count => "count".to_string(),
            Kind::Int => "int".to_string(),
            Kind::Bool => "bool".to_string(),
            Kind::Loss => "loss".to_string(),
            Kind::Index { axis, ignored: None } => format!("index({})", self.axis(axis)),
            Kind::Index { axis, ignored: Some(ignored) } => {
                format!("index({} or {})", self.axis(axis), self.int_ref(ignored))
            }
        };
        format!("{kind}{}", self.axes(&ty.axes))
    }

    fn signature(&self) -> String {
        let inputs: Vec<String> = self
            .function
            .inputs
            .iter()
            .map(|input| {
                let default = input.default.as_ref().map(|value| format!(" = {}", self.expr(value, 0)));
                format!("{}: {}{}", input.name, self.ty(&input.ty), default.unwrap_or_default())
            })
            .collect();
        let hyperparameters: Vec<String> = self
            .function
            .hyperparameters
            .iter()
            .map(|one| {
                if let Some(axis) = one.extent_of {
                    return format!("axis {} = {}", self.axis(axis), one.name);
                }
                let role = match one.role {
                    Role::Real => "",
                    Role::Int => "int ",
                    Role::Learn => "learn ",
                    Role::State => "state ",
                };
                let condition = one.condition.as_ref().map(|value| format!(" where {}", self.expr(value, 0)));
                format!("{role}{} = {}{}", one.name, self.expr(&one.default, 0), condition.unwrap_or_default())
            })
            .collect();
        match (inputs.is_empty(), hyperparameters.is_empty()) {
            (true, true) => String::new(),
            (_, true) => format!("({})", inputs.join(", ")),
            (true, false) => format!("(; {})", hyperparameters.join(", ")),
            (false, false) => format!("({}; {})", inputs.join(", "), hyperparameters.join(", ")),
        }
    }

    /// `level` is the binding strength of what surrounds the expression; weaker ones get parentheses.
    fn expr(&self, expr: &Expr, level: u8) -> String {
        let (text, own) = self.written(expr);
        if own < level { format!("({text})") } else { text }
    }

    fn apply(&self, name: &str, operands: &[&Expr]) -> (String, u8) {
        let operands: Vec<String> = operands.iter().map(|operand| self.expr(operand, 0)).collect();
        (format!("{name}({})", operands.join(", ")), 9)
    }

    fn infix(&self, sign: &str, own: u8, a: &Expr, b: &Expr) -> (String, u8) {
        (format!("{} {sign} {}", self.expr(a, own), self.expr(b, own + 1)), own)
    }

    fn written(&self, expr: &Expr) -> (String, u8) {
        match &expr.kind {
            ExprKind::Real(value) => (format!("{value:?}"), if *value < 0.0 { 6 } else { 9 }),
            ExprKind::Int(value) => (value.to_string(), if *value < 0 { 6 } else { 9 }),
            ExprKind::Let(index) => (self.function.lets[index.0 as usize].name.clone(), 9),
            ExprKind::Carried(repeat, variable) | ExprKind::Repeated(repeat, variable) => {
                let start = self.function.repeats[*repeat as usize].starts[*variable as usize];
                (self.function.lets[start.0 as usize].name.clone(), 9)
            }
            ExprKind::Input(position) => (self.function.inputs[*position as usize].name.clone(), 9),
            ExprKind::Hyperparameter(position) => (self.function.hyperparameters[*position as usize].name.clone(), 9),
            ExprKind::Size(axes) => (format!("size{}", self.axes(axes)), 9),
            ExprKind::Index(axis) => (format!("index{}", self.axes(&[*axis])), 9),
            ExprKind::Unary(Unary::Neg, x) => (format!("-{}", self.expr(x, 7)), 6),
            ExprKind::Unary(op, x) => self.apply(op.name(), &[x]),
            ExprKind::Digamma(x) => self.apply("digamma", &[x]),
            ExprKind::Relu(x) => self.apply("relu", &[x]),
            ExprKind::Clamp(all) => self.apply("clamp", &all.iter().collect::<Vec<_>>()),
            ExprKind::Binary(op, both) => {
                let [a, b] = &**both;
                match op {
                    Binary::Add => self.infix("+", 4, a, b),
                    Binary::Sub => self.infix("-", 4, a, b),
                    Binary::Mul => self.infix("*", 5, a, b),
                    Binary::Div => self.infix("/", 5, a, b),
                    Binary::Pow | Binary::Powi => (format!("{}^{}", self.expr(a, 8), self.expr(b, 8)), 7),
                    Binary::Min | Binary::Max | Binary::Atan2 => self.apply(op.name(), &[a, b]),
                }
            }
            ExprKind::Compare(op, swapped, both) => {
                let sign = match (op, swapped) {
                    (Compare::Eq, _) => "==",
                    (Compare::Ne, _) => "!=",
                    (Compare::Lt, false) => "<",
                    (Compare::Le, false) => "<=",
                    (Compare::Lt, true) => ">",
                    (Compare::Le, true) => ">=",
                };
                (format!("{} {sign} {}", self.expr(&both[0], 4), self.expr(&both[1], 4)), 3)
            }
            ExprKind::Logic(Logic::Not, all) => (format!("not {}", self.expr(&all[0], 3)), 2),
            ExprKind::Logic(op, all) => {
                let own = if *op == Logic::And { 1 } else { 0 };
                self.infix(op.name(), own, &all[0], &all[1])
            }
            ExprKind::Select(all) => {
                let [condition, yes, no] = &**all;
                let (condition, yes, no) = (self.expr(condition, 0), self.expr(yes, 0), self.expr(no, 0));
                (format!("(if {condition} then {yes} else {no})"), 9)
            }
            ExprKind::ToReal(x) => self.apply("real", &[x]),
            ExprKind::ToInt(x) => self.apply("int", &[x]),
            ExprKind::As(x) => {
                (format!("{} as {}", self.expr(x, 9), self.ty(&Ty { kind: expr.ty.kind, axes: Vec::new() })), 8)
            }
            ExprKind::Stop(x) => self.apply("stop", &[x]),
            ExprKind::Each(x) => self.apply("each", &[x]),
            ExprKind::ReduceLike { loss, value, per, filter } => {
                let mut inside = format!("{}, {}", self.expr(loss, 0), self.expr(value, 0));
                self.modifiers(&mut inside, per.as_deref(), filter.as_deref());
                (format!("reduce({inside})"), 9)
            }
            ExprKind::Reduce { reduction, axes, value, per, filter } => {
                let mut inside = self.expr(value, 0);
                self.modifiers(&mut inside, per.as_deref(), filter.as_deref());
                (format!("{}{}({inside})", reduction.name(), self.axes(axes)), 9)
            }
            ExprKind::Along(along, axes, x) => (format!("{}{}({})", along.name(), self.axes(axes), self.expr(x, 0)), 9),
            ExprKind::Largest { axes, to, value, filter } => {
                let mut inside = self.expr(value, 0);
                self.modifiers(&mut inside, None, filter.as_deref());
                let over: Vec<String> = axes.iter().map(|&axis| self.axis(axis)).collect();
                let to_axis = &self.function.axes[to.0 as usize];
                if let AxisKind::Computed(count) = &to_axis.kind {
                    let _ = write!(inside, ", {}", self.expr(count, 0));
                }
                (format!("topk[{} -> {}]({inside})", over.join(", "), to_axis.name), 9)
            }
            ExprKind::Pick { value, axis, index, .. } => {
                (format!("{}[{} = {}]", self.expr(value, 9), self.axis(*axis), self.expr(index, 0)), 9)
            }
            ExprKind::Rename { value, from, to } => {
                (format!("{}[{} -> {}]", self.expr(value, 9), self.axis(*from), self.axis(*to)), 9)
            }
            ExprKind::Build(axis, parts) => {
                let labels = match &self.function.axes[axis.0 as usize].kind {
                    AxisKind::Labelled(data) => data.labels.clone(),
                    _ => Vec::new(),
                };
                let parts: Vec<String> =
                    labels.iter().zip(parts).map(|(label, part)| format!("{label} = {}", self.expr(part, 0))).collect();
                (format!("{}({})", self.axis(*axis), parts.join(", ")), 9)
            }
            ExprKind::Call(call) => (self.call(call), 9),
        }
    }

    fn modifiers(&self, text: &mut String, per: Option<&Expr>, filter: Option<&Expr>) {
        if let Some(per) = per {
            let _ = write!(text, " per {}", self.expr(per, 0));
        }
        if let Some(filter) = filter {
            let _ = write!(text, " where {}", self.expr(filter, 0));
        }
    }

    fn call(&self, call: &Call) -> String {
        let bound: Vec<String> = call
            .axis_names
            .iter()
            .zip(&call.axes)
            .map(|(name, axes)| {
                let to: Vec<String> = axes.iter().map(|&axis| self.axis(axis)).collect();
                let to = if to.len() == 1 { to.concat() } else { format!("({})", to.join(", ")) };
                if *name == to { to } else { format!("{name} := {to}") }
            })
            .collect();
        let brackets = if bound.is_empty() { String::new() } else { format!("[{}]", bound.join(", ")) };
        let inputs = call.inputs.iter().flatten().map(|argument| {
            let mark = if argument.implied { " /* by name */" } else { "" };
            format!("{} = {}{mark}", argument.name, self.expr(&argument.value, 0))
        });
        let named = call.hyperparameter_names.iter().zip(&call.hyperparameters);
        let hyperparameters =
            named.filter_map(|(name, value)| Some(format!("{name} = {}", self.expr(value.as_ref()?, 0))));
        let all: Vec<String> = inputs.chain(hyperparameters).collect();
        if all.is_empty() && call.axes.is_empty() {
            return call.name.clone();
        }
        format!("{}{brackets}({})", call.name, all.join(", "))
    }
}
