"""A coordinator's side of one dns server, for measurements that a real one's own work would hide."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import grpc

from bench.dns.processes import free_port
from gslb.api.v1 import discovery_pb2 as pb
from gslb.api.v1.discovery_pb2_grpc import DiscoveryServicer, add_DiscoveryServicer_to_server
from gslb.api.v1.facts_pb2 import Envelope
from gslb.api.v1.facts_pb2 import Order as OrderMessage
from gslb.codec.facts import dump_order, dump_report
from gslb.codec.snapshot import Bundle
from gslb.core.facts import NO_FACTS, Facts, Report, digest, merge
from gslb.core.order import Order
from gslb.runtime import rpc

_BEAT_S = 1.0
_WAITING = 1_000
_PATIENCE_S = 120

Context: TypeAlias = "grpc.aio.ServicerContext[pb.SubscribeRequest, pb.SubscribeResponse]"


class StandIn(DiscoveryServicer):
    """Tells one dns server what the measurement wants it to know, and notes what that acknowledges."""

    def __init__(self) -> None:
        self._bundle: Bundle | None = None
        self._order = Order()
        self._facts = NO_FACTS
        self._outbox: asyncio.Queue[pb.SubscribeResponse] = asyncio.Queue(_WAITING)
        self._answered: asyncio.Queue[pb.SubscribeRequest] = asyncio.Queue(_WAITING)

    async def publish(self, bundle: Bundle, order: Order) -> None:
        """Let this snapshot serve; returns once it does. Raises SystemExit when it is refused."""
        self._bundle, self._order = bundle, order
        await self._outbox.put(pb.SubscribeResponse(manifest=self._manifest(bundle)))
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                said = await self._answered.get()
                if said.HasField("nack"):
                    raise SystemExit(f"the dns server refuses it: {said.nack.reason}")
                if said.ack.order.config == order.config:
                    return

    async def report(self, report: Report) -> None:
        self._facts = merge(self._facts, report)
        message = pb.FactsUpdate(reports=[dump_report(report)])
        await self._outbox.put(pb.SubscribeResponse(facts=message))

    async def Subscribe(
        self,
        request_iterator: AsyncIterator[pb.SubscribeRequest],
        context: Context,
    ) -> AsyncIterator[pb.SubscribeResponse]:
        listening = asyncio.create_task(self._listen(request_iterator))
        try:
            while True:
                yield await self._next()
        finally:
            listening.cancel()

    async def _next(self) -> pb.SubscribeResponse:
        """What waits, or a beat."""
        try:
            async with asyncio.timeout(_BEAT_S):
                return await self._outbox.get()
        except TimeoutError:
            heard = [str(agent) for agent in sorted(self._facts.reports)]
            return pb.SubscribeResponse(beat=pb.Beat(order=self._dumped(), facts=digest(self._facts), heard=heard))

    async def _listen(self, requests: AsyncIterator[pb.SubscribeRequest]) -> None:
        async for request in requests:
            match request.WhichOneof("message"):
                case "chunks" if self._bundle is not None:
                    for wanted in request.chunks.digests:
                        chunk = pb.ChunkBytes(digest=wanted, content=self._bundle.chunks[wanted])
                        await self._outbox.put(pb.SubscribeResponse(chunk=chunk))
                case "ack" | "nack":
                    await self._answered.put(request)
                case "facts":
                    await self._tell(self._facts)

    async def _tell(self, facts: Facts) -> None:
        reports = [dump_report(report) for report in facts.reports.values()]
        await self._outbox.put(pb.SubscribeResponse(facts=pb.FactsUpdate(reports=reports)))

    def _manifest(self, bundle: Bundle) -> Envelope:
        return Envelope(payload=bundle.manifest, order=self._dumped())

    def _dumped(self) -> OrderMessage:
        return dump_order(self._order)


@asynccontextmanager
async def standing_in() -> AsyncIterator[tuple[StandIn, int]]:
    """A stand-in and the port it listens on, until the context ends."""
    server, port, stand_in = rpc.server(), free_port(), StandIn()
    add_DiscoveryServicer_to_server(stand_in, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield stand_in, port
    finally:
        await server.stop(None)
