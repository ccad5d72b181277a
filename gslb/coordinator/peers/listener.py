"""A stream to every other coordinator, over which it tells what agents report to it.

So an agent whose way to this coordinator is cut is still known here, and what is news there is news here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import grpc

from gslb.api.v1 import discovery_pb2
from gslb.api.v1 import peering_pb2 as pb
from gslb.api.v1.facts_pb2 import Report as ReportMessage
from gslb.api.v1.peering_pb2_grpc import PeeringStub
from gslb.codec.facts import load_report
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.relay.hub import Hub
from gslb.core.coordinators import Known
from gslb.core.errors import InvalidSnapshot
from gslb.core.facts import Report, digest
from gslb.runtime import rpc
from gslb.runtime.backoff import Backoff
from gslb.runtime.cancellation import alone
from gslb.runtime.companions import Companions
from gslb.runtime.logs import get_logger
from gslb.runtime.tls import Security

READ_TIMEOUT_S = 5.0
"""Five missed beats: the other one hangs, or the way to it is cut."""
WRITE_TIMEOUT_S = 5.0
LONGEST_PAUSE_S = 5.0
_STORE = "the store"

Call = grpc.aio.StreamStreamCall[pb.ListenRequest, pb.ListenResponse]


class Listener:
    """`name` and `address` are this coordinator's own; None: it is not listed."""

    def __init__(self, name: str, address: str | None, hub: Hub, metrics: Metrics, security: Security) -> None:
        self._name = name
        self._address = address
        self._hub = hub
        self._metrics = metrics
        self._security = security
        self._companions = Companions("peer", Known(()), self._follow)
        self._log = get_logger("coordinator")

    def meet(self, addresses: tuple[str, ...]) -> None:
        """These are all coordinators there are."""
        self._companions.tell(_STORE, (address for address in addresses if address != self._address))

    async def run(self) -> None:
        """Until cancelled."""
        await self._companions.run()

    async def _follow(self, peer: str) -> None:
        """Listen to one, connected again and again. Only the first of a row of failures is logged."""
        backoff, told = Backoff(most_s=LONGEST_PAUSE_S), False
        while True:
            try:
                async with rpc.channel(peer, self._security) as channel:
                    await alone(self._listen(peer, PeeringStub(channel).Listen()))
            except rpc.STREAM_ENDS as error:
                if peer in self._hub.peers.orders or not told:
                    self._log.warning("another coordinator lost", peer=peer, error=rpc.reason(error))
                told = True
            finally:
                was_heard = self._hub.peers.lose(peer)
            if was_heard:
                backoff.reset()
            await asyncio.sleep(backoff.delay_s())

    async def _listen(self, peer: str, call: Call) -> None:
        """Until the stream ends or breaks."""
        await _write(call, pb.ListenRequest(hello=pb.PeerHello(name=self._name)))
        asked_for: tuple[bytes, bytes] | None = None
        while True:
            async with asyncio.timeout(READ_TIMEOUT_S):
                message = await call.read()
            if not isinstance(message, pb.ListenResponse):  # the end of the stream
                return
            if message.HasField("facts"):
                self._hub.relay(self._valid(message.facts.reports))
            elif message.HasField("beat"):
                self._hub.peers.hear(peer, message.beat)
                asked_for = await self._ask_for_missing(call, message.beat, asked_for)

    async def _ask_for_missing(
        self, call: Call, beat: discovery_pb2.Beat, asked_for: tuple[bytes, bytes] | None
    ) -> tuple[bytes, bytes] | None:
        """Once for every pair of digests that differ."""
        both = beat.facts, digest(self._hub.facts)
        if both[0] == both[1] or both == asked_for:
            return asked_for
        await _write(call, pb.ListenRequest(facts=discovery_pb2.FactsRequest()))
        return both

    def _valid(self, messages: Iterable[ReportMessage]) -> Iterator[Report]:
        for message in messages:
            try:
                yield load_report(message)
            except InvalidSnapshot:
                self._metrics.relayed.labels("invalid").inc()


async def _write(call: Call, message: pb.ListenRequest) -> None:
    async with asyncio.timeout(WRITE_TIMEOUT_S):
        await call.write(message)
