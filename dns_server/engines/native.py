"""The native engine: Rust threads answer; this side hands them snapshots and decisions, and reads their counters."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from dns_server import _native
from dns_server.engines.answers import Answers, Ledger
from dns_server.engines.base import MOST_ASKED, Asked, Counters, Kind
from dns_server.engines.latency import Latency
from dns_server.engines.native_tally import NativeTally
from dns_server.engines.sockets import resolve
from dns_server.engines.tcp import TcpLimits
from gslb.codec.engine import DecisionDumper, dump_costs, dump_static
from gslb.core.answering.identity import Identity
from gslb.core.answering.limit import Action, Limit, Limited
from gslb.core.answering.source import Client
from gslb.core.answering.view import Index, View
from gslb.core.decision import Decision
from gslb.core.errors import InvalidSnapshot
from gslb.core.order import Order
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.clock import wall_offset_s
from gslb.runtime.logs import get_logger


@dataclass(slots=True)
class Loaded:
    """A snapshot laid ready in the module, and the decision that it answers by."""

    index: Index
    statics: _native.Static
    dumper: DecisionDumper
    decision: Decision
    native: _native.Decision


class NativeEngine:
    """Implements `Engine`."""

    def __init__(self, *, entropy: int, limits: TcpLimits | None = None) -> None:
        """`entropy`: a random number, for services that draw per answer and for the seeds of hash maps."""
        self._server = _native.Server(
            workers=len(os.sched_getaffinity(0)),
            entropy=entropy,
            wall_offset_s=wall_offset_s(),
            limits=limits or TcpLimits(),
        )
        self._seed = entropy
        self._tables = _native.Tables(dump_costs())
        self._log = get_logger("dns")
        self._serving: Loaded | None = None
        self._prepared: Loaded | None = None
        self._ledger = Ledger()
        self._retired: list[_native.Tallies] = []
        self._left = 0
        """Demand for earlier snapshots that has not been taken."""

    @property
    def name(self) -> str:
        return "native"

    @property
    def counters(self) -> Counters:
        counted = self._server.counters()
        return Counters(
            queries=Counter({Kind(*kind): count for *kind, count in counted.queries}),
            limited=Counter({Limited(Limit(limit), Action(action)): count for limit, action, count in counted.limited}),
            dropped=Counter(counted.dropped),
            malformed=Counter(counted.malformed),
            closed=Counter(counted.closed),
            cookies=Counter(counted.cookies),
            truncated=counted.truncated,
            ecs=counted.ecs,
            accepted=counted.accepted,
            connections=counted.connections,
            received_bytes=counted.received_bytes,
            sent_bytes=counted.sent_bytes,
            latency={
                transport: Latency(list(buckets), sum_us) for transport, (buckets, sum_us) in counted.latency.items()
            },
        )

    @property
    def reads_chunks(self) -> bool:
        return True

    def answers(self) -> Answers:
        return self._ledger.read()

    def take_asked(self) -> Asked:
        """What was left of earlier snapshots is in `rest`."""
        self._settle()
        rest, self._left = self._left, 0
        if self._serving is None:
            return Asked(order=Order(), most=(), rest=rest)
        most, others = self._serving.statics.tallies.take_demand(MOST_ASKED)
        return Asked(order=self._serving.index.snapshot.order, most=most, rest=rest + others)

    def _settle(self) -> None:
        """Let go of earlier views and of what was counted with them, once nobody answers with them any more."""
        self._server.retire()
        retired, self._retired = self._retired, []
        for tallies in retired:
            is_final = tallies.is_final()
            self._left += tallies.take_demand(0)[1]
            if not is_final:
                self._retired.append(tallies)
        self._ledger.settle()

    def prepare(self, view: View, chunks: Sequence[bytes]) -> None:
        try:
            statics = _native.Static(chunks, dump_static(view.index.snapshot), self._seed)
            self._prepared = self._load(view, statics)
        except ValueError as error:
            raise InvalidSnapshot(f"the native engine refuses it: {error}") from error
        self._server.lay_ready(self._prepared.native)

    def ask(self, packet: bytes, client: Client) -> bytes | None:
        answerer = _native.Answerer(self._prepared.native if self._prepared is not None else None)
        return answerer.answer(packet, client, 0)

    def publish(self, view: View) -> None:
        loaded = self._loaded_for(view.index)
        if view.decision is not loaded.decision:
            loaded = self._moved(loaded, view)
        self._server.publish(loaded.native)
        if self._serving is None or self._serving.index is not loaded.index:
            self._follow(loaded)
        self._serving = loaded

    def withhold(self) -> None:
        self._server.withhold()

    def identify(self, identity: Identity) -> None:
        self._server.identify(identity.nsid, identity.secrets)

    def _follow(self, loaded: Loaded) -> None:
        """Count on by another snapshot."""
        if self._serving is not None:
            self._settle()
            self._retired.append(self._serving.statics.tallies)
        self._ledger.follow(NativeTally(loaded.statics.tallies, loaded.index.snapshot.model))

    def _load(self, view: View, statics: _native.Static) -> Loaded:
        """A decision told whole. Raises ValueError when it is refused."""
        dumper = DecisionDumper(view.index.snapshot)
        native = _native.Decision(dumper.dump(view.decision), statics, None, self._tables)
        return Loaded(view.index, statics, dumper, view.decision, native)

    def _moved(self, loaded: Loaded, view: View) -> Loaded:
        """A decision told as its difference; if that is refused, told whole. Raises ValueError when that is, too."""
        message = loaded.dumper.dump(view.decision)
        try:
            loaded.native = _native.Decision(message, loaded.statics, loaded.native, self._tables)
        except ValueError as error:
            self._log.error("difference refused, telling the decision whole", reason=str(error))
            return self._load(view, loaded.statics)
        loaded.decision = view.decision
        return loaded

    def _loaded_for(self, index: Index) -> Loaded:
        for loaded in (self._serving, self._prepared):
            if loaded is not None and loaded.index is index:
                return loaded
        raise ValueError("this snapshot was not prepared")

    async def start(
        self, listen: Sequence[SocketAddress], taken: Sequence[socket.socket] = ()
    ) -> tuple[SocketAddress, ...]:
        ports = await asyncio.to_thread(self._start, listen, taken)
        return tuple(SocketAddress(address.host, port) for address, port in zip(listen, ports, strict=True))

    def _start(self, listen: Sequence[SocketAddress], taken: Sequence[socket.socket]) -> list[int]:
        return self._server.start([_resolved(address) for address in listen], [each.fileno() for each in taken])

    def descriptors(self) -> tuple[int, ...]:
        return tuple(self._server.descriptors())

    async def drain(self) -> None:
        await asyncio.to_thread(self._server.drain)

    async def stop(self) -> None:
        await asyncio.to_thread(self._server.stop)


def _resolved(address: SocketAddress) -> tuple[IPv4Address | IPv6Address, int, int]:
    """Address, port and scope. Raises OSError."""
    _, place = resolve(address)
    return ip_address(place[0]), address.port, place[3] if len(place) == 4 else 0
