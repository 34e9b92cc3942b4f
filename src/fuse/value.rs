//! Values: what the schedule is made of.
//!
//! A value is an expression at one position of its axes: elementwise operations over loads, and
//! reductions. Broadcasts, renames, gathers and selections along labelled axes are gone; they have become
//! coordinates of loads. Values are hash-consed and their ids are a topological order.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::one_hot;
use crate::ir::{Axes, AxisId, Constant};
use crate::kernel::BufferId;
use crate::op::{Binary, Compare, Element, Logic, ReduceOp, Unary};

/// A value of one [`Values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ValueId(pub u32);

/// The position along one axis of what is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Position {
    /// That of an axis.
    Axis(AxisId),
    /// Always the same, and inside.
    Fixed(u64),
    /// That of an int value, which may be outside.
    Computed(ValueId),
}

/// What is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// An input, by its id.
    Input(u32),
    /// What a whole operation has left in a buffer.
    Buffer(BufferId),
    /// A value at other positions than the current ones: it must have been stored as a whole.
    Value(ValueId),
}

/// What a value computes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum ValueOp {
    Constant(Constant),
    Parameter(u32),
    Size(AxisId),
    Index(AxisId),
    /// The axes are those of the source, in its order.
    Load(Source, SmallVec<[(AxisId, Position); 4]>),
    Unary(Unary),
    Binary(Binary),
    Compare(Compare),
    Logic(Logic),
    Polygamma(u32),
    Select,
    /// `± a·b ± c`, rounded once.
    MulAdd {
        negate_product: bool,
        negate_addend: bool,
    },
    Cast(Element),
    Reduce(ReduceOp, Axes),
}

/// A value with its type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Value {
    pub op: ValueOp,
    /// For a load the computed positions.
    pub operands: SmallVec<[ValueId; 3]>,
    /// In the order of their ids.
    pub axes: Axes,
    pub element: Element,
}

/// All values of a program.
#[derive(Debug, Default)]
pub(super) struct Values {
    values: Vec<Value>,
    known: FxHashMap<Value, ValueId>,
}

impl Values {
    pub fn get(&self, id: ValueId) -> &Value {
        &self.values[id.0 as usize]
    }

