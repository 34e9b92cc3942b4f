//! Every table covers the same operations.

use lossc::ad::{binary_formula, unary_formula};
use lossc::numeric;
use lossc::op::{Binary, Compare, Logic, ReduceOp, SoftmaxOp, Unary};

#[test]
fn names_lead_back_to_their_rows() {
    for &op in Unary::ALL {
        assert_eq!(Unary::from_name(op.name()), Some(op));
        assert!(op.doc().ends_with('.'));
    }
    for &op in Binary::ALL {
        assert_eq!(Binary::from_name(op.name()), Some(op));
    }
    for &op in Compare::ALL {
        assert_eq!(Compare::from_name(op.name()), Some(op));
    }
    for &op in Logic::ALL {
        assert_eq!(Logic::from_name(op.name()), Some(op));
    }
    for &op in ReduceOp::ALL {
        assert_eq!(ReduceOp::from_name(op.name()), Some(op));
    }
    for &op in SoftmaxOp::ALL {
        assert_eq!(SoftmaxOp::from_name(op.name()), Some(op));
    }
}

#[test]
fn no_name_is_used_twice() {
    let mut names: Vec<&str> = Unary::ALL.iter().map(|op| op.name()).collect();
    names.extend(Binary::ALL.iter().map(|op| op.name()));
    names.extend(Compare::ALL.iter().map(|op| op.name()));
    names.extend(Logic::ALL.iter().map(|op| op.name()));
    names.extend(SoftmaxOp::ALL.iter().map(|op| op.name()));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

/// The operations whose derivative is 0 everywhere, each because it is constant between its jumps.
const NO_GRADIENT: [Unary; 4] = [Unary::Sign, Unary::Floor, Unary::Ceil, Unary::Round];

#[test]
fn every_operation_has_a_derivative_or_a_reason() {
    for &op in Unary::ALL {
        assert_eq!(unary_formula(op) == "0", NO_GRADIENT.contains(&op), "{}", op.name());
    }
    for &op in Binary::ALL {
        let none = binary_formula(op).map(|formula| formula == "None");
        assert_eq!(none, [false, op == Binary::Powi], "{}", op.name());
    }
}

#[test]
fn every_operation_has_a_scalar_function_in_both_precisions() {
    for &op in Unary::ALL {
        let (double, single) = (numeric::unary_f64(op, 0.5), numeric::unary_f32(op, 0.5));
        assert_eq!(single, double as f32, "{}", op.name());
        assert!(numeric::unary_f64(op, f64::NAN).is_nan(), "{} loses NaN", op.name());
    }
    for &op in Binary::ALL {
        assert_eq!(numeric::binary_f32(op, 0.5, 2.0), numeric::binary_f64(op, 0.5, 2.0) as f32, "{}", op.name());
        assert!(numeric::binary_f64(op, f64::NAN, 2.0).is_nan(), "{} loses NaN", op.name());
    }
}
