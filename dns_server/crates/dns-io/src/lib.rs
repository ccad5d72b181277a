//! Sockets and threads around `dns-core`: batched UDP, TCP, and counters that are read without stopping anyone.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![deny(unsafe_code)]

// The kernel's interface needs raw memory, whose slots are checked; nothing else here does
#[allow(unsafe_code, clippy::indexing_slicing)]
mod batch;
mod clock;
mod connection;
mod counters;
#[allow(unsafe_code)]
mod descriptors;
mod faults;
mod latency;
mod limits;
#[allow(unsafe_code)]
mod pages;
mod responder;
mod server;
mod shared;
#[allow(unsafe_code)]
mod slice;
mod sockets;
mod tcp;
mod udp;

pub use clock::{Clock, Now};
pub use counters::{Closed, TcpCounters, WorkerCounters};
pub use descriptors::duplicate;
pub use latency::{BUCKETS, Latency};
pub use limits::TcpLimits;
pub use pages::LargePages;
pub use responder::Responder;
pub use server::{Server, Settings};
