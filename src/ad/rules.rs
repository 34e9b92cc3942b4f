//! The table of derivatives: a formula a row.
//!
//! `x` (or `a`, `b`) are the operands, `y` is the answer, `g` the incoming gradient. Rows know nothing of
//! shapes. They avoid differences of close numbers and overflow in the middle, so that they are exact
//! for extreme arguments in single precision too. The comment at a kink says what was decided.

use crate::ir::Formula;
use crate::op::{Binary, Element, Unary};

/// A gradient where a condition holds, and nothing elsewhere: a NaN of the side not taken stays there.
pub(super) struct Masked<'g> {
    pub condition: Option<Formula<'g>>,
    pub value: Formula<'g>,
}

fn everywhere(value: Formula) -> Option<Masked> {
    Some(Masked { condition: None, value })
}

fn only_where<'g>(condition: Formula<'g>, value: Formula<'g>) -> Option<Masked<'g>> {
    Some(Masked { condition: Some(condition), value })
}

/// Declares the rows of [`Unary`]; `0` is the derivative 0 everywhere.
macro_rules! unary_rows {
    ($($op:ident($x:ident) -> $y:ident, $g:ident => $formula:tt;)*) => {
        /// The gradient by the operand; nothing where it is 0 everywhere.
        pub(super) fn unary<'g>(op: Unary, x: Formula<'g>, y: Formula<'g>, g: Formula<'g>) -> Option<Formula<'g>> {
            match op { $(Unary::$op => { let ($x, $y, $g) = (x, y, g); unary_rows!(@value $formula, $x, $y, $g) })* }
        }

        /// The formula of a row, for documentation.
        pub fn unary_formula(op: Unary) -> &'static str {
            match op { $(Unary::$op => stringify!($formula),)* }
        }
    };
    (@value 0, $x:ident, $y:ident, $g:ident) => {{ let _ = ($x, $y, $g); None }};
    (@value $formula:tt, $x:ident, $y:ident, $g:ident) => {{ let _ = ($x, $y, $g); Some($formula) }};
}

#[rustfmt::skip]
unary_rows! {
    Neg(x) -> y, g        => (-g);
    Abs(x) -> y, g        => (g * x.sign());                                    // 0 at 0
    Exp(x) -> y, g        => (g * y);
    Log(x) -> y, g        => (g / x);
    Sqrt(x) -> y, g       => (0.0.below(y).select(g / (2.0 * y), y.literal(0.0))); // 0 at 0
    Sign(x) -> y, g       => 0;
    Sin(x) -> y, g        => (g * x.cos());
    Cos(x) -> y, g        => (-(g * x.sin()));
    Tan(x) -> y, g        => (g * (1.0 + y * y));
    Asin(x) -> y, g       => (g / ((1.0 - x) * (1.0 + x)).sqrt());              // ∞ at ±1
    Acos(x) -> y, g       => (-(g / ((1.0 - x) * (1.0 + x)).sqrt()));           // −∞ at ±1
    Atan(x) -> y, g       => (g / (1.0 + x * x));
    Sinh(x) -> y, g       => (g * x.cosh());
    Cosh(x) -> y, g       => (g * x.sinh());
    Tanh(x) -> y, g       => (g * (4.0 * (2.0 * x).sigmoid() * (-2.0 * x).sigmoid())); // 1 − y² cancels
    Sigmoid(x) -> y, g    => (g * (x.sigmoid() * (-x).sigmoid()));              // y(1 − y) cancels
    LogSigmoid(x) -> y, g => (g * (-x).sigmoid());
    Softplus(x) -> y, g   => (g * x.sigmoid());
    LogCosh(x) -> y, g    => (g * x.tanh());
    Erf(x) -> y, g        => (g * (std::f64::consts::FRAC_2_SQRT_PI * (-(x * x)).exp()));
    Lgamma(x) -> y, g     => (g * x.polygamma(0));
    Expm1(x) -> y, g      => (g * x.exp());                                     // 1 + y cancels
    Log1p(x) -> y, g      => (g / (1.0 + x));
    Floor(x) -> y, g      => 0;
    Ceil(x) -> y, g       => 0;
    Round(x) -> y, g      => 0;
}

/// Declares the rows of [`Binary`]: the gradient by `a` and that by `b`.
macro_rules! binary_rows {
    ($($op:ident($a:ident, $b:ident) -> $y:ident, $g:ident => $by_a:expr, $by_b:expr;)*) => {
        /// The gradient by the first (0) or the second (1) operand; nothing where it is 0 everywhere.
        pub(super) fn binary<'g>(
            op: Binary, operand: usize, a: Formula<'g>, b: Formula<'g>, y: Formula<'g>, g: Formula<'g>,
        ) -> Option<Masked<'g>> {
            match (op, operand) {
                $((Binary::$op, 0) => { let ($a, $b, $y, $g) = (a, b, y, g); let _ = ($a, $b, $y, $g); $by_a })*
                $((Binary::$op, _) => { let ($a, $b, $y, $g) = (a, b, y, g); let _ = ($a, $b, $y, $g); $by_b })*
            }
        }

        /// The formulas of a row, for documentation.
        pub fn binary_formula(op: Binary) -> [&'static str; 2] {
            match op { $(Binary::$op => [stringify!($by_a), stringify!($by_b)],)* }
        }
    };
}

#[rustfmt::skip]
binary_rows! {
    Add(a, b) -> y, g => everywhere(g), everywhere(g);
    Sub(a, b) -> y, g => everywhere(g), everywhere(-g);
    Mul(a, b) -> y, g => everywhere(g * b), everywhere(g * a);
    Div(a, b) -> y, g => everywhere(g / b), everywhere(-(g * y / b));
    // Half to each side at a tie.
    Min(a, b) -> y, g => only_where(a.at_most(b), a.equals(b).select(g * 0.5, g)),
                         only_where(b.at_most(a), a.equals(b).select(g * 0.5, g));
    Max(a, b) -> y, g => only_where(b.at_most(a), a.equals(b).select(g * 0.5, g)),
                         only_where(a.at_most(b), a.equals(b).select(g * 0.5, g));
    // By a at a = 0: 1 if b = 1, else 0. By b at a = 0: 0.
    Pow(a, b) -> y, g => everywhere(0.0.below(a).select(
                             g * b * a.binary(Binary::Pow, b - 1.0),
                             a.equals(a.literal(0.0)).and(b.equals(b.literal(1.0))).select(g, a.literal(0.0)))),
                         everywhere(0.0.below(a).select(g * y * a.log(), a.literal(0.0)));
    // 0 for n = 0, where a^(n − 1) may be infinite.
    Powi(a, n) -> y, g => only_where(!n.equals(n.integer(0)),
                              g * (n.cast(Element::Real) * a.binary(Binary::Powi, n - n.integer(1)))), None;
    // 0 at the origin.
    Atan2(a, b) -> y, g => everywhere(0.0.below(a * a + b * b).select(g * b / (a * a + b * b), a.literal(0.0))),
                           everywhere(0.0.below(a * a + b * b).select(-(g * a / (a * a + b * b)), a.literal(0.0)));
}

/// Lets a literal stand on the left of a comparison, as it does in the rows.
trait Below {
    fn below(self, other: Formula) -> Formula;
}

impl Below for f64 {
    fn below(self, other: Formula) -> Formula {
        other.literal(self).below(other)
    }
}
