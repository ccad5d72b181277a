"""A dns server in this process, and a coordinator that tells it what a test wants, over real streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import dns.asyncquery
import dns.edns
import dns.message
import dns.rcode
import grpc
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry
from support.dnsworld import addresses, query_for
from support.waiting import eventually

from dns_server.main import Bound, run
from dns_server.options import Options
from gslb.api.v1 import discovery_pb2 as pb
from gslb.api.v1.discovery_pb2_grpc import DiscoveryServicer, add_DiscoveryServicer_to_server
from gslb.codec.facts import dump_directives, dump_report, load_order
from gslb.codec.sealing import NO_SIGNER, Sealed
from gslb.codec.snapshot import dump_snapshot
from gslb.core.directives import Directives
from gslb.core.facts import Facts, digest
from gslb.core.order import Order
from gslb.core.snapshot import Snapshot
from gslb.runtime import rpc
from gslb.runtime.addresses import SocketAddress

Context: TypeAlias = "grpc.aio.ServicerContext[pb.SubscribeRequest, pb.SubscribeResponse]"
LOOPBACK = SocketAddress("127.0.0.1", 0)


class Coordinator:
    """Sends what a test tells it to, answers requests for chunks and facts, remembers what the dns server said."""

    def __init__(self) -> None:
        self.said: list[pb.SubscribeRequest] = []
        self.facts = Facts()
        self.chunks: dict[bytes, bytes] = {}
        self.signer = NO_SIGNER
        self._outgoing: asyncio.Queue[pb.SubscribeResponse] = asyncio.Queue()
        self._hang_up = asyncio.Event()

    def hang_up(self) -> None:
        """Cancel the stream, as a coordinator does that goes down at once."""
        self._hang_up.set()

    async def Subscribe(self, _: object, context: Context) -> None:
        tasks = [
            asyncio.create_task(work) for work in (self._listen(context), self._send(context), self._hang_up.wait())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if self._hang_up.is_set():
                self._hang_up.clear()
                await context.abort(grpc.StatusCode.CANCELLED, "going down")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _listen(self, context: Context) -> None:
        while (message := await context.read()) is not grpc.aio.EOF:
            self._take(message)

    async def _send(self, context: Context) -> None:
        while True:
            await context.write(await self._outgoing.get())

    def _take(self, message: pb.SubscribeRequest) -> None:
        self.said.append(message)
        match message.WhichOneof("message"):
            case "chunks":
                assert 0 < len(message.chunks.digests) <= 64
                for wanted in message.chunks.digests:
                    if wanted in self.chunks:
                        self.send(chunk=pb.ChunkBytes(digest=wanted, content=self.chunks[wanted]))
            case "facts":
                self.report(self.facts)

    def send(self, **message: Message) -> None:
        self._outgoing.put_nowait(pb.SubscribeResponse(**message))

    def report(self, facts: Facts) -> None:
        self.facts = facts
        self.send(facts=pb.FactsUpdate(reports=[dump_report(report) for report in facts.reports.values()]))

    def publish(self, snapshot: Snapshot, without: int = 0) -> None:
        """`without`: so many chunks cannot be had."""
        bundle = dump_snapshot(snapshot)
        self.chunks = dict(list(bundle.chunks.items())[without:])
        self.send(manifest=self.signer.seal(Sealed.MANIFEST, bundle.manifest, snapshot.order))

    def direct(self, directives: Directives, order: Order) -> None:
        payload = dump_directives(directives).SerializeToString()
        self.send(directives=self.signer.seal(Sealed.DIRECTIVES, payload, order))

    def beat(self, *heard: str) -> None:
        self.send(beat=pb.Beat(facts=digest(self.facts), heard=heard))

    def all(self, kind: str) -> list[pb.SubscribeRequest]:
        return [message for message in self.said if message.WhichOneof("message") == kind]

    def acked(self) -> list[Order]:
        return [load_order(message.ack.order) for message in self.all("ack")]

    def refused(self) -> list[tuple[Order, str]]:
        return [(load_order(message.nack.order), message.nack.reason) for message in self.all("nack")]


@dataclass
class DnsServer:
    bound: Bound
    registry: CollectorRegistry

    async def www(self, subnet: str = "81.2.69.0/24") -> list[str]:
        return addresses(await self.ask(query_for("www.example.test", "A", subnet)))

    async def ask(self, query: dns.message.Message) -> dns.message.Message:
        (address,) = self.bound.listen
        return await dns.asyncquery.udp(query, address.host, port=address.port, timeout=5)

    async def until_www(self, address: str) -> None:
        await eventually(self._answers(lambda found: found == [address]))

    async def until_www_is_not(self, address: str) -> None:
        await eventually(self._answers(lambda found: found != [address]))

    def _answers(self, wanted: Callable[[list[str]], bool]) -> Callable[[], Awaitable[bool]]:
        async def answers() -> bool:
            return wanted(await self.www())

        return answers

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def coordinator_at(port: int = 0) -> AsyncIterator[tuple[Coordinator, SocketAddress]]:
    server, coordinator = rpc.server(), Coordinator()
    add_DiscoveryServicer_to_server(cast("DiscoveryServicer", coordinator), server)
    address = SocketAddress("127.0.0.1", server.add_insecure_port(f"127.0.0.1:{port}"))
    await server.start()
    try:
        yield coordinator, address
    finally:
        await server.stop(None)


@asynccontextmanager
async def dns_server(
    data: Path,
    *coordinators: SocketAddress,
    metrics: SocketAddress | None = None,
    **more: str | Path | tuple[Path, ...],
) -> AsyncIterator[DnsServer]:
    ready: asyncio.Future[Bound] = asyncio.get_running_loop().create_future()
    registry = CollectorRegistry()
    options = Options(name="test", listen=(LOOPBACK,), coordinators=coordinators, data=data, metrics=metrics, **more)
    task = asyncio.create_task(run(options, on_ready=ready.set_result, registry=registry))
    await asyncio.wait([ready, task], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield DnsServer(ready.result(), registry)
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=5)
        assert task.cancelled()


Both = tuple[Coordinator, SocketAddress]
