"""Who probes what: every site its own endpoints, and some other sites those that a monitor wants seen from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from gslb.core.model import Endpoint, Model, Pool
from gslb.core.monitors import Outside
from gslb.core.steering.cohorts import mix


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Target:
    """One thing to probe: verdicts are per (endpoint, monitor), and per address where there are two.

    `home`: the other site at which the endpoint stands, "" = the agent's own. Of what stands elsewhere an agent reports
    DOWN only after it has seen it up.
    """

    endpoint: str
    monitor: str
    address: str
    home: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What one site's agents probe, in the order of their reports' states; named by its own content."""

    site: str
    targets: tuple[Target, ...]

    @property
    def digest(self) -> bytes:
        """8 octets that name this content."""
        lines = [self.site, *(f"{t.endpoint}\t{t.monitor}\t{t.address}\t{t.home}" for t in self.targets)]
        return blake2b("\n".join(lines).encode(), digest_size=8).digest()


def layouts(model: Model) -> tuple[Layout, ...]:
    """One layout per site, in the order of `model.sites`; a site with nothing to probe has an empty one."""
    monitors = {monitor.name: monitor for monitor in model.monitors}
    endpoints = {endpoint.name: endpoint for endpoint in model.endpoints}
    sites = tuple(site.name for site in model.sites)
    targets: dict[str, set[Target]] = {site: set() for site in sites}
    for pool, used in monitors_of_pools(model):
        if pool.site is None:
            continue
        for name in used:
            outside = monitors[name].outside
            others = observers(outside, pool.site, sites) if outside is not None else ()
            for endpoint in (endpoints[member.endpoint] for member in pool.members):
                targets[pool.site].update(_inside(endpoint, name))
                for site in watchers(endpoint.name, others, outside.sites) if outside is not None else ():
                    targets[site].update(_outside(endpoint, name, pool.site))
    return tuple(Layout(site=site, targets=tuple(sorted(found))) for site, found in targets.items())


def observers(outside: Outside, home: str, sites: Sequence[str]) -> tuple[str, ...]:
    """The sites that may look at members standing at `home`."""
    return tuple(site for site in sites if site != home and (not outside.observers or site in outside.observers))


def watchers(endpoint: str, others: Sequence[str], most: int) -> tuple[str, ...]:
    """Which of the sites that may look at an endpoint do: rendezvous hashing.

    So every site gets its part, and a site that comes or goes changes nothing between an endpoint and other sites but
    the one place that it takes or leaves.
    """
    if len(others) <= most:
        return tuple(others)
    number = _number(endpoint)
    return tuple(sorted(others, key=lambda site: (mix(number ^ _number(site)), site))[:most])


@lru_cache(maxsize=1 << 16)
def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


def monitors_of_pools(model: Model) -> list[tuple[Pool, set[str]]]:
    """Every pool with its own monitor and those of the services that bind it or resort to it."""
    used = {pool.name: {pool.monitor} if pool.monitor is not None else set() for pool in model.pools}
    for service in model.services:
        names = service.pools()
        if service.monitor is not None:
            for name in names:
                used[name].add(service.monitor)
    return [(pool, used[pool.name]) for pool in model.pools]


def _inside(endpoint: Endpoint, monitor: str) -> set[Target]:
    """At its own site an endpoint is probed where it asks to be (`probe`)."""
    addresses = {endpoint.probe_address(family) for family in endpoint.families()}
    return {Target(endpoint=endpoint.name, monitor=monitor, address=address) for address in addresses}


def _outside(endpoint: Endpoint, monitor: str, home: str) -> set[Target]:
    """From other sites, at what clients are answered."""
    addresses = {endpoint.outside_address(family) for family in endpoint.families()}
    return {Target(endpoint=endpoint.name, monitor=monitor, address=address, home=home) for address in addresses}
