//! The EDNS options of a query that we look at: `gslb/core/answering/options.py`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::reason::Reason;

pub const NSID: u16 = 3;
pub const CLIENT_SUBNET: u16 = 8;
pub const COOKIE: u16 = 10;
pub const EXTENDED_ERROR: u16 = 15;

/// Code and length of an option.
pub const OPTION_BYTES: usize = 4;

/// What a query's OPT record asks.
#[derive(Clone, Copy)]
pub struct Options<'p> {
    pub subnet: Option<Subnet<'p>>,
    pub cookie: Option<Cookie<'p>>,
    /// The client asks which server answers (RFC 5001).
    pub wants_nsid: bool,
}

impl<'p> Options<'p> {
    pub const NONE: Self = Self { subnet: None, cookie: None, wants_nsid: false };

    /// Whether there is one of those that few queries have.
    #[inline]
    pub fn has_rare(&self) -> bool {
        self.cookie.is_some() || self.wants_nsid
    }

    #[cold]
    #[inline(never)]
    fn take_rare(&mut self, code: u16, data: &'p [u8]) -> Result<(), Reason> {
        match code {
            COOKIE if self.cookie.is_none() => self.cookie = Some(parse_cookie(data).ok_or(Reason::Cookie)?),
            COOKIE => {}
            _ => self.wants_nsid = true,
        }
        Ok(())
    }
}

/// ECS option (RFC 7871 6). `data`: family, source, scope and the address's octets as sent.
#[derive(Clone, Copy)]
pub struct Subnet<'p> {
    pub data: &'p [u8],
    pub source: u8,
    /// The network's first address; None for family 0.
    pub address: Option<IpAddr>,
}

/// COOKIE option (RFC 7873 4). `server`: what a server gave the client before, or empty.
#[derive(Clone, Copy)]
pub struct Cookie<'p> {
    pub client: [u8; 8],
    pub server: &'p [u8],
}

/// Two ECS options contradict each other; of several COOKIE options the first one counts (RFC 7873 5.2).
#[inline]
pub fn parse_options<'p>(mut raw: &'p [u8], found: &mut Options<'p>) -> Result<(), Reason> {
    while !raw.is_empty() {
        let Some((&[c0, c1, l0, l1], rest)) = raw.split_first_chunk::<4>() else {
            return Err(Reason::OptionCutOff);
        };
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let (data, rest) = rest.split_at_checked(length).ok_or(Reason::OptionCutOff)?;
        match u16::from_be_bytes([c0, c1]) {
            CLIENT_SUBNET if found.subnet.is_some() => return Err(Reason::TwoEcsOptions),
            CLIENT_SUBNET => found.subnet = Some(parse_subnet(data).ok_or(Reason::Ecs)?),
            code @ (COOKIE | NSID) => found.take_rare(code, data)?,
            _ => {}
        }
        raw = rest;
    }
    Ok(())
}

fn parse_subnet(data: &[u8]) -> Option<Subnet<'_>> {
    let (&[family0, family1, source, scope], octets) = data.split_first_chunk::<4>()?;
    let family = u16::from_be_bytes([family0, family1]);
    let width = match family {
        0 => 0,
        1 => 32,
        2 => 128,
        _ => return None,
    };
    if source > width || scope != 0 || octets.len() != usize::from(source).div_ceil(8) {
        return None;
    }
    if source % 8 != 0 && octets.last()? & (0xFF >> (source % 8)) != 0 {
        return None;
    }
    let octets = octets.iter().fold(0, |sum: u128, &octet| sum << 8 | u128::from(octet));
    let wide = octets.checked_shl(128 - 8 * u32::from(source).div_ceil(8)).unwrap_or(0);
    let address = match family {
        0 => None,
        1 => Some(IpAddr::V4(Ipv4Addr::from_bits((wide >> 96) as u32))),
        _ => Some(IpAddr::V6(Ipv6Addr::from_bits(wide))),
    };
    Some(Subnet { data, source, address })
}

/// Any other length is FORMERR (RFC 7873 5.2.2).
fn parse_cookie(data: &[u8]) -> Option<Cookie<'_>> {
    let (&client, server) = data.split_first_chunk::<8>()?;
    matches!(server.len(), 0 | 8..=32).then_some(Cookie { client, server })
}
