//! Steered services, and what of their steering is the same in every decision.

use crate::input::limits::NONE;
use crate::steering::family::Family;

/// How services that are steered alike are steered in one family: which pools their slots are bound to.
pub struct Lane {
    /// Among the slots of all lanes.
    pub first: u32,
    pub end: u32,
    pub last_resort: Bound,
    /// Whether the ranks of its pools are known.
    pub is_ranked: bool,
}

/// A pool in a lane. `seen`: the pool as it is seen, or NONE. `rank`: where its answers are counted, from the first
/// counter of the service on; the same for all services of the lane, since they bind the same pools.
#[derive(Clone, Copy)]
pub struct Bound {
    pub seen: u32,
    pub rank: u32,
}

/// A steered owner name, in one line of the cache. `answers` 0 = all.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct Service {
    pub salt: u64,
    pub ttl_s: u32,
    pub answers: u32,
    pub maps: u32,
    pub by_query: bool,
    /// The first of its counters: that of answers from no pool.
    pub place: u32,
    /// By family: index + 1 of the set of shared classes.
    pub shared: [u32; 3],
    /// By family: the lane, or NONE where it is not served.
    pub lanes: [u32; 3],
}

impl Service {
    /// Index + 1 of its set of shared classes.
    pub fn shared(&self, family: Family) -> u32 {
        by_family(self.shared, family)
    }

    /// How it is steered in a family, if it is.
    #[inline]
    pub fn lane(&self, family: Family) -> Option<u32> {
        Some(by_family(self.lanes, family)).filter(|&lane| lane != NONE)
    }
}

fn by_family([a, aaaa, cname]: [u32; 3], family: Family) -> u32 {
    match family {
        Family::A => a,
        Family::Aaaa => aaaa,
        Family::Cname => cname,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_one_line_of_the_cache() {
        assert_eq!(size_of::<Service>(), 64);
    }
}
