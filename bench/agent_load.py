"""How many members one agent can probe on one core: `python bench/agent_load.py [--members N] [--mode MODE ...]`.

The agent runs alone on the first core; the servers and a small stand-in for a coordinator run on the second. Members
are addresses of 127.0.0.0/8 that one server answers for. Prints, for each mode, probes a second, CPU use of the agent,
how late probes start, and how many did not succeed. Loopback only; about fifteen seconds a mode.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import trustme
from prometheus_client.parser import text_string_to_metric_families

from gslb.api.v1 import facts_pb2, health_pb2, health_pb2_grpc
from gslb.codec.monitors import dump_monitor, dump_target
from gslb.core.layouts import Layout, Target
from gslb.core.monitors import HttpProbe, Monitor, TcpProbe
from gslb.runtime import logs, process, rpc
from gslb.runtime.addresses import SocketAddress
from site_agent.main import Options, run

ANSWER = b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
WARM_UP_S = 8.0
METRICS_PORT = 27_480
"""Below the ports that probes are sent from."""
AGENT_CORE, SERVER_CORE = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
MODES = ("http", "http-kept", "https", "https-kept", "tcp")


def monitor(mode: str, port: int, interval_ms: int) -> Monitor:
    tls, kept = mode.startswith("https"), mode.endswith("-kept")
    http = HttpProbe(
        tls=tls,
        verify=True,
        host="bench.example",
        sni=None,
        method="GET",
        path="/healthz",
        status=((200, 299),),
        body="ok",
        keep=kept,
    )
    return Monitor(
        name=mode,
        port=port,
        interval_ms=interval_ms,
        timeout_ms=1000,
        fall=2,
        rise=3,
        ok=3,
        hold_ms=10_000,
        crash=mode != "tcp",
        probe=TcpProbe(tls=False, verify=False, sni=None) if mode == "tcp" else http,
    )


class Server(asyncio.Protocol):
    """Answers every request with the same bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self._transport.write(ANSWER)


class Coordinator(health_pb2_grpc.HealthServicer):
    """Assigns, and sets `settled` at the first report."""

    def __init__(self, assignment: health_pb2.Assignment) -> None:
        self.assignment = assignment
        self.settled = asyncio.Event()

    async def Exchange(
        self, request_iterator: AsyncIterator[health_pb2.ExchangeRequest], context: object
    ) -> AsyncIterator[health_pb2.ExchangeResponse]:
        yield health_pb2.ExchangeResponse(assignment=self.assignment)
        async for request in request_iterator:
            if request.HasField("report"):
                self.settled.set()


def assignment(mode: str, members: int, port: int, interval_ms: int) -> health_pb2.Assignment:
    first = int(IPv4Address("127.1.0.1"))
    targets = tuple(
        Target(endpoint=f"m{number:05d}", monitor=mode, address=str(IPv4Address(first + number)))
        for number in range(members)
    )
    return health_pb2.Assignment(
        order=facts_pb2.Order(incarnation=1, config=1, directive=1),
        layout=Layout(site="bench", targets=targets).digest,
        targets=[dump_target(target) for target in targets],
        monitors=[dump_monitor(monitor(mode, port, interval_ms))],
        probe_allow=["127.0.0.0/8"],
    )


@dataclass(frozen=True)
class Sample:
    """The agent's counters at one moment. `lags`: (upper bound in seconds, how many up to it).

    `robbed_s`: how long the agent was ready to run while something else had its core.
    """

    at_s: float
    cpu_s: float
    robbed_s: float
    probes: float
    succeeded: float
    abandoned: float
    lags: tuple[tuple[float, float], ...]

    @classmethod
    def take(cls, pid: int, metrics_port: int) -> Sample:
        at_s = time.monotonic()
        threads = [task.read_text().split() for task in Path(f"/proc/{pid}/task").glob("*/schedstat")]
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=5) as reply:
            families = text_string_to_metric_families(reply.read().decode())
            samples = [sample for family in families for sample in family.samples]
        probes = [sample for sample in samples if sample.name == "gslb_agent_probes_total"]
        lags = [sample for sample in samples if sample.name == "gslb_agent_schedule_lag_seconds_bucket"]
        return cls(
            at_s=at_s,
            cpu_s=sum(int(thread[0]) for thread in threads) / 1e9,
            robbed_s=sum(int(thread[1]) for thread in threads) / 1e9,
            probes=sum(sample.value for sample in probes),
            succeeded=sum(sample.value for sample in probes if sample.labels["cause"] == "ok"),
            abandoned=sum(s.value for s in samples if s.name == "gslb_agent_probes_abandoned_total"),
            lags=tuple((float(sample.labels["le"]), sample.value) for sample in lags),
        )


