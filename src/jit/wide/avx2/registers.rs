//! The registers of AVX2, by number.

use iced_x86::Register;

use crate::jit::wide::machine::Machine;

/// To work in within a step: no value lives there.
pub(super) const WORK_VECTOR: u8 = Machine::Avx2.registers() as u8;

pub(super) fn vector(number: u8) -> Register {
    Register::YMM0 + u32::from(number)
}

pub(super) fn half(number: u8) -> Register {
    Register::XMM0 + u32::from(number)
}
