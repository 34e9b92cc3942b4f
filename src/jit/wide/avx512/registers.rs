//! The registers of AVX-512, by number.

use iced_x86::Register;

/// The lanes that there are, in the first and the last vectors of a run.
pub(super) const THERE: Register = Register::K7;
/// The same for the second half of wide lanes.
pub(super) const THERE_HIGH: Register = Register::K6;
/// For memory that is strided or guarded.
pub(super) const WORK_MASK: Register = Register::K5;

pub(super) fn vector(number: u8) -> Register {
    Register::ZMM0 + u32::from(number)
}

pub(super) fn half(number: u8) -> Register {
    Register::YMM0 + u32::from(number)
}

pub(super) fn mask(number: u8) -> Register {
    Register::K0 + u32::from(number)
}
