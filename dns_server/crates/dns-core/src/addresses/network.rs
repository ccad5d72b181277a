//! The networks that clients are told apart by, of /24 and /56: as in `gslb/core/answering/source.py`.

use std::net::IpAddr;

pub const V4_BITS: u32 = 24;
pub const V6_BITS: u32 = 56;

/// The first address of an address's network, and the length of networks in its family.
#[inline]
pub fn cut(address: IpAddr) -> (IpAddr, u32) {
    match address {
        IpAddr::V4(v4) => (IpAddr::V4((v4.to_bits() & !0xFF).into()), V4_BITS),
        IpAddr::V6(v6) => (IpAddr::V6((v6.to_bits() >> (128 - V6_BITS) << (128 - V6_BITS)).into()), V6_BITS),
    }
}

/// IP version, and the number of an address's network.
#[inline]
pub fn number(address: IpAddr) -> (u64, u64) {
    match address {
        IpAddr::V4(v4) => (4, u64::from(v4.to_bits() >> (32 - V4_BITS))),
        IpAddr::V6(v6) => (6, (v6.to_bits() >> (128 - V6_BITS)) as u64),
    }
}
