//! A slow evaluator of graphs: every node as a dense tensor of doubles, for comparison with kernels.

use std::collections::HashMap;

use lossc::ir::{AxisId, Constant, Graph, NodeId, Op, Program};
use lossc::numeric;
use lossc::op::{Binary, Compare, Element, Logic, ReduceOp, SoftmaxOp, Unary};

/// A node's value: its axes with their extents, and its elements in row-major order.
#[derive(Clone, Debug)]
pub struct Dense {
    pub axes: Vec<AxisId>,
    pub data: Vec<f64>,
}

/// A point: a position for some axes.
type Point = HashMap<AxisId, usize>;

pub struct Judge<'a> {
    pub program: &'a Program,
    pub extents: HashMap<AxisId, usize>,
    pub inputs: Vec<Vec<f64>>,
    pub parameters: Vec<f64>,
}

impl Judge<'_> {
    fn extent(&self, axis: AxisId) -> usize {
        self.extents[&self.program.graph.extent_root(axis)]
    }

    fn points(&self, axes: &[AxisId]) -> Vec<Point> {
        let mut points = vec![Point::new()];
        for &axis in axes {
            points = points
                .into_iter()
                .flat_map(|point| {
                    (0..self.extent(axis)).map(move |position| {
                        let mut point = point.clone();
                        point.insert(axis, position);
                        point
                    })
                })
                .collect();
        }
        points
    }

    fn at(&self, dense: &Dense, point: &Point) -> f64 {
        let offset = dense.axes.iter().fold(0, |offset, axis| offset * self.extent(*axis) + point[axis]);
        dense.data[offset]
    }

    /// An output in the order of its axes.
    pub fn output(&self, position: usize) -> Vec<f64> {
        let all = self.all();
        let output = &self.program.outputs[position];
        self.points(&output.axes).iter().map(|point| self.at(&all[output.node.0 as usize], point)).collect()
    }

    fn all(&self) -> Vec<Dense> {
        let graph = &self.program.graph;
        let mut all: Vec<Dense> = Vec::new();
        for id in graph.ids() {
            let axes: Vec<AxisId> = graph.axes_of(id).to_vec();
            let data = self.points(&axes).iter().map(|point| self.value(graph, id, &all, point)).collect();
            all.push(Dense { axes, data });
        }
        all
    }

    fn value(&self, graph: &Graph, id: NodeId, all: &[Dense], point: &Point) -> f64 {
        let node = graph.node(id);
        let dense = |position: usize| &all[node.operands[position].0 as usize];
        let operand = |position: usize| self.at(dense(position), point);
        let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
        match &node.op {
            Op::Constant(Constant::Real(value)) => *value,
            Op::Constant(Constant::Int(value)) => *value as f64,
            Op::Constant(Constant::Bool(value)) => truth(*value),
            Op::Input(input) => {
                let own = Dense { axes: node.ty.axes.to_vec(), data: self.inputs[input.0 as usize].clone() };
                self.at(&own, point)
            }
            Op::Parameter(parameter) => self.parameters[parameter.0 as usize],
            Op::Size(axis) => self.extent(*axis) as f64,
            Op::Index(axis) => point[axis] as f64,
            Op::Unary(op) => numeric::unary_f64(*op, operand(0)),
            Op::Binary(op) => numeric::binary_f64(*op, operand(0), operand(1)),
            Op::Compare(Compare::Eq) => truth(operand(0) == operand(1)),
            Op::Compare(Compare::Ne) => truth(operand(0) != operand(1)),
            Op::Compare(Compare::Lt) => truth(operand(0) < operand(1)),
            Op::Compare(Compare::Le) => truth(operand(0) <= operand(1)),
            Op::Logic(Logic::And) => operand(0) * operand(1),
            Op::Logic(Logic::Or) => operand(0).max(operand(1)),
            Op::Logic(Logic::Not) => 1.0 - operand(0),
            Op::Polygamma(order) => numeric::polygamma_f64(*order, operand(0)),
            Op::Select => operand(if operand(0) != 0.0 { 1 } else { 2 }),
            Op::Cast(Element::Int) => numeric::to_int(operand(0)) as f64,
            Op::Cast(_) | Op::Stop | Op::Broadcast(_) => operand(0),
            Op::Reduce(op, axes) => {
                let mut result = match (op, node.ty.element) {
                    (ReduceOp::Sum, _) => 0.0,
                    (ReduceOp::Prod, _) => 1.0,
                    (ReduceOp::Min, Element::Real) => f64::INFINITY,
                    (ReduceOp::Min, _) => i64::MAX as f64,
                    (ReduceOp::Max, Element::Real) => f64::NEG_INFINITY,
                    (ReduceOp::Max, _) => i64::MIN as f64,
                };
                for value in self.along(dense(0), axes, point) {
                    result = match op {
                        ReduceOp::Sum => result + value,
                        ReduceOp::Prod => result * value,
                        ReduceOp::Min => numeric::minimum(result, value),
                        ReduceOp::Max => numeric::maximum(result, value),
                    };
                }
                result
            }
            Op::Softmax(op, axes) => {
                let values = self.along(dense(0), axes, point);
                let m = values.iter().copied().fold(f64::NEG_INFINITY, numeric::maximum);
                let e = |x: f64| if x == m { 1.0 } else { numeric::unary_f64(Unary::Exp, x - m) };
                let r = values.iter().map(|&x| if x == m { 0.0 } else { e(x) }).sum::<f64>()
                    + values.iter().filter(|&&x| x == m).count() as f64
                    - 1.0;
                match op {
                    SoftmaxOp::LogSumExp => m + numeric::unary_f64(Unary::Log1p, r),
                    SoftmaxOp::Softmax => e(operand(0)) / (1.0 + r),
                    SoftmaxOp::Complement if operand(0) == m => r / (1.0 + r),
                    SoftmaxOp::Complement => 1.0 - e(operand(0)) / (1.0 + r),
                    SoftmaxOp::LogSoftmax => {
                        (if operand(0) == m { 0.0 } else { operand(0) - m }) - numeric::unary_f64(Unary::Log1p, r)
                    }
                }
            }
            Op::Gather(axis) => {
                let index = operand(1);
                if index < 0.0 || index >= self.extent(*axis) as f64 {
                    return 0.0;
                }
                let mut inner = point.clone();
                inner.insert(*axis, index as usize);
                self.at(dense(0), &inner)
            }
            Op::Contract { over: axes, masked } => {
                let pairs = self.along(dense(0), axes, point).into_iter().zip(self.along(dense(1), axes, point));
                let left_out = |a: f64, b: f64| *masked && (a == 0.0 || b == 0.0);
                pairs.map(|(a, b)| if left_out(a, b) { 0.0 } else { a * b }).sum()
            }
            Op::Order(axis) => self.placed(&self.along(dense(0), &[*axis], point), point[axis], false) as f64,
            Op::TopIndex { over, to, along } => {
                let values = self.along(dense(0), over, point);
                if point[to] >= values.len() {
                    return -1.0;
                }
                self.points(over)[self.placed(&values, point[to], true)][along] as f64
            }
            Op::CumSum { axis, reverse } => {
                let values = self.along(dense(0), &[*axis], point);
                let (before, after) = values.split_at(point[axis]);
                if *reverse { after.iter().sum() } else { before.iter().sum::<f64>() + after[0] }
            }
            Op::Scatter { axis, over } => {
                let mut outer = point.clone();
                let place = outer.remove(axis).expect("an axis of the result") as f64;
                let pairs = self.along(dense(0), over, &outer).into_iter().zip(self.along(dense(1), over, &outer));
                pairs.filter(|(_, index)| *index == place).map(|(value, _)| value).sum()
            }
            Op::Carried(_) | Op::Repeat(_) => {
                unreachable!("loops are judged by the interpreter: see `tests/agree`")
            }
            Op::Rename { from, to } => {
                let mut inner = point.clone();
                inner.insert(*from, point[to]);
                self.at(dense(0), &inner)
            }
        }
    }

    /// The position of the value with so many values before it in the order: NaN is the largest, equals by position.
    fn placed(&self, values: &[f64], place: usize, descending: bool) -> usize {
        let above = |a: f64, b: f64| a > b || (a.is_nan() && !b.is_nan());
        let before = |a: usize, b: usize| {
            let (x, y) = if descending { (values[b], values[a]) } else { (values[a], values[b]) };
            above(y, x) || (!above(x, y) && a < b)
        };
        let all = 0..values.len();
        let has_place = |&at: &usize| all.clone().filter(|&other| before(other, at)).count() == place;
        all.clone().find(has_place).expect("every place is taken")
    }

    fn along(&self, dense: &Dense, axes: &[AxisId], point: &Point) -> Vec<f64> {
        let inner = self.points(axes);
        inner
            .into_iter()
            .map(|inner| {
                let mut whole = point.clone();
                whole.extend(inner);
                self.at(dense, &whole)
            })
            .collect()
    }
}

/// The binary operations that need no int operand.
pub const REAL_BINARY: &[Binary] =
    &[Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Min, Binary::Max, Binary::Pow, Binary::Atan2];
