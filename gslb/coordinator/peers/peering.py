"""The Peering service: what this coordinator's agents report, told to every other coordinator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import grpc

from gslb.api.v1 import peering_pb2 as pb
from gslb.coordinator.callers import Caller
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.refusals import invalid
from gslb.coordinator.relay.hub import Hub
from gslb.coordinator.relay.outbox import Outbox
from gslb.coordinator.relay.streams import both_ways, first, messages, write
from gslb.coordinator.wrapping import Context
from gslb.core.identity.names import Kind

MAX_NAME_CHARACTERS = 128
Stream: TypeAlias = "grpc.aio.ServicerContext[pb.ListenRequest, pb.ListenResponse]"


class PeeringService:
    """`caller`: who is at the other end of a stream."""

    def __init__(self, hub: Hub, metrics: Metrics, caller: Callable[[Context], Caller]) -> None:
        self._caller = caller
        self._hub = hub
        self._metrics = metrics

    async def Listen(self, _: object, stream: Stream) -> None:
        hello = (await first(stream, "hello")).hello
        if not 0 < len(hello.name) <= MAX_NAME_CHARACTERS:
            raise invalid("the first message must be a `hello` with the name of the coordinator that listens")
        self._caller(stream).check_is(Kind.COORDINATOR, hello.name)
        with self._metrics.streams.labels("Peering").track_inprogress(), self._hub.overheard() as outbox:
            await both_ways(self._answer(hello.name, outbox, stream), _tell(outbox, stream))

    async def _answer(self, peer: str, outbox: Outbox, stream: Stream) -> None:
        async for message in messages(stream):
            if not message.HasField("facts"):
                raise invalid(f"coordinator '{peer}' sent a message this version does not know: upgrade me first")
            outbox.reports(self._hub.facts.reports.values())


async def _tell(outbox: Outbox, stream: Stream) -> None:
    """Another coordinator's outbox holds registers and beats only."""
    while True:
        message = await outbox.next()
        told = pb.ListenResponse(facts=message.facts) if message.HasField("facts") else pb.ListenResponse()
        if message.HasField("beat"):
            told.beat.CopyFrom(message.beat)
        await write(stream, told)
