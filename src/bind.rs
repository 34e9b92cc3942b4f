//! Tensors of a caller → the extents of a program's axes and the strides of its inputs.
//!
//! Everything that can be wrong with data is found here, before any kernel runs: names, ranks, extents,
//! element types, labels, and on demand the values against the declared kinds. After it, extents agree,
//! element counts do not overflow, and labels are inside their axis or ignored.
//!
//! It happens at every call, so what fits takes no memory from the heap unless it is unusually large, and what shapes say
//! is kept: a call with the shapes of the one before only compares them.

mod error;
mod shapes;
mod values;

use smallvec::SmallVec;

use crate::ir::{AxisId, InputData, Program};
use crate::op::Element;
use crate::tensor::{DType, Extents, Slice, TensorView};

pub use error::DataError;
pub use shapes::{Shapes, Stamp};

/// The memory of an input.
#[derive(Clone, Copy, Debug)]
pub struct InputBinding<'a> {
    /// The caller's memory.
    pub data: Slice<'a>,
    /// Where in it the first element is.
    pub offset: usize,
}

/// The inputs of one call.
#[derive(Clone, Debug)]
pub struct Binding<'a> {
    inputs: SmallVec<[InputBinding<'a>; 6]>,
    shapes: Kept<'a>,
    stamp: Stamp,
}

#[derive(Clone, Debug)]
enum Kept<'a> {
    Own(Box<Shapes>),
    Lent(&'a Shapes),
}

impl<'a> Binding<'a> {
    /// Matches tensors with the inputs of a program.
    ///
    /// # Errors
    /// If they do not fit.
    pub fn new(program: &Program, tensors: &[(&str, TensorView<'a>)]) -> Result<Self, DataError> {
        let mut shapes = Box::<Shapes>::default();
        let (inputs, stamp) = shapes.match_with(program, tensors)?;
        Ok(Binding { inputs, shapes: Kept::Own(shapes), stamp })
    }

    /// As [`Binding::new`], with shapes that are kept from call to call, always with the same program. What they say is
    /// worked out where they are other ones than at the call before.
    ///
    /// # Errors
    /// As [`Binding::new`].
    pub fn with(
        program: &Program,
        tensors: &[(&str, TensorView<'a>)],
        shapes: &'a mut Shapes,
    ) -> Result<Self, DataError> {
        let (inputs, stamp) = shapes.match_with(program, tensors)?;
        Ok(Binding { inputs, shapes: Kept::Lent(shapes), stamp })
    }

    fn shapes(&self) -> &Shapes {
        match &self.shapes {
            Kept::Own(shapes) => shapes,
            Kept::Lent(shapes) => shapes,
        }
    }

    /// Checks the values against the declared kinds (`prob`, `binary`, `sign`, `count`).
    ///
    /// # Errors
    /// With the first value that is not of its kind.
    pub fn check_data(&self, program: &Program) -> Result<(), DataError> {
        let mut inputs = program.inputs.iter().enumerate();
        inputs.try_for_each(|(position, input)| values::check_kind(input, &self.view(position)))
    }

    /// By `InputId`.
    pub fn inputs(&self) -> &[InputBinding<'a>] {
        &self.inputs
    }

    /// An input as its caller gave it.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn view(&self, input: usize) -> TensorView<'a> {
        let (InputBinding { data, offset }, shape) = (self.inputs[input], self.shapes().of(input));
        TensorView::strided(data, offset, &shape.extents, &shape.strides)
            .unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// How many elements an input has.
    pub fn elements(&self, input: usize) -> usize {
        self.shapes().of(input).elements
    }

    /// The element type of an input.
    pub fn dtype(&self, input: usize) -> DType {
        self.inputs[input].data.dtype()
    }

    /// The strides of an input by axis of the program; none if the axes of a pack do not collapse into one.
    pub fn strides(&self, input: usize) -> Option<&[isize]> {
        self.shapes().of(input).by_axis.as_deref()
    }

    /// Two bindings with the same stamp have the same shapes, element types and strides of the inputs, and extents.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// How many axes have an extent.
    pub fn axes(&self) -> usize {
        self.shapes().extents().len()
    }

    /// The extent of an axis; of a pack the product.
    pub fn extent(&self, axis: AxisId) -> usize {
        self.shapes().extents()[axis.0 as usize]
    }

    /// The shape of a tensor with these axes, packs with all of theirs.
    pub fn shape(&self, program: &Program, axes: &[AxisId]) -> Extents {
        let mut shape = Extents::new();
        for &axis in axes {
            match self.shapes().pack(program.graph.extent_root(axis)) {
                Some(extents) => shape.extend_from_slice(extents),
                None => shape.push(self.extent(axis)),
            }
        }
        shape
    }
}

/// Whether an input holds floats or ints.
fn wants_float(input: &InputData) -> bool {
    input.element == Element::Real
}
