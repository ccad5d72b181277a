//! Addresses and prefixes: sets of them, maps from them to small integers, the networks that clients are told apart by.
//! Knows nothing of what the integers mean.

pub mod network;
pub mod prefixes;
pub mod ranges;
