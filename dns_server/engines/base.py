"""The seam between the dns server and what answers its queries."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from socket import socket
from typing import NamedTuple, Protocol

from dns_server.engines.answers import Answers
from dns_server.engines.latency import Latency
from gslb.core.answering.identity import Identity
from gslb.core.answering.limit import Limited
from gslb.core.answering.source import Client
from gslb.core.answering.view import View
from gslb.core.order import Order
from gslb.runtime.addresses import SocketAddress


class Kind(NamedTuple):
    """What queries are counted by; all values come from small closed sets."""

    transport: str
    rrtype: str
    rcode: str


@dataclass(slots=True)
class Counters:
    """Plain integers that only rise, but for `connections`. Keys of `dropped`, `malformed`, `closed` are reasons.

    `limited`: answers beyond a rate limit. `dropped`: packets without a reply, for that or another reason. `malformed`:
    packets that an error is the answer to. `closed`: TCP connections that we ended. `cookies`: COOKIE
    options by what became of them. `latency`: by transport.
    """

    queries: Counter[Kind] = field(default_factory=Counter)
    limited: Counter[Limited] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    malformed: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)
    cookies: Counter[str] = field(default_factory=Counter)
    truncated: int = 0
    ecs: int = 0
    accepted: int = 0
    connections: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    latency: dict[str, Latency] = field(default_factory=lambda: defaultdict(Latency))

    @property
    def queries_total(self) -> int:
        return self.queries.total()


MOST_ASKED = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Answers of services since they were last taken. `rest`: what is not in `most`.

    `most`: (index of the service, of its class, answers), at most `MOST_ASKED`, the largest first. Indexes are of the
    snapshot of this order.
    """

    order: Order
    most: Sequence[tuple[int, int, int]]
    rest: int


class Engine(Protocol):
    """Answers on its sockets with the view that was published last."""

    @property
    def name(self) -> str: ...

    @property
    def counters(self) -> Counters:
        """As of now; not to be written to."""
        ...

    def answers(self) -> Answers:
        """By service and pool, so far."""
        ...

    def take_asked(self) -> Asked:
        """By service and class, since the last call; to be called about once a second."""
        ...

    async def start(self, listen: Sequence[SocketAddress], taken: Sequence[socket] = ()) -> tuple[SocketAddress, ...]:
        """Bind UDP and TCP and answer from now on. Returns what was bound (port 0 chosen). Raises OSError.

        `taken`: another process's listening sockets, of any engine. Copies of those whose address is one of `listen`
        serve, as many as there are.
        """
        ...

    def descriptors(self) -> tuple[int, ...]:
        """Of all listening sockets, to be passed to the process that takes over."""
        ...

    @property
    def reads_chunks(self) -> bool:
        """Whether it reads records and class maps in the chunks by itself: then snapshots need not hold them."""
        ...

    def prepare(self, view: View, chunks: Sequence[bytes]) -> None:
        """Lay a new snapshot ready, so that views of its index can be published; slow, may run in any thread.

        `chunks`: the snapshot's, in the manifest's order. What serves goes on serving. Raises InvalidSnapshot.
        """
        ...

    def ask(self, packet: bytes, client: Client) -> bytes | None:
        """What would be answered by what was prepared last; counted nowhere, may run in any thread."""
        ...

    def publish(self, view: View) -> None:
        """Answer with this from the next packets on; of the index that was prepared last, or that serves."""
        ...

    def withhold(self) -> None:
        """Answer SERVFAIL from the next packets on, as before the first view; until the next one is published."""
        ...

    async def drain(self) -> None:
        """After another process has taken the sockets over: receive and accept nothing more, answer what was received,
        wait for open TCP connections to end, for a while. Then all is closed."""
        ...

    def identify(self, identity: Identity) -> None:
        """Answer as this server from the next packets on; before the first call it tells nothing of itself."""
        ...

    async def stop(self) -> None:
        """Close all sockets; what is on the way out may be lost."""
        ...
