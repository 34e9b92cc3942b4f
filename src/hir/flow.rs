//! Which axes come out: the axis law of every expression, for any instance of a function.
//!
//! The checker asks for the result of a call whose arguments bring axes of their own (elementwise
//! parameters, axes that brackets keep); `lower` asks for the order of axes. Both get it from here, so
//! that they cannot differ.

use super::{Axis, AxisIndex, AxisKind, Call, Expr, ExprKind, Function, Input, Kind, Program, outer_axes};
use crate::stack::with_room;

/// A function with axes put in: `A` is the caller's axis type.
pub struct Instance<'a, A> {
    /// The function.
    pub function: &'a Function,
    /// What stands for each of [`Function::axes`].
    pub axes: Vec<Vec<A>>,
    /// The axes of each input's argument.
    pub inputs: Vec<Vec<A>>,
    /// The axes of each `let`, as far as known.
    pub lets: Vec<Vec<A>>,
}

/// The axes of the result of a call: of the callee's body with these axes and arguments.
///
/// `make` makes an axis that the callee's body adds: a renamed copy of the given axis, or a labelled one.
pub fn call_axes<A: Copy + PartialEq>(
    program: &Program,
    function: &Function,
    axes: Vec<Vec<A>>,
    inputs: Vec<Vec<A>>,
    make: &mut dyn FnMut(&Axis, Option<A>) -> Option<A>,
) -> Vec<A> {
    if let Some(result) = plain(function, &axes, &inputs) {
        return result;
    }
    with_room(|| {
        let instance = instantiate(program, function, axes, inputs, make);
        expr_axes(program, &instance, &function.result, make)
    })
}

/// The result where no body has to be walked: every argument has just the axes that its type says, and no axis of
/// the caller stands for two of the callee's. So a chain of losses costs a step a call, not a walk of all of them.
fn plain<A: Copy + PartialEq>(function: &Function, axes: &[Vec<A>], inputs: &[Vec<A>]) -> Option<Vec<A>> {
    let put_in = |of: &[AxisIndex]| -> Vec<A> {
        of.iter().filter_map(|axis| axes.get(axis.0 as usize)).flatten().copied().collect()
    };
    let as_declared = |(input, given): (&Input, &Vec<A>)| put_in(&input.ty.axes) == *given;
    if !function.inputs.iter().zip(inputs).all(as_declared) {
        return None;
    }
    let mut all = Vec::new();
    for &axis in axes.iter().flatten() {
        if all.contains(&axis) {
            return None;
        }
        all.push(axis);
    }
    let result = &function.result.ty.axes;
    result.iter().all(|axis| (axis.0 as usize) < axes.len()).then(|| put_in(result))
}

fn instantiate<'f, A: Copy + PartialEq>(
    program: &Program,
    function: &'f Function,
    axes: Vec<Vec<A>>,
    inputs: Vec<Vec<A>>,
    make: &mut dyn FnMut(&Axis, Option<A>) -> Option<A>,
) -> Instance<'f, A> {
    let mut instance = Instance { function, axes, inputs, lets: Vec::new() };
    for axis in &function.axes[instance.axes.len()..] {
        let of = match axis.kind {
            AxisKind::Copy(of) => instance.axes[of.0 as usize].first().copied(),
            _ => None,
        };
        instance.axes.push(make(axis, of).into_iter().collect());
    }
    for binding in &function.lets {
        let axes = expr_axes(program, &instance, &binding.value, make);
        instance.lets.push(axes);
    }
    instance
}

/// The axes of the first operand, then the new ones of the next.
pub(super) fn merge<A: Copy + PartialEq>(all: &mut Vec<A>, more: &[A]) {
    for &axis in more {
        if !all.contains(&axis) {
            all.push(axis);
        }
    }
}

