//! The shapes of a call's data → which kernels are for them, and by what these are found.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::hir::{Axis, AxisIndex, AxisKind, Function};
use crate::ir::{AxisId, Program};

/// What of the data the kernels are made for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    /// The optional inputs that are given.
    pub given: BTreeSet<String>,
    /// The packs that stand for no axis.
    pub empty_packs: BTreeSet<String>,
    /// The axes along which rows are too short for vectors.
    pub short_axes: BTreeSet<String>,
}

impl Shape {
    /// That of data of these shapes, by input.
    pub fn of<'s>(function: &Function, given: &impl Fn(&str) -> Option<&'s [usize]>) -> Shape {
        let key = key_of_shapes(function, given);
        let (given, of_axes) = key.split_at(function.inputs.len());
        let (empty, short) = of_axes.split_at(function.axes.len());
        let names = function.inputs.iter().map(|input| &input.name).zip(given);
        let packs = function.axes.iter().map(|axis| &axis.name).zip(empty);
        let short_names = function.axes.iter().map(|axis| &axis.name).zip(short);
        Shape {
            given: names.filter(|(_, given)| **given).map(|(name, _)| name.clone()).collect(),
            empty_packs: packs.filter(|(_, empty)| **empty).map(|(name, _)| name.clone()).collect(),
            short_axes: short_names.filter(|(_, short)| **short).map(|(name, _)| name.clone()).collect(),
        }
    }

    /// The axes of a program that are short.
    pub fn short_in(&self, program: &Program) -> Vec<AxisId> {
        let axes = program.inputs.iter().flat_map(|input| &input.axes).map(|&axis| program.graph.extent_root(axis));
        axes.filter(|&axis| self.short_axes.contains(&program.graph.axis(axis).name)).collect()
    }
}

/// What kernels are found by: a [`Shape`], and whether they are for any values of the hyperparameters.
pub(super) type Key = (ShapeKey, bool);

/// A [`Shape`] as bits, to find it without allocating: first whether an input is given and optional, then whether an
/// axis is a pack that stands for no axis, then whether it is short.
pub(super) type ShapeKey = SmallVec<[bool; 96]>;

pub(super) fn key_of(function: &Function, shape: &Shape) -> ShapeKey {
    let given = function.inputs.iter().map(|input| shape.given.contains(&input.name));
    let is_pack = |axis: &Axis| axis.kind == AxisKind::Pack;
    let empty = function.axes.iter().map(|axis| is_pack(axis) && shape.empty_packs.contains(&axis.name));
    let short = function.axes.iter().map(|axis| shape.short_axes.contains(&axis.name));
    given.chain(empty).chain(short).collect()
}

/// Elements in the rows of all inputs that have such, up to which it costs less to turn them than that they do not fill
/// vectors. Measured: cross entropy, in the caches, up to 90, from memory up to 48; losses of two or three such inputs,
/// from memory, up to 20 and 18 elements in each.
const SHORT: usize = 40;

/// The axis of an input that stands for the last one of its data and how long it is, if the axis before it has lanes for
/// vectors.
fn row(function: &Function, axes: &[AxisIndex], shape: &[usize]) -> Option<(AxisIndex, usize)> {
    /// Lanes that fill some vectors.
    const LANES: usize = 64;
    let is_pack = |axis: &AxisIndex| function.axes[axis.0 as usize].kind == AxisKind::Pack;
    let of_pack = (shape.len() + 1).saturating_sub(axes.len());
    let mut there = axes.iter().rev().filter(|axis| !is_pack(axis) || of_pack > 0);
    let (&last, before) = (there.next()?, there.next()?);
    let (row, rest) = shape.split_last()?;
    let lanes = rest.iter().rev().take(if is_pack(before) { of_pack } else { 1 });
    let is_one = function.axes[last.0 as usize].kind == AxisKind::Single;
    (is_one && lanes.product::<usize>() >= LANES).then_some((last, *row))
}

/// Which optional inputs are given, which packs stand for no axis in all of the inputs that have them, and which axes are
/// short rows of any of them.
pub(super) fn key_of_shapes<'s>(function: &Function, given: &impl Fn(&str) -> Option<&'s [usize]>) -> ShapeKey {
    let (count, axes) = (function.inputs.len(), function.axes.len());
    let mut key = ShapeKey::from_elem(false, count + 2 * axes);
    let mut filled = ShapeKey::from_elem(false, axes);
    let mut rows: SmallVec<[(AxisIndex, usize); 8]> = SmallVec::new();
    for (position, input) in function.inputs.iter().enumerate() {
        let Some(shape) = given(&input.name) else { continue };
        key[position] = input.default.is_some();
        rows.extend(row(function, &input.ty.axes, shape));
        let pack = input.ty.axes.iter().find(|axis| function.axes[axis.0 as usize].kind == AxisKind::Pack);
        if let Some(pack) = pack {
            let pack = pack.0 as usize;
            filled[pack] |= shape.len() + 1 != input.ty.axes.len();
            key[count + pack] = !filled[pack];
        }
    }
    for &(row, extent) in &rows {
        let tensors = rows.iter().filter(|(other, _)| *other == row).count();
        key[count + axes + row.0 as usize] = extent.saturating_mul(tensors) <= SHORT;
    }
    key
}
