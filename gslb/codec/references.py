"""Whether everything a snapshot refers to is in it. What passes here, `decide` and the engines rely on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Set
from typing import TypeVar

from gslb.core.decision import Bindings
from gslb.core.errors import InvalidSnapshot
from gslb.core.model import Model, Service
from gslb.core.snapshot import Snapshot

T = TypeVar("T", bound=Hashable)


def check(snapshot: Snapshot) -> None:
    """Raises InvalidSnapshot with the first thing that does not fit."""
    model = snapshot.model
    sites = _distinct("site", (site.name for site in model.sites))
    _distinct("zone", (zone.apex for zone in model.zones))
    _distinct("service", (service.name for service in model.services))
    _distinct("policy", (policy.name for policy in model.policies))
    _distinct("layout", snapshot.layouts)
    for layout in snapshot.layouts:
        _known("site", layout.site, sites)
    _check_pools(model)
    _check_zones(model)
    _check_services(model)


def _check_pools(model: Model) -> None:
    sites = {site.name for site in model.sites}
    monitors = _distinct("monitor", (monitor.name for monitor in model.monitors))
    endpoints = _distinct("endpoint", (endpoint.name for endpoint in model.endpoints))
    for pool in model.pools:
        _distinct(f"member of pool '{pool.name[:80]}'", (member.name for member in pool.members))
        for member in pool.members:
            _known("endpoint", member.endpoint, endpoints)
        if pool.site is not None:
            _known("site", pool.site, sites)
        if pool.monitor is not None:
            _known("monitor", pool.monitor, monitors)


def _check_zones(model: Model) -> None:
    for zone in model.zones:
        _distinct(f"record set of zone '{zone.apex}'", ((rrset.name, rrset.rrtype) for rrset in zone.rrsets))
        for rrset in zone.rrsets:
            if not rrset.name.is_within(zone.apex):
                raise InvalidSnapshot(f"'{rrset.name}' is not within zone '{zone.apex}'")


def _check_services(model: Model) -> None:
    policies = {policy.name for policy in model.policies}
    zones = {zone.apex for zone in model.zones}
    monitors = {monitor.name for monitor in model.monitors}
    pools = _distinct("pool", (pool.name for pool in model.pools))
    bound: set[tuple[Bindings, str | None]] = set()
    for service in model.services:
        _known("policy", service.policy, policies)
        if service.zone not in zones or not service.name.is_within(service.zone):
            raise InvalidSnapshot(f"service '{service.name}' is in no zone of the snapshot")
        if service.monitor is not None:
            _known("monitor", service.monitor, monitors)
        # Many services bind the same
        if (service.bindings, service.all_down.pool) not in bound:
            bound.add((service.bindings, service.all_down.pool))
            _check_pools_of(service, pools)


def _check_pools_of(service: Service, pools: Set[str]) -> None:
    _distinct(f"slot of service '{service.name}'", (slot for slot, _ in service.bindings))
    for _, pool in service.bindings:
        _known("pool", pool, pools)
    if service.all_down.pool is not None:
        _known("pool", service.all_down.pool, pools)


def _distinct(kind: str, names: Iterable[T]) -> frozenset[T]:
    """The names, each of which may be there only once."""
    found = list(names)
    if len(set(found)) < len(found):
        twice = next(name for name, count in Counter(found).items() if count > 1)
        raise InvalidSnapshot(f"{kind} '{str(twice)[:80]}' is there twice")
    return frozenset(found)


def _known(kind: str, name: str, names: Set[str]) -> None:
    if name not in names:
        raise InvalidSnapshot(f"{kind} '{name[:80]}' is referred to, but not there")
