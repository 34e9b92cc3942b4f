//! Statements of a plan → one CLIF function a stage.
//!
//! `fn(frame, begin, end, partials, local)`: the loop of the stage runs from `begin` to `end`; what it
//! reduces starts from the neutral elements and is left in the cells of `partials` (scalars as doubles
//! or ints, buffers as the addresses of memory that the caller has filled with neutral elements). `local` is
//! the memory of this range. Straight-line stages ignore all but the frame.

use std::rc::Rc;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, Signature, Type, Value, types};
use cranelift_frontend::{FunctionBuilder, Variable};
use cranelift_jit::JITModule;
use cranelift_module::{Linkage, Module, ModuleError};
use rustc_hash::{FxHashMap, FxHashSet};

use super::arithmetic::{combine, lane_type, neutral, resize};
use super::frame::Layout;
use super::functions::{Form, symbol};
use super::strip::reads;
use super::together::Turn;
use super::wide::Machine;
use super::wide_strip::VectorCode;
use crate::ir::AxisId;
use crate::kernel::{
    Access, Accumulator, BLOCK, BufferId, BufferKind, Call, Function, Loop, Place, Plan, RUN, RegisterId, Statement,
    TensorRef, with_short_rows,
};

/// The state of translating one stage.
pub(super) struct Translator<'a, 'f> {
    pub plan: &'a Plan,
    pub layout: &'a Layout,
    /// F32 or F64: the precision of the loss.
    pub precision: Type,
    pub module: &'a mut JITModule,
    pub builder: FunctionBuilder<'f>,
    pub frame: Value,
    pub range: (Value, Value),
    pub partials: Value,
    pub local: Value,
    /// The positions of the open loops; of a blocked one the start of the block.
    pub indices: FxHashMap<AxisId, Value>,
    /// The length of the running block.
    pub length: Option<Value>,
    /// The axis of the running block.
    pub vector: Option<AxisId>,
    /// How many strips of the running block are still to read something, the running one included, if the next block is
    /// as near as what is asked for ahead.
    pub reads: FxHashMap<Access, usize>,
    /// The tensors that lie in other memory than the order of their axes says; see [`with_short_rows`].
    pub turned: Vec<TensorRef>,
    /// The running turn of a loop whose turns go together.
    pub turn: Option<Turn>,
    registers: FxHashMap<RegisterId, Variable>,
    /// Addresses that differ from the frame's: the accumulators of the stage.
    bases: FxHashMap<BufferId, Value>,
    /// Function symbols that were declared.
    pub imports: FxHashMap<String, cranelift_codegen::ir::FuncRef>,
    pub error: Option<ModuleError>,
    /// The machine for which strips become functions of vectors, if they do.
    pub machine: Option<Machine>,
    /// The tensors whose numbers are compared after they were kept.
    pub compared: Rc<FxHashSet<TensorRef>>,
    /// The code of these functions.
    pub vectors: Vec<VectorCode>,
}

/// The signature of a stage.
pub(super) fn signature(module: &JITModule) -> Signature {
    let mut signature = module.make_signature();
    for _ in 0..5 {
        signature.params.push(AbiParam::new(types::I64));
    }
    signature
}

impl<'a, 'f> Translator<'a, 'f> {
    pub fn new(
        plan: &'a Plan,
        layout: &'a Layout,
        precision: Type,
        module: &'a mut JITModule,
        mut builder: FunctionBuilder<'f>,
        (machine, compared): (Option<Machine>, Rc<FxHashSet<TensorRef>>),
    ) -> Self {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let parameters = builder.block_params(entry).to_vec();
        Translator {
            plan,
            layout,
            precision,
            module,
            builder,
            frame: parameters[0],
            range: (parameters[1], parameters[2]),
            partials: parameters[3],
            local: parameters[4],
            indices: FxHashMap::default(),
            length: None,
            vector: None,
            reads: FxHashMap::default(),
            turned: Vec::new(),
            turn: None,
            registers: FxHashMap::default(),
            bases: FxHashMap::default(),
            imports: FxHashMap::default(),
            error: None,
            machine,
            compared,
            vectors: Vec::new(),
        }
    }

