//! Modules and names: which text a `use` line means, which item a name means.

pub mod loader;
