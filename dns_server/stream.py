"""One stream to one coordinator: snapshot, directives, facts and beats come in, our status and requests go out.

Reports are taken in the turn of the event loop in which they arrive. A snapshot is fetched chunk by chunk, tried out in
a thread and then swapped in; whatever is wrong with one is answered with a Nack, and the last good one goes on serving.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import TypeAlias

import grpc

from dns_server.break_glass import digest_of
from dns_server.demand import Demand
from dns_server.engines.base import Engine
from dns_server.fetch import Fetch
from dns_server.files import Kind
from dns_server.guides import Guides
from dns_server.received import Directions, Received
from dns_server.replica import Replica
from dns_server.saver import Dump
from dns_server.self_query import SelfQuery
from dns_server.trial import try_out
from gslb import __version__
from gslb.api.v1 import discovery_pb2 as pb
from gslb.api.v1.facts_pb2 import Envelope
from gslb.api.v1.facts_pb2 import Report as ReportMessage
from gslb.codec.facts import dump_order, load_order, load_report
from gslb.codec.sealing import Sealed, Trust, Untrusted
from gslb.core.errors import InvalidSnapshot
from gslb.core.facts import AgentId, Report, digest
from gslb.core.hearing import Hearing
from gslb.core.order import Order
from gslb.runtime.clock import monotonic_s
from gslb.runtime.logs import get_logger
from gslb.runtime.rpc import CONNECT_TIMEOUT_S

STATUS_EVERY_S = 1.0
WRITE_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 5.0
"""Five missed beats: the coordinator hangs, or the way to it is cut."""
STALLED_S = 10.0
"""After which chunks that did not come are asked for again."""

MAX_REASON_CHARACTERS = 500

Call: TypeAlias = "grpc.aio.StreamStreamCall[pb.SubscribeRequest, pb.SubscribeResponse]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """How this dns server presents itself. `queries_total`: answered so far."""

    name: str
    engine: str
    queries_total: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the streams to all coordinators share. `trial`: one snapshot at a time is tried out.

    `save_now`: a snapshot is saved before it serves, so that a crash never falls back behind what clients have seen.
    `told`: what was logged and need not be again, since a stranger could repeat it at will.
    `tell` is called with a coordinator and where it says that all are.
    """

    identity: Identity
    replica: Replica
    hearing: Hearing
    trial: asyncio.Lock
    self_query: SelfQuery
    engine: Engine
    demand: Demand
    save_now: Callable[[Kind, Dump], Awaitable[None]]
    tell: Callable[[str, Iterable[str]], None]
    guides: Guides
    told: set[tuple[str, str]] = field(default_factory=set)


