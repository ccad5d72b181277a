//! The native engine with its sockets.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::RawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dns_core::{Identity, Transport, View};
use dns_io::{BUCKETS, Clock, Settings, TcpLimits, WorkerCounters, duplicate};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use crate::loading::Decision;

/// Names with what was counted.
pub type Counts = BTreeMap<&'static str, u64>;

/// Sum by name.
pub fn counts(named: impl Iterator<Item = (&'static str, u64)>) -> Counts {
    let mut sums = Counts::new();
    for (name, count) in named {
        *sums.entry(name).or_default() += count;
    }
    sums
}

/// The sums of all workers' counters.
#[pyclass(frozen, get_all)]
pub struct Counted {
    queries: Vec<(&'static str, &'static str, &'static str, u64)>,
    limited: Vec<(&'static str, &'static str, u64)>,
    dropped: Counts,
    malformed: Counts,
    closed: Counts,
    cookies: Counts,
    truncated: u64,
    ecs: u64,
    accepted: u64,
    connections: u64,
    received_bytes: u64,
    sent_bytes: u64,
    latency: BTreeMap<&'static str, (Vec<u64>, u64)>,
}

/// A `dns_server.engines.tcp.TcpLimits`.
#[derive(FromPyObject)]
struct Limits {
    idle_s: f64,
    drain_s: f64,
    per_address: usize,
    total: usize,
    per_turn: usize,
    high_water_bytes: usize,
}

impl From<Limits> for TcpLimits {
    fn from(limits: Limits) -> Self {
        let duration = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        Self {
            idle: duration(limits.idle_s),
            drain: duration(limits.drain_s),
            per_address: limits.per_address,
            total: limits.total,
            per_turn: limits.per_turn,
            high_water_bytes: limits.high_water_bytes,
        }
    }
}

/// Sockets and threads.
#[pyclass(frozen)]
pub struct Server(Mutex<dns_io::Server>);

#[pymethods]
impl Server {
    #[new]
    #[pyo3(signature = (*, workers, entropy, wall_offset_s, limits))]
    fn new(workers: usize, entropy: u64, wall_offset_s: i64, limits: Limits) -> Self {
        let (clock, limits) = (Clock::new(wall_offset_s), limits.into());
        Self(Mutex::new(dns_io::Server::new(Settings { workers, entropy, clock, limits })))
    }

    /// Bind all (address, port, scope), or take them from `taken`, then answer. Returns the ports.
    fn start(&self, py: Python<'_>, listen: Vec<(IpAddr, u16, u32)>, taken: Vec<RawFd>) -> PyResult<Vec<u16>> {
        let wanted: Vec<SocketAddr> = listen.into_iter().map(socket_address).collect();
        let taken = taken.into_iter().map(duplicate).collect::<io::Result<_>>()?;
        let bound = py
            .detach(|| self.server().start(&wanted, taken))
            .map_err(|(address, error)| cannot_listen(address, error))?;
        Ok(bound.iter().map(SocketAddr::port).collect())
    }

    /// Make the memory that workers will count this snapshot in, which publishing it would else have to wait for.
    fn lay_ready(&self, py: Python<'_>, decision: &Decision) {
        let view = decision.view();
        py.detach(|| {
            let workers: Vec<usize> = self.server().counters().filter_map(|counters| counters.stats.worker).collect();
            workers.into_iter().for_each(|worker| view.lay_ready(worker));
        });
    }

    /// Free what earlier views held and nobody answers with any more.
    fn retire(&self, py: Python<'_>) {
        py.detach(|| self.server().retire());
    }

    /// Answer with this from the next batch on.
    fn publish(&self, py: Python<'_>, decision: &Decision) {
        let view = decision.view();
        py.detach(|| self.server().publish(view));
    }

    /// Answer SERVFAIL from the next batch on.
    fn withhold(&self, py: Python<'_>) {
        py.detach(|| self.server().publish(View::nothing()));
    }

    /// Descriptors of all listening sockets.
    fn descriptors(&self) -> Vec<RawFd> {
        self.server().descriptors()
    }

    /// Leave the sockets to whoever has taken them over; returns when all that was received is answered.
    fn drain(&self, py: Python<'_>) {
        py.detach(|| self.server().drain());
    }

    /// Answer as this server from the next batch on.
    fn identify(&self, py: Python<'_>, nsid: &[u8], secrets: Vec<[u8; 16]>) {
        let identity = Identity::new(nsid, &secrets);
        py.detach(|| self.server().identify(identity));
    }

    /// End all threads, close all sockets.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.server().stop());
    }

    /// What was counted so far; nobody is stopped for it.
    fn counters(&self) -> Counted {
        let server = self.server();
        let workers: Vec<&WorkerCounters> = server.counters().collect();
        let sum = |count: fn(&WorkerCounters) -> u64| workers.iter().map(|worker| count(worker)).sum();
        let mut queries = BTreeMap::new();
        for (transport, rrtype, rcode, count) in workers.iter().flat_map(|worker| worker.stats.queries()) {
            *queries.entry((transport, rrtype, rcode)).or_default() += count;
        }
        let mut limited = BTreeMap::new();
        for (limit, action, count) in workers.iter().flat_map(|worker| worker.stats.limited()) {
            *limited.entry((limit, action)).or_default() += count;
        }
        Counted {
            queries: queries
                .into_iter()
                .map(|((transport, rrtype, rcode), count)| (transport, rrtype, rcode, count))
                .collect(),
            limited: limited.into_iter().map(|((limit, action), count)| (limit, action, count)).collect(),
            dropped: counts(workers.iter().flat_map(|worker| worker.dropped())),
            malformed: counts(workers.iter().flat_map(|worker| worker.stats.malformed())),
            closed: counts(workers.iter().flat_map(|worker| worker.tcp.closed())),
            cookies: counts(workers.iter().flat_map(|worker| worker.stats.cookies())),
            truncated: sum(|worker| worker.stats.truncated.get()),
            ecs: sum(|worker| worker.stats.ecs.get()),
            accepted: sum(|worker| worker.tcp.accepted.get()),
            connections: sum(|worker| worker.tcp.open()),
            received_bytes: sum(|worker| worker.stats.received_bytes.get()),
            sent_bytes: sum(|worker| worker.stats.sent_bytes.get()),
            latency: latency(&workers),
        }
    }
}

/// By transport: answers in each bucket, and microseconds of all together.
fn latency(workers: &[&WorkerCounters]) -> BTreeMap<&'static str, (Vec<u64>, u64)> {
    let mut sums = BTreeMap::new();
    for worker in workers {
        let transport = match worker.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        let (buckets, sum_us) = sums.entry(transport).or_insert_with(|| (vec![0; BUCKETS + 1], 0));
        buckets.iter_mut().zip(worker.latency.buckets()).for_each(|(sum, count)| *sum += count);
        *sum_us += worker.latency.sum_us();
    }
    sums
}

impl Server {
    fn server(&self) -> MutexGuard<'_, dns_io::Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn socket_address((address, port, scope): (IpAddr, u16, u32)) -> SocketAddr {
    match address {
        IpAddr::V4(address) => SocketAddrV4::new(address, port).into(),
        IpAddr::V6(address) => SocketAddrV6::new(address, port, 0, scope).into(),
    }
}

fn cannot_listen(address: SocketAddr, error: io::Error) -> PyErr {
    let reason = error.to_string();
    let reason = reason.split(" (os error").next().unwrap_or_default();
    PyOSError::new_err((error.raw_os_error(), format!("cannot listen on {address}: {reason}")))
}
