//! Which axes come out: the axis law of every expression, for any instance of a function.
//!
//! The checker asks for the result of a call whose arguments bring axes of their own (elementwise
//! parameters, axes that brackets keep); `lower` asks for the order of axes. Both get it from here, so
//! that they cannot differ.

use std::collections::HashMap;

use super::{Axis, AxisIndex, AxisKind, Call, Expr, ExprKind, Function, Kind, Program, Repeat};
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

/// Makes an axis that the body of a callee adds: a labelled one, a renamed copy of the given axis, or a local one.
pub type MakeAxis<'m, A> = &'m mut dyn FnMut(&Axis, Option<A>) -> Option<A>;

/// The axes of the result of a call: of the callee's body with these axes and arguments.
pub fn call_axes<A: Copy + PartialEq>(
    program: &Program,
    function: &Function,
    axes: Vec<Vec<A>>,
    inputs: Vec<Vec<A>>,
    make: MakeAxis<'_, A>,
) -> Vec<A> {
    Flow::new(program, make).result(function, axes, inputs)
}

/// The axes of one expression of an instance.
pub fn expr_axes<A: Copy + PartialEq>(
    program: &Program,
    instance: &Instance<'_, A>,
    expr: &Expr,
    make: MakeAxis<'_, A>,
) -> Vec<A> {
    Flow::new(program, make).expr(instance, expr)
}

/// The axes of the variables of a loop, of which nothing is known but its starts and what is before them.
pub fn repeat_axes<A: Copy + PartialEq>(
    program: &Program,
    mut instance: Instance<'_, A>,
    repeat: u32,
    make: MakeAxis<'_, A>,
) -> Vec<Vec<A>> {
    let end = instance.function.repeats[repeat as usize].end();
    let variables = Flow::new(program, make).lets(&mut instance, end).remove(&repeat);
    variables.unwrap_or_default()
}

/// The axes of the first operand, then the new ones of the next.
pub(super) fn merge<A: Copy + PartialEq>(all: &mut Vec<A>, more: &[A]) {
    for &axis in more {
        if !all.contains(&axis) {
            all.push(axis);
        }
    }
}

/// What a function was given and what came out.
struct Answer<A> {
    axes: Vec<Vec<A>>,
    inputs: Vec<Vec<A>>,
    result: Vec<A>,
}

/// One question, with the answers to those that it came down to: a callee that is used often is walked once.
/// That is right because the axes that a callee's body makes do not leave it, but for labelled ones, which are
/// the same everywhere.
pub(super) struct Flow<'p, A> {
    program: &'p Program,
    make: MakeAxis<'p, A>,
    known: HashMap<*const Function, Vec<Answer<A>>>,
}

impl<'p, A: Copy + PartialEq> Flow<'p, A> {
    pub fn new(program: &'p Program, make: MakeAxis<'p, A>) -> Self {
        Flow { program, make, known: HashMap::new() }
    }

    fn result(&mut self, function: &Function, axes: Vec<Vec<A>>, inputs: Vec<Vec<A>>) -> Vec<A> {
        if let Some(result) = plain(function, &axes, &inputs) {
            return result;
        }
        let key: *const Function = function;
        let answers = self.known.get(&key).into_iter().flatten();
        if let Some(answer) = answers.into_iter().find(|answer| answer.axes == axes && answer.inputs == inputs) {
            return answer.result.clone();
        }
        let result = with_room(|| self.walk(function, axes.clone(), inputs.clone()));
        self.known.entry(key).or_default().push(Answer { axes, inputs, result: result.clone() });
        result
    }

    fn walk(&mut self, function: &Function, axes: Vec<Vec<A>>, inputs: Vec<Vec<A>>) -> Vec<A> {
        let instance = self.instance(function, axes, inputs);
        self.expr(&instance, &function.result)
    }

