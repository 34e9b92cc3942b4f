//! Constant folding: an elementwise operation on literals is a literal, computed by `numeric`.

use crate::ir::{Constant, Op};
use crate::numeric;
use crate::op::Element;

/// The value of an operation on literals; nothing for operations that are not elementwise.
pub(super) fn fold(op: &Op, operands: &[Constant]) -> Option<Constant> {
    use Constant::{Bool, Int, Real};
    Some(match (op, operands) {
        (Op::Unary(op), [Real(x)]) => Real(numeric::unary_f64(*op, *x)),
        (Op::Unary(op), [Int(x)]) => Int(numeric::unary_i64(*op, *x)),
        (Op::Binary(op), [Real(a), Real(b)]) => Real(numeric::binary_f64(*op, *a, *b)),
        (Op::Binary(op), [Int(a), Int(b)]) => Int(numeric::binary_i64(*op, *a, *b)),
        (Op::Binary(_), [Real(a), Int(n)]) => Real(numeric::powi(*a, *n)),
        (Op::Compare(op), [Real(a), Real(b)]) => Bool(numeric::compare(*op, *a, *b)),
        (Op::Compare(op), [Int(a), Int(b)]) => Bool(numeric::compare(*op, *a, *b)),
        (Op::Logic(op), [Bool(a)]) => Bool(numeric::logic(*op, *a, false)),
        (Op::Logic(op), [Bool(a), Bool(b)]) => Bool(numeric::logic(*op, *a, *b)),
        (Op::Polygamma(n), [Real(x)]) => Real(numeric::polygamma_f64(*n, *x)),
        (Op::Select, [Bool(condition), yes, no]) => {
            if *condition {
                *yes
            } else {
                *no
            }
        }
        (Op::Cast(element), [x]) => cast(*element, *x),
        _ => return None,
    })
}

fn cast(element: Element, x: Constant) -> Constant {
    use Constant::{Bool, Int, Real};
    match (element, x) {
        (Element::Real, Int(x)) => Real(x as f64),
        (Element::Real, Bool(x)) => Real(f64::from(x)),
        (Element::Int, Real(x)) => Int(numeric::to_int(x)),
        (Element::Int, Bool(x)) => Int(i64::from(x)),
        (Element::Bool, Real(x)) => Bool(x != 0.0),
        (Element::Bool, Int(x)) => Bool(x != 0),
        (_, same) => same,
    }
}
