//! The functions that the language has built in, one row each.

use crate::hir::{Along, Reduction};
use crate::op::{Binary, Unary};

/// How a built-in function is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// Elementwise, one real.
    Unary(Unary),
    /// Elementwise, one real or int of which the kind stays (abs).
    Abs,
    /// To the int nearby.
    Rounded(Unary),
    /// The derivative of `lgamma`.
    Digamma,
    /// `max(x, 0)`
    Relu,
    /// `clamp(x, low, high)`
    Clamp,
    /// `atan2(y, x)`
    Atan2,
    /// With two arguments elementwise, with one a reduction.
    Extremum(Binary, Reduction),
    /// No gradient.
    Stop,
    /// A reduction over the axes in brackets, or all.
    Reduce(Reduction),
    /// An operation along the axes in brackets.
    Along(Along),
    /// What the outermost reduction of a loss reduces.
    Each,
    /// A reduction as a loss does it.
    ReduceLike,
    /// The largest elements on a new axis.
    TopK,
}

/// One built-in function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltinRow {
    /// Its name.
    pub name: &'static str,
    /// How it is typed.
    pub builtin: Builtin,
    /// How it is written.
    pub usage: &'static str,
    /// One sentence.
    pub doc: &'static str,
}

const fn row(name: &'static str, builtin: Builtin, usage: &'static str, doc: &'static str) -> BuiltinRow {
    BuiltinRow { name, builtin, usage, doc }
}

