//! Instructions of a strip → CLIF, for one lane or for a vector of lanes.
//!
//! Reals are F64 outside of blocks and of the loss's precision inside, ints are I64, bools I8 of 0 or 1;
//! in vectors bools are masks, and there are no ints.
//! The edge values are those of the sentences in the operation table.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

use crate::ir::Constant;
use crate::op::{Binary, Compare, Element, Logic, ReduceOp, Unary};

/// The type of a lane.
pub(super) fn lane_type(element: Element, real: Type) -> Type {
    match element {
        Element::Real => real,
        Element::Int => types::I64,
        Element::Bool => types::I8,
    }
}

pub(super) fn real_constant(builder: &mut FunctionBuilder<'_>, real: Type, value: f64) -> Value {
    let lane = match real.lane_type() {
        types::F32 => builder.ins().f32const(value as f32),
        _ => builder.ins().f64const(value),
    };
    if real.is_vector() { builder.ins().splat(real, lane) } else { lane }
}

/// Whether a value is a float, or a vector of floats.
fn is_real(builder: &FunctionBuilder<'_>, value: Value) -> bool {
    builder.func.dfg.value_type(value).lane_type().is_float()
}

/// `yes` where the condition (a bool, or a mask of lanes) holds, else `no`.
pub(super) fn choose(builder: &mut FunctionBuilder<'_>, condition: Value, yes: Value, no: Value) -> Value {
    let ty = builder.func.dfg.value_type(yes);
    if !ty.is_vector() {
        return builder.ins().select(condition, yes, no);
    }
    if ty == builder.func.dfg.value_type(condition) {
        return builder.ins().bitselect(condition, yes, no);
    }
    let flags = MemFlagsData::new().with_endianness(Endianness::Little);
    let mask = builder.ins().bitcast(ty, flags, condition);
    builder.ins().bitselect(mask, yes, no)
}

pub(super) fn constant(builder: &mut FunctionBuilder<'_>, real: Type, constant: Constant) -> Value {
    match constant {
        Constant::Real(value) => real_constant(builder, real, value),
        Constant::Int(value) => builder.ins().iconst(types::I64, value),
        Constant::Bool(value) => builder.ins().iconst(types::I8, i64::from(value)),
    }
}

/// 0 or false.
pub(super) fn zero(builder: &mut FunctionBuilder<'_>, ty: Type) -> Value {
    if ty.is_float() { real_constant(builder, ty, 0.0) } else { builder.ins().iconst(ty, 0) }
}

/// A float of another width; anything else as it is.
pub(super) fn resize(builder: &mut FunctionBuilder<'_>, value: Value, to: Type) -> Value {
    let from = builder.func.dfg.value_type(value);
    if from == to || !from.is_float() || !to.is_float() {
        value
    } else if to == types::F64 {
        builder.ins().fpromote(to, value)
    } else {
        builder.ins().fdemote(to, value)
    }
}

/// A unary operation that is a few instructions; none for what needs a function.
pub(super) fn unary(builder: &mut FunctionBuilder<'_>, op: Unary, x: Value) -> Option<Value> {
    let ty = builder.func.dfg.value_type(x);
    if !is_real(builder, x) {
        return Some(if op == Unary::Neg { builder.ins().ineg(x) } else { builder.ins().iabs(x) });
    }
    let result = match op {
        Unary::Neg => builder.ins().fneg(x),
        Unary::Abs => builder.ins().fabs(x),
        Unary::Sqrt => builder.ins().sqrt(x),
        Unary::Floor => builder.ins().floor(x),
        Unary::Ceil => builder.ins().ceil(x),
        Unary::Round => builder.ins().nearest(x),
        Unary::Sign => {
            let (zero, one) = (real_constant(builder, ty, 0.0), real_constant(builder, ty, 1.0));
            let minus_one = real_constant(builder, ty, -1.0);
            let above = builder.ins().fcmp(FloatCC::GreaterThan, x, zero);
            let below = builder.ins().fcmp(FloatCC::LessThan, x, zero);
            let rest = choose(builder, below, minus_one, x);
            choose(builder, above, one, rest)
        }
        _ => return None,
    };
    Some(result)
}

