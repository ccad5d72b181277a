"""The world of `bench.dns.scale`: many services that share a thousand distinct sets of pools, steered by country.

Every policy has a rule a country with a row of its own: most clients to one place, some to the next. A set is a pool
at each place, of two members; services of one set are steered alike. Written small as a configuration, a service a set,
then multiplied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import as_file, files

from bench.dns.world import ZONE
from gslb.config import BundleSource, load
from gslb.core.classes.maps import class_maps
from gslb.core.compile import compile_snapshot
from gslb.core.facts import AgentId, Cause, Report, State, Verdict
from gslb.core.layouts import Layout
from gslb.core.model import Model
from gslb.core.names import Name
from gslb.core.order import Order
from gslb.core.snapshot import ClassMap, Snapshot
from gslb.geo.countries import COUNTRIES
from gslb.geo.database import read

PLACES = ("a", "b", "c", "d")
UP, DOWN = State(Verdict.UP, Cause.OK).octet, State(Verdict.DOWN, Cause.REFUSED).octet
_SEED = 11


@dataclass(frozen=True, kw_only=True)
class Many:
    """`sets` x countries are the distinct rows there can be. Service s has set s modulo `sets`."""

    services: int
    sets: int
    policies: int

    def snapshot(self, revision: int) -> Snapshot:
        """Every revision changes every service: the TTL."""
        small = self._small
        apex = small.zones[0].apex
        services = (
            replace(
                small.services[number % self.sets],
                name=Name.from_labels((label(number).encode(), *apex.labels)),
                ttl_s=20 + revision,
            )
            for number in range(self.services)
        )
        model = replace(small, services=tuple(services))
        order, serials = Order(1, revision, 0), {apex: revision}
        return compile_snapshot(model, self.classes, order=order, serials=serials, earlier=(), seed=_SEED)

    @cached_property
    def classes(self) -> Mapping[str, ClassMap]:
        with as_file(files("gslb.geo") / "data" / "country.mmdb") as bundled:
            return class_maps(self._small, read([bundled], ()))

    @cached_property
    def _small(self) -> Model:
        written = json.dumps(self._configuration()).encode()
        return load(BundleSource({"gslb.yaml": written}), "gslb.yaml").model

    def _configuration(self) -> object:
        return {
            "dns": {"rate_limit": "off"},
            "zones": [{"name": ZONE, "nameservers": ["ns1.elsewhere.example"], "contact": f"hostmaster@{ZONE}"}],
            "sites": [{"name": place} for place in PLACES],
            "monitors": [{"name": "web", "type": "tcp", "port": 80}],
            "defaults": {"monitor": "web"},
            "pools": [
                {"name": f"s{number}-{place}", "site": place, "members": _members(number, place)}
                for number in range(self.sets)
                for place in PLACES
            ],
            "policies": [
                {"name": f"p{number}", "steering": [_rules(number), "weighted"]} for number in range(self.policies)
            ],
            "services": [
                {
                    "name": f"{label(number)}.{ZONE}",
                    "pools": {place: f"s{number}-{place}" for place in PLACES},
                    "policy": f"p{number % self.policies}",
                }
                for number in range(self.sets)
            ],
        }


def label(service: int) -> str:
    return f"n{service:06}"


def report(layout: Layout, sequence: int, down: frozenset[str]) -> Report:
    """What a place's agent says: all is up but these endpoints."""
    states = bytes(DOWN if target.endpoint in down else UP for target in layout.targets)
    agent = AgentId(f"{layout.site}/bench")
    return Report(agent=agent, boot=1, sequence=sequence, layout=layout.digest, states=states)


def _members(number: int, place: str) -> object:
    side = 2 * PLACES.index(place)
    return [
        {"name": f"m{which}", "address": f"10.{80 + side + which}.{number // 250}.{number % 250 + 1}"}
        for which in range(2)
    ]


def _rules(policy: int) -> object:
    """No two countries of a policy share a row; the clients of no country go to the first place first."""
    rules = [
        {"match": {"country": code}, "try": list(_tries(policy + number))} for number, code in enumerate(COUNTRIES)
    ]
    return {"geo": {"rules": rules, "otherwise": list(PLACES)}}


def _tries(turn: int) -> Iterator[object]:
    first, second, *rest = (PLACES[(turn + step) % len(PLACES)] for step in range(len(PLACES)))
    yield {first: 400 - turn, second: turn + 1}
    yield from rest
