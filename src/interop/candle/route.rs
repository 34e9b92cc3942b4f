//! The operation that leads a gradient, computed in the forward call, to one input.

use candle_core::{CpuStorage, CustomOp2, DType, Error, Layout, Shape, Tensor};

/// Of two arguments, the value of a loss and an input: the value unchanged. Backward, the value's gradient goes on
/// unchanged to the operations before, and times the stored gradient to the input.
///
/// candle's own operations take three tensors at most; a chain of these takes any number.
pub(super) struct Route {
    gradient: Tensor,
}

impl Route {
    pub(super) fn new(gradient: Tensor) -> Self {
        Route { gradient }
    }
}

impl CustomOp2 for Route {
    fn name(&self) -> &'static str {
        "lossc"
    }

    fn cpu_fwd(
        &self,
        value: &CpuStorage,
        value_layout: &Layout,
        _input: &CpuStorage,
        _input_layout: &Layout,
    ) -> Result<(CpuStorage, Shape), Error> {
        Ok((value.clone(), value_layout.shape().clone()))
    }

    fn bwd(
        &self,
        value: &Tensor,
        input: &Tensor,
        _result: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>), Error> {
        let factor: f64 = upstream.to_dtype(DType::F64)?.to_scalar()?;
        // The factor is 1 where `backward` is called on the loss itself: then there is no pass over the gradient.
        let scaled = if factor == 1.0 { self.gradient.clone() } else { self.gradient.affine(factor, 0.0)? };
        let scaled = scaled.to_dtype(input.dtype())?;
        Ok((value.track_op().then(|| upstream.clone()), Some(scaled)))
    }
}
