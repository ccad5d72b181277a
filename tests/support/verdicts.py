"""A small snapshot whose members are watched from three sites, and reports about it."""

from __future__ import annotations

from ipaddress import ip_address

from support.monitors import tcp_monitor

from gslb.core.facts import AgentId, Cause, Report, State, Verdict
from gslb.core.layouts import Target, layouts
from gslb.core.model import EcsTrust, Endpoint, Family, GeoSources, Member, MinHealthy, Model, Pool, Site
from gslb.core.monitors import Outside, When
from gslb.core.order import Order
from gslb.core.snapshot import Snapshot
from gslb.core.steering.outside import Watch

SILENT = Outside(observers=(), sites=3, quorum=2, when=When.SILENT)
WEB = tcp_monitor(port=443, outside=SILENT)
ENDPOINTS = tuple(
    Endpoint(name=f"e{number}", addresses=(ip_address(f"192.0.2.{number}"),), host=None, probe=f"10.0.0.{number}")
    for number in (1, 2)
)
MODEL = Model(
    zones=(),
    sites=tuple(Site(name=name, location=None, tags=(), probe_allow=()) for name in ("eu", "us", "asia")),
    monitors=(WEB,),
    endpoints=ENDPOINTS,
    pools=(
        Pool(
            name="web-eu",
            site="eu",
            members=tuple(Member(name=e.name, endpoint=e.name, weight=1, standby=False) for e in ENDPOINTS),
            monitor="web",
            min_healthy=MinHealthy(value=1, percent=False),
        ),
    ),
    policies=(),
    services=(),
    ecs=EcsTrust(networks=(), own_prefixes=()),
    geo=GeoSources(databases=(), prefixes=()),
)
SNAPSHOT = Snapshot(order=Order(), model=MODEL, serials={}, classes={}, layouts=layouts(MODEL), seed=1)

TARGETS = {
    endpoint.name: (
        Target(endpoint=endpoint.name, monitor="web", address=endpoint.probe_address(Family.A)),
        Watch(
            target=Target(endpoint=endpoint.name, monitor="web", address=endpoint.outside_address(Family.A), home="eu"),
            quorum=2,
            always=False,
        ),
    )
    for endpoint in ENDPOINTS
}
"""(inside, outside) by endpoint."""


def report(agent: str, **states: State) -> Report:
    """A report by SITE/NAME with these states; targets that are not named are unknown."""
    layout = next(layout for layout in SNAPSHOT.layouts if layout.site == agent.partition("/")[0])
    found = (states.get(target.endpoint, State(Verdict.UNKNOWN, Cause.NONE)) for target in layout.targets)
    return Report(
        agent=AgentId(agent),
        boot=1,
        sequence=1,
        layout=layout.digest,
        states=bytes(state.octet for state in found),
    )
