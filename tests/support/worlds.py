"""Hypothesis strategy for a moment of steering: a snapshot without zones and geography, and what happens to it.

Lighter than `strategies.snapshots`, so that many can be tried: three sites, six endpoints, classes of a few places.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from hypothesis import strategies as st
from support import health
from support.naive import Naive
from support.policies import policies
from support.strategies import MONITORS, PLACES, SITES, pools, services

from gslb.core.decide import decide
from gslb.core.decision import Decision
from gslb.core.directives import Directives
from gslb.core.facts import AgentId, Facts
from gslb.core.model import (
    EcsTrust,
    Endpoint,
    GeoSources,
    Model,
    Monitor,
    Policy,
    Site,
    TcpProbe,
    layouts,
)
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.snapshot import ClassMap, RangeMap, Snapshot

DISTANCES_KM = ((100, 200, 300), (100, 100, 300), (300, 100, None), (None, None, None))
"""By client: how far each of SITES is."""


@dataclass(frozen=True)
class World:
    snapshot: Snapshot
    directives: Directives
    facts: Facts
    silent: frozenset[AgentId]

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
        monitors=tuple(_monitor(name, draw(st.booleans())) for name in MONITORS),
        endpoints=tuple(found),
        pools=tuple(draw(pools(name, found, SITES)) for name in names),
        policies=chains,
        services=tuple(draw(services(label, ("geo",), names, hosts)) for label in ("www", "api")),
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
    """Classes of a few clients; which prefixes they have does not matter here."""
    cidrs = [None, *(network for stage in policy.stages for network in stage.cidrs())]
    clients = st.tuples(st.sampled_from(PLACES), st.sampled_from(cidrs), st.sampled_from(DISTANCES_KM))
    keys = {
        tuple(stage.classify(place, cidr, dict(zip(SITES, distances, strict=True))) for stage in policy.stages)
        for place, cidr, distances in draw(st.lists(clients, min_size=1, max_size=5))
    }
    everywhere = RangeMap((0,), (0,))
    return ClassMap(
        keys=tuple(sorted(keys)),
        labels=tuple(f"class {number}" for number in range(len(keys))),
        ecs_v4=everywhere,
        ecs_v6=everywhere,
        full_v4=everywhere,
        full_v6=everywhere,
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


def _monitor(name: str, outside: bool) -> Monitor:
    return Monitor(
        name=name,
        port=443,
        interval_ms=2000,
        timeout_ms=1000,
        fall=2,
        rise=3,
        ok=3,
        hold_ms=10_000,
        crash=False,
        outside=outside,
        probe=TcpProbe(tls=False, verify=False, sni=None),
    )
