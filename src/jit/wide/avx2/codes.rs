//! Which instruction of AVX2 an operation is, by the type of its lanes.

use iced_x86::Code;

use crate::jit::wide::body::Form;
use crate::jit::wide::codes::by_lane;
use crate::jit::wide::graph::{Lane, Two};

/// Nothing for what the machine has not got: products and extremes of 64-bit ints, and powers of two.
pub(super) fn arithmetic(op: Two, lane: Lane) -> Option<Code> {
    let code = match (op, lane) {
        (Two::Add, _) => by_lane!(
            lane,
            VEX_Vaddps_ymm_ymm_ymmm256,
            VEX_Vaddpd_ymm_ymm_ymmm256,
            VEX_Vpaddd_ymm_ymm_ymmm256,
            VEX_Vpaddq_ymm_ymm_ymmm256
        ),
        (Two::Sub, _) => by_lane!(
            lane,
            VEX_Vsubps_ymm_ymm_ymmm256,
            VEX_Vsubpd_ymm_ymm_ymmm256,
            VEX_Vpsubd_ymm_ymm_ymmm256,
            VEX_Vpsubq_ymm_ymm_ymmm256
        ),
        (Two::Mul, Lane::F32) => Code::VEX_Vmulps_ymm_ymm_ymmm256,
        (Two::Mul, Lane::F64) => Code::VEX_Vmulpd_ymm_ymm_ymmm256,
        (Two::Div, Lane::F32) => Code::VEX_Vdivps_ymm_ymm_ymmm256,
        (Two::Div, Lane::F64) => Code::VEX_Vdivpd_ymm_ymm_ymmm256,
        (Two::Least, Lane::F32) => Code::VEX_Vminps_ymm_ymm_ymmm256,
        (Two::Least, Lane::F64) => Code::VEX_Vminpd_ymm_ymm_ymmm256,
        (Two::Most, Lane::F32) => Code::VEX_Vmaxps_ymm_ymm_ymmm256,
        (Two::Most, Lane::F64) => Code::VEX_Vmaxpd_ymm_ymm_ymmm256,
        (Two::MulLow, _) => Code::VEX_Vpmuludq_ymm_ymm_ymmm256,
        (Two::And, _) => Code::VEX_Vandps_ymm_ymm_ymmm256,
        (Two::AndNot, _) => Code::VEX_Vandnps_ymm_ymm_ymmm256,
        (Two::Or, _) => Code::VEX_Vorps_ymm_ymm_ymmm256,
        (Two::Xor, _) => Code::VEX_Vxorps_ymm_ymm_ymmm256,
        (Two::Mul | Two::Div | Two::Least | Two::Most | Two::Scale, _) => return None,
    };
    Some(code)
}

/// By the bits of lanes, which are as wide for floats and ints.
pub(super) fn blend(lane: Lane) -> Code {
    if lane.is_wide() { Code::VEX_Vblendvpd_ymm_ymm_ymmm256_ymm } else { Code::VEX_Vblendvps_ymm_ymm_ymmm256_ymm }
}

pub(super) fn equal(lane: Lane) -> Code {
    by_lane!(
        lane,
        VEX_Vcmpps_ymm_ymm_ymmm256_imm8,
        VEX_Vcmppd_ymm_ymm_ymmm256_imm8,
        VEX_Vpcmpeqd_ymm_ymm_ymmm256,
        VEX_Vpcmpeqq_ymm_ymm_ymmm256
    )
}

/// Of ints.
pub(super) fn above(lane: Lane) -> Code {
    if lane.is_wide() { Code::VEX_Vpcmpgtq_ymm_ymm_ymmm256 } else { Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256 }
}

pub(super) fn mul_add(lane: Lane, form: Form, negate_product: bool, negate_addend: bool) -> Code {
    macro_rules! pick {
        ($c132s:ident $c132d:ident $c213s:ident $c213d:ident $c231s:ident $c231d:ident) => {
            match (form, lane.is_wide()) {
                (Form::F132, false) => Code::$c132s,
                (Form::F132, true) => Code::$c132d,
                (Form::F213, false) => Code::$c213s,
                (Form::F213, true) => Code::$c213d,
                (Form::F231, false) => Code::$c231s,
                (Form::F231, true) => Code::$c231d,
            }
        };
    }
    match (negate_product, negate_addend) {
        (false, false) => pick!(VEX_Vfmadd132ps_ymm_ymm_ymmm256 VEX_Vfmadd132pd_ymm_ymm_ymmm256
            VEX_Vfmadd213ps_ymm_ymm_ymmm256 VEX_Vfmadd213pd_ymm_ymm_ymmm256
            VEX_Vfmadd231ps_ymm_ymm_ymmm256 VEX_Vfmadd231pd_ymm_ymm_ymmm256),
        (false, true) => pick!(VEX_Vfmsub132ps_ymm_ymm_ymmm256 VEX_Vfmsub132pd_ymm_ymm_ymmm256
            VEX_Vfmsub213ps_ymm_ymm_ymmm256 VEX_Vfmsub213pd_ymm_ymm_ymmm256
            VEX_Vfmsub231ps_ymm_ymm_ymmm256 VEX_Vfmsub231pd_ymm_ymm_ymmm256),
        (true, false) => pick!(VEX_Vfnmadd132ps_ymm_ymm_ymmm256 VEX_Vfnmadd132pd_ymm_ymm_ymmm256
            VEX_Vfnmadd213ps_ymm_ymm_ymmm256 VEX_Vfnmadd213pd_ymm_ymm_ymmm256
            VEX_Vfnmadd231ps_ymm_ymm_ymmm256 VEX_Vfnmadd231pd_ymm_ymm_ymmm256),
        (true, true) => pick!(VEX_Vfnmsub132ps_ymm_ymm_ymmm256 VEX_Vfnmsub132pd_ymm_ymm_ymmm256
            VEX_Vfnmsub213ps_ymm_ymm_ymmm256 VEX_Vfnmsub213pd_ymm_ymm_ymmm256
            VEX_Vfnmsub231ps_ymm_ymm_ymmm256 VEX_Vfnmsub231pd_ymm_ymm_ymmm256),
    }
}
