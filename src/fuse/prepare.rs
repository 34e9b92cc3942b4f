//! Graph → values: every output as an expression at one position.
//!
//! A node is resolved under a substitution that says where along each of its axes it is wanted: at the
//! loop's own position, at that of another axis (a rename), at a fixed one (a label of an axis of few), or
//! at a computed one (a gather). Cheap elementwise code is resolved again under every substitution;
//! what contains a reduction or a transcendental function is resolved once, stored, and loaded where it
//! is wanted. Labelled axes of at most [`UNROLLED`] labels have no loop in reductions and outputs.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::value::{Position, Source, ValueId, ValueOp, Values};
use super::whole::{Levels, kept};
use crate::ir::{AxisId, Constant, Extent, Graph, NodeId, Op};
use crate::kernel::{BufferKind, Plan, TensorRef, WholeOperand};
use crate::op::{Binary, Compare, Element, Logic, ReduceOp, SoftmaxOp, Unary};

/// The longest labelled axis that is unrolled.
const UNROLLED: u64 = 8;

/// The most stores into which an output is cut by unrolling.
const PIECES: usize = 64;

/// The most nodes that are computed again rather than stored for a substitution.
const CHEAP: usize = 12;

/// Where a node is wanted, for the axes where that is not the loop's own position. Sorted by axis.
type Substitution = SmallVec<[(AxisId, Position); 2]>;

/// One piece of an output, or of an operand of a whole operation: a value and where it goes.
pub(super) struct Piece {
    pub target: TensorRef,
    pub positions: Vec<Position>,
    pub value: ValueId,
}

/// One region: the program, or the body of a loop.
pub(super) struct Resolver<'a> {
    pub graph: &'a Graph,
    pub levels: &'a Levels,
    values: &'a mut Values,
    known: FxHashMap<(NodeId, Substitution), ValueId>,
}

impl<'a> Resolver<'a> {
    pub fn new(graph: &'a Graph, values: &'a mut Values, levels: &'a Levels) -> Self {
        Resolver { graph, levels, values, known: FxHashMap::default() }
    }

    /// Resolves what is needed, operands first, so that deep graphs need no deep stack.
    pub fn resolve_in_order(&mut self) {
        for &id in &self.levels.nodes {
            self.resolve(id, &Substitution::new());
        }
    }

    fn unrolled(&self, axis: AxisId) -> Option<u64> {
        match &self.graph.axis(self.graph.extent_root(axis)).extent {
            Extent::Fixed(extent) if *extent <= UNROLLED => Some(*extent),
            _ => None,
        }
    }

    /// An operand of a whole operation: a tensor in memory as it is, or else a buffer that is filled with it.
    pub fn whole_operand(
        &mut self,
        node: NodeId,
        plan: &mut Plan,
        stored: &mut FxHashMap<NodeId, WholeOperand>,
        pieces: &mut Vec<Piece>,
    ) -> WholeOperand {
        let value = self.resolve(node, &Substitution::new());
        let element = self.graph.ty(node).element;
        if let ValueOp::Load(source, positions) = &self.values.get(value).op {
            let axis = |&(_, position): &(AxisId, Position)| match position {
                Position::Axis(axis) => Some(axis),
                Position::Fixed(_) | Position::Computed(_) => None,
            };
            let axes: Option<Vec<AxisId>> = positions.iter().map(axis).collect();
            let tensor = match source {
                Source::Input(input) => Some(TensorRef::Input(*input)),
                // Numbers that are doubles at any precision are copied.
                Source::Buffer(buffer) if plan.buffer(*buffer).kind == BufferKind::Accumulator => None,
                Source::Buffer(buffer) => Some(TensorRef::Buffer(*buffer)),
                Source::Value(_) => None,
            };
            // What is repeated along an axis is stored: the operation looks along it.
            if let (Some(tensor), Some(axes)) = (tensor, axes)
                && axes.len() == self.graph.axes_of(node).len()
                && axes.iter().enumerate().all(|(position, axis)| !axes[..position].contains(axis))
            {
                return WholeOperand { tensor, axes, element };
            }
        }
        if let Some(operand) = stored.get(&node) {
            return operand.clone();
        }
        let axes = self.graph.axes_of(node).to_vec();
        let tensor = TensorRef::Buffer(kept(plan, self.graph, node, &axes));
        self.pieces(tensor, node, &axes, None, pieces);
        let operand = WholeOperand { tensor, axes, element };
        stored.insert(node, operand.clone());
        operand
    }

