//! Where results go: memory of the caller, or memory that is kept from call to call.

use super::prepare::Prepared;
use super::share::Threads;
use super::whole::Scratch;

/// The results of a call, and the memory that it works in. Reused, it is not allocated again.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// What computes it: set it before a call.
    pub threads: Threads,
    pub(super) results: Results,
    pub(super) working: Working,
}

/// By output.
#[derive(Clone, Debug, Default)]
pub(super) struct Results {
    pub scalars: Vec<f64>,
    pub is_scalar: Vec<bool>,
    pub singles: Vec<Vec<f32>>,
    pub doubles: Vec<Vec<f64>>,
}

/// What a call works in.
#[derive(Clone, Debug, Default)]
pub(super) struct Working {
    pub prepared: Prepared,
    /// Buffers of the whole call, then converted inputs, then the memory of each thread.
    pub memory: Vec<u64>,
    pub partials: Vec<u64>,
    pub scratch: Scratch,
}

impl Results {
    /// Empty, for as many outputs, some of which have no axes.
    pub fn reset(&mut self, is_scalar: impl Iterator<Item = bool>) {
        self.is_scalar.clear();
        self.is_scalar.extend(is_scalar);
        let count = self.is_scalar.len();
        self.scalars.clear();
        self.scalars.resize(count, 0.0);
        self.singles.resize_with(count, Vec::new);
        self.doubles.resize_with(count, Vec::new);
    }
}

impl Outputs {
    /// Without any memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An output without axes.
    pub fn scalar(&self, output: usize) -> f64 {
        self.results.scalars[output]
    }

    /// An output with axes, in row-major order; the scalar's one element for one without.
    pub fn to_f64(&self, output: usize) -> Vec<f64> {
        match (self.results.singles[output].as_slice(), self.results.doubles[output].as_slice()) {
            _ if self.results.is_scalar[output] => vec![self.results.scalars[output]],
            ([], doubles) => doubles.to_vec(),
            (singles, _) => singles.iter().map(|&value| f64::from(value)).collect(),
        }
    }

    /// An output of a kernel in single precision.
    pub fn f32(&self, output: usize) -> &[f32] {
        &self.results.singles[output]
    }

    /// An output of a kernel in single precision, with its memory: the next call allocates it anew.
    pub fn take_f32(&mut self, output: usize) -> Vec<f32> {
        std::mem::take(&mut self.results.singles[output])
    }

    /// An output of a kernel in double precision, with its memory: the next call allocates it anew.
    pub fn take_f64(&mut self, output: usize) -> Vec<f64> {
        std::mem::take(&mut self.results.doubles[output])
    }

    /// Memory for an output of a kernel in single precision, instead of newly allocated one.
    pub fn give_f32(&mut self, output: usize, memory: Vec<f32>) {
        self.results.singles.resize_with(self.results.singles.len().max(output + 1), Vec::new);
        self.results.singles[output] = memory;
    }

    /// Memory for an output of a kernel in double precision, instead of newly allocated one.
    pub fn give_f64(&mut self, output: usize, memory: Vec<f64>) {
        self.results.doubles.resize_with(self.results.doubles.len().max(output + 1), Vec::new);
        self.results.doubles[output] = memory;
    }

    /// An output of a kernel in double precision.
    pub fn f64(&self, output: usize) -> &[f64] {
        &self.results.doubles[output]
    }
}
