//! Zones from their records and services: nodes, empty non-terminals, cuts, wildcards, glue.

use crate::input::error::Invalid;
use crate::input::limits::NONE;
use crate::input::limits::{MAX_NAMES, MAX_RECORD_SETS};
use crate::input::messages::{RRsetData, SoaData, ZoneData};
use crate::wire::names::{is_name, is_within, labels, parent};
use crate::wire::records::{A, AAAA, CNAME, DNAME, NS, SOA, is_named, records_of, write_record};
use crate::zones::lookup::{Lead, Node, RRset, ShortName, Zone, Zones};
use crate::zones::table::Span;

const TOO_LARGE: Invalid = Invalid::Content("there are more records than the engine can hold");

/// Scratch space while zones are loaded.
pub struct ZoneLoader {
    zones: Zones,
    /// (node, record set) as they came.
    pending: Vec<(u32, RRset)>,
    soas: Vec<(u32, RRset)>,
    current: Option<u32>,
    scratch: Vec<u8>,
}

impl ZoneLoader {
    pub fn new(seed: u64) -> Self {
        Self { zones: Zones::new(seed), pending: Vec::new(), soas: Vec::new(), current: None, scratch: Vec::new() }
    }

    /// A zone with its SOA, or more records of the zone before.
    pub fn take(&mut self, data: &ZoneData) -> Result<(), Invalid> {
        let zone = match &data.soa {
            Some(soa) => self.begin(&data.apex, soa, data.serial)?,
            None => self.current.ok_or(Invalid::Content("a zone has records before its SOA"))?,
        };
        self.current = Some(zone);
        for rrset in &data.rrsets {
            if self.pending.len() == MAX_RECORD_SETS {
                return Err(TOO_LARGE);
            }
            let node = self.node(zone, &data.apex, &rrset.name)?;
            let made = self.rrset(node, rrset)?;
            self.pending.push((node, made));
        }
        Ok(())
    }

