//! Reductions, as far as patterns can say it; what looks at axes is in `structural`.

use super::Grade::{Exact, Extends};
use super::{Row, always};

/// The rules on reductions.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    always("sum-neg",     Exact,   "sum[A](-x) => -sum[A](x)"),
    always("prod-exp",    Extends, "prod[A](exp(x)) => exp(sum[A](x))"),
    always("max-exp-log", Extends, "log(max[A](exp(x))) => max[A](x)"),
];
