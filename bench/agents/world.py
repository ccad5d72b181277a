"""Many sites with one agent and a service each, and one large site whose service answers elsewhere if all are down."""

from __future__ import annotations

import json
from dataclasses import dataclass

from gslb.core.facts import AgentId

ZONE = "agents.example"
LARGE = "large"
"""The large site, its pool, and the label of its service."""
LARGE_AGENT = AgentId(f"{LARGE}/a")
INSTEAD = "203.0.113.1"
"""What the large site's service answers when none of its members is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`sites` with `members` each, which the large site's `at_once` stand beside."""

    sites: int
    members: int
    at_once: int

    def agents(self) -> tuple[AgentId, ...]:
        return (*(AgentId(f"{_site(number)}/a") for number in range(self.sites)), LARGE_AGENT)

    def configuration(self) -> object:
        names = [*map(_site, range(self.sites)), LARGE]
        sizes = [self.members] * self.sites + [self.at_once]
        return {
            "dns": {"rate_limit": "off"},  # all questions come from one address
            "zones": [{"name": ZONE, "nameservers": ["ns1.elsewhere.example"], "contact": f"ops@{ZONE}"}],
            "sites": [{"name": name} for name in names],
            "monitors": [{"name": "web", "type": "http", "port": 80, "path": "/healthz"}],
            "defaults": {"monitor": "web"},
            "policies": [{"name": "all", "steering": ["weighted"]}],
            "pools": [
                {"name": name, "site": name, "members": [_member(name, number, which) for which in range(size)]}
                for number, (name, size) in enumerate(zip(names, sizes, strict=True))
            ],
            "services": [
                {"name": f"{name}.{ZONE}", "pools": [name], "policy": "all", "all_down": {"addresses": [INSTEAD]}}
                for name in names
            ],
        }

    def text(self) -> str:
        return json.dumps(self.configuration())


def _site(number: int) -> str:
    return f"s{number:04}"


def _member(site: str, number: int, which: int) -> object:
    return {
        "name": f"{site}-{which:04}",
        "address": f"10.{number // 32}.{number % 32 * 8 + which // 250}.{which % 250}",
    }
