"""What a coordinator tells an agent to probe, decoded and checked whole before any of it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from gslb.api.v1 import health_pb2 as pb
from gslb.codec.facts import load_order
from gslb.codec.monitors import load_monitor, load_target
from gslb.core.errors import InvalidSnapshot
from gslb.core.layouts import Layout
from gslb.core.model import IPNetwork
from gslb.core.monitors import Monitor
from gslb.core.order import Order

MOST_TARGETS = 100_000
LEAST_INTERVAL_MS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """`layout`: targets in the order of the report's states. `monitors`: by name, all that the targets name."""

    order: Order
    layout: Layout
    monitors: Mapping[str, Monitor]
    probe_allow: tuple[IPNetwork, ...]


def load_assignment(message: pb.Assignment, site: str) -> Assignment:
    """Raises InvalidSnapshot with the reason; a bad assignment changes nothing."""
    if len(message.targets) > MOST_TARGETS:
        raise InvalidSnapshot(f"an assignment of {len(message.targets)} targets is too large")
    layout = Layout(site=site, targets=tuple(load_target(target) for target in message.targets))
    if layout.digest != message.layout:
        raise InvalidSnapshot(f"the assignment's layout is not what its targets at site '{site}' make")
    if len(set(layout.targets)) != len(layout.targets):
        raise InvalidSnapshot("an assignment names a target twice")
    monitors = {monitor.name: _checked(load_monitor(monitor)) for monitor in message.monitors}
    missing = {target.monitor for target in layout.targets} - monitors.keys()
    if missing:
        raise InvalidSnapshot(f"the assignment lacks the monitor '{min(missing)}'")
    return Assignment(
        order=load_order(message.order),
        layout=layout,
        monitors=monitors,
        probe_allow=tuple(_network(text) for text in message.probe_allow),
    )


def _checked(monitor: Monitor) -> Monitor:
    """Limits that keep a wrong monitor from eating the agent."""
    is_sane = (
        monitor.interval_ms >= LEAST_INTERVAL_MS
        and monitor.timeout_ms > 0
        and min(monitor.fall, monitor.rise, monitor.ok) > 0
        and 0 < monitor.port < 65_536
    )
    if not is_sane:
        raise InvalidSnapshot(f"monitor '{monitor.name}' has a port, time or count out of its range")
    return monitor


def _network(text: str) -> IPNetwork:
    try:
        return ip_network(text)
    except ValueError as error:
        raise InvalidSnapshot(f"probe_allow: {error}") from error
