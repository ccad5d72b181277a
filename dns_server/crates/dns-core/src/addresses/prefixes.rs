//! Sets of prefixes.

use std::net::IpAddr;

use crate::addresses::ranges::{Ranges, cover, parse_prefix};
use crate::input::error::Invalid;

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
            IpAddr::V4(address) => self.v4.class_of(address.to_bits()) > 0,
            IpAddr::V6(address) => self.v6.class_of(address.to_bits()) > 0,
        }
    }
}
