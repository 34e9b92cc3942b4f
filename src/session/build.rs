//! What is fixed when compiling, and the compiling.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use super::call::{Inner, Loss, Variant};
use super::conditions::Demands;
use super::error::Error;
use super::params::Params;
use super::program::{LossInfo, Program};
use super::shape::{Shape, key_of};
use crate::check::kind_name;
use crate::hir::{self, AxisIndex, AxisKind, Carried, Function, print_function};
use crate::ir::{ParameterData, ParameterId, print as print_program, with_fixed_parameters};
use crate::jit::{self, Precision, Threads, Vectors};
use crate::lower::{self, Lowered, Options, Reduction};
use crate::pipeline::{self, Stages};
use crate::suggestion::did_you_mean;
use crate::syntax::ast::{Module, Role};
use crate::tensor::DType;

/// What runs a loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Machine code.
    #[default]
    Jit,
    /// The interpreter, in double precision, without any rewriting.
    Interpreter,
}

/// A stage of the compiler whose text form can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of `lossc show --stage`")]
pub enum Stage {
    Ast,
    Typed,
    Ir,
    Grad,
    Simplified,
    Kernel,
    Clif,
    Asm,
}

impl Stage {
    /// All stages in order, with their names.
    pub const ALL: &'static [(&'static str, Stage)] = &[
        ("ast", Stage::Ast),
        ("typed", Stage::Typed),
        ("ir", Stage::Ir),
        ("grad", Stage::Grad),
        ("simplified", Stage::Simplified),
        ("kernel", Stage::Kernel),
        ("clif", Stage::Clif),
        ("asm", Stage::Asm),
    ];
}

/// A loss with what is fixed when compiling.
#[derive(Clone, Debug)]
pub struct LossBuilder {
    program: Program,
    function: Arc<Function>,
    wrt: Vec<String>,
    all_gradients: bool,
    dtype: DType,
    engine: Engine,
    check_data: bool,
    threads: Threads,
    vectors: Vectors,
    specialize: bool,
    options: Options,
    defaults: BTreeMap<String, f64>,
    shapes: Vec<(String, Vec<usize>)>,
    carried: Arc<Vec<Carried>>,
}

impl LossBuilder {
    pub(super) fn new(program: Program, function: Arc<Function>) -> Self {
        let carried = Arc::new(hir::carried(&program.hir, &function));
        LossBuilder {
            carried,
            program,
            function,
            wrt: Vec::new(),
            all_gradients: false,
            dtype: DType::F32,
            engine: Engine::Jit,
            check_data: false,
            threads: Threads::default(),
            vectors: Vectors::best(),
            specialize: true,
            options: Options::default(),
            defaults: BTreeMap::new(),
            shapes: Vec::new(),
        }
    }

    /// What the loss is from outside.
    pub fn info(&self) -> LossInfo {
        self.program.describe(&self.function)
    }

    /// How many labels an axis of the signature has, if it is labelled.
    pub fn labels(&self, axis: &str) -> Option<usize> {
        let axis = self.function.axes.iter().find(|other| other.name == axis)?;
        match &axis.kind {
            AxisKind::Labelled(labelled) => Some(labelled.labels.len()),
            _ => None,
        }
    }

    /// The program that the loss belongs to.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// With gradients with respect to these inputs and learnables.
    #[must_use]
    pub fn wrt<S: Into<String>>(mut self, inputs: impl IntoIterator<Item = S>) -> Self {
        self.wrt = inputs.into_iter().map(Into::into).collect();
        self.all_gradients = false;
        self
    }

    /// With gradients with respect to every float input that is given, and every learnable.
    #[must_use]
    pub fn wrt_all(mut self) -> Self {
        self.all_gradients = true;
        self
    }

