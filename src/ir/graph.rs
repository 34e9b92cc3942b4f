//! Nodes, axes and the constructors that type them.
//!
//! A node is created once: the same operation on the same operands gives the same [`NodeId`], and an
//! operand always has a smaller id than its user, so ids are a topological order. The constructors
//! compute the type and assert what the caller must have ensured (they are called by the compiler
//! only, never with what a user wrote unchecked). They do not simplify: that is `rewrite`'s work.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::extent::Extent;
use super::repeat::{Carried, LoopId, Repeat};
use crate::op::{Binary, Compare, Element, Logic, ReduceOp, SoftmaxOp, Unary};

/// A node of one [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// An axis of one [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AxisId(pub u32);

/// An input tensor of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InputId(pub u32);

/// A real hyperparameter, given at every call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterId(pub u32);

/// The axes of a node. The order says nothing about the meaning (axes are aligned by identity); it is
/// that of the first operand, then the new ones of the next.
pub type Axes = SmallVec<[AxisId; 4]>;

/// One axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AxisData {
    /// Its name, for people.
    pub name: String,
    /// How long it is.
    pub extent: Extent,
    /// Whether it stands for any number of axes, flattened in row-major order.
    pub pack: bool,
}

/// A literal. Reals are compared by their bits.
#[derive(Clone, Copy, Debug)]
pub enum Constant {
    /// A real, always in double precision.
    Real(f64),
    /// An integer.
    Int(i64),
    /// A truth value.
    Bool(bool),
}

impl Constant {
    fn key(self) -> (u8, u64) {
        match self {
            Constant::Real(value) => (0, value.to_bits()),
            Constant::Int(value) => (1, value as u64),
            Constant::Bool(value) => (2, u64::from(value)),
        }
    }
}

