//! A loss as an operation of candle's graph: tensors in, a scalar tensor out whose `backward` reaches every input.
//!
//! One fused pass computes value and gradients, in the forward call; `backward` only scales them. Tensors of any
//! layout are read in place. They must be on the CPU: a tensor elsewhere is an error that names it.
//!
//! ```
//! use candle_core::{Device, Tensor, Var};
//! use lossc::interop::candle::CandleLoss;
//! use lossc::session::{Compiler, Params};
//!
//! let program = Compiler::new().standard()?;
//! let loss = CandleLoss::new(program.loss("focal_logits")?.build()?);
//!
//! let logits = Var::new(&[2.0_f32, -1.0, 17.0], &Device::Cpu)?;
//! let target = Tensor::new(&[1.0_f32, 0.0, 0.0], &Device::Cpu)?;
//! let total = loss.forward(&[("logits", &logits), ("target", &target)], &Params::new().set("gamma", 3.0))?;
//! let gradients = total.backward()?;
//! assert_eq!(gradients.get(&logits).expect("a gradient").dims(), [3]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod memory;
mod route;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{DType as CandleType, Device, Tensor};

use crate::session::{self, Evaluation, Loss, Params, State, Term, Value, Workspace};
use crate::tensor::{DType, ViewError};
use memory::{Memory, with_views};
use route::Route;

/// Why a loss could not be computed on candle's tensors.
#[derive(Debug, thiserror::Error)]
pub enum CandleError {
    /// The data do not fit the loss, or a hyperparameter is wrong.
    #[error(transparent)]
    Loss(Box<session::Error>),
    /// candle refused an operation.
    #[error(transparent)]
    Candle(Box<candle_core::Error>),
    /// A tensor that is not in the memory of the CPU.
    #[error(
        "`{input}` is on {device}, and a loss runs on the CPU: give `{input}.to_device(&Device::Cpu)?`, through which `backward` goes"
    )]
    Device {
        /// The input.
        input: String,
        /// Where its tensor is.
        device: String,
    },
    /// An element type that no loss reads.
    #[error("`{input}` has elements of {dtype}, which a loss does not read: give `{input}.to_dtype(DType::{wanted})?`")]
    Element {
        /// The input.
        input: String,
        /// Its element type.
        dtype: &'static str,
        /// One that it reads.
        wanted: &'static str,
    },
    /// A learnable that is not one number.
    #[error("`{name}` is a learnable, one number, but its tensor has the shape {shape:?}")]
    Learnable {
        /// The learnable.
        name: String,
        /// The shape that was given.
        shape: Vec<usize>,
    },
    /// A loss that is not reduced takes part in a graph.
    #[error(
        "`{loss}` gives one value for each of {shape:?}, and `backward` starts at one number: build it with the reduction `mean` or `sum`, or give tensors that are detached"
    )]
    Unreduced {
        /// The loss.
        loss: String,
        /// The shape of its value.
        shape: Vec<usize>,
    },
}

impl From<session::Error> for CandleError {
    fn from(error: session::Error) -> Self {
        CandleError::Loss(Box::new(error))
    }
}

impl From<candle_core::Error> for CandleError {
    fn from(error: candle_core::Error) -> Self {
        CandleError::Candle(Box::new(error))
    }
}

impl From<ViewError> for CandleError {
    fn from(error: ViewError) -> Self {
        session::Error::from(error).into()
    }
}

impl From<CandleError> for candle_core::Error {
    fn from(error: CandleError) -> Self {
        match error {
            CandleError::Candle(error) => *error,
            other => candle_core::Error::wrap(other),
        }
    }
}

/// A loss in candle's graph: `Send + Sync`, cheap to clone.
///
/// Gradients are computed with respect to exactly those inputs whose tensors take part in the graph (variables and
/// what is computed from them), whatever the loss was built with: kernels for another set are compiled when a call
/// needs them. So a call on detached tensors, as for validation, computes the value alone.
///
/// It computes in f64 if the loss was built so or if a float input is f64, else in f32; gradients of f16 and bf16
/// tensors are rounded once, after they were scaled.
#[derive(Clone, Debug)]
pub struct CandleLoss {
    loss: Loss,
    learnables: Arc<[String]>,
    variants: Arc<Mutex<HashMap<Variant, Arc<Compiled>>>>,
}

/// A loss with what its calls work in: as many as there were calls at once.
#[derive(Debug)]
struct Compiled {
    loss: Loss,
    workspaces: Mutex<Vec<Workspace>>,
}

/// What the kernels of a call are made for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Variant {
    dtype: DType,
    wrt: Vec<String>,
}

/// What a call gives beside the total.
#[derive(Clone, Debug)]
pub struct CandleEvaluation {
    total: Tensor,
    terms: Vec<Term>,
    state: State,
}

impl CandleEvaluation {
    /// The value of the loss, on which `backward` is called.
    pub fn total(&self) -> &Tensor {
        &self.total
    }

    /// All terms of a compound loss, in order, as numbers to log.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The value of a term, before its weight.
    pub fn term(&self, name: &str) -> Option<f64> {
        self.terms.iter().find(|term| term.name == name).map(|term| term.value)
    }

