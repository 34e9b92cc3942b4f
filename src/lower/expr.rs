//! Expressions to nodes.

use super::LowerError;
use super::instance::{Hyper, Instance, Lowering, Value};
use super::outermost::{Outermost, Reduced, Reduction};
use crate::hir::{self, AxisIndex, Call, Expr, ExprKind, Function, Sort, described, is_constant};
use crate::ir::{AxisId, NodeId, Op};
use crate::op::{Binary, Compare, Element, Logic, Unary};
use crate::span::Span;
use crate::stack::with_room;

fn merge(all: &mut Vec<AxisId>, more: &[AxisId]) {
    for &axis in more {
        if !all.contains(&axis) {
            all.push(axis);
        }
    }
}

/// How many calls one loss may come to when every callee is put in for its call.
const MAX_CALLS: usize = 10_000;
/// How deep calls may stand in one another.
const MAX_CALL_DEPTH: usize = 500;

impl Lowering<'_> {
    fn bound(instance: &Instance<'_>, axes: &[AxisIndex]) -> Vec<AxisId> {
        axes.iter().flat_map(|axis| instance.axes[axis.0 as usize].iter().copied()).collect()
    }

    /// Lowers one expression of an instance.
    pub fn expr(&mut self, instance: &Instance<'_>, expr: &Expr) -> Result<Value, LowerError> {
        with_room(|| self.expr_step(instance, expr))
    }

    fn expr_step(&mut self, instance: &Instance<'_>, expr: &Expr) -> Result<Value, LowerError> {
        match &expr.kind {
            ExprKind::Let(index) => Ok(instance.lets[index.0 as usize].clone()),
            ExprKind::Input(position) => Ok(instance.inputs[*position as usize].clone()),
            ExprKind::Reduce { reduction, axes, value, per, filter } => {
                let axes = Self::bound(instance, axes);
                self.reduce_expr(instance, expr, *reduction, &axes, (value, per.as_deref(), filter.as_deref()))
            }
            ExprKind::Pick { value, axis, index, ignored } => {
                let ignored = ignored.and_then(|value| Self::ignored(instance, value));
                let axes = Self::bound(instance, &[*axis]);
                self.pick(instance, expr, (value, index), axes.first().copied(), ignored)
            }
            ExprKind::Rename { value, from, to } => self.rename(instance, expr, value, (*from, *to)),
            ExprKind::Along(along, axes, value) => {
                let value = self.expr(instance, value)?;
                let node = self.along(*along, &Self::bound(instance, axes), value.node);
                Ok(Value { node, outer: Outermost::other(described(expr), expr.span), ..value })
            }
            ExprKind::Largest { axes, to, value, filter } => {
                let (over, to) = (Self::bound(instance, axes), Self::bound(instance, &[*to]));
                self.largest_expr(instance, expr, (value, filter.as_deref()), &over, &to)
            }
            ExprKind::Each(loss) => self.each(instance, expr, loss),
            ExprKind::ReduceLike { loss, value, per, filter } => {
                let loss = self.expr(instance, loss)?;
                self.reduce_like(instance, &loss, (value, per.as_deref(), filter.as_deref()))
            }
            ExprKind::Call(call) => self.call(instance, call, expr.span),
            ExprKind::As(value) | ExprKind::ToReal(value) => {
                let mut value = self.expr(instance, value)?;
                value.node = self.program.graph.cast(Element::Real, value.node);
                Ok(value)
            }
            _ => match self.without_data(instance, expr) {
                Some(value) => Ok(value),
                None => self.elementwise(instance, expr),
            },
        }
    }

    /// A number, a hyperparameter, an extent or an index.
    fn without_data(&mut self, instance: &Instance<'_>, expr: &Expr) -> Option<Value> {
        let graph = &mut self.program.graph;
        let node = match &expr.kind {
            ExprKind::Real(value) => graph.real(*value),
            ExprKind::Int(value) => graph.int(*value),
            ExprKind::Hyperparameter(position) => match &instance.hyperparameters[*position as usize] {
                Hyper::Real(value) => return Some(value.clone()),
                Hyper::Int(value) => graph.int(*value),
                // The checker puts the size of the axis in its place.
                Hyper::Extent => graph.int(0),
            },
            ExprKind::Size(axes) => self.size(&Self::bound(instance, axes)),
            ExprKind::Index(axis) => match Self::bound(instance, &[*axis])[..] {
                [axis, ..] => {
                    let outer = Outermost::other("an index", expr.span);
                    return Some(Value { node: graph.index(axis), axes: vec![axis], outer, data: false });
                }
                [] => graph.int(0),
            },
            _ => return None,
        };
        Some(Value { node, axes: Vec::new(), outer: Outermost::other("a number", expr.span), data: false })
    }

    fn rename(
        &mut self,
        instance: &Instance<'_>,
        expr: &Expr,
        value: &Expr,
        (from, to): (AxisIndex, AxisIndex),
    ) -> Result<Value, LowerError> {
        let mut value = self.expr(instance, value)?;
        let (from, to) = (Self::bound(instance, &[from]), Self::bound(instance, &[to]));
        if let (Some(&from), Some(&to)) = (from.first(), to.first()) {
            value.node = self.program.graph.rename(value.node, from, to);
            value.axes.iter_mut().filter(|axis| **axis == from).for_each(|axis| *axis = to);
        }
        value.outer = Outermost::other("a renaming", expr.span);
        Ok(value)
    }

    fn largest_expr(
        &mut self,
        instance: &Instance<'_>,
        expr: &Expr,
        (value, filter): (&Expr, Option<&Expr>),
        over: &[AxisId],
        to: &[AxisId],
    ) -> Result<Value, LowerError> {
        let value = self.expr(instance, value)?;
        let filter = filter.map(|filter| self.expr(instance, filter)).transpose()?;
        let mut all = value.axes.clone();
        filter.iter().for_each(|filter| merge(&mut all, &filter.axes));
        all.retain(|axis| !over.contains(axis));
        merge(&mut all, to);
        let data = value.data || filter.as_ref().is_some_and(|filter| filter.data);
        let node = self.largest(over, to[0], value.node, filter.map(|filter| filter.node));
        Ok(Value { node, axes: all, outer: Outermost::other(described(expr), expr.span), data })
    }

    /// The elements of a loss.
    fn each(&mut self, instance: &Instance<'_>, expr: &Expr, loss: &Expr) -> Result<Value, LowerError> {
        let loss = self.expr(instance, loss)?;
        let reduced = loss.outer.reduced()?;
        let node = self.program.graph.broadcast(reduced.each, &reduced.each_axes);
        let outer = Outermost::other("the elements of a loss", expr.span);
        Ok(Value { node, axes: reduced.each_axes.clone(), outer, data: loss.data })
    }

    fn elementwise(&mut self, instance: &Instance<'_>, expr: &Expr) -> Result<Value, LowerError> {
        let children = expr.children();
        let operands =
            children.iter().map(|child| self.expr(instance, child)).collect::<Result<Vec<Value>, LowerError>>()?;
        let mut axes = Vec::new();
        operands.iter().for_each(|operand| merge(&mut axes, &operand.axes));
        let nodes: Vec<NodeId> = operands.iter().map(|operand| operand.node).collect();
        let outer = self.factor(instance.function, expr, &operands);
        let node = match self.folded_int(instance, expr, &nodes)? {
            Some(number) => number,
            None => self.apply(instance, expr, &nodes, &mut axes),
        };
        let data = operands.iter().any(|operand| operand.data);
        Ok(Value { node, axes, outer, data })
    }

    /// Looks through a minus sign and a constant factor.
    fn factor(&mut self, function: &Function, expr: &Expr, operands: &[Value]) -> Outermost {
        let scaled = match (&expr.kind, operands) {
            (ExprKind::Unary(Unary::Neg, _), [x]) => self.scale_outer(&x.outer, Lowering::negated),
            (ExprKind::Binary(Binary::Mul, both), [a, b]) if is_constant(function, &both[0]) => {
                let factor = a.node;
                self.scale_outer(&b.outer, |lowering, each| lowering.program.graph.binary(Binary::Mul, factor, each))
            }
            (ExprKind::Binary(op @ (Binary::Mul | Binary::Div), both), [a, b]) if is_constant(function, &both[1]) => {
                let factor = b.node;
                self.scale_outer(&a.outer, |lowering, each| lowering.program.graph.binary(*op, each, factor))
            }
            _ => None,
        };
        scaled.unwrap_or_else(|| Outermost::other(described(expr), expr.span))
    }

    fn apply(&mut self, instance: &Instance<'_>, expr: &Expr, nodes: &[NodeId], axes: &mut Vec<AxisId>) -> NodeId {
        let graph = &mut self.program.graph;
        match (&expr.kind, nodes) {
            (ExprKind::Unary(op, _), &[x]) => graph.unary(*op, x),
            (ExprKind::Digamma(_), &[x]) => graph.add(Op::Polygamma(0), &[x]),
            (ExprKind::Relu(_), &[x]) => {
                let zero = graph.real(0.0);
                graph.binary(Binary::Max, x, zero)
            }
            (ExprKind::Clamp(_), &[x, low, high]) => {
                // In this order NaN stays, and on the closed interval the gradient goes to x.
                let above = graph.compare(Compare::Lt, high, x);
                let below = graph.compare(Compare::Lt, x, low);
                let lowered = graph.select(above, high, x);
                graph.select(below, low, lowered)
            }
            (ExprKind::Binary(op, _), &[a, b]) => graph.binary(*op, a, b),
            (ExprKind::Compare(op, false, _), &[a, b]) => graph.compare(*op, a, b),
            (ExprKind::Compare(op, true, _), &[a, b]) => graph.compare(*op, b, a),
            (ExprKind::Logic(op, _), nodes) => graph.logic(*op, nodes),
            (ExprKind::Select(_), &[condition, yes, no]) => graph.select(condition, yes, no),
            (ExprKind::ToInt(_), &[x]) => graph.cast(Element::Int, x),
            (ExprKind::Stop(_), &[x]) => graph.stop(x),
            (ExprKind::Build(axis, _), parts) => {
                let bound = Self::bound(instance, &[*axis]);
                merge(axes, &bound);
                let Some((&last, rest)) = parts.split_last() else { return self.program.graph.real(0.0) };
                let Some(&axis) = bound.first() else { return last };
                let graph = &mut self.program.graph;
                let index = graph.index(axis);
                let mut built = graph.broadcast(last, &[axis]);
                for (position, &part) in rest.iter().enumerate().rev() {
                    let label = graph.int(position as i64);
                    let here = graph.compare(Compare::Eq, index, label);
                    built = graph.select(here, part, built);
                }
                built
            }
            // `expr` has dealt with all other kinds, and the checker with the number of operands.
            _ => nodes.first().copied().unwrap_or_else(|| graph.real(f64::NAN)),
        }
    }

    fn reduce_expr(
        &mut self,
        instance: &Instance<'_>,
        expr: &Expr,
        reduction: hir::Reduction,
        axes: &[AxisId],
        (value, per, filter): (&Expr, Option<&Expr>, Option<&Expr>),
    ) -> Result<Value, LowerError> {
        let value = self.expr(instance, value)?;
        let per = per.map(|per| self.expr(instance, per)).transpose()?;
        let filter = filter.map(|filter| self.expr(instance, filter)).transpose()?;
        let mut all = value.axes.clone();
        let mut data = value.data;
        for other in [&per, &filter].into_iter().flatten() {
            merge(&mut all, &other.axes);
            data |= other.data;
        }
        let (per, filter) = (per.map(|per| per.node), filter.map(|filter| filter.node));
        let node = self.reduction(reduction, axes, value.node, per, filter);
        let kept = all.iter().copied().filter(|axis| !axes.contains(axis)).collect();
        let own = match reduction {
            hir::Reduction::Mean => Some(Reduction::Mean),
            hir::Reduction::Sum if expr.ty.kind.is_real() => Some(Reduction::Sum),
            _ => None,
        };
        let outer = match own {
            Some(reduction) => Outermost::Reduced(Box::new(Reduced {
                reduction,
                each: value.node,
                each_axes: all,
                axes: axes.to_vec(),
                per,
                filter,
            })),
            None => Outermost::other(described(expr), expr.span),
        };
        Ok(Value { node, axes: kept, outer, data })
    }

    /// A value reduced as a loss reduces its elements: with its divisor and filter, and those given.
    fn reduce_like(
        &mut self,
        instance: &Instance<'_>,
        loss: &Value,
        (value, per, filter): (&Expr, Option<&Expr>, Option<&Expr>),
    ) -> Result<Value, LowerError> {
        let like = loss.outer.reduced()?.clone();
        let value = self.expr(instance, value)?;
        let per = per.map(|per| self.expr(instance, per)).transpose()?;
        let filter = filter.map(|filter| self.expr(instance, filter)).transpose()?;
        let mut all = value.axes.clone();
        let mut data = value.data || loss.data;
        for other in [&per, &filter].into_iter().flatten() {
            merge(&mut all, &other.axes);
            data |= other.data;
        }
        let kept = all.iter().copied().filter(|axis| !like.axes.contains(axis)).collect();
        merge(&mut all, &like.each_axes);
        let graph = &mut self.program.graph;
        let per = match (like.per, per) {
            (Some(own), Some(given)) => Some(graph.binary(Binary::Mul, own, given.node)),
            (own, given) => own.or(given.map(|given| given.node)),
        };
        let filter = match (like.filter, filter) {
            (Some(own), Some(given)) => Some(graph.logic(Logic::And, &[own, given.node])),
            (own, given) => own.or(given.map(|given| given.node)),
        };
        let reduction = if like.reduction == Reduction::Mean { hir::Reduction::Mean } else { hir::Reduction::Sum };
        let node = self.reduction(reduction, &like.axes, value.node, per, filter);
        let reduced = Reduced { each: value.node, each_axes: all, per, filter, ..like };
        Ok(Value { node, axes: kept, outer: Outermost::Reduced(Box::new(reduced)), data })
    }

    fn pick(
        &mut self,
        instance: &Instance<'_>,
        expr: &Expr,
        (value, index): (&Expr, &Expr),
        axis: Option<AxisId>,
        ignored: Option<i64>,
    ) -> Result<Value, LowerError> {
        let value = self.expr(instance, value)?;
        let index = self.expr(instance, index)?;
        let outer = Outermost::other("a pick", expr.span);
        let data = value.data || index.data;
        let Some(axis) = axis else { return Ok(Value { outer, data, ..value }) };
        let mut axes = Vec::new();
        for &own in &value.axes {
            if own == axis {
                let new: Vec<AxisId> =
                    index.axes.iter().copied().filter(|new| *new == axis || !value.axes.contains(new)).collect();
                merge(&mut axes, &new);
            } else {
                merge(&mut axes, &[own]);
            }
        }
        merge(&mut axes, &index.axes);
        let graph = &mut self.program.graph;
        let tensor = graph.broadcast(value.node, &[axis]);
        let picked = graph.gather(axis, tensor, index.node);
        let node = match ignored {
            None => picked,
            Some(ignored) => {
                let ignored = graph.int(ignored);
                let left_out = graph.compare(Compare::Eq, index.node, ignored);
                let zero = match graph.ty(picked).element {
                    Element::Real => graph.real(0.0),
                    Element::Int => graph.int(0),
                    Element::Bool => graph.bool(false),
                };
                graph.select(left_out, zero, picked)
            }
        };
        Ok(Value { node, axes, outer, data })
    }

    fn call(&mut self, instance: &Instance<'_>, call: &Call, span: Span) -> Result<Value, LowerError> {
        let key: *const Call = call;
        if let Some(value) = instance.calls.borrow().get(&key) {
            return Ok(value.clone());
        }
        self.calls += 1;
        if self.calls > MAX_CALLS || self.depth >= MAX_CALL_DEPTH {
            let loss = instance.function.name.clone();
            return Err(LowerError::TooManyCalls {
                loss,
                calls: MAX_CALLS,
                depth: MAX_CALL_DEPTH,
                span: instance.function.span,
            });
        }
        if self.depth == 0 {
            self.outer_call = Some((call.name.clone(), span));
        }
        self.depth += 1;
        let value = self.instantiate(instance, call);
        self.depth -= 1;
        let outer = if self.depth == 0 { self.outer_call.take() } else { None };
        let value = value.map_err(|error| match &outer {
            Some(outer) => error.called(instance.function, outer),
            None => error,
        })?;
        instance.calls.borrow_mut().insert(key, value.clone());
        Ok(value)
    }

    /// The `let`s, the states and the value of a function whose arguments are put in.
    fn body(&mut self, inner: &mut Instance<'_>) -> Result<Value, LowerError> {
        self.lets(inner)?;
        self.note_states(inner)?;
        self.expr(inner, &inner.function.result)
    }

    fn instantiate(&mut self, instance: &Instance<'_>, call: &Call) -> Result<Value, LowerError> {
        let Some(callee) = self.hir.function(call.function).cloned() else {
            return Err(LowerError::NotCompileTime { span: instance.function.span });
        };
        let mut axes: Vec<Vec<AxisId>> = call.axes.iter().map(|axes| Self::bound(instance, axes)).collect();
        self.body_axes(&callee, &mut axes);
        let mut inner = Instance::new(&callee, axes);
        for (position, hyperparameter) in callee.hyperparameters.iter().enumerate() {
            let given = call.hyperparameters.get(position).and_then(Option::as_ref);
            if let Some(axis) = hyperparameter.extent_of {
                let axis = inner.axes[axis.0 as usize].first().copied();
                self.extent_argument(instance, given, (&callee, hyperparameter), axis)?;
                inner.hyperparameters.push(Hyper::Extent);
                continue;
            }
            if let (None, Some(name)) = (given, self.carried_name(Some(call.number), position)) {
                let value = self.real_parameter(&inner, hyperparameter, &name)?;
                inner.hyperparameters.push(value);
                continue;
            }
            let int = hyperparameter.role == crate::syntax::ast::Role::Int;
            let value = match (given, int) {
                (Some(given), true) => Hyper::Int(self.constant_int(instance, given)?),
                (None, true) => Hyper::Int(self.constant_int(&inner, &hyperparameter.default)?),
                (Some(given), false) => Hyper::Real(self.expr(instance, given)?),
                (None, false) => Hyper::Real(self.expr(&inner, &hyperparameter.default)?),
            };
            inner.hyperparameters.push(value);
        }
        self.note_conditions(&inner)?;
        for (position, input) in callee.inputs.iter().enumerate() {
            let value = match (call.inputs.get(position).and_then(Option::as_ref), &input.default) {
                (Some(argument), _) => self.expr(instance, &argument.value)?,
                (None, Some(default)) => self.default_input(&inner, input, default)?,
                (None, None) => return Err(LowerError::NotCompileTime { span: input.span }),
            };
            inner.inputs.push(value);
            let argument = call.inputs.get(position).and_then(Option::as_ref);
            inner.losses.push(argument.and_then(|argument| self.loss_name(instance, &argument.value)));
        }
        // Arguments belong to the caller, what follows to the callee.
        self.path.push(call.number);
        let value = self.body(&mut inner);
        let terms = value.and_then(|value| Ok((value, self.inner_terms(&inner, is_whole(instance, call))?)));
        self.path.pop();
        let (value, terms) = terms?;
        if !terms.is_empty() {
            instance.terms.borrow_mut().insert(call, terms);
        }
        Ok(value)
    }
}

/// Whether a call is all of an expression by itself: then the terms are those of the callee.
fn is_whole(instance: &Instance<'_>, call: &Call) -> bool {
    let function = instance.function;
    let is_call = |whole: &Call| std::ptr::eq(whole, call);
    function.sort == Sort::Expression && matches!(&function.result.kind, ExprKind::Call(whole) if is_call(whole))
}
