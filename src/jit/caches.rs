//! What a call moves and what the machine has → which results are written past the caches, and whether inputs are asked
//! for.
//!
//! Nobody finds there what does not fit, and memory that is overwritten need not be read before. But the lines at the two
//! ends of a run are read and written like others, and wait for memory while what lies between them does not: runs must
//! be so long that this pays, which depends on whose processor it is.

use std::sync::OnceLock;

/// Bytes of inputs and results from which on results are written past the caches: more than the caches that two cores
/// have to themselves.
const PAST_CACHES: usize = 8 << 20;

/// Which results are written past the caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PastCaches {
    /// None.
    Nothing,
    /// Those of loops that read what they overwrite when they need it. Turns that go together and compute a function have
    /// it ahead of time and compute so long that reading it costs nothing, as long as it comes from the last cache.
    Waiting,
    /// All.
    All,
}

/// For a call that moves so many bytes. Nothing if the system makes the memory page by page while it is written: the zeros
/// that it has just written are in the caches.
pub(super) fn past_caches(bytes: usize, is_fresh: bool) -> PastCaches {
    if is_fresh || bytes < PAST_CACHES {
        PastCaches::Nothing
    } else if bytes < share_of_last_cache() / 2 {
        // Half of it: others work there too.
        PastCaches::Waiting
    } else {
        PastCaches::All
    }
}

/// Bytes of a run in a result, from which on it is written past the caches, if its loop writes so many results at a time.
/// What is computing asks for the lines that it overwrites ahead of time.
pub(super) fn shortest_run(results: usize, is_computing: bool) -> usize {
    match (is_of_amd(), results) {
        (true, _) if is_computing => 32 << 10,
        // Elsewhere, of several results so much would be read before it is overwritten that this counts more.
        (false, 2..) => 0,
        _ => 2 << 10,
    }
}

/// Whether lanes that follow each other are to be asked for before they are needed: processors of AMD foresee them across
/// pages as well, and have less time for what they foresee.
pub(super) fn asks_for_lanes() -> bool {
    !is_of_amd()
}

/// Whether the processor is one of AMD, or of those who build them after its design.
fn is_of_amd() -> bool {
    static IS: OnceLock<bool> = OnceLock::new();
    *IS.get_or_init(|| maker().is_some_and(|maker| ["AuthenticAMD", "HygonGenuine"].contains(&maker.as_str())))
}

#[cfg(target_arch = "x86_64")]
fn maker() -> Option<String> {
    raw_cpuid::CpuId::new().get_vendor_info().map(|maker| maker.as_str().to_owned())
}

#[cfg(not(target_arch = "x86_64"))]
fn maker() -> Option<String> {
    None
}

/// Bytes of the last cache that are a processor's own if all use it alike; 0, and all results go past it, if that is not
/// known.
fn share_of_last_cache() -> usize {
    static SHARE: OnceLock<usize> = OnceLock::new();
    *SHARE.get_or_init(measured)
}

#[cfg(target_arch = "x86_64")]
fn measured() -> usize {
    let caches = raw_cpuid::CpuId::new().get_cache_parameters();
    let last = caches.into_iter().flatten().max_by_key(|cache| cache.level());
    last.map_or(0, |cache| {
        let ways = cache.associativity().saturating_mul(cache.physical_line_partitions());
        let lines = cache.sets().saturating_mul(ways);
        lines.saturating_mul(cache.coherency_line_size()) / cache.max_cores_for_cache().max(1)
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn measured() -> usize {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_calls_write_more_past_the_caches() {
        let mut before = PastCaches::Nothing;
        for bytes in (0..40).map(|bit| 1_usize << bit) {
            let own = past_caches(bytes, false);
            assert!(own >= before, "{bytes}: {own:?} after {before:?}");
            assert_eq!(own == PastCaches::Nothing, bytes < PAST_CACHES);
            assert_eq!(past_caches(bytes, true), PastCaches::Nothing);
            before = own;
        }
        assert_eq!(before, PastCaches::All);
    }
}
