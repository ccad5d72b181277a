//! The end of a response: what stands behind all sections, and the header, which is known only then.

use super::{Section, Writer};
use crate::wire::buffer::MAX_UDP_BYTES;
use crate::wire::options::{self, OPTION_BYTES};
use crate::wire::records::{HEADER_BYTES, OPT, Rcode};
use crate::wire::summary::Summary;
use crate::wire::told::Rare;

impl Writer<'_, '_, '_> {
    /// Header, OPT and TSIG record; true where the response is truncated.
    #[inline]
    pub fn finish(mut self, summary: Summary) -> bool {
        let is_truncated = self.overflowed || self.out.len > self.limit;
        if is_truncated {
            self.clear();
        }
        let room = self.limit.saturating_sub(self.out.len);
        self.limit = self.out.bytes.len();
        if let Some(edns) = self.query.edns {
            let why = summary.explanation.option();
            let why = if is_truncated || OPTION_BYTES + why.len() > room { &[] } else { why };
            self.opt(edns.dnssec_ok, why, summary);
        }
        if summary.rcode == Rcode::NotAuth && !is_truncated {
            self.refuse_key(room);
        }
        let rcode = summary.rcode as u16;
        let [an, ns, ar] = self.counts.map(u16::to_be_bytes);
        let flags = 0x80
            | if summary.is_authoritative { 4 } else { 0 }
            | if is_truncated { 2 } else { 0 }
            | self.query.flags & 1;
        let [id0, id1] = self.query.id;
        if let Some(header) = self.out.bytes.first_chunk_mut::<HEADER_BYTES>() {
            let questions = u8::from(!self.query.question.is_empty());
            *header = [id0, id1, flags, (rcode & 0xF) as u8, 0, questions, an[0], an[1], ns[0], ns[1], ar[0], ar[1]];
        }
        is_truncated
    }

    /// Version 0, of the flags only DO (RFC 3225 3), and ECS when it was asked (RFC 7871 7.2.1).
    #[inline]
    fn opt(&mut self, dnssec_ok: bool, why: &[u8], summary: Summary) {
        let explained = if why.is_empty() { 0 } else { OPTION_BYTES + why.len() };
        let length = (self.option_bytes + explained) as u16;
        let [size0, size1] = (MAX_UDP_BYTES as u16).to_be_bytes();
        let [type0, type1] = OPT.to_be_bytes();
        let [length0, length1] = length.to_be_bytes();
        let extended = (summary.rcode as u16 >> 4) as u8;
        let flags = if dnssec_ok { 0x80 } else { 0 };
        self.put(&[0, type0, type1, size0, size1, extended, 0, flags, 0, length0, length1]);
        if let Some(subnet) = self.told.subnet {
            let start = self.out.len + OPTION_BYTES;
            self.option(options::CLIENT_SUBNET, subnet);
            if let Some(scope) = self.out.bytes.get_mut(start + 3) {
                *scope = summary.scope;
            }
        }
        if let Some(rare) = self.told.rare {
            self.rare_options(rare);
        }
        if !why.is_empty() {
            self.option(options::EXTENDED_ERROR, why);
        }
        self.count(Section::Additional, 1);
    }

    #[cold]
    #[inline(never)]
    fn rare_options(&mut self, rare: &Rare<'_>) {
        if !rare.nsid.is_empty() {
            self.option(options::NSID, rare.nsid);
        }
        if let Some(cookie) = &rare.cookie {
            self.option(options::COOKIE, cookie);
        }
    }

    /// The TSIG record, which stands last, if there is room for it (RFC 8945 5.2.1).
    #[cold]
    #[inline(never)]
    fn refuse_key(&mut self, room: usize) {
        let Some(signed) = &self.query.signed else { return };
        let record = signed.refusal();
        if record.bytes().len() <= room {
            self.put(record.bytes());
            self.count(Section::Additional, 1);
        }
    }

    #[inline]
    fn option(&mut self, code: u16, data: &[u8]) {
        let ([code0, code1], [length0, length1]) = (code.to_be_bytes(), (data.len() as u16).to_be_bytes());
        self.put(&[code0, code1, length0, length1]);
        self.put(data);
    }
}
