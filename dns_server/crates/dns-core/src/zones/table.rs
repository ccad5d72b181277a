//! Names and records laid one behind the other, and the numbers that names stand for.

use core::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;
use hashbrown::HashTable;

use crate::input::limits::MAX_ARENA_BYTES;

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
