//! The index that is made once per snapshot.

use std::net::IpAddr;
use std::sync::Arc;

use crate::error::Invalid;
use crate::family::Family;
use crate::ranges::{Ranges, cover, parse_prefix};
use crate::rate_limit::Limits;
use crate::tally::Tallies;
use crate::zones::{NONE, Zones};

/// Everything that depends on neither packet nor decision, laid ready for look-ups.
pub struct Static {
    pub(crate) zones: Zones,
    pub(crate) services: Box<[Service]>,
    pub(crate) maps: Vec<ClassMaps>,
    pub(crate) pools: Vec<Pool>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) lanes: Vec<Lane>,
    /// By lane and slot.
    pub(crate) slots: Vec<Bound>,
    pub(crate) shared: Vec<Vec<u8>>,
    pub(crate) trust: Trust,
    /// None: nobody is limited.
    pub(crate) limits: Option<Limits>,
    pub(crate) tallies: Arc<Tallies>,
    /// Of an answer over UDP to a client without a valid cookie.
    pub(crate) max_nocookie_bytes: usize,
}

impl Static {
    /// What is counted of this snapshot; it outlives the snapshot until all of it is taken.
    pub fn tallies(&self) -> &Arc<Tallies> {
        &self.tallies
    }

    /// Whether clients of a class may be told apart by their prefix.
    #[inline]
    pub(crate) fn is_shared(&self, service: &Service, family: Family, class: u32) -> bool {
        let Some(set) = service.shared(family).checked_sub(1).and_then(|at| self.shared.get(at as usize)) else {
            return false;
        };
        set.get(class as usize / 8).is_some_and(|octet| octet >> (class % 8) & 1 == 1)
    }

    /// What a lane binds a slot to.
    #[inline]
    pub(crate) fn bound(&self, lane: u32, slot: u32) -> Option<Bound> {
        let lane = self.lanes.get(lane as usize)?;
        let at = lane.first.checked_add(slot).filter(|&at| at < lane.end)?;
        self.slots.get(at as usize).copied()
    }

    /// What a lane resorts to.
    #[inline]
    pub(crate) fn last_resort(&self, lane: u32) -> Option<Bound> {
        self.lanes.get(lane as usize).map(|lane| lane.last_resort)
    }
}

/// A pool as some monitor sees it in one family.
pub struct Seen {
    pub pool: u32,
    pub family: Family,
}

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

/// A steered owner name. `answers` 0 = all.
#[derive(Clone, Copy)]
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
    fn shared(&self, family: Family) -> u32 {
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

/// One policy's classes; equal maps of several policies are one. `ecs_*` know only prefixes of at most /24 and /56.
#[derive(Clone)]
pub struct ClassMaps {
    pub ecs_v4: Arc<Ranges<u32>>,
    pub ecs_v6: Arc<Ranges<u64>>,
    pub full_v4: Arc<Ranges<u32>>,
    /// None: the same as ECS.
    pub full_v6: Option<Arc<Ranges<u128>>>,
}

/// A pool's members. `picks`: how many members services answer with, where that is more than one.
pub struct Pool {
    pub members: Vec<Member>,
    pub picks: Vec<usize>,
}

/// What a member is answered by, in each family.
#[derive(Clone)]
pub struct Member {
    pub name: Box<str>,
    pub a: Option<[u8; 4]>,
    pub aaaa: Option<[u8; 16]>,
    pub host: Option<Box<[u8]>>,
}

impl Member {
    pub fn rdata(&self, family: Family) -> Option<&[u8]> {
        match family {
            Family::A => self.a.as_ref().map(<[u8; 4]>::as_slice),
            Family::Aaaa => self.aaaa.as_ref().map(<[u8; 16]>::as_slice),
            Family::Cname => self.host.as_deref(),
        }
    }
}

/// A set of prefixes that answers quickly whether an address is in one.
pub struct Prefixes {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl Prefixes {
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let prefixes = texts.into_iter().map(parse_prefix).collect::<Result<Vec<(IpAddr, u32)>, Invalid>>()?;
        Ok(Self { v4: cover(&prefixes)?, v6: cover(&prefixes)? })
    }

    #[inline]
    pub fn cover(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.find(address.to_bits()).class > 0,
            IpAddr::V6(address) => self.v6.find(address.to_bits()).class > 0,
        }
    }
}

/// Whose ECS counts, and which addresses in it.
pub struct Trust {
    pub resolvers: Prefixes,
    /// Prefixes the user configured: only these make an ambiguous address count.
    pub own: Prefixes,
    pub ambiguous: Prefixes,
}

/// Addresses that many networks use at once, or nobody (RFC 6890): they do not tell where a client is. Of IPv6 only
/// 2000::/3 is in use. Documentation prefixes are left out, so that examples can be tried as they stand.
pub const AMBIGUOUS: [&str; 15] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
    "::/3",
    "2001::/23",
    "2002::/16",
    "4000::/2",
    "8000::/1",
];
