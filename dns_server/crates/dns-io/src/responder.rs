//! A worker's one door to the core: what it needs besides packet and view, and no fault that gets past it.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use dns_core::{Asked, Client, GROUP, Guard, MAX_TCP_BYTES, NameBuf, ResponseBuf, Stats, Transport, Verdict, View};

use crate::batch::{Packets, Reply};
use crate::clock::Now;
use crate::counters::WorkerCounters;

#[cfg(not(test))]
use dns_core::{answer, compose, locate};
#[cfg(test)]
use tests::{answer, compose, locate};

/// An odd number, so that the sequence of draws comes round only after 2^64 packets.
const ENTROPY_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Packets that come together while a worker has time to spare: all of them count in the demand.
const FEW: usize = 8;
/// Of larger batches one in so many counts in the demand, for all of them.
const SAMPLED: u32 = 16;

/// What one worker answers with.
pub struct Responder {
    desk: Desk,
    clients: Clients,
    names: [NameBuf; GROUP],
    tcp_reply: Vec<u8>,
}

/// Where answers are written, whatever each of them leaves behind.
struct Desk {
    guard: Guard,
    counters: Arc<WorkerCounters>,
    answered: u64,
}

/// Makes clients of addresses.
struct Clients {
    entropy: u64,
    now: Now,
    /// How many queries each one of this batch stands for in the demand.
    stands_for: u32,
}

impl Responder {
    /// `entropy`: where the sequence of draws starts, so that workers and servers do not move in step. `threads`: how
    /// many share each rate limit.
    #[must_use]
    pub fn new(counters: Arc<WorkerCounters>, entropy: u64, threads: usize) -> Self {
        Self {
            desk: Desk { guard: Guard::new(entropy, threads), counters, answered: 0 },
            clients: Clients { entropy, now: Now::default(), stands_for: 1 },
            names: [NameBuf::default(); GROUP],
            tcp_reply: Vec::new(),
        }
    }

    /// Where this worker counts.
    #[must_use]
    pub fn counters(&self) -> &WorkerCounters {
        &self.desk.counters
    }

    /// Take all packets until the next call to have come now, about so many.
    pub fn begin(&mut self, now: Now, packets: usize) {
        self.clients.now = now;
        self.clients.stands_for = if packets > FEW { self.clients.drawn() } else { 1 };
        self.desk.answered = 0;
    }

    /// The answers since [`Self::begin`] have been sent; `since` tells how long ago that was.
    pub fn end(&mut self, since: impl FnOnce(Now) -> Duration) {
        let Desk { counters, answered, .. } = &self.desk;
        if *answered > 0 {
            counters.latency.count(*answered, since(self.clients.now));
        }
    }

    /// Answer packets, at most [`GROUP`], each into its reply; how many octets of each are to be sent, or 0.
    pub fn over_udp(&mut self, packets: &Packets<'_>, view: &View, replies: &mut [Reply]) -> [usize; GROUP] {
        let Self { desk, clients, names, .. } = self;
        let mut group = [Asked::NOTHING; GROUP];
        let group = group.get_mut(..packets.len()).unwrap_or_default();
        let located = caught(|| {
            for (((packet, address), asked), name) in packets.iter().zip(group.iter_mut()).zip(names) {
                asked.parse(packet, clients.next(address, Transport::Udp), name);
            }
            locate(group, view, &desk.counters.stats);
        });
        let mut lengths = [0; GROUP];
        for (at, ((asked, reply), length)) in group.iter().zip(replies).zip(&mut lengths).enumerate() {
            *length = desk.write(reply, |guard, out, stats| {
                if located.is_some() {
                    return compose(asked, view, guard, out, stats);
                }
                // A fault of ours, which must cost nobody his answer but the one who brings it out
                let Some((packet, address)) = packets.iter().nth(at) else { return Verdict::Drop };
                answer(packet, &clients.next(address, Transport::Udp), view, guard, out, stats)
            });
        }
        lengths
    }

