//! Zones and their nodes: where a name leads inside a zone (RFC 1034 4.3.2).

use crate::input::limits::NONE;
use crate::wire::names::{MAX_LABELS, is_within, labels, parent};
use crate::wire::records::DS;
use crate::zones::table::{Arena, NameTable, Span};

/// A zone. `negative`: the SOA record with the TTL it has in negative answers, its owner name a pointer.
pub struct Zone {
    pub apex: Span,
    pub negative: Span,
    pub negative_ttl_s: u32,
}

/// Names of so many octets below their zone's apex stand in the node itself.
const SHORT_BYTES: usize = 26;

/// A name that exists in a zone; without record sets and service it is an empty non-terminal (RFC 4592 2.2.2).
///
/// One line of the cache: with a million names, what a look-up costs is the number of lines it touches.
#[repr(align(64))]
pub struct Node {
    pub zone: u32,
    pub name: Span,
    /// Its record sets lie one behind the other, sorted by type.
    pub rrsets: (u32, u32),
    pub service: u32,
    /// The NS record set where authority ends here.
    pub cut: u32,
    pub dname: u32,
    /// The node `*` right below.
    pub wildcard: u32,
    /// Whether this node answers for its name: no other zone is nearer to it, and neither cut nor DNAME stands above.
    pub is_direct: bool,
    pub short: ShortName,
}

/// The labels below the zone's apex, where they are short enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortName {
    len: u8,
    octets: [u8; SHORT_BYTES],
}

impl ShortName {
    const TOO_LONG: u8 = u8::MAX;

    pub fn new(name: &[u8], apex: &[u8]) -> Self {
        let mut made = Self { len: Self::TOO_LONG, octets: [0; SHORT_BYTES] };
        let below = name.get(..name.len().saturating_sub(apex.len())).unwrap_or_default();
        if let Some(octets) = made.octets.get_mut(..below.len()) {
            octets.copy_from_slice(below);
            made.len = below.len() as u8;
        }
        made
    }

    /// Whether `below` are these labels; None where they were too long to know.
    #[inline]
    fn is(&self, below: &[u8]) -> Option<bool> {
        if self.len == Self::TOO_LONG {
            return None;
        }
        Some(self.octets.get(..usize::from(self.len)) == Some(below))
    }
}

/// Records of one owner name and type as they go out: an owner name of two octets (a pointer to the question's name),
/// then the rest of the record.
pub struct RRset {
    pub owner: u32,
    pub rrtype: u16,
    pub wire: Span,
    /// For CNAME and DNAME: the name they lead to, in lower case.
    pub target: Span,
    pub ttl_s: u32,
    /// For NS: addresses of the name servers, as far as they stand in the zone.
    pub leads: (u32, u32),
}

/// A record set of addresses that goes with a name server. `is_glue`: its name lies at or below the NS records' owner.
#[derive(Clone, Copy)]
pub struct Lead {
    pub rrset: u32,
    pub is_glue: bool,
}

