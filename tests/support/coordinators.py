"""A coordinator on loopback for tests, and the peers that talk to it: agents, dns servers, an operator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from prometheus_client import CollectorRegistry

from gslb.api.v1 import admin_pb2, discovery_pb2, facts_pb2, health_pb2
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.api.v1.discovery_pb2_grpc import DiscoveryStub
from gslb.api.v1.health_pb2_grpc import HealthStub
from gslb.codec.facts import dump_report, load_directives, load_order, load_report
from gslb.codec.snapshot import load_snapshot, refs
from gslb.coordinator.main import Bound, run
from gslb.coordinator.options import Options
from gslb.core.directives import NO_DIRECTIVES, Directives
from gslb.core.facts import NO_FACTS, AgentId, Cause, Facts, Report, State, Verdict, merge
from gslb.core.order import Order
from gslb.core.snapshot import Snapshot
from gslb.runtime import rpc
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.tls import LOOPBACK_ONLY, Security

DEADLINE_S = 10
UP, DOWN = State(Verdict.UP, Cause.OK), State(Verdict.DOWN, Cause.REFUSED)
LONDON, NEW_YORK = "81.2.69.0/24", "66.9.0.0/24"

CONFIG = """
geo: {database: places.mmdb}
zones:
  - name: gslb.test
    nameservers: [ns1.gslb.test]
    contact: ops@gslb.test
    records:
      - {name: ns1, type: A, data: 192.0.2.53}
      - {name: text, type: TXT, data: '"one"'}
  - {name: other.test, nameservers: [ns1.gslb.test], contact: ops@gslb.test}
sites:
  - {name: us, location: {latitude: 39.0, longitude: -77.5}}
  - {name: eu, location: {latitude: 53.3, longitude: -6.3}}
  - {name: witness, location: {latitude: 1.3, longitude: 103.8}}
monitors:
  - {name: web, type: tcp, port: 80}
pools:
  - name: web-us
    site: us
    monitor: web
    members: [{name: us1, address: 192.0.2.10}, {name: us2, address: 192.0.2.11}]
  - {name: web-eu, site: eu, monitor: web, members: [{name: eu1, address: 198.51.100.10}]}
services:
  - name: www.gslb.test
    pools: [web-us, web-eu]
    steering:
      - geo: {rules: [{match: {continent: EU}, try: [web-eu]}], otherwise: [web-us, web-eu]}
      - weighted
"""


@cache
def places() -> bytes:
    """A country database that knows two networks."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Country")
    for network, code, continent in ((LONDON, "GB", "EU"), (NEW_YORK, "US", "NA")):
        writer.insert_network(IPSet([network]), {"country": {"iso_code": code}, "continent": {"code": continent}})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "places.mmdb"
        writer.to_db_file(str(path))
        return path.read_bytes()


def files(text: str = CONFIG, **others: bytes) -> dict[str, bytes]:
    """What an operator offers: the main file, the geo database, and `others` with `_` for the dot."""
    return {
        "gslb.yaml": text.encode(),
        "places.mmdb": places(),
        **{name.replace("_", "."): content for name, content in others.items()},
    }