/// Every built-in function.
#[rustfmt::skip]
pub const BUILTINS: &[BuiltinRow] = &[
    row("abs",         Builtin::Abs,                         "abs(x)",         "The absolute value; derivative 0 at 0."),
    row("exp",         Builtin::Unary(Unary::Exp),           "exp(x)",         "e to the x."),
    row("log",         Builtin::Unary(Unary::Log),           "log(x)",         "The natural logarithm."),
    row("sqrt",        Builtin::Unary(Unary::Sqrt),          "sqrt(x)",        "The square root; derivative 0 at 0."),
    row("sign",        Builtin::Unary(Unary::Sign),          "sign(x)",        "−1, 0 or 1; derivative 0."),
    row("sin",         Builtin::Unary(Unary::Sin),           "sin(x)",         "The sine, x in radians."),
    row("cos",         Builtin::Unary(Unary::Cos),           "cos(x)",         "The cosine, x in radians."),
    row("tan",         Builtin::Unary(Unary::Tan),           "tan(x)",         "The tangent, x in radians."),
    row("asin",        Builtin::Unary(Unary::Asin),          "asin(x)",        "The arc sine, in radians."),
    row("acos",        Builtin::Unary(Unary::Acos),          "acos(x)",        "The arc cosine, in radians."),
    row("atan",        Builtin::Unary(Unary::Atan),          "atan(x)",        "The arc tangent, in radians."),
    row("atan2",       Builtin::Atan2,                       "atan2(y, x)",    "The angle of the point (x, y); 0 with derivative 0 at the origin."),
    row("sinh",        Builtin::Unary(Unary::Sinh),          "sinh(x)",        "The hyperbolic sine."),
    row("cosh",        Builtin::Unary(Unary::Cosh),          "cosh(x)",        "The hyperbolic cosine."),
    row("tanh",        Builtin::Unary(Unary::Tanh),          "tanh(x)",        "The hyperbolic tangent."),
    row("sigmoid",     Builtin::Unary(Unary::Sigmoid),       "sigmoid(x)",     "1 / (1 + e^−x), a probability."),
    row("log_sigmoid", Builtin::Unary(Unary::LogSigmoid),    "log_sigmoid(x)", "The logarithm of sigmoid(x)."),
    row("softplus",    Builtin::Unary(Unary::Softplus),      "softplus(x)",    "log(1 + e^x)."),
    row("relu",        Builtin::Relu,                        "relu(x)",        "max(x, 0)."),
    row("erf",         Builtin::Unary(Unary::Erf),           "erf(x)",         "The error function."),
    row("lgamma",      Builtin::Unary(Unary::Lgamma),        "lgamma(x)",      "The logarithm of |Γ(x)|."),
    row("digamma",     Builtin::Digamma,                     "digamma(x)",     "The derivative of lgamma."),
    row("expm1",       Builtin::Unary(Unary::Expm1),         "expm1(x)",       "e^x − 1."),
    row("log1p",       Builtin::Unary(Unary::Log1p),         "log1p(x)",       "log(1 + x)."),
    row("floor",       Builtin::Rounded(Unary::Floor),       "floor(x)",       "The largest int not above x."),
    row("ceil",        Builtin::Rounded(Unary::Ceil),        "ceil(x)",        "The smallest int not below x."),
    row("round",       Builtin::Rounded(Unary::Round),       "round(x)",       "The nearest int, halves to the even one."),
    row("min",         Builtin::Extremum(Binary::Min, Reduction::Min), "min(a, b), min[N](x where c)", "The smaller; over axes the smallest; ties share the gradient."),
    row("max",         Builtin::Extremum(Binary::Max, Reduction::Max), "max(a, b), max[N](x where c)", "The larger; over axes the largest; ties share the gradient."),
    row("clamp",       Builtin::Clamp,                       "clamp(x, low, high)", "x kept within bounds; the gradient passes on the closed interval."),
    row("stop",        Builtin::Stop,                        "stop(x)",        "x without a gradient."),
    row("sum",         Builtin::Reduce(Reduction::Sum),      "sum[N](x where c)", "The sum; 0 over nothing."),
    row("mean",        Builtin::Reduce(Reduction::Mean),     "mean[N](x per w where c)", "Σx / Σw over the elements with c, w being 1 without `per`; 0 if Σw is 0."),
    row("prod",        Builtin::Reduce(Reduction::Prod),     "prod[N](x where c)", "The product; 1 over nothing."),
    row("count",       Builtin::Reduce(Reduction::Count),    "count[N](c)",    "How many are true, an int."),
    row("any",         Builtin::Reduce(Reduction::Any),      "any[N](c)",      "Whether one is true."),
    row("all",         Builtin::Reduce(Reduction::All),      "all[N](c)",      "Whether none is false."),
    row("logsumexp",   Builtin::Reduce(Reduction::LogSumExp),"logsumexp[C](x where c)", "log Σ e^x without overflow; −∞ over nothing."),
    row("norm",        Builtin::Reduce(Reduction::Norm),     "norm[D](x)",     "The Euclidean norm; derivative 0 at 0."),
    row("var",         Builtin::Reduce(Reduction::Var),      "var[N](x)",      "The variance with divisor n − 1 (1 if n is 1)."),
    row("std",         Builtin::Reduce(Reduction::Std),      "std[N](x)",      "The square root of the variance."),
    row("argmax",      Builtin::Reduce(Reduction::ArgMax),   "argmax[C](x)",   "The position of the first largest, an int."),
    row("argmin",      Builtin::Reduce(Reduction::ArgMin),   "argmin[C](x)",   "The position of the first smallest, an int."),
    row("softmax",     Builtin::Along(Along::Softmax),       "softmax[C](x)",  "e^x / Σ e^x along C, probabilities."),
    row("log_softmax", Builtin::Along(Along::LogSoftmax),    "log_softmax[C](x)", "The logarithm of softmax."),
    row("normalize",   Builtin::Along(Along::Normalize),     "normalize[D](x)", "x / ‖x‖ along D; 0 with derivative 0 at 0."),
    row("each",        Builtin::Each,                        "each(loss)",     "What the outermost mean or sum of a loss reduces."),
    row("reduce",      Builtin::ReduceLike,                  "reduce(loss, x per w where c)", "x reduced as the loss reduces its elements, with its divisor and filter."),
    row("cumsum",      Builtin::Along(Along::CumSum),        "cumsum[T](x)",   "Sums up to and with each place along T."),
    row("sort",        Builtin::Along(Along::Sort),          "sort[N](x)",     "Ascending along N; equal elements keep their order, NaN stands last."),
    row("topk",        Builtin::TopK,                        "topk[N, M -> T](x where c, k)", "The k largest over N and M, descending, on a new axis T; −∞ where there are fewer."),
];

/// The built-in function of a name.
pub fn builtin(name: &str) -> Option<&'static BuiltinRow> {
    BUILTINS.iter().find(|row| row.name == name)
}
