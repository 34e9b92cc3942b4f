//! Which kind is accepted as which, and what it is called.

use crate::hir::{Axis, Expr, ExprKind, Hyperparameter, IntRef, Kind};

/// A kind as it is written, with the names of the function's axes and hyperparameters.
pub fn kind_name(kind: Kind, axes: &[Axis], hyperparameters: &[Hyperparameter]) -> String {
    match kind {
        Kind::Real => "real".into(),
        Kind::Logit => "logit".into(),
        Kind::Prob => "prob".into(),
        Kind::Binary => "binary".into(),
        Kind::Sign => "sign".into(),
        Kind::Count => "count".into(),
        Kind::Int => "int".into(),
        Kind::Bool => "bool".into(),
        Kind::Loss => "loss".into(),
        Kind::Index { axis, ignored } => {
            let name = axes.get(axis.0 as usize).map_or("?", |axis| axis.name.as_str());
            match ignored {
                None => format!("index({name})"),
                Some(IntRef::Value(value)) => format!("index({name} or {value})"),
                Some(IntRef::Hyperparameter(position)) => {
                    let ignored = hyperparameters.get(position as usize).map_or("?", |one| one.name.as_str());
                    format!("index({name} or {ignored})")
                }
            }
        }
    }
}

/// The kind of a number that is written out.
pub fn literal_kind(value: f64) -> Kind {
    if value == 0.0 || value == 1.0 {
        Kind::Binary
    } else if value == -1.0 {
        Kind::Sign
    } else if (0.0..=1.0).contains(&value) {
        Kind::Prob
    } else if value >= 0.0 {
        Kind::Count
    } else {
        Kind::Real
    }
}

/// The number that an expression is, if it is one that is written out.
pub fn literal(expr: &Expr) -> Option<f64> {
    match expr.kind {
        ExprKind::Real(value) => Some(value),
        ExprKind::Int(value) => Some(value as f64),
        _ => None,
    }
}

/// Whether a value of kind `given` may stand where the float kind `wanted` is declared.
pub fn accepts(wanted: Kind, given: Kind) -> bool {
    if wanted == given {
        return true;
    }
    match wanted {
        Kind::Real => true,
        Kind::Logit => given == Kind::Real,
        Kind::Prob => matches!(given, Kind::Binary | Kind::Bool),
        Kind::Binary => given == Kind::Bool,
        Kind::Count => matches!(given, Kind::Prob | Kind::Binary | Kind::Bool),
        Kind::Int => given.is_int(),
        Kind::Sign | Kind::Bool | Kind::Index { .. } | Kind::Loss => false,
    }
}

/// Whether a number that is written out may stand where `wanted` is declared.
pub fn accepts_literal(wanted: Kind, value: f64) -> bool {
    match wanted {
        Kind::Real | Kind::Logit => true,
        Kind::Prob => (0.0..=1.0).contains(&value),
        Kind::Binary => value == 0.0 || value == 1.0,
        Kind::Sign => value.abs() == 1.0,
        Kind::Count => value >= 0.0,
        Kind::Int => value.fract() == 0.0,
        Kind::Bool | Kind::Index { .. } | Kind::Loss => false,
    }
}

/// The narrowest kind that holds both; none for a bool and a number.
pub fn join(a: Kind, b: Kind) -> Option<Kind> {
    if a == b {
        return Some(a);
    }
    if a.is_int() && b.is_int() {
        return Some(Kind::Int);
    }
    if a == Kind::Bool || b == Kind::Bool {
        let other = if a == Kind::Bool { b } else { a };
        return if other.is_int() { Some(Kind::Real) } else { join(Kind::Binary, other) };
    }
    if accepts(a, b) && a.is_real() {
        return Some(if a == Kind::Logit { Kind::Real } else { a });
    }
    if accepts(b, a) && b.is_real() {
        return Some(if b == Kind::Logit { Kind::Real } else { b });
    }
    Some(Kind::Real)
}

/// Whether the elements are never negative.
pub fn not_negative(kind: Kind) -> bool {
    matches!(kind, Kind::Prob | Kind::Binary | Kind::Count | Kind::Bool)
}
