//! What a packet asks, as far as the packet alone tells.

use crate::steering::source::Source;
use crate::way::Way;
use crate::wire::client::Client;
use crate::wire::explanation::Explanation;
use crate::wire::names::MAX_NAME_BYTES;
use crate::wire::options::{Options, parse_options};
use crate::wire::query::{Query, Refusal};
use crate::wire::reason::Reason;
use crate::wire::records::{IN, Rcode, is_transfer, is_unaskable};
use crate::wire::summary::Summary;

/// How many packets had best be answered together: about as many as the processor waits for lines of memory at once, and
/// few enough that what they need stays in its first cache.
pub const GROUP: usize = 16;

/// Octets that are put in lower case together: the processor does it as fast as with one.
const BLOCK_BYTES: usize = 16;

/// Where a question's name is written in lower case: memory of the caller's.
#[derive(Clone, Copy)]
pub struct NameBuf([u8; MAX_NAME_BYTES.next_multiple_of(BLOCK_BYTES)]);

impl Default for NameBuf {
    fn default() -> Self {
        Self([0; MAX_NAME_BYTES.next_multiple_of(BLOCK_BYTES)])
    }
}

impl NameBuf {
    /// A name in lower case; length octets are below the letters. None where it is longer than any name.
    #[inline]
    fn lower(&mut self, name: &[u8]) -> Option<&[u8]> {
        self.0.get_mut(..name.len())?.copy_from_slice(name);
        let (blocks, []) = self.0.as_chunks_mut::<BLOCK_BYTES>() else { return None };
        blocks.iter_mut().take(name.len().div_ceil(BLOCK_BYTES)).for_each(|block| block.make_ascii_lowercase());
        self.0.get(..name.len())
    }
}

/// A packet on its way to its answer.
pub struct Asked<'p, 'v> {
    pub(crate) packet: &'p [u8],
    pub(crate) client: Client,
    /// Why there is no query, where it could not be read.
    pub(crate) refused: Option<Refusal>,
    pub(crate) query: Query<'p>,
    /// Nothing where they could not be read or mean nothing to us.
    pub(crate) options: Options<'p>,
    /// Why they could not be read.
    pub(crate) malformed: Option<Reason>,
    /// The answer, where no name is looked up.
    pub(crate) settled: Option<Summary>,
    /// The question's name, where it is looked up.
    pub(crate) way: Option<Way<'p, 'v>>,
}

impl<'p> Asked<'p, '_> {
    /// Nothing yet.
    pub const NOTHING: Self = Self {
        packet: &[],
        client: Client::NOBODY,
        refused: None,
        query: Query::NOTHING,
        options: Options::NONE,
        malformed: None,
        settled: None,
        way: None,
    };

    /// The packet, as it came.
    pub fn packet(&self) -> &'p [u8] {
        self.packet
    }

    /// Who sent it.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Read a packet.
    #[inline]
    pub fn parse(&mut self, packet: &'p [u8], client: Client, memory: &'p mut NameBuf) {
        self.packet = packet;
        self.client = client;
        self.options = Options::NONE;
        (self.malformed, self.settled, self.way) = (None, None, None);
        self.refused = self.query.read(packet).err();
        if self.refused.is_none() {
            self.settle();
            self.begin(memory);
        }
    }

    /// Look for what is answered without regard to the name.
    #[inline]
    fn settle(&mut self) {
        self.settled = settled(&self.query);
        let Some(edns) = self.query.edns else { return };
        if edns.version > 0 {
            self.settled = Some(Summary::of(Rcode::BadVers));
        } else if let Err(reason) = parse_options(edns.options, &mut self.options) {
            self.options = Options::NONE;
            self.malformed = Some(reason);
            self.settled = Some(Summary::of(Rcode::FormErr));
        }
    }

    #[inline]
    fn begin(&mut self, memory: &'p mut NameBuf) {
        let spelling = self.query.spelling();
        if self.settled.is_none()
            && !spelling.is_empty()
            && let Some(name) = memory.lower(spelling)
        {
            self.way = Some(Way::new(name, self.query.rrtype, Source::Resolver(self.client.address)));
        }
    }
}

#[inline]
fn settled(query: &Query<'_>) -> Option<Summary> {
    if query.signed.is_some() {
        Some(Summary::of(Rcode::NotAuth)) // no key is known (RFC 8945 5.2.1)
    } else if query.question.is_empty() {
        None // it is about the client's cookie
    } else if query.rrclass != IN || is_transfer(query.rrtype) {
        Some(Summary::explained(Rcode::Refused, Explanation::NotSupported))
    } else if is_unaskable(query.rrtype) {
        Some(Summary::explained(Rcode::NotImp, Explanation::NotSupported))
    } else {
        None
    }
}