    /// The precision in which it computes: `F32` (the default) or `F64`.
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Another reduction than its own.
    #[must_use]
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.options.reduction = Some(reduction);
        self
    }

    /// What runs it.
    #[must_use]
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Whether every call checks the values against the declared kinds (labels are always checked).
    #[must_use]
    pub fn check_data(mut self, check: bool) -> Self {
        self.check_data = check;
        self
    }

    /// How many threads a call may use, at least 1; without it, as many as the process's rayon pool has. What is not
    /// worth it runs on one, and the result has the same bits for any number.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads.limit = Some(threads.max(1));
        self
    }

    /// From how much work on a step of a call is shared among threads, in tenths of a nanosecond as a rough model of
    /// costs has it. The default is what pays; tests set it to 0.
    #[must_use]
    pub fn threads_from(mut self, work: u64) -> Self {
        self.threads.worth = work;
        self
    }

    /// What computes a block of lanes. The default is what is fastest on this machine; what it has not got becomes what
    /// comes next. Sums over a block are added in an order of their own by each of them: choose what all machines have
    /// where the same bits are wanted on different ones.
    #[must_use]
    pub fn vectors(mut self, vectors: Vectors) -> Self {
        self.vectors = vectors;
        self
    }

    /// Fixes a hyperparameter: an int one when compiling, a real one, a learnable or a state as the default of calls.
    ///
    /// # Errors
    /// If the loss has no such hyperparameter, or it is an int and the value is not.
    pub fn set(mut self, name: &str, value: f64) -> Result<Self, Error> {
        let Some(role) = self.role_of(name) else { return Err(self.unknown_parameter(name)) };
        if role == Role::Int {
            if value.fract() != 0.0 || value.abs() > 9e15 {
                let loss = self.function.name.clone();
                return Err(Error::NotAnInt { loss, name: name.to_string(), value });
            }
            self.options.ints.insert(name.to_string(), value as i64);
        } else {
            self.defaults.insert(name.to_string(), value);
        }
        Ok(self)
    }

    /// Whether there are kernels of their own for calls that change no hyperparameter from what it is by default or was
    /// [set](LossBuilder::set) to, with these values as literals: they do less. It is so unless this says otherwise.
    #[must_use]
    pub fn specialize(mut self, specialize: bool) -> Self {
        self.specialize = specialize;
        self
    }

    /// The shapes of most data, by input: those for which [`LossBuilder::build`] makes kernels before the first call, and
    /// [`LossBuilder::show`] prints them. Only which inputs are given, which packs stand for no axis and which rows are
    /// short makes a difference; data of other shapes get kernels at their first call.
    ///
    /// ```
    /// use lossc::session::{Compiler, Stage};
    ///
    /// let builder = Compiler::new().standard()?.loss("cross_entropy")?.wrt(["logits"]);
    /// let images = [("logits", [4, 8, 256, 256].to_vec()), ("label", [4, 256, 256].to_vec())];
    /// let kernel = builder.for_shapes(images).show(Stage::Kernel)?;
    /// assert!(kernel.contains("for block of ..S"));
    /// # Ok::<(), lossc::session::Error>(())
    /// ```
    #[must_use]
    pub fn for_shapes<S: Into<String>>(mut self, shapes: impl IntoIterator<Item = (S, Vec<usize>)>) -> Self {
        self.shapes = shapes.into_iter().map(|(input, shape)| (input.into(), shape)).collect();
        self
    }

    /// Compiles. There are kernels for each set of optional inputs that a call gives, for each set of packs
    /// that stand for no axis, and for short rows. Those for the required inputs, or for what
    /// [`LossBuilder::for_shapes`] says, are made now, the others when a call needs them. For
    /// the calls that change hyperparameters there are further ones, made when the first such call comes: they
    /// take any values.
    ///
    /// # Errors
    /// If the reduction is impossible, a gradient is asked for with respect to something that has none, or the precision
    /// is neither `F32` nor `F64`.
    pub fn build(self) -> Result<Loss, Error> {
        if !matches!(self.dtype, DType::F32 | DType::F64) {
            return Err(Error::Precision { loss: self.function.name.clone(), dtype: self.dtype });
        }
        let likely = self.likely_shape();
        let variant = self.compile(&likely, false)?;
        let parameters = variant.program.parameters.clone();
        let key = (key_of(&self.function, &likely), false);
        let variants = Mutex::new(HashMap::from([(key, Arc::new(variant))]));
        Ok(Loss::new(Inner { builder: self, parameters, variants }))
    }

    /// The shape of most calls: what was said, or the optional inputs that have a gradient, and no axes for packs beside
    /// single axes.
    pub(super) fn likely_shape(&self) -> Shape {
        let shape = |name: &str| self.shapes.iter().find(|(own, _)| own == name).map(|(_, shape)| &shape[..]);
        let mut likely = match &self.shapes[..] {
            [] => Shape { empty_packs: self.packs_after_axes(), ..Shape::default() },
            _ => Shape::of(&self.function, &shape),
        };
        likely.given.extend(self.wrt.iter().filter(|name| self.optional(name)).cloned());
        likely
    }

    /// The packs that stand beside single axes, such as `..S` of `[N, C, ..S]`: most data have none of these.
    fn packs_after_axes(&self) -> BTreeSet<String> {
        let function = &self.function;
        let is = |axis: &AxisIndex, kind: AxisKind| function.axes[axis.0 as usize].kind == kind;
        let mixed = function.inputs.iter().filter(|input| input.ty.axes.iter().any(|axis| is(axis, AxisKind::Single)));
        let packs = mixed.flat_map(|input| input.ty.axes.iter().filter(|axis| is(axis, AxisKind::Pack)));
        packs.map(|axis| function.axes[axis.0 as usize].name.clone()).collect()
    }

    fn optional(&self, name: &str) -> bool {
        self.function.inputs.iter().any(|input| input.name == name && input.default.is_some())
    }

    /// What a name that can be set is: a hyperparameter, or a state or learnable of the loss or of one that it calls.
    pub(super) fn role_of(&self, name: &str) -> Option<Role> {
        let own = self.function.hyperparameters.iter().filter(|one| !one.role.is_carried());
        let own = own.map(|one| (&one.name, one.role));
        let all = own.chain(self.carried.iter().map(|one| (&one.name, one.role)));
        all.into_iter().find(|(own, _)| *own == name).map(|(_, role)| role)
    }

    /// The names of all states or learnables.
    pub(super) fn names_of(&self, role: Role) -> impl Iterator<Item = &str> {
        self.carried.iter().filter(move |one| one.role == role).map(|one| one.name.as_str())
    }

    pub(super) fn unknown_parameter(&self, name: &str) -> Error {
        let own = self.function.hyperparameters.iter().filter(|one| !one.role.is_carried()).map(|one| &one.name);
        let known: Vec<String> = own.chain(self.carried.iter().map(|one| &one.name)).cloned().collect();
        let suggestion = did_you_mean(name, known.iter().map(String::as_str)).map(str::to_string);
        Error::UnknownParameter { loss: self.function.name.clone(), name: name.to_string(), known, suggestion }
    }

    pub(super) fn function(&self) -> &Function {
        &self.function
    }

    pub(super) fn used_threads(&self) -> Threads {
        self.threads
    }

    pub(super) fn checks_data(&self) -> bool {
        self.check_data
    }

    /// The precision in which it computes.
    pub fn precision(&self) -> DType {
        self.dtype
    }

    pub(super) fn set_defaults(&self) -> &BTreeMap<String, f64> {
        &self.defaults
    }

    /// Which of the given inputs have gradients computed.
    fn gradients(&self, lowered: &Lowered) -> Result<Vec<String>, Error> {
        let float = |name: &str| self.function.inputs.iter().find(|input| input.name == name);
        if self.all_gradients {
            let inputs = lowered.program.inputs.iter();
            let floats = inputs.filter(|input| float(&input.name).is_some_and(|input| input.ty.kind.is_real()));
            let learnables = self.names_of(Role::Learn).map(str::to_string);
            return Ok(floats.map(|input| input.name.clone()).chain(learnables).collect());
        }
        for name in &self.wrt {
            if self.names_of(Role::Learn).any(|learnable| learnable == name) {
                continue;
            }
            let reason = match float(name) {
                None if self.role_of(name) == Some(Role::State) => "it is a state, through which none goes".to_string(),
                None => {
                    let names = self.function.inputs.iter().map(|input| input.name.as_str());
                    let known: Vec<&str> = names.chain(self.names_of(Role::Learn)).collect();
                    match did_you_mean(name, known.iter().copied()) {
                        Some(word) => format!("it is not an input; did you mean `{word}`?"),
                        None => format!("it is not an input; the inputs are {}", known.join(", ")),
                    }
                }
                Some(input) if !input.ty.kind.is_real() => {
                    format!(
                        "it is {}, not a float",
                        kind_name(input.ty.kind, &self.function.axes, &self.function.hyperparameters)
                    )
                }
                Some(_) if !lowered.program.inputs.iter().any(|input| input.name == *name) => {
                    "it is optional and not given".to_string()
                }
                Some(_) => continue,
            };
            return Err(Error::NoGradient { loss: self.function.name.clone(), name: name.clone(), reason });
        }
        Ok(self.wrt.clone())
    }

    /// `open_extents`: to show a loss, the extents that a hyperparameter gives need not be given.
    fn lowered(&self, shape: &Shape, open_extents: bool) -> Result<Lowered, Error> {
        let (given, empty_packs) = (shape.given.clone(), shape.empty_packs.clone());
        let options = Options { given, empty_packs, open_extents, ..self.options.clone() };
        lower::lower(&self.program.hir, &self.function, &options).map_err(|error| Error::Source {
            diagnostics: vec![error.diagnostic()],
            sources: self.program.world.sources.clone(),
        })
    }

    /// `any_values`: for all values of the hyperparameters.
    fn stages(&self, shape: &Shape, open_extents: bool, any_values: bool) -> Result<(Lowered, Stages), Error> {
        let lowered = self.lowered(shape, open_extents)?;
        let wrt = self.gradients(&lowered)?;
        let program = &lowered.program;
        let stages = if any_values || !self.specializes() {
            pipeline::run(program.clone(), &wrt)
        } else {
            let fixed = |id: ParameterId| self.fixed(&program.parameters[id.0 as usize]);
            pipeline::run(with_fixed_parameters(program, fixed), &wrt)
        };
        Ok((lowered, stages))
    }

    fn specializes(&self) -> bool {
        self.specialize && self.engine == Engine::Jit
    }

    /// The value of a hyperparameter that calls do not change as a rule; none where it speaks of others. States and
    /// learnables change from call to call.
    fn fixed(&self, parameter: &ParameterData) -> Option<f64> {
        let changes = self.role_of(&parameter.name).is_none_or(Role::is_carried);
        let value = self.defaults.get(&parameter.name).copied().unwrap_or(parameter.default);
        Some(value).filter(|value| !changes && value.is_finite())
    }

    /// Whether a call with some values needs kernels for any values.
    pub(super) fn changes(&self, parameters: &[ParameterData], params: &Params) -> bool {
        let differs = |name: &str, value: f64| {
            let own = parameters.iter().find(|parameter| parameter.name == name);
            own.and_then(|own| self.fixed(own)).is_some_and(|fixed| fixed.to_bits() != value.to_bits())
        };
        self.specializes() && params.iter().any(|(name, value)| differs(name, value))
    }

    pub(super) fn compile(&self, shape: &Shape, any_values: bool) -> Result<Variant, Error> {
        let (lowered, stages) = self.stages(shape, false, any_values)?;
        let precision = self.jit_precision();
        match self.engine {
            Engine::Jit => {
                let short = shape.short_in(&stages.simplified);
                let compiled = jit::compile_short(&stages.simplified, precision, self.vectors, &short)?;
                let demands = Demands::new(lowered.conditions, |on_data| {
                    on_data.program = pipeline::run(on_data.program.clone(), &[]).simplified;
                    jit::compile_for(&on_data.program, precision, self.vectors).map(Some)
                })?;
                Ok(Variant::new(stages.simplified, demands, Some(compiled)))
            }
            Engine::Interpreter => Ok(Variant::new(stages.grad, Demands::new(lowered.conditions, |_| Ok(None))?, None)),
        }
    }

    fn jit_precision(&self) -> Precision {
        if self.dtype == DType::F64 { Precision::F64 } else { Precision::F32 }
    }

    /// The gradient and value of the loss as a program after all rewriting, for printing formulas.
    ///
    /// # Errors
    /// As [`LossBuilder::build`].
    pub fn simplified(&self) -> Result<crate::ir::Program, Error> {
        Ok(self.stages(&Shape::default(), true, true)?.1.simplified)
    }

    /// The program with value and gradient in stable form, for printing formulas: simplified, and without the guards
    /// that make 0 of 0 · ∞ where nothing was selected.
    ///
    /// # Errors
    /// As [`LossBuilder::build`].
    pub fn gradient_program(&self) -> Result<crate::ir::Program, Error> {
        let lowered = self.lowered(&Shape::default(), true)?;
        let wrt = self.gradients(&lowered)?;
        Ok(pipeline::readable(lowered.program, &wrt))
    }

    /// The text form of a stage.
    ///
    /// # Errors
    /// As [`LossBuilder::build`].
    pub fn show(&self, stage: Stage) -> Result<String, Error> {
        match stage {
            Stage::Ast => return Ok(self.syntax_tree()),
            Stage::Typed => return Ok(print_function(&self.function) + &self.carried_text()),
            _ => {}
        }
        if matches!(stage, Stage::Kernel | Stage::Clif | Stage::Asm) {
            let shape = self.likely_shape();
            let (program, precision) = (self.stages(&shape, true, false)?.1.simplified, self.jit_precision());
            let short = shape.short_in(&program);
            if stage == Stage::Kernel {
                let plan = jit::plan_short(&program, precision, self.vectors, &short);
                return Ok(format!("{plan}{}", plan.summary(precision.bytes())));
            }
            let compiled = jit::compile_short(&program, precision, self.vectors, &short)?;
            return if stage == Stage::Clif { compiled.clif_text() } else { compiled.asm_text() }.map_err(Into::into);
        }
        let (_, stages) = self.stages(&Shape::default(), true, true)?;
        Ok(print_program(match stage {
            Stage::Grad => &stages.grad,
            Stage::Simplified => &stages.simplified,
            _ => &stages.ir,
        }))
    }

    /// The states and learnables of callees, which the signature does not show.
    fn carried_text(&self) -> String {
        let text = |one: &Carried| {
            let word = if one.role == Role::Learn { "learn" } else { "state" };
            format!("// {word} {} = {}, of {}\n", one.name, self.program.world.sources.text(one.default), one.loss)
        };
        self.carried.iter().filter(|one| !one.path.is_empty()).map(text).collect()
    }

    fn syntax_tree(&self) -> String {
        let definition = self.function.definition;
        match self.program.world.item_at(definition) {
            Some(item) => {
                let module = Module { items: vec![item.clone()], ..Module::default() };
                crate::syntax::outline(&module)
            }
            None => format!("{}\n", self.program.world.sources.text(definition)),
        }
    }
}
