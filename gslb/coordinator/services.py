"""What a coordinator serves over gRPC, made of its parts."""

from __future__ import annotations

from functools import partial

from gslb.coordinator.admin.apply import ApplyCall
from gslb.coordinator.admin.backup import BackupCall
from gslb.coordinator.admin.directing import DirectingCalls
from gslb.coordinator.admin.history import HistoryCalls
from gslb.coordinator.admin.rollout import RolloutCalls
from gslb.coordinator.admin.service import AdminService
from gslb.coordinator.admin.showing import ShowingCalls
from gslb.coordinator.audit.journal import newest
from gslb.coordinator.backup.taking import Backups
from gslb.coordinator.parts import Parts
from gslb.coordinator.peers.peering import PeeringService
from gslb.coordinator.relay.discovery import DiscoveryService
from gslb.coordinator.relay.health import HealthService
from gslb.coordinator.server import Services
from gslb.runtime.clock import monotonic_s, wall_unix_s


def make_services(parts: Parts) -> Services:
    hub, metrics, caller = parts.hub, parts.metrics, parts.door.caller
    return Services(
        admin=_make_admin(parts),
        discovery=DiscoveryService(hub, metrics, caller),
        health=HealthService(hub, metrics, monotonic_s, caller),
        peering=PeeringService(hub, metrics, caller),
    )


def _make_admin(parts: Parts) -> AdminService:
    store, rollout = parts.storage.store, RolloutCalls(parts.rollouts, parts.hub)
    return AdminService(
        door=parts.door,
        remarks=parts.remarks,
        apply=ApplyCall(parts.configuration, parts.metrics, parts.remarks.refused),
        history=HistoryCalls(parts.configuration),
        rollout=rollout,
        backup=BackupCall(Backups(store, parts.storage.inputs, wall_unix_s)),
        directing=DirectingCalls(
            hub=parts.hub,
            decider=parts.decider,
            door=parts.door,
            overrides=parts.overrides,
            failback=parts.failback,
            forgetting=parts.forgetting,
            wall_clock=wall_unix_s,
        ),
        showing=ShowingCalls(
            name=parts.name,
            hub=parts.hub,
            roster=parts.roster,
            decider=parts.decider,
            rollout=rollout,
            newest_audits=partial(newest, store),
            troubles=parts.troubles,
            clock=monotonic_s,
        ),
    )
