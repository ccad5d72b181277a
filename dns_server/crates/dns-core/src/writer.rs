//! Composing a response: sections of record sets, never larger than allowed (RFC 2181 9).
//!
//! Owner names become pointers where the same octets were written before, as in the reference; RDATA is never touched.

use crate::buffer::{MAX_UDP_BYTES, ResponseBuf};
use crate::explanation::Explanation;
use crate::names::parent;
use crate::options;
use crate::query::{HEADER_BYTES, Query};
use crate::records::{OPT, QUESTION_POINTER, Rcode, records_of};
use crate::told::{Rare, Told};

const FARTHEST_POINTER: usize = 0x3FFF;
const OPT_BYTES: usize = 11;
/// Code and length of an option.
pub const OPTION_BYTES: usize = 4;
const MAX_KNOWN: usize = 128;

/// Sections of a message, as the header counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Answer,
    Authority,
    Additional,
}

/// What a response says besides its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub rcode: Rcode,
    pub is_authoritative: bool,
    pub scope: u8,
    pub explanation: Explanation,
}

impl Summary {
    /// Nothing but an rcode.
    pub const fn of(rcode: Rcode) -> Self {
        Self { rcode, is_authoritative: false, scope: 0, explanation: Explanation::Nothing }
    }

    /// An rcode, and why.
    pub const fn explained(rcode: Rcode, why: Explanation) -> Self {
        Self { explanation: why, ..Self::of(rcode) }
    }
}

/// Octets of a response without records, where nothing is explained.
#[inline]
pub fn empty_bytes(query: &Query<'_>, told: &Told<'_>) -> usize {
    HEADER_BYTES + query.question.len() + trailer_bytes(query, told.option_bytes())
}

#[inline]
fn trailer_bytes(query: &Query<'_>, option_bytes: usize) -> usize {
    if query.edns.is_some() { OPT_BYTES + option_bytes } else { 0 }
}

/// A response in the making. Once something did not fit, nothing more is written and the response ends truncated.
pub struct Writer<'w, 'b, 'p> {
    out: &'w mut ResponseBuf<'b>,
    query: &'w Query<'p>,
    /// The question's name in lower case.
    name: &'w [u8],
    told: Told<'w>,
    /// Octets of what is told.
    option_bytes: usize,
    /// Octets for all but the OPT record.
    limit: usize,
    counts: [u16; 3],
    overflowed: bool,
    /// Where names written in full begin, and each of their suffixes.
    known: [u16; MAX_KNOWN],
    known_count: usize,
}

/// A place in a response to go back to.
#[derive(Clone, Copy)]
pub struct Mark {
    len: usize,
    counts: [u16; 3],
    known_count: usize,
}

impl<'w, 'b, 'p> Writer<'w, 'b, 'p> {
    /// Begin with the header and the question.
    #[inline]
    pub fn new(
        out: &'w mut ResponseBuf<'b>,
        query: &'w Query<'p>,
        name: &'w [u8],
        told: Told<'w>,
        limit: usize,
    ) -> Self {
        let option_bytes = told.option_bytes();
        let limit = limit.min(out.bytes.len()).saturating_sub(trailer_bytes(query, option_bytes));
        let mut made = Self {
            out,
            query,
            name,
            told,
            option_bytes,
            limit: usize::MAX, // header and question stand in any response
            counts: [0; 3],
            overflowed: false,
            known: [0; MAX_KNOWN],
            known_count: 0,
        };
        made.out.len = 0;
        made.put(&[0; HEADER_BYTES]);
        made.put(query.question);
        made.limit = limit;
        made
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.out.len + bytes.len();
        match self.out.bytes.get_mut(self.out.len..end) {
            Some(target) if end <= self.limit && !self.overflowed => {
                target.copy_from_slice(bytes);
                self.out.len = end;
            }
            _ => self.overflowed = true,
        }
    }

    #[inline]
    fn count(&mut self, section: Section, records: u16) {
        if let Some(count) = self.counts.get_mut(section as usize) {
            match count.checked_add(records) {
                Some(sum) => *count = sum,
                None => self.overflowed = true,
            }
        }
    }

    pub fn mark(&self) -> Mark {
        Mark { len: self.out.len, counts: self.counts, known_count: self.known_count }
    }

    /// Take back what was written since `mark`, and whether it fitted.
    pub fn rewind(&mut self, mark: Mark) {
        self.out.len = mark.len;
        self.counts = mark.counts;
        self.known_count = mark.known_count;
    }

