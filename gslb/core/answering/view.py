"""What the engine looks things up in: an index made once per snapshot, and the decision of the moment beside it.

Everything that does not depend on the packet is worked out here: nodes by name, empty non-terminals, zone cuts, the
negative SOA, members' RDATA.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gslb.core.answering.compose import Records
from gslb.core.answering.limit import Limits
from gslb.core.answering.records import NAMED, RRType, is_name, soa_rdata
from gslb.core.answering.source import Trust
from gslb.core.decision import Decision
from gslb.core.errors import InvalidSnapshot
from gslb.core.model import Endpoint, Family, Pool, RRset, Service, Zone
from gslb.core.names import Name
from gslb.core.snapshot import ClassMap, Snapshot
from gslb.core.steering.cohorts import salt
from gslb.core.steering.scope import shared_classes

WILDCARD = b"\x01*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Steered:
    """A service at its owner name.

    `shared[family][class]`: whether the client's prefix can matter (ECS scope). `pools`: all pools by name.
    """

    service: Service
    salt: int
    classes: ClassMap
    shared: Mapping[Family, tuple[bool, ...]]
    pools: Mapping[str, Pool]


@dataclass(slots=True)
class Node:
    """A name that exists in a zone; without RRsets and service it is an empty non-terminal (RFC 4592 2.2.2)."""

    rrsets: dict[int, RRset] = field(default_factory=dict)
    steered: Steered | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneIndex:
    """`nodes` by wire name. `negative`: the SOA with the TTL it has in negative answers (RFC 2308 3)."""

    apex: bytes
    nodes: Mapping[bytes, Node]
    negative: Records

    def is_cut(self, name: bytes, node: Node) -> bool:
        """Whether authority ends at this name (a delegation)."""
        return RRType.NS in node.rrsets and name != self.apex and not name.startswith(WILDCARD)


@dataclass(frozen=True, kw_only=True, eq=False)
class Index:
    """What a snapshot is looked up by; worked out when first asked for, in time and memory linear in the number of
    records, services and members.

    Dns servers whose engine has an index of its own never ask. Raises InvalidSnapshot for content that no answer can
    be made from.
    """

    snapshot: Snapshot

    @cached_property
    def zones(self) -> Mapping[bytes, ZoneIndex]:
        """By apex."""
        return _index_zones(self.snapshot)

    @cached_property
    def deepest(self) -> int:
        """Labels of the longest apex."""
        return max((len(zone.apex.labels) for zone in self.snapshot.model.zones), default=0)

    @cached_property
    def trust(self) -> Trust:
        return Trust.of(self.snapshot.model.ecs)

    @cached_property
    def members(self) -> Mapping[str, Mapping[str, Mapping[Family, bytes]]]:
        """`members[pool][member]`: what it is answered by, in each family."""
        model = self.snapshot.model
        endpoints = {endpoint.name: endpoint for endpoint in model.endpoints}
        return {pool.name: {m.name: _rdata(endpoints[m.endpoint]) for m in pool.members} for pool in model.pools}

    @cached_property
    def limits(self) -> Limits | None:
        """None: nobody is limited."""
        limit = self.snapshot.model.dns.rate_limit
        return Limits.of(limit) if limit is not None else None

    @property
    def max_nocookie_bytes(self) -> int | None:
        """Of an answer over UDP to a client without a valid cookie."""
        return self.snapshot.model.dns.max_nocookie_response

    def complete(self) -> None:
        """Work everything out now."""
        _ = self.zones, self.deepest, self.trust, self.limits, self.members

    def with_decision(self, decision: Decision) -> View:
        return View(self, decision)


@dataclass(frozen=True, slots=True)
class View:
    """All that an answer depends on besides the packet."""

    index: Index
    decision: Decision


def build_view(snapshot: Snapshot) -> Index:
    """The static part of a View, all worked out. Raises InvalidSnapshot."""
    index = Index(snapshot=snapshot)
    index.complete()
    return index


def _index_zones(snapshot: Snapshot) -> Mapping[bytes, ZoneIndex]:
    model = snapshot.model
    pools = {pool.name: pool for pool in model.pools}
    steered: dict[bytes, list[Steered]] = {}
    for service in model.services:
        steered.setdefault(service.zone.wire, []).append(_steer(snapshot, service, pools))
    children = _children(model.zones)
    return {
        zone.apex.wire: _index_zone(
            zone,
            snapshot.serials[zone.apex],
            steered.get(zone.apex.wire, ()),
            children.get(zone.apex, ()),
        )
        for zone in model.zones
    }


def _children(zones: Iterable[Zone]) -> Mapping[Name, Sequence[Name]]:
    """Apex -> apexes of our zones right below it."""
    apexes = {zone.apex for zone in zones}
    found: dict[Name, list[Name]] = {}
    for apex in apexes:
        above = next((name for name in apex.ancestors() if name != apex and name in apexes), None)
        if above is not None:
            found.setdefault(above, []).append(apex)
    return found


def _index_zone(zone: Zone, serial: int, steered: Iterable[Steered], children: Iterable[Name]) -> ZoneIndex:
    """`children`: apexes of our zones right below; they exist here too, so that nobody takes them for NXDOMAIN."""
    apex = zone.apex.wire
    nodes: dict[bytes, Node] = {apex: Node()}
    for rrset in zone.rrsets:
        _check(zone, rrset)
        _node(nodes, rrset.name.wire).rrsets[rrset.rrtype] = rrset
    for one in steered:
        _node(nodes, one.service.name.wire).steered = one
    for child in children:
        _node(nodes, child.wire)
    rdatas = (soa_rdata(zone.soa, serial),)
    nodes[apex].rrsets[RRType.SOA] = RRset(name=zone.apex, rrtype=RRType.SOA, ttl_s=zone.soa.ttl_s, rdatas=rdatas)
    return ZoneIndex(
        apex=apex,
        nodes=nodes,
        negative=Records(apex, RRType.SOA, min(zone.soa.ttl_s, zone.soa.negative_ttl_s), rdatas),
    )


def _check(zone: Zone, rrset: RRset) -> None:
    """What the engine reads in a record must hold, since a snapshot comes from outside."""
    if not rrset.rdatas or (rrset.rrtype in NAMED and not all(map(is_name, rrset.rdatas))):
        raise InvalidSnapshot(f"zone '{zone.apex}': the records of '{rrset.name}' of type {rrset.rrtype} are malformed")


def _node(nodes: dict[bytes, Node], name: bytes) -> Node:
    """The node of `name`, made if need be together with the empty non-terminals above it."""
    found = nodes.get(name)
    if found is not None:
        return found
    made = nodes[name] = Node()
    parent = name[1 + name[0] :]
    while parent not in nodes:
        nodes[parent] = Node()
        parent = parent[1 + parent[0] :]
    return made


def _steer(snapshot: Snapshot, service: Service, pools: Mapping[str, Pool]) -> Steered:
    return Steered(
        service=service,
        salt=salt(service.name, snapshot.seed),
        classes=snapshot.classes[service.policy],
        shared={family: shared_classes(snapshot, service, family) for family in Family},
        pools=pools,
    )


def _rdata(endpoint: Endpoint) -> Mapping[Family, bytes]:
    if endpoint.host is not None:
        return {Family.CNAME: endpoint.host.wire}
    return {Family.A if a.version == 4 else Family.AAAA: a.packed for a in endpoint.addresses}
