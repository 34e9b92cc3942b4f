//! The standard library: the texts of `stdlib/`, embedded.

/// Every module of the standard library as `(path, text)`, what others need first.
pub const MODULES: &[(&str, &str)] = &[
    ("std::core", include_str!("../stdlib/core.loss")),
    ("std::regression", include_str!("../stdlib/regression.loss")),
    ("std::margin", include_str!("../stdlib/margin.loss")),
    ("std::probability", include_str!("../stdlib/probability.loss")),
    ("std::region", include_str!("../stdlib/region.loss")),
    ("std::boxes", include_str!("../stdlib/boxes.loss")),
    ("std::combinators", include_str!("../stdlib/combinators.loss")),
    ("std::compound", include_str!("../stdlib/compound.loss")),
    ("std::generative", include_str!("../stdlib/generative.loss")),
    ("std::alignment", include_str!("../stdlib/alignment.loss")),
];
