"""The engine in Python: asyncio sockets around `gslb.core.answering.answer`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import replace

from dns_server.engines.answers import Answers, Ledger
from dns_server.engines.base import Asked, Counters
from dns_server.engines.python_tally import PythonTally
from dns_server.engines.responder import Responder
from dns_server.engines.sockets import BACKLOG, Pair, pairs_at
from dns_server.engines.tcp import Connections, TcpLimits
from dns_server.engines.udp import UdpReader
from gslb.core.answering.answer import Answered, answer
from gslb.core.answering.identity import Identity
from gslb.core.answering.source import Client
from gslb.core.answering.view import Index, View
from gslb.core.order import Order
from gslb.runtime.addresses import SocketAddress


class PythonEngine:
    """Implements `Engine`; lives on one event loop."""

    def __init__(self, *, entropy: int, limits: TcpLimits | None = None) -> None:
        """`entropy`: a random number, for services that draw per answer."""
        self._counters = Counters()
        self._responder = Responder(self._counters, entropy)
        self._connections = Connections(self._responder.respond, self._counters, limits or TcpLimits())
        self._prepared: View | None = None
        self._pairs: list[Pair] = []
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.Task[None] | None = None
        self._ledger = Ledger()
        self._left = 0
        """Demand for earlier snapshots that has not been taken."""

    @property
    def name(self) -> str:
        return "python"

    @property
    def counters(self) -> Counters:
        return self._counters

    @property
    def reads_chunks(self) -> bool:
        return False

    def answers(self) -> Answers:
        return self._ledger.read()

    def take_asked(self) -> Asked:
        left, self._left = self._left, 0
        if self._responder.tally is None:
            return Asked(order=Order(), most=(), rest=left)
        asked = self._responder.tally.take_asked()
        return replace(asked, rest=asked.rest + left)

    def prepare(self, view: View, chunks: Sequence[bytes]) -> None:
        """The view is all this engine needs, but whole."""
        view.index.complete()
        self._prepared = view

    def ask(self, packet: bytes, client: Client) -> bytes | None:
        result = answer(packet, client, self._prepared, 0)
        return result.message if isinstance(result, Answered) else None

    def publish(self, view: View) -> None:
        before = self._responder.view
        if before is None or before.index is not view.index:
            self._follow(view.index)
        self._responder.view = view

    def withhold(self) -> None:
        self._responder.view = None

    def identify(self, identity: Identity) -> None:
        self._responder.identity = identity

    def _follow(self, index: Index) -> None:
        """Count on by another snapshot."""
        if self._responder.tally is not None:
            asked = self._responder.tally.take_asked()
            self._left += asked.rest + sum(count for *_, count in asked.most)
        self._responder.tally = PythonTally(index)
        self._ledger.follow(self._responder.tally)

    async def start(
        self, listen: Sequence[SocketAddress], taken: Sequence[socket.socket] = ()
    ) -> tuple[SocketAddress, ...]:
        """Bind all, then answer; nothing stays bound when one fails."""
        try:
            self._pairs.extend(pairs_at(listen, taken))
        except OSError:
            await self.stop()
            raise
        loop = asyncio.get_running_loop()
        for pair in self._pairs:
            for udp in pair.udp:
                loop.add_reader(udp, UdpReader(udp, self._responder.respond, self._counters))
            self._servers.append(await loop.create_server(self._connections.make, sock=pair.tcp, backlog=BACKLOG))
        self._sweeper = asyncio.create_task(self._connections.sweep())
        return tuple(pair.address for pair in self._pairs)

    def descriptors(self) -> tuple[int, ...]:
        return tuple(each.fileno() for pair in self._pairs for each in (*pair.udp, pair.tcp))

    async def drain(self) -> None:
        self._close_sockets()
        await self._connections.drain()
        await self.stop()

    async def stop(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._connections.end_all()
        self._close_sockets()

    def _close_sockets(self) -> None:
        for server in self._servers:
            server.close()
        for pair in self._pairs:
            for udp in pair.udp:
                asyncio.get_running_loop().remove_reader(udp)
            pair.close()
        self._pairs.clear()
        self._servers.clear()
