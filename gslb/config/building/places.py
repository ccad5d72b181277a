"""Sites, the user's own prefixes, geo databases and whose ECS counts."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network

from gslb.config.building.registry import Registry
from gslb.config.nodes import place
from gslb.config.parse import Config
from gslb.config.problems import Mark, Problems
from gslb.config.schema.sites import Location
from gslb.config.source import FileSource, beside
from gslb.core.model import EcsTrust, GeoSources, IPNetwork, OwnPrefix, Site
from gslb.core.model import Location as Point


def build_sites(config: Config, problems: Problems) -> Registry[Site]:
    found: Registry[Site] = Registry("site", problems, config.broken_names("sites"))
    for item in config.sites:
        site = Site(
            name=item.value.name,
            location=_point(item.value.location),
            tags=tuple(sorted(item.value.tags.items())),
            probe_allow=item.value.probe_allow,
        )
        found.add(site.name, site, place(item.node, "name"))
    return found


def build_geo(config: Config, source: FileSource, problems: Problems) -> GeoSources:
    geo, node = config.geo.value, config.geo.node
    first: dict[IPNetwork, Mark] = {}
    for number, prefix in enumerate(geo.prefixes):
        mark = place(node, "prefixes", number, "cidr")
        if prefix.cidr in first:
            problems.error(mark, f"prefix {prefix.cidr} stands twice, first at {first[prefix.cidr]}: keep one")
        first.setdefault(prefix.cidr, mark)
    databases = []
    for number, path in enumerate(geo.database):
        mark = place(node, "database", number)
        databases.append(beside(path, mark.file))
        if not source.has(databases[-1]):
            problems.error(mark, f"there is no file `{databases[-1]}` that can be read: correct the path or the file")
    return GeoSources(
        databases=tuple(databases),
        prefixes=tuple(
            OwnPrefix(
                network=prefix.cidr,
                tags=tuple(sorted(prefix.tags.items())),
                country=prefix.country,
                location=_point(prefix.location),
            )
            for prefix in geo.prefixes
        ),
    )


def build_ecs(config: Config, geo: GeoSources, cidrs: Iterable[IPv4Network | IPv6Network]) -> EcsTrust:
    """`cidrs`: the prefixes of all rules."""
    own = dict.fromkeys((*(prefix.network for prefix in geo.prefixes), *cidrs))
    return EcsTrust(networks=config.ecs.value.from_, own_prefixes=tuple(own))


def _point(location: Location | None) -> Point | None:
    return Point(latitude=location.latitude, longitude=location.longitude) if location is not None else None