/// Where a name leads.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// The node that answers, maybe a wildcard's.
    Found(&'a Node),
    /// Authority ends here: a referral by these NS records.
    Delegated(&'a RRset),
    /// A DNAME stands above the name (RFC 6672 2.2).
    Redirected(&'a RRset),
    /// NXDOMAIN.
    Missing,
}

/// All zones; a name may be in two of them, at the cut between parent and child.
pub struct Zones {
    pub texts: Arena,
    pub wires: Arena,
    pub zones: Vec<Zone>,
    pub zone_table: NameTable,
    /// Labels of the longest apex.
    pub deepest: usize,
    pub nodes: Vec<Node>,
    pub node_table: NameTable,
    pub rrsets: Vec<RRset>,
    pub leads: Vec<Lead>,
}

impl Zones {
    pub fn new(seed: u64) -> Self {
        Self {
            texts: Arena::default(),
            wires: Arena::default(),
            zones: Vec::new(),
            zone_table: NameTable::new(seed),
            deepest: 0,
            nodes: Vec::new(),
            node_table: NameTable::new(seed ^ 0x9E37_79B9_7F4A_7C15),
            rrsets: Vec::new(),
            leads: Vec::new(),
        }
    }

    /// The zone with the longest apex that ends the name. DS belongs to the parent's side of a cut: at an apex the
    /// parent zone answers, if it is here (RFC 4035 3.1.4.1).
    pub fn zone_of(&self, name: &[u8], rrtype: u16) -> Option<u32> {
        let mut suffix = name;
        for _ in self.deepest..labels(name) {
            suffix = parent(suffix)?;
        }
        let (found, at) = self.zone_above(suffix)?;
        if rrtype == DS && at.len() == name.len() {
            let above = parent(at).and_then(|above| self.zone_above(above));
            return Some(above.map_or(found, |(above, _)| above));
        }
        Some(found)
    }

    /// The first zone among a name and its parents, and its apex.
    fn zone_above<'n>(&self, name: &'n [u8]) -> Option<(u32, &'n [u8])> {
        let mut suffix = name;
        loop {
            if let Some(zone) = self.zone_at(suffix) {
                return Some((zone, suffix));
            }
            suffix = parent(suffix)?;
        }
    }

    /// The zone with this apex.
    pub fn zone_at(&self, apex: &[u8]) -> Option<u32> {
        let is_it = |number| self.zone(number).is_some_and(|zone| self.texts.get(zone.apex) == apex);
        self.zone_table.find(apex, is_it)
    }

    pub fn zone(&self, number: u32) -> Option<&Zone> {
        self.zones.get(number as usize)
    }

    pub fn node(&self, number: u32) -> Option<&Node> {
        self.nodes.get(number as usize)
    }

    pub fn rrset(&self, number: u32) -> Option<&RRset> {
        self.rrsets.get(number as usize)
    }

    /// The record set of a type at a node.
    #[inline]
    pub fn rrset_of(&self, node: &Node, rrtype: u16) -> Option<&RRset> {
        let (first, end) = node.rrsets;
        self.rrsets.get(first as usize..end as usize)?.iter().find(|rrset| rrset.rrtype == rrtype)
    }

    /// The node of a name that lies in the zone.
    #[inline]
    fn node_within(&self, zone: u32, name: &[u8]) -> Option<u32> {
        let apex_bytes = self.zone(zone)?.apex.len();
        let below = name.get(..name.len().checked_sub(apex_bytes)?)?;
        let is_it = |number| {
            self.node(number).is_some_and(|node| {
                node.zone == zone && node.short.is(below).unwrap_or_else(|| self.texts.get(node.name) == name)
            })
        };
        self.node_table.find(name, is_it)
    }

    /// The node of any name, if it has one in the zone.
    pub fn node_at(&self, zone: u32, name: &[u8]) -> Option<u32> {
        let apex = self.texts.get(self.zone(zone)?.apex);
        if is_within(name, apex) { self.node_within(zone, name) } else { None }
    }

    /// The zone that answers for a name, and where the name leads in it: one look-up for a name that exists where nothing
    /// above turns it away. `likely`: its node, if it is not another's; NONE: it has no node.
    #[inline]
    pub fn place_of(&self, name: &[u8], rrtype: u16, likely: u32) -> Option<(u32, Place<'_>)> {
        if rrtype != DS
            && likely != NONE
            && let Some(node) = self.direct(likely, name).or_else(|| self.find_direct(name))
        {
            return Some((node.zone, self.rrset(node.cut).map_or(Place::Found(node), Place::Delegated)));
        }
        let zone = self.zone_of(name, rrtype)?;
        Some((zone, self.walk(zone, name, rrtype)))
    }

    #[cold]
    fn find_direct(&self, name: &[u8]) -> Option<&Node> {
        let number = self.node_table.find(name, |number| self.direct(number, name).is_some())?;
        self.node(number)
    }

    /// A node, if it is this name's and answers for it.
    #[inline]
    fn direct(&self, number: u32, name: &[u8]) -> Option<&Node> {
        self.node(number).filter(|node| node.is_direct && self.is_name_of(node, name))
    }

    #[inline]
    fn is_name_of(&self, node: &Node, name: &[u8]) -> bool {
        let Some(apex) = self.zone(node.zone).map(|zone| self.texts.get(zone.apex)) else { return false };
        match name.strip_suffix(apex).and_then(|below| node.short.is(below)) {
            Some(is_it) => is_it,
            None => self.texts.get(node.name) == name,
        }
    }

    /// Walk down from the apex.
    fn walk(&self, zone: u32, name: &[u8], rrtype: u16) -> Place<'_> {
        let Some(apex) = self.zone(zone).map(|zone| self.texts.get(zone.apex)) else {
            return Place::Missing;
        };
        let mut encloser: Option<&Node> = None;
        for suffix in suffixes(name, apex.len()).iter() {
            let is_whole = suffix.len() == name.len();
            let Some(node) = self.node_within(zone, suffix).and_then(|number| self.node(number)) else {
                let wildcard = encloser.and_then(|encloser| self.node(encloser.wildcard));
                return wildcard.map_or(Place::Missing, Place::Found);
            };
            if let Some(cut) = self.rrset(node.cut)
                && !(rrtype == DS && is_whole)
            {
                return Place::Delegated(cut);
            }
            if let Some(dname) = self.rrset(node.dname)
                && !is_whole
            {
                return Place::Redirected(dname);
            }
            encloser = Some(node);
        }
        encloser.map_or(Place::Missing, Place::Found)
    }
}

