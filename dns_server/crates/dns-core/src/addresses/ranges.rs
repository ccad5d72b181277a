//! Address spaces cut into ranges that carry small integers, found by address: `gslb/core/classes/ranges.py`.
//!
//! Ranges lie sorted in one array; an index by an address's top bits leaves a search of few steps in memory that lies
//! together. It is small enough to stay in the cache: what a look-up costs is the memory it touches. A map of IPv4
//! takes about 10 octets a range.

use std::fmt::Debug;
use std::hash::Hash;
use std::net::IpAddr;

use crate::input::error::Invalid;

/// The integers that addresses are: IPv4 as 32 bits, IPv6 as 128, or as 64 where no prefix is longer.
pub trait Address: Copy + Ord + Debug + Hash {
    const BITS: u32;
    /// The address that `units` blocks of `unit_bits` bits come to; None if they are more than fit.
    fn from_units(units: u128, unit_bits: u32) -> Option<Self>;
    fn from_ip(address: IpAddr) -> Option<Self>;
    /// Bits from the top in which both agree.
    fn common_bits(self, other: Self) -> u32;
    fn before(self) -> Option<Self>;
    /// `bits` from the top.
    fn top(self, bits: u32) -> usize;
    /// This address's first `bits` bits, and first address behind their block, if there is one.
    fn block(self, bits: u32) -> (Self, Option<Self>);
}

macro_rules! address {
    ($integer:ty, $width:literal, $from_ip:expr) => {
        impl Address for $integer {
            const BITS: u32 = <$integer>::BITS;

            fn from_units(units: u128, unit_bits: u32) -> Option<Self> {
                let wide = units.checked_shl($width - unit_bits.min($width)).unwrap_or(0);
                let fits = unit_bits == 128 || units.checked_shr(unit_bits).unwrap_or(0) == 0;
                let cut = wide.checked_shr($width - Self::BITS).unwrap_or(0);
                if fits { Self::try_from(cut).ok() } else { None }
            }

            fn from_ip(address: IpAddr) -> Option<Self> {
                let convert: fn(IpAddr) -> Option<Self> = $from_ip;
                convert(address)
            }

            fn common_bits(self, other: Self) -> u32 {
                (self ^ other).leading_zeros()
            }

            fn before(self) -> Option<Self> {
                self.checked_sub(1)
            }

            fn top(self, bits: u32) -> usize {
                self.checked_shr(Self::BITS - bits).unwrap_or(0) as usize
            }

            fn block(self, bits: u32) -> (Self, Option<Self>) {
                let idle = Self::BITS - bits.min(Self::BITS);
                let number = self.checked_shr(idle).unwrap_or(0);
                let first = number.checked_shl(idle).unwrap_or(0);
                let size = (1 as Self).checked_shl(idle);
                (first, size.and_then(|size| first.checked_add(size)))
            }
        }
    };
}

address!(u32, 32, |address| match address {
    IpAddr::V4(v4) => Some(v4.to_bits()),
    IpAddr::V6(_) => None,
});
address!(u64, 128, |address| match address {
    IpAddr::V4(_) => None,
    IpAddr::V6(v6) => Some((v6.to_bits() >> 64) as u64),
});
address!(u128, 128, |address| match address {
    IpAddr::V4(_) => None,
    IpAddr::V6(v6) => Some(v6.to_bits()),
});

/// A whole address space: range i begins at `starts[i]`, ends before the next and carries `classes[i]`.
#[derive(PartialEq, Eq, Hash)]
pub struct Ranges<A: Address> {
    /// Starts and classes, side by side: what is searched and what is sought share a line of the cache.
    ranges: Box<[(A, u32)]>,
    /// By the top `top_bits` bits of an address: the range that holds the first address with them.
    index: Box<[u32]>,
    top_bits: u32,
}

/// The range that holds an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<A> {
    pub class: u32,
    pub first: A,
    /// Where the next range begins; None for the last one.
    pub next: Option<A>,
}

const MAX_TOP_BITS: u32 = 20;

impl<A: Address> Ranges<A> {
    /// Starts must rise from 0.
    pub fn new(starts: Vec<A>, classes: Vec<u32>) -> Result<Self, Invalid> {
        let rises = starts.iter().zip(starts.iter().skip(1)).all(|(one, next)| one < next);
        let from_zero = starts.first().is_some_and(|first| first.before().is_none());
        if starts.len() != classes.len() || !rises || !from_zero {
            return Err(Invalid::Content("a class map's ranges must begin at 0 and rise"));
        }
        let top_bits = starts.len().ilog2().saturating_sub(1).min(MAX_TOP_BITS).min(A::BITS);
        let index = index(&starts, top_bits);
        Ok(Self { ranges: starts.into_iter().zip(classes).collect(), index, top_bits })
    }

