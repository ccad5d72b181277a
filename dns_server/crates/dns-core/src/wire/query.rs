//! Strict parsing of queries from the wire: what a stranger sent is checked once, here, and nothing is trusted before.
//!
//! Work is linear in the packet's length: the question's name stands first and so can have no pointer, and the only
//! other name that matters is that of a key.

use crate::wire::names::{MAX_LABEL_BYTES, MAX_NAME_BYTES};
use crate::wire::reason::Reason;
use crate::wire::records::{HEADER_BYTES, OPT, POINTER, TSIG};
use crate::wire::tsig::Signed;

const TYPE_AND_CLASS_BYTES: usize = 4;
const SMALLEST_RECORD_BYTES: usize = 11;

/// Why a packet gets no answer: nothing is sent, or a header with an rcode alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Drop(Reason),
    FormErr(Reason),
    NotImp(Reason),
}

/// A query. All of the question is empty or 0 where there is none, which only a client that asks for a cookie may send.
#[derive(Clone, Copy)]
pub struct Query<'p> {
    /// The header's first octet of flags; of it only RD matters.
    pub flags: u8,
    pub id: [u8; 2],
    /// Question name, type and class as sent.
    pub question: &'p [u8],
    pub rrtype: u16,
    pub rrclass: u16,
    pub edns: Option<Edns<'p>>,
    pub signed: Option<Signed<'p>>,
}

/// The OPT record of a query (RFC 6891 6.1). `options` are raw, since those of an unknown version mean nothing.
#[derive(Clone, Copy)]
pub struct Edns<'p> {
    pub size: u16,
    pub version: u8,
    pub dnssec_ok: bool,
    pub options: &'p [u8],
}

impl<'p> Query<'p> {
    /// Nothing yet.
    pub const NOTHING: Self =
        Self { flags: 0, id: [0; 2], question: &[], rrtype: 0, rrclass: 0, edns: None, signed: None };

    /// The question's name as sent.
    #[inline]
    pub fn spelling(&self) -> &'p [u8] {
        self.question.get(..self.question.len().saturating_sub(TYPE_AND_CLASS_BYTES)).unwrap_or_default()
    }

    /// Take over what a packet says; the order of checks is the reference's, since it decides the counted reason.
    #[inline]
    pub fn read(&mut self, packet: &'p [u8]) -> Result<(), Refusal> {
        let Some(&[id0, id1, flags, _, q0, q1, a0, a1, n0, n1, r0, r1]) = packet.first_chunk::<HEADER_BYTES>() else {
            return Err(Refusal::Drop(Reason::Short));
        };
        if flags & 0x80 != 0 {
            return Err(Refusal::Drop(Reason::Response));
        }
        if flags & 0x78 != 0 {
            return Err(Refusal::NotImp(Reason::Opcode));
        }
        *self = Self { flags, id: [id0, id1], ..Self::NOTHING };
        match [q0, q1] {
            [0, 1] => self.read_question(packet).map_err(Refusal::FormErr)?,
            [0, 0] => {}
            _ => return Err(Refusal::FormErr(Reason::QuestionCount)),
        }
        let before = usize::from(u16::from_be_bytes([a0, a1])) + usize::from(u16::from_be_bytes([n0, n1]));
        let additionals = usize::from(u16::from_be_bytes([r0, r1]));
        self.find_pseudo_records(packet, before, additionals).map_err(Refusal::FormErr)?;
        if self.question.is_empty() && self.edns.is_none() {
            return Err(Refusal::FormErr(Reason::QuestionCount));
        }
        Ok(())
    }

    #[inline]
    fn read_question(&mut self, packet: &'p [u8]) -> Result<(), Reason> {
        let end = question_name_end(packet)?;
        self.question = packet.get(HEADER_BYTES..end + TYPE_AND_CLASS_BYTES).ok_or(Reason::QuestionCutOff)?;
        let &[type0, type1, class0, class1] = self.question.last_chunk().ok_or(Reason::QuestionCutOff)?;
        self.rrtype = u16::from_be_bytes([type0, type1]);
        self.rrclass = u16::from_be_bytes([class0, class1]);
        Ok(())
    }

    /// Walk all records, since only their lengths tell where those are that belong to the message as a whole.
    #[inline]
    fn find_pseudo_records(&mut self, packet: &'p [u8], before: usize, additionals: usize) -> Result<(), Reason> {
        let records = before + additionals;
        let mut at = HEADER_BYTES + self.question.len();
        if records * SMALLEST_RECORD_BYTES > packet.len().saturating_sub(at) {
            return Err(Reason::RecordCount);
        }
        for number in 0..records {
            let owner = at;
            let fixed = skip_name(packet, at)?;
            let Some(&[t0, t1, c0, c1, _, version, f0, _, l0, l1]) =
                packet.get(fixed..).and_then(|rest| rest.first_chunk::<10>())
            else {
                return Err(Reason::RecordCutOff);
            };
            let data = fixed + 10;
            at = data + usize::from(u16::from_be_bytes([l0, l1]));
            let options = packet.get(data..at).ok_or(Reason::RecordCutOff)?;
            match u16::from_be_bytes([t0, t1]) {
                OPT => {
                    if number < before || self.edns.is_some() || packet.get(owner) != Some(&0) {
                        return Err(Reason::MisplacedOpt);
                    }
                    let size = u16::from_be_bytes([c0, c1]);
                    self.edns = Some(Edns { size, version, dnssec_ok: f0 & 0x80 != 0, options });
                }
                // The last one, so there are not two either (RFC 8945 5.2)
                TSIG if number < before || number + 1 < records => return Err(Reason::MisplacedTsig),
                TSIG => self.signed = Some(Signed::read(packet, owner, fixed)?),
                _ => {}
            }
        }
        if at == packet.len() { Ok(()) } else { Err(Reason::TrailingOctets) }
    }
}

/// Where the question's name ends.
#[inline]
fn question_name_end(packet: &[u8]) -> Result<usize, Reason> {
    let mut at = HEADER_BYTES;
    loop {
        let length = *packet.get(at).ok_or(Reason::QuestionCutOff)?;
        if length > MAX_LABEL_BYTES {
            return Err(Reason::QuestionName);
        }
        at += 1 + usize::from(length);
        if at - HEADER_BYTES > MAX_NAME_BYTES {
            return Err(Reason::QuestionName);
        }
        if length == 0 {
            return Ok(at);
        }
    }
}

/// The end of a record's owner name, whose pointer, if it has one, must lead backward and outside the header.
#[inline]
fn skip_name(packet: &[u8], start: usize) -> Result<usize, Reason> {
    let mut at = start;
    loop {
        let length = *packet.get(at).ok_or(Reason::RecordCutOff)?;
        if length >= POINTER {
            let low = *packet.get(at + 1).ok_or(Reason::RecordCutOff)?;
            let target = usize::from(length & !POINTER) << 8 | usize::from(low);
            return if (HEADER_BYTES..start).contains(&target) { Ok(at + 2) } else { Err(Reason::RecordName) };
        }
        let next = at + 1 + usize::from(length);
        if length > MAX_LABEL_BYTES || next - start > MAX_NAME_BYTES {
            return Err(Reason::RecordName);
        }
        at = next;
        if length == 0 {
            return Ok(at);
        }
    }
}
