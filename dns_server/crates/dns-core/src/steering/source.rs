//! Who a query is from, as far as steering is concerned, and how long the scope of an answer must be (RFC 7871 7.2.1):
//! `gslb/core/answering/source.py`.

use std::net::IpAddr;

use crate::addresses::network::{self, V4_BITS, V6_BITS};
use crate::addresses::ranges::Hit;
use crate::steering::classes::ClassMaps;
use crate::steering::family::Family;
use crate::steering::index::Steering;
use crate::steering::services::Service;
use crate::steering::trust::Trust;
use crate::wire::options::Subnet;

/// An address to look up in the class maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The client's prefix, cut to /24 or /56.
    Subnet(IpAddr),
    /// The resolver's address, for all of its clients.
    Resolver(IpAddr),
    /// The resolver's address, for this one prefix, which says nothing; the length of prefixes in its family.
    Instead(IpAddr, u32),
}

impl Source {
    /// The client's prefix where ECS counts, else the resolver's address (RFC 7871 7.5, 10, 11).
    #[inline]
    pub fn of(resolver: IpAddr, subnet: Option<&Subnet<'_>>, trust: &Trust) -> Self {
        let Some(address) = subnet.filter(|subnet| subnet.source > 0).and_then(|subnet| subnet.address) else {
            return Self::Resolver(resolver);
        };
        if !trust.resolvers.cover(resolver) {
            return Self::Resolver(resolver);
        }
        let (cut, bits) = network::cut(address);
        if trust.ambiguous.cover(cut) && !trust.own.cover(cut) {
            return Self::Instead(resolver, bits);
        }
        Self::Subnet(cut)
    }

    fn address(self) -> IpAddr {
        match self {
            Self::Subnet(address) | Self::Resolver(address) | Self::Instead(address, _) => address,
        }
    }

    /// IP version, and the network number that cohorts are drawn by.
    #[inline]
    pub fn network(self) -> (u64, u64) {
        network::number(self.address())
    }

    /// Near which range of its class map a client's prefix lies. Only IPv4: there hundreds of thousands of ranges are
    /// asked for.
    #[inline]
    pub fn near(self, maps: Option<&ClassMaps>) -> u32 {
        match (self, maps) {
            (Self::Subnet(IpAddr::V4(address)), Some(maps)) => maps.ecs_v4.near(address.to_bits()),
            (Self::Resolver(IpAddr::V4(address)) | Self::Instead(IpAddr::V4(address), _), Some(maps)) => {
                maps.full_v4.near(address.to_bits())
            }
            _ => 0,
        }
    }

    /// The class of a range, which is most likely the client's.
    #[inline]
    pub fn class_near(self, maps: Option<&ClassMaps>, range: u32) -> u32 {
        match (self, maps) {
            (Self::Subnet(IpAddr::V4(_)), Some(maps)) => maps.ecs_v4.class(range),
            (Self::Resolver(IpAddr::V4(_)) | Self::Instead(IpAddr::V4(_), _), Some(maps)) => maps.full_v4.class(range),
            _ => 0,
        }
    }

    /// The client's class and the scope of what is answered to it.
    #[inline]
    pub fn locate(self, steering: &Steering, service: &Service, family: Family) -> (u32, u8) {
        let Some(maps) = steering.maps.get(service.maps as usize) else {
            return (0, 0);
        };
        let is_shared = |class| steering.is_shared(service, family, class);
        let (class, scope) = match self {
            Self::Resolver(address) => (full(maps, address).0, 0),
            Self::Instead(address, bits) => {
                let (class, is_cut) = full(maps, address);
                (class, if is_cut || is_shared(class) { bits } else { 0 })
            }
            Self::Subnet(IpAddr::V4(address)) => {
                let address = address.to_bits();
                let hit = maps.ecs_v4.find(address);
                (hit.class, scope(hit, hit.block_bits(address), is_shared, V4_BITS))
            }
            Self::Subnet(IpAddr::V6(address)) => {
                let address = (address.to_bits() >> 64) as u64;
                let hit = maps.ecs_v6.find(address);
                (hit.class, scope(hit, hit.block_bits(address), is_shared, V6_BITS))
            }
        };
        (class, scope as u8)
    }
}

fn scope<A>(hit: Hit<A>, block_bits: u32, is_shared: impl Fn(u32) -> bool, bits: u32) -> u32 {
    if is_shared(hit.class) { block_bits.max(bits) } else { block_bits }
}

/// The class of a whole address, and whether its family has more than one.
#[inline]
fn full(maps: &ClassMaps, address: IpAddr) -> (u32, bool) {
    match (address, &maps.full_v6) {
        (IpAddr::V4(v4), _) => (maps.full_v4.find(v4.to_bits()).class, maps.full_v4.is_cut()),
        (IpAddr::V6(v6), Some(full)) => (full.find(v6.to_bits()).class, full.is_cut()),
        (IpAddr::V6(v6), None) => (maps.ecs_v6.find((v6.to_bits() >> 64) as u64).class, maps.ecs_v6.is_cut()),
    }
}
