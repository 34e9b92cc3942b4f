//! The standard library: the texts of `stdlib/`, embedded, as a loader.

use crate::resolve::loader::SourceLoader;
use crate::span::Source;

/// Every module of the standard library, by its name under `std`, what others need first.
pub const MODULES: &[(&str, &str)] = &[
    ("core", include_str!("../stdlib/core.loss")),
    ("regression", include_str!("../stdlib/regression.loss")),
    ("margin", include_str!("../stdlib/margin.loss")),
    ("probability", include_str!("../stdlib/probability.loss")),
    ("region", include_str!("../stdlib/region.loss")),
    ("compound", include_str!("../stdlib/compound.loss")),
    ("generative", include_str!("../stdlib/generative.loss")),
    ("alignment", include_str!("../stdlib/alignment.loss")),
];

/// Finds `std::region` and its like in [`MODULES`].
#[derive(Clone, Copy, Debug, Default)]
pub struct EmbeddedLibrary;

impl SourceLoader for EmbeddedLibrary {
    fn load(&self, path: &[&str]) -> Option<Source> {
        let ["std", module] = path else { return None };
        let (_, text) = MODULES.iter().find(|(name, _)| name == module)?;
        Some(Source { name: format!("std::{module}"), text: (*text).to_owned() })
    }
}
