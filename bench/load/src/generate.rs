//! Load and what comes back of it: either as fast as replies come, or at a fixed rate.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::batch::{make_room, Batch, BATCH};
use crate::histogram::Histogram;
use crate::queries::Queries;

/// A query not answered within this is lost.
const PATIENCE: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(100);
const HEADER_BYTES: usize = 12;

/// What was seen. `wrong`: replies that are no answer with at least one record.
pub struct Outcome {
    pub sent: u64,
    pub answered: u64,
    pub wrong: u64,
    pub lost: u64,
    pub reply_bytes: u64,
    pub elapsed: Duration,
    pub latencies_ns: Histogram,
}

/// The socket, the queries under way by their id, and the tally.
pub struct Generator {
    socket: UdpSocket,
    queries: Queries,
    pending: Vec<Option<Instant>>,
    free: Vec<u16>,
    received: Batch,
    outgoing: Batch,
    tally: Outcome,
}

impl Generator {
    /// At most `window` queries are under way at once.
    pub fn new(server: SocketAddr, queries: Queries, window: u16) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        make_room(&socket)?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(LOOK))?;
        Ok(Self {
            socket,
            queries,
            pending: vec![None; window.into()],
            free: (0..window).collect(),
            received: Batch::new(false),
            outgoing: Batch::new(false),
            tally: Outcome {
                sent: 0,
                answered: 0,
                wrong: 0,
                lost: 0,
                reply_bytes: 0,
                elapsed: Duration::ZERO,
                latencies_ns: Histogram::new(),
            },
        })
    }

    /// Keep the window full for `length`: every reply is followed by a query.
    pub fn flood(mut self, length: Duration) -> io::Result<Outcome> {
        let started = Instant::now();
        let mut now = started;
        while now - started < length {
            let due = self.free.len().min(BATCH);
            self.send(due, now)?;
            self.receive(true)?;
            now = Instant::now();
            self.give_up(now);
        }
        self.finish(started)
    }

    /// `rate` queries a second for `length`. A latency counts from when its query was due, sent late or not.
    pub fn pace(mut self, rate: f64, length: Duration) -> io::Result<Outcome> {
        let started = Instant::now();
        let mut scheduled: u64 = 0;
        loop {
            let now = Instant::now();
            let elapsed = now - started;
            if elapsed >= length {
                return self.finish(started);
            }
            let due = (elapsed.as_secs_f64() * rate) as u64 - scheduled;
            for _ in 0..(due as usize).min(self.free.len()).min(BATCH) {
                let at = started + Duration::from_secs_f64(scheduled as f64 / rate);
                self.send(1, at)?;
                scheduled += 1;
            }
            self.receive(false)?;
            self.give_up(now);
        }
    }

    fn send(&mut self, count: usize, due: Instant) -> io::Result<()> {
        for index in 0..count {
            let Some(id) = self.free.pop() else { unreachable!("the caller counts what is free") };
            let length = self.queries.compose(id, self.outgoing.slot(index));
            self.outgoing.set_length(index, length);
            self.pending[usize::from(id)] = Some(due);
        }
        self.tally.sent += count as u64;
        self.outgoing.send(&self.socket, count)
    }

    fn receive(&mut self, wait: bool) -> io::Result<()> {
        self.received.receive(&self.socket, wait)?;
        let now = Instant::now();
        for reply in self.received.received() {
            let id = match reply {
                [high, low, ..] if reply.len() >= HEADER_BYTES => u16::from_be_bytes([*high, *low]),
                _ => continue,
            };
            let Some(due) = self.pending.get_mut(usize::from(id)).and_then(Option::take) else { continue };
            self.free.push(id);
            self.tally.answered += 1;
            self.tally.reply_bytes += reply.len() as u64;
            self.tally.wrong += u64::from(!is_answer(reply));
            self.tally.latencies_ns.add((now - due).as_nanos() as u64);
        }
        Ok(())
    }

    /// Count as lost, and use again, the ids that waited too long; looked for when the window has run dry.
    fn give_up(&mut self, now: Instant) {
        if !self.free.is_empty() {
            return;
        }
        for (id, pending) in (0u16..).zip(&mut self.pending) {
            if pending.is_some_and(|due| now.saturating_duration_since(due) > PATIENCE) {
                *pending = None;
                self.free.push(id);
                self.tally.lost += 1;
            }
        }
    }

    /// Wait for what is still under way.
    fn finish(mut self, started: Instant) -> io::Result<Outcome> {
        self.tally.elapsed = started.elapsed();
        let end = Instant::now() + PATIENCE;
        while self.free.len() < self.pending.len() && Instant::now() < end {
            self.receive(true)?;
        }
        self.tally.lost += (self.pending.len() - self.free.len()) as u64;
        Ok(self.tally)
    }
}

/// A reply without error and with at least one answer record.
fn is_answer(reply: &[u8]) -> bool {
    reply[2] & 0x82 == 0x80 && reply[3] & 0x0F == 0 && (reply[6], reply[7]) != (0, 0)
}
