"""One coordinator from start to end: its parts put to work, its services, the beat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from gslb.coordinator.options import Options
from gslb.coordinator.parts import Parts, make_parts
from gslb.coordinator.peers.leader import Leader
from gslb.coordinator.peers.listener import Listener
from gslb.coordinator.peers.watcher import Overseer, Watcher
from gslb.coordinator.refusals import Refusals
from gslb.coordinator.server import Guards, serve
from gslb.coordinator.services import make_services
from gslb.coordinator.signing import Signing
from gslb.coordinator.storage import open_storage
from gslb.coordinator.ticker import Ticker
from gslb.core.identity.names import Kind
from gslb.runtime import http
from gslb.runtime.clock import monotonic_s, wall_unix_s
from gslb.runtime.expiry import Expiry
from gslb.runtime.logs import get_logger
from gslb.runtime.tls import Security


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Ports as bound, for those who asked for port 0."""

    port: int
    metrics_port: int | None


async def run(
    options: Options,
    *,
    on_ready: Callable[[Bound], None] | None = None,
    registry: CollectorRegistry | None = None,
) -> None:
    """Serve until cancelled. `on_ready` is called once, when what the store holds is published and calls are taken.

    Raises StoreUnavailable, CannotListen, BadKey; OSError when the metrics address is taken; ConfigErrors for `config`;
    what `Security` raises.
    """
    options.security.check([options.listen])
    options.security.check_name(Kind.COORDINATOR, options.name)
    registry = registry if registry is not None else CollectorRegistry()
    signing = Signing(options.signing_key)
    async with AsyncExitStack() as stack:
        opening = open_storage(options.folder, options.etcd, new_incarnation=wall_unix_s())
        parts = make_parts(options, await stack.enter_async_context(opening), signing, registry)
        await parts.restore(options.config)
        guards = Guards(refusals=Refusals(parts.metrics), door=parts.door, security=options.security)
        serving = serve(make_services(parts), options.listen, guards, parts.metrics.handshakes.inc)
        port = await stack.enter_async_context(serving)
        metrics_port = None
        if options.metrics is not None:
            page = http.serve(options.metrics.host, options.metrics.port, registry, parts.missing)
            metrics_port = await stack.enter_async_context(page)
        log, signs_with = get_logger("coordinator"), signing.current.key_id
        log.info("coordinator serves", port=port, order=str(parts.hub.order), signs_with=signs_with)
        if on_ready is not None:
            on_ready(Bound(port=port, metrics_port=metrics_port))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(Expiry(options.security, registry, wall_unix_s).run())
            tasks.create_task(_with_others(parts, options.advertised(port), options.security))
            tasks.create_task(_work(parts))


async def _work(parts: Parts) -> None:
    """What a coordinator does all the time, and what it does while it leads or watches."""
    store, hub, metrics = parts.storage.store, parts.hub, parts.metrics
    overseer = Overseer(hub, parts.rollouts, lambda: parts.roster.watcher, monotonic_s)
    leader = Leader(
        store,
        parts.name,
        parts.configuration,
        parts.overrides,
        parts.forgetting,
        parts.failback,
        overseer,
        metrics,
        monotonic_s,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Ticker(hub, parts.decider, parts.troubles, metrics, monotonic_s).run())
        tasks.create_task(parts.follower.run())
        tasks.create_task(parts.memory.run())
        tasks.create_task(parts.signing.follow(hub))
        tasks.create_task(parts.remarks.run())
        tasks.create_task(leader.run())
        tasks.create_task(Watcher(store, parts.name, hub, parts.rollouts, metrics, monotonic_s).run())


async def _with_others(parts: Parts, address: str | None, security: Security) -> None:
    """Be one of the coordinators there are; others reach it at `address`."""
    listener = Listener(parts.name, address, parts.hub, parts.metrics, security)

    def met(addresses: tuple[str, ...]) -> None:
        parts.hub.coordinate(addresses)
        listener.meet(addresses)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listener.run())
        tasks.create_task(parts.roster.run(address, met))
