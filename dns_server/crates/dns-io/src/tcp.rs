//! DNS over TCP (RFC 7766) in one thread: pipelining, half-close, and limits so that nobody can keep others out.
//!
//! Whoever has been silent longest goes when the house is full, and whoever has been silent too long goes anyway: an idle
//! client, one that trickles in a query, and one that does not read its answers, because reading from it stops until it
//! does.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, TcpListener as StdListener};
use std::time::{Duration, Instant};

use dns_core::View;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::connection::{Connection, Turn};
use crate::counters::Closed;
use crate::limits::TcpLimits;
use crate::responder::Responder;
use crate::shared::Shared;

const WAKER: Token = Token(usize::MAX);
const EVENTS: usize = 256;
/// Accepted in a row before those who are here get their turn.
const ACCEPTED_A_TURN: usize = 64;

/// All TCP connections over all listen addresses.
pub struct House {
    poll: Poll,
    listeners: Vec<TcpListener>,
    /// Whether there may be somebody at the door of a listener.
    knocking: bool,
    connections: HashMap<Token, Connection>,
    by_address: HashMap<IpAddr, usize>,
    /// All connections, each filed under some moment at which it was not silent yet; see `idlest`.
    by_silence: BTreeSet<(Instant, Token)>,
    /// Connections with more to do than one turn allows.
    again: Vec<Token>,
    next_token: usize,
    limits: TcpLimits,
}

