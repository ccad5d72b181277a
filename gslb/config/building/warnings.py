"""What is allowed and probably not meant: things never used, tags nobody carries, sites `nearest` cannot place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gslb.config.nodes import Node, locate, place
from gslb.config.parse import Config
from gslb.config.problems import Problems
from gslb.config.schema.steering import Stage as StageBlock
from gslb.core.layouts import monitors_of_pools, observers
from gslb.core.model import FailbackMode, Model, Policy, Service
from gslb.core.steering.stages.geo import Geo
from gslb.core.steering.stages.nearest import Nearest
from gslb.core.steering.stages.weighted import Weighted

LEAST_HOLD_MS = 3_000
"""A few looks of the leader."""


def warn(config: Config, model: Model, problems: Problems) -> None:
    _warn_unused(config, model, problems)
    _warn_tags(config, problems)
    _warn_locations(config, model, problems)
    _warn_weights(config, model, problems)
    _warn_certificates(config, model, problems)
    _warn_unprobed(config, model, problems)
    _warn_observers(config, model, problems)
    _warn_hasty(config, model, problems)


def _warn_unused(config: Config, model: Model, problems: Problems) -> None:
    pools = {pool for service in model.services for _, pool in service.bindings}
    pools |= {service.all_down.pool for service in model.services if service.all_down.pool is not None}
    endpoints = {member.endpoint for pool in model.pools for member in pool.members}
    monitors = {pool.monitor for pool in model.pools} | {service.monitor for service in model.services}
    policies = {service.policy for service in model.services}
    kinds: tuple[tuple[str, str, Iterable[tuple[str, Node]], Iterable[str | None]], ...] = (
        ("pool", "its members are never answered", ((item.value.name, item.node) for item in config.pools), pools),
        ("endpoint", "it is never answered", ((item.value.name, item.node) for item in config.endpoints), endpoints),
        ("monitor", "nothing is probed with it", ((item.value.name, item.node) for item in config.monitors), monitors),
        ("policy", "it steers nothing", ((item.value.name, item.node) for item in config.policies), policies),
    )
    for kind, consequence, items, used in kinds:
        for name, node in items:
            if name not in used:
                problems.warn(place(node, "name"), f"{kind} `{name}` is not used, so {consequence}: use or remove it")


def _warn_tags(config: Config, problems: Problems) -> None:
    carried = {pair for prefix in config.geo.value.prefixes for pair in prefix.tags.items()}
    for stage, node in _stages(config):
        for number, rule in enumerate(stage.geo.rules if stage.geo is not None else ()):
            for tag, values in rule.match.tag.items():
                if carried.isdisjoint((tag, value) for value in values):
                    problems.warn(
                        place(node, "geo", "rules", number, "match", "tag", tag),
                        f"no prefix under `geo.prefixes` has this `{tag}` tag, so the rule means nobody: add it there",
                    )


def _stages(config: Config) -> Iterator[tuple[StageBlock, Node]]:
    """Every stage of every chain, with where it is written."""
    chains = [(item.value.steering, item.node) for item in config.policies]
    chains += [(item.value.steering, item.node) for item in config.services if item.value.steering is not None]
    for steering, node in chains:
        at = locate(node, ["steering"]).node
        for number, stage in enumerate(steering):
            yield stage, locate(at, [number]).node


def _warn_locations(config: Config, model: Model, problems: Problems) -> None:
    """A site without a location comes last wherever the nearest one is asked for."""
    asking = {policy.name for policy in model.policies if any(_asks_nearest(stage) for stage in policy.stages)}
    bound = {pool for service in model.services if service.policy in asking for _, pool in service.bindings}
    sites = {pool.site for pool in model.pools if pool.name in bound}
    for item in config.sites:
        if item.value.location is None and item.value.name in sites:
            problems.warn(
                place(item.node, "name"),
                f"site `{item.value.name}` has no location, so `nearest` puts it last: add `location`",
            )


def _asks_nearest(stage: object) -> bool:
    return isinstance(stage, Nearest) or (isinstance(stage, Geo) and stage.otherwise == "nearest")


def _warn_weights(config: Config, model: Model, problems: Problems) -> None:
    policies = {policy.name: policy for policy in model.policies}
    silent = {str(service.name) for service in model.services if _has_no_share(service, policies.get(service.policy))}
    for item in config.services:
        if str(item.value.name) in silent:
            problems.warn(
                place(item.node, "pools"), "every slot bound here has weight 0, so nothing is answered: weigh one"
            )


def _has_no_share(service: Service, policy: Policy | None) -> bool:
    weights = {slot: 1 for slot, _ in service.bindings}
    for stage in policy.stages if policy is not None else ():
        if isinstance(stage, Weighted):
            weights.update(stage.weights)
    return bool(service.bindings) and not any(weights[slot] for slot, _ in service.bindings)


def _warn_certificates(config: Config, model: Model, problems: Problems) -> None:
    """Few certificates name an address, so a monitor of addresses needs to be told which name to find."""
    for item in config.monitors:
        monitor = item.value
        nameless = monitor.tls and monitor.verify and (monitor.sni or monitor.host) is None
        if nameless and _probes_addresses(monitor.name, model):
            problems.warn(
                place(item.node, "tls"),
                f"monitor `{monitor.name}` looks for the members' addresses in their certificates: "
                "add the name to find there as `host` or `sni`, or `verify: false`",
            )


def _warn_unprobed(config: Config, model: Model, problems: Problems) -> None:
    """Nobody stands beside a pool without a site, so a service's monitor does not reach it."""
    placed = {pool.name for pool in model.pools if pool.site is not None}
    for item in config.services:
        service = item.value
        if service.monitor is not None and placed.isdisjoint(bound.pool for bound in service.pools):
            problems.warn(
                place(item.node, "monitor"),
                f"none of the pools has a `site`, so nothing is probed with `{service.monitor}`: remove it, "
                "or say where the pools stand",
            )


