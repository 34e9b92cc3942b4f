//! Tensors of a caller → the extents of a program's axes and the strides of its inputs.
//!
//! Everything that can be wrong with data is found here, before any kernel runs: names, ranks, extents,
//! element types, labels, and on demand the values against the declared kinds. After it, extents agree,
//! element counts do not overflow, and labels are inside their axis or ignored.

mod error;
mod values;

use rustc_hash::FxHashMap;

use crate::ir::{AxisId, Extent, ExtentFormula, InputData, Program};
use crate::op::Element;
use crate::tensor::TensorView;

pub use error::DataError;

/// An input with its tensor.
#[derive(Clone, Debug)]
pub struct InputBinding<'a> {
    /// The caller's memory.
    pub view: TensorView<'a>,
    /// Strides by axis of the program; none if the axes of a pack do not collapse into one.
    pub strides: Option<Vec<isize>>,
}

/// The inputs of one call.
#[derive(Clone, Debug)]
pub struct Binding<'a> {
    inputs: Vec<InputBinding<'a>>,
    extents: Vec<usize>,
    packs: FxHashMap<AxisId, Vec<usize>>,
}

impl<'a> Binding<'a> {
    /// Matches tensors with the inputs of a program.
    ///
    /// # Errors
    /// If they do not fit.
    pub fn new(program: &Program, tensors: &[(&str, TensorView<'a>)]) -> Result<Self, DataError> {
        let mut binder = Binder { program, extents: FxHashMap::default(), packs: FxHashMap::default() };
        let views = binder.match_names(tensors)?;
        for (input, view) in program.inputs.iter().zip(&views) {
            values::check_type(input, view)?;
            binder.bind_axes(input, view)?;
        }
        let extents = binder.all_extents()?;
        binder.check_given(&extents)?;
        for needed in &program.non_empty {
            if let Some(&axis) = needed.axes.iter().find(|axis| extents[axis.0 as usize] == 0) {
                let axis = binder.axis_name(axis);
                return Err(DataError::Empty { axis, reason: needed.reason.clone() });
            }
        }
        for (input, view) in program.inputs.iter().zip(&views) {
            values::check_labels(program, input, view, &extents)?;
        }
        let packs = binder.packs.into_iter().map(|(axis, (extents, _))| (axis, extents)).collect();
        let bind = |(input, view): (&InputData, TensorView<'a>)| InputBinding {
            strides: collapse(program, input, &view),
            view,
        };
        let inputs = program.inputs.iter().zip(views).map(bind).collect();
        Ok(Binding { inputs, extents, packs })
    }

    /// Checks the values against the declared kinds (`prob`, `binary`, `sign`, `count`).
    ///
    /// # Errors
    /// With the first value that is not of its kind.
    pub fn check_data(&self, program: &Program) -> Result<(), DataError> {
        program.inputs.iter().zip(&self.inputs).try_for_each(|(input, bound)| values::check_kind(input, &bound.view))
    }

    /// By `InputId`.
    pub fn inputs(&self) -> &[InputBinding<'a>] {
        &self.inputs
    }

    /// How many axes have an extent.
    pub fn axes(&self) -> usize {
        self.extents.len()
    }

    /// The extent of an axis; of a pack the product.
    pub fn extent(&self, axis: AxisId) -> usize {
        self.extents[axis.0 as usize]
    }

    /// The shape of a tensor with these axes, packs with all of theirs.
    pub fn shape(&self, program: &Program, axes: &[AxisId]) -> Vec<usize> {
        let mut shape = Vec::new();
        for &axis in axes {
            match self.packs.get(&program.graph.extent_root(axis)) {
                Some(extents) => shape.extend(extents),
                None => shape.push(self.extent(axis)),
            }
        }
        shape
    }
}

/// Where an axis got its extent: for messages.
type Origin = String;

struct Binder<'p> {
    program: &'p Program,
    extents: FxHashMap<AxisId, (usize, Origin)>,
    packs: FxHashMap<AxisId, (Vec<usize>, Origin)>,
}

impl Binder<'_> {
    fn match_names<'a>(&self, tensors: &[(&str, TensorView<'a>)]) -> Result<Vec<TensorView<'a>>, DataError> {
        let known: Vec<&str> = self.program.inputs.iter().map(|input| input.name.as_str()).collect();
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
        let find = |input: &InputData| {
            let found = tensors.iter().find(|(name, _)| *name == input.name).map(|(_, view)| view.clone());
            found.ok_or_else(|| DataError::Missing { input: input.name.clone(), signature: self.signature(input) })
        };
        self.program.inputs.iter().map(find).collect()
    }

    fn axis_name(&self, axis: AxisId) -> String {
        let data = self.program.graph.axis(axis);
        if data.pack { format!("..{}", data.name) } else { data.name.clone() }
    }

    fn signature(&self, input: &InputData) -> String {
        let axes: Vec<String> = input.axes.iter().map(|&axis| self.axis_name(axis)).collect();
        if axes.is_empty() { input.kind.clone() } else { format!("{}[{}]", input.kind, axes.join(", ")) }
    }

    fn bind_axes(&mut self, input: &InputData, view: &TensorView<'_>) -> Result<(), DataError> {
        let shape = view.shape();
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
                self.bind_pack(input, axis, extents)?;
            } else {
                self.bind_axis(input, axis, shape[next])?;
                next += 1;
            }
        }
        Ok(())
    }

    fn bind_axis(&mut self, input: &InputData, axis: AxisId, extent: usize) -> Result<(), DataError> {
        let root = self.program.graph.extent_root(axis);
        if let Extent::Fixed(labels) = &self.program.graph.axis(root).extent
            && *labels != extent as u64
        {
            let (axis, labels) = (self.axis_name(axis), *labels);
            return Err(DataError::Labels { input: input.name.clone(), axis, labels, extent });
        }
        match self.extents.get(&root) {
            Some((known, other)) if *known != extent => Err(DataError::Extent {
                axis: self.axis_name(axis),
                first: other.clone(),
                first_extent: *known,
                second: input.name.clone(),
                second_extent: extent,
            }),
            Some(_) => Ok(()),
            None => {
                self.extents.insert(root, (extent, input.name.clone()));
                Ok(())
            }
        }
    }

    fn bind_pack(&mut self, input: &InputData, axis: AxisId, extents: &[usize]) -> Result<(), DataError> {
        let root = self.program.graph.extent_root(axis);
        let Some((known, other)) = self.packs.get(&root) else {
            self.packs.insert(root, (extents.to_vec(), input.name.clone()));
            // An empty axis beside the pack can hide that the pack alone has too many positions.
            let Some(count) = extents.iter().try_fold(1_usize, |count, &extent| count.checked_mul(extent)) else {
                return Err(DataError::TooLarge { input: input.name.clone(), shape: extents.to_vec() });
            };
            self.extents.insert(root, (count, input.name.clone()));
            return Ok(());
        };
        if known.len() != extents.len() {
            return Err(DataError::PackRank {
                axis: self.axis_name(axis),
                first: other.clone(),
                first_extents: known.clone(),
                second: input.name.clone(),
                second_extents: extents.to_vec(),
            });
        }
        match (0..known.len()).find(|&position| known[position] != extents[position]) {
            None => Ok(()),
            Some(position) => Err(DataError::Extent {
                axis: format!("{} #{}", self.axis_name(axis), position + 1),
                first: other.clone(),
                first_extent: known[position],
                second: input.name.clone(),
                second_extent: extents[position],
            }),
        }
    }

    /// By `AxisId`. An axis that nothing binds has extent 0; no live node has it.
    fn all_extents(&self) -> Result<Vec<usize>, DataError> {
        let graph = &self.program.graph;
        let mut extents = Vec::with_capacity(graph.all_axes().len());
        for axis in (0..graph.all_axes().len() as u32).map(AxisId) {
            let root = graph.extent_root(axis);
            extents.push(match &graph.axis(root).extent {
                Extent::Fixed(extent) => usize::try_from(*extent).unwrap_or(usize::MAX),
                // A copy stands after what it copies.
                Extent::Computed(_) if root != axis => extents[root.0 as usize],
                Extent::Computed(formula) => self.computed(axis, formula, &extents)?,
                Extent::Input | Extent::SameAs(_) => self.extents.get(&root).map_or(0, |(extent, _)| *extent),
            });
        }
        Ok(extents)
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
                    input: self.extents.get(&root).map(|(_, input)| input.clone()),
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
fn collapse(program: &Program, input: &InputData, view: &TensorView<'_>) -> Option<Vec<isize>> {
    let (shape, strides) = (view.shape(), view.strides());
    let pack_rank = shape.len() + 1 - input.axes.len().min(shape.len() + 1);
    let mut result = Vec::new();
    let mut next = 0;
    for &axis in &input.axes {
        if !program.graph.axis(axis).pack {
            result.push(strides[next]);
            next += 1;
            continue;
        }
        let own = (next..next + pack_rank).filter(|&dim| shape[dim] != 1);
        next += pack_rank;
        let own: Vec<usize> = own.collect();
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

/// Whether an input holds floats or ints.
fn wants_float(input: &InputData) -> bool {
    input.element == Element::Real
}
