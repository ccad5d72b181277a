//! The index that is made once per snapshot.

use crate::error::Invalid;

/// Everything that depends on neither packet nor decision, laid ready for look-ups.
pub struct Static {}

impl Static {
    /// Index a snapshot: `chunks` in the manifest's order, already proven to be what the manifest names, and
    /// `extra`, an `EngineStatic`. `seed`: random, so that nobody can make names that collide in the hash map.
    pub fn load<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, extra: &[u8], seed: u64) -> Result<Self, Invalid> {
        let _ = (chunks.into_iter().count(), extra, seed);
        Ok(Self {})
    }
}
