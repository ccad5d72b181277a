//! Following aliases: CNAME records, and names redirected by a DNAME.

use super::ask::{Ask, FOUND, Made, Step, Target};
use crate::counts::choices::MAX_CHOICES;
use crate::way::Way;
use crate::wire::names::MAX_NAME_BYTES;
use crate::wire::records::{ANY, CNAME, QUESTION_POINTER, Rcode, records_of};
use crate::wire::summary::Summary;
use crate::wire::writer::{Section, Writer};
use crate::zones::lookup::RRset;

/// Aliases followed before the answer ends with what is there.
const MAX_CHAIN: usize = 16;
const _: () = assert!(MAX_CHAIN < MAX_CHOICES);

impl<'v> Ask<'v> {
    /// Follow aliases inside the zone; a loop, a long chain or a way out ends with what is there (RFC 1034 3.6.2).
    /// The scope is the longest on the way.
    #[cold]
    pub(super) fn follow(
        &self,
        first: &[u8],
        target: Target<'v>,
        scope: u8,
        writer: &mut Writer<'_, '_, '_>,
    ) -> Summary {
        let mut seen = Seen::new(first);
        let (mut target, mut scope) = (target, scope);
        loop {
            let name = match &target {
                Target::Held(name) => *name,
                Target::Made(made) => made.bytes.get(..made.len).unwrap_or_default(),
            };
            let way = Way::new(name, self.rrtype, self.source).found(self.statics);
            let leads_out = way.place.is_none_or(|(zone, _)| zone != self.zone);
            if leads_out || seen.has(name) || seen.len == MAX_CHAIN {
                return Summary { scope, ..FOUND };
            }
            seen.add(name);
            match self.step(&way, writer, true) {
                Step::Done(end) if end.rcode == Rcode::ServFail => return end,
                Step::Done(end) => return Summary { scope: scope.max(end.scope), ..end },
                Step::Alias(next, longer) => {
                    target = next;
                    scope = scope.max(longer);
                }
            }
        }
    }

    /// For CNAME and ANY the alias itself is the answer.
    pub(super) fn alias(&self, target: &'v [u8], scope: u8) -> Step<'v> {
        if matches!(self.rrtype, CNAME | ANY) {
            Step::Done(Summary { scope, ..FOUND })
        } else {
            Step::Alias(Target::Held(target), scope)
        }
    }

    /// The DNAME and the CNAME made from it, with its TTL (RFC 6672 3.1).
    #[cold]
    pub(super) fn redirect(&self, dname: &RRset, name: &[u8], writer: &mut Writer<'_, '_, '_>) -> Step<'v> {
        let zones = &self.statics.zones;
        let owner = zones.node(dname.owner).map_or(&[][..], |node| zones.texts.get(node.name));
        if let Some((record, _)) = records_of(zones.wires.get(dname.wire)).next() {
            writer.record(Section::Answer, owner, record, None);
        }
        let head = name.get(..name.len() - owner.len().min(name.len())).unwrap_or_default();
        let Some(made) = Made::join(head, zones.texts.get(dname.target)) else {
            return Step::Done(Summary { rcode: Rcode::YxDomain, ..FOUND });
        };
        let mut record = [0; 12 + MAX_NAME_BYTES];
        let ([owner0, owner1], [ttl0, ttl1, ttl2, ttl3]) = (QUESTION_POINTER, dname.ttl_s.to_be_bytes());
        let head = [owner0, owner1, 0, CNAME as u8, 0, 1, ttl0, ttl1, ttl2, ttl3, 0, made.len as u8];
        if let Some((fixed, rdata)) = record.split_first_chunk_mut::<12>() {
            *fixed = head;
            rdata.copy_from_slice(&made.bytes);
        }
        writer.record(Section::Answer, name, record.get(..12 + made.len).unwrap_or_default(), None);
        if matches!(self.rrtype, CNAME | ANY) { Step::Done(FOUND) } else { Step::Alias(Target::Made(made), 0) }
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
