//! Strips → machine code of 512-bit or 256-bit vectors, which Cranelift does not make.
//!
//! A strip over lanes is straight-line code without control flow: so few things have to be done for it that they are
//! done here. [`lines`] turns it into a graph, which [`fold`] makes smaller, with the formulas of the vector math
//! library written into it by [`trace`]; [`absent`] makes another one for where no label is. [`body`], [`allocate`] and
//! [`leave`] make steps with registers of them; [`function`] and [`loops`] write what runs over all lanes, with
//! [`assembler`]. The [`machine`] decides how: [`legal`] writes out what AVX2 has no instruction for, and [`avx512`] and
//! [`avx2`] write a step. Everything around it (loops over axes, addresses, what does not vary) is Cranelift's; the
//! function is called with argument cells.

mod absent;
mod ahead;
mod allocate;
mod assembler;
mod avx2;
mod avx512;
mod body;
mod codes;
mod elementwise;
mod fold;
mod fours;
mod function;
mod graph;
mod latency;
mod leave;
mod legal;
mod lines;
mod loops;
mod machine;
mod negate;
mod order;
mod shift;
mod trace;
mod under;

pub(super) use ahead::{Ahead, SOON};
pub(super) use function::Cells;
pub(super) use graph::Lane;
pub(super) use lines::{Access, Facts, Stream, Uniform, free};
pub(super) use machine::Machine;

use iced_x86::{Decoder, DecoderOptions, FastFormatter};
use rustc_hash::FxHashSet;

use super::module::Precision;
use crate::kernel::{Function, Strip, TensorRef};
use crate::vector;

/// The function of a strip, and what its caller fills in.
pub(super) struct Wide {
    pub code: Vec<u8>,
    pub streams: Vec<Stream>,
    pub uniforms: Vec<Uniform>,
    pub cells: Cells,
}

/// Whether a function can be written into a strip.
pub(super) fn has_formula(function: Function, precision: Precision) -> bool {
    match (function, precision) {
        (Function::Unary(op), Precision::F32) => vector::formula_unary_f32(op, 0.5_f32).is_some(),
        (Function::Unary(op), Precision::F64) => vector::formula_unary_f64(op, 0.5_f64).is_some(),
        (Function::Binary(op), Precision::F32) => vector::formula_binary_f32(op, 0.5_f32, 0.5).is_some(),
        (Function::Binary(op), Precision::F64) => vector::formula_binary_f64(op, 0.5_f64, 0.5).is_some(),
        (Function::Polygamma(_) | Function::Logistic, _) => false,
    }
}

/// The instructions of a function, for people.
pub(super) fn text(code: &[u8]) -> String {
    use std::fmt::Write;
    let start = 5 + code.get(1..5).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    let mut decoder = Decoder::with_ip(64, code.get(start..).unwrap_or_default(), start as u64, DecoderOptions::NONE);
    let mut formatter = FastFormatter::new();
    let mut text = String::new();
    for instruction in &mut decoder {
        let mut line = String::new();
        formatter.format(&instruction, &mut line);
        let _ = writeln!(text, "  {:4x}: {line}", instruction.ip());
    }
    text
}

/// Compiles a strip; nothing if it has something that vectors do not do. A careful function takes any strides, and
/// divides where the other one multiplies by a reciprocal.
pub(super) fn compile(
    strip: &Strip,
    machine: Machine,
    (double, careful): (bool, bool),
    compared: &FxHashSet<TensorRef>,
    facts: &dyn Fn(Access) -> Option<Facts>,
) -> Option<Wide> {
    let mut lines = lines::lines(strip, machine, (double, careful), compared, facts)?;
    if !careful {
        lines = fours::turned(lines, facts);
    }
    under::sums(&mut lines);
    let body = body::body(&lines)?;
    let cells = Cells::new(&lines);
    let code = function::function(&lines, &body, cells).ok()?;
    Some(Wide { code, streams: lines.streams, uniforms: lines.uniforms, cells })
}
