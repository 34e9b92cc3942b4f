//! The forms of generated programs that reach beyond elementwise operations: reductions, the softmax family,
//! picks, pairs, labelled axes and calls.

use super::{ALL, C, Expression, Generator, N, S, expression, written};

/// Items that every program has.
pub const ITEMS: &str = "\
axis pt = { u, t }
const third = 1 / 3
fn rows(a: real[N, C, ..S]) = sum[C](a * softmax[C](a - 0.1))
fn energy(a: real[..A]) = sum(a^2) / (1 + size[..A])
fn hit(a: real[C], label: index(C)) = a[C = label]
";

/// Losses of the library that are one number.
pub const SCALARS: [&str; 12] = [
    "dice",
    "bce",
    "mse",
    "bce_logits",
    "cross_entropy",
    "focal_softmax",
    "mean(dice[C])",
    "tversky(alpha = third, beta = a)",
    "mean(dice[..S])",
    "huber(x, logits, delta = 0.6)",
    "smooth_l1(v, v * 0.5 + 1)",
    "cross_entropy(x, label, w + 2, label_smoothing = 0.1)",
];

/// How long the local axis of a program is.
pub const LOCAL_EXTENTS: [&str; 5] = ["2", "max(size[C] - 1, 0)", "size[C] + 1", "min(size[N], size[C])", "0"];

