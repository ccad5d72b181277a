//! What a response says besides its records.

use crate::wire::explanation::Explanation;
use crate::wire::records::Rcode;

/// Authority, rcode, scope (RFC 7871 7.2.1) and why it is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub rcode: Rcode,
    pub is_authoritative: bool,
    pub scope: u8,
    pub explanation: Explanation,
}

impl Summary {
    /// Nothing but an rcode.
    pub const fn of(rcode: Rcode) -> Self {
        Self { rcode, is_authoritative: false, scope: 0, explanation: Explanation::Nothing }
    }

    /// An rcode, and why.
    pub const fn explained(rcode: Rcode, why: Explanation) -> Self {
        Self { explanation: why, ..Self::of(rcode) }
    }
}
