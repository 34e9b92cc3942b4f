//! Dense tensors with named axes, and where an element of one lies in another.

use crate::ir::{Axes, AxisId};
use crate::op::Element;

/// The elements of a tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Reals.
    Real(Vec<f64>),
    /// Integers.
    Int(Vec<i64>),
    /// Truth values.
    Bool(Vec<bool>),
}

impl Values {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Values::Real(values) => values.len(),
            Values::Int(values) => values.len(),
            Values::Bool(values) => values.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements at these positions; `None` gives 0 or false.
    pub fn take(&self, positions: impl Iterator<Item = Option<usize>>) -> Values {
        match self {
            Values::Real(values) => Values::Real(positions.map(|at| at.map_or(0.0, |at| values[at])).collect()),
            Values::Int(values) => Values::Int(positions.map(|at| at.map_or(0, |at| values[at])).collect()),
            Values::Bool(values) => Values::Bool(positions.map(|at| at.is_some_and(|at| values[at])).collect()),
        }
    }
}

/// A tensor of the interpreter: row-major over its axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Its axes.
    pub axes: Axes,
    /// Their extents.
    pub shape: Vec<usize>,
    /// Its elements.
    pub values: Values,
}

impl Dense {
    /// A tensor of reals.
    pub fn real(axes: &[AxisId], shape: &[usize], values: Vec<f64>) -> Self {
        Dense { axes: axes.iter().copied().collect(), shape: shape.to_vec(), values: Values::Real(values) }
    }

    /// A tensor of ints.
    pub fn int(axes: &[AxisId], shape: &[usize], values: Vec<i64>) -> Self {
        Dense { axes: axes.iter().copied().collect(), shape: shape.to_vec(), values: Values::Int(values) }
    }

    /// The element type.
    pub fn element(&self) -> Element {
        match self.values {
            Values::Real(_) => Element::Real,
            Values::Int(_) => Element::Int,
            Values::Bool(_) => Element::Bool,
        }
    }

    /// Its reals.
    ///
    /// # Panics
    /// If it holds something else: a bug of the compiler.
    pub fn reals(&self) -> &[f64] {
        match &self.values {
            Values::Real(values) => values,
            other => unreachable!("reals expected, not {other:?}"),
        }
    }

    /// Its ints.
    ///
    /// # Panics
    /// If it holds something else: a bug of the compiler.
    pub fn ints(&self) -> &[i64] {
        match &self.values {
            Values::Int(values) => values,
            other => unreachable!("ints expected, not {other:?}"),
        }
    }

    /// Its truth values.
    ///
    /// # Panics
    /// If it holds something else: a bug of the compiler.
    pub fn bools(&self) -> &[bool] {
        match &self.values {
            Values::Bool(values) => values,
            other => unreachable!("bools expected, not {other:?}"),
        }
    }

    /// The distance in memory between neighbours along an axis; 0 along an axis that it lacks.
    pub fn stride(&self, axis: AxisId) -> usize {
        match self.axes.iter().position(|&own| own == axis) {
            Some(position) => self.shape[position + 1..].iter().product(),
            None => 0,
        }
    }

    /// The extents of some of its axes; 0 for an axis that it lacks.
    pub fn shape_of(&self, axes: &[AxisId]) -> Vec<usize> {
        let extent = |axis: &AxisId| self.axes.iter().position(|own| own == axis).map_or(0, |at| self.shape[at]);
        axes.iter().map(extent).collect()
    }

    /// For every element of a tensor over `axes` in row-major order: where it lies in this one, which is
    /// repeated along axes that it lacks.
    pub fn positions(&self, axes: &[AxisId], shape: &[usize]) -> Vec<usize> {
        let strides: Vec<usize> = axes.iter().map(|&axis| self.stride(axis)).collect();
        positions(shape, &strides)
    }
}

/// Row-major over `shape`: Σ index · stride.
pub fn positions(shape: &[usize], strides: &[usize]) -> Vec<usize> {
    let mut all = vec![0];
    for (&extent, &stride) in shape.iter().zip(strides) {
        all = all.iter().flat_map(|&start| (0..extent).map(move |index| start + index * stride)).collect();
    }
    all
}
