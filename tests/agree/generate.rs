//! Random well-typed programs in the language, from a list of choices: the shorter the list and the smaller its
//! numbers, the simpler the program, so that a failing one shrinks.
//!
//! Values stay moderate and away from the edges of domains; conditions compare inputs only, so that rounding
//! never changes which side is taken.

mod loops;
mod templates;

/// A list of choices; beyond its end every choice is the first.
pub struct Choices<'a> {
    list: &'a [u16],
    at: usize,
}

impl<'a> Choices<'a> {
    pub fn new(list: &'a [u16]) -> Self {
        Choices { list, at: 0 }
    }

    pub fn below(&mut self, bound: usize) -> usize {
        let choice = self.list.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(choice) % bound
    }

    fn one<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

/// Sets of the axes N, C and ..S as bits.
pub const N: u8 = 1;
pub const C: u8 = 2;
pub const S: u8 = 4;
const ALL: u8 = N | C | S;

/// The axes of a set as they are written.
fn written(axes: u8) -> String {
    let names = [(N, "N"), (C, "C"), (S, "..S")];
    let list: Vec<&str> = names.iter().filter(|(axis, _)| axes & axis != 0).map(|(_, name)| *name).collect();
    list.join(", ")
}

/// An expression and its axes.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    axes: u8,
}

fn expression(text: impl Into<String>, axes: u8) -> Expression {
    Expression { text: text.into(), axes }
}

/// What every program may read: name, declaration, axes.
const INPUTS: [(&str, &str, u8); 10] = [
    ("x", "real[N, C, ..S]", ALL),
    ("logits", "logit[N, C, ..S]", ALL),
    ("pred", "prob[N, C, ..S]", ALL),
    ("target", "binary[N, C, ..S]", ALL),
    ("y", "real[N, ..S]", N | S),
    ("v", "real[N]", N),
    ("w", "real[C]", C),
    ("q", "real", 0),
    ("label", "index(C)[N, ..S]", N | S),
    ("point", "real[N, pt]", N),
];

/// Operations of one real that are finite for moderate ones. Where logits are wanted, `- 0.1` makes one of a
/// probability.
const UNARY: [&str; 31] = [
    "tanh(@)",
    "-@",
    "sigmoid(@ - 0.1)",
    "softplus(@ - 0.1)",
    "log_sigmoid(@ - 0.1)",
    "exp(tanh(@))",
    "atan(@)",
    "sin(@)",
    "cos(@)",
    "erf(@)",
    "sqrt(1 + @^2)",
    "log(1 + exp(@))",
    "log(cosh(@))",
    "log(sigmoid(@ - 0.1))",
    "log(1 - sigmoid(2 * tanh(@)))",
    "expm1(tanh(@))",
    "log1p(sigmoid(@ - 0.1))",
    "lgamma(1.5 + sigmoid(@ - 0.1))",
    "digamma(1.5 + sigmoid(@ - 0.1))",
    "asin(0.9 * tanh(@))",
    "acos(0.9 * sigmoid(@ - 0.1))",
    "sinh(tanh(@))",
    "tan(tanh(@))",
    "abs(@)",
    "relu(@)",
    "clamp(@, -0.8, 0.9)",
    "stop(@)",
    "@^2",
    "tanh(@)^3",
    "(0.1 + sigmoid(@ - 0.1))^a",
    "(@ * b)",
];

/// The generator of one program.
pub struct Generator<'a> {
    choices: Choices<'a>,
    /// What a leaf may be.
    leaves: Vec<Expression>,
    /// Whether only elementwise operations are wanted: in the body of a function.
    elementwise: bool,
    /// Names of generated functions of two reals.
    functions: Vec<String>,
}

/// The text of a program; its last loss is the one to run.
pub fn program(list: &[u16]) -> String {
    let mut generator =
        Generator { choices: Choices::new(list), leaves: Vec::new(), elementwise: false, functions: Vec::new() };
    generator.program()
}