def _warn_observers(config: Config, model: Model, problems: Problems) -> None:
    """Views from outside that can never agree, for want of sites that may look."""
    sites = tuple(site.name for site in model.sites)
    monitors = {monitor.name: monitor for monitor in model.monitors}
    homes = {(name, pool.site) for pool, used in monitors_of_pools(model) for name in used if pool.site is not None}
    for item in config.monitors:
        name, outside = item.value.name, monitors[item.value.name].outside
        if outside is None:
            continue
        for home in sorted(site for used, site in homes if used == name):
            others = len(observers(outside, home, sites))
            needed = outside.needed(others)
            if others < needed:
                problems.warn(
                    place(item.node, "outside"),
                    f"sites that may look at site `{home}` from outside: {others}, too few for a quorum of {needed}, "
                    "so what they see never counts there: add sites, witnesses for instance",
                )


def _warn_hasty(config: Config, model: Model, problems: Problems) -> None:
    """Members that may be down and back before the leader, who looks once a second, has noted it."""
    places = {item.value.name: item.node for item in config.pools}
    monitors = {monitor.name: monitor for monitor in model.monitors}
    for pool, used in monitors_of_pools(model):
        hasty = sorted(name for name in used if monitors[name].hold_ms < LEAST_HOLD_MS)
        if hasty and pool.site is not None and pool.failback.mode is not FailbackMode.AUTO:
            problems.warn(
                place(places[pool.name], "name"),
                f"members of pool `{pool.name}` may be back before anybody has noted that they were down: let "
                f"`failback.after` of monitor `{hasty[0]}` be {LEAST_HOLD_MS // 1000}s or more",
            )


def _probes_addresses(monitor: str, model: Model) -> bool:
    pools = {pool for service in model.services if service.monitor == monitor for _, pool in service.bindings}
    endpoints = {endpoint.name: endpoint for endpoint in model.endpoints}
    return any(
        endpoints[member.endpoint].addresses and endpoints[member.endpoint].probe is None
        for pool in model.pools
        if pool.site is not None and (pool.monitor == monitor or pool.name in pools)
        for member in pool.members
    )
