//! Sockets and threads around `dns-core`: batched UDP, TCP, and counters that are read without stopping anyone.
