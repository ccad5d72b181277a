//! Records as they lie in a message, and the numbers of types and response codes that are treated in a way of their own.

pub const A: u16 = 1;
pub const NS: u16 = 2;
pub const CNAME: u16 = 5;
pub const SOA: u16 = 6;
pub const HINFO: u16 = 13;
pub const AAAA: u16 = 28;
pub const DNAME: u16 = 39;
pub const OPT: u16 = 41;
pub const DS: u16 = 43;
pub const TSIG: u16 = 250;
pub const IXFR: u16 = 251;
pub const AXFR: u16 = 252;
pub const ANY: u16 = 255;

/// The class of everything that is answered.
pub const IN: u16 = 1;
/// The class of what belongs to a message as a whole.
pub const CLASS_ANY: u16 = 255;

/// Response codes (RFC 1035 4.1.1, 2136 2.2, 6891 9, 7873 8, 8945 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rcode {
    NoError = 0,
    FormErr = 1,
    ServFail = 2,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
    YxDomain = 6,
    NotAuth = 9,
    BadVers = 16,
    BadCookie = 23,
}

/// Types whose RDATA is one name that is followed.
pub fn is_named(rrtype: u16) -> bool {
    matches!(rrtype, NS | CNAME | DNAME)
}

/// Zone transfers, which are denied.
pub fn is_transfer(rrtype: u16) -> bool {
    matches!(rrtype, IXFR | AXFR)
}

/// Types below the message layer or long obsolete, which no zone can hold: OPT, TKEY, TSIG, MAILB, MAILA.
pub fn is_unaskable(rrtype: u16) -> bool {
    matches!(rrtype, OPT | 249 | TSIG | 253 | 254)
}

/// RDATA of the HINFO that stands for an answer to ANY (RFC 8482 4.2).
pub const MINIMAL_ANY: &[u8] = b"\x07RFC8482\x00";

pub const HEADER_BYTES: usize = 12;
/// The highest bits of the first octet of a pointer to a name.
pub const POINTER: u8 = 0xC0;

/// The first octets of a record whose owner is the question's name.
pub const QUESTION_POINTER: [u8; 2] = [0xC0, 0x0C];

/// A record: owner name of two octets, then everything else.
pub fn write_record(into: &mut Vec<u8>, rrtype: u16, ttl_s: u32, rdata: &[u8]) {
    into.extend(QUESTION_POINTER);
    into.extend(rrtype.to_be_bytes());
    into.extend(IN.to_be_bytes());
    into.extend(ttl_s.to_be_bytes());
    into.extend((rdata.len() as u16).to_be_bytes());
    into.extend(rdata);
}

/// Records that lie one behind the other: each as it was laid ready, and its RDATA.
pub fn records_of(mut wire: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let length = u16::from_be_bytes([*wire.get(10)?, *wire.get(11)?]);
        let (record, rest) = wire.split_at_checked(12 + usize::from(length))?;
        wire = rest;
        Some((record, record.get(12..)?))
    })
}
