//! A worker's one door to the core: what it needs besides packet and view, and no fault that gets past it.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use dns_core::{Client, Guard, MAX_TCP_BYTES, ResponseBuf, Transport, Verdict, View, answer};

use crate::clock::Now;
use crate::counters::WorkerCounters;

/// An odd number, so that the sequence of draws comes round only after 2^64 packets.
const ENTROPY_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// What one worker answers with.
pub struct Responder {
    guard: Guard,
    counters: Arc<WorkerCounters>,
    entropy: u64,
    now: Now,
    tcp_reply: Vec<u8>,
}

impl Responder {
    /// `entropy`: where the sequence of draws starts, so that workers and servers do not move in step.
    #[must_use]
    pub fn new(counters: Arc<WorkerCounters>, entropy: u64) -> Self {
        Self { guard: Guard::new(), counters, entropy, now: Now::default(), tcp_reply: Vec::new() }
    }

    /// Where this worker counts.
    #[must_use]
    pub fn counters(&self) -> &WorkerCounters {
        &self.counters
    }

    /// Take all packets until the next call to have come now.
    pub fn begin(&mut self, now: Now) {
        self.now = now;
    }

    /// Answer a packet into `reply`; the octets to send, or 0 where there is nothing to be sent.
    pub fn over_udp(&mut self, query: &[u8], address: IpAddr, view: &View, reply: &mut [u8]) -> usize {
        self.respond(query, address, Transport::Udp, view, reply)
    }

    /// Answer a message; empty where there is nothing to be sent.
    pub fn over_tcp(&mut self, query: &[u8], address: IpAddr, view: &View) -> &[u8] {
        let mut reply = std::mem::take(&mut self.tcp_reply);
        reply.resize(MAX_TCP_BYTES, 0);
        let length = self.respond(query, address, Transport::Tcp, view, &mut reply);
        self.tcp_reply = reply;
        self.tcp_reply.get(..length).unwrap_or_default()
    }

    fn respond(&mut self, query: &[u8], address: IpAddr, transport: Transport, view: &View, reply: &mut [u8]) -> usize {
        self.entropy = self.entropy.wrapping_add(ENTROPY_STEP);
        let (now_ms, unix_s) = (self.now.ms, self.now.unix_s);
        let client = Client { address, transport, entropy: self.entropy, now_ms, unix_s };
        let mut out = ResponseBuf::new(reply);
        let (guard, stats) = (&mut self.guard, &self.counters.stats);
        let verdict = catch_unwind(AssertUnwindSafe(|| answer(query, &client, view, guard, &mut out, stats)));
        match verdict {
            Ok(Verdict::Reply) => out.len(),
            Ok(Verdict::Drop) => 0,
            Err(_) => {
                self.counters.internal_errors.add(1);
                0
            }
        }
    }
}
