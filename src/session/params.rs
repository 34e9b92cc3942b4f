//! Values of hyperparameters, learnables and states by name.

use std::collections::BTreeMap;

/// Values of real hyperparameters, learnables and states for one call; what is not set has its default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    values: BTreeMap<String, f64>,
}

impl Params {
    /// All at their defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more value.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: f64) -> Self {
        self.values.insert(name.into(), value);
        self
    }

    /// With these values of states, as the call before gave them; or of learnables.
    #[must_use]
    pub fn with_state(mut self, state: &State) -> Self {
        self.values.extend(state.iter().map(|(name, value)| (name.to_string(), value)));
        self
    }

    /// What was set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

/// Numbers that live from call to call, by name: the states of a loss, or its learnables. A plain map, kept and written
/// to a checkpoint by the caller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    values: BTreeMap<String, f64>,
}

impl State {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    /// Sets a value.
    pub fn set(&mut self, name: impl Into<String>, value: f64) {
        self.values.insert(name.into(), value);
    }

    /// Sets a value; a name that is known is not copied.
    pub(super) fn put(&mut self, name: &str, value: f64) {
        match self.values.get_mut(name) {
            Some(known) => *known = value,
            None => self.set(name, value),
        }
    }

    /// All names with their values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl FromIterator<(String, f64)> for State {
    fn from_iter<I: IntoIterator<Item = (String, f64)>>(values: I) -> Self {
        State { values: values.into_iter().collect() }
    }
}
