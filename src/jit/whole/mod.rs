//! Operations on whole tensors, by precompiled code: one file each, one row in [`run`].
//!
//! `call` makes the [`Strided`] tensors from a frame and ensures what they promise; the operations know
//! neither plans nor frames.

mod adding;
mod blocked;
mod contract;
mod micro;
mod pack;
mod sorting;
mod turn;
mod walk;

use std::sync::{Mutex, PoisonError};

use smallvec::SmallVec;

use super::module::Precision;
use super::share::{self, Threads};
use crate::ir::AxisId;
use crate::kernel::WholeOp;
use crate::op::Element;

pub(super) use turn::{Turn, Way};
use walk::{Offsets, Span, Spans};

/// One axis of a tensor in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dimension {
    /// What the operation calls it.
    pub axis: AxisId,
    /// How long it is.
    pub extent: usize,
    /// The distance of neighbours, in elements.
    pub stride: isize,
}

/// A tensor in memory. Whoever makes one ensures that every position below the extents lies in memory that
/// lives and, for the result of an operation, is written by nobody else.
#[derive(Clone, Debug)]
pub(super) struct Strided {
    /// Of the first element.
    pub address: *mut u8,
    /// Reals have the precision of the loss, ints are `i64`, truth values bytes.
    pub element: Element,
    /// Its axes in memory order.
    pub dimensions: SmallVec<[Dimension; 6]>,
}

impl Strided {
    /// The distance of neighbours along an axis; none where it lacks the axis.
    pub fn stride(&self, axis: AxisId) -> Option<isize> {
        self.dimensions.iter().find(|dimension| dimension.axis == axis).map(|dimension| dimension.stride)
    }

    /// One of its axes, with the strides of some tensors.
    fn span(&self, tensors: &[&Strided], axis: AxisId) -> Span {
        let own = self.dimensions.iter().find(|dimension| dimension.axis == axis);
        let mut strides = [0; 3];
        strides.iter_mut().zip(tensors).for_each(|(stride, tensor)| *stride = tensor.stride(axis).unwrap_or(0));
        Span { extent: own.map_or(1, |own| own.extent), strides }
    }

    /// One of its axes and its others, with the strides of some tensors.
    fn split(&self, tensors: &[&Strided], axis: AxisId) -> (Span, Spans) {
        let others = self.dimensions.iter().filter(|own| own.axis != axis);
        (self.span(tensors, axis), others.map(|own| self.span(tensors, own.axis)).collect())
    }

    /// # Safety
    /// The offset is that of a position below the extents, and `T` the type of the elements.
    unsafe fn read<T: Copy>(&self, offset: isize) -> T {
        // SAFETY: as the caller ensures.
        unsafe { *self.address.cast::<T>().offset(offset) }
    }

    /// # Safety
    /// As for [`Strided::read`], and the tensor is the result.
    unsafe fn write<T>(&self, offset: isize, value: T) {
        // SAFETY: as the caller ensures.
        unsafe { *self.address.cast::<T>().offset(offset) = value }
    }
}

/// An element of a tensor of reals.
pub(super) trait Real: Copy + Into<f64> {
    /// The nearest number of this precision.
    fn rounded(value: f64) -> Self;
}

impl Real for f32 {
    fn rounded(value: f64) -> f32 {
        value as f32
    }
}

impl Real for f64 {
    fn rounded(value: f64) -> f64 {
        value
    }
}

/// What the operations work in beside their operands, kept from call to call.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    keys: Vec<Key>,
    list: adding::List,
    panels: blocked::Panels,
}

/// By what an element is sorted, and its place.
type Key = (u64, usize);

/// Computes an operation.
pub(super) fn run(
    op: &WholeOp,
    precision: Precision,
    threads: Threads,
    operands: &[Strided],
    result: &Strided,
    scratch: &mut Scratch,
) {
    match precision {
        Precision::F32 => run_in::<f32>(op, threads, operands, result, scratch),
        Precision::F64 => run_in::<f64>(op, threads, operands, result, scratch),
    }
}

fn run_in<T: Real + contract::Entry>(
    op: &WholeOp,
    threads: Threads,
    operands: &[Strided],
    result: &Strided,
    scratch: &mut Scratch,
) {
    let Scratch { keys, list, panels } = scratch;
    match (op, operands) {
        (WholeOp::Contract { over, masked }, [a, b]) => {
            contract::run::<T>((over, *masked), threads, a, b, result, panels);
        }
        (WholeOp::Order(axis), [x]) => sorting::order::<T>(*axis, threads, x, result, keys),
        (WholeOp::TopIndex { over, to, along }, [x]) => {
            sorting::top_index::<T>((over, *to, *along), threads, x, result, keys);
        }
        (WholeOp::CumSum { axis, reverse }, [x]) => adding::cumsum::<T>(*axis, *reverse, threads, x, result),
        (WholeOp::Scatter { axis, over }, [values, index]) => {
            adding::scatter::<T>((*axis, over), threads, values, index, result, list);
        }
        _ => unreachable!("the graph's verifier has counted the operands"),
    }
}

/// Work on lines of tensors that do not depend on each other, shared among threads.
struct Lines<'a> {
    spans: &'a [Span],
    threads: Threads,
    /// What a line costs, in tenths of a nanosecond.
    cost: u64,
}

impl Lines<'_> {
    /// Into how many pieces the lines are cut at most.
    const PIECES: usize = 64;

    /// `visit` gets `each` of the keys to work with, which hold what earlier lines have left.
    fn for_each(&self, keys: &mut Vec<Key>, each: usize, visit: &(impl Fn(&mut [Key], Offsets) + Sync)) {
        let count = walk::count(self.spans);
        let length = count.div_ceil(Self::PIECES).max(1);
        let pieces = count.div_ceil(length);
        let threads = self.threads.used(self.cost.saturating_mul(count as u64), pieces);
        keys.clear();
        keys.resize(each * threads, (0, 0));
        let mut rest = keys.as_mut_slice();
        let mut own: SmallVec<[Mutex<&mut [Key]>; 8]> = SmallVec::new();
        for _ in 0..threads {
            let (first, further) = rest.split_at_mut(each);
            own.push(Mutex::new(first));
            rest = further;
        }
        share::pieces(threads, pieces, &|worker, piece| {
            // Nobody else has it: it is a lock only for the compiler's sake.
            let mut keys = own[worker].lock().unwrap_or_else(PoisonError::into_inner);
            let places = piece * length..(piece * length + length).min(count);
            walk::for_some(self.spans, places, &mut |offsets| visit(&mut keys, offsets));
        });
    }
}

// SAFETY: threads read operands, and write elements of a result that no other thread reads or writes: each operation
// says why.
unsafe impl Sync for Strided {}
