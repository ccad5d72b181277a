"""One authoritative dns server: its sockets, its feed, its files and its metrics, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from socket import socket

from prometheus_client import CollectorRegistry

from dns_server.engines.base import Engine
from dns_server.guides import Guides
from dns_server.handover.door import Estate, Taken, open_door
from dns_server.handover.folder import Folder
from dns_server.handover.predecessor import claimed
from dns_server.metrics import DnsCollector
from dns_server.options import Options
from dns_server.parts import Parts, make_parts
from gslb.core.identity import names
from gslb.runtime import http
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.clock import wall_unix_s
from gslb.runtime.expiry import Expiry
from gslb.runtime.garbage import building
from gslb.runtime.logs import get_logger
from gslb.runtime.supervise import keep_running
from gslb.runtime.tls import UnusableCertificate


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
    """Serve until cancelled, or until another process has taken over. `on_ready` is called once all sockets are bound,
    with a snapshot or without.

    `registry`: where to show the metrics besides `options.metrics`. Raises OSError when an address cannot be had,
    FolderInUse, CannotTakeOver, BadSecrets, BadKey, PlaintextRefused and WrongCertificate. A certificate that cannot be
    used costs the coordinators' news, never an answer.
    """
    _check(options)
    guides = await asyncio.to_thread(
        Guides.read,
        options.cookie_secrets,
        options.trusted_keys,
        options.overrides_file,
        options.folder / "break-glass",
    )
    shown = registry if registry is not None else CollectorRegistry()
    async with AsyncExitStack() as stack:
        folder, before = await stack.enter_async_context(claimed(options.folder, take_over=options.take_over))
        parts = make_parts(options, guides)
        with building():  # garbage is collected when it answers, not before
            parts.identify()
            parts.break_glass()
            await parts.restore()
            parts.break_glass()
            taken = await before.sockets(parts.restore, parts.order) if before else []
            stack.enter_context(_shown(DnsCollector(parts.sources), shown))
            listen = await stack.enter_async_context(_answering(parts.engine, options.listen, taken))
        if before:
            await before.let_go()
            await parts.restore()
        parts.saver.forget()
        handed_over = await stack.enter_async_context(_handing_over(options, parts, folder))
        metrics = await stack.enter_async_context(_observable(options.metrics, shown, parts.missing))
        expiry = Expiry(options.security, shown, wall_unix_s)
        await stack.enter_async_context(_running(parts, expiry, listen))
        get_logger("dns").info("answering", listen=[str(address) for address in listen], order=str(parts.order()))
        if on_ready is not None:
            on_ready(Bound(listen=listen, metrics=metrics))
        await handed_over.wait()


def _check(options: Options) -> None:
    options.security.check(options.coordinators)
    try:
        options.security.check_name(names.Kind.DNS, options.name)
    except UnusableCertificate as error:
        get_logger("dns").error("starting without a certificate", reason=str(error))


@contextmanager
def _shown(collector: DnsCollector, registry: CollectorRegistry) -> Iterator[None]:
    registry.register(collector)
    try:
        yield
    finally:
        registry.unregister(collector)


@asynccontextmanager
async def _answering(
    engine: Engine, listen: tuple[SocketAddress, ...], taken: Sequence[socket]
) -> AsyncIterator[tuple[SocketAddress, ...]]:
    """With sockets `taken` from another process as far as they fit. Ending without an error is for a hand-over."""
    try:
        bound = await engine.start(listen, taken)
    finally:
        for each in taken:
            each.close()
    try:
        yield bound
    except BaseException:
        await engine.stop()
        raise
    await engine.drain()
    get_logger("dns").info("drained")


@asynccontextmanager
async def _handing_over(options: Options, parts: Parts, folder: Folder) -> AsyncIterator[Taken]:
    """What is done once another process serves in our place: never, if that is not wanted."""
    if not options.hands_over:
        yield Taken()
        return
    estate = Estate(folder=folder, sockets=parts.engine.descriptors, save=parts.saver.flush, order=parts.order)
    async with open_door(estate) as taken:
        yield taken


@asynccontextmanager
async def _running(parts: Parts, expiry: Expiry, listen: Sequence[SocketAddress]) -> AsyncIterator[None]:
    """Following the coordinators and what operators may change, saving what is said, minding our certificate and what
    is answered at `listen`."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(keep_running("saver", parts.saver.run)),
            group.create_task(parts.feed.run()),
            group.create_task(expiry.run()),
            group.create_task(keep_running("age", parts.follow_age)),
            group.create_task(keep_running("self-query", partial(parts.self_query.follow, listen))),
            group.create_task(keep_running("trusted keys", parts.follow_trust)),
            group.create_task(keep_running("break glass", parts.follow_break_glass)),
        ]
        if parts.guides.cookie_secrets.has_file:
            follow = partial(parts.guides.cookie_secrets.follow, parts.identify)
            tasks.append(group.create_task(keep_running("cookie secrets", follow)))
        yield
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def _observable(
    address: SocketAddress | None, registry: CollectorRegistry, missing: http.Readiness
) -> AsyncIterator[SocketAddress | None]:
    """Metrics and health over HTTP, if wanted; ready means that there is something to answer with."""
    if address is None:
        yield None
        return
    async with http.serve(address.host, address.port, registry, missing) as port:
        yield SocketAddress(address.host, port)
