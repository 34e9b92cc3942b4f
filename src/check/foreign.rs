//! Words of other libraries, and how the same is written here: for suggestions only.

/// Functions that people know from elsewhere.
const FUNCTIONS: &[(&[&str], &str)] = &[
    (&["ln"], "log(x)"),
    (&["pow", "power"], "x ^ n"),
    (&["square", "sqr"], "x ^ 2"),
    (&["reduce_mean", "average", "avg", "nanmean"], "mean[N](x)"),
    (&["reduce_sum", "nansum"], "sum[N](x)"),
    (&["reduce_max", "amax", "maximum", "fmax"], "max(a, b), max[N](x)"),
    (&["reduce_min", "amin", "minimum", "fmin"], "min(a, b), min[N](x)"),
    (&["lse", "log_sum_exp", "reduce_logsumexp"], "logsumexp[C](x)"),
    (&["expit", "logistic"], "sigmoid(x)"),
    (&["logsigmoid"], "log_sigmoid(x)"),
    (&["detach", "stop_gradient", "no_grad"], "stop(x)"),
    (&["where", "select", "cond"], "if condition then a else b"),
    (&["gather", "take", "index_select", "take_along_axis"], "x[C = label]"),
    (&["one_hot", "onehot", "to_categorical"], "label == index[C]"),
    (&["matmul", "mm", "bmm", "dot", "einsum", "inner"], "sum[D](x * w)"),
    (&["arange", "range", "iota"], "index[N]"),
    (&["len", "shape", "numel"], "size[N]"),
    (&["clip", "clamp_min", "clip_by_value"], "clamp(x, low, high)"),
    (&["l2_normalize"], "normalize[D](x)"),
    (&["arctan", "arccos", "arcsin"], "atan(x), acos(x), asin(x)"),
];

/// Kinds that people know from elsewhere.
const KINDS: &[(&[&str], &str)] = &[
    (&["float", "float32", "float64", "f16", "f32", "f64", "double", "number", "tensor", "Tensor"], "real"),
    (&["integer", "long", "i32", "i64", "int64", "int32", "u8"], "int"),
    (&["label", "labels", "class", "category", "categorical"], "index(C)"),
    (&["boolean", "mask"], "binary"),
    (&["probability"], "prob"),
];

fn find(table: &[(&[&str], &'static str)], word: &str) -> Option<&'static str> {
    table.iter().find(|(words, _)| words.contains(&word)).map(|(_, usage)| *usage)
}

/// How a function of another library is written here.
pub fn counterpart(function: &str) -> Option<&'static str> {
    find(FUNCTIONS, function.rsplit("::").next().unwrap_or(function))
}

/// The kind that a type of another language is here.
pub fn kind(word: &str) -> Option<&'static str> {
    find(KINDS, word)
}
