"""Sites, endpoints, pools and layouts as protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gslb.api.v1 import snapshot_pb2 as pb
from gslb.codec.chunks import runs
from gslb.codec.monitors import dump_target, load_target
from gslb.codec.values import dump_tags, load_address, load_name, load_network, load_tags
from gslb.core.errors import InvalidSnapshot
from gslb.core.layouts import Layout, Target
from gslb.core.model import Endpoint, Failback, FailbackMode, Location, Member, MinHealthy, Pool, Site

TARGETS_A_MESSAGE = 256
_MODES = {
    FailbackMode.AUTO: pb.FAILBACK_MODE_UNSPECIFIED,
    FailbackMode.MANUAL: pb.FAILBACK_MODE_MANUAL,
    FailbackMode.RAMP: pb.FAILBACK_MODE_RAMP,
}
_MODES_BACK: dict[pb.FailbackMode.ValueType, FailbackMode] = {number: mode for mode, number in _MODES.items()}


def dump_site(site: Site) -> pb.SiteData:
    location = site.location
    return pb.SiteData(
        name=site.name,
        location=pb.Location(latitude=location.latitude, longitude=location.longitude) if location else None,
        tags=dump_tags(site.tags),
        probe_allow=[str(network) for network in site.probe_allow],
    )


def load_site(message: pb.SiteData) -> Site:
    return Site(
        name=message.name,
        location=_load_location(message.location) if message.HasField("location") else None,
        tags=load_tags(message.tags),
        probe_allow=tuple(load_network(text) for text in message.probe_allow),
    )


def _load_location(message: pb.Location) -> Location:
    if not (-90 <= message.latitude <= 90 and -180 <= message.longitude <= 180):
        raise InvalidSnapshot(f"({message.latitude}, {message.longitude}) is not a place on the globe")
    return Location(latitude=message.latitude, longitude=message.longitude)


def dump_endpoint(endpoint: Endpoint) -> pb.EndpointData:
    return pb.EndpointData(
        name=endpoint.name,
        addresses=[address.packed for address in endpoint.addresses],
        host=endpoint.host.wire if endpoint.host is not None else b"",
        probe=endpoint.probe or "",
    )


def load_endpoint(message: pb.EndpointData) -> Endpoint:
    addresses = tuple(load_address(packed) for packed in message.addresses)
    if bool(addresses) == bool(message.host):
        raise InvalidSnapshot(f"endpoint '{message.name[:80]}' must have either addresses or a host name")
    if len({address.version for address in addresses}) < len(addresses):
        raise InvalidSnapshot(f"endpoint '{message.name[:80]}' has two addresses of one family")
    return Endpoint(
        name=message.name,
        addresses=addresses,
        host=load_name(message.host) if message.host else None,
        probe=message.probe or None,
    )


def dump_pool(pool: Pool) -> pb.PoolData:
    return pb.PoolData(
        name=pool.name,
        site=pool.site or "",
        members=[
            pb.MemberData(name=member.name, endpoint=member.endpoint, weight=member.weight, standby=member.standby)
            for member in pool.members
        ],
        monitor=pool.monitor or "",
        min_healthy=pool.min_healthy.value,
        min_healthy_percent=pool.min_healthy.percent,
        failback=_MODES[pool.failback.mode],
        failback_over_ms=pool.failback.over_ms,
    )


def load_pool(message: pb.PoolData) -> Pool:
    if message.min_healthy_percent and message.min_healthy > 100:
        raise InvalidSnapshot(f"pool '{message.name[:80]}' asks for {message.min_healthy} % of its members")
    return Pool(
        name=message.name,
        site=message.site or None,
        members=tuple(
            Member(name=member.name, endpoint=member.endpoint, weight=member.weight, standby=member.standby)
            for member in message.members
        ),
        monitor=message.monitor or None,
        min_healthy=MinHealthy(value=message.min_healthy, percent=message.min_healthy_percent),
        failback=_load_failback(message),
    )


def _load_failback(message: pb.PoolData) -> Failback:
    mode = _MODES_BACK.get(message.failback)
    if mode is None:
        raise InvalidSnapshot(f"pool '{message.name[:80]}' comes back in a way this version does not know: upgrade it")
    if mode is FailbackMode.RAMP and not message.failback_over_ms:
        raise InvalidSnapshot(f"pool '{message.name[:80]}' has a ramp that lasts no time")
    return Failback(mode=mode, over_ms=message.failback_over_ms)


def dump_layout(layout: Layout) -> Iterator[pb.LayoutData]:
    """The first message names the site, those without one continue it."""
    yield pb.LayoutData(site=layout.site)
    for run in runs(map(dump_target, layout.targets), TARGETS_A_MESSAGE):
        yield pb.LayoutData(targets=run)


def load_layouts(messages: Iterable[pb.LayoutData]) -> tuple[Layout, ...]:
    found: list[tuple[str, list[Target]]] = []
    for message in messages:
        if message.site:
            found.append((message.site, []))
        elif not found:
            raise InvalidSnapshot("the first layout names no site")
        found[-1][1].extend(load_target(target) for target in message.targets)
    return tuple(Layout(site=site, targets=tuple(targets)) for site, targets in found)
