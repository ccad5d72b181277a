"""What there is to decide for a snapshot: every pool as some service sees it, every distinct way of steering.

Computed once per snapshot; `decide` then only fills in health.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

from gslb.core.decision import PoolKey
from gslb.core.layouts import Target, observers
from gslb.core.model import AT_ONCE, AllDown, AllDownKind, Endpoint, Failback, Family, Member, Pool, Service
from gslb.core.monitors import When
from gslb.core.names import Name
from gslb.core.snapshot import ClassMap, Snapshot
from gslb.core.steering.memo import by_identity
from gslb.core.steering.outside import Watch
from gslb.core.steering.stages.base import Key, Reach, Stage

Group = TypeVar("Group", bound=Hashable)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A pool's member in one family, and how agents know it.

    `inside`: at its own site, None: no monitor. `outside`: at other sites, None: the monitor does not ask them.
    """

    member: Member
    inside: Target | None
    outside: Watch | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPool:
    """A pool as seen by one monitor in one family.

    `minimum`: members that must serve for it to be healthy. `down_after_ms`: the monitor's.
    """

    key: PoolKey
    site: str
    minimum: int
    down_after_ms: int | None
    failback: Failback
    seats: tuple[Seat, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A policy's stages over its classes, with the sites behind the slots and a family's usable slots.

    `reaches[c]`: the slots class c can ever get. The chain starts with no others: so a filter cannot pick a slot that
    a later stage rules out, and a row is empty only if none of these slots is available.
    """

    stages: tuple[Stage, ...]
    classes: tuple[tuple[Key, ...], ...]
    sites: Mapping[str, str]
    reaches: tuple[Reach, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One family of a unit. `pools`: slot -> pool, for bound slots whose pool has members of the family."""

    family: Family
    pools: tuple[tuple[str, PoolKey], ...]
    chain: Chain
    last_resort: PoolKey | None
    """The pool of `all_down: pool`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Services that are steered alike: decided once for all of them."""

    services: tuple[Name, ...]
    all_down: AllDown
    families: tuple[Family, ...]
    lanes: tuple[Lane, ...]
    """One a family."""
    mark: str
    """Stands for the services in digests."""

    def depends_on(self) -> frozenset[PoolKey]:
        """All pools whose state matters to this unit."""
        bound = {key for lane in self.lanes for _, key in lane.pools}
        return frozenset(bound.union(lane.last_resort for lane in self.lanes if lane.last_resort is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """`unit_of`: service -> number of its unit.

    `pools_of`: endpoint -> pools it is in; `units_of`: pool -> numbers of units that depend on it.
    """

    pools: Mapping[PoolKey, SeenPool]
    units: tuple[Unit, ...]
    unit_of: Mapping[Name, int]
    pools_of: Mapping[str, tuple[PoolKey, ...]]
    units_of: Mapping[PoolKey, tuple[int, ...]]


@by_identity
def outline(snapshot: Snapshot) -> Outline:
    return _Build(snapshot).outline()


def pool_key(pool: Pool, monitor: str | None, family: Family) -> PoolKey:
    """How a service with its own `monitor` (None: the pool's) sees `pool`; a pool at no site is never probed."""
    return PoolKey(pool.name, (monitor or pool.monitor or "") if pool.site is not None else "", family)


class _Build:
    """Scratch space of `outline`: what was met already is shared, not built again."""

    def __init__(self, snapshot: Snapshot) -> None:
        model = snapshot.model
        self.snapshot = snapshot
        self.pools = {pool.name: pool for pool in model.pools}
        self.endpoints = {endpoint.name: endpoint for endpoint in model.endpoints}
        self.monitors = {monitor.name: monitor for monitor in model.monitors}
        self.sites = tuple(site.name for site in model.sites)
        self.policies = {policy.name: policy for policy in model.policies}
        self.like: dict[str, str] = {}
        """Policy -> the first that steers the same way: a chain written in a service is a policy of its own."""
        first: dict[tuple[object, ...], str] = {}
        for name, policy in self.policies.items():
            self.like[name] = first.setdefault((policy.stages, snapshot.classes[name].keys), name)
        self.seen: dict[PoolKey, SeenPool] = {}
        self.chains: dict[tuple[str, tuple[tuple[str, str], ...], frozenset[str]], Chain] = {}

    def outline(self) -> Outline:
        alike: dict[tuple[object, ...], list[Service]] = {}
        for service in self.snapshot.model.services:
            likeness = (self.like[service.policy], service.bindings, service.monitor, service.all_down)
            alike.setdefault(likeness, []).append(service)
        units = tuple(self.unit(services) for services in alike.values())
        return Outline(
            pools=self.seen,
            units=units,
            unit_of={name: number for number, unit in enumerate(units) for name in unit.services},
            pools_of=_gather((seat.member.endpoint, key) for key, seen in self.seen.items() for seat in seen.seats),
            units_of=_gather((key, number) for number, unit in enumerate(units) for key in unit.depends_on()),
        )

    def unit(self, services: list[Service]) -> Unit:
        service = services[0]
        families = self.families(service)
        return Unit(
            services=tuple(service.name for service in services),
            all_down=service.all_down,
            families=families,
            lanes=tuple(self.lane(service, family) for family in families),
            mark=blake2b(b"".join(service.name.wire for service in services), digest_size=16).hexdigest(),
        )

    def families(self, service: Service) -> tuple[Family, ...]:
        """Families in which the service can ever be answered."""
        members = (member for name in service.pools() for member in self.pools[name].members)
        found = {family for member in members for family in self.endpoints[member.endpoint].families()}
        found |= {Family.A if address.version == 4 else Family.AAAA for address in service.all_down.addresses}
        return tuple(sorted(found))

    def lane(self, service: Service, family: Family) -> Lane:
        keys = ((slot, self.pool(name, service.monitor, family)) for slot, name in sorted(service.bindings))
        pools = tuple((slot, key) for slot, key in keys if key is not None)
        last = service.all_down.pool if service.all_down.kind is AllDownKind.POOL else None
        return Lane(
            family=family,
            pools=pools,
            chain=self.chain_of(service, frozenset(slot for slot, key in pools if self.has_weight(key))),
            last_resort=self.pool(last, service.monitor, family) if last is not None else None,
        )

    def pool(self, name: str, monitor: str | None, family: Family) -> PoolKey | None:
        """Its key, noted as seen; None where the pool has no member of the family."""
        pool = self.pools[name]
        key = pool_key(pool, monitor, family)
        if key not in self.seen:
            seats = tuple(self.seats(pool, key))
            if not seats:
                return None
            counted = sum(1 for seat in seats if seat.member.weight and not seat.member.standby)
            minimum = pool.min_healthy.count(counted)
            probed = self.monitors.get(key.monitor)
            self.seen[key] = SeenPool(
                key=key,
                site=pool.site or "",
                minimum=minimum,
                down_after_ms=probed.down_after_ms if probed is not None else None,
                failback=pool.failback if probed is not None else AT_ONCE,
                seats=seats,
            )
        return key

    def seats(self, pool: Pool, key: PoolKey) -> Iterator[Seat]:
        for member in pool.members:
            endpoint = self.endpoints[member.endpoint]
            if key.family not in endpoint.families():
                continue
            if not key.monitor:
                yield Seat(member=member, inside=None, outside=None)
                continue
            inside = endpoint.probe_address(key.family)
            yield Seat(
                member=member,
                inside=Target(endpoint=endpoint.name, monitor=key.monitor, address=inside),
                outside=self.watch(endpoint, key, pool.site or ""),
            )

    def watch(self, endpoint: Endpoint, key: PoolKey, home: str) -> Watch | None:
        outside = self.monitors[key.monitor].outside
        if outside is None:
            return None
        address = endpoint.outside_address(key.family)
        return Watch(
            target=Target(endpoint=endpoint.name, monitor=key.monitor, address=address, home=home),
            quorum=outside.needed(len(observers(outside, home, self.sites))),
            always=outside.when is When.ALWAYS,
        )

    def has_weight(self, key: PoolKey) -> bool:
        return any(seat.member.weight for seat in self.seen[key].seats)

    def chain_of(self, service: Service, slots: frozenset[str]) -> Chain:
        sites = tuple((slot, self.pools[name].site or "") for slot, name in sorted(service.bindings))
        policy = self.like[service.policy]
        known = self.chains.get((policy, sites, slots))
        if known is None:
            known = _chain(self.policies[policy].stages, self.snapshot.classes[policy], dict(sites), slots)
            self.chains[policy, sites, slots] = known
        return known


def _chain(stages: tuple[Stage, ...], classes: ClassMap, sites: Mapping[str, str], slots: frozenset[str]) -> Chain:
    reaches = tuple(_reach(stages, keys, sites, slots) for keys in classes.keys)
    return Chain(stages=stages, classes=classes.keys, sites=sites, reaches=reaches)


def _reach(stages: tuple[Stage, ...], keys: tuple[Key, ...], sites: Mapping[str, str], slots: frozenset[str]) -> Reach:
    reach = Reach(slots=slots, single=len(slots) <= 1)
    for stage, key in zip(stages, keys, strict=True):
        reach = stage.bound(reach, key, sites)
    return reach


def _gather(pairs: Iterable[tuple[Group, Item]]) -> Mapping[Group, tuple[Item, ...]]:
    found: dict[Group, list[Item]] = {}
    for group, item in pairs:
        found.setdefault(group, []).append(item)
    return {group: tuple(items) for group, items in found.items()}
