//! What the workers count besides the core's `Stats`: written by one thread each, read by any without stopping it.

use dns_core::{Counter, Stats, Transport};

use crate::latency::Latency;

/// Why this side ended a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Silent for too long.
    Idle,
    /// Its address has too many.
    TooMany,
    /// All places were taken, and it had been silent longest.
    Room,
    /// The server stops.
    Shutdown,
}

const CLOSED: [(Closed, &str); 4] = [
    (Closed::Idle, "idle"),
    (Closed::TooMany, "too many of one address"),
    (Closed::Room, "room for others"),
    (Closed::Shutdown, "shutdown"),
];

/// Of the one thread that serves TCP.
#[derive(Debug, Default)]
pub struct TcpCounters {
    /// Connections opened.
    pub accepted: Counter,
    /// Connections gone again, whoever ended them, of those that were let in.
    pub gone: Counter,
    /// Connections let in.
    pub admitted: Counter,
    closed: [Counter; CLOSED.len()],
}

impl TcpCounters {
    /// This side ended a connection.
    pub fn count_closed(&self, reason: Closed) {
        if let Some(counter) = self.closed.get(reason as usize) {
            counter.add(1);
        }
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> u64 {
        // `gone` first: it rises after `admitted`, so that the difference is never below 0
        let gone = self.gone.get();
        self.admitted.get().saturating_sub(gone)
    }

    /// (reason, count) of connections that this side ended, without zeros.
    pub fn closed(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let named = CLOSED.iter().zip(&self.closed).map(|(&(_, name), counter)| (name, counter.get()));
        named.filter(|&(_, count)| count > 0)
    }
}

/// Of one worker thread.
#[derive(Debug)]
pub struct WorkerCounters {
    /// What this worker answers over.
    pub transport: Transport,
    /// From receiving to sending.
    pub latency: Latency,
    /// What answering counts.
    pub stats: Stats,
    /// Batches that could not be received.
    pub receive_failed: Counter,
    /// Replies that the kernel did not take.
    pub send_failed: Counter,
    /// Faults of ours, which cost one answer each.
    pub internal_errors: Counter,
    /// All 0 but for the thread that serves TCP.
    pub tcp: TcpCounters,
}

impl WorkerCounters {
    /// All counters at 0. `worker`: counts from 0.
    #[must_use]
    pub fn new(worker: usize, transport: Transport) -> Self {
        Self {
            transport,
            latency: Latency::default(),
            stats: Stats::of_worker(worker),
            receive_failed: Counter::default(),
            send_failed: Counter::default(),
            internal_errors: Counter::default(),
            tcp: TcpCounters::default(),
        }
    }

    /// (reason, count) of packets that got no reply, without zeros.
    pub fn dropped(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let own = [
            ("receive failed", &self.receive_failed),
            ("send failed", &self.send_failed),
            ("internal error", &self.internal_errors),
        ];
        let own = own.into_iter().map(|(name, counter)| (name, counter.get())).filter(|&(_, count)| count > 0);
        self.stats.dropped().chain(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stand_where_they_are_counted() {
        for (at, (reason, _)) in CLOSED.into_iter().enumerate() {
            assert_eq!(reason as usize, at);
        }
    }
}
