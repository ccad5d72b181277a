//! Owner names as lower-case wire bytes, and the zones and nodes they lead to.

use core::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;
use hashbrown::HashTable;

use crate::limits::MAX_ARENA_BYTES;

pub const MAX_NAME_BYTES: usize = 255;
pub const MAX_LABEL_BYTES: u8 = 63;
/// Of the longest name, the root's included.
pub const MAX_LABELS: usize = 128;

/// The name one label shorter; None for the root.
#[inline]
pub fn parent(name: &[u8]) -> Option<&[u8]> {
    match name.first() {
        None | Some(0) => None,
        Some(&length) => name.get(1 + usize::from(length)..),
    }
}

/// Labels without the root.
pub fn labels(name: &[u8]) -> usize {
    let mut count = 0;
    let mut rest = name;
    while let Some(shorter) = parent(rest) {
        count += 1;
        rest = shorter;
    }
    count
}

/// Whether `name` is `above` or below it, on a label boundary.
pub fn is_within(name: &[u8], above: &[u8]) -> bool {
    let mut rest = name;
    while rest.len() > above.len() {
        match parent(rest) {
            Some(shorter) => rest = shorter,
            None => return false,
        }
    }
    rest == above
}

/// Whether these bytes are exactly one uncompressed name.
pub fn is_name(bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&length) = bytes.get(at) {
        at += 1;
        if length == 0 {
            return at == bytes.len() && at <= MAX_NAME_BYTES;
        }
        if length > MAX_LABEL_BYTES {
            return false;
        }
        at += usize::from(length);
    }
    false
}

/// Bytes laid one behind the other; what is kept of each is where it lies.
#[derive(Default)]
pub struct Arena(Vec<u8>);

/// Where bytes lie in an [`Arena`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    start: u32,
    len: u32,
}

impl Span {
    #[inline]
    pub fn len(self) -> usize {
        self.len as usize
    }
}

impl Arena {
    /// None once there are too many.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Span> {
        let start = u32::try_from(self.0.len()).ok()?;
        let len = u32::try_from(bytes.len()).ok()?;
        if self.0.len() + bytes.len() > MAX_ARENA_BYTES {
            return None;
        }
        self.0.extend_from_slice(bytes);
        Some(Span { start, len })
    }

    #[inline]
    pub fn get(&self, span: Span) -> &[u8] {
        self.0.get(span.start as usize..span.start as usize + span.len as usize).unwrap_or_default()
    }

    pub fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }
}

/// Numbers by name; who asks knows the names of the numbers. A name may stand for several.
pub struct NameTable {
    table: HashTable<u32>,
    state: FixedState,
}

impl NameTable {
    pub fn new(seed: u64) -> Self {
        Self { table: HashTable::new(), state: FixedState::with_seed(seed) }
    }

    #[inline]
    pub fn hash(&self, name: &[u8]) -> u64 {
        hash(&self.state, name)
    }

    /// The number whose name `is_it` recognises among those that may be it.
    #[inline]
    pub fn find(&self, name: &[u8], mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        self.table.find(self.hash(name), |&number| is_it(number)).copied()
    }

    /// The number of a name with this hash, most likely.
    #[inline]
    pub fn likely(&self, hash: u64) -> Option<u32> {
        self.table.find(hash, |_| true).copied()
    }

    /// `name_of` says the name of any number inserted before.
    pub fn insert<'a>(&mut self, name: &[u8], number: u32, name_of: impl Fn(u32) -> &'a [u8]) {
        let state = &self.state;
        self.table.insert_unique(hash(state, name), number, |&number| hash(state, name_of(number)));
    }
}

#[inline]
fn hash(state: &FixedState, name: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write(name);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_within_names_on_label_boundaries_only() {
        assert!(is_within(b"\x01a\x02bc\0", b"\x02bc\0"));
        assert!(is_within(b"\x02bc\0", b"\x02bc\0"));
        assert!(is_within(b"\x02bc\0", b"\0"));
        assert!(!is_within(b"\x04\x61\x02bc\0", b"\x02bc\0"));
        assert!(!is_within(b"\x02bc\0", b"\x01a\x02bc\0"));
    }

    #[test]
    fn only_whole_names_are_names() {
        assert!(is_name(b"\0") && is_name(b"\x01a\0"));
        assert!(!is_name(b"") && !is_name(b"\x01a") && !is_name(b"\x01a\0\0") && !is_name(b"\xC0\x0C"));
        assert_eq!(labels(b"\x01a\x02bc\0"), 2);
    }
}
