//! Compiling a program, and the lifetime of its code.

use std::fmt::Write;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use cranelift_codegen::ir::{Type, types};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError};
use rustc_hash::FxHashSet;

use super::compared;
use super::frame::Layout;
use super::functions::lookup;
use super::run::StageFunction;
use super::translate::{Translator, signature};
use super::wide::{self, Machine};
use super::wide_strip::VectorCode;
use crate::fuse::{Target, fuse};
use crate::ir::{AxisId, Program};
use crate::kernel::{Plan, PlanError, Statement, TensorRef, verify};

/// The precision of the tensors and of the code inside of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// IEEE single precision; what does not vary along the innermost axis is computed in double.
    F32,
    /// IEEE double precision.
    F64,
}

impl Precision {
    pub(super) fn clif(self) -> Type {
        match self {
            Precision::F32 => types::F32,
            Precision::F64 => types::F64,
        }
    }

    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self {
            Precision::F32 => 4,
            Precision::F64 => 8,
        }
    }
}

/// What computes a block of lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vectors {
    /// Code with 512-bit vectors, functions included, for machines with AVX-512.
    Avx512,
    /// Code with 256-bit vectors, functions included, for machines with AVX2 and FMA.
    Avx2,
    /// Code with 128-bit vectors, and precompiled functions for a block at a time: for every machine.
    Blocks,
}

impl Vectors {
    /// All of them, the fastest first.
    pub const ALL: [Vectors; 3] = [Vectors::Avx512, Vectors::Avx2, Vectors::Blocks];

    /// What is fastest on this machine.
    pub fn best() -> Vectors {
        Vectors::Avx512.usable()
    }

    /// This, or what comes next that this machine has.
    pub fn usable(self) -> Vectors {
        let mut next = Vectors::ALL.into_iter().skip_while(|own| *own != self);
        next.find(|own| own.machine().is_none_or(Machine::is_usable)).unwrap_or(Vectors::Blocks)
    }

    /// The machine for which strips become functions of vectors.
    fn machine(self) -> Option<Machine> {
        match self {
            Vectors::Avx512 => Some(Machine::Avx512),
            Vectors::Avx2 => Some(Machine::Avx2),
            Vectors::Blocks => None,
        }
    }
}

/// Why a program could not be compiled: none of these is the user's fault.
#[derive(Debug, thiserror::Error)]
pub enum JitError {
    /// The machine is not supported.
    #[error("no code can be generated for this machine: {0}")]
    Machine(String),
    /// Cranelift refuses.
    #[error("code generation failed: {0}")]
    Module(#[from] Box<ModuleError>),
    /// The plan is not well-formed.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl From<ModuleError> for JitError {
    fn from(error: ModuleError) -> Self {
        JitError::Module(Box::new(error))
    }
}

/// One function of the code.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Run once.
    Straight(StageFunction),
    /// A loop over ranges: the index of its statement in the plan, and which of all these loops it is.
    Ranges { function: StageFunction, statement: usize, number: usize },
    /// A whole operation: the index of its statement in the plan.
    Whole(usize),
    /// A loop over turns: the index of its statement, and the stages of its body, whose statements are in it.
    Repeat(usize, Vec<Stage>),
}

/// A stage whose function has no address yet.
enum Declared {
    Straight(FuncId),
    Ranges { function: FuncId, statement: usize, number: usize },
    Whole(usize),
    Repeat(usize, Vec<Declared>),
}

impl Declared {
    fn resolve(self, function: &impl Fn(FuncId) -> StageFunction) -> Stage {
        match self {
            Declared::Straight(id) => Stage::Straight(function(id)),
            Declared::Ranges { function: id, statement, number } => {
                Stage::Ranges { function: function(id), statement, number }
            }
            Declared::Whole(statement) => Stage::Whole(statement),
            Declared::Repeat(statement, body) => {
                Stage::Repeat(statement, body.into_iter().map(|stage| stage.resolve(function)).collect())
            }
        }
    }
}

/// The code's memory. It is freed when the last kernel that uses it is dropped.
struct Code {
    module: Option<JITModule>,
}

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: the functions are only reachable through `Inner`, which owns this and is gone.
            unsafe { module.free_memory() };
        }
    }
}

// SAFETY: the module is not touched between its making and its drop; its code is immutable.
unsafe impl Sync for Code {}

pub(super) struct Inner {
    pub stages: Vec<Stage>,
    pub plan: Plan,
    pub layout: Layout,
    pub precision: Precision,
    vectors: Vectors,
    _code: Code,
}