    /// Makes a value something else that is the same but for rounding, of earlier values. Afterwards no value is added:
    /// it would not be found under what it is now.
    pub fn replace(&mut self, id: ValueId, op: ValueOp, operands: &[ValueId]) {
        let value = &mut self.values[id.0 as usize];
        value.op = op;
        value.operands = operands.iter().copied().collect();
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn axes(&self, id: ValueId) -> &Axes {
        &self.get(id).axes
    }

    fn insert(&mut self, value: Value) -> ValueId {
        if let Some(&id) = self.known.get(&value) {
            return id;
        }
        let id = ValueId(self.values.len() as u32);
        self.known.insert(value.clone(), id);
        self.values.push(value);
        id
    }

    pub fn constant(&mut self, constant: Constant) -> ValueId {
        let element = match constant {
            Constant::Real(_) => Element::Real,
            Constant::Int(_) => Element::Int,
            Constant::Bool(_) => Element::Bool,
        };
        self.leaf(ValueOp::Constant(constant), &[], element)
    }

    pub fn real(&mut self, value: f64) -> ValueId {
        self.constant(Constant::Real(value))
    }

    pub fn leaf(&mut self, op: ValueOp, axes: &[AxisId], element: Element) -> ValueId {
        self.insert(Value { op, operands: SmallVec::new(), axes: axes.iter().copied().collect(), element })
    }

    pub fn constant_of(&self, id: ValueId) -> Option<Constant> {
        match self.get(id).op {
            ValueOp::Constant(constant) => Some(constant),
            _ => None,
        }
    }

    /// A load; one of a value at its own position is that value.
    pub fn load(&mut self, source: Source, positions: &[(AxisId, Position)], element: Element) -> ValueId {
        if let Source::Value(value) = source
            && positions.iter().all(|&(axis, position)| position == Position::Axis(axis))
        {
            return value;
        }
        let mut axes = Axes::new();
        let mut operands = SmallVec::new();
        for &(_, position) in positions {
            match position {
                Position::Axis(axis) => axes.push(axis),
                Position::Fixed(_) => {}
                Position::Computed(index) => {
                    axes.extend(self.axes(index).iter().copied());
                    operands.push(index);
                }
            }
        }
        axes.sort();
        axes.dedup();
        self.insert(Value { op: ValueOp::Load(source, positions.iter().copied().collect()), operands, axes, element })
    }

    /// A reduction over axes, some of which the operand may lack.
    pub fn reduce(&mut self, op: ReduceOp, over: &[AxisId], operand: ValueId) -> ValueId {
        if over.is_empty() {
            return operand;
        }
        for (place, &axis) in over.iter().enumerate() {
            let short = if op == ReduceOp::Sum { one_hot::sum(self, axis, operand) } else { None };
            if let Some(operand) = short {
                let rest: Axes =
                    over.iter().enumerate().filter(|(own, _)| *own != place).map(|(_, &axis)| axis).collect();
                return self.reduce(op, &rest, operand);
            }
        }
        let mut over: Axes = over.iter().copied().collect();
        over.sort();
        let axes = self.axes(operand).iter().copied().filter(|axis| !over.contains(axis)).collect();
        let element = self.get(operand).element;
        let operands = [operand].into_iter().collect();
        self.insert(Value { op: ValueOp::Reduce(op, over), operands, axes, element })
    }

    /// An elementwise operation. Folds what unrolling and substitution make constant, no more.
    pub fn elementwise(&mut self, op: ValueOp, element: Element, operands: &[ValueId]) -> ValueId {
        if let Some(folded) = self.fold(&op, operands) {
            return folded;
        }
        let mut axes = Axes::new();
        for &operand in operands {
            axes.extend(self.axes(operand).iter().copied());
        }
        axes.sort();
        axes.dedup();
        self.insert(Value { op, operands: operands.iter().copied().collect(), axes, element })
    }

    pub fn unary(&mut self, op: Unary, a: ValueId) -> ValueId {
        let element = self.get(a).element;
        self.elementwise(ValueOp::Unary(op), element, &[a])
    }

    pub fn binary(&mut self, op: Binary, a: ValueId, b: ValueId) -> ValueId {
        let element = self.get(a).element;
        self.elementwise(ValueOp::Binary(op), element, &[a, b])
    }

    pub fn compare(&mut self, op: Compare, a: ValueId, b: ValueId) -> ValueId {
        self.elementwise(ValueOp::Compare(op), Element::Bool, &[a, b])
    }

    pub fn select(&mut self, condition: ValueId, yes: ValueId, no: ValueId) -> ValueId {
        let element = self.get(yes).element;
        self.elementwise(ValueOp::Select, element, &[condition, yes, no])
    }

    fn fold(&mut self, op: &ValueOp, operands: &[ValueId]) -> Option<ValueId> {
        let constant = |values: &Self, position: usize| values.constant_of(operands[position]);
        match op {
            ValueOp::Compare(compare) => {
                let (Some(Constant::Int(a)), Some(Constant::Int(b))) = (constant(self, 0), constant(self, 1)) else {
                    return None;
                };
                let holds = match compare {
                    Compare::Eq => a == b,
                    Compare::Ne => a != b,
                    Compare::Lt => a < b,
                    Compare::Le => a <= b,
                };
                Some(self.constant(Constant::Bool(holds)))
            }
            ValueOp::Logic(Logic::Not) => match constant(self, 0) {
                Some(Constant::Bool(value)) => Some(self.constant(Constant::Bool(!value))),
                _ => None,
            },
            ValueOp::Logic(logic) => {
                let (known, other) = match (constant(self, 0), constant(self, 1)) {
                    (Some(Constant::Bool(known)), _) => (known, operands[1]),
                    (_, Some(Constant::Bool(known))) => (known, operands[0]),
                    _ => return None,
                };
                let neutral = *logic == Logic::And;
                Some(if known == neutral { other } else { self.constant(Constant::Bool(known)) })
            }
            ValueOp::Select => match constant(self, 0) {
                Some(Constant::Bool(value)) => Some(operands[if value { 1 } else { 2 }]),
                _ if operands[1] == operands[2] => Some(operands[1]),
                _ => None,
            },
            ValueOp::Binary(binary) => self.fold_binary(*binary, operands),
            ValueOp::Cast(element) => {
                let folded = match (constant(self, 0)?, element) {
                    (Constant::Bool(value), Element::Real) => Constant::Real(f64::from(u8::from(value))),
                    (Constant::Bool(value), Element::Int) => Constant::Int(i64::from(value)),
                    (Constant::Int(value), Element::Real) => Constant::Real(value as f64),
                    (Constant::Real(value), Element::Int) if value.is_nan() => Constant::Int(i64::MIN),
                    (Constant::Real(value), Element::Int) => Constant::Int(value as i64),
                    _ => return None,
                };
                Some(self.constant(folded))
            }
            _ => None,
        }
    }

    /// Sums with 0, products with 1, and int arithmetic.
    fn fold_binary(&mut self, op: Binary, operands: &[ValueId]) -> Option<ValueId> {
        let [a, b] = [operands[0], operands[1]];
        let is = |constant: Option<Constant>, value: f64| match constant {
            Some(Constant::Real(real)) => {
                real == value && (value != 0.0 || real.is_sign_positive() || op == Binary::Add)
            }
            _ => false,
        };
        let (first, second) = (self.constant_of(a), self.constant_of(b));
        if let (Some(Constant::Int(x)), Some(Constant::Int(y))) = (first, second) {
            let folded = match op {
                Binary::Add => x.wrapping_add(y),
                Binary::Sub => x.wrapping_sub(y),
                Binary::Mul => x.wrapping_mul(y),
                Binary::Min => x.min(y),
                Binary::Max => x.max(y),
                Binary::Div | Binary::Pow | Binary::Powi | Binary::Atan2 => return None,
            };
            return Some(self.constant(Constant::Int(folded)));
        }
        match op {
            Binary::Add if is(first, 0.0) => Some(b),
            Binary::Add | Binary::Sub if is(second, 0.0) => Some(a),
            Binary::Mul if is(first, 1.0) => Some(b),
            Binary::Mul | Binary::Div if is(second, 1.0) => Some(a),
            Binary::Powi => match second {
                Some(Constant::Int(exponent)) if (0..=64).contains(&exponent) => Some(self.power(a, exponent)),
                _ => None,
            },
            _ => None,
        }
    }

    /// a^n by repeated squaring.
    fn power(&mut self, a: ValueId, exponent: i64) -> ValueId {
        let mut result = None;
        let mut square = a;
        let mut rest = exponent;
        while rest > 0 {
            if rest & 1 == 1 {
                result = Some(result.map_or(square, |product| self.binary(Binary::Mul, product, square)));
            }
            rest >>= 1;
            if rest > 0 {
                square = self.binary(Binary::Mul, square, square);
            }
        }
        result.unwrap_or_else(|| self.real(1.0))
    }
}
