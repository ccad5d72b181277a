//! How much a snapshot or a decision may hold: far above any use, far below what a machine holds.
//!
//! What comes from outside must not decide how much memory is taken: every count is checked before there is room made
//! for it. The largest installation that is meant to work has a million names, or 100,000 services of 250 classes each.

/// Octets of all chunks, as in `gslb/codec/snapshot.py`.
pub const MAX_SNAPSHOT_BYTES: usize = 1 << 29;
/// Names in all zones, those between a zone and its names included; and services.
pub const MAX_NAMES: usize = 1 << 23;
/// Record sets in all zones.
pub const MAX_RECORD_SETS: usize = 1 << 23;
/// Octets of all names, and of all records.
pub const MAX_ARENA_BYTES: usize = 1 << 30;
/// Ranges in all class maps.
pub const MAX_RANGES: usize = 1 << 26;
/// Members of all pools.
pub const MAX_MEMBERS: usize = 1 << 22;
/// Members that share one pool, or pools that share one class: their numbers take two octets.
pub const MAX_SHARES: usize = 1 << 16;
/// Members in one answer, where it is neither one nor all.
pub const MAX_ANSWERS: u32 = 64;
/// Classes of all columns.
pub const MAX_CLASSES: usize = 1 << 26;

/// Instead of a number of a node, record set, service, lane or pool: there is none. No limit lets numbers rise so far.
pub const NONE: u32 = u32::MAX;