impl PartialEq for Constant {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Constant {}
impl std::hash::Hash for Constant {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// What a node computes. Operands are in [`Node::operands`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A literal, without axes.
    Constant(Constant),
    /// An input tensor with the axes of its declaration.
    Input(InputId),
    /// A real hyperparameter, without axes, in double precision.
    Parameter(ParameterId),
    /// The extent of an axis, an int without axes.
    Size(AxisId),
    /// 0, 1, 2, … along an axis, an int.
    Index(AxisId),
    /// Elementwise, one operand.
    Unary(Unary),
    /// Elementwise, two operands, aligned by axis.
    Binary(Binary),
    /// Elementwise comparison.
    Compare(Compare),
    /// Elementwise on bools.
    Logic(Logic),
    /// The n-th derivative of digamma at the operand (n = 0: digamma itself).
    Polygamma(u32),
    /// `(condition, yes, no)`: elementwise; the side that is not taken has no influence, not even as NaN.
    Select,
    /// To another element type: bool and int to real or int, real to int (truncating; saturating; NaN gives the smallest int).
    Cast(Element),
    /// The operand's value with gradient 0.
    Stop,
    /// The operand repeated along these further axes.
    Broadcast(Axes),
    /// A reduction over these axes of the operand; without axes, the operand itself.
    Reduce(ReduceOp, Axes),
    /// The softmax family over these axes of the operand.
    Softmax(SoftmaxOp, Axes),
    /// `(tensor, index)`: the element of `tensor` along this axis at each `index`; 0 (false) where the index is
    /// negative or beyond the extent, without reading. The result's axes are the tensor's with those
    /// of the index in the place of this one; an axis that both have is aligned.
    Gather(AxisId),
    /// `(a, b)`: the sum over these axes, which both have, of the product of two operands aligned by axis. Made by
    /// the pass that recognises matrix products, and computed as one: the product is never stored.
    ///
    /// If it is masked, a product counts as 0 where one factor is exactly 0, also where the other is infinite or NaN: a
    /// condition has made that 0, and what it leaves out has no influence.
    Contract {
        /// What is summed over.
        over: Axes,
        /// Whether conditions have made zeros in the operands.
        masked: bool,
    },
    /// The operand with axis `from` called `to`, of the same extent.
    Rename {
        /// An axis of the operand.
        from: AxisId,
        /// An axis that the operand does not have.
        to: AxisId,
    },
    /// Along this axis, the indices of the operand's elements in ascending order, ints with its axes. Equal
    /// elements keep their order; NaN stands after all numbers.
    Order(AxisId),
    /// For each of the largest elements over `over`, in descending order, its index along one of these axes, an int
    /// on the new axis `to` in their place; −1 beyond the number of elements. Of equal elements the one that comes
    /// first in row-major order of `over`, as listed, is first; NaN stands before all numbers.
    TopIndex {
        /// Axes of the operand.
        over: Axes,
        /// An axis that the operand does not have; its extent is how many are looked for.
        to: AxisId,
        /// The one of `over` that the result indexes.
        along: AxisId,
    },
    /// Along an axis, the sum of the elements up to and with each one; in reverse, from each one on.
    CumSum {
        /// An axis of the operand.
        axis: AxisId,
        /// Whether it begins at the end.
        reverse: bool,
    },
    /// `(values, index)`: at each position of the new axis `axis`, the sum over `over` of the values whose index
    /// is that position; an index out of range adds nothing. Values and index are aligned by axis, `over` are axes of
    /// them, perhaps `axis` itself. The sum is taken in row-major order of `over` as listed.
    Scatter {
        /// The last axis of the result.
        axis: AxisId,
        /// What is summed over.
        over: Axes,
    },
    /// A variable of a loop at the start of a turn, a leaf of the loop's body.
    Carried(Carried),
    /// `(start of each variable …, result of each variable …)`: what came of one of them.
    Repeat(Repeat),
}

impl Op {
    /// How many operands it takes.
    pub fn arity(&self) -> usize {
        match self {
            Op::Constant(_) | Op::Input(_) | Op::Parameter(_) | Op::Size(_) | Op::Index(_) | Op::Carried(_) => 0,
            Op::Repeat(repeat) => 2 * repeat.variables as usize,
            Op::Unary(_) | Op::Polygamma(_) | Op::Cast(_) | Op::Stop | Op::Broadcast(_) => 1,
            Op::Logic(Logic::Not) | Op::Reduce(..) | Op::Softmax(..) | Op::Rename { .. } => 1,
            Op::Order(_) | Op::TopIndex { .. } | Op::CumSum { .. } => 1,
            Op::Binary(_) | Op::Compare(_) | Op::Logic(_) | Op::Gather(_) => 2,
            Op::Contract { .. } | Op::Scatter { .. } => 2,
            Op::Select => 3,
        }
    }
}

/// Element type and axes of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// Of each element.
    pub element: Element,
    /// Its axes.
    pub axes: Axes,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// From what.
    pub operands: SmallVec<[NodeId; 3]>,
    /// What comes out.
    pub ty: Type,
}

/// A hash-consed graph.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    axes: Vec<AxisData>,
    known: FxHashMap<Node, NodeId>,
    /// One more than the largest number of a loop.
    loops: u32,
}

/// The axes of `first`, then those of `second` that `first` lacks.
pub fn union(first: &[AxisId], second: &[AxisId]) -> Axes {
    let mut all: Axes = first.iter().copied().collect();
    all.extend(second.iter().copied().filter(|axis| !first.contains(axis)));
    all
}

/// The axes of `all` that are not in `removed`.
pub fn without(all: &[AxisId], removed: &[AxisId]) -> Axes {
    all.iter().copied().filter(|axis| !removed.contains(axis)).collect()
}

impl Graph {
    /// A graph without nodes and axes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of nodes; ids run from 0.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node of an id.
    ///
    /// # Panics
    /// If the id is not of this graph.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The type of a node.
    pub fn ty(&self, id: NodeId) -> &Type {
        &self.node(id).ty
    }