impl House {
    /// The house, and what ends its thread's wait.
    ///
    /// # Errors
    /// Those of epoll.
    pub fn new(listeners: Vec<StdListener>, limits: TcpLimits) -> io::Result<(Self, mio::Waker)> {
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKER)?;
        let mut listeners: Vec<TcpListener> = listeners.into_iter().map(TcpListener::from_std).collect();
        for (number, listener) in listeners.iter_mut().enumerate() {
            poll.registry().register(listener, Token(number), Interest::READABLE)?;
        }
        let house = Self {
            poll,
            next_token: listeners.len(),
            listeners,
            knocking: true,
            connections: HashMap::new(),
            by_address: HashMap::new(),
            by_silence: BTreeSet::new(),
            again: Vec::new(),
            limits,
        };
        Ok((house, waker))
    }

    /// Serve until told to end: at once, or when those who are here have gone. Then end all connections.
    pub fn run(mut self, shared: &Shared, responder: &mut Responder) {
        let mut events = Events::with_capacity(EVENTS);
        let mut tick = self.limits.idle / 10;
        let mut swept = Instant::now();
        let mut end = None;
        while !shared.is_stopping() {
            if end.is_none() && !shared.is_receiving() {
                end = Some(Instant::now() + self.limits.drain);
                self.close_doors();
                tick = self.limits.idle / 10;
            }
            if end.is_some_and(|end| self.connections.is_empty() || end <= Instant::now()) {
                break;
            }
            let wait = if self.again.is_empty() { tick } else { Duration::ZERO };
            if self.poll.poll(&mut events, Some(wait)).is_err() {
                continue; // interrupted by a signal
            }
            let now = Instant::now();
            self.serve(&events, now, shared, responder);
            if now.duration_since(swept) >= tick {
                swept = now;
                self.knocking = true; // in case accepting failed for want of descriptors
                self.sweep(now, responder);
            }
            if self.knocking {
                self.accept(now, responder);
            }
        }
        for token in self.connections.keys().copied().collect::<Vec<_>>() {
            self.end(token, Closed::Shutdown, responder);
        }
    }

    /// Another process accepts from now on.
    fn close_doors(&mut self) {
        for mut listener in self.listeners.drain(..) {
            let _ = self.poll.registry().deregister(&mut listener); // closing does not: the socket lives on elsewhere
        }
        self.limits.idle = self.limits.idle.min(self.limits.drain / 5);
    }

    /// One turn for everybody who has something to do.
    fn serve(&mut self, events: &Events, now: Instant, shared: &Shared, responder: &mut Responder) {
        let view = shared.view();
        responder.begin(shared.now(), 1);
        for token in std::mem::take(&mut self.again) {
            if let Some(connection) = self.connections.get_mut(&token) {
                connection.is_queued = false;
            }
            self.turn(token, now, &view, responder);
        }
        for event in events {
            match event.token() {
                WAKER => {}
                Token(number) if number < self.listeners.len() => self.knocking = true,
                token => {
                    if let Some(connection) = self.connections.get_mut(&token) {
                        connection.is_readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                        connection.is_writable |= event.is_writable() || event.is_error();
                    }
                    self.turn(token, now, &view, responder);
                }
            }
        }
        responder.end(|begin| shared.since(begin));
    }

    fn turn(&mut self, token: Token, now: Instant, view: &View, responder: &mut Responder) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        match connection.turn(&self.limits, now, view, responder) {
            Turn::Waits => {}
            Turn::Again if connection.is_queued => {}
            Turn::Again => {
                connection.is_queued = true;
                self.again.push(token);
            }
            Turn::Done => self.forget(token, responder),
        }
    }

    fn accept(&mut self, now: Instant, responder: &Responder) {
        self.knocking = false;
        for number in 0..self.listeners.len() {
            for _ in 0..ACCEPTED_A_TURN {
                let Some(listener) = self.listeners.get(number) else { break };
                match listener.accept() {
                    Ok((stream, peer)) => self.admit(stream, peer.ip().to_canonical(), now, responder),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => break, // out of descriptors: the next sweep tries again
                }
            }
        }
    }

    /// Its address may have too many already; the longest idle one makes room when all places are taken.
    fn admit(&mut self, mut stream: TcpStream, address: IpAddr, now: Instant, responder: &Responder) {
        let counters = &responder.counters().tcp;
        counters.accepted.add(1);
        if self.by_address.get(&address).copied().unwrap_or(0) >= self.limits.per_address {
            counters.count_closed(Closed::TooMany);
            return;
        }
        if self.connections.len() >= self.limits.total
            && let Some((token, _)) = self.idlest()
        {
            self.end(token, Closed::Room, responder);
        }
        let token = Token(self.next_token);
        self.next_token += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(&mut stream, token, interest).is_err() {
            return;
        }
        let _ = stream.set_nodelay(true); // only speed is lost without
        *self.by_address.entry(address).or_default() += 1;
        self.connections.insert(token, Connection::new(stream, address, now));
        self.by_silence.insert((now, token));
        counters.admitted.add(1);
    }

    /// End connections that have fallen idle.
    fn sweep(&mut self, now: Instant, responder: &Responder) {
        while let Some((token, last_query)) = self.idlest() {
            if now.duration_since(last_query) < self.limits.idle {
                break;
            }
            self.end(token, Closed::Idle, responder);
        }
    }

    /// The connection that has been silent longest, and its last query. Connections are filed anew only when they come
    /// to the front, so that queries pay nothing for this.
    fn idlest(&mut self) -> Option<(Token, Instant)> {
        loop {
            let (filed, token) = *self.by_silence.first()?;
            let last_query = self.connections.get(&token)?.last_query;
            if last_query == filed {
                return Some((token, last_query));
            }
            self.by_silence.remove(&(filed, token));
            self.by_silence.insert((last_query, token));
            if let Some(connection) = self.connections.get_mut(&token) {
                connection.filed = last_query;
            }
        }
    }

    fn end(&mut self, token: Token, reason: Closed, responder: &Responder) {
        responder.counters().tcp.count_closed(reason);
        self.forget(token, responder);
    }

    fn forget(&mut self, token: Token, responder: &Responder) {
        let Some(mut connection) = self.connections.remove(&token) else { return };
        self.by_silence.remove(&(connection.filed, token));
        let _ = self.poll.registry().deregister(&mut connection.stream); // closing does it too
        responder.counters().tcp.gone.add(1);
        if let Some(count) = self.by_address.get_mut(&connection.address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&connection.address);
            }
        }
    }
}
