//! From a question to the records of its answer: `gslb/core/answering/{answer,pick}.py`.

use crate::choices::{Choice, Choices};
use crate::client::Client;
use crate::decision::{Decision, Row, Vector};
use crate::explanation::Explanation;
use crate::family::Family;
use crate::names::MAX_NAME_BYTES;
use crate::options::Subnet;
use crate::query::Query;
use crate::records::{ANY, CNAME, HINFO, MINIMAL_ANY, NS, QUESTION_POINTER, Rcode, records_of};
use crate::source::Source;
use crate::statics::{Service, Static};
use crate::tables::draw;
use crate::view::Loaded;
use crate::writer::{Section, Summary, Writer};
use crate::zones::{NONE, Node, Place, RRset};

/// Aliases followed before the answer ends with what is there.
pub const MAX_CHAIN: usize = 16;

/// Write the answer of a query whose name, in lower case, is `name`.
#[inline]
pub fn resolve(
    query: &Query<'_>,
    name: &[u8],
    client: &Client,
    subnet: Option<&Subnet<'_>>,
    (statics, decision): &Loaded,
    choices: &Choices,
    writer: &mut Writer<'_, '_, '_>,
) -> Summary {
    let Some(zone) = statics.zones.zone_of(name, query.rrtype) else {
        return Summary::explained(Rcode::Refused, Explanation::NotAuthoritative);
    };
    let ask = Ask {
        statics,
        decision,
        zone,
        rrtype: query.rrtype,
        source: Source::of(client.address, subnet, &statics.trust),
        entropy: client.entropy,
        choices,
    };
    match ask.step(name, writer, false) {
        Step::Done(summary) => summary,
        Step::Alias(target, scope) => ask.follow(name, target, scope, writer),
    }
}

/// What stays the same while aliases are followed.
struct Ask<'v> {
    statics: &'v Static,
    decision: &'v Decision,
    zone: u32,
    rrtype: u16,
    source: Source,
    entropy: u64,
    choices: &'v Choices,
}

/// One name's part of the answer: all of it, or an alias and the scope it is good for.
enum Step<'v> {
    Done(Summary),
    Alias(Target<'v>, u8),
}

/// Where an alias leads, in lower case.
enum Target<'v> {
    Held(&'v [u8]),
    Made(Made),
}

/// A name put together from two.
#[derive(Clone, Copy)]
struct Made {
    bytes: [u8; MAX_NAME_BYTES],
    len: usize,
}

/// The rank of what comes from no pool.
const OF_NO_POOL: u32 = 0;

const FOUND: Summary = Summary { is_authoritative: true, ..Summary::of(Rcode::NoError) };

impl<'v> Ask<'v> {
    /// Follow aliases inside the zone; a loop, a long chain or a way out ends with what is there (RFC 1034 3.6.2).
    /// The scope is the longest on the way.
    #[cold]
    fn follow(&self, first: &[u8], target: Target<'v>, scope: u8, writer: &mut Writer<'_, '_, '_>) -> Summary {
        let mut seen = Seen::new(first);
        let (mut target, mut scope) = (target, scope);
        loop {
            let name = match &target {
                Target::Held(name) => *name,
                Target::Made(made) => made.bytes.get(..made.len).unwrap_or_default(),
            };
            let leads_out = self.statics.zones.zone_of(name, self.rrtype) != Some(self.zone);
            if leads_out || seen.has(name) || seen.len == MAX_CHAIN {
                return Summary { scope, ..FOUND };
            }
            seen.add(name);
            match self.step(name, writer, true) {
                Step::Done(end) if end.rcode == Rcode::ServFail => return end,
                Step::Done(end) => return Summary { scope: scope.max(end.scope), ..end },
                Step::Alias(next, longer) => {
                    target = next;
                    scope = scope.max(longer);
                }
            }
        }
    }

