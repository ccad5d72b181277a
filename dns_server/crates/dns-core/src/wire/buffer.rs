//! Where a response is written: memory of the caller's, so that a batch of them needs no copy.

/// Most that is sent or invited over UDP (RFC 9715).
pub const MAX_UDP_BYTES: usize = 1232;
/// Most that a length field of two octets can say.
pub const MAX_TCP_BYTES: usize = 65_535;

/// One response in borrowed memory: at least [`MAX_UDP_BYTES`] for UDP and [`MAX_TCP_BYTES`] for TCP.
pub struct ResponseBuf<'a> {
    pub(crate) bytes: &'a mut [u8],
    pub(crate) len: usize,
}

impl<'a> ResponseBuf<'a> {
    /// An empty response that will be written to `bytes`.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, len: 0 }
    }

    /// The response, empty before [`crate::answer()`] and after it dropped a packet.
    pub fn message(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Octets of the response.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no response.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}
