//! One node from its operands.

use std::rc::Rc;

use super::dense::{Dense, Values};
use super::{Environment, Precision, whole};
use crate::ir::{AxisId, Constant, Node, Op};
use crate::numeric;
use crate::op::{Binary, Element, ReduceOp, SoftmaxOp, Unary};

/// The value of a node.
pub(super) fn evaluate(node: &Node, operands: &[Rc<Dense>], environment: &Environment, extents: &[u64]) -> Dense {
    let axes = &node.ty.axes;
    let shape: Vec<usize> = axes.iter().map(|axis| extents[axis.0 as usize] as usize).collect();
    let aligned = |operand: usize| operands[operand].positions(axes, &shape);
    let values = match &node.op {
        Op::Constant(Constant::Real(value)) => Values::Real(vec![*value]),
        Op::Constant(Constant::Int(value)) => Values::Int(vec![*value]),
        Op::Constant(Constant::Bool(value)) => Values::Bool(vec![*value]),
        Op::Input(id) => environment.inputs[id.0 as usize].values.clone(),
        Op::Parameter(id) => Values::Real(vec![environment.parameters[id.0 as usize]]),
        Op::Size(axis) => Values::Int(vec![extents[axis.0 as usize] as i64]),
        Op::Index(axis) => Values::Int((0..extents[axis.0 as usize] as i64).collect()),
        Op::Unary(op) => unary(*op, &operands[0]),
        Op::Binary(op) => binary(*op, &operands[0], &operands[1], &aligned(0), &aligned(1)),
        Op::Compare(op) => {
            let pairs = aligned(0).into_iter().zip(aligned(1));
            Values::Bool(match (&operands[0].values, &operands[1].values) {
                (Values::Real(a), Values::Real(b)) => pairs.map(|(i, j)| numeric::compare(*op, a[i], b[j])).collect(),
                _ => {
                    let (a, b) = (operands[0].ints(), operands[1].ints());
                    pairs.map(|(i, j)| numeric::compare(*op, a[i], b[j])).collect()
                }
            })
        }
        Op::Logic(op) => {
            let last = operands.len() - 1;
            let (a, b) = (operands[0].bools(), operands[last].bools());
            Values::Bool(
                aligned(0).into_iter().zip(aligned(last)).map(|(i, j)| numeric::logic(*op, a[i], b[j])).collect(),
            )
        }
        Op::Polygamma(n) => Values::Real(operands[0].reals().iter().map(|&x| numeric::polygamma_f64(*n, x)).collect()),
        Op::Select => select(operands, &aligned(0), &aligned(1), &aligned(2)),
        Op::Cast(element) => cast(*element, &operands[0].values),
        Op::Stop | Op::Rename { .. } => operands[0].values.clone(),
        Op::Broadcast(_) => operands[0].values.take(aligned(0).into_iter().map(Some)),
        Op::Reduce(op, _) => reduce(*op, &operands[0], axes, &shape),
        Op::Softmax(op, over) => softmax(*op, &operands[0], over, extents, environment.precision),
        Op::Gather(axis) => gather(*axis, operands, axes, &shape),
        Op::Order(axis) => whole::order(&operands[0], *axis),
        Op::TopIndex { over, to, along } => {
            whole::top_index(&operands[0], over, *along, extents[to.0 as usize] as usize)
        }
        Op::CumSum { axis, reverse } => whole::cumsum(&operands[0], *axis, *reverse),
        Op::Scatter { axis, over } => whole::scatter(operands, *axis, over, axes, &shape),
        Op::Carried(_) | Op::Repeat(_) => unreachable!("`turns` runs loops"),
        Op::Contract { over, masked } => contract((over, *masked), operands, axes, &shape, extents),
    };
    Dense { axes: axes.clone(), shape, values }
}

fn unary(op: Unary, x: &Dense) -> Values {
    match &x.values {
        Values::Int(values) => Values::Int(values.iter().map(|&x| numeric::unary_i64(op, x)).collect()),
        _ => {
            let function = numeric::unary_function_f64(op);
            Values::Real(x.reals().iter().map(|&x| function(x)).collect())
        }
    }
}

