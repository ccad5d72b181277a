//! What is asked while an answer is put together, and what one name contributes to it.

use crate::counts::choices::Choices;
use crate::statics::Static;
use crate::steering::decision::Decision;
use crate::steering::source::Source;
use crate::wire::names::MAX_NAME_BYTES;
use crate::wire::records::Rcode;
use crate::wire::summary::Summary;

/// What stays the same while aliases are followed.
pub(super) struct Ask<'v> {
    pub(super) statics: &'v Static,
    pub(super) decision: &'v Decision,
    pub(super) zone: u32,
    pub(super) rrtype: u16,
    pub(super) source: Source,
    pub(super) entropy: u64,
    pub(super) choices: &'v Choices,
}

/// One name's part of the answer: all of it, or an alias and the scope it is good for.
pub(super) enum Step<'v> {
    Done(Summary),
    Alias(Target<'v>, u8),
}

pub(super) const FOUND: Summary = Summary { is_authoritative: true, ..Summary::of(Rcode::NoError) };

/// Where an alias leads, in lower case.
pub(super) enum Target<'v> {
    Held(&'v [u8]),
    Made(Made),
}

/// A name put together from two.
#[derive(Clone, Copy)]
pub(super) struct Made {
    pub(super) bytes: [u8; MAX_NAME_BYTES],
    pub(super) len: usize,
}

impl Made {
    /// None where the name would be too long.
    pub(super) fn join(head: &[u8], tail: &[u8]) -> Option<Self> {
        let mut made = Self { bytes: [0; MAX_NAME_BYTES], len: head.len() + tail.len() };
        made.bytes.get_mut(..head.len())?.copy_from_slice(head);
        made.bytes.get_mut(head.len()..made.len)?.copy_from_slice(tail);
        Some(made)
    }
}
