//! Whose ECS counts, and which addresses in it.

use crate::addresses::prefixes::Prefixes;
use crate::input::error::Invalid;
use crate::input::messages::EcsData;

/// Resolvers that may tell of their clients, and what they may tell.
pub struct Trust {
    pub resolvers: Prefixes,
    /// Prefixes the user configured: only these make an ambiguous address count.
    pub own: Prefixes,
    pub ambiguous: Prefixes,
}

impl Trust {
    pub fn load(ecs: &EcsData) -> Result<Self, Invalid> {
        Ok(Self {
            resolvers: Prefixes::parse(ecs.networks.iter().map(String::as_str))?,
            own: Prefixes::parse(ecs.own_prefixes.iter().map(String::as_str))?,
            ambiguous: Prefixes::parse(AMBIGUOUS)?,
        })
    }
}

/// Addresses that many networks use at once, or nobody (RFC 6890): they do not tell where a client is. Of IPv6 only
/// 2000::/3 is in use. Documentation prefixes are left out, so that examples can be tried as they stand.
const AMBIGUOUS: [&str; 15] = [
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
