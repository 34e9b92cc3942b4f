//! Elements of an input whose type or layout the code does not read → its own type, in row-major order.
//!
//! A range of a stage converts what it reads itself, just before: it is then in the caches, and in half precision less
//! is read from memory than in single. What several ranges read is converted once for the call.

use half::{bf16, f16};

use crate::kernel::{Access, Coordinate, Instruction, Loop, Plan, Statement, TensorRef};
use crate::tensor::{Run, Slice, TensorView};
use crate::vector::{widen_brains, widen_halves};

/// Memory of the code's own types.
pub(super) enum Converted<'a> {
    Single(&'a mut [f32]),
    Double(&'a mut [f64]),
    Int(&'a mut [i64]),
}

impl Converted<'_> {
    fn part(&mut self, start: usize, count: usize) -> Converted<'_> {
        let range = start..start + count;
        match self {
            Converted::Single(to) => Converted::Single(&mut to[range]),
            Converted::Double(to) => Converted::Double(&mut to[range]),
            Converted::Int(to) => Converted::Int(&mut to[range]),
        }
    }

    fn len(&self) -> usize {
        match self {
            Converted::Single(to) => to.len(),
            Converted::Double(to) => to.len(),
            Converted::Int(to) => to.len(),
        }
    }
}

/// Converts elements of a view, in its row-major order from one on, as many as there is memory for.
pub(super) fn convert(view: &TensorView<'_>, first: usize, mut to: Converted<'_>) {
    let (mut done, count) = (0, to.len());
    while done < count {
        let run = view.run(first + done);
        let taken = run.count.min(count - done);
        if taken == 0 {
            return;
        }
        convert_run(view.data(), Run { count: taken, ..run }, to.part(done, taken));
        done += taken;
    }
}

/// A row for each pair of types; ints are no reals, nor reals ints: `bind` has seen to it.
fn convert_run(from: Slice<'_>, run: Run, to: Converted<'_>) {
    match (from, to) {
        (Slice::F16(from), Converted::Single(to)) if run.step == 1 => widen_halves(run.of(from), to),
        (Slice::F16(from), Converted::Single(to)) => each(from, run, to, f16::to_f32),
        (Slice::F16(from), Converted::Double(to)) if run.step == 1 => by_singles(run.of(from), to, widen_halves),
        (Slice::F16(from), Converted::Double(to)) => each(from, run, to, f16::to_f64),
        (Slice::BF16(from), Converted::Single(to)) if run.step == 1 => widen_brains(run.of(from), to),
        (Slice::BF16(from), Converted::Single(to)) => each(from, run, to, bf16::to_f32),
        (Slice::BF16(from), Converted::Double(to)) if run.step == 1 => by_singles(run.of(from), to, widen_brains),
        (Slice::BF16(from), Converted::Double(to)) => each(from, run, to, bf16::to_f64),
        (Slice::F32(from), Converted::Single(to)) => each(from, run, to, |x| x),
        (Slice::F32(from), Converted::Double(to)) => each(from, run, to, f64::from),
        (Slice::F64(from), Converted::Single(to)) => each(from, run, to, |x| x as f32),
        (Slice::F64(from), Converted::Double(to)) => each(from, run, to, |x| x),
        (Slice::U8(from), Converted::Int(to)) => each(from, run, to, i64::from),
        (Slice::U32(from), Converted::Int(to)) => each(from, run, to, i64::from),
        (Slice::I32(from), Converted::Int(to)) => each(from, run, to, i64::from),
        (Slice::I64(from), Converted::Int(to)) => each(from, run, to, |x| x),
        (from, Converted::Single(to)) => at_each(run, to, |at| from.real(at) as f32),
        (from, Converted::Double(to)) => at_each(run, to, |at| from.real(at)),
        (from, Converted::Int(to)) => at_each(run, to, |at| from.int(at)),
    }
}

/// Numbers of 16 bits as doubles, some at a time as singles before.
fn by_singles<S>(from: &[S], to: &mut [f64], widen: impl Fn(&[S], &mut [f32])) {
    let mut singles = [0.0; 256];
    for (from, to) in from.chunks(singles.len()).zip(to.chunks_mut(singles.len())) {
        let singles = &mut singles[..from.len()];
        widen(from, singles);
        singles.iter().zip(to).for_each(|(&single, to)| *to = f64::from(single));
    }
}

fn each<S: Copy, T>(from: &[S], run: Run, to: &mut [T], convert: impl Fn(S) -> T) {
    if run.step == 1 {
        // As slices, they become vector code.
        return run.of(from).iter().zip(to).for_each(|(&from, to)| *to = convert(from));
    }
    at_each(run, to, |at| convert(from[at]));
}

fn at_each<T>(run: Run, to: &mut [T], value: impl Fn(usize) -> T) {
    let position = |place: usize| run.position.wrapping_add_signed(run.step.wrapping_mul(place as isize));
    to.iter_mut().enumerate().for_each(|(place, to)| *to = value(position(place)));
}

/// The inputs of which each range of a stage reads what is at its own positions of the stage's axis and nothing else,
/// given which of them are asked about. The axis is their first one, so that what a range reads lies together.
pub(super) fn ranged(plan: &Plan, stage: &Loop, inputs: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut of_range: Vec<(usize, bool)> = inputs.map(|input| (input, false)).collect();
    let mut others = Vec::new();
    for_each_load(&stage.body, &mut |access| {
        let TensorRef::Input(input) = access.tensor else { return };
        let is_own = access.coordinates.first() == Some(&Coordinate::Axis(stage.axis));
        let is_first = plan.inputs[input as usize].axes.first() == Some(&stage.axis);
        if !(is_own && is_first) {
            others.push(input as usize);
        } else if let Some((_, is_read)) = of_range.iter_mut().find(|(own, _)| *own == input as usize) {
            *is_read = true;
        }
    });
    of_range
        .into_iter()
        .filter(|(input, is_read)| *is_read && !others.contains(input))
        .map(|(input, _)| input)
        .collect()
}

/// Whether statements read an input otherwise than by ranges.
pub(super) fn is_read_as_whole(plan: &Plan, statements: &[Statement], input: usize) -> bool {
    let tensor = TensorRef::Input(input as u32);
    statements.iter().any(|statement| match statement {
        Statement::Loop(stage) => {
            let mut is_read = false;
            for_each_load(&stage.body, &mut |access| is_read |= access.tensor == tensor);
            is_read && ranged(plan, stage, std::iter::once(input)).is_empty()
        }
        Statement::Repeat(repeat) => is_read_as_whole(plan, &repeat.body, input),
        Statement::Whole(whole) => whole.operands.iter().any(|operand| operand.tensor == tensor),
        Statement::Strip(_) | Statement::Call(_) => {
            let mut is_read = false;
            for_each_load(std::slice::from_ref(statement), &mut |access| is_read |= access.tensor == tensor);
            is_read
        }
    })
}

fn for_each_load(statements: &[Statement], visit: &mut impl FnMut(&Access)) {
    for statement in statements {
        match statement {
            Statement::Strip(strip) => strip.lines.iter().for_each(|line| {
                if let Instruction::Load(access) = &line.instruction {
                    visit(access);
                }
            }),
            Statement::Loop(inner) => for_each_load(&inner.body, visit),
            Statement::Repeat(repeat) => for_each_load(&repeat.body, visit),
            Statement::Call(_) | Statement::Whole(_) => {}
        }
    }
}
