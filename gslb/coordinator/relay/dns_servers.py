"""What the coordinator knows about dns servers: who is connected, what each serves or refuses, who differs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from gslb.core.order import Order

MAX_DNS_SERVERS = 1_000
REMEMBERED = 4
"""How many of our own last decisions, one a second, count as ours: a status is old by the time it is compared."""
FORGET_AFTER_S = 3600.0
"""A dns server that has been away for so long leaves the status, and no longer raises an alarm."""


@dataclass(slots=True, kw_only=True)
class DnsServer:
    """`refused`: order and reason of what it would not serve. `differs_since_s`: since when it decides otherwise.

    `asked`: of the snapshot it last asked itself about, as clients do, and `trouble`: what was wrong then.
    `break_glass`: how many overrides of its machine's own it decides by, and their digest. `spoilt`: which files there
    it cannot use, and why.
    """

    name: str
    engine: str = ""
    version: str = ""
    order: Order = field(default_factory=Order)
    decision: bytes = b""
    queries_total: int = 0
    break_glass: tuple[int, bytes] = (0, b"")
    asked: Order = field(default_factory=Order)
    trouble: str = ""
    spoilt: str = ""
    refused: tuple[Order, str] | None = None
    seen_s: float = 0.0
    streams: int = 0
    differs_since_s: float | None = None


class DnsServers:
    """`clock` is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._servers: dict[str, DnsServer] = {}
        self._ours: deque[frozenset[tuple[Order, bytes]]] = deque(maxlen=REMEMBERED)

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

    def status(
        self,
        server: DnsServer,
        order: Order,
        decision: bytes,
        queries_total: int,
        break_glass: tuple[int, bytes] = (0, b""),
        asked: tuple[Order, str] = (Order(), ""),
        spoilt: str = "",
    ) -> None:
        server.order, server.decision, server.queries_total = order, decision, queries_total
        server.break_glass = break_glass
        server.asked, server.trouble = asked
        server.spoilt = spoilt
        server.seen_s = self._clock()
        if server.refused is not None and order > server.refused[0]:
            server.refused = None

    def accept(self, server: DnsServer, order: Order) -> None:
        """It has taken what was sent to it under this order."""
        if server.refused is not None and order >= server.refused[0]:
            server.refused = None

    def refuse(self, server: DnsServer, order: Order, reason: str) -> None:
        """It goes on with what it had; held against it until it accepts `order` or serves a later one.

        That it serves this very order is no excuse: signed with another key the same is sent again.
        """
        if server.refused is None or order >= server.refused[0]:
            server.refused = order, reason

    def compare(self, ours: Iterable[tuple[Order, bytes]]) -> None:
        """Note who concludes otherwise from an order of ours; to be called every second with our own decisions.

        Who has broken the glass is expected to.
        """
        self._ours.append(frozenset(ours))
        known = frozenset[tuple[Order, bytes]]().union(*self._ours)
        orders = {order for order, _ in known}
        for server in self._servers.values():
            same = server.break_glass[0] or server.order not in orders or (server.order, server.decision) in known
            if same or not server.streams:
                server.differs_since_s = None
            elif server.differs_since_s is None:
                server.differs_since_s = self._clock()

    def get(self, name: str) -> DnsServer | None:
        return self._servers.get(name)

    def forget_lost(self) -> None:
        now = self._clock()
        lost = [s.name for s in self._servers.values() if not s.streams and now - s.seen_s > FORGET_AFTER_S]
        for name in lost:
            del self._servers[name]

    def connected(self) -> Mapping[str, bool]:
        """All that are known, and whether each is."""
        return {server.name: server.streams > 0 for server in self._servers.values()}

    def all(self) -> tuple[DnsServer, ...]:
        return tuple(self._servers[name] for name in sorted(self._servers))
