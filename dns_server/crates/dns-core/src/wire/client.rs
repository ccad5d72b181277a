//! Who asks, when, and the chance that goes with the packet.

use std::net::{IpAddr, Ipv4Addr};

/// What a packet came over, which settles how large its answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Answers of at most 512 octets, or what EDNS allows.
    Udp,
    /// Answers of up to 65,535 octets.
    Tcp,
}

/// Who sent the packet: the resolver, or a client that asks for itself.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Where the packet came from; an IPv4 address is never written as IPv6.
    pub address: IpAddr,
    /// What it came over.
    pub transport: Transport,
    /// Any number that differs from packet to packet; only services that draw per answer look at it.
    pub entropy: u64,
    /// How many queries this one stands for in the demand, where only some are counted; 0: it is not.
    pub queries: u32,
    /// Monotonic milliseconds, for limits.
    pub now_ms: u64,
    /// Wall-clock seconds, for cookies, which compare them as serial numbers (RFC 9018 4.3).
    pub unix_s: u32,
}

impl Client {
    /// Who asks as long as nobody does.
    pub(crate) const NOBODY: Self = Self {
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        transport: Transport::Udp,
        entropy: 0,
        queries: 0,
        now_ms: 0,
        unix_s: 0,
    };
}