class Stream:
    """Lives for one call. `beats[coordinator]` is the time of the last beat."""

    def __init__(self, coordinator: str, shared: Shared, beats: MutableMapping[str, float]) -> None:
        self._coordinator = coordinator
        self._shared = shared
        self._replica = shared.replica
        self._beats = beats
        self._fetch: Fetch | None = None
        self._progress_s = 0.0
        self._asked_for: tuple[bytes, bytes] | None = None
        self._writing = asyncio.Lock()
        self._log = get_logger("dns")
        self._distrusted_by: Trust | None = None
        self.heard = False

    async def run(self, call: Call) -> None:
        """Until the stream ends; then, or when it breaks, raises AioRpcError, InvalidStateError or TimeoutError.

        It also ends once other keys are trusted than when something was refused: that is sent to whoever comes anew.
        """
        self._call = call
        identity = self._shared.identity
        hello = pb.DnsHello(
            name=identity.name, version=__version__, engine=identity.engine, order=dump_order(self._replica.order)
        )
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await call.write(pb.SubscribeRequest(hello=hello))
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            reporters = [tasks.create_task(report()) for report in (self._report_status, self._report_demand)]
            try:
                while await self._read_one():
                    pass
            finally:
                for reporter in reporters:
                    reporter.cancel()

    async def _read_one(self) -> bool:
        async with asyncio.timeout(READ_TIMEOUT_S):
            message = await self._call.read()
        if not isinstance(message, pb.SubscribeResponse):  # the end of the stream
            return False
        self._note_heard()
        if self._distrusted_by not in (None, self._shared.guides.trust.current):
            return False
        match message.WhichOneof("message"):
            case "facts":
                self._replica.take_reports(self._valid(message.facts.reports))
            case "directives":
                await self._take_directives(message.directives)
            case "manifest":
                await self._take_manifest(message.manifest)
            case "chunk":
                await self._take_chunk(message.chunk)
            case "beat":
                await self._take_beat(message.beat)
            case "coordinators":
                self._shared.tell(self._coordinator, message.coordinators.addresses)
            case _:
                self._replica.progress.refused["unknown message"] += 1
        return True

    def _note_heard(self) -> None:
        if not self.heard:
            self.heard = True
            self._log.info("coordinator reached", coordinator=self._coordinator)
        self._beats[self._coordinator] = monotonic_s()

    def _valid(self, messages: Iterable[ReportMessage]) -> Iterator[Report]:
        for message in messages:
            try:
                yield load_report(message)
            except InvalidSnapshot:
                self._replica.progress.reports["invalid"] += 1

    async def _take_beat(self, beat: pb.Beat) -> None:
        """Hear who is silent; if the coordinator knows other facts than we, ask once for all it knows."""
        replica, hearing = self._replica, self._shared.hearing
        hearing.beat(self._coordinator, map(AgentId, beat.heard), monotonic_s(), settling=beat.settling)
        silent = hearing.silent(replica.facts.reports, monotonic_s())
        if silent is not None:
            ages_s = {AgentId(one.agent): one.for_ms / 1000 for one in beat.silent}
            replica.take_silent({agent: ages_s.get(agent, 0.0) for agent in silent}, monotonic_s())
        both = beat.facts, digest(replica.facts)
        if both[0] != both[1] and both != self._asked_for:
            self._asked_for = both
            await self._write(pb.SubscribeRequest(facts=pb.FactsRequest()))

    async def _take_directives(self, envelope: Envelope) -> None:
        try:
            taken = self._replica.take_directions(Directions.unpack(envelope, self._shared.guides.trust.current))
        except InvalidSnapshot as error:
            await self._refuse(load_order(envelope.order), "directives", error)
            return
        if taken:
            await self._accept(load_order(envelope.order))
        else:
            await self._nack(load_order(envelope.order), f"older than {self._replica.order}, which serves")

    async def _take_manifest(self, envelope: Envelope) -> None:
        order = load_order(envelope.order)
        try:
            self._shared.guides.trust.current.check(Sealed.MANIFEST, envelope)
            await self._take_trusted(envelope, order)
        except InvalidSnapshot as error:
            await self._refuse(order, "snapshot", error)

    async def _take_trusted(self, envelope: Envelope, order: Order) -> None:
        """Fetch the snapshot, if it is newer. Raises InvalidSnapshot."""
        if self._replica.serves(order):
            self._replica.take_signature(envelope)
            await self._accept(order)
        elif self._replica.is_older(order):
            self._replica.progress.refused["older snapshot"] += 1
            await self._nack(order, f"older than {self._replica.order}, which serves")
        else:
            self._fetch = Fetch(envelope, self._replica.chunks_held)
            await self._go_on_fetching()

    async def _take_chunk(self, chunk: pb.ChunkBytes) -> None:
        if self._fetch is None or not self._fetch.take(chunk.content):
            self._replica.progress.refused["chunk not asked for"] += 1
            return
        await self._go_on_fetching()

    async def _go_on_fetching(self) -> None:
        if self._fetch is None:
            return
        self._progress_s = monotonic_s()
        received = self._fetch.whole()
        if received is not None:
            self._fetch = None
            self._tasks.create_task(self._try(received))
        elif wanted := self._fetch.ask():
            await self._write(pb.SubscribeRequest(chunks=pb.ChunkRequest(digests=wanted)))

    async def _try(self, received: Received) -> None:
        """Try a whole snapshot out and let it serve, unless something newer came first."""
        async with self._shared.trial:
            if self._replica.is_older(received.order) or self._replica.serves(received.order):
                return
            try:
                passed = await asyncio.to_thread(try_out, received, self._replica.premises, self._shared.engine)
            except InvalidSnapshot as error:
                await self._refuse(received.order, "snapshot", error)
                return
            await self._shared.save_now(Kind.SNAPSHOT, received.dump)
            if self._replica.take_snapshot(passed):
                self._log.info("snapshot serves", order=str(received.order), coordinator=self._coordinator)
                await self._accept(received.order)

    async def _accept(self, order: Order) -> None:
        await self._write(pb.SubscribeRequest(ack=pb.Ack(order=dump_order(order))))

    async def _refuse(self, order: Order, what: str, error: InvalidSnapshot) -> None:
        reason = f"{error.reason if isinstance(error, Untrusted) else 'invalid'} {what}"
        self._replica.progress.refused[reason] += 1
        if (self._coordinator, reason) not in self._shared.told:
            self._log.error(f"{reason} refused", order=str(order), coordinator=self._coordinator, detail=str(error))
        if isinstance(error, Untrusted):
            self._distrusted_by = self._shared.guides.trust.current
            self._shared.told.add((self._coordinator, reason))
        await self._nack(order, str(error))

    async def _nack(self, order: Order, reason: str) -> None:
        await self._write(
            pb.SubscribeRequest(nack=pb.Nack(order=dump_order(order), reason=reason[:MAX_REASON_CHARACTERS]))
        )

    async def _report_status(self) -> None:
        """Every second what serves; also asks again for chunks that did not come."""
        while True:
            status = pb.DnsStatus(
                order=dump_order(self._replica.order),
                decision=self._replica.decision_digest,
                queries_total=self._shared.identity.queries_total(),
                break_glass=len(self._replica.break_glass),
                break_glass_digest=digest_of(self._replica.break_glass),
                asked=dump_order(self._shared.self_query.asked),
                trouble=self._shared.self_query.trouble[:MAX_REASON_CHARACTERS],
                spoilt=self._shared.guides.spoilt[:MAX_REASON_CHARACTERS],
            )
            await self._write(pb.SubscribeRequest(status=status))
            if self._fetch is not None and monotonic_s() - self._progress_s > STALLED_S:
                self._progress_s = monotonic_s()
                again = pb.ChunkRequest(digests=self._fetch.ask_again())
                await self._write(pb.SubscribeRequest(chunks=again))
            await asyncio.sleep(STATUS_EVERY_S)

    async def _report_demand(self) -> None:
        with self._shared.demand.heard() as told:
            while True:
                await self._write(pb.SubscribeRequest(demand=await told.get()))

    async def _write(self, message: pb.SubscribeRequest) -> None:
        """One at a time, as gRPC wants it."""
        async with asyncio.timeout(WRITE_TIMEOUT_S), self._writing:
            await self._call.write(message)
