//! Which instruction of AVX-512 an operation is, by the type of its lanes.

use iced_x86::Code;

use crate::jit::wide::body::Form;
use crate::jit::wide::codes::by_lane;
use crate::jit::wide::graph::{Lane, Three, Two};

pub(super) fn arithmetic(op: Two, lane: Lane) -> Code {
    let by_width = |narrow, wide| if lane.is_wide() { wide } else { narrow };
    match op {
        Two::Add => by_lane!(
            lane,
            EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er,
            EVEX_Vaddpd_zmm_k1z_zmm_zmmm512b64_er,
            EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32,
            EVEX_Vpaddq_zmm_k1z_zmm_zmmm512b64
        ),
        Two::Sub => by_lane!(
            lane,
            EVEX_Vsubps_zmm_k1z_zmm_zmmm512b32_er,
            EVEX_Vsubpd_zmm_k1z_zmm_zmmm512b64_er,
            EVEX_Vpsubd_zmm_k1z_zmm_zmmm512b32,
            EVEX_Vpsubq_zmm_k1z_zmm_zmmm512b64
        ),
        Two::Mul => by_lane!(
            lane,
            EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er,
            EVEX_Vmulpd_zmm_k1z_zmm_zmmm512b64_er,
            EVEX_Vpmulld_zmm_k1z_zmm_zmmm512b32,
            EVEX_Vpmullq_zmm_k1z_zmm_zmmm512b64
        ),
        Two::Div => by_lane!(
            lane,
            EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er,
            EVEX_Vdivpd_zmm_k1z_zmm_zmmm512b64_er,
            EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er,
            EVEX_Vdivpd_zmm_k1z_zmm_zmmm512b64_er
        ),
        Two::Least => by_lane!(
            lane,
            EVEX_Vminps_zmm_k1z_zmm_zmmm512b32_sae,
            EVEX_Vminpd_zmm_k1z_zmm_zmmm512b64_sae,
            EVEX_Vpminsd_zmm_k1z_zmm_zmmm512b32,
            EVEX_Vpminsq_zmm_k1z_zmm_zmmm512b64
        ),
        Two::Most => by_lane!(
            lane,
            EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae,
            EVEX_Vmaxpd_zmm_k1z_zmm_zmmm512b64_sae,
            EVEX_Vpmaxsd_zmm_k1z_zmm_zmmm512b32,
            EVEX_Vpmaxsq_zmm_k1z_zmm_zmmm512b64
        ),
        Two::Scale => by_lane!(
            lane,
            EVEX_Vscalefps_zmm_k1z_zmm_zmmm512b32_er,
            EVEX_Vscalefpd_zmm_k1z_zmm_zmmm512b64_er,
            EVEX_Vscalefps_zmm_k1z_zmm_zmmm512b32_er,
            EVEX_Vscalefpd_zmm_k1z_zmm_zmmm512b64_er
        ),
        Two::MulLow => Code::EVEX_Vpmuludq_zmm_k1z_zmm_zmmm512b64,
        Two::And => by_width(Code::EVEX_Vpandd_zmm_k1z_zmm_zmmm512b32, Code::EVEX_Vpandq_zmm_k1z_zmm_zmmm512b64),
        Two::AndNot => by_width(Code::EVEX_Vpandnd_zmm_k1z_zmm_zmmm512b32, Code::EVEX_Vpandnq_zmm_k1z_zmm_zmmm512b64),
        Two::Or => by_width(Code::EVEX_Vpord_zmm_k1z_zmm_zmmm512b32, Code::EVEX_Vporq_zmm_k1z_zmm_zmmm512b64),
        Two::Xor => by_width(Code::EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, Code::EVEX_Vpxorq_zmm_k1z_zmm_zmmm512b64),
    }
}

pub(super) fn exponent(lane: Lane) -> Code {
    if lane.is_wide() {
        Code::EVEX_Vgetexppd_zmm_k1z_zmmm512b64_sae
    } else {
        Code::EVEX_Vgetexpps_zmm_k1z_zmmm512b32_sae
    }
}

/// How a mantissa is taken: in [¾, 3/2), and of what is below 0 NaN, but of −0 that of 0.
const THREE_QUARTERS: i32 = 0b0011;
const NAN_BELOW_ZERO: i32 = 0b1100;
/// In [½, 1), with the sign of what it is taken of.
const HALF_WITH_SIGN: i32 = 0b0010;

/// With how it is taken.
pub(super) fn mantissa(lane: Lane, is_fraction: bool) -> (Code, i32) {
    let code = if lane.is_wide() {
        Code::EVEX_Vgetmantpd_zmm_k1z_zmmm512b64_imm8_sae
    } else {
        Code::EVEX_Vgetmantps_zmm_k1z_zmmm512b32_imm8_sae
    };
    (code, if is_fraction { HALF_WITH_SIGN } else { THREE_QUARTERS | NAN_BELOW_ZERO })
}

/// For each three bits of operands what `third ? second : first` is.
const SECOND_WHERE_THIRD: i32 = 0b1101_1000;

/// With how it is done.
pub(super) fn three(op: Three, lane: Lane) -> (Code, i32) {
    match (op, lane.is_wide()) {
        // No kind of number is an exception.
        (Three::Mend, false) => (Code::EVEX_Vfixupimmps_zmm_k1z_zmm_zmmm512b32_imm8_sae, 0),
        (Three::Mend, true) => (Code::EVEX_Vfixupimmpd_zmm_k1z_zmm_zmmm512b64_imm8_sae, 0),
        (Three::Merge, false) => (Code::EVEX_Vpternlogd_zmm_k1z_zmm_zmmm512b32_imm8, SECOND_WHERE_THIRD),
        (Three::Merge, true) => (Code::EVEX_Vpternlogq_zmm_k1z_zmm_zmmm512b64_imm8, SECOND_WHERE_THIRD),
    }
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
        (false, false) => pick!(EVEX_Vfmadd132ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfmadd132pd_zmm_k1z_zmm_zmmm512b64_er
            EVEX_Vfmadd213ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfmadd213pd_zmm_k1z_zmm_zmmm512b64_er
            EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfmadd231pd_zmm_k1z_zmm_zmmm512b64_er),
        (false, true) => pick!(EVEX_Vfmsub132ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfmsub132pd_zmm_k1z_zmm_zmmm512b64_er
            EVEX_Vfmsub213ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfmsub213pd_zmm_k1z_zmm_zmmm512b64_er
            EVEX_Vfmsub231ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfmsub231pd_zmm_k1z_zmm_zmmm512b64_er),
        (true, false) => pick!(EVEX_Vfnmadd132ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfnmadd132pd_zmm_k1z_zmm_zmmm512b64_er
            EVEX_Vfnmadd213ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfnmadd213pd_zmm_k1z_zmm_zmmm512b64_er
            EVEX_Vfnmadd231ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfnmadd231pd_zmm_k1z_zmm_zmmm512b64_er),
        (true, true) => pick!(EVEX_Vfnmsub132ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfnmsub132pd_zmm_k1z_zmm_zmmm512b64_er
            EVEX_Vfnmsub213ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfnmsub213pd_zmm_k1z_zmm_zmmm512b64_er
            EVEX_Vfnmsub231ps_zmm_k1z_zmm_zmmm512b32_er EVEX_Vfnmsub231pd_zmm_k1z_zmm_zmmm512b64_er),
    }
}