/// The ends of a name on label boundaries.
struct Suffixes<'n> {
    name: &'n [u8],
    /// Where each begins, the longest first.
    starts: [u8; MAX_LABELS],
    count: usize,
}

/// Those of a name that are at least `shortest` octets long.
fn suffixes(name: &[u8], shortest: usize) -> Suffixes<'_> {
    let mut made = Suffixes { name, starts: [0; MAX_LABELS], count: 0 };
    let mut rest = Some(name);
    while let (Some(suffix), Some(start)) = (rest, made.starts.get_mut(made.count))
        && suffix.len() >= shortest
    {
        *start = (name.len() - suffix.len()) as u8;
        made.count += 1;
        rest = parent(suffix);
    }
    made
}

impl<'n> Suffixes<'n> {
    /// The shortest first.
    fn iter(&self) -> impl Iterator<Item = &'n [u8]> {
        let starts = self.starts.get(..self.count).unwrap_or_default();
        starts.iter().rev().filter_map(|&start| self.name.get(usize::from(start)..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_one_line_of_the_cache() {
        assert_eq!(size_of::<Node>(), 64);
    }

    #[test]
    fn suffixes_rise_from_the_shortest() {
        let name = b"\x01a\x02bc\0";
        let all: Vec<&[u8]> = suffixes(name, 1).iter().collect();
        assert_eq!(all, [b"\0".as_slice(), b"\x02bc\0", name]);
        let within: Vec<&[u8]> = suffixes(name, 4).iter().collect();
        assert_eq!(within, [b"\x02bc\0".as_slice(), name]);
        let longest = [b"\x01x".repeat(127).as_slice(), b"\0"].concat();
        assert_eq!(suffixes(&longest, 1).iter().count(), 128);
    }

    #[test]
    fn short_names_are_known_without_their_text() {
        let apex = b"\x04test\0";
        let short = ShortName::new(b"\x03www\x04test\0", apex);
        assert_eq!(short.is(b"\x03www"), Some(true));
        assert_eq!(short.is(b"\x03ww"), Some(false));
        assert_eq!(short.is(b""), Some(false));
        assert_eq!(ShortName::new(apex, apex).is(b""), Some(true));
        let long = [[26].as_slice(), &[b'x'; 26], apex].concat();
        assert_eq!(ShortName::new(&long, apex).is(b""), None);
    }
}
