//! Stability: logarithms, exponentials, and the sigmoid and softmax families.
//!
//! Direction: towards the operation of the table that is exact for extreme arguments. Every row that has an
//! exponential on its left extends: the left side overflows or cancels where the right one does not.

use super::Grade::{Extends, Rounding};
use super::{Condition, Row, always, when};

/// The pick is along the one axis that is normalised.
const PICKED: Condition = Condition { name: "A is B alone", holds: |_, found| found.axes('A') == found.axes('B') };

/// The rules on logarithms and exponentials.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    always("log-exp",              Extends,  "log(exp(x)) => x"),
    always("exp-log",              Extends,  "exp(log(x)) => x"),
    always("log-sigmoid",          Extends,  "log(sigmoid(x)) => log_sigmoid(x)"),
    always("exp-log-sigmoid",      Extends,  "exp(log_sigmoid(x)) => sigmoid(x)"),
    always("one-minus-sigmoid",    Extends,  "1 - sigmoid(x) => sigmoid(-x)"),
    always("sigmoid-minus-one",    Extends,  "sigmoid(x) - 1 => -sigmoid(-x)"),
    always("neg-log-sigmoid",      Rounding, "-log_sigmoid(x) => softplus(-x)"),
    always("scale-log-sigmoid",    Rounding, "log_sigmoid(x) * c => softplus(-x) * -c"),
    always("reciprocal-sigmoid",   Extends,  "1 / (1 + exp(-x)) => sigmoid(x)"),
    always("reciprocal-sigmoid-2", Extends,  "1 / (1 + exp(x)) => sigmoid(-x)"),
    always("quotient-sigmoid",     Extends,  "exp(x) / (1 + exp(x)) => sigmoid(x)"),
    always("log-one-plus-exp",     Extends,  "log(1 + exp(x)) => softplus(x)"),
    always("log1p-exp",            Extends,  "log1p(exp(x)) => softplus(x)"),
    always("softplus-minus-x",     Extends,  "softplus(x) - x => softplus(-x)"),
    always("log-one-plus",         Extends,  "log(1 + x) => log1p(x)"),
    always("log-one-minus",        Extends,  "log(1 - x) => log1p(-x)"),
    always("log1p-sigmoid",        Extends,  "log1p(-sigmoid(x)) => log_sigmoid(-x)"),
    always("log1p-expm1",          Extends,  "log1p(expm1(x)) => x"),
    always("expm1-log1p",          Extends,  "expm1(log1p(x)) => x"),
    always("exp-log1p",            Extends,  "exp(log1p(x)) => 1 + x"),
    always("exp-minus-one",        Extends,  "exp(x) - 1 => expm1(x)"),
    always("one-minus-exp",        Extends,  "1 - exp(x) => -expm1(x)"),
    always("neg-one-plus-exp",     Extends,  "exp(x) + -1 => expm1(x)"),
    always("log-cosh",             Extends,  "log(cosh(x)) => log_cosh(x)"),
    always("cosh-of-exp",          Extends,  "(exp(x) + exp(-x)) * 0.5 => cosh(x)"),
    always("sinh-of-exp",          Extends,  "(exp(x) - exp(-x)) * 0.5 => sinh(x)"),
    always("tanh-of-exp",          Extends,  "(exp(x) - exp(-x)) / (exp(x) + exp(-x)) => tanh(x)"),
    always("tanh-of-hyperbolic",   Extends,  "sinh(x) / cosh(x) => tanh(x)"),
    always("tanh-of-sigmoid",      Extends,  "sigmoid(x * 2) * 2 - 1 => tanh(x)"),
    always("log-sum-exp",          Extends,  "log(sum[A](exp(x))) => logsumexp[A](x)"),
    always("softmax-of-exp",       Extends,  "exp(x) / sum[A](exp(x)) => softmax[A](x)"),
    always("log-softmax",          Extends,  "log(softmax[A](x)) => log_softmax[A](x)"),
    always("exp-log-softmax",      Extends,  "exp(log_softmax[A](x)) => softmax[A](x)"),
    always("minus-logsumexp",      Extends,  "x - logsumexp[A](x) => log_softmax[A](x)"),
    always("logsumexp-minus",      Extends,  "logsumexp[A](x) - x => -log_softmax[A](x)"),
    when  ("pick-minus-logsumexp", Extends,  "gather[B](x, i) - logsumexp[A](x) => gather[B](log_softmax[A](x), i)", PICKED),
    when  ("logsumexp-minus-pick", Extends,  "logsumexp[A](x) - gather[B](x, i) => -gather[B](log_softmax[A](x), i)", PICKED),
    always("one-minus-softmax",    Extends,  "1 - softmax[A](x) => complement[A](x)"),
    always("softmax-minus-one",    Extends,  "softmax[A](x) - 1 => -complement[A](x)"),
    always("one-minus-complement", Extends,  "1 - complement[A](x) => softmax[A](x)"),
    always("one-minus-pick",       Extends,  "1 - gather[B](softmax[A](x), i) => gather[B](complement[A](x), i)"),
    always("pick-minus-one",       Extends,  "gather[B](softmax[A](x), i) - 1 => -gather[B](complement[A](x), i)"),
    always("log-pick-softmax",     Extends,  "log(gather[B](softmax[A](x), i)) => gather[B](log_softmax[A](x), i)"),
    always("expm1-log-softmax",    Extends,  "expm1(log_softmax[A](x)) => -complement[A](x)"),
    always("expm1-log-sigmoid",    Extends,  "expm1(log_sigmoid(x)) => -sigmoid(-x)"),
    always("log1p-softmax",        Extends,  "log1p(-softmax[A](x)) => log(complement[A](x))"),
    always("exp-softplus",         Rounding, "exp(-softplus(x)) => sigmoid(-x)"),
    always("exp-twice-softplus",   Rounding, "exp(softplus(x) * -2) => sigmoid(-x) * sigmoid(-x)"),
];
