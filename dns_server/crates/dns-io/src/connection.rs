//! One client's TCP connection: queries are answered in order, a few a turn.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::time::Instant;

use dns_core::View;
use mio::net::TcpStream;

use crate::limits::TcpLimits;
use crate::responder::Responder;

const LENGTH_BYTES: usize = 2;
const READ_BYTES: usize = 16 * 1024;
/// What an empty buffer may keep for the next query.
const KEPT_BYTES: usize = 4 * 1024;

/// What a connection does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The socket will say when.
    Waits,
    /// There is more to do, when others have had their turn.
    Again,
    /// It has ended.
    Done,
}

/// A connection; its flags are as edge-triggered events have set them.
pub struct Connection {
    /// Does not block.
    pub stream: TcpStream,
    /// The client's.
    pub address: IpAddr,
    /// When it was accepted, or the last whole query came.
    pub last_query: Instant,
    /// An earlier value of it, or the same, that the house has noted.
    pub filed: Instant,
    /// Reading may bring something.
    pub is_readable: bool,
    /// Writing may succeed.
    pub is_writable: bool,
    /// Waiting for another turn.
    pub is_queued: bool,
    peer_done: bool,
    unread: Vec<u8>,
    unsent: Vec<u8>,
    sent: usize,
}

impl Connection {
    /// A connection that has just been accepted.
    #[must_use]
    pub fn new(stream: TcpStream, address: IpAddr, now: Instant) -> Self {
        Self {
            stream,
            address,
            last_query: now,
            filed: now,
            is_readable: false,
            is_writable: false,
            is_queued: false,
            peer_done: false,
            unread: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
        }
    }

    /// Answer a few of the queries that are here.
    pub fn turn(&mut self, limits: &TcpLimits, now: Instant, view: &View, responder: &mut Responder) -> Turn {
        self.try_turn(limits, now, view, responder).unwrap_or(Turn::Done)
    }

    fn try_turn(
        &mut self,
        limits: &TcpLimits,
        now: Instant,
        view: &View,
        responder: &mut Responder,
    ) -> io::Result<Turn> {
        self.flush()?;
        let mut at = 0;
        for _ in 0..limits.per_turn {
            if self.unsent.len() - self.sent > limits.high_water_bytes {
                break;
            }
            if self.query_end(at).is_none() {
                self.unread.drain(..at);
                at = 0;
                if !self.read()? {
                    break;
                }
            }
            if let Some(end) = self.query_end(at) {
                self.last_query = now;
                let query = self.unread.get(at + LENGTH_BYTES..end).unwrap_or_default();
                let reply = responder.over_tcp(query, self.address, view);
                if let (1.., Ok(length)) = (reply.len(), u16::try_from(reply.len())) {
                    self.unsent.extend_from_slice(&length.to_be_bytes());
                    self.unsent.extend_from_slice(reply);
                }
                at = end;
            }
        }
        self.unread.drain(..at);
        self.flush()?;
        Ok(self.what_next(limits))
    }

    fn what_next(&mut self, limits: &TcpLimits) -> Turn {
        let unsent = self.unsent.len() - self.sent;
        let has_query = self.query_end(0).is_some();
        if self.unread.is_empty() {
            self.unread.shrink_to(KEPT_BYTES);
        }
        if self.peer_done && !has_query {
            return if unsent == 0 { Turn::Done } else { Turn::Waits };
        }
        let may_go_on = unsent <= limits.high_water_bytes && (has_query || self.is_readable);
        if may_go_on { Turn::Again } else { Turn::Waits }
    }

    /// Where the query that starts at `at` ends, if it is here whole.
    fn query_end(&self, at: usize) -> Option<usize> {
        let length = self.unread.get(at..at + LENGTH_BYTES)?;
        let end = at + LENGTH_BYTES + usize::from(u16::from_be_bytes(length.try_into().ok()?));
        (end <= self.unread.len()).then_some(end)
    }

    /// False when nothing is there to be read now.
    fn read(&mut self) -> io::Result<bool> {
        if !self.is_readable || self.peer_done {
            return Ok(false);
        }
        let mut some = [0; READ_BYTES];
        match self.stream.read(&mut some) {
            Ok(0) => {
                self.peer_done = true; // it still reads: what is asked is answered first (RFC 7766 6.2.4)
                self.is_readable = false;
                Ok(false)
            }
            Ok(count) => {
                self.unread.extend_from_slice(some.get(..count).unwrap_or_default());
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.is_readable = false;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.is_writable && self.sent < self.unsent.len() {
            match self.stream.write(self.unsent.get(self.sent..).unwrap_or_default()) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_writable = false,
                Err(error) => return Err(error),
            }
        }
        if self.sent == self.unsent.len() {
            self.unsent.clear();
            self.unsent.shrink_to(KEPT_BYTES);
            self.sent = 0;
        } else if self.sent > self.unsent.len() / 2 {
            self.unsent.drain(..self.sent);
            self.sent = 0;
        }
        Ok(())
    }
}
