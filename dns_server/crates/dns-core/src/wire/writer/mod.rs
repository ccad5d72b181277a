//! Composing a response: sections of record sets, never larger than allowed (RFC 2181 9).
//!
//! Owner names become pointers where the same octets were written before, as in the reference; RDATA is never touched.

mod names;
mod trailer;

use std::ptr;

use crate::wire::buffer::ResponseBuf;
use crate::wire::query::Query;
use crate::wire::records::{HEADER_BYTES, QUESTION_POINTER, records_of};
use crate::wire::told::{Told, trailer_bytes};

const MAX_KNOWN: usize = 128;

/// Where names written in full begin, and each of their suffixes; made once a worker, so that a response need not clear it.
pub type Known = [u16; MAX_KNOWN];

/// Of nobody's response.
pub const NONE_KNOWN: Known = [0; MAX_KNOWN];

/// Sections of a message, as the header counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Answer,
    Authority,
    Additional,
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
    known: &'w mut Known,
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
        known: &'w mut Known,
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
            known,
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
        owner.len() > 1 && (ptr::eq(owner, self.name) || owner == self.name)
    }

    /// One record as it was laid ready, its owner two octets that point to the question's name; its TTL is `ttl_s` where
    /// given.
    #[inline]
    pub fn record(&mut self, section: Section, owner: &[u8], record: &[u8], ttl_s: Option<u32>) {
        let rest = record.get(QUESTION_POINTER.len()..).unwrap_or_default();
        if self.is_question(owner) {
            self.put(record);
        } else {
            self.owner(owner);
            self.put(rest);
        }
        if let Some(ttl_s) = ttl_s
            && !self.overflowed
            && let Some(written) = self.out.bytes.get_mut(self.out.len - rest.len()..self.out.len)
            && let Some(field) = written.get_mut(4..8)
        {
            field.copy_from_slice(&ttl_s.to_be_bytes());
        }
        self.count(section, 1);
    }

    /// Records that lie one behind the other, all of one owner.
    #[inline]
    pub fn records(&mut self, section: Section, owner: &[u8], wire: &[u8], ttl_s: Option<u32>) {
        for (record, _) in records_of(wire) {
            self.record(section, owner, record, ttl_s);
            if self.overflowed {
                return;
            }
        }
    }
}
