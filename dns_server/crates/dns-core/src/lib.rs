//! Answers DNS queries from a snapshot and a decision: bytes in, bytes out. No sockets, no clock, no threads.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]
