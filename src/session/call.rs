//! Calls: views in, value, terms and gradients out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::build::LossBuilder;
use super::conditions::Demands;
use super::error::Error;
use super::idle::Idle;
use super::interpret::interpret;
use super::params::{Params, State};
use super::program::LossInfo;
use super::result::Evaluation;
use super::shape::{Key, Shape, key_of, key_of_shapes};
use super::workspace::Workspace;
use crate::bind::Binding;
use crate::ir::{AxisId, Output, OutputRole, ParameterData, Program};
use crate::jit::{Compiled, Threads};
use crate::syntax::ast::Role;
use crate::tensor::{TensorView, TensorViewMut};

/// A compiled loss: `Send + Sync`, cheap to clone.
#[derive(Clone, Debug)]
pub struct Loss {
    inner: Arc<Inner>,
    threads: Threads,
    /// What calls without a workspace have worked in.
    idle: Idle,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) builder: LossBuilder,
    /// Of the kernels for most calls.
    pub(super) parameters: Vec<ParameterData>,
    pub(super) variants: Mutex<HashMap<Key, Arc<Variant>>>,
}

/// The kernels for one [`Shape`].
#[derive(Debug)]
pub(super) struct Variant {
    pub program: Program,
    demands: Demands,
    compiled: Option<Compiled>,
}

impl Variant {
    pub(super) fn new(program: Program, demands: Demands, compiled: Option<Compiled>) -> Self {
        Variant { program, demands, compiled }
    }
}

impl Loss {
    pub(super) fn new(inner: Inner) -> Self {
        let threads = inner.builder.used_threads();
        Loss { inner: Arc::new(inner), threads, idle: Idle::default() }
    }

    /// What the loss is from outside.
    pub fn info(&self) -> LossInfo {
        self.inner.builder.info()
    }

    /// What it was built with, to build it once more in another precision or with other gradients.
    pub fn builder(&self) -> &LossBuilder {
        &self.inner.builder
    }

    /// How many threads a call uses at most.
    pub fn threads(&self) -> usize {
        self.threads.most()
    }

    /// The same loss, with the same kernels, on at most so many threads.
    #[must_use]
    pub fn with_threads(&self, threads: usize) -> Loss {
        let threads = Threads { limit: Some(threads.max(1)), ..self.threads };
        Loss { threads, ..self.clone() }
    }

    /// The states of the loss with the values with which a training begins. The caller keeps them: a call takes them
    /// from its [`Params`] and gives the new ones, [`Evaluation::state`].
    ///
    /// ```
    /// use lossc::tensor::{Slice, TensorView};
    /// use lossc::{Compiler, Params};
    ///
    /// let text = "loss f(x: real[N]; state seen = 0) =\n    next seen = seen + size[N]\n    mean(x) / seen";
    /// let loss = Compiler::new().compile(text)?.main()?.build()?;
    /// let mut state = loss.states()?;
    /// for _step in 0..2 {
    ///     let x = TensorView::contiguous(Slice::F32(&[1.0, 3.0]), &[2])?;
    ///     state = loss.value_and_grad(&[("x", x)], &Params::new().with_state(&state))?.state().clone();
    /// }
    /// // Written to a checkpoint, and read again.
    /// let saved: Vec<(String, f64)> = state.iter().map(|(name, value)| (name.to_string(), value)).collect();
    /// assert_eq!(saved, [("seen".to_string(), 4.0)]);
    /// assert_eq!(saved.into_iter().collect::<lossc::session::State>(), state);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`LossBuilder::build`].
    pub fn states(&self) -> Result<State, Error> {
        self.starts(Role::State)
    }

    /// The learnables of the loss with their first values. The caller keeps them and learns them by their gradients.
    ///
    /// # Errors
    /// As [`LossBuilder::build`].
    pub fn learnables(&self) -> Result<State, Error> {
        self.starts(Role::Learn)
    }

    fn starts(&self, role: Role) -> Result<State, Error> {
        let builder = &self.inner.builder;
        let variant = self.variant(&builder.likely_shape())?;
        let values = self.parameters(&variant.program, &Params::new())?;
        let names = variant.program.parameters.iter().map(|data| data.name.as_str());
        let of_role = names.zip(values).filter(|(name, _)| builder.role_of(name) == Some(role));
        Ok(of_role.map(|(name, value)| (name.to_string(), value)).collect())
    }

