//! What a dns server knows of itself, whatever it serves: `gslb/core/answering/identity.py`.

use std::fmt;

/// Of NSID, so that it always fits, beside the longest question and all other options.
pub const MAX_NSID_BYTES: usize = 128;

/// What a server calls itself, and what it knows its cookies by.
#[derive(Clone, Default)]
pub struct Identity {
    pub(crate) nsid: Vec<u8>,
    pub(crate) secrets: Vec<u128>,
}

impl Identity {
    /// `nsid`: told to who asks (RFC 5001), cut to 128 octets; empty = to nobody.
    ///
    /// `secrets`: of cookies; the first one makes new ones, all are taken. None: COOKIE options are passed over.
    pub fn new(nsid: &[u8], secrets: &[[u8; 16]]) -> Self {
        Self {
            nsid: nsid.iter().copied().take(MAX_NSID_BYTES).collect(),
            secrets: secrets.iter().map(|octets| u128::from_le_bytes(*octets)).collect(),
        }
    }
}

impl fmt::Debug for Identity {
    /// Without the secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identity").field("nsid", &self.nsid).finish_non_exhaustive()
    }
}
