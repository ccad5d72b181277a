"""One authoritative dns server: its sockets, its feed, its files and its metrics, put together."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from dns_server.engines.base import Engine
from dns_server.engines.choice import make_engine
from dns_server.feed import Feed
from dns_server.files import Files, Kind
from dns_server.metrics import DnsCollector, Sources
from dns_server.received import Directions, Received, load_facts
from dns_server.replica import Replica
from dns_server.saver import Saver
from dns_server.stream import Identity
from dns_server.trial import Prepare, try_out
from gslb.runtime import http
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.clock import monotonic_s
from gslb.runtime.logs import get_logger
from gslb.runtime.supervise import keep_running


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`listen`: UDP and TCP each; port 0 takes a free one. `data`: last-known-good files stand in its folder `dns`.

    `metrics`: None = not served. `engine`: as for `make_engine`.
    """

    name: str
    listen: tuple[SocketAddress, ...]
    coordinators: tuple[SocketAddress, ...]
    data: Path
    metrics: SocketAddress | None = None
    engine: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Where it answers; `metrics` None when they are not served."""

    listen: tuple[SocketAddress, ...]
    metrics: SocketAddress | None


async def run(
    options: Options,
    *,
    on_ready: Callable[[Bound], None] | None = None,
    registry: CollectorRegistry | None = None,
) -> None:
    """Serve until cancelled. `on_ready` is called once all sockets are bound, with a snapshot or without.

    `registry`: where to show the metrics besides `options.metrics`. Raises OSError when an address cannot be had.
    """
    files = Files(options.data / "dns")
    saver = Saver(files)
    engine = make_engine(options.engine, entropy=secrets.randbits(64))
    replica = Replica(engine.publish, saver.put)
    await asyncio.to_thread(_restore, files, replica, engine.prepare)
    saver.forget()
    identity = Identity(name=options.name, engine=engine.name, queries_total=lambda: engine.counters.queries_total)
    feed = Feed(identity, replica, saver, engine.prepare)
    sources = Sources(engine=engine, replica=replica, files=files, beat_s=feed.beat_s, now_s=monotonic_s)
    shown = registry if registry is not None else CollectorRegistry()
    async with AsyncExitStack() as stack:
        stack.enter_context(_shown(DnsCollector(sources), shown))
        listen = await stack.enter_async_context(_answering(engine, options.listen))
        metrics = await stack.enter_async_context(_observable(options.metrics, shown, replica))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(keep_running("saver", saver.run))
        tasks.create_task(feed.run(options.coordinators))
        get_logger("dns").info("answering", listen=[str(address) for address in listen], order=str(replica.order))
        if on_ready is not None:
            on_ready(Bound(listen=listen, metrics=metrics))


def _restore(files: Files, replica: Replica, prepare: Prepare) -> None:
    """Serve what was last known good, before anybody is asked."""
    facts = files.load(Kind.FACTS, load_facts)
    directions = files.load(Kind.DIRECTIVES, Directions.load)
    if facts is not None:
        replica.take_reports(facts.reports.values())
    if directions is not None:
        replica.take_directions(directions)
    passed = files.load(Kind.SNAPSHOT, lambda saved: try_out(Received.load(saved), replica.premises, prepare))
    if passed is not None:
        replica.take_snapshot(passed)


@contextmanager
def _shown(collector: DnsCollector, registry: CollectorRegistry) -> Iterator[None]:
    registry.register(collector)
    try:
        yield
    finally:
        registry.unregister(collector)


@asynccontextmanager
async def _answering(engine: Engine, listen: tuple[SocketAddress, ...]) -> AsyncIterator[tuple[SocketAddress, ...]]:
    bound = await engine.start(listen)
    try:
        yield bound
    finally:
        await engine.stop()


@asynccontextmanager
async def _observable(
    address: SocketAddress | None, registry: CollectorRegistry, replica: Replica
) -> AsyncIterator[SocketAddress | None]:
    """Metrics and health over HTTP, if wanted; ready means that there is something to answer with."""
    if address is None:
        yield None
        return
    async with http.serve(
        address.host, address.port, registry, lambda: None if replica.has_snapshot else "no snapshot yet"
    ) as port:
        yield SocketAddress(address.host, port)