    /// Write what `name` has to say; what only an answer's first name may say is left out behind an alias.
    #[inline]
    fn step(&self, name: &[u8], writer: &mut Writer<'_, '_, '_>, is_chained: bool) -> Step<'v> {
        match self.statics.zones.place(self.zone, name, self.rrtype) {
            Place::Found(node) => self.at_node(node, name, writer),
            Place::Missing => self.negative(Rcode::NxDomain, writer),
            Place::Redirected(dname) => self.redirect(dname, name, writer),
            // A referral further on is the resolver's to find
            Place::Delegated(_) if is_chained => Step::Done(FOUND),
            Place::Delegated(cut) => self.refer(cut, writer),
        }
    }

    #[inline]
    fn at_node(&self, node: &'v Node, name: &[u8], writer: &mut Writer<'_, '_, '_>) -> Step<'v> {
        let zones = &self.statics.zones;
        if node.service != NONE
            && let Some(service) = self.statics.services.get(node.service as usize)
            && let Some((family, lane)) = self.lane_of(service)
        {
            return self.steered((node.service, service), family, lane, name, writer);
        }
        if let Some(cname) = zones.rrset_of(node, CNAME) {
            let first = records_of(zones.wires.get(cname.wire)).next();
            if let Some((rest, _)) = first {
                writer.record(Section::Answer, name, rest, None);
            }
            return self.alias(zones.texts.get(cname.target), 0);
        }
        if self.rrtype == ANY && (node.rrsets.0 != node.rrsets.1 || node.service != NONE) {
            self.minimal(name, writer);
            return Step::Done(FOUND);
        }
        let Some(rrset) = zones.rrset_of(node, self.rrtype) else {
            return self.negative(Rcode::NoError, writer);
        };
        writer.records(Section::Answer, name, zones.wires.get(rrset.wire), None);
        if rrset.rrtype == NS {
            writer.optional(|writer| self.leads(rrset, None, writer));
        }
        Step::Done(FOUND)
    }

    /// The family in which a query of this type is answered at a service, and how; None = plain records or NODATA. A
    /// service of host members is a CNAME, so it answers every type.
    #[inline]
    fn lane_of(&self, service: &Service) -> Option<(Family, u32)> {
        if let Some(lane) = service.lane(Family::Cname) {
            return Some((Family::Cname, lane));
        }
        let family = Family::of_type(self.rrtype)?;
        Some((family, service.lane(family)?))
    }

