//! A strict reader of DNS messages that shares nothing with the engine.

const HEADER_BYTES: usize = 12;

/// A message whose every octet is accounted for.
pub struct Message<'m> {
    /// Name, type and class of each.
    pub questions: Vec<&'m [u8]>,
    /// Answer, authority, additional.
    pub sections: [Vec<Record<'m>>; 3],
}

pub struct Record<'m> {
    pub is_root: bool,
    pub rrtype: u16,
    pub class: u16,
    pub ttl: u32,
    pub rdata: &'m [u8],
}

pub const OPT: u16 = 41;
pub const TSIG: u16 = 250;

impl<'m> Message<'m> {
    /// None where anything is malformed: a name that is too long or points forward, octets left over. Where pointers lead
    /// is looked at in replies only (`is_reply`): of a query, no record's owner matters.
    pub fn parse(octets: &'m [u8], is_reply: bool) -> Option<Self> {
        let count = |at| Some(usize::from(u16_at(octets, at)?));
        let mut at = HEADER_BYTES;
        let mut made = Self { questions: Vec::new(), sections: [const { Vec::new() }; 3] };
        for _ in 0..count(4)? {
            let start = at;
            at = name_end(octets, at, is_reply)? + 4;
            made.questions.push(octets.get(start..at)?);
        }
        for (number, section) in made.sections.iter_mut().enumerate() {
            for _ in 0..count(6 + 2 * number)? {
                let (record, end) = Record::parse(octets, at, is_reply)?;
                section.push(record);
                at = end;
            }
        }
        (at == octets.len()).then_some(made)
    }

    /// The OPT record.
    pub fn opt(&self) -> Option<&Record<'m>> {
        self.sections[2].iter().find(|record| record.rrtype == OPT)
    }

    /// All TSIG records.
    pub fn tsigs(&self) -> impl Iterator<Item = &Record<'m>> {
        self.sections.iter().flatten().filter(|record| record.rrtype == TSIG)
    }

    /// All records but OPT and TSIG.
    pub fn records(&self) -> impl Iterator<Item = &Record<'m>> {
        self.sections.iter().flatten().filter(|record| !matches!(record.rrtype, OPT | TSIG))
    }
}

impl<'m> Record<'m> {
    fn parse(octets: &'m [u8], start: usize, is_reply: bool) -> Option<(Self, usize)> {
        let at = name_end(octets, start, is_reply)?;
        let data = at + 10;
        let end = data + usize::from(u16_at(octets, at + 8)?);
        let made = Self {
            is_root: octets.get(start) == Some(&0),
            rrtype: u16_at(octets, at)?,
            class: u16_at(octets, at + 2)?,
            ttl: u32::from(u16_at(octets, at + 4)?) << 16 | u32::from(u16_at(octets, at + 6)?),
            rdata: octets.get(data..end)?,
        };
        Some((made, end))
    }

    /// Of an OPT record: code and content of each option.
    pub fn options(&self) -> Option<Vec<(u16, &'m [u8])>> {
        let mut found = Vec::new();
        let mut rest = self.rdata;
        while !rest.is_empty() {
            let length = usize::from(u16_at(rest, 2)?);
            found.push((u16_at(rest, 0)?, rest.get(4..4 + length)?));
            rest = &rest[4 + length..];
        }
        Some(found)
    }
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*octets.get(at)?, *octets.get(at + 1)?]))
}

/// Where a name ends in place; what it points to must be a name too, where that matters.
fn name_end(octets: &[u8], start: usize, follow: bool) -> Option<usize> {
    let (mut at, mut before, mut length, mut end) = (start, start, 0, None);
    loop {
        let octet = *octets.get(at)?;
        if octet >= 0xC0 {
            end = end.or(Some(at + 2));
            if !follow {
                return end;
            }
            at = usize::from(u16_at(octets, at)? & 0x3FFF);
            if at >= before || at < HEADER_BYTES {
                return None;
            }
            before = at;
            continue;
        }
        length += 1 + usize::from(octet);
        at += 1 + usize::from(octet);
        if octet > 63 || length > 255 || at > octets.len() {
            return None;
        }
        if octet == 0 {
            return end.or(Some(at));
        }
    }
}
