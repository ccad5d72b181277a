//! Reading ahead for a batch of packets.
//!
//! With a million names an answer mostly waits for memory, for one line of the cache after the other: slot, node,
//! service. The packets of a batch do not depend on each other, so all their slots are read first, then all their nodes,
//! then all their services: the machine waits for many lines at once. Nothing depends on what is read here; it is only
//! near when [`crate::answer()`] looks for it.

use std::hint::black_box;

use crate::input::limits::NONE;
use crate::view::View;
use crate::wire::names::MAX_NAME_BYTES;
use crate::wire::query::question_name_end;
use crate::wire::records::HEADER_BYTES;

/// Packets read ahead together; more are answered without.
const MOST: usize = 64;
/// Fewer names than this are near anyway.
const MANY_NAMES: usize = 1 << 15;

/// The packets that a batch holds, as far as they are known.
pub struct Ahead<'v> {
    view: &'v View,
    hashes: [u64; MOST],
    count: usize,
}

impl<'v> Ahead<'v> {
    /// None where it would not pay: a lone packet, or few names.
    #[inline]
    pub fn new(view: &'v View, packets: usize) -> Option<Self> {
        let (statics, _) = view.loaded.as_ref()?;
        let pays = packets > 1 && statics.zones.nodes.len() >= MANY_NAMES;
        pays.then_some(Self { view, hashes: [0; MOST], count: 0 })
    }

    /// Take note of a packet, whatever it is.
    #[inline]
    pub fn note(&mut self, packet: &[u8]) {
        let (Some((statics, _)), Some(hash)) = (&self.view.loaded, self.hashes.get_mut(self.count)) else {
            return;
        };
        let Ok(end) = question_name_end(packet) else {
            return;
        };
        let mut lower = [0; MAX_NAME_BYTES];
        if let (Some(spelling), Some(name)) =
            (packet.get(HEADER_BYTES..end), lower.get_mut(..end.saturating_sub(HEADER_BYTES)))
        {
            name.copy_from_slice(spelling);
            name.make_ascii_lowercase();
            *hash = statics.zones.node_table.hash(name);
            self.count += 1;
        }
    }

    /// Read what the answers to all of them are made from, as far as that is far away; how many of the names are there.
    #[inline]
    pub fn read(&self) -> usize {
        let Some((statics, _)) = &self.view.loaded else {
            return 0;
        };
        let hashes = self.hashes.get(..self.count).unwrap_or_default();
        let mut nodes = [NONE; MOST];
        for (node, &hash) in nodes.iter_mut().zip(hashes) {
            *node = statics.zones.node_table.likely(hash).unwrap_or(NONE);
        }
        let services = nodes.map(|node| statics.zones.node(node).map_or(NONE, |node| node.service));
        for service in services {
            black_box(statics.steering.services.get(service as usize).map(|service| service.salt));
        }
        nodes.iter().filter(|&&node| node != NONE).count()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prost::Message;

    use super::*;
    use crate::input::messages::{Chunk, EcsData, RRsetData, SoaData, ZoneData};
    use crate::statics::Static;
    use crate::steering::decision::Decision;
    use crate::steering::tables::{COHORTS, Tables};

    fn view(names: usize) -> View {
        let apex = b"\x04test\0".to_vec();
        let soa = SoaData { mname: apex.clone(), rname: apex.clone(), ..SoaData::default() };
        let rrsets = (0..names).map(|number| RRsetData {
            name: [b"\x08", format!("{number:08}").as_bytes(), &apex].concat(),
            rrtype: 1,
            ttl_s: 1,
            rdatas: vec![vec![192, 0, 2, 1]],
        });
        let zone = ZoneData { apex: apex.clone(), serial: 1, soa: Some(soa), rrsets: rrsets.collect() };
        let chunk = Chunk { zones: vec![zone], ecs: Some(EcsData::default()), ..Chunk::default() }.encode_to_vec();
        let statics = Static::load([chunk.as_slice()], b"", 3).unwrap();
        let mut tables = Tables::new(vec![1; COHORTS]).unwrap();
        let decision = Decision::load(b"\x08\x01", &statics, None, &mut tables).unwrap();
        View::new(Arc::new(statics), Arc::new(decision))
    }

    fn query(name: &[u8]) -> Vec<u8> {
        [&[0; HEADER_BYTES], name, b"\0\x01\0\x01"].concat()
    }

    #[test]
    fn names_are_found_ahead_however_they_are_spelt() {
        let view = view(MANY_NAMES);
        let mut ahead = Ahead::new(&view, 2).unwrap();
        assert_eq!(ahead.read(), 0);
        for packet in
            [query(b"\x0800000007\x04TeSt\0"), query(b"\x0400tt\x04test\0"), query(b"\x04TEST\0"), query(b"\x09")]
        {
            ahead.note(&packet);
        }
        ahead.note(b"");
        assert_eq!((ahead.count, ahead.read()), (3, 2));
        for _ in 0..2 * MOST {
            ahead.note(&query(b"\x04test\0"));
        }
        assert_eq!((ahead.count, ahead.read()), (MOST, MOST - 1));
    }

    #[test]
    fn what_would_not_pay_is_not_read() {
        assert!(Ahead::new(&View::nothing(), 32).is_none());
        assert!(Ahead::new(&view(100), 32).is_none());
        assert!(Ahead::new(&view(MANY_NAMES), 1).is_none());
    }
}
