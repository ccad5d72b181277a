//! Answers DNS queries from a snapshot and a decision: bytes in, bytes out. No sockets, no clock, no threads.
//!
//! `gslb/core/answering` is the specification: this crate says the same, faster. Whatever an answer depends on is an
//! argument of [`answer()`]; whatever does not depend on the packet was worked out when [`Static`] and [`Decision`]
//! were loaded, so that a query costs neither lock nor allocation.
//!
//! Folders are rooms, each of which says what it holds and what it does not know; `tests/rooms.rs` lists them from the
//! lowest and holds the direction. The files beside them put the rooms together.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod addresses;
mod answer;
mod asked;
mod counts;
mod defence;
mod guard;
mod hash;
mod input;
mod load;
mod resolve;
mod statics;
mod steering;
mod view;
mod way;
mod wire;
mod zones;

pub use answer::{Verdict, answer, compose, locate};
pub use asked::{Asked, GROUP, NameBuf};
pub use counts::demand::Count;
pub use counts::stats::{Counter, Stats};
pub use counts::tally::{Answers, NO_POOL, Tallies};
pub use defence::identity::{Identity, MAX_NSID_BYTES};
pub use guard::Guard;
pub use input::error::Invalid;
pub use statics::Static;
pub use steering::decision::Decision;
pub use steering::tables::{COHORTS, Tables};
pub use view::View;
pub use wire::buffer::{MAX_TCP_BYTES, MAX_UDP_BYTES, ResponseBuf};
pub use wire::client::{Client, Transport};
