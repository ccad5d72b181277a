"""What the coordinator knows about dns servers: who is connected, what each serves, whose decision differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gslb.core.order import Order

MAX_DNS_SERVERS = 1_000
FORGET_AFTER_S = 3600.0
"""A dns server that has been away for so long leaves the status, and no longer raises an alarm."""


@dataclass(slots=True, kw_only=True)
class DnsServer:
    """`differs_since_s`: since when its decision for our own order has had another digest than ours."""

    name: str
    engine: str = ""
    version: str = ""
    order: Order = field(default_factory=Order)
    decision: bytes = b""
    queries_total: int = 0
    refused: str = ""
    seen_s: float = 0.0
    streams: int = 0
    differs_since_s: float | None = None


class DnsServers:
    """`clock` is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._servers: dict[str, DnsServer] = {}

    def connect(self, name: str, engine: str, version: str, order: Order) -> DnsServer | None:
        """Take notice of a new stream; None when there are too many dns servers."""
        server = self._servers.get(name)
        if server is None:
            if len(self._servers) >= MAX_DNS_SERVERS:
                return None
            server = self._servers[name] = DnsServer(name=name)
        server.engine, server.version, server.order = engine, version, order
        server.seen_s = self._clock()
        server.streams += 1
        return server

    def disconnect(self, server: DnsServer) -> None:
        server.streams -= 1
        server.differs_since_s = None

    def status(self, server: DnsServer, order: Order, decision: bytes, queries_total: int) -> None:
        server.order, server.decision, server.queries_total = order, decision, queries_total
        server.seen_s = self._clock()

    def compare(self, order: Order, decision: bytes) -> None:
        """Note who concludes otherwise from the same order; to be called every second or so."""
        for server in self._servers.values():
            same = server.order != order or server.decision == decision or not server.decision
            if same or not server.streams:
                server.differs_since_s = None
            elif server.differs_since_s is None:
                server.differs_since_s = self._clock()

    def forget_lost(self) -> None:
        now = self._clock()
        lost = [s.name for s in self._servers.values() if not s.streams and now - s.seen_s > FORGET_AFTER_S]
        for name in lost:
            del self._servers[name]

    def all(self) -> tuple[DnsServer, ...]:
        return tuple(self._servers[name] for name in sorted(self._servers))