    /// Class -> row -> cohort -> pool -> members -> records; noted once, whatever comes of it.
    #[inline]
    fn steered(
        &self,
        (number, service): (u32, &Service),
        family: Family,
        lane: u32,
        name: &[u8],
        writer: &mut Writer<'_, '_, '_>,
    ) -> Step<'v> {
        let (class, scope) = self.source.locate(self.statics, service, family);
        let choose = |rank| {
            let place = service.place.saturating_add(rank);
            self.choices.add(Choice { service: number, class, place });
        };
        let mut first: Option<&'v [u8]> = None;
        let mut emit = |record: &'v [u8], writer: &mut Writer<'_, '_, '_>| {
            first.get_or_insert(record);
            writer.record(Section::Answer, name, record.get(2..).unwrap_or_default(), Some(service.ttl_s));
        };
        match self.decision.row(lane, class) {
            Some(row @ (Row::Pools { .. } | Row::LastResort { .. })) => {
                let (version, network) = self.source.network();
                let prefix = if service.by_query { self.entropy } else { network };
                let cohort = draw(prefix, version, service.salt);
                let Some((rank, vector)) = self.drawn(row, lane, cohort.pool) else {
                    choose(OF_NO_POOL);
                    return self.failed(writer);
                };
                choose(rank);
                vector.each_record(cohort.member, service.answers as usize, |record| emit(record, writer));
            }
            Some(Row::Addresses(records)) => {
                choose(OF_NO_POOL);
                let mut rest = records.as_slice();
                for (record, _) in records_of(records) {
                    let (whole, behind) = rest.split_at_checked(record.len() + 2).unwrap_or_default();
                    emit(whole, writer);
                    rest = behind;
                }
            }
            Some(Row::NoData) => choose(OF_NO_POOL),
            Some(Row::ServFail) | None => {
                choose(OF_NO_POOL);
                return self.failed(writer);
            }
        }
        match first {
            None => self.down(writer),
            Some(record) if family == Family::Cname => self.alias(record.get(12..).unwrap_or_default(), scope),
            Some(_) => Step::Done(Summary { scope, ..FOUND }),
        }
    }

    /// The rank of the pool that a cohort falls to, and its members.
    #[inline]
    fn drawn(&self, row: &Row, lane: u32, cohort: usize) -> Option<(u32, &'v Vector)> {
        let (bound, level) = match row {
            Row::Pools { level, slots, table } => {
                let turn = table.as_ref().map_or(0, |table| table.first(cohort));
                (self.statics.bound(lane, *slots.get(turn)?)?, *level)
            }
            Row::LastResort { level } => (self.statics.last_resort(lane)?, *level),
            Row::Addresses(_) | Row::NoData | Row::ServFail => return None,
        };
        Some((bound.rank, self.decision.vector(bound.seen, level)?))
    }

    /// For CNAME and ANY the alias itself is the answer.
    fn alias(&self, target: &'v [u8], scope: u8) -> Step<'v> {
        if matches!(self.rrtype, CNAME | ANY) {
            Step::Done(Summary { scope, ..FOUND })
        } else {
            Step::Alias(Target::Held(target), scope)
        }
    }

    /// The DNAME and the CNAME made from it, with its TTL (RFC 6672 3.1).
    #[cold]
    fn redirect(&self, dname: &RRset, name: &[u8], writer: &mut Writer<'_, '_, '_>) -> Step<'v> {
        let zones = &self.statics.zones;
        let owner = zones.node(dname.owner).map_or(&[][..], |node| zones.texts.get(node.name));
        if let Some((rest, _)) = records_of(zones.wires.get(dname.wire)).next() {
            writer.record(Section::Answer, owner, rest, None);
        }
        let head = name.get(..name.len() - owner.len().min(name.len())).unwrap_or_default();
        let Some(made) = Made::join(head, zones.texts.get(dname.target)) else {
            return Step::Done(Summary { rcode: Rcode::YxDomain, ..FOUND });
        };
        let mut record = [0; 10 + MAX_NAME_BYTES];
        let [ttl0, ttl1, ttl2, ttl3] = dname.ttl_s.to_be_bytes();
        let head = [0, CNAME as u8, 0, 1, ttl0, ttl1, ttl2, ttl3, 0, made.len as u8];
        if let Some((fixed, rdata)) = record.split_first_chunk_mut::<10>() {
            *fixed = head;
            rdata.copy_from_slice(&made.bytes);
        }
        writer.record(Section::Answer, name, record.get(..10 + made.len).unwrap_or_default(), None);
        if matches!(self.rrtype, CNAME | ANY) { Step::Done(FOUND) } else { Step::Alias(Target::Made(made), 0) }
    }

    /// A referral: glue from below the cut must fit or TC is set (RFC 9471), a sibling's may be left out.
    #[cold]
    fn refer(&self, cut: &RRset, writer: &mut Writer<'_, '_, '_>) -> Step<'v> {
        let zones = &self.statics.zones;
        let owner = zones.node(cut.owner).map_or(&[][..], |node| zones.texts.get(node.name));
        writer.records(Section::Authority, owner, zones.wires.get(cut.wire), None);
        self.leads(cut, Some(true), writer);
        writer.optional(|writer| self.leads(cut, Some(false), writer));
        Step::Done(Summary::of(Rcode::NoError))
    }

    /// Plain A and AAAA RRsets of name servers in the zone; steered ones never stand in Additional.
    fn leads(&self, ns: &RRset, is_glue: Option<bool>, writer: &mut Writer<'_, '_, '_>) {
        let zones = &self.statics.zones;
        let (first, end) = ns.leads;
        for lead in zones.leads.get(first as usize..end as usize).unwrap_or_default() {
            if is_glue.is_some_and(|wanted| wanted != lead.is_glue) {
                continue;
            }
            if let Some(rrset) = zones.rrset(lead.rrset)
                && let Some(owner) = zones.node(rrset.owner)
            {
                writer.records(Section::Additional, zones.texts.get(owner.name), zones.wires.get(rrset.wire), None);
            }
        }
    }

    /// The HINFO that stands for an answer to ANY (RFC 8482 4.2).
    #[cold]
    fn minimal(&self, name: &[u8], writer: &mut Writer<'_, '_, '_>) {
        let ttl_s = self.statics.zones.zone(self.zone).map_or(0, |zone| zone.negative_ttl_s);
        let [ttl0, ttl1, ttl2, ttl3] = ttl_s.to_be_bytes();
        let [_, _, rest @ ..] = minimal_record([ttl0, ttl1, ttl2, ttl3]);
        writer.record(Section::Answer, name, &rest, None);
    }

    /// NXDOMAIN or NODATA with the SOA that says how long (RFC 2308 3); its scope is 0 (RFC 7871 7.4).
    #[inline]
    fn negative(&self, rcode: Rcode, writer: &mut Writer<'_, '_, '_>) -> Step<'v> {
        let zones = &self.statics.zones;
        if let Some(zone) = zones.zone(self.zone) {
            writer.records(Section::Authority, zones.texts.get(zone.apex), zones.wires.get(zone.negative), None);
        }
        Step::Done(Summary { rcode, ..FOUND })
    }

    /// NODATA, as nothing serves this family.
    #[cold]
    fn down(&self, writer: &mut Writer<'_, '_, '_>) -> Step<'v> {
        match self.negative(Rcode::NoError, writer) {
            Step::Done(summary) => Step::Done(Summary { explanation: Explanation::AllDown, ..summary }),
            step => step,
        }
    }

    /// SERVFAIL, without what was found on the way.
    #[cold]
    fn failed(&self, writer: &mut Writer<'_, '_, '_>) -> Step<'v> {
        writer.clear();
        Step::Done(Summary::explained(Rcode::ServFail, Explanation::AllDown))
    }
}

fn minimal_record(ttl: [u8; 4]) -> [u8; 21] {
    let mut record = [0; 21];
    let [owner0, owner1] = QUESTION_POINTER;
    let [ttl0, ttl1, ttl2, ttl3] = ttl;
    let fixed = [owner0, owner1, 0, HINFO as u8, 0, 1, ttl0, ttl1, ttl2, ttl3, 0, MINIMAL_ANY.len() as u8];
    if let Some((head, rdata)) = record.split_first_chunk_mut::<12>() {
        *head = fixed;
        rdata.copy_from_slice(MINIMAL_ANY);
    }
    record
}

impl Made {
    /// None where the name would be too long.
    fn join(head: &[u8], tail: &[u8]) -> Option<Self> {
        let mut made = Self { bytes: [0; MAX_NAME_BYTES], len: head.len() + tail.len() };
        made.bytes.get_mut(..head.len())?.copy_from_slice(head);
        made.bytes.get_mut(head.len()..made.len)?.copy_from_slice(tail);
        Some(made)
    }
}

/// The names an answer went through.
struct Seen {
    names: [Made; MAX_CHAIN],
    len: usize,
}

impl Seen {
    fn new(first: &[u8]) -> Self {
        let mut made = Self { names: [Made { bytes: [0; MAX_NAME_BYTES], len: 0 }; MAX_CHAIN], len: 0 };
        made.add(first);
        made
    }

    fn add(&mut self, name: &[u8]) {
        if let (Some(slot), Some(made)) = (self.names.get_mut(self.len), Made::join(name, &[])) {
            *slot = made;
            self.len += 1;
        }
    }

    fn has(&self, name: &[u8]) -> bool {
        self.names.iter().take(self.len).any(|made| made.bytes.get(..made.len) == Some(name))
    }
}