    /// A node as pieces of a tensor, cast to `element` if one is given.
    pub fn pieces(
        &mut self,
        target: TensorRef,
        node: NodeId,
        axes: &[AxisId],
        element: Option<Element>,
        pieces: &mut Vec<Piece>,
    ) {
        let count = axes.iter().filter_map(|&axis| self.unrolled(axis)).product::<u64>() as usize;
        let unrolled: Vec<AxisId> = axes.iter().copied().filter(|&axis| self.unrolled(axis).is_some()).collect();
        let unrolled = if count > PIECES { Vec::new() } else { unrolled };
        for substitution in self.positions_of(&unrolled) {
            let mut value = self.resolve(node, &restrict(&substitution, self.graph.axes_of(node)));
            if let Some(element) = element
                && self.values.get(value).element != element
            {
                value = self.values.elementwise(ValueOp::Cast(element), element, &[value]);
            }
            let positions = axes.iter().map(|&axis| wanted(&substitution, axis)).collect();
            pieces.push(Piece { target, positions, value });
        }
    }

    /// Every combination of fixed positions along some axes.
    fn positions_of(&self, axes: &[AxisId]) -> Vec<Substitution> {
        let mut all = vec![Substitution::new()];
        for &axis in axes {
            let extent = self.unrolled(axis).unwrap_or(0);
            let longer = |earlier: &Substitution| {
                let earlier = earlier.clone();
                (0..extent).map(move |position| with(&earlier, axis, Position::Fixed(position)))
            };
            all = all.iter().flat_map(longer).collect();
        }
        all
    }

    fn resolve(&mut self, id: NodeId, at: &Substitution) -> ValueId {
        let at = restrict(at, self.graph.axes_of(id));
        if let Some(&value) = self.known.get(&(id, at.clone())) {
            return value;
        }
        let value = self.compute(id, &at);
        self.known.insert((id, at), value);
        value
    }

    fn operands(&mut self, id: NodeId, at: &Substitution) -> SmallVec<[ValueId; 3]> {
        let operands = self.graph.node(id).operands.clone();
        operands.iter().map(|&operand| self.resolve(operand, at)).collect()
    }

    fn compute(&mut self, id: NodeId, at: &Substitution) -> ValueId {
        let graph = self.graph;
        let node = graph.node(id);
        let element = node.ty.element;
        if let Some((tensor, axes)) = self.levels.result(id) {
            let positions: Vec<_> = axes.iter().map(|&axis| (axis, wanted(at, axis))).collect();
            let source = match tensor {
                TensorRef::Input(input) => Source::Input(input),
                TensorRef::Buffer(buffer) => Source::Buffer(buffer),
                TensorRef::Output(_) => unreachable!("outputs are not read"),
            };
            return self.values.load(source, &positions, element);
        }
        let op = match &node.op {
            Op::Constant(constant) => return self.values.constant(*constant),
            Op::Parameter(parameter) => return self.values.leaf(ValueOp::Parameter(parameter.0), &[], element),
            Op::Size(axis) => return self.values.leaf(ValueOp::Size(graph.extent_root(*axis)), &[], element),
            Op::Index(axis) => return self.index(wanted(at, *axis)),
            Op::Input(input) => {
                let axes: Vec<_> = node.ty.axes.iter().map(|&axis| (axis, wanted(at, axis))).collect();
                return self.values.load(Source::Input(input.0), &axes, element);
            }
            Op::Stop | Op::Broadcast(_) => return self.resolve(node.operands[0], at),
            Op::Rename { from, to } => {
                let inner = with(at, *from, wanted(at, *to));
                return self.resolve(node.operands[0], &inner);
            }
            Op::Reduce(..) | Op::Softmax(..) if !only_fixed(at) => return self.load_stored(id, at),
            Op::Reduce(op, axes) => {
                let operand = node.operands[0];
                return self.reduce(*op, axes, at, &mut |this, at| this.resolve(operand, at));
            }
            Op::Softmax(op, axes) => return self.softmax(*op, node.operands[0], axes, at),
            Op::Gather(axis) => return self.gather(node.operands[0], node.operands[1], *axis, at),
            _ if !only_fixed(at) && !self.is_cheap(id) => return self.load_stored(id, at),
            Op::Unary(op) => ValueOp::Unary(*op),
            Op::Binary(op) => ValueOp::Binary(*op),
            Op::Compare(op) => ValueOp::Compare(*op),
            Op::Logic(op) => ValueOp::Logic(*op),
            Op::Polygamma(order) => ValueOp::Polygamma(*order),
            Op::Select => ValueOp::Select,
            Op::Cast(element) => ValueOp::Cast(*element),
            Op::Contract { .. } | Op::Order(_) | Op::TopIndex { .. } | Op::CumSum { .. } | Op::Scatter { .. } => {
                unreachable!("whole operations have their buffers")
            }
            Op::Carried(_) | Op::Repeat(_) => {
                unreachable!("the variables of loops have their buffers")
            }
        };
        let operands = self.operands(id, at);
        self.values.elementwise(op, element, &operands)
    }

