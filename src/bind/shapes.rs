//! The shapes of a call's tensors → what they say of a program's axes, kept for calls with the same ones.

use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use super::error::DataError;
use super::{InputBinding, values};
use crate::ir::{AxisId, Extent, ExtentFormula, InputData, Program};
use crate::tensor::{DType, Extents, Strides, TensorView};

/// What the shapes of the last call's tensors say.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    /// By `InputId`; nothing before the first call.
    inputs: Vec<InputShape>,
    /// By `AxisId`.
    extents: Vec<usize>,
    packs: SmallVec<[Pack; 2]>,
    /// None where they do not fit together.
    stamp: Option<Stamp>,
}

/// Which shapes they are: no two that were worked out have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u64);

impl Stamp {
    fn next() -> Stamp {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Stamp(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The shape of an input.
#[derive(Clone, Debug)]
pub(super) struct InputShape {
    /// Where it stands among the tensors.
    place: usize,
    dtype: DType,
    pub extents: Extents,
    pub strides: Strides,
    /// Strides by axis of the program; none if the axes of a pack do not collapse into one.
    pub by_axis: Option<Strides>,
    pub elements: usize,
}

/// What a pack stands for.
#[derive(Clone, Debug)]
struct Pack {
    root: AxisId,
    extents: Extents,
    /// The input that bound it.
    origin: usize,
}

/// How long an axis is.
struct Bound {
    root: AxisId,
    extent: usize,
    /// The input that bound it.
    origin: usize,
}

impl Shapes {
    /// Of no call yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The memory of the inputs, with shapes that fit.
    pub(super) fn match_with<'a>(
        &mut self,
        program: &Program,
        tensors: &[(&str, TensorView<'a>)],
    ) -> Result<(SmallVec<[InputBinding<'a>; 6]>, Stamp), DataError> {
        let stamp = match self.stamp {
            Some(stamp) if self.are_of(program, tensors) => stamp,
            _ => {
                self.stamp = None;
                self.work_out(program, tensors)?;
                *self.stamp.insert(Stamp::next())
            }
        };
        let view = |shape: &InputShape| &tensors[shape.place].1;
        for (input, shape) in program.inputs.iter().zip(&self.inputs) {
            values::check_labels(program, input, view(shape), &self.extents)?;
        }
        let memory = |shape| InputBinding { data: view(shape).data(), offset: view(shape).offset() };
        Ok((self.inputs.iter().map(memory).collect(), stamp))
    }

    /// Whether the tensors have these shapes.
    fn are_of(&self, program: &Program, tensors: &[(&str, TensorView<'_>)]) -> bool {
        let is_same = |(input, shape): (&InputData, &InputShape)| {
            let (name, view) = &tensors[shape.place];
            *name == input.name
                && view.dtype() == shape.dtype
                && view.shape() == &shape.extents[..]
                && view.strides() == &shape.strides[..]
        };
        // With as many names, all of them found, there is none twice and none too many.
        self.inputs.len() == tensors.len() && program.inputs.iter().zip(&self.inputs).all(is_same)
    }

    fn work_out(&mut self, program: &Program, tensors: &[(&str, TensorView<'_>)]) -> Result<(), DataError> {
        let mut binder = Binder { program, extents: SmallVec::new(), packs: SmallVec::new() };
        let places = binder.match_names(tensors)?;
        self.inputs.clear();
        for (position, (input, place)) in program.inputs.iter().zip(places).enumerate() {
            let view = &tensors[place].1;
            values::check_type(input, view)?;
            binder.bind_axes(position, view)?;
            let (extents, strides) = (view.shape().into(), view.strides().into());
            let (by_axis, elements) = (collapse(program, input, view), view.count());
            self.inputs.push(InputShape { place, dtype: view.dtype(), extents, strides, by_axis, elements });
        }
        binder.all_extents(&mut self.extents)?;
        binder.check_given(&self.extents)?;
        for needed in &program.non_empty {
            if let Some(&axis) = needed.axes.iter().find(|axis| self.extents[axis.0 as usize] == 0) {
                let axis = binder.axis_name(axis);
                return Err(DataError::Empty { axis, reason: needed.reason.clone() });
            }
        }
        self.packs = binder.packs;
        Ok(())
    }

    pub(super) fn of(&self, input: usize) -> &InputShape {
        &self.inputs[input]
    }

    pub(super) fn extents(&self) -> &[usize] {
        &self.extents
    }

    /// What a pack stands for.
    pub(super) fn pack(&self, root: AxisId) -> Option<&[usize]> {
        self.packs.iter().find(|pack| pack.root == root).map(|pack| &pack.extents[..])
    }
}

struct Binder<'p> {
    program: &'p Program,
    extents: SmallVec<[Bound; 12]>,
    packs: SmallVec<[Pack; 2]>,
}

impl Binder<'_> {
    /// Where among the tensors the inputs are.
    fn match_names(&self, tensors: &[(&str, TensorView<'_>)]) -> Result<SmallVec<[usize; 8]>, DataError> {
        let known: SmallVec<[&str; 8]> = self.program.inputs.iter().map(|input| input.name.as_str()).collect();
        for (position, (name, _)) in tensors.iter().enumerate() {
            if tensors[..position].iter().any(|(earlier, _)| earlier == name) {
                return Err(DataError::Twice { input: (*name).to_owned() });
            }
            if !known.contains(name) {
                let close = known.iter().map(|known| (strsim::damerau_levenshtein(known, name), *known)).min();
                let close = close.filter(|(distance, known)| *distance <= 2.max(known.chars().count() / 3));
                return Err(DataError::Surplus {
                    input: (*name).to_owned(),
                    close: close.map(|(_, known)| known.to_owned()),
                    known: known.iter().map(|&known| known.to_owned()).collect(),
                });
            }
        }
        let place = |input: &InputData| {
            let place = tensors.iter().position(|(name, _)| *name == input.name);
            place.ok_or_else(|| DataError::Missing { input: input.name.clone(), signature: self.signature(input) })
        };
        self.program.inputs.iter().map(place).collect()
    }

    fn axis_name(&self, axis: AxisId) -> String {
        let data = self.program.graph.axis(axis);
        if data.pack { format!("..{}", data.name) } else { data.name.clone() }
    }

    fn signature(&self, input: &InputData) -> String {
        let axes: Vec<String> = input.axes.iter().map(|&axis| self.axis_name(axis)).collect();
        if axes.is_empty() { input.kind.clone() } else { format!("{}[{}]", input.kind, axes.join(", ")) }
    }

    fn bind_axes(&mut self, input: usize, view: &TensorView<'_>) -> Result<(), DataError> {
        let (program, shape, origin) = (self.program, view.shape(), input);
        let input = &program.inputs[input];
        let is_pack = |axis: &AxisId| self.program.graph.axis(*axis).pack;
        let named = input.axes.iter().filter(|axis| !is_pack(axis)).count();
        let has_pack = named < input.axes.len();
        if shape.len() < named || (shape.len() > named && !has_pack) {
            return Err(DataError::Rank {
                input: input.name.clone(),
                signature: self.signature(input),
                shape: shape.to_vec(),
            });
        }
        if shape.iter().try_fold(1_usize, |count, &extent| count.checked_mul(extent)).is_none() {
            return Err(DataError::TooLarge { input: input.name.clone(), shape: shape.to_vec() });
        }
        let mut next = 0;
        for &axis in &input.axes {
            if self.program.graph.axis(axis).pack {
                let extents = &shape[next..next + shape.len() - named];
                next += extents.len();
                self.bind_pack(origin, axis, extents)?;
            } else {
                self.bind_axis(origin, axis, shape[next])?;
                next += 1;
            }
        }
        Ok(())
    }

    fn bound(&self, root: AxisId) -> Option<&Bound> {
        self.extents.iter().find(|bound| bound.root == root)
    }

    /// The name of an input.
    fn input_name(&self, input: usize) -> String {
        self.program.inputs[input].name.clone()
    }

    fn bind_axis(&mut self, input: usize, axis: AxisId, extent: usize) -> Result<(), DataError> {
        let root = self.program.graph.extent_root(axis);
        if let Extent::Fixed(labels) = &self.program.graph.axis(root).extent
            && *labels != extent as u64
        {
            let (axis, labels) = (self.axis_name(axis), *labels);
            return Err(DataError::Labels { input: self.input_name(input), axis, labels, extent });
        }
        match self.bound(root) {
            Some(bound) if bound.extent != extent => Err(DataError::Extent {
                axis: self.axis_name(axis),
                first: self.input_name(bound.origin),
                first_extent: bound.extent,
                second: self.input_name(input),
                second_extent: extent,
            }),
            Some(_) => Ok(()),
            None => {
                self.extents.push(Bound { root, extent, origin: input });
                Ok(())
            }
        }
    }

    fn bind_pack(&mut self, input: usize, axis: AxisId, extents: &[usize]) -> Result<(), DataError> {
        let root = self.program.graph.extent_root(axis);
        let Some(Pack { extents: known, origin, .. }) = self.packs.iter().find(|pack| pack.root == root) else {
            self.packs.push(Pack { root, extents: extents.into(), origin: input });
            // An empty axis beside the pack can hide that the pack alone has too many positions.
            let Some(extent) = extents.iter().try_fold(1_usize, |count, &extent| count.checked_mul(extent)) else {
                return Err(DataError::TooLarge { input: self.input_name(input), shape: extents.to_vec() });
            };
            self.extents.push(Bound { root, extent, origin: input });
            return Ok(());
        };
        if known.len() != extents.len() {
            return Err(DataError::PackRank {
                axis: self.axis_name(axis),
                first: self.input_name(*origin),
                first_extents: known.to_vec(),
                second: self.input_name(input),
                second_extents: extents.to_vec(),
            });
        }
        match (0..known.len()).find(|&position| known[position] != extents[position]) {
            None => Ok(()),
            Some(position) => Err(DataError::Extent {
                axis: format!("{} #{}", self.axis_name(axis), position + 1),
                first: self.input_name(*origin),
                first_extent: known[position],
                second: self.input_name(input),
                second_extent: extents[position],
            }),
        }
    }

    /// By `AxisId`. An axis that nothing binds has extent 0; no live node has it.
    fn all_extents(&self, extents: &mut Vec<usize>) -> Result<(), DataError> {
        let graph = &self.program.graph;
        extents.clear();
        for axis in (0..graph.all_axes().len() as u32).map(AxisId) {
            let root = graph.extent_root(axis);
            extents.push(match &graph.axis(root).extent {
                Extent::Fixed(extent) => usize::try_from(*extent).unwrap_or(usize::MAX),
                // A copy stands after what it copies.
                Extent::Computed(_) if root != axis => extents[root.0 as usize],
                Extent::Computed(formula) => self.computed(axis, formula, extents)?,
                Extent::Input | Extent::SameAs(_) => self.bound(root).map_or(0, |bound| bound.extent),
            });
        }
        Ok(())
    }

    /// The value of a formula over the extents of earlier axes.
    fn computed(&self, axis: AxisId, formula: &ExtentFormula, extents: &[usize]) -> Result<usize, DataError> {
        let value = formula.value(&|axis| extents[axis.0 as usize] as u64);
        let extent = value.and_then(|value| u32::try_from(value).ok());
        extent.map(|extent| extent as usize).ok_or_else(|| {
            let sizes = formula.axes().into_iter();
            DataError::Computed {
                axis: self.axis_name(axis),
                formula: formula.written(&self.program.graph),
                sizes: sizes.map(|axis| format!("{} = {}", self.axis_name(axis), extents[axis.0 as usize])).collect(),
                value,
            }
        })
    }

    /// The extents that hyperparameters give are those of the inputs.
    fn check_given(&self, extents: &[usize]) -> Result<(), DataError> {
        for given in &self.program.given {
            let value = given.extent.value(&|axis| extents[axis.0 as usize] as u64);
            let extent = extents[given.axis.0 as usize];
            if value != i64::try_from(extent).ok() {
                let root = self.program.graph.extent_root(given.axis);
                return Err(DataError::Given {
                    axis: self.axis_name(given.axis),
                    input: self.bound(root).map(|bound| self.input_name(bound.origin)),
                    extent,
                    parameter: given.parameter.clone(),
                    value: value.unwrap_or(-1),
                });
            }
        }
        Ok(())
    }
}

/// The strides of an input by axis of the program, if the axes of its pack lie as one.
fn collapse(program: &Program, input: &InputData, view: &TensorView<'_>) -> Option<Strides> {
    let (shape, strides) = (view.shape(), view.strides());
    let pack_rank = shape.len() + 1 - input.axes.len().min(shape.len() + 1);
    let mut result = Strides::new();
    let mut next = 0;
    for &axis in &input.axes {
        if !program.graph.axis(axis).pack {
            result.push(strides[next]);
            next += 1;
            continue;
        }
        let own = (next..next + pack_rank).filter(|&dim| shape[dim] != 1);
        next += pack_rank;
        let own: Extents = own.collect();
        for pair in own.windows(2) {
            let whole = strides[pair[1]].checked_mul(isize::try_from(shape[pair[1]]).ok()?)?;
            if strides[pair[0]] != whole {
                return None;
            }
        }
        result.push(own.last().map_or(1, |&dim| strides[dim]));
    }
    Some(result)
}