/// The axes of one expression of an instance.
pub fn expr_axes<A: Copy + PartialEq>(
    program: &Program,
    instance: &Instance<'_, A>,
    expr: &Expr,
    make: &mut dyn FnMut(&Axis, Option<A>) -> Option<A>,
) -> Vec<A> {
    let bound = |axes: &[AxisIndex]| -> Vec<A> {
        axes.iter().flat_map(|axis| instance.axes[axis.0 as usize].iter().copied()).collect()
    };
    let mut of = |expr: &Expr| expr_axes(program, instance, expr, make);
    match &expr.kind {
        ExprKind::Let(index) => instance.lets[index.0 as usize].clone(),
        // A loss as a parameter is one number; its axes are those of its outermost reduction.
        ExprKind::Input(position) if instance.function.inputs[*position as usize].ty.kind == Kind::Loss => Vec::new(),
        ExprKind::Input(position) => instance.inputs[*position as usize].clone(),
        ExprKind::Each(loss) => outer_axes(program, instance, loss, make).unwrap_or_default(),
        ExprKind::ReduceLike { loss, value, per, filter } => {
            let mut all = of(value);
            per.iter().for_each(|per| merge(&mut all, &of(per)));
            filter.iter().for_each(|filter| merge(&mut all, &of(filter)));
            let gone = outer_axes(program, instance, loss, make).unwrap_or_default();
            all.retain(|axis| !gone.contains(axis));
            all
        }
        ExprKind::Index(axis) => bound(&[*axis]),
        ExprKind::Reduce { axes, value, per, filter, .. } => {
            let mut all = of(value);
            per.iter().for_each(|per| merge(&mut all, &of(per)));
            filter.iter().for_each(|filter| merge(&mut all, &of(filter)));
            let gone = bound(axes);
            all.retain(|axis| !gone.contains(axis));
            all
        }
        ExprKind::Pick { value, axis, index, .. } => {
            let gone = bound(&[*axis]);
            let picked = of(index);
            let own = of(value);
            let mut all = Vec::new();
            for &axis in &own {
                if gone.contains(&axis) {
                    let new: Vec<A> =
                        picked.iter().copied().filter(|new| gone.contains(new) || !own.contains(new)).collect();
                    merge(&mut all, &new);
                } else {
                    merge(&mut all, &[axis]);
                }
            }
            merge(&mut all, &picked);
            all
        }
        ExprKind::Rename { value, from, to } => {
            let (from, to) = (bound(&[*from]), bound(&[*to]));
            of(value)
                .into_iter()
                .map(|axis| if from.contains(&axis) { to.first().copied().unwrap_or(axis) } else { axis })
                .collect()
        }
        ExprKind::Build(axis, parts) => {
            let mut all = Vec::new();
            parts.iter().for_each(|part| merge(&mut all, &of(part)));
            merge(&mut all, &bound(&[*axis]));
            all
        }
        ExprKind::Call(call) => flow_call(program, instance, call, make),
        _ => {
            let mut all = Vec::new();
            expr.children().into_iter().for_each(|child| merge(&mut all, &of(child)));
            all
        }
    }
}

fn flow_call<A: Copy + PartialEq>(
    program: &Program,
    instance: &Instance<'_, A>,
    call: &Call,
    make: &mut dyn FnMut(&Axis, Option<A>) -> Option<A>,
) -> Vec<A> {
    let Some((callee, axes, inputs)) = arguments(program, instance, call, make) else { return Vec::new() };
    call_axes(program, callee, axes, inputs, make)
}

/// The callee of a call with axes and arguments put in.
pub(super) fn called<'p, A: Copy + PartialEq>(
    program: &'p Program,
    instance: &Instance<'_, A>,
    call: &Call,
    make: &mut dyn FnMut(&Axis, Option<A>) -> Option<A>,
) -> Option<Instance<'p, A>> {
    let (callee, axes, inputs) = arguments(program, instance, call, make)?;
    Some(instantiate(program, callee, axes, inputs, make))
}

/// The callee of a call, what stands for its axes, and the axes of its arguments.
type Arguments<'p, A> = (&'p Function, Vec<Vec<A>>, Vec<Vec<A>>);

fn arguments<'p, A: Copy + PartialEq>(
    program: &'p Program,
    instance: &Instance<'_, A>,
    call: &Call,
    make: &mut dyn FnMut(&Axis, Option<A>) -> Option<A>,
) -> Option<Arguments<'p, A>> {
    let callee = program.function(call.function)?;
    let axes: Vec<Vec<A>> = call
        .axes
        .iter()
        .map(|axes| axes.iter().flat_map(|axis| instance.axes[axis.0 as usize].iter().copied()).collect())
        .collect();
    let mut inputs = Vec::new();
    for (position, input) in callee.inputs.iter().enumerate() {
        inputs.push(match call.inputs.get(position).and_then(Option::as_ref) {
            Some(argument) if input.ty.kind == Kind::Loss => {
                outer_axes(program, instance, &argument.value, make).unwrap_or_default()
            }
            Some(argument) => expr_axes(program, instance, &argument.value, make),
            None => input.ty.axes.iter().flat_map(|axis| axes[axis.0 as usize].iter().copied()).collect(),
        });
    }
    Some((callee, axes, inputs))
}
