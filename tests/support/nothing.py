"""A configuration of nothing at all, for tests about what surrounds one."""

from __future__ import annotations

from gslb.core.model import EcsTrust, GeoSources, Model

NOTHING = Model(
    zones=(),
    sites=(),
    monitors=(),
    endpoints=(),
    pools=(),
    policies=(),
    services=(),
    ecs=EcsTrust(networks=(), own_prefixes=()),
    geo=GeoSources(databases=(), prefixes=()),
)