    fn index(&mut self, position: Position) -> ValueId {
        match position {
            Position::Axis(axis) => self.values.leaf(ValueOp::Index(axis), &[axis], Element::Int),
            Position::Fixed(position) => self.values.constant(Constant::Int(position as i64)),
            Position::Computed(value) => value,
        }
    }

    /// The node, stored as a whole and loaded at other positions.
    fn load_stored(&mut self, id: NodeId, at: &Substitution) -> ValueId {
        let stored = self.resolve(id, &Substitution::new());
        let positions: Vec<_> = self.values.axes(stored).iter().map(|&axis| (axis, wanted(at, axis))).collect();
        self.values.load(Source::Value(stored), &positions, self.graph.ty(id).element)
    }

    /// A reduction whose unrolled axes become operations, one after the other.
    fn reduce(
        &mut self,
        op: ReduceOp,
        axes: &[AxisId],
        at: &Substitution,
        body: &mut dyn FnMut(&mut Self, &Substitution) -> ValueId,
    ) -> ValueId {
        let (unrolled, looped): (Vec<AxisId>, Vec<AxisId>) =
            axes.iter().copied().partition(|&axis| self.unrolled(axis).is_some());
        let combine = op.combining();
        let mut whole = None;
        for fixed in self.positions_of(&unrolled) {
            let mut inner = at.clone();
            for &(axis, position) in &fixed {
                inner = with(&inner, axis, position);
            }
            let part = body(self, &inner);
            whole = Some(whole.map_or(part, |whole| self.values.binary(combine, whole, part)));
        }
        match whole {
            Some(whole) => self.values.reduce(op, &looped, whole),
            // A labelled axis without labels: nothing is reduced.
            None => {
                let part = body(self, at);
                self.values.reduce(op, axes, part)
            }
        }
    }

    /// The softmax family from its definition, where no earlier pass has expanded it.
    fn softmax(&mut self, op: SoftmaxOp, x: NodeId, axes: &[AxisId], at: &Substitution) -> ValueId {
        let maximum = self.reduce(ReduceOp::Max, axes, at, &mut |this, at| this.resolve(x, at));
        let rest = self.reduce(ReduceOp::Sum, axes, at, &mut |this, at| {
            let (tied, power) = this.tie_and_power(x, maximum, at);
            let zero = this.values.real(0.0);
            this.values.select(tied, zero, power)
        });
        let ties = self.reduce(ReduceOp::Sum, axes, at, &mut |this, at| {
            let (tied, _) = this.tie_and_power(x, maximum, at);
            this.values.elementwise(ValueOp::Cast(Element::Real), Element::Real, &[tied])
        });
        let one = self.values.real(1.0);
        let further = self.values.binary(Binary::Sub, ties, one);
        let rest = self.values.binary(Binary::Add, rest, further);
        if op == SoftmaxOp::LogSumExp {
            let logarithm = self.values.unary(Unary::Log1p, rest);
            let sum = self.values.binary(Binary::Add, maximum, logarithm);
            // Over nothing the count of ties is 0 and the logarithm −∞ as well.
            return sum;
        }
        let (tied, power) = self.tie_and_power(x, maximum, at);
        let whole = self.values.binary(Binary::Add, one, rest);
        match op {
            SoftmaxOp::LogSumExp | SoftmaxOp::Softmax => self.values.binary(Binary::Div, power, whole),
            SoftmaxOp::Complement => {
                let at_maximum = self.values.binary(Binary::Div, rest, whole);
                let share = self.values.binary(Binary::Div, power, whole);
                let elsewhere = self.values.binary(Binary::Sub, one, share);
                self.values.select(tied, at_maximum, elsewhere)
            }
            SoftmaxOp::LogSoftmax => {
                let zero = self.values.real(0.0);
                let x = self.resolve(x, at);
                let difference = self.values.binary(Binary::Sub, x, maximum);
                let difference = self.values.select(tied, zero, difference);
                let logarithm = self.values.unary(Unary::Log1p, rest);
                self.values.binary(Binary::Sub, difference, logarithm)
            }
        }
    }