    fn instance<'f>(&mut self, function: &'f Function, axes: Vec<Vec<A>>, inputs: Vec<Vec<A>>) -> Instance<'f, A> {
        let mut instance = Instance { function, axes, inputs, lets: Vec::new() };
        for axis in &function.axes[instance.axes.len()..] {
            let of = match axis.kind {
                AxisKind::Copy(of) => instance.axes[of.0 as usize].first().copied(),
                _ => None,
            };
            instance.axes.push((self.make)(axis, of).into_iter().collect());
        }
        self.lets(&mut instance, function.lets.len());
        instance
    }

    /// The axes of the `let`s from where they are known up to `end`. A variable of a `repeat` has the least set of
    /// axes that holds its start and its body's result: the body is walked until nothing is added. Returns the axes of
    /// the variables of each loop that ended.
    pub(super) fn lets(&mut self, instance: &mut Instance<'_, A>, end: usize) -> HashMap<u32, Vec<Vec<A>>> {
        let function = instance.function;
        let mut variables: HashMap<u32, Vec<Vec<A>>> = HashMap::new();
        while instance.lets.len() < end {
            let axes = match function.lets[instance.lets.len()].value.kind {
                ExprKind::Carried(repeat, variable) | ExprKind::Repeated(repeat, variable) => {
                    let starts = &function.repeats[repeat as usize].starts;
                    let starts = || starts.iter().map(|start| instance.lets[start.0 as usize].clone()).collect();
                    variables.entry(repeat).or_insert_with(starts)[variable as usize].clone()
                }
                _ => self.expr(instance, &function.lets[instance.lets.len()].value),
            };
            instance.lets.push(axes);
            let ended = |repeat: &&(usize, &Repeat)| repeat.1.end() == instance.lets.len();
            let Some((index, repeat)) = function.repeats.iter().enumerate().find(|repeat| ended(&repeat)) else {
                continue;
            };
            let Some(known) = variables.get_mut(&(index as u32)) else { continue };
            let mut grown = false;
            for (axes, result) in known.iter_mut().zip(&instance.lets[repeat.results.0 as usize..]) {
                let before = axes.len();
                merge(axes, result);
                grown |= axes.len() > before;
            }
            if grown {
                instance.lets.truncate(repeat.carried.0 as usize);
            }
        }
        variables
    }

    pub fn expr(&mut self, instance: &Instance<'_, A>, expr: &Expr) -> Vec<A> {
        let bound = |axes: &[AxisIndex]| -> Vec<A> { put_in(&instance.axes, axes) };
        let mut of = |expr: &Expr| self.expr(instance, expr);
        match &expr.kind {
            ExprKind::Let(index) => instance.lets[index.0 as usize].clone(),
            // A loss as a parameter is one number; its axes are those of its outermost reduction.
            ExprKind::Input(position) if instance.function.inputs[*position as usize].ty.kind == Kind::Loss => {
                Vec::new()
            }
            ExprKind::Input(position) => instance.inputs[*position as usize].clone(),
            ExprKind::Each(loss) => self.outer(instance, loss).unwrap_or_default(),
            ExprKind::ReduceLike { loss, value, per, filter } => {
                let mut all = of(value);
                per.iter().for_each(|per| merge(&mut all, &of(per)));
                filter.iter().for_each(|filter| merge(&mut all, &of(filter)));
                let gone = self.outer(instance, loss).unwrap_or_default();
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
            ExprKind::Largest { axes, to, value, filter } => {
                let mut all = of(value);
                filter.iter().for_each(|filter| merge(&mut all, &of(filter)));
                let gone = bound(axes);
                all.retain(|axis| !gone.contains(axis));
                merge(&mut all, &bound(&[*to]));
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
            ExprKind::Call(call) => self.call(instance, call),
            _ => {
                let mut all = Vec::new();
                expr.children().into_iter().for_each(|child| merge(&mut all, &of(child)));
                all
            }
        }
    }

    fn call(&mut self, instance: &Instance<'_, A>, call: &Call) -> Vec<A> {
        let Some((callee, axes, inputs)) = self.arguments(instance, call) else { return Vec::new() };
        self.result(callee, axes, inputs)
    }

    /// The callee of a call with axes and arguments put in.
    pub fn called(&mut self, instance: &Instance<'_, A>, call: &Call) -> Option<Instance<'p, A>> {
        let (callee, axes, inputs) = self.arguments(instance, call)?;
        Some(self.instance(callee, axes, inputs))
    }

    fn arguments(&mut self, instance: &Instance<'_, A>, call: &Call) -> Option<Arguments<'p, A>> {
        let program = self.program;
        let callee = program.function(call.function)?;
        let axes: Vec<Vec<A>> = call.axes.iter().map(|axes| put_in(&instance.axes, axes)).collect();
        let mut inputs = Vec::new();
        for (position, input) in callee.inputs.iter().enumerate() {
            inputs.push(match call.inputs.get(position).and_then(Option::as_ref) {
                Some(argument) if input.ty.kind == Kind::Loss => {
                    self.outer(instance, &argument.value).unwrap_or_default()
                }
                Some(argument) => self.expr(instance, &argument.value),
                None => put_in(&axes, &input.ty.axes),
            });
        }
        Some((callee, axes, inputs))
    }
}

/// A callee with what stands for its axes and inputs.
type Arguments<'p, A> = (&'p Function, Vec<Vec<A>>, Vec<Vec<A>>);

/// What stands for each of some axes of a function.
fn put_in<A: Copy>(bound: &[Vec<A>], axes: &[AxisIndex]) -> Vec<A> {
    axes.iter().flat_map(|axis| bound[axis.0 as usize].iter().copied()).collect()
}

/// The result where nothing has to be walked: every argument has just the axes that its type says, and no axis of
/// the caller stands for two of the callee's.
fn plain<A: Copy + PartialEq>(function: &Function, axes: &[Vec<A>], inputs: &[Vec<A>]) -> Option<Vec<A>> {
    let declared = function.inputs.iter().zip(inputs);
    if !declared.clone().all(|(input, given)| put_in(axes, &input.ty.axes) == *given) {
        return None;
    }
    let mut all: Vec<A> = Vec::new();
    for &axis in axes.iter().flatten() {
        if all.contains(&axis) {
            return None;
        }
        all.push(axis);
    }
    let result = &function.result.ty.axes;
    result.iter().all(|axis| (axis.0 as usize) < axes.len()).then(|| put_in(axes, result))
}
