//! Defence: who asks too much, and who has proven his address. Says what should become of an answer, and leaves it to
//! others to do and count it.

pub mod buckets;
pub mod cookies;
pub mod identity;
pub mod rate_limit;