    /// Whether there is more than one range.
    pub fn is_cut(&self) -> bool {
        self.ranges.len() > 1
    }

    /// Near which range an address lies, in two steps of one look at memory each, for who has many to look for.
    #[inline]
    pub fn near(&self, address: A) -> u32 {
        self.index.get(address.top(self.top_bits)).copied().unwrap_or_default()
    }

    /// The class of a range.
    #[inline]
    pub fn class(&self, range: u32) -> u32 {
        self.ranges.get(range as usize).map_or(0, |&(_, class)| class)
    }

    #[inline]
    pub fn class_of(&self, address: A) -> u32 {
        self.class(self.range_of(address))
    }

    #[inline]
    pub fn find(&self, address: A) -> Hit<A> {
        let at = self.range_of(address) as usize;
        let (first, class) = self.ranges.get(at).copied().unwrap_or((address, 0));
        Hit { class, first, next: self.ranges.get(at + 1).map(|&(start, _)| start) }
    }

    #[inline]
    fn range_of(&self, address: A) -> u32 {
        let low = self.near(address);
        let high = self.index.get(address.top(self.top_bits) + 1).copied().unwrap_or_default();
        // The range of the slot's first address, then those that begin within the slot at or before the address
        let begun = self.ranges.get(low as usize + 1..=high as usize).unwrap_or_default();
        low + begun.partition_point(|&(start, _)| start <= address) as u32
    }
}

fn index<A: Address>(starts: &[A], top_bits: u32) -> Box<[u32]> {
    let slots = 1_usize << top_bits;
    let mut index = Vec::with_capacity(slots + 1);
    let mut at = 0_usize;
    for slot in 0..slots {
        while starts.get(at + 1).is_some_and(|&next| {
            let (first, _) = next.block(top_bits);
            next.top(top_bits) < slot || (next.top(top_bits) == slot && next == first)
        }) {
            at += 1;
        }
        index.push(at as u32);
    }
    index.push(starts.len() as u32 - 1);
    index.into()
}

impl<A: Address> Hit<A> {
    /// Prefix length of the largest block that holds `address` and lies within the range.
    pub fn block_bits(&self, address: A) -> u32 {
        let below = self.first.before().map_or(0, |neighbour| address.common_bits(neighbour) + 1);
        let above = self.next.map_or(0, |neighbour| address.common_bits(neighbour) + 1);
        below.max(above)
    }
}

/// A set of prefixes of one family.
pub fn cover<A: Address>(prefixes: &[(IpAddr, u32)]) -> Result<Ranges<A>, Invalid> {
    let mut blocks: Vec<(A, Option<A>)> =
        prefixes.iter().filter_map(|&(address, bits)| A::from_ip(address).map(|address| address.block(bits))).collect();
    blocks.sort_by_key(|&(first, _)| first);
    let mut edges: Vec<(A, u32)> = Vec::new();
    let mut end: Option<Option<A>> = None; // of what is covered so far; Some(None): the end of the space
    for (first, after) in blocks {
        match end {
            Some(None) => break,
            Some(Some(known)) if first <= known => end = Some(after.map(|after| after.max(known))),
            Some(Some(known)) => {
                edges.extend([(known, 0), (first, 1)]);
                end = Some(after);
            }
            None => {
                edges.push((first, 1));
                end = Some(after);
            }
        }
    }
    edges.extend(end.flatten().map(|end| (end, 0)));
    let zero = A::from_units(0, 0).ok_or(Invalid::Content("an address space begins at 0"))?;
    if edges.first().is_none_or(|&(first, _)| first != zero) {
        edges.insert(0, (zero, 0));
    }
    let (starts, classes) = edges.into_iter().unzip();
    Ranges::new(starts, classes)
}