fn binary(op: Binary, a: &Dense, b: &Dense, a_at: &[usize], b_at: &[usize]) -> Values {
    let pairs = a_at.iter().zip(b_at);
    match (&a.values, &b.values) {
        (Values::Int(a), Values::Int(b)) => {
            Values::Int(pairs.map(|(&i, &j)| numeric::binary_i64(op, a[i], b[j])).collect())
        }
        (Values::Real(a), Values::Int(n)) => Values::Real(pairs.map(|(&i, &j)| numeric::powi(a[i], n[j])).collect()),
        _ => {
            let function = numeric::binary_function_f64(op);
            let (a, b) = (a.reals(), b.reals());
            Values::Real(pairs.map(|(&i, &j)| function(a[i], b[j])).collect())
        }
    }
}

fn select(operands: &[Rc<Dense>], condition_at: &[usize], yes_at: &[usize], no_at: &[usize]) -> Values {
    fn pick<T: Copy>(conditions: impl Iterator<Item = bool>, yes: &[T], no: &[T], at: [&[usize]; 2]) -> Vec<T> {
        conditions.zip(at[0].iter().zip(at[1])).map(|(c, (&i, &j))| if c { yes[i] } else { no[j] }).collect()
    }
    let all = operands[0].bools();
    let conditions = condition_at.iter().map(|&i| all[i]);
    let at = [yes_at, no_at];
    match &operands[1].values {
        Values::Real(yes) => Values::Real(pick(conditions, yes, operands[2].reals(), at)),
        Values::Int(yes) => Values::Int(pick(conditions, yes, operands[2].ints(), at)),
        Values::Bool(yes) => Values::Bool(pick(conditions, yes, operands[2].bools(), at)),
    }
}

fn cast(element: Element, values: &Values) -> Values {
    match (element, values) {
        (Element::Real, Values::Int(values)) => Values::Real(values.iter().map(|&x| x as f64).collect()),
        (Element::Real, Values::Bool(values)) => Values::Real(values.iter().map(|&x| f64::from(x)).collect()),
        (Element::Int, Values::Real(values)) => Values::Int(values.iter().map(|&x| numeric::to_int(x)).collect()),
        (Element::Int, Values::Bool(values)) => Values::Int(values.iter().map(|&x| i64::from(x)).collect()),
        (Element::Bool, Values::Real(values)) => Values::Bool(values.iter().map(|&x| x != 0.0).collect()),
        (Element::Bool, Values::Int(values)) => Values::Bool(values.iter().map(|&x| x != 0).collect()),
        (_, same) => same.clone(),
    }
}

fn reduce(op: ReduceOp, x: &Dense, axes: &[AxisId], shape: &[usize]) -> Values {
    let count = shape.iter().product();
    let target = Dense { axes: axes.iter().copied().collect(), shape: shape.to_vec(), values: Values::Real(vec![]) };
    let target_at = target.positions(&x.axes, &x.shape);
    match &x.values {
        Values::Real(values) => {
            let (start, function): (f64, fn(f64, f64) -> f64) = match op {
                ReduceOp::Sum => (0.0, |a, b| a + b),
                ReduceOp::Prod => (1.0, |a, b| a * b),
                ReduceOp::Min => (f64::INFINITY, numeric::minimum),
                ReduceOp::Max => (f64::NEG_INFINITY, numeric::maximum),
            };
            let mut result = vec![start; count];
            target_at.into_iter().zip(values).for_each(|(at, &x)| result[at] = function(result[at], x));
            Values::Real(result)
        }
        _ => {
            let (start, function): (i64, fn(i64, i64) -> i64) = match op {
                ReduceOp::Sum => (0, i64::wrapping_add),
                ReduceOp::Prod => (1, i64::wrapping_mul),
                ReduceOp::Min => (i64::MAX, i64::min),
                ReduceOp::Max => (i64::MIN, i64::max),
            };
            let mut result = vec![start; count];
            target_at.into_iter().zip(x.ints()).for_each(|(at, &x)| result[at] = function(result[at], x));
            Values::Int(result)
        }
    }
}