    fn variant(&self, shape: &Shape) -> Result<Arc<Variant>, Error> {
        let key = key_of(self.inner.builder.function(), shape);
        self.variant_by((key, false), || shape.clone())
    }

    /// The kernels for some inputs. Those of the last call need no search, for which calls from other threads would wait.
    fn variant_of(
        &self,
        inputs: &[(&str, TensorView<'_>)],
        params: &Params,
        workspace: &mut Workspace,
    ) -> Result<Arc<Variant>, Error> {
        let any_values = self.inner.builder.changes(&self.inner.parameters, params);
        let function = self.inner.builder.function();
        let given = |name: &str| inputs.iter().find(|(own, _)| *own == name).map(|(_, view)| view.shape());
        let key = (key_of_shapes(function, &given), any_values);
        if let Some(variant) = workspace.known(&self.inner, &key) {
            return Ok(variant.clone());
        }
        let variant = self.variant_by(key.clone(), || Shape::of(function, &given))?;
        workspace.meet(&variant, &self.inner, key);
        Ok(variant)
    }

    fn variant_by(&self, key: Key, shape: impl FnOnce() -> Shape) -> Result<Arc<Variant>, Error> {
        // A thread that panicked while it held the lock left a map that is still good.
        let mut variants = self.inner.variants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(variant) = variants.get(&key) {
            return Ok(variant.clone());
        }
        let variant = Arc::new(self.inner.builder.compile(&shape(), key.1)?);
        variants.insert(key, variant.clone());
        Ok(variant)
    }

    /// Value, terms and gradients.
    ///
    /// What a call works in the loss and its clones keep for their next calls, until they are dropped. So do they with
    /// the memory of a result that the caller drops: the next call writes its own result there, and a training step does
    /// not ask the system for its gradients' memory each time. What the caller keeps is his.
    ///
    /// # Errors
    /// If the data do not fit the loss (the message names the input, the axis and both extents), or a
    /// hyperparameter is unknown or outside its domain.
    pub fn value_and_grad(&self, inputs: &[(&str, TensorView<'_>)], params: &Params) -> Result<Evaluation, Error> {
        let mut workspace = self.idle.take();
        self.value_and_grad_into(inputs, params, &mut [], &mut workspace)?;
        Ok(self.idle.put(workspace))
    }

    /// Value and terms, and gradients into memory of the caller; those for which none is given are in the result. A
    /// gradient that lies dense and has the precision of the loss is written where it belongs, and nothing is copied.
    ///
    /// The workspace holds what a call needs. It is the caller's too: reused with tensors of the same shapes, a call
    /// takes no memory from the heap, but for conditions on hyperparameters whose values, or the extents that they speak
    /// of, have changed, for the first call that changes a hyperparameter (see [`LossBuilder::build`]), and for what
    /// several threads need.
    ///
    /// ```
    /// use lossc::session::{Compiler, Params, Workspace};
    /// use lossc::tensor::{Slice, SliceMut, TensorView, TensorViewMut};
    ///
    /// let mse = Compiler::new().standard()?.loss("mse")?.wrt(["pred"]).build()?;
    /// let (pred, target, mut gradient) = ([1.0_f32, 2.0], [0.0_f32, 2.0], [0.0_f32; 2]);
    /// let mut workspace = Workspace::new();
    /// for _step in 0..3 {
    ///     let inputs = [
    ///         ("pred", TensorView::contiguous(Slice::F32(&pred), &[2])?),
    ///         ("target", TensorView::contiguous(Slice::F32(&target), &[2])?),
    ///     ];
    ///     let memory = TensorViewMut::contiguous(SliceMut::F32(&mut gradient), &[2])?;
    ///     let out = mse.value_and_grad_into(&inputs, &Params::new(), &mut [("pred", memory)], &mut workspace)?;
    ///     assert_eq!(out.value(), 0.5);
    /// }
    /// assert_eq!(gradient, [1.0, 0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Loss::value_and_grad`], and if the memory for a gradient has another shape, or is for nothing that the
    /// loss was built with a gradient for.
    pub fn value_and_grad_into<'w>(
        &self,
        inputs: &[(&str, TensorView<'_>)],
        params: &Params,
        gradients: &mut [(&str, TensorViewMut<'_>)],
        workspace: &'w mut Workspace,
    ) -> Result<&'w Evaluation, Error> {
        let builder = &self.inner.builder;
        let variant = self.variant_of(inputs, params, workspace)?;
        self.parameters_into(&variant.program, params, &mut workspace.parameters)?;
        let (demands, sources) = (&variant.demands, builder.program().sources());
        demands.on_parameters(&workspace.parameters, sources, &mut workspace.met)?;
        let binding = Binding::with(&variant.program, inputs, &mut workspace.shapes)?;
        demands.on_extents(&binding, &workspace.parameters, sources, &mut workspace.met)?;
        demands.on_data(inputs, &workspace.parameters, self.threads, sources, &mut workspace.met)?;
        if builder.checks_data() {
            binding.check_data(&variant.program)?;
        }
        self.check_targets(&variant.program, &binding, gradients)?;
        match &variant.compiled {
            Some(compiled) => {
                workspace.results.outputs.threads = self.threads;
                let (parameters, precision) = (&workspace.parameters, builder.precision());
                workspace.results.call(&variant.program, compiled, &binding, parameters, gradients, precision)?;
            }
            None => {
                let outputs = interpret(&variant.program, &binding, &workspace.parameters)?;
                workspace.results.interpreted(&variant.program, &binding, &outputs, gradients, builder.precision());
            }
        }
        drop(binding);
        Ok(workspace.evaluation())
    }

    /// Memory for gradients is for gradients that are computed, and of their shape.
    fn check_targets(
        &self,
        program: &Program,
        binding: &Binding<'_>,
        gradients: &[(&str, TensorViewMut<'_>)],
    ) -> Result<(), Error> {
        for (position, (name, memory)) in gradients.iter().enumerate() {
            let loss = || self.inner.builder.function().name.clone();
            let of_name = |output: &&Output| matches!(&output.role, OutputRole::Gradient(input) if input == name);
            let twice = gradients[..position].iter().any(|(earlier, _)| earlier == name);
            let reason = match program.outputs.iter().find(of_name) {
                _ if twice => "memory for it is given twice",
                None => "the loss was built without it: name it in `wrt`",
                Some(output) => {
                    let wanted = binding.shape(program, &output.axes);
                    if wanted[..] != *memory.shape() {
                        let (name, given) = ((*name).to_string(), memory.shape().to_vec());
                        let (axes, wanted) = (named(program, binding, &output.axes), wanted.to_vec());
                        return Err(Error::GradientShape { loss: loss(), name, given, wanted, axes });
                    }
                    continue;
                }
            };
            return Err(Error::NoGradient { loss: loss(), name: (*name).to_string(), reason: reason.to_string() });
        }
        Ok(())
    }

    fn parameters(&self, program: &Program, params: &Params) -> Result<Vec<f64>, Error> {
        let mut values = Vec::new();
        self.parameters_into(program, params, &mut values)?;
        Ok(values)
    }

    fn parameters_into(&self, program: &Program, params: &Params, values: &mut Vec<f64>) -> Result<(), Error> {
        let builder = &self.inner.builder;
        for (name, value) in params.iter() {
            match builder.role_of(name) {
                None => return Err(builder.unknown_parameter(name)),
                Some(Role::Int) => {
                    let (loss, name) = (builder.function().name.clone(), name.to_string());
                    return Err(Error::IntAtCall { loss, name, value });
                }
                Some(_) => {}
            }
        }
        let defaults = builder.set_defaults();
        let value = |name: &str, default: f64| {
            let given = params.iter().find(|(other, _)| *other == name).map(|(_, value)| value);
            given.or_else(|| defaults.get(name).copied()).unwrap_or(default)
        };
        values.clear();
        values.extend(program.parameters.iter().map(|one| value(&one.name, one.default)));
        Ok(())
    }
}

/// Axes with their extents, those of a pack with a cross between them.
fn named(program: &Program, binding: &Binding<'_>, axes: &[AxisId]) -> Box<str> {
    let one = |&axis: &AxisId| {
        let data = &program.graph.all_axes()[axis.0 as usize];
        let extents: Vec<String> = binding.shape(program, &[axis]).iter().map(ToString::to_string).collect();
        let extents = if extents.is_empty() { "no axis".to_string() } else { extents.join("x") };
        format!("{}{} = {extents}", if data.pack { ".." } else { "" }, data.name)
    };
    axes.iter().map(one).collect::<Vec<String>>().join(", ").into()
}