/// The starts of a piece of a class map: base-128 numbers, the highest group first, each the difference to the one
/// before it.
pub fn decode_starts<A: Address>(deltas: &[u8], unit_bits: u32, into: &mut Vec<A>) -> Result<(), Invalid> {
    let refuse = Invalid::Content("a class map's starts are cut off or longer than any address");
    let (mut sum, mut number, mut is_open) = (0_u128, 0_u128, false);
    for &octet in deltas {
        if number.leading_zeros() < 7 {
            return Err(refuse);
        }
        number = number << 7 | u128::from(octet & 127);
        is_open = octet >= 128;
        if !is_open {
            sum = sum.checked_add(number).ok_or(refuse.clone())?;
            into.push(A::from_units(sum, unit_bits).ok_or(refuse.clone())?);
            number = 0;
        }
    }
    if is_open { Err(refuse) } else { Ok(()) }
}

/// A prefix as text, host bits zero or not.
pub fn parse_prefix(text: &str) -> Result<(IpAddr, u32), Invalid> {
    let refuse = || Invalid::Content("a prefix of the ECS settings cannot be read");
    let (address, bits) = text.split_once('/').ok_or_else(refuse)?;
    let address: IpAddr = address.parse().map_err(|_| refuse())?;
    let bits: u32 = bits.parse().map_err(|_| refuse())?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    if bits > width { Err(refuse()) } else { Ok((address, bits)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(starts: &[u32], classes: &[u32], address: u32) -> Hit<u32> {
        let at = starts.iter().rposition(|&start| start <= address).unwrap();
        Hit { class: classes[at], first: starts[at], next: starts.get(at + 1).copied() }
    }

    /// The largest block by trying all.
    fn naive_bits(hit: Hit<u32>, address: u32) -> u32 {
        (0..=32)
            .find(|&bits| {
                let (first, after) = address.block(bits);
                first >= hit.first
                    && match (after, hit.next) {
                        (_, None) => true,
                        (None, Some(_)) => false,
                        (Some(after), Some(next)) => after <= next,
                    }
            })
            .unwrap()
    }

    #[test]
    fn the_range_found_is_the_one_a_linear_search_finds() {
        let mut seed = 1_u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 32) as u32
        };
        for count in [1, 2, 3, 10, 200, 3000] {
            let mut starts: Vec<u32> = (1..count).map(|_| random() >> (random() % 20)).collect();
            starts.push(0);
            starts.sort_unstable();
            starts.dedup();
            let classes: Vec<u32> = (0..starts.len() as u32).collect();
            let ranges = Ranges::new(starts.clone(), classes.clone()).unwrap();
            let edges = starts.iter().flat_map(|&start| [start, start.saturating_sub(1), start.saturating_add(1)]);
            for address in edges.chain((0..500).map(|_| random())).chain([0, u32::MAX]).collect::<Vec<_>>() {
                let hit = ranges.find(address);
                assert_eq!(hit, naive(&starts, &classes, address));
                assert_eq!(hit.block_bits(address), naive_bits(hit, address));
            }
        }
    }

    #[test]
    fn prefixes_cover_what_they_hold() {
        let prefixes = ["0.0.0.0/8", "10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "192.0.2.0/24", "224.0.0.0/3"];
        let parsed: Vec<(IpAddr, u32)> = prefixes.iter().map(|text| parse_prefix(text).unwrap()).collect();
        let ranges = cover::<u32>(&parsed).unwrap();
        for (address, held) in
            [("0.1.2.3", 1), ("1.0.0.0", 0), ("10.1.2.3", 1), ("11.255.255.255", 1), ("12.0.0.0", 0), ("255.0.0.1", 1)]
        {
            assert_eq!(ranges.find(u32::from_ip(address.parse().unwrap()).unwrap()).class, held, "{address}");
        }
        assert!(!cover::<u128>(&parsed).unwrap().is_cut());
        assert_eq!(cover::<u128>(&[("::".parse().unwrap(), 0)]).unwrap().find(7).class, 1);
    }

    #[test]
    fn hostile_starts_are_refused() {
        let decode = |deltas: &[u8]| decode_starts::<u32>(deltas, 24, &mut Vec::new());
        assert!(decode(&[0, 1, 1]).is_ok());
        assert!(decode(&[0, 129]).is_err());
        assert!(decode(&[0x90, 0x80, 0x80, 0]).is_err()); // 2^25
        assert!(decode(&[255; 40]).is_err());
        assert!(Ranges::<u32>::new(vec![0, 0], vec![1, 2]).is_err());
        assert!(Ranges::<u32>::new(vec![1], vec![1]).is_err());
        assert!(Ranges::<u32>::new(vec![], vec![]).is_err());
    }
}