class Running:
    """A coordinator under test."""

    def __init__(self, bound: Bound, channel: grpc.aio.Channel, registry: CollectorRegistry, task: asyncio.Task[None]):
        self.bound = bound
        self.channel = channel
        self.registry = registry
        self.task = task
        self.admin = AdminStub(channel)

    def count(self, name: str, **labels: str) -> float:
        """A counter's or gauge's value, 0 if it never moved."""
        return self.registry.get_sample_value(f"gslb_coordinator_{name}", labels) or 0.0

    async def apply(self, contents: Mapping[str, bytes] | None = None, **offer: object) -> admin_pb2.ApplyResponse:
        """Offer, send what is wanted, and hear the result."""
        contents = files() if contents is None else contents
        call = self.admin.Apply(timeout=DEADLINE_S)
        await call.write(admin_pb2.ApplyRequest(offer=make_offer(contents, **offer)))
        wanted = (await call.read()).wanted.sha256
        by_digest = {sha256(content).digest(): content for content in contents.values()}
        for digest in wanted:
            content = by_digest[digest]
            for offset in range(0, max(1, len(content)), 512 * 1024):
                piece = content[offset : offset + 512 * 1024]
                data = admin_pb2.FileData(sha256=digest, offset=offset, content=piece)
                await call.write(admin_pb2.ApplyRequest(data=data))
        response = await call.read()
        if response is grpc.aio.EOF:
            await ended(call)
        return response

    async def applied(self, contents: Mapping[str, bytes] | None = None, **offer: object) -> admin_pb2.Applied:
        """`apply`, which must succeed."""
        response = await self.apply(contents, **offer)
        assert response.HasField("applied"), response
        return response.applied

    async def status(self) -> admin_pb2.GetStatusResponse:
        return await self.admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=DEADLINE_S)

    @asynccontextmanager
    async def agent(self, name: str, boot: int = 1) -> AsyncIterator[Agent]:
        """A site agent that has said hello and has been given its assignment."""
        call = HealthStub(self.channel).Exchange()
        await call.write(health_pb2.ExchangeRequest(hello=health_pb2.AgentHello(agent=name, boot=boot, version="t")))
        try:
            yield Agent(name, boot, call, await assignment(call))
        finally:
            call.cancel()

    @asynccontextmanager
    async def dns_server(self, name: str) -> AsyncIterator[DnsServer]:
        """A dns server that has said hello and been told what there is."""
        call = DiscoveryStub(self.channel).Subscribe()
        hello = discovery_pb2.DnsHello(name=name, version="t", engine="test")
        await call.write(discovery_pb2.SubscribeRequest(hello=hello))
        server = DnsServer(call)
        listening = asyncio.create_task(server.listen())
        try:
            await server.until(lambda: server.greeted)
            yield server
        finally:
            call.cancel()
            await asyncio.wait([listening])


@asynccontextmanager
async def coordinator(folder: Path, *, operator: Security = LOOPBACK_ONLY, **options: object) -> AsyncIterator[Running]:
    """Runs `gslb.coordinator.main.run` on free ports until the context ends. `operator`: how `Running` calls it."""
    ready: asyncio.Future[Bound] = asyncio.get_running_loop().create_future()
    registry = CollectorRegistry()
    anywhere = SocketAddress("127.0.0.1", 0)
    chosen = {"name": "c1", "listen": anywhere, "metrics": anywhere, "data": folder, **options}
    task = asyncio.create_task(run(Options(**chosen), on_ready=ready.set_result, registry=registry))
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED, timeout=DEADLINE_S)
    if task.done():
        await task
    bound = ready.result()
    try:
        async with rpc.channel(f"127.0.0.1:{bound.port}", operator) as channel:
            yield Running(bound, channel, registry, task)
    finally:
        task.cancel()
        await asyncio.wait([task])


def make_offer(contents: Mapping[str, bytes], **offer: object) -> admin_pb2.Offer:
    offered = [
        admin_pb2.OfferedFile(path=path, sha256=sha256(content).digest(), size_bytes=len(content))
        for path, content in contents.items()
    ]
    return admin_pb2.Offer(files=offered, **{"author": "test", **offer})


async def ended(call: grpc.aio.Call) -> None:
    """Wait for the end of a call and raise what it ended with, unless that is OK."""
    async with asyncio.timeout(DEADLINE_S):
        code = await call.code()
    if code is not grpc.StatusCode.OK:
        raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), await call.details())


async def to_the_end(call: grpc.aio.StreamStreamCall) -> None:
    """Read on until the call ends; raises what it ended with, unless that is OK."""
    while await call.read() is not grpc.aio.EOF:
        pass


async def assignment(call: grpc.aio.StreamStreamCall) -> health_pb2.Assignment:
    """The next assignment of a Health stream; raises what the stream ended with."""
    async with asyncio.timeout(DEADLINE_S):
        message = await call.read()
    if message is grpc.aio.EOF:
        await ended(call)
    return message.assignment