impl Generator<'_> {
    pub(super) fn reduction(&mut self, depth: usize) -> Expression {
        let value = self.real(depth - 1);
        let value = if value.axes == 0 { self.exactly(value, C) } else { value };
        let over = self.some(value.axes);
        let condition = self.condition(value.axes);
        let forms = [
            "mean[#](@)",
            "sum[#](@)",
            "sum[#](@ where $)",
            "mean[#](@ where $)",
            "mean[#](@ per 0.3 + sigmoid(x) where $)",
            "tanh(max[#](@))",
            "tanh(min[#](@ where $))",
            "tanh(logsumexp[#](@))",
            "tanh(log(sum[#](exp(@))))",
            "norm[#](@)",
            "prod[#](0.9 + 0.3 * tanh(@))",
            "var[#](@)",
            "std[#](@ + x)",
        ];
        let form = *self.choices.one(&forms);
        // What a form adds to the axes of its operand.
        let axes = if form.contains("(x)") || form.contains("+ x") { ALL } else { value.axes };
        let text =
            form.replace('@', &format!("({})", value.text)).replace('#', &written(over)).replace('$', &condition);
        expression(text, axes & !over)
    }

    pub(super) fn softmax(&mut self, depth: usize) -> Expression {
        let value = self.real(depth - 1);
        let value = self.exactly(value, C);
        let over = C | (self.choices.below(2) as u8 * (S & value.axes));
        let forms = ["softmax[#](@ - 0.1)", "log_softmax[#](@ - 0.1)", "log(softmax[#](0.1 - @))", "normalize[#](@)"];
        let form = *self.choices.one(&forms);
        expression(form.replace('@', &value.text).replace('#', &written(over)), value.axes)
    }

    pub(super) fn pick(&mut self, depth: usize) -> Expression {
        let value = self.real(depth - 1);
        let value = self.exactly(value, C);
        let picked = (value.axes & !C) | N | S;
        match self.choices.below(4) {
            0 => expression(format!("({})[C = label]", value.text), picked),
            1 => expression(format!("log_softmax[C]({} - 0.1)[C = label]", value.text), picked),
            2 => expression(format!("sum[C](({}) * (label == index[C]))", value.text), picked),
            _ => expression(format!("({})[C = argmax[C](x)]", value.text), picked),
        }
    }

    /// Orders, running sums, the largest elements, and picks whose derivative is scattered.
    pub(super) fn ordered(&mut self, depth: usize) -> Expression {
        let value = self.real(depth - 1);
        let (axis, name) = if self.choices.below(2) == 0 { (N, "N") } else { (C, "C") };
        let value = self.exactly(value, axis);
        let text = &value.text;
        let condition = self.condition(value.axes);
        let kept = [
            format!("sort[{name}]({text})"),
            format!("cumsum[{name}](tanh({text}) / (1 + size[{name}]))"),
            format!("({text})[{name} = size[{name}] - 1 - index[{name}]]"),
            format!("({text})[{name} = index[{name}] + 1]"),
            format!("({text})[{name} = round(2 * y)]"),
        ];
        // The last axis of the list is the one before the arrow, which is not a pack.
        let rest = (value.axes & !axis) & (self.choices.below(8) as u8);
        let over = if rest == 0 { name.to_owned() } else { format!("{}, {name}", written(rest)) };
        let count = *self.choices.one(&[1, 2, 3, 9]);
        let largest = [
            format!("sum[T{count}](tanh(topk[{over} -> T{count}]({text}, {count})) / (1 + index[T{count}]))"),
            format!(
                "sum[T{count}](tanh(topk[{over} -> T{count}]({text} where {condition}, {count})) * (1 + index[T{count}]))"
            ),
            format!(
                "sum[T{count}](topk[{over} -> T{count}](tanh({text}), {count}) where index[T{count}] < size[{over}])"
            ),
        ];
        match self.choices.below(8) {
            form @ 0..=3 => expression(kept[form].clone(), value.axes),
            4 => expression(kept[4].clone(), (value.axes & !axis) | N | S),
            form => expression(largest[form - 5].clone(), value.axes & !axis & !rest),
        }
    }

    /// Every pair of samples or classes.
    pub(super) fn pairs(&mut self, depth: usize) -> Expression {
        let value = self.real(depth - 1);
        let (axis, name, copy) = if self.choices.below(2) == 0 { (N, "N", "M") } else { (C, "C", "K") };
        let value = self.exactly(value, axis);
        let text = &value.text;
        match self.choices.below(3) {
            0 => expression(format!("mean[{copy}](abs({text} - ({text})[{name} -> {copy}]))"), value.axes),
            1 => expression(
                format!("sum[{copy}](({text}) * ({text})[{name} -> {copy}] where index[{name}] != index[{copy}])"),
                value.axes,
            ),
            _ => expression(
                format!("mean[{name}, {copy}](softplus({text} - 1.1 * ({text})[{name} -> {copy}]))"),
                value.axes & !axis,
            ),
        }
    }

    /// Picks along a local axis, some of them beyond the end of the axis from which they pick.
    pub(super) fn shifted(&mut self, depth: usize) -> Expression {
        let value = self.real(depth - 1);
        let value = self.exactly(value, C);
        let forms = [
            "sum[J]((@)[C = index[J]] * (1 + index[J]))",
            "mean[J](tanh((@)[C = index[J] + 1]) - (@)[C = index[J]])",
            "sum[J]((@)[C = size[C] - 1 - index[J]] where index[J] != 1)",
            "sum[J, L](tanh((@)[C = index[J] - index[J][J -> L]]))",
        ];
        let form = *self.choices.one(&forms);
        expression(format!("({})", form.replace('@', &value.text)), value.axes & !C)
    }

    pub(super) fn labelled(&mut self, depth: usize) -> Expression {
        match self.choices.below(3) {
            0 => expression("(point.u * point.t)", N),
            1 => {
                let (u, t) = (self.real(depth - 1), self.real(depth - 1));
                let axes = u.axes | t.axes | N;
                expression(format!("sum[pt](pt(u = {}, t = {}) * point)", u.text, t.text), axes)
            }
            _ => {
                let value = self.real(depth - 1);
                let axes = value.axes;
                expression(format!("norm[pt](pt(u = {}, t = 0.5))", value.text), axes)
            }
        }
    }

    pub(super) fn call(&mut self, depth: usize) -> Expression {
        if self.choices.below(3) == 0 {
            return expression(format!("({})", self.scalar_call()), 0);
        }
        let value = self.real(depth - 1);
        match self.choices.below(7) {
            0 => {
                let value = self.exactly(value, ALL);
                expression(format!("rows[N, C, ..S]({})", value.text), N | S)
            }
            1 => {
                let value = self.exactly(value, C);
                expression(format!("energy[C]({})", value.text), value.axes & !C)
            }
            2 => {
                let value = self.exactly(value, N | C);
                let over = self.some(value.axes);
                expression(
                    format!("mse[{}]({}, {})", written(over), value.text, format_args!("0.3 * ({})", value.text)),
                    value.axes & !over,
                )
            }
            3 => {
                let value = self.exactly(value, ALL);
                let over = self.some(ALL);
                expression(format!("dice[{}](sigmoid({} - 0.1), target)", written(over), value.text), ALL & !over)
            }
            4 => {
                let value = self.exactly(value, ALL);
                let over = self.some(ALL);
                expression(format!("bce_logits[{}]({} - 0.1, target)", written(over), value.text), ALL & !over)
            }
            5 => {
                let value = self.exactly(value, ALL);
                expression(format!("cross_entropy[N, C, ..S]({} - 0.1, label)", value.text), 0)
            }
            _ => {
                let value = self.exactly(value, ALL);
                expression(format!("huber[C]({}, 0.4 * x, delta = a)", value.text), N | S)
            }
        }
    }
}