/// A compiled program: cheap to clone, callable from any thread.
#[derive(Clone)]
pub struct Compiled {
    pub(super) inner: Arc<Inner>,
}

impl Compiled {
    /// Whether it is the same code.
    pub(super) fn is(&self, other: &Compiled) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled").field("precision", &self.inner.precision).finish_non_exhaustive()
    }
}

/// Schedules and compiles a program.
///
/// # Errors
/// If the machine is not supported, or on a bug of the compiler.
pub fn compile(program: &Program, precision: Precision) -> Result<Compiled, JitError> {
    compile_for(program, precision, Vectors::best())
}

/// Schedules and compiles a program for certain vector code, or what comes next that this machine has.
///
/// # Errors
/// As [`compile`].
pub fn compile_for(program: &Program, precision: Precision, vectors: Vectors) -> Result<Compiled, JitError> {
    compile_short(program, precision, vectors, &[])
}

/// As [`compile_for`], for data of which some axes are short: the code is right for any, and fast for rows of at most some
/// ten elements along these.
///
/// # Errors
/// As [`compile`].
pub fn compile_short(
    program: &Program,
    precision: Precision,
    vectors: Vectors,
    short: &[AxisId],
) -> Result<Compiled, JitError> {
    let vectors = vectors.usable();
    let plan = plan_short(program, precision, vectors, short);
    if cfg!(debug_assertions) {
        verify(&plan)?;
    }
    let layout = Layout::new(&plan);
    let mut unit = Unit::new(&plan, &layout, precision, vectors, None)?;
    let stages = unit.stages(&plan.statements)?;
    unit.module.finalize_definitions()?;
    let function = |id: FuncId| StageFunction::new(unit.module.get_finalized_function(id));
    let stages = stages.into_iter().map(|stage| stage.resolve(&function)).collect();
    let code = Code { module: Some(unit.module) };
    Ok(Compiled { inner: Arc::new(Inner { stages, plan, layout, precision, vectors, _code: code }) })
}

/// The loops that a program becomes; what it is for the machine on which this runs, makes no difference.
pub fn plan(program: &Program, precision: Precision, vectors: Vectors) -> Plan {
    plan_short(program, precision, vectors, &[])
}

/// As [`plan`], for data of which some axes are short.
pub fn plan_short(program: &Program, precision: Precision, vectors: Vectors, short: &[AxisId]) -> Plan {
    let is_wide = vectors.machine().is_some();
    // Loops of 128 bits take lanes one by one where they do not lie side by side in the order of the axes.
    let short = |axis| is_wide && short.contains(&program.graph.extent_root(axis));
    let inlined = |function| is_wide && wide::has_formula(function, precision);
    fuse(program, &Target { inlined: &inlined, contracted: is_wide, short: &short })
}

impl Compiled {
    /// The loops that the program became.
    pub fn kernel_text(&self) -> String {
        self.inner.plan.to_string()
    }

    /// The functions as Cranelift gets them.
    ///
    /// # Errors
    /// As [`compile`].
    pub fn clif_text(&self) -> Result<String, JitError> {
        self.dump(Text::Clif)
    }

    /// The functions as machine code.
    ///
    /// # Errors
    /// As [`compile`].
    pub fn asm_text(&self) -> Result<String, JitError> {
        self.dump(Text::Assembly)
    }

    /// The precision that it was compiled for.
    pub fn precision(&self) -> Precision {
        self.inner.precision
    }

    fn dump(&self, text: Text) -> Result<String, JitError> {
        let inner = &self.inner;
        let mut unit = Unit::new(&inner.plan, &inner.layout, inner.precision, inner.vectors, Some(text))?;
        unit.stages(&self.inner.plan.statements)?;
        let text = std::mem::take(&mut unit.text);
        drop(Code { module: Some(unit.module) });
        Ok(text)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Clif,
    Assembly,
}

/// One module under construction.
struct Unit<'a> {
    plan: &'a Plan,
    layout: &'a Layout,
    precision: Precision,
    vectors: Vectors,
    module: JITModule,
    /// How many functions there are.
    functions: usize,
    /// How many of them are loops over ranges.
    loops: usize,
    /// The tensors whose numbers are compared after they were kept.
    compared: Rc<FxHashSet<TensorRef>>,
    wanted: Option<Text>,
    text: String,
}