/// A binary operation that is a few instructions; none for what needs a function.
pub(super) fn binary(builder: &mut FunctionBuilder<'_>, op: Binary, a: Value, b: Value) -> Option<Value> {
    let int = !is_real(builder, a);
    let result = match (op, int) {
        (Binary::Add, false) => builder.ins().fadd(a, b),
        (Binary::Sub, false) => builder.ins().fsub(a, b),
        (Binary::Mul, false) => builder.ins().fmul(a, b),
        (Binary::Div, false) => builder.ins().fdiv(a, b),
        (Binary::Min, false) => extreme(builder, FloatCC::LessThan, a, b),
        (Binary::Max, false) => extreme(builder, FloatCC::GreaterThan, a, b),
        (Binary::Add, true) => builder.ins().iadd(a, b),
        (Binary::Sub, true) => builder.ins().isub(a, b),
        (Binary::Mul, true) => builder.ins().imul(a, b),
        (Binary::Min, true) => builder.ins().smin(a, b),
        (Binary::Max, true) => builder.ins().smax(a, b),
        (Binary::Div | Binary::Pow | Binary::Powi | Binary::Atan2, _) => return None,
    };
    Some(result)
}

/// `± a·b ± c`, rounded once, with the signs of product and addend: whether each is negated.
pub(super) fn mul_add(builder: &mut FunctionBuilder<'_>, signs: (bool, bool), [a, b, c]: [Value; 3]) -> Value {
    let a = if signs.0 { builder.ins().fneg(a) } else { a };
    let c = if signs.1 { builder.ins().fneg(c) } else { c };
    builder.ins().fma(a, b, c)
}

/// a where it comes first or is NaN, else b (which is then the other one, or NaN).
fn extreme(builder: &mut FunctionBuilder<'_>, first: FloatCC, a: Value, b: Value) -> Value {
    let comes_first = builder.ins().fcmp(first, a, b);
    let nan = builder.ins().fcmp(FloatCC::Unordered, a, a);
    let rest = choose(builder, nan, a, b);
    choose(builder, comes_first, a, rest)
}

pub(super) fn compare(builder: &mut FunctionBuilder<'_>, op: Compare, a: Value, b: Value) -> Value {
    if is_real(builder, a) {
        let code = match op {
            Compare::Eq => FloatCC::Equal,
            Compare::Ne => FloatCC::NotEqual,
            Compare::Lt => FloatCC::LessThan,
            Compare::Le => FloatCC::LessThanOrEqual,
        };
        builder.ins().fcmp(code, a, b)
    } else {
        let code = match op {
            Compare::Eq => IntCC::Equal,
            Compare::Ne => IntCC::NotEqual,
            Compare::Lt => IntCC::SignedLessThan,
            Compare::Le => IntCC::SignedLessThanOrEqual,
        };
        builder.ins().icmp(code, a, b)
    }
}

pub(super) fn logic(builder: &mut FunctionBuilder<'_>, op: Logic, a: Value, b: Value) -> Value {
    match op {
        Logic::And => builder.ins().band(a, b),
        Logic::Or => builder.ins().bor(a, b),
        Logic::Not if builder.func.dfg.value_type(a).is_vector() => builder.ins().bnot(a),
        Logic::Not => builder.ins().bxor_imm_u(a, 1),
    }
}

pub(super) fn cast(builder: &mut FunctionBuilder<'_>, to: Element, real: Type, x: Value) -> Value {
    let from = builder.func.dfg.value_type(x);
    match to {
        Element::Real if from.is_float() => resize(builder, x, real),
        Element::Real if from == types::I8 || from.is_vector() => {
            let (one, zero) = (real_constant(builder, real, 1.0), real_constant(builder, real, 0.0));
            choose(builder, x, one, zero)
        }
        Element::Real => builder.ins().fcvt_from_sint(real, x),
        Element::Int if from.is_float() => {
            // NaN is the smallest int, as in `numeric`.
            let int = builder.ins().fcvt_to_sint_sat(types::I64, x);
            let smallest = builder.ins().iconst(types::I64, i64::MIN);
            let number = builder.ins().fcmp(FloatCC::Ordered, x, x);
            builder.ins().select(number, int, smallest)
        }
        Element::Int if from == types::I8 => builder.ins().uextend(types::I64, x),
        Element::Int => x,
        Element::Bool if from.is_float() => {
            let zero = real_constant(builder, from, 0.0);
            builder.ins().fcmp(FloatCC::NotEqual, x, zero)
        }
        Element::Bool if from == types::I8 => x,
        Element::Bool => builder.ins().icmp_imm_s(IntCC::NotEqual, x, 0),
    }
}

/// The neutral element of a reduction.
pub(super) fn neutral(builder: &mut FunctionBuilder<'_>, op: ReduceOp, ty: Type) -> Value {
    let (real, int) = op.neutral();
    if ty.lane_type().is_float() { real_constant(builder, ty, real) } else { builder.ins().iconst(types::I64, int) }
}

/// One more element of a reduction.
pub(super) fn combine(builder: &mut FunctionBuilder<'_>, op: ReduceOp, so_far: Value, value: Value) -> Value {
    let op = op.combining();
    binary(builder, op, so_far, value).unwrap_or_else(|| unreachable!("`{}` is an instruction", op.name()))
}
