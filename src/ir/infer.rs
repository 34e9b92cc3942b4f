//! The type of every operation on its operands: one place that says what fits what.

use super::graph::{Axes, Constant, Graph, NodeId, Op, Type, union, without};
use crate::op::{Binary, Element, Logic, ReduceOp, SoftmaxOp, Unary};

impl Graph {
    /// The type of an operation on operands.
    ///
    /// # Panics
    /// If the operands do not fit the operation: a bug of the compiler.
    pub fn infer(&self, op: &Op, operands: &[NodeId]) -> Type {
        let ty = |position: usize| self.ty(operands[position]);
        let scalar = |element| Type { element, axes: Axes::new() };
        match op {
            Op::Constant(Constant::Real(_)) | Op::Parameter(_) => scalar(Element::Real),
            Op::Constant(Constant::Int(_)) | Op::Size(_) => scalar(Element::Int),
            Op::Constant(Constant::Bool(_)) => scalar(Element::Bool),
            Op::Input(_) => unreachable!("inputs are added by `Graph::input`, which is told their type"),
            Op::Index(axis) => Type { element: Element::Int, axes: [*axis].into_iter().collect() },
            Op::Unary(unary) => {
                let both = matches!(unary, Unary::Neg | Unary::Abs);
                assert!(ty(0).element == Element::Real || (both && ty(0).element == Element::Int), "{op:?}");
                ty(0).clone()
            }
            Op::Binary(binary) => {
                let exponent = *binary == Binary::Powi;
                let real_only = matches!(binary, Binary::Div | Binary::Pow | Binary::Atan2 | Binary::Powi);
                let second = if exponent { Element::Int } else { ty(0).element };
                assert!(ty(1).element == second && ty(0).element != Element::Bool, "{op:?}");
                assert!(!real_only || ty(0).element == Element::Real, "{op:?}");
                Type { element: ty(0).element, axes: union(&ty(0).axes, &ty(1).axes) }
            }
            Op::Compare(_) => {
                assert!(ty(0).element == ty(1).element && ty(0).element != Element::Bool, "{op:?}");
                Type { element: Element::Bool, axes: union(&ty(0).axes, &ty(1).axes) }
            }
            Op::Logic(logic) => {
                assert_eq!(operands.len(), if *logic == Logic::Not { 1 } else { 2 }, "{op:?}");
                let mut axes = Axes::new();
                for position in 0..operands.len() {
                    assert_eq!(ty(position).element, Element::Bool, "{op:?}");
                    axes = union(&axes, &ty(position).axes);
                }
                Type { element: Element::Bool, axes }
            }
            Op::Polygamma(_) => {
                assert_eq!(ty(0).element, Element::Real, "{op:?}");
                ty(0).clone()
            }
            Op::Select => {
                assert!(ty(0).element == Element::Bool && ty(1).element == ty(2).element, "{op:?}");
                let axes = union(&union(&ty(0).axes, &ty(1).axes), &ty(2).axes);
                Type { element: ty(1).element, axes }
            }
            Op::Cast(element) => Type { element: *element, axes: ty(0).axes.clone() },
            Op::Stop => ty(0).clone(),
            Op::Broadcast(new) => {
                assert!(new.iter().all(|axis| !ty(0).axes.contains(axis)), "{op:?}");
                Type { element: ty(0).element, axes: union(&ty(0).axes, new) }
            }
            Op::Reduce(reduce, axes) => {
                assert!(axes.iter().all(|axis| ty(0).axes.contains(axis)), "{op:?}");
                assert!(
                    ty(0).element == Element::Real || (ty(0).element == Element::Int && *reduce != ReduceOp::Prod),
                    "{op:?}"
                );
                Type { element: ty(0).element, axes: without(&ty(0).axes, axes) }
            }
            Op::Softmax(softmax, axes) => {
                assert!(axes.iter().all(|axis| ty(0).axes.contains(axis)), "{op:?}");
                assert_eq!(ty(0).element, Element::Real, "{op:?}");
                if *softmax == SoftmaxOp::LogSumExp {
                    Type { element: Element::Real, axes: without(&ty(0).axes, axes) }
                } else {
                    ty(0).clone()
                }
            }
            Op::Gather(axis) => {
                assert!(ty(0).axes.contains(axis) && ty(1).element == Element::Int, "{op:?}");
                let mut axes = Axes::new();
                for &own in &ty(0).axes {
                    if own == *axis {
                        axes = union(&axes, &without(&ty(1).axes, &without(&ty(0).axes, &[*axis])));
                    } else {
                        axes.push(own);
                    }
                }
                Type { element: ty(0).element, axes }
            }
            Op::Order(axis) => {
                assert!(ty(0).axes.contains(axis) && ty(0).element == Element::Real, "{op:?}");
                Type { element: Element::Int, axes: ty(0).axes.clone() }
            }
            Op::TopIndex { over, to, along } => {
                assert!(over.iter().all(|axis| ty(0).axes.contains(axis)) && over.contains(along), "{op:?}");
                assert!(!ty(0).axes.contains(to) && ty(0).element == Element::Real, "{op:?}");
                Type { element: Element::Int, axes: union(&without(&ty(0).axes, over), &[*to]) }
            }
            Op::CumSum { axis, .. } => {
                assert!(ty(0).axes.contains(axis) && ty(0).element == Element::Real, "{op:?}");
                ty(0).clone()
            }
            Op::Scatter { axis, over } => {
                let all = union(&ty(0).axes, &ty(1).axes);
                assert!(ty(0).element == Element::Real && ty(1).element == Element::Int, "{op:?}");
                assert!(over.iter().all(|own| all.contains(own)), "{op:?}");
                let kept = without(&all, over);
                assert!(!kept.contains(axis), "{op:?}");
                Type { element: Element::Real, axes: union(&kept, &[*axis]) }
            }
            Op::Carried(carried) => carried.ty.clone(),
            Op::Repeat(repeat) => {
                let variable = repeat.variable as usize;
                for position in [variable, variable + repeat.variables as usize] {
                    assert_eq!(ty(position).element, repeat.ty.element, "{op:?}");
                    assert!(ty(position).axes.iter().all(|axis| repeat.ty.axes.contains(axis)), "{op:?}");
                }
                let mut axes: Axes = repeat.trace.into_iter().collect();
                axes.extend(repeat.ty.axes.iter().copied());
                Type { element: repeat.ty.element, axes }
            }
            Op::Contract { over: axes, .. } => {
                assert!(ty(0).element == Element::Real && ty(1).element == Element::Real, "{op:?}");
                assert!(axes.iter().all(|axis| ty(0).axes.contains(axis) && ty(1).axes.contains(axis)), "{op:?}");
                Type { element: Element::Real, axes: without(&union(&ty(0).axes, &ty(1).axes), axes) }
            }
            Op::Rename { from, to } => {
                assert!(ty(0).axes.contains(from) && !ty(0).axes.contains(to), "{op:?}");
                let axes = ty(0).axes.iter().map(|axis| if axis == from { *to } else { *axis }).collect();
                Type { element: ty(0).element, axes }
            }
        }
    }
}
