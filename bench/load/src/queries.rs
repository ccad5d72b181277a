//! What is asked: a random name of a list for a random client prefix of another, as a resolver with ECS asks it.

const HEADER: [u8; 12] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
const QUESTION_END: [u8; 4] = [0, 1, 0, 1];
/// OPT with a payload of 1232 and one client subnet option: family 1, source prefix length 24, scope 0.
const OPT: [u8; 19] = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0];

pub struct Queries {
    names: Vec<Vec<u8>>,
    prefixes: Vec<[u8; 3]>,
    state: u64,
}

impl Queries {
    /// One name, and one IPv4 address of a /24, a line.
    pub fn parse(names: &str, prefixes: &str, seed: u64) -> Result<Self, String> {
        let names: Vec<_> = names.lines().map(wire_name).collect::<Result<_, _>>()?;
        let prefixes: Vec<_> = prefixes.lines().map(network).collect::<Result<_, _>>()?;
        if names.is_empty() || prefixes.is_empty() {
            return Err("there are no names or no prefixes".into());
        }
        Ok(Self { names, prefixes, state: seed | 1 })
    }

    /// Write the next query; returns its length.
    pub fn compose(&mut self, id: u16, into: &mut [u8]) -> usize {
        let (name, prefix) = (self.draw(self.names.len()), self.draw(self.prefixes.len()));
        let parts: [&[u8]; 5] = [&HEADER, &self.names[name], &QUESTION_END, &OPT, &self.prefixes[prefix]];
        let mut length = 0;
        for part in parts {
            into[length..length + part.len()].copy_from_slice(part);
            length += part.len();
        }
        into[..2].copy_from_slice(&id.to_be_bytes());
        length
    }

    /// xorshift64*, scaled.
    fn draw(&mut self, below: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let high = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        ((high * below as u64) >> 32) as usize
    }
}

fn wire_name(text: &str) -> Result<Vec<u8>, String> {
    let mut wire = Vec::new();
    for label in text.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length));
        wire.push(length.ok_or_else(|| format!("'{text}' is not a name"))?);
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    Ok(wire)
}

fn network(text: &str) -> Result<[u8; 3], String> {
    let address: std::net::Ipv4Addr = text.parse().map_err(|_| format!("'{text}' is not an IPv4 address"))?;
    let [a, b, c, _] = address.octets();
    Ok([a, b, c])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_laid_out_as_the_standards_say() {
        let mut queries = Queries::parse("a.bc\n", "192.0.2.0\n", 1).unwrap();
        let mut packet = [0; 512];
        let length = queries.compose(0x1234, &mut packet);
        let expected = [
            &[0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1][..],
            b"\x01a\x02bc\x00\x00\x01\x00\x01",
            b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x0b\x00\x08\x00\x07\x00\x01\x18\x00\xc0\x00\x02",
        ]
        .concat();
        assert_eq!(&packet[..length], expected);
    }

    #[test]
    fn wrong_lines_are_refused() {
        assert!(Queries::parse("a..b\n", "192.0.2.0\n", 1).is_err());
        assert!(Queries::parse("a.b\n", "192.0.2\n", 1).is_err());
        assert!(Queries::parse("", "192.0.2.0\n", 1).is_err());
    }
}