/// From the definition in the operation table: m, e, r, then the row's own formula.
fn softmax(op: SoftmaxOp, x: &Dense, over: &[AxisId], extents: &[u64], precision: Precision) -> Values {
    let kept: Vec<AxisId> = x.axes.iter().copied().filter(|axis| !over.contains(axis)).collect();
    let kept_shape: Vec<usize> = kept.iter().map(|axis| extents[axis.0 as usize] as usize).collect();
    let rows: usize = kept_shape.iter().product();
    let row_of = Dense::real(&kept, &kept_shape, vec![]).positions(&x.axes, &x.shape);
    let round = |value: f64| if precision == Precision::Single { f64::from(value as f32) } else { value };
    let values = x.reals();
    let mut m = vec![f64::NEG_INFINITY; rows];
    row_of.iter().zip(values).for_each(|(&row, &x)| m[row] = numeric::maximum(m[row], x));
    let mut r = vec![-1.0; rows];
    for (&row, &x) in row_of.iter().zip(values) {
        r[row] += if x == m[row] { 1.0 } else { exp(round(x - m[row])) };
    }
    if op == SoftmaxOp::LogSumExp {
        return Values::Real(m.iter().zip(&r).map(|(&m, &r)| m + log1p(r)).collect());
    }
    let element = |(&row, &x): (&usize, &f64)| {
        let (m, r) = (m[row], r[row]);
        let difference = if x == m { 0.0 } else { round(x - m) };
        match op {
            SoftmaxOp::LogSoftmax => difference - log1p(r),
            SoftmaxOp::Complement if x == m => r / (1.0 + r),
            SoftmaxOp::Complement => 1.0 - exp(difference) / (1.0 + r),
            SoftmaxOp::Softmax | SoftmaxOp::LogSumExp => exp(difference) / (1.0 + r),
        }
    };
    Values::Real(row_of.iter().zip(values).map(element).collect())
}

fn exp(x: f64) -> f64 {
    numeric::unary_f64(Unary::Exp, x)
}

fn log1p(x: f64) -> f64 {
    numeric::unary_f64(Unary::Log1p, x)
}

/// Σ a·b over the contracted axes, one element of the result after the other.
fn contract(
    (over, masked): (&[AxisId], bool),
    operands: &[Rc<Dense>],
    axes: &[AxisId],
    shape: &[usize],
    extents: &[u64],
) -> Values {
    let (a, b) = (&operands[0], &operands[1]);
    let over_shape: Vec<usize> = over.iter().map(|axis| extents[axis.0 as usize] as usize).collect();
    let steps: Vec<(usize, usize)> =
        a.positions(over, &over_shape).into_iter().zip(b.positions(over, &over_shape)).collect();
    let starts = a.positions(axes, shape).into_iter().zip(b.positions(axes, shape));
    let (a, b) = (a.reals(), b.reals());
    let product = |a: f64, b: f64| if masked && (a == 0.0 || b == 0.0) { 0.0 } else { a * b };
    Values::Real(starts.map(|(i, j)| steps.iter().map(|&(di, dj)| product(a[i + di], b[j + dj])).sum()).collect())
}

fn gather(axis: AxisId, operands: &[Rc<Dense>], axes: &[AxisId], shape: &[usize]) -> Values {
    let (tensor, index) = (&operands[0], &operands[1]);
    // An axis that the index brings under the gathered axis's own name is not the tensor's.
    let strides: Vec<usize> = axes.iter().map(|&own| if own == axis { 0 } else { tensor.stride(own) }).collect();
    let starts = super::dense::positions(shape, &strides);
    let stride = tensor.stride(axis);
    let position = tensor.axes.iter().position(|&own| own == axis).expect("verified");
    let extent = tensor.shape[position] as i64;
    let picks = index.positions(axes, shape);
    let at = starts.into_iter().zip(picks).map(|(start, pick)| {
        let pick = index.ints()[pick];
        (0 <= pick && pick < extent).then(|| start + pick as usize * stride)
    });
    tensor.values.take(at)
}