    /// The axes of a node.
    pub fn axes_of(&self, id: NodeId) -> &Axes {
        &self.node(id).ty.axes
    }

    /// All ids, operands before users.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The value of a constant node.
    pub fn constant_of(&self, id: NodeId) -> Option<Constant> {
        match self.node(id).op {
            Op::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Adds an axis.
    pub fn add_axis(&mut self, name: impl Into<String>, extent: Extent, pack: bool) -> AxisId {
        let id = AxisId(self.axes.len() as u32);
        self.axes.push(AxisData { name: name.into(), extent, pack });
        id
    }

    /// Says how long an axis is that was added before that was known, and that no node has yet.
    pub fn set_extent(&mut self, axis: AxisId, extent: Extent) {
        self.axes[axis.0 as usize].extent = extent;
    }

    /// The axis of an id.
    ///
    /// # Panics
    /// If the id is not of this graph.
    pub fn axis(&self, id: AxisId) -> &AxisData {
        &self.axes[id.0 as usize]
    }

    /// All axes in the order of their ids.
    pub fn all_axes(&self) -> &[AxisData] {
        &self.axes
    }

    /// The axis whose extent this one has: itself, or what it is a renamed copy of.
    pub fn extent_root(&self, mut axis: AxisId) -> AxisId {
        while let Extent::SameAs(other) = &self.axis(axis).extent {
            axis = *other;
        }
        axis
    }

    /// Adds a node, or finds the one that is there.
    pub fn add(&mut self, op: Op, operands: &[NodeId]) -> NodeId {
        let ty = self.infer(&op, operands);
        let node = Node { op, operands: operands.iter().copied().collect(), ty };
        if let Some(&id) = self.known.get(&node) {
            return id;
        }
        let id = NodeId(self.nodes.len() as u32);
        if let Op::Carried(Carried { of, .. }) | Op::Repeat(Repeat { of, .. }) = &node.op {
            self.loops = self.loops.max(of.0 + 1);
        }
        self.known.insert(node.clone(), id);
        self.nodes.push(node);
        id
    }

    /// A number that no loop of the graph has.
    pub fn new_loop(&mut self) -> LoopId {
        self.loops += 1;
        LoopId(self.loops - 1)
    }

    /// Adds an input with the axes of its declaration, in memory order.
    pub fn input(&mut self, id: InputId, element: Element, axes: &[AxisId]) -> NodeId {
        let ty = Type { element, axes: axes.iter().copied().collect() };
        let node = Node { op: Op::Input(id), operands: SmallVec::new(), ty };
        if let Some(&id) = self.known.get(&node) {
            return id;
        }
        let id = NodeId(self.nodes.len() as u32);
        self.known.insert(node.clone(), id);
        self.nodes.push(node);
        id
    }

    /// A real literal.
    pub fn real(&mut self, value: f64) -> NodeId {
        self.add(Op::Constant(Constant::Real(value)), &[])
    }

    /// An int literal.
    pub fn int(&mut self, value: i64) -> NodeId {
        self.add(Op::Constant(Constant::Int(value)), &[])
    }

    /// A truth value.
    pub fn bool(&mut self, value: bool) -> NodeId {
        self.add(Op::Constant(Constant::Bool(value)), &[])
    }

    /// A hyperparameter.
    pub fn parameter(&mut self, id: ParameterId) -> NodeId {
        self.add(Op::Parameter(id), &[])
    }

    /// The extent of an axis, an int.
    pub fn size(&mut self, axis: AxisId) -> NodeId {
        self.add(Op::Size(axis), &[])
    }

    /// 0, 1, 2, … along an axis.
    pub fn index(&mut self, axis: AxisId) -> NodeId {
        self.add(Op::Index(axis), &[])
    }

    /// An elementwise operation of one operand.
    pub fn unary(&mut self, op: Unary, x: NodeId) -> NodeId {
        self.add(Op::Unary(op), &[x])
    }

    /// An elementwise operation of two operands.
    pub fn binary(&mut self, op: Binary, a: NodeId, b: NodeId) -> NodeId {
        self.add(Op::Binary(op), &[a, b])
    }

    /// A comparison.
    pub fn compare(&mut self, op: Compare, a: NodeId, b: NodeId) -> NodeId {
        self.add(Op::Compare(op), &[a, b])
    }

    /// An operation on bools.
    pub fn logic(&mut self, op: Logic, operands: &[NodeId]) -> NodeId {
        self.add(Op::Logic(op), operands)
    }

    /// `if condition then yes else no`
    pub fn select(&mut self, condition: NodeId, yes: NodeId, no: NodeId) -> NodeId {
        self.add(Op::Select, &[condition, yes, no])
    }

    /// The operand as another element type; the operand itself where it has that type.
    pub fn cast(&mut self, element: Element, x: NodeId) -> NodeId {
        if self.ty(x).element == element { x } else { self.add(Op::Cast(element), &[x]) }
    }

    /// The operand with gradient 0.
    pub fn stop(&mut self, x: NodeId) -> NodeId {
        self.add(Op::Stop, &[x])
    }

    /// The operand repeated along those of `axes` that it lacks; itself where it lacks none.
    pub fn broadcast(&mut self, x: NodeId, axes: &[AxisId]) -> NodeId {
        let new = without(axes, self.axes_of(x));
        if new.is_empty() { x } else { self.add(Op::Broadcast(new), &[x]) }
    }

    /// A reduction over those of `axes` that the operand has... all of which it must have.
    /// Axes are put into the order of their ids, so that the same reduction is the same node.
    pub fn reduce(&mut self, op: ReduceOp, axes: &[AxisId], x: NodeId) -> NodeId {
        if axes.is_empty() {
            return x;
        }
        let mut axes: Axes = axes.iter().copied().collect();
        axes.sort();
        self.add(Op::Reduce(op, axes), &[x])
    }

    /// An operation of the softmax family, over axes that the operand has.
    pub fn softmax(&mut self, op: SoftmaxOp, axes: &[AxisId], x: NodeId) -> NodeId {
        let mut axes: Axes = axes.iter().copied().collect();
        axes.sort();
        self.add(Op::Softmax(op, axes), &[x])
    }

    /// The elements of `tensor` along `axis` at `index`.
    pub fn gather(&mut self, axis: AxisId, tensor: NodeId, index: NodeId) -> NodeId {
        self.add(Op::Gather(axis), &[tensor, index])
    }

    /// The indices that put `x` in ascending order along one of its axes.
    pub fn order(&mut self, axis: AxisId, x: NodeId) -> NodeId {
        self.add(Op::Order(axis), &[x])
    }

    /// Running sums along an axis of `x`.
    pub fn cumsum(&mut self, axis: AxisId, reverse: bool, x: NodeId) -> NodeId {
        self.add(Op::CumSum { axis, reverse }, &[x])
    }

    /// The values summed over axes into a new one, each at its index.
    pub fn scatter(&mut self, axis: AxisId, over: &[AxisId], values: NodeId, index: NodeId) -> NodeId {
        let mut over: Axes = over.iter().copied().collect();
        over.sort();
        self.add(Op::Scatter { axis, over }, &[values, index])
    }

    /// The sum over `axes` of the product of two operands that both have them, all axes in the order of their ids.
    pub fn contract(&mut self, axes: &[AxisId], masked: bool, a: NodeId, b: NodeId) -> NodeId {
        let mut over: Axes = axes.iter().copied().collect();
        over.sort();
        self.add(Op::Contract { over, masked }, &[a, b])
    }

    /// `x` with axis `from` called `to`; `x` itself where it lacks `from`.
    pub fn rename(&mut self, x: NodeId, from: AxisId, to: AxisId) -> NodeId {
        if self.axes_of(x).contains(&from) { self.add(Op::Rename { from, to }, &[x]) } else { x }
    }
}