    /// Write what may be left out: all of it, or nothing where it does not fit.
    pub fn optional(&mut self, write: impl FnOnce(&mut Self)) {
        if self.overflowed {
            return;
        }
        let mark = self.mark();
        write(self);
        if self.overflowed {
            self.overflowed = false;
            self.rewind(mark);
        }
    }

    /// Let the response end truncated, whatever was written.
    pub fn cut(&mut self) {
        self.overflowed = true;
    }

    /// Take back all records.
    pub fn clear(&mut self) {
        self.overflowed = false;
        self.rewind(Mark { len: HEADER_BYTES + self.query.question.len(), counts: [0; 3], known_count: 0 });
    }

    /// Whether the records of this owner can go out as they were laid ready.
    #[inline]
    fn is_question(&self, owner: &[u8]) -> bool {
        owner.len() == self.name.len() && owner.len() > 1 && owner == self.name
    }

    /// One record, of which `rest` follows the owner name; its TTL is `ttl_s` where given.
    #[inline]
    pub fn record(&mut self, section: Section, owner: &[u8], rest: &[u8], ttl_s: Option<u32>) {
        if self.is_question(owner) {
            self.put(&QUESTION_POINTER);
        } else {
            self.owner(owner);
        }
        let start = self.out.len;
        self.put(rest);
        if let Some(ttl_s) = ttl_s
            && !self.overflowed
            && let Some(field) = self.out.bytes.get_mut(start + 4..start + 8)
        {
            field.copy_from_slice(&ttl_s.to_be_bytes());
        }
        self.count(section, 1);
    }

    /// Records that lie one behind the other, all of one owner. `count`: how many, where known.
    #[inline]
    pub fn records(&mut self, section: Section, owner: &[u8], wire: &[u8], ttl_s: Option<u32>) {
        for (rest, _) in records_of(wire) {
            self.record(section, owner, rest, ttl_s);
            if self.overflowed {
                return;
            }
        }
    }

    /// An owner name in the question's letters where it ends the question's name, so that it becomes a pointer there.
    fn owner(&mut self, owner: &[u8]) {
        let query = self.query;
        let shown = match self.name.len().checked_sub(owner.len()) {
            Some(at) if self.name.ends_with(owner) => query.spelling.get(at..).unwrap_or(owner),
            _ => owner,
        };
        let mut rest = shown;
        while rest.len() > 1 {
            if let Some(at) = self.find(rest) {
                let pointer = 0xC000 | at as u16;
                return self.put(&pointer.to_be_bytes());
            }
            self.remember(self.out.len);
            let shorter = parent(rest).unwrap_or_default();
            self.put(rest.get(..rest.len() - shorter.len()).unwrap_or_default());
            rest = shorter;
        }
        self.put(&[0]);
    }

    fn remember(&mut self, at: usize) {
        if at <= FARTHEST_POINTER
            && let Some(slot) = self.known.get_mut(self.known_count)
        {
            *slot = at as u16;
            self.known_count += 1;
        }
    }

    /// Where these octets stand as a name already.
    fn find(&self, name: &[u8]) -> Option<usize> {
        let spelling = self.query.spelling;
        let mut suffix = spelling;
        while suffix.len() > 1 {
            if suffix == name {
                return Some(HEADER_BYTES + spelling.len() - suffix.len());
            }
            suffix = parent(suffix)?;
        }
        let known = self.known.get(..self.known_count)?;
        known.iter().map(|&at| usize::from(at)).find(|&at| self.is_at(at, name))
    }

    fn is_at(&self, at: usize, name: &[u8]) -> bool {
        let (mut at, mut rest) = (at, name);
        loop {
            let Some(&length) = self.out.bytes.get(at) else {
                return false;
            };
            if length >= 0xC0 {
                let low = self.out.bytes.get(at + 1).copied().unwrap_or_default();
                at = usize::from(length & 0x3F) << 8 | usize::from(low);
                continue;
            }
            let label = self.out.bytes.get(at..at + 1 + usize::from(length)).unwrap_or_default();
            if !rest.starts_with(label) || label.is_empty() {
                return false;
            }
            if length == 0 {
                return true;
            }
            at += label.len();
            rest = rest.get(label.len()..).unwrap_or_default();
        }
    }

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
        if let Some(shown) = &rare.shown {
            self.option(options::COOKIE, &shown.reply);
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
