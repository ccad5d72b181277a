//! Answers DNS queries from a snapshot and a decision: bytes in, bytes out. No sockets, no clock, no threads.
//!
//! `gslb/core/answering` is the specification: this crate says the same, faster. Whatever an answer depends on is an
//! argument of [`answer()`]; whatever does not depend on the packet was worked out when [`Static`] and [`Decision`]
//! were loaded, so that a query costs neither lock nor allocation.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod ahead;
mod answer;
mod buckets;
mod buffer;
mod choices;
mod client;
mod cookies;
mod decision;
mod demand;
mod error;
mod explanation;
mod family;
mod guard;
mod identity;
mod limits;
mod load;
mod messages;
mod names;
mod options;
mod query;
mod ranges;
mod rate_limit;
mod records;
mod resolve;
mod siphash;
mod source;
mod statics;
mod stats;
mod steering_load;
mod tables;
mod tally;
mod told;
mod tsig;
mod view;
mod writer;
mod zone_load;
mod zones;

pub use ahead::Ahead;
pub use answer::{Verdict, answer};
pub use buffer::{MAX_TCP_BYTES, MAX_UDP_BYTES, ResponseBuf};
pub use choices::NO_POOL;
pub use client::{Client, Transport};
pub use decision::Decision;
pub use error::Invalid;
pub use guard::Guard;
pub use identity::{Identity, MAX_NSID_BYTES};
pub use statics::Static;
pub use stats::{Counter, Stats};
pub use tables::{COHORTS, Tables};
pub use tally::{Answers, Count, Tallies};
pub use view::View;