class Agent:
    """A site agent as the coordinator sees it."""

    def __init__(self, name: str, boot: int, call: grpc.aio.StreamStreamCall, first: health_pb2.Assignment) -> None:
        self.name = name
        self.boot = boot
        self.sequence = 0
        self.call = call
        self.assignment = first

    async def next_assignment(self) -> health_pb2.Assignment:
        self.assignment = await assignment(self.call)
        return self.assignment

    def register(self, *states: State, **changed: object) -> Report:
        """The agent's next register."""
        self.sequence += 1
        return Report(
            **{
                "agent": AgentId(self.name),
                "boot": self.boot,
                "sequence": self.sequence,
                "layout": self.assignment.layout,
                "states": bytes(state.octet for state in states),
                **changed,
            }
        )

    async def report(self, *states: State, **changed: object) -> Report:
        """Send its register."""
        report = self.register(*states, **changed)
        await self.call.write(health_pb2.ExchangeRequest(report=dump_report(report)))
        return report

    async def evidence(self, details: Mapping[int, str], **columns: int) -> None:
        """By target. `columns`: the same for each; 0 where not given."""
        told = {name: columns.get(name, 0) for name in ("latencies_us", "verdict_ages_ms", "probe_ages_ms", "flaps")}
        message = health_pb2.Evidence(
            layout=self.assignment.layout,
            targets=details,
            texts=details.values(),
            details=range(len(details)),
            **{name: [value] * len(details) for name, value in told.items()},
        )
        await self.call.write(health_pb2.ExchangeRequest(evidence=message))


class DnsServer:
    """A dns server as the coordinator sees it: keeps what it was told and can wait for more."""

    def __init__(self, call: grpc.aio.StreamStreamCall) -> None:
        self.call = call
        self.manifest = b""
        self.manifest_order = Order()
        self.manifest_key = ""
        self.chunks: dict[bytes, bytes] = {}
        self.directives: Directives = NO_DIRECTIVES
        self.facts: Facts = NO_FACTS
        self.updates: list[Report] = []
        self.beats: list[discovery_pb2.Beat] = []
        self.greeted = False
        self.over = False
        self._told = asyncio.Condition()
        self._writing = asyncio.Lock()

    async def listen(self) -> None:
        try:
            while (message := await self.call.read()) is not grpc.aio.EOF:
                async with self._told:
                    self._take(message)
                    self._told.notify_all()
        except (asyncio.CancelledError, grpc.aio.AioRpcError):
            pass
        async with self._told:
            self.over = True
            self._told.notify_all()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until what was told makes `holds()` true."""
        async with asyncio.timeout(DEADLINE_S), self._told:
            await self._told.wait_for(holds)

    async def send(self, **message: object) -> None:
        """gRPC takes one message at a time."""
        async with self._writing:
            await self.call.write(discovery_pb2.SubscribeRequest(**message))

    async def fetch(self) -> Snapshot:
        """Ask for the present manifest's chunks and load them."""
        await self.until(lambda: bool(self.manifest))
        manifest = self.manifest  # another may come meanwhile
        wanted = [ref.digest for ref in refs(manifest)]
        await self.send(chunks=discovery_pb2.ChunkRequest(digests=wanted))
        await self.until(lambda: self.chunks.keys() >= set(wanted))
        return load_snapshot(manifest, self.chunks)

    def _take(self, message: discovery_pb2.SubscribeResponse) -> None:
        match message.WhichOneof("message"):
            case "manifest":
                self.manifest, self.manifest_order = message.manifest.payload, load_order(message.manifest.order)
                self.manifest_key = message.manifest.key_id
            case "chunk":
                self.chunks[message.chunk.digest] = message.chunk.content
            case "directives":
                self.greeted = True
                self.directives = load_directives(facts_pb2.Directives.FromString(message.directives.payload))
            case "facts":
                for report in map(load_report, message.facts.reports):
                    self.updates.append(report)
                    self.facts = merge(self.facts, report)
            case "beat":
                self.greeted = True
                self.beats.append(message.beat)