    /// Answer a message; empty where there is nothing to be sent.
    pub fn over_tcp(&mut self, query: &[u8], address: IpAddr, view: &View) -> &[u8] {
        self.tcp_reply.resize(MAX_TCP_BYTES, 0);
        let Self { desk, clients, tcp_reply, .. } = self;
        let client = clients.next(address, Transport::Tcp);
        let length = desk.write(tcp_reply, |guard, out, stats| answer(query, &client, view, guard, out, stats));
        tcp_reply.get(..length).unwrap_or_default()
    }
}

impl Clients {
    fn next(&mut self, address: IpAddr, transport: Transport) -> Client {
        self.entropy = self.entropy.wrapping_add(ENTROPY_STEP);
        let Self { entropy, now, stands_for } = *self;
        Client { address, transport, entropy, queries: stands_for, now_ms: now.ms, unix_s: now.unix_s }
    }

    /// How many queries each one of a large batch stands for.
    fn drawn(&self) -> u32 {
        // The high bits of a product move in no step with the batches, as those of the entropy itself would
        let drawn = (self.entropy ^ self.entropy >> 32).wrapping_mul(ENTROPY_STEP) >> 32;
        if drawn.is_multiple_of(u64::from(SAMPLED)) { SAMPLED } else { 0 }
    }
}

impl Desk {
    /// Let one answer be written; the octets to send, or 0 where there is nothing to be sent.
    fn write(
        &mut self,
        memory: &mut [u8],
        write: impl FnOnce(&mut Guard, &mut ResponseBuf<'_>, &Stats) -> Verdict,
    ) -> usize {
        let mut out = ResponseBuf::new(memory);
        match caught(|| write(&mut self.guard, &mut out, &self.counters.stats)) {
            Some(Verdict::Reply) => {
                self.answered += 1;
                out.len()
            }
            Some(Verdict::Drop) => 0,
            None => {
                self.counters.internal_errors.add(1);
                0
            }
        }
    }
}

/// None where a fault of ours came out.
fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;
    use crate::limits::TcpLimits;
    use crate::server::{Server, Settings};

    const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    const DEADLINE: Duration = Duration::from_secs(5);
    const FATAL: u8 = 0xDE;
    const FATAL_TO_ALL: u8 = 0xDF;

    /// The core's steps, with faults that two ids bring out: in a step of its own, or in one that a group takes together.
    pub fn locate<'v>(group: &mut [Asked<'_, 'v>], view: &'v View, stats: &Stats) {
        assert!(group.iter().all(|asked| asked.packet()[0] != FATAL_TO_ALL), "a fault of ours");
        dns_core::locate(group, view, stats);
    }

    pub fn compose(
        asked: &Asked<'_, '_>,
        view: &View,
        guard: &mut Guard,
        out: &mut ResponseBuf<'_>,
        stats: &Stats,
    ) -> Verdict {
        assert_ne!(asked.packet()[0], FATAL, "a fault of ours");
        dns_core::compose(asked, view, guard, out, stats)
    }

    pub fn answer(
        query: &[u8],
        client: &Client,
        view: &View,
        guard: &mut Guard,
        out: &mut ResponseBuf<'_>,
        stats: &Stats,
    ) -> Verdict {
        assert!(![FATAL, FATAL_TO_ALL].contains(&query[0]), "a fault of ours");
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
        for packets in [FEW + 1, 32] {
            let mut batches = 0;
            for _ in 0..16_000 {
                responder.begin(Now::default(), packets);
                batches += responder.clients.stands_for;
                (0..packets).for_each(|_| {
                    responder.clients.next(ANYWHERE.ip(), Transport::Udp);
                });
            }
            assert!(batches.abs_diff(16_000) < 2_000, "{batches} of {packets}");
        }
        responder.begin(Now::default(), FEW);
        assert_eq!(responder.clients.stands_for, 1);
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
        for id in [1, FATAL, 2, FATAL_TO_ALL, FATAL, 3] {
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
