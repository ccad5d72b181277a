"""What tests of the agent share: monitors, scripted servers, real server processes to kill, a prober at work."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from prometheus_client import CollectorRegistry
from support.waiting import until

from gslb.core.facts import Verdict
from gslb.core.health import Health
from gslb.core.layouts import Layout, Target
from gslb.core.model import IPNetwork
from gslb.core.monitors import Monitor
from gslb.core.order import Order
from site_agent.assignment import Assignment
from site_agent.metrics import AgentMetrics
from site_agent.prober import Prober
from site_agent.report import Seen
from site_agent.resolve import Resolver
from site_agent.sightings import sightings
from site_agent.target import Means
from site_agent.turnstile import Turnstile

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"


def assignment(*pairs: tuple[Target, Monitor], config: int = 1, allow: bool = True) -> Assignment:
    """What a coordinator would send to site `here`."""
    return Assignment(
        order=Order(1, config, 0),
        layout=Layout(site="here", targets=tuple(sorted(target for target, _ in pairs))),
        monitors={one.name: one for _, one in pairs},
        probe_allow=LOOPBACK if allow else (),
    )


def target(address: str = "127.0.0.1", *, endpoint: str = "one", monitor: str = "web") -> Target:
    return Target(endpoint=endpoint, monitor=monitor, address=address)


@dataclass
class Work:
    """A prober at work. `changes`: the targets whose state has changed, in order."""

    prober: Prober
    registry: CollectorRegistry
    changes: list[Target]

    def seen(self, target: Target) -> Seen:
        return self.prober.seen([target])[0]

    def health(self, target: Target) -> Health:
        return self.seen(target).health

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    async def until(self, target: Target, verdict: Verdict) -> Health:
        await until(lambda: self.health(target).verdict is verdict)
        return self.health(target)


@asynccontextmanager
async def working(seen: Path | None = None, only: tuple[IPNetwork, ...] = ()) -> AsyncIterator[Work]:
    """A prober without coordinators; it ends by being assigned nothing. `seen`: where it keeps what it has seen up."""
    registry, changes = CollectorRegistry(), []
    means = Means(
        resolver=Resolver(),
        turnstile=Turnstile(),
        metrics=AgentMetrics(registry),
        chance=lambda: 0.5,
        sightings=sightings(seen),
        only=only,
    )
    async with asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(means.sightings.run())
        prober = Prober(means, tasks, changes.append)
        try:
            yield Work(prober, registry, changes)
        finally:
            keeping.cancel()
            prober.assign(assignment(config=99))


@dataclass
class Scripted:
    """A server in this process. `requests`: what it was asked, in order; `connections`: how many were opened."""

    port: int
    requests: list[bytes]
    connections: int = 0


Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def scripted(
    answer: bytes | Answer,
    *,
    address: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    greeting: bytes = b"",
) -> AsyncIterator[Scripted]:
    """Answers every request head with the same bytes, or as `answer` does with the writer; ends with the client."""
    seen, serving = Scripted(0, []), set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        serving.add(asyncio.current_task())
        writer.write(greeting)
        try:
            while True:
                seen.requests.append(await reader.readuntil(b"\r\n\r\n"))
                if isinstance(answer, bytes):
                    writer.write(answer)
                else:
                    await answer(seen.requests[-1], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            serving.discard(asyncio.current_task())

    server = await asyncio.start_server(serve, address, 0, ssl=tls)
    seen.port = server.sockets[0].getsockname()[1]
    async with server:
        yield seen
    for task in tuple(serving):
        task.cancel()
    await asyncio.wait(serving) if serving else None


@dataclass
class Process:
    """A real server process; see support/webserver.py."""

    pid: int
    port: int

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@asynccontextmanager
async def process(
    *, address: str = "127.0.0.1", port: int = 0, certificate: Path | None = None
) -> AsyncIterator[Process]:
    script = str(Path(__file__).with_name("webserver.py"))
    extra = [str(certificate)] if certificate is not None else []
    running = await asyncio.create_subprocess_exec(
        sys.executable, script, address, str(port), *extra, stdout=asyncio.subprocess.PIPE
    )
    assert running.stdout is not None
    try:
        yield Process(running.pid, int(await running.stdout.readline()))
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()
        running._transport.close()
