//! The operations that need an operand whole: order, the largest, running sums, scattering.

use std::rc::Rc;

use super::dense::{Dense, Values, positions};
use crate::ir::{AxisId, without};
use crate::numeric;

/// Where each line of elements over some axes begins in a tensor, and how far each element is from there.
fn lines(x: &Dense, over: &[AxisId]) -> (Vec<usize>, Vec<usize>) {
    let kept = without(&x.axes, over);
    (x.positions(&kept, &x.shape_of(&kept)), x.positions(over, &x.shape_of(over)))
}

/// The indices that put the elements of each line along an axis in ascending order.
pub(super) fn order(x: &Dense, axis: AxisId) -> Values {
    let values = x.reals();
    let mut result = vec![0; values.len()];
    let (starts, steps) = lines(x, &[axis]);
    for start in starts {
        let mut order: Vec<usize> = (0..steps.len()).collect();
        order.sort_by(|&a, &b| numeric::ascending(values[start + steps[a]], values[start + steps[b]]));
        order.iter().zip(&steps).for_each(|(&index, step)| result[start + step] = index as i64);
    }
    Values::Int(result)
}

/// The index along `along` of each of the `count` largest elements over axes; −1 where there is none.
/// The result's axes are the others of the operand, then the one of the count.
pub(super) fn top_index(x: &Dense, over: &[AxisId], along: AxisId, count: usize) -> Values {
    let values = x.reals();
    let shape = x.shape_of(over);
    let index_strides: Vec<usize> = over.iter().map(|&axis| usize::from(axis == along)).collect();
    let indices = positions(&shape, &index_strides);
    let (starts, steps) = lines(x, over);
    let mut result = Vec::with_capacity(starts.len() * count);
    for start in starts {
        let mut order: Vec<usize> = (0..steps.len()).collect();
        order.sort_by(|&a, &b| numeric::ascending(values[start + steps[b]], values[start + steps[a]]));
        result.extend((0..count).map(|place| order.get(place).map_or(-1, |&at| indices[at] as i64)));
    }
    Values::Int(result)
}

/// Sums of each line along an axis up to and with each element, or from each one on.
pub(super) fn cumsum(x: &Dense, axis: AxisId, reverse: bool) -> Values {
    let mut result = x.reals().to_vec();
    let (starts, mut steps) = lines(x, &[axis]);
    if reverse {
        steps.reverse();
    }
    for start in starts {
        let mut sum = 0.0;
        for step in &steps {
            sum += result[start + step];
            result[start + step] = sum;
        }
    }
    Values::Real(result)
}

/// The values over `over`, each added where its index says along `axis`; `axes` and `shape` are the result's.
pub(super) fn scatter(
    operands: &[Rc<Dense>],
    axis: AxisId,
    over: &[AxisId],
    axes: &[AxisId],
    shape: &[usize],
) -> Values {
    let (values, index) = (&operands[0], &operands[1]);
    let size = |axis: AxisId| {
        let shared = operands.iter().find(|operand| operand.axes.contains(&axis)).expect("verified");
        shared.shape_of(&[axis])[0]
    };
    let result = Dense::real(axes, shape, Vec::new());
    // `over` may have an axis of the name of the new one, along which the result does not lie.
    let kept = without(axes, &[axis]);
    let walked: Vec<AxisId> = kept.iter().chain(over).copied().collect();
    let walked_shape: Vec<usize> = walked.iter().map(|&axis| size(axis)).collect();
    let strides: Vec<usize> =
        walked.iter().enumerate().map(|(at, &own)| if at < kept.len() { result.stride(own) } else { 0 }).collect();
    let extent = shape[axes.iter().position(|&own| own == axis).expect("verified")] as i64;
    let mut sums = vec![0.0; shape.iter().product()];
    let from = values.positions(&walked, &walked_shape).into_iter().zip(index.positions(&walked, &walked_shape));
    for (start, (value, pick)) in positions(&walked_shape, &strides).into_iter().zip(from) {
        let pick = index.ints()[pick];
        if (0..extent).contains(&pick) {
            sums[start + pick as usize * result.stride(axis)] += values.reals()[value];
        }
    }
    Values::Real(sums)
}
