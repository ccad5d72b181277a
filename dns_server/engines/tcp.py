"""DNS over TCP (RFC 7766): framing, pipelining, half-close, and limits so that nobody can keep others out.

Connections are kept in the order of their last whole query. The one that has been silent longest goes when the house is
full, and whoever has been silent too long goes anyway: an idle client, one that trickles in a query, and one that does
not read its answers, because reading from it stops until it does.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import cast

from dns_server.engines.base import Counters
from dns_server.engines.sockets import address_at
from gslb.core.answering.source import Transport
from gslb.core.model import IPAddress
from gslb.runtime.clock import monotonic_s

LENGTH_BYTES = 2
Respond = Callable[[bytes, IPAddress, Transport], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpLimits:
    """`idle_s`: also how long a peer may take to read answers. `per_turn`: queries of one connection answered in a row.

    `drain_s`: how long connections may go on after a hand-over, a fifth of it without a query.
    `high_water_bytes`: of unsent answers, above which nothing more is read.
    """

    idle_s: float = 10.0
    drain_s: float = 10.0
    per_address: int = 64
    total: int = 1_000
    per_turn: int = 16
    high_water_bytes: int = 64 * 1024


class Connections:
    """All TCP connections of one engine, over all its listen addresses."""

    def __init__(self, respond: Respond, counters: Counters, limits: TcpLimits) -> None:
        self.respond = respond
        self.counters = counters
        self.limits = limits
        self._open: OrderedDict[Connection, float] = OrderedDict()
        self._by_address: Counter[str] = Counter()

    def make(self) -> Connection:
        """Protocol factory."""
        return Connection(self)

    def admit(self, connection: Connection) -> bool:
        """False when its address has too many already; the longest idle one makes room when all are taken."""
        self.counters.accepted += 1
        if self._by_address[connection.address] >= self.limits.per_address:
            self.counters.closed["too many of one address"] += 1
            return False
        if len(self._open) >= self.limits.total:
            next(iter(self._open)).end("room for others")
        self._by_address[connection.address] += 1
        self.touch(connection)
        self.counters.connections += 1
        return True

    def touch(self, connection: Connection) -> None:
        """A whole query came."""
        self._open[connection] = monotonic_s()
        self._open.move_to_end(connection)

    def forget(self, connection: Connection) -> None:
        if self._open.pop(connection, None) is None:
            return
        self.counters.connections -= 1
        self._by_address[connection.address] -= 1
        if not self._by_address[connection.address]:
            del self._by_address[connection.address]

    async def sweep(self) -> None:
        """End connections as they fall idle, until cancelled."""
        while True:
            self._end_idle(self.limits.idle_s)
            await asyncio.sleep(self.limits.idle_s / 10)

    async def drain(self) -> None:
        """Nobody comes any more: wait until all have gone."""
        end_s = monotonic_s() + self.limits.drain_s
        while self._open and monotonic_s() < end_s:
            self._end_idle(min(self.limits.idle_s, self.limits.drain_s / 5))
            await asyncio.sleep(self.limits.drain_s / 100)

    def _end_idle(self, idle_s: float) -> None:
        for connection in self._idle_since(monotonic_s() - idle_s):
            connection.end("idle")

    def _idle_since(self, moment_s: float) -> list[Connection]:
        return [held for held, _ in takewhile(lambda entry: entry[1] <= moment_s, self._open.items())]

    def end_all(self) -> None:
        for connection in list(self._open):
            connection.end("shutdown")


class Connection(asyncio.Protocol):
    """One client's connection: queries are answered in order, a few a turn."""

    def __init__(self, house: Connections) -> None:
        self._house = house
        self._unread = bytearray()
        self._writable = True
        self._peer_done = False
        self._scheduled = False
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if peer is None:  # gone already
            self._transport.abort()
            return
        self._peer = address_at(peer[0])
        self.address = peer[0]
        self._transport.set_write_buffer_limits(high=self._house.limits.high_water_bytes)
        if not self._house.admit(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._unread += data
        self._turn()

    def eof_received(self) -> bool:
        """The peer will not send more but still reads: what is asked is answered first (RFC 7766 6.2.4)."""
        self._peer_done = True
        self._turn()
        return True

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._turn()

    def connection_lost(self, exc: Exception | None) -> None:
        self._house.forget(self)
        self._unread.clear()

    def end(self, reason: str) -> None:
        self._house.counters.closed[reason] += 1
        self._house.forget(self)
        self._transport.abort()

    def _turn(self) -> None:
        """Answer a few of the queries that are here, then let others have their turn."""
        for _ in range(self._house.limits.per_turn):
            if not self._writable or self._transport.is_closing():
                break
            query = self._next_query()
            if query is None:
                break
            self._house.touch(self)
            received_s = monotonic_s()
            message = self._house.respond(query, self._peer, Transport.TCP)
            if message is not None:
                self._transport.write(len(message).to_bytes(LENGTH_BYTES) + message)
                self._house.counters.latency[Transport.TCP].count(monotonic_s() - received_s)
        if self._transport.is_closing():
            return
        more = self._has_query()
        if more:
            self._transport.pause_reading()
            if self._writable and not self._scheduled:
                self._scheduled = True
                asyncio.get_running_loop().call_soon(self._next_turn)
        elif self._peer_done:
            self._transport.close()
        else:
            self._transport.resume_reading()

    def _next_turn(self) -> None:
        self._scheduled = False
        self._turn()

    def _has_query(self) -> bool:
        have = len(self._unread)
        return have >= LENGTH_BYTES and have >= LENGTH_BYTES + int.from_bytes(self._unread[:LENGTH_BYTES])

    def _next_query(self) -> bytes | None:
        if not self._has_query():
            return None
        end = LENGTH_BYTES + int.from_bytes(self._unread[:LENGTH_BYTES])
        query = bytes(self._unread[LENGTH_BYTES:end])
        del self._unread[:end]
        return query