    /// Ends the function.
    pub fn finish(mut self) -> (FunctionBuilder<'f>, Vec<VectorCode>, Option<ModuleError>) {
        self.builder.ins().return_(&[]);
        (self.builder, self.vectors, self.error)
    }

    /// A loop at the top of the plan: from the range's begin to its end.
    pub fn stage(&mut self, stage: &Loop) {
        self.turned = with_short_rows(self.plan, stage);
        for (cell, accumulator) in stage.accumulators.iter().enumerate() {
            match accumulator.place {
                Place::Register(register) => self.start(register, accumulator),
                Place::Buffer(buffer) => {
                    let flags = MemFlagsData::trusted();
                    let base = self.builder.ins().load(types::I64, flags, self.partials, cell as i32 * 8);
                    self.bases.insert(buffer, base);
                }
            }
        }
        let (begin, end) = self.range;
        self.run_loop(stage, begin, end);
        for (cell, accumulator) in stage.accumulators.iter().enumerate() {
            if let Place::Register(register) = accumulator.place {
                let value = self.read(register);
                self.builder.ins().store(MemFlagsData::trusted(), value, self.partials, cell as i32 * 8);
            }
        }
    }

    pub fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            match statement {
                Statement::Strip(strip) => self.strip(strip),
                Statement::Call(call) => self.block_call(call),
                Statement::Loop(inner) => self.inner_loop(inner),
                Statement::Whole(_) | Statement::Repeat(_) => unreachable!("it is a stage of its own"),
            }
        }
    }

    fn inner_loop(&mut self, inner: &Loop) {
        let mut buffers = Vec::new();
        for accumulator in &inner.accumulators {
            match accumulator.place {
                Place::Register(register) => self.start(register, accumulator),
                Place::Buffer(buffer) => buffers.push((buffer, accumulator.op)),
            }
        }
        self.fill(&buffers);
        let begin = self.builder.ins().iconst(types::I64, 0);
        let end = self.extent(inner.axis);
        if inner.accumulators.iter().any(|accumulator| accumulator.group.is_some()) {
            self.in_groups(inner, begin, end);
        } else {
            self.run_loop(inner, begin, end);
        }
    }

    pub fn run_loop(&mut self, inner: &Loop, begin: Value, end: Value) {
        if let Some((strip, several)) = self.several_turns(inner) {
            return self.in_several_turns(inner.axis, strip, &several, begin, end);
        }
        if let Some(together) = &inner.together {
            return self.in_turns_together(inner, together, begin, end);
        }
        let has_blocks = self.plan.has_blocks(&inner.body);
        let block = if has_blocks { BLOCK } else { RUN } as i64;
        let step = if inner.blocked { block } else { 1 };
        self.counted(begin, end, step, |this, position| {
            if inner.blocked {
                let left = this.builder.ins().isub(end, position);
                let block = this.builder.ins().iconst(types::I64, block);
                let short = this.builder.ins().icmp(IntCC::SignedLessThan, left, block);
                this.length = Some(this.builder.ins().select(short, left, block));
                this.vector = Some(inner.axis);
                this.reads.clear();
                if has_blocks {
                    this.count_reads(&inner.body);
                }
            }
            this.at_position(inner.axis, position, |this| this.statements(&inner.body));
            if inner.blocked {
                this.length = None;
                this.vector = None;
            }
        });
    }

    /// Code of what stands in a loop over an axis.
    pub fn at_position(&mut self, axis: AxisId, position: Value, body: impl FnOnce(&mut Self)) {
        let outer = self.indices.insert(axis, position);
        body(self);
        match outer {
            Some(outer) => self.indices.insert(axis, outer),
            None => self.indices.remove(&axis),
        };
    }

    fn count_reads(&mut self, statements: &[Statement]) {
        for statement in statements {
            match statement {
                Statement::Strip(strip) => {
                    for access in reads(strip) {
                        *self.reads.entry(access.clone()).or_default() += 1;
                    }
                }
                Statement::Loop(inner) => self.count_reads(&inner.body),
                Statement::Call(_) | Statement::Whole(_) | Statement::Repeat(_) => {}
            }
        }
    }

    /// `for position in (begin..end).step_by(step)`
    pub fn counted(&mut self, begin: Value, end: Value, step: i64, body: impl FnOnce(&mut Self, Value)) {
        let step = self.builder.ins().iconst(types::I64, step);
        self.counted_by(begin, end, step, body);
    }

    /// The same by a step that is computed.
    pub fn counted_by(&mut self, begin: Value, end: Value, step: Value, body: impl FnOnce(&mut Self, Value)) {
        let position = self.builder.declare_var(types::I64);
        self.builder.def_var(position, begin);
        let [header, inside, after] = [(); 3].map(|()| self.builder.create_block());
        self.builder.ins().jump(header, &[]);
        self.builder.switch_to_block(header);
        let at = self.builder.use_var(position);
        let more = self.builder.ins().icmp(IntCC::SignedLessThan, at, end);
        self.builder.ins().brif(more, inside, &[], after, &[]);
        self.builder.switch_to_block(inside);
        self.builder.seal_block(inside);
        body(self, at);
        let next = self.builder.ins().iadd(at, step);
        self.builder.def_var(position, next);
        self.builder.ins().jump(header, &[]);
        self.builder.seal_block(header);
        self.builder.switch_to_block(after);
        self.builder.seal_block(after);
    }

    /// [`counted`](Self::counted) for a body of a few instructions: the condition stands before the loop and at its end.
    /// What does not vary is then moved out of it, which Cranelift does not do where a loop is left at its beginning; of
    /// what lies around such loops so much would be moved that there are too few registers.
    pub fn counted_tightly(&mut self, begin: Value, end: Value, step: i64, body: impl FnOnce(&mut Self, Value)) {
        let position = self.builder.declare_var(types::I64);
        self.builder.def_var(position, begin);
        let [inside, after] = [(); 2].map(|()| self.builder.create_block());
        let any = self.builder.ins().icmp(IntCC::SignedLessThan, begin, end);
        self.builder.ins().brif(any, inside, &[], after, &[]);
        self.builder.switch_to_block(inside);
        let at = self.builder.use_var(position);
        body(self, at);
        let next = self.builder.ins().iadd_imm_s(at, step);
        self.builder.def_var(position, next);
        let more = self.builder.ins().icmp(IntCC::SignedLessThan, next, end);
        self.builder.ins().brif(more, inside, &[], after, &[]);
        self.builder.seal_block(inside);
        self.builder.switch_to_block(after);
        self.builder.seal_block(after);
    }

    /// A cell of the frame that no kernel writes.
    pub fn cell(&mut self, cell: usize, ty: Type) -> Value {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        self.builder.ins().load(ty, flags, self.frame, cell as i32 * 8)
    }

    pub fn extent(&mut self, axis: AxisId) -> Value {
        self.cell(self.layout.extent(axis), types::I64)
    }

    /// The address of the first element of a tensor.
    pub fn base(&mut self, tensor: TensorRef) -> Value {
        let cell = self.layout.tensor(tensor);
        if let TensorRef::Buffer(buffer) = tensor {
            if let Some(&base) = self.bases.get(&buffer) {
                return base;
            }
            if self.plan.buffer(buffer).local {
                let offset = self.cell(cell, types::I64);
                let first = self.builder.ins().iadd(self.local, offset);
                return match self.turn.as_ref().and_then(|turn| turn.offset(buffer)) {
                    Some(offset) => self.builder.ins().iadd(first, offset),
                    None => first,
                };
            }
        }
        self.cell(cell, types::I64)
    }

    /// The type of an element in memory.
    pub fn memory_type(&self, tensor: TensorRef) -> Type {
        match tensor {
            TensorRef::Input(input) => lane_type(self.plan.inputs[input as usize].element, self.precision),
            TensorRef::Output(output) if self.plan.outputs[output as usize].axes.is_empty() => types::F64,
            TensorRef::Output(_) => self.precision,
            TensorRef::Buffer(buffer) => {
                let data = self.plan.buffer(buffer);
                let double = data.kind == BufferKind::Accumulator;
                lane_type(data.element, if double { types::F64 } else { self.precision })
            }
        }
    }

    fn variable(&mut self, register: RegisterId) -> Variable {
        if let Some(&variable) = self.registers.get(&register) {
            return variable;
        }
        let ty = lane_type(self.plan.register(register).element, types::F64);
        let variable = self.builder.declare_var(ty);
        self.registers.insert(register, variable);
        variable
    }

    /// A scalar. One that outlives the stage lives in the frame, except while its stage reduces it.
    pub fn read(&mut self, register: RegisterId) -> Value {
        let known = self.registers.contains_key(&register);
        if known || self.plan.register(register).local {
            let variable = self.variable(register);
            return self.builder.use_var(variable);
        }
        let ty = lane_type(self.plan.register(register).element, types::F64);
        let cell = self.layout.register(register) as i32 * 8;
        self.builder.ins().load(ty, MemFlagsData::trusted(), self.frame, cell)
    }

    pub fn set(&mut self, register: RegisterId, value: Value) {
        let value = resize(&mut self.builder, value, types::F64);
        if !self.plan.register(register).local {
            let cell = self.layout.register(register) as i32 * 8;
            self.builder.ins().store(MemFlagsData::trusted(), value, self.frame, cell);
            return;
        }
        let variable = self.variable(register);
        self.builder.def_var(variable, value);
    }

    /// Combines a value of any width with a reduced scalar.
    pub fn accumulate(&mut self, op: crate::op::ReduceOp, register: RegisterId, value: Value) {
        let variable = self.variable(register);
        let so_far = self.builder.use_var(variable);
        let value = resize(&mut self.builder, value, types::F64);
        let whole = combine(&mut self.builder, op, so_far, value);
        self.builder.def_var(variable, whole);
    }

    fn start(&mut self, register: RegisterId, accumulator: &Accumulator) {
        let ty = lane_type(accumulator.element, types::F64);
        let value = neutral(&mut self.builder, accumulator.op, ty);
        let variable = self.variable(register);
        self.builder.def_var(variable, value);
    }

    /// The function of a symbol; the result is nothing or one double.
    pub fn import(
        &mut self,
        function: Function,
        form: Form,
        parameters: &[Type],
        result: Option<Type>,
    ) -> Option<cranelift_codegen::ir::FuncRef> {
        let name = symbol(function, form);
        if let Some(&import) = self.imports.get(&name) {
            return Some(import);
        }
        let mut signature = self.module.make_signature();
        signature.params.extend(parameters.iter().map(|&ty| AbiParam::new(ty)));
        signature.returns.extend(result.map(AbiParam::new));
        match self.module.declare_function(&name, Linkage::Import, &signature) {
            Ok(id) => {
                let import = self.module.declare_func_in_func(id, self.builder.func);
                self.imports.insert(name, import);
                Some(import)
            }
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    fn block_call(&mut self, call: &Call) {
        let Some(length) = self.length else { unreachable!("calls are in blocks: the verifier has checked it") };
        let form = if self.precision == types::F32 { Form::BlockF32 } else { Form::BlockF64 };
        let buffers = call.arguments.iter().copied().map(Some).chain(call.results.iter().copied());
        let mut arguments: Vec<Value> = Vec::new();
        for buffer in buffers {
            arguments.push(match buffer {
                Some(buffer) => self.base(TensorRef::Buffer(buffer)),
                None => self.builder.ins().iconst(types::I64, 0),
            });
        }
        arguments.push(length);
        if let Function::Polygamma(order) = call.function {
            arguments.push(self.builder.ins().iconst(types::I64, i64::from(order)));
        }
        let types = vec![types::I64; arguments.len()];
        if let Some(import) = self.import(call.function, form, &types, None) {
            self.builder.ins().call(import, &arguments);
        }
    }

    /// A function of one double. Inside of loops numbers are in the precision of the loss.
    pub fn scalar_call(&mut self, function: Function, arguments: &[Value]) -> Value {
        let single = self.precision == types::F32 && !self.indices.is_empty();
        let form = if single { Form::OneF32 } else { Form::One };
        let mut arguments: Vec<Value> = arguments.to_vec();
        if let Function::Polygamma(order) = function {
            arguments.push(self.builder.ins().iconst(types::I64, i64::from(order)));
        }
        let types: Vec<Type> = arguments.iter().map(|&value| self.builder.func.dfg.value_type(value)).collect();
        match self.import(function, form, &types, Some(types::F64)) {
            Some(import) => {
                let call = self.builder.ins().call(import, &arguments);
                self.builder.inst_results(call)[0]
            }
            // The translation has failed and its code is dropped.
            None => self.builder.ins().f64const(0.0),
        }
    }
}