    /// Put a service at its owner name.
    pub fn steer(&mut self, apex: &[u8], name: &[u8], service: u32) -> Result<(), Invalid> {
        let zone = self.zones.zone_at(apex).ok_or(Invalid::Content("a service's zone is not there"))?;
        let number = self.node(zone, apex, name)?;
        if let Some(node) = self.zones.nodes.get_mut(number as usize) {
            node.service = service;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<Zones, Invalid> {
        self.link_children()?;
        self.pending.append(&mut self.soas);
        // The last of several record sets of one type counts
        self.pending.reverse();
        self.pending.sort_by_key(|(node, rrset)| (*node, rrset.rrtype));
        self.pending.dedup_by_key(|(node, rrset)| (*node, rrset.rrtype));
        for (node, rrset) in std::mem::take(&mut self.pending) {
            self.attach(node, rrset)?;
        }
        self.link_nodes();
        self.link_leads()?;
        self.zones.texts.shrink();
        self.zones.wires.shrink();
        Ok(self.zones)
    }

    fn begin(&mut self, apex: &[u8], soa: &SoaData, serial: u32) -> Result<u32, Invalid> {
        if !is_name(apex) || self.zones.zone_at(apex).is_some() {
            return Err(Invalid::Content("a zone is there twice or has no name"));
        }
        let mut rdata = [soa.mname.as_slice(), soa.rname.as_slice()].concat();
        for number in [serial, soa.refresh_s, soa.retry_s, soa.expire_s, soa.negative_ttl_s] {
            rdata.extend(number.to_be_bytes());
        }
        let number = u32::try_from(self.zones.zones.len()).map_err(|_| TOO_LARGE)?;
        let negative_ttl_s = soa.ttl_s.min(soa.negative_ttl_s);
        let zone = Zone {
            apex: self.zones.texts.push(apex).ok_or(TOO_LARGE)?,
            negative: self.records(SOA, negative_ttl_s, &[rdata.as_slice()])?,
            negative_ttl_s,
        };
        let Zones { zones, zone_table, texts, .. } = &mut self.zones;
        zones.push(zone);
        zone_table
            .insert(apex, number, |other| zones.get(other as usize).map_or(&[], |zone: &Zone| texts.get(zone.apex)));
        self.zones.deepest = self.zones.deepest.max(labels(apex));
        let node = self.node(number, apex, apex)?;
        let wire = self.records(SOA, soa.ttl_s, &[rdata.as_slice()])?;
        let made = RRset { owner: node, rrtype: SOA, wire, target: Span::default(), ttl_s: soa.ttl_s, leads: (0, 0) };
        self.soas.push((node, made));
        Ok(number)
    }

    /// The node of a name in the zone, made if need be together with the empty non-terminals above it.
    fn node(&mut self, zone: u32, apex: &[u8], name: &[u8]) -> Result<u32, Invalid> {
        if let Some(number) = self.zones.node_at(zone, name) {
            return Ok(number);
        }
        if !is_name(name) || !is_within(name, apex) {
            return Err(Invalid::Content("a name lies outside its zone"));
        }
        let made = self.make(zone, apex, name)?;
        let mut above = parent(name).filter(|_| name.len() > apex.len());
        while let Some(name) = above {
            if self.zones.node_at(zone, name).is_some() {
                break;
            }
            self.make(zone, apex, name)?;
            above = parent(name).filter(|_| name.len() > apex.len());
        }
        Ok(made)
    }

    fn make(&mut self, zone: u32, apex: &[u8], name: &[u8]) -> Result<u32, Invalid> {
        if self.zones.nodes.len() == MAX_NAMES {
            return Err(TOO_LARGE);
        }
        let number = self.zones.nodes.len() as u32;
        let node = Node {
            zone,
            name: self.zones.texts.push(name).ok_or(TOO_LARGE)?,
            rrsets: (0, 0),
            service: NONE,
            cut: NONE,
            dname: NONE,
            wildcard: NONE,
            is_direct: false,
            short: ShortName::new(name, apex),
        };
        let Zones { nodes, node_table, texts, .. } = &mut self.zones;
        nodes.push(node);
        node_table
            .insert(name, number, |other| nodes.get(other as usize).map_or(&[], |node: &Node| texts.get(node.name)));
        Ok(number)
    }

    fn rrset(&mut self, owner: u32, data: &RRsetData) -> Result<RRset, Invalid> {
        let rrtype = u16::try_from(data.rrtype).map_err(|_| Invalid::Content("a record type does not exist"))?;
        let rdatas: Vec<&[u8]> = data.rdatas.iter().map(Vec::as_slice).collect();
        let is_sound = rdatas.iter().all(|rdata| rdata.len() <= usize::from(u16::MAX));
        if rdatas.is_empty() || !is_sound || (is_named(rrtype) && !rdatas.iter().all(|rdata| is_name(rdata))) {
            return Err(Invalid::Content("a record set is malformed"));
        }
        let target = match (rrtype, rdatas.first()) {
            (CNAME | DNAME, Some(rdata)) => self.zones.texts.push(&rdata.to_ascii_lowercase()).ok_or(TOO_LARGE)?,
            _ => Span::default(),
        };
        let wire = self.records(rrtype, data.ttl_s, &rdatas)?;
        Ok(RRset { owner, rrtype, wire, target, ttl_s: data.ttl_s, leads: (0, 0) })
    }

    fn records(&mut self, rrtype: u16, ttl_s: u32, rdatas: &[&[u8]]) -> Result<Span, Invalid> {
        self.scratch.clear();
        for rdata in rdatas {
            write_record(&mut self.scratch, rrtype, ttl_s, rdata);
        }
        self.zones.wires.push(&self.scratch).ok_or(TOO_LARGE)
    }

    /// Apexes of our zones right below one exist there too, so that nobody takes them for NXDOMAIN.
    fn link_children(&mut self) -> Result<(), Invalid> {
        let apexes: Vec<Vec<u8>> =
            self.zones.zones.iter().map(|zone| self.zones.texts.get(zone.apex).to_vec()).collect();
        for apex in &apexes {
            let mut above = parent(apex);
            while let Some(name) = above {
                if let Some(zone) = self.zones.zone_at(name) {
                    self.node(zone, name, apex)?;
                    break;
                }
                above = parent(name);
            }
        }
        Ok(())
    }

    /// Record sets of one node come one behind the other.
    fn attach(&mut self, number: u32, rrset: RRset) -> Result<(), Invalid> {
        let at = self.zones.rrsets.len() as u32; // at most a few times MAX_RECORD_SETS
        let Zones { zones, nodes, texts, rrsets, .. } = &mut self.zones;
        if let Some(node) = nodes.get_mut(number as usize) {
            let name = texts.get(node.name);
            let is_apex = zones.get(node.zone as usize).is_some_and(|zone| texts.get(zone.apex) == name);
            match rrset.rrtype {
                NS if !is_apex && !name.starts_with(b"\x01*") => node.cut = at,
                DNAME => node.dname = at,
                _ => {}
            }
            let (first, end) = node.rrsets;
            node.rrsets = if first == end { (at, at + 1) } else { (first, at + 1) };
        }
        rrsets.push(rrset);
        Ok(())
    }

    /// What nodes know of those above and below them.
    fn link_nodes(&mut self) {
        for number in 0..self.zones.nodes.len() as u32 {
            let (above, is_wildcard, is_direct) = self.ancestry(number);
            if let Some(node) = self.zones.nodes.get_mut(number as usize) {
                node.is_direct = is_direct;
            }
            if let Some(above) = above.and_then(|above| self.zones.nodes.get_mut(above as usize))
                && is_wildcard
            {
                above.wildcard = number;
            }
        }
    }

    /// The node right above, whether this one is its wildcard, and whether no nearer zone, cut or DNAME stands between
    /// this one and its zone.
    fn ancestry(&self, number: u32) -> (Option<u32>, bool, bool) {
        let Some(node) = self.zones.node(number) else {
            return (None, false, false);
        };
        let name = self.zones.texts.get(node.name);
        let at = |name| self.zones.node_at(node.zone, name);
        let first = parent(name).and_then(at);
        let mut rest = parent(name);
        let mut is_direct = self.zones.zone_of(name, A) == Some(node.zone);
        while let Some((above, shorter)) = rest.and_then(|rest| Some((self.zones.node(at(rest)?)?, parent(rest)))) {
            is_direct &= above.cut == NONE && above.dname == NONE;
            rest = shorter;
        }
        (first, name.starts_with(b"\x01*"), is_direct)
    }

    /// Addresses in the zone of what NS records name.
    fn link_leads(&mut self) -> Result<(), Invalid> {
        for number in 0..self.zones.rrsets.len() {
            let first = u32::try_from(self.zones.leads.len()).map_err(|_| TOO_LARGE)?;
            let found = self.leads_of(number);
            self.zones.leads.extend(found);
            let end = u32::try_from(self.zones.leads.len()).map_err(|_| TOO_LARGE)?;
            if let Some(rrset) = self.zones.rrsets.get_mut(number) {
                rrset.leads = (first, end);
            }
        }
        Ok(())
    }

    fn leads_of(&self, number: usize) -> Vec<Lead> {
        let mut leads = Vec::new();
        let Some(rrset) = self.zones.rrsets.get(number).filter(|rrset| rrset.rrtype == NS) else {
            return leads;
        };
        let Some(owner) = self.zones.node(rrset.owner) else {
            return leads;
        };
        let cut = self.zones.texts.get(owner.name);
        for (_, rdata) in records_of(self.zones.wires.get(rrset.wire)) {
            let name = rdata.to_ascii_lowercase();
            let Some(node) = self.zones.node_at(owner.zone, &name).and_then(|number| self.zones.node(number)) else {
                continue;
            };
            let (first, end) = node.rrsets;
            let is_glue = is_within(&name, cut);
            let addresses =
                (first..end).filter(|&at| self.zones.rrset(at).is_some_and(|rrset| matches!(rrset.rrtype, A | AAAA)));
            leads.extend(addresses.map(|rrset| Lead { rrset, is_glue }));
        }
        leads
    }
}
