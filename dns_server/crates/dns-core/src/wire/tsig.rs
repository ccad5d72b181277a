//! Signed queries (TSIG, RFC 8945): we know no keys, so each is refused by a record that says so and is not signed.
//! `gslb/core/answering/tsig.py`.

use crate::wire::names::{MAX_LABEL_BYTES, MAX_NAME_BYTES};
use crate::wire::reason::Reason;
use crate::wire::records::{CLASS_ANY, HEADER_BYTES, POINTER, TSIG};

const BADKEY: u8 = 17;
/// Type, class, TTL and length of a record.
const FIXED_BYTES: usize = 10;
/// Time, fudge, size of the MAC, original id, error, length of what else there is.
const MOST_BYTES: usize = MAX_NAME_BYTES + FIXED_BYTES + MAX_NAME_BYTES + 16;

/// Where a query is signed, by a TSIG record that can be interpreted.
#[derive(Clone, Copy)]
pub struct Signed<'p> {
    packet: &'p [u8],
    /// Where the record's owner name, which is the key's, and what follows it stand.
    owner: u16,
    fixed: u16,
}

impl<'p> Signed<'p> {
    #[cold]
    pub fn read(packet: &'p [u8], owner: usize, fixed: usize) -> Result<Self, Reason> {
        let place = |at| u16::try_from(at).map_err(|_| Reason::RecordName);
        let signed = Self { packet, owner: place(owner)?, fixed: place(fixed)? };
        let mut record = Record::default();
        signed.key(&mut record).ok_or(Reason::RecordName)?;
        signed.rdata(&mut record).ok_or(Reason::Tsig)?;
        Ok(signed)
    }

    /// The record of a reply that says that the key is unknown: nothing of its own but the error (RFC 8945 5.2.1).
    #[cold]
    pub fn refusal(&self) -> Record {
        let mut record = Record::default();
        // Never None, since it was read
        let _ = self.key(&mut record).and_then(|()| self.rdata(&mut record));
        record
    }

    /// The owner name without pointers, each of which must lead farther back.
    fn key(&self, record: &mut Record) -> Option<()> {
        let mut start = usize::from(self.owner);
        let mut at = start;
        loop {
            let length = *self.packet.get(at)?;
            if length >= POINTER {
                let low = *self.packet.get(at + 1)?;
                let target = usize::from(length & !POINTER) << 8 | usize::from(low);
                if !(HEADER_BYTES..start).contains(&target) {
                    return None;
                }
                (at, start) = (target, target);
                continue;
            }
            let next = at + 1 + usize::from(length);
            if length > MAX_LABEL_BYTES {
                return None;
            }
            record.put(self.packet.get(at..next)?)?;
            at = next;
            if record.len > MAX_NAME_BYTES {
                return None;
            }
            if length == 0 {
                return Some(());
            }
        }
    }

    /// Everything behind the owner name (RFC 8945 4.2).
    fn rdata(&self, record: &mut Record) -> Option<()> {
        let fixed = self.packet.get(usize::from(self.fixed)..)?.first_chunk::<FIXED_BYTES>()?;
        let &[_, _, class0, class1, 0, 0, 0, 0, length0, length1] = fixed else { return None };
        if u16::from_be_bytes([class0, class1]) != CLASS_ANY {
            return None;
        }
        let rdata = self.packet.get(usize::from(self.fixed) + FIXED_BYTES..)?;
        let rdata = rdata.get(..usize::from(u16::from_be_bytes([length0, length1])))?;
        let (algorithm, rest) = rdata.split_at_checked(name_end(rdata)?)?;
        let (signed, rest) = rest.split_first_chunk::<8>()?;
        let (&mac, rest) = rest.split_first_chunk::<2>()?;
        let rest = rest.get(usize::from(u16::from_be_bytes(mac))..)?;
        let &[id0, id1, _, _, other0, other1] = rest.first_chunk::<6>()?;
        if rest.len() - 6 != usize::from(u16::from_be_bytes([other0, other1])) {
            return None;
        }
        let ([type0, type1], [length0, length1]) = (TSIG.to_be_bytes(), (algorithm.len() as u16 + 16).to_be_bytes());
        record.put(&[type0, type1, class0, class1, 0, 0, 0, 0, length0, length1])?;
        record.put(algorithm)?;
        record.put(signed)?;
        record.put(&[0, 0, id0, id1, 0, BADKEY, 0, 0])
    }
}

/// The octets of one record.
pub struct Record {
    bytes: [u8; MOST_BYTES],
    len: usize,
}

impl Default for Record {
    fn default() -> Self {
        Self { bytes: [0; MOST_BYTES], len: 0 }
    }
}

impl Record {
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len + bytes.len();
        self.bytes.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }
}

fn name_end(rdata: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = *rdata.get(at)?;
        if length > MAX_LABEL_BYTES || at >= MAX_NAME_BYTES {
            return None;
        }
        at += 1 + usize::from(length);
        if length == 0 {
            return Some(at);
        }
    }
}
