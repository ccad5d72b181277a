//! What the OPT record of a response says besides, where there is one.

use crate::wire::options::OPTION_BYTES;
use crate::wire::query::Query;
use crate::wire::records::HEADER_BYTES;

const OPT_BYTES: usize = 11;
/// Octets of the COOKIE option in a response: the client's cookie and ours.
pub const COOKIE_BYTES: usize = 24;

/// `subnet`: the data of the ECS option. `rare`: what is told to few.
#[derive(Clone, Copy)]
pub struct Told<'w> {
    pub subnet: Option<&'w [u8]>,
    pub rare: Option<&'w Rare<'w>>,
}

impl Told<'_> {
    #[inline]
    pub fn option_bytes(&self) -> usize {
        self.subnet.map_or(0, |subnet| OPTION_BYTES + subnet.len()) + self.rare.map_or(0, Rare::option_bytes)
    }
}

/// What only those are told who ask for it: who answers, and a cookie. Apart, so that it costs all others nothing.
pub struct Rare<'w> {
    /// Empty = left out.
    pub nsid: &'w [u8],
    pub cookie: Option<[u8; COOKIE_BYTES]>,
}

impl Rare<'_> {
    /// Who answers is left out where not even an empty response has room for it.
    #[cold]
    #[inline(never)]
    pub fn fit(&mut self, query: &Query<'_>, subnet: Option<&[u8]>, limit: usize) {
        let told = Told { subnet, rare: Some(self) };
        let empty_bytes = HEADER_BYTES + query.question.len() + trailer_bytes(query, told.option_bytes());
        if empty_bytes > limit {
            self.nsid = &[];
        }
    }

    #[cold]
    fn option_bytes(&self) -> usize {
        let nsid = if self.nsid.is_empty() { 0 } else { OPTION_BYTES + self.nsid.len() };
        nsid + self.cookie.map_or(0, |cookie| OPTION_BYTES + cookie.len())
    }
}

/// Octets of the OPT record.
#[inline]
pub fn trailer_bytes(query: &Query<'_>, option_bytes: usize) -> usize {
    if query.edns.is_some() { OPT_BYTES + option_bytes } else { 0 }
}
