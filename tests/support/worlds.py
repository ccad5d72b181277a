"""Hypothesis strategy for a moment of steering: a snapshot without zones and geography, and what happens to it.

Lighter than `strategies.snapshots`, so that many can be tried: three sites, six endpoints, classes of a few places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from hypothesis import strategies as st
from support import health
from support.monitors import tcp_monitor
from support.naive import Naive
from support.policies import SLOTS, policies
from support.strategies import MONITORS, SITES, all_downs, outsides

from gslb.core.decision import Decision
from gslb.core.directives import Directives
from gslb.core.facts import Facts
from gslb.core.layouts import layouts
from gslb.core.model import (
    EcsTrust,
    Endpoint,
    Failback,
    FailbackMode,
    GeoSources,
    Member,
    MinHealthy,
    Model,
    Policy,
    Pool,
    Service,
    Site,
)
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.silence import Silence
from gslb.core.snapshot import ClassMap, RangeMap, Snapshot
from gslb.core.steering.decide import decide
from gslb.core.steering.stages.base import Key, Stage
from gslb.core.steering.stages.geo import Geo
from gslb.core.steering.stages.nearest import Nearest

ORDERS = ("ap-south<eu-west<us-east", "ap-south=eu-west<us-east", "us-east<eu-west")
"""Of SITES by distance; a site that is missing has no location."""


@dataclass(frozen=True)
class World:
    snapshot: Snapshot
    directives: Directives
    facts: Facts
    silent: Silence

    def decide(self) -> Decision:
        return decide(self.snapshot, self.directives, self.facts, self.silent)

    def naive(self) -> Naive:
        return Naive(self.snapshot, self.directives, self.facts, self.silent)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    snapshot = draw(snapshots())
    known = draw(health.facts(snapshot))
    return World(snapshot, draw(health.directives(snapshot.model)), known, draw(health.silent(known)))


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    hosts = draw(st.integers(0, 7)) == 0
    found = [_endpoint(number, hosts) for number in range(6)]
    names = ("web-0", "web-1", "web-2")
    chains = (draw(policies("geo")),)
    model = Model(
        zones=(),
        sites=tuple(Site(name=name, location=None, tags=(), probe_allow=()) for name in SITES),
        monitors=tuple(
            tcp_monitor(
                name=name,
                outside=draw(st.none() | outsides()),
                down_after_ms=draw(st.sampled_from([None, health.LIMIT_MS])),
            )
            for name in MONITORS
        ),
        endpoints=tuple(found),
        pools=tuple(draw(pools(name, found)) for name in names),
        policies=chains,
        services=tuple(draw(services(label, names, hosts)) for label in ("www", "api")),
        ecs=EcsTrust(networks=(), own_prefixes=()),
        geo=GeoSources(databases=(), prefixes=()),
    )
    return Snapshot(
        order=Order(),
        model=model,
        serials={},
        classes={policy.name: draw(class_maps(policy)) for policy in chains},
        layouts=layouts(model),
        seed=1,
    )


@st.composite
def class_maps(draw: st.DrawFn, policy: Policy) -> ClassMap:
    """Some classes, whatever clients they stand for."""
    drawn = st.tuples(*(st.sampled_from(_keys(stage)) for stage in policy.stages))
    keys = draw(st.lists(drawn, min_size=1, max_size=4, unique=True))
    everywhere = RangeMap((0,), (0,))
    return ClassMap(
        keys=tuple(keys),
        labels=tuple(f"class {number}" for number in range(len(keys))),
        ecs_v4=everywhere,
        ecs_v6=everywhere,
        full_v4=everywhere,
        full_v6=everywhere,
    )


def _keys(stage: Stage) -> list[Key]:
    """All that the stage may say about clients."""
    match stage:
        case Geo():
            rest = [f"near:{order}" for order in ORDERS] if stage.otherwise == "nearest" else []
            return ["", *(f"r{number + 1}" for number in range(len(stage.rules))), *rest]
        case Nearest():
            return ["", *ORDERS]
        case _:
            return [""]


@st.composite
def pools(draw: st.DrawFn, name: str, found: Sequence[Endpoint]) -> Pool:
    """Two to four members, most of them with a weight."""
    chosen = draw(st.lists(st.sampled_from(found), min_size=2, max_size=4, unique_by=lambda endpoint: endpoint.name))
    members = tuple(
        Member(
            name=endpoint.name,
            endpoint=endpoint.name,
            weight=draw(st.sampled_from([1, 2, 3, 0])),
            standby=draw(st.sampled_from([False, False, True])),
        )
        for endpoint in chosen
    )
    return Pool(
        name=name,
        site=draw(st.sampled_from([*SITES, *SITES, None])),
        members=members,
        monitor=draw(st.sampled_from([*MONITORS, *MONITORS, None])),
        min_healthy=draw(st.sampled_from([MinHealthy(value=1, percent=False), MinHealthy(value=75, percent=True)])),
        failback=draw(st.sampled_from([Failback(mode=mode, over_ms=60_000) for mode in FailbackMode])),
    )


@st.composite
def services(draw: st.DrawFn, label: str, pool_names: Sequence[str], hosts: bool) -> Service:
    """Most slots are bound."""
    zone = Name.from_text("gslb.example.com")
    bound = ((slot, draw(st.sampled_from([*pool_names, None]))) for slot in SLOTS)
    return Service(
        name=Name.from_text(label, zone),
        zone=zone,
        policy="geo",
        bindings=tuple((slot, pool) for slot, pool in bound if pool is not None),
        monitor=draw(st.sampled_from([None, *MONITORS])),
        ttl_s=20,
        answers=draw(st.integers(0, 3)),
        by_query=draw(st.booleans()),
        all_down=draw(all_downs(pool_names, hosts)),
    )


def _endpoint(number: int, hosts: bool) -> Endpoint:
    """Some have both families, some only one."""
    addresses = (ip_address(f"192.0.2.{number}"), ip_address(f"2001:db8::{number}"))
    return Endpoint(
        name=f"e{number}",
        addresses=() if hosts else addresses[number % 3 // 2 : 1 + (number % 3 != 0)],
        host=Name.from_text(f"e{number}.cdn.example.org") if hosts else None,
        probe="10.1.2.3" if number == 1 else None,
    )