    /// The states after the call: give them to the next one with [`Params::with_state`].
    pub fn state(&self) -> &State {
        &self.state
    }
}

impl CandleLoss {
    /// A compiled loss as an operation of candle's graph.
    pub fn new(loss: Loss) -> Self {
        let learnables = loss.info().learnables.into_iter().map(|one| one.name).collect();
        CandleLoss { loss, learnables, variants: Arc::default() }
    }

    /// The value of the loss, on which `backward` may be called any number of times. A learnable is given as an
    /// input of its name, a tensor of one number, or as a number among the `params`.
    ///
    /// # Errors
    /// If the tensors do not fit the loss, are not on the CPU, or have elements that no loss reads.
    pub fn forward(&self, inputs: &[(&str, &Tensor)], params: &Params) -> Result<Tensor, CandleError> {
        Ok(self.evaluate(inputs, params)?.total)
    }

    /// As [`CandleLoss::forward`], with the values of the terms and the states.
    ///
    /// # Errors
    /// As [`CandleLoss::forward`].
    pub fn evaluate(&self, inputs: &[(&str, &Tensor)], params: &Params) -> Result<CandleEvaluation, CandleError> {
        let is_learnable = |name: &str| self.learnables.iter().any(|one| one == name);
        let (learned, data): (Vec<_>, Vec<_>) = inputs.iter().partition(|(name, _)| is_learnable(name));
        let mut params = params.clone();
        for (name, tensor) in learned {
            params = params.set(name, number(name, tensor)?);
        }
        let doubles = inputs.iter().any(|(_, tensor)| tensor.dtype() == CandleType::F64);
        let compiled = self.variant(inputs, doubles)?;
        let mut workspace = locked(&compiled.workspaces).pop().unwrap_or_default();
        let tracked = inputs.iter().filter(|(_, tensor)| tensor.track_op());
        let mut gradients: Vec<Memory<'_>> = tracked
            .map(|(name, tensor)| {
                let shape = if is_learnable(name) { &[] } else { tensor.dims() };
                Memory::new(name, shape, compiled.loss.builder().precision())
            })
            .collect();
        with_views(&data, |views| {
            let targets = gradients.iter_mut().map(Memory::target);
            let mut targets = targets.collect::<Result<Vec<_>, ViewError>>()?;
            compiled.loss.value_and_grad_into(views, &params, &mut targets, &mut workspace)?;
            Ok(())
        })?;
        let evaluation = attach(&compiled.loss, workspace.evaluation(), gradients, inputs, doubles)?;
        locked(&compiled.workspaces).push(workspace);
        Ok(evaluation)
    }

    /// The loss in the precision of the tensors, with the gradients that the graph needs.
    fn variant(&self, inputs: &[(&str, &Tensor)], doubles: bool) -> Result<Arc<Compiled>, CandleError> {
        let tracked = inputs.iter().filter(|(_, tensor)| tensor.track_op());
        let builder = self.loss.builder();
        let dtype = if doubles { DType::F64 } else { builder.precision() };
        let variant = Variant { dtype, wrt: tracked.map(|(name, _)| (*name).to_string()).collect() };
        let mut variants = locked(&self.variants);
        if let Some(compiled) = variants.get(&variant) {
            return Ok(compiled.clone());
        }
        let loss = builder.clone().dtype(dtype).wrt(variant.wrt.clone()).build()?.with_threads(self.loss.threads());
        let compiled = Arc::new(Compiled { loss, workspaces: Mutex::default() });
        variants.insert(variant, compiled.clone());
        Ok(compiled)
    }
}

/// What a mutex holds. A thread that panicked while it held the lock left it whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one number of a learnable.
fn number(name: &str, tensor: &Tensor) -> Result<f64, CandleError> {
    if tensor.elem_count() != 1 {
        return Err(CandleError::Learnable { name: name.to_string(), shape: tensor.dims().to_vec() });
    }
    Ok(tensor.detach().to_dtype(CandleType::F64)?.reshape(())?.to_scalar()?)
}

/// Makes the value a node of the graph that knows the gradients: a chain of one operation for each input that has one.
fn attach(
    loss: &Loss,
    evaluation: &Evaluation,
    gradients: Vec<Memory<'_>>,
    inputs: &[(&str, &Tensor)],
    doubles: bool,
) -> Result<CandleEvaluation, CandleError> {
    let (terms, state) = (evaluation.terms().to_vec(), evaluation.state().clone());
    let value = match evaluation.values() {
        Value::Scalar(value) => Tensor::new(*value, &Device::Cpu)?,
        Value::Tensor(values) if !gradients.is_empty() => {
            return Err(CandleError::Unreduced { loss: loss.info().name, shape: values.shape.clone() });
        }
        Value::Tensor(values) => Tensor::from_vec(values.to_f64(), values.shape.as_slice(), &Device::Cpu)?,
    };
    let mut total = value.to_dtype(if doubles { CandleType::F64 } else { CandleType::F32 })?;
    for gradient in gradients {
        let Some((_, input)) = inputs.iter().find(|(name, _)| *name == gradient.input) else { continue };
        total = total.apply_op2(input, Route::new(gradient.into_tensor(input.dims())?))?;
    }
    Ok(CandleEvaluation { total, terms, state })
}