    fn tie_and_power(&mut self, x: NodeId, maximum: ValueId, at: &Substitution) -> (ValueId, ValueId) {
        let x = self.resolve(x, at);
        let tied = self.values.compare(Compare::Eq, x, maximum);
        let difference = self.values.binary(Binary::Sub, x, maximum);
        let power = self.values.unary(Unary::Exp, difference);
        let one = self.values.real(1.0);
        (tied, self.values.select(tied, one, power))
    }

    fn gather(&mut self, tensor: NodeId, index: NodeId, axis: AxisId, at: &Substitution) -> ValueId {
        let index = self.resolve(index, at);
        let root = self.graph.extent_root(axis);
        let extent = match &self.graph.axis(root).extent {
            Extent::Fixed(extent) => Some(*extent),
            Extent::Input | Extent::SameAs(_) | Extent::Computed(_) => None,
        };
        let position = match (&self.values.get(index).op, extent) {
            (&ValueOp::Constant(Constant::Int(position)), Some(extent)) => {
                if position < 0 || position as u64 >= extent {
                    return self.zero(self.graph.ty(tensor).element);
                }
                Position::Fixed(position as u64)
            }
            (&ValueOp::Index(other), _) if self.graph.extent_root(other) == root => Position::Axis(other),
            _ => Position::Computed(index),
        };
        let inner = with(at, axis, position);
        let value = self.resolve(tensor, &inner);
        let checked_by_load = match &self.values.get(value).op {
            ValueOp::Load(_, positions) => positions.iter().any(|&(_, at)| at == position),
            _ => false,
        };
        if checked_by_load || !matches!(position, Position::Computed(_)) {
            return value;
        }
        // Cheap code that was resolved at the computed position: outside of the axis its result is 0.
        let lowest = self.values.constant(Constant::Int(0));
        let size = self.values.leaf(ValueOp::Size(root), &[], Element::Int);
        let above = self.values.compare(Compare::Le, lowest, index);
        let below = self.values.compare(Compare::Lt, index, size);
        let inside = self.values.elementwise(ValueOp::Logic(Logic::And), Element::Bool, &[above, below]);
        let zero = self.zero(self.graph.ty(tensor).element);
        self.values.select(inside, value, zero)
    }

    fn zero(&mut self, element: Element) -> ValueId {
        self.values.constant(match element {
            Element::Real => Constant::Real(0.0),
            Element::Int => Constant::Int(0),
            Element::Bool => Constant::Bool(false),
        })
    }

    /// Whether a node is a few operations that cost about as much as a load.
    pub fn is_cheap(&self, id: NodeId) -> bool {
        let mut count = 0;
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            count += 1;
            if self.levels.result(id).is_some() {
                // A load.
                continue;
            }
            let node = self.graph.node(id);
            let cheap = match node.op {
                Op::Unary(op) => {
                    matches!(op, Unary::Neg | Unary::Abs | Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round)
                }
                Op::Binary(op) => !matches!(op, Binary::Pow | Binary::Powi | Binary::Atan2),
                Op::Reduce(..) | Op::Softmax(..) | Op::Polygamma(_) => false,
                _ => true,
            };
            if !cheap || count > CHEAP {
                return false;
            }
            open.extend(node.operands.iter().copied());
        }
        true
    }
}

fn only_fixed(at: &Substitution) -> bool {
    at.iter().all(|(_, position)| matches!(position, Position::Fixed(_)))
}

fn wanted(at: &Substitution, axis: AxisId) -> Position {
    at.iter().find(|(own, _)| *own == axis).map_or(Position::Axis(axis), |&(_, position)| position)
}

fn with(at: &Substitution, axis: AxisId, position: Position) -> Substitution {
    let mut longer: Substitution = at.iter().copied().filter(|(own, _)| *own != axis).collect();
    longer.push((axis, position));
    longer.sort();
    longer
}

/// What a node with these axes needs of a substitution; an axis at its own position needs no entry.
fn restrict(at: &Substitution, axes: &[AxisId]) -> Substitution {
    at.iter().copied().filter(|&(axis, at)| axes.contains(&axis) && at != Position::Axis(axis)).collect()
}
