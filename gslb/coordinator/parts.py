"""What does the work in a coordinator, made and joined; none of it runs yet (`main`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from gslb.coordinator.admin.decider import Decider
from gslb.coordinator.admin.directives import DirectivesKeeper
from gslb.coordinator.admin.failback import Failback
from gslb.coordinator.admin.forgetting import Forgetting
from gslb.coordinator.admin.overrides import Overrides
from gslb.coordinator.audit.journal import REMARKS, Journal
from gslb.coordinator.audit.remarks import Remarks
from gslb.coordinator.configuration.initial import apply_file
from gslb.coordinator.configuration.keeper import Configuration
from gslb.coordinator.configuration.rollouts import Rollouts
from gslb.coordinator.door import Door
from gslb.coordinator.follower import Follower
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.options import Options
from gslb.coordinator.peers.roster import Roster
from gslb.coordinator.relay.demand import DemandCollector
from gslb.coordinator.relay.hub import Hub
from gslb.coordinator.relay.memory import Memory
from gslb.coordinator.signing import Signing
from gslb.coordinator.storage import Storage
from gslb.core.errors import StoreUnavailable
from gslb.core.identity.access import Access
from gslb.runtime.clock import machine_start, monotonic_s, wall_unix_s
from gslb.runtime.logs import get_logger
from gslb.store.blobs import Blobs

SETTLE_S = 10.0
"""After a start: agents come back within their longest pause, so until then none counts as silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    name: str
    storage: Storage
    metrics: Metrics
    signing: Signing
    hub: Hub
    configuration: Configuration
    directives: DirectivesKeeper
    overrides: Overrides
    forgetting: Forgetting
    failback: Failback
    decider: Decider
    rollouts: Rollouts
    follower: Follower
    roster: Roster
    memory: Memory
    remarks: Remarks
    door: Door

    def troubles(self) -> tuple[str, ...]:
        """What is wrong here, with the store, or with the configuration in it, as sentences."""
        return (
            *self.follower.troubles(),
            *self.roster.troubles(),
            *self.rollouts.troubles(),
            *self.signing.troubles(),
        )

    async def restore(self, initial: Path | None) -> None:
        """What was in force and what agents said last; `initial`: the configuration where there was none."""
        try:
            await self._read_store(stale=False)
        except StoreUnavailable as error:  # failover cannot wait for a majority
            log = get_logger("coordinator")
            log.warning("starting from what may be old: the store cannot be read", reason=str(error))
            await self._read_store(stale=True)
        if initial is not None and self.hub.publication is None:
            await apply_file(self.configuration, initial)
        await self.memory.recall()

    async def _read_store(self, *, stale: bool) -> None:
        """`stale`: as one member of the store has it."""
        await self.directives.restore(stale=stale)
        await self.configuration.restore(stale=stale)

    def missing(self) -> str | None:
        """Why it is not ready; None when it is."""
        return None if self.hub.publication is not None else "no configuration has been applied yet"


def make_parts(options: Options, storage: Storage, signing: Signing, registry: CollectorRegistry) -> Parts:
    """`registry`: where the metrics are shown."""
    store, metrics, folder = storage.store, Metrics(registry), options.folder
    hub = Hub(
        incarnation=store.incarnation, clock=monotonic_s, metrics=metrics, signer=signing.current, settle_s=SETTLE_S
    )
    registry.register(DemandCollector(hub.demands))
    compiled = Blobs(folder / "compiled", sync=False)
    configuration = Configuration(store, storage.inputs, compiled, hub, wall_unix_s, options.limits)
    directives, decider = DirectivesKeeper(store, hub, wall_unix_s), Decider(hub)
    remarks = Remarks(Journal(store, REMARKS), metrics, lambda: hub.order, wall_unix_s)
    return Parts(
        name=options.name,
        storage=storage,
        metrics=metrics,
        signing=signing,
        hub=hub,
        configuration=configuration,
        directives=directives,
        overrides=Overrides(directives, hub, metrics, wall_unix_s),
        forgetting=Forgetting(directives, hub, wall_unix_s),
        failback=Failback(directives, hub, decider, metrics, monotonic_s, wall_unix_s),
        decider=decider,
        rollouts=Rollouts(configuration, hub, metrics),
        follower=Follower(store, configuration, directives, metrics),
        roster=Roster(store, options.name, monotonic_s),
        memory=Memory(folder / "reports", hub, monotonic_s, machine_start()),
        remarks=remarks,
        door=Door(
            options.security.domain(),
            lambda: Access(configuration.grants, options.admins),
            metrics,
            remarks.refused,
            wall_unix_s,
        ),
    )