/// The code generator for this machine, made once.
fn machine() -> Result<OwnedTargetIsa, JitError> {
    static MACHINE: OnceLock<Result<OwnedTargetIsa, String>> = OnceLock::new();
    let make = || {
        let mut flags = settings::builder();
        // Large frames touch the stack page by page, so that one that is too short ends in its guard.
        let probes = [("enable_probestack", "true"), ("probestack_strategy", "inline")];
        let general = [("opt_level", "speed"), ("use_colocated_libcalls", "false"), ("is_pic", "false")];
        for (name, value) in general.into_iter().chain(probes) {
            flags.set(name, value).map_err(|error| error.to_string())?;
        }
        let verifier = if cfg!(debug_assertions) { "true" } else { "false" };
        flags.set("enable_verifier", verifier).map_err(|error| error.to_string())?;
        let isa = cranelift_native::builder()?;
        isa.finish(settings::Flags::new(flags)).map_err(|error| error.to_string())
    };
    MACHINE.get_or_init(make).clone().map_err(JitError::Machine)
}

impl<'a> Unit<'a> {
    fn new(
        plan: &'a Plan,
        layout: &'a Layout,
        precision: Precision,
        vectors: Vectors,
        wanted: Option<Text>,
    ) -> Result<Self, JitError> {
        let mut builder = JITBuilder::with_isa(machine()?, cranelift_module::default_libcall_names());
        builder.symbol_lookup_fn(Box::new(lookup));
        let (module, text) = (JITModule::new(builder), String::new());
        let compared = Rc::new(compared::compared(plan));
        Ok(Unit { plan, layout, precision, vectors, module, functions: 0, loops: 0, compared, wanted, text })
    }

    /// Translates all stages: a loop or a whole operation at the top is one, and so is every run of other statements.
    fn stages(&mut self, statements: &[Statement]) -> Result<Vec<Declared>, JitError> {
        let mut stages = Vec::new();
        let mut next = 0;
        while next < statements.len() {
            match &statements[next] {
                Statement::Loop(stage) => {
                    let function = self.function(|translator| translator.stage(stage))?;
                    stages.push(Declared::Ranges { function, statement: next, number: self.loops });
                    self.loops += 1;
                    next += 1;
                }
                Statement::Whole(_) => {
                    stages.push(Declared::Whole(next));
                    next += 1;
                }
                Statement::Repeat(repeat) => {
                    let body = self.stages(&repeat.body)?;
                    stages.push(Declared::Repeat(next, body));
                    next += 1;
                }
                Statement::Strip(_) | Statement::Call(_) => {
                    let is_straight =
                        |statement: &&Statement| matches!(statement, Statement::Strip(_) | Statement::Call(_));
                    let run = statements[next..].iter().take_while(is_straight).count();
                    let straight = &statements[next..next + run];
                    let function = self.function(|translator| translator.statements(straight))?;
                    stages.push(Declared::Straight(function));
                    next += run;
                }
            }
        }
        Ok(stages)
    }

    fn function(&mut self, write: impl FnOnce(&mut Translator<'_, '_>)) -> Result<FuncId, JitError> {
        let stage = self.functions;
        self.functions += 1;
        let mut context = self.module.make_context();
        context.set_disasm(self.wanted == Some(Text::Assembly));
        context.func.signature = signature(&self.module);
        let id = self.module.declare_function(&format!("stage{stage}"), Linkage::Export, &context.func.signature)?;
        let frontend = self.module.isa().frontend_config();
        let mut builders = FunctionBuilderContext::new();
        let builder = FunctionBuilder::new(&mut context.func, &mut builders);
        let machine = self.vectors.machine();
        let precision = self.precision.clif();
        let mut translator = Translator::new(
            self.plan,
            self.layout,
            precision,
            &mut self.module,
            builder,
            (machine, self.compared.clone()),
        );
        write(&mut translator);
        let (builder, vectors, error) = translator.finish();
        builder.finalize(frontend);
        if let Some(error) = error {
            return Err(error.into());
        }
        if self.wanted == Some(Text::Clif) {
            let _ = writeln!(self.text, "; stage {stage}\n{}", context.func.display());
        }
        self.module.define_function(id, &mut context)?;
        if let Some(assembly) = context.compiled_code().and_then(|code| code.vcode.as_ref()) {
            let _ = writeln!(self.text, "; stage {stage}\n{assembly}");
            for (number, VectorCode { purpose, code }) in vectors.iter().enumerate() {
                let purpose = purpose.name();
                let _ = writeln!(self.text, "; stage {stage}, vectors {number}: {purpose}\n{}", wide::text(code));
            }
        }
        Ok(id)
    }
}
