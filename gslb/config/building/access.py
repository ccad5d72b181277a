"""The `access` section: operators' rights, with what they are bound to."""

from __future__ import annotations

from collections.abc import Collection

from gslb.config.building.registry import Registry
from gslb.config.nodes import place
from gslb.config.parse import Config, Located
from gslb.config.problems import Problems, did_you_mean
from gslb.config.schema.access import Access
from gslb.core.identity.access import ALWAYS_ADMIN, Grant, Role
from gslb.core.model import Model
from gslb.core.names import Name


def build_access(config: Config, model: Model, problems: Problems) -> tuple[Grant, ...]:
    """`model`: what the rest of the configuration means; if that is broken, names are not looked up."""
    found: Registry[Grant] = Registry("operator", problems)
    whole = not problems.has_errors()
    for item in config.access:
        _check(item, problems)
        if whole:
            _check_known(item, "services", item.value.services, {service.name for service in model.services}, problems)
            _check_known(item, "zones", item.value.zones, {zone.apex for zone in model.zones}, problems)
        grant = Grant(
            operator=item.value.operator,
            role=Role(item.value.role),
            services=tuple(sorted(map(str, item.value.services))),
            zones=tuple(sorted(map(str, item.value.zones))),
        )
        found.add(grant.operator, grant, place(item.node, "operator"))
    return found.values()


def _check(item: Located[Access], problems: Problems) -> None:
    mark, access = place(item.node, "role"), item.value
    if access.operator == ALWAYS_ADMIN and access.role != Role.ADMIN:
        problems.error(mark, f"`{ALWAYS_ADMIN}` is always an admin, so that somebody is: use another operator")
    if (access.services or access.zones) and access.role != Role.OPERATOR:
        problems.error(
            mark, f"only the role `{Role.OPERATOR}` can be bound: write it here, or remove `services` and `zones`"
        )


def _check_known(
    item: Located[Access], key: str, names: Collection[Name], known: Collection[Name], problems: Problems
) -> None:
    for number, name in enumerate(names):
        if name not in known:
            near = did_you_mean(str(name), map(str, known))
            problems.error(place(item.node, key, number), f"`{name}` is none of the configured {key}{near}")
