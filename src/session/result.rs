//! What a call gives.

use super::idle::Home;
use super::params::State;
use crate::tensor::Tensor;

/// A value of a loss.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One number.
    Scalar(f64),
    /// One number a sample, with reduction `none`.
    Tensor(Tensor),
}

/// A term of a compound loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Its name.
    pub name: String,
    /// Its value, before the weight.
    pub value: f64,
    /// The factor in front of it.
    pub weight: f64,
}

/// A gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// The input or learnable that it is with respect to.
    pub input: String,
    /// The gradient, in the shape of the input, row-major.
    pub tensor: Tensor,
}

/// What a call gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    pub(super) value: Value,
    pub(super) terms: Vec<Term>,
    pub(super) gradients: Vec<Gradient>,
    pub(super) state: State,
    pub(super) home: Home,
}

impl Evaluation {
    /// The value; NaN where it is not one number (see [`Evaluation::values`]).
    pub fn value(&self) -> f64 {
        match &self.value {
            Value::Scalar(value) => *value,
            Value::Tensor(_) => f64::NAN,
        }
    }

    /// The value, one number or a tensor.
    pub fn values(&self) -> &Value {
        &self.value
    }

    /// All terms of a compound loss, in order.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The value of a term, before its weight.
    pub fn term(&self, name: &str) -> Option<f64> {
        self.terms.iter().find(|term| term.name == name).map(|term| term.value)
    }

    /// All gradients, in the order in which they were asked for.
    pub fn gradients(&self) -> &[Gradient] {
        &self.gradients
    }

    /// The states after the call: give them to the next one with [`Params::with_state`].
    pub fn state(&self) -> &State {
        &self.state
    }

    /// All gradients, to keep their memory.
    pub fn into_gradients(mut self) -> Vec<Gradient> {
        std::mem::take(&mut self.gradients)
    }

    /// The gradient with respect to an input or a learnable.
    pub fn grad(&self, input: &str) -> Option<&Tensor> {
        self.gradients.iter().find(|gradient| gradient.input == input).map(|gradient| &gradient.tensor)
    }
}

impl Default for Evaluation {
    fn default() -> Self {
        let (value, terms, gradients, state) = (Value::Scalar(f64::NAN), Vec::new(), Vec::new(), State::default());
        Evaluation { value, terms, gradients, state, home: Home::default() }
    }
}

impl Drop for Evaluation {
    fn drop(&mut self) {
        let home = std::mem::take(&mut self.home);
        home.give_back(self);
    }
}
