//! Where results go: memory of the caller, or memory that is kept from call to call.

use super::share::Threads;
use super::whole::Scratch;

/// The results of a call, and the memory that it works in. Reused, it is not allocated again.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// What computes it: set it before a call.
    pub threads: Threads,
    pub(super) scalars: Vec<f64>,
    pub(super) is_scalar: Vec<bool>,
    pub(super) singles: Vec<Vec<f32>>,
    pub(super) doubles: Vec<Vec<f64>>,
    pub(super) frame: Vec<u64>,
    pub(super) partials: Vec<u64>,
    pub(super) scratch: Scratch,
    /// Buffers of the whole call, then converted inputs, then the memory of each thread.
    pub(super) memory: Vec<u64>,
}

impl Outputs {
    /// Without any memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An output without axes.
    pub fn scalar(&self, output: usize) -> f64 {
        self.scalars[output]
    }

    /// An output with axes, in row-major order; the scalar's one element for one without.
    pub fn to_f64(&self, output: usize) -> Vec<f64> {
        match (self.singles[output].as_slice(), self.doubles[output].as_slice()) {
            _ if self.is_scalar[output] => vec![self.scalars[output]],
            ([], doubles) => doubles.to_vec(),
            (singles, _) => singles.iter().map(|&value| f64::from(value)).collect(),
        }
    }

    /// An output of a kernel in single precision.
    pub fn f32(&self, output: usize) -> &[f32] {
        &self.singles[output]
    }

    /// An output of a kernel in single precision, with its memory: the next call allocates it anew.
    pub fn take_f32(&mut self, output: usize) -> Vec<f32> {
        std::mem::take(&mut self.singles[output])
    }

    /// An output of a kernel in double precision, with its memory: the next call allocates it anew.
    pub fn take_f64(&mut self, output: usize) -> Vec<f64> {
        std::mem::take(&mut self.doubles[output])
    }

    /// Memory for an output of a kernel in single precision, instead of newly allocated one.
    pub fn give_f32(&mut self, output: usize, memory: Vec<f32>) {
        self.singles.resize_with(self.singles.len().max(output + 1), Vec::new);
        self.singles[output] = memory;
    }

    /// Memory for an output of a kernel in double precision, instead of newly allocated one.
    pub fn give_f64(&mut self, output: usize, memory: Vec<f64>) {
        self.doubles.resize_with(self.doubles.len().max(output + 1), Vec::new);
        self.doubles[output] = memory;
    }

    /// An output of a kernel in double precision.
    pub fn f64(&self, output: usize) -> &[f64] {
        &self.doubles[output]
    }
}
