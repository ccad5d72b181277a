//! One name's part of an answer: plain records, a referral, or that there is nothing.

use super::ask::{Ask, FOUND, Step};
use crate::input::limits::NONE;
use crate::way::Way;
use crate::wire::records::{ANY, CNAME, HINFO, MINIMAL_ANY, NS, QUESTION_POINTER, Rcode, records_of};
use crate::wire::summary::Summary;
use crate::wire::writer::{Section, Writer};
use crate::zones::lookup::{Node, Place, RRset};

impl<'v> Ask<'v> {
    /// Write what a name has to say; what only an answer's first name may say is left out behind an alias.
    #[inline]
    pub(super) fn step(&self, way: &Way<'_, 'v>, writer: &mut Writer<'_, '_, '_>, is_chained: bool) -> Step<'v> {
        match (way.place, &way.steered) {
            (_, Some(steered)) => self.steered(steered, way.name, writer),
            (Some((_, Place::Found(node))), None) => self.plain(node, way.name, writer),
            (Some((_, Place::Missing)) | None, None) => self.negative(Rcode::NxDomain, writer),
            (Some((_, Place::Redirected(dname))), None) => self.redirect(dname, way.name, writer),
            // A referral further on is the resolver's to find
            (Some((_, Place::Delegated(_))), None) if is_chained => Step::Done(FOUND),
            (Some((_, Place::Delegated(cut))), None) => self.refer(cut, writer),
        }
    }

    #[inline]
    fn plain(&self, node: &'v Node, name: &[u8], writer: &mut Writer<'_, '_, '_>) -> Step<'v> {
        let zones = &self.statics.zones;
        if let Some(cname) = zones.rrset_of(node, CNAME) {
            let first = records_of(zones.wires.get(cname.wire)).next();
            if let Some((record, _)) = first {
                writer.record(Section::Answer, name, record, None);
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
        writer.record(Section::Answer, name, &minimal_record(ttl_s.to_be_bytes()), None);
    }

    /// NXDOMAIN or NODATA with the SOA that says how long (RFC 2308 3); its scope is 0 (RFC 7871 7.4).
    #[inline]
    pub(super) fn negative(&self, rcode: Rcode, writer: &mut Writer<'_, '_, '_>) -> Step<'v> {
        let zones = &self.statics.zones;
        if let Some(zone) = zones.zone(self.zone) {
            writer.records(Section::Authority, zones.texts.get(zone.apex), zones.wires.get(zone.negative), None);
        }
        Step::Done(Summary { rcode, ..FOUND })
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
