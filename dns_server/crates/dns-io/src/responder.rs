//! A worker's one door to the core: what it needs besides packet and view, and no fault that gets past it.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use dns_core::{Client, Guard, MAX_TCP_BYTES, ResponseBuf, Transport, Verdict, View};

use crate::clock::Now;
use crate::counters::WorkerCounters;

#[cfg(not(test))]
use dns_core::answer;
#[cfg(test)]
use tests::answer;

/// An odd number, so that the sequence of draws comes round only after 2^64 packets.
const ENTROPY_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Packets that come together while a worker has time to spare: all of them count in the demand.
const FEW: usize = 8;
/// Of larger batches one in so many counts in the demand, for all of them.
const SAMPLED: u32 = 16;

/// What one worker answers with.
pub struct Responder {
    guard: Guard,
    counters: Arc<WorkerCounters>,
    entropy: u64,
    now: Now,
    answered: u64,
    /// How many queries each one of this batch stands for in the demand.
    stands_for: u32,
    tcp_reply: Vec<u8>,
}

impl Responder {
    /// `entropy`: where the sequence of draws starts, so that workers and servers do not move in step. `threads`: how
    /// many share each rate limit.
    #[must_use]
    pub fn new(counters: Arc<WorkerCounters>, entropy: u64, threads: usize) -> Self {
        Self {
            guard: Guard::new(entropy, threads),
            counters,
            entropy,
            now: Now::default(),
            answered: 0,
            stands_for: 1,
            tcp_reply: Vec::new(),
        }
    }

    /// Where this worker counts.
    #[must_use]
    pub fn counters(&self) -> &WorkerCounters {
        &self.counters
    }

    /// Take all packets until the next call to have come now, about so many.
    pub fn begin(&mut self, now: Now, packets: usize) {
        self.now = now;
        self.answered = 0;
        self.stands_for = if packets > FEW { self.drawn() } else { 1 };
    }

    /// The answers since [`Self::begin`] have been sent; `since` tells how long ago that was.
    pub fn end(&mut self, since: impl FnOnce(Now) -> Duration) {
        if self.answered > 0 {
            self.counters.latency.count(self.answered, since(self.now));
        }
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

    /// How many queries each one of a large batch stands for.
    fn drawn(&self) -> u32 {
        // The high bits of a product move in no step with the batches, as those of the entropy itself would
        let drawn = (self.entropy ^ self.entropy >> 32).wrapping_mul(ENTROPY_STEP) >> 32;
        if drawn.is_multiple_of(u64::from(SAMPLED)) { SAMPLED } else { 0 }
    }

    fn respond(&mut self, query: &[u8], address: IpAddr, transport: Transport, view: &View, reply: &mut [u8]) -> usize {
        self.entropy = self.entropy.wrapping_add(ENTROPY_STEP);
        let (now_ms, unix_s) = (self.now.ms, self.now.unix_s);
        let (entropy, queries) = (self.entropy, self.stands_for);
        let client = Client { address, transport, entropy, queries, now_ms, unix_s };
        let mut out = ResponseBuf::new(reply);
        let (guard, stats) = (&mut self.guard, &self.counters.stats);
        let verdict = catch_unwind(AssertUnwindSafe(|| answer(query, &client, view, guard, &mut out, stats)));
        match verdict {
            Ok(Verdict::Reply) => {
                self.answered += 1;
                out.len()
            }
            Ok(Verdict::Drop) => 0,
            Err(_) => {
                self.counters.internal_errors.add(1);
                0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
    use std::time::Duration;

    use dns_core::Stats;

    use super::*;
    use crate::clock::Clock;
    use crate::limits::TcpLimits;
    use crate::server::{Server, Settings};

    const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    const DEADLINE: Duration = Duration::from_secs(5);
    const FATAL: u8 = 0xDE;

    /// The core's `answer`, with a fault that one id brings out.
    pub fn answer(
        query: &[u8],
        client: &Client,
        view: &View,
        guard: &mut Guard,
        out: &mut ResponseBuf<'_>,
        stats: &Stats,
    ) -> Verdict {
        assert_ne!(query[0], FATAL, "a fault of ours");
        dns_core::answer(query, client, view, guard, out, stats)
    }

    fn started() -> (Server, SocketAddr) {
        let idle = Duration::from_secs(10);
        let limits =
            TcpLimits { idle, drain: idle, per_address: 9, total: 9, per_turn: 16, high_water_bytes: 64 * 1024 };
        let mut server = Server::new(Settings { workers: 1, entropy: 1, clock: Clock::new(0), limits });
        let bound = server.start(&[ANYWHERE], Vec::new()).unwrap();
        (server, bound[0])
    }

    #[test]
    fn what_large_batches_stand_for_is_about_as_many_queries_as_there_are() {
        let mut responder = Responder::new(Arc::new(WorkerCounters::new(0, Transport::Udp)), 7, 1);
        let mut reply = [0; 100];
        for packets in [FEW + 1, 32] {
            let mut batches = 0;
            for _ in 0..16_000 {
                responder.begin(Now::default(), packets);
                batches += responder.stands_for;
                (0..packets).for_each(|_| {
                    responder.over_udp(&query(1), ANYWHERE.ip(), &View::nothing(), &mut reply);
                });
            }
            assert!(batches.abs_diff(16_000) < 2_000, "{batches} of {packets}");
        }
        responder.begin(Now::default(), FEW);
        assert_eq!(responder.stands_for, 1);
    }

    fn query(id: u8) -> Vec<u8> {
        vec![id, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1]
    }

    fn dropped(server: &Server) -> Vec<(&'static str, u64)> {
        server.counters().flat_map(WorkerCounters::dropped).collect()
    }

    #[test]
    fn a_panic_costs_one_answer_over_udp_is_counted_and_its_worker_goes_on() {
        let (server, address) = started();
        let client = UdpSocket::bind(ANYWHERE).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        for id in [1, FATAL, 2, FATAL, FATAL, 3] {
            client.send_to(&query(id), address).unwrap();
        }
        let mut reply = [0; 100];
        let answered = [1, 2, 3].map(|_| {
            client.recv(&mut reply).unwrap();
            reply[0]
        });
        assert_eq!(answered, [1, 2, 3]);
        assert_eq!(dropped(&server), [("internal error", 3)]);
    }

    #[test]
    fn a_panic_costs_one_answer_over_tcp_and_not_its_connection() {
        let (server, address) = started();
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        for id in [1, FATAL, 2] {
            client.write_all(&[&[0, 17], query(id).as_slice()].concat()).unwrap();
        }
        let mut replies = [0; 2 * (2 + 12)];
        client.read_exact(&mut replies).unwrap();
        assert_eq!([replies[2], replies[2 + 14]], [1, 2], "{replies:?}");
        assert_eq!(dropped(&server), [("internal error", 1)]);
    }
}
