"""Config to Model: everything in its order, then warnings."""

from __future__ import annotations

from gslb.config.building.contents import Steered, build_contents
from gslb.config.building.dns import build_dns
from gslb.config.building.monitors import build_monitors
from gslb.config.building.places import build_ecs, build_geo, build_sites
from gslb.config.building.policies import build_policies
from gslb.config.building.pools import Servers, build_servers
from gslb.config.building.registry import Registry
from gslb.config.building.services import ServiceBuilder
from gslb.config.building.warnings import warn
from gslb.config.building.zones import build_zones
from gslb.config.nodes import place
from gslb.config.parse import Config
from gslb.config.problems import Problems
from gslb.config.read import Files
from gslb.core.model import Family, Model, Service
from gslb.core.monitors import Monitor


def build_model(config: Config, files: Files, problems: Problems) -> Model:
    """The Model that `config` means. What is wrong goes to `problems`; with errors there, the Model is not usable."""
    sites = build_sites(config, problems)
    monitors = build_monitors(config, sites, problems)
    _check_defaults(config, monitors)
    servers = build_servers(config, sites, monitors, problems)
    zones = build_zones(config, files, problems)
    policies = build_policies(config, problems)
    services = ServiceBuilder(
        config=config, zones=zones, monitors=monitors, servers=servers, policies=policies, problems=problems
    ).build()
    geo = build_geo(config, files.source, problems)
    chains = policies.registry.values()
    if not config.zones and not problems.has_errors():
        problems.error(config.start, "there is no zone to answer for: add `zones`")
    steered = (_steered(service, servers, services) for service in services.values())
    model = Model(
        zones=build_contents(zones, steered, problems),
        sites=sites.values(),
        monitors=monitors.values(),
        endpoints=servers.endpoints.values(),
        pools=servers.pools.values(),
        policies=chains,
        services=services.values(),
        ecs=build_ecs(config, geo, (cidr for policy in chains for stage in policy.stages for cidr in stage.cidrs())),
        geo=geo,
        dns=build_dns(config, problems),
    )
    if not problems.has_errors():
        warn(config, model, problems)
    return model


def _check_defaults(config: Config, monitors: Registry[Monitor]) -> None:
    defaults = config.defaults
    if defaults.value.monitor is not None:
        monitors.find(defaults.value.monitor, place(defaults.node, "monitor"))


def _steered(service: Service, servers: Servers, services: Registry[Service]) -> Steered:
    pools = (servers.pools.get(pool) for _, pool in service.bindings)
    host = any(Family.CNAME in servers.families(pool) for pool in pools if pool is not None)
    return Steered(service.name, host, services.mark(str(service.name)))
