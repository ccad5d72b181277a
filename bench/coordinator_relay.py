"""How long a report takes from an agent's write to a dns server's read, through a coordinator on loopback.

    python bench/coordinator_relay.py [--dns-servers 2] [--reports 2000]

All in one process and on one event loop, so the number is an upper bound for the way through the coordinator.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import grpc

from gslb.api.v1 import admin_pb2, discovery_pb2, health_pb2
from gslb.api.v1.admin_pb2_grpc import AdminStub
from gslb.api.v1.discovery_pb2_grpc import DiscoveryStub
from gslb.api.v1.health_pb2_grpc import HealthStub
from gslb.codec.facts import dump_report
from gslb.coordinator.main import Bound, run
from gslb.coordinator.options import Options
from gslb.core.facts import AgentId, Report
from gslb.runtime import logs, rpc
from gslb.runtime.addresses import SocketAddress

if TYPE_CHECKING:
    from gslb.api.v1.admin_pb2_grpc import AdminAsyncStub

Stream: TypeAlias = "grpc.aio.StreamStreamCall[discovery_pb2.SubscribeRequest, discovery_pb2.SubscribeResponse]"
CONFIG = b"""
zones: [{name: bench.test, nameservers: [ns1.elsewhere.test], contact: ops@bench.test}]
sites: [{name: us}]
pools: [{name: web, site: us, members: [{name: one, address: 192.0.2.10}]}]
services: [{name: www.bench.test, pools: [web], steering: [weighted]}]
"""


async def main(dns_servers: int, reports: int) -> None:
    logs.configure("warning")
    ready: asyncio.Future[Bound] = asyncio.get_running_loop().create_future()
    with tempfile.TemporaryDirectory() as folder:
        options = Options(name="bench", listen=SocketAddress("127.0.0.1", 0), data=Path(folder))
        coordinator = asyncio.create_task(run(options, on_ready=ready.set_result))
        address = f"127.0.0.1:{(await ready).port}"
        async with rpc.channel(address) as channel:
            await apply(AdminStub(channel))
            await measure(address, dns_servers, reports)
        coordinator.cancel()
        await asyncio.wait([coordinator])


async def apply(stub: AdminAsyncStub) -> None:
    digest = sha256(CONFIG).digest()
    call = stub.Apply()
    file = admin_pb2.OfferedFile(path="gslb.yaml", sha256=digest, size_bytes=len(CONFIG))
    await call.write(admin_pb2.ApplyRequest(offer=admin_pb2.Offer(files=[file])))
    await call.read()
    await call.write(admin_pb2.ApplyRequest(data=admin_pb2.FileData(sha256=digest, content=CONFIG)))
    result = await call.read()
    if not isinstance(result, admin_pb2.ApplyResponse) or not result.HasField("applied"):
        raise SystemExit(str(result))


async def measure(address: str, dns_servers: int, reports: int) -> None:
    channels = [rpc.channel(address) for _ in range(dns_servers + 1)]
    streams = [DiscoveryStub(channel).Subscribe() for channel in channels[1:]]
    for number, stream in enumerate(streams):
        await stream.write(discovery_pb2.SubscribeRequest(hello=discovery_pb2.DnsHello(name=f"d{number}")))
    agent = HealthStub(channels[0]).Exchange()
    await agent.write(health_pb2.ExchangeRequest(hello=health_pb2.AgentHello(agent="us/bench", boot=1)))
    greeting = await agent.read()
    assert isinstance(greeting, health_pb2.ExchangeResponse)
    layout = greeting.assignment.layout
    taken_ms = []
    for sequence in range(1, reports + 1):
        register = Report(
            agent=AgentId("us/bench"), boot=1, sequence=sequence, layout=layout, states=sequence.to_bytes(2) * 500
        )
        message = health_pb2.ExchangeRequest(report=dump_report(register))
        started = time.perf_counter()
        await agent.write(message)
        await asyncio.gather(*(arrival(stream, sequence) for stream in streams))
        taken_ms.append((time.perf_counter() - started) * 1000)
    taken_ms.sort()
    p99 = taken_ms[int(len(taken_ms) * 0.99)]
    print(f"{reports} reports of 1,000 states to all of {dns_servers} dns servers:")
    print(f"median {statistics.median(taken_ms):.2f} ms, p99 {p99:.2f} ms, worst {taken_ms[-1]:.2f} ms")
    for channel in channels:
        await channel.close()


async def arrival(stream: Stream, sequence: int) -> None:
    while True:
        message = await stream.read()
        assert isinstance(message, discovery_pb2.SubscribeResponse)
        if any(report.sequence == sequence for report in message.facts.reports):
            return


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dns-servers", type=int, default=2)
    parser.add_argument("--reports", type=int, default=2_000)
    given = parser.parse_args()
    asyncio.run(main(given.dns_servers, given.reports))