def quantile(before: Sample, after: Sample, share: float) -> str:
    """The bucket that holds the quantile: as much as a histogram tells."""
    counts = [(bound, late - early) for (bound, late), (_, early) in zip(after.lags, before.lags, strict=True)]
    wanted = counts[-1][1] * share
    bound = next(bound for bound, count in counts if count >= wanted)
    return f"<= {bound * 1000:g} ms"


@asynccontextmanager
async def agent(coordinator_port: int, metrics_port: int, authority: Path) -> AsyncIterator[int]:
    """The agent on a core of its own; yields its process id."""
    command = [sys.executable, __file__, "--agent", str(coordinator_port), str(metrics_port), str(AGENT_CORE)]
    environment = {**os.environ, "SSL_CERT_FILE": str(authority)}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


async def measure(mode: str, members: int, interval_ms: int, seconds: float, folder: Path) -> None:
    loop = asyncio.get_running_loop()
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority_file = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(authority_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("bench.example", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    tls = context if mode.startswith("https") else None
    web = await loop.create_server(Server, "0.0.0.0", 0, ssl=tls, backlog=4096)
    port = web.sockets[0].getsockname()[1]
    coordinator = Coordinator(assignment(mode, members, port, interval_ms))
    server = rpc.server()
    health_pb2_grpc.add_HealthServicer_to_server(coordinator, server)
    coordinator_port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with agent(coordinator_port, METRICS_PORT, authority_file) as pid:
        await asyncio.wait_for(coordinator.settled.wait(), 60)
        await asyncio.sleep(WARM_UP_S)
        before = await asyncio.to_thread(Sample.take, pid, METRICS_PORT)
        await asyncio.sleep(seconds)
        after = await asyncio.to_thread(Sample.take, pid, METRICS_PORT)
        took_s = after.at_s - before.at_s
    web.close()
    await server.stop(None)
    probes = after.probes - before.probes
    failed = probes - (after.succeeded - before.succeeded) + after.abandoned - before.abandoned
    print(
        f"{mode:<11} {members:>6} members {probes / took_s:>7.0f} probes/s"
        f"   agent CPU {(after.cpu_s - before.cpu_s) / took_s:>6.1%}"
        f" (core taken {(after.robbed_s - before.robbed_s) / took_s:>5.1%})"
        f"   lag p50 {quantile(before, after, 0.5):<10} p99 {quantile(before, after, 0.99):<10} failed {failed:.0f}",
        flush=True,
    )


def run_agent(coordinator_port: int, metrics_port: int, core: int) -> int:
    os.sched_setaffinity(0, {core})
    logs.configure("warning")
    options = Options(
        site="bench",
        name="agent",
        coordinators=(SocketAddress("127.0.0.1", coordinator_port),),
        metrics=SocketAddress("127.0.0.1", metrics_port),
    )
    return process.run(run(options))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=2000)
    parser.add_argument("--interval-ms", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--mode", choices=MODES, nargs="+", default=MODES)
    parser.add_argument("--agent", type=int, nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.agent:
        return run_agent(*given.agent)
    os.sched_setaffinity(0, {SERVER_CORE})
    with tempfile.TemporaryDirectory() as folder:
        for mode in given.mode:
            asyncio.run(measure(mode, given.members, given.interval_ms, given.seconds, Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