impl Generator<'_> {
    fn program(&mut self) -> String {
        let body = self.body();
        let reads = |name: &str| {
            let separators = |c: char| !(c.is_alphanumeric() || c == '_');
            body.split(separators).any(|word| word == name)
        };
        let implied = |name: &str| {
            let calls = |words: &[&str]| words.iter().any(|word| reads(word));
            match name {
                "pred" => calls(&["bce", "dice", "mse", "tversky"]),
                "target" => calls(&["bce", "dice", "mse", "tversky", "bce_logits"]),
                "logits" => calls(&["cross_entropy", "bce_logits", "focal_softmax"]),
                "label" => calls(&["cross_entropy", "focal_softmax"]),
                _ => name == "x",
            }
        };
        let inputs = INPUTS.iter().filter(|(name, ..)| reads(name) || implied(name));
        let inputs: Vec<String> = inputs.map(|(name, kind, _)| format!("{name}: {kind}")).collect();
        let mut text = String::from(templates::ITEMS);
        for (at, function) in self.functions.iter().enumerate() {
            text += &format!("fn f{at}(a: real, b: real) = {function}\n");
        }
        let carried = "int k = 3, learn s = 0.6, state t = 0.4";
        text += &format!("\nloss generated({}; a = 0.7 where a > 0, b = -1.3, {carried}) =\n", inputs.join(", "));
        text + &body
    }

    fn body(&mut self) -> String {
        for _ in 0..self.choices.below(3) {
            let (leaves, elementwise) = (std::mem::take(&mut self.leaves), self.elementwise);
            self.leaves = vec![expression("a", 0), expression("b", 0)];
            self.elementwise = true;
            // Both parameters take part, so that the result has the axes of both.
            let body = format!("{} + 0.1 * (a - b)", self.real(3).text);
            (self.leaves, self.elementwise) = (leaves, elementwise);
            self.functions.push(body);
        }
        let reals = INPUTS.iter().filter(|(name, ..)| !matches!(*name, "label" | "point"));
        self.leaves = reals.map(|(name, _, axes)| expression(*name, *axes)).collect();
        self.leaves.extend([expression("0.5", 0), expression("-2", 0), expression("a", 0), expression("size[C]", 0)]);
        self.leaves.extend([expression("s", 0), expression("t", 0)]);
        let mut body = String::new();
        for at in 0..self.choices.below(4) {
            let value = self.real(3);
            body += &format!("    let u{at} = {}\n", value.text);
            self.leaves.push(expression(format!("u{at}"), value.axes));
        }
        for at in 0..self.choices.below(3) {
            body += &self.repeat(at, "    ", 1);
        }
        if self.choices.below(3) == 1 {
            let value = self.real(2);
            body += &format!("    next t = 0.5 * t + tanh(mean({}))\n", value.text);
        }
        body += &format!("    {}\n", self.result());
        if body.contains("index[J]") {
            let extent = *self.choices.one(&templates::LOCAL_EXTENTS);
            body = format!("    axis J = {extent}\n{body}");
        }
        body
    }

    fn result(&mut self) -> String {
        let value = self.real(4);
        match self.choices.below(6) {
            0 => format!("mean({})", value.text),
            1 => format!("sum({})", value.text),
            2 => {
                let condition = self.condition(value.axes);
                format!("mean({} where {condition})", value.text)
            }
            3 => {
                let weight = self.real(1);
                let value = self.exactly(value, weight.axes | N);
                format!("mean({} per 0.2 + sigmoid({} - 0.1))", value.text, weight.text)
            }
            4 => {
                let call = self.scalar_call();
                format!("a * {call} + 0.5 * mean({}) - {call} / 3", value.text)
            }
            _ => format!("log(cosh(mean({}) + {}))", value.text, self.scalar_call()),
        }
    }

    /// A real of at most this depth.
    fn real(&mut self, depth: usize) -> Expression {
        if depth == 0 {
            return self.leaf();
        }
        let forms = if self.elementwise { 10 } else { 26 };
        match self.choices.below(forms) {
            0 => self.leaf(),
            1 => self.infix("+", depth),
            2 => self.infix("-", depth),
            3 | 4 => self.infix("*", depth),
            5 | 6 => {
                let inner = self.real(depth - 1);
                let form = *self.choices.one(&UNARY);
                let form = if self.elementwise && form.contains("^a") { "tanh(@)" } else { form };
                expression(format!("({})", form.replace('@', &format!("({})", inner.text))), inner.axes)
            }
            7 => {
                let (left, right) = (self.real(depth - 1), self.real(depth - 1));
                let form = *self.choices.one(&["max(@, #)", "min(@, #)", "(@ / (1.5 + (#)^2))", "atan2(@, 2 + (#)^2)"]);
                expression(form.replace('@', &left.text).replace('#', &right.text), left.axes | right.axes)
            }
            8 => {
                let (left, right) = (self.real(depth - 1), self.real(depth - 1));
                let axes = left.axes | right.axes;
                let condition = if self.elementwise { "a < b".into() } else { self.condition(axes) };
                expression(format!("(if {condition} then {} else {})", left.text, right.text), axes)
            }
            9 => {
                let (left, right) = (self.real(depth - 1), self.real(depth - 1));
                let axes = left.axes | right.axes;
                match self.functions.is_empty() || self.elementwise {
                    true => expression(format!("({} - {})", left.text, right.text), axes),
                    false => {
                        let function = self.choices.below(self.functions.len());
                        expression(format!("f{function}({}, {})", left.text, right.text), axes)
                    }
                }
            }
            10..=13 => self.reduction(depth),
            14 | 15 => self.softmax(depth),
            16 | 17 => self.pick(depth),
            18 => self.pairs(depth),
            19 => self.labelled(depth),
            20..=22 => self.ordered(depth),
            23 => self.shifted(depth),
            _ => self.call(depth),
        }
    }

    fn leaf(&mut self) -> Expression {
        let leaves = std::mem::take(&mut self.leaves);
        let leaf = self.choices.one(&leaves).clone();
        self.leaves = leaves;
        leaf
    }

    fn infix(&mut self, operator: &str, depth: usize) -> Expression {
        let (left, right) = (self.real(depth - 1), self.real(depth - 1));
        expression(format!("({} {operator} {})", left.text, right.text), left.axes | right.axes)
    }

    /// The expression with further axes, so that it has at least these.
    fn exactly(&mut self, value: Expression, axes: u8) -> Expression {
        let missing = axes & !value.axes;
        if missing == 0 {
            return value;
        }
        let filler = match missing {
            N => "v",
            C => "w",
            0b101 => "y",
            S => "sum[N](y)",
            0b011 => "(v * w)",
            0b110 => "sum[N](x)",
            _ => "x",
        };
        expression(format!("({} + {filler})", value.text), value.axes | axes)
    }

    /// A condition over some of these axes.
    fn condition(&mut self, axes: u8) -> String {
        let mut all = vec![("q < 0.3", 0), ("a > 0.5", 0)];
        let table = [
            ("v < 0.3", N),
            ("w >= -0.2", C),
            ("y < v", N | S),
            ("x < 0.4", ALL),
            ("target == 1", ALL),
            ("label == index[C]", ALL),
            ("-0.5 <= x <= 1", ALL),
            ("not (x < y and target != 0)", ALL),
            ("x > w or pred > 0.5", ALL),
            ("any[C](x > 1)", N | S),
            ("label != 1", N | S),
            ("index[C] < 2", C),
            ("count[C](target == 1) > 1", N | S),
        ];
        all.extend(table.iter().filter(|(_, own)| own & !axes == 0));
        self.choices.one(&all).0.to_owned()
    }

    /// Some of these axes, at least one.
    fn some(&mut self, axes: u8) -> u8 {
        let subsets: Vec<u8> = (1..=ALL).filter(|subset| subset & !axes == 0).collect();
        *self.choices.one(&subsets)
    }

    fn scalar_call(&mut self) -> String {
        (*self.choices.one(&templates::SCALARS)).to_owned()
    }
}
