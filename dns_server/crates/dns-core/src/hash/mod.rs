//! Hash functions written out, because their results must be the same everywhere. Knows nothing else.

pub mod mix;
pub mod siphash;
