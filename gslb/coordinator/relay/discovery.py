"""The Discovery service: what each dns server is told, at once and in order of urgency, and what it tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import grpc

from gslb.api.v1 import discovery_pb2 as pb
from gslb.codec.facts import load_order
from gslb.coordinator.callers import Caller
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.refusals import RpcRefused, invalid
from gslb.coordinator.relay.dns_servers import MAX_DNS_SERVERS, DnsServer
from gslb.coordinator.relay.hub import Hub
from gslb.coordinator.relay.outbox import Outbox
from gslb.coordinator.relay.streams import both_ways, first, messages, write
from gslb.coordinator.wrapping import Context
from gslb.core.identity.names import Kind

MAX_NAME_CHARACTERS = 128
MAX_REASON_CHARACTERS = 500
MAX_CHUNKS_PER_REQUEST = 64
MAX_DIGEST_BYTES = 32
Stream: TypeAlias = "grpc.aio.ServicerContext[pb.SubscribeRequest, pb.SubscribeResponse]"


class DiscoveryService:
    """`caller`: who is at the other end of a stream; he can speak for nobody else."""

    def __init__(self, hub: Hub, metrics: Metrics, caller: Callable[[Context], Caller]) -> None:
        self._caller = caller
        self._hub = hub
        self._metrics = metrics

    async def Subscribe(self, _: object, stream: Stream) -> None:
        hello = await first(stream, "hello")
        self._caller(stream).check_is(Kind.DNS, hello.hello.name)
        server = self._connect(hello)
        try:
            with (
                self._metrics.streams.labels("Discovery").track_inprogress(),
                self._hub.subscribed(hello.hello.name) as outbox,
            ):
                await both_ways(self._listen(server, outbox, stream), _tell(outbox, stream))
        finally:
            self._hub.dns_servers.disconnect(server)

    def _connect(self, message: pb.SubscribeRequest) -> DnsServer:
        hello = message.hello
        if not 0 < len(hello.name) <= MAX_NAME_CHARACTERS:
            raise invalid(
                f"the first message must be a `hello` with the dns server's name, of at most {MAX_NAME_CHARACTERS}"
                " characters"
            )
        engine, version = hello.engine[:MAX_NAME_CHARACTERS], hello.version[:MAX_NAME_CHARACTERS]
        server = self._hub.dns_servers.connect(hello.name, engine, version, load_order(hello.order))
        if server is None:
            raise RpcRefused(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"there are {MAX_DNS_SERVERS} dns servers already: stop some first"
            )
        return server

    async def _listen(self, server: DnsServer, outbox: Outbox, stream: Stream) -> None:
        async for message in messages(stream):
            match message.WhichOneof("message"):
                case "chunks":
                    self._fetch(message.chunks, outbox)
                case "facts":
                    outbox.reports(self._hub.facts.reports.values())
                case "ack":
                    self._metrics.acks.labels("ack").inc()
                    self._hub.dns_servers.accept(server, load_order(message.ack.order))
                case "nack":
                    self._metrics.acks.labels("nack").inc()
                    order, reason = load_order(message.nack.order), message.nack.reason[:MAX_REASON_CHARACTERS]
                    self._hub.dns_servers.refuse(server, order, reason)
                case "status":
                    status = message.status
                    self._hub.dns_servers.status(
                        server,
                        load_order(status.order),
                        status.decision,
                        status.queries_total,
                        (status.break_glass, status.break_glass_digest[:MAX_DIGEST_BYTES]),
                        (load_order(status.asked), status.trouble[:MAX_REASON_CHARACTERS]),
                        status.spoilt[:MAX_REASON_CHARACTERS],
                    )
                case "demand":
                    self._hub.demands.take(message.demand)
                case _:
                    raise invalid(
                        f"dns server '{server.name}' sent a message this version does not know: upgrade me first"
                    )

    def _fetch(self, request: pb.ChunkRequest, outbox: Outbox) -> None:
        if len(request.digests) > MAX_CHUNKS_PER_REQUEST:
            raise invalid(f"{len(request.digests)} chunks asked for at once: ask for at most {MAX_CHUNKS_PER_REQUEST}")
        found = {digest: content for digest in request.digests if (content := self._hub.chunk(digest)) is not None}
        self._metrics.chunks_unknown.inc(len(set(request.digests)) - len(found))
        outbox.chunks(found)


async def _tell(outbox: Outbox, stream: Stream) -> None:
    while True:
        await write(stream, await outbox.next())
