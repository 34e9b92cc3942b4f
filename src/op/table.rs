//! The rows.

/// Declares an enum of operations with a name and a sentence for each.
macro_rules! operations {
    ($(#[$meta:meta])* $kind:ident { $($variant:ident $name:literal $doc:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $kind { $(#[doc = $doc] $variant,)* }

        impl $kind {
            /// Every row, in the order of the table.
            pub const ALL: &'static [$kind] = &[$($kind::$variant),*];

            /// As it is printed and parsed in the text form of the graph.
            pub fn name(self) -> &'static str {
                match self { $($kind::$variant => $name,)* }
            }

            /// One sentence on what it computes, with its edge values.
            pub fn doc(self) -> &'static str {
                match self { $($kind::$variant => $doc,)* }
            }

            /// The operation of a name.
            pub fn from_name(name: &str) -> Option<$kind> {
                match name { $($name => Some($kind::$variant),)* _ => None }
            }
        }
    };
}

operations! {
    /// One real (for `neg` and `abs` also int) operand, elementwise; the result has its type.
    Unary {
        Neg        "neg"         "−x.",
        Abs        "abs"         "|x|; its derivative at 0 is 0.",
        Exp        "exp"         "e^x.",
        Log        "log"         "The natural logarithm; −∞ at 0, NaN below.",
        Sqrt       "sqrt"        "The square root; its derivative at 0 is 0, NaN below.",
        Sign       "sign"        "−1, 0 or 1, NaN for NaN; its derivative is 0 everywhere.",
        Sin        "sin"         "The sine of an angle in radians.",
        Cos        "cos"         "The cosine of an angle in radians.",
        Tan        "tan"         "The tangent of an angle in radians.",
        Asin       "asin"        "The arc sine, NaN outside [−1, 1].",
        Acos       "acos"        "The arc cosine, NaN outside [−1, 1].",
        Atan       "atan"        "The arc tangent.",
        Sinh       "sinh"        "The hyperbolic sine.",
        Cosh       "cosh"        "The hyperbolic cosine.",
        Tanh       "tanh"        "The hyperbolic tangent.",
        Sigmoid    "sigmoid"     "1 / (1 + e^−x), without overflow on either side.",
        LogSigmoid "log_sigmoid" "ln sigmoid(x), exact for large |x|.",
        Softplus   "softplus"    "ln(1 + e^x), exact for large |x|.",
        LogCosh    "log_cosh"    "ln cosh x, exact for large and for small |x|.",
        Erf        "erf"         "The error function.",
        Lgamma     "lgamma"      "ln |Γ(x)|; +∞ at 0 and the negative integers.",
        Expm1      "expm1"       "e^x − 1, exact for small |x|.",
        Log1p      "log1p"       "ln(1 + x), exact for small |x|; −∞ at −1.",
        Floor      "floor"       "The largest integer not above x, as a real; derivative 0.",
        Ceil       "ceil"        "The smallest integer not below x, as a real; derivative 0.",
        Round      "round"       "The nearest integer as a real, halves to the even one; derivative 0.",
    }
}

operations! {
    /// Two operands of one element type, aligned by axis name; the result has that element type.
    /// `div`, `pow` and `atan2` take reals; the others also ints. `powi` is real to the power of an int.
    Binary {
        Add   "add"   "a + b.",
        Sub   "sub"   "a − b.",
        Mul   "mul"   "a · b.",
        Div   "div"   "a / b, as IEEE has it.",
        Min   "min"   "The smaller; NaN if either is; a tie gives half of the gradient to each.",
        Max   "max"   "The larger; NaN if either is; a tie gives half of the gradient to each.",
        Pow   "pow"   "max(a, 0)^b with 0^0 = 1; at a = 0 the derivative by a is 1 if b = 1, else 0, and by b is 0. NaN if a or b is.",
        Powi  "powi"  "a^n for an int n (the second operand), the repeated product; 1 for n = 0.",
        Atan2 "atan2" "The angle of the point (b, a), in radians; 0 with derivative 0 at (0, 0).",
    }
}

operations! {
    /// Two real or two int operands, aligned by axis name; the result is bool. False where either is NaN, but for `ne`.
    Compare {
        Eq "eq" "a = b.",
        Ne "ne" "a ≠ b.",
        Lt "lt" "a < b.",
        Le "le" "a ≤ b.",
    }
}

operations! {
    /// Operations on bools.
    Logic {
        And "and" "Both.",
        Or  "or"  "At least one.",
        Not "not" "The other one (a single operand).",
    }
}

operations! {
    /// Reductions over a set of axes; real, and for `sum`, `min` and `max` also int.
    ReduceOp {
        Sum  "sum"  "The sum; 0 over nothing.",
        Prod "prod" "The product; 1 over nothing.",
        Min  "min"  "The smallest, NaN if any is; +∞ (for ints the largest int) over nothing; ties share the gradient evenly.",
        Max  "max"  "The largest, NaN if any is; −∞ (for ints the smallest int) over nothing; ties share the gradient evenly.",
    }
}

operations! {
    /// The softmax family over a set of axes: one reduction and three maps. A tied maximum, ±∞ and NaN
    /// follow from the definition with m the maximum, e = 1 where x = m else exp(x − m), and
    /// r = Σ (0 where x = m else e) + (number of x = m) − 1, so that 1 + r is the sum of all e.
    SoftmaxOp {
        LogSumExp  "logsumexp"   "m + ln(1 + r), a reduction; −∞ over nothing.",
        Softmax    "softmax"     "e / (1 + r), the axes kept.",
        Complement "complement"  "1 − softmax without cancellation: r / (1 + r) where x = m, else 1 − e / (1 + r).",
        LogSoftmax "log_softmax" "(0 where x = m, else x − m) − ln(1 + r), the axes kept.",
    }
}
