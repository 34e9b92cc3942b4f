//! Room on the stack for recursion over a program: it continues on the heap where the stack ends.
//!
//! How deep the text of one expression is nested is limited by `syntax`, and how deep calls are nested by `check`
//! and `lower`; both together may be deeper than the stack of a thread.

/// What must be left before a step: more than one step of any stage uses.
const RED_ZONE: usize = 128 << 10;
/// How much is added where less is left.
const MORE: usize = 2 << 20;

/// One step of a recursion, with room for it.
pub fn with_room<T>(step: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(RED_ZONE, MORE, step)
}

/// The beginning of a recursion over a whole definition, with room for all that its text may be nested.
pub fn with_much_room<T>(step: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(1 << 20, 4 << 20, step)
}
