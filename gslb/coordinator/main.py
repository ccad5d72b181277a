"""One coordinator, put together: store, hub, services and the beat, from start to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from gslb.coordinator.admin.apply import ApplyCall
from gslb.coordinator.admin.backup import BackupCall
from gslb.coordinator.admin.decider import Decider
from gslb.coordinator.admin.directing import DirectingCalls
from gslb.coordinator.admin.directives import DirectivesKeeper
from gslb.coordinator.admin.failback import Failback
from gslb.coordinator.admin.forgetting import Forgetting
from gslb.coordinator.admin.history import HistoryCalls
from gslb.coordinator.admin.overrides import Overrides
from gslb.coordinator.admin.rollout import RolloutCalls
from gslb.coordinator.admin.service import AdminService
from gslb.coordinator.admin.showing import ShowingCalls
from gslb.coordinator.audit.journal import REMARKS, Journal, newest
from gslb.coordinator.audit.remarks import Remarks
from gslb.coordinator.backup.taking import Backups
from gslb.coordinator.configuration.initial import apply_file
from gslb.coordinator.configuration.keeper import Configuration
from gslb.coordinator.configuration.retention import DEFAULT_LIMITS, Limits
from gslb.coordinator.configuration.rollouts import Rollouts
from gslb.coordinator.door import Door
from gslb.coordinator.follower import Follower
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.peers.leader import Leader
from gslb.coordinator.peers.listener import Listener
from gslb.coordinator.peers.peering import PeeringService
from gslb.coordinator.peers.roster import Roster
from gslb.coordinator.peers.watcher import Overseer, Watcher
from gslb.coordinator.refusals import Refusals
from gslb.coordinator.relay.demand import DemandCollector
from gslb.coordinator.relay.discovery import DiscoveryService
from gslb.coordinator.relay.health import HealthService
from gslb.coordinator.relay.hub import Hub
from gslb.coordinator.relay.memory import Memory
from gslb.coordinator.server import Guards, Services, serve
from gslb.coordinator.signing import Signing
from gslb.coordinator.storage import open_storage
from gslb.coordinator.ticker import Ticker
from gslb.core.errors import StoreUnavailable
from gslb.core.identity.access import Access
from gslb.core.identity.names import Kind
from gslb.runtime import http
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.clock import machine_start, monotonic_s, wall_unix_s
from gslb.runtime.expiry import Expiry
from gslb.runtime.logs import get_logger
from gslb.runtime.tls import LOOPBACK_ONLY, Security
from gslb.store.blobs import Blobs
from gslb.store.etcd.options import EtcdOptions

SETTLE_S = 10.0
"""After a start: agents come back within their longest pause, so until then none counts as silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`listen`: for agents, dns servers and operators. `data`: folder for the store and its blobs.

    `metrics`: where /metrics, /livez and /readyz are served, None = nowhere. `config`: applied if the store is empty.
    `etcd`: the store, None = the embedded one in `data`. `advertise`: where agents, dns servers and other coordinators
    reach this one, as they are told; None = at `listen` where coordinators share etcd, else they are told nothing.
    `limits`: how many configurations are kept. `admins`: operators who may do everything, besides `admin`.
    `signing_key`: signs what dns servers are told; None: nobody does.
    """

    name: str
    listen: SocketAddress
    data: Path
    metrics: SocketAddress | None = None
    config: Path | None = None
    etcd: EtcdOptions | None = None
    limits: Limits = DEFAULT_LIMITS
    security: Security = LOOPBACK_ONLY
    admins: frozenset[str] = frozenset()
    signing_key: Path | None = None
    advertise: SocketAddress | None = None

    def advertised(self, port: int) -> str | None:
        """`port`: the one that is listened on."""
        if self.advertise is not None:
            return str(self.advertise)
        return str(SocketAddress(self.listen.host, port)) if self.etcd is not None else None


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
    metrics, log = Metrics(registry), get_logger("coordinator")
    folder = options.data / "coordinator"
    signing = Signing(options.signing_key)
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(open_storage(folder, options.etcd, new_incarnation=wall_unix_s()))
        store, inputs = storage.store, storage.inputs
        compiled = Blobs(folder / "compiled", sync=False)
        hub = Hub(
            incarnation=store.incarnation,
            clock=monotonic_s,
            metrics=metrics,
            signer=signing.current,
            settle_s=SETTLE_S,
        )
        registry.register(DemandCollector(hub.demands))
        configuration = Configuration(store, inputs, compiled, hub, wall_unix_s, options.limits)
        directives = DirectivesKeeper(store, hub, wall_unix_s)
        overrides = Overrides(directives, hub, metrics, wall_unix_s)
        forgetting = Forgetting(directives, hub, wall_unix_s)
        follower, decider = Follower(store, configuration, directives, metrics), Decider(hub)
        failback = Failback(directives, hub, decider, metrics, monotonic_s, wall_unix_s)
        roster = Roster(store, options.name, monotonic_s)

        rollouts = Rollouts(configuration, hub, metrics)

        def troubles() -> tuple[str, ...]:
            return (*follower.troubles(), *roster.troubles(), *rollouts.troubles())

        await _restore(configuration, directives)
        if options.config is not None and hub.publication is None:
            await apply_file(configuration, options.config)
        remarks = Remarks(Journal(store, REMARKS), metrics, lambda: hub.order, wall_unix_s)
        door = Door(
            options.security.domain(),
            lambda: Access(configuration.grants, options.admins),
            metrics,
            remarks.refused,
            wall_unix_s,
        )
        memory = Memory(folder / "reports", hub, monotonic_s, machine_start())
        await memory.recall()
        services = Services(
            admin=AdminService(
                door=door,
                remarks=remarks,
                apply=ApplyCall(configuration, metrics, remarks.refused),
                history=HistoryCalls(configuration),
                rollout=RolloutCalls(rollouts, hub),
                backup=BackupCall(Backups(store, inputs, wall_unix_s)),
                directing=DirectingCalls(
                    hub=hub,
                    decider=decider,
                    door=door,
                    overrides=overrides,
                    failback=failback,
                    forgetting=forgetting,
                    wall_clock=wall_unix_s,
                ),
                showing=ShowingCalls(
                    name=options.name,
                    hub=hub,
                    roster=roster,
                    decider=decider,
                    rollout=RolloutCalls(rollouts, hub),
                    newest_audits=partial(newest, store),
                    troubles=troubles,
                    clock=monotonic_s,
                ),
            ),
            discovery=DiscoveryService(hub, metrics, door.caller),
            health=HealthService(hub, metrics, monotonic_s, door.caller),
            peering=PeeringService(hub, metrics, door.caller),
        )
        guards = Guards(refusals=Refusals(metrics), door=door, security=options.security)
        port = await stack.enter_async_context(serve(services, options.listen, guards, metrics.handshakes.inc))
        metrics_port = None
        if options.metrics is not None:
            page = http.serve(options.metrics.host, options.metrics.port, registry, lambda: _missing(hub))
            metrics_port = await stack.enter_async_context(page)
        log.info("coordinator serves", port=port, order=str(hub.order), signs_with=signing.current.key_id)
        if on_ready is not None:
            on_ready(Bound(port=port, metrics_port=metrics_port))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(Ticker(hub, decider, troubles, metrics, monotonic_s).run())
            tasks.create_task(follower.run())
            tasks.create_task(memory.run())
            tasks.create_task(signing.follow(hub))
            tasks.create_task(remarks.run())
            tasks.create_task(Expiry(options.security, registry, wall_unix_s).run())
            overseer = Overseer(hub, rollouts, lambda: roster.watcher, monotonic_s)
            leader = Leader(
                store, options.name, configuration, overrides, forgetting, failback, overseer, metrics, monotonic_s
            )
            tasks.create_task(leader.run())
            tasks.create_task(Watcher(store, options.name, hub, rollouts, metrics, monotonic_s).run())
            tasks.create_task(_with_others(options, port, roster, hub, metrics))


async def _with_others(options: Options, port: int, roster: Roster, hub: Hub, metrics: Metrics) -> None:
    """Be one of the coordinators there are."""
    address = options.advertised(port)
    listener = Listener(options.name, address, hub, metrics, options.security)

    def met(addresses: tuple[str, ...]) -> None:
        hub.coordinate(addresses)
        listener.meet(addresses)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listener.run())
        tasks.create_task(roster.run(address, met))


async def _restore(configuration: Configuration, directives: DirectivesKeeper) -> None:
    """What was in force; if need be as one member of the store has it, since failover cannot wait for a majority."""
    try:
        await directives.restore()
        await configuration.restore()
    except StoreUnavailable as error:
        get_logger("coordinator").warning("starting from what may be old: the store cannot be read", reason=str(error))
        await directives.restore(stale=True)
        await configuration.restore(stale=True)


def _missing(hub: Hub) -> str | None:
    return None if hub.publication is not None else "no configuration has been applied yet"
